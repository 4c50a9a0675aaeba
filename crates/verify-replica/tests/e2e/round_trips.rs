//! How often the tool asks the servers. The counts are in docs/LOADING.md, "Round trips": a count that changes is a change of
//! that page.
use std::time::Duration;

use replica_testkit::{Pair, RoundTrips, Server, TimingLine, slow_catalog};

use crate::util::tool;

fn trips(pair: &Pair, args: &[&str]) -> i64 {
    let asked = RoundTrips::of_run(pair, tool(pair), &[args, &["--max-workers=1"]].concat());
    asked.iter().map(|side| side.round_trips).sum()
}

fn tables(count: usize, snapshot: &str) -> (Pair, Vec<String>) {
    let pair = Pair::on(Server::sandbox());
    pair.both(&format!("ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION {snapshot}"));
    let names: Vec<String> = (0..count).map(|n| format!("dbo.t{n:03}")).collect();
    for name in &names {
        pair.both(&format!("CREATE TABLE {name} (id int NOT NULL PRIMARY KEY, day date NOT NULL)"));
        pair.both(&format!("INSERT INTO {name} VALUES (1, '2024-01-01'), (2, '2024-01-02')"));
    }
    (pair, names)
}

#[test]
fn a_table_or_window_takes_few_round_trips() {
    // Where row versions are kept both readings are of one transaction, with a BEGIN and a COMMIT on either side.
    for (snapshot, trips_of_one) in [("OFF", 2), ("ON", 6)] {
        let (pair, names) = tables(12, snapshot);
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(
            trips(&pair, &names) - trips(&pair, &names[..2]),
            10 * trips_of_one,
            "a table, {snapshot}"
        );
        let days = |last: &str| {
            let last = format!("--end-date={last}");
            trips(&pair, &["dbo.t000", "--window=day", "--date-column=day", "--start-date=2024-01-01", &last])
        };
        assert_eq!(days("2024-01-30") - days("2024-01-10"), 20 * trips_of_one, "a window, {snapshot}");
    }
}

#[test]
fn timing_has_all_of_the_time_where_the_catalog_is_slow() {
    let (pair, names) = tables(1, "OFF");
    let (proxy, through) = slow_catalog(&pair.target.connection, Duration::from_secs(2), u32::MAX);
    let slow = tool(&pair).with("REPLICA_TARGET", &through);
    let (whole, _, run) = TimingLine::of_run(slow, &[&names[0]]);
    assert!(proxy.has_struck(Duration::ZERO), "{run}");
    assert!(whole.took("PLAN") >= 2.0, "{run}");
    assert!(whole.phases.iter().any(|(name, _)| name == "COMPARE"), "{run}");
}
