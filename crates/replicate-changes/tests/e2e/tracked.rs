//! Changes that the source's change tracking tells of.
use replica_testkit::Pair;

use crate::util::{
    ROWS, assert_others, carried, fault, kept, outcomes, pair, shown, table, tool, track, versions,
};

#[test]
fn inserts_updates_and_deletes_arrive() {
    let pair = kept();
    // The first round after tracking began is a comparison: a TRUNCATE would have left no trace.
    pair.source("UPDATE dbo.t SET label = 'eins' WHERE id = 1");
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.assert_equal(ROWS);
    pair.source("INSERT INTO dbo.t VALUES (4, NULL); UPDATE dbo.t SET label = 'zwei' WHERE id = 2; DELETE FROM dbo.t WHERE id = 3");
    carried(&pair, [1, 1, 1]);
    pair.assert_equal(ROWS);
    assert_others(&pair);
    let quiet = tool(&pair).run(&["dbo.t"]).exits(0);
    assert_eq!(outcomes(&quiet), ["dbo.t ok quiet 0 0 0"], "{quiet}");
    assert_eq!(versions(&pair).len(), 1);
}

#[test]
fn a_key_has_one_net_change_whatever_happened_to_it() {
    let pair = kept();
    pair.source("DELETE FROM dbo.t WHERE id = 1; INSERT INTO dbo.t VALUES (1, 'again')");
    pair.source("UPDATE dbo.t SET id = 30 WHERE id = 3");
    pair.source("INSERT INTO dbo.t VALUES (9, 'short'); DELETE FROM dbo.t WHERE id = 9");
    pair.source("UPDATE dbo.t SET label = 'a' WHERE id = 2; UPDATE dbo.t SET label = 'b' WHERE id = 2");
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.assert_equal(ROWS);
    pair.source("DELETE FROM dbo.t WHERE id = 1; INSERT INTO dbo.t VALUES (1, 'once more')");
    pair.source("UPDATE dbo.t SET id = 31 WHERE id = 30");
    pair.source("INSERT INTO dbo.t VALUES (9, 'short'); DELETE FROM dbo.t WHERE id = 9");
    carried(&pair, [1, 1, 1]);
    pair.assert_equal(ROWS);
    assert_others(&pair);
}

#[test]
fn a_late_commit_is_not_lost() {
    let pair = kept();
    let mut late = pair.source.client();
    late.batch("BEGIN TRANSACTION; INSERT INTO dbo.t VALUES (100, 'late')");
    pair.source("INSERT INTO dbo.t VALUES (5, 'early')");
    tool(&pair).run(&["dbo.t"]).exits(0);
    assert_eq!(shown(&pair, "SELECT id FROM dbo.t ORDER BY id"), ["1", "2", "3", "5"]);
    pair.source("INSERT INTO dbo.t VALUES (6, 'early, too')");
    carried(&pair, [1, 0, 0]);
    late.batch("COMMIT TRANSACTION");
    carried(&pair, [1, 0, 0]);
    pair.assert_equal(ROWS);
    assert_others(&pair);
}

#[test]
fn unique_values_change_places() {
    let pair = pair();
    table(&pair, "dbo.t", "id int NOT NULL PRIMARY KEY, label varchar(20) NULL UNIQUE");
    pair.source("INSERT INTO dbo.t VALUES (1, 'a'), (2, 'b'), (3, 'c')");
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.source("UPDATE dbo.t SET label = 'z' WHERE id = 1");
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.source("UPDATE dbo.t SET label = CASE id WHEN 1 THEN 'b' ELSE 'z' END WHERE id IN (1, 2)");
    pair.source("DELETE FROM dbo.t WHERE id = 3; INSERT INTO dbo.t VALUES (4, 'c')");
    carried(&pair, [1, 2, 1]);
    pair.assert_equal(ROWS);
}

#[test]
fn values_of_all_types_pass_as_they_are() {
    let pair = pair();
    pair.both(
        "CREATE TABLE dbo.t (id int IDENTITY(1,1) NOT NULL PRIMARY KEY, n nvarchar(20) NULL, twice AS id * 2, \
         x xml NULL, b varbinary(max) NULL, d datetime2(7) NULL, m money NULL, v sql_variant NULL, txt text NULL, \
         g uniqueidentifier NULL, f float NULL, o datetimeoffset(7) NULL, c char(5) COLLATE Cyrillic_General_CI_AS NULL, h hierarchyid NULL, \
         geo geography NULL, geom geometry NULL)",
    );
    pair.target("ALTER TABLE dbo.t ADD mine varchar(9) NULL");
    track(&pair, "dbo.t");
    pair.source("INSERT INTO dbo.t (n) VALUES (N'first')");
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.target("UPDATE dbo.t SET mine = 'kept'");
    pair.source("UPDATE dbo.t SET n = N'second'");
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.source(
        "UPDATE dbo.t SET n = N'é', x = '<a/>', b = 0x00FF, d = '2024-01-01T00:00:00.1234567', m = -1.5, v = 7, txt = 'text', \
         g = '00000000-0000-0000-0000-000000000001', f = -0.1, o = '2024-01-01T10:00:00.1234567+05:30', c = N'Да', \
         h = 0x5AC0, geo = 0xE6100000010C0000000000002440000000000000F03F, \
         geom = 0x00000000010C000000000000F03F0000000000000040",
    );
    pair.source(
        "INSERT INTO dbo.t (n, b, v) VALUES (N'', CAST(REPLICATE(CAST('x' AS varchar(max)), 100000) AS varbinary(max)), N'v')",
    );
    pair.source("SET IDENTITY_INSERT dbo.t ON; INSERT INTO dbo.t (id, n) VALUES (40, N'forty')");
    carried(&pair, [2, 1, 0]);
    pair.assert_equal(
        "SELECT id, n, twice, CAST(x AS nvarchar(max)), CONVERT(varchar(max), b, 1), CONVERT(varchar(40), d, 126), m, \
         CAST(v AS varchar(20)), CAST(txt AS varchar(max)), CAST(g AS varchar(40)), f, CONVERT(varchar(40), o, 126), \
         CAST(c AS varbinary(9)), CAST(h AS varbinary(99)), CAST(geo AS varbinary(99)), CAST(geom AS varbinary(99)) \
         FROM dbo.t ORDER BY id",
    );
    assert_eq!(
        shown(&pair, "SELECT id FROM dbo.t WHERE mine = 'kept'"),
        ["1"],
        "a column that only the target has"
    );
    pair.target("INSERT INTO dbo.t (n) VALUES (N'next')");
    assert_eq!(pair.target.client().number("SELECT MAX(id) FROM dbo.t"), 41);
}

/// A row that others point at is gone, and a unique value of it has passed on: rows can neither come first nor go first.
#[test]
fn rows_that_point_at_each_other_and_unique_values_that_pass_on() {
    let pair = pair();
    let columns = "id int NOT NULL PRIMARY KEY, up int NULL CONSTRAINT tree_up REFERENCES dbo.tree (id), code int NOT NULL UNIQUE";
    table(&pair, "dbo.tree", columns);
    pair.source("INSERT INTO dbo.tree VALUES (1, NULL, 1), (2, 1, 2), (3, 2, 3)");
    tool(&pair).run(&["dbo.tree"]).exits(0);
    pair.source("UPDATE dbo.tree SET code = 0 WHERE id = 1");
    tool(&pair).run(&["dbo.tree"]).exits(0);
    pair.source(
        "UPDATE dbo.tree SET up = NULL; DELETE FROM dbo.tree WHERE id = 1; UPDATE dbo.tree SET code = 0 WHERE id = 3; \
         INSERT INTO dbo.tree VALUES (4, NULL, 3); UPDATE dbo.tree SET up = 4 WHERE id = 2; \
         UPDATE dbo.tree SET up = 2 WHERE id = 3",
    );
    let run = tool(&pair).run(&["dbo.tree"]).exits(0);
    assert_eq!(outcomes(&run), ["dbo.tree ok changes 1 2 1"], "{run}");
    pair.assert_equal("SELECT id, up, code FROM dbo.tree ORDER BY id");
    let state = "SELECT CAST(is_disabled AS int) + CAST(is_not_trusted AS int) FROM sys.foreign_keys WHERE name = 'tree_up'";
    assert_eq!(pair.target.client().number(state), 0);
    assert!(
        pair.target.client().try_run("DELETE FROM dbo.tree WHERE id = 4").is_err(),
        "the key holds again"
    );
}

/// dbo.parent and dbo.child, and a version of both on record that is not the first.
fn family(action: &str) -> Pair {
    let pair = pair();
    table(&pair, "dbo.parent", "id int NOT NULL PRIMARY KEY, label varchar(20) NULL");
    table(
        &pair,
        "dbo.child",
        &format!("id int NOT NULL PRIMARY KEY, parent int NULL REFERENCES dbo.parent (id) {action}"),
    );
    pair.source(
        "INSERT INTO dbo.parent VALUES (1, 'a'), (2, 'b'); INSERT INTO dbo.child VALUES (10, 1), (20, 2)",
    );
    tool(&pair).run(&FAMILY).exits(0);
    pair.source(
        "UPDATE dbo.parent SET label = 'c' WHERE id = 1; UPDATE dbo.child SET parent = 1 WHERE id = 10",
    );
    tool(&pair).run(&FAMILY).exits(0);
    equal(&pair);
    pair
}

const FAMILY: [&str; 2] = ["dbo.child", "dbo.parent"];

fn equal(pair: &Pair) {
    pair.assert_equal("SELECT id, label FROM dbo.parent ORDER BY id");
    pair.assert_equal("SELECT id, parent FROM dbo.child ORDER BY id");
}

#[test]
fn parents_and_children_change_in_one_transaction() {
    let pair = family("");
    // A new parent with its child; a parent that goes with its child.
    pair.source("BEGIN TRANSACTION; INSERT INTO dbo.parent VALUES (3, 'new'); INSERT INTO dbo.child VALUES (30, 3); COMMIT");
    pair.source(
        "BEGIN TRANSACTION; DELETE FROM dbo.child WHERE id = 20; DELETE FROM dbo.parent WHERE id = 2; COMMIT",
    );
    let run = tool(&pair).run(&FAMILY).exits(0);
    assert_eq!(outcomes(&run).len(), 2, "{run}");
    equal(&pair);
    // A child that points elsewhere before its parent goes; one that points nowhere.
    pair.source("INSERT INTO dbo.parent VALUES (4, 'other'); UPDATE dbo.child SET parent = 4 WHERE id = 30; DELETE FROM dbo.parent WHERE id = 3");
    tool(&pair).run(&FAMILY).exits(0);
    equal(&pair);
    pair.source("UPDATE dbo.child SET parent = NULL WHERE id = 30; DELETE FROM dbo.parent WHERE id = 4");
    tool(&pair).run(&FAMILY).exits(0);
    equal(&pair);
}

#[test]
fn a_failure_leaves_tables_that_belong_together_as_they_were() {
    let pair = family("");
    pair.target(
        "CREATE TABLE dbo.more (id int NOT NULL PRIMARY KEY, parent int NOT NULL REFERENCES dbo.parent (id))",
    );
    pair.target("INSERT INTO dbo.more VALUES (1, 2)");
    pair.source("DELETE FROM dbo.child WHERE id = 20; DELETE FROM dbo.parent WHERE id = 2; INSERT INTO dbo.child VALUES (30, 1)");
    let (before, on_record) = (shown(&pair, "SELECT id, parent FROM dbo.child ORDER BY id"), versions(&pair));
    let run = tool(&pair).run(&FAMILY).exits(1).says("547").says("more");
    assert!(run.lines().iter().all(|line| line[1] == "failed"), "{run}");
    assert_eq!(shown(&pair, "SELECT id, parent FROM dbo.child ORDER BY id"), before);
    assert_eq!(versions(&pair), on_record);
    pair.target("DELETE FROM dbo.more");
    tool(&pair).run(&FAMILY).exits(0);
    equal(&pair);
}

#[test]
fn rows_of_other_tables_do_not_go_along_unless_they_may() {
    let pair = family("ON DELETE CASCADE");
    pair.target("CREATE TABLE dbo.more (id int NOT NULL PRIMARY KEY, parent int NULL REFERENCES dbo.parent (id) ON DELETE SET NULL)");
    pair.target("INSERT INTO dbo.more VALUES (1, 2), (2, 1)");
    pair.source("DELETE FROM dbo.parent WHERE id = 2");
    let before = shown(&pair, "SELECT id FROM dbo.parent ORDER BY id");
    tool(&pair).run(&FAMILY).exits(1).says("1 rows of dbo.more").says("--allow-cascade");
    assert_eq!(shown(&pair, "SELECT id FROM dbo.parent ORDER BY id"), before);
    assert_eq!(shown(&pair, "SELECT id, parent FROM dbo.more ORDER BY id"), ["1 2", "2 1"]);
    let allowed = [&FAMILY[..], &["--allow-cascade"]].concat();
    tool(&pair).run(&allowed).exits(0);
    equal(&pair);
    assert_eq!(shown(&pair, "SELECT id, parent FROM dbo.more ORDER BY id"), ["1 None", "2 1"]);
}

#[test]
fn an_article_decides_what_is_there() {
    let pair = pair();
    pair.source("CREATE TABLE dbo.s (id int NOT NULL PRIMARY KEY, label varchar(20) NULL, state int NOT NULL, secret int NULL)");
    pair.target(
        "CREATE TABLE dbo.t (id bigint NOT NULL PRIMARY KEY, label nvarchar(20) NULL, state int NOT NULL)",
    );
    track(&pair, "dbo.s");
    let file = "change_tables = ['dbo.s']\n[tables.'dbo.s']\ntarget = 'dbo.t'\nwhere = 'state < 9'\nexclude_columns = ['secret']\n\
                [tables.'dbo.s'.columns]\nlabel = 'UPPER(label)'\n";
    let tool = || tool(&pair).file("replica.toml", file);
    pair.source("INSERT INTO dbo.s VALUES (1, 'a', 1, 1), (2, 'b', 1, 1), (3, 'c', 9, 1)");
    tool().run(&["--all"]).exits(0);
    assert_eq!(shown(&pair, "SELECT id, label, state FROM dbo.t ORDER BY id"), ["1 A 1", "2 B 1"]);
    pair.source("UPDATE dbo.s SET secret = 2 WHERE id = 1");
    tool().run(&["--all"]).exits(0);
    pair.source("UPDATE dbo.s SET state = 9 WHERE id = 1; UPDATE dbo.s SET state = 2 WHERE id = 3; UPDATE dbo.s SET label = 'bb' WHERE id = 2");
    let run = tool().run(&["--all"]).exits(0);
    assert_eq!(outcomes(&run), ["dbo.s -> dbo.t ok changes 1 1 1"], "{run}");
    assert_eq!(shown(&pair, "SELECT id, label, state FROM dbo.t ORDER BY id"), ["2 BB 1", "3 C 2"]);
}

#[test]
fn a_key_that_only_changes_its_case_keeps_its_row() {
    let pair = pair();
    table(
        &pair,
        "dbo.t",
        "id varchar(9) COLLATE Latin1_General_CI_AS NOT NULL PRIMARY KEY, label varchar(9) NULL",
    );
    pair.source("INSERT INTO dbo.t VALUES ('abc', 'x'), ('d', 'y')");
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.source("UPDATE dbo.t SET label = 'z' WHERE id = 'd'");
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.source("UPDATE dbo.t SET id = 'ABC' WHERE id = 'abc'");
    carried(&pair, [0, 1, 0]);
    pair.assert_equal("SELECT CAST(id AS varbinary(9)) AS b, label FROM dbo.t ORDER BY b");
}

#[test]
fn counts_that_differ_from_what_was_staged_take_everything_back() {
    let pair = kept();
    pair.source("UPDATE dbo.t SET label = 'x' WHERE id = 1");
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.target("CREATE UNIQUE INDEX ux ON dbo.t (label) WITH (IGNORE_DUP_KEY = ON)");
    pair.source("INSERT INTO dbo.t VALUES (4, 'x'), (5, 'fine')");
    let (before, on_record) = (shown(&pair, ROWS), versions(&pair));
    tool(&pair).run(&["dbo.t"]).exits(1).says("Nothing was written");
    assert_eq!((shown(&pair, ROWS), versions(&pair)), (before, on_record));
    pair.target("DROP INDEX ux ON dbo.t");
    carried(&pair, [2, 0, 0]);
    pair.assert_equal(ROWS);
}

#[test]
fn what_cannot_be_kept_is_refused_with_the_way_out() {
    let pair = pair();
    pair.both("CREATE TABLE dbo.heap (id int NOT NULL)");
    pair.both("CREATE TABLE dbo.plain (id int NOT NULL PRIMARY KEY)");
    table(&pair, "dbo.fine", "id int NOT NULL PRIMARY KEY");
    pair.source("CREATE TABLE dbo.keyed (id int NOT NULL PRIMARY KEY, other int NOT NULL)");
    pair.target("CREATE TABLE dbo.keyed (id int NOT NULL, other int NOT NULL PRIMARY KEY)");
    track(&pair, "dbo.keyed");
    table(&pair, "dbo.fired", "id int NOT NULL PRIMARY KEY");
    table(&pair, "dbo.tree", "node hierarchyid NOT NULL PRIMARY KEY");
    pair.target("CREATE TRIGGER dbo.tr ON dbo.fired AFTER INSERT AS RAISERROR('fired', 16, 1)");
    pair.source("EXEC('CREATE VIEW dbo.view_of AS SELECT id FROM dbo.plain')");
    let run = tool(&pair)
        .run(&[
            "dbo.heap",
            "dbo.plain",
            "dbo.fine",
            "dbo.keyed",
            "dbo.fired",
            "dbo.view_of",
            "dbo.none",
            "dbo.tree",
        ])
        .exits(1);
    let line = |table: &str| run.lines().into_iter().find(|line| line[0] == table).unwrap().join(" ");
    assert!(line("dbo.plain").contains("ALTER TABLE [dbo].[plain] ENABLE CHANGE_TRACKING"), "{run}");
    assert!(line("dbo.heap").contains("failed"), "{run}");
    assert!(line("dbo.keyed").contains("unique index"), "{run}");
    assert!(line("dbo.fired").contains("trigger"), "{run}");
    assert!(line("dbo.tree").contains("hierarchyid"), "{run}");
    assert!(line("dbo.view_of").contains("failed"), "{run}");
    assert!(line("dbo.none").contains("failed"), "{run}");
    assert_eq!(line("dbo.fine").split(' ').nth(1), Some("ok"), "one table's failure is its own\n{run}");
}

#[test]
fn a_source_without_snapshots_is_kept_all_the_same() {
    let pair = Pair::new();
    pair.source(
        "ALTER DATABASE CURRENT SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 2 DAYS, AUTO_CLEANUP = ON)",
    );
    table(&pair, "dbo.t", "id int NOT NULL PRIMARY KEY, label varchar(20) NULL");
    pair.source("INSERT INTO dbo.t VALUES (1, 'one'), (2, 'two')");
    tool(&pair).run(&["dbo.t"]).exits(0);
    for (n, sql) in [
        "INSERT INTO dbo.t VALUES (3, 'x')",
        "DELETE FROM dbo.t WHERE id = 1",
        "UPDATE dbo.t SET label = 'y'",
    ]
    .iter()
    .enumerate()
    {
        pair.source(sql);
        tool(&pair).run(&["dbo.t"]).exits(0);
        pair.assert_equal(ROWS);
        assert_eq!(versions(&pair).len(), 1, "{n}");
    }
}

#[test]
fn a_server_that_refuses_snapshots_of_a_table_is_asked_without() {
    let pair = kept();
    pair.source("UPDATE dbo.t SET label = 'x' WHERE id = 1");
    tool(&pair).run(&["dbo.t"]).exits(0);
    for number in [3961, 41332] {
        pair.source(&format!("UPDATE dbo.t SET label = '{number}' WHERE id = 2"));
        fault(&pair, &format!("@fault = 'refuse_snapshot', @table = 'dbo.t', @value = {number}"));
        tool(&pair).run(&["dbo.t"]).exits(0);
        fault(&pair, "@fault = 'none'");
        pair.assert_equal(ROWS);
    }
}

#[test]
fn many_changes_at_once() {
    let pair = kept();
    pair.source("UPDATE dbo.t SET label = 'x' WHERE id = 1");
    tool(&pair).run(&["dbo.t"]).exits(0);
    let mut source = pair.source.client();
    for n in 0..13 {
        source.run(&format!("INSERT INTO dbo.t SELECT id + {}, 'more' FROM dbo.t", 3 << n));
    }
    carried(&pair, [3 * ((1 << 13) - 1), 0, 0]);
    pair.source("DELETE FROM dbo.t WHERE id % 2 = 0; UPDATE dbo.t SET label = 'odd' WHERE id % 3 = 0");
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.assert_equal(ROWS);
}

#[test]
#[ignore = "takes minutes: cargo test -p replicate-changes --test e2e a_million -- --ignored"]
fn a_million_changes_at_once() {
    let pair = kept();
    let mut source = pair.source.client();
    for n in 0..19 {
        source.run(&format!(
            "INSERT INTO dbo.t SELECT id + {}, 'more' FROM dbo.t WHERE id <= 1000000 - {}",
            3 << n,
            3 << n
        ));
    }
    tool(&pair).run(&["dbo.t", "--on-reset", "fail"]).exits(0).says("1 had changes");
    pair.assert_equal("SELECT COUNT(*), MIN(id), MAX(id), SUM(CAST(id AS bigint)), MAX(label) FROM dbo.t");
    source.run("UPDATE dbo.t SET label = 'again' WHERE id > 3");
    carried(&pair, [0, 999_997, 0]);
    pair.assert_equal("SELECT COUNT(*), SUM(CAST(id AS bigint)) FROM dbo.t WHERE label = 'again'");
    assert_others(&pair);
}
