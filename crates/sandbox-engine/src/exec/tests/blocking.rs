//! Who waits for whom, as sessions see it in the server's views.
use crate::testing::{connect, engine, errors, ok, rows, run};
use sandbox_session::Session;
use std::thread;

/// Blocks until the session waits for a lock.
fn until_blocked(watcher: &Session, id: u16) {
    while watcher.engine.locks.blocker(id).is_none() {
        thread::yield_now();
    }
}

#[test]
fn a_session_that_waits_for_a_table_names_its_blocker() {
    let engine = engine();
    let mut holder = connect(&engine, "sa", "secret");
    ok(&mut holder, "create table t(a int); begin tran; select * from t with (tablockx)");
    let mut waiter = connect(&engine, "sa", "secret");
    let (held_by, waiting) = (holder.id, waiter.id);
    let mut watcher = connect(&engine, "sa", "secret");
    let blocked = thread::spawn(move || run(&mut waiter, "delete t").error().cloned());
    until_blocked(&watcher, waiting);
    let object = rows(&mut watcher, "select object_id('t')")[0][0].clone();
    let seen = rows(
        &mut watcher,
        &format!(
            "select r.session_id, r.blocking_session_id, r.status, r.command, r.wait_type, r.wait_resource, s.status
             from sys.dm_exec_requests r join sys.dm_exec_sessions s on s.session_id = r.blocking_session_id
             where r.session_id = {waiting}"
        ),
    );
    let resource = format!("OBJECT: 1:{object}:0");
    let expected = [
        &waiting.to_string(),
        &held_by.to_string(),
        "suspended",
        "DELETE",
        "LCK_M_IX",
        &resource,
        "sleeping",
    ];
    assert_eq!(seen, [expected]);
    let locks = rows(
        &mut watcher,
        &format!(
            "select request_session_id, request_mode, request_status from sys.dm_tran_locks
             where resource_type = 'OBJECT' and resource_associated_entity_id = {object} order by request_status"
        ),
    );
    assert_eq!(
        locks,
        [[held_by.to_string().as_str(), "X", "GRANT"], [waiting.to_string().as_str(), "IX", "WAIT"]]
    );
    let tasks = "select session_id, blocking_session_id, wait_type from sys.dm_os_waiting_tasks";
    assert_eq!(rows(&mut watcher, tasks), [[waiting.to_string().as_str(), &held_by.to_string(), "LCK_M_IX"]]);
    ok(&mut holder, "rollback");
    assert_eq!(blocked.join().unwrap(), None);
    let requests = rows(&mut watcher, "select session_id, command from sys.dm_exec_requests");
    assert_eq!(requests, [[watcher.id.to_string().as_str(), "SELECT"]], "who does nothing is not listed");
}

#[test]
fn a_wait_lasts_the_longer_the_later_one_looks() {
    let engine = engine();
    let mut holder = connect(&engine, "sa", "secret");
    ok(&mut holder, "exec sp_getapplock 'etl', 'Exclusive', 'Session'");
    let mut waiter = connect(&engine, "sa", "secret");
    let waiting = waiter.id;
    let mut watcher = connect(&engine, "sa", "secret");
    let blocked = thread::spawn(move || {
        ok(&mut waiter, "exec sp_getapplock 'etl', 'Shared', 'Session'").messages.len()
    });
    until_blocked(&watcher, waiting);
    let look = format!(
        "select blocking_session_id, wait_type, wait_resource, wait_time from sys.dm_exec_requests
         where session_id = {waiting}"
    );
    let mut seen = rows(&mut watcher, &look);
    assert_eq!(seen[0][..2], [holder.id.to_string(), "LCK_M_S".to_owned()]);
    assert!(seen[0][2].starts_with("APPLICATION: 1:0:[etl]:("), "{seen:?}");
    while seen[0][3] == "0" {
        seen = rows(&mut watcher, &look);
    }
    ok(&mut holder, "exec sp_releaseapplock 'etl', 'Session'");
    assert_eq!(blocked.join().unwrap(), 0);
}

/// A circle of an application lock and a table lock: sp_getapplock says -3, a statement 1205.
#[test]
fn deadlocks_are_found_across_kinds_of_locks() {
    for applock_closes_the_circle in [true, false] {
        let engine = engine();
        let mut one = connect(&engine, "sa", "secret");
        let mut two = connect(&engine, "sa", "secret");
        ok(&mut one, "create table t(a int)");
        ok(&mut one, "begin tran; exec sp_getapplock 'etl', 'Exclusive'");
        ok(&mut two, "begin tran; select * from t with (tablockx)");
        let table = "insert t values (1)";
        let applock = "declare @r int; exec @r = sp_getapplock 'etl', 'Exclusive'; select @r";
        let (mut first, waits, mut second, closes) =
            if applock_closes_the_circle { (one, table, two, applock) } else { (two, applock, one, table) };
        let waiting = first.id;
        let waiter = thread::spawn(move || {
            let heard = run(&mut first, waits);
            (heard.error().map(|e| e.number), heard.rows())
        });
        until_blocked(&second, waiting);
        let heard = run(&mut second, closes);
        if applock_closes_the_circle {
            assert_eq!((heard.error(), heard.rows()), (None, vec![vec!["-3".to_owned()]]));
            // The transaction lives, and its locks with it.
            assert_eq!(rows(&mut second, "select @@trancount"), [["1"]]);
            ok(&mut second, "rollback");
            assert_eq!(waiter.join().unwrap(), (None, vec![]));
        } else {
            assert_eq!(heard.error().map(|e| e.number), Some(1205));
            assert_eq!(rows(&mut second, "select @@trancount"), [["0"]]);
            assert_eq!(waiter.join().unwrap(), (None, vec![vec!["1".to_owned()]]), "granted after a wait");
        }
    }
}

/// Of the two owners of application locks one ends with the transaction, the other with the session.
#[test]
fn application_locks_end_with_their_owner() {
    let engine = engine();
    let mut one = connect(&engine, "sa", "secret");
    let mut two = connect(&engine, "sa", "secret");
    let ask = "declare @r int; exec @r = sp_getapplock 'etl', 'Exclusive', 'Session', 0; select @r";
    let release = "exec sp_releaseapplock 'etl', 'Session'";
    ok(&mut one, "begin tran; exec sp_getapplock 'etl', 'Exclusive', 'Transaction'");
    assert_eq!(rows(&mut two, ask), [["-1"]]);
    ok(&mut one, "commit");
    assert_eq!(rows(&mut two, ask), [["0"]]);
    ok(&mut two, release);
    ok(&mut one, "begin tran; exec sp_getapplock 'etl', 'Shared', 'Session'; rollback");
    assert_eq!(rows(&mut two, ask), [["-1"]], "a rollback releases no session's lock");
    drop(one);
    assert_eq!(rows(&mut two, ask), [["0"]]);
}

#[test]
fn a_foreign_key_that_is_switched_on_while_a_delete_waits_holds_it() {
    let engine = engine();
    let mut holder = connect(&engine, "sa", "secret");
    ok(
        &mut holder,
        "create table parent(id int not null primary key);
         create table child(parent int null constraint fk references parent(id));
         insert parent values (1), (2); insert child values (2);
         alter table child nocheck constraint fk;
         begin tran; select * from parent with (tablockx)",
    );
    let mut waiter = connect(&engine, "sa", "secret");
    let waiting = waiter.id;
    let mut watcher = connect(&engine, "sa", "secret");
    let blocked = thread::spawn(move || {
        let first = errors(&mut waiter, "delete parent where id = 2");
        (first, rows(&mut waiter, "delete parent where id = 1; select id from parent"))
    });
    until_blocked(&watcher, waiting);
    ok(&mut holder, "alter table child with check check constraint fk; commit");
    let (refused, left) = blocked.join().unwrap();
    assert_eq!(refused.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [547]);
    assert_eq!(left, [["2"]]);
    assert_eq!(rows(&mut watcher, "select parent from child"), [["2"]]);
}

/// Whose session it is, and who may end it (Microsoft docs, "SET CONTEXT_INFO" and "KILL").
#[test]
fn a_session_says_whose_it_is() {
    let engine = engine();
    let mut one = connect(&engine, "sa", "secret");
    let mut other = connect(&engine, "sa", "secret");
    let seen = format!(
        "select datalength(context_info), convert(varchar(128), context_info)
         from sys.dm_exec_sessions where session_id = {}",
        one.id
    );
    assert_eq!(rows(&mut other, &seen), [["0", ""]]);
    ok(&mut one, "set context_info 0x6f6e65");
    assert_eq!(rows(&mut other, &seen), [["128", &format!("{:\0<128}", "one")]]);
    let number = |session: &mut Session, sql: &str| errors(session, sql)[0].0;
    assert_eq!(number(&mut one, &format!("set context_info 0x{}", "00".repeat(129))), 8152);
    assert_eq!(number(&mut one, "set context_info null"), 156);
    ok(&mut one, "create login weak with password = 'Secret-4711'; grant view server state to weak");
    let mut weak = connect(&engine, "weak", "Secret-4711");
    assert_eq!(number(&mut weak, "kill 99"), 6102);
    ok(&mut one, "grant alter any connection to weak");
    assert_eq!(number(&mut weak, "kill 99"), 6106);
}

/// Microsoft docs, "ALTER TABLE", low_priority_lock_wait: others pass meanwhile, and after the time SWITCH gives up.
#[test]
fn a_switch_at_low_priority_lets_others_pass_and_gives_up() {
    let engine = engine();
    let mut reader = connect(&engine, "sa", "secret");
    ok(&mut reader, "create table t(a int); create table u(a int); insert t values (1)");
    ok(&mut reader, "begin tran; select * from t with (tablock, holdlock)");
    let mut switcher = connect(&engine, "sa", "secret");
    let id = switcher.id;
    let switch = "alter table t switch to u with (wait_at_low_priority (max_duration = 1 minutes, abort_after_wait = self))";
    let switched = thread::spawn(move || {
        let error = run(&mut switcher, switch).error().map(|error| error.number);
        (switcher, error)
    });
    let mut other = connect(&engine, "sa", "secret");
    until_blocked(&other, id);
    assert_eq!(rows(&mut other, "select a from t"), [["1"]], "who comes later does not stand behind it");
    ok(&mut reader, "rollback");
    let (mut switcher, error) = switched.join().unwrap();
    assert_eq!(error, None);
    assert_eq!(rows(&mut other, "select a from u"), [["1"]]);
    ok(&mut reader, "exec sp_sandbox_minute 1; begin tran; select * from u with (tablock, holdlock)");
    let back = switch.replace("t switch to u", "u switch to t");
    let refused = run(&mut switcher, &format!("set xact_abort on; begin tran; {back}"));
    assert_eq!(refused.error().map(|error| error.number), Some(1222));
    assert_eq!(rows(&mut switcher, "select @@trancount"), [["0"]]);
    for options in [
        "max_duration = 0 minutes, abort_after_wait = self",
        "max_duration = 1 minutes, abort_after_wait = blockers",
    ] {
        let sql = format!("alter table u switch to t with (wait_at_low_priority ({options}))");
        assert!(run(&mut switcher, &sql).error().is_some(), "{options}");
    }
}
