//! Why the old recipe deadlocked, and that this one does not: told by the server's lock log, not by a clock.
use std::sync::Barrier;

use replica_testkit::{Client, Pair};

use crate::util::{all_months, assert_half_a_year, half_a_year, outcomes, plain, sandbox};

const CLUSTERED: &str = ", CONSTRAINT PK_t PRIMARY KEY CLUSTERED (id)";

fn deadlocks(pair: &Pair) -> i64 {
    pair.target.client().number("SELECT COUNT(*) FROM sys.sandbox_lock_log WHERE event = 'deadlock'")
}

/// A month as the old scripts replaced it: IX on the table for the DELETE, then X for the load.
fn old_recipe(client: &mut Client, month: usize, ready: &Barrier) -> Option<u32> {
    client.batch("BEGIN TRANSACTION");
    client.batch(&format!("DELETE FROM dbo.t WHERE MONTH(day) = {month}"));
    ready.wait();
    let load = format!(
        "INSERT INTO dbo.t WITH (TABLOCK) (id, day, label) SELECT id, day, label FROM dbo.staged WHERE MONTH(day) = {month}"
    );
    match client.try_batch(&load) {
        Ok(()) => {
            client.batch("COMMIT");
            None
        }
        Err(error) => error.server().map(|error| error.number),
    }
}

#[test]
fn four_sessions_with_the_old_recipe_deadlock() {
    let pair = sandbox(CLUSTERED);
    pair.target("CREATE TABLE dbo.staged (id int NOT NULL, day date NOT NULL, label nvarchar(20) NULL)");
    pair.target("INSERT INTO dbo.t VALUES (1, '2024-01-01', N'a'), (2, '2024-02-01', N'b'), (3, '2024-03-01', N'c'), (4, '2024-04-01', N'd')");
    pair.target("INSERT INTO dbo.staged SELECT id + 10, day, label FROM dbo.t");
    let ready = Barrier::new(4);
    let failed: Vec<u32> = std::thread::scope(|scope| {
        let work = |month| {
            let (pair, ready) = (&pair, &ready);
            scope.spawn(move || old_recipe(&mut pair.target.client(), month, ready))
        };
        let sessions: Vec<_> = (1..=4).map(work).collect();
        sessions.into_iter().filter_map(|session| session.join().unwrap()).collect()
    });
    assert_eq!(failed, [1205; 3], "one of four gets through");
    assert_eq!(deadlocks(&pair), 3);
}

#[test]
fn eight_workers_on_a_clustered_table_do_not_whatever_the_lock() {
    for key in [CLUSTERED, ", CONSTRAINT PK_t PRIMARY KEY CLUSTERED (day, id)"] {
        for lock in ["auto", "always", "never"] {
            let pair = sandbox(key);
            pair.target("INSERT INTO dbo.t VALUES (901, '2024-01-31', N'old'), (902, '2024-05-05', N'old'), (900, '2024-06-30', N'old')");
            let args =
                ["--max-workers", "8", "--tablock", lock, "--chunk-size", "20", "--commit-interval", "20"];
            for _ in 0..2 {
                let run =
                    plain(&pair, "").run(&half_a_year(&[&args[..], &["--verify", "hash"]].concat())).exits(0);
                assert_eq!(outcomes(&run), all_months("ok"), "{run}");
                assert!(!run.stderr.contains("retry"), "{run}");
            }
            assert_half_a_year(&pair);
            assert_eq!(deadlocks(&pair), 0, "{key} {lock}");
        }
    }
}

/// (session, event) of the bulk update locks on the target, in order.
fn bulk_updates(pair: &Pair) -> Vec<(i32, String)> {
    let sql = "SELECT session_id, event FROM sys.sandbox_lock_log \
               WHERE request_mode = 'BU' AND resource_type = 'OBJECT' ORDER BY sequence";
    let rows = pair.target.client().rows(sql);
    rows.iter().map(|row| (row.get(0).unwrap(), row.get::<&str, _>(1).unwrap().to_owned())).collect()
}

#[test]
fn loads_of_a_bare_heap_overlap() {
    let pair = sandbox("");
    // Two loads that stay where they are until both have come: each of them holds its lock meanwhile.
    crate::util::fault(&pair, "@fault = 'stall', @table = 'dbo.t', @count = 2");
    let running = plain(&pair, "").start(&half_a_year(&["--max-workers", "2"]));
    let granted = "SELECT COUNT(DISTINCT session_id) FROM sys.sandbox_lock_log \
                   WHERE request_mode = 'BU' AND event = 'granted'";
    crate::util::until(&mut pair.target.client(), 2, granted);
    crate::util::no_fault(&pair);
    running.finish().exits(0);
    assert_half_a_year(&pair);
    let mut holding = std::collections::HashSet::new();
    let mut most = 0;
    for (session, event) in bulk_updates(&pair) {
        match event.as_str() {
            "granted" => holding.insert(session),
            "released" => holding.remove(&session),
            other => panic!("a bulk update lock is {other}"),
        };
        most = most.max(holding.len());
    }
    assert_eq!(most, 2);
    assert_eq!(deadlocks(&pair), 0);
}
