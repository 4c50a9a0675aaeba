//! Bulk loads of many rows, and how they end: more than one chunk, a broken stream, an attention, locks, ORDER.
use crate::client::bulk;
use crate::testing::{Answer, ok, rows, session};
use sandbox_session::Session;
use sandbox_session::api::{BulkRows, Cancelled};
use sandbox_transactions::locks;
use sandbox_values::Value;
use sandbox_values::error::SqlError;

/// Rows that are at hand, and what comes instead of one more.
struct Rows {
    rows: std::vec::IntoIter<Vec<Value>>,
    end: Option<Result<SqlError, Cancelled>>,
}

impl BulkRows for Rows {
    fn next(&mut self, row: &mut Vec<Value>) -> Result<bool, Result<SqlError, Cancelled>> {
        match (self.rows.next(), self.end.take()) {
            (Some(next), end) => {
                self.end = end;
                *row = next;
                Ok(true)
            }
            (None, Some(end)) => Err(end),
            (None, None) => Ok(false),
        }
    }
}

fn load(session: &mut Session, statement: &str, rows: Vec<Vec<Value>>) -> Answer {
    ok(session, statement);
    let mut heard = Answer::default();
    bulk(session, &mut Rows { rows: rows.into_iter(), end: None }, &mut heard).unwrap();
    heard
}

fn numbers(heard: &Answer) -> Vec<i32> {
    heard.messages.iter().map(|m| m.number).collect()
}

fn int(n: i64) -> Value {
    Value::Int(n)
}

#[test]
fn a_failed_load_leaves_nothing() {
    let mut s = session();
    ok(&mut s, "create table t(id int not null primary key)");
    ok(&mut s, "insert t values (5000)");
    let rows_in = (1..=5000).map(|n| vec![int(n)]).collect();
    let heard = load(&mut s, "insert bulk t (id int)", rows_in);
    assert_eq!(numbers(&heard), [2627, 3621]);
    assert_eq!((heard.done[0].command, heard.done[0].count, heard.done[0].error), (240, None, true));
    assert_eq!(rows(&mut s, "select count(*) from t"), [["1"]]);
    let heard = load(&mut s, "insert bulk t (id int)", vec![vec![Value::Null]]);
    assert_eq!(numbers(&heard), [515, 3621]);
    ok(&mut s, "insert bulk t (id int)");
    let mut heard = Answer::default();
    let broken = SqlError::new(4804, 17, 1, "broken");
    let mut rows_in = Rows { rows: vec![vec![int(1)]].into_iter(), end: Some(Ok(broken)) };
    bulk(&mut s, &mut rows_in, &mut heard).unwrap();
    assert_eq!(numbers(&heard), [4804]);
    assert_eq!(heard.done[0].command, 253);
    ok(&mut s, "insert bulk t (id int)");
    let mut rows_in = Rows { rows: vec![vec![int(1)]].into_iter(), end: Some(Err(Cancelled)) };
    assert_eq!(bulk(&mut s, &mut rows_in, &mut Answer::default()), Err(Cancelled));
    assert_eq!(rows(&mut s, "select count(*) from t"), [["1"]]);
}

#[test]
fn order_is_held_against_the_clustered_key() {
    let mut s = session();
    ok(&mut s, "create table t(a int not null primary key); create table h(a int)");
    let unsorted = vec![vec![int(2)], vec![int(1)]];
    let heard = load(&mut s, "insert bulk t (a int) with (ORDER(a ASC))", unsorted.clone());
    assert_eq!(numbers(&heard), [4819]);
    assert!(numbers(&load(&mut s, "insert bulk h (a int) with (ORDER(a ASC))", unsorted)).is_empty());
}

#[test]
fn tablock_decides_on_the_lock() {
    for (table, tablock, mode) in [
        ("create table t(a int)", false, locks::LockMode::IX),
        ("create table t(a int)", true, locks::LockMode::BU),
        ("create table t(a int); create index i on t(a)", true, locks::LockMode::SchM),
        ("create table t(a int); create clustered index i on t(a)", true, locks::LockMode::X),
    ] {
        let mut s = session();
        ok(&mut s, table);
        ok(&mut s, "begin tran");
        let hint = if tablock { " with (TABLOCK)" } else { "" };
        load(&mut s, &format!("insert bulk t (a int){hint}"), vec![vec![int(1)]]);
        let held = s.engine.locks.rows();
        let on_table = |r: &&locks::LockRow| matches!(r.resource, locks::Resource::Table { .. });
        let modes: Vec<_> = held.iter().filter(on_table).map(|r| r.mode).collect();
        assert_eq!(modes, [mode], "{table}");
    }
}
