//! The questions put to a server's catalog, as T-SQL that SQL Server 2012 and later, Azure SQL and their
//! TDS-speaking relatives answer.
//!
//! Each is one SELECT of its own, with the quoted table name as `@P1`, so that all can go in one batch, and
//! where a server lacks a view or a right, each can be asked alone and the rest still be learnt.

/// One SELECT on the catalog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CatalogQuestion {
    /// What it asks for, in the words of "could not learn ...".
    pub topic: &'static str,
    pub sql: &'static str,
    /// SQL Server 2016 is the first version that has the views and columns asked for: a server too old for them has nothing
    /// of the kind either.
    pub since_2016: bool,
}

const fn question(topic: &'static str, sql: &'static str) -> CatalogQuestion {
    CatalogQuestion { topic, sql, since_2016: false }
}

pub(crate) const SERVER: CatalogQuestion = question("the server", include_str!("sql/server.sql"));
pub(crate) const DATABASE: CatalogQuestion = question("database options", include_str!("sql/database.sql"));
pub(crate) const TABLE: CatalogQuestion =
    question("the table and the permissions on it", include_str!("sql/table.sql"));
pub(crate) const COLUMNS: CatalogQuestion = question("columns", include_str!("sql/columns.sql"));
pub(crate) const INDEXES: CatalogQuestion = question("indexes", include_str!("sql/indexes.sql"));
pub(crate) const INDEX_COLUMNS: CatalogQuestion =
    question("index columns", include_str!("sql/index_columns.sql"));
pub(crate) const FOREIGN_KEYS: CatalogQuestion =
    question("foreign keys", include_str!("sql/foreign_keys.sql"));
pub(crate) const CHECKS: CatalogQuestion = question("check constraints", include_str!("sql/checks.sql"));
pub(crate) const TRIGGERS: CatalogQuestion = question("triggers", include_str!("sql/triggers.sql"));
pub(crate) const PARTITIONS: CatalogQuestion =
    question("partitions and row counts", include_str!("sql/partitions.sql"));
pub(crate) const PROTECTION: CatalogQuestion = CatalogQuestion {
    since_2016: true,
    ..question("masked and encrypted columns", include_str!("sql/protection.sql"))
};
pub(crate) const POLICIES: CatalogQuestion =
    CatalogQuestion { since_2016: true, ..question("row-level security", include_str!("sql/policies.sql")) };

/// What sys.tables says, whatever its version: Special tables came one kind after the other.
pub(crate) const KIND: CatalogQuestion = question("what kind of table it is", include_str!("sql/kind.sql"));
/// Asked only of a synonym.
pub(crate) const SYNONYM: CatalogQuestion =
    question("what a synonym stands for", include_str!("sql/synonym.sql"));
/// What hides rows or values under a view; asked only of views.
pub(crate) const BENEATH: CatalogQuestion =
    CatalogQuestion { since_2016: true, ..question("what the view reads", include_str!("sql/beneath.sql")) };

/// Of the whole database; asked only of a table that such a key points at.
pub(crate) const ACTING_KEYS: CatalogQuestion =
    question("what the actions of foreign keys reach", include_str!("sql/acting_keys.sql"));

/// Every table and view in sight; asked only when a name is not found.
pub(crate) const NAMES: CatalogQuestion = question("names of tables", include_str!("sql/names.sql"));

/// Every table in sight; asked only where a list has patterns.
pub(crate) const TABLES: CatalogQuestion = question("tables", include_str!("sql/tables.sql"));

/// The defaults of a table's columns; asked only when one will fill a column.
pub(crate) const DEFAULTS: CatalogQuestion = question("defaults", include_str!("sql/defaults.sql"));

/// What is asked of every table, in this order, in one batch.
pub(crate) const ALL: [CatalogQuestion; 13] = [
    SERVER,
    DATABASE,
    TABLE,
    KIND,
    COLUMNS,
    INDEXES,
    INDEX_COLUMNS,
    FOREIGN_KEYS,
    CHECKS,
    TRIGGERS,
    PARTITIONS,
    PROTECTION,
    POLICIES,
];
