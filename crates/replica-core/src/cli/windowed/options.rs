//! The options that these tools share, as typed and as resolved.
use std::path::PathBuf;

use argh::{ArgsInfo, FromArgs};

use crate::cli::values;
use crate::cli::{
    ApplyArgs, ArticleArgs, Common, CreationArgs, Guard, List, Loading, ReplacingArgs, Selection, Tables,
};
use crate::copy::{Tablock, windows::IndexScope, windows::RangeSize};
use crate::error::{Error, Result};
use crate::ledger::ResumeMode;
use crate::report::Reporting;
use crate::window::{Range, Unit};

/// How a run of windows goes.
#[derive(FromArgs, ArgsInfo, Debug)]
struct WindowRunArgs {
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

crate::options! {
    /// The options of these tools, but for those that say which tables, and which windows.
    #[derive(Debug)]
    pub struct WindowedArgs {
        run: WindowRunArgs,
        replacing: ReplacingArgs,
        common: Common,
    }
}

impl WindowedArgs {
    /// How the tool reports.
    pub fn reporting(&self) -> Reporting {
        self.common.reporting()
    }

    /// The tables that are asked for; `--clean-up` is about all that is on record.
    ///
    /// # Errors
    /// Those of [`Tables::selection`] and [`ApplyArgs::agreed`].
    pub fn selection(&self, tables: Tables, stdin: bool) -> Result<Selection> {
        self.replacing.apply.agreed()?;
        if self.run.clean_up { Ok(Selection::default()) } else { tables.selection(stdin) }
    }

    /// What is done in place of a copy.
    ///
    /// # Errors
    /// Of kind `Usage`: `--create` beside it.
    pub fn instead(&self) -> Result<Option<Work>> {
        if self.run.clean_up {
            return Ok(Some(Work::CleanUp));
        }
        if self.run.repair_indexes && self.replacing.creation.create {
            return Err(Error::usage("--create makes tables, and --repair-indexes copies none"));
        }
        Ok(self.run.repair_indexes.then_some(Work::RepairIndexes))
    }

    /// Whether more than one worker or host takes part.
    pub fn are_several(&self) -> bool {
        self.run.shared || self.replacing.workers.most.is_some_and(|most| most > 1)
    }

    /// All that a tool has to know.
    ///
    /// # Errors
    /// Of kind `Usage`: options that exclude each other, or have no such value.
    pub fn options(
        self,
        tool: &'static str,
        selection: Selection,
        work: Work,
        index_scope: IndexScope,
    ) -> Result<WindowedOptions> {
        let run = self.run;
        let ReplacingArgs { workers, explain, creation, loading, guard, article, apply } = self.replacing;
        Ok(WindowedOptions {
            tool,
            selection,
            work,
            max_workers: if index_scope == IndexScope::Window { 1 } else { workers.most() },
            resume: run.resume_mode()?,
            tablock: run.tablock()?,
            commit_interval: run.commit_interval,
            shared: run.shared,
            keep_indexes: run.keep_indexes,
            index_scope,
            max_retries: run.max_retries.unwrap_or(DEFAULT_RETRIES).min(MOST_RETRIES),
            explain: explain.is_asked(),
            creation,
            loading,
            guard,
            article,
            apply,
            config: self.common.config,
        })
    }
}

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowedOptions {
    /// As the ledger shows it.
    pub tool: &'static str,
    /// Which tables.
    pub selection: Selection,
    /// What is done to them.
    pub work: Work,
    /// Windows at once, at least 1.
    pub max_workers: usize,
    /// Rows in one transaction.
    pub commit_interval: Option<u64>,
    /// What becomes of windows that are done already.
    pub resume: ResumeMode,
    /// Other hosts take part.
    pub shared: bool,
    /// No index is disabled.
    pub keep_indexes: bool,
    /// Around what indexes are disabled and rebuilt.
    pub index_scope: IndexScope,
    /// Whether loads lock the table.
    pub tablock: Tablock,
    /// Attempts after the first, of each window.
    pub max_retries: u32,
    /// Nothing is written.
    pub explain: bool,
    /// Tables that the target lacks.
    pub creation: CreationArgs,
    /// How rows are loaded.
    pub loading: Loading,
    /// What may be lost.
    pub guard: Guard,
    /// What of a table is copied.
    pub article: ArticleArgs,
    /// How a window is brought in step.
    pub apply: ApplyArgs,
    /// The configuration's file.
    pub config: Option<PathBuf>,
}

impl WindowedOptions {
    /// Whether ranges of a key that other hosts have put on record are as good as one's own.
    pub(super) fn may_join_ranges(&self) -> bool {
        self.shared && matches!(self.work, Work::Keys { .. })
    }
}

/// What is done to the tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Windows of days are replaced.
    Days {
        /// `None`: all days that the source has rows of.
        range: Option<Range>,
        /// How long a window is.
        unit: Unit,
        /// `None`: as configured, or the only one that holds dates.
        date_column: Option<String>,
    },
    /// Ranges of a key are replaced.
    Keys {
        /// None: those of the table's own key.
        columns: Vec<String>,
        /// How large a range is.
        size: RangeSize,
    },
    /// Indexes that a run has left disabled are rebuilt, and nothing else.
    RepairIndexes,
    /// Tables that dead runs have left beside the target's are dropped, and nothing else.
    CleanUp,
}

impl Work {
    /// The configuration's tables that `--all` stands for.
    pub(super) fn lists(&self) -> &'static [List] {
        match self {
            Self::Keys { .. } => &List::ALL,
            Self::Days { .. } | Self::RepairIndexes | Self::CleanUp => &[List::Dated],
        }
    }
}

const DEFAULT_RETRIES: u32 = 5;
const MOST_RETRIES: u32 = 100;

impl WindowRunArgs {
    /// # Errors
    /// Of kind `Usage`: `--resume` and `--restart`.
    fn resume_mode(&self) -> Result<ResumeMode> {
        match (self.resume, self.restart) {
            (true, true) => Err(Error::usage("--resume and --restart exclude each other")),
            (true, false) => Ok(ResumeMode::Resume),
            (false, true) => Ok(ResumeMode::Restart),
            (false, false) => Ok(ResumeMode::Replace),
        }
    }

    /// # Errors
    /// Of kind `Usage`: another word.
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
