//! Tables beside a target, which hosts that share windows give the same names.
use replica_core::catalog::TableName;
use replica_core::error::Kind;
use replica_core::ledger::{self, RecordedStaging, RunOptions};
use replica_core::session::Session;

use crate::util::{LedgerStage, begin, claimed, months, run, run_options, subject};

const NAME: &str = "replica.stage_7_in";

fn target() -> TableName {
    "dbo.SALES".parse().unwrap()
}

/// What makes the table, which says who has made it.
fn tables(who: &str) -> [(TableName, Vec<String>); 1] {
    [(NAME.parse().unwrap(), vec![format!("CREATE TABLE {NAME} ({who} int NOT NULL)")])]
}

async fn on_record(session: &mut Session) -> RecordedStaging {
    let mut left = ledger::recorded_staging(session, Some(&target())).await.unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
    left.remove(0)
}

/// Who has made the table that is there, and the runs that have one on record.
fn state(stage: &LedgerStage) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    let made = format!("SELECT name FROM sys.columns WHERE object_id = OBJECT_ID('{NAME}')");
    (stage.texts(&made), stage.texts("SELECT run_id FROM replica.staging"))
}

fn is(who: &str, run: i64) -> (Vec<Vec<String>>, Vec<Vec<String>>) {
    (vec![vec![who.to_owned()]], vec![vec![run.to_string()]])
}

/// It has looked, and been stopped; meanwhile another host has dropped the table and made its own.
#[test]
fn a_host_that_comes_back_drops_neither_anothers_table_nor_its_record() {
    let stage = LedgerStage::new();
    run(async {
        let (mut late, mut other) = (stage.session().await, stage.session().await);
        ledger::open_staging(&mut late).await.unwrap();
        ledger::make_staging(&mut late, &target(), 1, &tables("first"), None).await.unwrap();
        let seen = on_record(&mut late).await;
        ledger::drop_staging(&mut other, &seen, None).await.unwrap();
        // Neither table nor record is there, and none is made.
        ledger::drop_staging(&mut late, &seen, None).await.unwrap();
        assert_eq!(state(&stage), (vec![], vec![]));
        ledger::make_staging(&mut other, &target(), 2, &tables("theirs"), None).await.unwrap();
        ledger::drop_staging(&mut late, &seen, None).await.unwrap();
        assert_eq!(state(&stage), is("theirs", 2));
        let theirs = on_record(&mut other).await;
        ledger::drop_staging(&mut other, &theirs, None).await.unwrap();
        assert_eq!(state(&stage), (vec![], vec![]));
    });
}

/// A record whose table somebody has replaced by hand is taken away, and that table stays.
#[test]
fn a_table_that_only_has_the_name_stays() {
    let stage = LedgerStage::new();
    run(async {
        let mut session = stage.session().await;
        ledger::open_staging(&mut session).await.unwrap();
        ledger::make_staging(&mut session, &target(), 1, &tables("ours"), None).await.unwrap();
        stage.batch(&format!("DROP TABLE {NAME}"));
        stage.batch(&format!("CREATE TABLE {NAME} (by_hand int NOT NULL)"));
        ledger::sweep_staging(&mut session, &target(), Some(1)).await.unwrap();
        assert_eq!(state(&stage), (vec![vec!["by_hand".to_owned()]], vec![]));
    });
}

/// With a window that is another's by now, nothing is made and nothing dropped, and the session is out of its transaction.
#[test]
fn a_claim_that_is_lost_neither_makes_nor_drops_a_table() {
    let stage = LedgerStage::new();
    run(async {
        let (mut one, mut two) = (stage.session().await, stage.session().await);
        ledger::open_staging(&mut one).await.unwrap();
        let (subject, windows) = (subject(), months(&[5]));
        let shared = RunOptions { shared: true, ..run_options(&subject, &windows) };
        let late = begin(&mut one, &shared).await.run;
        let old = claimed(late.next(&mut one).await.unwrap());
        ledger::make_staging(&mut one, &target(), late.id, &tables("first"), Some(&old)).await.unwrap();
        assert_eq!(state(&stage), is("first", late.id));

        stage.kill(&late);
        let other = begin(&mut two, &shared).await.run;
        let new = claimed(other.next(&mut two).await.unwrap());
        let left = on_record(&mut two).await;
        let refused = ledger::drop_staging(&mut one, &left, Some(&old)).await.unwrap_err();
        assert_eq!(refused.kind(), Kind::Busy, "{refused}");
        assert_eq!(state(&stage), is("first", late.id));
        assert!(!one.lane().unwrap().in_transaction());

        ledger::drop_staging(&mut two, &left, Some(&new)).await.unwrap();
        let refused = ledger::make_staging(&mut one, &target(), late.id, &tables("late"), Some(&old)).await;
        assert_eq!(refused.unwrap_err().kind(), Kind::Busy);
        assert_eq!(state(&stage), (vec![], vec![]));
        ledger::make_staging(&mut two, &target(), other.id, &tables("theirs"), Some(&new)).await.unwrap();
        assert_eq!(state(&stage), is("theirs", other.id));
    });
}
