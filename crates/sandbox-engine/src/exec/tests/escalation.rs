//! Which loads and changes end with a lock on the table: the thresholds, and each shape of docs/LOADING.md.
use crate::client::bulk;
use crate::testing::{Answer, connect, engine, errors, ok, rows};
use sandbox_session::Session;
use sandbox_session::api::{BulkRows, Cancelled};
use sandbox_values::Value;
use sandbox_values::error::SqlError;

/// So many rows of one number each.
struct NumbersBetween(i64, i64);

impl BulkRows for NumbersBetween {
    fn next(&mut self, row: &mut Vec<Value>) -> Result<bool, Result<SqlError, Cancelled>> {
        row.clear();
        row.push(Value::Int(self.0));
        self.0 += 1;
        Ok(self.0 <= self.1 + 1)
    }
}

fn load(s: &mut Session, hints: &str, from: i64, to: i64) {
    ok(s, &format!("INSERT BULK t (a int) {hints}"));
    let mut heard = Answer::default();
    bulk(s, &mut NumbersBetween(from, to), &mut heard).unwrap();
    assert_eq!(heard.error(), None);
}

/// What the session holds on the table.
fn lock(s: &mut Session) -> String {
    let held = "SELECT request_mode FROM sys.dm_tran_locks WHERE resource_type = 'OBJECT' AND request_session_id = @@SPID
        AND resource_associated_entity_id = OBJECT_ID('t')";
    rows(s, held).concat().concat()
}

fn escalations(s: &mut Session) -> usize {
    rows(s, "SELECT sequence FROM sys.sandbox_lock_log WHERE event = 'escalated'").len()
}

fn table(definition: &str) -> (Session, Session) {
    let engine = engine();
    let (mut a, b) = (connect(&engine, "sa", "secret"), connect(&engine, "sa", "secret"));
    ok(&mut a, definition);
    (a, b)
}

#[test]
fn a_load_escalates_at_five_thousand_rows() {
    let (mut a, mut b) = table("CREATE TABLE t (a int NOT NULL PRIMARY KEY)");
    ok(&mut a, "BEGIN TRANSACTION");
    load(&mut a, "", 1, 4_999);
    assert_eq!(lock(&mut a), "IX");
    // Another statement counts anew.
    load(&mut a, "", 5_000, 9_998);
    assert_eq!((lock(&mut a), escalations(&mut a)), ("IX".to_owned(), 0));
    load(&mut a, "", 10_000, 14_999);
    assert_eq!((lock(&mut a), escalations(&mut a)), ("X".to_owned(), 1));
    assert_eq!(errors(&mut b, "SET LOCK_TIMEOUT 0; INSERT t VALUES (0)")[0].0, 1222);
}

#[test]
fn it_goes_on_while_others_are_in_the_way_and_tries_again() {
    let (mut a, mut b) = table("CREATE TABLE t (a int NOT NULL PRIMARY KEY)");
    ok(&mut b, "BEGIN TRANSACTION; INSERT t VALUES (0)");
    ok(&mut a, "BEGIN TRANSACTION");
    load(&mut a, "", 1, 20_000);
    assert_eq!((lock(&mut a), escalations(&mut a)), ("IX".to_owned(), 0));
    ok(&mut b, "COMMIT");
    assert_eq!(lock(&mut a), "IX");
    let ten = "(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))";
    ok(
        &mut a,
        &format!(
            "INSERT t SELECT 100000 + a.x + 10 * b.x + 100 * c.x + 1000 * d.x FROM {ten} AS a(x), {ten} AS b(x), {ten} AS c(x), {ten} AS d(x)"
        ),
    );
    assert_eq!((lock(&mut a), escalations(&mut a)), ("X".to_owned(), 1));
}

#[test]
fn each_shape_of_a_target() {
    // Definition, hints of the load, the lock after 6,000 rows, and whether it came by escalation.
    for (definition, hints, held, escalated) in [
        ("CREATE TABLE t (a int)", "WITH (TABLOCK)", "BU", false),
        ("CREATE TABLE t (a int)", "", "X", true),
        ("CREATE TABLE t (a int, INDEX i (a))", "WITH (TABLOCK)", "Sch-M", false),
        ("CREATE TABLE t (a int NOT NULL PRIMARY KEY)", "WITH (TABLOCK)", "X", false),
        ("CREATE TABLE t (a int NOT NULL PRIMARY KEY)", "", "X", true),
        ("CREATE TABLE t (a int NOT NULL, INDEX c CLUSTERED COLUMNSTORE)", "", "IX", false),
        (
            "CREATE TABLE t (a int NOT NULL PRIMARY KEY); ALTER TABLE t SET (LOCK_ESCALATION = DISABLE)",
            "",
            "IX",
            false,
        ),
    ] {
        let (mut a, _) = table(definition);
        ok(&mut a, "BEGIN TRANSACTION");
        load(&mut a, hints, 1, 6_000);
        assert_eq!(
            (lock(&mut a).as_str(), escalations(&mut a) > 0),
            (held, escalated),
            "{definition} {hints}"
        );
    }
}

#[test]
fn a_table_says_whether_it_escalates() {
    let (mut a, _) = table("CREATE TABLE t (a int)");
    let shown = "SELECT lock_escalation, lock_escalation_desc FROM sys.tables WHERE name = 't'";
    assert_eq!(rows(&mut a, shown), [["0", "TABLE"]]);
    ok(&mut a, "ALTER TABLE t SET (LOCK_ESCALATION = AUTO)");
    assert_eq!(rows(&mut a, shown), [["2", "AUTO"]]);
    ok(&mut a, "ALTER TABLE t SET (LOCK_ESCALATION = DISABLE)");
    assert_eq!(rows(&mut a, shown), [["1", "DISABLE"]]);
    let ten = "(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))";
    ok(
        &mut a,
        &format!(
            "BEGIN TRANSACTION; INSERT t SELECT a.x FROM {ten} AS a(x), {ten} AS b(x), {ten} AS c(x), {ten} AS d(x)"
        ),
    );
    assert_eq!(lock(&mut a), "IX");
}
