//! `[TIMING]` lines: where the time goes.
use std::time::Duration;

use replica_testkit::{TimingLine, slow_catalog};

use crate::util::{half_a_year, sandbox, tool};

#[test]
fn timing_has_all_of_the_time_where_the_catalog_is_slow() {
    let pair = sandbox("");
    let (proxy, through) = slow_catalog(&pair.target.connection, Duration::from_secs(2), u32::MAX);
    let slow = tool(&pair).with("REPLICA_TARGET", &through);
    let (whole, lines, run) = TimingLine::of_run(slow, &half_a_year(&["--max-workers=1"]));
    assert!(proxy.has_struck(Duration::ZERO), "{run}");
    let (before, after) = (&lines[0], lines.last().unwrap());
    assert!(before.what == "dbo.t" && after.what == "dbo.t", "{run}");
    assert!(before.took("CATALOG") >= 2.0 && whole.took("PLAN") >= before.total - 0.3, "{run}");
    assert!((whole.took("COPY") - after.total).abs() <= 0.3, "{run}");
    // One worker: its windows come one after the other.
    let windows: f64 = lines[1..lines.len() - 1].iter().map(|line| line.total).sum();
    assert_eq!(lines.len(), 2 + 6, "{run}");
    assert!(windows <= after.took("COPY") + 0.6, "{run}");
}
