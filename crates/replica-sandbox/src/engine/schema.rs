//! What the catalog knows: databases, tables, columns, indexes, constraints. Plain data, no I/O.
use crate::engine::hints::Hints;
use crate::error::SqlError;
use crate::values::compare::compare;
use crate::values::{CollationId, SqlType, Value};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

mod modules;
mod principals;
pub mod saved;

pub use crate::engine::terms::{BlockedOperation, Durability, LockEscalation, Password, Special};
pub use modules::{SecurityPolicy, SecurityPredicate, Synonym, TableFunction};
pub use principals::{Grant, Login, Permission, Principal, PrincipalKind, Securable};

/// What one server knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Instance {
    /// database_id → database: 1 master, 2 tempdb, 3 model, 4 msdb, then the users'.
    pub databases: BTreeMap<i16, Database>,
    /// principal_id → login; 1 is sa.
    pub logins: BTreeMap<i32, Login>,
    pub started: SystemTime,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Database {
    pub id: i16,
    pub name: String,
    pub collation: CollationId,
    pub created: SystemTime,
    /// schema_id → name; dbo is 1.
    pub schemas: BTreeMap<i32, String>,
    /// object_id → table. In tempdb also the sessions' temporary tables.
    #[serde(with = "saved::tables")]
    pub tables: BTreeMap<i32, Arc<Table>>,
    /// object_id → view.
    pub views: BTreeMap<i32, View>,
    #[serde(default)]
    pub functions: BTreeMap<i32, TableFunction>,
    #[serde(default)]
    pub policies: BTreeMap<i32, SecurityPolicy>,
    #[serde(default)]
    pub synonyms: BTreeMap<i32, Synonym>,
    /// principal_id → user or role; 0 public, 1 dbo.
    pub principals: BTreeMap<i32, Principal>,
    pub permissions: Vec<Permission>,
    /// The object_id given last: tables, views, constraints and triggers share one sequence.
    pub last_object_id: i32,
    pub partition_functions: BTreeMap<i32, PartitionFunction>,
    pub partition_schemes: BTreeMap<i32, PartitionScheme>,
    pub read_only: bool,
    pub allow_snapshot: bool,
    pub read_committed_snapshot: bool,
    /// 1 FULL, 2 BULK_LOGGED, 3 SIMPLE.
    pub recovery_model: u8,
    pub compatibility_level: u8,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct View {
    pub object_id: i32,
    pub schema_id: i32,
    pub name: String,
    /// What the SELECT gave when the view was made.
    pub columns: Vec<Column>,
    /// The whole CREATE VIEW statement as written, and its SELECT.
    pub definition: String,
    pub select: String,
    /// The tables that SCHEMABINDING ties it to; `None` without it.
    #[serde(default)]
    pub bound_to: Option<Vec<i32>>,
    /// The tables that the SELECT reads, in the view's own database.
    #[serde(default)]
    pub reads: Vec<i32>,
    /// A unique clustered one first. Its rows are what the SELECT gives: nothing is stored.
    #[serde(default)]
    pub indexes: Vec<Index>,
    pub created: SystemTime,
    pub modified: SystemTime,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Table {
    pub object_id: i32,
    pub schema_id: i32,
    /// A temporary table's is the short one, with its #.
    pub name: String,
    /// The session a temporary table belongs to.
    pub owner_session: Option<u16>,
    pub created: SystemTime,
    pub modified: SystemTime,
    /// The highest column_id ever given: those of dropped columns are not used again.
    pub max_column_id: i32,
    pub columns: Vec<Column>,
    /// Includes index_id 0 or 1 first: HEAP, clustered or clustered columnstore.
    pub indexes: Vec<Index>,
    pub foreign_keys: Vec<ForeignKey>,
    pub checks: Vec<Check>,
    pub triggers: Vec<Trigger>,
    pub identity: Option<Identity>,
    /// The SQLite table that holds the rows, one a partition (a single entry when not partitioned).
    pub storage: Vec<i64>,
    /// The partition scheme's id and the partitioning column's column_id.
    pub partitioned_on: Option<(i32, i32)>,
    #[serde(default)]
    pub memory_optimized: Option<Durability>,
    #[serde(default)]
    pub special: Option<Special>,
    #[serde(default)]
    pub lock_escalation: LockEscalation,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
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
    #[serde(default)]
    pub sparse: bool,
    /// The masking function, as sys.masked_columns shows it.
    #[serde(default)]
    pub mask: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Computed {
    pub definition: String,
    pub persisted: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Default {
    pub object_id: i32,
    pub name: String,
    pub system_named: bool,
    /// In parentheses, as sys.default_constraints shows it: `((0))`, `(getdate())`.
    pub definition: String,
    pub created: SystemTime,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Identity {
    pub seed: i64,
    pub increment: i64,
    pub last: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IndexKind {
    Heap,
    Clustered,
    Nonclustered,
    ClusteredColumnstore,
    NonclusteredColumnstore,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Backs {
    Nothing,
    PrimaryKey,
    UniqueConstraint,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Index {
    pub index_id: i32,
    /// The constraint's object_id where it backs one.
    pub object_id: i32,
    pub name: Option<String>,
    /// The name of the key it backs was made up by the server.
    pub system_named: bool,
    pub kind: IndexKind,
    pub unique: bool,
    pub backs: Backs,
    pub disabled: bool,
    /// (column_id, descending)
    pub keys: Vec<(i32, bool)>,
    pub included: Vec<i32>,
    /// In parentheses, as sys.indexes shows it.
    pub filter: Option<String>,
    /// Rows with a key that is there already are passed over, not refused.
    #[serde(default)]
    pub ignore_dup_key: bool,
    pub created: SystemTime,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ForeignKey {
    pub object_id: i32,
    pub name: String,
    pub system_named: bool,
    pub created: SystemTime,
    pub columns: Vec<i32>,
    /// object_id of the referenced table, and the index_id of its key that is meant.
    pub references: i32,
    pub key_index: i32,
    pub referenced_columns: Vec<i32>,
    pub disabled: bool,
    pub not_trusted: bool,
    /// 0 NO_ACTION, 1 CASCADE, 2 SET_NULL, 3 SET_DEFAULT.
    pub on_delete: u8,
    pub on_update: u8,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Check {
    pub object_id: i32,
    pub name: String,
    pub system_named: bool,
    /// column_id where it was written with a column: 547 then names the column.
    pub column: Option<i32>,
    /// In parentheses, as sys.check_constraints shows it.
    pub definition: String,
    pub created: SystemTime,
    pub disabled: bool,
    pub not_trusted: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trigger {
    pub object_id: i32,
    pub name: String,
    /// In capitals: INSERT, UPDATE, DELETE.
    pub events: Vec<String>,
    /// The whole CREATE TRIGGER statement as written, and what comes after its AS.
    pub definition: String,
    pub body: String,
    /// It runs in the statement's stead, not after it.
    #[serde(default)]
    pub instead_of: bool,
    pub disabled: bool,
    pub created: SystemTime,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PartitionFunction {
    /// function_id, from 65536.
    pub id: i32,
    pub name: String,
    pub created: SystemTime,
    pub sql_type: SqlType,
    pub boundary_right: bool,
    /// In `sql_type`, ascending.
    pub boundaries: Vec<Value>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PartitionScheme {
    /// data_space_id, from 65601.
    pub id: i32,
    pub name: String,
    pub function_id: i32,
}

/// Do two identifiers mean the same? Case counts where the collation says so; accents always do.
pub fn same_name(collation: CollationId, a: &str, b: &str) -> bool {
    if collation.get().is_case_sensitive() { a == b } else { a.to_lowercase() == b.to_lowercase() }
}

impl Instance {
    /// By name: databases' own names compare by the server's collation.
    pub fn database(&self, name: &str) -> Option<&Database> {
        self.databases.values().find(|d| same_name(CollationId::SERVER_DEFAULT, &d.name, name))
    }
}

impl Database {
    pub fn schema_id(&self, name: &str) -> Option<i32> {
        self.schemas.iter().find(|(_, n)| self.same_name(n, name)).map(|(id, _)| *id)
    }

    pub fn schema_name(&self, id: i32) -> &str {
        self.schemas.get(&id).map_or("", String::as_str)
    }

    /// A table that is not temporary.
    pub fn table(&self, schema_id: i32, name: &str) -> Option<&Arc<Table>> {
        self.tables
            .values()
            .find(|t| t.owner_session.is_none() && t.schema_id == schema_id && self.same_name(&t.name, name))
    }

    /// A temporary table of this session.
    pub fn temporary_table(&self, session: u16, name: &str) -> Option<&Arc<Table>> {
        self.tables.values().find(|t| t.owner_session == Some(session) && self.same_name(&t.name, name))
    }

    pub fn view(&self, schema_id: i32, name: &str) -> Option<&View> {
        self.views.values().find(|v| v.schema_id == schema_id && self.same_name(&v.name, name))
    }

    pub fn function(&self, schema_id: i32, name: &str) -> Option<&TableFunction> {
        self.functions.values().find(|f| f.schema_id == schema_id && self.same_name(&f.name, name))
    }

    pub fn policy(&self, schema_id: i32, name: &str) -> Option<&SecurityPolicy> {
        self.policies.values().find(|p| p.schema_id == schema_id && self.same_name(&p.name, name))
    }

    pub fn synonym(&self, schema_id: i32, name: &str) -> Option<&Synonym> {
        self.synonyms.values().find(|s| s.schema_id == schema_id && self.same_name(&s.name, name))
    }

    /// The name of a schema-bound module or policy that needs this table or function.
    pub fn bound_to(&self, object_id: i32) -> Option<&str> {
        let needs = |ids: &Option<Vec<i32>>| ids.as_ref().is_some_and(|ids| ids.contains(&object_id));
        let view = self.views.values().find(|v| needs(&v.bound_to)).map(|v| v.name.as_str());
        let function = || self.functions.values().find(|f| needs(&f.bound_to)).map(|f| f.name.as_str());
        let uses = |p: &SecurityPredicate| p.table == object_id || p.function == object_id;
        let policy = || self.policies.values().find(|p| p.schema_bound && p.predicates.iter().any(uses));
        view.or_else(function).or_else(|| policy().map(|p| p.name.as_str()))
    }

    /// An indexed view that reads this table.
    pub fn indexed_view_of(&self, table: i32) -> Option<&View> {
        let reads = |v: &&View| v.bound_to.as_ref().is_some_and(|ids| ids.contains(&table));
        self.views.values().filter(reads).find(|v| !v.indexes.is_empty())
    }

    /// Every object that has a schema and is no part of a table: object_id, schema_id, name and sys.objects.type.
    pub fn objects(&self) -> impl Iterator<Item = (i32, i32, &str, &'static str)> {
        let tables = self.tables.values().filter(|t| t.owner_session.is_none());
        let tables = tables.map(|t| (t.object_id, t.schema_id, t.name.as_str(), "U"));
        let views = self.views.values().map(|v| (v.object_id, v.schema_id, v.name.as_str(), "V"));
        let functions = self.functions.values().map(|f| (f.object_id, f.schema_id, f.name.as_str(), "IF"));
        let policies = self.policies.values().map(|p| (p.object_id, p.schema_id, p.name.as_str(), "SP"));
        let synonyms = self.synonyms.values().map(|s| (s.object_id, s.schema_id, s.name.as_str(), "SN"));
        tables.chain(views).chain(functions).chain(policies).chain(synonyms)
    }

    /// Identifiers compare by the database's collation.
    pub fn same_name(&self, a: &str, b: &str) -> bool {
        same_name(self.collation, a, b)
    }

    /// The next object_id: SQL Server's go up in steps of 16,000,057, modulo 2^31.
    pub fn next_object_id(&mut self) -> i32 {
        let used = |id: i32| {
            self.tables.contains_key(&id)
                || self.views.contains_key(&id)
                || self.functions.contains_key(&id)
                || self.policies.contains_key(&id)
                || self.synonyms.contains_key(&id)
        };
        let mut id = self.last_object_id;
        loop {
            id = (id.wrapping_add(16_000_057)) & i32::MAX;
            if id > 100 && !used(id) {
                self.last_object_id = id;
                return id;
            }
        }
    }
}

impl PartitionFunction {
    /// The position, from 0, of the partition that a value of `sql_type` goes to. NULL goes to the first.
    pub fn partition_of(&self, value: &Value) -> usize {
        let below = |boundary: &&Value| match compare(value, boundary, &self.sql_type) {
            Ordering::Less => false,
            Ordering::Equal => self.boundary_right,
            Ordering::Greater => true,
        };
        if *value == Value::Null { 0 } else { self.boundaries.iter().take_while(below).count() }
    }
}

impl Table {
    pub fn column(&self, id: i32) -> Option<&Column> {
        self.columns.iter().find(|c| c.column_id == id)
    }

    /// The heap, clustered index or clustered columnstore that the rows are in.
    pub fn base_index(&self) -> Option<&Index> {
        self.indexes.iter().find(|i| i.index_id <= 1)
    }

    /// # Errors
    /// 651 for locks of rows and pages in a clustered columnstore, which has none.
    pub fn takes(&self, hints: &Hints) -> Result<(), SqlError> {
        let columnstore = self.base_index().is_some_and(|i| i.kind == IndexKind::ClusteredColumnstore);
        match hints.rows_or_pages() {
            Some(hint) if columnstore => {
                let text = format!(
                    "Cannot use the {} granularity hint on the table \"{}\" because locking at the specified granularity is \
                     inhibited.",
                    hint.to_uppercase(),
                    self.name
                );
                Err(SqlError::new(651, 16, 1, text))
            }
            _ => Ok(()),
        }
    }

    /// As the table that a statement changes.
    ///
    /// # Errors
    /// 1065; 651.
    pub fn takes_as_target(&self, hints: &Hints) -> Result<(), SqlError> {
        if hints.reads_uncommitted() {
            let text = "The NOLOCK and READUNCOMMITTED lock hints are not allowed for target tables of INSERT, UPDATE, \
                        DELETE or MERGE statements.";
            return Err(SqlError::new(1065, 15, 1, text));
        }
        self.takes(hints)
    }

    /// Names of its constraints, keys included.
    pub fn constraint_names(&self) -> impl Iterator<Item = &str> {
        let keys =
            self.indexes.iter().filter(|i| i.backs != Backs::Nothing).filter_map(|i| i.name.as_deref());
        let defaults = self.columns.iter().filter_map(|c| c.default.as_ref()).map(|d| d.name.as_str());
        let checks = self.checks.iter().map(|c| c.name.as_str());
        keys.chain(defaults).chain(checks).chain(self.foreign_keys.iter().map(|f| f.name.as_str()))
    }

    pub fn primary_key(&self) -> Option<&Index> {
        self.indexes.iter().find(|i| i.backs == Backs::PrimaryKey)
    }
}
