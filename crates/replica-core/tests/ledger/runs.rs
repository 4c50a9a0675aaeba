//! Runs: what is replaced, skipped, forgotten; who joins whom; who is the last one out.
use replica_core::error::Kind;
use replica_core::ledger::{self, Ended, PlannedWindow, Redone, ResumeMode, RunOptions, Subject};
use replica_core::window::DayRange;

use crate::util::{LedgerStage, begin, complete, months, run, run_options, skipped, subject};

#[test]
fn a_run_is_on_record_from_begin_to_end() {
    let stage = LedgerStage::new();
    run(async {
        let mut session = stage.session().await;
        let subject = subject();
        let windows = months(&[5, 6]);
        let begun = begin(&mut session, &run_options(&subject, &windows)).await;
        assert!(!begun.joined && begun.skipped.is_empty() && begun.redone.is_empty());
        let open = "SELECT phase, CASE WHEN lease_until > started THEN 1 ELSE 0 END AS leased, \
                    CASE WHEN run_id = batch_id THEN 1 ELSE 0 END AS own, ended FROM replica.runs";
        assert_eq!(stage.texts(open), [["copying", "1", "1", "NULL"]]);
        assert!(begun.run.leave(&mut session).await.unwrap());
        let ended = Ended {
            outcome: "failed",
            windows_done: 1,
            windows_failed: 2,
            windows_skipped: 3,
            rows: 4,
            bytes: 5,
            retries: 6,
            disabling: std::time::Duration::from_millis(7),
            rebuilding: std::time::Duration::from_millis(8),
            error: Some("a reason".into()),
        };
        begun.run.end(&mut session, &ended).await.unwrap();
    });
    let ended = "SELECT tool, schema_name, table_name, object_id, source, shared, phase, outcome, windows_done, \
                 windows_failed, windows_skipped, row_count, byte_count, retries, disable_ms, rebuild_ms, error, \
                 CASE WHEN ended >= started THEN 1 ELSE 0 END AS in_order, pid FROM replica.runs";
    let pid = std::process::id().to_string();
    assert_eq!(
        stage.texts(ended),
        [[
            "test",
            "dbo",
            "SALES",
            "7",
            "PROD/shop/dbo.SALES",
            "0",
            "ended",
            "failed",
            "1",
            "2",
            "3",
            "4",
            "5",
            "6",
            "7",
            "8",
            "a reason",
            "1",
            &pid
        ]]
    );
    assert_eq!(
        stage.windows(),
        [["2024-01-01", "pending", "NULL", "0"], ["2024-02-01", "pending", "NULL", "0"]]
    );
}

/// Runs over three months, of which the first is completed, the second left loading and the third given up.
async fn interrupted(stage: &LedgerStage) {
    let mut session = stage.session().await;
    let subject = subject();
    let windows = months(&[1, 2, 3]);
    let run = begin(&mut session, &run_options(&subject, &windows)).await.run;
    let claim = run.claim(&mut session, windows[0].window.clone()).await.unwrap().unwrap();
    complete(&mut session, &claim, 11).await;
    run.claim(&mut session, windows[1].window.clone()).await.unwrap().unwrap();
    let claim = run.claim(&mut session, windows[2].window.clone()).await.unwrap().unwrap();
    claim.fail(&mut session, &replica_core::error::Error::data("no")).await.unwrap();
}

async fn again(
    stage: &LedgerStage,
    subject: &Subject,
    resume: ResumeMode,
    windows: &[PlannedWindow],
) -> ledger::Begun {
    begin(&mut stage.session().await, &RunOptions { resume, ..run_options(subject, windows) }).await
}

fn reasons(redone: &[Redone]) -> Vec<(String, &str)> {
    redone.iter().map(|redone| (redone.window.to_string(), redone.because.as_str())).collect()
}

#[test]
fn resume_skips_what_is_complete_and_says_why_it_does_the_rest_again() {
    let stage = LedgerStage::new();
    run(async {
        interrupted(&stage).await;
        let windows = months(&[1, 2, 3, 4]);
        let begun = again(&stage, &subject(), ResumeMode::Resume, &windows).await;
        assert_eq!(skipped(&begun), [windows[0].window.clone()]);
        assert_eq!(
            reasons(&begun.redone),
            [("2024-02".to_owned(), "it was loading"), ("2024-03".to_owned(), "it was failed")]
        );
    });
    assert_eq!(
        stage.windows(),
        [
            ["2024-01-01", "complete", "11", "1"],
            ["2024-02-01", "pending", "NULL", "0"],
            ["2024-03-01", "pending", "NULL", "0"],
            ["2024-04-01", "pending", "NULL", "0"],
        ]
    );
    let runs = "SELECT phase, outcome FROM replica.runs ORDER BY run_id";
    assert_eq!(stage.texts(runs), [["ended", "crashed"], ["copying", "NULL"]]);
}

#[test]
fn resume_trusts_nothing_that_was_loaded_in_another_way() {
    type Change = fn(&mut Subject);
    let changes: [(Change, &str); 4] = [
        (|s| s.object_id = 8, "the table was dropped and made again"),
        (|s| s.cut_by = "booked".into(), "another date column or key"),
        (
            |s| s.fingerprint = "0".repeat(32),
            "other columns, conversions or rows (a condition or an expression)",
        ),
        (|s| s.source = "OTHER/shop/dbo.SALES".into(), "another source"),
    ];
    let stage = LedgerStage::new();
    for (change, reason) in changes {
        run(async {
            interrupted(&stage).await;
            let mut changed = subject();
            change(&mut changed);
            let windows = months(&[1]);
            let begun = again(&stage, &changed, ResumeMode::Resume, &windows).await;
            assert!(begun.skipped.is_empty());
            assert_eq!(reasons(&begun.redone), [("2024-01".to_owned(), reason)]);
        });
        assert_eq!(stage.windows()[0], ["2024-01-01", "pending", "NULL", "0"]);
    }
}

#[test]
fn resume_does_not_skip_what_is_known_to_have_changed() {
    let stage = LedgerStage::new();
    run(async {
        interrupted(&stage).await;
        let subject = subject();
        let windows = months(&[1, 2, 3]);
        let resume = RunOptions { resume: ResumeMode::Resume, ..run_options(&subject, &windows) };
        let mut session = stage.session().await;
        let complete = ledger::skippable(&mut session, &resume).await.unwrap();
        let [january] = &complete[..] else { panic!("{complete:?}") };
        assert_eq!(
            (january.window.clone(), january.fingerprint.rows, january.bytes),
            (windows[0].window.clone(), 11, 1100)
        );
        let changed = [Redone { window: january.window.clone(), because: "the rows have gone".into() }];
        let begun = begin(&mut session, &RunOptions { changed: &changed, ..resume }).await;
        assert_eq!(skipped(&begun), []);
        assert_eq!(begun.redone[0], changed[0]);
        for mode in [ResumeMode::Replace, ResumeMode::Restart] {
            assert_eq!(
                ledger::skippable(&mut session, &RunOptions { resume: mode, ..resume }).await.unwrap(),
                []
            );
        }
    });
    assert_eq!(stage.windows()[0], ["2024-01-01", "pending", "NULL", "0"]);
}

/// Who joins takes the word of the host that has begun.
#[test]
fn a_host_that_would_join_has_nothing_to_look_at() {
    let stage = LedgerStage::new();
    run(async {
        interrupted(&stage).await;
        let subject = subject();
        let windows = months(&[1, 2, 3]);
        let resume =
            RunOptions { resume: ResumeMode::Resume, shared: true, ..run_options(&subject, &windows) };
        let mut session = stage.session().await;
        assert_eq!(ledger::skippable(&mut session, &resume).await.unwrap().len(), 1);
        let first = begin(&mut session, &resume).await.run;
        assert_eq!(ledger::skippable(&mut session, &resume).await.unwrap(), []);
        stage.kill(&first);
        assert_eq!(ledger::skippable(&mut session, &resume).await.unwrap().len(), 1);
    });
}

#[test]
fn without_resume_every_window_of_the_range_is_replaced_and_others_stay() {
    let stage = LedgerStage::new();
    run(async {
        interrupted(&stage).await;
        let windows = &months(&[1, 2, 3])[1..];
        let begun = again(&stage, &subject(), ResumeMode::Replace, windows).await;
        assert!(begun.skipped.is_empty() && begun.redone.is_empty());
    });
    assert_eq!(
        stage.windows(),
        [
            ["2024-01-01", "complete", "11", "1"],
            ["2024-02-01", "pending", "NULL", "0"],
            ["2024-03-01", "pending", "NULL", "0"]
        ]
    );
}

#[test]
fn restart_forgets_the_whole_table_and_no_other() {
    let stage = LedgerStage::new();
    run(async {
        let other = Subject { table: "dbo.OTHER".parse().unwrap(), object_id: 9, ..subject() };
        again(&stage, &other, ResumeMode::Replace, &months(&[1])).await;
        interrupted(&stage).await;
        again(&stage, &subject(), ResumeMode::Restart, &months(&[1, 2])[1..]).await;
    });
    let left = "SELECT table_name, CONVERT(varchar(10), first_date, 126) AS first_date, state FROM replica.windows \
                ORDER BY table_name";
    assert_eq!(stage.texts(left), [["OTHER", "2024-01-01", "pending"], ["SALES", "2024-02-01", "pending"]]);
}

#[test]
fn a_window_is_no_longer_complete_once_another_that_overlaps_is_begun() {
    let stage = LedgerStage::new();
    run(async {
        interrupted(&stage).await;
        let day = |text| replica_core::window::date("", text).unwrap();
        let window = DayRange { first: day("2024-01-31"), next: day("2024-02-01") }.into();
        again(&stage, &subject(), ResumeMode::Replace, &[PlannedWindow { window, estimated_rows: 1 }]).await;
        // February begins where the day ends.
        let begun = again(&stage, &subject(), ResumeMode::Resume, &months(&[1, 2])).await;
        assert!(begun.skipped.is_empty());
        assert_eq!(reasons(&begun.redone), [("2024-02".to_owned(), "it was loading")]);
    });
    assert_eq!(
        stage.windows(),
        [
            ["2024-01-01", "pending", "NULL", "0"],
            ["2024-02-01", "pending", "NULL", "0"],
            ["2024-03-01", "failed", "NULL", "1"]
        ]
    );
}

#[test]
fn thousands_of_windows_are_put_down() {
    let stage = LedgerStage::new();
    run(async {
        let day = |text| replica_core::window::date("", text).unwrap();
        let range = replica_core::window::Range::new(day("2020-01-01"), day("2024-12-31")).unwrap();
        let windows = range.windows(replica_core::window::Unit::Day).unwrap();
        let windows: Vec<_> =
            windows.into_iter().map(|window| PlannedWindow { window, estimated_rows: 9 }).collect();
        assert_eq!(windows.len(), 1827);
        let first = begin(&mut stage.session().await, &run_options(&subject(), &windows)).await;
        assert_eq!(stage.number("SELECT COUNT(*) FROM replica.windows WHERE estimated_rows = 9"), 1827);
        stage.batch(
            "UPDATE replica.windows SET state = 'complete', row_count = 9, row_hash = 'abc' \
             WHERE first_date < '2024-12-31'",
        );
        let second = again(&stage, &subject(), ResumeMode::Resume, &windows).await;
        assert_eq!((second.skipped.len(), second.redone.len()), (1826, 1));
        let taken_over =
            format!("SELECT COUNT(*) FROM replica.windows WHERE batch_id = {}", second.run.batch);
        assert_eq!(stage.number(&taken_over), 1827);
        assert_ne!(first.run.batch, second.run.batch);
    });
}

#[test]
fn a_host_that_shares_joins_those_at_work_whatever_they_have_done() {
    let stage = LedgerStage::new();
    run(async {
        let (mut one, mut two) = (stage.session().await, stage.session().await);
        let subject = subject();
        let windows = months(&[1, 2]);
        let shared = RunOptions { shared: true, ..run_options(&subject, &windows) };
        let first = begin(&mut one, &shared).await;
        let claim = first.run.claim(&mut one, windows[0].window.clone()).await.unwrap().unwrap();
        complete(&mut one, &claim, 11).await;
        let second = begin(&mut two, &shared).await;
        assert!(!first.joined && second.joined);
        assert_eq!(skipped(&second), [windows[0].window.clone()]);
        assert_eq!((second.run.batch, second.run.batch), (first.run.id, first.run.batch));
        assert_ne!(second.run.id, first.run.id);

        let fewer = RunOptions { windows: &windows[..1], ..shared };
        let error = ledger::begin(&mut two, &fewer).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Busy);
        assert!(error.to_string().contains("other windows"), "{error}");
        let otherwise = Subject { fingerprint: "0".repeat(32), ..subject.clone() };
        let error = ledger::begin(&mut two, &RunOptions { subject: &otherwise, ..shared }).await.unwrap_err();
        assert!(
            error.to_string().contains("other columns, conversions or rows (a condition or an expression)"),
            "{error}"
        );
        // The refusals leave nothing locked and nothing on record.
        assert!(begin(&mut stage.session().await, &shared).await.joined);
    });
    assert_eq!(stage.number("SELECT COUNT(*) FROM replica.runs"), 3);
}

#[test]
fn nobody_joins_a_dead_host() {
    let stage = LedgerStage::new();
    run(async {
        let mut session = stage.session().await;
        let subject = subject();
        let windows = months(&[1]);
        let shared = RunOptions { shared: true, ..run_options(&subject, &windows) };
        let first = begin(&mut session, &shared).await;
        stage.kill(&first.run);
        assert!(!begin(&mut session, &shared).await.joined);
        assert_eq!(first.run.renew(&mut session).await.unwrap_err().kind(), Kind::Busy);
        assert_eq!(first.run.leave(&mut session).await.unwrap_err().kind(), Kind::Busy);
    });
}

#[test]
fn a_second_run_begins_when_the_first_has_started() {
    let stage = LedgerStage::new();
    run(async {
        let (mut one, mut two) = (stage.session().await, stage.session().await);
        let subject = subject();
        let windows = months(&[1]);
        let shared = RunOptions { shared: true, ..run_options(&subject, &windows) };
        let first = ledger::begin(&mut one, &shared).await.unwrap().run;
        let waiting = tokio::task::LocalSet::new();
        let second = waiting.run_until(async {
            let (second, ()) = tokio::join!(ledger::begin(&mut two, &shared), async {
                // It waits: the application lock has a second asker.
                let asked = "SELECT COUNT(*) FROM sys.dm_tran_locks WHERE resource_type = 'APPLICATION' \
                             AND request_status = 'WAIT'";
                while stage.number(asked) == 0 {
                    tokio::task::yield_now().await;
                }
                first.started(&mut one).await.unwrap();
            });
            second.unwrap()
        });
        assert!(second.await.joined);
    });
}

#[test]
fn the_last_one_out_is_whoever_leaves_nobody_behind() {
    let stage = LedgerStage::new();
    run(async {
        let mut session = stage.session().await;
        let subject = subject();
        let windows = months(&[1, 2]);
        let shared = RunOptions { shared: true, ..run_options(&subject, &windows) };
        let first = begin(&mut session, &shared).await.run;
        let second = begin(&mut session, &shared).await.run;
        let third = begin(&mut session, &shared).await.run;
        assert!(!first.leave(&mut session).await.unwrap(), "two are at work, on windows that are pending");
        stage.kill(&third);
        assert!(second.leave(&mut session).await.unwrap(), "the third is dead");
        second.renew(&mut session).await.unwrap();
        assert!(!begin(&mut session, &shared).await.run.id.eq(&third.id));
    });
}

#[test]
fn when_all_windows_are_done_everybody_is_the_last_one_out() {
    let stage = LedgerStage::new();
    run(async {
        let mut session = stage.session().await;
        let subject = subject();
        let windows = months(&[1, 2]);
        let shared = RunOptions { shared: true, ..run_options(&subject, &windows) };
        let first = begin(&mut session, &shared).await.run;
        let second = begin(&mut session, &shared).await.run;
        let claim = first.claim(&mut session, windows[0].window.clone()).await.unwrap().unwrap();
        complete(&mut session, &claim, 1).await;
        let claim = second.claim(&mut session, windows[1].window.clone()).await.unwrap().unwrap();
        claim.fail(&mut session, &replica_core::error::Error::data("no")).await.unwrap();
        assert!(first.leave(&mut session).await.unwrap());
        assert!(second.leave(&mut session).await.unwrap());
    });
}

#[test]
fn a_lease_is_renewed_for_as_long_as_the_run_lives() {
    let stage = LedgerStage::new();
    run(async {
        let mut session = stage.session().await;
        let subject = subject();
        let windows = months(&[1]);
        let short =
            RunOptions { lease: std::time::Duration::from_millis(40), ..run_options(&subject, &windows) };
        let begun = begin(&mut session, &short).await.run;
        let endpoint = stage.endpoint();
        let lease = async |session: &mut replica_core::session::Session| {
            let sql = "SELECT CONVERT(varchar(30), lease_until, 126) AS lease FROM replica.runs";
            let rows = session.query(sql, &[]).await.unwrap();
            rows[0].get::<&str, _>(0).unwrap().to_owned()
        };
        let first = lease(&mut session).await;
        let seen_twice = async {
            let mut leases = std::collections::BTreeSet::from([first]);
            while leases.len() < 3 {
                leases.insert(lease(&mut session).await);
            }
        };
        let mut heartbeat = begun.heartbeat(&endpoint);
        tokio::select! {
            error = heartbeat.lost() => panic!("{error}"),
            () = seen_twice => {}
        }
        begun.end(&mut session, &Ended { outcome: "ok", ..Ended::default() }).await.unwrap();
        assert_eq!(heartbeat.lost().await.kind(), Kind::Busy);
    });
}
