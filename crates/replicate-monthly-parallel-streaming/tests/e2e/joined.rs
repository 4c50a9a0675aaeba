//! A window's old rows go in the request that claims it, in a transaction of their own: what goes wrong with the DELETE, or
//! with the look whether there is anything to delete, is the window's.
use std::time::Duration;

use replica_testkit::proxy::{From, Harm, Rule, through, utf16};
use replica_testkit::{Pair, ProgramExit};

use crate::util::{
    all_months, assert_half_a_year, fault, half_a_year, loaded, outcomes, plain, retries, sandbox, texts,
    until,
};

/// Deleted in one statement, after a look: a heap, and rows in the order of another column. Deleted in batches.
const KEYS: [&str; 3] =
    ["", ", CONSTRAINT PK_t PRIMARY KEY CLUSTERED (id)", ", CONSTRAINT PK_t PRIMARY KEY CLUSTERED (day, id)"];
const ONE_WORKER: [&str; 2] = ["--max-workers", "1"];

/// Old rows in each month, and two that are in none.
fn with_old_rows(key: &str) -> Pair {
    let pair = sandbox(key);
    pair.target(
        "INSERT INTO dbo.t VALUES (901, '2024-01-31', N'old'), (902, '2024-02-05', N'old'), (903, '2024-03-05', N'old'), \
         (904, '2024-04-05', N'old'), (905, '2024-05-05', N'old'), (906, '2024-06-30', N'old'), \
         (907, '2023-12-31', N'stays'), (908, '2024-07-01', N'stays')",
    );
    pair
}

#[track_caller]
fn assert_replaced(pair: &Pair) {
    assert_half_a_year(pair);
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t WHERE label = N'stays'"), 2);
}

fn run(pair: &Pair, more: &[&str]) -> ProgramExit {
    plain(pair, "").run(&half_a_year(more))
}

/// States of the windows on record, and how often they were begun.
fn on_record(pair: &Pair) -> (Vec<String>, i64) {
    let mut target = pair.target.client();
    let states = texts(&mut target, "SELECT DISTINCT state FROM replica.windows ORDER BY state");
    (states, target.number("SELECT CAST(SUM(attempts) AS bigint) FROM replica.windows"))
}

#[test]
fn a_deadlock_or_a_lock_that_is_waited_for_too_long_is_tried_again() {
    for key in KEYS {
        for number in [1205, 1222] {
            let pair = with_old_rows(key);
            fault(
                &pair,
                &format!(
                    "@fault = 'refuse_delete', @table = 'dbo.t', @at = 3, @count = 2, @value = {number}"
                ),
            );
            let run = run(&pair, &["--max-workers", "2"]).exits(0).says(&format!("error {number}"));
            assert_eq!((outcomes(&run), retries(&run)), (all_months("ok"), 2), "{key} {number}\n{run}");
            assert_eq!(on_record(&pair), (vec!["complete".to_owned()], 8), "{key} {number}\n{run}");
            assert_replaced(&pair);
        }
    }
}

#[test]
fn a_delete_that_is_refused_fails_its_window_and_the_others_go_on() {
    for key in KEYS {
        let pair = with_old_rows(key);
        fault(&pair, "@fault = 'refuse_delete', @table = 'dbo.t', @at = 3, @value = 8134");
        let failed = run(&pair, &ONE_WORKER).exits(1).says("deleting the old rows").says("8134");
        let mut months = outcomes(&failed);
        months.retain(|(_, outcome)| outcome == "failed");
        let [(month, _)] = &months[..] else { panic!("one window fails: {key}\n{failed}") };
        assert_eq!(outcomes(&failed).len(), 6, "{key}\n{failed}");
        let mut target = pair.target.client();
        let state = format!("SELECT state FROM replica.windows WHERE first_date = '{month}-01'");
        assert_eq!(texts(&mut target, &state), ["failed"], "{key}\n{failed}");
        let rows = format!("SELECT label FROM dbo.t WHERE CONVERT(char(7), day, 126) = '{month}'");
        assert_eq!(texts(&mut target, &rows), ["old"], "nothing of it is replaced: {key}\n{failed}");
        let again = run(&pair, &["--resume"]).exits(0).says("it was failed");
        assert_eq!(loaded(&again), [month.as_str()], "{key}\n{again}");
        assert_replaced(&pair);
    }
}

/// The COMMITs of one worker: the run on record, then for each window that of its DELETE and that of its load. The connection is
/// cut when the request comes that has the second window's DELETE, or once that is done: then the window is claimed again.
#[test]
fn the_connection_may_be_cut_on_either_side_of_the_request() {
    for key in KEYS {
        for (kind, claims) in [("cut_before_commit", 6), ("cut_after_commit", 7)] {
            let pair = with_old_rows(key);
            // Makes the ledger.
            run(&pair, &[]).exits(0);
            fault(&pair, &format!("@fault = '{kind}', @at = 4"));
            let run = run(&pair, &ONE_WORKER).exits(0);
            assert_eq!(outcomes(&run), all_months("ok"), "{key} {kind}\n{run}");
            assert_eq!(on_record(&pair), (vec!["complete".to_owned()], claims), "{key} {kind}\n{run}");
            assert_replaced(&pair);
        }
    }
}

/// The claim is committed when the connection is cut, and the DELETE waits for somebody's lock.
#[test]
fn the_connection_may_be_cut_between_the_claim_and_the_delete() {
    for key in KEYS {
        let pair = with_old_rows(key);
        run(&pair, &[]).exits(0);
        let mut other = pair.target.client();
        other.batch("BEGIN TRANSACTION");
        other.number("SELECT COUNT(*) FROM dbo.t WITH (TABLOCK, HOLDLOCK)");
        let mut watcher = pair.target.client();
        let waits = |what: &str| {
            format!(
                "SELECT {what} FROM sys.sandbox_lock_log WHERE event = 'waiting' AND resource_type = 'OBJECT'"
            )
        };
        let before = watcher.number(&waits("COUNT(*)"));
        let running = plain(&pair, "").start(&half_a_year(&ONE_WORKER));
        until(&mut watcher, before + 1, &waits("COUNT(*)"));
        let loading = "SELECT COUNT(*) FROM replica.windows WHERE state = 'loading'";
        assert_eq!(watcher.number(loading), 1, "the claim is committed: {key}");
        let waiting = watcher.number(&waits("CAST(MAX(session_id) AS bigint)"));
        watcher.run(&format!("KILL {waiting}"));
        other.batch("ROLLBACK");
        let run = running.finish().exits(0);
        assert_eq!(outcomes(&run), all_months("ok"), "{key}\n{run}");
        assert_eq!(on_record(&pair), (vec!["complete".to_owned()], 7), "{key}\n{run}");
        assert_replaced(&pair);
    }
}

/// A server that refuses to look may have rows. It is asked twice: within the claim's request, then by itself.
#[test]
fn a_look_that_is_refused_counts_as_rows() {
    for key in &KEYS[..2] {
        let pair = sandbox(key);
        let key = key.replace("PK_t", "PK_copied");
        pair.target(&format!(
            "CREATE TABLE dbo.copied (id int NOT NULL, day date NOT NULL, label nvarchar(20) NULL{key})"
        ));
        pair.target("INSERT INTO dbo.copied VALUES (900, '2024-01-15', N'old')");
        let january = ["--start-date", "2024-01-01", "--end-date", "2024-01-31"];
        let args = [&["dbo.t", "--target", "dbo.copied"], &january[..], &ONE_WORKER].concat();
        let old = "SELECT COUNT(*) FROM dbo.copied WHERE label = N'old'";
        // What reads it: the count before the run, the two looks, the DELETE.
        for (looks, code, left) in [(3, 1, 1), (2, 0, 0)] {
            let refused = format!("@at = 2, @count = {looks}, @value = 650");
            fault(&pair, &format!("@fault = 'refuse_select', @table = 'dbo.copied', {refused}"));
            let run = plain(&pair, "").run(&args).exits(code);
            assert_eq!(run.stderr.contains("deleting the old rows"), code == 1, "{key}\n{run}");
            assert_eq!(pair.target.client().number(old), left, "{key}\n{run}");
        }
    }
}

/// What the server does not compile it refuses as a whole, the claim, too. Other ways lead there.
#[test]
fn a_request_that_does_not_compile_claims_nothing_and_the_window_is_claimed_by_itself() {
    for key in &KEYS[..2] {
        let pair = with_old_rows(key);
        let (pattern, replaced) = ("DECLARE @old_rows int = 1", "DECLARE @old_rows int = (");
        let harm = Harm::Replace(utf16(replaced));
        let rule = Rule { from: From::Client, pattern: utf16(pattern), harm, times: u32::MAX };
        let (proxy, through) = through(&pair.target.connection, rule).unwrap();
        let run = plain(&pair, "").with("REPLICA_TARGET", &through).run(&half_a_year(&ONE_WORKER)).exits(0);
        assert!(proxy.has_struck(Duration::ZERO), "{key}\n{run}");
        assert_eq!((outcomes(&run), retries(&run)), (all_months("ok"), 0), "{key}\n{run}");
        assert_eq!(on_record(&pair), (vec!["complete".to_owned()], 6), "{key}\n{run}");
        assert_replaced(&pair);
    }
}
