//! Memory-optimized tables: a flag in the catalog, with the rules that keep other tables' statements off them
//! (Microsoft docs, "Transactions with memory-optimized tables", "Transact-SQL constructs not supported by In-Memory
//! OLTP"). Their rows lie where all rows do.
use sandbox_catalog::schema::{Durability, IndexKind, Table};
use sandbox_session::Session;
use sandbox_session::options::Isolation;
use sandbox_sql::hints::Hints;
use sandbox_values::error::SqlError;

/// What CREATE TABLE asks of one.
///
/// # Errors
/// 12317 for a clustered index, 41321 without a primary key, 41327 without any index.
pub fn check(table: &Table) -> Result<(), SqlError> {
    let Some(durability) = table.memory_optimized else { return Ok(()) };
    let clustered = [IndexKind::Clustered, IndexKind::ClusteredColumnstore];
    if table.indexes.iter().any(|i| clustered.contains(&i.kind)) {
        let text = "Clustered indexes, which are the default for primary keys, are not supported with memory optimized \
                    tables.";
        return Err(SqlError::new(12317, 16, 76, text));
    }
    let name = &table.name;
    if durability == Durability::SchemaAndData && table.primary_key().is_none() {
        let text = format!(
            "The memory optimized table '{name}' with DURABILITY=SCHEMA_AND_DATA must have a primary key."
        );
        return Err(SqlError::new(41321, 16, 7, text));
    }
    if table.indexes.iter().all(|i| i.index_id == 0) {
        let text =
            format!("The memory optimized table '{name}' must have at least one index or a primary key.");
        return Err(SqlError::new(41327, 16, 7, text));
    }
    Ok(())
}

/// # Errors
/// 10794 for a statement that such tables do not take.
pub fn refuse_statement(table: &Table, statement: &str) -> Result<(), SqlError> {
    match table.memory_optimized {
        Some(_) => Err(unsupported("statement", statement)),
        None => Ok(()),
    }
}

/// Under SNAPSHOT they can't be touched at all.
///
/// # Errors
/// 41332.
pub fn may_touch(session: &Session, table: &Table) -> Result<(), SqlError> {
    if table.memory_optimized.is_none() || session.options.isolation != Isolation::Snapshot {
        return Ok(());
    }
    Err(not_under_snapshot())
}

/// 41332.
pub fn not_under_snapshot() -> SqlError {
    let text = "Memory optimized tables and natively compiled modules cannot be accessed or created when the session \
                TRANSACTION ISOLATION LEVEL is set to SNAPSHOT.";
    SqlError::new(41332, 16, 1, text)
}

/// # Errors
/// 41332; 41333 under REPEATABLE READ and SERIALIZABLE, 41368 in a transaction under READ COMMITTED, unless a hint
/// names an isolation level; 10794 for a lock hint.
pub fn may_read(session: &Session, table: &Table, hints: &Hints) -> Result<(), SqlError> {
    if table.memory_optimized.is_none() {
        return Ok(());
    }
    may_touch(session, table)?;
    if let Some(hint) = hints.disk_only() {
        return Err(unsupported("table option", hint));
    }
    let in_transaction = session.transaction.as_ref().is_some_and(|t| t.depth > 0);
    match session.options.isolation {
        _ if hints.names_isolation() => Ok(()),
        Isolation::RepeatableRead | Isolation::Serializable => {
            let text = "The following transactions must access memory optimized tables and natively compiled modules under \
                        snapshot isolation: RepeatableRead transactions, Serializable transactions, and transactions that \
                        access tables that are not memory optimized in RepeatableRead or Serializable isolation.";
            Err(SqlError::new(41333, 16, 1, text))
        }
        _ if in_transaction => {
            let text = "Accessing memory optimized tables using the READ COMMITTED isolation level is supported only for \
                        autocommit transactions. It is not supported for explicit or implicit transactions. Provide a \
                        supported isolation level for the memory optimized table using a table hint, such as WITH \
                        (SNAPSHOT).";
            Err(SqlError::new(41368, 16, 0, text))
        }
        _ => Ok(()),
    }
}

fn unsupported(kind: &str, what: &str) -> SqlError {
    let text = format!("The {kind} '{what}' is not supported with memory optimized tables.");
    SqlError::new(10794, 16, 1, text)
}
