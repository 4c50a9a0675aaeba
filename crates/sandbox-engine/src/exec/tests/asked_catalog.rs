//! What a question about one table costs where there are many.
use crate::testing::{connect, engine, ok, rows, run};
use sandbox_session::Session;

/// As tools ask about a table.
const QUESTIONS: [&str; 8] = [
    "select o.name, s.name from sys.objects as o join sys.schemas as s on s.schema_id = o.schema_id
     where o.object_id = object_id(@name)",
    "select t.* from sys.tables as t where t.object_id = object_id(@name)",
    "select c.name, t.name from sys.columns as c left join sys.types as t on t.user_type_id = c.user_type_id
     where c.object_id = object_id(@name) and c.name not like N'x%' order by c.column_id",
    "select i.name, ds.type from sys.indexes as i left join sys.data_spaces as ds on ds.data_space_id = i.data_space_id
     where i.object_id = object_id(@name) and i.is_hypothetical = 0",
    "select * from sys.index_columns where object_id = object_id(@name)",
    "select fk.name, o.name from sys.foreign_keys as fk join sys.objects as o on o.object_id = fk.parent_object_id
     where fk.parent_object_id = object_id(@name) or fk.referenced_object_id = object_id(@name) order by fk.name",
    "select tr.name, te.type_desc from sys.triggers as tr join sys.trigger_events as te on te.object_id = tr.object_id
     where tr.parent_id = object_id(@name)",
    "select p.rows from sys.partitions as p where p.object_id = object_id(@name) and p.index_id in (0, 1)",
];
/// Of two views, of which neither need have a row: all of both is looked at.
const OF_ANY: &str = "select k.name, d.definition from sys.check_constraints as k
     full join sys.default_constraints as d on d.parent_object_id = k.parent_object_id
     where k.parent_object_id = object_id(@name) or d.parent_object_id = object_id(@name)";

fn asked(question: &str, table: &str) -> String {
    format!("declare @name nvarchar(4000) = N'{table}'; {question}")
}

/// A table with one of everything, and others that refer to it.
fn session(tables: usize) -> Session {
    let mut session = connect(&engine(), "sa", "secret");
    ok(
        &mut session,
        "create table big (a int not null primary key, b int not null unique, c int default 7 check (c > 0))
         create index more on big (c)
         create table small (a int not null references big (a))
         insert big (a, b) values (1, 2), (2, 3)",
    );
    ok(&mut session, "create trigger after_all on big after insert as set nocount on");
    for n in 0..tables {
        ok(
            &mut session,
            &format!("create table t{n} (a int not null primary key, b int default 1 check (b > 0))"),
        );
    }
    session
}

/// Rows that are made to answer a question: they go into tables of the session's own connection.
fn rows_made(session: &mut Session, sql: &str) -> u64 {
    let before = session.connection.total_changes();
    ok(session, sql);
    session.connection.total_changes() - before
}

#[test]
fn a_question_about_a_table_is_answered_from_what_is_about_it() {
    let (mut few, mut many) = (session(2), session(60));
    for question in QUESTIONS {
        let sql = asked(question, "dbo.big");
        assert_eq!(rows_made(&mut few, &sql), rows_made(&mut many, &sql), "{question}");
    }
}

/// The answer is that of the whole view: what a question says is looked at, and no more than that.
#[test]
fn what_is_not_made_would_not_have_been_shown() {
    let mut session = session(3);
    // Nothing is known of a value before the query runs, so that the views are whole.
    let whole = |question: &str| question.replace("object_id(@name)", "(select object_id(@name))");
    for table in ["dbo.big", "small", "t0", "nothing", "sys.tables"] {
        for question in QUESTIONS.into_iter().chain([OF_ANY]) {
            let [narrow, whole] = [question.to_owned(), whole(question)].map(|q| asked(&q, table));
            assert_eq!(rows(&mut session, &narrow), rows(&mut session, &whole), "{table}: {question}");
        }
    }
    for (sql, count) in [
        // Tables are nobody's children.
        ("select count(*) from sys.objects where parent_object_id = 0 and type = 'U'", "5"),
        ("select count(*) from sys.objects o where o.object_id = object_id('big') or o.name = 't1'", "2"),
        (
            "select count(*) from sys.tables a left join sys.tables b on b.object_id = a.object_id and a.name = 'big'",
            "5",
        ),
        (
            "select count(*) from sys.tables a right join sys.tables b on b.object_id = object_id('big') and a.name = b.name",
            "5",
        ),
        (
            "select count(*) from sys.tables a full join sys.tables b on a.object_id = object_id('big') and a.name = b.name",
            "9",
        ),
        ("select count(*) from sys.tables a, sys.tables b where a.object_id = object_id('big')", "5"),
        ("select count(*) from sys.tables where object_id = object_id('big') and 1 = 0 or name = 't2'", "1"),
        ("select count(*) from sys.tables where not object_id = object_id('big')", "4"),
        (
            "select count(*) from sys.columns c join sys.tables t on t.object_id = c.object_id where t.object_id = object_id('t1')",
            "2",
        ),
        ("select count(*) from sys.tables t where t.object_id = '7'", "0"),
        // The inner view has no such column: it is the outer one's.
        (
            "select max(n) from (select (select count(*) from information_schema.tables where object_id = object_id('big')) as n
             from sys.tables) as t",
            "5",
        ),
    ] {
        assert_eq!(rows(&mut session, sql), [[count]], "{sql}");
    }
    // A value that is none is an error as ever.
    let wrong =
        run(&mut session, "select name from sys.tables where object_id = object_id(N'big', 7) and 1 = 1 / 0");
    assert_eq!(wrong.error().map(|error| error.number), Some(8134));
}
