//! Which version of change tracking a commit made: one counter a database, taken at the commit, so that versions are in
//! the order of commits (Microsoft docs, "Work with change tracking").
use crate::stamp::{LAST_STATEMENT, STATEMENT_BITS, stamp};
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, OptionalExtension};
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A commit that made a version, as sys.dm_tran_commit_table shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackedCommit {
    pub version: i64,
    pub transaction: i64,
    pub at: SystemTime,
}

/// Makes `changed_columns(hex)` known to SQLite: SYS_CHANGE_COLUMNS from the column_ids of several updates.
pub fn register(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    connection.create_scalar_function("changed_columns", 1, flags, |context| {
        let ids = context.get::<Option<String>>(0)?.unwrap_or_default();
        Ok(mask(&ids))
    })
}

/// The ids are told once each, after four bytes that stay zero. That form is not documented.
fn mask(ids: &str) -> Vec<u8> {
    let mut mask = vec![0; 4];
    let mut seen = BTreeSet::new();
    for id in ids.as_bytes().chunks_exact(8) {
        let text = std::str::from_utf8(id).unwrap_or_default();
        let Ok(bytes) = u32::from_str_radix(text, 16) else { continue };
        if seen.insert(bytes) {
            mask.extend_from_slice(&bytes.to_be_bytes());
        }
    }
    mask
}

/// Readies a file for versions.
pub fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS versions (database INTEGER PRIMARY KEY, last INTEGER);
         CREATE TABLE IF NOT EXISTS commits
             (database INTEGER, version INTEGER, txn INTEGER, at INTEGER, PRIMARY KEY (database, version))
             WITHOUT ROWID;",
    )
}

/// The last version of a database.
pub fn current(connection: &Connection, database: i16) -> rusqlite::Result<i64> {
    connection.query_row(&format!("SELECT {}", current_sql(database)), [], |row| row.get(0))
}

/// SQLite's SQL for the same.
pub fn current_sql(database: i16) -> String {
    format!("coalesce((SELECT last FROM versions WHERE database = {database}), 0)")
}

/// A transaction commits: its version, if it has left changes in one of these storages. Inside the SQLite transaction of
/// the commit.
pub fn commit(
    connection: &Connection,
    transaction: u64,
    database: i16,
    changes: &BTreeSet<i64>,
) -> rusqlite::Result<Option<i64>> {
    let (Some(first), Some(last)) = (stamp(transaction, 0), stamp(transaction, LAST_STATEMENT)) else {
        return Ok(None);
    };
    for storage in changes {
        let sql = format!("SELECT 1 FROM t{storage} WHERE _ins BETWEEN ?1 AND ?2 LIMIT 1");
        if connection.prepare_cached(&sql)?.exists([first, last])? {
            let version = current(connection, database)? + 1;
            set(connection, database, version)?;
            let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
            connection
                .prepare_cached("INSERT INTO commits (database, version, txn, at) VALUES (?1, ?2, ?3, ?4)")?
                .execute((database, version, transaction as i64, i64::try_from(at).unwrap_or(i64::MAX)))?;
            return Ok(Some(version));
        }
    }
    Ok(None)
}

fn set(connection: &Connection, database: i16, version: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO versions VALUES (?1, ?2)")?
        .execute((database, version))?;
    Ok(())
}

/// The commits whose versions are known, in order.
pub fn commits(connection: &Connection, database: i16) -> rusqlite::Result<Vec<TrackedCommit>> {
    connection
        .prepare("SELECT version, txn, at FROM commits WHERE database = ?1 ORDER BY version")?
        .query_map([database], |row| {
            let at = Duration::from_millis(row.get::<_, i64>(2)?.try_into().unwrap_or(0));
            Ok(TrackedCommit { version: row.get(0)?, transaction: row.get(1)?, at: UNIX_EPOCH + at })
        })?
        .collect()
}

/// The last version that was committed before a moment.
pub fn last_before(
    connection: &Connection,
    database: i16,
    moment: SystemTime,
) -> rusqlite::Result<Option<i64>> {
    let moment = moment.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    connection
        .query_row(
            "SELECT max(version) FROM commits WHERE database = ?1 AND at < ?2",
            (database, i64::try_from(moment).unwrap_or(i64::MAX)),
            |row| row.get(0),
        )
        .optional()
        .map(Option::flatten)
}

/// Forgets the commits up to a version: there are no changes of theirs left.
pub fn forget_until(connection: &Connection, database: i16, version: i64) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM commits WHERE database = ?1 AND version <= ?2", (database, version))?;
    Ok(())
}

/// Puts the counter back, or ahead: later commits never were.
pub fn put_back(connection: &Connection, database: i16, version: i64) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM commits WHERE database = ?1 AND version > ?2", (database, version))?;
    set(connection, database, version)
}

/// A database is dropped.
pub fn forget_database(connection: &Connection, database: i16) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM commits WHERE database = ?1", [database])?;
    connection.execute("DELETE FROM versions WHERE database = ?1", [database])?;
    Ok(())
}

/// SQLite's SQL: is a stamp of a transaction that made one of a database's versions, up to this one?
pub fn made_until(stamp: &str, database: i16, version: i64) -> String {
    format!(
        "({stamp} >> {STATEMENT_BITS}) IN (SELECT txn FROM commits WHERE database = {database} AND version <= {version})"
    )
}

/// SQLite's SQL: does a stamp belong to a transaction?
pub fn stamped_by(stamp: &str, transaction: &str) -> String {
    format!(
        "{stamp} BETWEEN ({transaction} << {STATEMENT_BITS}) AND (({transaction} << {STATEMENT_BITS}) | {LAST_STATEMENT})"
    )
}
