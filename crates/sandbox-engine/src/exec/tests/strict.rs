//! Rules of SQL Server that a looser server would forgive: hints, SET options, names, keys.
use crate::testing::{errors, ok, open, rows, session};
use sandbox_catalog::store::Storage;
use sandbox_session::Login;
use sandbox_session::Session;

fn number(s: &mut Session, sql: &str) -> i32 {
    errors(s, sql)[0].0
}

#[test]
fn hints_that_contradict_each_other() {
    let mut s = session();
    ok(&mut s, "CREATE TABLE t (a int); CREATE TABLE c (a int, INDEX cci CLUSTERED COLUMNSTORE)");
    for hints in [
        "ROWLOCK, TABLOCK",
        "NOLOCK, HOLDLOCK",
        "NOLOCK, ROWLOCK",
        "READCOMMITTED, SERIALIZABLE",
        "NOLOCK, UPDLOCK",
    ] {
        assert_eq!(number(&mut s, &format!("SELECT a FROM t WITH ({hints})")), 1047, "{hints}");
    }
    for hints in ["READPAST, NOLOCK", "READPAST, SERIALIZABLE", "HOLDLOCK, READPAST"] {
        assert_eq!(number(&mut s, &format!("SELECT a FROM t WITH ({hints})")), 650, "{hints}");
    }
    assert_eq!(number(&mut s, "DELETE t WITH (TABLOCK, PAGLOCK)"), 1047);
    assert_eq!(number(&mut s, "DELETE t WITH (NOLOCK)"), 1065);
    assert_eq!(number(&mut s, "SELECT a FROM c WITH (ROWLOCK)"), 651);
    assert_eq!(number(&mut s, "INSERT c WITH (PAGLOCK) VALUES (1)"), 651);
    for hints in [
        "UPDLOCK, HOLDLOCK, ROWLOCK",
        "HOLDLOCK, SERIALIZABLE",
        "TABLOCKX, HOLDLOCK",
        "READPAST, ROWLOCK, READCOMMITTEDLOCK",
    ] {
        ok(&mut s, &format!("SELECT a FROM t WITH ({hints})"));
    }
}

#[test]
fn set_options_that_indexes_demand() {
    let mut s = session();
    ok(
        &mut s,
        "CREATE TABLE t (a int, b int, c AS a + b, INDEX f (a) WHERE a > 0); CREATE TABLE plain (a int); INSERT t VALUES (1, 2)",
    );
    ok(&mut s, "SET QUOTED_IDENTIFIER OFF; SET ANSI_PADDING OFF");
    for (verb, sql) in [
        ("INSERT", "INSERT t VALUES (3, 4)"),
        ("UPDATE", "UPDATE t SET b = 5"),
        ("DELETE", "DELETE t"),
        ("CREATE INDEX", "CREATE INDEX g ON plain (a) WHERE a > 0"),
    ] {
        let (number, text) = errors(&mut s, sql).remove(0);
        let start = format!(
            "{verb} failed because the following SET options have incorrect settings: 'QUOTED_IDENTIFIER, ANSI_PADDING'."
        );
        assert_eq!((number, text.starts_with(&start)), (1934, true), "{text}");
    }
    ok(
        &mut s,
        "INSERT plain VALUES (1); CREATE INDEX h ON plain (a); DISABLE TRIGGER ALL ON plain; SELECT a FROM t",
    );
    ok(
        &mut s,
        "SET QUOTED_IDENTIFIER ON; SET ANSI_PADDING ON; CREATE TABLE u (a int, c AS a * 2); CREATE INDEX i ON u (c); SET NUMERIC_ROUNDABORT ON",
    );
    assert_eq!(number(&mut s, "INSERT u VALUES (1)"), 1934);
}

#[test]
fn case_counts_where_the_collation_says_so() {
    let mut s = session();
    ok(&mut s, "CREATE DATABASE cs COLLATE Latin1_General_CS_AS; USE cs; CREATE TABLE T (Id int, id int)");
    ok(&mut s, "INSERT T (Id, id) VALUES (1, 2); UPDATE T SET id = Id + 10 WHERE T.Id = 1");
    assert_eq!(rows(&mut s, "SELECT Id, id FROM T AS x WHERE x.id = 11"), [["1", "11"]]);
    assert_eq!(number(&mut s, "SELECT ID FROM T"), 207);
    assert_eq!(number(&mut s, "SELECT id FROM t"), 208);
    assert_eq!(number(&mut s, "SELECT X.id FROM T AS x"), 4104);
    assert_eq!(number(&mut s, "UPDATE T SET ID = 1"), 207);
    assert_eq!(number(&mut s, "INSERT T (ID) VALUES (1)"), 207);
    assert_eq!(rows(&mut s, "USE master; SELECT NAME FROM SYS.databases WHERE Name = 'cs'"), [["cs"]]);
}

#[test]
fn names_in_brackets_are_no_variables() {
    let mut s = session();
    ok(
        &mut s,
        "CREATE TABLE [@t] ([@a] int, [@@b] int); INSERT [@t] ([@a], [@@b]) VALUES (1, 2); UPDATE [@t] SET [@a] = [@a] + 4",
    );
    let found = ok(&mut s, "SELECT [@a], [@@b], [@a] AS [@x] FROM [@t] WHERE [@a] = 5");
    assert_eq!(found.rows(), [["5", "2", "5"]]);
    let names: Vec<&str> = found.results[0].0.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["@a", "@@b", "@x"]);
    assert_eq!(number(&mut s, "SELECT @a FROM [@t]"), 137);
}

#[test]
fn a_key_to_its_own_table_is_held_when_the_statement_is_over() {
    let mut s = session();
    ok(
        &mut s,
        "CREATE TABLE t (id int NOT NULL PRIMARY KEY, boss int NULL REFERENCES t); INSERT t VALUES (1, 2), (2, NULL), (3, 3)",
    );
    assert_eq!(number(&mut s, "INSERT t VALUES (4, 5), (6, 4)"), 547);
    ok(
        &mut s,
        "UPDATE t SET boss = CASE id WHEN 1 THEN 3 WHEN 2 THEN 1 END; INSERT t SELECT id + 10, boss + 10 FROM t",
    );
    ok(&mut s, "DELETE t WHERE id > 10; DELETE t");
    assert_eq!(rows(&mut s, "SELECT COUNT(*) FROM t"), [["0"]]);
}

#[test]
fn a_server_that_was_killed_starts_again_with_text_keys() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(Storage::Folder(folder.path().to_owned()));
    let login = Login { user: "sa".to_owned(), password: "secret".into(), ..Login::default() };
    let mut s = engine.connect(&login).unwrap();
    ok(
        &mut s,
        "CREATE TABLE t (a varchar(10) NOT NULL PRIMARY KEY); INSERT t VALUES ('kept'); BEGIN TRANSACTION; INSERT t VALUES ('lost'); DELETE t WHERE a = 'kept'",
    );
    // As a kill does: nothing is rolled back, nothing closed.
    std::mem::forget(s);
    let again = open(Storage::Folder(folder.path().to_owned()));
    let mut s = again.connect(&login).unwrap();
    assert_eq!(rows(&mut s, "SELECT a FROM t"), [["kept"]]);
}

#[test]
fn xml_is_parsed_wherever_it_comes_from() {
    let mut s = session();
    ok(&mut s, "CREATE TABLE t (id int, x xml); INSERT t VALUES (1, '<a>\n <b></b> </a>')");
    assert_eq!(errors(&mut s, "INSERT t VALUES (2, '<a>')")[0].0, 9400);
    assert_eq!(errors(&mut s, "UPDATE t SET x = N'<a></b>'")[0].0, 9436);
    assert_eq!(errors(&mut s, "DECLARE @x xml = '<a b=c/>'")[0].0, 9413);
    ok(&mut s, "EXEC sp_executesql N'INSERT t VALUES (3, @x)', N'@x xml', N'<?xml version=\"1.0\"?><c/>'");
    assert_eq!(
        rows(&mut s, "SELECT id, CONVERT(nvarchar(100), x) FROM t ORDER BY id"),
        [["1", "<a><b/></a>"], ["3", "<c/>"]]
    );
    assert_eq!(
        rows(&mut s, "SELECT CONVERT(nvarchar(100), CONVERT(xml, '<a> </a>', 1)), TRY_CONVERT(xml, '<')"),
        [["<a> </a>", "NULL"]]
    );
}
