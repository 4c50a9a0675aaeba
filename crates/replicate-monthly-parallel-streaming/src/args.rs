//! The command line: as typed ([`Args`]), and as resolved ([`Options`]).
use std::path::PathBuf;

use argh::{ArgsInfo, FromArgs};
use replica_core::cli::{
    ApplyArgs, ArticleArgs, Code, Common, CreationArgs, DayRangeArgs, Explain, Guard, Loading, Selection,
    Tables, Tool, WindowLength, Workers, values,
};
use replica_core::copy::{Tablock, windows::IndexScope};
use replica_core::error::{Error, Result};
use replica_core::ledger::ResumeMode;
use replica_core::report::{Reporter, Reporting};
use replica_core::window::{Range, Unit};

use crate::run;

replica_core::options! {
    #[derive(Debug)]
    pub struct Args {
        own: Own,
        tables: Tables,
        days: DayRangeArgs,
        length: WindowLength,
        workers: Workers,
        explain: Explain,
        creation: CreationArgs,
        loading: Loading,
        guard: Guard,
        article: ArticleArgs,
        apply: ApplyArgs,
        common: Common,
    }
}

/// Replaces the months (or weeks, or days) of a date-based table by the source's, several at once. Every window is
/// deleted and loaded again, so that a run can be repeated; a ledger in the target says which are complete.
#[derive(FromArgs, ArgsInfo, Debug)]
#[argh(
    example = "replicate-monthly-parallel-streaming dbo.Flights --start-date 2024-01-01 --end-date 2024-12-31",
    example = "replicate-monthly-parallel-streaming --all --resume",
    example = "replicate-monthly-parallel-streaming dbo.Flights --repair-indexes",
    note = "Connections: REPLICA_SOURCE and REPLICA_TARGET (ADO.NET strings), or [source] and [target] in replica.toml.
Options may be written --name value or --name=value.
Exit codes: 0 all done; 1 something failed, the lines say what; 2 bad usage or configuration;
  3 cannot connect or log in; 4 another run holds this table; 130/143 stopped by a signal, after cleaning up."
)]
struct Own {
    /// rows in one transaction (default: by the target's shape)
    #[argh(option, arg_name = "rows", from_str_fn(values::rows))]
    commit_interval: Option<u64>,
    /// skip windows that are complete in the ledger, were loaded in the same way, and whose rows are still there (by their
    /// number; with --verify hash, all of them)
    #[argh(switch)]
    resume: bool,
    /// forget what the ledger says of this table
    #[argh(switch)]
    restart: bool,
    /// divide the windows among all hosts that are started with the same command
    #[argh(switch)]
    shared: bool,
    /// do not disable any index
    #[argh(switch)]
    keep_indexes: bool,
    /// disable indexes once a run, or once a month with one worker: run or month (default run)
    #[argh(option, arg_name = "run|month")]
    index_scope: Option<String>,
    /// rebuild the indexes that a run which crashed has left disabled, and do nothing else
    #[argh(switch)]
    repair_indexes: bool,
    /// drop the tables that runs which are dead have left beside the target's, and do nothing else
    #[argh(switch)]
    clean_up: bool,
    /// lock the table for each load: auto, always or never (default auto: where loads can share the lock)
    #[argh(option, arg_name = "auto|always|never")]
    tablock: Option<String>,
    /// attempts after the first, of each window (default 5)
    #[argh(option, arg_name = "n")]
    max_retries: Option<u32>,
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    pub selection: Selection,
    pub work: Work,
    pub unit: Unit,
    pub date_column: Option<String>,
    pub max_workers: usize,
    pub commit_interval: Option<u64>,
    pub resume: ResumeMode,
    pub shared: bool,
    pub keep_indexes: bool,
    pub index_scope: IndexScope,
    pub tablock: Tablock,
    pub max_retries: u32,
    pub explain: bool,
    pub creation: CreationArgs,
    pub loading: Loading,
    pub guard: Guard,
    pub article: ArticleArgs,
    pub apply: ApplyArgs,
    pub config: Option<PathBuf>,
}

/// What is done to the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// The windows of these days are replaced; `None`: of all days that the source has rows of.
    Windows(Option<Range>),
    /// Indexes that a run has left disabled are rebuilt, and nothing else.
    RepairIndexes,
    /// Tables that dead runs have left beside the target's are dropped, and nothing else.
    CleanUp,
}

const DEFAULT_RETRIES: u32 = 5;
const MOST_RETRIES: u32 = 100;

impl Tool for Args {
    const NAME: &'static str = "replicate-monthly-parallel-streaming";
    const OLD_NAMES: &'static [&'static str] = &["replicate_monthly_parallel"];
    type Options = Options;

    fn reporting(&self) -> Reporting {
        self.common.reporting()
    }

    fn resolve(self, stdin: bool) -> Result<Options> {
        let own = self.own;
        self.apply.agreed()?;
        let selection = if own.clean_up { Selection::default() } else { self.tables.selection(stdin)? };
        let work = match self.days.range()? {
            _ if own.clean_up => Work::CleanUp,
            _ if own.repair_indexes => Work::RepairIndexes,
            None if !selection.all => {
                return Err(Error::usage("no dates are given").remedy(
                    "Say --start-date 2024-01-01 --end-date 2024-12-31, or copy the whole table with replicate-reference-tables",
                ));
            }
            range => Work::Windows(range),
        };
        if self.creation.create && work == Work::RepairIndexes {
            return Err(Error::usage("--create makes tables, and --repair-indexes copies none"));
        }
        let index_scope = own.index_scope()?;
        let several_workers = self.workers.most.is_some_and(|most| most > 1);
        if index_scope == IndexScope::Window && (own.shared || several_workers) {
            return Err(Error::usage(
                "--index-scope month works on the whole table around each month, so only one worker can",
            )
            .remedy("Say --max-workers 1 without --shared, or leave --index-scope out"));
        }
        Ok(Options {
            selection,
            work,
            unit: self.length.unit.unwrap_or_default(),
            date_column: self.days.date_column,
            max_workers: if index_scope == IndexScope::Window { 1 } else { self.workers.most() },
            resume: own.resume_mode()?,
            tablock: own.tablock()?,
            commit_interval: own.commit_interval,
            shared: own.shared,
            keep_indexes: own.keep_indexes,
            index_scope,
            max_retries: own.max_retries.unwrap_or(DEFAULT_RETRIES).min(MOST_RETRIES),
            explain: self.explain.is_asked(),
            creation: self.creation,
            loading: self.loading,
            guard: self.guard,
            article: self.article,
            apply: self.apply,
            config: self.common.config,
        })
    }

    fn run(options: Options, reporter: &Reporter) -> Result<Code> {
        run::run(&options, reporter)
    }
}

impl Own {
    fn index_scope(&self) -> Result<IndexScope> {
        match self.index_scope.as_deref() {
            None | Some("run") => Ok(IndexScope::Run),
            Some("month") => Ok(IndexScope::Window),
            Some(other) => {
                Err(Error::usage(format!("--index-scope {other} is unknown")).remedy("It is run or month"))
            }
        }
    }

    fn resume_mode(&self) -> Result<ResumeMode> {
        match (self.resume, self.restart) {
            (true, true) => Err(Error::usage("--resume and --restart exclude each other")),
            (true, false) => Ok(ResumeMode::Resume),
            (false, true) => Ok(ResumeMode::Restart),
            (false, false) => Ok(ResumeMode::Replace),
        }
    }

    fn tablock(&self) -> Result<Tablock> {
        match self.tablock.as_deref() {
            None | Some("auto") => Ok(Tablock::Auto),
            Some("always") => Ok(Tablock::Always),
            Some("never") => Ok(Tablock::Never),
            Some(other) => {
                Err(Error::usage(format!("--tablock {other} is unknown"))
                    .remedy("It is auto, always or never"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use replica_testkit::{options, refusal};

    use super::*;

    #[test]
    fn the_old_command_line() {
        let o = options::<Args>("APP_4_SALES --start-date 2024-01-01 --end-date=2024-12-31 --max-workers=4");
        assert_eq!((o.selection.named.as_slice(), o.max_workers), (&["APP_4_SALES".to_owned()][..], 4));
        let Work::Windows(Some(range)) = o.work else { panic!("{:?}", o.work) };
        assert_eq!(range.windows(o.unit).unwrap().len(), 12);
        assert_eq!(
            (o.resume, o.tablock, o.index_scope),
            (ResumeMode::Replace, Tablock::Auto, IndexScope::Run)
        );
        assert_eq!(o.max_retries, 5);
    }

    #[test]
    fn dates_are_needed_but_for_all_and_to_repair_indexes() {
        assert!(refusal::<Args>("t").contains("--start-date"));
        assert_eq!(options::<Args>("t --repair-indexes").work, Work::RepairIndexes);
        assert_eq!(options::<Args>("--all --repair-indexes").work, Work::RepairIndexes);
        assert_eq!(options::<Args>("--all").work, Work::Windows(None));
        refusal::<Args>("--start-date 2024-01-01 --end-date 2024-01-02");
    }

    #[test]
    fn months_of_index_work_are_for_one_worker() {
        let line = "t --start-date 2024-01-01 --end-date 2024-01-02 --index-scope month";
        let o = options::<Args>(line);
        assert_eq!((o.index_scope, o.max_workers), (IndexScope::Window, 1));
        refusal::<Args>(&format!("{line} --max-workers 2"));
        refusal::<Args>(&format!("{line} --shared"));
    }

    #[test]
    fn bad_values_are_usage_errors() {
        for words in [
            "--window year",
            "--tablock maybe",
            "--index-scope week",
            "--resume --restart",
            "--max-workers 0",
            "--chunk-size 0",
            "--commit-interval 0",
            "--verify all",
            "--output xml",
        ] {
            refusal::<Args>(&format!("t --start-date 2024-01-01 --end-date 2024-01-02 {words}"));
        }
    }
}
