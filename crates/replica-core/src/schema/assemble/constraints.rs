//! Checks, and foreign keys of either side.
use super::Within;
use crate::catalog::TableName;
use crate::catalog::record::CatalogRow;
use crate::error::{Error, Result};
use crate::schema::definition::{CheckDefinition, ConstraintName, ForeignKeyDefinition, Referencing};

pub(super) fn constraint_name(record: &CatalogRow) -> Result<ConstraintName> {
    Ok(ConstraintName { name: record.name("constraint_name")?, by_system: record.flag("is_system_named") })
}

pub(super) fn check(within: &Within<'_>, record: &CatalogRow) -> Result<CheckDefinition> {
    let name = constraint_name(record)?;
    Ok(CheckDefinition {
        expression: within.text(record, "definition", || format!("the check {}", name.name))?,
        disabled: record.flag("is_disabled"),
        trusted: !record.flag("is_not_trusted"),
        name,
    })
}

pub(super) fn foreign_keys(
    id: i64,
    records: &[CatalogRow],
    hidden: &dyn Fn(&str) -> Error,
) -> Result<Vec<ForeignKeyDefinition>> {
    let mut keys: Vec<(i64, ForeignKeyDefinition)> = Vec::new();
    for record in records.iter().filter(|record| record.int("table_id") == Some(id)) {
        let key: i64 = record.number("key_id")?;
        let name = constraint_name(record)?;
        let seen = record
            .text("referenced_schema")
            .zip(record.text("referenced_table"))
            .zip(record.text("referenced_column"));
        let Some(((schema, table), referenced)) = seen else {
            return Err(hidden(&format!("the table that the foreign key {} points at", name.name)));
        };
        let column = record.name("column_name")?;
        if keys.last().is_none_or(|(last, _)| *last != key) {
            let action = |column| record.int(column).and_then(|n| u8::try_from(n).ok()).unwrap_or_default();
            keys.push((
                key,
                ForeignKeyDefinition {
                    columns: Vec::new(),
                    references: TableName::new(schema, table),
                    referenced: Vec::new(),
                    on_delete: action("on_delete"),
                    on_update: action("on_update"),
                    disabled: record.flag("is_disabled"),
                    trusted: !record.flag("is_not_trusted"),
                    name,
                },
            ));
        }
        if let Some((_, key)) = keys.last_mut() {
            key.columns.push(column);
            key.referenced.push(referenced.to_owned());
        }
    }
    let mut keys: Vec<ForeignKeyDefinition> = keys.into_iter().map(|(_, key)| key).collect();
    keys.sort_by(|a, b| a.name.name.cmp(&b.name.name));
    Ok(keys)
}

/// A key that this login does not see stands in the way all the same: the server says so then.
pub(super) fn referenced_by(id: i64, records: &[CatalogRow]) -> Vec<Referencing> {
    let mine = records.iter().filter(|record| record.int("referenced_id") == Some(id));
    let found = mine.filter_map(|record| {
        Some(Referencing {
            name: record.text("constraint_name")?.to_owned(),
            table: TableName::new(record.text("schema_name")?, record.text("table_name")?),
            column: record.text("referenced_column")?.to_owned(),
        })
    });
    found.collect()
}
