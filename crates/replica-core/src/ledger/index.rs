//! Which indexes are disabled by us: a row from before ALTER INDEX ... DISABLE until after the rebuild.
use super::{Run, ask, change, names};
use crate::catalog::TableName;
use crate::error::Result;
use crate::session::Session;

/// An index on record as disabled by one of us, or about to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// As `sys.indexes` has it.
    pub name: String,
    /// Of its table, at the time.
    pub object_id: i64,
    /// The run that disabled it.
    pub run: i64,
}

const KEY: &str = "disabled_indexes.schema_name = @P1 AND disabled_indexes.table_name = @P2 \
     AND disabled_indexes.index_name = @P3";

/// Puts it on record that the run is about to disable an index. One that a run before has left there is now this
/// run's.
///
/// # Errors
/// The server's.
pub async fn record(session: &mut Session, run: &Run, object_id: i64, index: &str) -> Result<()> {
    let (schema, table) = names(&run.table);
    let sql = format!(
        "UPDATE replica.disabled_indexes SET run_id = @P4, object_id = @P5, rebuilding_run = NULL \
         OUTPUT inserted.run_id WHERE {KEY}"
    );
    if change(session, &sql, &[&schema, &table, &index, &run.id, &object_id]).await? {
        return Ok(());
    }
    let sql = "INSERT INTO replica.disabled_indexes (schema_name, table_name, index_name, object_id, run_id, recorded) \
               VALUES (@P1, @P2, @P3, @P5, @P4, SYSUTCDATETIME())";
    ask(session, sql, &[&schema, &table, &index, &run.id, &object_id]).await.map(drop)
}

/// The indexes of a table that are on record.
///
/// # Errors
/// The server's.
pub async fn recorded(session: &mut Session, table: &TableName) -> Result<Vec<Recorded>> {
    let sql = "SELECT index_name, object_id, run_id FROM replica.disabled_indexes \
               WHERE schema_name = @P1 AND table_name = @P2 ORDER BY index_name";
    let (schema, name) = names(table);
    let rows = ask(session, sql, &[&schema, &name]).await?;
    let recorded = |row: &crate::catalog::record::CatalogRow| {
        Ok(Recorded {
            name: row.name("index_name")?,
            object_id: row.number("object_id")?,
            run: row.number("run_id")?,
        })
    };
    rows.iter().map(recorded).collect()
}

/// Takes an index for the run to rebuild; `false`: another run that is alive has it, or has rebuilt it. So it is for a run
/// that has been taken for dead: the next run may be about to disable the index.
///
/// # Errors
/// The server's.
pub async fn take(session: &mut Session, run: &Run, index: &str) -> Result<bool> {
    let sql = format!(
        "UPDATE replica.disabled_indexes SET rebuilding_run = @P4 OUTPUT inserted.run_id WHERE {KEY} \
         AND (disabled_indexes.rebuilding_run IS NULL OR disabled_indexes.rebuilding_run = @P4 \
         OR NOT EXISTS (SELECT 1 FROM replica.runs AS r WHERE r.run_id = disabled_indexes.rebuilding_run \
         AND r.ended IS NULL AND r.lease_until > SYSUTCDATETIME())) \
         AND EXISTS (SELECT 1 FROM replica.runs AS r WHERE r.run_id = @P4 AND r.ended IS NULL)"
    );
    let (schema, table) = names(&run.table);
    change(session, &sql, &[&schema, &table, &index, &run.id]).await
}

/// The run could not rebuild the index: it stays on record for the next.
///
/// # Errors
/// The server's.
pub async fn give_back(session: &mut Session, run: &Run, index: &str) -> Result<()> {
    let sql = format!(
        "UPDATE replica.disabled_indexes SET rebuilding_run = NULL OUTPUT inserted.run_id WHERE {KEY} \
         AND disabled_indexes.rebuilding_run = @P4"
    );
    let (schema, table) = names(&run.table);
    change(session, &sql, &[&schema, &table, &index, &run.id]).await.map(drop)
}

/// The index is enabled, or gone. For whoever keeps other runs from disabling it meanwhile.
///
/// # Errors
/// The server's.
pub async fn forget(session: &mut Session, table: &TableName, index: &str) -> Result<()> {
    let sql = format!("DELETE FROM replica.disabled_indexes OUTPUT deleted.run_id WHERE {KEY}");
    let (schema, name) = names(table);
    change(session, &sql, &[&schema, &name, &index]).await.map(drop)
}

/// The same for the run that took the index. A run that has come since then, and is about to disable it, keeps its record.
///
/// # Errors
/// The server's.
pub async fn forget_taken(session: &mut Session, run: &Run, index: &str) -> Result<()> {
    let sql = format!(
        "DELETE FROM replica.disabled_indexes OUTPUT deleted.run_id WHERE {KEY} AND disabled_indexes.rebuilding_run = @P4"
    );
    let (schema, table) = names(&run.table);
    change(session, &sql, &[&schema, &table, &index, &run.id]).await.map(drop)
}
