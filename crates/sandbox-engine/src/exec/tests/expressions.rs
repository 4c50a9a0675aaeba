//! Functions.
use crate::testing::{rows, session};

#[test]
fn functions_answer_as_documented() {
    let mut s = session();
    for (expression, expected) in [
        ("len('ab  ')", "2"),
        ("datalength(N'ab')", "4"),
        ("upper('aé')", "AÉ"),
        ("substring('hello', 2, 3)", "ell"),
        ("substring('hello', 0, 3)", "he"),
        ("left('hello', 2)", "he"),
        ("right('hello', 2)", "lo"),
        ("replace('aBa', 'A', 'x')", "xBx"),
        ("stuff('abcdef', 2, 3, 'x')", "axef"),
        ("charindex('L', 'hello')", "3"),
        ("patindex('%l_o%', 'hello')", "3"),
        ("concat('a', null, 1)", "a1"),
        ("quotename('a]b')", "[a]]b]"),
        ("replicate('ab', 3)", "ababab"),
        ("rtrim(ltrim('  a '))", "a"),
        ("reverse('abc')", "cba"),
        ("char(65) + nchar(8364)", "A€"),
        ("ascii('A')", "65"),
        ("unicode(N'€')", "8364"),
        ("iif(1 = 2, 'a', 'b')", "b"),
        ("choose(2, 'a', 'b')", "b"),
        ("nullif(1, 1)", "NULL"),
        ("abs(-5)", "5"),
        ("floor(-1.5)", "-2"),
        ("round(2.345, 2)", "2.350"),
        ("power(2, 10)", "1024"),
        ("sqrt(16)", "4"),
        ("-9 % 4", "-1"),
        ("5 & 3", "1"),
        ("year('2024-02-29')", "2024"),
        ("dateadd(month, 1, cast('2024-01-31' as date))", "2024-02-29"),
        ("datediff(day, '2024-01-01', '2024-03-01')", "60"),
        ("datepart(dayofyear, '2024-12-31')", "366"),
        ("eomonth('2023-02-03')", "2023-02-28"),
        ("datefromparts(2024, 2, 29)", "2024-02-29"),
        ("datename(month, '2024-02-01')", "February"),
        ("convert(varchar(10), cast('2024-02-29' as date), 112)", "20240229"),
        ("db_name()", "master"),
        ("db_id('tempdb')", "2"),
        ("schema_name(1)", "dbo"),
        ("serverproperty('EngineEdition')", "3"),
        ("suser_sname()", "sa"),
        ("user_name()", "dbo"),
        ("current_user", "dbo"),
        ("has_perms_by_name(null, null, 'VIEW SERVER STATE')", "1"),
        ("cast(collationproperty('Latin1_General_CI_AS', 'CodePage') as int)", "1252"),
        ("@@trancount", "0"),
        ("xact_state()", "0"),
        ("type_name(56)", "int"),
        ("object_id('nothing')", "NULL"),
    ] {
        let sql = format!("select cast({expression} as nvarchar(100))");
        assert_eq!(rows(&mut s, &sql)[0][0], expected, "{expression}");
    }
}

#[test]
fn the_version_says_what_it_is() {
    assert!(rows(&mut session(), "select @@version")[0][0].contains("replica-sandbox"));
}

#[test]
fn aggregates_have_sql_servers_types() {
    let mut s = session();
    let sql = "select sum(x), avg(x), min(x), max(x), count(x), sum(cast(x as decimal(5,2))), string_agg(cast(x as varchar(3)), ',') \
               within group (order by x desc) from (values (1),(2),(4),(null)) v(x)";
    let row = rows(
        &mut s,
        &sql.replace("sum(cast(x as decimal(5,2)))", "cast(sum(cast(x as decimal(5,2))) as varchar(20))"),
    );
    assert_eq!(row[0], ["7", "2", "1", "4", "3", "7.00", "4,2,1"]);
    assert_eq!(rows(&mut s, "select max(x) from (values ('b'),('C'),('a')) v(x)")[0][0], "C");
    assert_eq!(rows(&mut s, "select max(x), count(*) from (select 1 x where 1=0) v")[0], ["NULL", "0"]);
}

#[test]
fn new_ids_differ_by_row() {
    let found = rows(
        &mut session(),
        "select count(distinct i) from (select newid() i from (values (1),(2),(3)) v(x)) t",
    );
    assert_eq!(found[0][0], "3");
}
