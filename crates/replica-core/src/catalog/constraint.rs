//! Constraints and triggers.
use std::fmt;

use super::name::TableName;
use super::record::CatalogRow;
use super::table::Permission;
use crate::error::Result;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    pub name: String,
    /// The table that has the key.
    pub table: TableName,
    /// The key is this table's own.
    pub own: bool,
    /// The key points at this table. A table may point at itself.
    pub incoming: bool,
    pub disabled: bool,
    pub trusted: bool,
    pub on_delete: ReferentialAction,
    pub on_update: ReferentialAction,
    pub can_alter: Permission,
}

/// What a foreign key does to the rows that refer to a row, when that row goes or its key changes (Microsoft docs,
/// "sys.foreign_keys", delete_referential_action).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReferentialAction {
    /// Refuses, with error 547.
    NoAction,
    Cascade,
    SetNull,
    SetDefault,
    /// The server does not say.
    Unknown,
}

impl ReferentialAction {
    /// By its number in a column of the server's catalog.
    pub fn from_record(record: &CatalogRow, column: &str) -> Self {
        match record.int(column) {
            Some(0) => Self::NoAction,
            Some(1) => Self::Cascade,
            Some(2) => Self::SetNull,
            Some(3) => Self::SetDefault,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for ReferentialAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAction => "NO ACTION",
            Self::Cascade => "CASCADE",
            Self::SetNull => "SET NULL",
            Self::SetDefault => "SET DEFAULT",
            Self::Unknown => "an action that the server does not tell",
        })
    }
}

impl ForeignKey {
    pub fn from_record(record: &CatalogRow) -> Result<Self> {
        Ok(Self {
            name: record.name("constraint_name")?,
            table: TableName::new(&record.name("schema_name")?, &record.name("table_name")?),
            own: record.flag("is_own"),
            incoming: record.flag("is_incoming"),
            disabled: record.flag("is_disabled"),
            trusted: !record.flag("is_not_trusted"),
            on_delete: ReferentialAction::from_record(record, "on_delete"),
            on_update: ReferentialAction::from_record(record, "on_update"),
            can_alter: record.int("can_alter").map(|value| value != 0),
        })
    }
}

/// An enabled foreign key, of whichever table, whose action deletes or changes rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActingKey {
    pub name: String,
    /// The table that has the key.
    pub table: TableName,
    pub table_id: i64,
    /// The server's estimate.
    pub table_rows: Option<u64>,
    pub referenced_id: i64,
    pub on_delete: ReferentialAction,
    pub on_update: ReferentialAction,
}

impl ActingKey {
    pub fn from_record(record: &CatalogRow) -> Result<Self> {
        Ok(Self {
            name: record.name("constraint_name")?,
            table: TableName::new(&record.name("schema_name")?, &record.name("table_name")?),
            table_id: record.number("table_id")?,
            table_rows: record.int("table_rows").and_then(|rows| u64::try_from(rows).ok()),
            referenced_id: record.number("referenced_id")?,
            on_delete: ReferentialAction::from_record(record, "on_delete"),
            on_update: ReferentialAction::from_record(record, "on_update"),
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckConstraint {
    pub name: String,
    pub disabled: bool,
    pub trusted: bool,
}

impl CheckConstraint {
    pub fn from_record(record: &CatalogRow) -> Result<Self> {
        Ok(Self {
            name: record.name("constraint_name")?,
            disabled: record.flag("is_disabled"),
            trusted: !record.flag("is_not_trusted"),
        })
    }
}

/// One event that a trigger stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    pub name: String,
    pub disabled: bool,
    pub instead_of: bool,
    pub event: String,
}

impl Trigger {
    pub fn from_record(record: &CatalogRow) -> Result<Self> {
        Ok(Self {
            name: record.name("trigger_name")?,
            disabled: record.flag("is_disabled"),
            instead_of: record.flag("is_instead_of"),
            event: record.text("event").unwrap_or_default().to_owned(),
        })
    }
}
