//! Indexes: those that a run disables come back, once; others stay as they are.
use replica_core::catalog::Table;
use replica_core::copy::indexes::{self, disposable};
use replica_core::ledger::{self, RunOptions};

use crate::util::{LedgerStage, begin, months, run, run_options, subject, table};

fn stage() -> LedgerStage {
    let stage = LedgerStage::new();
    stage.batch("CREATE INDEX ix_label ON dbo.SALES (label)");
    stage.batch("CREATE INDEX ix_date ON dbo.SALES (sale_date) WHERE label IS NOT NULL");
    stage.batch("CREATE UNIQUE INDEX ux ON dbo.SALES (label, id)");
    stage.batch("CREATE INDEX ix_off ON dbo.SALES (label, sale_date)");
    stage.batch("ALTER INDEX ix_off ON dbo.SALES DISABLE");
    stage
}

fn choice(table: &Table) -> Vec<String> {
    disposable(table).filter_map(|index| index.name.clone()).collect()
}

fn disabled(stage: &LedgerStage) -> Vec<Vec<String>> {
    stage.texts(
        "SELECT name FROM sys.indexes WHERE object_id = OBJECT_ID('dbo.SALES') AND is_disabled = 1 ORDER BY name",
    )
}

fn on_record(stage: &LedgerStage) -> Vec<Vec<String>> {
    stage.texts("SELECT index_name FROM replica.disabled_indexes ORDER BY index_name")
}

fn names(work: &indexes::IndexChanges) -> Vec<&str> {
    work.done.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn what_a_run_disables_it_rebuilds_and_nothing_else() {
    let stage = stage();
    run(async {
        let mut session = stage.session().await;
        let run = begin(&mut session, &run_options(&subject(), &months(&[1]))).await.run;
        let target = table(&mut session).await;
        assert_eq!(choice(&target), ["ix_label", "ix_date"]);
        let work = indexes::disable(&mut session, &run, &target, &choice(&target)).await.unwrap();
        assert_eq!(names(&work), ["ix_label", "ix_date"]);
        assert_eq!(disabled(&stage), [["ix_date"], ["ix_label"], ["ix_off"]]);
        assert_eq!(on_record(&stage), [["ix_date"], ["ix_label"]]);
        let work = indexes::rebuild(&mut session, &target, Some(&run)).await.unwrap();
        assert_eq!(names(&work), ["ix_date", "ix_label"]);
        assert!(indexes::rebuild(&mut session, &target, Some(&run)).await.unwrap().done.is_empty());
    });
    assert_eq!(disabled(&stage), [["ix_off"]]);
    assert!(on_record(&stage).is_empty());
    if stage.server.is_sandbox() {
        let counters = stage.texts("EXEC sp_sandbox_counters 'dbo.SALES'");
        assert_eq!(counters[0][1], "2", "each once: {counters:?}");
    }
}

#[test]
fn what_cannot_be_put_on_record_is_not_disabled() {
    let stage = stage();
    run(async {
        let mut session = stage.session().await;
        let run = begin(&mut session, &run_options(&subject(), &months(&[1]))).await.run;
        let target = table(&mut session).await;
        stage.batch("DROP TABLE replica.disabled_indexes");
        let error = indexes::disable(&mut session, &run, &target, &choice(&target)).await.unwrap_err();
        assert!(error.has_number(208), "{error}");
    });
    assert_eq!(disabled(&stage), [["ix_off"]]);
}

#[test]
fn after_a_crash_exactly_those_on_record_are_rebuilt() {
    let stage = stage();
    run(async {
        let mut session = stage.session().await;
        let run = begin(&mut session, &run_options(&subject(), &months(&[1]))).await.run;
        let target = table(&mut session).await;
        indexes::disable(&mut session, &run, &target, &["ix_label".to_owned()]).await.unwrap();
        // It died after the record of this one, before ALTER INDEX ...
        ledger::record(&mut session, &run, target.object.id, "ix_date").await.unwrap();
        // ... and this one was dropped since.
        ledger::record(&mut session, &run, target.object.id, "ix_gone").await.unwrap();
    });
    assert_eq!(on_record(&stage), [["ix_date"], ["ix_gone"], ["ix_label"]]);
    run(async {
        let mut session = stage.session().await;
        let target = table(&mut session).await;
        let work = indexes::rebuild(&mut session, &target, None).await.unwrap();
        assert_eq!(names(&work), ["ix_label"]);
    });
    assert_eq!(disabled(&stage), [["ix_off"]]);
    assert!(on_record(&stage).is_empty());
}

#[test]
fn a_next_run_takes_over_what_a_crash_has_left_and_rebuilds_it_once() {
    let stage = stage();
    run(async {
        let mut session = stage.session().await;
        let target = table(&mut session).await;
        let first = begin(&mut session, &run_options(&subject(), &months(&[1]))).await.run;
        indexes::disable(&mut session, &first, &target, &choice(&target)).await.unwrap();
        assert!(ledger::take(&mut session, &first, "ix_label").await.unwrap());

        let second = begin(&mut session, &run_options(&subject(), &months(&[1]))).await.run;
        let target = table(&mut session).await;
        assert!(choice(&target).is_empty());
        let work = indexes::rebuild(&mut session, &target, Some(&second)).await.unwrap();
        assert_eq!(names(&work), ["ix_date", "ix_label"]);
    });
    assert_eq!(disabled(&stage), [["ix_off"]]);
}

#[test]
fn of_two_hosts_that_rebuild_each_index_is_one_hosts() {
    let stage = stage();
    run(async {
        let (mut one, mut two) = (stage.session().await, stage.session().await);
        let subject = subject();
        let windows = months(&[1]);
        let shared = RunOptions { shared: true, ..run_options(&subject, &windows) };
        let first = begin(&mut one, &shared).await.run;
        let second = begin(&mut two, &shared).await.run;
        let target = table(&mut one).await;
        indexes::disable(&mut one, &first, &target, &choice(&target)).await.unwrap();
        assert!(ledger::take(&mut one, &first, "ix_label").await.unwrap());
        assert!(!ledger::take(&mut two, &second, "ix_label").await.unwrap());
        let work = indexes::rebuild(&mut two, &target, Some(&second)).await.unwrap();
        assert_eq!(names(&work), ["ix_date"], "the other is the first's");
        stage.kill(&first);
        let work = indexes::rebuild(&mut two, &target, Some(&second)).await.unwrap();
        assert_eq!(names(&work), ["ix_label"], "the first is dead");
    });
    assert_eq!(disabled(&stage), [["ix_off"]]);
}

#[test]
fn an_index_of_a_table_that_was_made_again_is_not_ours() {
    let stage = stage();
    run(async {
        let mut session = stage.session().await;
        let run = begin(&mut session, &run_options(&subject(), &months(&[1]))).await.run;
        let target = table(&mut session).await;
        indexes::disable(&mut session, &run, &target, &["ix_label".to_owned()]).await.unwrap();
        stage.batch("DROP TABLE dbo.SALES");
        stage.batch("CREATE TABLE dbo.SALES (id int NOT NULL PRIMARY KEY, label varchar(10) NULL)");
        stage.batch("CREATE INDEX ix_label ON dbo.SALES (label)");
        stage.batch("ALTER INDEX ix_label ON dbo.SALES DISABLE");
        let target = table(&mut session).await;
        assert!(indexes::rebuild(&mut session, &target, None).await.unwrap().done.is_empty());
    });
    assert_eq!(disabled(&stage), [["ix_label"]]);
    assert!(on_record(&stage).is_empty());
}

#[test]
fn a_refusal_leaves_the_index_up_and_no_record() {
    let stage = stage();
    if !stage.server.is_sandbox() {
        return eprintln!("skipped: only the sandbox refuses on request");
    }
    run(async {
        let mut session = stage.session().await;
        let run = begin(&mut session, &run_options(&subject(), &months(&[1]))).await.run;
        let target = table(&mut session).await;
        let fault = "EXEC sp_sandbox_fault @fault = 'refuse_index', @table = 'dbo.SALES'";
        stage.batch(fault);
        let work = indexes::disable(&mut session, &run, &target, &choice(&target)).await.unwrap();
        assert_eq!(names(&work), ["ix_date"]);
        assert_eq!((work.refused.len(), work.refused[0].0.as_str()), (1, "ix_label"));
        assert!(work.refused[0].1.has_number(1088));
        assert_eq!((disabled(&stage).len(), on_record(&stage)), (2, vec![vec!["ix_date".to_owned()]]));
        // A rebuild that is refused keeps the record, for the next.
        stage.batch(fault);
        let work = indexes::rebuild(&mut session, &target, Some(&run)).await.unwrap();
        assert!(work.done.is_empty());
        let error = work.refused[0].1.to_string();
        assert!(
            error.contains("index ix_date is left disabled") && error.contains("--repair-indexes"),
            "{error}"
        );
        assert_eq!(on_record(&stage), [["ix_date"]]);
        let next = begin(&mut session, &run_options(&subject(), &months(&[1]))).await.run;
        let work = indexes::rebuild(&mut session, &target, Some(&next)).await.unwrap();
        assert_eq!(names(&work), ["ix_date"]);
    });
}

/// Another run has disabled it since this one has looked at the table, and has left it so.
#[test]
fn a_refusal_leaves_the_record_of_an_index_that_was_disabled_before() {
    let stage = stage();
    if !stage.server.is_sandbox() {
        return eprintln!("skipped: only the sandbox refuses on request");
    }
    run(async {
        let mut session = stage.session().await;
        let seen = table(&mut session).await;
        let first = begin(&mut session, &run_options(&subject(), &months(&[1]))).await.run;
        indexes::disable(&mut session, &first, &seen, &["ix_label".to_owned()]).await.unwrap();
        let second = begin(&mut session, &run_options(&subject(), &months(&[1]))).await.run;
        stage.batch("EXEC sp_sandbox_fault @fault = 'refuse_index', @table = 'dbo.SALES'");
        let work = indexes::disable(&mut session, &second, &seen, &["ix_label".to_owned()]).await.unwrap();
        assert_eq!(work.refused.len(), 1);
        assert_eq!(on_record(&stage), [["ix_label"]]);
        assert_eq!(names(&indexes::rebuild(&mut session, &seen, Some(&second)).await.unwrap()), ["ix_label"]);
    });
    assert_eq!(disabled(&stage), [["ix_off"]]);
    assert!(on_record(&stage).is_empty());
}

/// A host that rebuilds, and is taken for dead: the record is that of the run which came after it.
#[test]
fn a_host_that_was_taken_for_dead_forgets_no_index_of_the_next_run() {
    let stage = stage();
    run(async {
        let (mut one, mut two) = (stage.session().await, stage.session().await);
        let seen = table(&mut one).await;
        let first = begin(&mut one, &run_options(&subject(), &months(&[1]))).await.run;
        indexes::disable(&mut one, &first, &seen, &["ix_label".to_owned()]).await.unwrap();
        assert!(ledger::take(&mut one, &first, "ix_label").await.unwrap());
        let second = begin(&mut two, &run_options(&subject(), &months(&[1]))).await.run;
        ledger::record(&mut two, &second, seen.object.id, "ix_label").await.unwrap();
        ledger::forget_taken(&mut one, &first, "ix_label").await.unwrap();
        assert!(!ledger::take(&mut one, &first, "ix_label").await.unwrap(), "it has ended");
        assert_eq!(on_record(&stage), [["ix_label"]]);
    });
}
