//! Tables of graphs and ledgers: a flag in the catalog, and the statements that they refuse. The columns that the server
//! adds to them are not here.
use crate::schema::{Special, Table};
use sandbox_values::error::SqlError;

/// # Errors
/// 37359 for UPDATE and DELETE of an append-only ledger table (the same text for both, as users report).
pub fn may_change(table: &Table, verb: &str) -> Result<(), SqlError> {
    if table.special != Some(Special::AppendOnlyLedger) || verb == "INSERT" {
        return Ok(());
    }
    let text = format!("Updates are not allowed for the append only Ledger table '{}'.", table.name);
    Err(SqlError::new(37359, 16, 1, text))
}

/// # Errors
/// 13545 for a ledger table.
pub fn may_truncate(table: &Table, name: &str) -> Result<(), SqlError> {
    match table.special {
        Some(Special::UpdatableLedger | Special::AppendOnlyLedger) => {
            let text = format!(
                "Truncate failed on table '{name}' because it is not a supported operation on system-versioned tables."
            );
            Err(SqlError::new(13545, 16, 1, text))
        }
        _ => Ok(()),
    }
}
