//! How often the tool asks the servers. The counts are in docs/LOADING.md, "Round trips": a count that changes is a change of
//! that page.
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
#[track_caller]
fn asked(pair: &Pair, names: &[String], more: &[&str]) -> [RoundTrips; 2] {
    let args: Vec<&str> = names.iter().map(String::as_str).chain(more.iter().copied()).collect();
    RoundTrips::of_run(pair, tool(pair), &args)
}

/// What each table more adds: round trips at the source and at the target.
fn by_table(pair: &Pair, names: &[String], more: &[&str]) -> [i64; 2] {
    let few = asked(pair, &names[..2], more);
    let many = asked(pair, names, more);
    let tables = names.len() as i64 - 2;
    [0, 1].map(|side| {
        let added = many[side].round_trips - few[side].round_trips;
        assert_eq!(added % tables, 0, "{few:?} {many:?}");
        added / tables
    })
}

#[test]
fn a_small_table_takes_few_round_trips() {
    let (pair, names) = tables(6);
    // Makes the ledger.
    asked(&pair, &names[..1], &[]);
    let by = |more| by_table(&pair, &names, &["--max-workers=1", more]);
    let counts = [by("--verify=none"), by("--verify=hash"), by("--explain")];
    assert_eq!(counts, [[1, 5], [1, 6], [0, 0]]);
}

#[test]
fn many_tables_are_explained_in_few_round_trips() {
    let (pair, names) = tables(30);
    let asked = asked(&pair, &names, &["--explain"]);
    assert_eq!(asked.map(|side| side.logins), [1, 1]);
    assert!(asked.iter().map(|side| side.round_trips).sum::<i64>() < 10, "{asked:?}");
}

#[test]
fn a_run_logs_in_as_often_as_it_has_workers() {
    let (pair, names) = tables(12);
    asked(&pair, &names[..1], &[]);
    for (workers, most) in [("--max-workers=1", 2), ("--max-workers=3", 4)] {
        for side in asked(&pair, &names, &[workers]) {
            assert!(side.logins <= most, "{workers}: {side:?}");
        }
    }
}

#[test]
fn a_session_that_dies_between_two_tables_is_not_used_again() {
    let (pair, names) = tables(4);
    asked(&pair, &names[..1], &[]);
    let server = &mut pair.server.client("master");
    let faults = [
        ("cut_between", "--verify=hash"),
        // Such a session is reset: it has more than the lock.
        ("cut_resetting", "--apply=difference"),
        ("cut_before_commit", "--verify=hash"),
        ("cut_after_commit", "--verify=hash"),
    ];
    for (fault, option) in faults {
        for name in &names {
            pair.target(&format!("INSERT INTO {name} VALUES (902, N'old')"));
        }
        server.batch(&format!("EXEC sp_sandbox_fault @fault = '{fault}', @at = 2, @count = 3"));
        asked(&pair, &names, &["--max-workers=1", option]);
        server.batch("EXEC sp_sandbox_fault @fault = 'none'");
        for name in &names {
            assert_eq!(
                pair.target.client().number(&format!("SELECT SUM(id) FROM {name}")),
                3,
                "{fault} {name}"
            );
        }
    }
}
