//! Columns that one side alone has, and what a repair would destroy.
use replica_testkit::Pair;

use crate::util::{QUARTER, quarter, tool, windows};

/// The same rows on both sides, and a column more in the target that has values.
fn with_a_column_more() -> Pair {
    let pair = quarter("date");
    pair.target("ALTER TABLE dbo.t ADD note varchar(9) NULL");
    pair.target("UPDATE dbo.t SET note = 'kept'");
    pair
}

#[test]
fn equal_does_not_pass_over_columns_of_one_side() {
    let pair = with_a_column_more();
    pair.source("ALTER TABLE dbo.t ADD remark varchar(9) NULL");
    for args in [&["dbo.t"][..], QUARTER] {
        let args = [args, &["--ignore-extra-columns"]].concat();
        let run = tool(&pair).run(&args).exits(0);
        let run = run.says(
            "WARN  dbo.t: not compared, since one side has no such column: note (in the target only), remark (in the source only)",
        );
        assert!(windows(&run).iter().all(|line| line[2] == "equal"), "{run}");

        let strict = [&args[..], &["--strict-columns"]].concat();
        let run = tool(&pair).run(&strict).exits(1);
        for line in windows(&run) {
            assert_eq!(
                (line[2], line[12]),
                ("different", "note (NULL, in the target only), remark (in the source only)"),
                "{run}"
            );
        }
        // There is nothing to repair by loading rows again.
        let run = tool(&pair).run(&[&strict[..], &["--repair"]].concat()).exits(1);
        assert!(!run.stderr.contains("loading"), "{run}");
    }
    let same = quarter("date");
    tool(&same).run(&["dbo.t", "--strict-columns"]).exits(0);
}

#[test]
fn a_repair_keeps_the_values_of_such_columns() {
    let pair = with_a_column_more();
    pair.target("UPDATE dbo.t SET n = -1 WHERE id = 3");
    for args in [&["dbo.t", "--repair=windows"][..], &[QUARTER, &["--repair=windows"]].concat()] {
        let run = tool(&pair).run(args).exits(1);
        let run = run.says("not repaired: values would be lost").says("--fill-missing-columns");
        assert_eq!(pair.target.client().number("SELECT COUNT(note) FROM dbo.t"), 92, "{run}");
        assert_eq!(pair.target.client().number("SELECT n FROM dbo.t WHERE id = 3"), -1, "{run}");
    }
    let filling = [QUARTER, &["--repair=windows", "--fill-missing-columns"]].concat();
    let run = tool(&pair).run(&filling).exits(0);
    run.says("WARN  dbo.t: column note is in the target only: it gets NULL, whatever");
    pair.assert_equal("SELECT id, day, n FROM dbo.t ORDER BY id");
    assert_eq!(pair.target.client().number("SELECT COUNT(note) FROM dbo.t"), 61, "January went");
}

#[test]
fn a_repair_of_rows_leaves_such_columns_alone() {
    let pair = with_a_column_more();
    for args in [&["dbo.t", "--repair"][..], &[QUARTER, &["--repair=rows"]].concat()] {
        pair.target("UPDATE dbo.t SET n = -1 WHERE id = 3");
        tool(&pair).run(args).exits(0);
        pair.assert_equal("SELECT id, day, n FROM dbo.t ORDER BY id");
        assert_eq!(pair.target.client().number("SELECT COUNT(note) FROM dbo.t"), 92);
    }
}

#[test]
fn a_repair_does_not_empty_what_the_source_has_lost() {
    let pair = quarter("date");
    pair.source("DELETE FROM dbo.t WHERE day >= '2024-02-01' AND day < '2024-03-01'");
    let args = [QUARTER, &["--repair"]].concat();
    let run = tool(&pair).run(&args).exits(1);
    let run = run.says("window 2024-02: the source has 0 rows for the 29 that the target holds");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t"), 92, "{run}");
    tool(&pair).run(&[&args[..], &["--allow-shrink"]].concat()).exits(0);
    pair.assert_equal("SELECT id, day, n FROM dbo.t ORDER BY id");
    pair.source("DELETE FROM dbo.t");
    let run = tool(&pair).run(&["dbo.t", "--repair"]).exits(1);
    let run = run.says("the source has 0 rows for the 63 that the target holds");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t"), 63, "{run}");
    let settings = "[tables.'dbo.t']\nallow_shrink = true\n";
    tool(&pair).file("replica.toml", settings).run(&["dbo.t", "--repair"]).exits(0);
}
