//! What SQLite calls in emitted SQL.
use rusqlite::Connection;
use sandbox_catalog::keys;
use sandbox_catalog::ops::Ops;
use sandbox_transactions::{Eyes, versions};

/// Makes all that emitted SQL may call known to SQLite.
pub fn register(connection: &Connection, ops: &Ops, eyes: &Eyes) -> rusqlite::Result<()> {
    ops.register(connection)?;
    keys::register(connection, ops)?;
    versions::register(connection)?;
    eyes.register(connection)
}
