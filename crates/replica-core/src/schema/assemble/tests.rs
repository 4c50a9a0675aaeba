//! Tables that the sandbox has none of, as a catalog would answer: temporal ones, column sets, external tables, files; hash
//! indexes of tables in memory (Microsoft docs, "sys.tables", "sys.columns", "sys.indexes").
use super::*;
use crate::catalog::record::CatalogValue;
use crate::schema::definition::{Backs, IndexForm};
use crate::schema::policy::Policy;

/// `name=value` pairs; what is no number is text.
fn row(cells: &str) -> CatalogRow {
    CatalogRow::new(cells.split_whitespace().map(|cell| {
        let (name, value) = cell.split_once('=').unwrap_or((cell, ""));
        let number = value.parse().map(CatalogValue::Int);
        (name.to_owned(), number.unwrap_or_else(|_| CatalogValue::Text(value.to_owned())))
    }))
}

/// A table of two columns, with what more there is to say of it.
fn answered(table: &str, kind: &str, columns: &[&str], indexes: &[&str]) -> SchemaAnswers {
    let of_table = |cells: &str| row(&format!("table_id=7 {cells}"));
    let columns = columns.iter().enumerate().map(|(n, cells)| {
        row(&format!(
            "object_id=7 column_id={} max_length=8 precision=27 scale=7 is_nullable=0 {cells}",
            n + 1
        ))
    });
    let keys = indexes
        .iter()
        .enumerate()
        .map(|(n, _)| of_table(&format!("index_id={} column_id=1 key_ordinal=1", n + 2)));
    let indexes =
        indexes.iter().enumerate().map(|(n, cells)| of_table(&format!("index_id={} {cells}", n + 2)));
    SchemaAnswers::new([
        (question::SERVER, vec![row("product_version=16.0.1 engine_edition=3")]),
        (
            question::TABLES,
            vec![of_table(&format!(
                "place=0 schema_name=dbo table_name=t object_type=U can_view_definition=1 {table}"
            ))],
        ),
        (question::KINDS, vec![row(&format!("object_id=7 {kind}"))]),
        (question::COLUMNS, columns.collect()),
        (question::INDEXES, indexes.collect()),
        (question::INDEX_COLUMNS, keys.collect()),
    ])
}

fn definition(answers: SchemaAnswers, role: Role) -> Result<Definition> {
    let mut all = assemble(answers, role, &[TableName::new("dbo", "t")])?;
    all.tables.remove(0).map(|table| table.expect("it is among the answers"))
}

#[test]
fn a_temporal_table_becomes_plain_with_its_period() {
    let columns = [
        "name=id type_name=int base_name=int",
        "name=begins type_name=datetime2 base_name=datetime2 generated_always_type=1",
        "name=ends type_name=datetime2 base_name=datetime2 generated_always_type=2",
    ];
    for (temporal, trait_of) in [(2, "system versioning"), (1, "temporal history")] {
        let source =
            definition(answered(&format!("temporal_type={temporal}"), "", &columns, &[]), Role::Source)
                .unwrap();
        assert_eq!(source.traits, [trait_of]);
        let wanted = Policy::default().wanted(&source, &TargetServer::default()).unwrap();
        let types: Vec<String> = wanted.definition.columns.iter().map(crate::schema::ddl::column).collect();
        assert_eq!(
            types,
            ["[id] int NOT NULL", "[begins] datetime2(7) NOT NULL", "[ends] datetime2(7) NOT NULL"]
        );
        assert!(wanted.notes[0].contains(trait_of), "{:?}", wanted.notes);
    }
}

#[test]
fn a_column_set_is_left_out_and_its_sparse_columns_are_there() {
    let columns = [
        "name=id type_name=int base_name=int",
        "name=a type_name=int base_name=int is_sparse=1 is_nullable=1",
        "name=all_of_it type_name=xml base_name=xml is_column_set=1",
    ];
    let source = definition(answered("", "", &columns, &[]), Role::Source).unwrap();
    let wanted = Policy::default().wanted(&source, &TargetServer::default()).unwrap();
    let names: Vec<&str> = wanted.definition.columns.iter().map(|column| column.name.as_str()).collect();
    assert_eq!(names, ["id", "a"]);
    assert!(wanted.notes.iter().any(|note| note.contains("all_of_it, a view on the sparse columns")));
}

#[test]
fn a_column_that_was_dropped_from_a_ledger_is_none() {
    let columns = [
        "name=id type_name=int base_name=int",
        "name=MSSQL_DroppedLedgerColumn_n type_name=int base_name=int is_dropped_ledger_column=1",
    ];
    let source = definition(answered("", "ledger_type=2", &columns, &[]), Role::Source).unwrap();
    assert_eq!((source.columns.len(), source.traits), (1, vec!["a ledger".to_owned()]));
}

#[test]
fn a_hash_index_keeps_its_key() {
    let columns = ["name=id type_name=int base_name=int"];
    let indexes =
        ["index_name=PK_t index_type=7 index_type_name=NONCLUSTERED_HASH is_unique=1 is_primary_key=1"];
    let source = definition(answered("is_memory_optimized=1", "", &columns, &indexes), Role::Source).unwrap();
    let key = source.primary_key().unwrap();
    assert_eq!((key.kind, key.backs, key.keys.len()), (IndexForm::Nonclustered, Backs::PrimaryKey, 1));
    assert_eq!(source.traits, ["memory optimization", "the hash buckets of the index PK_t"]);
}

#[test]
fn statistics_have_their_condition_and_are_left_as_they_are() {
    let mut answers = answered("", "", &["name=id type_name=int base_name=int"], &[]);
    let rows = vec![
        row(
            "table_id=7 statistics_name=st column_id=1 has_filter=1 filter_definition=([id]>1) no_recompute=1",
        ),
        row("table_id=7 statistics_name=plain column_id=1 has_filter=0 no_recompute=0"),
    ];
    answers.of_tables.insert(question::STATISTICS.topic, HashMap::from([(7, rows)]));
    let statistics = definition(answers, Role::Target).unwrap().statistics;
    let found: Vec<_> = statistics.iter().map(|one| (one.filter.as_deref(), one.fixed)).collect();
    assert_eq!(found, [(Some("([id]>1)"), true), (None, false)]);
}

#[test]
fn external_tables_and_files_can_be_read_and_not_written() {
    let columns = ["name=id type_name=int base_name=int"];
    for (kind, says) in [("is_external=1", "an external table"), ("is_filetable=1", "a FileTable")] {
        let source = definition(answered("", kind, &columns, &[]), Role::Source).unwrap();
        assert_eq!(source.traits, [says]);
        let error = definition(answered("", kind, &columns, &[]), Role::Target).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}
