//! Where to cut a table into ranges of its key that have about as many rows each, without reading the table: by what the
//! source's statistics say, by a sample of its pages, or between the least and the greatest number.
mod cut;
mod extremes;
mod histogram;
mod sample;

use std::fmt;

use crate::catalog::Table;
use crate::error::{Error, Result};
use crate::report::human_count;
use crate::session::Session;
use crate::types::mapping::MappedColumn;
use crate::window::{Key, KeyRange};
use cut::CutPoint;
use extremes::is_integer;

/// A cut whose largest range has more than so many times its share is not taken as long as there is another way to cut.
const UNEVEN: f64 = 1.5;

/// Of all rows, in the largest range of a cut that is found cheaply and taken at once.
const COARSE: f64 = 0.15;
/// So many ranges are cut by as few rows as a sample has.
const SMALL_SAMPLE: u32 = 25;

/// More ranges are a slip of the finger.
pub const MOST_RANGES: u32 = 1_000;

/// Ranges of a table, and how they were found.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranges {
    /// In the order of the key; the first has no beginning and the last no end.
    pub ranges: Vec<KeyRange>,
    /// About how many rows each has, as far as anything is known of that.
    pub rows: Vec<u64>,
    /// Where the boundaries come from.
    pub found: FoundBy,
    /// Ways that came before it and did not work, and why.
    pub passed_over: Vec<String>,
}

/// Where boundaries come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FoundBy {
    /// Statistics of the key's first column.
    Histogram {
        /// As sys.stats has it.
        statistics: String,
        /// Of at most 200.
        steps: usize,
    },
    /// TABLESAMPLE.
    Sample {
        /// So many came.
        rows: u64,
    },
    /// All keys of a small table.
    Keys,
    /// The least and the greatest value, divided evenly.
    Extremes,
    /// An earlier run's, or those of the hosts that are at work.
    Ledger,
    /// There are no keys to cut between, or no boundaries are wanted.
    Nothing,
}

impl fmt::Display for FoundBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Histogram { statistics, steps } => {
                write!(f, "from the histogram of the statistics {statistics} ({steps} steps)")
            }
            Self::Sample { rows } => write!(f, "from a sample of {} rows (TABLESAMPLE)", human_count(*rows)),
            Self::Keys => f.write_str("from all keys, since the table is small"),
            Self::Extremes => f.write_str("evenly between the least and the greatest value"),
            Self::Ledger => f.write_str("as the ledger has them"),
            Self::Nothing => f.write_str("none, since there are no keys to cut between"),
        }
    }
}

impl Ranges {
    /// All rows in one range.
    pub fn one(rows: u64) -> Self {
        Self {
            ranges: KeyRange::between(Vec::new()),
            rows: vec![rows],
            found: FoundBy::Nothing,
            passed_over: Vec::new(),
        }
    }

    fn of(points: Vec<CutPoint>, total: f64, found: FoundBy) -> Self {
        let ends = points.iter().map(|point| point.below).chain([total]);
        let begins = std::iter::once(0.0).chain(points.iter().map(|point| point.below));
        let rows = begins.zip(ends).map(|(begin, end)| (end - begin).max(0.0).round() as u64).collect();
        let ranges = KeyRange::between(points.into_iter().map(|point| point.boundary).collect());
        Self { ranges, rows, found, passed_over: Vec::new() }
    }

    /// How many times its share of the rows the largest range has, if there are to be `wanted` of them.
    pub fn unevenness(&self, wanted: u32) -> f64 {
        let total: u64 = self.rows.iter().sum();
        let largest = self.rows.iter().copied().max().unwrap_or_default();
        if total == 0 { 1.0 } else { largest as f64 * f64::from(wanted.max(1)) / total as f64 }
    }

    /// For people: how the boundaries were found, and how even they are.
    pub fn told(&self, wanted: u32) -> Vec<String> {
        let boundaries = self.ranges.len().saturating_sub(1);
        let mut told: Vec<_> = self.passed_over.clone();
        let mut text = format!("{boundaries} boundaries {}", self.found);
        if boundaries > 0 && self.rows.iter().any(|rows| *rows > 0) {
            let largest = self.rows.iter().copied().max().unwrap_or_default();
            text.push_str(&format!(
                "; the largest of {} ranges has about {} rows, {:.1} times an equal share",
                self.ranges.len(),
                human_count(largest),
                self.unevenness(wanted)
            ));
        }
        told.push(text);
        told
    }
}

/// Cuts `table`, a source, along columns of its own into at most `wanted` ranges. How many of the columns the boundaries
/// have, from the first on, comes with them: one that tells enough is sought best.
///
/// # Errors
/// Of kind `Usage`: none of the ways is open. The server's, where another attempt may help.
pub async fn find(
    source: &mut Session,
    table: &Table,
    columns: &[&MappedColumn],
    wanted: u32,
) -> Result<(usize, Ranges)> {
    let mut best: Option<(usize, Ranges)> = None;
    let mut passed_over = Vec::new();
    let rows = table.rows();
    if wanted <= 1 || rows == Some(0) {
        return Ok((1, Ranges::one(rows.unwrap_or_default())));
    }
    for way in BoundaryMethod::ALL {
        let many = if way.takes_several() { columns.len() } else { 1 };
        match way.cut(source, table, &columns[..many], wanted).await {
            Ok(Some(found)) => {
                let unevenness = found.unevenness(wanted);
                if best.as_ref().is_none_or(|(_, best)| unevenness < best.unevenness(wanted)) {
                    best = Some((many, found));
                }
            }
            Ok(None) => {}
            Err(error) if error.server().is_some() && !error.is_transient() => {
                passed_over.push(format!("not {}: {error}", way.name()));
            }
            Err(error) => return Err(error),
        }
        if best.as_ref().is_some_and(|(_, best)| best.unevenness(wanted) <= UNEVEN) {
            break;
        }
    }
    match best {
        Some((many, ranges)) => Ok((many, Ranges { passed_over, ..ranges })),
        // An integer that has neither a least value nor a greatest: all are NULL.
        None if passed_over.is_empty()
            && columns.first().is_some_and(|first| is_integer(&first.source.sql_type)) =>
        {
            Ok((1, Ranges::one(rows.unwrap_or_default())))
        }
        None => {
            let tried =
                if passed_over.is_empty() { String::new() } else { format!(" ({})", passed_over.join("; ")) };
            Err(Error::usage(format!(
                "nothing tells where to cut it into ranges without reading it: there are no statistics of its key to be seen, it gives no sample, and the key is no integer{tried}"
            ))
            .remedy("Choose an integer with --key, run UPDATE STATISTICS at the source, or copy the whole table with replicate-reference-tables")
            .table(&table.object.name))
        }
    }
}

/// Ranges that are found without looking at more than some pages: a histogram's; what lies evenly between the least and
/// the greatest number; a small sample's. `None`: nothing tells.
///
/// # Errors
/// The server's, where another attempt may help.
pub(crate) async fn find_cheaply(
    source: &mut Session,
    table: &Table,
    columns: &[&MappedColumn],
    wanted: u32,
) -> Result<Option<(usize, Ranges)>> {
    let mut best: Option<(usize, Ranges)> = None;
    let share = |ranges: &Ranges| ranges.unevenness(1);
    for (way, wanted) in [
        (BoundaryMethod::Histogram, wanted),
        (BoundaryMethod::Extremes, wanted),
        (BoundaryMethod::Sample, wanted.min(SMALL_SAMPLE)),
    ] {
        let many = if way.takes_several() { columns.len() } else { 1 };
        match way.cut(source, table, &columns[..many], wanted).await {
            Ok(Some(found)) if best.as_ref().is_none_or(|(_, best)| share(&found) < share(best)) => {
                best = Some((many, found));
            }
            Ok(_) => {}
            Err(error) if error.server().is_some() && !error.is_transient() => {
                log::debug!("{}: not {}: {error}", table.object.name, way.name());
            }
            Err(error) => return Err(error),
        }
        if best.as_ref().is_some_and(|(_, best)| share(best) <= COARSE) {
            break;
        }
    }
    Ok(best)
}

/// A way to find boundaries.
#[derive(Clone, Copy)]
enum BoundaryMethod {
    Keys,
    Histogram,
    Sample,
    Extremes,
}

impl BoundaryMethod {
    const ALL: [Self; 4] = [Self::Keys, Self::Histogram, Self::Sample, Self::Extremes];

    fn name(self) -> &'static str {
        match self {
            Self::Keys => "from all keys",
            Self::Histogram => "from a histogram",
            Self::Sample => "from a sample",
            Self::Extremes => "between the least and the greatest value",
        }
    }

    /// A histogram knows the first column alone.
    fn takes_several(self) -> bool {
        matches!(self, Self::Keys | Self::Sample)
    }

    async fn cut(
        self,
        source: &mut Session,
        table: &Table,
        columns: &[&MappedColumn],
        wanted: u32,
    ) -> Result<Option<Ranges>> {
        let first = columns.first().map(|mapped| &mapped.source);
        let key = Key::at_source(columns);
        match (self, first) {
            (Self::Keys, _) => sample::all(source, table, &key, wanted).await,
            (Self::Sample, _) => sample::some(source, table, &key, wanted).await,
            (Self::Histogram, Some(first)) => histogram::cut(source, table, first, wanted).await,
            (Self::Extremes, Some(first)) => extremes::cut(source, table, first, wanted).await,
            _ => Ok(None),
        }
    }
}
