//! Foreign keys that are suspended while rows change that no order lets pass: a row points elsewhere, the row that it pointed at
//! is gone, and a unique value of that one has passed to another.
use crate::catalog::TableName;
use crate::catalog::record::CatalogRow;
use crate::error::numbers::CONSTRAINT_CONFLICT;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::shape::SuspendedKey;

/// A constraint conflict, and duplicates in a unique index or constraint (sys.messages).
const HELD: [u32; 3] = [CONSTRAINT_CONFLICT, 2601, 2627];

/// May the same rows pass in another order?
pub(in crate::copy) fn is_held(error: &Error) -> bool {
    HELD.iter().any(|number| error.has_number(*number))
}

/// Suspends the foreign keys among tables, by their ids, within the open transaction: nobody sees the tables that have them
/// before they are back.
///
/// # Errors
/// The server's; the login may not alter a table.
pub(in crate::copy) async fn suspend(target: &mut Session, ids: &[i64]) -> Result<Vec<SuspendedKey>> {
    let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
    let ids = ids.join(", ");
    let sql = format!(
        "SELECT fk.name, s.name AS schema_name, t.name AS table_name, fk.is_not_trusted \
         FROM sys.foreign_keys AS fk JOIN sys.tables AS t ON t.object_id = fk.parent_object_id \
         JOIN sys.schemas AS s ON s.schema_id = t.schema_id \
         WHERE fk.is_disabled = 0 AND fk.parent_object_id IN ({ids}) AND fk.referenced_object_id IN ({ids})"
    );
    let mut keys = Vec::new();
    for row in &target.query(&sql, &[]).await? {
        let record = CatalogRow::from(row);
        let table = TableName::new(&record.name("schema_name")?, &record.name("table_name")?);
        keys.push(SuspendedKey {
            name: record.name("name")?,
            table,
            trusted: !record.flag("is_not_trusted"),
        });
    }
    for key in &keys {
        let what = format!("suspending {}", key.label());
        let grant =
            format!("GRANT ALTER on {}: while the key holds, what changed goes in no order", key.table);
        target.execute_long(key.suspend()).await.map_err(|error| error.within(what).remedy(grant))?;
    }
    Ok(keys)
}

/// Enables them again, as they were: every row is held against those that were trusted.
///
/// # Errors
/// The server's.
pub(in crate::copy) async fn restore(target: &mut Session, keys: &[SuspendedKey]) -> Result<()> {
    for key in keys {
        let what = format!("checking {}", key.label());
        target.execute_long(key.restore()).await.map_err(|error| error.within(what))?;
    }
    Ok(())
}
