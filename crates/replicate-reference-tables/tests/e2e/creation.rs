//! `--create`: tables that the target lacks.
use replica_testkit::{Pair, Program};

fn tool(pair: &Pair) -> Program {
    Program::new(env!("CARGO_BIN_EXE_replicate-reference-tables")).between(pair)
}

const SOURCE: &str = "CREATE TABLE dbo.parent (id int NOT NULL IDENTITY CONSTRAINT PK_parent PRIMARY KEY, name nvarchar(20) NULL)
     CREATE TABLE dbo.child (id int NOT NULL CONSTRAINT PK_child PRIMARY KEY NONCLUSTERED, parent int NULL, n int NULL CONSTRAINT DF_n DEFAULT 7,
        CONSTRAINT CK_n CHECK (n > 0), CONSTRAINT FK_child FOREIGN KEY (parent) REFERENCES dbo.parent (id))
     CREATE INDEX by_parent ON dbo.child (parent) INCLUDE (n)
     INSERT INTO dbo.parent (name) VALUES (N'a'), (N'b')
     INSERT INTO dbo.child VALUES (1, 1, 1), (2, 2, NULL), (3, NULL, 3)";

#[test]
fn an_empty_target_has_tables_and_rows_after_one_command() {
    let pair = Pair::new();
    pair.source(SOURCE);
    let run = tool(&pair)
        .run(&["dbo.child", "dbo.parent", "--create", "--foreign-keys", "--verify", "hash"])
        .exits(0);
    let run = run
        .says("dbo.child: table made")
        .says("dbo.child: index by_parent made")
        .says("foreign key FK_child made");
    pair.assert_equal("SELECT id, parent, n FROM dbo.child ORDER BY id");
    pair.assert_equal("SELECT id, name FROM dbo.parent ORDER BY id");
    pair.assert_equal("SELECT name, type FROM sys.indexes WHERE object_id = OBJECT_ID('dbo.child') AND index_id > 0 ORDER BY name");
    for constraints in ["sys.check_constraints", "sys.foreign_keys"] {
        pair.assert_equal(&format!(
            "SELECT name, is_not_trusted FROM {constraints} WHERE parent_object_id = OBJECT_ID('dbo.child')"
        ));
    }
    // The indexes came after the rows.
    let at = |text: &str| run.stderr.find(text).unwrap_or_else(|| panic!("{text}\n{run}"));
    assert!(at("table made") < at("index by_parent made"), "{run}");
    // Once more there is nothing to make.
    let again = tool(&pair).run(&["dbo.child", "dbo.parent", "--create", "--foreign-keys"]).exits(0);
    assert!(!again.stderr.contains(" made"), "{again}");
}

#[test]
fn keys_in_a_circle_are_made_after_all_loads() {
    let pair = Pair::new();
    pair.source(
        "CREATE TABLE dbo.a (id int NOT NULL CONSTRAINT PK_a PRIMARY KEY, b int NOT NULL)
         CREATE TABLE dbo.b (id int NOT NULL CONSTRAINT PK_b PRIMARY KEY, a int NULL CONSTRAINT FK_b REFERENCES dbo.a (id))
         INSERT INTO dbo.a VALUES (1, 10), (2, 10) INSERT INTO dbo.b VALUES (10, 2), (11, NULL)
         ALTER TABLE dbo.a ADD CONSTRAINT FK_a FOREIGN KEY (b) REFERENCES dbo.b (id)",
    );
    tool(&pair).run(&["dbo.a", "dbo.b", "--create", "--foreign-keys", "--verify", "hash"]).exits(0);
    pair.assert_equal("SELECT name, is_disabled, is_not_trusted FROM sys.foreign_keys ORDER BY name");
    assert_eq!(
        pair.target.client().number("SELECT COUNT(*) FROM sys.foreign_keys WHERE is_not_trusted = 0"),
        2
    );
}

#[test]
fn explain_shows_the_statements_and_makes_nothing() {
    let pair = Pair::new();
    pair.source(SOURCE);
    let run = tool(&pair).run(&["dbo.child", "--create", "--explain"]).exits(0);
    let run = run.says("CREATE TABLE [dbo].[child]").says("CREATE NONCLUSTERED INDEX [by_parent]");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM sys.tables"), 0, "{run}");
    let run = tool(&pair).run(&["dbo.child"]).exits(1);
    run.says("sync-replica-schema dbo.child --create");
    tool(&pair).run(&["dbo.child", "--foreign-keys"]).exits(2);
    tool(&pair).run(&["dbo.child", "--create", "--from", "."]).exits(2);
}

#[test]
fn a_column_that_the_target_lacks_names_the_way_out() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL, n int NULL)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL)");
    tool(&pair).run(&["dbo.t"]).exits(1).says("sync-replica-schema dbo.t --apply-safe");
}

#[test]
fn a_table_that_cannot_be_made_fails_with_the_reason() {
    let pair = Pair::new();
    pair.source(
        "CREATE TABLE dbo.a (id int NOT NULL CONSTRAINT PK_taken PRIMARY KEY) CREATE TABLE dbo.b (id int NOT NULL) \
         INSERT INTO dbo.a VALUES (1) INSERT INTO dbo.b VALUES (2)",
    );
    pair.target("CREATE TABLE dbo.other (id int NOT NULL CONSTRAINT PK_taken PRIMARY KEY)");
    let quiet = || tool(&pair).with("RUST_LOG", "off");
    let exit = quiet().run(&["dbo.a", "dbo.b", "--create"]).exits(1);
    let lines = exit.lines();
    assert_eq!((lines.len(), lines[0][0], lines[0][1]), (2, "dbo.a", "failed"), "{exit}");
    assert!(lines[0][7].contains("2714") && lines[0][7].contains("unique in a schema"), "{exit}");
    pair.assert_equal("SELECT id FROM dbo.b");
    // A definition that cannot be copied is a reason, too; where the target has the table, none is asked for.
    pair.source("CREATE TABLE dbo.wide (id int NOT NULL) CREATE TABLE dbo.same (id int NOT NULL)");
    let config = "[tables.'dbo.wide']\ncolumns = { id = 'nothing_of_the_kind(id)' }\n";
    let exit = quiet().file("replica.toml", config).run(&["dbo.wide", "--create"]).exits(1);
    assert!(exit.lines()[0][7].contains("nothing_of_the_kind"), "{exit}");
    let exit = quiet().file("replica.toml", config).run(&["dbo.wide", "--create", "--explain"]).exits(1);
    assert!(exit.stdout.contains("nothing_of_the_kind"), "{exit}");
}
