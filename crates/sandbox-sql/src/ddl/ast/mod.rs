//! Data definition statements, as parsed. Names are not resolved and expressions are kept as text.
mod module;
mod security;
mod table;

pub use module::{
    CreateFunction, CreateTrigger, CreateView, PredicateChange, PredicateVerb, SecurityPolicyDef,
};
pub use security::{LoginChange, PermissionChange, SecurableName, Verb};
pub use table::{
    AlterIndex, AlterTable, ColumnDef, ColumnKind, ColumnProperty, ConstraintDef, ConstraintKind,
    CreateIndex, CreateStatistics, CreateTable, DefaultDef, DropItem, ForeignDef, IndexDef, Placement,
};

use crate::terms::{Password, RetentionUnit};
use crate::tokens::ObjectName;
use crate::type_name::TypeName;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ddl {
    CreateDatabase {
        name: String,
        collation: Option<String>,
    },
    DropDatabase {
        names: Vec<String>,
        if_exists: bool,
    },
    /// `name` is None for `ALTER DATABASE CURRENT`.
    AlterDatabase {
        name: Option<String>,
        changes: Vec<DatabaseChange>,
    },
    CreateSchema {
        name: String,
        owner: Option<String>,
    },
    DropSchema {
        name: String,
        if_exists: bool,
    },
    CreateTable(CreateTable),
    AlterTable {
        table: ObjectName,
        action: AlterTable,
    },
    DropTable {
        names: Vec<ObjectName>,
        if_exists: bool,
    },
    /// `partitions`: numbers and ranges, both ends included; empty means the whole table.
    Truncate {
        table: ObjectName,
        partitions: Vec<(i64, i64)>,
    },
    CreateIndex(CreateIndex),
    CreateStatistics(CreateStatistics),
    DropStatistics {
        name: String,
        table: ObjectName,
    },
    DropIndex {
        indexes: Vec<(String, ObjectName)>,
        if_exists: bool,
    },
    /// `index` is None for ALL.
    AlterIndex {
        index: Option<String>,
        table: ObjectName,
        action: AlterIndex,
    },
    CreateView(CreateView),
    DropView {
        names: Vec<ObjectName>,
        if_exists: bool,
    },
    CreateFunction(CreateFunction),
    DropFunction {
        names: Vec<ObjectName>,
        if_exists: bool,
    },
    CreateSecurityPolicy(SecurityPolicyDef),
    AlterSecurityPolicy {
        name: ObjectName,
        changes: Vec<PredicateChange>,
        enable: Option<bool>,
    },
    DropSecurityPolicy {
        name: ObjectName,
        if_exists: bool,
    },
    CreateSynonym {
        name: ObjectName,
        base: ObjectName,
    },
    DropSynonym {
        name: ObjectName,
        if_exists: bool,
    },
    CreateTrigger(CreateTrigger),
    DropTrigger {
        names: Vec<ObjectName>,
        if_exists: bool,
    },
    CreatePartitionFunction(CreatePartitionFunction),
    AlterPartitionFunction {
        name: String,
        boundary: String,
        split: bool,
    },
    DropPartitionFunction {
        name: String,
    },
    CreatePartitionScheme {
        name: String,
        function: String,
        filegroups: Vec<String>,
        all: bool,
    },
    AlterPartitionScheme {
        name: String,
    },
    DropPartitionScheme {
        name: String,
    },
    /// `password`: None means FROM WINDOWS.
    CreateLogin {
        name: String,
        password: Option<Password>,
        default_database: Option<String>,
    },
    AlterLogin {
        name: String,
        change: LoginChange,
    },
    DropLogin {
        name: String,
    },
    /// `login`: None means WITHOUT LOGIN.
    CreateUser {
        name: String,
        login: Option<String>,
        default_schema: Option<String>,
    },
    DropUser {
        name: String,
        if_exists: bool,
    },
    CreateRole {
        name: String,
    },
    DropRole {
        name: String,
        if_exists: bool,
    },
    AlterRole {
        name: String,
        member: String,
        add: bool,
    },
    /// ALTER SERVER ROLE, for sysadmin.
    AlterServerRole {
        name: String,
        member: String,
        add: bool,
    },
    Permission(PermissionChange),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseChange {
    Collate(String),
    Rename(String),
    AllowSnapshotIsolation(bool),
    ReadCommittedSnapshot(bool),
    /// 1 FULL, 2 BULK_LOGGED, 3 SIMPLE.
    Recovery(u8),
    CompatibilityLevel(u8),
    ReadOnly(bool),
    ChangeTracking(TrackingChange),
    /// Accepted and without effect here, like SINGLE_USER.
    Ignored,
}

/// `SET CHANGE_TRACKING [= ON|OFF] [(options)]`. An option that is said twice is in `repeated`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrackingChange {
    pub on: Option<bool>,
    pub retention: Option<(i64, RetentionUnit)>,
    pub auto_cleanup: Option<bool>,
    pub repeated: Option<&'static str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatePartitionFunction {
    pub name: String,
    pub type_name: TypeName,
    pub boundary_right: bool,
    /// Expressions as written.
    pub boundaries: Vec<String>,
}
