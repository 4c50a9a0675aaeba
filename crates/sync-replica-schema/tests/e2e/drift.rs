//! Tables that are there and differ.
use replica_testkit::Pair;

use crate::util::{differences, tables, tool};

/// Source and target with a table each.
fn pair(source: &str, target: &str) -> Pair {
    let pair = Pair::new();
    pair.source(source);
    pair.target(target);
    pair
}

#[test]
fn equal_tables_are_the_same_whatever_their_servers_call_things() {
    let both = "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, n int NULL DEFAULT 0 CHECK (n IN (1, 2)), UNIQUE (n))";
    let pair = pair(both, &both.replace("n IN (1, 2)", "(n IN (1,2))"));
    let exit = tool(&pair).run(&["dbo.t"]).exits(0);
    assert_eq!(tables(&exit), [("dbo.t".to_owned(), "same".to_owned())]);
}

#[test]
fn what_both_servers_number_compute_or_stamp_is_no_difference() {
    let both = "CREATE TABLE dbo.t (id int NOT NULL IDENTITY(5, 5), n int NOT NULL, twice AS n * 2, stamp rowversion)";
    let pair = pair(both, &both.replace("(5, 5)", ""));
    let exit = tool(&pair).run(&["dbo.t"]).exits(0);
    assert_eq!(differences(&exit).len(), 0, "{exit}");
    // Where they are to be kept, they are compared.
    let exit = tool(&pair).run(&["dbo.t", "--keep", "identity"]).exits(1);
    assert_eq!(differences(&exit)[0][..2], ["column id", "generated"], "{exit}");
    pair.source(
        "CREATE TABLE dbo.u (id int NOT NULL, n int NOT NULL, twice AS n * 2, stamp binary(8) NOT NULL)",
    );
    pair.target(
        "CREATE TABLE dbo.u (id int NOT NULL IDENTITY, n int NOT NULL, twice AS n * 3, stamp rowversion)",
    );
    let exit = tool(&pair).run(&["dbo.u"]).exits(1);
    let found = differences(&exit);
    let found: Vec<&str> = found.iter().map(|one| one[0].as_str()).collect();
    assert_eq!(found, ["column id", "column twice", "column stamp"], "{exit}");
}

#[test]
fn a_longer_varchar_is_one_alter_column_and_keeps_the_rest() {
    let pair = pair(
        "CREATE TABLE dbo.t (id int NOT NULL, a varchar(20) COLLATE Latin1_General_CS_AS NOT NULL)",
        "CREATE TABLE dbo.t (id int NOT NULL, a varchar(10) COLLATE Latin1_General_CS_AS NOT NULL) CREATE INDEX own ON dbo.t (a) INSERT INTO dbo.t VALUES (1, 'x')",
    );
    let exit = tool(&pair).run(&["dbo.t"]).exits(1);
    let statement =
        "ALTER TABLE [dbo].[t] ALTER COLUMN [a] varchar(20) COLLATE Latin1_General_CS_AS NOT NULL";
    assert_eq!(
        differences(&exit),
        [["column a", "narrower", "safe", statement].map(str::to_owned)],
        "{exit}"
    );
    let exit = tool(&pair).run(&["dbo.t", "--apply-safe"]).exits(0);
    assert_eq!(exit.lines()[0][1..3], ["done", "column a"], "{exit}");
    pair.assert_equal("SELECT max_length, is_nullable, collation_name FROM sys.columns WHERE object_id = OBJECT_ID('dbo.t') ORDER BY column_id");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t WHERE a = 'x'"), 1, "{exit}");
    assert_eq!(
        pair.target.client().number("SELECT COUNT(*) FROM sys.indexes WHERE name = 'own'"),
        1,
        "{exit}"
    );
}

#[test]
fn a_longer_key_than_there_may_be_is_not_safe() {
    let table = |n: u32| {
        format!("CREATE TABLE dbo.t (id int NOT NULL, a nvarchar({n}) NULL) CREATE INDEX ix ON dbo.t (a)")
    };
    let pair = pair(&table(1000), &table(400));
    let exit = tool(&pair).run(&["dbo.t", "--apply-safe"]).exits(1).says("1946");
    assert_eq!(differences(&exit)[0][2], "on request", "{exit}");
    assert_eq!(
        pair.target.client().number("SELECT max_length FROM sys.columns WHERE name = 'a'"),
        800,
        "{exit}"
    );
}

#[test]
fn a_rewrite_is_shown_and_not_done_until_it_is_named() {
    let pair = pair(
        "CREATE TABLE dbo.t (id int NOT NULL CONSTRAINT PK_t PRIMARY KEY, n bigint NULL) CREATE INDEX ix ON dbo.t (id) INCLUDE (n)",
        "CREATE TABLE dbo.t (id int NOT NULL CONSTRAINT PK_t PRIMARY KEY, n int NULL CONSTRAINT DF_n DEFAULT 7) CREATE INDEX ix ON dbo.t (id) INCLUDE (n) INSERT INTO dbo.t VALUES (1, 1)",
    );
    let exit = tool(&pair).run(&["dbo.t", "--apply-safe", "--create"]).exits(1);
    let found = differences(&exit);
    assert_eq!((found.len(), found[0][2].as_str()), (1, "on request"), "{exit}");
    let exit = exit.says("index ix").says("rewrites every row");
    assert_eq!(
        pair.target.client().number("SELECT max_length FROM sys.columns WHERE name = 'n'"),
        4,
        "{exit}"
    );
    tool(&pair)
        .run(&["dbo.t", "--apply", "nothing"])
        .exits(1)
        .says("--apply nothing: no difference of that name");
    for _ in 0..2 {
        tool(&pair).run(&["dbo.t", "--apply", "dbo.t.N"]).exits(0);
    }
    assert_eq!(pair.target.client().number("SELECT max_length FROM sys.columns WHERE name = 'n'"), 8);
    assert_eq!(pair.target.client().number("SELECT SUM(n) FROM dbo.t"), 1);
    for there in [
        "SELECT COUNT(*) FROM sys.indexes WHERE name = 'ix'",
        "SELECT COUNT(*) FROM sys.default_constraints WHERE name = 'DF_n'",
    ] {
        assert_eq!(pair.target.client().number(there), 1, "{there}");
    }
}

#[test]
fn a_new_column_is_added_as_null_and_nothing_is_dropped() {
    let pair = pair(
        "CREATE TABLE dbo.t (id int NOT NULL, a int NOT NULL, b varchar(9) COLLATE Latin1_General_BIN2 NULL CONSTRAINT DF_b DEFAULT 'b')",
        "CREATE TABLE dbo.t (id int NOT NULL, own int NULL) INSERT INTO dbo.t VALUES (1, 5)",
    );
    let exit = tool(&pair)
        .run(&["dbo.t", "--apply-safe"])
        .exits(1)
        .says("they have NULL until they are loaded again");
    let found: Vec<_> =
        differences(&exit).into_iter().map(|[object, severity, way, _]| (object, severity, way)).collect();
    let wanted = [("column a", "wider", "on request"), ("column own", "wider", "by hand")];
    assert_eq!(found, wanted.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned())), "{exit}");
    assert_eq!(
        pair.target.client().number("SELECT COUNT(*) FROM dbo.t WHERE a IS NULL AND b IS NULL AND own = 5"),
        1,
        "{exit}"
    );
    assert_eq!(
        pair.target.client().number("SELECT COUNT(*) FROM sys.default_constraints WHERE name = 'DF_b'"),
        1,
        "{exit}"
    );
    pair.target("UPDATE dbo.t SET a = 1");
    let exit = tool(&pair).run(&["dbo.t", "--apply", "a"]).exits(1);
    assert_eq!(differences(&exit).len(), 1, "{exit}");
}

#[test]
fn two_changes_of_a_column_are_made_one_after_the_other() {
    let pair = pair(
        "CREATE TABLE dbo.t (id int NOT NULL, a varchar(20) NULL)",
        "CREATE TABLE dbo.t (id int NOT NULL, a varchar(10) NOT NULL)",
    );
    tool(&pair).run(&["dbo.t", "--apply-safe"]).exits(0);
    pair.assert_equal("SELECT max_length, is_nullable FROM sys.columns WHERE name = 'a'");
}

#[test]
fn nothing_becomes_narrower_and_no_key_is_touched() {
    let pair = pair(
        "CREATE TABLE dbo.t (id int NOT NULL, a varchar(10) NULL, n int NOT NULL, CONSTRAINT PK_t PRIMARY KEY (id))",
        "CREATE TABLE dbo.t (id int NOT NULL, a varchar(20) NULL, n bigint NOT NULL, CONSTRAINT PK_t PRIMARY KEY (id, n))",
    );
    let exit = tool(&pair)
        .run(&["dbo.t", "--create", "--apply-safe", "--apply", "a", "--apply", "n", "--apply", "PK_t"])
        .exits(1);
    let found: Vec<_> = differences(&exit)
        .into_iter()
        .map(|[object, severity, way, _]| format!("{object}: {severity}, {way}"))
        .collect();
    assert_eq!(
        found,
        ["index PK_t: key, by hand", "column a: wider, by hand", "column n: wider, by hand"],
        "{exit}"
    );
    assert!(exit.lines().iter().all(|line| line[1] != "done"), "{exit}");
}

#[test]
fn the_script_has_what_is_safe_and_the_rest_as_comments() {
    let pair = pair(
        "CREATE TABLE dbo.t (id int NOT NULL, a varchar(20) NULL, n bigint NULL)",
        "CREATE TABLE dbo.t (id int NOT NULL, a varchar(10) NULL, n int NULL)",
    );
    let script = tool(&pair).run(&["dbo.t", "--sql"]).exits(1);
    assert!(script.stdout.contains("\nALTER TABLE [dbo].[t] ALTER COLUMN [a] varchar(20)"), "{script}");
    assert!(script.stdout.contains("\n--   ALTER TABLE [dbo].[t] ALTER COLUMN [n] bigint NULL"), "{script}");
    let script = tool(&pair).run(&["dbo.t", "--sql", "--apply", "n"]).exits(1);
    assert!(script.stdout.contains("\nALTER TABLE [dbo].[t] ALTER COLUMN [n] bigint NULL;\nGO"), "{script}");
    for batch in script.stdout.split("\nGO\n").filter(|batch| !batch.trim().is_empty()) {
        pair.target(batch);
    }
    tool(&pair).run(&["dbo.t"]).exits(0);
}

#[test]
fn whoever_keeps_a_change_waiting_is_named() {
    let pair =
        pair("CREATE TABLE dbo.t (id int NOT NULL, a int NULL)", "CREATE TABLE dbo.t (id int NOT NULL)");
    let mut other = pair.target.client();
    other.batch("BEGIN TRANSACTION");
    other.batch("INSERT INTO dbo.t VALUES (1)");
    let session = other.number("CAST(@@SPID AS int)");
    let patience = format!("{};Command Timeout=8", pair.target.connection);
    let mut running = tool(&pair).with("REPLICA_TARGET", &patience).start(&["dbo.t", "--apply-safe"]);
    running.until_it_says(&format!("held by session {session} (login sa, host "));
    other.batch("COMMIT");
    running.finish().exits(0).says("dbo.t (target): no answer for 4.");
    pair.assert_equal("SELECT name FROM sys.columns WHERE object_id = OBJECT_ID('dbo.t') ORDER BY name");
}

#[test]
fn what_a_filtered_index_holds_is_changed_with_it() {
    let table = |n: u32| {
        format!(
            "CREATE TABLE dbo.t (id int NOT NULL, a varchar({n}) NULL) CREATE INDEX fx ON dbo.t (id) WHERE a > 'b'"
        )
    };
    let pair = pair(&table(20), &table(10));
    let exit = tool(&pair).run(&["dbo.t", "--apply-safe"]).exits(1);
    assert_eq!(differences(&exit)[0][2], "on request", "{exit}");
    tool(&pair).run(&["dbo.t", "--apply", "a"]).exits(0);
    pair.assert_equal("SELECT name, filter_definition FROM sys.indexes WHERE name = 'fx'");
    pair.assert_equal("SELECT max_length FROM sys.columns WHERE name = 'a'");
}

#[test]
fn an_index_that_was_left_disabled_is_told_and_built_on_request() {
    let table = "CREATE TABLE dbo.t (id int NOT NULL, a int NULL) CREATE INDEX ix ON dbo.t (a)";
    let pair = pair(table, table);
    pair.target("ALTER INDEX ix ON dbo.t DISABLE");
    let exit = tool(&pair).run(&["dbo.t", "--create", "--apply-safe"]).exits(1).says("disabled");
    assert_eq!(differences(&exit)[0][..3], ["index ix", "index", "on request"], "{exit}");
    tool(&pair).run(&["dbo.t", "--apply", "ix"]).exits(0);
    pair.assert_equal("SELECT is_disabled FROM sys.indexes WHERE name = 'ix'");
}

#[test]
fn a_name_that_several_tables_have_is_not_changed_until_one_is_said() {
    let pair = pair(
        "CREATE TABLE dbo.t (n bigint NULL) CREATE TABLE dbo.u (n bigint NULL)",
        "CREATE TABLE dbo.t (n int NULL) CREATE TABLE dbo.u (n int NULL)",
    );
    let sizes = "SELECT SUM(max_length) FROM sys.columns WHERE name = 'n'";
    for how in ["--apply-safe", "--sql"] {
        let exit = tool(&pair).run(&["dbo.t", "dbo.u", "--apply", "n", how]).exits(2);
        assert_eq!(exit.says("Say which: dbo.t.n, dbo.u.n").stdout, "");
    }
    assert_eq!(pair.target.client().number(sizes), 8);
    tool(&pair).run(&["dbo.t", "dbo.u", "--apply", "dbo.u.n"]).exits(1);
    assert_eq!(pair.target.client().number(sizes), 12);
    tool(&pair).run(&["dbo.t", "dbo.u", "--apply", "n"]).exits(0);
}
