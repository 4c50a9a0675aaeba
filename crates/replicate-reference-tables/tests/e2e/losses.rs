//! What a replacement would destroy although nobody asked for it: refused before the first row is written.
use replica_testkit::{Pair, ProgramExit};

use crate::util::{copy, ids, tool, until_it_waits};

const JANUARY: [&str; 5] = ["dbo.t", "--start-date", "2024-01-01", "--end-date", "2024-01-31"];

/// The ways that the tool has, each of which would replace row 1 of [`columns`].
const WAYS: [&[&str]; 3] = [&["dbo.t"], &JANUARY, &["dbo.t", "--full-table-mode", "parquet"]];

/// dbo.t (id, day) on both sides, with a column more in the target. Row 1, of January, has `value` in it; row 2, of
/// February, another one than NULL or the default.
fn columns(more: &str, value: &str) -> Pair {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, day date NOT NULL)");
    pair.target(&format!("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, day date NOT NULL, {more})"));
    pair.source("INSERT INTO dbo.t VALUES (1, '2024-01-01'), (2, '2024-02-01')");
    pair.target(&format!("INSERT INTO dbo.t VALUES (1, '2024-01-01', {value}), (2, '2024-02-01', {value})"));
    pair
}

/// The values of the target's third column.
#[track_caller]
fn values(pair: &Pair, column: &str) -> Vec<String> {
    let rows = pair.target.client().values(&format!("SELECT {column} FROM dbo.t ORDER BY id"));
    rows.into_iter().map(|mut row| row.remove(0)).collect()
}

#[test]
fn a_column_that_the_source_has_dropped_is_not_emptied() {
    let pair = columns("note varchar(9) NULL", "'kept'");
    let before = values(&pair, "note");
    for way in WAYS {
        let run = tool(&pair).run(way).exits(1);
        let run =
            run.says("dbo.t: values would be lost").says("no columns note,").says("--fill-missing-columns");
        assert_eq!(run.lines()[0][1], "failed", "{run}");
        assert_eq!(values(&pair, "note"), before, "{run}");
    }
    let run = tool(&pair).run(&["dbo.t", "--explain"]).exits(1);
    assert!(run.stdout.contains("refused\tdbo.t: values would be lost"), "{run}");
    let filled = [&JANUARY[..], &["--fill-missing-columns"]].concat();
    for _ in 0..2 {
        copy(&pair, &filled).says("WARN  dbo.t: column note is in the target only: it gets NULL, whatever");
        assert_eq!(values(&pair, "note"), ["String(None)", before[1].as_str()]);
    }
    let settings = "[tables.t]\nfill_missing_columns = true\n";
    tool(&pair).file("replica.toml", settings).run(&["dbo.t"]).exits(0).says("WARN  dbo.t: column note");
    assert_eq!(values(&pair, "note"), ["String(None)"; 2]);
}

#[test]
fn only_the_rows_that_go_count() {
    let pair = columns("note varchar(9) NULL", "NULL");
    pair.target("UPDATE dbo.t SET note = 'kept' WHERE id = 2");
    let run = copy(&pair, &JANUARY);
    run.says("WARN  dbo.t: column note is in the target only: it gets NULL; no old row holds another value");
    tool(&pair).run(&["dbo.t"]).exits(1).says("no columns note,");
    assert_eq!(values(&pair, "note")[0], "String(None)");
    assert!(values(&pair, "note")[1].contains("kept"));
}

#[test]
fn a_column_under_a_new_name_is_recognised() {
    let pair = columns("note varchar(9) NULL", "'kept'");
    pair.source("ALTER TABLE dbo.t ADD remark varchar(9) NULL, size int NULL");
    let before = values(&pair, "note");
    for way in WAYS {
        tool(&pair).run(way).exits(1).says("in the source only: remark, size");
        let ignoring = tool(&pair).run(&[way, &["--ignore-extra-columns"]].concat()).exits(1);
        ignoring.says("If note has another name at the source by now (remark), rename it in the target");
        assert_eq!(values(&pair, "note"), before);
    }
}

#[test]
fn null_and_a_constant_default_are_no_loss() {
    for (more, value) in [
        ("note varchar(9) NULL", "NULL"),
        ("note varchar(9) NULL DEFAULT 'none'", "'none'"),
        ("note varchar(9) NULL DEFAULT 'none'", "NULL"),
        ("note char(9) NOT NULL DEFAULT ''", "''"),
        ("note nvarchar(max) NOT NULL DEFAULT N'it''s'", "N'it''s'"),
        ("note int NOT NULL DEFAULT -1", "-1"),
        ("note bit NOT NULL DEFAULT CONVERT(bit, 1)", "1"),
        ("note decimal(9, 2) NOT NULL DEFAULT 0", "0"),
        ("note float NOT NULL DEFAULT 1.5", "1.5"),
        ("note date NOT NULL DEFAULT '2000-01-01'", "'2000-01-01'"),
        ("note datetime NOT NULL DEFAULT 0", "'1900-01-01'"),
        ("note varbinary(9) NOT NULL DEFAULT 0x00FF", "0x00FF"),
    ] {
        let pair = columns(more, value);
        for way in WAYS {
            let run = tool(&pair).run(way);
            let warned = run.stderr.contains("WARN  dbo.t: column note is in the target only");
            assert!(run.code == Some(0) && warned, "{more}\n{run}");
        }
    }
    let pair = columns("note uniqueidentifier NULL DEFAULT newid()", "NULL");
    copy(&pair, &["dbo.t"]);
    tool(&pair).run(&["dbo.t"]).exits(1).says("no columns note,");
}

#[test]
fn whatever_else_a_column_holds_is_a_loss() {
    for (more, value) in [
        ("note varchar(9) NULL DEFAULT 'none'", "'NONE'"),
        ("note varchar(9) NULL DEFAULT 'none'", "'none '"),
        ("note nvarchar(max) NOT NULL DEFAULT ''", "N' '"),
        ("note int NOT NULL DEFAULT -1", "1"),
        ("note varbinary(9) NOT NULL DEFAULT 0x00", "0x0000"),
        ("note date NOT NULL DEFAULT '2000-01-01'", "'2000-01-02'"),
        ("note xml NULL DEFAULT '<a/>'", "'<a/>'"),
        ("note datetimeoffset NULL DEFAULT '2000-01-01 00:00:00 +00:00'", "'2000-01-01 01:00:00 +01:00'"),
        // Each row would get another one, and to ask for one would use it up.
        ("note datetime2 NOT NULL DEFAULT sysdatetime()", "'2000-01-01'"),
        ("note uniqueidentifier NOT NULL DEFAULT newid()", "newid()"),
    ] {
        let pair = columns(more, value);
        let before = values(&pair, "note");
        for way in WAYS {
            let run = tool(&pair).run(way).exits(1);
            assert!(run.stderr.contains("no columns note,"), "{more}\n{run}");
            assert_eq!(values(&pair, "note"), before, "{more}");
        }
    }
}

#[test]
fn every_column_that_would_lose_something_is_named() {
    let pair = columns("a int NULL, b int NULL, c int NULL, d AS id * 2, e rowversion", "1, NULL, NULL");
    pair.target("UPDATE dbo.t SET a = NULL, c = 3 WHERE id = 1");
    let run = tool(&pair).run(&["dbo.t"]).exits(1);
    assert!(run.stderr.contains("no columns a, c,") || run.stderr.contains("no columns c, a,"), "{run}");
}

#[test]
fn numbers_that_the_server_gave_are_not_given_anew() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL, mine int IDENTITY(1, 1) NOT NULL)");
    pair.source("INSERT INTO dbo.t VALUES (1), (2)");
    copy(&pair, &["dbo.t"]).says("column mine is in the target only: the server numbers its rows anew");
    let numbers = values(&pair, "mine");
    tool(&pair).run(&["dbo.t"]).exits(1).says("no columns mine,");
    assert_eq!(values(&pair, "mine"), numbers);
    copy(&pair, &["dbo.t", "--fill-missing-columns"]).says("WARN  dbo.t: column mine");
}

#[test]
fn a_definition_that_may_not_be_seen_may_be_anything() {
    let pair = columns("note int NOT NULL DEFAULT 5", "5");
    let Some(login) = crate::util::User::of(&pair) else { return };
    pair.source(&format!("GRANT SELECT ON dbo.t TO [{}]", login.name));
    pair.target(&format!("GRANT SELECT, INSERT, DELETE ON dbo.t TO [{}]", login.name));
    login.program.run(&["dbo.t"]).exits(1).says("no columns note,");
    pair.target(&format!("GRANT VIEW DEFINITION ON dbo.t TO [{}]", login.name));
    login.program.run(&["dbo.t"]).exits(0).says("it gets its default");
}

/// dbo.t (id, day), with so many rows on each side, all of January.
fn rows(source: u32, target: u32) -> Pair {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, day date NOT NULL)");
    for (database, rows) in [(&pair.source, source), (&pair.target, target)] {
        if rows == 0 {
            continue;
        }
        let mut client = database.client();
        client.run("INSERT INTO dbo.t VALUES (0, '2024-01-15')");
        let mut have = 1;
        while have < rows {
            client.run(&format!(
                "INSERT INTO dbo.t SELECT id + {have}, day FROM dbo.t WHERE id + {have} < {rows}"
            ));
            have *= 2;
        }
    }
    pair
}

/// Replaces dbo.t, and expects to be refused with these numbers and the rows as they were.
#[track_caller]
fn refused(pair: &Pair, args: &[&str], source: &str, target: &str) -> ProgramExit {
    let before = ids(&mut pair.target.client());
    let run = tool(pair).run(args).exits(1).says("most rows would be lost").says("--allow-shrink");
    let run = run.says(&format!("the source has {source} rows for the {target} that the target holds"));
    assert_eq!(ids(&mut pair.target.client()), before, "{run}");
    run
}

#[test]
fn an_empty_source_replaces_nothing() {
    for way in WAYS {
        let pair = rows(0, 3);
        refused(&pair, way, "0", "3");
        let loads = pair.target.client().number("SELECT COUNT(*) FROM dbo.t");
        assert_eq!(loads, 3);
        copy(&pair, &[way, &["--allow-shrink"]].concat());
        assert!(ids(&mut pair.target.client()).is_empty());
        // Nothing can be lost any more.
        copy(&pair, way);
    }
    let pair = rows(0, 3);
    let run = tool(&pair).run(&["dbo.t", "--explain"]).exits(1);
    assert!(run.stdout.contains("refused\tdbo.t: most rows would be lost"), "{run}");
}

#[test]
fn most_of_many_rows_do_not_go_unasked() {
    let pair = rows(999, 2_000);
    for way in WAYS {
        refused(&pair, way, "999", "2,000");
        refused(&pair, &[way, &["--allow-shrink=50"]].concat(), "999", "2,000");
    }
    let settings = "[tables.'dbo.t']\nallow_shrink = 51\n";
    tool(&pair).file("replica.toml", settings).run(&["dbo.t"]).exits(0);
    assert_eq!(ids(&mut pair.target.client()).len(), 999);
    // Half may go, and most of fewer than a thousand.
    pair.source("DELETE FROM dbo.t WHERE id >= 3");
    copy(&pair, &["--allow-shrink", "60", "dbo.t"]);
    let pair = rows(500, 1_000);
    copy(&pair, &JANUARY);
    assert_eq!(ids(&mut pair.target.client()).len(), 500);
}

#[test]
fn a_share_is_a_number_of_percent() {
    let pair = rows(1, 1);
    tool(&pair).run(&["dbo.t", "--allow-shrink=101"]).exits(2).says("in percent, from 0 to 100");
    tool(&pair).file("replica.toml", "[tables.t]\nallow_shrink = 'all'\n").run(&["dbo.t"]).exits(2);
    copy(&pair, &["--allow-shrink", "dbo.t"]);
}

#[test]
fn days_that_have_rows_do_not_lose_all_of_them() {
    let pair = rows(3, 3);
    pair.source("UPDATE dbo.t SET day = '2024-02-01'");
    refused(&pair, &JANUARY, "0", "3");
    copy(&pair, &["dbo.t"]);
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t WHERE day = '2024-02-01'"), 3);
}

#[test]
fn a_view_is_counted_since_no_server_estimates_it() {
    let pair = rows(10, 10);
    pair.source("CREATE TABLE dbo.kept (id int NOT NULL, day date NOT NULL)");
    pair.source("INSERT INTO dbo.kept SELECT id, day FROM dbo.t");
    pair.source("DROP TABLE dbo.t");
    pair.source("CREATE VIEW dbo.t AS SELECT id, day FROM dbo.kept WHERE id < 0");
    refused(&pair, &["dbo.t"], "0", "10");
    pair.source("DROP VIEW dbo.t");
    pair.source("CREATE VIEW dbo.t AS SELECT id, day FROM dbo.kept WHERE id < 1");
    copy(&pair, &["dbo.t"]);
    assert_eq!(ids(&mut pair.target.client()), [0]);
}

#[test]
fn a_source_that_is_emptied_during_the_run_is_rolled_back() {
    let pair = rows(0, 10);
    if !pair.server.is_sandbox() {
        return crate::util::skip("only the sandbox tells who has waited");
    }
    // Without a ledger the rows would be read a second time, and the estimate with them.
    pair.both("CREATE TABLE dbo.other (id int NOT NULL)");
    pair.source("INSERT INTO dbo.other VALUES (1)");
    copy(&pair, &["dbo.other"]);
    // Its server counts them as rows already, and they will never be there.
    let mut writer = pair.source.client();
    writer.batch("BEGIN TRANSACTION");
    assert_eq!(writer.number("SELECT COUNT(*) FROM dbo.t WITH (TABLOCKX)"), 0);
    writer.batch("INSERT INTO dbo.t SELECT id, day FROM (VALUES (1, '2024-01-15'), (2, '2024-01-15'), (3, '2024-01-15'), (4, '2024-01-15'), (5, '2024-01-15'), (6, '2024-01-15'), (7, '2024-01-15')) AS new (id, day)");
    let before = ids(&mut pair.target.client());
    let running = tool(&pair).start(&["dbo.t"]);
    let mut observer = pair.source.client();
    let waiting = "SELECT COUNT(*) FROM sys.sandbox_lock_log \
                   WHERE event = 'waiting' AND resource_database_id = DB_ID()";
    until_it_waits(&mut observer, waiting);
    writer.batch("ROLLBACK");
    let run = running
        .finish()
        .exits(1)
        .says("far fewer rows than the servers' estimates let expect; counting them first");
    run.says("the source has 0 rows for the 10 that the target holds");
    assert_eq!(ids(&mut pair.target.client()), before);
}

#[test]
fn a_file_has_its_rows_counted_too() {
    let pair = rows(2, 3);
    let program = tool(&pair);
    let to_file = ["dbo.t", "--full-table-mode", "parquet", "--keep-parquet"];
    program.run(&to_file).exits(0);
    assert_eq!(ids(&mut pair.target.client()), [0, 1]);
    let empty = rows(0, 0);
    let to_folder = program.folder().to_str().expect("plain");
    tool(&empty).run(&[&to_file[..], &["--parquet-dir", to_folder]].concat()).exits(0);
    let from = ["dbo.t", "--full-table-mode", "parquet", "--from", "."];
    let run = program.run(&from).exits(1).says("the source has 0 rows for the 2 that the target holds");
    assert_eq!(ids(&mut pair.target.client()), [0, 1], "{run}");
    program.run(&[&from[..], &["--allow-shrink"]].concat()).exits(0);
    assert!(ids(&mut pair.target.client()).is_empty());
}
