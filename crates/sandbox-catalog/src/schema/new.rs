//! A database as it is made.
use super::{Database, Principal, PrincipalKind};
use crate::permissions;
use sandbox_values::CollationId;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// A database as CREATE DATABASE makes it: copied from model, so to say.
pub fn new_database(id: i16, name: &str, collation: CollationId, created: SystemTime) -> Database {
    let schemas = [(1, "dbo"), (2, "guest"), (3, "INFORMATION_SCHEMA"), (4, "sys")];
    let principal = |principal_id, name: &str, kind| {
        let default_schema = if principal_id == 1 { "dbo" } else { "guest" }.to_owned();
        (
            principal_id,
            Principal { principal_id, name: name.to_owned(), kind, roles: vec![], default_schema, created },
        )
    };
    let mut principals = BTreeMap::from([
        principal(0, "public", PrincipalKind::Role),
        principal(1, "dbo", PrincipalKind::User { login: Some(1) }),
        principal(2, "guest", PrincipalKind::User { login: None }),
        principal(3, "INFORMATION_SCHEMA", PrincipalKind::User { login: None }),
        principal(4, "sys", PrincipalKind::User { login: None }),
    ]);
    principals
        .extend(permissions::FIXED_ROLES.iter().map(|(id, name)| principal(*id, name, PrincipalKind::Role)));
    Database {
        id,
        name: name.to_owned(),
        collation,
        created,
        schemas: schemas.into_iter().map(|(id, name)| (id, name.to_owned())).collect(),
        tables: BTreeMap::new(),
        views: BTreeMap::new(),
        functions: BTreeMap::new(),
        policies: BTreeMap::new(),
        synonyms: BTreeMap::new(),
        principals,
        permissions: Vec::new(),
        // The first user object of a new SQL Server 2022 database gets 901578250.
        last_object_id: 885_578_193,
        partition_functions: BTreeMap::new(),
        partition_schemes: BTreeMap::new(),
        read_only: false,
        allow_snapshot: matches!(id, 1 | 4),
        read_committed_snapshot: false,
        recovery_model: if matches!(id, 1 | 2 | 4) { 3 } else { 1 },
        compatibility_level: 160,
        change_tracking: None,
        restores: 0,
    }
}
