use crate::testing::{errors, ok, rows, session};

#[test]
fn a_trigger_sees_what_the_statement_wrote() {
    let mut s = session();
    ok(
        &mut s,
        "CREATE TABLE t (a int, b varchar(5)); CREATE TABLE log (event varchar(10), a int, b varchar(5))",
    );
    ok(
        &mut s,
        "CREATE TRIGGER tr ON t AFTER INSERT, UPDATE, DELETE AS
         INSERT log SELECT 'new', a, b FROM inserted; INSERT log SELECT 'old', a, b FROM deleted",
    );
    ok(&mut s, "INSERT t VALUES (1, 'x'), (2, 'y')");
    ok(&mut s, "UPDATE t SET b = 'z' WHERE a = 2");
    ok(&mut s, "DELETE t WHERE a = 1");
    let found = rows(&mut s, "SELECT event, a, b FROM log ORDER BY event, a, b");
    assert_eq!(
        found,
        [["new", "1", "x"], ["new", "2", "y"], ["new", "2", "z"], ["old", "1", "x"], ["old", "2", "y"]]
    );
    assert_eq!(errors(&mut s, "SELECT * FROM inserted")[0].0, 208);
    ok(&mut s, "DISABLE TRIGGER tr ON t; INSERT t VALUES (9, 'q'); ENABLE TRIGGER ALL ON t");
    assert_eq!(rows(&mut s, "SELECT COUNT(*) FROM log"), [["5"]]);
    assert!(s.engine.instance().databases[&2].tables.is_empty());
}

#[test]
fn a_trigger_that_fails_takes_the_statement_with_it() {
    let mut s = session();
    ok(&mut s, "CREATE TABLE t (a int); CREATE TABLE log (a int CHECK (a < 5))");
    ok(&mut s, "CREATE TRIGGER tr ON t FOR INSERT AS INSERT log SELECT a FROM inserted");
    ok(&mut s, "INSERT t VALUES (1)");
    assert_eq!(errors(&mut s, "INSERT t VALUES (7)")[0].0, 547);
    assert_eq!(rows(&mut s, "SELECT a FROM t"), [["1"]]);
    ok(&mut s, "DROP TRIGGER tr; INSERT t VALUES (7)");
    ok(&mut s, "CREATE TRIGGER tr ON t FOR DELETE AS ROLLBACK");
    assert_eq!(errors(&mut s, "DELETE t")[0].0, 3609);
    assert_eq!(rows(&mut s, "SELECT a FROM t ORDER BY a"), [["1"], ["7"]]);
}

#[test]
fn a_session_takes_its_temporary_tables_with_it() {
    let engine = crate::testing::engine();
    let mut s = crate::testing::connect(&engine, "sa", "secret");
    ok(&mut s, "CREATE TABLE #t (a int); INSERT #t VALUES (1)");
    assert_eq!(rows(&mut s, "SELECT a FROM #t"), [["1"]]);
    s.reset(false);
    assert_eq!(errors(&mut s, "SELECT a FROM #t")[0].0, 208);
    ok(&mut s, "CREATE TABLE #t (a int)");
    drop(s);
    assert!(engine.instance().databases[&2].tables.is_empty());
}

#[test]
fn a_trigger_may_take_the_statements_place() {
    let mut s = session();
    ok(
        &mut s,
        "CREATE TABLE t (a int NOT NULL PRIMARY KEY, b varchar(5)); CREATE TABLE log (event varchar(10), a int, b varchar(5))",
    );
    ok(
        &mut s,
        "CREATE TRIGGER ins ON t INSTEAD OF INSERT AS
         INSERT log SELECT 'ins', a, b FROM inserted; INSERT t SELECT a + 100, b FROM inserted WHERE a IS NOT NULL",
    );
    ok(
        &mut s,
        "CREATE TRIGGER chg ON t INSTEAD OF UPDATE, DELETE AS
         INSERT log SELECT 'new', a, b FROM inserted; INSERT log SELECT 'old', a, b FROM deleted",
    );
    // What the table itself would refuse reaches the trigger; what the trigger does is held to its rules.
    ok(&mut s, "INSERT t VALUES (NULL, 'x'), (NULL, 'y')");
    assert_eq!(errors(&mut s, "INSERT t VALUES (5, 'p'), (5, 'q')")[0].0, 2627);
    ok(&mut s, "DELETE log; INSERT t VALUES (1, 'x'), (2, 'y')");
    ok(&mut s, "UPDATE t SET b = 'z' WHERE a = 102; DELETE t WHERE a = 101");
    assert_eq!(rows(&mut s, "SELECT a, b FROM t ORDER BY a"), [["101", "x"], ["102", "y"]]);
    assert_eq!(
        rows(&mut s, "SELECT event, a, b FROM log ORDER BY event, a, b"),
        [["ins", "1", "x"], ["ins", "2", "y"], ["new", "102", "z"], ["old", "101", "x"], ["old", "102", "y"]]
    );
    assert_eq!(
        rows(&mut s, "SELECT name, is_instead_of_trigger FROM sys.triggers ORDER BY name"),
        [["chg", "1"], ["ins", "1"]]
    );
    assert_eq!(errors(&mut s, "CREATE TRIGGER more ON t INSTEAD OF DELETE AS SELECT 1")[0].0, 2111);
    ok(&mut s, "DISABLE TRIGGER ALL ON t; DELETE t");
    assert_eq!(rows(&mut s, "SELECT COUNT(*) FROM t"), [["0"]]);
    assert!(s.engine.instance().databases[&2].tables.is_empty());
}
