//! Data definition statements, as parsed. Names are not resolved and expressions are kept as text.
use crate::engine::schema::{BlockedOperation, Durability, LockEscalation, Password, Special};
use crate::engine::tokens::ObjectName;
use crate::engine::type_name::TypeName;

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
    CreateLogin {
        name: String,
        password: Password,
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
    /// Accepted and without effect here, like SINGLE_USER.
    Ignored,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTable {
    pub name: ObjectName,
    pub columns: Vec<ColumnDef>,
    pub constraints: Vec<ConstraintDef>,
    pub indexes: Vec<IndexDef>,
    pub placement: Option<Placement>,
    pub memory_optimized: Option<Durability>,
    pub special: Option<Special>,
}

/// `ON data_space` or `ON scheme(column)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    pub space: String,
    pub column: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDef {
    pub name: String,
    pub kind: ColumnKind,
    /// From its first word, for messages.
    pub line: u32,
    pub collation: Option<String>,
    /// None where neither NULL nor NOT NULL is written.
    pub nullable: Option<bool>,
    /// Seed and increment.
    pub identity: Option<(i64, i64)>,
    pub default: Option<DefaultDef>,
    pub rowguidcol: bool,
    pub sparse: bool,
    /// The masking function, as written.
    pub mask: Option<String>,
    pub constraints: Vec<ConstraintDef>,
    pub indexes: Vec<IndexDef>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnKind {
    Typed(TypeName),
    Computed { definition: String, persisted: bool },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultDef {
    pub name: Option<String>,
    pub definition: String,
    /// WITH VALUES: a nullable column added to a table takes it in the rows there are.
    pub with_values: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConstraintDef {
    pub name: Option<String>,
    pub kind: ConstraintKind,
    /// The column it was written with.
    pub column: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConstraintKind {
    Key {
        primary: bool,
        clustered: Option<bool>,
        /// Name, descending.
        columns: Vec<(String, bool)>,
        ignore_dup_key: bool,
        placement: Option<Placement>,
    },
    Check {
        definition: String,
    },
    Foreign(ForeignDef),
    /// `DEFAULT definition FOR column`, in ALTER TABLE only.
    Default {
        definition: String,
        column: String,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignDef {
    pub columns: Vec<String>,
    pub table: ObjectName,
    /// Empty: the primary key.
    pub referenced: Vec<String>,
    /// 0 NO_ACTION, 1 CASCADE, 2 SET_NULL, 3 SET_DEFAULT.
    pub on_delete: u8,
    pub on_update: u8,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlterTable {
    /// `check` is false under WITH NOCHECK, None where neither is written.
    Add {
        columns: Vec<ColumnDef>,
        constraints: Vec<ConstraintDef>,
        check: Option<bool>,
    },
    Drop {
        items: Vec<DropItem>,
    },
    AlterColumn {
        name: String,
        type_name: TypeName,
        collation: Option<String>,
        nullable: Option<bool>,
        mask: Option<String>,
    },
    /// `ALTER COLUMN name ADD|DROP property`.
    ColumnProperty {
        name: String,
        property: ColumnProperty,
    },
    /// `names` empty means ALL. `validate`: WITH CHECK.
    Constraints {
        names: Vec<String>,
        enable: bool,
        validate: bool,
    },
    /// `names` empty means ALL.
    Triggers {
        names: Vec<String>,
        enable: bool,
    },
    Switch {
        from: Option<i64>,
        target: ObjectName,
        to: Option<i64>,
    },
    Rebuild,
    LockEscalation(LockEscalation),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnProperty {
    /// The masking function as written; `None` drops it.
    Mask(Option<String>),
    Sparse(bool),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DropItem {
    pub column: bool,
    pub name: String,
    pub if_exists: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateIndex {
    pub table: ObjectName,
    pub index: IndexDef,
    pub drop_existing: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexDef {
    pub name: String,
    pub unique: bool,
    pub clustered: bool,
    pub columnstore: bool,
    /// Name, descending. For a nonclustered columnstore: its columns.
    pub columns: Vec<(String, bool)>,
    pub included: Vec<String>,
    pub filter: Option<String>,
    pub ignore_dup_key: bool,
    pub placement: Option<Placement>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlterIndex {
    Disable,
    Rebuild,
    Reorganize,
    /// SET (…): options that do not exist here.
    Set,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateView {
    pub name: ObjectName,
    pub alter: bool,
    pub create: bool,
    /// Names given after the view's; empty means the SELECT's own.
    pub columns: Vec<String>,
    pub schema_bound: bool,
    pub select: String,
    /// The whole statement as written.
    pub definition: String,
}

/// An inline table-valued function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateFunction {
    pub name: ObjectName,
    pub alter: bool,
    pub create: bool,
    pub parameters: Vec<(String, TypeName)>,
    pub schema_bound: bool,
    pub select: String,
    /// The whole statement as written.
    pub definition: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityPolicyDef {
    pub name: ObjectName,
    pub predicates: Vec<PredicateChange>,
    pub enabled: bool,
    pub schema_bound: bool,
    pub not_for_replication: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PredicateChange {
    pub verb: PredicateVerb,
    pub blocks: bool,
    pub table: ObjectName,
    pub operation: Option<BlockedOperation>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PredicateVerb {
    /// The function, and its arguments as written.
    Add(ObjectName, Vec<String>),
    Alter(ObjectName, Vec<String>),
    Drop,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTrigger {
    pub name: ObjectName,
    pub table: ObjectName,
    /// INSTEAD OF, not AFTER.
    pub instead: bool,
    pub events: Vec<String>,
    pub body: String,
    /// The whole statement as written.
    pub definition: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatePartitionFunction {
    pub name: String,
    pub type_name: TypeName,
    pub boundary_right: bool,
    /// Expressions as written.
    pub boundaries: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginChange {
    Password(Password),
    Disable(bool),
    DefaultDatabase(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Grant { with_option: bool },
    Deny,
    Revoke,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionChange {
    pub verb: Verb,
    /// In capitals.
    pub permissions: Vec<String>,
    pub on: Option<SecurableName>,
    pub principals: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecurableName {
    Object(ObjectName),
    /// A table's column.
    Column(ObjectName, String),
    Schema(String),
    Database(String),
}
