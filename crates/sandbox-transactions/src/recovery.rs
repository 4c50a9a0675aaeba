//! What a crash left unfinished.
use crate::transaction::undo_all;
use crate::versions;
use rusqlite::Connection;
use sandbox_catalog::store;

/// Readies a file, new or used before: undoes what a crash left unfinished. Returns a floor for transaction ids,
/// above all that were ever used here.
pub fn recover(connection: &Connection) -> rusqlite::Result<u64> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS unfinished (txn INTEGER, storage INTEGER, PRIMARY KEY (txn, storage)) WITHOUT ROWID;
         CREATE TABLE IF NOT EXISTS storages (last INTEGER);
         INSERT INTO storages SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM storages);",
    )?;
    versions::prepare(connection)?;
    let unfinished: Vec<(i64, i64)> = connection
        .prepare("SELECT txn, storage FROM unfinished")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (transaction, storage) in unfinished {
        if store::exists(connection, storage)? {
            undo_all(connection, storage, transaction as u64)?;
        }
    }
    connection.execute("DELETE FROM unfinished", [])?;
    // Each start has a range of ids of its own, so that no start repeats one.
    let starts: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    connection.pragma_update(None, "user_version", starts + 1)?;
    Ok((starts as u64) << 24)
}
