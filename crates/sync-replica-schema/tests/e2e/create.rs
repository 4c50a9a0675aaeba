//! Tables that are missing.
use replica_testkit::{Pair, Program};

use crate::util::{differences, made, tables, tool};

/// Every type, nullable and not: the judge's own table.
const EVERY_TYPE: &str = include_str!("../../../../scripts/lib/judge/tables/every_type.sql");

#[test]
fn every_type_is_made_as_it_is() {
    let pair = Pair::new();
    pair.source(EVERY_TYPE.trim_end().trim_end_matches("GO"));
    made(&pair, "dbo.every_type", &[]);
    pair.assert_equal(
        "SELECT c.name, t.name, c.max_length, c.precision, c.scale, c.is_nullable, c.collation_name FROM sys.columns c \
         JOIN sys.types t ON t.user_type_id = c.user_type_id WHERE c.object_id = OBJECT_ID('dbo.every_type') ORDER BY c.column_id",
    );
}

#[test]
fn nothing_is_written_unless_it_is_asked_for() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL CONSTRAINT PK_t PRIMARY KEY, n int NULL CONSTRAINT CK_t CHECK (n IN (1, 2)))");
    let exit = tool(&pair).run(&["t"]).exits(1);
    assert_eq!(tables(&exit), [("dbo.t".to_owned(), "missing".to_owned())]);
    let found = differences(&exit);
    assert_eq!(found.len(), 2, "{exit}");
    assert_eq!([&found[1][0], &found[1][2]], ["check CK_t", "create"], "{exit}");
    let script = tool(&pair).run(&["t", "--sql"]).exits(1);
    assert!(script.stdout.contains("\nGO\nCREATE TABLE [dbo].[t] (\n    [id] int NOT NULL,"), "{script}");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM sys.tables"), 0, "{script}");
    let exit = made(&pair, "dbo.t", &[]);
    assert!(exit.lines().iter().any(|line| line[1] == "done" && line[2] == "table"), "{exit}");
}

#[test]
fn constraints_and_indexes_are_made_as_they_are() {
    let pair = Pair::new();
    pair.source(
        "CREATE TABLE dbo.t (
            id int NOT NULL, a varchar(20) COLLATE Latin1_General_100_CS_AS NOT NULL CONSTRAINT [DF a]]] DEFAULT 'x',
            b int NULL DEFAULT (7), c datetime2(3) NULL CONSTRAINT DF_c DEFAULT SYSUTCDATETIME(), d decimal(9, 2) NULL, e int NULL,
            CONSTRAINT PK_t PRIMARY KEY NONCLUSTERED (id DESC, a),
            CONSTRAINT UQ_t UNIQUE (b),
            CONSTRAINT CK_t CHECK (b > 0 AND (d IS NULL OR d < 100)),
            CHECK (e BETWEEN 1 AND 9))
         CREATE CLUSTERED INDEX cx ON dbo.t (c, id DESC)
         CREATE UNIQUE INDEX ux ON dbo.t (d, e) INCLUDE (b) WHERE d IS NOT NULL
         CREATE INDEX ix ON dbo.t (e DESC) INCLUDE (c, d) WITH (FILLFACTOR = 70)
         ALTER TABLE dbo.t NOCHECK CONSTRAINT CK_t",
    );
    made(&pair, "dbo.t", &[]);
    pair.assert_equal(
        "SELECT i.name, i.type, i.is_unique, i.is_primary_key, i.is_unique_constraint, i.filter_definition, ic.key_ordinal, \
         ic.is_descending_key, c.name AS column_name FROM sys.indexes i JOIN sys.index_columns ic ON ic.object_id = i.object_id AND \
         ic.index_id = i.index_id JOIN sys.columns c ON c.object_id = ic.object_id AND c.column_id = ic.column_id \
         WHERE i.object_id = OBJECT_ID('dbo.t') AND i.name NOT LIKE 'UQ[_][_]%' ORDER BY i.name, ic.index_column_id",
    );
    pair.assert_equal(
        "SELECT definition, is_disabled, is_not_trusted, is_system_named FROM sys.check_constraints ORDER BY definition",
    );
    pair.assert_equal("SELECT definition, is_system_named FROM sys.default_constraints ORDER BY definition");
}

#[test]
fn a_replica_leaves_out_what_it_has_no_use_for() {
    let pair = Pair::new();
    pair.source(
        "CREATE TABLE dbo.t (id int NOT NULL IDENTITY(5, 5) CONSTRAINT PK_t PRIMARY KEY, n int NOT NULL,
            twice AS n * 2, half AS n / 2 PERSISTED, stamp rowversion, s int SPARSE NULL, g uniqueidentifier ROWGUIDCOL NOT NULL, phone sysname)",
    );
    made(&pair, "dbo.t", &[])
        .says("dbo.t: column id: no identity")
        .says("column twice: stored, not computed");
    let types = "SELECT c.name, t.name, c.is_identity, c.is_computed, c.is_nullable FROM sys.columns c \
         JOIN sys.types t ON t.user_type_id = c.user_type_id WHERE c.object_id = OBJECT_ID('dbo.t') ORDER BY c.column_id";
    let found = pair.target.client().values(types);
    let found: Vec<String> =
        found.iter().map(|row| row.join(" ").replace("Some(", "").replace(')', "")).collect();
    let text = found.join("\n");
    for wanted in ["\"stamp\" String(\"binary\"", "\"phone\" String(\"nvarchar\"", "\"half\" String(\"int\""]
    {
        assert!(text.replace("String(String", "String").contains(wanted) || text.contains(wanted), "{text}");
    }
    assert!(!text.contains("Bit(true Bit(true"), "{text}");
    // Kept on request.
    pair.target("DROP TABLE dbo.t");
    made(&pair, "dbo.t", &["--keep", "identity", "--keep", "computed", "--keep", "rowversion"]);
    pair.assert_equal(
        "SELECT c.name, c.is_identity, c.is_computed, c.system_type_id FROM sys.columns c \
         WHERE c.object_id = OBJECT_ID('dbo.t') AND c.name <> 'phone' ORDER BY c.column_id",
    );
}

#[test]
fn tables_in_memory_and_ledgers_become_plain_ones() {
    let pair = Pair::new();
    pair.source(
        "CREATE TABLE dbo.memory (id int NOT NULL CONSTRAINT PK_memory PRIMARY KEY NONCLUSTERED, n varchar(9) NULL) WITH (MEMORY_OPTIMIZED = ON)",
    );
    pair.source("CREATE TABLE dbo.ledger (id int NOT NULL CONSTRAINT PK_ledger PRIMARY KEY, n int NULL) WITH (LEDGER = ON)");
    pair.source("CREATE TABLE dbo.append (id int NOT NULL) WITH (LEDGER = ON (APPEND_ONLY = ON))");
    made(&pair, "dbo.memory", &[]).says("a plain table, without memory optimization");
    made(&pair, "dbo.ledger", &[]).says("a plain table, without a ledger");
    made(&pair, "dbo.append", &[]);
    let special = "SELECT COUNT(*) FROM sys.tables WHERE is_memory_optimized = 1 OR ledger_type <> 0";
    assert_eq!((pair.source.client().number(special), pair.target.client().number(special)), (3, 0));
    pair.assert_equal("SELECT name, type FROM sys.indexes WHERE name LIKE 'PK%' ORDER BY name");
}

#[test]
fn what_no_copy_reads_or_writes_is_refused_as_the_copy_refuses_it() {
    let pair = Pair::new();
    pair.source(
        "CREATE TABLE dbo.person (id int NOT NULL) AS NODE CREATE TABLE dbo.ledger (id int NOT NULL)",
    );
    pair.target("CREATE TABLE dbo.ledger (id int NOT NULL) WITH (LEDGER = ON)");
    let exit = tool(&pair).run(&["dbo.person", "dbo.ledger", "--create"]).exits(1);
    let exit =
        exit.says("the source is a node table of a graph").says("the target is an updatable ledger table");
    let states: Vec<String> = tables(&exit).into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, ["failed", "failed"], "{exit}");
}

#[test]
fn foreign_keys_are_made_last_where_they_are_asked_for() {
    let pair = Pair::new();
    pair.source(
        "CREATE TABLE dbo.a (id int NOT NULL CONSTRAINT PK_a PRIMARY KEY, b int NULL)
         CREATE TABLE dbo.b (id int NOT NULL CONSTRAINT PK_b PRIMARY KEY, a int NULL, c int NULL)
         CREATE TABLE dbo.c (id int NOT NULL CONSTRAINT PK_c PRIMARY KEY)
         ALTER TABLE dbo.a ADD CONSTRAINT FK_a_b FOREIGN KEY (b) REFERENCES dbo.b (id)
         ALTER TABLE dbo.b ADD CONSTRAINT FK_b_a FOREIGN KEY (a) REFERENCES dbo.a (id) ON DELETE CASCADE
         ALTER TABLE dbo.b ADD CONSTRAINT FK_b_c FOREIGN KEY (c) REFERENCES dbo.c (id)",
    );
    let exit = tool(&pair).run(&["dbo.a", "dbo.b", "--create", "--foreign-keys"]).exits(0);
    exit.says("without the foreign key FK_b_c: the target has no dbo.c");
    let keys = "SELECT name, is_not_trusted, delete_referential_action FROM sys.foreign_keys ORDER BY name";
    let found = pair.target.client().values(keys);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found.iter().all(|key| key[1].contains("false") && key[2].contains('0')), "{found:?}");
    tool(&pair).run(&["dbo.a", "dbo.b", "--foreign-keys"]).exits(0);
    // Without them being asked for, those that are there are nobody's business.
    tool(&pair).run(&["dbo.a", "dbo.b"]).exits(0);
    made(&pair, "dbo.c", &[]);
    let exit = tool(&pair).run(&["dbo.a", "dbo.b", "dbo.c", "--foreign-keys"]).exits(1);
    let found = differences(&exit);
    assert_eq!((found.len(), found[0][0].as_str()), (1, "foreign key FK_b_c"), "{exit}");
    tool(&pair).run(&["dbo.a", "dbo.b", "dbo.c", "--foreign-keys", "--create"]).exits(0);
}

#[test]
fn names_may_be_anything() {
    let pair = Pair::new();
    pair.source("CREATE SCHEMA [a]]b]");
    pair.source(
        "CREATE TABLE [a]]b].[c.d] ([it's] int NOT NULL, [a b]]] nvarchar(9) NULL CONSTRAINT [d'f]]] DEFAULT N'it''s ]', [select] int NULL,
            CONSTRAINT [PK ']]] PRIMARY KEY ([it's]), CONSTRAINT [CK --]]] CHECK ([select] > 0 OR [a b]]] = N'''; DROP TABLE x --'))
         CREATE INDEX [by 'a ]]'] ON [a]]b].[c.d] ([a b]]] DESC)",
    );
    made(&pair, "[a]]b].[c.d]", &[]);
    pair.assert_equal("SELECT definition FROM sys.check_constraints");
    pair.assert_equal(
        "SELECT name FROM sys.indexes WHERE object_id = OBJECT_ID('[a]]b].[c.d]') ORDER BY name",
    );
}

#[test]
fn a_thousand_columns_are_made_at_once() {
    let pair = Pair::new();
    let columns: Vec<String> = (1..=1024)
        .map(|n| match n % 4 {
            0 => format!("c{n} int NULL DEFAULT ({n})"),
            1 => format!("c{n} varchar(20) NOT NULL"),
            2 => format!("c{n} datetime2(3) NULL"),
            _ => format!("c{n} bit NULL"),
        })
        .collect();
    pair.source(&format!("CREATE TABLE dbo.wide ({})", columns.join(", ")));
    made(&pair, "dbo.wide", &[]);
    assert_eq!(
        pair.target
            .client()
            .number("SELECT COUNT(*) FROM sys.columns WHERE object_id = OBJECT_ID('dbo.wide')"),
        1024
    );
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM sys.default_constraints"), 256);
}

#[test]
fn what_was_begun_is_finished() {
    let pair = Pair::new();
    pair.source(
        "CREATE TABLE dbo.t (id int NOT NULL CONSTRAINT PK_t PRIMARY KEY NONCLUSTERED, n int NULL CONSTRAINT DF_n DEFAULT 0 CONSTRAINT CK_n CHECK (n >= 0))
         CREATE INDEX ix ON dbo.t (n)",
    );
    pair.target("CREATE TABLE dbo.t (id int NOT NULL, n int NULL)");
    let exit = tool(&pair).run(&["dbo.t"]).exits(1);
    assert!(differences(&exit).iter().all(|one| one[2] == "create"), "{exit}");
    made(&pair, "dbo.t", &[]);
    pair.assert_equal("SELECT name FROM sys.indexes WHERE object_id = OBJECT_ID('dbo.t') ORDER BY name");
    pair.assert_equal("SELECT name, definition FROM sys.default_constraints");
}

#[test]
fn a_name_that_is_taken_is_told_and_the_others_go_on() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.a (id int NOT NULL CONSTRAINT PK_a PRIMARY KEY) CREATE TABLE dbo.b (id int NOT NULL CONSTRAINT PK_b PRIMARY KEY)");
    pair.target("CREATE TABLE dbo.x (id int NOT NULL CONSTRAINT PK_a PRIMARY KEY)");
    let exit = tool(&pair).run(&["dbo.a", "dbo.b", "dbo.none", "--create"]).exits(1);
    let exit = exit.says("2714").says("unique in a schema").says("the source has no such table");
    let states: Vec<String> = tables(&exit).into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, ["missing", "same", "failed"], "{exit}");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM sys.tables"), 2, "{exit}");
}

#[test]
fn a_load_makes_no_differences() {
    let pair = Pair::new();
    pair.source(
        "CREATE TABLE dbo.t (id int NOT NULL IDENTITY CONSTRAINT PK_t PRIMARY KEY, n int NULL CONSTRAINT CK_t CHECK (n > 0), up int NULL CONSTRAINT FK_t REFERENCES dbo.t (id))
         INSERT INTO dbo.t (n, up) VALUES (1, NULL), (2, 1)",
    );
    made(&pair, "dbo.t", &["--foreign-keys"]);
    let copy = Program::beside(env!("CARGO_BIN_EXE_sync-replica-schema"), "replicate-reference-tables")
        .between(&pair);
    copy.run(&["dbo.t", "--verify", "hash"]).exits(0).says("left untrusted");
    tool(&pair).run(&["dbo.t", "--foreign-keys"]).exits(0);
    let keep = ["dbo.t", "--foreign-keys", "--keep", "trust"];
    let exit = tool(&pair).run(&keep).exits(1);
    let found = differences(&exit);
    assert_eq!(
        found.iter().map(|one| one[0].as_str()).collect::<Vec<_>>(),
        ["check CK_t", "foreign key FK_t"],
        "{exit}"
    );
    tool(&pair).run(&[&keep[..], &["--apply", "CK_t", "--apply", "FK_t"]].concat()).exits(0);
}

#[test]
fn a_view_becomes_a_table() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL CONSTRAINT PK_t PRIMARY KEY, n varchar(9) NULL)");
    pair.source("CREATE VIEW dbo.v AS SELECT id, n FROM dbo.t");
    made(&pair, "dbo.v", &[]);
    pair.target("DROP TABLE dbo.v");
    pair.target("CREATE TABLE dbo.u (id int NOT NULL, n varchar(9) NULL)");
    pair.target("CREATE VIEW dbo.v AS SELECT id, n FROM dbo.u");
    tool(&pair).run(&["dbo.v", "--create"]).exits(1).says("at the target this is a view");
}

#[test]
fn the_configuration_says_which_tables_and_what_of_them() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.a (id int NOT NULL IDENTITY CONSTRAINT PK_a PRIMARY KEY, n int NULL CONSTRAINT CK CHECK (n > 0)) CREATE TABLE dbo.b (d date NOT NULL)");
    let config = "reference_tables = ['dbo.a']\ndate_tables = ['dbo.b']\n[schema]\nkeep = ['identity']\nwithout = ['checks']\n";
    let exit = tool(&pair).file("replica.toml", config).run(&["--all", "--create"]).exits(0);
    assert_eq!(tables(&exit).len(), 2, "{exit}");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM sys.check_constraints"), 0, "{exit}");
    pair.assert_equal("SELECT name FROM sys.identity_columns");
    let bad = "reference_tables = ['dbo.a']\n[schema]\nkeep = ['triggers']\n";
    tool(&pair).file("replica.toml", bad).run(&["--all"]).exits(2).says("triggers is no feature");
}

#[test]
fn partitions_follow_the_scheme_of_that_name() {
    let pair = Pair::new();
    let scheme =
        "CREATE PARTITION FUNCTION by_month (date) AS RANGE RIGHT FOR VALUES ('2024-02-01', '2024-03-01')
         CREATE PARTITION SCHEME by_month AS PARTITION by_month ALL TO ([PRIMARY])";
    pair.source(scheme);
    pair.source("CREATE TABLE dbo.t (id int NOT NULL, d date NOT NULL, CONSTRAINT PK_t PRIMARY KEY (id, d)) ON by_month (d) CREATE INDEX ix ON dbo.t (id)");
    made(&pair, "dbo.t", &[]).says("not partitioned: the target has no scheme by_month for d");
    let partitions =
        "SELECT COUNT(*) FROM sys.partitions WHERE object_id = OBJECT_ID('dbo.t') AND index_id = 1";
    assert_eq!(pair.target.client().number(partitions), 1);
    pair.target("DROP TABLE dbo.t");
    pair.target(scheme);
    made(&pair, "dbo.t", &[]);
    assert_eq!(pair.target.client().number(partitions), 3);
}
