//! Indexes of the target around a load that is worth switching them off for.
use replica_testkit::Pair;

use crate::util::{copy, fault, fill, skip, tool};

/// More rows than the tool keeps indexes up for.
const DOUBLINGS: u32 = 17;

fn pair() -> Pair {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label varchar(10) NULL)");
    pair.target("CREATE INDEX ix_label ON dbo.t (label)");
    pair.target("CREATE INDEX ix_off ON dbo.t (label, id)");
    pair.target("ALTER INDEX ix_off ON dbo.t DISABLE");
    pair.target("CREATE UNIQUE INDEX ux_id ON dbo.t (id, label)");
    fill(&mut pair.source.client(), DOUBLINGS);
    pair
}

/// The disabled indexes.
fn disabled(pair: &Pair) -> Vec<String> {
    let sql =
        "SELECT name FROM sys.indexes WHERE object_id = OBJECT_ID('dbo.t') AND is_disabled = 1 ORDER BY name";
    let rows = pair.target.client().rows(sql);
    rows.iter().filter_map(|row| row.get::<&str, _>(0).map(str::to_owned)).collect()
}

#[test]
fn plain_indexes_are_rebuilt_and_disabled_ones_stay_disabled() {
    let pair = pair();
    let run = copy(&pair, &["dbo.t"]);
    assert!(run.stderr.contains("DISABLE_IDX") && run.stderr.contains("REBUILD_IDX"), "{run}");
    assert_eq!(disabled(&pair), ["ix_off"]);
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t WHERE label = 'new'"), 1 << DOUBLINGS);
}

#[test]
fn a_server_that_refuses_index_work_is_gone_around() {
    let pair = pair();
    if !pair.server.is_sandbox() {
        return skip("only the sandbox refuses on request");
    }
    fault(&pair, "@fault = 'refuse_index', @table = 'dbo.t', @count = 100");
    let run = tool(&pair).run(&["dbo.t", "--verify=count"]).exits(0).says("going on without");
    assert!(!run.stderr.contains("REBUILD_IDX"), "{run}");
    assert_eq!(disabled(&pair), ["ix_off"]);
}
