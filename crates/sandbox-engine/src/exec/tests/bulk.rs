//! Bulk loads as captured (docs/SERVER.md, from "Errors of a bulk load" on). What the wire refuses is `values::wire`'s to
//! test.
use crate::client::{bulk, cancel_bulk};
use crate::testing::{Answer, ok, rows, run, session};
use sandbox_session::Session;
use sandbox_session::api::{BulkRows, Cancelled};
use sandbox_values::Value;
use sandbox_values::error::SqlError;

struct BulkNumbers(std::vec::IntoIter<Vec<Value>>);

impl BulkRows for BulkNumbers {
    fn next(&mut self, row: &mut Vec<Value>) -> Result<bool, Result<SqlError, Cancelled>> {
        let next = self.0.next();
        let more = next.is_some();
        *row = next.unwrap_or_default();
        Ok(more)
    }
}

/// INSERT BULK must succeed; what the load answers is up to the caller.
fn load(session: &mut Session, announced: &str, rows: Vec<Vec<Value>>) -> Answer {
    ok(session, announced);
    let mut heard = Answer::default();
    bulk(session, &mut BulkNumbers(rows.into_iter()), &mut heard).unwrap();
    heard
}

/// Number, class and state of a message.
type Told = (i32, u8, u8);

/// Each message, and status and CurCmd of the last DONE.
fn told(heard: &Answer) -> (Vec<Told>, (bool, u16)) {
    let messages = heard.messages.iter().map(|m| (m.number, m.class, m.state)).collect();
    let last = heard.done.last().unwrap();
    assert_eq!(heard.done.iter().filter(|done| done.error).count(), usize::from(last.error));
    (messages, (last.error, last.command))
}

fn int(n: i64) -> Value {
    Value::Int(n)
}

fn bytes(bytes: &[u8]) -> Value {
    Value::Bytes(bytes.to_vec())
}

const TERMINATED: Told = (3621, 0, 0);

fn database() -> Session {
    let mut session = session();
    ok(&mut session, "CREATE DATABASE db");
    ok(&mut session, "USE db");
    session
}

#[test]
fn a_load_counts_its_rows() {
    let mut session = database();
    ok(&mut session, "CREATE TABLE t (id int NOT NULL, s varchar(4) NULL)");
    let heard = load(
        &mut session,
        "INSERT BULK t (id int, s varchar(4))",
        vec![vec![int(1), bytes(b"a")], vec![int(2), Value::Null]],
    );
    assert_eq!(told(&heard), (vec![], (false, 240)));
    assert_eq!(heard.done.last().unwrap().count, Some(2));
    assert_eq!(rows(&mut session, "SELECT id, s FROM t ORDER BY id"), [["1", "a"], ["2", "NULL"]]);
    assert_eq!(rows(&mut session, "SELECT @@ROWCOUNT"), [["2"]]);
}

/// Each of these ends the load with nothing inserted, 3621 after it with XACT_ABORT OFF, and CurCmd 240; under ON
/// without it, and 253.
#[test]
fn constraints_refuse_the_whole_load() {
    /// DDL, INSERT BULK, its rows, the error and its text.
    type Case<'a> = (&'a str, &'a str, Vec<Vec<Value>>, Told, &'a str);
    let cases: [Case; 5] = [
        (
            "CREATE TABLE t (id int NOT NULL CONSTRAINT PK_t PRIMARY KEY)",
            "INSERT BULK t (id int)",
            vec![vec![int(1)], vec![int(1)]],
            (2627, 14, 1),
            "Violation of PRIMARY KEY constraint 'PK_t'. Cannot insert duplicate key in object 'dbo.t'. The duplicate key value is (1).",
        ),
        (
            "CREATE TABLE t (id int NULL); CREATE UNIQUE INDEX ux ON t (id)",
            "INSERT BULK t (id int) WITH (KEEP_NULLS)",
            vec![vec![Value::Null], vec![Value::Null]],
            (2601, 14, 1),
            "Cannot insert duplicate key row in object 'dbo.t' with unique index 'ux'. The duplicate key value is (<NULL>).",
        ),
        (
            "CREATE TABLE t (id int NOT NULL)",
            "INSERT BULK t (id int)",
            vec![vec![int(1)], vec![Value::Null]],
            (515, 16, 2),
            "Cannot insert the value NULL into column 'id', table 'db.dbo.t'; column does not allow nulls. INSERT fails.",
        ),
        (
            "CREATE TABLE t (s varchar(3) NULL)",
            "INSERT BULK t (s varchar(9))",
            vec![vec![bytes(b"abcd")]],
            (2628, 16, 1),
            "String or binary data would be truncated in table 'db.dbo.t', column 's'. Truncated value: 'abc'.",
        ),
        (
            "CREATE TABLE t (n int NOT NULL CONSTRAINT CK_n CHECK (n > 0))",
            "INSERT BULK t (n int) WITH (CHECK_CONSTRAINTS)",
            vec![vec![int(1)], vec![int(-1)]],
            (547, 16, 0),
            "The INSERT statement conflicted with the CHECK constraint \"CK_n\". The conflict occurred in database \"db\", table \"dbo.t\", column 'n'.",
        ),
    ];
    for (ddl, announced, data, error, text) in cases {
        for abort in [false, true] {
            let mut session = database();
            ok(&mut session, ddl);
            ok(&mut session, if abort { "SET XACT_ABORT ON" } else { "SET XACT_ABORT OFF" });
            let heard = load(&mut session, announced, data.clone());
            let expected =
                if abort { (vec![error], (true, 253)) } else { (vec![error, TERMINATED], (true, 240)) };
            assert_eq!(told(&heard), expected, "{ddl}, XACT_ABORT {abort}");
            assert_eq!(heard.messages[0].text, text);
            assert_eq!(rows(&mut session, "SELECT COUNT(*) FROM t"), [["0"]], "{ddl}");
        }
    }
}

/// 245, 241, 8115 and broken UTF-8: 3621 follows 9833 only.
#[test]
fn values_that_do_not_convert_refuse_the_load() {
    const UTF8: &str = "varchar(8) COLLATE Latin1_General_100_BIN2_UTF8";
    const UTF8_MAX: &str = "varchar(max) COLLATE Latin1_General_100_BIN2_UTF8";
    for (column, declared, value, error, terminated) in [
        ("int", "varchar(8)", bytes(b"x"), (245, 16, 1), false),
        ("date", "varchar(8)", bytes(b"x"), (241, 16, 1), false),
        (UTF8, UTF8, bytes(&[0xFF]), (9833, 16, 2), true),
        (UTF8, UTF8, bytes(&[0x61, 0xC3]), (7339, 16, 1), false),
        (UTF8_MAX, UTF8_MAX, bytes(&[0x61, 0xC3]), (4896, 16, 1), false),
    ] {
        let mut session = database();
        ok(&mut session, &format!("CREATE TABLE t (c {column} NULL)"));
        let heard = load(&mut session, &format!("INSERT BULK t (c {declared})"), vec![vec![value]]);
        let (messages, (failed, _)) = told(&heard);
        let expected = if terminated { vec![error, TERMINATED] } else { vec![error] };
        assert_eq!((messages, failed), (expected, true), "{declared} into {column}");
        assert_eq!(rows(&mut session, "SELECT COUNT(*) FROM t"), [["0"]]);
    }
}

#[test]
fn utf8_that_servers_took_is_taken_as_sent() {
    let mut session = database();
    let column = "varchar(8) COLLATE Latin1_General_100_BIN2_UTF8";
    ok(&mut session, &format!("CREATE TABLE t (c {column} NULL)"));
    let data = vec![vec![bytes(&[0xC3, 0x28])], vec![bytes(&[0xED, 0xA0, 0x80])]];
    let heard = load(&mut session, &format!("INSERT BULK t (c {column})"), data.clone());
    assert_eq!(heard.error(), None);
    assert_eq!(ok(&mut session, "SELECT c FROM t").results[0].1, data);
}

/// Section 5: defaults without KEEP_NULLS, and with it.
#[test]
fn nulls_take_defaults_unless_they_are_kept() {
    let mut session = database();
    ok(&mut session, "CREATE TABLE t (a int NOT NULL DEFAULT 7, b int NULL DEFAULT 8, c int NULL DEFAULT 9)");
    load(&mut session, "INSERT BULK t (a int, b int)", vec![vec![Value::Null, Value::Null]]);
    assert_eq!(rows(&mut session, "SELECT a, b, c FROM t"), [["7", "8", "9"]]);
    ok(&mut session, "TRUNCATE TABLE t");
    load(&mut session, "INSERT BULK t (a int, b int) WITH (KEEP_NULLS)", vec![vec![int(1), Value::Null]]);
    assert_eq!(rows(&mut session, "SELECT a, b, c FROM t"), [["1", "NULL", "9"]]);
    let heard = load(&mut session, "INSERT BULK t (a int) WITH (KEEP_NULLS)", vec![vec![Value::Null]]);
    assert_eq!(heard.error().map(|error| error.number), Some(515));
}

/// Section 5: a listed identity column keeps its values, an omitted one counts on.
#[test]
fn identity_values_are_kept_where_they_are_sent() {
    let mut session = database();
    ok(&mut session, "CREATE TABLE t (id int IDENTITY(10, 5) NOT NULL, n int NULL)");
    load(&mut session, "INSERT BULK t (n int)", vec![vec![int(1)], vec![int(2)]]);
    load(&mut session, "INSERT BULK t (id int, n int)", vec![vec![int(100), int(3)], vec![int(200), int(4)]]);
    assert_eq!(rows(&mut session, "SELECT id FROM t ORDER BY n"), [["10"], ["15"], ["100"], ["200"]]);
    load(&mut session, "INSERT BULK t (n int)", vec![vec![int(5)]]);
    assert_eq!(rows(&mut session, "SELECT id FROM t WHERE n = 5"), [["205"]]);
}

/// Section 5: without CHECK_CONSTRAINTS bad rows enter, and the constraint is trusted no longer.
#[test]
fn unchecked_loads_cost_constraints_their_trust() {
    let trust = "SELECT is_disabled, is_not_trusted FROM sys.check_constraints";
    for (hints, trusted) in [("", "1"), (" WITH (CHECK_CONSTRAINTS)", "0")] {
        let mut session = database();
        ok(&mut session, "CREATE TABLE t (n int NOT NULL CONSTRAINT CK_n CHECK (n > 0))");
        let value = if hints.is_empty() { -1 } else { 1 };
        let heard = load(&mut session, &format!("INSERT BULK t (n int){hints}"), vec![vec![int(value)]]);
        assert_eq!(heard.error(), None, "{hints}");
        assert_eq!(rows(&mut session, trust), [["0", trusted]], "{hints}");
    }
}

/// Section 3: 2627 inside a transaction leaves it, and its earlier INSERT, alone with XACT_ABORT OFF; ON ends it.
#[test]
fn a_refused_load_leaves_or_ends_the_transaction() {
    for (abort, open) in [("OFF", "1"), ("ON", "0")] {
        let mut session = database();
        ok(&mut session, "CREATE TABLE t (id int NOT NULL PRIMARY KEY)");
        ok(&mut session, &format!("SET XACT_ABORT {abort}"));
        ok(&mut session, "BEGIN TRAN; INSERT INTO t VALUES (1)");
        let heard = load(&mut session, "INSERT BULK t (id int)", vec![vec![int(2)], vec![int(1)]]);
        assert_eq!(heard.error().map(|error| error.number), Some(2627));
        assert_eq!(rows(&mut session, "SELECT @@TRANCOUNT"), [[open]], "{abort}");
        assert_eq!(rows(&mut session, "SELECT COUNT(*) FROM t"), [[open]], "{abort}");
    }
}

/// Section 3: what INSERT BULK itself refuses.
#[test]
fn announcements_are_checked_before_any_data() {
    let mut session = database();
    ok(&mut session, "CREATE TABLE t (id int NOT NULL, v AS id * 2, r rowversion)");
    let mut numbers = |sql: &str| {
        let heard = run(&mut session, sql);
        let messages: Vec<_> = heard.messages.iter().map(|m| (m.number, m.class, m.state)).collect();
        let last = *heard.done.last().unwrap();
        assert!(last.error, "{sql}");
        assert_eq!(last.command, 253, "{sql}");
        messages
    };
    assert_eq!(numbers("INSERT BULK missing (id int)"), [(208, 16, 1), (208, 16, 1)]);
    assert_eq!(numbers("INSERT BULK t (missing int)"), []);
    assert_eq!(numbers("INSERT BULK t (id int, id int)"), [(264, 16, 1)]);
    assert_eq!(numbers("INSERT BULK t (v int)"), [(271, 16, 1)]);
    assert_eq!(numbers("INSERT BULK t (r binary(8))").first().map(|m| m.0), Some(273));
    assert_eq!(numbers("INSERT BULK t (id klingon)"), [(2715, 16, 2)]);
    assert_eq!(numbers("INSERT BULK t (id int) WITH (NONSENSE)"), [(102, 15, 1)]);
    assert_eq!(numbers("INSERT BULK t (id int) WITH (KEEP_IDENTITY)"), [(102, 15, 1)]);
    assert_eq!(numbers("INSERT BULK t (id int); SELECT 1"), [(428, 16, 1)]);
}

#[test]
fn another_request_instead_of_the_data_is_4022() {
    let mut session = database();
    ok(&mut session, "CREATE TABLE t (id int NOT NULL)");
    ok(&mut session, "INSERT BULK t (id int)");
    let mut heard = Answer::default();
    cancel_bulk(&mut session, &mut heard).unwrap();
    assert_eq!(told(&heard).0, [(4022, 16, 1)]);
    assert_eq!(rows(&mut session, "SELECT 1"), [["1"]]);
}

#[test]
fn a_loads_rows_are_tracked_and_those_that_did_not_come_are_not() {
    let mut session = database();
    ok(&mut session, "ALTER DATABASE db SET CHANGE_TRACKING = ON");
    ok(
        &mut session,
        "CREATE TABLE t (id int NOT NULL PRIMARY KEY WITH (IGNORE_DUP_KEY = ON), n int NOT NULL)",
    );
    ok(&mut session, "ALTER TABLE t ENABLE CHANGE_TRACKING");
    let changes = "SELECT c.id, c.SYS_CHANGE_OPERATION, c.SYS_CHANGE_VERSION FROM CHANGETABLE(CHANGES t, 0) AS c ORDER BY 1";
    load(
        &mut session,
        "INSERT BULK t (id int, n int)",
        vec![vec![int(1), int(1)], vec![int(2), Value::Null]],
    );
    assert_eq!(rows(&mut session, changes), Vec::<Vec<String>>::new());
    load(&mut session, "INSERT BULK t (id int, n int)", vec![vec![int(1), int(1)], vec![int(2), int(2)]]);
    // Row 2 is there already, and passed over.
    load(&mut session, "INSERT BULK t (id int, n int)", vec![vec![int(2), int(9)], vec![int(3), int(3)]]);
    assert_eq!(rows(&mut session, changes), [["1", "I", "1"], ["2", "I", "1"], ["3", "I", "2"]]);
}
