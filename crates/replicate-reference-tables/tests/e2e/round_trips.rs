//! How often the tool asks the servers, as the sandbox counts it.
use replica_testkit::{Pair, RoundTrips, Server};

use crate::util::tool;

fn tables(count: usize) -> (Pair, Vec<String>) {
    let pair = Pair::on(Server::sandbox());
    let names: Vec<String> = (0..count).map(|n| format!("dbo.t{n:03}")).collect();
    for name in &names {
        pair.both(&format!("CREATE TABLE {name} (id int NOT NULL PRIMARY KEY, label nvarchar(20) NULL)"));
        pair.source(&format!("INSERT INTO {name} VALUES (1, N'one'), (2, NULL)"));
        pair.target(&format!("INSERT INTO {name} VALUES (901, N'old')"));
    }
    (pair, names)
}

/// What a run with so many of the tables asks of source and target.
fn asked(pair: &Pair, names: &[String]) -> [RoundTrips; 2] {
    let before = RoundTrips::of(pair);
    let args: Vec<&str> = names.iter().map(String::as_str).collect();
    tool(pair).counted(pair).run(&args).exits(0);
    let after = RoundTrips::of(pair);
    [after[0] - before[0], after[1] - before[1]]
}

/// What each table more takes of a side, at most: round trips on sessions that are there.
const MOST: i64 = 20;

#[test]
fn a_small_table_logs_in_once_a_side() {
    let (pair, names) = tables(6);
    // Makes the ledger.
    asked(&pair, &names[..1]);
    let (few, many) = (asked(&pair, &names[..2]), asked(&pair, &names));
    for side in [0, 1] {
        let added = many[side] - few[side];
        assert_eq!(added.logins, 4, "{few:?} {many:?}");
        assert!(added.round_trips <= 4 * MOST, "{few:?} {many:?}");
    }
}
