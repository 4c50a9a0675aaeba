//! What others see while a table is replaced, and what the tool sees of others.
use std::sync::atomic::{AtomicBool, Ordering};

use crate::util::{copy, fault, fill, ids, pair_with_old_rows, skip};

#[test]
fn readers_see_the_old_rows_or_the_new_ones_and_nothing_between() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    fill(&mut pair.source.client(), 11);
    if pair.server.is_sandbox() {
        // Long enough for the reader to come by many times.
        fault(&pair, "@fault = 'slow', @table = 'dbo.t', @value = 30000, @count = 100");
    }
    let (started, ended) = (AtomicBool::new(false), AtomicBool::new(false));
    let seen = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut client = pair.target.client();
            let mut seen = Vec::new();
            loop {
                let last = ended.load(Ordering::SeqCst);
                seen.push(client.number("SELECT COUNT(*) FROM dbo.t"));
                started.store(true, Ordering::SeqCst);
                if last {
                    return seen;
                }
            }
        });
        while !started.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        copy(&pair, &["dbo.t", "--chunk-size=100"]);
        ended.store(true, Ordering::SeqCst);
        reader.join().unwrap()
    });
    assert!(seen.iter().all(|count| [2, 2048].contains(count)), "{seen:?}");
    assert!(seen.is_sorted() && seen.first() == Some(&2) && seen.last() == Some(&2048), "{seen:?}");
}

#[test]
fn a_source_that_allows_snapshots_is_read_past_its_writers() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.source("INSERT INTO dbo.t VALUES (1, 'a'), (2, 'b')");
    let allow = format!("ALTER DATABASE [{}] SET ALLOW_SNAPSHOT_ISOLATION ON", pair.source.name);
    if let Err(error) = pair.server.client("master").try_batch(&allow) {
        return skip(&format!("no snapshots here: {error}"));
    }
    let mut writer = pair.source.client();
    writer.batch("BEGIN TRANSACTION");
    writer.batch("DELETE FROM dbo.t WHERE id = 1");
    copy(&pair, &["dbo.t"]);
    assert_eq!(ids(&mut pair.target.client()), [1, 2]);
    writer.batch("ROLLBACK");
}
