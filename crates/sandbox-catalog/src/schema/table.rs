//! Tables: their columns, indexes, constraints and triggers.
use super::tracking::TableTracking;
use sandbox_sql::hints::Hints;
use sandbox_sql::terms::{Durability, LockEscalation, PageOptions, Special};
use sandbox_values::SqlType;
use sandbox_values::error::SqlError;
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

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
    /// Those that users made.
    #[serde(default)]
    pub statistics: Vec<Statistics>,
    pub checks: Vec<Check>,
    pub triggers: Vec<Trigger>,
    pub identity: Option<IdentityColumn>,
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
    #[serde(default)]
    pub change_tracking: Option<TableTracking>,
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
    pub default: Option<DefaultConstraint>,
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
pub struct DefaultConstraint {
    pub object_id: i32,
    pub name: String,
    pub system_named: bool,
    /// In parentheses, as sys.default_constraints shows it: `((0))`, `(getdate())`.
    pub definition: String,
    pub created: SystemTime,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IdentityColumn {
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
    #[serde(default)]
    pub pages: PageOptions,
    pub created: SystemTime,
}

/// Of columns, without the figures.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Statistics {
    pub name: String,
    pub columns: Vec<i32>,
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

impl Table {
    pub fn column(&self, id: i32) -> Option<&Column> {
        self.columns.iter().find(|c| c.column_id == id)
    }

    /// Statistics by number, with their name and columns: those of indexes have the index's number, and users' own the
    /// numbers after them.
    pub fn all_statistics(&self) -> impl Iterator<Item = (i32, &str, Vec<i32>)> {
        let of_indexes = self.indexes.iter().filter(|index| index.index_id > 0).map(|index| {
            let keys = index.keys.iter().map(|(column, _)| *column);
            let columns = if keys.len() == 0 { index.included.clone() } else { keys.collect() };
            (index.index_id, index.name.as_deref().unwrap_or_default(), columns)
        });
        let last = self.indexes.iter().map(|index| index.index_id).max().unwrap_or_default();
        let own = (last + 1..).zip(&self.statistics).map(|(id, s)| (id, s.name.as_str(), s.columns.clone()));
        of_indexes.chain(own)
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
