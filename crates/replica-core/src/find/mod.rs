//! Which values of a source table come to harm on their way into the target, found on the source's server.
//!
//! The [checks](crate::types::ValueCheck) are made where the copy's conversions are decided. One scan of the table answers
//! all of them, as aggregates; one more names the first rows, where these are asked for and there are any.
mod key;
mod naming;
mod place;
mod preflight;
mod scan;

use std::fmt;
use std::ops::ControlFlow;

pub use key::RowKey;
pub use naming::RowName;
pub use place::Places;
pub use preflight::preflight;

use crate::catalog::{SqlType, Table};
use crate::decode::Row;
use crate::error::Result;
use crate::read;
use crate::report::{Record, RecordValue};
use crate::session::Session;
use crate::tds::rpc::Query;
use crate::types::Problem;
use crate::types::mapping::{Family, MappedColumn};
use crate::window::Filter;
use scan::Scan;

/// What to look for, and where.
#[derive(Clone, Debug)]
pub struct Search<'a> {
    /// The table that is scanned.
    pub source: &'a Table,
    /// Its columns that have one at the target, and how their values get there.
    pub columns: &'a [MappedColumn],
    /// What counts as a finding.
    pub looked_for: LookedFor,
    /// The rows that are looked at; `None`: all.
    pub filter: Option<Filter>,
    /// Name so many rows of each finding.
    pub rows: u64,
}

/// Which problems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LookedFor {
    /// All that befalls values of one family; NULL is no value.
    Family(Family),
    /// What a load would be refused for.
    Refusals,
    /// Everything.
    All,
}

/// One problem of one column.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// With its name at the target, where that is another.
    pub table: String,
    /// The column's name at the source.
    pub column: String,
    /// The column's type at the source.
    pub source_type: SqlType,
    /// The type that its values do not fit.
    pub target_type: SqlType,
    /// What the target's column can hold.
    pub capacity: String,
    /// Why they do not.
    pub problem: Problem,
    /// The greatest length, or the values from the least to the greatest.
    pub extreme: Option<String>,
    /// How many rows have it.
    pub rows: u64,
    /// The first of them, in the order of the key.
    pub offenders: Vec<Offender>,
}

/// A row that has a problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Offender {
    /// Which row it is.
    pub row: RowName,
    /// Its value, or the value's length.
    pub value: Option<String>,
}

impl Finding {
    /// A line for the finding itself, and one for each row that is named.
    pub fn records(&self) -> Vec<Record> {
        let offenders = self.offenders.iter().map(|offender| self.record(Some(offender)));
        std::iter::once(self.record(None)).chain(offenders).collect()
    }

    /// A line for people, with its rows below it.
    pub fn shown(&self) -> Record {
        self.record(None).with_details(self.offenders.iter().map(|offender| {
            let value = offender.value.as_deref().unwrap_or("NULL");
            format!("{}: {value}", offender.row)
        }))
    }

    fn record(&self, offender: Option<&Offender>) -> Record {
        let text =
            |text: Option<&String>| text.map_or(RecordValue::Missing, |text| RecordValue::Text(text.clone()));
        Record::new()
            .with("table", RecordValue::Text(self.table.to_string()))
            .with("column", RecordValue::Text(self.column.clone()))
            .with("source_type", RecordValue::Text(self.source_type.to_string()))
            .with("target_type", RecordValue::Text(self.target_type.to_string()))
            .with("capacity", RecordValue::Text(self.capacity.clone()))
            .with("problem", RecordValue::Text(self.problem.to_string()))
            .with("extreme", text(self.extreme.as_ref()))
            .with("rows", RecordValue::Count(self.rows))
            .with("key", offender.map_or(RecordValue::Missing, |o| RecordValue::Text(o.row.to_string())))
            .with("value", text(offender.and_then(|o| o.value.as_ref())))
    }
}

impl Finding {
    /// `label (varchar(50) to varchar(10)): too long, 3 rows, 52 bytes`
    pub fn summary(&self) -> String {
        let Self { column, source_type, target_type, problem, rows, extreme, .. } = self;
        let noun = if *rows == 1 { "row" } else { "rows" };
        let extreme = extreme.as_ref().map_or(String::new(), |extreme| format!(", {extreme}"));
        format!("{column} ({source_type} to {target_type}): {problem}, {rows} {noun}{extreme}")
    }
}

/// The summary, and which row is the first.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.summary())?;
        match self.offenders.first() {
            Some(Offender { row, .. }) => write!(f, ", the first is {}", row.options()),
            None => Ok(()),
        }
    }
}

/// Looks for it.
///
/// # Errors
/// The server's, with the table; a lost connection.
pub async fn find(session: &mut Session, search: &Search<'_>) -> Result<Vec<Finding>> {
    session.be_patient();
    let mut findings = Vec::new();
    for scan in Scan::all(search) {
        let found = search_with(session, search, &scan).await;
        let source = search.source;
        findings.extend(found.map_err(|error| source.article.named(&source.object.name, error))?);
    }
    Ok(findings)
}

async fn search_with(session: &mut Session, search: &Search<'_>, scan: &Scan<'_>) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    each_row(session, scan.aggregate(), |row| {
        findings = scan.findings(row)?;
        Ok(ControlFlow::Continue(()))
    })
    .await?;
    if search.rows > 0 && !findings.is_empty() {
        name_rows(session, search, scan, &mut findings).await?;
    }
    Ok(findings.into_iter().map(|(_, finding)| finding).collect())
}

/// Reads the rows concerned until each finding has as many as it wants.
async fn name_rows(
    session: &mut Session,
    search: &Search<'_>,
    scan: &Scan<'_>,
    findings: &mut [(usize, Finding)],
) -> Result<()> {
    let checks: Vec<usize> = findings.iter().map(|(check, _)| *check).collect();
    let offenders = scan.offenders(&checks);
    each_row(session, offenders.query(), |row| {
        let mut wanting = false;
        for (place, (_, finding)) in findings.iter_mut().enumerate() {
            let most = search.rows.min(finding.rows);
            if (finding.offenders.len() as u64) < most
                && let Some(offender) = offenders.offender(row, place)?
            {
                finding.offenders.push(offender);
            }
            wanting |= (finding.offenders.len() as u64) < most;
        }
        Ok(if wanting { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })
    .await
}

/// A row of an answer is held whole: keys, counts and beginnings of texts.
const MOST_ROW: usize = 1 << 20;

/// Hands each row of an answer to `take`, until that has seen enough.
///
/// # Errors
/// Those of the server, the connection and `take`.
pub(crate) async fn each_row(
    session: &mut Session,
    query: Query,
    take: impl FnMut(Row<'_>) -> Result<ControlFlow<()>>,
) -> Result<()> {
    read::each_row(session.lane()?, query, MOST_ROW, take).await
}
