//! Only some days of a table: one window, in one transaction.
use replica_testkit::Pair;

use crate::util::{copy, fault, skip, tool};

const FEBRUARY: [&str; 5] = ["dbo.t", "--start-date", "2024-02-01", "--end-date", "2024-02-29"];

/// dbo.t (id, day) with `key` on both sides: a row for every day of the first quarter of 2024 at the source, and
/// old rows at the target, of which only the one in February may go.
fn pair(key: &str) -> Pair {
    let pair = Pair::new();
    pair.both(&format!("CREATE TABLE dbo.t (id int NOT NULL, day datetime2(7) NOT NULL{key})"));
    let mut source = pair.source.client();
    source.run("INSERT INTO dbo.t (id, day) VALUES (1, '2024-01-01')");
    for doubling in 0..7 {
        let by = 1 << doubling;
        source.run(&format!(
            "INSERT INTO dbo.t (id, day) SELECT id + {by}, DATEADD(day, {by}, day) FROM dbo.t WHERE id + {by} <= 91"
        ));
    }
    source.run("INSERT INTO dbo.t (id, day) VALUES (200, '2024-02-29T23:59:59.9999999')");
    pair.target(
        "INSERT INTO dbo.t (id, day) VALUES (901, '2024-01-31T23:59:59.9999999'), (902, '2024-02-15'), \
         (903, '2024-03-01')",
    );
    pair
}

#[track_caller]
fn ids(pair: &Pair) -> Vec<i32> {
    let mut ids = crate::util::ids(&mut pair.target.client());
    ids.sort_unstable();
    ids
}

#[test]
fn the_days_are_replaced_and_the_others_stay() {
    let february: Vec<i32> = (32..=60).chain([200, 901, 903]).collect();
    for key in
        ["", ", CONSTRAINT PK_t PRIMARY KEY (day, id)", ", CONSTRAINT PK_t PRIMARY KEY NONCLUSTERED (id)"]
    {
        let pair = pair(key);
        for _ in 0..2 {
            let run = copy(&pair, &[&FEBRUARY[..], &["--verify", "hash"]].concat());
            assert_eq!(run.lines()[0][1..3], ["ok", "30"], "{run}");
            assert!(run.stderr.contains("[TIMING] dbo.t 2024-02: "), "{run}");
            assert_eq!(ids(&pair), february, "{key}");
        }
    }
}

#[test]
fn a_failure_leaves_the_old_rows() {
    let pair = pair(", CONSTRAINT PK_t PRIMARY KEY (day, id)");
    if !pair.server.is_sandbox() {
        return skip("only the sandbox fails on request");
    }
    fault(&pair, "@fault = 'log_full', @table = 'dbo.t'");
    tool(&pair).run(&FEBRUARY).exits(1).says("9002");
    assert_eq!(ids(&pair), [901, 902, 903]);
}

#[test]
fn a_choice_of_date_columns_is_the_users() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL, day date NOT NULL, made datetime NOT NULL)");
    pair.source("INSERT INTO dbo.t (id, day, made) VALUES (1, '2024-02-01', '2024-03-01'), (2, '2024-03-01', '2024-02-01')");
    tool(&pair).run(&FEBRUARY).exits(2).says("day, made").says("--date-column");
    // 2 says that nothing was touched: with a table that was replaced it is 1.
    pair.both("CREATE TABLE dbo.u (id int NOT NULL, day date NOT NULL)");
    pair.source("INSERT INTO dbo.u (id, day) VALUES (1, '2024-02-01')");
    tool(&pair).run(&[&FEBRUARY[..], &["dbo.u"]].concat()).exits(1).says("1 of 2 tables replaced");
    pair.assert_equal("SELECT id FROM dbo.u");
    copy(&pair, &[&FEBRUARY[..], &["--date-column", "made"]].concat());
    assert_eq!(ids(&pair), [2]);
    let configured = tool(&pair).file("replica.toml", "[date_filter_columns]\nt = 'day'\n");
    configured.run(&FEBRUARY).exits(0);
    assert_eq!(ids(&pair), [1, 2]);
    let run = copy(&pair, &[&FEBRUARY[..], &["--date-column", "day", "--explain"]].concat());
    for part in ["window\t2024-02", "DELETE FROM [dbo].[t] WITH (TABLOCK) WHERE [day] >= @P1", "COMMIT"] {
        assert!(run.stdout.contains(part), "{part}\n{run}");
    }
}
