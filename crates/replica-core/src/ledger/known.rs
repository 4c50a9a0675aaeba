//! The windows of a table as they are on record.

use super::{Subject, ask, names};
use crate::catalog::TableName;
use crate::catalog::record::CatalogRow;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::tds::fingerprint::Fingerprint;
use time::Date;

use crate::window::{DayRange, KeyRange, LAST_DAY, Window};

/// Where a window stands; the [module](super::super) says who sets what, when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// To be loaded.
    Pending,
    /// Some run works on it, or has died over it.
    Loading,
    /// Its rows are those of the source.
    Complete,
    /// Given up.
    Failed,
}

impl State {
    const ALL: [(Self, &str); 4] = [
        (Self::Pending, "pending"),
        (Self::Loading, "loading"),
        (Self::Complete, "complete"),
        (Self::Failed, "failed"),
    ];

    /// As the ledger writes it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(state, _)| *state == self).map_or("", |(_, name)| name)
    }
}

/// A window on record.
#[derive(Clone, Debug)]
pub struct RecordedWindow {
    /// Which days.
    pub window: Window,
    /// How far the ledger knows it to be.
    pub state: State,
    /// How it was loaded, or is to be.
    pub subject: Subject,
    /// Of its rows, if it is complete.
    pub fingerprint: Option<Fingerprint>,
    /// Of the rows that were loaded, as the bulk load had them.
    pub bytes: u64,
    /// What the source's statistics said when it was put down.
    pub estimated_rows: u64,
    /// Why it failed, or why it is not complete any more.
    pub reason: Option<String>,
    /// The run that has begun the windows that this one belongs to.
    pub batch: i64,
}

/// The windows of a table, in order.
///
/// # Errors
/// The server's.
pub async fn windows(session: &mut Session, table: &TableName) -> Result<Vec<RecordedWindow>> {
    let sql = format!(
        "SELECT windows.*, {WINDOW_DAYS} FROM replica.windows WHERE windows.schema_name = @P1 AND windows.table_name = @P2 \
         ORDER BY windows.first_date, windows.next_date"
    );
    let (schema, name) = names(table);
    let rows = ask(session, &sql, &[&schema, &name]).await?;
    let mut windows: Vec<_> = rows.iter().map(|row| known(row, table)).collect::<Result<_>>()?;
    windows.sort_by(|left, right| left.window.cmp(&right.window));
    Ok(windows)
}

fn known(row: &CatalogRow, table: &TableName) -> Result<RecordedWindow> {
    let state = row.name("state")?;
    let state = State::ALL.iter().find(|(_, name)| *name == state).map(|(state, _)| *state);
    let state = state.ok_or_else(|| Error::protocol("the ledger has a window in a state that is none"))?;
    let subject = Subject {
        table: table.clone(),
        object_id: row.number("object_id")?,
        cut_by: row.name("date_column")?,
        fingerprint: row.name("fingerprint")?,
        source: row.name("source")?,
    };
    let count = |column| row.int(column).and_then(|count| u64::try_from(count).ok());
    let rows = count("row_count");
    let hash = row.text("row_hash").and_then(|hash| u128::from_str_radix(hash.trim(), 16).ok());
    let fingerprint = rows.zip(hash).map(|(rows, hash)| Fingerprint { rows, hash });
    let fingerprint = fingerprint.filter(|_| state == State::Complete);
    Ok(RecordedWindow {
        window: window(row)?,
        state,
        subject,
        fingerprint,
        bytes: count("byte_count").unwrap_or_default(),
        estimated_rows: count("estimated_rows").unwrap_or_default(),
        reason: row.text("error").map(str::to_owned),
        batch: row.number("batch_id")?,
    })
}

/// The days of a window on record, as [`window`] reads them. Who also asks for `windows.*` learns of ranges of keys, which a
/// ledger of version 1 has no columns for.
pub(crate) const WINDOW_DAYS: &str = "CONVERT(varchar(10), windows.first_date, 126) AS first_day, \
     CONVERT(varchar(10), windows.next_date, 126) AS next_day";

/// What else [`window`] reads of a range of keys, where the ledger has ranges.
pub(super) const WINDOW_KEYS: &str = ", windows.range_number, windows.first_key, windows.next_key";

/// The days of the rows that a range of keys has: any.
pub(super) const ALL_DAYS: DayRange = DayRange { first: time::macros::date!(0001 - 01 - 01), next: LAST_DAY };

/// The days of the rows that a window has.
pub(super) fn days(window: &Window) -> DayRange {
    window.days().unwrap_or(ALL_DAYS)
}

/// The window of a row that has [`WINDOW_DAYS`].
pub(crate) fn window(record: &CatalogRow) -> Result<Window> {
    if let Some(number) = record.int("range_number").and_then(|number| u32::try_from(number).ok())
        && number > 0
    {
        let boundary = |column| record.text(column).map(KeyRange::read).transpose();
        return Ok(KeyRange { number, first: boundary("first_key")?, next: boundary("next_key")? }.into());
    }
    let date = |column| {
        let format = time::macros::format_description!("[year]-[month]-[day]");
        let text = record.name(column)?;
        Date::parse(&text, format).map_err(|_| Error::protocol(format!("the ledger has {text} as {column}")))
    };
    Ok(DayRange { first: date("first_day")?, next: date("next_day")? }.into())
}
