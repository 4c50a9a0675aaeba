//! Window by window, as replicate-monthly-parallel-streaming and replicate-key-ranges-parallel-streaming do it: ledger,
//! deletes and commits included.
use std::error::Error;

use super::{SOURCE, TARGET, connection_string};
use crate::args::Measure;
use crate::figures::{Figures, Stopwatch};
use replica_core::catalog::Article;
use replica_core::cli::Stop;
use replica_core::config::Endpoint;
use replica_core::copy::{
    CopyOptions, Verify,
    windows::{self, IndexScope, PreparedWindows, RangeSize, WindowsJob},
};
use replica_core::ledger::ResumeMode;
use replica_core::report::ProgressBars;
use replica_core::window::{CutBy, Range, Unit};

/// The column that months are cut by, and a year that the sandbox's sales have rows in.
const DATE: &str = "SALE_DATE";
const YEAR: (&str, &str) = ("2024-01-01", "2024-12-31");
pub const MONTHS: u32 = 12;

/// Ranges of the key.
pub const RANGES: u32 = 8;

pub async fn months(measure: &Measure) -> Result<Figures, Box<dyn Error>> {
    let range = Range::typed(Some(YEAR.0), Some(YEAR.1))?.ok_or("no range")?;
    let cut_by = CutBy::Date(Some(DATE.to_owned()));
    replace(WindowsJob { windows: range.windows(Unit::Month)?, ..job(measure, cut_by)? }).await
}

pub async fn ranges(measure: &Measure) -> Result<Figures, Box<dyn Error>> {
    let mut job = job(measure, CutBy::Key(Vec::new()))?;
    windows::cut(&mut job, RangeSize::Ranges(RANGES)).await?;
    replace(job).await
}

fn job(measure: &Measure, cut_by: CutBy) -> Result<WindowsJob, Box<dyn Error>> {
    let endpoint = |database| Endpoint::from_connection_string(&connection_string(&measure.server, database));
    Ok(WindowsJob {
        tool: "replica-bench",
        source: endpoint(SOURCE)?,
        target: endpoint(TARGET)?,
        table: measure.table.parse()?,
        article: Article::default(),
        cut_by,
        windows: Vec::new(),
        estimated_rows: Vec::new(),
        on_record: None,
        options: CopyOptions::default(),
        verify: Verify::Nothing,
        workers: measure.workers,
        max_retries: 0,
        resume: ResumeMode::Replace,
        shared: false,
        index_scope: IndexScope::Run,
    })
}

async fn replace(job: WindowsJob) -> Result<Figures, Box<dyn Error>> {
    let prepared = PreparedWindows::new(&job).await?;
    let stopwatch = Stopwatch::start();
    let stop = Stop::on_signals()?;
    let progress = ProgressBars::on_stderr();
    let summary = windows::run(&job, prepared, &stop, &progress, &mut |_| ()).await?;
    if summary.done != job.windows.len() as u64 {
        return Err(format!("{} of {} windows copied", summary.done, job.windows.len()).into());
    }
    Ok(stopwatch.stop(summary.rows, summary.bytes)?)
}
