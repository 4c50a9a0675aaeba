//! Constraints and triggers.
use super::name::TableName;
use super::record::Record;
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
    pub can_alter: Permission,
}

impl ForeignKey {
    pub fn from_record(record: &Record) -> Result<Self> {
        Ok(Self {
            name: record.name("constraint_name")?,
            table: TableName::new(&record.name("schema_name")?, &record.name("table_name")?),
            own: record.flag("is_own"),
            incoming: record.flag("is_incoming"),
            disabled: record.flag("is_disabled"),
            trusted: !record.flag("is_not_trusted"),
            can_alter: record.int("can_alter").map(|value| value != 0),
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub name: String,
    pub disabled: bool,
    pub trusted: bool,
}

impl Check {
    pub fn from_record(record: &Record) -> Result<Self> {
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
    pub fn from_record(record: &Record) -> Result<Self> {
        Ok(Self {
            name: record.name("trigger_name")?,
            disabled: record.flag("is_disabled"),
            instead_of: record.flag("is_instead_of"),
            event: record.text("event").unwrap_or_default().to_owned(),
        })
    }
}
