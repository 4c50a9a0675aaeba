use super::parse;
use crate::ddl::ast::*;
use crate::terms::PageOptions;
use crate::tokens::{ObjectName, SourceText};
use crate::type_name::{TypeArg, TypeName};

fn ddl(text: &str) -> Ddl {
    let source = SourceText::new(text).unwrap();
    let mut cursor = source.cursor();
    let parsed = parse(&mut cursor).unwrap().unwrap();
    assert!(cursor.is_done(), "{text}: left over: {:?}", cursor.peek());
    parsed
}

fn error(text: &str) -> (i32, String) {
    let source = SourceText::new(text).unwrap();
    let error = parse(&mut source.cursor()).unwrap_err();
    (error.number, error.text)
}

fn name(name: &str) -> ObjectName {
    ObjectName { database: None, schema: None, name: name.into() }
}

fn table(text: &str) -> CreateTable {
    match ddl(text) {
        Ddl::CreateTable(table) => table,
        other => panic!("{other:?}"),
    }
}

#[test]
fn other_statements_are_left_alone() {
    for text in
        ["SELECT 1", "INSERT t VALUES (1)", "enable_this", "WITH x AS (SELECT 1 a) SELECT * FROM x", ""]
    {
        let source = SourceText::new(text).unwrap();
        let mut cursor = source.cursor();
        assert_eq!(parse(&mut cursor).unwrap(), None);
        assert_eq!(cursor.position(), 0);
    }
}

#[test]
fn a_table_with_everything() {
    let table = table(
        "CREATE TABLE [dbo].[Everything] (
            id int IDENTITY(10,5) NOT NULL CONSTRAINT pk PRIMARY KEY NONCLUSTERED,
            [Full Name] nvarchar(max) COLLATE Latin1_General_CS_AS NULL,
            amount decimal(9, 2) NOT NULL CONSTRAINT df DEFAULT (0) CHECK (amount >= 0),
            at datetime2(3) DEFAULT sysutcdatetime(),
            twice AS (amount * 2) PERSISTED NOT NULL,
            label AS CASE WHEN amount = 1 THEN 'a' ELSE 'b' END,
            g uniqueidentifier ROWGUIDCOL DEFAULT newid() UNIQUE,
            parent int REFERENCES p (id) ON DELETE CASCADE ON UPDATE NO ACTION,
            rv rowversion,
            CONSTRAINT u UNIQUE CLUSTERED (amount DESC, [Full Name] ASC),
            FOREIGN KEY (parent, id) REFERENCES dbo.q,
            INDEX ix NONCLUSTERED (amount) INCLUDE (g) WHERE amount > 3,
        ) ON ps(at) TEXTIMAGE_ON [PRIMARY] WITH (DATA_COMPRESSION = PAGE)",
    );
    assert_eq!(table.columns.len(), 9);
    assert_eq!(table.placement, Some(Placement { space: "ps".into(), column: Some("at".into()) }));
    let id = &table.columns[0];
    assert_eq!((id.identity, id.nullable), (Some((10, 5)), Some(false)));
    assert_eq!(
        id.constraints,
        [ConstraintDef {
            name: Some("pk".into()),
            kind: ConstraintKind::Key {
                primary: true,
                clustered: Some(false),
                columns: vec![("id".into(), false)],
                ignore_dup_key: false,
                pages: PageOptions::default(),
                placement: None
            },
            column: Some("id".into()),
        }]
    );
    assert_eq!(table.columns[1].name, "Full Name");
    assert_eq!(table.columns[1].collation.as_deref(), Some("Latin1_General_CS_AS"));
    assert_eq!(
        table.columns[2].kind,
        ColumnKind::Typed(TypeName {
            schema: None,
            name: "decimal".into(),
            args: vec![TypeArg::Number(9), TypeArg::Number(2)]
        })
    );
    let default = table.columns[2].default.as_ref().unwrap();
    assert_eq!((default.name.as_deref(), default.definition.as_str()), (Some("df"), "((0))"));
    assert_eq!(
        table.columns[2].constraints[0].kind,
        ConstraintKind::Check { definition: "([amount]>=(0))".into() }
    );
    assert_eq!(
        table.columns[4].kind,
        ColumnKind::Computed { definition: "([amount]*(2))".into(), persisted: true }
    );
    assert_eq!(table.columns[4].nullable, Some(false));
    assert_eq!(
        table.columns[5].kind,
        ColumnKind::Computed {
            definition: "(case when [amount]=(1) then 'a' else 'b' end)".into(),
            persisted: false
        }
    );
    assert!(table.columns[6].rowguidcol);
    let ConstraintKind::Foreign(parent) = &table.columns[7].constraints[0].kind else { panic!() };
    assert_eq!((parent.on_delete, parent.on_update), (1, 0));
    assert_eq!(table.constraints.len(), 2);
    assert_eq!(table.indexes[0].filter.as_deref(), Some("([amount]>(3))"));
    assert_eq!(table.indexes[0].included, ["g"]);
}

#[test]
fn alter_table() {
    let action = |text: &str| match ddl(text) {
        Ddl::AlterTable { action, .. } => action,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        action("ALTER TABLE t WITH CHECK CHECK CONSTRAINT ALL"),
        AlterTable::Constraints { names: vec![], enable: true, validate: true }
    );
    assert_eq!(
        action("ALTER TABLE t NOCHECK CONSTRAINT a, b;"),
        AlterTable::Constraints { names: vec!["a".into(), "b".into()], enable: false, validate: false }
    );
    assert_eq!(
        action("ALTER TABLE s SWITCH PARTITION 3 TO t PARTITION 4"),
        AlterTable::Switch { from: Some(3), target: name("t"), to: Some(4), low_priority: None }
    );
    assert_eq!(
        action("alter table t drop constraint c, column if exists a, b"),
        AlterTable::Drop {
            items: vec![
                DropItem { column: false, name: "c".into(), if_exists: false },
                DropItem { column: true, name: "a".into(), if_exists: true },
                DropItem { column: true, name: "b".into(), if_exists: true },
            ]
        }
    );
    assert!(matches!(
        action("ALTER TABLE t ADD a int NULL, CONSTRAINT d DEFAULT 5 FOR b"),
        AlterTable::Add { columns, constraints, check: None } if columns.len() == 1 && constraints.len() == 1
    ));
    assert!(matches!(
        action("ALTER TABLE t ALTER COLUMN a varchar(20) COLLATE Greek_CI_AS NOT NULL"),
        AlterTable::AlterColumn { nullable: Some(false), collation: Some(_), .. }
    ));
}

#[test]
fn indexes() {
    let Ddl::CreateIndex(create) =
        ddl("CREATE UNIQUE NONCLUSTERED INDEX ix ON dbo.t (a DESC, b) INCLUDE (c) WHERE b IS NOT NULL \
         WITH (FILLFACTOR = 80, DROP_EXISTING = ON) ON [PRIMARY]")
    else {
        panic!()
    };
    assert!(create.drop_existing && create.index.unique && !create.index.clustered);
    assert_eq!(create.index.columns, [("a".to_owned(), true), ("b".to_owned(), false)]);
    assert_eq!(create.index.filter.as_deref(), Some("([b] IS NOT NULL)"));
    assert!(matches!(
        ddl("CREATE CLUSTERED COLUMNSTORE INDEX cci ON t"),
        Ddl::CreateIndex(CreateIndex { index: IndexDef { clustered: true, columnstore: true, .. }, .. })
    ));
    assert_eq!(
        ddl("ALTER INDEX ALL ON t REBUILD WITH (ONLINE = OFF)"),
        Ddl::AlterIndex { index: None, table: name("t"), action: AlterIndex::Rebuild(None) }
    );
    assert_eq!(
        ddl("DROP INDEX a ON t, s.t.b"),
        Ddl::DropIndex {
            indexes: vec![
                ("a".into(), name("t")),
                ("b".into(), ObjectName { database: None, schema: Some("s".into()), name: "t".into() })
            ],
            if_exists: false
        }
    );
}

#[test]
fn modules_take_the_rest_of_the_batch() {
    let Ddl::CreateView(view) = ddl("CREATE VIEW v (a) AS SELECT 1; ") else { panic!() };
    assert_eq!(
        (view.select.as_str(), view.definition.as_str()),
        ("SELECT 1", "CREATE VIEW v (a) AS SELECT 1;")
    );
    let Ddl::CreateTrigger(trigger) =
        ddl("CREATE TRIGGER tr ON t AFTER INSERT, UPDATE AS INSERT l VALUES (1)")
    else {
        panic!()
    };
    assert_eq!(trigger.events, ["INSERT", "UPDATE"]);
    assert_eq!(trigger.body, "INSERT l VALUES (1)");
}

#[test]
fn security_and_databases() {
    assert_eq!(
        ddl("GRANT SELECT, VIEW DEFINITION ON SCHEMA::dbo TO a, [b] WITH GRANT OPTION"),
        Ddl::Permission(PermissionChange {
            verb: Verb::Grant { with_option: true },
            permissions: vec!["SELECT".into(), "VIEW DEFINITION".into()],
            on: Some(SecurableName::Schema("dbo".into())),
            principals: vec!["a".into(), "b".into()],
        })
    );
    assert_eq!(
        ddl("ALTER DATABASE [d] SET RECOVERY SIMPLE, READ_COMMITTED_SNAPSHOT ON WITH ROLLBACK IMMEDIATE"),
        Ddl::AlterDatabase {
            name: Some("d".into()),
            changes: vec![DatabaseChange::Recovery(3), DatabaseChange::ReadCommittedSnapshot(true)]
        }
    );
    assert_eq!(
        ddl("CREATE USER u FOR LOGIN l WITH DEFAULT_SCHEMA = s"),
        Ddl::CreateUser { name: "u".into(), login: Some("l".into()), default_schema: Some("s".into()) }
    );
    let Ddl::CreatePartitionFunction(function) = ddl(
        "CREATE PARTITION FUNCTION pf (date) AS RANGE RIGHT FOR VALUES ('20240101', CONVERT(date, '20240201', 112))",
    ) else {
        panic!()
    };
    assert!(function.boundary_right);
    assert_eq!(function.boundaries, ["'20240101'", "CONVERT(date, '20240201', 112)"]);
}

#[test]
fn syntax_errors_name_what_stands_there() {
    assert_eq!(error("CREATE TABLE t (a int,, b int)"), (102, "Incorrect syntax near ','.".into()));
    assert_eq!(
        error("CREATE TABLE table (a int)"),
        (156, "Incorrect syntax near the keyword 'table'.".into())
    );
    assert_eq!(error("CREATE TABLE t (a int"), (102, "Incorrect syntax near 'int'.".into()));
    assert_eq!(error("DROP SOMETHING x").0, 102);
    assert_eq!(error("CREATE PROCEDURE p AS SELECT 1").0, 156);
    let late = SourceText::new("SELECT 1 CREATE VIEW v AS SELECT 1").unwrap();
    let mut cursor = late.cursor();
    cursor.set_position(2);
    assert_eq!(parse(&mut cursor).unwrap_err().number, 111);
}
