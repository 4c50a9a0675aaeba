//! `--apply difference`: only the rows that differ are written, and the target is the source's all the same.
use replica_testkit::family::{JANUARY, OTHERS, family, others, replaced};
use replica_testkit::{Pair, Program, Server, Troubled};

use crate::util::{assert_old_rows, copy, fault, fill, ids, pair_with_old_rows, skip, tool, until_it_waits};

const DIFFERENCE: [&str; 3] = ["dbo.t", "--apply", "difference"];

const ROWS: &str = "SELECT id, label FROM dbo.t ORDER BY id";

/// The rows of a query's answer, as text.
fn shown(pair: &Pair, sql: &str) -> Vec<String> {
    let cell = |cell: String| match cell.trim_end_matches(')').rsplit_once('(') {
        Some((_, value)) => value.trim_matches('"').to_owned(),
        None => cell,
    };
    let rows = pair.target.client().values(sql).into_iter();
    rows.map(|row| row.into_iter().map(cell).collect::<Vec<_>>().join(" ")).collect()
}

/// A run that writes what differs.
#[track_caller]
fn write(pair: &Pair) -> replica_testkit::ProgramExit {
    copy(pair, &DIFFERENCE)
}

/// `dbo.t (id, label)` with a key and rows on both sides: 1 is equal, 2 has changed, 3 is gone, 4 is new.
fn pair() -> Pair {
    filled(Pair::new())
}

fn filled(pair: Pair) -> Pair {
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label varchar(20) NULL)");
    pair.source("INSERT INTO dbo.t VALUES (1, 'same'), (2, 'new'), (4, NULL)");
    pair.target("INSERT INTO dbo.t VALUES (1, 'same'), (2, NULL), (3, 'old')");
    pair
}

#[test]
fn rows_are_deleted_updated_and_inserted_and_equal_ones_left_alone() {
    let pair = Pair::new();
    pair.both(
        "CREATE TABLE dbo.t (id int IDENTITY(1,1) NOT NULL PRIMARY KEY, n nvarchar(20) NULL, twice AS id * 2, stamp rowversion, \
         x xml NULL, b varbinary(max) NULL, d datetime2(7) NULL, m money NULL, v sql_variant NULL, txt text NULL, g uniqueidentifier NULL)",
    );
    pair.target("ALTER TABLE dbo.t ADD mine varchar(9) NULL");
    let rows = "SET IDENTITY_INSERT dbo.t ON; INSERT INTO dbo.t (id, n, x, b, d, m, v, txt, g) VALUES \
                (1, N'é', '<a/>', 0x00FF, '2024-01-01T00:00:00.1234567', 1.5, 7, 'text', '00000000-0000-0000-0000-000000000001'), \
                (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), (3, N'', '<b>1</b>', 0x, '0001-01-01', -1, N'v', '', NULL)";
    pair.both(rows);
    pair.target("UPDATE dbo.t SET mine = 'kept'");
    pair.source("UPDATE dbo.t SET n = N'new', x = '<c/>', b = 0x01, txt = 'more', v = 2.5 WHERE id = 2");
    pair.source("DELETE FROM dbo.t WHERE id = 3");
    pair.source("SET IDENTITY_INSERT dbo.t ON; INSERT INTO dbo.t (id, n, b) VALUES (40, N'forty', CAST(REPLICATE(CAST('x' AS varchar(max)), 100000) AS varbinary(max)))");
    let stamp = "SELECT CAST(CAST(stamp AS bigint) AS varchar(20)) FROM dbo.t WHERE id = 1";
    let before = pair.target.client().values(stamp);
    let run = copy(&pair, &["dbo.t", "--apply=difference", "--verify=hash"]);
    run.says("1 rows deleted, 1 updated, 1 inserted").says("COMPARE ").says(" | STAGE ").says(" | APPLY ");
    pair.assert_equal(
        "SELECT id, n, twice, CAST(x AS nvarchar(max)), CONVERT(varchar(max), b, 1), CONVERT(varchar(40), d, 126), m, \
         CAST(v AS varchar(20)), CAST(txt AS varchar(max)), CAST(g AS varchar(40)) FROM dbo.t ORDER BY id",
    );
    assert_eq!(pair.target.client().values(stamp), before, "the row that is equal was not touched");
    let kept = "SELECT COUNT(*) FROM dbo.t WHERE mine = 'kept'";
    assert_eq!(pair.target.client().number(kept), 2, "a column that nobody named");
    pair.target("INSERT INTO dbo.t (n) VALUES (N'next')");
    assert_eq!(pair.target.client().number("SELECT MAX(id) FROM dbo.t"), 41);
}

/// Their bytes are compared and written; the server has an order for hierarchyid alone, and none is known here.
#[test]
fn values_of_clr_types_are_compared_by_their_bytes() {
    const POINT: [&str; 2] =
        ["0xE6100000010C0000000000002440000000000000F03F", "0xE6100000010C00000000000024400000000000000040"];
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, h hierarchyid NULL, g geography NULL, p geometry NULL)");
    let rows = |place: &str| {
        format!(
            "INSERT INTO dbo.t VALUES (1, 0x5AC0, {0}, 0x00000000010C000000000000F03F0000000000000040), (2, NULL, NULL, NULL), \
             (3, 0x58, {place}, NULL)",
            POINT[0]
        )
    };
    pair.source(&rows(POINT[0]));
    pair.source("INSERT INTO dbo.t VALUES (4, 0x, NULL, 0x00000000010C000000000000F03F0000000000000040)");
    pair.target(&rows(POINT[1]));
    pair.target("UPDATE dbo.t SET h = 0x58 WHERE id = 2; INSERT INTO dbo.t VALUES (5, 0x58, NULL, NULL)");
    copy(&pair, &["dbo.t", "--apply=difference", "--verify=hash"])
        .says("1 rows deleted, 2 updated, 1 inserted");
    let bytes =
        ["h", "g", "p"].map(|column| format!("CONVERT(varchar(99), CAST({column} AS varbinary(max)), 1)"));
    pair.assert_equal(&format!("SELECT id, {} FROM dbo.t ORDER BY id", bytes.join(", ")));
    pair.both("CREATE TABLE dbo.tree (node hierarchyid NOT NULL PRIMARY KEY, label varchar(20) NULL)");
    pair.source("INSERT INTO dbo.tree VALUES (0x58, 'new')");
    let run = tool(&pair).run(&["dbo.tree", "--apply=difference"]).exits(1);
    run.says("hierarchyid").says("--apply replace");
    copy(&pair, &["dbo.tree", "--apply=auto"]);
    pair.assert_equal("SELECT label FROM dbo.tree");
}

#[test]
fn equal_sides_write_nothing() {
    let pair = pair();
    write(&pair).says("1 rows deleted, 1 updated, 1 inserted");
    pair.assert_equal(ROWS);
    pair.target("CREATE TRIGGER dbo.tr ON dbo.t AFTER INSERT, UPDATE, DELETE AS RAISERROR('written', 16, 1)");
    let run =
        copy(&pair, &["dbo.t", "--apply=difference", "--fire-triggers"]).says("nothing differs, of 3 rows");
    assert!(!run.stderr.contains("STAGE"), "{run}");
    // Statements in files of a batch that differ by nothing but the trigger's event would fire it.
    pair.source("UPDATE dbo.t SET label = 'x' WHERE id = 4");
    tool(&pair).run(&["dbo.t", "--apply=difference"]).exits(1).says("would fire trigger tr");
    tool(&pair).run(&["dbo.t", "--apply=difference", "--fire-triggers"]).exits(1).says("written");
    assert_eq!(shown(&pair, ROWS), ["1 same", "2 new", "4 None"]);
}

#[test]
fn values_are_equal_as_their_bytes_are() {
    let pair = Pair::new();
    pair.both(
        "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, s varchar(9) COLLATE Latin1_General_CI_AI NULL, f float NULL, \
         o datetimeoffset(0) NULL)",
    );
    pair.source(
        "INSERT INTO dbo.t VALUES (1, 'A', 0, '2024-01-01T10:00:00+00:00'), (2, 'a ', 1, '2024-01-01T10:00:00+00:00'), \
         (3, 'a', 1, '2024-01-01T12:00:00+02:00')",
    );
    pair.target(
        "INSERT INTO dbo.t VALUES (1, 'a', 0, '2024-01-01T10:00:00+00:00'), (2, 'a', 1, '2024-01-01T10:00:00+00:00'), \
         (3, 'a', 1, '2024-01-01T10:00:00+00:00')",
    );
    write(&pair).says("0 rows deleted, 3 updated, 0 inserted");
    pair.assert_equal(
        "SELECT id, CAST(s AS varbinary(9)), DATALENGTH(s), CONVERT(varchar(40), o, 126) FROM dbo.t ORDER BY id",
    );
    write(&pair).says("nothing differs");
}

/// An UPDATE that gives a key other bytes of the same value is refused where rows point at it, as far as we know
/// (docs/UNCONFIRMED.md).
#[test]
fn a_key_that_only_changes_its_case_is_one_row() {
    let pair = Pair::new();
    let key = |collation: &str| {
        format!(
            "CREATE TABLE dbo.t (id varchar(9) COLLATE {collation} NOT NULL PRIMARY KEY, label varchar(9) NULL)"
        )
    };
    pair.source(&key("Latin1_General_BIN2"));
    pair.target(&key("Latin1_General_CI_AS"));
    pair.target(
        "CREATE TABLE dbo.child (id int NOT NULL PRIMARY KEY, t varchar(9) COLLATE Latin1_General_CI_AS NOT NULL REFERENCES dbo.t (id))",
    );
    pair.source("INSERT INTO dbo.t VALUES ('ABC', 'new'), ('x', 'same'), ('y ', 'blank'), ('Zz', 'z')");
    pair.target("INSERT INTO dbo.t VALUES ('abc', 'old'), ('x', 'same'), ('y', 'blank'), ('gone', 'g')");
    pair.target("INSERT INTO dbo.child VALUES (1, 'x')");
    write(&pair).says("1 rows deleted, 2 updated, 1 inserted");
    pair.assert_equal("SELECT CAST(id AS varbinary(9)) AS b, label FROM dbo.t ORDER BY b");
    assert_eq!(shown(&pair, "SELECT t FROM dbo.child ORDER BY id"), ["x"]);
    // Two rows of the source that are one to the target: neither wins.
    pair.source("INSERT INTO dbo.t VALUES ('X', 'other')");
    let before = pair.target.client().values("SELECT id, label FROM dbo.t ORDER BY id");
    tool(&pair).run(&DIFFERENCE).exits(1).says("keys that are one to the target");
    assert_eq!(pair.target.client().values("SELECT id, label FROM dbo.t ORDER BY id"), before);
    pair.source("DELETE FROM dbo.t WHERE id IN ('X', 'x'); INSERT INTO dbo.t VALUES ('X', 'same')");
    let run = tool(&pair).run(&DIFFERENCE);
    let after = shown(&pair, "SELECT CAST(id AS varbinary(9)) AS b, label FROM dbo.t ORDER BY b");
    match run.code {
        Some(0) => pair.assert_equal("SELECT CAST(id AS varbinary(9)) AS b, label FROM dbo.t ORDER BY b"),
        _ => {
            let run = run.exits(1).says("547").says("case or blanks");
            assert_eq!(
                pair.target.client().values("SELECT id, label FROM dbo.t ORDER BY id"),
                before,
                "{run}"
            );
        }
    }
    assert_eq!((after.len(), shown(&pair, "SELECT id FROM dbo.child")), (4, vec!["1".to_owned()]));
}

#[test]
fn collations_that_disagree_about_the_order_do_not_matter() {
    let pair = Pair::new();
    for (side, collation) in
        [(&pair.source, "SQL_Latin1_General_CP1_CI_AS"), (&pair.target, "Latin1_General_BIN")]
    {
        side.client().batch(&format!(
            "CREATE TABLE dbo.t (id varchar(20) COLLATE {collation} NOT NULL PRIMARY KEY, label varchar(9) NULL)"
        ));
    }
    pair.both("INSERT INTO dbo.t VALUES ('co-op', '1'), ('coop', '2'), ('Coop2', '3'), ('_', '4'), ('Z', '5'), ('a', '6')");
    pair.source("UPDATE dbo.t SET label = 'new' WHERE id = 'coop'");
    pair.source("DELETE FROM dbo.t WHERE id = '_'");
    pair.source("INSERT INTO dbo.t VALUES ('-', '7')");
    write(&pair).says("1 rows deleted, 1 updated, 1 inserted");
    pair.assert_equal("SELECT CAST(id AS varbinary(20)) AS b, label FROM dbo.t ORDER BY b");
}

#[test]
fn unique_values_may_be_swapped_and_rows_may_point_at_each_other() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label varchar(20) NOT NULL UNIQUE)");
    pair.source("INSERT INTO dbo.t VALUES (1, 'b'), (2, 'a'), (4, 'c')");
    pair.target("INSERT INTO dbo.t VALUES (1, 'a'), (2, 'b'), (3, 'c')");
    write(&pair).says("1 rows deleted, 2 updated, 1 inserted");
    pair.assert_equal(ROWS);

    pair.both("CREATE TABLE dbo.tree (id int NOT NULL PRIMARY KEY, up int NULL REFERENCES dbo.tree (id))");
    pair.source("INSERT INTO dbo.tree VALUES (9, NULL), (1, 9), (2, 1)");
    pair.target("INSERT INTO dbo.tree VALUES (5, NULL), (1, 5), (2, 5)");
    copy(&pair, &["dbo.tree", "--apply=difference"]).says("1 rows deleted, 2 updated, 1 inserted");
    pair.assert_equal("SELECT id, up FROM dbo.tree ORDER BY id");
}

/// A row that others point at is gone, and a unique value of it has passed on: rows can neither come first nor go first.
#[test]
fn rows_that_point_at_each_other_and_unique_values_that_pass_on() {
    let pair = Pair::new();
    pair.both(
        "CREATE TABLE dbo.tree (id int NOT NULL PRIMARY KEY, up int NULL CONSTRAINT tree_up REFERENCES dbo.tree (id), \
         code int NOT NULL UNIQUE)",
    );
    pair.target("INSERT INTO dbo.tree VALUES (1, NULL, 1), (2, 1, 2), (3, 2, 3)");
    pair.source("INSERT INTO dbo.tree VALUES (0, NULL, 3), (2, 0, 2), (3, 2, 1)");
    copy(&pair, &["dbo.tree", "--apply=difference", "--verify=hash"])
        .says("1 rows deleted, 2 updated, 1 inserted");
    pair.assert_equal("SELECT id, up, code FROM dbo.tree ORDER BY id");
    let state = "SELECT CAST(is_disabled AS int) + CAST(is_not_trusted AS int) FROM sys.foreign_keys WHERE name = 'tree_up'";
    assert_eq!(pair.target.client().number(state), 0);
    assert!(
        pair.target.client().try_run("DELETE FROM dbo.tree WHERE id = 0").is_err(),
        "the key holds again"
    );
}

#[test]
fn rows_of_other_tables_stay_while_their_parents_do() {
    let pair = family();
    let before = others(&pair);
    let run = tool(&pair).run(&JANUARY).exits(1);
    run.says("--apply difference");
    for how in ["difference", "auto"] {
        pair.target("UPDATE dbo.p SET v = 'old'");
        copy(&pair, &[&JANUARY[..], &["--apply", how]].concat())
            .says("0 rows deleted, 2 updated, 0 inserted");
        assert_eq!((others(&pair), replaced(&pair)), (before.clone(), 2));
    }
    copy(&pair, &["dbo.p", "--apply=difference"]);
    assert_eq!((others(&pair), replaced(&pair)), (before, 3));
    OTHERS.iter().for_each(|sql| pair.assert_equal(sql));
}

#[test]
fn rows_that_would_take_others_along_are_refused_unless_they_may() {
    let pair = family();
    for table in ["m", "n", "f"] {
        pair.source(&format!("ALTER TABLE dbo.{table} NOCHECK CONSTRAINT {table}_p"));
    }
    pair.source("DELETE FROM dbo.p WHERE id = 2");
    let before = others(&pair);
    let difference = [&JANUARY[..], &["--apply=difference"]].concat();
    let run = tool(&pair).run(&difference).exits(1);
    run.says("1 rows of dbo.m by m_p of dbo.m (ON DELETE CASCADE)").says("--allow-cascade");
    assert_eq!((others(&pair), replaced(&pair)), (before, 0));
    let explained = tool(&pair).run(&[&difference[..], &["--explain"]].concat()).exits(0);
    explained.says("counted before any is deleted").says("exclusive (X) on the rows that differ");
    copy(&pair, &[&difference[..], &["--allow-cascade"]].concat())
        .says("1 rows deleted, 1 updated, 0 inserted");
    assert_eq!(shown(&pair, OTHERS[0]), ["10 1", "30 3"]);
    assert_eq!(shown(&pair, OTHERS[1]), ["100 10", "300 30"]);
    assert_eq!(shown(&pair, OTHERS[2]), ["10 1", "20 None", "30 3"]);
    assert_eq!(replaced(&pair), 1);
}

#[test]
fn a_row_that_a_child_points_at_is_not_deleted() {
    let pair = pair();
    pair.target(
        "CREATE TABLE dbo.child (id int NOT NULL, t int NOT NULL CONSTRAINT child_t REFERENCES dbo.t (id))",
    );
    pair.target("INSERT INTO dbo.child VALUES (1, 3)");
    let before = pair.target.client().values(ROWS);
    let run = tool(&pair).run(&DIFFERENCE).exits(1).says("547").says("child_t");
    run.says("bring that table in step first");
    assert_eq!(pair.target.client().values(ROWS), before);
    pair.target("UPDATE dbo.child SET t = 2");
    write(&pair);
    pair.assert_equal(ROWS);
    assert_eq!(shown(&pair, "SELECT id, t FROM dbo.child"), ["1 2"]);
}

/// A run that leaves the choice to the tool, and says what it chose.
#[track_caller]
fn leave_it(pair: &Pair, chosen: &str) {
    let explained = tool(pair).run(&["dbo.t", "--apply=auto", "--explain"]).exits(0);
    explained.says(&format!("--apply auto is {chosen}"));
    copy(pair, &["dbo.t", "--apply=auto"]).says(&format!("dbo.t: --apply auto is {chosen}"));
    pair.assert_equal(ROWS);
}

#[test]
fn auto_goes_by_what_changed_in_the_last_run() {
    let pair = pair();
    pair.source(
        "DECLARE @n int = 100; WHILE @n < 130 BEGIN INSERT INTO dbo.t VALUES (@n, 'x'); SET @n = @n + 1 END",
    );
    leave_it(&pair, "replace: no other table points at this one, and no run is on record");
    // Whether those of before were others is not known; after that they are the same.
    leave_it(
        &pair,
        "replace: no other table points at this one, and 33 of the 33 rows of its last run had changed",
    );
    leave_it(&pair, "difference: none of the 33 rows of its last run had changed");
    pair.source("UPDATE dbo.t SET label = 'y' WHERE id < 103");
    leave_it(&pair, "difference: none of the 33 rows");
    pair.source("UPDATE dbo.t SET label = 'z' WHERE id = 101");
    leave_it(&pair, "replace: no other table points at this one, and 6 of the 33 rows");
    // Of a replacement by other rows nobody knows how many were other ones.
    leave_it(&pair, "replace: no other table points at this one, and 33 of the 33 rows");
    // Whoever says what he wants is on record, too.
    pair.source("UPDATE dbo.t SET label = 'a' WHERE id IN (101, 102)");
    copy(&pair, &DIFFERENCE).says("2 updated");
    leave_it(&pair, "difference: 2 of the 33 rows");
    let json = tool(&pair).run(&["dbo.t", "--apply=auto", "--explain", "--output=json"]).exits(0);
    json.says("difference_by_record");
    // A replacement that is asked for is not.
    pair.target("UPDATE dbo.t SET label = 'wrong'");
    copy(&pair, &["dbo.t"]);
    leave_it(&pair, "difference: none of the 33 rows");
}

#[test]
fn auto_goes_by_no_record_that_does_not_hold() {
    let pair = pair();
    let begin = || {
        copy(&pair, &DIFFERENCE);
        copy(&pair, &DIFFERENCE).says("nothing differs");
        assert_eq!(shown(&pair, "SELECT row_count, changed_rows FROM replica.loads"), ["3 0"]);
    };
    for (change, why) in [
        ("DELETE FROM replica.loads", "no run is on record"),
        ("UPDATE replica.loads SET object_id = object_id + 1", "the run on record was of another table"),
        (
            "UPDATE replica.loads SET source = N'other'",
            "the run on record was of another table, or of another source",
        ),
        ("UPDATE replica.loads SET ended = DATEADD(day, -40, ended)", "the run on record is 40 days old"),
        ("UPDATE replica.loads SET row_count = -1", "the record of its last run cannot be read"),
        ("UPDATE replica.loads SET table_name = N'u'", "no run is on record"),
    ] {
        begin();
        pair.target(change);
        leave_it(&pair, &format!("replace: no other table points at this one, and {why}"));
        pair.target("DELETE FROM replica.loads");
    }
    // A table of that name which is somebody else's is left alone, and no run fails for it.
    pair.target("DROP TABLE replica.loads; CREATE TABLE replica.loads (mine int NULL); INSERT INTO replica.loads VALUES (7)");
    for _ in 0..2 {
        leave_it(
            &pair,
            "replace: no other table points at this one, and the record of its last run cannot be read",
        );
    }
    assert_eq!(shown(&pair, "SELECT mine FROM replica.loads"), ["7"]);
    // A repair says nothing of the next run.
    pair.target("DROP TABLE replica.loads");
    begin();
    pair.target("UPDATE replica.loads SET changed_rows = 3");
    pair.target("UPDATE dbo.t SET label = 'wrong' WHERE id = 1");
    let verify =
        Program::beside(env!("CARGO_BIN_EXE_replicate-reference-tables"), "verify-replica").between(&pair);
    verify.run(&["dbo.t", "--repair"]).exits(0);
    assert_eq!(shown(&pair, "SELECT row_count, changed_rows FROM replica.loads"), ["3 3"]);
}

#[test]
fn what_cannot_be_told_apart_is_refused_with_the_way_out() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.source("INSERT INTO dbo.t VALUES (1, 'new')");
    pair.target("CREATE TABLE dbo.k (id int NULL UNIQUE, label varchar(10) NULL)");
    pair.source("CREATE TABLE dbo.k (id int NULL, label varchar(10) NULL)");
    let run = tool(&pair).run(&["dbo.k", "--apply=difference"]).exits(1);
    run.says("no unique key whose columns are NOT NULL").says("--apply replace");
    copy(&pair, &["dbo.k", "--apply=auto"]);
    tool(&pair).run(&["dbo.t", "--apply=difference", "--full-table-mode=parquet"]).exits(2);
    let run = tool(&pair).run(&["dbo.t", "--apply=auto", "--explain", "--output=json"]).exits(0);
    run.says("replace_as_before");
    pair.source("DELETE FROM dbo.t");
    let run = tool(&pair).run(&DIFFERENCE).exits(1).says("most rows would be lost");
    assert!(!run.stderr.contains("STAGE"), "{run}");
    assert_old_rows(&pair);
    pair.source("INSERT INTO dbo.t VALUES (1, 'new')");
    let with_file =
        tool(&pair).file("replica.toml", "[tables.\"dbo.t\"]\napply = 'difference'\nallow_shrink = true\n");
    with_file.run(&["dbo.t"]).exits(0).says("2 rows deleted, 0 updated, 1 inserted");
    assert_eq!(ids(&mut pair.target.client()), [1]);
}

#[test]
fn an_index_that_drops_rows_takes_everything_back() {
    let pair = pair();
    pair.target("CREATE UNIQUE INDEX ux ON dbo.t (label) WITH (IGNORE_DUP_KEY = ON)");
    pair.source("UPDATE dbo.t SET label = 'same' WHERE id = 4");
    let before = pair.target.client().values(ROWS);
    tool(&pair).run(&DIFFERENCE).exits(1).says("Nothing was written");
    assert_eq!(pair.target.client().values(ROWS), before);
}

#[test]
fn a_row_moves_from_one_window_to_another() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, d date NOT NULL)");
    pair.target("INSERT INTO dbo.t VALUES (1, '2024-01-05'), (2, '2024-02-05'), (3, '2024-03-05')");
    pair.source("INSERT INTO dbo.t VALUES (1, '2024-02-06'), (2, '2024-02-05'), (3, '2024-03-05')");
    let days = ["--start-date=2024-02-01", "--end-date=2024-02-29"];
    copy(&pair, &[&DIFFERENCE[..], &days].concat()).says("1 rows come from other windows");
    pair.assert_equal("SELECT id, d FROM dbo.t ORDER BY id");
}

#[test]
fn many_rows_are_written_without_a_lock_on_the_table() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.target("DELETE FROM dbo.t");
    fill(&mut pair.source.client(), 14);
    fill(&mut pair.target.client(), 14);
    pair.source("UPDATE dbo.t SET label = 'changed' WHERE id % 3 = 0");
    pair.source("DELETE FROM dbo.t WHERE id % 3 = 1");
    pair.source("INSERT INTO dbo.t SELECT id + 100000, 'more' FROM dbo.t");
    let escalated = "SELECT COUNT(*) FROM sys.sandbox_lock_log WHERE event = 'escalated'";
    let escalated = || if pair.server.is_sandbox() { pair.target.client().number(escalated) } else { 0 };
    let before = escalated();
    copy(&pair, &["dbo.t", "--apply=difference", "--chunk-size=1000", "--verify=hash"]);
    pair.assert_equal(ROWS);
    assert_eq!(escalated(), before);
}

#[test]
fn a_connection_that_breaks_anywhere_leaves_old_rows_or_new_ones() {
    let pair = pair();
    if !pair.server.is_sandbox() {
        return skip("only the sandbox breaks on request");
    }
    for kind in ["cut_receiving", "cut_replying", "cut_before_commit", "cut_after_commit", "deadlock"] {
        pair.target("DELETE FROM dbo.t; INSERT INTO dbo.t VALUES (1, 'same'), (2, NULL), (3, 'old')");
        fault(&pair, &format!("@fault = '{kind}'"));
        let run = write(&pair);
        assert!(run.stderr.contains("retry 1"), "{kind}\n{run}");
        pair.assert_equal(ROWS);
        fault(&pair, "@fault = 'none'");
    }
    pair.target("DELETE FROM dbo.t; INSERT INTO dbo.t VALUES (1, 'same'), (2, NULL), (3, 'old')");
    let before = pair.target.client().values(ROWS);
    fault(&pair, "@fault = 'log_full', @count = 100");
    tool(&pair).run(&DIFFERENCE).exits(1).says("9002");
    assert_eq!(pair.target.client().values(ROWS), before);
}

/// Somebody holds a row that is to be updated, which readers of row versions pass by: what comes before it in the
/// transaction is done by then.
#[test]
fn a_tool_that_is_killed_while_it_writes_leaves_the_old_rows() {
    let pair = pair();
    if !pair.server.is_sandbox() {
        return skip("only the sandbox tells who waits");
    }
    let before = pair.target.client().values(ROWS);
    let versions = format!("ALTER DATABASE [{}] SET READ_COMMITTED_SNAPSHOT ON", pair.target.name);
    pair.server.client("master").batch(&versions);
    let mut other = pair.target.client();
    other.batch("BEGIN TRANSACTION");
    other.batch("UPDATE dbo.t SET label = NULL WHERE id = 2");
    let running = tool(&pair).start(&DIFFERENCE);
    let mut observer = pair.target.client();
    let waiting = "SELECT COUNT(*) FROM sys.sandbox_lock_log WHERE event = 'waiting'";
    until_it_waits(&mut observer, waiting);
    running.kill();
    other.batch("ROLLBACK TRANSACTION");
    assert_eq!(pair.target.client().values(ROWS), before);
    write(&pair);
    pair.assert_equal(ROWS);
}

/// Every row has one label on either side: a reader that sees both has seen a mixture.
#[test]
fn readers_with_row_versions_see_old_rows_or_new_ones() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    let versions = format!("ALTER DATABASE [{}] SET READ_COMMITTED_SNAPSHOT ON", pair.target.name);
    if let Err(error) = pair.server.client("master").try_batch(&versions) {
        return skip(&format!("no row versions here: {error}"));
    }
    pair.target("DELETE FROM dbo.t");
    fill(&mut pair.source.client(), 12);
    fill(&mut pair.target.client(), 12);
    pair.target("UPDATE dbo.t SET label = 'old'");
    let ended = std::sync::atomic::AtomicBool::new(false);
    let seen = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut client = pair.target.client();
            let mut seen = Vec::new();
            loop {
                let last = ended.load(std::sync::atomic::Ordering::SeqCst);
                seen.push(client.number("SELECT COUNT(*) FROM dbo.t WHERE label = 'new'"));
                if last {
                    return seen;
                }
            }
        });
        write(&pair);
        ended.store(true, std::sync::atomic::Ordering::SeqCst);
        reader.join().unwrap()
    });
    assert!(seen.iter().all(|new| [0, 4096].contains(new)), "{seen:?}");
    assert_eq!(seen.last(), Some(&4096));
}

#[test]
fn locking_readers_wait_for_the_commit_and_see_all_of_it() {
    // A server of its own: nobody else waits there.
    let pair = filled(Pair::on(Server::sandbox()));
    let before = pair.target.client().values(ROWS);
    // A row that is updated points at one that another session has in its hands: the tool waits there, after it has
    // deleted the row that is gone.
    pair.target(
        "CREATE TABLE dbo.labels (label varchar(20) NOT NULL PRIMARY KEY, n int NULL); \
         INSERT INTO dbo.labels VALUES ('same', 0), ('new', 0), ('old', 0); \
         ALTER TABLE dbo.t ADD FOREIGN KEY (label) REFERENCES dbo.labels (label)",
    );
    let mut other = pair.target.client();
    other.batch("BEGIN TRANSACTION; UPDATE dbo.labels SET n = 1 WHERE label = 'new'");
    let running = tool(&pair).start(&DIFFERENCE);
    let mut observer = pair.target.client();
    let waiting = |who: &str| {
        format!(
            "SELECT COUNT(*) FROM sys.sandbox_lock_log WHERE event = 'waiting' AND resource_type = 'XACT'{who}"
        )
    };
    until_it_waits(&mut observer, &waiting(""));
    let mut client = pair.target.client();
    let session = client.number("SELECT CAST(@@SPID AS bigint)");
    let seen = std::thread::scope(|scope| {
        let reader = scope.spawn(move || client.values(ROWS));
        // In front of the row that was deleted.
        until_it_waits(&mut observer, &waiting(&format!(" AND session_id = {session}")));
        other.batch("ROLLBACK TRANSACTION");
        running.finish().exits(0);
        reader.join().unwrap()
    });
    assert_eq!(seen, pair.source.client().values(ROWS));
    assert_ne!(seen, before);
}

#[test]
fn a_row_that_is_too_long_to_be_held_is_refused_with_the_way_out() {
    let pair = Pair::new();
    pair.both(
        "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label varchar(20) NULL, doc varchar(max) NULL)",
    );
    pair.source("INSERT INTO dbo.t VALUES (1, 'long', REPLICATE(CAST('x' AS varchar(max)), 17000000))");
    let run = tool(&pair).run(&DIFFERENCE).exits(1);
    run.says("dbo.t").says("more than 16 MiB").says("doc").says("Say --apply replace");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t"), 0);
    copy(&pair, &["dbo.t"]);
    assert_eq!(pair.target.client().number("SELECT SUM(DATALENGTH(doc)) FROM dbo.t"), 17_000_000);
}

#[test]
fn servers_that_are_troubled_at_first() {
    let pair = pair();
    let Some((tool, troubled)) = tool(&pair).between_troubled(&pair) else { return };
    let run = tool.run(&DIFFERENCE).exits(0);
    assert!(troubled.iter().all(Troubled::has_struck), "{run}");
    pair.assert_equal(ROWS);
}

/// The child's new row wants a new parent, whose table has a row to lose that an old row of the child points at.
#[test]
fn tables_that_hold_each_other_up_come_in_two_steps() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.a (id int NOT NULL PRIMARY KEY, v int NULL)");
    pair.both("CREATE TABLE dbo.b (id int NOT NULL PRIMARY KEY, a int NOT NULL REFERENCES dbo.a (id))");
    pair.both("CREATE TABLE dbo.c (id int NOT NULL PRIMARY KEY, b int NOT NULL REFERENCES dbo.b (id))");
    pair.source("INSERT INTO dbo.a VALUES (1, 1), (3, 3); INSERT INTO dbo.b VALUES (10, 1), (30, 3); INSERT INTO dbo.c VALUES (300, 30)");
    pair.target("INSERT INTO dbo.a VALUES (1, 0), (2, 2); INSERT INTO dbo.b VALUES (10, 1), (20, 2); INSERT INTO dbo.c VALUES (200, 20)");
    let run = copy(&pair, &["dbo.c", "dbo.a", "dbo.b", "--apply=difference", "--verify=hash"]);
    run.says("once more").says("3 of 3 tables replaced");
    for table in ["a", "b", "c"] {
        pair.assert_equal(&format!("SELECT * FROM dbo.{table} ORDER BY id"));
    }
}

#[test]
fn one_row_in_a_hundred_is_one_byte_in_a_hundred() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.target("DELETE FROM dbo.t");
    fill(&mut pair.source.client(), 12);
    let bytes = |run: &replica_testkit::ProgramExit| run.lines()[0][3].parse::<u64>().unwrap();
    let replaced = bytes(&copy(&pair, &["dbo.t"]));
    pair.source("UPDATE dbo.t SET label = 'changed' WHERE id % 100 = 0");
    let written = bytes(&write(&pair).says("0 rows deleted, 40 updated, 0 inserted"));
    assert!(written > 0 && written * 20 <= replaced, "{written} bytes where a reload has {replaced}");
    assert_eq!(bytes(&write(&pair)), 0);
}
