//! How much of a table changes between two runs: what the last one came to, for those who leave it to the tool whether all
//! rows are replaced or only those that differ.
//!
//! Nothing relies on a record but that choice. So it is written after the rows are committed, nobody waits for it, and one
//! that cannot be read is none.
use std::fmt;
use std::sync::Once;

use super::{ask, names, schema, signed};
use crate::catalog::TableName;
use crate::error::numbers::NO_SUCH_OBJECT;
use crate::error::{Error, Result};
use crate::session::{Session, ToSql};
use crate::tds::fingerprint::Fingerprint;

/// The one place that knows the table. It came later than the others: whoever knows only those passes it by.
pub const LOADS_DDL: &str = include_str!("loads.sql");

/// A record that is older says nothing of the next run.
const MOST_DAYS: u64 = 31;
/// At most one row of so many may have changed, for a difference to be less work than a replacement: it reads both sides,
/// and once more what differs.
const LITTLE: u64 = 10;

/// What is on record of a table's last run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LastLoad {
    /// Nothing.
    #[default]
    Unrecorded,
    /// Another table had the name, or the rows came from elsewhere.
    OfAnotherTable,
    /// So many days ago.
    Stale(u64),
    /// The server does not say.
    Unreadable,
    /// What it came to.
    Recorded(RecordedLoad),
}

/// What a run came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordedLoad {
    /// Of all rows that it brought in step.
    pub rows: u64,
    /// How many of them had changed, or more: all, where that is not known.
    pub changed: u64,
    /// Of all rows of a whole table.
    pub hash: Option<u128>,
}

/// The table that a record is of.
#[derive(Clone, Copy, Debug)]
pub struct LoadedTable<'a> {
    /// The target's.
    pub table: &'a TableName,
    /// The target's.
    pub object_id: i64,
    /// Server, database and table that the rows come from.
    pub source: &'a str,
}

impl RecordedLoad {
    /// A whole table's: its rows, and how many of them were written since they differed, if only those were. Where all were
    /// replaced, none had changed if they are those of the run before.
    pub fn of_table(rows: Fingerprint, differing: Option<u64>, before: LastLoad) -> Self {
        let same = matches!(before, LastLoad::Recorded(Self { rows: count, hash: Some(hash), .. })
            if Fingerprint { rows: count, hash } == rows);
        let changed = differing.unwrap_or(if same { 0 } else { rows.rows });
        Self { rows: rows.rows, changed, hash: Some(rows.hash) }
    }

    /// Rows that were inserted and deleted count twice: there may be more than rows.
    fn is_little(self) -> bool {
        self.changed <= self.rows / LITTLE
    }
}

impl LastLoad {
    /// Does it say that a run need not write most rows?
    pub fn changes_little(self) -> bool {
        matches!(self, Self::Recorded(load) if load.is_little())
    }
}

/// For people, as the end of a sentence about the choice.
impl fmt::Display for LastLoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unrecorded => f.write_str("no run is on record that says how much of it changes"),
            Self::OfAnotherTable => {
                f.write_str("the run on record was of another table, or of another source")
            }
            Self::Stale(days) => {
                write!(f, "the run on record is {days} days old, which says nothing after {MOST_DAYS}")
            }
            Self::Unreadable => f.write_str("the record of its last run cannot be read"),
            Self::Recorded(RecordedLoad { rows, changed: 0, .. }) => {
                write!(f, "none of the {rows} rows of its last run had changed")
            }
            Self::Recorded(RecordedLoad { rows, changed, .. }) => {
                write!(f, "{changed} of the {rows} rows of its last run had changed")?;
                f.write_str(if changed < rows { "" } else { ", or it is not known how many had" })
            }
        }
    }
}

/// What is on record of a table's last run. No lock is waited for.
///
/// # Errors
/// A lost connection.
pub async fn last_load(session: &mut Session, of: LoadedTable<'_>) -> Result<LastLoad> {
    let sql = "SELECT object_id, source, DATEDIFF(day, ended, SYSUTCDATETIME()) AS days, row_count, changed_rows, row_hash \
               FROM replica.loads WITH (NOLOCK) WHERE schema_name = @P1 AND table_name = @P2";
    let (schema, table) = names(of.table);
    let rows = match ask(session, sql, &[&schema, &table]).await {
        Ok(rows) => rows,
        Err(error) if error.has_number(NO_SUCH_OBJECT) => return Ok(LastLoad::Unrecorded),
        Err(error) if error.server().is_some() => {
            log::warn!("{}: how much of it changed in its last run: {error}", of.table);
            return Ok(LastLoad::Unreadable);
        }
        Err(error) => return Err(error),
    };
    let Some(row) = rows.first() else { return Ok(LastLoad::Unrecorded) };
    let count = |column| row.int(column).and_then(|count| u64::try_from(count).ok());
    let (Some(days), Some(rows), Some(changed)) =
        (row.int("days"), count("row_count"), count("changed_rows"))
    else {
        return Ok(LastLoad::Unreadable);
    };
    if row.int("object_id") != Some(of.object_id) || row.text("source") != Some(of.source) {
        return Ok(LastLoad::OfAnotherTable);
    }
    // A clock that was set back may make them less than none.
    match u64::try_from(days).unwrap_or_default() {
        days if days > MOST_DAYS => Ok(LastLoad::Stale(days)),
        _ => {
            let hash = row.text("row_hash").and_then(|hash| u128::from_str_radix(hash.trim(), 16).ok());
            Ok(LastLoad::Recorded(RecordedLoad { rows, changed, hash }))
        }
    }
}

/// Puts a run on record, after its rows are committed. That it cannot be is said once, and no failure: the next run does
/// without.
pub async fn note_load(session: &mut Session, of: LoadedTable<'_>, tool: &str, load: RecordedLoad) {
    let noted = match put(session, of, tool, load).await {
        Err(error) if error.has_number(NO_SUCH_OBJECT) => match schema::open_loads(session).await {
            Ok(()) => put(session, of, tool, load).await,
            Err(error) => Err(error),
        },
        noted => noted,
    };
    if let Err(error) = noted {
        static TOLD: Once = Once::new();
        TOLD.call_once(|| log::info!("how much of a table has changed is not on record: {error}"));
    }
}

async fn put(
    session: &mut Session,
    of: LoadedTable<'_>,
    tool: &str,
    load: RecordedLoad,
) -> Result<(), Error> {
    const SQL: &str = "SET LOCK_TIMEOUT 1000; \
        UPDATE replica.loads SET object_id = @P3, source = @P4, tool = @P5, ended = SYSUTCDATETIME(), row_count = @P6, \
        changed_rows = @P7, row_hash = NULLIF(@P8, '') WHERE schema_name = @P1 AND table_name = @P2; \
        INSERT INTO replica.loads (schema_name, table_name, object_id, source, tool, ended, row_count, changed_rows, row_hash) \
        SELECT @P1, @P2, @P3, @P4, @P5, SYSUTCDATETIME(), @P6, @P7, NULLIF(@P8, '') WHERE NOT EXISTS \
        (SELECT 1 FROM replica.loads WHERE loads.schema_name = @P1 AND loads.table_name = @P2)";
    let (schema, table) = names(of.table);
    let hash = load.hash.map(|hash| format!("{hash:032x}")).unwrap_or_default();
    let params: [&dyn ToSql; 8] = [
        &schema,
        &table,
        &of.object_id,
        &of.source,
        &tool,
        &signed(load.rows),
        &signed(load.changed),
        &hash.as_str(),
    ];
    ask(session, SQL, &params).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(rows: u64, hash: u128) -> Fingerprint {
        Fingerprint { rows, hash }
    }

    #[test]
    fn a_replacement_has_changed_nothing_if_its_rows_are_those_of_before() {
        let known = |rows, hash| LastLoad::Recorded(RecordedLoad { rows, changed: rows, hash: Some(hash) });
        let changed = |before| RecordedLoad::of_table(fingerprint(7, 1), None, before).changed;
        assert_eq!(changed(known(7, 1)), 0);
        assert_eq!(changed(known(7, 2)), 7);
        assert_eq!(changed(known(6, 1)), 7);
        assert_eq!(changed(LastLoad::Recorded(RecordedLoad { rows: 7, changed: 0, hash: None })), 7);
        for unknown in
            [LastLoad::Unrecorded, LastLoad::OfAnotherTable, LastLoad::Stale(40), LastLoad::Unreadable]
        {
            assert_eq!(changed(unknown), 7);
            assert!(!unknown.changes_little());
        }
    }

    #[test]
    fn one_row_of_ten_is_little() {
        let recorded = |rows, changed| LastLoad::Recorded(RecordedLoad { rows, changed, hash: None });
        assert!(recorded(100, 10).changes_little());
        assert!(!recorded(100, 11).changes_little());
        assert!(recorded(0, 0).changes_little());
        assert!(!recorded(0, 1).changes_little());
        assert!(!recorded(u64::MAX, u64::MAX).changes_little());
    }
}
