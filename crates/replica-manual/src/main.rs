//! Writes man pages and shell completions of every program, made from its argument definitions; and what the
//! configuration may hold, made from the types that read it: a page, and a JSON Schema for editors.
mod complete;
mod configuration;
mod overview;
mod page;
mod tool;

use std::path::{Path, PathBuf};

use argh::{ArgsInfo, FromArgs};
use replica_core::cli::{self, Code, Tool};
use replica_core::config::json_schema;
use replica_core::error::{Error, Result};
use replica_core::report::{Reporter, Reporting};
use replica_finder::{DATES, NUMBERS, STRINGS};

use tool::described;

/// Writes man pages and shell completions of every program, and the JSON Schema of replica.toml, to a folder.
#[derive(FromArgs, ArgsInfo)]
struct Args {
    /// where man/, bash/, zsh/, fish/ and replica.schema.json go
    #[argh(positional, arg_name = "FOLDER")]
    folder: PathBuf,
    /// print the version
    #[argh(switch)]
    #[expect(dead_code, reason = "answered before the rest is looked at")]
    version: bool,
}

impl Tool for Args {
    const NAME: &'static str = "replica-manual";
    type Options = PathBuf;

    fn reporting(&self) -> Reporting {
        Reporting::default()
    }

    fn resolve(self, _stdin: bool) -> Result<PathBuf> {
        Ok(self.folder)
    }

    fn run(folder: PathBuf, _: &Reporter) -> Result<Code> {
        let tools = [
            described::<check_replica::Args>(),
            described::<replicate_reference_tables::Args>(),
            described::<replicate_key_ranges_parallel_streaming::Args>(),
            described::<replicate_monthly_parallel_streaming::Args>(),
            described::<replicate_changes::Args>(),
            described::<run_replica_etl::Args>(),
            described::<sync_replica_schema::Args>(),
            described::<verify_replica::Args>(),
            described::<show_replica_status::Args>(),
            described::<replica_finder::Args<STRINGS>>(),
            described::<replica_finder::Args<NUMBERS>>(),
            described::<replica_finder::Args<DATES>>(),
            described::<debug_single_row_insert::Args>(),
        ];
        for tool in &tools {
            let name = tool.name;
            write(&folder.join("man/man1").join(format!("{name}.1")), &page::page(tool, &tools))?;
            for name in complete::old_names(name).chain([name]) {
                write(&folder.join("bash").join(name), &complete::bash(name, tool))?;
                write(&folder.join("zsh").join(format!("_{name}")), &complete::zsh(name, tool))?;
                write(&folder.join("fish").join(format!("{name}.fish")), &complete::fish(name, tool))?;
            }
        }
        write(&folder.join("man/man7/replica.7"), &overview::page(&tools))?;
        let schema = json_schema();
        write(&folder.join("man/man5/replica.toml.5"), &configuration::page(&schema))?;
        write(&folder.join("replica.schema.json"), &format!("{schema:#}\n"))?;
        Ok(Code::Ok)
    }
}

fn main() -> std::process::ExitCode {
    cli::main::<Args>()
}

fn write(path: &Path, text: &str) -> Result<()> {
    let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    folder
        .and_then(|()| std::fs::write(path, text))
        .map_err(|error| Error::io(format!("{}: {error}", path.display())))
}
