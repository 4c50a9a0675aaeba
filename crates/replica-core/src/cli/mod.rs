//! What every tool's command line has in common, from the arguments to the exit code.
//!
//! A tool is a struct of options that implements [`Tool`], and a `main` that is one call of [`main`]. The struct is put
//! together from groups of options, most of which other tools have, too: see [`options!`](crate::options).
mod arguments;
mod clean_up;
mod configured;
mod flatten;
mod groups;
mod help;
mod listed;
mod tables;
pub mod values;
mod version;
pub mod windowed;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use argh::{ArgsInfo, FromArgs};
use log::Level;
use tokio::runtime::{Builder, Runtime};

use crate::error::{Error, Result};
pub use crate::exit::Code;
use crate::ledger;
use crate::report::{self, LogFormat, Reporter, Reporting};
pub use crate::signal::Stop;
pub use clean_up::clean_up;
pub use configured::Configured;
#[doc(hidden)]
pub use flatten::{deal, joined};
pub use groups::{
    ApplyArgs, ApplyModeArgs, ArticleArgs, Cascading, Common, CreationArgs, DayRangeArgs, DifferenceArgs,
    Explain, FilterArgs, Guard, ListedTables, LoadArgs, Loading, NamedTables, ReplacingArgs, ReshapingArgs,
    Shrinking, Tables, Triggers, WindowLength, Workers,
};
pub use help::paragraphs;
pub use tables::{List, Selection, Written};

/// A tool's command line as typed, with a `--version` switch for the help's sake.
pub trait Tool: FromArgs + ArgsInfo {
    /// The tool's name.
    const NAME: &'static str;
    /// Names that it had before, beside [`Tool::NAME`] with underscores.
    const OLD_NAMES: &'static [&'static str] = &[];
    /// What it can do beside what all tools can: `--version` names it.
    const FEATURES: &'static [&'static str] = &[];
    /// The command line as resolved.
    type Options;

    /// What is told, and in which form: of [`Common`].
    fn reporting(&self) -> Reporting;

    /// Checks what was typed. `stdin`: a lone `-` was among the arguments.
    ///
    /// # Errors
    /// Of kind `Usage`: what is wrong, and the way out.
    fn resolve(self, stdin: bool) -> Result<Self::Options>;

    /// Does what was asked.
    ///
    /// # Errors
    /// What keeps the tool from doing anything; what fails for one table is a line on stdout.
    fn run(options: Self::Options, reporter: &Reporter) -> Result<Code>;
}

/// What a command line comes to.
#[derive(Debug, PartialEq)]
pub enum Parsed<O> {
    /// Do what these options say, and tell of it so.
    Run(O, Reporting),
    /// `--help` or `--version`: print this and succeed.
    Print(String),
}

/// argh's own switch.
const HELP: &str = "--help";

/// Runs the tool under the name that it was called by: its own, or an older one. Under an older one it says so, unless
/// `REPLICA_NO_DEPRECATION=1`.
pub fn main<T: Tool>() -> ExitCode {
    let old = old_name::<T>(std::env::args_os().next());
    let name = old.as_deref().unwrap_or(T::NAME);
    if let Some(text) = listed::asked_for() {
        return print(&text).unwrap_or_else(|error| error.exit_code()).into();
    }
    let parsed = words().map_err(|error| (error, LogFormat::Text)).and_then(|words| {
        // How to tell of what is wrong with the options is one of them.
        let log = log_format(&words);
        parse::<T>(name, words).map_err(|error| (error, log))
    });
    let (quiet, log) = match &parsed {
        Ok(Parsed::Run(_, reporting)) => (reporting.quiet, reporting.log),
        Ok(Parsed::Print(_)) => (false, LogFormat::Text),
        Err((_, log)) => (false, *log),
    };
    if old.is_some() && !quiet && std::env::var_os("REPLICA_NO_DEPRECATION").is_none_or(|value| value != "1")
    {
        let today = T::NAME;
        let text = format!(
            "{name} is now {today}; the old name still works (REPLICA_NO_DEPRECATION=1 hides this line)"
        );
        log.line(Level::Warn, name, &text);
    }
    let ended = match parsed {
        Ok(Parsed::Run(options, reporting)) => {
            let reporter = Reporter::start(reporting);
            let ended = T::run(options, &reporter);
            // Where something is wrong, that is what the last lines say.
            if matches!(ended, Ok(Code::Ok)) {
                reporter.tell_timing();
            }
            // What was done before it failed is shown, too.
            reporter.end().map_err(Error::from).and(ended)
        }
        Ok(Parsed::Print(text)) => print(&text),
        Err((error, _)) => Err(error),
    };
    let code = ended.unwrap_or_else(|error| {
        if !(quiet && error.is_overlap()) {
            log.line(Level::Error, name, &format!("{name}: {error}"));
        }
        error.exit_code()
    });
    code.into()
}

/// The name by which the program was called, if the tool had it before: as a program of its own, or as a link.
fn old_name<T: Tool>(called: Option<OsString>) -> Option<String> {
    let called = PathBuf::from(called?);
    let name = called.file_name()?.to_str()?;
    let old = name == T::NAME.replace('-', "_") || T::OLD_NAMES.contains(&name);
    old.then(|| name.to_owned())
}

/// The command line without the program's name.
fn words() -> Result<Vec<String>> {
    let word = |word: OsString| {
        word.into_string().map_err(|word| Error::usage(format!("{} is not UTF-8", word.to_string_lossy())))
    };
    std::env::args_os().skip(1).map(word).collect()
}

fn print(text: &str) -> Result<Code> {
    let mut out = report::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // A reader that closed the pipe has seen enough.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Code::Ok),
    }
}

/// `--log-format` of a command line that may have anything wrong with it.
fn log_format(words: &[String]) -> LogFormat {
    let separate = words.windows(2).any(|pair| pair[0] == "--log-format" && pair[1] == "json");
    let json = separate || words.iter().any(|word| word == "--log-format=json");
    if json { LogFormat::Json } else { LogFormat::Text }
}

/// Parses a command line without the program's name.
///
/// # Errors
/// Of kind `Usage`: what is wrong, and how to find out what is right.
pub fn parse<T: Tool>(name: &str, args: impl IntoIterator<Item = String>) -> Result<Parsed<T::Options>> {
    let see_help = |error: Error| error.remedy(format!("See {name} --help"));
    let arguments = arguments::normalise(T::get_args_info().flags, args).map_err(see_help)?;
    if arguments.version {
        return Ok(Parsed::Print(version::version(name, T::FEATURES)));
    }
    if arguments.help {
        return Ok(Parsed::Print(help::help(name, &T::get_args_info())));
    }
    let args: Vec<&str> = arguments.args.iter().map(String::as_str).collect();
    match T::from_args(&[name], &args) {
        Ok(typed) => {
            let reporting = typed.reporting();
            typed.resolve(arguments.stdin).map(|options| Parsed::Run(options, reporting))
        }
        Err(exit) => {
            let reason = exit.output.lines().map(str::trim).filter(|line| !line.is_empty());
            let reason = reason.filter(|line| !line.starts_with("Run ")).collect::<Vec<_>>().join(" ");
            Err(see_help(Error::usage(reason)))
        }
    }
}

/// Work that was stopped has so long to remove its files.
const CLEANING_UP: Duration = Duration::from_secs(2);

/// Runs `work` to its end, on as many threads as `workers` streams can use. A stream is one task, which gains nothing
/// from a second thread.
///
/// # Errors
/// Those of `work`; the system gives no threads.
pub fn block_on<F: Future<Output = Result<Code>>>(
    workers: usize,
    work: impl FnOnce(Stop) -> F,
) -> Result<Code> {
    let runtime = runtime(workers)?;
    let code = runtime.block_on(async {
        let code = work(Stop::on_signals()?).await;
        if let Err(error) = &code {
            ledger::end_unended(error).await;
        }
        code
    });
    // What was stopped cleans up as it is dropped. The system's name lookup can't be cancelled; nobody waits for its
    // answer any more.
    runtime.shutdown_timeout(CLEANING_UP);
    code
}

fn runtime(workers: usize) -> Result<Runtime> {
    let runtime = match workers {
        1 => Builder::new_current_thread().enable_all().build(),
        // As much as the main thread has: a copy is many calls deep, and without optimisation each takes its room.
        _ => Builder::new_multi_thread().enable_all().thread_stack_size(8 << 20).build(),
    };
    Ok(runtime?)
}
