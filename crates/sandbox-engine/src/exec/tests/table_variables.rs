//! `DECLARE @t TABLE`: a table of one batch.
use crate::testing::{errors, ok, rows, session};

#[test]
fn a_table_variable_is_written_and_read_like_a_table() {
    let mut s = session();
    let found = rows(
        &mut s,
        "DECLARE @t TABLE (id int PRIMARY KEY, name varchar(9) NULL)
         INSERT INTO @t VALUES (1, 'a'), (2, 'b'), (3, NULL)
         UPDATE @t SET name = 'c' WHERE id = 3
         DELETE FROM @t WHERE id = 1
         SELECT x.id, x.name FROM @t AS x ORDER BY x.id",
    );
    assert_eq!(found, [["2", "b"], ["3", "c"]]);
    let found = rows(
        &mut s,
        "CREATE TABLE dbo.r (a int); DECLARE @gone TABLE (a int)
         INSERT dbo.r VALUES (7); DELETE dbo.r OUTPUT deleted.a INTO @gone; SELECT a FROM @gone",
    );
    assert_eq!(found, [["7"]]);
}

#[test]
fn a_table_variable_ends_with_its_batch_and_is_not_seen_inside_exec() {
    let mut s = session();
    let undeclared = (1087, "Must declare the table variable \"@t\".".to_owned());
    for _ in 0..2 {
        ok(&mut s, "DECLARE @t TABLE (a int); INSERT @t VALUES (1)");
    }
    for sql in ["SELECT * FROM @t", "INSERT @t VALUES (1)", "UPDATE @t SET a = 1", "DELETE @t"] {
        assert_eq!(errors(&mut s, sql), std::slice::from_ref(&undeclared), "{sql}");
    }
    assert_eq!(errors(&mut s, "DECLARE @t TABLE (a int); EXEC ('SELECT a FROM @t')"), [undeclared]);
    assert_eq!(rows(&mut s, "SELECT COUNT(*) FROM tempdb.sys.tables"), [["0"]]);
    // What has brackets around it is a name.
    ok(&mut s, "CREATE TABLE dbo.[@t] (a int); INSERT [@t] VALUES (5)");
    assert_eq!(rows(&mut s, "SELECT a FROM [@t]"), [["5"]]);
    assert_eq!(errors(&mut s, "CREATE TABLE @u (a int)")[0].0, 102);
    // A loop declares it once.
    let counted = rows(
        &mut s,
        "DECLARE @i int = 0 WHILE @i < 3 BEGIN DECLARE @n TABLE (a int) INSERT @n VALUES (@i) SET @i += 1 END
         SELECT COUNT(*) FROM @n",
    );
    assert_eq!(counted, [["3"]]);
}
