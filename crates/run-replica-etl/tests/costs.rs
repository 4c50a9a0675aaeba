//! What a run asks of the servers, and where its time goes.
use std::time::Duration;

use replica_testkit::{Pair, Program, RoundTrips, Server, TimingLine, slow_catalog};

fn tool(pair: &Pair, config: &str) -> Program {
    Program::new(env!("CARGO_BIN_EXE_run-replica-etl")).between(pair).file("replica.toml", config)
}

/// Reference tables that the target has old rows of, one table with days, and the configuration that lists them.
fn replica(count: usize) -> (Pair, String) {
    let pair = Pair::on(Server::sandbox());
    let names: Vec<String> = (0..count).map(|n| format!("dbo.t{n:02}")).collect();
    for name in &names {
        pair.both(&format!("CREATE TABLE {name} (id int NOT NULL PRIMARY KEY)"));
        pair.source(&format!("INSERT INTO {name} VALUES (1), (2)"));
        pair.target(&format!("INSERT INTO {name} VALUES (901)"));
    }
    pair.both("CREATE TABLE dbo.days (id int NOT NULL PRIMARY KEY, day date NOT NULL)");
    pair.source("INSERT INTO dbo.days VALUES (1, '2024-01-30'), (2, '2024-01-31')");
    (pair, format!("reference_tables = {names:?}\ndate_tables = ['dbo.days']\n"))
}

const DAY: &[&str] = &["--as-of", "2024-01-31"];

#[test]
fn a_run_logs_in_as_often_as_it_has_workers() {
    let (pair, config) = replica(9);
    // Makes the ledger.
    tool(&pair, &config).run(DAY).exits(0);
    for workers in 1..=3 {
        let most = format!("--max-workers={workers}");
        let [source, target] = RoundTrips::of_run(&pair, tool(&pair, &config), &[DAY, &[&most]].concat());
        // At the target also for its lock, for the lock of the table with days, and for the lease of its windows.
        assert!(source.logins <= workers && target.logins <= workers + 3, "{workers}: {source:?} {target:?}");
    }
    pair.assert_equal("SELECT id FROM dbo.t08");
    assert_eq!(pair.target.client().number("SELECT SUM(id) FROM dbo.days"), 2, "the day's row");
}

#[test]
fn a_small_table_takes_as_few_round_trips_as_one_that_is_copied_alone() {
    let trips = |count| {
        let (pair, config) = replica(count);
        // Makes the ledger.
        tool(&pair, &config).run(DAY).exits(0);
        let asked = RoundTrips::of_run(&pair, tool(&pair, &config), &[DAY, &["--max-workers=1"]].concat());
        asked.iter().map(|side| side.round_trips).sum::<i64>()
    };
    // docs/LOADING.md, "Round trips". What is asked of all tables is asked at once.
    assert_eq!(trips(8) - trips(3), 5 * 6);
}

#[test]
fn timing_has_all_of_the_time_where_the_catalog_is_slow() {
    let (pair, config) = replica(1);
    let (proxy, through) = slow_catalog(&pair.target.connection, Duration::from_secs(2), u32::MAX);
    let slow = tool(&pair, &config).with("REPLICA_TARGET", &through);
    let (whole, lines, run) = TimingLine::of_run(slow, &[DAY, &["--max-workers=1"]].concat());
    assert!(proxy.has_struck(Duration::ZERO), "{run}");
    // Both tables are looked at before any is copied.
    assert!(whole.took("PLAN") >= 4.0, "{run}");
    let tables: f64 = lines.iter().filter(|line| !line.what.contains("2024-")).map(|line| line.total).sum();
    assert!((whole.took("COPY") - tables).abs() <= 0.6, "{run}");
}
