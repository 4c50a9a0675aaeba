//! The windows of a table as they are on record.
use time::Date;

use super::{Subject, ask, names};
use crate::catalog::TableName;
use crate::catalog::record::CatalogRow;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::tds::fingerprint::Fingerprint;
use crate::window::Window;

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
    let sql = "SELECT CONVERT(varchar(10), first_date, 126) AS first_date, \
               CONVERT(varchar(10), next_date, 126) AS next_date, state, batch_id, object_id, date_column, \
               fingerprint, source, row_count, byte_count, row_hash, error FROM replica.windows \
               WHERE schema_name = @P1 AND table_name = @P2 ORDER BY first_date, next_date";
    let (schema, name) = names(table);
    let rows = ask(session, sql, &[&schema, &name]).await?;
    rows.iter().map(|row| known(row, table)).collect()
}

fn known(row: &CatalogRow, table: &TableName) -> Result<RecordedWindow> {
    let state = row.name("state")?;
    let state = State::ALL.iter().find(|(_, name)| *name == state).map(|(state, _)| *state);
    let state = state.ok_or_else(|| Error::protocol("the ledger has a window in a state that is none"))?;
    let subject = Subject {
        table: table.clone(),
        object_id: row.number("object_id")?,
        date_column: row.name("date_column")?,
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
        reason: row.text("error").map(str::to_owned),
        batch: row.number("batch_id")?,
    })
}

/// The window of a row that has its dates as style 126 writes them.
pub(crate) fn window(record: &CatalogRow) -> Result<Window> {
    let date = |column| {
        let format = time::macros::format_description!("[year]-[month]-[day]");
        let text = record.name(column)?;
        Date::parse(&text, format).map_err(|_| Error::protocol(format!("the ledger has {text} as {column}")))
    };
    Ok(Window { first: date("first_date")?, next: date("next_date")? })
}
