//! Several processes divide the windows, as several hosts would.
use std::collections::HashMap;

use replica_testkit::{Pair, ProgramExit, Running};

use crate::util::{
    MONTHS, assert_half_a_year, disabled, fault, half_a_year, no_fault, plain, sandbox, tool, until,
};

fn stage() -> Pair {
    let pair = sandbox(", CONSTRAINT PK_t PRIMARY KEY CLUSTERED (day, id)");
    pair.target("CREATE INDEX ix_label ON dbo.t (label)");
    // Looked at before the first host has made it.
    pair.target("CREATE SCHEMA replica");
    pair.target(replica_core::ledger::DDL);
    pair
}

fn host(pair: &Pair) -> Running {
    plain(pair, "").start(&half_a_year(&["--shared", "--max-workers", "1"]))
}

/// Which window was told by how many.
fn told(runs: &[ProgramExit]) -> HashMap<String, usize> {
    let mut told = HashMap::new();
    for line in runs.iter().flat_map(ProgramExit::lines) {
        assert_eq!(line[2], "ok", "{line:?}");
        *told.entry(line[1].to_owned()).or_default() += 1;
    }
    told
}

#[track_caller]
fn assert_all_done(pair: &Pair) {
    assert_half_a_year(pair);
    let mut client = pair.target.client();
    let complete = "SELECT COUNT(*) FROM replica.windows WHERE state = 'complete'";
    assert_eq!(client.number(complete), MONTHS.len() as i64);
    assert_eq!(client.number("SELECT COUNT(*) FROM replica.disabled_indexes"), 0);
    assert_eq!(disabled(pair), [""; 0]);
    let rows = client.rows("EXEC sp_sandbox_index_counters 'dbo.t'");
    let rebuilds: Vec<i64> = rows.iter().filter_map(|row| row.get("rebuilds")).collect();
    assert_eq!(rebuilds, [1], "rebuilt by the last one out alone");
}

fn loading() -> &'static str {
    "SELECT COUNT(DISTINCT run_id) FROM replica.windows WITH (NOLOCK) WHERE state = 'loading'"
}

#[test]
fn three_hosts_load_each_window_once() {
    let pair = stage();
    // Nobody gets ahead before all have a window.
    fault(&pair, "@fault = 'stall', @table = 'dbo.t', @count = 3");
    let hosts = [host(&pair), host(&pair), host(&pair)];
    until(&mut pair.target.client(), 3, loading());
    let run = tool(&pair).run(&half_a_year(&[])).exits(4).says("another run holds this table");
    assert_eq!(run.lines()[0][..3], ["dbo.t", "", "failed"], "{run}");
    assert_eq!(run.lines().len(), 1, "{run}");
    no_fault(&pair);
    let runs = hosts.map(|host| host.finish().exits(0));
    assert_eq!(told(&runs), MONTHS.map(|month| (month.to_owned(), 1)).into());
    assert!(runs.iter().all(|run| !run.stdout.is_empty()), "each has had a part");
    let once = "SELECT COUNT(*) FROM replica.windows WHERE attempts = 1";
    assert_eq!(pair.target.client().number(once), MONTHS.len() as i64);
    assert_all_done(&pair);
}

#[test]
fn two_hosts_take_over_from_one_that_dies() {
    let pair = stage();
    fault(&pair, "@fault = 'stall', @table = 'dbo.t', @count = 3");
    let first = host(&pair);
    let mut client = pair.target.client();
    until(&mut client, 1, loading());
    let others = [host(&pair), host(&pair)];
    until(&mut client, 3, loading());
    let dead = client.number("SELECT MIN(run_id) FROM replica.runs");
    let first = first.kill();
    assert_eq!((first.code, first.stdout.as_str()), (None, ""));
    // A minute later, as far as its lease is concerned.
    client.run(&format!(
        "UPDATE replica.runs SET lease_until = DATEADD(second, -1, SYSUTCDATETIME()) WHERE run_id = {dead}"
    ));
    no_fault(&pair);
    let runs = others.map(|host| host.finish().exits(0));
    assert_eq!(told(&runs), MONTHS.map(|month| (month.to_owned(), 1)).into());
    let attempts = client.number("SELECT SUM(attempts) FROM replica.windows");
    assert_eq!(attempts, 7, "the dead host's window was begun twice, the others once");
    assert_all_done(&pair);
}

#[test]
fn a_host_that_is_stopped_leaves_its_window_and_the_indexes_to_the_other() {
    let pair = stage();
    fault(&pair, "@fault = 'stall', @table = 'dbo.t', @count = 2");
    let first = host(&pair);
    let mut client = pair.target.client();
    until(&mut client, 1, loading());
    let second = host(&pair);
    until(&mut client, 2, loading());
    first.signal("TERM");
    let first = first.finish().exits(143).says("other hosts go on");
    assert_eq!((first.stdout.as_str(), disabled(&pair)), ("", vec!["ix_label".to_owned()]));
    no_fault(&pair);
    let runs = [second.finish().exits(0)];
    assert_eq!(told(&runs), MONTHS.map(|month| (month.to_owned(), 1)).into());
    assert_all_done(&pair);
}

#[test]
fn another_command_does_not_join() {
    let pair = stage();
    fault(&pair, "@fault = 'stall', @table = 'dbo.t'");
    let first = host(&pair);
    until(&mut pair.target.client(), 1, loading());
    let run = tool(&pair).run(&half_a_year(&["--shared", "--window", "week"])).exits(4);
    assert!(run.stderr.contains("other windows"), "{run}");
    no_fault(&pair);
    first.finish().exits(0);
    assert_all_done(&pair);
}
