//! A statement of DDL, with what it costs whoever runs it.
use std::fmt;

/// What is to be run, and what that means on a large table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DdlStatement {
    /// Fit for a batch of its own. Nothing is quoted or spliced after this.
    pub sql: String,
    /// What it does to the rows that are there.
    pub cost: Cost,
}

/// What a statement does to the rows that are there. All DDL takes a schema modification lock (Sch-M) for as long as it
/// runs: it waits for the table's readers, and everyone else waits behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cost {
    /// The catalog alone.
    Metadata,
    /// Every row is read.
    Scan,
    /// An index is built: every row is read, and as much is written as the index has.
    Build,
    /// Every row is written anew, and logged.
    Rewrite,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Metadata => "metadata only",
            Self::Scan => "reads every row",
            Self::Build => "builds an index",
            Self::Rewrite => "rewrites every row",
        })
    }
}

impl DdlStatement {
    /// `sql` is a whole batch.
    pub fn new(cost: Cost, sql: impl Into<String>) -> Self {
        Self { sql: sql.into(), cost }
    }
}

/// Statements that go together, in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DdlStep {
    /// What is made or changed, for people.
    pub what: String,
    /// What was otherwise; empty where something is made.
    pub why: String,
    /// In their order.
    pub statements: Vec<DdlStatement>,
}

impl DdlStep {
    /// Where something is made, and nothing was otherwise.
    pub fn new(what: impl Into<String>, statements: Vec<DdlStatement>) -> Self {
        Self { what: what.into(), why: String::new(), statements }
    }
}

/// What every script begins with: a filtered index, an index on a computed column and a persisted one are refused
/// without, and later writes to them (Microsoft docs, "SET options that affect results", 1934). Sessions of these tools
/// have them all.
pub const OPTIONS: &str = "SET ANSI_NULLS, ANSI_PADDING, ANSI_WARNINGS, ARITHABORT, CONCAT_NULL_YIELDS_NULL, \
    QUOTED_IDENTIFIER ON;\nSET NUMERIC_ROUNDABORT OFF;";

/// A script for sqlcmd or SSMS: each statement in a batch of its own.
pub fn script<'a>(statements: impl IntoIterator<Item = &'a DdlStatement>) -> String {
    let batches: Vec<String> =
        statements.into_iter().map(|statement| format!("{};\nGO\n", statement.sql)).collect();
    if batches.is_empty() { String::new() } else { format!("{OPTIONS}\nGO\n{}", batches.concat()) }
}
