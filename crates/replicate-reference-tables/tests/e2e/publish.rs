//! Whole tables that are loaded beside the target, proved there, and published: copied over, or switched in.
use replica_testkit::{Client, Pair, Running};

use crate::util::{copy, fault, fill, ids, tool, until_it_waits};

pub const STAGED: &str = "SELECT COUNT(*) FROM sys.tables WHERE name LIKE 'stage%'";
pub const ON_RECORD: &str = "SELECT COUNT(*) FROM replica.staging";
const OTHERS: &str = "SELECT COUNT(*) * 100 + SUM(n) FROM dbo.other";

/// `dbo.t (id, label)` with 64 rows at the source, and at the target as said, with old rows and a table beside it.
pub fn pair(target: &[&str]) -> Pair {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label varchar(10) NULL)");
    fill(&mut pair.source.client(), 6);
    pair.target("CREATE TABLE dbo.other (n int NOT NULL); INSERT INTO dbo.other VALUES (1), (2), (3)");
    for sql in target {
        pair.target(sql);
    }
    pair
}

pub const PLAIN: &str =
    "CREATE TABLE dbo.t (id int NOT NULL CONSTRAINT PK_t PRIMARY KEY, label varchar(10) NULL)";
pub const OLD: &str = "INSERT INTO dbo.t (id, label) VALUES (901, 'old'), (902, 'older')";

/// The first column of a result.
fn texts(client: &mut Client, sql: &str) -> Vec<String> {
    let rows = client.rows(sql);
    rows.iter().filter_map(|row| row.get::<&str, _>(0).map(str::to_owned)).collect()
}

/// Nothing of ours is left beside the target.
#[track_caller]
pub fn assert_clean(pair: &Pair) {
    let mut target = pair.target.client();
    assert_eq!((target.number(STAGED), target.number(ON_RECORD)), (0, 0));
    assert_eq!(target.number(OTHERS), 306, "dbo.other is as it was");
}

#[track_caller]
pub fn assert_new(pair: &Pair) {
    pair.assert_equal("SELECT id, label FROM dbo.t ORDER BY id");
    assert_eq!(ids(&mut pair.target.client()).len(), 64);
}

/// Each shape is as it was after both ways, and has the source's rows.
#[test]
fn tables_of_many_shapes_are_published() {
    let shapes: [&[&str]; 7] = [
        &["CREATE TABLE dbo.t (id int NOT NULL, label varchar(10) NULL)"],
        &[
            "CREATE TABLE dbo.t (id int NOT NULL CONSTRAINT PK_t PRIMARY KEY, label varchar(10) NULL CONSTRAINT df DEFAULT 'x', \
             twice AS (id * 2), CONSTRAINT ck CHECK (id > -5), CONSTRAINT uq UNIQUE (label, id))",
            "CREATE INDEX ix ON dbo.t (label DESC) INCLUDE (id)",
        ],
        &["CREATE TABLE dbo.t (id int IDENTITY(5,5) NOT NULL PRIMARY KEY, label varchar(10) NULL)"],
        &[
            "CREATE TABLE dbo.t (id int NOT NULL, label varchar(10) NULL)",
            "CREATE CLUSTERED COLUMNSTORE INDEX cci ON dbo.t",
        ],
        &[
            "CREATE PARTITION FUNCTION pf (int) AS RANGE RIGHT FOR VALUES (10, 20, 500)",
            "CREATE PARTITION SCHEME ps AS PARTITION pf ALL TO ([PRIMARY])",
            "CREATE TABLE dbo.t (id int NOT NULL, label varchar(10) NULL, CONSTRAINT PK_t PRIMARY KEY (id) ON ps (id))",
            "CREATE INDEX ix ON dbo.t (label) ON ps (id)",
        ],
        &[
            "CREATE TABLE dbo.p (label varchar(10) NOT NULL PRIMARY KEY)",
            "INSERT INTO dbo.p VALUES ('new'), ('old'), ('older')",
            PLAIN,
            "ALTER TABLE dbo.t WITH CHECK ADD CONSTRAINT fk FOREIGN KEY (label) REFERENCES dbo.p (label)",
            "ALTER TABLE dbo.t WITH NOCHECK ADD CONSTRAINT doubted CHECK (id < 5000)",
            "ALTER TABLE dbo.t WITH NOCHECK ADD CONSTRAINT idle CHECK (id < 3)",
            "ALTER TABLE dbo.t NOCHECK CONSTRAINT idle",
        ],
        &[
            "CREATE TABLE dbo.t (id int NOT NULL, label varchar(10) NULL, seen rowversion)",
            "CREATE UNIQUE CLUSTERED INDEX ux ON dbo.t (id DESC) WITH (DATA_COMPRESSION = PAGE)",
        ],
    ];
    for shape in shapes {
        for way in ["staged", "switch"] {
            let pair = pair(shape);
            let mut target = pair.target.client();
            let numbered = shape.iter().any(|sql| sql.contains("IDENTITY"));
            if numbered {
                target.run("SET IDENTITY_INSERT dbo.t ON; INSERT INTO dbo.t (id, label) VALUES (900, 'old'); SET IDENTITY_INSERT dbo.t OFF");
            } else {
                target.run(&OLD.replace("'old'), (902, 'older')", "'old')"));
            }
            let catalog = "SELECT name, is_disabled, is_not_trusted FROM sys.check_constraints \
                           WHERE parent_object_id = OBJECT_ID('dbo.t') UNION ALL \
                           SELECT name, is_disabled, is_not_trusted FROM sys.foreign_keys \
                           WHERE parent_object_id = OBJECT_ID('dbo.t') UNION ALL \
                           SELECT name, is_disabled, is_unique FROM sys.indexes \
                           WHERE object_id = OBJECT_ID('dbo.t') UNION ALL \
                           SELECT 'object', OBJECT_ID('dbo.t'), 0 ORDER BY name";
            let before = target.values(catalog);
            for _ in 0..2 {
                let run = copy(&pair, &["dbo.t", "--publish", way, "--verify", "hash", "--allow-shrink"]);
                let phase = if way == "switch" { " | SWITCH " } else { " | PUBLISH " };
                assert!(run.stderr.contains(phase), "{shape:?} {way}\n{run}");
                assert_new(&pair);
                assert_clean(&pair);
                assert_eq!(target.values(catalog), before, "{shape:?} {way}");
            }
            if numbered {
                target.run("INSERT INTO dbo.t (label) VALUES ('next')");
                let next = target.number("SELECT id FROM dbo.t WHERE label = 'next'");
                assert!(next > 64 && (way == "staged" || next == 905), "{way}: {next}");
            }
        }
    }
}

/// SWITCH moves rows and leaves what the statistics say of those that were there.
#[test]
fn statistics_are_those_of_the_new_rows() {
    let pair = pair(&[PLAIN, OLD, "UPDATE STATISTICS dbo.t"]);
    if !pair.server.is_sandbox() {
        return;
    }
    let mut target = pair.target.client();
    let greatest = "SELECT CAST(MAX(CAST(range_high_key AS int)) AS int) FROM sys.dm_db_stats_histogram(OBJECT_ID('dbo.t'), 1)";
    assert_eq!(target.number(greatest), 902);
    copy(&pair, &["dbo.t", "--publish", "switch"]);
    assert_eq!(target.number(greatest), 64);
}

#[test]
fn what_keeps_rows_from_changing_places_is_named_before_anything_is_loaded() {
    for (shape, rules) in [
        (
            &[PLAIN, "CREATE TABLE dbo.child (id int NOT NULL CONSTRAINT fk_child REFERENCES dbo.t (id))"][..],
            &["foreign key fk_child of dbo.child points at it (error 4967)"][..],
        ),
        (
            &[
                "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label varchar(10) SPARSE NULL, up int NULL CONSTRAINT fk_up REFERENCES dbo.t (id))",
            ],
            &[
                "foreign key fk_up of itself points at it (error 4967)",
                "column label has SPARSE (error 11412)",
            ],
        ),
        (
            &[PLAIN, "CREATE INDEX off_now ON dbo.t (label)", "ALTER INDEX off_now ON dbo.t DISABLE"],
            &["index off_now is disabled (error 4947)"],
        ),
        (
            &[
                PLAIN,
                "CREATE VIEW dbo.seen WITH SCHEMABINDING AS SELECT id FROM dbo.t",
                "CREATE UNIQUE CLUSTERED INDEX v ON dbo.seen (id)",
            ],
            &["the indexed view dbo.seen reads it (error 11402)"],
        ),
    ] {
        let pair = pair(shape);
        pair.target(OLD);
        for more in ["--quiet", "--explain"] {
            let run = tool(&pair).run(&["dbo.t", "--publish", "switch", more]).exits(1);
            let told = format!("{}{}", run.stdout, run.stderr);
            assert!(rules.iter().all(|rule| told.contains(rule)), "{rules:?}\n{run}");
            assert!(told.contains("Say --publish staged or direct"), "{run}");
        }
        assert_eq!(ids(&mut pair.target.client()), [901, 902]);
        assert_eq!(pair.target.client().number(STAGED), 0);
    }
}

/// The server that would refuse SWITCH and TRUNCATE for a key takes DELETE, with the key suspended and checked again.
#[test]
fn rows_that_others_point_at_are_copied_over() {
    let pair = pair(&[
        PLAIN,
        "CREATE TABLE dbo.child (id int NOT NULL CONSTRAINT fk_child REFERENCES dbo.t (id))",
        OLD,
        "INSERT INTO dbo.t VALUES (7, 'old')",
        "INSERT INTO dbo.child VALUES (7)",
    ]);
    copy(&pair, &["dbo.t", "--publish", "staged"]).says(" | PUBLISH ");
    assert_new(&pair);
    let mut target = pair.target.client();
    assert_eq!(target.number("SELECT id FROM dbo.child"), 7);
    assert_eq!(target.number("SELECT COUNT(*) FROM sys.foreign_keys WHERE is_not_trusted = 1"), 0);
    // A child without a parent leaves everything as it was.
    target.run("INSERT INTO dbo.t VALUES (99, 'stays'); INSERT INTO dbo.child VALUES (99)");
    tool(&pair).run(&["dbo.t", "--publish", "staged"]).exits(1).says("547");
    assert_eq!(target.number("SELECT COUNT(*) FROM dbo.t WHERE label = 'stays'"), 1);
    assert_clean(&pair);
}

#[test]
fn what_the_target_would_refuse_leaves_the_old_rows() {
    for way in ["staged", "switch"] {
        let pair = pair(&[PLAIN, "ALTER TABLE dbo.t ADD CONSTRAINT ck CHECK (id <> 5)", OLD]);
        let named = if way == "switch" {
            "check ck on the table beside the target"
        } else {
            "CHECK constraint \"ck\""
        };
        tool(&pair).run(&["dbo.t", "--publish", way]).exits(1).says("547").says(named);
        assert_eq!(ids(&mut pair.target.client()), [901, 902], "{way}");
        assert_clean(&pair);
        let trigger = "CREATE TRIGGER dbo.told ON dbo.t AFTER INSERT AS INSERT INTO dbo.other VALUES (9)";
        pair.target("ALTER TABLE dbo.t DROP CONSTRAINT ck");
        pair.target.client().batch(trigger);
        let run = tool(&pair).run(&["dbo.t", "--publish", way]);
        if way == "staged" {
            run.exits(1).says("would fire trigger told");
        } else {
            run.exits(0);
            assert_new(&pair);
        }
        assert_clean(&pair);
    }
}

#[test]
fn a_source_that_has_lost_its_rows_is_not_published() {
    for way in ["staged", "switch"] {
        let pair = pair(&[PLAIN]);
        copy(&pair, &["dbo.t", "--publish", way]);
        pair.source("DELETE FROM dbo.t");
        tool(&pair).run(&["dbo.t", "--publish", way]).exits(1).says("--allow-shrink");
        assert_eq!(ids(&mut pair.target.client()).len(), 64, "{way}");
        assert_clean(&pair);
    }
}

/// Somebody who holds the table for long, here by a lock: ten minutes would not be otherwise.
struct CountingReader(Client);

impl CountingReader {
    fn of(pair: &Pair) -> Self {
        let mut reader = pair.target.client();
        reader.batch("BEGIN TRANSACTION");
        reader.number("SELECT COUNT(*) FROM dbo.t WITH (TABLOCK, HOLDLOCK)");
        Self(reader)
    }

    fn leaves(mut self) {
        self.0.batch("ROLLBACK");
    }
}

/// The tool, until it has stepped back from a reader.
fn stepped_back(pair: &Pair) -> (CountingReader, Running) {
    pair.server.client("master").batch("EXEC sp_sandbox_minute 20");
    let mut reader = CountingReader::of(pair);
    let session = reader.0.number("SELECT CAST(@@SPID AS int)");
    let mut running = tool(pair).start(&["dbo.t", "--publish", "switch"]);
    running.until_it_says("steps back, so that others can pass, and tries again in");
    running.until_it_says(&format!("session {session} holds S (login sa, host "));
    (reader, running)
}

#[test]
fn a_reader_of_ten_minutes_makes_us_step_back() {
    let pair = pair(&[PLAIN, OLD]);
    if !pair.server.is_sandbox() {
        return;
    }
    let (reader, running) = stepped_back(&pair);
    let mut other = pair.target.client();
    other.batch("SET LOCK_TIMEOUT 1000");
    assert_eq!(ids(&mut other), [901, 902], "others pass");
    reader.leaves();
    running.finish().exits(0);
    assert_new(&pair);
    assert_clean(&pair);
}

/// Without WAIT_AT_LOW_PRIORITY, and where rows are copied over, LOCK_TIMEOUT ends the wait.
#[test]
fn copying_over_steps_back_too() {
    let pair = pair(&[PLAIN, OLD]);
    if !pair.server.is_sandbox() {
        return;
    }
    let reader = CountingReader::of(&pair);
    let mut running = tool(&pair).start(&["dbo.t", "--publish", "staged"]);
    running.until_it_says("steps back");
    assert_eq!(ids(&mut pair.target.client()), [901, 902]);
    reader.leaves();
    running.finish().exits(0);
    assert_new(&pair);
    assert_clean(&pair);
}

#[test]
fn a_crash_between_load_and_publishing_leaves_the_old_rows_and_a_table_for_the_next_run() {
    for next in ["direct", "staged", "switch"] {
        let pair = pair(&[PLAIN, OLD, "CREATE SCHEMA replica"]);
        if !pair.server.is_sandbox() {
            return;
        }
        pair.target("CREATE TABLE replica.stage_mine (n int NOT NULL)");
        let (reader, running) = stepped_back(&pair);
        assert_eq!(running.kill().code, None);
        reader.leaves();
        let mut target = pair.target.client();
        assert_eq!(ids(&mut target), [901, 902]);
        assert_eq!((target.number(STAGED), target.number(ON_RECORD)), (3, 2), "two are ours");
        copy(&pair, &["dbo.t", "--publish", next]);
        assert_new(&pair);
        assert_eq!(
            texts(&mut target, "SELECT name FROM sys.tables WHERE name LIKE 'stage%'"),
            ["stage_mine"]
        );
        assert_eq!(target.number(ON_RECORD), 0, "{next}");
    }
}

#[test]
fn a_crash_between_the_switches_leaves_the_old_rows() {
    let pair = pair(&[PLAIN, OLD]);
    if !pair.server.is_sandbox() {
        return;
    }
    let (reader, running) = stepped_back(&pair);
    let mut target = pair.target.client();
    let incoming =
        &texts(&mut target, "SELECT table_name FROM replica.staging WHERE table_name LIKE '%in'")[0];
    let mut other = pair.target.client();
    other.batch("BEGIN TRANSACTION");
    other.number(&format!("SELECT COUNT(*) FROM replica.{} WITH (TABLOCK, HOLDLOCK)", incoming));
    reader.leaves();
    // It has the target by now, and waits for the table with the new rows.
    let waiting = "SELECT COUNT(*) FROM sys.dm_tran_locks AS l WHERE l.request_status = 'WAIT' \
                   AND l.request_mode = 'Sch-M' AND l.resource_associated_entity_id = OBJECT_ID('replica.{}')";
    until_it_waits(&mut pair.target.client(), &waiting.replace("{}", incoming));
    assert_eq!(running.kill().code, None);
    other.batch("ROLLBACK");
    assert_eq!(ids(&mut target), [901, 902]);
    copy(&pair, &["dbo.t", "--publish", "switch"]);
    assert_new(&pair);
    assert_clean(&pair);
}

#[test]
fn what_dead_runs_have_left_is_cleaned_up_and_nothing_else() {
    let pair = pair(&[PLAIN, OLD]);
    if !pair.server.is_sandbox() {
        return;
    }
    let mut target = pair.target.client();
    tool(&pair).run(&["--clean-up"]).exits(0).says("no run that is dead");
    let (reader, running) = stepped_back(&pair);
    let run = tool(&pair).run(&["--clean-up"]).exits(0).says("is alive, or may be");
    assert_eq!((run.stdout.as_str(), target.number(ON_RECORD)), ("", 2));
    assert_eq!(running.kill().code, None);
    reader.leaves();
    target.run("CREATE TABLE replica.stage_mine (n int NOT NULL)");
    pair.server.client("master").batch("EXEC sp_sandbox_clock 300");
    let run = tool(&pair).run(&["--clean-up"]).exits(0);
    assert_eq!(run.stdout.matches("\tdropped").count(), 2, "{run}");
    assert_eq!((target.number(STAGED), target.number(ON_RECORD)), (1, 0));
    assert_eq!(ids(&mut target), [901, 902]);
}

/// The COMMITs of a table: of the tables beside it, of the load, and of what publishes.
#[test]
fn a_commit_whose_answer_is_lost_is_done_again() {
    for way in ["staged", "switch"] {
        let pair = pair(&[PLAIN, OLD]);
        if !pair.server.is_sandbox() {
            return;
        }
        copy(&pair, &["dbo.t", "--publish", way]);
        for (kind, at) in [
            ("cut_before_commit", 1),
            ("cut_before_commit", 2),
            ("cut_before_commit", 3),
            ("cut_after_commit", 1),
            ("cut_after_commit", 2),
            ("cut_after_commit", 3),
        ] {
            pair.target("DELETE FROM dbo.t WHERE id > 60");
            fault(&pair, &format!("@fault = '{kind}', @at = {at}"));
            let run = copy(&pair, &["dbo.t", "--publish", way, "--verify", "hash"]);
            assert!(run.stderr.contains("retry 1"), "{way} {kind} {at}\n{run}");
            assert_new(&pair);
            assert_clean(&pair);
        }
    }
}

#[test]
fn an_interrupted_run_takes_its_tables_with_it() {
    let pair = pair(&[PLAIN, OLD]);
    if !pair.server.is_sandbox() {
        return;
    }
    let (reader, running) = stepped_back(&pair);
    running.signal("TERM");
    running.finish().exits(143);
    reader.leaves();
    assert_eq!(ids(&mut pair.target.client()), [901, 902]);
    assert_clean(&pair);
}

#[test]
fn readers_and_costs_are_explained() {
    let pair = pair(&[PLAIN, OLD]);
    for (way, told) in [
        ("direct", "direct. Readers: all wait from TRUNCATE to the commit"),
        ("auto", "direct. Readers: all wait from TRUNCATE to the commit"),
        ("staged", "staged. Cost: the rows are written twice"),
        ("switch", "switch. Readers: all see the old rows until the rows change places"),
    ] {
        let run = tool(&pair).run(&["dbo.t", "--explain", "--publish", way]).exits(0);
        assert!(run.stdout.contains(told), "{way}\n{run}");
        assert_eq!(run.stdout.contains("WAIT_AT_LOW_PRIORITY"), way == "switch", "{way}\n{run}");
    }
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM sys.schemas WHERE name = 'replica'"), 0);
    let run = tool(&pair).run(&["dbo.t", "--publish", "staged", "--apply", "difference"]).exits(2);
    run.says("Leave out either");
}

/// Keys of every kind divide a table, and all streams meet beside the target.
#[test]
fn several_streams_load_a_table_that_is_published_at_once() {
    for (key, way, streams) in [
        ("id int NOT NULL PRIMARY KEY, label varchar(10) NULL", "staged", 4),
        (
            "id int NOT NULL, label varchar(10) NOT NULL, CONSTRAINT PK_t PRIMARY KEY (label, id DESC)",
            "switch",
            3,
        ),
        ("id int NULL, label varchar(10) NULL, INDEX ix CLUSTERED (id)", "staged", 2),
        // Nothing divides a heap: one stream.
        ("id int NOT NULL, label varchar(10) NULL", "staged", 0),
    ] {
        let pair = Pair::new();
        pair.both(&format!("CREATE TABLE dbo.t ({key})"));
        pair.target("CREATE TABLE dbo.other (n int NOT NULL); INSERT INTO dbo.other VALUES (1), (2), (3)");
        fill(&mut pair.source.client(), 9);
        pair.source("UPDATE dbo.t SET label = CHAR(65 + id % 26) WHERE id % 2 = 0");
        if key.contains("id int NULL") {
            pair.source("INSERT INTO dbo.t (id, label) VALUES (NULL, 'none'), (-2147483648, 'least'), (2147483647, 'last')");
        }
        pair.target(OLD);
        let args = ["dbo.t", "--streams", "4", "--publish", way, "--verify", "hash", "--allow-shrink"];
        let explained = tool(&pair).run(&[&args[..], &["--explain"]].concat()).exits(0);
        assert_eq!(explained.stdout.contains("4 at once, each some ranges of"), streams > 0, "{explained}");
        let run = copy(&pair, &args);
        assert_eq!(run.stderr.contains(" boundaries "), streams > 0, "{key}\n{run}");
        assert_eq!(run.stderr.contains("one stream, since nothing divides its rows"), streams == 0, "{run}");
        if streams > 0 && pair.server.is_sandbox() {
            assert!(run.stderr.contains("does not allow SNAPSHOT isolation: a row whose key moves"), "{run}");
        }
        pair.assert_equal("SELECT id, label FROM dbo.t ORDER BY id, label");
        assert_clean(&pair);
    }
    let pair = pair(&[PLAIN]);
    for refused in [&["--publish", "direct"][..], &["--full-table-mode", "parquet"]] {
        tool(&pair).run(&[&["dbo.t", "--streams", "2"], refused].concat()).exits(2).says("--streams");
    }
}

/// A key that moves from range to range is neither missed nor doubled: all streams see one moment of the source.
#[test]
fn streams_read_one_snapshot() {
    let pair = pair(&[PLAIN, OLD]);
    if !pair.server.is_sandbox() {
        return;
    }
    let allow = format!("ALTER DATABASE [{}] SET ALLOW_SNAPSHOT_ISOLATION ON", pair.source.name);
    pair.server.client("master").batch(&allow);
    let before = pair.source.client().values("SELECT id, label FROM dbo.t ORDER BY id");
    let object = pair.target.client().number("SELECT OBJECT_ID('dbo.t')");
    // All streams have begun when the first load has; what is read after that has changed meanwhile.
    fault(&pair, &format!("@fault = 'stall', @table = 'replica.stage_{object}_1_in', @count = 2"));
    let running = tool(&pair).start(&["dbo.t", "--streams", "2", "--verify", "hash"]);
    until_it_waits(
        &mut pair.target.client(),
        &format!(
            "SELECT COUNT(*) FROM sys.dm_tran_locks WHERE request_mode = 'BU' AND resource_associated_entity_id = OBJECT_ID('replica.stage_{object}_1_in')"
        ),
    );
    pair.source("UPDATE dbo.t SET id = id + 1000 WHERE id <= 32; DELETE FROM dbo.t WHERE id = 64");
    fault(&pair, "@fault = 'none'");
    let run = running.finish().exits(0);
    assert!(!run.stderr.contains("may be missed"), "{run}");
    assert_eq!(pair.target.client().values("SELECT id, label FROM dbo.t ORDER BY id"), before);
    assert_clean(&pair);
}

/// A writer at the source keeps the streams from a moment of their own: that is said, and the copy goes on.
#[test]
fn streams_say_so_where_they_have_no_moment_in_common() {
    let pair = pair(&[PLAIN, OLD]);
    if !pair.server.is_sandbox() {
        return;
    }
    let allow = format!("ALTER DATABASE [{}] SET ALLOW_SNAPSHOT_ISOLATION ON", pair.source.name);
    pair.server.client("master").batch(&allow);
    let mut writer = pair.source.client();
    writer.batch("BEGIN TRANSACTION");
    writer.batch("UPDATE dbo.t SET label = 'open' WHERE id = 1");
    let run = copy(&pair, &["dbo.t", "--streams", "3"]).says("each stream has a snapshot of its own");
    writer.batch("ROLLBACK");
    assert_new(&pair);
    drop(run);
}
