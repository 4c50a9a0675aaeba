//! Table hints: rows locked before they change, and rows passed over.
use crate::testing::{connect, engine, errors, ok, rows};
use sandbox_session::Session;

/// Two sessions and a table of three rows; the second does not wait.
fn two() -> (Session, Session) {
    let engine = engine();
    let (mut one, mut two) = (connect(&engine, "sa", "secret"), connect(&engine, "sa", "secret"));
    ok(&mut one, "create table t(id int not null primary key, s nvarchar(9) null)");
    ok(&mut one, "insert t(id) values (1), (2), (3)");
    ok(&mut two, "set lock_timeout 0");
    (one, two)
}

const NOBODY: [[&str; 1]; 0] = [];

#[test]
fn a_row_that_is_locked_for_a_change_changes_for_no_one_else() {
    let (mut one, mut two) = two();
    ok(&mut one, "begin tran");
    assert_eq!(rows(&mut one, "select id from t with (updlock) where id = 2"), [["2"]]);
    assert_eq!(rows(&mut two, "select id from t"), [["1"], ["2"], ["3"]], "readers go on");
    for waits in [
        "update t set s = 'x' where id = 2",
        "delete t where id >= 2",
        "select id from t with (updlock) where id > 1",
        "select id from t with (xlock, rowlock) where id = 2",
        "if exists (select * from t with (updlock) where id = 2) print 'x'",
        "declare @n int; select @n = id from t with (updlock) where id = 2",
    ] {
        assert_eq!(errors(&mut two, waits)[0].0, 1222, "{waits}");
    }
    ok(&mut two, "update t set s = 'x' where id = 1");
    assert_eq!(rows(&mut two, "select id from t with (updlock, readpast) order by id"), [["1"], ["3"]]);
    ok(&mut two, "update t with (readpast) set s = 'y'");
    ok(&mut one, "update t set s = 'z' where id = 2; commit");
    assert_eq!(rows(&mut two, "select s from t order by id"), [["y"], ["z"], ["y"]]);
    ok(&mut two, "delete t where id = 2");
}

/// The plan of TOP (0) is a constant scan, which opens no table.
#[test]
fn a_query_of_no_rows_locks_no_table() {
    let (mut one, mut two) = two();
    ok(&mut one, "begin tran");
    ok(&mut one, "select top (0) id from t with (tablockx, holdlock)");
    ok(&mut two, "update t set s = 'x' where id = 1");
    ok(&mut one, "select top (1) id from t with (tablockx, holdlock)");
    assert_eq!(errors(&mut two, "update t set s = 'y' where id = 1")[0].0, 1222);
    ok(&mut one, "commit");
}

/// A row lock ends with the statement where there is no transaction.
#[test]
fn without_a_transaction_nothing_stays_locked() {
    let (mut one, mut two) = two();
    ok(&mut one, "select id from t with (updlock, holdlock)");
    ok(&mut two, "update t set s = 'x'; insert t(id) values (4)");
}

#[test]
fn rows_in_others_hands_are_passed_over() {
    let (mut one, mut two) = two();
    ok(&mut one, "begin tran; update t set s = 'x' where id = 1; insert t(id) values (4)");
    assert_eq!(errors(&mut two, "select id from t")[0].0, 1222);
    assert_eq!(rows(&mut two, "select id from t with (readpast)"), [["2"], ["3"]]);
    assert_eq!(rows(&mut two, "select @@rowcount, count(*) from t with (readpast)")[0][1], "2");
    ok(&mut two, "delete top (5) from t with (readpast, rowlock)");
    ok(&mut one, "commit");
    assert_eq!(rows(&mut one, "select id, s from t"), [["1", "x"], ["4", "NULL"]]);
}

/// Work handed out row by row: nobody waits, nobody gets what another has.
#[test]
fn a_queue_hands_out_each_row_once() {
    let (mut one, mut two) = two();
    let claim = "update top (1) t with (readpast, updlock, rowlock) set s = 'mine' output inserted.id where s is null";
    ok(&mut one, "begin tran");
    ok(&mut two, "begin tran");
    assert_eq!(rows(&mut one, claim), [["1"]]);
    assert_eq!(rows(&mut two, claim), [["2"]]);
    assert_eq!(rows(&mut one, claim), [["3"]]);
    assert_eq!(rows(&mut two, claim), NOBODY);
    ok(&mut one, "rollback");
    assert_eq!(rows(&mut two, claim), [["1"]]);
}

/// `IF NOT EXISTS (... WITH (UPDLOCK, HOLDLOCK)) INSERT`: the second to ask waits for the first.
#[test]
fn what_is_not_there_stays_away_while_it_is_held() {
    let (mut one, mut two) = two();
    let ask = "if not exists (select * from t with (updlock, holdlock) where id = 9) insert t(id) values (9)";
    ok(
        &mut one,
        "begin tran; declare @n int; select @n = count(*) from t with (updlock, holdlock) where id = 9",
    );
    for waits in [ask, "insert t(id) values (9)", "insert t(id) select 9"] {
        assert_eq!(errors(&mut two, waits)[0].0, 1222, "{waits}");
    }
    assert_eq!(errors(&mut two, "update t set id = 9 where id = 1")[0].0, 1222);
    ok(&mut two, "update t set s = 'x' where id = 1; delete t where id = 2");
    assert_eq!(rows(&mut two, "select id from t where id = 9"), NOBODY);
    ok(&mut one, &format!("{ask}; commit"));
    ok(&mut two, ask);
    assert_eq!(rows(&mut two, "select count(*) from t where id = 9"), [["1"]]);
}

#[test]
fn hints_that_do_not_exist_or_do_not_fit_are_refused() {
    let (mut one, _) = two();
    for (sql, number) in [
        ("select * from t with (nonsense)", 321),
        ("delete t with (nonsense)", 321),
        ("set transaction isolation level serializable; select * from t with (readpast)", 650),
    ] {
        assert_eq!(errors(&mut one, sql)[0].0, number, "{sql}");
    }
}
