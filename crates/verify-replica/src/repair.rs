//! Brings what differs in step, by the copy's own ways: only the rows that differ where a key tells them apart, else
//! windows as the monthly copy does, and whole tables in one transaction.
use std::time::Duration;

use replica_core::catalog::{Article, TableName};
use replica_core::cli::{Configured, Stop, Tool};
use replica_core::config::{Apply, Config};
use replica_core::copy::{
    self, CopyOptions, Effort, LoadOptions, Verify,
    windows::{self, IndexScope, PreparedWindows},
};
use replica_core::error::{Error, Kind, Refusal, Result};
use replica_core::ledger::ResumeMode;
use replica_core::report::ProgressBars;
use replica_core::window::{CutBy, Window};

use crate::Args;
use crate::args::{self, Options};

/// Attempts after the first, of each window.
const MOST_RETRIES: u32 = 5;

pub struct Repair<'a> {
    pub options: &'a Options,
    pub config: &'a Config,
    pub configured: &'a Configured,
    pub progress: &'a ProgressBars,
    pub stop: &'a Stop,
}

/// What differs of one table.
#[derive(Debug)]
pub struct DifferingTable {
    pub table: TableName,
    /// In order; none: the whole table.
    pub windows: Vec<Window>,
    /// As the source names it.
    pub cut_by: CutBy,
}

/// How long each phase of a repair took, by the names of `[TIMING]`, all workers together.
pub type Phases = Vec<(&'static str, Duration)>;

impl Repair<'_> {
    /// Answers what it took.
    ///
    /// # Errors
    /// What kept the table, or one of its windows, from being loaded; a signal.
    pub async fn table(&self, broken: &DifferingTable) -> Result<Phases> {
        let settings = self.options.article.over(self.configured.settings(&broken.table));
        let article = settings.article()?;
        let load = LoadOptions {
            chunk_rows: settings.chunk_size,
            commit_rows: settings.commit_interval.filter(|_| !broken.windows.is_empty()),
            ..LoadOptions::default()
        };
        let replacing = CopyOptions { unrecorded: true, ..self.options.guard.copy_options(&settings, load) };
        if self.options.repair == Some(args::RepairMode::Rows) {
            let writing = CopyOptions { apply: Apply::Difference, ..replacing };
            match self.by(broken, article.clone(), writing).await {
                Err(error) if only_of_differences(&error) => {
                    log::info!("{error}; all of its rows are loaded again");
                }
                settled => return settled,
            }
        }
        self.by(broken, article, replacing).await
    }

    async fn by(&self, broken: &DifferingTable, article: Article, options: CopyOptions) -> Result<Phases> {
        if broken.windows.is_empty() {
            Box::pin(self.whole(broken, article, options)).await
        } else {
            Box::pin(self.windows(broken, article, options)).await
        }
    }

    async fn whole(&self, broken: &DifferingTable, article: Article, options: CopyOptions) -> Result<Phases> {
        log::info!("{}: {}: the whole table", broken.table, verb(options));
        let job = copy::TableJob {
            tool: Args::NAME,
            source: self.config.source()?.clone(),
            target: self.config.target()?.clone(),
            table: broken.table.clone(),
            article,
            days: None,
            options,
            verify: Verify::Nothing,
            planned: None,
        };
        let bar = self.progress.bar(&broken.table.to_string(), None);
        let (mut effort, mut progress) = (Effort::default(), |so_far| bar.loaded(so_far));
        self.stop.or(copy::table_with_effort(&job, &mut progress, &mut effort)).await?;
        Ok(effort.phases)
    }

    async fn windows(
        &self,
        broken: &DifferingTable,
        article: Article,
        options: CopyOptions,
    ) -> Result<Phases> {
        let names = broken.windows.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        log::info!("{}: {}: {names}", broken.table, verb(options));
        let job = windows::WindowsJob {
            tool: Args::NAME,
            source: self.config.source()?.clone(),
            target: self.config.target()?.clone(),
            table: broken.table.clone(),
            article,
            cut_by: broken.cut_by.clone(),
            windows: broken.windows.clone(),
            estimated_rows: Vec::new(),
            on_record: None,
            options,
            verify: Verify::Nothing,
            workers: self.options.max_workers,
            max_retries: MOST_RETRIES,
            resume: ResumeMode::Replace,
            shared: false,
            index_scope: IndexScope::Run,
        };
        let prepared = self.stop.or(PreparedWindows::new(&job)).await?;
        prepared.warnings().iter().for_each(|warning| log::warn!("{}: {warning}", broken.table));
        let mut failed = Ok(());
        let summary = windows::run(&job, prepared, self.stop, self.progress, &mut |finished| {
            if let Err(error) = finished.result {
                log::error!("{error}");
                failed = Err(error);
            }
        })
        .await?;
        failed.and(summary.problems.into_iter().next().map_or(Ok(summary.phases), Err))
    }
}

/// Is it refused because only the rows that differ were to be written? A replacement need not be, then.
fn only_of_differences(error: &Error) -> bool {
    let refusals = [Refusal::NoKey, Refusal::UnknownToTempdb, Refusal::FiredTrigger];
    error.refusal().is_some_and(|refusal| refusals.contains(&refusal))
}

fn verb(options: CopyOptions) -> &'static str {
    match options.apply {
        Apply::Replace => "loading again",
        _ => "writing the rows that differ",
    }
}

/// After a signal, nothing else is begun.
pub fn is_stop(error: &Error) -> bool {
    matches!(error.kind(), Kind::Interrupted | Kind::Terminated)
}
