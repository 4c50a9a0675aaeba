//! The target against what the copy has recorded.
use replica_core::catalog::record::CatalogRow;

use crate::util::{QUARTER, quarter, tool, windows};

#[test]
fn what_changed_on_the_replica_since_it_was_loaded_is_found_without_the_source() {
    let pair = quarter("date");
    tool(&pair).run(&["dbo.t", "--against-ledger"]).exits(1).says("no window of it");
    pair.target("DELETE FROM dbo.t WHERE day IS NOT NULL");
    tool(&pair).run(&[QUARTER, &["--repair"]].concat()).exits(0);
    let run = tool(&pair).run(&["dbo.t", "--against-ledger"]).exits(0);
    let mut months: Vec<_> = windows(&run).iter().map(|line| (line[1], line[2], line[3])).collect();
    months.sort_unstable();
    let equal = [("2024-01", "equal", "31"), ("2024-02", "equal", "29"), ("2024-03", "equal", "31")];
    assert_eq!(months, equal, "{run}");

    // The source is another by now; the replica is what it was, but for a row.
    pair.source("UPDATE dbo.t SET n = 77 WHERE id = 50");
    pair.target("UPDATE dbo.t SET n = 99 WHERE id = 3");
    let run = tool(&pair).run(&["dbo.t", "--against-ledger"]).exits(1);
    let different: Vec<_> = windows(&run).into_iter().filter(|line| line[2] == "different").collect();
    assert_eq!((different.len(), different[0][1]), (1, "2024-01"), "{run}");
    let february = ["dbo.t", "--against-ledger", "--start-date=2024-02-01", "--end-date=2024-02-29"];
    assert_eq!(windows(&tool(&pair).run(&february).exits(0)).len(), 1);

    tool(&pair).run(&["dbo.t", "--against-ledger", "--repair"]).exits(0);
    assert_eq!(pair.target.client().number("SELECT n FROM dbo.t WHERE id = 3"), 3);
}

#[test]
fn a_repair_leaves_the_record_of_what_lies_between() {
    let pair = quarter("date");
    pair.target("DELETE FROM dbo.t WHERE day IS NOT NULL");
    tool(&pair).run(&[QUARTER, &["--repair"]].concat()).exits(0);
    pair.target("DELETE FROM dbo.t WHERE id IN (1, 88)");
    tool(&pair)
        .run(&[QUARTER, &["--repair"]].concat())
        .exits(0)
        .says("writing the rows that differ: 2024-01, 2024-03");
    let run = tool(&pair).run(&["dbo.t", "--against-ledger"]).exits(0);
    assert_eq!(windows(&run).len(), 3, "{run}");
}

#[test]
fn only_the_target_is_read() {
    let pair = quarter("date");
    if !pair.server.is_sandbox() {
        return crate::util::skip("only the sandbox counts reads");
    }
    pair.target("DELETE FROM dbo.t WHERE day IS NOT NULL");
    tool(&pair).run(&[QUARTER, &["--repair"]].concat()).exits(0);
    let scans = || {
        let rows = pair.server.client("master").rows("EXEC sp_sandbox_counters 'dbo.t'");
        CatalogRow::from(&rows[0]).int("scans").unwrap()
    };
    let before = scans();
    tool(&pair).run(&["dbo.t", "--against-ledger"]).exits(0);
    assert_eq!(scans() - before, 3, "three windows, on one side");
}

#[test]
fn a_window_that_is_not_complete_or_not_the_same_has_no_record() {
    let pair = quarter("date");
    pair.target("DELETE FROM dbo.t WHERE day IS NOT NULL");
    tool(&pair).run(&[QUARTER, &["--repair"]].concat()).exits(0);
    pair.target("UPDATE replica.windows SET state = 'failed' WHERE first_date = '2024-02-01'");
    let run = tool(&pair).run(&["dbo.t", "--against-ledger"]).exits(1).says("it is failed");
    assert_eq!(windows(&run).iter().filter(|line| line[2] == "failed").count(), 1, "{run}");
    pair.source("ALTER TABLE dbo.t ALTER COLUMN n smallint NOT NULL");
    tool(&pair).run(&["dbo.t", "--against-ledger"]).exits(1).says("other columns, conversions or rows");
}
