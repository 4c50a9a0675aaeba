//! Tables, their columns, constraints and indexes.
use crate::terms::{Durability, LockEscalation, PageOptions, Special};
use crate::tokens::ObjectName;
use crate::type_name::TypeName;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTable {
    pub name: ObjectName,
    pub columns: Vec<ColumnDef>,
    pub constraints: Vec<ConstraintDef>,
    pub indexes: Vec<IndexDef>,
    pub placement: Option<Placement>,
    /// Of a heap.
    pub pages: PageOptions,
    pub memory_optimized: Option<Durability>,
    pub special: Option<Special>,
}

impl CreateTable {
    /// All constraints, those written with columns first.
    pub fn constraints(&self) -> impl Iterator<Item = &ConstraintDef> {
        self.columns.iter().flat_map(|c| &c.constraints).chain(&self.constraints)
    }

    pub fn indexes(&self) -> impl Iterator<Item = &IndexDef> {
        self.columns.iter().flat_map(|c| &c.indexes).chain(&self.indexes)
    }
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
        pages: PageOptions,
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
        /// `WAIT_AT_LOW_PRIORITY (MAX_DURATION = n MINUTES, ABORT_AFTER_WAIT = SELF)`: the minutes.
        low_priority: Option<u32>,
    },
    /// With another compression, where one is said.
    Rebuild(Option<u8>),
    LockEscalation(LockEscalation),
    EnableChangeTracking {
        columns_updated: bool,
    },
    DisableChangeTracking,
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
pub struct CreateStatistics {
    pub name: String,
    pub table: ObjectName,
    pub columns: Vec<String>,
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
    pub pages: PageOptions,
    pub placement: Option<Placement>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlterIndex {
    Disable,
    /// With another compression, where one is said.
    Rebuild(Option<u8>),
    Reorganize,
    /// SET (…): options that do not exist here.
    Set,
}
