//! What breaks while windows are replaced: what is tried again, what is given up, and that the rest goes on.
use replica_testkit::{Pair, ProgramExit, Troubled};

use crate::util::{
    all_months, assert_half_a_year, disabled, fault, half_a_year, loaded, no_fault, outcomes, plain, retries,
    sandbox,
};

const CLUSTERED: &str = ", CONSTRAINT PK_t PRIMARY KEY CLUSTERED (day, id)";
const SMALL: [&str; 4] = ["--chunk-size", "10", "--commit-interval", "20"];

fn run(pair: &Pair, more: &[&str]) -> ProgramExit {
    plain(pair, "").run(&half_a_year(&[&SMALL, more].concat()))
}

#[test]
fn a_deadlock_is_tried_again_and_counted() {
    let pair = sandbox(CLUSTERED);
    fault(&pair, "@fault = 'deadlock', @table = 'dbo.t', @at = 4, @count = 2");
    let run = run(&pair, &["--max-workers", "2", "--verify", "hash"]).exits(0).says("1205").says("2 retries");
    assert_eq!((outcomes(&run), retries(&run)), (all_months("ok"), 2), "{run}");
    assert_half_a_year(&pair);
}

#[test]
fn a_lost_connection_is_made_anew_wherever_it_breaks() {
    let pair = sandbox(CLUSTERED);
    for kind in ["cut_receiving", "cut_replying"] {
        fault(&pair, &format!("@fault = '{kind}', @table = 'dbo.t', @at = 5"));
        let run = run(&pair, &[]).exits(0);
        assert_eq!((outcomes(&run), retries(&run)), (all_months("ok"), 1), "{kind}\n{run}");
        assert_half_a_year(&pair);
    }
}

/// The COMMITs of one worker with a window of one transaction: the ledger's at its beginning, then for each window one
/// of its DELETE and one of its load.
#[test]
fn after_a_lost_commit_the_ledger_decides() {
    for (kind, again) in [("cut_before_commit", 1), ("cut_after_commit", 0)] {
        let pair = sandbox(CLUSTERED);
        run(&pair, &["--max-workers", "1"]).exits(0);
        fault(&pair, &format!("@fault = '{kind}', @at = 3"));
        let run = plain(&pair, "").run(&half_a_year(&["--max-workers", "1"])).exits(0);
        assert_eq!((outcomes(&run), retries(&run)), (all_months("ok"), again), "{kind}\n{run}");
        assert_eq!(run.stderr.contains("the ledger says that it happened"), again == 0, "{kind}\n{run}");
        assert_half_a_year(&pair);
        let rows = pair.target.client().number("SELECT row_count FROM replica.runs WHERE run_id = 2");
        assert_eq!(rows, pair.target.client().number("SELECT COUNT(*) FROM dbo.t"), "{kind}: counted once");
    }
}

#[test]
fn any_commit_may_be_lost_on_either_side_of_it() {
    let pair = sandbox(CLUSTERED);
    for kind in ["cut_before_commit", "cut_after_commit"] {
        for at in [2, 5, 8] {
            fault(&pair, &format!("@fault = '{kind}', @at = {at}"));
            let run = run(&pair, &["--max-workers", "2"]).exits(0);
            assert_eq!(outcomes(&run), all_months("ok"), "{kind} {at}\n{run}");
            assert_half_a_year(&pair);
            no_fault(&pair);
        }
    }
}

#[test]
fn a_full_log_fails_its_window_and_the_others_go_on() {
    let pair = sandbox(CLUSTERED);
    fault(&pair, "@fault = 'log_full', @table = 'dbo.t'");
    let run = run(&pair, &["--max-workers", "1"]).exits(1);
    let failed: Vec<_> = outcomes(&run).into_iter().filter(|(_, outcome)| outcome == "failed").collect();
    let [(window, _)] = &failed[..] else { panic!("one window fails\n{run}") };
    assert_eq!(outcomes(&run).len(), 6, "{run}");
    let last = run.stderr.lines().last().unwrap();
    assert!(last.contains(&format!("window {window}")) && last.contains("9002"), "{last}\n{run}");
    let noted = format!(
        "SELECT COUNT(*) FROM replica.windows WHERE state = 'failed' AND error LIKE '%9002%' AND first_date = '{window}-01'"
    );
    assert_eq!(pair.target.client().number(&noted), 1);
    let run = plain(&pair, "").run(&half_a_year(&["--resume"])).exits(0).says("it was failed");
    assert_eq!(loaded(&run).len(), 1, "{run}");
    assert_half_a_year(&pair);
}

#[test]
fn a_server_that_refuses_index_work_is_warned_of() {
    let pair = sandbox(CLUSTERED);
    pair.target("CREATE INDEX ix_label ON dbo.t (label)");
    fault(&pair, "@fault = 'refuse_index', @table = 'dbo.t', @count = 100");
    let run = run(&pair, &[]).exits(0).says("index ix_label is kept up row by row");
    assert_eq!((outcomes(&run), disabled(&pair)), (all_months("ok"), Vec::new()), "{run}");
    assert_half_a_year(&pair);
}

#[test]
fn a_server_that_stops_reading_is_given_up() {
    let pair = sandbox(CLUSTERED);
    fault(&pair, "@fault = 'stall', @table = 'dbo.t'");
    let args = half_a_year(&["--max-workers", "1", "--max-retries", "1"]);
    let run =
        plain(&pair, "Command Timeout=2").run(&args).exits(0).says("silent for 2 s").says("retry 1 of 1");
    assert_eq!(outcomes(&run), all_months("ok"), "{run}");
    assert_half_a_year(&pair);
    no_fault(&pair);
}

#[test]
fn whoever_holds_the_table_is_named() {
    let pair = sandbox(CLUSTERED);
    let mut other = pair.target.client();
    other.batch("BEGIN TRANSACTION");
    other.number("SELECT COUNT(*) FROM dbo.t WITH (TABLOCKX, HOLDLOCK)");
    let spid = other.number("CAST(@@SPID AS int)");
    let args = half_a_year(&["--max-workers", "1", "--keep-indexes", "--max-retries", "0"]);
    let mut running = plain(&pair, "Command Timeout=4").start(&args);
    running.until_it_says(&format!("held by session {spid} (login sa"));
    other.batch("ROLLBACK");
    let run = running.finish().exits(0);
    assert_eq!(outcomes(&run), all_months("ok"), "{run}");
}

/// The server has the window down as ours, and the worker has not heard of it.
#[test]
fn a_claim_whose_answer_is_lost_is_not_forgotten() {
    use replica_testkit::proxy::{From, Harm, Rule, through, utf16};
    let pair = sandbox(CLUSTERED);
    // The only answer with a column of this name that comes to a worker is that to its claim.
    let rule = Rule { from: From::Server, pattern: utf16("attempts"), harm: Harm::HangUp(8), times: 1 };
    let (proxy, through) = through(&pair.target.connection, rule).unwrap();
    let run =
        plain(&pair, "").with("REPLICA_TARGET", &through).run(&half_a_year(&["--max-workers", "1"])).exits(0);
    assert!(proxy.has_struck(std::time::Duration::ZERO));
    assert_eq!(outcomes(&run), all_months("ok"), "{run}");
    assert_half_a_year(&pair);
}

#[test]
fn servers_that_are_troubled_at_first() {
    let pair = sandbox(CLUSTERED);
    let Some((tool, troubled)) = plain(&pair, "").between_troubled(&pair) else { return };
    let run = tool.run(&half_a_year(&[])).exits(0).says("40613").says("tried again until");
    assert!(troubled.iter().all(Troubled::has_struck), "{run}");
    assert!(!run.stderr.contains("://"), "{run}");
    assert_half_a_year(&pair);
}

#[test]
fn windows_of_a_source_that_refuses_snapshots_are_read_without() {
    let pair = sandbox(CLUSTERED);
    let allow = format!("ALTER DATABASE [{}] SET ALLOW_SNAPSHOT_ISOLATION ON", pair.source.name);
    pair.server.client("master").batch(&allow);
    // Found before the first window; found by the second of them.
    for (at, number) in [(1, 41332), (4, 3961)] {
        let arguments = format!("'refuse_snapshot', @table = 'dbo.t', @at = {at}, @value = {number}");
        fault(&pair, &format!("@fault = {arguments}"));
        let run = plain(&pair, "").run(&half_a_year(&["--max-workers", "1"])).exits(0);
        run.says(&format!("error {number} ")).says("going on without SNAPSHOT isolation");
        assert_half_a_year(&pair);
    }
}
