//! Month by month, as replicate-monthly-parallel-streaming does it: ledger, deletes and commits included.
use std::error::Error;

use super::{SOURCE, TARGET, connection_string};
use crate::args::Measure;
use crate::figures::{Figures, Stopwatch};
use replica_core::catalog::Article;
use replica_core::cli::Stop;
use replica_core::config::Endpoint;
use replica_core::copy::{
    CopyOptions, Verify,
    windows::{self, IndexScope, PreparedWindows, WindowsJob},
};
use replica_core::ledger::ResumeMode;
use replica_core::report::ProgressBars;
use replica_core::window::{Range, Unit};

/// The column that months are cut by, and a year that the sandbox's sales have rows in.
const DATE: &str = "SALE_DATE";
const YEAR: (&str, &str) = ("2024-01-01", "2024-12-31");

pub async fn run(measure: &Measure) -> Result<Figures, Box<dyn Error>> {
    let endpoint = |database| Endpoint::from_connection_string(&connection_string(&measure.server, database));
    let range = Range::typed(Some(YEAR.0), Some(YEAR.1))?.ok_or("no range")?;
    let job = WindowsJob {
        tool: "replica-bench",
        source: endpoint(SOURCE)?,
        target: endpoint(TARGET)?,
        table: measure.table.parse()?,
        article: Article::default(),
        date_column: Some(DATE.to_owned()),
        windows: range.windows(Unit::Month)?,
        options: CopyOptions::default(),
        verify: Verify::Nothing,
        workers: measure.workers,
        max_retries: 0,
        resume: ResumeMode::Replace,
        shared: false,
        index_scope: IndexScope::Run,
    };
    let prepared = PreparedWindows::new(&job).await?;
    let stopwatch = Stopwatch::start();
    let stop = Stop::on_signals()?;
    let progress = ProgressBars::on_stderr();
    let summary = windows::run(&job, prepared, &stop, &progress, &mut |_| ()).await?;
    if summary.done != job.windows.len() as u64 {
        return Err(format!("{} of {} months copied", summary.done, job.windows.len()).into());
    }
    Ok(stopwatch.stop(summary.rows, summary.bytes)?)
}
