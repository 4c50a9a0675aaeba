//! How tables lie in SQLite: one file for all databases, one SQLite table for each partition of a table.
//!
//! A partition's table is `t{storage}`; its columns are `c{column_id}` without affinity, so that what is stored is
//! what comes back, and two hidden ones: `_ins` and `_del`, the stamps of the
//! statements that inserted and deleted the row.
use crate::keys::key_expression;
use crate::schema::{Index, IndexKind, Table};
use rusqlite::Connection;
use sandbox_values::error::SqlError;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Where the databases live.
#[derive(Debug)]
pub enum Storage {
    /// A temporary folder that goes when the engine does.
    Memory,
    /// A folder that survives a restart.
    Folder(PathBuf),
}

/// The open folder.
pub struct Store {
    file: PathBuf,
    /// Removed on drop.
    temporary: Option<tempfile::TempDir>,
}

impl Store {
    pub fn open(storage: Storage) -> std::io::Result<Self> {
        let (folder, temporary) = match storage {
            Storage::Memory => {
                let folder = tempfile::Builder::new().prefix("replica-sandbox-").tempdir()?;
                (folder.path().to_owned(), Some(folder))
            }
            Storage::Folder(path) => {
                std::fs::create_dir_all(&path)?;
                (path, None)
            }
        };
        Ok(Self { file: folder.join("sandbox.sqlite"), temporary })
    }

    pub fn connect(&self) -> rusqlite::Result<Connection> {
        connect(&self.file)
    }

    /// Nobody opens it again after this engine.
    pub const fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }
}

fn connect(file: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(file)?;
    // Losing the last commits with the machine is no harm to a stand-in; waiting for the disk is.
    connection.execute_batch(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16384;",
    )?;
    connection.busy_timeout(std::time::Duration::from_secs(60))?;
    // Tools ask the catalog a dozen questions of each table, the same of all.
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

/// Notes, in the SQLite transaction of its first row there, that a transaction is at work on a storage.
pub fn note_unfinished(connection: &Connection, transaction: u64, storage: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO unfinished VALUES (?1, ?2)")?
        .execute([transaction as i64, storage])?;
    Ok(())
}

pub fn forget_unfinished(connection: &Connection, transaction: u64) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM unfinished WHERE txn = ?1")?.execute([transaction as i64])?;
    Ok(())
}

/// A number for a new partition's table.
pub fn next_storage(connection: &Connection) -> rusqlite::Result<i64> {
    connection.query_row("UPDATE storages SET last = last + 1 RETURNING last", [], |row| row.get(0))
}

pub fn exists(connection: &Connection, storage: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1")?
        .exists([table_name(storage)])
}

/// SQLite's name for a partition's table.
pub fn table_name(storage: i64) -> String {
    format!("t{storage}")
}

/// SQLite's name for a column.
pub fn column_name(column_id: i32) -> String {
    format!("c{column_id}")
}

/// Creates the empty SQLite tables of every partition, with their indexes.
pub fn create(connection: &Connection, table: &Table) -> rusqlite::Result<()> {
    for &storage in &table.storage {
        create_partition(connection, table, storage)?;
    }
    Ok(())
}

/// Creates one partition's empty SQLite table, with its indexes.
pub fn create_partition(connection: &Connection, table: &Table, storage: i64) -> rusqlite::Result<()> {
    let mut sql = format!("CREATE TABLE t{storage} (_ins INTEGER, _del INTEGER");
    for column in &table.columns {
        let _ = write!(sql, ", {}", column_name(column.column_id));
    }
    sql.push(')');
    connection.execute_batch(&sql)?;
    connection
        .execute_batch(&format!("CREATE INDEX d{storage} ON t{storage}(_del) WHERE _del IS NOT NULL"))?;
    for index in &table.indexes {
        create_index(connection, table, index, storage)?;
    }
    Ok(())
}

/// Creates the empty SQLite table of a tracked table's changes: what a statement did to a row, the columns that it set
/// (NULL for all), its context, and the row's key. It has stamps as rows have them.
pub fn create_changes(connection: &Connection, table: &Table, storage: i64) -> rusqlite::Result<()> {
    let mut sql =
        format!("CREATE TABLE t{storage} (_ins INTEGER, _del INTEGER, op BLOB, columns BLOB, context BLOB");
    for (id, _) in table.primary_key().into_iter().flat_map(|key| &key.keys) {
        let _ = write!(sql, ", {}", column_name(*id));
    }
    sql.push(')');
    connection.execute_batch(&sql)?;
    connection.execute_batch(&format!(
        "CREATE INDEX d{storage} ON t{storage}(_del) WHERE _del IS NOT NULL;
         CREATE INDEX s{storage} ON t{storage}(_ins)"
    ))
}

/// Gives an index its SQLite counterpart where lookups need one: unique keys and clustered ones. Others cost
/// loads time and gain the sandbox nothing. Does nothing for heaps, columnstores and disabled indexes.
pub fn create_index(
    connection: &Connection,
    table: &Table,
    index: &Index,
    storage: i64,
) -> rusqlite::Result<()> {
    let useful = index.unique || index.kind == IndexKind::Clustered;
    if index.disabled || !useful || index.keys.is_empty() {
        return Ok(());
    }
    let keys: Vec<String> = index
        .keys
        .iter()
        .filter_map(|(id, _)| table.columns.iter().find(|c| c.column_id == *id))
        .map(|c| key_expression(&column_name(c.column_id), &c.sql_type))
        .collect();
    connection.execute_batch(&format!(
        "CREATE INDEX i{storage}_{} ON t{storage}({})",
        index.index_id,
        keys.join(", ")
    ))
}

pub fn drop_index(connection: &Connection, storage: i64, index_id: i32) -> rusqlite::Result<()> {
    connection.execute_batch(&format!("DROP INDEX IF EXISTS i{storage}_{index_id}"))
}

pub fn drop_partition(connection: &Connection, storage: i64) -> rusqlite::Result<()> {
    connection.execute_batch(&format!("DROP TABLE IF EXISTS t{storage}"))
}

/// What SQLite refuses on its own account. Errors of our functions inside SQLite never come this way: the
/// session keeps them aside, since SQLite only carries text.
pub fn storage_error(error: &rusqlite::Error) -> SqlError {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
        return SqlError::new(
            9002,
            17,
            4,
            "The transaction log of the sandbox is full due to 'ACTIVE_TRANSACTION'.",
        );
    }
    // Of an I/O error the text does not say which it was.
    let code = error.sqlite_error().map(|error| format!(" (SQLite {})", error.extended_code));
    SqlError::new(50000, 16, 1, format!("replica-sandbox: storage: {error}{}", code.unwrap_or_default()))
}
