//! What windows would destroy although nobody asked for it: refused before the first of them is touched.
use replica_testkit::{Pair, ProgramExit};

use crate::util::{all_months, copy, half_a_year, outcomes, tool};

const BY: [&[&str]; 4] =
    [&[], &["--window", "week", "--max-workers", "4"], &["--window", "day"], &["--shared"]];

/// The whole target, and that no run has left a trace in it.
#[track_caller]
fn untouched(pair: &Pair, before: &[Vec<String>], run: &ProgramExit) {
    assert_eq!(all(pair), before, "{run}");
    let ledger = pair.target.client().number("SELECT COUNT(*) FROM sys.schemas WHERE name = 'replica'");
    assert_eq!(ledger, 0, "{run}");
}

fn all(pair: &Pair) -> Vec<Vec<String>> {
    pair.target.client().values("SELECT * FROM dbo.t ORDER BY id")
}

/// dbo.t (id, day, label) with the same rows on both sides: 366 of them, one for each day of 2024.
fn filled() -> Pair {
    let pair = Pair::new();
    pair.both(
        "CREATE TABLE dbo.t (id int NOT NULL, day date NOT NULL, label nvarchar(20) NULL, \
         CONSTRAINT pk PRIMARY KEY (day, id))",
    );
    pair.both("INSERT INTO dbo.t VALUES (0, '2024-01-01', N'first')");
    for by in (0..9).map(|doubling| 1 << doubling) {
        pair.both(&format!(
            "INSERT INTO dbo.t SELECT id + {by}, DATEADD(day, {by}, day), label FROM dbo.t WHERE id + {by} < 366"
        ));
    }
    pair
}

#[test]
fn columns_that_the_source_has_not_keep_their_values() {
    let pair = filled();
    pair.target("ALTER TABLE dbo.t ADD note varchar(9) NULL");
    copy(&pair, &["--explain"]).says("column note is in the target only: it gets NULL; no old row");
    pair.target("UPDATE dbo.t SET note = 'kept' WHERE day = '2024-03-05'");
    let before = all(&pair);
    for by in BY {
        let run = tool(&pair).run(&half_a_year(by)).exits(1);
        untouched(&pair, &before, &run.says("no columns note,").says("--fill-missing-columns"));
    }
    pair.source("ALTER TABLE dbo.t ADD remark varchar(9) NULL");
    let run = tool(&pair).run(&half_a_year(&["--ignore-extra-columns"])).exits(1);
    untouched(&pair, &before, &run.says("another name at the source by now (remark)"));
    let run = tool(&pair).run(&half_a_year(&["--explain", "--ignore-extra-columns"])).exits(1);
    assert!(run.stdout.contains("refused\tdbo.t: values would be lost"), "{run}");

    let april = ["dbo.t", "--start-date=2024-04-01", "--end-date=2024-06-30", "--ignore-extra-columns"];
    tool(&pair).run(&april).exits(0).says("WARN  dbo.t: column note is in the target only");
    copy(&pair, &["--ignore-extra-columns", "--fill-missing-columns"]).says("WARN  dbo.t: column note");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t WHERE note IS NOT NULL"), 0);
}

#[test]
fn a_window_that_has_rows_does_not_lose_all_of_them() {
    let pair = filled();
    pair.source("DELETE FROM dbo.t WHERE day >= '2024-05-01' AND day < '2024-06-01'");
    let before = all(&pair);
    let run = tool(&pair).run(&half_a_year(&[])).exits(1).says("most rows would be lost");
    let run = run.says("window 2024-05: the source has 0 rows for the 31 that the target holds");
    untouched(&pair, &before, &run);
    // A single window is counted as well.
    let may = ["dbo.t", "--start-date=2024-05-01", "--end-date=2024-05-31"];
    let run = tool(&pair).run(&may).exits(1).says("0 rows for the 31 that the target holds");
    untouched(&pair, &before, &run);
    let run = tool(&pair).run(&half_a_year(&["--explain"])).exits(1);
    assert!(run.stdout.contains("refused\tdbo.t: most rows would be lost: window 2024-05"), "{run}");
    for by in BY {
        let run = tool(&pair).run(&half_a_year(by)).exits(1);
        untouched(&pair, &before, &run.says("--allow-shrink"));
    }
    let settings = "[tables.'dbo.t']\nallow_shrink = true\n";
    let run = tool(&pair).file("replica.toml", settings).run(&half_a_year(&[])).exits(0);
    assert_eq!(outcomes(&run), all_months("ok"), "{run}");
    pair.assert_equal("SELECT id, day, label FROM dbo.t ORDER BY id");
}

#[test]
fn neither_do_all_windows_together_lose_most_of_many_rows() {
    let pair = filled();
    for by in [1_000, 2_000, 4_000] {
        pair.target(&format!("INSERT INTO dbo.t SELECT id + {by}, day, label FROM dbo.t"));
    }
    let before = all(&pair);
    let run = tool(&pair).run(&half_a_year(&["--window", "day"])).exits(1);
    let run = run.says("all windows together: the source has 182 rows for the 1,456 that the target holds");
    untouched(&pair, &before, &run);
    copy(&pair, &["--window", "day", "--allow-shrink", "88"]);
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t WHERE day < '2024-07-01'"), 182);
}
