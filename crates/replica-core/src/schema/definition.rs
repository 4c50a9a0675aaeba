//! All that a second table like this one needs. Columns are named, not numbered: source and target number them
//! otherwise.
use crate::catalog::{SqlType, TableName};

/// A table or view, as its server's catalog has it, or as a [`Policy`](super::Policy) would make it.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// Always with its schema, as the server spells it.
    pub name: TableName,
    /// A view has columns, and maybe an index.
    pub is_view: bool,
    /// In the table's order.
    pub columns: Vec<ColumnDefinition>,
    /// Keys and unique constraints are among them; a heap is not.
    pub indexes: Vec<IndexDefinition>,
    /// CHECK constraints.
    pub checks: Vec<CheckDefinition>,
    /// The table's own.
    pub foreign_keys: Vec<ForeignKeyDefinition>,
    /// Other tables' keys, and its own, that point at it.
    pub referenced_by: Vec<Referencing>,
    /// Those that users made, not those of indexes.
    pub statistics: Vec<Statistics>,
    /// Where the rows lie: of the heap or the clustered index.
    pub place: DataSpace,
    /// Of the heap; a clustered index has its own.
    pub compression: Compression,
    /// What the table is or has beside its columns, indexes and constraints, in the server's words.
    pub traits: Vec<String>,
    /// The server's estimate.
    pub rows: Option<u64>,
}

/// A column.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnDefinition {
    /// As the server spells it.
    pub name: String,
    /// The base type where the declared one is an alias.
    pub sql_type: SqlType,
    /// Declared as numeric, which is decimal by another name.
    pub numeric: bool,
    /// Set on text alone.
    pub collation: Option<String>,
    /// Whether it takes NULL.
    pub nullable: bool,
    /// Set where the server counts its values.
    pub identity: Option<IdentityRange>,
    /// Set where the server computes its values.
    pub computed: Option<ComputedBy>,
    /// What a row gets that does not name the column.
    pub default: Option<DefaultDefinition>,
    /// What the server knows of the column beside that, and a replica does without: "ROWGUIDCOL", "masked".
    pub traits: Vec<String>,
}

/// Where an identity begins, and how it goes on: whole numbers of up to 38 digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityRange {
    /// The first value.
    pub seed: String,
    /// From one value to the next; may be negative.
    pub increment: String,
}

/// How a column is computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComputedBy {
    /// As the server wrote it.
    pub expression: String,
    /// Whether the values are kept in the rows.
    pub persisted: bool,
}

/// A DEFAULT constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultDefinition {
    /// The constraint's name.
    pub name: ConstraintName,
    /// As the server wrote it.
    pub expression: String,
}

/// A constraint's name. One that the server made up is another on each server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConstraintName {
    /// As the catalog has it.
    pub name: String,
    /// Whether the server made it up (is_system_named).
    pub by_system: bool,
}

/// What an index is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexForm {
    /// A B-tree that holds the rows.
    Clustered,
    /// A B-tree beside the rows.
    Nonclustered,
    /// Columns that hold the rows.
    ClusteredColumnstore,
    /// Columns beside the rows.
    NonclusteredColumnstore,
}

/// The constraint that an index is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backs {
    /// None: it was made by CREATE INDEX.
    Nothing,
    /// PRIMARY KEY.
    PrimaryKey,
    /// UNIQUE.
    UniqueConstraint,
}

/// An index, key or unique constraint.
#[derive(Clone, Debug, PartialEq)]
pub struct IndexDefinition {
    /// Its name, or the constraint's.
    pub name: ConstraintName,
    /// What it is made of.
    pub kind: IndexForm,
    /// The constraint that it is there for.
    pub backs: Backs,
    /// Whether it keeps out a second row with the same key.
    pub unique: bool,
    /// In the order of the key; of a columnstore all of its columns, in the order of the table.
    pub keys: Vec<IndexColumn>,
    /// INCLUDE: columns that it carries beside its key.
    pub included: Vec<String>,
    /// The condition of a filtered index, as the server wrote it.
    pub filter: Option<String>,
    /// IGNORE_DUP_KEY: a second row is dropped with a warning.
    pub ignores_duplicates: bool,
    /// Whether it is disabled.
    pub disabled: bool,
    /// 0: the server's default.
    pub fill_factor: u8,
    /// PAD_INDEX.
    pub padded: bool,
    /// DATA_COMPRESSION.
    pub compression: Compression,
    /// Where it lies.
    pub place: DataSpace,
}

/// A column of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexColumn {
    /// Its name.
    pub column: String,
    /// DESC.
    pub descending: bool,
}

/// sys.partitions.data_compression (Microsoft docs, "sys.partitions").
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Compression {
    /// NONE.
    #[default]
    None,
    /// ROW.
    Row,
    /// PAGE.
    Page,
    /// COLUMNSTORE: each columnstore has it.
    Columnstore,
    /// COLUMNSTORE_ARCHIVE.
    ColumnstoreArchive,
}

/// Where a table or index lies.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DataSpace {
    /// The database's default filegroup, and so said by nobody.
    #[default]
    Default,
    /// A filegroup, by its name.
    Filegroup(String),
    /// Spread over filegroups.
    Scheme {
        /// The partition scheme's name.
        scheme: String,
        /// The column that says which partition.
        column: String,
    },
}

/// A CHECK constraint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckDefinition {
    /// The constraint's name.
    pub name: ConstraintName,
    /// As the server wrote it.
    pub expression: String,
    /// NOCHECK: new rows are not checked.
    pub disabled: bool,
    /// Whether the server has checked the rows that are there.
    pub trusted: bool,
}

/// A foreign key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKeyDefinition {
    /// The constraint's name.
    pub name: ConstraintName,
    /// The table's own columns.
    pub columns: Vec<String>,
    /// The table that it points at.
    pub references: TableName,
    /// The columns that it points at, in the order of `columns`.
    pub referenced: Vec<String>,
    /// As sys.foreign_keys numbers them: 0 NO ACTION, 1 CASCADE, 2 SET NULL, 3 SET DEFAULT.
    pub on_delete: u8,
    /// The same numbers as `on_delete`.
    pub on_update: u8,
    /// NOCHECK: new rows are not checked.
    pub disabled: bool,
    /// Whether the server has checked the rows that are there.
    pub trusted: bool,
}

/// A column of a foreign key that points at the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referencing {
    /// The key's name.
    pub name: String,
    /// The table that has the key.
    pub table: TableName,
    /// The column that it points at.
    pub column: String,
}

/// Statistics on columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// Their name.
    pub name: String,
    /// The columns that they are on.
    pub columns: Vec<String>,
    /// The condition of filtered statistics, as the server wrote it.
    pub filter: Option<String>,
    /// NORECOMPUTE: the server does not bring them up to date by itself.
    pub fixed: bool,
}

impl Definition {
    /// The column of this name; see [`same_name`].
    pub fn column(&self, name: &str) -> Option<&ColumnDefinition> {
        let exact = self.columns.iter().find(|column| column.name == name);
        exact.or_else(|| self.columns.iter().find(|column| same_name(&column.name, name)))
    }

    /// The clustered index, or the columnstore that takes its place.
    pub fn clustered(&self) -> Option<&IndexDefinition> {
        self.indexes.iter().find(|index| index.is_clustered())
    }

    /// The index of the primary key.
    pub fn primary_key(&self) -> Option<&IndexDefinition> {
        self.indexes.iter().find(|index| index.backs == Backs::PrimaryKey)
    }
}

impl IndexDefinition {
    /// Whether it holds the table's rows.
    pub fn is_clustered(&self) -> bool {
        matches!(self.kind, IndexForm::Clustered | IndexForm::ClusteredColumnstore)
    }

    /// Whether it is made of columns.
    pub fn is_columnstore(&self) -> bool {
        matches!(self.kind, IndexForm::ClusteredColumnstore | IndexForm::NonclusteredColumnstore)
    }

    /// Its keys and what it carries beside them.
    pub fn columns(&self) -> impl Iterator<Item = &String> {
        self.keys.iter().map(|key| &key.column).chain(&self.included)
    }

    /// Whether the column is among its keys or carried beside them.
    pub fn uses(&self, column: &str) -> bool {
        self.columns().any(|used| same_name(used, column))
    }
}

/// Are two names in one table the same? As most collations compare: without regard to case. Where two columns of a
/// table differ by case alone, [`Definition::column`] looks for the exact one first.
pub fn same_name(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

/// Definitions for tests to change.
#[cfg(test)]
pub(crate) mod sample {
    use super::*;
    use crate::catalog::Length;

    pub(crate) fn name(text: &str) -> ConstraintName {
        ConstraintName { name: text.into(), by_system: false }
    }

    pub(crate) fn column(name: &str, sql_type: SqlType) -> ColumnDefinition {
        ColumnDefinition {
            name: name.into(),
            collation: sql_type.is_text().then(|| "Latin1_General_CI_AS".into()),
            sql_type,
            numeric: false,
            nullable: true,
            identity: None,
            computed: None,
            default: None,
            traits: Vec::new(),
        }
    }

    pub(crate) fn varchar(name: &str, length: u16) -> ColumnDefinition {
        column(name, SqlType::VarChar(Length::N(length)))
    }

    pub(crate) fn key(name: &str, columns: &[&str]) -> IndexDefinition {
        IndexDefinition {
            backs: Backs::PrimaryKey,
            unique: true,
            kind: IndexForm::Clustered,
            ..index(name, columns)
        }
    }

    pub(crate) fn index(name: &str, columns: &[&str]) -> IndexDefinition {
        let keys = columns.iter().map(|column| IndexColumn { column: (*column).into(), descending: false });
        IndexDefinition {
            name: self::name(name),
            kind: IndexForm::Nonclustered,
            backs: Backs::Nothing,
            unique: false,
            keys: keys.collect(),
            included: Vec::new(),
            filter: None,
            ignores_duplicates: false,
            disabled: false,
            fill_factor: 0,
            padded: false,
            compression: Compression::None,
            place: DataSpace::Default,
        }
    }

    pub(crate) fn check(name: &str, expression: &str) -> CheckDefinition {
        CheckDefinition {
            name: self::name(name),
            expression: expression.into(),
            disabled: false,
            trusted: true,
        }
    }

    /// id int NOT NULL, a varchar(10), n int; a primary key; 1,000 rows.
    pub(crate) fn table() -> Definition {
        let id = ColumnDefinition { nullable: false, ..column("id", SqlType::Int) };
        Definition {
            name: TableName::new("dbo", "t"),
            is_view: false,
            columns: vec![id, varchar("a", 10), column("n", SqlType::Int)],
            indexes: vec![key("PK_t", &["id"])],
            checks: Vec::new(),
            foreign_keys: Vec::new(),
            referenced_by: Vec::new(),
            statistics: Vec::new(),
            place: DataSpace::Default,
            compression: Compression::None,
            traits: Vec::new(),
            rows: Some(1000),
        }
    }
}
