//! The ranges of a key that a job has: those on record where a run goes on or hosts are at work, new ones otherwise.
use super::WindowsJob;
use crate::boundaries::{self, FoundBy, MOST_RANGES, Ranges};
use crate::catalog::Table;
use crate::copy::Sides;
use crate::error::{Error, Result};
use crate::ledger::{self, RecordedWindow, ResumeMode, Subject};
use crate::plan::{WindowedPlan, key_columns};
use crate::report::human_count;
use crate::retry::Backoff;
use crate::window::{CutBy, KeyRange};

/// How large ranges are to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RangeSize {
    /// A few for each worker, so that none is left with a large one at the end.
    #[default]
    ByWorkers,
    /// So many in all.
    Ranges(u32),
    /// About so many rows each.
    Rows(u64),
}

/// Between 4 and 8: what wrong statistics make uneven, the other ranges make up for.
const RANGES_A_WORKER: u32 = 6;
/// A range of fewer rows takes longer to begin than to load.
const FEWEST_ROWS: u64 = 10_000;

impl RangeSize {
    /// How many ranges.
    ///
    /// # Errors
    /// Of kind `Usage`: more than there may be.
    fn ranges(self, rows: Option<u64>, workers: usize) -> Result<u32> {
        match self {
            Self::ByWorkers => {
                let most = u32::try_from(workers).unwrap_or(MOST_RANGES).saturating_mul(RANGES_A_WORKER);
                let worth =
                    rows.map_or(most, |rows| u32::try_from(rows / FEWEST_ROWS).unwrap_or(MOST_RANGES));
                Ok(most.min(worth).clamp(1, MOST_RANGES))
            }
            Self::Ranges(ranges) => Ok(ranges.clamp(1, MOST_RANGES)),
            Self::Rows(each) => {
                let Some(rows) = rows else {
                    return Err(Error::usage("the source does not say how many rows it has")
                        .remedy("Say --ranges instead of --rows-per-range"));
                };
                let ranges = rows.div_ceil(each.max(1));
                u32::try_from(ranges).ok().filter(|ranges| *ranges <= MOST_RANGES).map(|ranges| ranges.max(1)).ok_or_else(
                    || {
                        Error::usage(format!(
                            "--rows-per-range {each} makes {} ranges of about {} rows; there may be {MOST_RANGES}",
                            human_count(ranges),
                            human_count(rows)
                        ))
                        .remedy("Say a larger --rows-per-range")
                    },
                )
            }
        }
    }
}

/// Sets the windows of a job whose key is named, or left to the table's own (no columns). Says for people how they were
/// found. Reads a catalog, statistics, at most some pages of the table, and the ledger; changes nothing.
///
/// # Errors
/// Those of [`choose_key`](crate::window::choose_key) and [`boundaries::find`].
pub async fn cut(job: &mut WindowsJob, size: RangeSize) -> Result<Vec<String>> {
    let mut retries = Backoff { max_retries: job.max_retries, ..Backoff::default() }.retries();
    loop {
        let found = attempt(job, size).await;
        if let Some(settled) = retries.settled(found).await {
            let FoundRanges { columns, ranges, wanted, on_record } =
                settled.map_err(|error| job.named(error))?;
            job.cut_by = CutBy::Key(columns);
            job.on_record = on_record;
            job.estimated_rows.clone_from(&ranges.rows);
            let told = ranges.told(wanted);
            job.windows = ranges.ranges.into_iter().map(Into::into).collect();
            return Ok(told);
        }
    }
}

/// What a job's windows are made of.
struct FoundRanges {
    /// That the key is cut by.
    columns: Vec<String>,
    ranges: Ranges,
    /// How many were wanted.
    wanted: u32,
    /// What the ledger has of the table, if it was asked.
    on_record: Option<Vec<RecordedWindow>>,
}

async fn attempt(job: &WindowsJob, size: RangeSize) -> Result<FoundRanges> {
    let CutBy::Key(named) = &job.cut_by else { return Err(Error::usage("ranges are of a key")) };
    let mut sides = Sides::connect(&job.source, &job.target).await?;
    let (source, target) = sides.tables(&job.table, &job.article).await?;
    // As if by all columns: what cannot be cut is refused before anything is read.
    let plan = WindowedPlan::new(&source, &target, job.options, &job.cut_by)?;
    let columns = key_columns(&source, &plan.base.mapping.columns, named)?;
    let subjects = (1..=columns.len()).map(|many| plan.subject_of(&source, &target, &columns[..many]));
    let on_record = on_record(job, &mut sides, &target).await?;
    let recorded = match &on_record {
        Some(known) => recorded(job, &mut sides, known, subjects.collect()).await?,
        None => None,
    };
    let (many, ranges, wanted) = match recorded {
        Some((many, ranges)) => {
            let wanted = u32::try_from(ranges.ranges.len()).unwrap_or(MOST_RANGES);
            (many, ranges, wanted)
        }
        None => {
            let wanted = size.ranges(source.rows(), job.workers)?;
            let (many, ranges) = boundaries::find(&mut sides.source, &source, &columns, wanted).await?;
            (many, ranges, wanted)
        }
    };
    sides.give_back().await;
    let columns = columns[..many].iter().map(|mapped| mapped.source.name.clone()).collect();
    Ok(FoundRanges { columns, ranges, wanted, on_record })
}

/// What the ledger has of the table, where that may decide how it is cut.
async fn on_record(
    job: &WindowsJob,
    sides: &mut Sides,
    target: &Table,
) -> Result<Option<Vec<RecordedWindow>>> {
    if (job.resume != ResumeMode::Resume && !job.shared) || !ledger::exists(&mut sides.target).await? {
        return Ok(None);
    }
    ledger::windows(&mut sides.target, &target.object.name).await.map(Some)
}

/// The ranges that the ledger has, and how many of the key's columns they are cut by: those of a run that goes on, and those
/// of the hosts that are at work. `subjects`: of one column, of two, and so on.
async fn recorded(
    job: &WindowsJob,
    sides: &mut Sides,
    known: &[RecordedWindow],
    subjects: Vec<Subject>,
) -> Result<Option<(usize, Ranges)>> {
    for (many, subject) in (1..).zip(subjects) {
        if job.resume != ResumeMode::Resume && !ledger::may_be_joined(&mut sides.target, &subject).await? {
            return Ok(None);
        }
        let same = known.iter().filter(|known| known.subject.difference(&subject).is_none());
        let (ranges, rows): (Vec<&KeyRange>, Vec<u64>) =
            same.filter_map(|known| Some((known.window.keys()?, known.estimated_rows))).unzip();
        if KeyRange::are_whole(&ranges) {
            let ranges = ranges.into_iter().cloned().collect();
            return Ok(Some((
                many,
                Ranges { ranges, rows, found: FoundBy::Ledger, passed_over: Vec::new() },
            )));
        }
    }
    if !known.is_empty() && job.resume == ResumeMode::Resume {
        log::info!("{}: the ledger has no ranges of this key, or not all of them: it is cut anew", job.table);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_ranges_for_each_worker_and_none_too_small() {
        let by_workers = |rows, workers| RangeSize::ByWorkers.ranges(rows, workers).unwrap();
        assert_eq!(by_workers(Some(1_000_000_000), 4), 24);
        assert_eq!(by_workers(Some(100_000), 4), 10);
        assert_eq!(by_workers(Some(3), 4), 1);
        assert_eq!(by_workers(None, 2), 12);
        assert_eq!(by_workers(Some(u64::MAX), usize::MAX), MOST_RANGES);
        assert_eq!(RangeSize::Rows(1_000_000).ranges(Some(12_500_000), 4).unwrap(), 13);
        assert_eq!(RangeSize::Rows(10).ranges(Some(0), 4).unwrap(), 1);
        for (size, rows) in [(RangeSize::Rows(1), Some(1_001)), (RangeSize::Rows(1), None)] {
            assert_eq!(size.ranges(rows, 4).unwrap_err().exit_code().number(), 2);
        }
        assert_eq!(RangeSize::Ranges(7).ranges(None, 1).unwrap(), 7);
    }
}
