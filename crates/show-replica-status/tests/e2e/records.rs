//! Whole tables and ETL runs are on record while they run, and no load depends on that.
use replica_testkit::{Pair, Program};

use crate::util::{QUARTER, beside, fault, leases_are_over, login, only, pair, shown, status, tool, until};

const WHOLE: &str = "replicate-reference-tables";
const ETL: &str = "run-replica-etl";
const CHANGES: &str = "replicate-changes";

/// A load of dbo.t that has begun and stands still.
fn stalled(pair: &Pair, program: &Program, args: &[&str]) -> replica_testkit::Running {
    fault(pair, "@fault = 'stall', @table = 'dbo.t', @count = 100");
    let running = program.start(args);
    let loading = "SELECT COUNT(*) FROM sys.dm_tran_locks WHERE request_mode = 'Sch-M' AND request_status = 'GRANT' \
                   AND resource_associated_entity_id = OBJECT_ID('dbo.t')";
    until(&mut pair.target.client(), 1, loading);
    running
}

fn rows(pair: &Pair, outcome: &str) -> i64 {
    let sql = format!(
        "SELECT COUNT(*) FROM replica.runs WHERE outcome = '{outcome}' AND phase = 'ended' AND ended IS NOT NULL"
    );
    pair.target.client().number(&sql)
}

#[test]
fn a_whole_table_is_on_record_while_it_is_loaded() {
    let pair = pair();
    let program = beside(&pair, WHOLE);
    program.run(&["dbo.t"]).exits(0);
    let running = stalled(&pair, &program, &["dbo.t"]);
    let look = status(&pair, 0);
    let run = only(&look, "run");
    assert_eq!(["table", "state", "tool"].map(|column| run.get(column)), ["dbo.t", "alive", WHOLE], "{look}");
    assert_eq!(
        (run.get("estimated_rows"), run.get("complete")),
        ("90", ""),
        "what the last run has loaded\n{look}"
    );
    fault(&pair, "@fault = 'none'");
    running.finish().exits(0);
    let look = status(&pair, 0);
    let table = only(&look, "table");
    assert_eq!(["state", "tool", "rows"].map(|column| table.get(column)), ["ok", WHOLE, "90"], "{look}");
    assert!(!table.get("last_success").is_empty() && shown(&look, "run").is_empty(), "{look}");
    assert_eq!(rows(&pair, "ok"), 2);
}

#[test]
fn an_etl_run_and_its_tables_are_on_record() {
    let pair = pair();
    let program = beside(&pair, ETL).file("replica.toml", "reference_tables = ['dbo.t']\n");
    let running = stalled(&pair, &program, &["--t1"]);
    let look = status(&pair, 0);
    let runs: Vec<_> = shown(&look, "run")
        .iter()
        .map(|run| (run.get("table").to_owned(), run.get("tool").to_owned()))
        .collect();
    assert_eq!(runs, [("dbo.t".to_owned(), ETL.to_owned()), (String::new(), ETL.to_owned())], "{look}");
    tool(&pair)
        .run(&["--output", "text"])
        .exits(0)
        .says("2 runs are at work")
        .says("all tables: run-replica-etl");
    fault(&pair, "@fault = 'none'");
    running.finish().exits(0);
    let look = status(&pair, 0);
    assert_eq!((only(&look, "etl").get("state"), only(&look, "etl").get("rows")), ("ok", "90"), "{look}");
    assert_eq!(only(&look, "table").get("state"), "ok", "{look}");

    pair.target("ALTER TABLE dbo.t DROP COLUMN n");
    program.run(&["--t1"]).exits(1);
    let look = status(&pair, 1);
    assert!(only(&look, "etl").get("error").contains("1 of 1 tables failed: dbo.t"), "{look}");
}

#[test]
fn what_was_killed_is_dead_until_the_next_run_says_that_it_crashed() {
    let pair = pair();
    let program = beside(&pair, WHOLE);
    let running = stalled(&pair, &program, &["dbo.t"]);
    assert_eq!(running.kill().code, None);
    fault(&pair, "@fault = 'none'");
    leases_are_over(&pair);
    assert_eq!(only(&status(&pair, 1), "run").get("state"), "dead");
    program.run(&["dbo.t"]).exits(0);
    assert_eq!((rows(&pair, "crashed"), rows(&pair, "ok")), (1, 1));
    assert!(shown(&status(&pair, 0), "run").is_empty());
}

#[test]
fn a_signal_is_on_record_too() {
    for (signal, code, outcome) in [("INT", 130, "interrupted"), ("TERM", 143, "terminated")] {
        let pair = pair();
        let running = stalled(&pair, &beside(&pair, WHOLE), &["dbo.t"]);
        running.signal(signal);
        running.finish().exits(code);
        assert_eq!(rows(&pair, outcome), 1);
        assert_eq!(
            only(&status(&pair, 0), "table").get("state"),
            outcome,
            "somebody stopped it: nothing is wrong"
        );
    }
}

#[test]
fn a_failure_and_its_reason_are_on_record() {
    let pair = pair();
    pair.target("ALTER TABLE dbo.t ADD CONSTRAINT CK_n CHECK (n < 25)");
    beside(&pair, WHOLE).run(&["dbo.t", "--check-constraints"]).exits(1);
    let look = status(&pair, 1);
    let table = only(&look, "table");
    assert_eq!((table.get("state"), table.get("last_success")), ("failed", ""), "{look}");
    assert!(table.get("error").contains("CK_n"), "{look}");
}

#[test]
fn attempts_that_came_to_nothing_are_one_run_with_their_time() {
    let pair = pair();
    fault(&pair, "@fault = 'deadlock', @table = 'dbo.t'");
    let run = beside(&pair, WHOLE).run(&["dbo.t"]).exits(0);
    assert!(run.stderr.contains("[TIMING] dbo.t: LOST "), "{run}");
    assert_eq!(pair.target.client().number("SELECT retries FROM replica.runs WHERE outcome = 'ok'"), 1);
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM replica.runs"), 1);
}

/// Who may not make or write a ledger copies as before, and is told so once.
#[test]
fn without_rights_on_the_ledger_a_copy_goes_on() {
    let pair = pair();
    pair.both("CREATE TABLE dbo.other (id int NOT NULL)");
    let target = login(&pair, "loader");
    pair.target("GRANT SELECT, INSERT, DELETE, ALTER ON SCHEMA::dbo TO loader");
    let program = beside(&pair, WHOLE).with("REPLICA_TARGET", &target);
    let run = program.run(&["dbo.t", "dbo.other"]).exits(0);
    assert_eq!(run.stderr.matches("not on record").count(), 1, "{run}");
    assert!(!run.stderr.contains("CREATE TABLE replica"), "no statements for a run that needs none\n{run}");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM sys.schemas WHERE name = 'replica'"), 0);
    pair.assert_equal("SELECT id, day, n FROM dbo.t ORDER BY day, id");
    // One that may see it, and not write.
    beside(&pair, WHOLE).run(&["dbo.other"]).exits(0);
    pair.target("GRANT SELECT ON SCHEMA::replica TO loader");
    program.run(&["dbo.t"]).exits(0).says("not on record");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM replica.runs"), 1);
}

/// Whoever holds the ledger's table keeps no load waiting, neither before it nor after it.
#[test]
fn a_locked_ledger_keeps_no_load_waiting() {
    let pair = pair();
    let program = beside(&pair, WHOLE);
    program.run(&["dbo.t"]).exits(0);
    pair.source("DELETE FROM dbo.t WHERE id = 7");
    let mut other = pair.target.client();
    other.batch("BEGIN TRANSACTION");
    other.run("SELECT run_id FROM replica.runs WITH (TABLOCKX, HOLDLOCK)");
    program.run(&["dbo.t"]).exits(0).says("not on record");
    other.batch("ROLLBACK");
    pair.assert_equal("SELECT id, day, n FROM dbo.t ORDER BY day, id");
}

/// An older program meets a newer ledger: it copies, and writes nothing that it does not understand.
#[test]
fn a_newer_ledger_is_left_alone() {
    let pair = pair();
    let program = beside(&pair, WHOLE);
    program.run(&["dbo.t"]).exits(0);
    pair.target("UPDATE replica.ledger SET version = 99");
    program.run(&["dbo.t"]).exits(0).says("another release");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM replica.runs"), 1);
}

/// A table that could not begin, as each tool that copies tables leaves it.
#[test]
fn a_table_that_could_not_begin_is_on_record_as_failed() {
    let pair = pair();
    let config = "reference_tables = ['dbo.t']\n";
    beside(&pair, WHOLE).run(&["dbo.t"]).exits(0);
    pair.target("ALTER TABLE dbo.t DROP COLUMN n");
    beside(&pair, WHOLE).run(&["dbo.t", "--explain"]).exits(1);
    assert_eq!(rows(&pair, "failed"), 0, "a look is no run");
    beside(&pair, WHOLE).run(&["slip"]).exits(1);
    assert_eq!(rows(&pair, "failed"), 0, "a slip is no table");
    let runs: [(&str, &[&str]); 3] =
        [(WHOLE, &["dbo.t"]), (ETL, &["--t1"]), ("replicate-monthly-parallel-streaming", &QUARTER)];
    for (tool, args) in runs {
        let program = beside(&pair, tool).file("replica.toml", config);
        program.run(args).exits(1);
        let look = status(&pair, 1);
        let table = only(&look, "table");
        assert_eq!(
            ["table", "state", "tool"].map(|column| table.get(column)),
            ["dbo.t", "failed", tool],
            "{look}"
        );
        assert!(table.get("error").contains("only: n"), "{look}");
        assert!(!table.get("last_success").is_empty(), "{look}");
        let text = text(&pair);
        assert_eq!(text.matches("dbo.t: ").count(), 1, "{text}");
    }
}

fn text(pair: &Pair) -> String {
    tool(pair).run(&["--output", "text"]).exits(1).stdout
}

#[test]
fn a_table_that_another_run_holds_has_not_failed() {
    let pair = pair();
    let program = beside(&pair, WHOLE);
    let running = stalled(&pair, &program, &["dbo.t"]);
    beside(&pair, WHOLE).run(&["dbo.t"]).exits(4);
    fault(&pair, "@fault = 'none'");
    running.finish().exits(0);
    assert_eq!((rows(&pair, "failed"), rows(&pair, "ok")), (0, 1));
}

/// One that replicate-changes cannot begin, and that it carries on with afterwards though nothing has changed.
#[test]
fn a_table_whose_changes_cannot_be_carried_over_is_on_record_until_they_can() {
    let pair = pair();
    let program = beside(&pair, CHANGES);
    pair.source(&format!("ALTER DATABASE [{}] SET CHANGE_TRACKING = ON", pair.source.name));
    pair.source("ALTER TABLE dbo.t ENABLE CHANGE_TRACKING");
    program.run(&["dbo.t"]).exits(0);
    pair.target("ALTER TABLE dbo.t ALTER COLUMN n smallint NULL");
    pair.source("ALTER TABLE dbo.t ADD more int NULL");
    for failures in 1..=2 {
        program.run(&["dbo.t"]).exits(1);
        let look = status(&pair, 1);
        let (table, run) = (only(&look, "table"), only(&look, "changes"));
        assert_eq!((table.get("state"), table.get("tool")), ("failed", CHANGES), "{look}");
        assert!(table.get("error").contains("more"), "{look}");
        assert_eq!(run.get("state"), "failed", "{look}");
        assert!(run.get("error").contains("1 of 1 tables failed: dbo.t"), "{look}");
        assert_eq!(rows(&pair, "failed"), 2 * failures, "the table's and the run's");
    }
    tool(&pair).run(&["--output", "text"]).exits(1).says("the last run of replicate-changes failed");
    pair.source("ALTER TABLE dbo.t DROP COLUMN more");
    pair.target("ALTER TABLE dbo.t ALTER COLUMN n int NULL");
    program.run(&["dbo.t"]).exits(0);
    let look = status(&pair, 0);
    assert_eq!(
        ["table", "changes"].map(|what| only(&look, what).get("state").to_owned()),
        ["ok", "ok"],
        "{look}"
    );
    let before = rows(&pair, "ok");
    program.run(&["dbo.t"]).exits(0);
    assert_eq!(rows(&pair, "ok"), before, "a round without changes leaves no row");
}

/// A keeper that goes on tells of a failure once.
#[test]
fn what_fails_in_every_round_is_on_record_once() {
    let pair = pair();
    pair.both("CREATE TABLE dbo.bare (id int NOT NULL PRIMARY KEY)");
    pair.source(&format!("ALTER DATABASE [{}] SET CHANGE_TRACKING = ON", pair.source.name));
    pair.source("ALTER TABLE dbo.t ENABLE CHANGE_TRACKING");
    let running = beside(&pair, CHANGES).start(&["dbo.t", "dbo.bare", "--every", "1s"]);
    let mut client = pair.target.client();
    until(&mut client, 1, "SELECT COUNT(*) FROM sys.tables WHERE name = 'versions'");
    let failed =
        "SELECT COUNT(*) FROM replica.runs WITH (NOLOCK) WHERE table_name = 'bare' AND outcome = 'failed'";
    until(&mut client, 1, failed);
    let at = |client: &mut replica_testkit::Client| {
        client.values("SELECT as_of FROM replica.versions WITH (NOLOCK) WHERE table_name = 't'")
    };
    for _ in 0..2 {
        let before = at(&mut client);
        let begun = std::time::Instant::now();
        while at(&mut client) == before {
            assert!(begun.elapsed() < std::time::Duration::from_secs(60), "no further round");
            std::thread::yield_now();
        }
    }
    assert_eq!(client.number(failed), 1);
    let look = status(&pair, 1);
    let states: Vec<_> = shown(&look, "table")
        .iter()
        .map(|table| [table.get("table"), table.get("state")].join(" "))
        .collect();
    assert_eq!(states, ["dbo.bare failed", "dbo.t ok"], "{look}");
    running.signal("TERM");
    running.finish().exits(143);
}

/// No tool knows anything of any table where the source is not there; the target is, and its ledger.
#[test]
fn a_run_that_cannot_reach_its_source_is_on_record_until_its_tool_begins_again() {
    let pair = pair();
    let config = "reference_tables = ['dbo.t']\n";
    beside(&pair, WHOLE).run(&["dbo.t"]).exits(0);
    pair.source(&format!("ALTER DATABASE [{}] SET CHANGE_TRACKING = ON", pair.source.name));
    pair.source("ALTER TABLE dbo.t ENABLE CHANGE_TRACKING");
    let runs: [(&str, &[&str], &str); 4] = [
        (WHOLE, &["dbo.t"], "tool"),
        (ETL, &["--t1"], "etl"),
        (CHANGES, &["dbo.t"], "changes"),
        ("replicate-monthly-parallel-streaming", &QUARTER, "tool"),
    ];
    for (tool, args, what) in runs {
        let program = beside(&pair, tool).file("replica.toml", config);
        let lost = beside(&pair, tool).file("replica.toml", config).with(
            "REPLICA_SOURCE",
            "Server=127.0.0.1,1;Database=nowhere;User Id=u;Password=p;ConnectRetryCount=0",
        );
        if tool != ETL {
            lost.run(&[args, &["--explain"]].concat()).exits(3);
            assert_eq!(rows(&pair, "failed"), 0, "a look is no run");
        }
        lost.run(args).exits(3);
        let look = status(&pair, 1);
        let run = only(&look, what);
        assert_eq!((run.get("state"), run.get("tool")), ("failed", tool), "{look}");
        assert!(run.get("error").contains("nowhere"), "{look}");
        program.run(args).exits(0);
        let look = status(&pair, 0);
        assert!(shown(&look, what).iter().all(|run| run.get("state") == "ok"), "{look}");
        pair.target("DELETE FROM replica.runs");
    }
}

/// A login that is refused again and again is locked: nobody tries once more to say that it was refused.
#[test]
fn a_target_that_does_not_let_a_run_in_is_not_asked_for_its_record() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let pair = pair();
    let closing = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closing.local_addr().unwrap().port();
    let came = Arc::new(AtomicUsize::new(0));
    let counted = came.clone();
    std::thread::spawn(move || {
        for connection in closing.incoming() {
            counted.fetch_add(1, Ordering::SeqCst);
            drop(connection);
        }
    });
    let target = format!("Server=127.0.0.1,{port};Database=d;User Id=u;Password=p;ConnectRetryCount=0");
    for (tool, args) in [(WHOLE, "dbo.t"), (ETL, "--t1"), (CHANGES, "dbo.t")] {
        let program = beside(&pair, tool).file("replica.toml", "reference_tables = ['dbo.t']\n");
        program.with("REPLICA_TARGET", &target).run(&[args]).exits(3);
        assert_eq!(came.swap(0, Ordering::SeqCst), 1, "{tool}");
    }
}
