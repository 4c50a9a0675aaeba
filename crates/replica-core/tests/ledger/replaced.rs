//! Rows that are replaced past the windows on record: which of these are marked, and what they say from then on.
use replica_core::catalog::TableName;
use replica_core::ledger::{self, Replaced, ResumeMode, RunOptions, Subject};
use replica_core::window::{DayRange, date};

use crate::util::{LedgerStage, begin, complete, months, run, run_options, skipped, subject};

/// January to March of dbo.SALES are complete, and January of dbo.OTHER.
async fn loaded(stage: &LedgerStage) {
    let mut session = stage.session().await;
    let other = Subject { table: "dbo.OTHER".parse().unwrap(), ..subject() };
    for (subject, windows) in [(other, months(&[1])), (subject(), months(&[1, 2, 3]))] {
        let run = begin(&mut session, &run_options(&subject, &windows)).await.run;
        for planned in windows {
            let claim = run.claim(&mut session, planned.window).await.unwrap().unwrap();
            complete(&mut session, &claim, 9).await;
        }
    }
}

fn sales() -> TableName {
    subject().table
}

fn days(first: &str, next: &str) -> DayRange {
    DayRange { first: date("", first).unwrap(), next: date("", next).unwrap() }
}

/// Marks within a transaction, and commits that or not; whether there was anything to mark.
async fn replace(stage: &LedgerStage, replaced: Replaced<'_>, commits: bool) -> bool {
    let mut session = stage.session().await;
    if !replaced.is_on_record(&mut session).await.unwrap() {
        return false;
    }
    session.lane().unwrap().begin().await.unwrap();
    replaced.mark(&mut session).await.unwrap();
    if commits {
        session.lane().unwrap().commit().await.unwrap()
    } else {
        session.lane().unwrap().rollback().await.unwrap()
    }
    true
}

/// Table, first day and state of each window.
fn states(stage: &LedgerStage) -> Vec<Vec<String>> {
    stage.texts(
        "SELECT table_name, CONVERT(varchar(10), first_date, 126) AS first_date, state FROM replica.windows \
         ORDER BY table_name, first_date",
    )
}

const OTHER: [&str; 3] = ["OTHER", "2024-01-01", "complete"];

#[test]
fn all_windows_of_the_table_are_marked_and_say_by_whom() {
    let stage = LedgerStage::new();
    run(async {
        loaded(&stage).await;
        let whole = Replaced { tool: "a-tool", table: &sales(), days: None };
        assert!(replace(&stage, whole, false).await);
        assert!(states(&stage).iter().all(|window| window[2] == "complete"), "{:?}", states(&stage));
        assert!(replace(&stage, whole, true).await);
        let marked = |first| ["SALES", first, "pending"];
        assert_eq!(states(&stage), [OTHER, marked("2024-01-01"), marked("2024-02-01"), marked("2024-03-01")]);
        let left = stage.texts(
            "SELECT DISTINCT row_count, byte_count, row_hash, run_id, host, verify_ms, \
             CASE WHEN completed IS NULL THEN 1 ELSE 0 END AS undone, \
             LEFT(error, 36) AS says FROM replica.windows WHERE table_name = 'SALES'",
        );
        let nothing = ["NULL"; 6];
        assert_eq!(left, [[&nothing[..], &["1", "its rows were replaced by a-tool at "]].concat()]);

        let subject = subject();
        let windows = months(&[1, 2, 3]);
        let resume = RunOptions { resume: ResumeMode::Resume, ..run_options(&subject, &windows) };
        let begun = begin(&mut stage.session().await, &resume).await;
        assert_eq!(skipped(&begun), []);
        assert_eq!(begun.redone.len(), 3);
        for redone in begun.redone {
            assert!(redone.because.starts_with("its rows were replaced by a-tool at 20"), "{redone:?}");
            assert!(redone.because.ends_with(" UTC"), "{redone:?}");
        }
    });
}

#[test]
fn days_mark_the_windows_that_have_some_of_them() {
    let stage = LedgerStage::new();
    run(async {
        loaded(&stage).await;
        let table = sales();
        let replaced = |column, days| Replaced { tool: "a-tool", table: &table, days: Some((column, days)) };
        // Up to March, and without it.
        let february = replaced("sale_date", days("2024-02-29", "2024-03-01"));
        assert!(replace(&stage, february, true).await);
        let complete = |first| ["SALES", first, "complete"];
        let february = ["SALES", "2024-02-01", "pending"];
        assert_eq!(states(&stage), [OTHER, complete("2024-01-01"), february, complete("2024-03-01")]);
        assert!(!replace(&stage, replaced("sale_date", days("2024-04-01", "2024-05-01")), true).await);
        // Days of another column may be anywhere.
        assert!(replace(&stage, replaced("booked", days("2020-01-01", "2020-01-02")), true).await);
        assert_eq!(states(&stage).iter().filter(|window| window[2] == "pending").count(), 3);
    });
}

#[test]
fn what_no_record_is_about_needs_no_ledger() {
    let table = sales();
    let whole = Replaced { tool: "a-tool", table: &table, days: None };
    let stage = LedgerStage::without_ledger();
    run(async {
        assert!(!replace(&stage, whole, true).await);
        assert!(!ledger::exists(&mut stage.session().await).await.unwrap(), "nor is one made");
        stage.batch("CREATE SCHEMA replica");
        stage.batch("CREATE TABLE replica.windows (schema_name int NULL)");
        assert!(!replace(&stage, whole, true).await, "the user's own");
    });
    let stage = LedgerStage::new();
    run(async {
        assert!(!replace(&stage, whole, true).await, "it has no windows");
        loaded(&stage).await;
        stage.batch("UPDATE replica.ledger SET version = 3");
        assert!(!replace(&stage, whole, true).await, "a later release knows what they mean");
    });
}
