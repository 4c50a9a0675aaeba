//! What the binder knows of an expression.
use crate::mask::Mask;
use sandbox_values::SqlType;

/// An expression in SQLite's SQL, with its static T-SQL type.
#[derive(Clone, Debug)]
pub struct Typed {
    /// Gives the value in its stored form.
    pub sql: String,
    pub sql_type: SqlType,
    pub nullable: bool,
    pub origin: Origin,
    pub label: Label,
}

/// Where a value comes from: decides the COLMETADATA flags (docs/WIRE.md, "Column flags").
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Column(ColumnOrigin),
    Literal,
    /// NULL without a type; counts as int.
    Null,
    Variable,
    Aggregate,
    Expression,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ColumnOrigin {
    pub identity: bool,
    pub computed: bool,
    pub user_type: u32,
    /// schema and table, for text, ntext and image.
    pub table: Option<(String, String)>,
    /// What hides its values from the session's user.
    pub mask: Option<Mask>,
}

/// How firmly a string holds its collation (Microsoft docs, "Collation precedence").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Label {
    CoercibleDefault,
    Implicit,
    Explicit,
}

impl Typed {
    /// The result of an operation.
    pub fn expression(sql: String, sql_type: SqlType, nullable: bool) -> Self {
        Self { sql, sql_type, nullable, origin: Origin::Expression, label: Label::CoercibleDefault }
    }

    pub fn literal(sql: String, sql_type: SqlType) -> Self {
        Self { sql, sql_type, nullable: false, origin: Origin::Literal, label: Label::CoercibleDefault }
    }

    pub fn is_untyped_null(&self) -> bool {
        self.origin == Origin::Null
    }
}
