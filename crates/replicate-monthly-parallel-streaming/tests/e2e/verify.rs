//! What is read back after a window's commit.
use replica_testkit::proxy::{Rule, through};

use crate::util::{all_months, assert_half_a_year, half_a_year, outcomes, pair, plain, sandbox, tool};

const CLUSTERED: &str = ", CONSTRAINT PK_t PRIMARY KEY CLUSTERED (day, id)";
/// id 60 is of 1 March.
const MEDDLE: &str = "CREATE TRIGGER dbo.meddle ON dbo.t AFTER INSERT AS \
     UPDATE dbo.t SET label = N'meddled' WHERE id = 60";

fn all_but_march() -> Vec<(String, String)> {
    let mut expected = all_months("ok");
    "failed".clone_into(&mut expected[2].1);
    expected
}

#[test]
fn a_window_that_is_not_what_was_sent_is_loaded_once_more_and_then_fails() {
    let pair = pair(CLUSTERED);
    pair.target(MEDDLE);
    let run = tool(&pair).run(&half_a_year(&["--fire-triggers", "--verify", "hash"])).exits(1);
    assert_eq!(outcomes(&run), all_but_march(), "{run}");
    let run = run.says("loading it once more");
    let lines = run.lines();
    let line = lines.iter().find(|line| line[1] == "2024-03").unwrap();
    assert_eq!(line.last(), Some(&"1"), "loaded once more: {line:?}");
    assert!(line.iter().any(|field| field.contains("hash") && field.contains("the source sent")), "{line:?}");
    pair.target("DROP TRIGGER dbo.meddle");
    tool(&pair).run(&half_a_year(&["--resume", "--verify", "hash"])).exits(0);
    assert_half_a_year(&pair);
}

#[test]
fn a_count_finds_rows_that_went_missing() {
    let pair = pair(CLUSTERED);
    pair.target("CREATE TRIGGER dbo.meddle ON dbo.t AFTER INSERT AS DELETE FROM dbo.t WHERE id = 60");
    for (verify, code) in [("none", 0), ("count", 1)] {
        // Its own DELETE is not the trigger's business.
        tool(&pair).run(&half_a_year(&["--fire-triggers", "--verify", verify])).exits(code);
    }
    let verified = "SELECT COUNT(*) FROM replica.windows WHERE verify_ms IS NOT NULL AND state = 'complete'";
    assert_eq!(pair.target.client().number(verified), 5);
}

/// Before a window is complete, whether its rows are replaced or compared, and of one point in time where that is to be had.
#[test]
fn a_source_may_be_read_twice() {
    for snapshot in ["OFF", "ON"] {
        let pair = pair(CLUSTERED);
        pair.source(&format!("ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION {snapshot}"));
        for more in [&[][..], &["--apply", "difference"]] {
            let run = tool(&pair).run(&half_a_year(&[&["--verify", "source"], more].concat())).exits(0);
            assert_eq!(outcomes(&run), all_months("ok"), "{run}");
            assert_half_a_year(&pair);
            run.says("REREAD ").says("VERIFY ");
            pair.source("UPDATE dbo.t SET label = N'changed' WHERE id % 7 = 4");
        }
    }
}

/// Babelfish stores other values than it was sent: there nobody has to ask for the proof.
#[test]
fn on_babelfish_every_window_is_read_back() {
    let pair = sandbox(CLUSTERED);
    pair.target(MEDDLE);
    let args = half_a_year(&["--fire-triggers"]);
    plain(&pair, "").run(&args).exits(0);
    let (_proxy, through) = through(&pair.target.connection, Rule::babelfish()).unwrap();
    let run = plain(&pair, "").with("REPLICA_TARGET", &through).run(&args).exits(1).says("the source sent");
    assert_eq!(outcomes(&run), all_but_march(), "{run}");
}
