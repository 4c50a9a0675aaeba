//! `--init`: a first configuration.
use std::path::Path;

use replica_core::cli::{self, Code};
use replica_core::config::Config;
use replica_core::error::{Error, Result};

use replica_core::report::output;
use replica_core::schema::init;
use replica_core::session::{Role, Session};

use crate::args::Options;

const FILE_NAME: &str = "replica.toml";

/// Writes the file that `--config` names, or `replica.toml` in the current folder.
///
/// # Errors
/// Of kind `Usage`: there is such a file; no source is known.
pub fn run(options: &Options) -> Result<Code> {
    let file = options.config.as_deref().unwrap_or(Path::new(FILE_NAME));
    if file.symlink_metadata().is_ok() {
        return Err(Error::usage(format!("{} is there already", file.display()))
            .remedy("Name another file with --config, or move that one away"));
    }
    let source = Config::load(None)?.source()?.clone();
    cli::block_on(1, |stop| async move {
        let mut session = stop.or(Session::connect(&source, Role::Source)).await?;
        let tables = stop.or(init::tables(&mut session)).await?;
        if tables.is_empty() {
            let error =
                Error::data(format!("source {source}: there are no tables, or its login may see none"));
            return Err(
                error.remedy("Check the database in the connection string, and the login's permissions")
            );
        }
        let text = init::configuration(&tables, &source.to_string());
        output::replace(file, text.as_bytes())?;
        log::info!(
            "{} lists {} tables: look through it, then run sync-replica-schema --all",
            file.display(),
            tables.len()
        );
        Ok(Code::Ok)
    })
}
