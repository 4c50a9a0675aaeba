//! What rounds cost the servers: requests, and bytes.
use replica_testkit::{Gate, Pair, RoundTrips, Server};

use crate::util::{beside, outcomes, table, tool};

/// A source that tracks changes, and the ways to both sides.
fn gates() -> (Pair, Gate, Gate) {
    let pair = Pair::on(Server::sandbox());
    pair.source(
        "ALTER DATABASE CURRENT SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 2 DAYS, AUTO_CLEANUP = ON)",
    );
    pair.source("ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON");
    let gate = || Gate::before(pair.server.port().unwrap()).unwrap();
    let (source, target) = (gate(), gate());
    (pair, source, target)
}

#[test]
fn quiet_tables_cost_the_source_a_handful_of_requests_however_many_they_are() {
    let (pair, gate, _) = gates();
    let names: Vec<String> = (0..9).map(|n| format!("dbo.t{n}")).collect();
    for name in &names {
        table(&pair, name, "id int NOT NULL PRIMARY KEY");
    }
    table(&pair, "dbo.busy", "id int NOT NULL PRIMARY KEY");
    let tables: Vec<&str> = names.iter().map(String::as_str).collect();
    tool(&pair).run(&tables).exits(0);
    let tool = tool(&pair).with("REPLICA_SOURCE", &gate.through(&pair.source.connection));
    let requests = |args: &[&str]| {
        let before = gate.sent().requests;
        tool.run(args).exits(0);
        gate.sent().requests - before
    };
    // What is asked once for a connection is not what a round costs.
    let connecting = requests(&["dbo.t0"]);
    assert_eq!(requests(&tables), connecting, "nothing has changed: one question");
    pair.source("INSERT INTO dbo.busy VALUES (1)");
    assert_eq!(requests(&tables), connecting + 1, "something has: which tables have changes is one more");
    // 500 tables are two such questions.
    assert!(connecting + 2 < 20, "{connecting}");
}

#[test]
fn a_hundredth_of_a_table_costs_a_twentieth_of_a_reload() {
    let (pair, _, gate) = gates();
    table(&pair, "dbo.t", "id int NOT NULL PRIMARY KEY, label varchar(400) NULL");
    pair.source("INSERT INTO dbo.t VALUES (1, REPLICATE('x', 300)), (2, REPLICATE('y', 300))");
    let mut source = pair.source.client();
    for n in 0..13 {
        source.run(&format!("INSERT INTO dbo.t SELECT id + {}, label FROM dbo.t", 2 << n));
    }
    let through = gate.through(&pair.target.connection);
    let written = |name: &str| {
        let before = gate.sent().bytes;
        let run = beside(&pair, name).with("REPLICA_TARGET", &through).run(&["dbo.t"]).exits(0);
        (gate.sent().bytes - before, run)
    };
    let (reload, _) = written("replicate-reference-tables");
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.source("UPDATE dbo.t SET label = 'first' WHERE id = 1");
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.source("UPDATE dbo.t SET label = REPLICATE('z', 300) WHERE id % 100 = 0");
    let (changes, run) = written("replicate-changes");
    assert_eq!(outcomes(&run), ["dbo.t ok changes 0 163 0"], "{run}");
    pair.assert_equal("SELECT COUNT(*), SUM(id), SUM(DATALENGTH(label)) FROM dbo.t");
    assert!(reload > 16_384 * 300, "{reload}");
    assert!(changes * 20 <= reload, "{changes} bytes of {reload}");
}

#[test]
fn a_round_logs_in_once_on_either_side() {
    let (pair, ..) = gates();
    table(&pair, "dbo.t", "id int NOT NULL PRIMARY KEY");
    table(&pair, "dbo.u", "id int NOT NULL PRIMARY KEY");
    pair.source("INSERT INTO dbo.t VALUES (1), (2), (3) INSERT INTO dbo.u VALUES (1), (2), (3)");
    let logins = |more: &[&str]| {
        let args = [&["dbo.t", "dbo.u", "--max-workers=1"], more].concat();
        RoundTrips::of_run(&pair, tool(&pair), &args).map(|side| side.logins)
    };
    // The first round compares: the keeper's own, two that read, and one that writes at the target.
    assert_eq!(logins(&[]), [2, 3]);
    pair.source("INSERT INTO dbo.t VALUES (4) INSERT INTO dbo.u VALUES (4)");
    assert_eq!([logins(&["--explain"]), logins(&[])], [[1, 1]; 2]);
    pair.assert_equal("SELECT id FROM dbo.t");
    pair.assert_equal("SELECT id FROM dbo.u");
}
