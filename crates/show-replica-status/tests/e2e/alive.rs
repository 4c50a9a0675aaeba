//! What is at work: alive or dead, how far, how fast, and whom it waits for.
use replica_testkit::Pair;

use crate::util::{
    MONTHLY, QUARTER, beside, fault, leases_are_over, months, only, pair, shown, status, tool, until,
    until_loading,
};

#[test]
fn where_nothing_ever_ran_all_is_well() {
    let pair = Pair::new();
    let run = tool(&pair).run(&["--output", "text"]).exits(0);
    assert!(run.stdout.contains("There is no ledger"), "{run}");
    assert_eq!(status(&pair, 0).stdout, "");
    let schemas = "SELECT COUNT(*) FROM sys.schemas WHERE name = 'replica'";
    assert_eq!(pair.target.client().number(schemas), 0, "nothing is made");
}

#[test]
fn a_run_at_work_is_alive_and_one_that_was_killed_is_dead() {
    let pair = pair();
    months(&pair).exits(0);
    fault(&pair, "@fault = 'stall', @table = 'dbo.t', @at = 2, @count = 100");
    let running = beside(&pair, MONTHLY).start(&[&QUARTER, &["--max-workers", "1"][..]].concat());
    // The first month is done, the second one stalls.
    let mut client = pair.target.client();
    until(
        &mut client,
        1,
        "SELECT COUNT(*) FROM replica.windows WITH (NOLOCK) WHERE state = 'loading' AND first_date > '2024-01-01'",
    );
    let look = status(&pair, 0);
    let run = only(&look, "run");
    assert_eq!(
        ["table", "state", "tool"].map(|column| run.get(column)),
        ["dbo.t", "alive", MONTHLY],
        "{look}"
    );
    assert_eq!(run.windows(), ["1", "0", "1", "1", "0"], "{look}");
    assert_eq!((run.get("rows"), run.get("estimated_rows")), ("30", "90"), "{look}");
    assert!(!run.get("rows_per_s").is_empty() && !run.get("eta_seconds").is_empty(), "{look}");
    assert!(["2024-02", "2024-03"].contains(&run.get("oldest_window")), "{look}");
    // The run before it is what the table shows.
    let table = only(&look, "table");
    assert_eq!((table.get("state"), table.get("last_success").len()), ("ok", 19), "{look}");

    let pid = run.get("pid").to_owned();
    assert_eq!(running.kill().code, None);
    fault(&pair, "@fault = 'none'");
    // Its lease is not over yet.
    assert_eq!(only(&status(&pair, 0), "run").get("state"), "alive");
    leases_are_over(&pair);
    let look = status(&pair, 1);
    let dead = only(&look, "run");
    assert_eq!((dead.get("state"), dead.get("pid")), ("dead", pid.as_str()), "{look}");
    assert_eq!((dead.get("rows_per_s"), dead.get("eta_seconds")), ("", ""), "the dead have no pace\n{look}");
    tool(&pair).run(&["--output", "text"]).exits(1).says("1 run died").says("no sign of life for");

    beside(&pair, MONTHLY).run(&[&QUARTER, &["--resume"][..]].concat()).exits(0);
    let look = status(&pair, 0);
    assert!(shown(&look, "run").is_empty(), "{look}");
    assert_eq!(only(&look, "table").windows(), ["3", "0", "0", "0", "0"], "{look}");
}

#[test]
fn whom_a_run_waits_for_is_named() {
    let pair = pair();
    let mut other = pair.target.client();
    other.batch("BEGIN TRANSACTION");
    other.batch("INSERT INTO dbo.t VALUES (1, '2024-02-15', 0)");
    let running =
        beside(&pair, MONTHLY).start(&[&QUARTER, &["--max-workers", "1", "--allow-shrink"][..]].concat());
    let mut client = pair.target.client();
    until(&mut client, 1, "SELECT COUNT(*) FROM sys.dm_exec_requests WHERE blocking_session_id <> 0");
    until_loading(&pair, 1);
    until(&mut client, 1, "SELECT COUNT(*) FROM sys.dm_exec_requests WHERE blocking_session_id <> 0");
    let holder = other.number("SELECT @@SPID");
    let look = status(&pair, 0);
    let run = only(&look, "run");
    assert!(run.get("blocked_by").starts_with(&format!("session {holder} (login sa, ")), "{look}");
    tool(&pair).run(&["--output", "text"]).exits(0).says(&format!("held by session {holder}"));
    other.batch("ROLLBACK");
    running.finish().exits(0);
}

#[test]
fn an_etl_run_is_seen_by_its_lock() {
    let pair = Pair::new();
    let mut other = pair.target.client();
    other
        .run("EXEC sp_getapplock @Resource = 'replica run', @LockMode = 'Exclusive', @LockOwner = 'Session'");
    tool(&pair).run(&["--output", "text"]).exits(0).says("A run of run-replica-etl holds it now");
    let taken = other.number("SELECT COUNT(*) FROM sys.dm_tran_locks WHERE resource_type = 'APPLICATION'");
    assert_eq!(taken, 1, "the lock is asked for, not taken");
}
