//! The SET options that some indexes demand of whoever changes their rows (Microsoft docs, "CREATE INDEX", "Required SET
//! options for filtered indexes", and "Create indexed views").
use sandbox_catalog::schema::{Database, Table};
use sandbox_session::Session;
use sandbox_values::error::SqlError;

/// By their bits in `@@OPTIONS`. Since ANSI_WARNINGS ON implies ARITHABORT ON, that is not asked for by itself.
const ON: &[(&str, u32)] = &[
    ("ANSI_NULLS", 32),
    ("QUOTED_IDENTIFIER", 256),
    ("CONCAT_NULL_YIELDS_NULL", 4096),
    ("ANSI_WARNINGS", 8),
    ("ANSI_PADDING", 16),
];
const NUMERIC_ROUNDABORT: u32 = 8192;

/// # Errors
/// 1934 where an option is not as a filtered index, an index on a computed column or an indexed view needs it.
pub fn check(session: &Session, database: &Database, table: &Table, verb: &str) -> Result<(), SqlError> {
    if depends(database, table) { options(session, verb) } else { Ok(()) }
}

fn depends(database: &Database, table: &Table) -> bool {
    let mut enabled = table.indexes.iter().filter(|i| !i.disabled);
    enabled.any(|i| index(table, i.index_id)) || database.indexed_view_of(table.object_id).is_some()
}

/// Is it a filtered index, or one with a computed column?
pub fn index(table: &Table, index_id: i32) -> bool {
    let computed = |id: &i32| table.column(*id).is_some_and(|c| c.computed.is_some());
    table.indexes.iter().filter(|i| i.index_id == index_id).any(|i| {
        i.filter.is_some() || i.keys.iter().any(|(id, _)| computed(id)) || i.included.iter().any(computed)
    })
}

/// # Errors
/// 1934.
pub fn options(session: &Session, verb: &str) -> Result<(), SqlError> {
    let bits = session.options.bits();
    let mut wrong: Vec<&str> = ON.iter().filter(|(_, bit)| bits & bit == 0).map(|(name, _)| *name).collect();
    if bits & NUMERIC_ROUNDABORT != 0 {
        wrong.push("NUMERIC_ROUNDABORT");
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let text = format!(
        "{verb} failed because the following SET options have incorrect settings: '{}'. Verify that SET options are correct for \
         use with indexed views and/or indexes on computed columns and/or filtered indexes and/or query notifications and/or XML \
         data type methods and/or spatial index operations.",
        wrong.join(", ")
    );
    Err(SqlError::new(1934, 16, 1, text))
}
