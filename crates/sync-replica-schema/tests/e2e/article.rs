//! Other names, columns and rows at the target.
use replica_testkit::{Pair, Program};

use crate::util::{differences, tables, tool};

const SETTINGS: &str = "reference_tables = ['dbo.tenants', 'dbo.people', 'dbo.orders']
[tables.'dbo.tenants']
target = '[the tenants]'
[tables.'dbo.people']
target = 'stage.persons'
where = 'tenant_id = 7'
exclude_columns = ['password_hash']
columns = { email = 'CAST(LEFT(email, 5) AS varchar(5))', initial = 'CAST(LEFT(email, 1) AS nchar(1))' }
[tables.'dbo.orders']
exclude_columns = ['note']
";

fn pair() -> Pair {
    let pair = Pair::new();
    pair.source(
        "CREATE TABLE dbo.tenants (id int NOT NULL CONSTRAINT PK_tenants PRIMARY KEY, parent int NULL CONSTRAINT FK_tenants_tenants REFERENCES dbo.tenants (id))
         CREATE TABLE dbo.people (id int NOT NULL CONSTRAINT PK_people PRIMARY KEY, tenant_id int NOT NULL CONSTRAINT FK_people_tenants REFERENCES dbo.tenants (id),
            email varchar(50) COLLATE Latin1_General_CS_AS NOT NULL CONSTRAINT UQ_email UNIQUE CONSTRAINT CK_email CHECK (email LIKE '%@%'),
            password_hash binary(4) NOT NULL CONSTRAINT CK_hash CHECK (password_hash <> 0x00000000))
         CREATE INDEX by_hash ON dbo.people (password_hash) CREATE INDEX by_tenant ON dbo.people (tenant_id) INCLUDE (email)
         CREATE TABLE dbo.orders (id int NOT NULL CONSTRAINT PK_orders PRIMARY KEY, person int NULL CONSTRAINT FK_orders_people REFERENCES dbo.people (id),
            tenant int NULL CONSTRAINT FK_orders_tenants REFERENCES dbo.tenants (id), note varchar(9) NULL)
         INSERT INTO dbo.tenants VALUES (7, NULL), (8, 7)
         INSERT INTO dbo.people VALUES (1, 7, 'ann@x.org', 0x01020304), (2, 8, 'bob@x.org', 0x01020305)
         INSERT INTO dbo.orders VALUES (10, 1, 7, 'a'), (11, 2, 8, 'b')",
    );
    pair
}

/// The target's tables, columns, indexes, checks and foreign keys.
fn made(pair: &Pair) -> [Vec<String>; 3] {
    let texts = |sql: &str| {
        let rows = pair.target.client().rows(sql);
        rows.iter().filter_map(|row| row.get::<&str, _>(0).map(str::to_owned)).collect()
    };
    [
        texts(
            "SELECT CONCAT(s.name, '.', t.name, '.', c.name, ' ', y.name, ' ', c.max_length, ' ', c.collation_name) FROM sys.columns c \
             JOIN sys.tables t ON t.object_id = c.object_id JOIN sys.schemas s ON s.schema_id = t.schema_id \
             JOIN sys.types y ON y.user_type_id = c.user_type_id WHERE t.name = 'persons' ORDER BY c.column_id",
        ),
        texts(
            "SELECT i.name FROM sys.indexes i JOIN sys.tables t ON t.object_id = i.object_id WHERE i.name IS NOT NULL AND SCHEMA_NAME(t.schema_id) <> 'replica' ORDER BY i.name",
        ),
        texts(
            "SELECT CONCAT(f.name, ' ', OBJECT_NAME(f.referenced_object_id)) FROM sys.foreign_keys f ORDER BY f.name",
        ),
    ]
}

#[track_caller]
fn assert_made(pair: &Pair, with_keys: bool) {
    let [columns, indexes, keys] = made(pair);
    assert_eq!(
        columns,
        [
            "stage.persons.id int 4 ",
            "stage.persons.tenant_id int 4 ",
            "stage.persons.email varchar 5 Latin1_General_CS_AS",
            "stage.persons.initial nchar 2 Latin1_General_CI_AS",
        ]
        .map(|column| column.replace("Latin1_General_CI_AS", &collation(pair)))
    );
    assert_eq!(indexes, ["by_tenant", "PK_orders", "PK_persons", "PK_the tenants"]);
    assert_eq!(
        pair.target
            .client()
            .number("SELECT COUNT(*) FROM sys.check_constraints WHERE SCHEMA_NAME(schema_id) <> 'replica'"),
        0
    );
    let wanted: &[&str] = if with_keys {
        &["FK_orders_tenants the tenants", "FK_the tenants_tenants the tenants"]
    } else {
        &[]
    };
    assert_eq!(keys, wanted);
}

/// Of the source's database: what text has that is no column's.
fn collation(pair: &Pair) -> String {
    let sql = "SELECT CAST(DATABASEPROPERTYEX(DB_NAME(), 'Collation') AS nvarchar(128))";
    pair.source.client().rows(sql)[0].get::<&str, _>(0).unwrap().to_owned()
}

#[test]
fn tables_of_other_names_and_columns_are_made_and_compared_as_they_are_to_be() {
    let pair = pair();
    let tool = tool(&pair).file("replica.toml", SETTINGS);
    let script = tool.run(&["--all", "--sql", "--foreign-keys"]).exits(1);
    assert!(script.stdout.contains("CREATE SCHEMA [stage]"), "{script}");
    assert!(script.stdout.contains("-- dbo.people -> stage.persons: without the index by_hash"), "{script}");
    let exit = tool.run(&["--all", "--create", "--foreign-keys"]).exits(0);
    let exit = exit
        .says("dbo.people -> stage.persons: without the index UQ_email, since column email has an expression")
        .says("dbo.people -> stage.persons: without the foreign key FK_people_tenants, since the table has a condition")
        .says("dbo.orders: without the foreign key FK_orders_people, since dbo.people has a condition");
    let names: Vec<String> =
        tables(&exit).into_iter().map(|(name, state)| format!("{name}: {state}")).collect();
    assert_eq!(
        names,
        ["dbo.tenants -> [the tenants]: same", "dbo.people -> stage.persons: same", "dbo.orders: same"],
        "{exit}"
    );
    assert_made(&pair, true);
    let again = tool.run(&["--all", "--foreign-keys"]).exits(0);
    assert!(differences(&again).is_empty(), "{again}");
    // The name at the target is the one that a change is asked for by.
    pair.target("ALTER TABLE stage.persons DROP COLUMN initial");
    let exit = tool.run(&["--all", "--apply", "stage.persons.initial"]).exits(0);
    assert_eq!(exit.lines()[0][..3], ["dbo.people -> stage.persons", "done", "column initial"], "{exit}");
    assert_made(&pair, true);
}

#[test]
fn a_copy_makes_its_tables_as_they_are_to_be() {
    let pair = pair();
    let program = Program::beside(env!("CARGO_BIN_EXE_sync-replica-schema"), "replicate-reference-tables");
    let copy = program.between(&pair).file("replica.toml", SETTINGS);
    let plan = copy.run(&["--all", "--create", "--explain"]).exits(0);
    plan.says("CREATE TABLE [stage].[persons]");
    copy.run(&["--all", "--create", "--foreign-keys", "--verify", "hash"]).exits(0);
    assert_made(&pair, true);
    let mut target = pair.target.client();
    assert_eq!(
        target.number("SELECT COUNT(*) FROM stage.persons WHERE email = 'ann@x' AND initial = 'a'"),
        1
    );
    assert_eq!(target.number("SELECT SUM(id) FROM stage.persons"), 1);
    tool(&pair).file("replica.toml", SETTINGS).run(&["--all", "--foreign-keys"]).exits(0);
}

#[test]
fn options_say_the_same_of_one_table() {
    let pair = pair();
    let options = [
        "dbo.people",
        "--target=stage.persons",
        "--where=tenant_id = 7",
        "--exclude-columns=PASSWORD_HASH",
        "--column=email=CAST(LEFT(email, 5) AS varchar(5))",
        "--column=initial=CAST(LEFT(email, 1) AS nchar(1))",
    ];
    let tool = tool(&pair);
    tool.run(&[&options[..], &["--create"]].concat()).exits(0);
    let [columns, ..] = made(&pair);
    assert_eq!(columns.len(), 4, "{columns:?}");
    tool.run(&options).exits(0);
    tool.run(&["dbo.people", "dbo.orders", "--target=x"]).exits(2).says("a single table");
    tool.run(&["--init", "--target=x"]).exits(2);
}

#[test]
fn what_cannot_be_is_refused_and_nothing_is_made() {
    let pair = pair();
    let one = |settings: &str| {
        let config =
            format!("reference_tables = ['dbo.people', 'dbo.orders']\n[tables.'dbo.people']\n{settings}\n");
        let exit = tool(&pair).file("replica.toml", &config).run(&["--all", "--create"]);
        assert_eq!(
            pair.target.client().number("SELECT COUNT(*) FROM sys.tables WHERE name = 'people'"),
            0,
            "{exit}"
        );
        exit
    };
    one("target = 'dbo.Orders'").exits(2).says("are both to be");
    // A name without a schema is in the one that the login makes tables in.
    one("target = 'orders'").exits(2).says("are both to be dbo.orders");
    one("exclude_columns = ['id']").exits(1).says("key");
    one("exclude_columns = ['nothing']").exits(1).says("no such column");
    one("exclude_columns = ['email']\n[date_filter_columns]\n'dbo.people' = 'Email'")
        .exits(2)
        .says("windows are to be cut by it");
    one("columns = { email = 'LOWER(nothing)' }").exits(1).says("nothing").says("dbo.people");
}

#[test]
fn a_second_copy_in_one_schema_has_names_of_its_own() {
    let pair = Pair::new();
    pair.source(
        "CREATE TABLE dbo.people (id int NOT NULL CONSTRAINT PK_people PRIMARY KEY, n int NULL CONSTRAINT DF_n DEFAULT 1 CONSTRAINT CK_people_n CHECK (n > 0),
            up int NULL CONSTRAINT FK_up REFERENCES dbo.people (id), CONSTRAINT UQ_people UNIQUE (n, up))
         CREATE INDEX ix_people ON dbo.people (up)
         ALTER TABLE dbo.people NOCHECK CONSTRAINT CK_people_n",
    );
    tool(&pair).run(&["dbo.people", "--create", "--foreign-keys"]).exits(0);
    let copy = ["dbo.people", "--target", "dbo.copies", "--foreign-keys"];
    let exit = tool(&pair).run(&[&copy[..], &["--create"]].concat()).exits(0);
    exit.says("names of their own, unique in the schema: PK_copies, UQ_copies, DF_n_copies, CK_copies_n, FK_up_copies");
    let again = tool(&pair).run(&copy).exits(0);
    assert!(differences(&again).is_empty(), "{again}");
    let script = tool(&pair).run(&[&copy[..], &["--sql"]].concat()).exits(0);
    assert_eq!(script.stdout, "");
    let named = |of: &str| {
        let rows = pair.target.client().rows(&format!(
            "SELECT name FROM sys.objects WHERE parent_object_id = OBJECT_ID('{of}') AND type <> 'U' ORDER BY name"
        ));
        rows.iter().filter_map(|row| row.get::<&str, _>(0).map(str::to_owned)).collect::<Vec<_>>()
    };
    assert_eq!(named("dbo.copies"), ["CK_copies_n", "DF_n_copies", "FK_up_copies", "PK_copies", "UQ_copies"]);
    assert_eq!(named("dbo.people"), ["CK_people_n", "DF_n", "FK_up", "PK_people", "UQ_people"]);
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM sys.indexes WHERE name = 'ix_people'"), 2);
    // One with the source's names, as earlier versions made it, is no other.
    pair.target("CREATE SCHEMA old");
    pair.target(
        "CREATE TABLE old.copies (id int NOT NULL CONSTRAINT PK_people PRIMARY KEY, n int NULL CONSTRAINT DF_n DEFAULT 1 CONSTRAINT CK_people_n CHECK (n > 0), up int NULL,
            CONSTRAINT UQ_people UNIQUE (n, up)) CREATE INDEX ix_people ON old.copies (up) ALTER TABLE old.copies NOCHECK CONSTRAINT CK_people_n",
    );
    tool(&pair).run(&["dbo.people", "--target", "old.copies"]).exits(0);
}
