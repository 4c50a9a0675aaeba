//! Temporary tables end with their session.
use super::names::TEMPDB;
use crate::failure::Outcome;
use crate::session::Session;
use sandbox_catalog::store;
use std::sync::Arc;

/// Drops the session's temporary tables. No one else can have a lock on them.
///
/// # Errors
/// SQLite's.
pub fn drop_all(session: &mut Session) -> Outcome {
    let engine = Arc::clone(&session.engine);
    let gone: Vec<i64> = {
        let instance = engine.instance();
        let tables = instance.databases.get(&TEMPDB).into_iter().flat_map(|d| d.tables.values());
        tables.filter(|t| t.owner_session == Some(session.id)).flat_map(|t| t.storage.clone()).collect()
    };
    if gone.is_empty() {
        return Ok(());
    }
    if let Some(tempdb) = engine.instance_mut().databases.get_mut(&TEMPDB) {
        tempdb.tables.retain(|_, t| t.owner_session != Some(session.id));
    }
    session.write(|session| {
        for storage in gone {
            store::drop_partition(&session.connection, storage)?;
        }
        Ok(())
    })
}
