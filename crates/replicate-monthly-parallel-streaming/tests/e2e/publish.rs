//! Windows that are loaded beside the target and published each in one step: what readers see meanwhile, and what is left.
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use replica_testkit::{Pair, Server, watch};

use crate::partitions::partition;
use crate::util::{
    all_months, assert_half_a_year, copy, disabled, fault, half_a_year, outcomes, pair, plain, retries,
    sandbox, tool, until,
};

const CLUSTERED: &str = "CREATE CLUSTERED INDEX ix ON dbo.t (day, id)";
const STAGED: &str = "SELECT COUNT(*) FROM sys.tables WHERE name LIKE 'stage%'";

/// Publishes that the readers of an isolation watch.
const PUBLISHES: usize = 70;
const DAYS: i64 = 20;
const ROWS_OF_A_DAY: i64 = 3;

#[test]
fn windows_of_any_shape_are_copied_over() {
    for (key, index) in [
        ("", ""),
        ("", "CREATE INDEX by_label ON dbo.t (label)"),
        (", CONSTRAINT PK_t PRIMARY KEY (day, id)", "CREATE INDEX by_label ON dbo.t (label)"),
        (", CONSTRAINT ck CHECK (id > -100)", "CREATE CLUSTERED COLUMNSTORE INDEX cci ON dbo.t"),
    ] {
        let pair = pair(key);
        if !index.is_empty() {
            pair.target(index);
        }
        pair.target("INSERT INTO dbo.t (id, day, label) VALUES (-1, '2024-02-29', N'old'), (-2, '2024-07-01', N'stays')");
        let run = copy(&pair, &["--publish", "staged", "--max-workers", "3", "--verify", "hash"]);
        assert_eq!(run.stderr.matches(" | PUBLISH ").count(), 6, "{run}");
        assert_half_a_year(&pair);
        let mut target = pair.target.client();
        assert_eq!(target.number("SELECT COUNT(*) FROM dbo.t WHERE label = N'stays'"), 1);
        assert_eq!((target.number(STAGED), target.number("SELECT COUNT(*) FROM replica.staging")), (0, 0));
        assert_eq!(target.number("SELECT COUNT(*) FROM sys.check_constraints WHERE is_not_trusted = 1 AND parent_object_id = OBJECT_ID('dbo.t')"), 0);
        assert!(disabled(&pair).is_empty());
        let complete =
            "SELECT COUNT(*) FROM replica.windows WHERE state = 'complete' AND verify_ms IS NOT NULL";
        assert_eq!(target.number(complete), 6);
    }
}

#[test]
fn partitions_change_places_or_not_as_asked() {
    let Some(pair) = partition(pair(""), CLUSTERED) else { return };
    for (publish, switched) in [("switch", 6), ("direct", 0), ("staged", 0), ("auto", 6)] {
        let run = copy(&pair, &["--publish", publish]);
        assert_eq!(run.stderr.matches(" | SWITCH ").count(), switched, "{publish}\n{run}");
        assert_half_a_year(&pair);
        assert_eq!(pair.target.client().number(STAGED), 0);
    }
}

/// The table beside a partition promises what the target's checks and foreign keys do, where SWITCH is asked for; `auto` goes
/// the way that it always went.
#[test]
fn partitions_of_a_table_with_constraints_change_places_where_that_is_asked() {
    let Some(pair) = partition(pair(""), CLUSTERED) else { return };
    pair.target(
        "CREATE TABLE dbo.ids (id int NOT NULL PRIMARY KEY); INSERT INTO dbo.ids SELECT id FROM dbo.t",
    );
    let source = &pair.source.name;
    pair.target(&format!(
        "INSERT INTO dbo.ids SELECT DISTINCT id FROM [{source}].dbo.t WHERE id NOT IN (SELECT id FROM dbo.ids)"
    ));
    pair.target("ALTER TABLE dbo.t ADD CONSTRAINT low CHECK (id > -100), CONSTRAINT known FOREIGN KEY (id) REFERENCES dbo.ids (id)");
    pair.target("ALTER TABLE dbo.t WITH NOCHECK ADD CONSTRAINT untrusted CHECK (id < 1000000)");
    const TRUSTED: &str = "SELECT COUNT(*) FROM (SELECT parent_object_id, is_not_trusted FROM sys.check_constraints \
                           UNION ALL SELECT parent_object_id, is_not_trusted FROM sys.foreign_keys) AS promises \
                           WHERE is_not_trusted = 0 AND parent_object_id = OBJECT_ID('dbo.t')";
    for (publish, switched) in [("switch", 6), ("auto", 0)] {
        let run = copy(&pair, &["--publish", publish]);
        assert_eq!(run.stderr.matches(" | SWITCH ").count(), switched, "{publish}\n{run}");
        assert_half_a_year(&pair);
        let mut target = pair.target.client();
        assert_eq!(target.number(STAGED), 0);
        if publish == "switch" {
            assert_eq!(target.number(TRUSTED), 2, "as they were");
        }
    }
}

#[test]
fn windows_that_cannot_change_places_are_refused_where_that_is_asked() {
    for (index, told) in [
        ("", "2024-01 is no partition of its own: the target is not partitioned"),
        (
            "CREATE INDEX ix ON dbo.t (label); ALTER INDEX ix ON dbo.t DISABLE",
            "index ix is disabled (error 4947)",
        ),
    ] {
        let pair = pair("");
        let pair = if index.is_empty() { Some(pair) } else { partition(pair, index) };
        let Some(pair) = pair else { return };
        let before = pair.target.client().number("SELECT COUNT(*) FROM dbo.t");
        tool(&pair).run(&half_a_year(&["--publish", "switch"])).exits(1).says(told);
        assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t"), before);
        let run = tool(&pair).run(&half_a_year(&["--publish", "switch", "--explain"])).exits(1);
        assert!(run.stdout.contains(told), "{run}");
    }
}

/// Somebody adds an index after the plan: the server refuses SWITCH (4947), and the rows stay as they were.
#[test]
fn an_index_too_many_leaves_the_old_rows() {
    let Some(pair) = partition(sandbox(""), CLUSTERED) else { return };
    let program = plain(&pair, "");
    let args = half_a_year(&["--publish", "switch", "--max-workers", "1", "--max-retries", "0"]);
    program.run(&args).exits(0);
    pair.source("UPDATE dbo.t SET label = N'changed'");
    // The load is held up until the index is there.
    let incoming = format!(
        "replica.stage_{}_20240101_20240201_in",
        pair.target.client().number("SELECT OBJECT_ID('dbo.t')")
    );
    fault(&pair, &format!("@fault = 'stall', @table = '{incoming}'"));
    let running = program.start(&args);
    let made = format!("SELECT COUNT(*) FROM sys.tables WHERE object_id = OBJECT_ID('{incoming}')");
    until(&mut pair.target.client(), 1, &made);
    pair.target("CREATE INDEX too_many ON dbo.t (label)");
    fault(&pair, "@fault = 'none'");
    running.finish().exits(1).says("4947").says("Say --publish staged or direct");
    let mut target = pair.target.client();
    assert_eq!(target.number("SELECT COUNT(*) FROM dbo.t WHERE label = N'changed'"), 0);
    assert_eq!(target.number(STAGED), 0);
    copy(&pair, &["--publish", "switch"]);
    assert_half_a_year(&pair);
}

/// Each day of dbo.t has three rows of one version.
fn days(server: Server) -> Pair {
    let pair = Pair::on(server);
    pair.both("CREATE TABLE dbo.t (id int NOT NULL, day date NOT NULL, version int NOT NULL, CONSTRAINT PK_t PRIMARY KEY (day, id))");
    let rows = (0..DAYS * ROWS_OF_A_DAY)
        .map(|id| format!("({id}, DATEADD(day, {}, '2024-01-01'), 0)", id / ROWS_OF_A_DAY));
    let rows = rows.collect::<Vec<_>>().join(", ");
    pair.both(&format!("INSERT INTO dbo.t (id, day, version) VALUES {rows}"));
    pair
}

/// The same with a partition for each day at the target.
fn partitioned_days(server: Server) -> Pair {
    let pair = days(server);
    let days: Vec<_> = (1..=DAYS + 1).map(|day| format!("'2024-01-{day:02}'")).collect();
    for sql in [
        "SELECT id, day, version INTO dbo.old FROM dbo.t; DROP TABLE dbo.t",
        &format!("CREATE PARTITION FUNCTION by_day (date) AS RANGE RIGHT FOR VALUES ({})", days.join(", ")),
        "CREATE PARTITION SCHEME by_day AS PARTITION by_day ALL TO ([PRIMARY])",
        "CREATE TABLE dbo.t (id int NOT NULL, day date NOT NULL, version int NOT NULL, CONSTRAINT PK_t PRIMARY KEY (day, id) ON by_day (day))",
        "INSERT INTO dbo.t (id, day, version) SELECT id, day, version FROM dbo.old; DROP TABLE dbo.old",
    ] {
        pair.target(sql);
    }
    pair
}

/// No day ever has other than three rows, all of one version.
const MIXED: &str = "SELECT COUNT(*) FROM (SELECT day FROM dbo.t GROUP BY day \
                     HAVING COUNT(*) <> 3 OR MIN(version) <> MAX(version)) AS mixed";
const MISSING: &str = "SELECT 20 - COUNT(DISTINCT day) FROM dbo.t";

/// Versions are published day by day, with kills in between, while somebody looks.
fn readers_see_old_or_new(pair: &Pair, publish: &str, set: &str, snapshot: bool, seed: u64) {
    let program = plain(pair, "");
    let args = ["dbo.t", "--start-date", "2024-01-01", "--end-date", "2024-01-20", "--window", "day"];
    let args = [&args[..], &["--publish", publish, "--max-workers", "2"]].concat();
    let over = AtomicBool::new(false);
    let mut published = 0;
    let looks = thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut client = pair.target.client();
            client.batch(set);
            watch(&mut client, [MIXED, MISSING], snapshot, &over)
        });
        let mut version = 0;
        let mut random = seed;
        while published < PUBLISHES {
            version += 1;
            pair.source(&format!("UPDATE dbo.t SET version = {version}"));
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let mut running = program.start(&args);
            let before_the_kill = (random >> 33) as usize % (DAYS as usize - 4);
            for _ in 0..before_the_kill {
                running.until_it_says("[TIMING] dbo.t 2024-");
            }
            let killed = running.kill();
            assert_eq!(killed.code, None, "{killed}");
            let run = program.run(&[&args[..], &["--resume"]].concat()).exits(0);
            published +=
                before_the_kill + outcomes(&run).iter().filter(|(_, outcome)| outcome == "ok").count();
            assert_eq!(
                pair.target.client().number(&format!("SELECT COUNT(*) FROM dbo.t WHERE version = {version}")),
                DAYS * ROWS_OF_A_DAY
            );
            assert_eq!(pair.target.client().number(STAGED), 0, "{run}");
        }
        over.store(true, Ordering::SeqCst);
        watcher.join().unwrap()
    });
    assert!(looks > 20 && published >= PUBLISHES, "{looks} looks at {published} publishes");
}

fn allow(pair: &Pair, option: &str) {
    pair.server.client("master").batch(&format!("ALTER DATABASE [{}] SET {option} ON", pair.target.name));
}

/// With the two that follow more than 200 publishes.
#[test]
fn readers_that_lock_see_old_or_new() {
    readers_see_old_or_new(&days(Server::sandbox()), "staged", "SET LOCK_TIMEOUT 60000", false, 1);
}

#[test]
fn readers_of_committed_versions_see_old_or_new() {
    let pair = partitioned_days(Server::sandbox());
    allow(&pair, "READ_COMMITTED_SNAPSHOT");
    readers_see_old_or_new(&pair, "switch", "SET LOCK_TIMEOUT 60000", false, 2);
}

#[test]
fn readers_of_snapshots_see_old_or_new() {
    let pair = days(Server::sandbox());
    allow(&pair, "ALLOW_SNAPSHOT_ISOLATION");
    readers_see_old_or_new(&pair, "staged", "SET TRANSACTION ISOLATION LEVEL SNAPSHOT", true, 3);
}

#[test]
fn readers_of_snapshots_see_partitions_switched_or_are_told() {
    let pair = partitioned_days(Server::sandbox());
    allow(&pair, "ALLOW_SNAPSHOT_ISOLATION");
    readers_see_old_or_new(&pair, "switch", "SET TRANSACTION ISOLATION LEVEL SNAPSHOT", true, 4);
}

/// The COMMITs of one worker: the ledger's at its beginning, then for each window that of the table beside the target, of
/// its load, and of what is copied over.
#[test]
fn after_a_lost_commit_of_a_copy_the_ledger_decides() {
    for (kind, at, again) in [
        ("cut_before_commit", 4, 1),
        ("cut_after_commit", 4, 0),
        ("cut_before_commit", 2, 1),
        ("cut_after_commit", 3, 1),
    ] {
        let pair = sandbox(", CONSTRAINT PK_t PRIMARY KEY (day, id)");
        copy(&pair, &["--publish", "staged"]);
        fault(&pair, &format!("@fault = '{kind}', @at = {at}"));
        let run = plain(&pair, "").run(&half_a_year(&["--max-workers", "1", "--publish", "staged"])).exits(0);
        assert_eq!((outcomes(&run), retries(&run)), (all_months("ok"), again), "{kind} {at}\n{run}");
        assert_eq!(run.stderr.contains("the ledger says that it happened"), again == 0, "{kind} {at}\n{run}");
        assert_half_a_year(&pair);
        assert_eq!(pair.target.client().number(STAGED), 0);
    }
}

/// Somebody changes a row beside the target before it is read back: it is not published, and the window is loaded once more.
#[test]
fn what_was_loaded_is_proved_before_it_is_published() {
    let pair = sandbox(", CONSTRAINT PK_t PRIMARY KEY (day, id)");
    pair.target("INSERT INTO dbo.t VALUES (-1, '2024-01-15', N'old')");
    let january = ["dbo.t", "--start-date", "2024-01-01", "--end-date", "2024-01-31"];
    let args = [&january[..], &["--publish", "staged", "--verify", "hash"]].concat();
    let mut client = pair.target.client();
    let object = client.number("SELECT OBJECT_ID('dbo.t')");
    let beside = format!("replica.stage_{object}_20240101_20240201_in");
    fault(&pair, &format!("@fault = 'stall', @table = '{beside}'"));
    let running = plain(&pair, "").start(&args);
    let locked = format!(
        "SELECT COUNT(*) FROM sys.dm_tran_locks WHERE request_mode = 'BU' \
         AND resource_associated_entity_id = OBJECT_ID('{beside}')"
    );
    until(&mut client, 1, &locked);
    thread::scope(|scope| {
        let meddler = scope.spawn(|| {
            // The whole table, so that no reader comes in between.
            let meddle = format!("UPDATE {beside} WITH (TABLOCKX) SET label = N'meddled' WHERE id = 0");
            pair.target.client().run(&meddle);
        });
        // It stands in line for the table that is being loaded, before whoever reads it back.
        let waits = format!(
            "SELECT COUNT(*) FROM sys.dm_tran_locks WHERE request_status = 'WAIT' \
             AND resource_associated_entity_id = OBJECT_ID('{beside}')"
        );
        until(&mut client, 1, &waits);
        fault(&pair, "@fault = 'none'");
        meddler.join().unwrap();
    });
    let run = running.finish().exits(0).says("loading it once more");
    assert_eq!(retries(&run), 1, "{run}");
    pair.assert_equal("SELECT id, day, label FROM dbo.t WHERE day < '2024-02-01' ORDER BY id");
    assert_eq!(client.number(STAGED), 0);
}

/// Rows that an index drops in silence are missed before the commit.
#[test]
fn rows_that_an_index_drops_are_not_published() {
    let pair = pair("");
    pair.target("CREATE UNIQUE INDEX ux ON dbo.t (label) WITH (IGNORE_DUP_KEY = ON)");
    pair.target("INSERT INTO dbo.t VALUES (-1, '2024-01-15', N'old')");
    let january = ["dbo.t", "--start-date", "2024-01-01", "--end-date", "2024-01-31"];
    let run = tool(&pair).run(&[&january[..], &["--publish", "staged"]].concat()).exits(1);
    run.says("were copied over");
    assert_eq!(pair.target.client().number("SELECT id FROM dbo.t"), -1);
    assert_eq!(pair.target.client().number(STAGED), 0);
}
