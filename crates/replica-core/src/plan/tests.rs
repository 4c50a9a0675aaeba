use super::*;
use crate::catalog::constraint::{ForeignKey, ReferentialAction};
use crate::catalog::index::{Index, IndexKind, sample as index};
use crate::catalog::server::ServerFacts;
use crate::catalog::table::sample;
use crate::catalog::{Column, Length, SqlType};
use crate::tds::types::{TypeInfo, token};
use crate::types::guide::{collated, column};

fn varchar(n: u16) -> SqlType {
    SqlType::VarChar(Length::N(n))
}

fn table(name: &str) -> Table {
    let mut table = sample(name);
    let id = Column { id: 1, nullable: false, ..column("id", &SqlType::Int) };
    table.columns = vec![id, Column { id: 2, ..column("na]me", &varchar(10)) }];
    table.indexes = Some(vec![index(1, IndexKind::Clustered, &[1])]);
    table.partitions.as_mut().unwrap()[0].rows = 1_000_000;
    table
}

fn plan(source: &Table, target: &Table) -> Plan {
    Plan::new(source, target, CopyOptions::default()).unwrap()
}

fn target() -> Table {
    let mut target = table("rep.t");
    target.object.id = 2;
    target
}

#[test]
fn statements_of_a_plain_table() {
    let p = plan(&table("dbo.t"), &target());
    assert_eq!(p.select().sql, "SELECT [id], [na]]me] FROM [dbo].[t] ORDER BY [id]");
    assert_eq!(p.verify_select().sql, "SELECT [id], [na]]me] FROM [rep].[t]");
    let sql: Vec<_> = p.before().into_iter().map(|s| s.query.sql).collect();
    assert_eq!(sql, ["TRUNCATE TABLE [rep].[t]"]);
    assert!(p.after().is_empty());
    let int = TypeInfo::ByteLen { token: token::INTN, size: 4 };
    let chars = TypeInfo::Chars { token: token::BIGVARCHAR, size: 10, collation: Default::default() };
    let wire = [int, chars].map(|type_info| WireColumn {
        name: "".into(),
        user_type: 0,
        flags: 0,
        type_info,
        table: Vec::new(),
    });
    let fewer = p.load(&wire[..1]).unwrap_err().to_string();
    assert!(fewer.contains("a SELECT of 2 columns with 1"), "{fewer}");
    assert_eq!(
        p.load(&wire).unwrap().statement(),
        "INSERT BULK [rep].[t] ([id] int, [na]]me] varchar(10) COLLATE Latin1_General_CI_AS) \
         WITH (KEEP_NULLS, TABLOCK, ORDER ([id] ASC))"
    );
}

#[test]
fn a_difference_is_refused_where_tempdb_lacks_a_type() {
    let of = |name: &str| {
        let mut tables = [table("dbo.t"), target()];
        tables.iter_mut().for_each(|table| table.columns[1].sql_type = SqlType::Clr(name.into()));
        let [source, mut target] = tables;
        target.indexes = Some(vec![Index { unique: true, ..index(1, IndexKind::Clustered, &[1]) }]);
        let options = CopyOptions { apply: Apply::Difference, ..CopyOptions::default() };
        Plan::new(&source, &target, options).unwrap().allowed()
    };
    assert!(of("geometry").is_ok());
    let refused = of("dbo.Point").unwrap_err();
    assert_eq!(refused.refusal(), Some(crate::refusal::Refusal::UnknownToTempdb));
    assert!(refused.to_string().contains("dbo.Point"), "{refused}");
}

#[test]
fn foreign_keys_and_indexes_come_back_in_the_transaction() {
    let mut t = target();
    t.indexes.as_mut().unwrap().push(index(2, IndexKind::Nonclustered, &[2]));
    let key = |name: &str, trusted| ForeignKey {
        name: name.into(),
        table: TableName::new("dbo", "child"),
        own: false,
        incoming: true,
        disabled: false,
        trusted,
        on_delete: ReferentialAction::NoAction,
        on_update: ReferentialAction::NoAction,
        can_alter: Some(true),
    };
    t.foreign_keys = Some(vec![key("fk1", true), key("fk2", false)]);
    let p = plan(&table("dbo.t"), &t);
    let sql = |statements: Vec<Statement>| statements.into_iter().map(|s| s.query.sql).collect::<Vec<_>>();
    assert_eq!(
        sql(p.before()),
        [
            "ALTER TABLE [dbo].[child] NOCHECK CONSTRAINT [fk1]",
            "ALTER TABLE [dbo].[child] NOCHECK CONSTRAINT [fk2]",
            "ALTER INDEX [ix]]2] ON [rep].[t] DISABLE",
            "DELETE FROM [rep].[t] WITH (TABLOCKX)",
        ]
    );
    assert_eq!(
        sql(p.after()),
        [
            "ALTER INDEX [ix]]2] ON [rep].[t] REBUILD",
            "ALTER TABLE [dbo].[child] WITH CHECK CHECK CONSTRAINT [fk1]",
            "ALTER TABLE [dbo].[child] WITH NOCHECK CHECK CONSTRAINT [fk2]",
        ]
    );
    let locks = p.explain().into_iter().filter(|line| line.topic == "locks");
    let locks: Vec<_> = locks.map(|line| line.text).filter(|text| text.contains("(Sch-M)")).collect();
    assert_eq!(locks.len(), 1, "one line for two keys of one table: {locks:?}");
    assert!(locks[0].contains("dbo.child"), "{locks:?}");
}

#[test]
fn rows_are_sorted_only_where_the_order_is_free_and_safe() {
    let sorted = |source: &Table, target: &Table| plan(source, target).sorted.len();
    assert_eq!(sorted(&table("dbo.t"), &target()), 1);

    let mut heap = table("dbo.t");
    heap.indexes = Some(vec![index(0, IndexKind::Heap, &[])]);
    assert_eq!(sorted(&heap, &target()), 0);

    let mut by_name = target();
    by_name.indexes = Some(vec![index(1, IndexKind::Clustered, &[2])]);
    assert_eq!(sorted(&table("dbo.t"), &by_name), 0);
    let mut source_by_name = table("dbo.t");
    source_by_name.indexes = by_name.indexes.clone();
    assert_eq!(sorted(&source_by_name, &by_name), 1);
    by_name.columns[1] = Column { id: 2, ..collated("na]me", &varchar(10), "Latin1_General_BIN2", 1252) };
    assert_eq!(sorted(&source_by_name, &by_name), 0);
}

#[test]
fn a_table_is_not_copied_onto_itself_whatever_the_server_is_called() {
    let here = |database: &str| {
        let mut t = table("dbo.t");
        t.object.created = "2026-01-01T00:00:00".into();
        t.server = Some(ServerFacts {
            name: "SQL1".into(),
            database: database.into(),
            database_created: "2025-01-01T00:00:00".into(),
            ..ServerFacts::default()
        });
        t
    };
    let error = Plan::new(&here("a"), &here("a"), CopyOptions::default()).unwrap_err();
    assert!(error.to_string().contains("are the same table"), "{error}");
    assert!(Plan::new(&here("a"), &here("b"), CopyOptions::default()).is_ok());

    let but = |change: fn(&mut ServerFacts)| {
        let mut t = here("a");
        change(t.server.as_mut().unwrap());
        t
    };
    let restored = but(|server| server.name = "SQL2".into());
    assert!(Plan::new(&here("a"), &restored, CopyOptions::default()).is_ok());
    let of_one_name = but(|server| server.database_created = "2025-01-02T00:00:00".into());
    assert!(Plan::new(&here("a"), &of_one_name, CopyOptions::default()).is_ok());
    let primary = but(|server| server.group_database_id = "5C81".into());
    let replica = but(|server| {
        server.name = "SQL2".into();
        server.database_created = "2025-01-02T00:00:00".into();
        server.group_database_id = "5C81".into();
    });
    assert!(Plan::new(&replica, &primary, CopyOptions::default()).is_err());
    assert!(Plan::new(&here("a"), &replica, CopyOptions::default()).is_ok());
    let unseen = but(|server| server.database_created.clear());
    assert!(Plan::new(&unseen, &restored, CopyOptions::default()).is_ok());
    for table in [&unseen, &but(|server| server.name.clear())] {
        let error = Plan::new(&here("a"), table, CopyOptions::default()).unwrap_err().to_string();
        assert!(error.contains("may be the same table") && error.contains("VIEW ANY DATABASE"), "{error}");
    }

    let silent = || Table { server: None, ..here("a") };
    assert!(Plan::new(&silent(), &silent(), CopyOptions::default()).is_err());
    assert!(Plan::new(&here("a"), &silent(), CopyOptions::default()).is_err());
    let mut younger = silent();
    younger.object.created = "2026-01-02T00:00:00".into();
    assert!(Plan::new(&silent(), &younger, CopyOptions::default()).is_ok());
}

#[test]
fn a_source_that_may_not_be_read_is_refused() {
    let mut source = table("dbo.t");
    source.object.can_select = Some(false);
    let error = Plan::new(&source, &target(), CopyOptions::default()).unwrap_err().to_string();
    assert!(error.contains("GRANT SELECT"), "{error}");
}

#[test]
fn the_explanation_tells_columns_locks_and_statements() {
    let mut source = table("dbo.t");
    source.columns[0].sql_type = SqlType::BigInt;
    source.columns[1].sql_type = varchar(99);
    let text: Vec<_> = plan(&source, &target())
        .explain()
        .into_iter()
        .map(|line| format!("{}: {}", line.topic, line.text))
        .collect();
    for part in [
        "rows: about 1,000,000",
        "column: id: bigint -> int: cast CAST([id] AS int); refused: values out of the range of int",
        "column: na]me: varchar(99) -> varchar(10): pass; refused: values of more than 10 bytes",
        "statement: TRUNCATE TABLE [rep].[t]",
        "statement: COMMIT TRANSACTION",
    ] {
        assert!(text.iter().any(|line| line == part), "{part} not in {text:#?}");
    }
    assert!(text.iter().any(|line| line.starts_with("locks: ") && line.contains("Sch-M")));
}

mod windows {
    use time::macros::date;

    use super::*;
    use crate::plan::WindowedPlan;
    use crate::tds::rpc::Param;
    use crate::window::{CutBy, DayRange};

    const FEBRUARY: DayRange = DayRange { first: date!(2024 - 02 - 01), next: date!(2024 - 03 - 01) };

    fn dated(name: &str, sql_type: &SqlType) -> Table {
        let mut table = table(name);
        table.columns.push(Column { id: 3, nullable: false, ..column("day", sql_type) });
        table
    }

    fn plan(from: &SqlType, to: &SqlType) -> WindowedPlan {
        let mut target = dated("rep.t", to);
        target.object.id = 2;
        WindowedPlan::new(&dated("dbo.t", from), &target, CopyOptions::default(), &CutBy::Date(None)).unwrap()
    }

    #[test]
    fn statements_of_a_window() {
        let p = plan(&SqlType::DateTime, &SqlType::DateTime2(3));
        let february = p.limited(FEBRUARY.into());
        let select = february.select();
        assert_eq!(
            select.sql,
            "SELECT [id], [na]]me], CAST([day] AS datetime2(3)) AS [day] FROM [dbo].[t] \
             WHERE [day] >= CAST(@P1 AS datetime) AND [day] < CAST(@P2 AS datetime) ORDER BY [id]"
        );
        assert_eq!(select.params, [Param::Date(FEBRUARY.first), Param::Date(FEBRUARY.next)]);
        let within = "[day] >= CAST(@P1 AS datetime2(3)) AND [day] < CAST(@P2 AS datetime2(3))";
        assert_eq!(
            february.verify_select().sql,
            format!("SELECT [id], [na]]me], [day] FROM [rep].[t] WHERE {within}")
        );
        // The only index begins with another column.
        let (delete, batch) = february.delete();
        assert_eq!(
            (delete.sql, batch),
            (format!("DELETE FROM [rep].[t] WITH (TABLOCK) WHERE {within}"), None)
        );
        assert_eq!(delete.params.len(), 2);
        let mut found = february.clone();
        found.strategy.delete_method = DeleteMethod::DeleteWindowInBatches(7);
        let (delete, batch) = found.delete();
        assert_eq!((delete.sql, batch), (format!("DELETE TOP (7) FROM [rep].[t] WHERE {within}"), Some(7)));
        assert_eq!(found.before()[0].query.sql, format!("DELETE FROM [rep].[t] WHERE {within}"));
        assert_eq!(february.count().sql, format!("SELECT COUNT_BIG(*) FROM [rep].[t] WHERE {within}"));
        assert!(
            p.outside().unwrap().sql.ends_with(" FROM [dbo].[t] WHERE [day] IS NULL OR [day] >= '99991231'")
        );
    }

    #[test]
    fn everything_is_explained() {
        let p = plan(&SqlType::Date, &SqlType::Date);
        let lines = p.explain(&[(FEBRUARY.into(), 1_234_567)], &["3 rows without day".into()]);
        let text = lines.iter().map(|line| format!("{} {}\n", line.topic, line.text)).collect::<String>();
        for part in [
            "window 2024-02: 1,234,567 rows",
            "left out 3 rows without day",
            "INSERT BULK",
            "COMMIT",
            "locks",
            "every 100000 rows",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn a_date_that_the_target_does_not_get_is_refused() {
        let mut target = dated("rep.t", &SqlType::Date);
        target.object.id = 2;
        target.columns[2].computed = true;
        let source = dated("dbo.t", &SqlType::Date);
        let error = WindowedPlan::new(&source, &target, CopyOptions::default(), &CutBy::Date(None));
        assert!(error.unwrap_err().to_string().contains("column day"));
    }
}
