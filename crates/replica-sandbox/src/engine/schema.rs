//! What the catalog knows: databases, tables, columns, indexes, constraints. Plain data, no I/O.
use crate::values::{CollationId, SqlType};
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub struct Database {
    pub id: i16,
    pub name: String,
    pub collation: CollationId,
    /// schema_id → name; dbo is 1.
    pub schemas: BTreeMap<i32, String>,
    /// object_id → table.
    pub tables: BTreeMap<i32, Table>,
    pub partition_functions: BTreeMap<i32, PartitionFunction>,
    pub partition_schemes: BTreeMap<i32, PartitionScheme>,
    pub allow_snapshot: bool,
    pub read_committed_snapshot: bool,
    /// 1 FULL, 2 BULK_LOGGED, 3 SIMPLE.
    pub recovery_model: u8,
    pub compatibility_level: u8,
}

#[derive(Clone, Debug)]
pub struct Table {
    pub object_id: i32,
    pub schema_id: i32,
    pub name: String,
    pub columns: Vec<Column>,
    /// Includes index_id 0 or 1 first: HEAP, clustered or clustered columnstore.
    pub indexes: Vec<Index>,
    pub foreign_keys: Vec<ForeignKey>,
    pub checks: Vec<Check>,
    pub triggers: Vec<Trigger>,
    pub identity: Option<Identity>,
    /// The SQLite table that holds the rows, one a partition (a single entry when not partitioned).
    pub storage: Vec<i64>,
    pub partitioned_on: Option<(i32, i32)>,
}

#[derive(Clone, Debug)]
pub struct Column {
    pub column_id: i32,
    pub name: String,
    pub sql_type: SqlType,
    pub nullable: bool,
    /// The declared type name where it is an alias: sysname.
    pub type_name: Option<String>,
    pub identity: bool,
    pub computed: Option<Computed>,
    pub default: Option<Default>,
    pub rowguidcol: bool,
    /// 0 none, 1 AS_ROW_START, 2 AS_ROW_END.
    pub generated_always: u8,
}

#[derive(Clone, Debug)]
pub struct Computed {
    pub definition: String,
    pub persisted: bool,
}

#[derive(Clone, Debug)]
pub struct Default {
    pub object_id: i32,
    pub name: String,
    pub definition: String,
}

#[derive(Clone, Debug)]
pub struct Identity {
    pub seed: i64,
    pub increment: i64,
    pub last: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexKind {
    Heap,
    Clustered,
    Nonclustered,
    ClusteredColumnstore,
    NonclusteredColumnstore,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backs {
    Nothing,
    PrimaryKey,
    UniqueConstraint,
}

#[derive(Clone, Debug)]
pub struct Index {
    pub index_id: i32,
    /// The constraint's object_id where it backs one.
    pub object_id: i32,
    pub name: Option<String>,
    pub kind: IndexKind,
    pub unique: bool,
    pub backs: Backs,
    pub disabled: bool,
    /// (column_id, descending)
    pub keys: Vec<(i32, bool)>,
    pub included: Vec<i32>,
    pub filter: Option<String>,
}

#[derive(Clone, Debug)]
pub struct ForeignKey {
    pub object_id: i32,
    pub name: String,
    pub columns: Vec<i32>,
    pub references: i32,
    pub referenced_columns: Vec<i32>,
    pub disabled: bool,
    pub not_trusted: bool,
    /// 0 NO_ACTION, 1 CASCADE, 2 SET_NULL, 3 SET_DEFAULT.
    pub on_delete: u8,
    pub on_update: u8,
}

#[derive(Clone, Debug)]
pub struct Check {
    pub object_id: i32,
    pub name: String,
    pub definition: String,
    pub disabled: bool,
    pub not_trusted: bool,
}

#[derive(Clone, Debug)]
pub struct Trigger {
    pub object_id: i32,
    pub name: String,
    pub events: Vec<String>,
    pub body: String,
    pub disabled: bool,
}

#[derive(Clone, Debug)]
pub struct PartitionFunction {
    pub id: i32,
    pub name: String,
    pub sql_type: SqlType,
    pub boundary_right: bool,
    /// Boundary literals as written, in order.
    pub boundaries: Vec<String>,
}

#[derive(Clone, Debug)]
pub struct PartitionScheme {
    pub id: i32,
    pub name: String,
    pub function_id: i32,
}
