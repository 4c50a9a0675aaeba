//! Columns.
use super::record::CatalogRow;
use super::sql_type::{Described, SqlType};
use crate::error::Result;
use serde::{Deserialize, Serialize};

/// A column, as `sys.columns` has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// `column_id`: not without gaps, and not the place in a SELECT.
    pub id: i32,
    /// As it is written in SQL, not quoted.
    pub name: String,
    /// Of an alias type, the type that it stands for.
    pub sql_type: SqlType,
    /// Of text, but for `json` and `xml`.
    pub collation: Option<Collation>,
    /// Whether the server takes NULL.
    pub nullable: bool,
    /// Whether the server counts its values up; a bulk load may give them.
    pub identity: bool,
    /// Whether the server computes it from other columns; no load may name it.
    pub computed: bool,
    /// Whether a default stands in for a value that is not given.
    pub has_default: bool,
    /// GENERATED ALWAYS: the server writes it.
    pub generated: bool,
    /// Generated for the ledger: which transaction wrote the row, and when in it.
    #[serde(default)]
    pub of_ledger: bool,
    /// The XML view on a table's sparse columns.
    pub column_set: bool,
}

/// How text compares, and which code page its bytes are in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Collation {
    /// As COLLATE takes it.
    pub name: String,
    /// Windows code page; 65001 is UTF-8, 0 none (Unicode only). `None`: the server does not say.
    pub code_page: Option<u32>,
}

/// generated_always_type: id and sequence number of the transaction that wrote a row, and of the one that removed it
/// (Microsoft docs, sys.columns; 2022).
const OF_LEDGER: std::ops::RangeInclusive<i64> = 7..=10;

impl Column {
    /// One that takes NULL, and that nobody fills but who writes the row.
    pub fn plain(name: impl Into<String>, sql_type: SqlType, collation: Option<Collation>) -> Self {
        Self {
            id: 0,
            name: name.into(),
            sql_type,
            collation,
            nullable: true,
            identity: false,
            computed: false,
            has_default: false,
            generated: false,
            of_ledger: false,
            column_set: false,
        }
    }

    /// Out of a row of the answer about columns.
    ///
    /// # Errors
    /// The answer lacks a name, a number or a length.
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
