//! What a catalog is asked about many tables at once.

/// A question, with its place among the answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SchemaQuestion {
    /// What it is about, for errors.
    pub topic: &'static str,
    /// `{tables}` stands for their object ids, `{places}` for rows of place and name.
    sql: &'static str,
    /// The rest is worth having where a relative of SQL Server does not know the answer.
    pub optional: bool,
}

macro_rules! question {
    ($file:literal, $topic:literal, $optional:literal) => {
        SchemaQuestion {
            topic: $topic,
            sql: include_str!(concat!("sql/", $file, ".sql")),
            optional: $optional,
        }
    };
}

pub(crate) const TABLES: SchemaQuestion = question!("tables", "the tables", false);
pub(crate) const KINDS: SchemaQuestion = question!("kinds", "the kinds of tables", true);
pub(crate) const COLUMNS: SchemaQuestion = question!("columns", "columns", false);
pub(crate) const IDENTITIES: SchemaQuestion = question!("identities", "identity columns", false);
pub(crate) const COMPUTED: SchemaQuestion = question!("computed", "computed columns", false);
pub(crate) const DEFAULTS: SchemaQuestion = question!("defaults", "defaults", false);
pub(crate) const INDEXES: SchemaQuestion = question!("indexes", "indexes", false);
pub(crate) const INDEX_COLUMNS: SchemaQuestion = question!("index_columns", "index columns", false);
pub(crate) const PARTITIONS: SchemaQuestion = question!("partitions", "partitions", true);
pub(crate) const CHECKS: SchemaQuestion = question!("checks", "checks", false);
pub(crate) const FOREIGN_KEYS: SchemaQuestion = question!("foreign_keys", "foreign keys", false);
pub(crate) const STATISTICS: SchemaQuestion = question!("statistics", "statistics", true);
pub(crate) const SERVER: SchemaQuestion = question!("server", "the server", false);
pub(crate) const SCHEMAS: SchemaQuestion = question!("schemas", "schemas", false);
pub(crate) const SCHEMES: SchemaQuestion = question!("schemes", "partition schemes", true);

pub(crate) const ALL: [SchemaQuestion; 15] = [
    TABLES,
    KINDS,
    COLUMNS,
    IDENTITIES,
    COMPUTED,
    DEFAULTS,
    INDEXES,
    INDEX_COLUMNS,
    PARTITIONS,
    CHECKS,
    FOREIGN_KEYS,
    STATISTICS,
    SERVER,
    SCHEMAS,
    SCHEMES,
];

impl SchemaQuestion {
    pub(crate) fn is_about_tables(self) -> bool {
        self.sql.contains("{tables}") || self.sql.contains("{places}")
    }

    /// The question about so many tables, whose quoted names are the parameters `@P1` and on.
    pub(crate) fn about(self, tables: usize) -> String {
        let ids: Vec<String> = (1..=tables).map(|n| format!("OBJECT_ID(@P{n})")).collect();
        let places: Vec<String> = (1..=tables).map(|n| format!("({}, @P{n})", n - 1)).collect();
        self.sql.replace("{tables}", &ids.join(", ")).replace("{places}", &places.join(", "))
    }
}
