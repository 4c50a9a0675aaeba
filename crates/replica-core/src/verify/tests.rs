//! What no tool's command line can bring about, on the real thing.
use std::sync::Arc;

use replica_testkit::Pair;

use super::*;
use crate::catalog::Article;
use crate::compare::key::MergeKey;
use crate::config::Endpoint;

fn connections(pair: &Pair) -> Connections {
    let endpoint = |connection: &str| Endpoint::from_connection_string(connection).unwrap();
    Connections::new(endpoint(&pair.source.connection), endpoint(&pair.target.connection))
}

/// Compares dbo.t, which `change` may make another one, and calls `meanwhile` when the source was read once.
fn compare(pair: &Pair, change: impl FnOnce(&mut Comparison), meanwhile: impl Fn() + Send + Sync) -> Verdict {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let connections = connections(pair);
        let mut sides = connections.take().await.unwrap();
        let (source, target) = sides.tables(&"dbo.t".parse().unwrap(), &Article::default()).await.unwrap();
        connections.give_back(sides);
        let mut comparison = Comparison::new(&source, &target, ComparisonOptions::default()).unwrap();
        change(&mut comparison);
        let comparison = Arc::new(comparison);
        let job = ComparisonJob {
            comparison,
            window: None,
            recorded: None,
            throttle: Throttle::new(None),
            show_rows: 9,
        };
        // On a thread of its own: the client there blocks.
        let mut meanwhile = |_| std::thread::scope(|scope| scope.spawn(&meanwhile).join().unwrap());
        job.run(&connections, &mut meanwhile).await.unwrap()
    })
}

fn pair() -> Pair {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, n int NOT NULL)");
    pair.both("INSERT INTO dbo.t VALUES (1, 1), (256, 2), (513, 3)");
    pair
}

#[test]
fn a_difference_that_is_gone_when_it_is_looked_for_was_none() {
    let pair = pair();
    pair.source("UPDATE dbo.t SET n = 9 WHERE id = 256");
    let verdict = compare(&pair, |_| {}, || pair.source("UPDATE dbo.t SET n = 2 WHERE id = 256"));
    assert_eq!((verdict.outcome, verdict.source), (ComparisonOutcome::Equal, verdict.target));
    assert_eq!(verdict.source.rows, 3);
}

#[test]
fn of_one_that_has_grown_what_is_there_now_is_said() {
    let pair = pair();
    pair.source("UPDATE dbo.t SET n = 9 WHERE id = 256");
    let verdict = compare(&pair, |_| {}, || pair.source("DELETE FROM dbo.t WHERE id = 256"));
    assert_eq!(verdict.differences, Differences { extra: 1, ..Differences::default() });
    assert_eq!((verdict.source.rows, verdict.target.rows), (2, 3));
}

/// As when a server orders otherwise than we think: integers by their bytes.
#[test]
fn rows_in_another_order_than_the_keys_are_matched_by_hash() {
    let pair = pair();
    pair.target("UPDATE dbo.t SET n = 9 WHERE id = 256");
    let by_bytes =
        |comparison: &mut Comparison| comparison.key = comparison.key.as_ref().map(MergeKey::misread);
    let verdict = compare(&pair, by_bytes, || ());
    assert_eq!(verdict.outcome, ComparisonOutcome::Different);
    assert_eq!(verdict.differences, Differences { missing: 1, extra: 1, ..Differences::default() });
    assert!(verdict.findings.iter().all(|finding| finding.key == "id=256"), "{verdict:?}");
    assert_eq!(compare(&pair, |_| {}, || ()).differences.changed, 1);
}

#[test]
fn row_versions_are_read_where_there_are_any() {
    let pair = pair();
    for database in [&pair.source, &pair.target] {
        let sql = format!("ALTER DATABASE [{}] SET ALLOW_SNAPSHOT_ISOLATION ON", database.name);
        pair.server.client("master").batch(&sql);
    }
    pair.target("UPDATE dbo.t SET n = 9 WHERE id = 256");
    let check = |comparison: &mut Comparison| {
        assert!(comparison.allows_snapshot(Role::Source) && comparison.allows_snapshot(Role::Target));
    };
    // Both readings are of the time when the first began: no lock holds the change up, and the second overlooks it.
    let verdict = compare(&pair, check, || pair.source("UPDATE dbo.t SET n = 9 WHERE id = 256"));
    assert_eq!(verdict.differences.changed, 1, "{verdict:?}");
    assert_eq!(compare(&pair, |_| {}, || ()).outcome, ComparisonOutcome::Equal);
}
