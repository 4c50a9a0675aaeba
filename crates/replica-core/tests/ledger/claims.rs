//! Windows: claimed by one, fenced against those who lost them, complete when their rows are.
use replica_core::error::{Error, Kind};
use replica_core::ledger::{self, NextClaim, RunOptions, State};

use crate::util::{LedgerStage, begin, claimed, complete, loaded, months, run, run_options, subject};

const ROW: &str = "INSERT INTO dbo.SALES (id, sale_date) VALUES (1, '2024-01-05')";

fn rows(stage: &LedgerStage) -> i64 {
    stage.number("SELECT COUNT(*) FROM dbo.SALES")
}

#[test]
fn loading_is_committed_before_and_complete_with_the_rows() {
    let stage = LedgerStage::new();
    run(async {
        let mut session = stage.session().await;
        let subject = subject();
        let windows = months(&[1]);
        let begun = begin(&mut session, &run_options(&subject, &windows)).await.run;
        let claim = begun.claim(&mut session, windows[0].window.clone()).await.unwrap().unwrap();
        assert_eq!(stage.windows(), [["2024-01-01", "loading", "NULL", "1"]]);
        // Rolled back together ...
        session.lane().unwrap().begin().await.unwrap();
        session.execute(ROW).await.unwrap();
        claim.complete(&mut session, &loaded(1)).await.unwrap();
        session.lane().unwrap().rollback().await.unwrap();
        assert_eq!((rows(&stage), stage.windows()[0][1].as_str()), (0, "loading"));
        assert!(!claim.is_complete(&mut session).await.unwrap());
        // ... and committed together.
        session.lane().unwrap().begin().await.unwrap();
        session.execute(ROW).await.unwrap();
        claim.complete(&mut session, &loaded(1)).await.unwrap();
        session.lane().unwrap().commit().await.unwrap();
        assert_eq!((rows(&stage), stage.windows()[0][1].as_str()), (1, "complete"));
        assert!(claim.is_complete(&mut session).await.unwrap());
        claim.verified(&mut session, std::time::Duration::from_millis(77)).await.unwrap();
    });
    let all = "SELECT CONVERT(varchar(10), next_date, 126) AS next_date, state, row_count, byte_count, row_hash, \
               delete_ms, load_ms, verify_ms, CASE WHEN completed >= started THEN 1 ELSE 0 END AS in_order, \
               date_column, fingerprint, error FROM replica.windows";
    let hash = format!("{:032x}", 0xABC);
    assert_eq!(
        stage.texts(all),
        [[
            "2024-02-01",
            "complete",
            "1",
            "100",
            &hash,
            "1500",
            "2500",
            "77",
            "1",
            "sale_date",
            &"f".repeat(32),
            "NULL"
        ]]
    );
}

#[test]
fn the_largest_comes_first_and_two_hosts_never_get_the_same() {
    let stage = LedgerStage::new();
    run(async {
        let (mut one, mut two) = (stage.session().await, stage.session().await);
        let subject = subject();
        let windows = months(&[10, 40, 20, 30, 60, 50, 70, 80]);
        let shared = RunOptions { shared: true, ..run_options(&subject, &windows) };
        let first = begin(&mut one, &shared).await.run;
        let second = begin(&mut two, &shared).await.run;
        let mut got = Vec::new();
        for _ in 0..4 {
            let (left, right) = tokio::join!(first.next(&mut one), second.next(&mut two));
            let mut pair = [left, right]
                .map(|next| u8::from(claimed(next.unwrap()).window.days().unwrap().first.month()));
            pair.sort_unstable();
            got.push(pair);
        }
        assert_eq!(got, [[7, 8], [5, 6], [2, 4], [1, 3]]);
        assert!(matches!(first.next(&mut one).await.unwrap(), NextClaim::Wait));
    });
    assert!(stage.windows().iter().all(|window| window[3] == "1"));
}

#[test]
fn two_workers_of_one_host_never_get_the_same() {
    let stage = LedgerStage::new();
    run(async {
        let (mut one, mut two) = (stage.session().await, stage.session().await);
        let subject = subject();
        let windows = months(&[1; 12]);
        let begun = begin(&mut one, &run_options(&subject, &windows)).await.run;
        for _ in 0..6 {
            let (left, right) = tokio::join!(begun.next(&mut one), begun.next(&mut two));
            assert_ne!(claimed(left.unwrap()).window, claimed(right.unwrap()).window);
        }
        assert!(matches!(begun.next(&mut one).await.unwrap(), NextClaim::Done));
    });
    assert!(stage.windows().iter().all(|window| window[3] == "1"), "{:?}", stage.windows());
}

/// Many workers on many sessions: each window once, no deadlock among the ledger's writers.
#[test]
fn workers_that_write_at_once_do_not_fall_over_each_other() {
    let stage = LedgerStage::new();
    run(async {
        let subject = subject();
        let windows = months(&[1; 12]);
        let shared = RunOptions { shared: true, ..run_options(&subject, &windows) };
        let mut workers = tokio::task::JoinSet::new();
        let mut first = stage.session().await;
        let mut runs = Vec::new();
        for _ in 0..3 {
            runs.push(begin(&mut first, &shared).await.run);
        }
        // Each host has two workers.
        for run in runs.iter().chain(&runs) {
            let run = run.clone();
            let mut session = stage.session().await;
            workers.spawn(async move {
                let mut done = 0;
                loop {
                    match run.next(&mut session).await.unwrap() {
                        NextClaim::Claimed(claim) => {
                            session.lane().unwrap().begin().await.unwrap();
                            claim.check(&mut session).await.unwrap();
                            session.lane().unwrap().commit().await.unwrap();
                            run.renew(&mut session).await.unwrap();
                            complete(&mut session, &claim, 7).await;
                            done += 1;
                        }
                        NextClaim::Wait => tokio::task::yield_now().await,
                        NextClaim::Done => return done,
                    }
                }
            });
        }
        assert_eq!(workers.join_all().await.iter().sum::<i32>(), 12);
    });
    assert!(
        stage.windows().iter().all(|window| window[1..] == ["complete", "7", "1"]),
        "{:?}",
        stage.windows()
    );
}

#[test]
fn a_dead_hosts_windows_are_taken_over_and_its_return_changes_nothing() {
    let stage = LedgerStage::new();
    run(async {
        let (mut one, mut two) = (stage.session().await, stage.session().await);
        let subject = subject();
        let windows = months(&[1]);
        let shared = RunOptions { shared: true, ..run_options(&subject, &windows) };
        let first = begin(&mut one, &shared).await.run;
        let second = begin(&mut two, &shared).await.run;
        let old = claimed(first.next(&mut one).await.unwrap());
        assert!(matches!(second.next(&mut two).await.unwrap(), NextClaim::Wait), "its owner is alive");
        assert!(second.claim(&mut two, old.window.clone()).await.unwrap().is_none());

        stage.kill(&first);
        let new = claimed(second.next(&mut two).await.unwrap());
        assert_eq!((&new.window, old.attempt, new.attempt), (&old.window, 1, 2));
        // Back from the dead: it renews its lease, but the window is another's.
        first.renew(&mut one).await.unwrap();
        one.lane().unwrap().begin().await.unwrap();
        one.execute(ROW).await.unwrap();
        let error = old.check(&mut one).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Busy, "{error}");
        assert!(error.to_string().contains("window 2024-01"), "{error}");
        assert!(!one.lane().unwrap().in_transaction());
        one.lane().unwrap().begin().await.unwrap();
        one.execute(ROW).await.unwrap();
        assert_eq!(old.complete(&mut one, &loaded(1)).await.unwrap_err().kind(), Kind::Busy);
        assert_eq!(rows(&stage), 0, "what it had loaded is rolled back");
        old.fail(&mut one, &Error::data("no")).await.unwrap();
        assert_eq!(first.release(&mut one).await.unwrap(), 0);
        assert!(!old.is_complete(&mut one).await.unwrap());
        assert_eq!(stage.windows(), [["2024-01-01", "loading", "NULL", "2"]]);
        complete(&mut two, &new, 5).await;
        assert!(first.claim(&mut one, old.window.clone()).await.unwrap().is_none(), "done with");
        assert!(matches!(first.next(&mut one).await.unwrap(), NextClaim::Done));
    });
    assert_eq!(stage.windows(), [["2024-01-01", "complete", "5", "2"]]);
}

#[test]
fn a_run_that_holds_the_table_alone_needs_no_lease_to_expire() {
    let stage = LedgerStage::new();
    run(async {
        let (mut one, mut two) = (stage.session().await, stage.session().await);
        let subject = subject();
        let windows = months(&[1]);
        let first = begin(&mut one, &run_options(&subject, &windows)).await.run;
        let old = first.claim(&mut one, windows[0].window.clone()).await.unwrap().unwrap();
        let second = begin(&mut two, &run_options(&subject, &windows)).await.run;
        let new = second.claim(&mut two, windows[0].window.clone()).await.unwrap().unwrap();
        // Each is a first attempt, and yet not the same.
        assert_eq!((old.attempt, new.attempt), (1, 1));
        one.lane().unwrap().begin().await.unwrap();
        assert_eq!(old.check(&mut one).await.unwrap_err().kind(), Kind::Busy);
        assert!(first.claim(&mut one, windows[0].window.clone()).await.unwrap().is_none());
        complete(&mut two, &new, 5).await;
    });
}

#[test]
fn a_window_is_retried_given_back_and_given_up() {
    let stage = LedgerStage::new();
    run(async {
        let mut session = stage.session().await;
        let subject = subject();
        let windows = months(&[1]);
        let begun = begin(&mut session, &run_options(&subject, &windows)).await.run;
        let first = begun.claim(&mut session, windows[0].window.clone()).await.unwrap().unwrap();
        let again = begun.claim(&mut session, windows[0].window.clone()).await.unwrap().unwrap();
        assert_eq!((first.attempt, again.attempt), (1, 2));
        session.lane().unwrap().begin().await.unwrap();
        assert_eq!(first.check(&mut session).await.unwrap_err().kind(), Kind::Busy);
        assert_eq!(begun.loading(&mut session).await.unwrap(), [windows[0].window.clone()]);
        assert_eq!(begun.release(&mut session).await.unwrap(), 1);
        assert_eq!(stage.windows(), [["2024-01-01", "pending", "NULL", "2"]]);
        let third = claimed(begun.next(&mut session).await.unwrap());
        third
            .fail(&mut session, &Error::data("a value was too long").remedy("Widen the column"))
            .await
            .unwrap();
        assert_eq!(stage.windows(), [["2024-01-01", "failed", "NULL", "3"]]);
        assert_eq!(
            stage.texts("SELECT error FROM replica.windows"),
            [["a value was too long. Widen the column"]]
        );
        assert!(matches!(begun.next(&mut session).await.unwrap(), NextClaim::Done));
    });
}

#[test]
fn what_is_on_record_can_be_read() {
    let stage = LedgerStage::case_sensitive_with_row_versions();
    run(async {
        let mut session = stage.session().await;
        let subject = subject();
        let windows = months(&[1, 2]);
        let begun = begin(&mut session, &run_options(&subject, &windows)).await.run;
        let claim = begun.claim(&mut session, windows[1].window.clone()).await.unwrap().unwrap();
        complete(&mut session, &claim, 5).await;
        begun.claim(&mut session, windows[0].window.clone()).await.unwrap().unwrap();
        let known = ledger::windows(&mut session, &subject.table).await.unwrap();
        let states: Vec<_> =
            known.iter().map(|known| (known.window.clone(), known.state, known.fingerprint)).collect();
        assert_eq!(
            states,
            [
                (windows[0].window.clone(), State::Loading, None),
                (windows[1].window.clone(), State::Complete, Some(loaded(5).fingerprint))
            ]
        );
        assert!(known.iter().all(|known| known.subject == subject && known.batch == begun.batch));
        let other = "dbo.sales".parse().unwrap();
        assert!(ledger::windows(&mut session, &other).await.unwrap().is_empty(), "names differ by case here");
        assert!(ledger::exists(&mut session).await.unwrap());
    });
}

/// The connection is lost at COMMIT: what the ledger says decides.
#[test]
fn after_an_unknown_commit_the_ledger_waits_until_the_server_knows() {
    for stage in [LedgerStage::new(), LedgerStage::case_sensitive_with_row_versions()] {
        unknown_commit(&stage);
    }
}

fn unknown_commit(stage: &LedgerStage) {
    run(async {
        let (mut lost, mut new) = (stage.session().await, stage.session().await);
        let subject = subject();
        let windows = months(&[1, 2]);
        let begun = begin(&mut lost, &run_options(&subject, &windows)).await.run;
        for (window, committed) in [(windows[0].window.clone(), true), (windows[1].window.clone(), false)] {
            let claim = begun.claim(&mut new, window).await.unwrap().unwrap();
            lost.lane().unwrap().begin().await.unwrap();
            claim.complete(&mut lost, &loaded(1)).await.unwrap();
            new.set_lock_timeout(std::time::Duration::ZERO).await.unwrap();
            let error = claim.is_complete(&mut new).await.unwrap_err();
            assert!(
                error.has_number(1222) && error.is_transient(),
                "the first session is not gone yet: {error}"
            );
            if committed {
                lost.lane().unwrap().commit().await.unwrap()
            } else {
                lost.lane().unwrap().rollback().await.unwrap()
            }
            assert_eq!(claim.is_complete(&mut new).await.unwrap(), committed);
        }
    });
}
