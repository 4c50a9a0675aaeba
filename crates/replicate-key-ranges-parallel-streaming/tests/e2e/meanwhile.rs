//! Keys that come, go and move while the table is loaded.
use std::time::{Duration, Instant};

use replica_testkit::{Pair, ProgramExit, Server};

use crate::util::{lines, numbers, tool};

/// Stalls the load, so that the source can change behind it.
fn stalled() -> Pair {
    let pair = Pair::on(Server::sandbox());
    pair.both("CREATE TABLE dbo.t (k int NOT NULL CONSTRAINT PK_t PRIMARY KEY, a int NULL)");
    numbers(&pair, 9);
    pair.source("INSERT INTO dbo.t SELECT n * 10, n FROM dbo.n");
    pair
}

#[test]
fn keys_below_the_first_and_above_the_last_boundary_have_a_range() {
    let pair = stalled();
    tool(&pair).run(&["dbo.t", "--ranges", "4", "--max-workers", "1"]).exits(0);
    pair.source("INSERT INTO dbo.t VALUES (-2147483648, 1), (2147483647, 2), (5111, 3)");
    pair.target("UPDATE replica.windows SET state = 'pending'");
    let run = tool(&pair).run(&["dbo.t", "--resume", "--verify", "hash"]).exits(0);
    assert_eq!(lines(&run).iter().map(|(_, _, rows)| rows).sum::<u64>(), 515, "{run}");
    pair.assert_equal("SELECT k, a FROM dbo.t ORDER BY k");
}

/// N sessions see N moments: a key that moves between ranges is lost or is there twice until both ranges are loaded again,
/// which a comparison by ranges says and mends.
#[test]
fn a_key_that_moves_across_a_boundary_is_found_and_mended() {
    let pair = stalled();
    tool(&pair).run(&["dbo.t", "--ranges", "4", "--max-workers", "1"]).exits(0);
    // As if it had moved from a range that was still to be read into one that had been read.
    pair.source("UPDATE dbo.t SET k = 1 WHERE k = 5110");
    pair.target("UPDATE replica.windows SET state = 'pending' WHERE range_number = 4");
    tool(&pair).run(&["dbo.t", "--resume"]).exits(0);
    let mut target = pair.target.client();
    assert_eq!(target.number("SELECT COUNT(*) FROM dbo.t WHERE k IN (1, 5110)"), 0);
    let verify = crate::verify::verify(&pair);
    let run = verify.run(&["dbo.t", "--key-ranges"]).exits(1);
    assert_eq!(run.lines().iter().filter(|line| line[2] == "different").count(), 1, "{run}");
    verify.run(&["dbo.t", "--key-ranges", "--repair"]).exits(0);
    pair.assert_equal("SELECT k, a FROM dbo.t ORDER BY k");
}

/// The load of the third of four ranges stalls, and meanwhile a key moves `from` a range to another, by their states. Answers
/// what the run says, and the key before and after.
fn moved_during_the_load(pair: &Pair, from: &str, to: &str) -> (ProgramExit, [i64; 2]) {
    let faults = |arguments: &str| {
        pair.server.client("master").batch(&format!("EXEC sp_sandbox_fault {arguments}"));
    };
    faults("@fault = 'stall', @table = 'dbo.t', @at = 3");
    let running = tool(pair).start(&["dbo.t", "--ranges", "4", "--max-workers", "1", "--verify", "hash"]);
    let mut target = pair.target.client();
    let begun = Instant::now();
    let stalled = "SELECT COUNT(*) FROM replica.windows WHERE state = 'loading'
                   AND (SELECT COUNT(*) FROM replica.windows WHERE state = 'complete') = 2";
    while target.number("SELECT COUNT(*) FROM sys.tables WHERE name = 'windows'") == 0
        || target.number(stalled) == 0
    {
        assert!(begun.elapsed() < Duration::from_secs(30), "no range is loading");
        std::thread::yield_now();
    }
    let mut first_of = |state: &str| {
        let first = "SELECT CAST(ISNULL(MIN(first_key), '0') AS int) FROM replica.windows WHERE state =";
        target.number(&format!("{first} '{state}'"))
    };
    let keys = [first_of(from) + 100, first_of(to) + 101];
    pair.source(&format!("UPDATE dbo.t SET k = {} WHERE k = {}", keys[1], keys[0]));
    faults("@fault = 'none'");
    (running.finish(), keys)
}

/// Each range is what the source had when it was read, so that nothing is wrong with any, nor is there anything to resume.
/// A comparison of all ranges says that a row is missing or there twice, and mends it.
#[test]
fn keys_that_move_across_a_boundary_during_the_load() {
    for (from, to, times) in [("pending", "complete", 0), ("complete", "pending", 2)] {
        let pair = stalled();
        let (run, [before, after]) = moved_during_the_load(&pair, from, to);
        let run = run.exits(0);
        assert!(lines(&run).iter().all(|(_, outcome, _)| outcome == "ok"), "{run}");
        let mut target = pair.target.client();
        let count = format!("SELECT COUNT(*) FROM dbo.t WHERE k IN ({before}, {after})");
        assert_eq!(target.number(&count), times, "from {from} to {to}");
        let resumed = tool(&pair).run(&["dbo.t", "--resume", "--verify", "hash"]).exits(0);
        assert_eq!(lines(&resumed).len(), 4, "{resumed}");
        let verify = crate::verify::verify(&pair);
        let compared = verify.run(&["dbo.t", "--key-ranges"]).exits(1);
        assert_eq!(compared.lines().iter().filter(|line| line[2] == "different").count(), 1, "{compared}");
        verify.run(&["dbo.t", "--key-ranges", "--repair"]).exits(0);
        pair.assert_equal("SELECT k, a FROM dbo.t ORDER BY k");
        assert_eq!(target.number("SELECT COUNT(*) FROM dbo.t"), 512);
    }
}
