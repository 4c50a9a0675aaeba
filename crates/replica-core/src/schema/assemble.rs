//! The answers to the questions, put together.
use std::collections::HashMap;

use super::definition::{
    Backs, CheckDefinition, ColumnDefinition, Compression, ComputedBy, ConstraintName, DataSpace,
    DefaultDefinition, Definition, ForeignKeyDefinition, IdentityRange, IndexColumn, IndexDefinition,
    IndexForm, Referencing, Statistics,
};
use super::policy::TargetServer;
use super::question::{self, SchemaQuestion};
use super::read::Definitions;
use crate::catalog::record::CatalogRow;
use crate::catalog::sql_type::Described;
use crate::catalog::{SqlType, TableName};
use crate::error::{Error, Result};
use crate::session::Role;

/// The rows that answer each question, by the table that they are about.
pub(crate) struct SchemaAnswers {
    of_tables: HashMap<&'static str, HashMap<i64, Vec<CatalogRow>>>,
    whole: HashMap<&'static str, Vec<CatalogRow>>,
}

impl SchemaAnswers {
    pub(crate) fn new(answers: impl IntoIterator<Item = (SchemaQuestion, Vec<CatalogRow>)>) -> Self {
        let mut all = Self { of_tables: HashMap::new(), whole: HashMap::new() };
        for (question, records) in answers {
            let tables = all.of_tables.entry(question.topic).or_default();
            for record in &records {
                // Views whose columns are all asked for call the table object_id.
                let mut ids: Vec<i64> = ["table_id", "object_id", "referenced_id"]
                    .iter()
                    .filter_map(|id| record.int(id))
                    .collect();
                ids.dedup();
                for id in ids {
                    tables.entry(id).or_default().push(record.clone());
                }
            }
            all.whole.insert(question.topic, records);
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
        return Err(
            Error::data(format!("at the {role} this is {kind}, neither a table nor a view")).table(name)
        );
    }
    let hidden = |what: &str| unseen(role, what, &name);
    if record.int("can_view_definition") == Some(0) && object_type != "V" {
        return Err(hidden("its definition"));
    }
    let about = |question| answers.about(id, question);
    let ids: HashMap<i64, String> = about(question::COLUMNS)
        .iter()
        .map(|column| Ok((column.number("column_id")?, column.name("name")?)))
        .collect::<Result<_>>()?;
    let within = Within { ids: &ids, hidden: &hidden };
    let columns = columns(&within, &about).map_err(|error| error.table(&name))?;
    let indexes = about(question::INDEXES);
    let base = indexes.iter().find(|index| index.int("index_id").is_some_and(|id| id <= 1));
    let heap = about(question::PARTITIONS).iter().find(|p| p.int("index_id") == Some(0));
    let rows = about(question::PARTITIONS).iter().filter(|p| p.int("index_id").is_some_and(|id| id <= 1));
    let rows = rows.filter_map(|p| u64::try_from(p.int("row_count")?).ok()).reduce(|a, b| a + b);
    let mut traits = traits(record, about(question::KINDS).first(), object_type);
    let definition = Definition {
        is_view: object_type == "V",
        columns,
        indexes: read_indexes(&within, &about, &mut traits).map_err(|error| error.table(&name))?,
        checks: about(question::CHECKS).iter().map(|r| check(&within, r)).collect::<Result<_>>()?,
        foreign_keys: foreign_keys(id, about(question::FOREIGN_KEYS), &hidden)?,
        referenced_by: referenced_by(id, about(question::FOREIGN_KEYS)),
        statistics: statistics(&within, about(question::STATISTICS))?,
        place: base
            .map_or(Ok(DataSpace::Default), |index| place(&within, index, about(question::INDEX_COLUMNS)))?,
        compression: heap.map(compression).unwrap_or_default(),
        traits,
        rows,
        name: name.clone(),
    };
    Ok(definition)
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

fn columns<'a>(
    within: &Within<'_>,
    about: &impl Fn(SchemaQuestion) -> &'a [CatalogRow],
) -> Result<Vec<ColumnDefinition>> {
    let of = |question: SchemaQuestion, id: i64| {
        about(question).iter().find(|record| record.int("column_id") == Some(id))
    };
    let mut columns = Vec::new();
    for record in about(question::COLUMNS) {
        let (id, name): (i64, String) = (record.number("column_id")?, record.name("name")?);
        // A column that was dropped from a ledger table stays under another name (Microsoft docs, "sys.columns").
        if record.flag("is_dropped_ledger_column") {
            continue;
        }
        let mut column = column(record, name)?;
        if let Some(identity) = of(question::IDENTITIES, id) {
            let number = |column| identity.text(column).unwrap_or("1").to_owned();
            column.identity = Some(IdentityRange { seed: number("seed"), increment: number("increment") });
        }
        if let Some(computed) = of(question::COMPUTED, id) {
            let what = || format!("the expression of the computed column {}", column.name);
            let expression = within.text(computed, "definition", what)?;
            column.computed = Some(ComputedBy { expression, persisted: computed.flag("is_persisted") });
        }
        if let Some(default) = of(question::DEFAULTS, id) {
            let expression =
                within.text(default, "definition", || format!("the default of column {}", column.name))?;
            column.default = Some(DefaultDefinition { name: constraint_name(default)?, expression });
        } else if record.int("default_object_id").is_some_and(|id| id != 0) {
            column.traits.push("bound default".into());
        }
        columns.push(column);
    }
    Ok(columns)
}

fn column(record: &CatalogRow, name: String) -> Result<ColumnDefinition> {
    let number = |column: &str| record.int(column).unwrap_or_default();
    let type_name = record.text("type_name").unwrap_or("a type without a name");
    let alias = record.flag("is_user_defined") && !record.flag("is_assembly_type");
    let base = record.text("base_name").filter(|_| alias).unwrap_or(type_name);
    let sql_type = SqlType::of(Described {
        type_name,
        base_name: record.text("base_name"),
        user_defined: record.flag("is_user_defined"),
        assembly: record.flag("is_assembly_type"),
        max_length: record.number("max_length").map_err(|error| error.column(&name))?,
        precision: number("precision").clamp(0, 255) as u8,
        scale: number("scale").clamp(0, 255) as u8,
    });
    let mut traits = Vec::new();
    let mut has = |is: bool, what: String| traits.extend(is.then_some(what));
    has(alias, format!("the alias type {type_name}"));
    has(number("xml_collection_id") != 0, "an XML schema collection".into());
    has(number("rule_object_id") != 0, "a rule".into());
    has(record.flag("is_rowguidcol"), "ROWGUIDCOL".into());
    has(record.flag("is_filestream"), "FILESTREAM".into());
    has(record.flag("is_sparse"), "SPARSE".into());
    has(record.flag("is_column_set"), "a column set".into());
    has(number("generated_always_type") != 0, "GENERATED ALWAYS".into());
    has(record.flag("is_masked"), "a mask".into());
    has(record.int("encryption_type").is_some(), "Always Encrypted".into());
    let pads = matches!(
        sql_type,
        SqlType::Char(_) | SqlType::VarChar(_) | SqlType::Binary(_) | SqlType::VarBinary(_)
    );
    has(pads && record.int("is_ansi_padded") == Some(0), "ANSI_PADDING OFF".into());
    Ok(ColumnDefinition {
        collation: record.text("collation_name").filter(|_| sql_type.is_text()).map(str::to_owned),
        numeric: base.eq_ignore_ascii_case("numeric"),
        nullable: record.flag("is_nullable"),
        identity: None,
        computed: None,
        default: None,
        sql_type,
        name,
        traits,
    })
}

fn constraint_name(record: &CatalogRow) -> Result<ConstraintName> {
    Ok(ConstraintName { name: record.name("constraint_name")?, by_system: record.flag("is_system_named") })
}

fn read_indexes<'a>(
    within: &Within<'_>,
    about: &impl Fn(SchemaQuestion) -> &'a [CatalogRow],
    traits: &mut Vec<String>,
) -> Result<Vec<IndexDefinition>> {
    let mut indexes = Vec::new();
    for record in about(question::INDEXES) {
        let id: i64 = record.number("index_id")?;
        let kind = match record.number::<u8>("index_type")? {
            0 => continue,
            1 => IndexForm::Clustered,
            2 => IndexForm::Nonclustered,
            5 => IndexForm::ClusteredColumnstore,
            6 => IndexForm::NonclusteredColumnstore,
            _ => {
                let kind = record.text("index_type_name").unwrap_or("other");
                traits.push(format!("the {kind} index {}", record.name("index_name")?));
                continue;
            }
        };
        let name = record.name("index_name")?;
        let filter = if record.flag("has_filter") {
            Some(within.text(record, "filter_definition", || format!("the filter of index {name}"))?)
        } else {
            None
        };
        let columns = about(question::INDEX_COLUMNS);
        let mine: Vec<&CatalogRow> =
            columns.iter().filter(|column| column.int("index_id") == Some(id)).collect();
        let columnstore =
            matches!(kind, IndexForm::ClusteredColumnstore | IndexForm::NonclusteredColumnstore);
        let (mut keys, mut included) = (Vec::new(), Vec::new());
        for column in mine {
            let name = within.column(column)?;
            // 0: included, or there since the table is partitioned by it. All of a columnstore's are called included.
            match column.int("key_ordinal").unwrap_or_default() {
                0 if column.flag("is_included_column") && columnstore => {
                    keys.push((0, IndexColumn { column: name, descending: false }));
                }
                0 if column.flag("is_included_column") => included.push(name),
                0 => {}
                ordinal => keys.push((
                    ordinal,
                    IndexColumn { column: name, descending: column.flag("is_descending_key") },
                )),
            }
        }
        keys.sort_by_key(|(ordinal, _)| *ordinal);
        let partitions = about(question::PARTITIONS).iter().find(|p| p.int("index_id") == Some(id));
        indexes.push(IndexDefinition {
            name: ConstraintName { name, by_system: record.flag("is_system_named") },
            backs: match (record.flag("is_primary_key"), record.flag("is_unique_constraint")) {
                (true, _) => Backs::PrimaryKey,
                (false, true) => Backs::UniqueConstraint,
                (false, false) => Backs::Nothing,
            },
            unique: record.flag("is_unique"),
            keys: keys.into_iter().map(|(_, key)| key).collect(),
            included,
            filter,
            ignores_duplicates: record.flag("ignore_dup_key"),
            disabled: record.flag("is_disabled"),
            fill_factor: record.int("fill_factor").and_then(|n| u8::try_from(n).ok()).unwrap_or_default(),
            padded: record.flag("is_padded"),
            compression: partitions.map(compression).unwrap_or_default(),
            place: place(within, record, columns)?,
            kind,
        });
    }
    Ok(indexes)
}

/// Of partitions that are compressed differently, the strongest.
fn compression(record: &CatalogRow) -> Compression {
    match record.int("compression") {
        Some(1) => Compression::Row,
        Some(2) => Compression::Page,
        Some(3) => Compression::Columnstore,
        Some(4) => Compression::ColumnstoreArchive,
        _ => Compression::None,
    }
}

fn place(within: &Within<'_>, index: &CatalogRow, columns: &[CatalogRow]) -> Result<DataSpace> {
    let space = index.text("space_name").unwrap_or_default().to_owned();
    let by = |column: &&CatalogRow| {
        column.int("index_id") == index.int("index_id") && column.int("partition_ordinal") == Some(1)
    };
    match (index.text("space_type").map(str::trim), columns.iter().find(by)) {
        (Some("PS"), Some(column)) => Ok(DataSpace::Scheme { scheme: space, column: within.column(column)? }),
        (Some("FG"), _) if !index.flag("is_default") => Ok(DataSpace::Filegroup(space)),
        _ => Ok(DataSpace::Default),
    }
}

fn check(within: &Within<'_>, record: &CatalogRow) -> Result<CheckDefinition> {
    let name = constraint_name(record)?;
    Ok(CheckDefinition {
        expression: within.text(record, "definition", || format!("the check {}", name.name))?,
        disabled: record.flag("is_disabled"),
        trusted: !record.flag("is_not_trusted"),
        name,
    })
}

fn foreign_keys(
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
fn referenced_by(id: i64, records: &[CatalogRow]) -> Vec<Referencing> {
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

fn statistics(within: &Within<'_>, records: &[CatalogRow]) -> Result<Vec<Statistics>> {
    let mut all: Vec<Statistics> = Vec::new();
    for record in records {
        let (name, column) = (record.name("statistics_name")?, within.column(record)?);
        match all.last_mut().filter(|last| last.name == name) {
            Some(last) => last.columns.push(column),
            None => all.push(Statistics { name, columns: vec![column] }),
        }
    }
    Ok(all)
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
        (is("is_node") || is("is_edge"), "a graph"),
        (is("is_filetable"), "a FileTable"),
        (object_type == "ET" || is("is_external"), "an external table"),
        (is("has_full_text"), "a full-text index"),
        (is("is_tracked_by_cdc"), "change data capture"),
        (triggers.iter().any(|trigger| object.flag(trigger)), "triggers"),
    ];
    all.into_iter().filter(|(has, _)| *has).map(|(_, what)| what.to_owned()).collect()
}
