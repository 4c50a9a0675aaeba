//! Keys that come, go and move while the table is loaded.
use replica_testkit::{Pair, Server};

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
