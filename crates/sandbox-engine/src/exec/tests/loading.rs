//! What the ways of loading a table lean on: the locks they take, and who gets into whose way.
use crate::client::bulk;
use crate::testing::{Answer, connect, engine, errors, ok, rows, run};
use sandbox_session::Engine;
use sandbox_session::Session;
use sandbox_session::api::{BulkRows, Cancelled};
use sandbox_values::Value;
use sandbox_values::error::SqlError;
use std::sync::{Arc, mpsc};
use std::thread;

struct Numbers(std::ops::Range<i64>);

impl BulkRows for Numbers {
    fn next(&mut self, row: &mut Vec<Value>) -> Result<bool, Result<SqlError, Cancelled>> {
        let next = self.0.next();
        *row = next.map(|n| vec![Value::Int(n)]).unwrap_or_default();
        Ok(next.is_some())
    }
}

/// A load's error, if it had one.
fn load(session: &mut Session, statement: &str, numbers: std::ops::Range<i64>) -> Option<i32> {
    ok(session, statement);
    let mut heard = Answer::default();
    bulk(session, &mut Numbers(numbers), &mut heard).unwrap();
    heard.error().map(|error| error.number)
}

const CLUSTERED: &str = "create table t(a int not null primary key)";

fn sessions<const N: usize>(engine: &Arc<Engine>) -> [Session; N] {
    std::array::from_fn(|_| connect(engine, "sa", "secret"))
}

/// Workers that each delete their part and then load it with a table lock, all in one transaction.
#[test]
fn deleting_and_then_locking_the_table_deadlocks() {
    let insert = |n: i64| format!("insert t with (tablock) select {n} where 1 = 1");
    for bulk in [true, false] {
        let engine = engine();
        let mut workers: [Session; 4] = sessions(&engine);
        ok(&mut workers[0], &format!("{CLUSTERED}; insert t values (1), (2), (3), (4)"));
        for (n, worker) in (1..).zip(&mut workers) {
            ok(worker, &format!("begin tran; delete t where a = {n}"));
        }
        let work = |(n, mut worker): (i64, Session)| {
            move || {
                let failed = if bulk {
                    load(&mut worker, "insert bulk t (a int) with (TABLOCK)", n..n + 1)
                } else {
                    run(&mut worker, &insert(n)).error().map(|error| error.number)
                };
                if failed.is_none() {
                    ok(&mut worker, "commit");
                }
                failed
            }
        };
        let threads: Vec<_> = (1..).zip(workers).map(work).map(thread::spawn).collect();
        let failed: Vec<_> = threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(failed, [1205; 3], "all but the last to wait are victims, bulk: {bulk}");
    }
}

/// The same workers without the table lock, and with it when it comes before the first change.
#[test]
fn neither_deadlocks_without_a_lock_that_grows() {
    for (begin, hints) in [
        ("begin tran", ""),
        // TOP (0) would lock nothing.
        ("begin tran; select top (1) a from t with (tablockx)", " with (TABLOCK)"),
        ("begin tran; exec sp_getapplock 'load', 'Exclusive'", " with (TABLOCK)"),
    ] {
        let engine = engine();
        let mut workers: [Session; 4] = sessions(&engine);
        ok(&mut workers[0], &format!("{CLUSTERED}; insert t values (1), (2), (3), (4)"));
        let work = |(n, mut worker): (i64, Session)| {
            move || {
                ok(&mut worker, &format!("{begin}; delete t where a = {n}"));
                let failed = load(&mut worker, &format!("insert bulk t (a int){hints}"), n..n + 1);
                // What fails by a deadlock has been rolled back.
                if failed.is_none() {
                    ok(&mut worker, "commit");
                }
                failed
            }
        };
        let threads: Vec<_> = (1..).zip(workers).map(work).map(thread::spawn).collect();
        let failed: Vec<_> = threads.into_iter().filter_map(|thread| thread.join().unwrap()).collect();
        assert_eq!(failed, [0; 0], "{begin}");
        let mut reader = connect(&engine, "sa", "secret");
        assert_eq!(rows(&mut reader, "select count(*), sum(a) from t"), [["4", "10"]]);
    }
}

#[test]
fn loads_of_a_heap_share_their_lock() {
    let engine = engine();
    let [mut one, mut two] = sessions(&engine);
    ok(&mut one, "create table t(a int not null)");
    for (worker, numbers) in [(&mut one, 0..10), (&mut two, 10..20)] {
        ok(worker, "begin tran");
        assert_eq!(load(worker, "insert bulk t (a int) with (TABLOCK)", numbers), None);
    }
    let held = "select request_mode, request_status from sys.dm_tran_locks
                where resource_associated_entity_id = object_id('t')";
    assert_eq!(rows(&mut one, held), [["BU", "GRANT"], ["BU", "GRANT"]]);
    ok(&mut one, "commit");
    ok(&mut two, "commit");
    let story =
        "select session_id, event from sys.sandbox_lock_log where request_mode = 'BU' order by sequence";
    let (first, second) = (one.id.to_string(), two.id.to_string());
    assert_eq!(
        rows(&mut one, story),
        [[&first, "granted"], [&second, "granted"], [&first, "released"], [&second, "released"]]
            .map(|event| event.map(ToOwned::to_owned))
    );
}

/// Held by another's open transaction: may a reader, a reader that asks for no locks, a load without TABLOCK, and
/// one with it go on?
#[test]
fn locks_keep_out_whom_they_should() {
    const ALL: [&str; 4] = [
        "select count(*) from t where a = 7",
        "select count(*) from t with (nolock)",
        "insert bulk t (a int)",
        "insert bulk t (a int) with (TABLOCK)",
    ];
    let heap = "create table t(a int not null)";
    for (table, held, passes) in [
        (heap, "insert t values (1)", [true, true, true, false]),
        (heap, "delete t where a = 2", [true, true, true, false]),
        (heap, "insert bulk t (a int) with (TABLOCK)", [false, true, false, true]),
        (heap, "select a from t with (tablockx)", [false, true, false, false]),
        (heap, "select a from t with (tablock, holdlock)", [true, true, false, false]),
        (heap, "truncate table t", [false, false, false, false]),
        (CLUSTERED, "insert bulk t (a int) with (TABLOCK)", [false, true, false, false]),
        (CLUSTERED, "insert bulk t (a int)", [true, true, true, false]),
    ] {
        let engine = engine();
        let [mut holder, mut other] = sessions(&engine);
        ok(&mut holder, &format!("{table}; insert t values (2), (7)"));
        ok(&mut holder, "begin tran");
        if held.starts_with("insert bulk") {
            assert_eq!(load(&mut holder, held, 100..101), None);
        } else {
            ok(&mut holder, held);
        }
        ok(&mut other, "set lock_timeout 0");
        for (n, (attempt, passes)) in ALL.into_iter().zip(passes).enumerate() {
            let numbers = 200 + n as i64..201 + n as i64;
            let refused = if attempt.starts_with("insert bulk") {
                load(&mut other, attempt, numbers)
            } else {
                run(&mut other, attempt).error().map(|error| error.number)
            };
            assert_eq!(refused, (!passes).then_some(1222), "{attempt} beside {held} on {table}");
        }
    }
}

/// So it is with catalogs: what another transaction has made is not there before it ends, whatever the reader's isolation but
/// for one.
#[test]
fn readers_of_catalogs_wait_for_tables_that_are_being_made() {
    let engine = engine();
    let [mut maker, mut reader] = sessions(&engine);
    ok(&mut maker, "create table t (a int); begin tran; create table u (a int)");
    ok(&mut reader, "set lock_timeout 0");
    let of_all = "select name from sys.tables order by name";
    let of_another = "select name from sys.columns where object_id = object_id('t')";
    for isolation in ["read committed", "repeatable read", "serializable"] {
        ok(&mut reader, &format!("set transaction isolation level {isolation}"));
        assert_eq!(errors(&mut reader, of_all)[0].0, 1222, "{isolation}");
        assert_eq!(rows(&mut reader, of_another), [["a"]], "{isolation}");
    }
    ok(&mut reader, "set transaction isolation level read uncommitted");
    assert_eq!(rows(&mut reader, of_all), [["t"], ["u"]]);
    ok(&mut reader, "set transaction isolation level read committed");
    assert_eq!(rows(&mut maker, of_all), [["t"], ["u"]]);
    ok(&mut maker, "rollback");
    assert_eq!(rows(&mut reader, of_all), [["t"]]);
    ok(&mut maker, "begin tran; create table u (a int); commit");
    assert_eq!(rows(&mut reader, of_all), [["t"], ["u"]]);
}

/// A reader waits for the rows of a writer that it has to look at, and for no others.
#[test]
fn readers_wait_for_uncommitted_rows_only() {
    let engine = engine();
    let [mut writer, mut reader] = sessions(&engine);
    ok(&mut writer, &format!("{CLUSTERED}; insert t values (1), (2)"));
    ok(&mut writer, "begin tran; delete t where a = 1; insert t values (3)");
    ok(&mut reader, "set lock_timeout 0");
    assert_eq!(rows(&mut reader, "select a from t where a = 2"), [["2"]]);
    for waits in ["select a from t where a = 1", "select a from t where a >= 2", "select count(*) from t"] {
        assert_eq!(errors(&mut reader, waits)[0].0, 1222, "{waits}");
    }
    assert_eq!(rows(&mut reader, "select count(*) from t with (nolock)"), [["2"]]);
}

#[test]
fn a_window_is_deleted_in_batches() {
    let engine = engine();
    let [mut one, mut two] = sessions(&engine);
    ok(&mut one, CLUSTERED);
    assert_eq!(load(&mut one, "insert bulk t (a int)", 0..10), None);
    let deleted = |session: &mut Session| {
        let batch = "delete top (@n) from t with (rowlock) where a >= @low and a < @high; select @@rowcount";
        let heard = ok(session, &format!("declare @n int = 2, @low int = 2, @high int = 7; {batch}"));
        heard.results.last().map(|(_, rows)| rows[0][0].clone())
    };
    for expected in [2, 2, 1, 0] {
        assert_eq!(deleted(&mut one), Some(Value::Int(expected)));
    }
    assert_eq!(rows(&mut one, "select a from t"), [["0"], ["1"], ["7"], ["8"], ["9"]]);
    // Two windows at once.
    ok(&mut one, "begin tran; delete t where a < 2");
    ok(&mut two, "set lock_timeout 0; begin tran; delete t where a >= 8; commit");
    ok(&mut one, "commit");
    assert_eq!(rows(&mut two, "select a from t"), [["7"]]);
}

/// Two sessions that want the whole table for themselves from the start wait for each other in line.
#[test]
fn turns_are_taken_in_line() {
    let engine = engine();
    let [mut one, mut two] = sessions(&engine);
    ok(&mut one, &format!("{CLUSTERED}; begin tran; exec sp_getapplock 'load', 'Exclusive'"));
    let (tell, told) = mpsc::channel();
    let second = two.id;
    let waiter = thread::spawn(move || {
        ok(&mut two, "begin tran; exec sp_getapplock 'load', 'Exclusive'");
        tell.send(()).unwrap();
        load(&mut two, "insert bulk t (a int) with (TABLOCK)", 10..20)
    });
    while engine.locks.blocker(second).is_none() {
        thread::yield_now();
    }
    assert_eq!(load(&mut one, "insert bulk t (a int) with (TABLOCK)", 0..10), None);
    assert!(told.try_recv().is_err(), "the second has no turn yet");
    ok(&mut one, "commit");
    assert_eq!(waiter.join().unwrap(), None);
}
