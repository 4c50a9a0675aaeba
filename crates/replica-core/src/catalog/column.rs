//! Columns.
use super::record::CatalogRow;
use super::sql_type::{Described, SqlType};
use crate::error::Result;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub id: i32,
    pub name: String,
    pub sql_type: SqlType,
    pub collation: Option<Collation>,
    pub nullable: bool,
    pub identity: bool,
    pub computed: bool,
    pub has_default: bool,
    /// GENERATED ALWAYS: the server writes it.
    pub generated: bool,
    /// Generated for the ledger: which transaction wrote the row, and when in it.
    #[serde(default)]
    pub of_ledger: bool,
    /// The XML view on a table's sparse columns.
    pub column_set: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collation {
    pub name: String,
    /// Windows code page; 65001 is UTF-8, 0 none (Unicode only). `None`: the server does not say.
    pub code_page: Option<u32>,
}

/// generated_always_type: id and sequence number of the transaction that wrote a row, and of the one that removed it
/// (Microsoft docs, sys.columns; 2022).
const OF_LEDGER: std::ops::RangeInclusive<i64> = 7..=10;

impl Column {
    pub fn from_record(record: &CatalogRow) -> Result<Self> {
        let name = record.name("column_name")?;
        let number = |column: &str| record.int(column).unwrap_or_default();
        let sql_type = SqlType::of(Described {
            type_name: record.text("type_name").unwrap_or("a type without a name"),
            base_name: record.text("base_name"),
            user_defined: record.flag("is_user_defined"),
            assembly: record.flag("is_assembly_type"),
            max_length: record.number("max_length").map_err(|error| error.column(&name))?,
            precision: number("precision").clamp(0, 255) as u8,
            scale: number("scale").clamp(0, 255) as u8,
        });
        let collation = record.text("collation_name").map(|name| Collation {
            name: name.to_owned(),
            code_page: record.int("code_page").and_then(|page| u32::try_from(page).ok()),
        });
        Ok(Self {
            id: record.number("column_id")?,
            sql_type,
            collation,
            nullable: record.flag("is_nullable"),
            identity: record.flag("is_identity"),
            computed: record.flag("is_computed"),
            has_default: record.flag("has_default"),
            generated: record.flag("generated_always"),
            of_ledger: record.int("generated_always").is_some_and(|kind| OF_LEDGER.contains(&kind)),
            column_set: record.flag("is_column_set"),
            name,
        })
    }

    /// Does the server fill it, so that no load may name it?
    /// (271 computed, 273 rowversion, 13536 generated always: docs/WIRE.md, "INSERT BULK".)
    pub fn filled_by_server(&self) -> Option<&'static str> {
        match self {
            Self { computed: true, .. } => Some("computed"),
            Self { generated: true, .. } => Some("generated always"),
            Self { column_set: true, .. } => Some("a column set"),
            Self { sql_type: SqlType::RowVersion, .. } => Some("rowversion"),
            _ => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectedColumn {
    pub name: String,
    /// Masked, and this user may not see through the mask.
    pub masked: bool,
    /// Always Encrypted.
    pub encrypted: bool,
}

impl ProtectedColumn {
    pub fn from_record(record: &CatalogRow) -> Result<Self> {
        Ok(Self {
            name: record.name("column_name")?,
            masked: record.flag("is_masked") && !record.flag("can_unmask"),
            encrypted: record.int("encryption_type").is_some(),
        })
    }
}
