//! SELECT.
use crate::testing::{errors, ok, rows, run, session};

fn one(sql: &str) -> String {
    rows(&mut session(), sql)[0][0].clone()
}

#[test]
fn joins_keep_unmatched_rows_on_the_side_that_asks() {
    let mut s = session();
    ok(&mut s, "create table a(id int not null, n nvarchar(10)); create table b(id int, a_id int)");
    ok(&mut s, "insert a values(1,N'one'),(2,N'two'),(3,N'three'); insert b values(10,1),(20,1),(30,9)");
    let text = |rows: Vec<Vec<String>>| rows.into_iter().map(|r| r.join(",")).collect::<Vec<_>>();
    let left = rows(&mut s, "select a.n, b.id from a left join b on b.a_id = a.id order by a.id, b.id");
    assert_eq!(text(left), ["one,10", "one,20", "two,NULL", "three,NULL"]);
    let full = rows(&mut s, "select a.id, b.id from a full join b on b.a_id = a.id order by a.id, b.id");
    assert_eq!(text(full), ["NULL,30", "1,10", "1,20", "2,NULL", "3,NULL"]);
    let grouped = rows(
        &mut s,
        "select a.n, count(b.id) c from a left join b on b.a_id=a.id group by a.n having count(b.id) > 0",
    );
    assert_eq!(text(grouped), ["one,2"]);
    let some = rows(
        &mut s,
        "select id from a where exists(select 1 from b where b.a_id = a.id) or id in (select 2)",
    );
    assert_eq!(text(some), ["1", "2"]);
    assert_eq!(text(rows(&mut s, "with c as (select id from a where id > 1) select max(id) from c")), ["3"]);
    assert_eq!(text(rows(&mut s, "select top (1) n from a order by id desc")), ["three"]);
    assert_eq!(
        text(rows(&mut s, "select id from a order by id offset 1 rows fetch next 1 rows only")),
        ["2"]
    );
}

#[test]
fn strings_compare_by_their_collation() {
    assert_eq!(one("select case when 'abc' = 'ABC  ' then 1 else 0 end"), "1");
    assert_eq!(one("select case when 'abc' = 'ABC' collate Latin1_General_BIN2 then 1 else 0 end"), "0");
    assert_eq!(one("select count(distinct x) from (values ('a'),('A'),('b ')) v(x)"), "2");
    assert_eq!(one("select count(*) from (select x from (values ('a'),('A')) v(x) union select 'a') u"), "1");
    assert_eq!(one("select case when 'abc' like 'A_[a-d]' then 1 else 0 end"), "1");
}

#[test]
fn types_follow_precedence() {
    assert_eq!(one("select 7 / 2"), "3");
    assert_eq!(one("select cast(7 as bigint) * 2"), "14");
    assert_eq!(one("select cast(1.5 + 1 as varchar(10))"), "2.5");
    assert_eq!(one("select 'a' + N'b'"), "ab");
    assert_eq!(one("select isnull(null, 'x')"), "x");
    assert_eq!(one("select coalesce(null, 5)"), "5");
    assert_eq!(one("select cast('12' as int) + '3'"), "15");
    assert_eq!(one("select try_cast('x' as int)"), "NULL");
}

#[test]
fn set_operations_and_derived_tables() {
    let mut s = session();
    let found = rows(&mut s, "select 1 a union all select 2 union all select 2 order by a desc");
    assert_eq!(found, [["2"], ["2"], ["1"]]);
    assert_eq!(rows(&mut s, "select x from (values (1),(2),(3)) v(x) except select 2"), [["1"], ["3"]]);
    assert_eq!(rows(&mut s, "select distinct x from (values (1),(1),(2)) v(x) order by x"), [["1"], ["2"]]);
    let numbered = "select row_number() over (order by x desc) n, x from (values (5),(7)) v(x) order by n";
    assert_eq!(rows(&mut s, numbered), [["1", "7"], ["2", "5"]]);
}

#[test]
fn unknown_names_are_errors_of_their_own() {
    let mut s = session();
    ok(&mut s, "create table t(a int)");
    assert_eq!(errors(&mut s, "select * from nowhere")[0], (208, "Invalid object name 'nowhere'.".into()));
    assert_eq!(errors(&mut s, "select b from t")[0], (207, "Invalid column name 'b'.".into()));
    assert_eq!(errors(&mut s, "select x.a from t")[0].0, 4104);
    assert_eq!(errors(&mut s, "select frob(1)")[0].0, 195);
    assert_eq!(errors(&mut s, "select a, count(*) from t")[0].0, 8120);
    assert_eq!(errors(&mut s, "selec * from t")[0].0, 102);
    assert_eq!(errors(&mut s, "select (select x from (values (1),(2)) v(x))")[0].0, 512);
}

#[test]
fn columns_are_described_as_captured() {
    let mut s = session();
    ok(
        &mut s,
        "create table t(a int not null, b int null, c as a + 1, d int identity(1,1), e varchar(5) collate Latin1_General_BIN2)",
    );
    let heard = ok(&mut s, "select a, b, c, d, e, 1, cast(1 as int), count(*) over () from t");
    let flags: Vec<u16> = heard.results[0].0.iter().map(|c| c.flags).collect();
    assert_eq!(flags[..7], [0x08, 0x09, 0x21, 0x10, 0x0B, 0x20, 0x21]);
    let counted = ok(&mut s, "select count(*) from t");
    assert_eq!(counted.results[0].0[0].flags, 0x01);
}

#[test]
fn a_failing_select_has_described_its_columns() {
    let heard = run(&mut session(), "select 1/0 x; select 2");
    assert_eq!(heard.results.len(), 2);
    assert_eq!(heard.error().map(|e| e.number), Some(8134));
    assert_eq!(heard.rows().len(), 0);
}

#[test]
fn computed_columns_are_computed() {
    let mut s = session();
    ok(&mut s, "create table t(a int, b as a * 2); insert t(a) values (4)");
    assert_eq!(rows(&mut s, "select a, b from t where b = 8"), [["4", "8"]]);
}

#[test]
fn select_into_makes_a_table_of_the_same_shape() {
    let mut s = session();
    ok(
        &mut s,
        "create table t(a int not null identity(1,1), b nvarchar(7)); insert t(b) values (N'x'),(N'y')",
    );
    ok(&mut s, "select * into u from t where a = 2");
    assert_eq!(rows(&mut s, "select a, b from u"), [["2", "y"]]);
    assert_eq!(rows(&mut s, "select columnproperty(object_id('u'), 'a', 'IsIdentity')"), [["1"]]);
}

#[test]
fn what_is_not_supported_says_so() {
    let mut s = session();
    ok(&mut s, "create table t(a int)");
    let refused = errors(&mut s, "select * from t cross apply (select t.a + 1 b) x");
    assert!(refused[0].1.contains("replica-sandbox does not support APPLY"), "{refused:?}");
    assert_eq!(
        rows(&mut s, "set noexec on; insert t values (1); set noexec off; select count(*) from t"),
        [["0"]]
    );
}

#[test]
fn a_variable_assigned_from_itself_takes_up_every_row() {
    let mut s = session();
    ok(
        &mut s,
        "create table t(id int not null primary key, n nvarchar(10)); insert t values (1, N'a'), (2, N'b')",
    );
    let joined = "declare @s nvarchar(max), @n int = 0;
        select @s = coalesce(@s + N', ', N'') + quotename(n), @n = @n + id from t order by id;
        select @s, @n, @@rowcount";
    assert_eq!(rows(&mut s, joined), [["[a], [b]", "3", "2"]]);
}

#[test]
fn a_query_may_read_itself() {
    let mut s = session();
    let months = "with m(d) as (select cast('20240131' as date)
                  union all select eomonth(d, 1) from m where d < '20240430') select d from m order by d";
    assert_eq!(rows(&mut s, months).len(), 4);
    let numbers = |to: u32, option: &str| {
        format!(
            "with n as (select 0 as i union all select i + 1 from n where i < {to}) select count(*), max(i) from n {option}"
        )
    };
    assert_eq!(rows(&mut s, &numbers(100, "")), [["101", "100"]]);
    assert_eq!(errors(&mut s, &numbers(101, ""))[0].0, 530);
    assert_eq!(rows(&mut s, &numbers(1000, "option (maxrecursion 0)")), [["1001", "1000"]]);
    assert_eq!(errors(&mut s, &numbers(11, "option (recompile, maxrecursion 10)"))[0].0, 530);
    ok(&mut s, "create table e(id int, boss int); insert e values (1, null), (2, 1), (3, 2), (4, 1), (5, 9)");
    let below = "with b(id, depth) as (select id, 0 from e where boss is null
                 union all select e.id, b.depth + 1 from e join b on e.boss = b.id) select * from b order by id";
    assert_eq!(rows(&mut s, below), [["1", "0"], ["2", "1"], ["3", "2"], ["4", "1"]]);
    ok(
        &mut s,
        "with n as (select 1 as i union all select i + 1 from n where i < 3) insert e select i, 0 from n",
    );
    assert_eq!(rows(&mut s, "select count(*) from e where boss = 0"), [["3"]]);
    for (wrong, number) in [
        ("with n as (select i from n union all select 1) select * from n", 246),
        ("with n as (select 1 as i union select i + 1 from n) select * from n", 252),
        ("with n as (select 1 as i union all select a.i from n a, n b) select * from n", 253),
        ("with n as (select 1 as i union all select cast(i as bigint) from n) select * from n", 240),
        ("with n as (select 1 as i union all select i, i from n) select * from n", 205),
        ("with n as (select 1 as i union all select distinct i from n) select * from n", 460),
        ("with n as (select 1 as i union all select top 1 i from n) select * from n", 461),
        (
            "with n as (select 1 as i union all select n.i from n left join e on e.id = n.i) select * from n",
            462,
        ),
        ("with n as (select 1 as i union all select max(i) from n) select * from n", 467),
    ] {
        assert_eq!(errors(&mut s, wrong)[0].0, number, "{wrong}");
    }
}

#[test]
fn what_is_selected_can_be_sorted_by_after_distinct_and_union() {
    let mut s = session();
    ok(&mut s, "create table t(a int, b int); insert t values(2,1),(1,1),(2,1)");
    let text = |rows: Vec<Vec<String>>| rows.into_iter().map(|r| r.join(",")).collect::<Vec<_>>();
    assert_eq!(text(rows(&mut s, "select distinct t.a, b from t order by t.b, t.a desc")), ["2,1", "1,1"]);
    assert_eq!(text(rows(&mut s, "select distinct a + 1 from t order by a + 1")), ["2", "3"]);
    assert_eq!(text(rows(&mut s, "select t.a from t union select 5 order by T.A desc")), ["5", "2", "1"]);
    assert_eq!(text(rows(&mut s, "select t.a as x from t union select 0 order by t.a")), ["0", "1", "2"]);
    assert_eq!(errors(&mut s, "select distinct a from t order by b")[0].0, 145);
    assert_eq!(errors(&mut s, "select a from t union select 5 order by t.b")[0].0, 104);
    assert_eq!(errors(&mut s, "select * from t union select 5, 6 order by t.b")[0].0, 104);
}

#[test]
fn variables_page_and_compare_without_blanks() {
    let mut s = session();
    ok(&mut s, "create table t(a int); insert t values(1),(2),(3),(4)");
    let page = "declare @o int = 1, @n int = 2 select a from t where a<@@spid and a<@o+3
                order by a offset @o rows fetch next @n rows only";
    assert_eq!(rows(&mut s, page), [["2"], ["3"]]);
    assert_eq!(errors(&mut s, "select 1 a order by a offset 0 rows fetch next @m rows only")[0].0, 137);
}

/// How SQLAlchemy asks.
#[test]
fn system_views_are_named_with_their_schema_and_listed() {
    let mut s = session();
    ok(&mut s, "create table t(a int)");
    let qualified = "select INFORMATION_SCHEMA.TABLES.TABLE_NAME from [INFORMATION_SCHEMA].[TABLES]
                     where [INFORMATION_SCHEMA].[TABLES].TABLE_SCHEMA = cast(N'dbo' as nvarchar(max))";
    assert_eq!(rows(&mut s, qualified), [["t"]]);
    let listed = "select name, schema_name(schema_id) from sys.system_views
                  where name in ('dm_exec_sessions', 'dm_pdw_nodes_exec_sessions', 'schemata')";
    assert_eq!(rows(&mut s, listed), [["dm_exec_sessions", "sys"], ["SCHEMATA", "INFORMATION_SCHEMA"]]);
}

#[test]
fn windows_have_frames() {
    let mut s = session();
    ok(&mut s, "create table t(a int, b int); insert t values(1,10),(2,20),(3,30),(4,40)");
    let sums = "select sum(b) over (order by a rows between 1 preceding and 1 following),
                       sum(b) over (order by a rows unbounded preceding),
                       max(b) over (order by a rows between current row and unbounded following),
                       last_value(b) over (order by a range between unbounded preceding and unbounded following)
                from t order by a";
    assert_eq!(
        rows(&mut s, sums),
        [
            ["30", "10", "40", "40"],
            ["60", "30", "40", "40"],
            ["90", "60", "40", "40"],
            ["70", "100", "40", "40"]
        ]
    );
    for (window, number) in [
        ("rank() over (order by a rows 1 preceding)", 10752),
        ("sum(b) over (partition by a rows 1 preceding)", 10756),
        ("sum(b) over (order by a range 1 preceding)", 4194),
        ("sum(b) over (order by a rows b preceding)", 102),
    ] {
        assert_eq!(errors(&mut s, &format!("select {window} from t"))[0].0, number, "{window}");
    }
}

/// How scripts of old ask.
#[test]
fn the_old_system_tables_are_views() {
    let mut s = session();
    ok(
        &mut s,
        "create table t(id int identity constraint pk primary key, n nvarchar(10) null, m varchar(max), d decimal(9, 2))
         create index ix on t(n, d); insert t(n) values (N'a'), (N'b')",
    );
    assert_eq!(
        rows(&mut s, "select name, xtype, type from sysobjects where xtype in ('U', 'PK') order by name"),
        [["pk", "PK", "K "], ["t", "U ", "U "]]
    );
    assert_eq!(
        rows(
            &mut s,
            "select name, length, prec, scale, isnullable, status from dbo.syscolumns where id = object_id('t')"
        ),
        [
            ["id", "4", "10", "0", "0", "128"],
            ["n", "20", "10", "NULL", "1", "8"],
            ["m", "-1", "-1", "NULL", "1", "8"],
            ["d", "5", "9", "2", "1", "8"]
        ]
    );
    let counts = "select o.name, i.name, i.indid, i.keycnt, i.rowcnt, i.rows from sysobjects o, sysindexes i
                  where i.id = o.id and o.type = 'U' order by i.indid";
    assert_eq!(rows(&mut s, counts), [["t", "pk", "1", "1", "2", "2"], ["t", "ix", "2", "2", "0", "2"]]);
}
