//! What others see while a table is replaced, and what the tool sees of others.
use std::sync::atomic::{AtomicBool, Ordering};

use crate::util::{copy, fault, fill, ids, pair_with_old_rows, skip, tool, until_it_waits};

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

#[test]
fn a_source_that_refuses_snapshots_is_read_without() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    if !pair.server.is_sandbox() {
        return skip("only the sandbox refuses on request");
    }
    pair.source("INSERT INTO dbo.t VALUES (1, 'a'), (2, 'b')");
    let allow = format!("ALTER DATABASE [{}] SET ALLOW_SNAPSHOT_ISOLATION ON", pair.source.name);
    pair.server.client("master").batch(&allow);
    // Changed by DDL, on a linked server, memory-optimized.
    for number in [3961, 7420, 41332] {
        pair.target("DELETE FROM dbo.t");
        fault(&pair, &format!("@fault = 'refuse_snapshot', @table = 'dbo.t', @value = {number}"));
        copy(&pair, &["dbo.t"]).says(&format!("error {number} ")).says("going on without");
        assert_eq!(ids(&mut pair.target.client()), [1, 2]);
    }
}

#[test]
fn a_locked_source_does_not_keep_the_readers_of_the_target_out() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    if !pair.server.is_sandbox() {
        return skip("only the sandbox tells who has waited");
    }
    pair.source("INSERT INTO dbo.t VALUES (1, 'a')");
    let mut writer = pair.source.client();
    writer.batch("BEGIN TRANSACTION");
    assert_eq!(writer.number("SELECT COUNT(*) FROM dbo.t WITH (TABLOCKX)"), 1);
    let running = tool(&pair).start(&["dbo.t"]);
    let mut observer = pair.source.client();
    let waiting = "SELECT COUNT(*) FROM sys.sandbox_lock_log \
                   WHERE event = 'waiting' AND resource_database_id = DB_ID()";
    until_it_waits(&mut observer, waiting);
    let mut reader = pair.target.client();
    reader.batch("SET LOCK_TIMEOUT 0");
    assert_eq!(ids(&mut reader), [901, 902]);
    writer.batch("ROLLBACK");
    running.finish().exits(0);
    assert_eq!(ids(&mut reader), [1]);
}
