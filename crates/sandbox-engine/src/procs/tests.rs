use super::call;
use crate::testing::{Answer, ok, session};
use sandbox_session::Session;
use sandbox_session::api::Param;
use sandbox_session::failure::Failure;
use sandbox_values::collation::utf16le;
use sandbox_values::{CollationId, Len, SqlType, Value};

fn texts(arguments: &[&str]) -> Vec<Param> {
    let param = |text: &&str| Param {
        name: String::new(),
        sql_type: SqlType::NVarChar(Len::N(4000), CollationId::SERVER_DEFAULT),
        value: Value::Bytes(utf16le(&text.encode_utf16().collect::<Vec<_>>())),
        output: false,
    };
    arguments.iter().map(param).collect()
}

/// The number of the error that a procedure ends with.
fn refused(session: &mut Session, name: &str, arguments: &[&str]) -> i32 {
    let mut heard = Answer::default();
    match call(name, &mut texts(arguments), session, &mut heard).unwrap() {
        Err(Failure::Error(error)) => error.number,
        other => panic!("{other:?}"),
    }
}

/// Calls a procedure with text arguments, in order.
fn exec(session: &mut Session, name: &str, arguments: &[&str]) -> Answer {
    let mut heard = Answer::default();
    let status = call(name, &mut texts(arguments), session, &mut heard).unwrap().unwrap();
    assert_eq!(status, 0);
    heard
}

fn column(heard: &Answer, name: &str) -> Vec<String> {
    let at = heard.results[0].0.iter().position(|c| c.name == name).unwrap();
    heard.rows().into_iter().map(|mut row| row.swap_remove(at)).collect()
}

fn with_tables() -> Session {
    let mut session = session();
    ok(
        &mut session,
        "CREATE TABLE app_sales (id int IDENTITY CONSTRAINT pk PRIMARY KEY, at datetime2(3) NULL, s nvarchar(10) DEFAULT N'x')
         CREATE TABLE other (a int)
         CREATE INDEX ix ON app_sales (at DESC, id)",
    );
    session
}

#[test]
fn drivers_find_tables_columns_and_keys() {
    let mut session = with_tables();
    let s = &mut session;
    assert_eq!(column(&exec(s, "sp_tables", &["app[_]%"]), "TABLE_NAME"), ["app_sales"]);
    assert_eq!(column(&exec(s, "master.sys.sp_tables", &["%"]), "TABLE_TYPE"), ["TABLE", "TABLE"]);
    let columns = exec(s, "sp_columns_100", &["app\\_sales", "dbo"]);
    assert_eq!(columns.results[0].0.len(), 29);
    assert_eq!(column(&columns, "TYPE_NAME"), ["int identity", "datetime2", "nvarchar"]);
    assert_eq!(column(&columns, "DATA_TYPE"), ["4", "93", "-9"]);
    assert_eq!(column(&columns, "PRECISION"), ["10", "23", "10"]);
    assert_eq!(column(&columns, "IS_NULLABLE"), ["NO", "YES", "YES"]);
    assert_eq!(column(&columns, "COLUMN_DEF"), ["NULL", "NULL", "(N'x')"]);
    // Before SQL Server 2008's types an ODBC client sees them as nvarchar.
    assert_eq!(column(&exec(s, "sp_columns", &["app_sales"]), "DATA_TYPE"), ["4", "-9", "-9"]);
    assert_eq!(column(&exec(s, "sp_pkeys", &["app_sales"]), "COLUMN_NAME"), ["id"]);
    let statistics = exec(s, "sp_statistics_100", &["app_sales"]);
    assert_eq!(column(&statistics, "INDEX_NAME"), ["NULL", "pk", "ix", "ix"]);
    assert_eq!(column(&statistics, "COLLATION"), ["NULL", "A", "D", "A"]);
    let indexes = exec(s, "sp_helpindex", &["dbo.app_sales"]);
    assert_eq!(column(&indexes, "index_keys"), ["at(-), id", "id"]);
    assert_eq!(
        column(&indexes, "index_description"),
        ["nonclustered located on PRIMARY", "clustered, unique, primary key located on PRIMARY"]
    );
    assert_eq!(column(&exec(s, "sp_databases", &[]), "DATABASE_NAME"), ["master", "model", "msdb", "tempdb"]);
}

#[test]
fn drivers_find_foreign_keys_and_what_tells_rows_apart() {
    let mut session = session();
    let s = &mut session;
    ok(
        s,
        "CREATE TABLE parent (a int, b int, CONSTRAINT pk PRIMARY KEY (b, a))
         CREATE TABLE child (x int, y int, v rowversion, u int NULL UNIQUE,
             CONSTRAINT fk FOREIGN KEY (x, y) REFERENCES parent (b, a) ON DELETE CASCADE)",
    );
    let by_parent = exec(s, "sp_fkeys", &["parent"]);
    assert_eq!(column(&by_parent, "FKTABLE_NAME"), ["child", "child"]);
    assert_eq!(column(&by_parent, "PKCOLUMN_NAME"), ["b", "a"]);
    assert_eq!(column(&by_parent, "FKCOLUMN_NAME"), ["x", "y"]);
    assert_eq!(column(&by_parent, "UPDATE_RULE"), ["1", "1"]);
    assert_eq!(column(&by_parent, "DELETE_RULE"), ["0", "0"]);
    assert_eq!(column(&by_parent, "PK_NAME"), ["pk", "pk"]);
    assert_eq!(column(&exec(s, "sp_fkeys", &["child"]), "FK_NAME"), [""; 0]);
    assert_eq!(refused(s, "sp_fkeys", &[]), 15252);

    assert_eq!(column(&exec(s, "sp_special_columns", &["parent"]), "COLUMN_NAME"), ["b", "a"]);
    assert_eq!(column(&exec(s, "sp_special_columns", &["child"]), "COLUMN_NAME"), ["u"]);
    let given = ["child", "dbo", "master", "R", "T", "O"];
    assert_eq!(column(&exec(s, "sp_special_columns", &given), "COLUMN_NAME"), [""; 0]);
    let versions = exec(s, "sp_special_columns_100", &["child", "dbo", "master", "V"]);
    assert_eq!(column(&versions, "COLUMN_NAME"), ["v"]);
    assert_eq!(column(&versions, "SCOPE"), ["NULL"]);
}

#[test]
fn drivers_find_types_and_no_procedures() {
    let mut session = session();
    let s = &mut session;
    let all = exec(s, "sp_datatype_info_100", &["0", "3"]);
    assert_eq!(all.results[0].0.len(), 20);
    let names = column(&all, "TYPE_NAME");
    assert_eq!((names.len(), names[0].as_str()), (37, "datetimeoffset"));
    let nvarchar = exec(s, "sp_datatype_info_100", &["-9", "3"]);
    assert_eq!(column(&nvarchar, "TYPE_NAME"), ["nvarchar", "sysname"]);
    assert_eq!(column(&nvarchar, "PRECISION"), ["4000", "128"]);
    assert_eq!(column(&nvarchar, "LITERAL_PREFIX"), ["N'", "N'"]);
    assert_eq!(column(&nvarchar, "CASE_SENSITIVE"), ["0", "0"]);
    assert_eq!(column(&exec(s, "sp_datatype_info", &["11"]), "TYPE_NAME"), ["datetime", "smalldatetime"]);
    assert_eq!(column(&exec(s, "..sp_stored_procedures", &["%"]), "PROCEDURE_NAME"), [""; 0]);
    assert_eq!(column(&exec(s, "sp_sproc_columns_100", &["%"]), "COLUMN_NAME"), [""; 0]);
}

#[test]
fn types_of_undeclared_parameters_are_those_of_their_columns() {
    let mut session = with_tables();
    let s = &mut session;
    let mut asked = |sql: &str, declared: &str| {
        let heard = exec(s, "sp_describe_undeclared_parameters", &[sql, declared]);
        let of = |name: &str| column(&heard, name);
        let (names, types) = (of("name"), of("suggested_system_type_name"));
        names.into_iter().zip(types).map(|(name, t)| format!("{name} {t}")).collect::<Vec<_>>()
    };
    assert_eq!(
        asked("insert into app_sales(s, at) values (@P1, @P2)", ""),
        ["@P1 nvarchar(10)", "@P2 datetime2(3)"]
    );
    assert_eq!(asked("insert app_sales values (@a, (@b))", ""), ["@a datetime2(3)", "@b nvarchar(10)"]);
    let update =
        "update app_sales set s = @s where id = @id and (at between @from and @to or s in (N'y', @z))";
    assert_eq!(
        asked(update, "@from datetime"),
        ["@s nvarchar(10)", "@id int", "@to datetime2(3)", "@z nvarchar(10)"]
    );
    assert_eq!(asked("delete app_sales where id<@P1", ""), ["@P1 int"]);
    let query = "select * from other o join app_sales as b on o.a = b.id where @x = b.id and o.a <> @y and b.s like @z";
    assert_eq!(asked(query, ""), ["@x int", "@y int", "@z nvarchar(10)"]);
    assert_eq!(asked("select 1", ""), [""; 0]);
    let mut refused = |sql: &str| refused(s, "sp_describe_undeclared_parameters", &[sql]);
    assert_eq!(refused("select @what"), 11502);
    assert_eq!(refused("select * from other where a = @x or a = @x"), 11508);
    assert_eq!(refused("insert other values (@x"), 102);
}

#[test]
fn people_ask_for_texts_and_sizes() {
    let mut session = with_tables();
    let s = &mut session;
    let long = "x".repeat(300);
    ok(s, &format!("create view v as\r\nselect a\r\nfrom other where '{long}' > ''"));
    let text = column(&exec(s, "sp_helptext", &["dbo.v"]), "Text");
    assert_eq!(text[..2], ["create view v as\r\n", "select a\r\n"]);
    assert_eq!(text[2..].concat(), format!("from other where '{long}' > ''"));
    assert_eq!(text[2].len(), 255);
    ok(s, "create trigger g on other after insert as select 1");
    assert_eq!(
        column(&exec(s, "sp_helptext", &["g"]), "Text"),
        ["create trigger g on other after insert as select 1"]
    );
    assert_eq!(refused(s, "sp_helptext", &["other"]), 15197);
    assert_eq!(refused(s, "sp_helptext", &["none"]), 15009);

    ok(s, "disable trigger g on other; insert other values (1), (2), (3)");
    let space = exec(s, "sp_spaceused", &["dbo.other"]);
    assert_eq!(column(&space, "rows")[0].trim_end(), "3");
    let kilobytes = |name: &str| column(&space, name)[0].strip_suffix(" KB").unwrap().parse::<i32>().unwrap();
    assert_eq!(kilobytes("reserved"), kilobytes("data") + kilobytes("index_size"));
    assert!(kilobytes("data") > 0 && kilobytes("unused") == 0);
    assert_eq!(refused(s, "sp_spaceused", &["none"]), 15009);
    let database = exec(s, "sp_spaceused", &[]);
    assert_eq!(database.results.len(), 2);
    assert_eq!(column(&database, "database_name"), ["master"]);
    assert_eq!(column(&database, "unallocated space"), ["0.00 MB"]);
}

#[test]
fn things_are_renamed() {
    let mut session = with_tables();
    let s = &mut session;
    exec(s, "sp_rename", &["dbo.app_sales.at", "sold_at", "COLUMN"]);
    exec(s, "sp_rename", &["app_sales.ix", "ix2", "INDEX"]);
    exec(s, "sp_rename", &["pk", "pk2"]);
    exec(s, "sp_rename", &["app_sales", "sales"]);
    assert_eq!(column(&exec(s, "sp_columns", &["sales"]), "COLUMN_NAME"), ["id", "sold_at", "s"]);
    assert_eq!(column(&exec(s, "sp_helpindex", &["sales"]), "index_name"), ["ix2", "pk2"]);
    assert_eq!(refused(s, "sp_rename", &[]), 201);
}
