//! What was loaded is what a SELECT returns, bit for bit, through the engine's ordinary interface.
use super::{TableSpec, load, nycflights13, sales};
use crate::engine::Session;
use crate::engine::api::BulkRows;
use crate::engine::heard::Heard;
use crate::engine::{Engine, EngineOptions, Login, Storage, batch};
use crate::values::{CollationId, Value};

fn database() -> Session {
    let options = EngineOptions { sa_password: "secret".into(), server_name: "test".to_owned() };
    let engine = Engine::open(Storage::Memory, options).unwrap();
    let login = Login { user: "sa".to_owned(), password: "secret".into(), ..Login::default() };
    let mut session = engine.connect(&login).unwrap();
    selected(&mut session, "CREATE DATABASE samples");
    selected(&mut session, "USE samples");
    session
}

/// The rows of a batch that must succeed.
fn selected(session: &mut Session, sql: &str) -> Vec<Vec<Value>> {
    let mut heard = Heard::default();
    batch(session, sql, &mut [], &mut heard).unwrap();
    assert_eq!(heard.error, None, "{sql}");
    heard.rows
}

#[test]
fn sales_come_back_bit_for_bit() {
    let mut session = database();
    let collation = CollationId::SERVER_DEFAULT;
    assert_eq!(sales::generate(&mut session, collation, 200, 5).unwrap(), 200);
    let table = sales::table(collation).unwrap();
    let stored = selected(&mut session, "SELECT * FROM dbo.APP_4_SALES ORDER BY SALE_DATE, SALE_ID");
    assert_eq!(stored.len(), 200);
    let mut source = sales::SalesRows::new(&table, 200, 5);
    let mut expected = Vec::new();
    for row in &stored {
        assert!(source.fill(&mut expected));
        let loaded = table.columns.iter().zip(row).filter(|(column, _)| column.is_loaded());
        for ((column, value), expected) in loaded.zip(&expected) {
            assert_eq!(value, expected, "{}", column.name);
        }
    }
    // What no load fills fills itself, and differently in each row.
    let stamps = selected(&mut session, "SELECT COUNT(DISTINCT ROW_VERSION) FROM dbo.APP_4_SALES");
    assert_eq!(stamps, [[Value::Int(200)]]);
}

#[test]
fn reference_tables_come_back_as_their_files_have_them() {
    let mut session = database();
    let tables = TableSpec::parse_all(nycflights13::SCHEMA, CollationId::SERVER_DEFAULT).unwrap();
    for table in
        tables.iter().filter(|table| ["airlines", "airports", "planes"].contains(&table.name.as_str()))
    {
        let count = load(&mut session, table, &mut nycflights13::CsvRows::open(table).unwrap()).unwrap();
        let mut stored = selected(&mut session, &format!("SELECT * FROM dbo.{}", table.name));
        assert_eq!(stored.len() as u64, count);
        let mut source = nycflights13::CsvRows::open(table).unwrap();
        let mut expected = Vec::new();
        while source.next(&mut expected).unwrap() {
            let found = stored.iter().position(|row| *row == expected);
            assert!(found.is_some(), "{}: {expected:?}", table.name);
            stored.swap_remove(found.unwrap());
        }
    }
}

#[test]
fn a_table_that_is_there_already_is_left_alone() {
    let mut session = database();
    sales::generate(&mut session, CollationId::SERVER_DEFAULT, 3, 1).unwrap();
    let error = sales::generate(&mut session, CollationId::SERVER_DEFAULT, 3, 1).unwrap_err();
    assert!(error.to_string().contains("2714"), "{error}");
    assert_eq!(selected(&mut session, "SELECT COUNT(*) FROM dbo.APP_4_SALES"), [[Value::Int(3)]]);
}
