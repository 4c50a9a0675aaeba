//! docs/LEDGER.md: its SQL runs, and it knows every column.
use replica_core::ledger;

use crate::util::{LedgerStage, begin, complete, months, run, run_options, subject};

const DOCUMENT: &str = include_str!("../../../../docs/LEDGER.md");

fn statements() -> impl Iterator<Item = &'static str> {
    DOCUMENT.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next())
}

#[test]
fn the_documents_sql_runs() {
    let stage = LedgerStage::new();
    run(async {
        let mut session = stage.session().await;
        let mut subject = subject();
        let windows = months(&[1, 2]);
        subject.table = "dbo.APP_4_SALES".parse().unwrap();
        let begun = begin(&mut session, &run_options(&subject, &windows)).await.run;
        let claim = begun.claim(&mut session, windows[0].window.clone()).await.unwrap().unwrap();
        complete(&mut session, &claim, 5_000).await;
        begun.claim(&mut session, windows[1].window.clone()).await.unwrap().unwrap();
        ledger::record(&mut session, &begun, subject.object_id, "ix").await.unwrap();
        ledger::open_versions(&mut session).await.unwrap();
    });
    let counts: Vec<usize> = statements().map(|sql| stage.texts(sql).len()).collect();
    assert_eq!(counts, [1, 2, 1, 2, 1, 0, 0]);
    let speed = statements().nth(3).map(|sql| stage.texts(sql)).unwrap();
    assert!(speed.iter().any(|row| row[1..] == ["5000", "1500", "2500", "NULL", "2000"]), "{speed:?}");
}

#[test]
fn the_document_knows_every_column() {
    let columns = [ledger::DDL, ledger::VERSIONS_DDL, ledger::STAGING_DDL, ledger::LOADS_DDL]
        .into_iter()
        .flat_map(str::lines)
        .filter_map(|line| line.strip_prefix("    ")?.split(' ').next());
    let columns = columns.filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()));
    let missing: Vec<_> = columns.filter(|name| !DOCUMENT.contains(&format!("`{name}`"))).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
