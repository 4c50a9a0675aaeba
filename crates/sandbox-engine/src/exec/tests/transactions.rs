//! Transactions, locks and versions between sessions.
use crate::testing::{connect, engine, errors, ok, open, rows, run, session};
use sandbox_catalog::store::Storage;
use sandbox_session::api::EnvChange;
use std::sync::mpsc;
use std::thread;

#[test]
fn rollback_undoes_and_commit_keeps() {
    let mut s = session();
    ok(&mut s, "create table t(a int); insert t values (1)");
    let heard =
        ok(&mut s, "begin tran; insert t values (2); delete t where a = 1; update t set a = 5 where a = 2");
    assert!(matches!(heard.env[..], [EnvChange::BeginTran { .. }]));
    assert_eq!(rows(&mut s, "select a from t"), [["5"]]);
    let heard = ok(&mut s, "rollback");
    assert!(matches!(heard.env[..], [EnvChange::Rollback { .. }]));
    assert_eq!(rows(&mut s, "select a from t"), [["1"]]);
    ok(&mut s, "begin tran; begin tran; insert t values (3); commit; commit");
    assert_eq!(rows(&mut s, "select count(*), @@trancount from t"), [["2", "0"]]);
    assert_eq!(errors(&mut s, "commit")[0].0, 3902);
    assert_eq!(errors(&mut s, "rollback")[0].0, 3903);
}

#[test]
fn savepoints_undo_what_came_after() {
    let mut s = session();
    ok(&mut s, "create table t(a int)");
    ok(
        &mut s,
        "begin tran; insert t values (1); save tran p; insert t values (2); rollback tran p; insert t values (3); commit",
    );
    assert_eq!(rows(&mut s, "select a from t order by a"), [["1"], ["3"]]);
}

#[test]
fn schema_changes_roll_back() {
    let mut s = session();
    ok(&mut s, "create table t(a int); insert t values (1)");
    ok(&mut s, "begin tran; truncate table t; create table u(b int); rollback");
    assert_eq!(rows(&mut s, "select count(*) from t"), [["1"]]);
    assert_eq!(errors(&mut s, "select * from u")[0].0, 208);
}

#[test]
fn conversions_end_the_transaction_and_others_do_not() {
    let mut s = session();
    ok(&mut s, "create table t(a int not null)");
    let heard = run(&mut s, "begin tran; insert t values (1); insert t values ('x'); select 1");
    assert!(heard.results.is_empty());
    assert_eq!(rows(&mut s, "select @@trancount"), [["0"]]);
    run(&mut s, "begin tran; insert t values (1); insert t values (null)");
    assert_eq!(rows(&mut s, "select @@trancount, count(*) from t"), [["1", "1"]]);
}

#[test]
fn readers_wait_for_writers_and_see_all_or_nothing() {
    let engine = engine();
    let mut writer = connect(&engine, "sa", "secret");
    ok(&mut writer, "create table t(a int); insert t values (1)");
    ok(&mut writer, "begin tran; delete t; insert t values (2), (3)");
    let mut reader = connect(&engine, "sa", "secret");
    assert_eq!(errors(&mut reader, "set lock_timeout 0; select * from t")[0].0, 1222);
    assert_eq!(rows(&mut reader, "select a from t with (nolock) order by a"), [["2"], ["3"]]);
    let (tell, told) = mpsc::channel();
    let waiting = thread::spawn(move || {
        ok(&mut reader, "set lock_timeout -1");
        tell.send(reader.id).unwrap();
        rows(&mut reader, "select a from t order by a")
    });
    let id = told.recv().unwrap();
    while engine.locks.blocker(id).is_none() {
        thread::yield_now();
    }
    ok(&mut writer, "commit");
    assert_eq!(waiting.join().unwrap(), [["2"], ["3"]]);
}

#[test]
fn snapshots_see_the_past_and_refuse_conflicts() {
    let engine = engine();
    let mut a = connect(&engine, "sa", "secret");
    ok(&mut a, "create database d");
    ok(&mut a, "use d; create table t(a int); insert t values (1), (2)");
    let mut b = connect(&engine, "sa", "secret");
    ok(&mut b, "use d");
    let refused = errors(&mut b, "set transaction isolation level snapshot; select * from t");
    assert_eq!(refused[0].0, 3952);
    ok(&mut a, "alter database d set allow_snapshot_isolation on");
    ok(&mut b, "begin tran; select count(*) from t");
    ok(&mut a, "delete t where a = 1; insert t values (3)");
    assert_eq!(rows(&mut b, "select a from t order by a"), [["1"], ["2"]]);
    assert_eq!(errors(&mut b, "update t set a = 9 where a = 1")[0].0, 3960);
    assert_eq!(rows(&mut b, "select @@trancount"), [["0"]]);
    assert_eq!(rows(&mut b, "select a from t order by a"), [["2"], ["3"]]);
}

#[test]
fn read_committed_snapshot_reads_without_waiting() {
    let engine = engine();
    let mut a = connect(&engine, "sa", "secret");
    ok(&mut a, "create database d; alter database d set read_committed_snapshot on");
    ok(&mut a, "use d; create table t(a int); insert t values (1); begin tran; update t set a = 2");
    let mut b = connect(&engine, "sa", "secret");
    ok(&mut b, "use d");
    assert_eq!(rows(&mut b, "select a from t"), [["1"]]);
    ok(&mut a, "commit");
    assert_eq!(rows(&mut b, "select a from t"), [["2"]]);
}

#[test]
fn a_circle_of_waits_has_a_victim() {
    let engine = engine();
    let mut a = connect(&engine, "sa", "secret");
    ok(&mut a, "create table t(a int); create table u(a int); insert t values (1); insert u values (1)");
    let mut b = connect(&engine, "sa", "secret");
    ok(&mut a, "begin tran; update t set a = 2");
    ok(&mut b, "begin tran; update u set a = 2");
    let (waiter, engine_of_waiter) = (a.id, engine.clone());
    let waiting = thread::spawn(move || {
        let heard = run(&mut a, "update u set a = 3; if @@trancount > 0 commit");
        heard.error().map(|e| e.number)
    });
    while engine_of_waiter.locks.blocker(waiter).is_none() {
        thread::yield_now();
    }
    assert_eq!(errors(&mut b, "update t set a = 3")[0].0, 1205);
    assert_eq!(rows(&mut b, "select @@trancount"), [["0"]]);
    assert_eq!(waiting.join().unwrap(), None);
}

#[test]
fn a_dropped_session_leaves_nothing() {
    let engine = engine();
    let mut a = connect(&engine, "sa", "secret");
    ok(&mut a, "create table t(a int)");
    let mut b = connect(&engine, "sa", "secret");
    ok(&mut b, "begin tran; insert t values (1)");
    drop(b);
    assert_eq!(rows(&mut a, "select count(*) from t"), [["0"]]);
}

#[test]
fn many_rows_escalate_to_the_table() {
    let engine = engine();
    let mut a = connect(&engine, "sa", "secret");
    let ten = "(values (1),(2),(3),(4),(5),(6),(7),(8),(9),(10))";
    let insert = format!("insert t select 1 from {ten} a(x), {ten} b(x), {ten} c(x), {ten} d(x)");
    ok(&mut a, &format!("create table t(a int); {insert}"));
    ok(&mut a, "begin tran; delete top (4000) from t");
    let mut b = connect(&engine, "sa", "secret");
    ok(&mut b, "set lock_timeout 0; insert t values (2)");
    ok(&mut a, "delete top (5001) from t where a = 1");
    assert_eq!(rows(&mut a, "select count(*) from t where a = 1").len(), 1);
    assert_eq!(errors(&mut b, "insert t values (3)")[0].0, 1222);
}

#[test]
fn what_a_crash_left_unfinished_is_undone_at_the_next_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = || Storage::Folder(folder.path().to_owned());
    let engine = open(path());
    let mut s = connect(&engine, "sa", "secret");
    ok(&mut s, "create table t(a int identity(1,1), b int); insert t(b) values (10), (20)");
    ok(
        &mut s,
        "begin tran; insert t(b) values (30); delete t where b = 10; update t set b = 21 where b = 20",
    );
    // Neither is ever dropped, as in a crash.
    std::mem::forget((s, engine));
    let again = open(path());
    let mut s = connect(&again, "sa", "secret");
    assert_eq!(rows(&mut s, "select a, b from t order by a"), [["1", "10"], ["2", "20"]]);
    ok(&mut s, "insert t(b) values (40)");
    assert_eq!(rows(&mut s, "select count(*), count(distinct a) from t"), [["3", "3"]]);
}

/// Microsoft docs, "MSSQLSERVER_3961": definitions have no versions.
#[test]
fn a_snapshot_does_not_outlive_a_change_of_the_tables_definition() {
    let engine = engine();
    let mut writer = connect(&engine, "sa", "secret");
    ok(&mut writer, "create database d; alter database d set allow_snapshot_isolation on; use d");
    ok(&mut writer, "create table t(a int); create table empty(a int); create table other(a int)");
    let mut reader = connect(&engine, "sa", "secret");
    ok(&mut reader, "use d; set transaction isolation level snapshot");
    for ddl in [
        "truncate table t",
        "alter table t switch to empty; drop table empty; create table empty(a int)",
        "alter table t add b int null; alter table t drop column b",
    ] {
        ok(&mut writer, "delete t; insert t values (1)");
        ok(&mut reader, "begin tran; select * from other");
        assert_eq!(rows(&mut reader, "select count(*) from t"), [["1"]]);
        ok(&mut writer, &format!("begin tran; {ddl}; rollback"));
        assert_eq!(rows(&mut reader, "select count(*) from t"), [["1"]], "{ddl} was rolled back");
        ok(&mut writer, &format!("begin tran; {ddl}; commit"));
        ok(&mut reader, "select * from other");
        assert_eq!(errors(&mut reader, "select count(*) from t")[0].0, 3961, "{ddl}");
        run(&mut reader, "if @@trancount > 0 rollback");
        ok(&mut reader, "begin tran; select count(*) from t; commit");
    }
}
