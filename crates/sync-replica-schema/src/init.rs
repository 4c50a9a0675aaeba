//! `--init`: a first configuration.
use replica_core::cli::{self, Code};
use replica_core::config::Config;
use replica_core::error::{Error, Result};

use replica_core::report::output;
use replica_core::schema::init;
use replica_core::session::{Role, Session};

use crate::args::Options;

/// Writes the file that `--config` or `REPLICA_CONFIG` names, or `replica.toml` in the current folder.
///
/// # Errors
/// Of kind `Usage`: there is such a file; no source is known.
pub fn run(options: &Options) -> Result<Code> {
    let (file, before) = Config::before(options.config.as_deref())?;
    let source = before.source()?.clone();
    cli::block_on(1, |stop| async move {
        let mut session = stop.or(Session::connect(&source, Role::Source)).await?;
        let found = stop.or(init::tables(&mut session)).await?;
        if found.tables.is_empty() {
            let error =
                Error::data(format!("source {source}: there are no tables, or its login may see none"));
            return Err(
                error.remedy("Check the database in the connection string, and the login's permissions")
            );
        }
        let text = init::configuration(&found, &source.to_string());
        output::replace(&file, text.as_bytes())?;
        log::info!(
            "{} lists {} tables: look through it, then run sync-replica-schema --all",
            file.display(),
            found.tables.len()
        );
        Ok(Code::Ok)
    })
}
