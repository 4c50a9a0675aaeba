//! The answers to the questions, put together.
mod columns;
mod constraints;
mod indexes;

use std::collections::HashMap;

use super::definition::{DataSpace, Definition};
use super::policy::TargetServer;
use super::question::{self, SchemaQuestion};
use super::read::Definitions;
use crate::catalog::record::CatalogRow;
use crate::catalog::{Special, TableName};
use crate::error::{Error, Result};
use crate::session::Role;

/// The rows that answer each question: by the table that they are about, or as they came.
pub(crate) struct SchemaAnswers {
    of_tables: HashMap<&'static str, HashMap<i64, Vec<CatalogRow>>>,
    whole: HashMap<&'static str, Vec<CatalogRow>>,
}

impl SchemaAnswers {
    pub(crate) fn new(answers: impl IntoIterator<Item = (SchemaQuestion, Vec<CatalogRow>)>) -> Self {
        let mut all = Self { of_tables: HashMap::new(), whole: HashMap::new() };
        for (question, records) in answers {
            if !question.is_about_tables() {
                all.whole.insert(question.topic, records);
                continue;
            }
            if question == question::TABLES {
                all.whole.insert(question.topic, records.clone());
            }
            let tables = all.of_tables.entry(question.topic).or_default();
            for record in records {
                // Views whose columns are all asked for call the table object_id.
                let mut ids: Vec<i64> = ["table_id", "object_id", "referenced_id"]
                    .iter()
                    .filter_map(|id| record.int(id))
                    .collect();
                ids.dedup();
                let Some(last) = ids.pop() else { continue };
                for id in ids {
                    tables.entry(id).or_default().push(record.clone());
                }
                tables.entry(last).or_default().push(record);
            }
        }
        all
    }

    fn about(&self, table: i64, question: SchemaQuestion) -> &[CatalogRow] {
        self.of_tables.get(question.topic).and_then(|tables| tables.get(&table)).map_or(&[], Vec::as_slice)
    }

    fn all(&self, question: SchemaQuestion) -> &[CatalogRow] {
        self.whole.get(question.topic).map_or(&[], Vec::as_slice)
    }
}

/// # Errors
/// Answers that no catalog gives.
pub(crate) fn assemble(answers: SchemaAnswers, role: Role, names: &[TableName]) -> Result<Definitions> {
    let mut tables: Vec<Result<Option<Definition>>> = names.iter().map(|_| Ok(None)).collect();
    for record in answers.all(question::TABLES) {
        let place: usize = record.number("place")?;
        if let Some(table) = tables.get_mut(place) {
            *table = one(&answers, record, role).map(Some);
        }
    }
    Ok(Definitions { server: server(&answers)?, tables })
}

fn server(answers: &SchemaAnswers) -> Result<TargetServer> {
    let record = answers.all(question::SERVER).first();
    let record = record.ok_or_else(|| Error::protocol("the server says nothing of itself"))?;
    let names = |question, column| {
        answers.all(question).iter().filter_map(move |r| r.text(column).map(str::to_owned))
    };
    let schemes = answers.all(question::SCHEMES).iter();
    let schemes =
        schemes.filter_map(|r| Some((r.text("scheme_name")?.to_owned(), r.text("type_name")?.to_owned())));
    Ok(TargetServer {
        version: version(record.text("product_version").unwrap_or_default()),
        edition: record.int("engine_edition").unwrap_or_default(),
        collation: record.text("database_collation").unwrap_or_default().to_owned(),
        user: record.text("user_name").unwrap_or_default().to_owned(),
        default_schema: record.text("default_schema").unwrap_or_default().to_owned(),
        schemas: names(question::SCHEMAS, "schema_name").collect(),
        schemes: schemes.collect(),
    })
}

/// "13.0.4001.0" → (13, 4001): the version and its build.
fn version(text: &str) -> (u16, u32) {
    let mut parts = text.split('.');
    let version = parts.next().and_then(|part| part.parse().ok()).unwrap_or_default();
    (version, parts.nth(1).and_then(|part| part.parse().ok()).unwrap_or_default())
}

fn one(answers: &SchemaAnswers, record: &CatalogRow, role: Role) -> Result<Definition> {
    let name = TableName::new(&record.name("schema_name")?, &record.name("table_name")?);
    let id: i64 = record.number("table_id")?;
    let object_type = record.text("object_type").unwrap_or_default().trim();
    if !matches!(object_type, "U" | "V" | "ET") {
        let kind = crate::catalog::other_kind(object_type);
        let error =
            Error::data(format!("at the {role} this is {kind}, neither a table nor a view")).table(name);
        return Err(match object_type {
            "SN" => error.remedy("Name the table that it stands for"),
            _ => error,
        });
    }
    let hidden = |what: &str| unseen(role, what, &name);
    if record.int("can_view_definition") == Some(0) && object_type != "V" {
        return Err(hidden("its definition"));
    }
    let about = |question| answers.about(id, question);
    let special = about(question::KINDS).first().and_then(Special::from_record);
    if let Some(error) = special.and_then(|special| refused(special, role)) {
        return Err(error.table(&name));
    }
    let ids: HashMap<i64, String> = about(question::COLUMNS)
        .iter()
        .map(|column| Ok((column.number("column_id")?, column.name("name")?)))
        .collect::<Result<_>>()?;
    let within = Within { ids: &ids, hidden: &hidden };
    let columns = columns::columns(&within, &about).map_err(|error| error.table(&name))?;
    let indexes = about(question::INDEXES);
    let base = indexes.iter().find(|index| index.int("index_id").is_some_and(|id| id <= 1));
    let heap = about(question::PARTITIONS).iter().find(|p| p.int("index_id") == Some(0));
    let rows = about(question::PARTITIONS).iter().filter(|p| p.int("index_id").is_some_and(|id| id <= 1));
    let rows = rows.filter_map(|p| u64::try_from(p.int("row_count")?).ok()).reduce(|a, b| a + b);
    let mut traits = traits(record, about(question::KINDS).first(), object_type);
    let definition = Definition {
        is_view: object_type == "V",
        columns,
        indexes: indexes::indexes(&within, &about, &mut traits).map_err(|error| error.table(&name))?,
        checks: about(question::CHECKS)
            .iter()
            .map(|r| constraints::check(&within, r))
            .collect::<Result<_>>()?,
        foreign_keys: constraints::foreign_keys(id, about(question::FOREIGN_KEYS), &hidden)?,
        referenced_by: constraints::referenced_by(id, about(question::FOREIGN_KEYS)),
        statistics: indexes::statistics(&within, about(question::STATISTICS))?,
        place: base.map_or(Ok(DataSpace::Default), |index| {
            indexes::place(&within, index, about(question::INDEX_COLUMNS))
        })?,
        compression: heap.map(indexes::compression).unwrap_or_default(),
        traits,
        rows,
        name: name.clone(),
    };
    Ok(definition)
}

/// What no copy reads from or writes to, as the copy itself says it.
fn refused(special: Special, role: Role) -> Option<Error> {
    match role {
        Role::Source => special.refused_as_source(),
        Role::Target => Some(special.refused_as_target()),
    }
}

struct Within<'a> {
    ids: &'a HashMap<i64, String>,
    hidden: &'a dyn Fn(&str) -> Error,
}

impl Within<'_> {
    fn column(&self, record: &CatalogRow) -> Result<String> {
        let id: i64 = record.number("column_id")?;
        self.ids.get(&id).cloned().ok_or_else(|| Error::protocol(format!("the catalog has no column {id}")))
    }

    /// The condition of an index or of statistics, if there is one.
    fn filter(&self, record: &CatalogRow, what: impl FnOnce() -> String) -> Result<Option<String>> {
        record.flag("has_filter").then(|| self.text(record, "filter_definition", what)).transpose()
    }

    /// A text that is NULL for who may not see it.
    fn text(&self, record: &CatalogRow, column: &str, what: impl FnOnce() -> String) -> Result<String> {
        record.text(column).map(str::to_owned).ok_or_else(|| (self.hidden)(&what()))
    }
}

/// What may not be seen is not none.
fn unseen(role: Role, what: &str, table: &TableName) -> Error {
    Error::data(format!("the {role}'s login may not see {what}"))
        .table(table)
        .remedy(format!("GRANT VIEW DEFINITION ON {} TO its user there", table.quoted()))
}

/// What else a table is or has, in words for a list.
fn traits(object: &CatalogRow, kind: Option<&CatalogRow>, object_type: &str) -> Vec<String> {
    let is = |column: &str| object.flag(column) || kind.is_some_and(|kind| kind.flag(column));
    let temporal = object.int("temporal_type").unwrap_or_default();
    let ledger = kind.and_then(|kind| kind.int("ledger_type")).unwrap_or_default();
    let triggers = ["has_delete_trigger", "has_insert_trigger", "has_update_trigger"];
    let all = [
        (temporal == 1, "temporal history"),
        (temporal == 2, "system versioning"),
        (ledger != 0, "a ledger"),
        (is("is_memory_optimized"), "memory optimization"),
        (is("is_filetable"), "a FileTable"),
        (object_type == "ET" || is("is_external"), "an external table"),
        (is("has_full_text"), "a full-text index"),
        (is("is_tracked_by_cdc"), "change data capture"),
        (triggers.iter().any(|trigger| object.flag(trigger)), "triggers"),
    ];
    all.into_iter().filter(|(has, _)| *has).map(|(_, what)| what.to_owned()).collect()
}

#[cfg(test)]
mod tests;
