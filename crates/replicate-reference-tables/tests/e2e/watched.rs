//! Whole tables that are published again and again, with kills in between, while somebody looks: all old rows or all new ones.
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use replica_testkit::{Pair, watch};

use crate::publish::{OLD, PLAIN, assert_clean, pair};
use crate::util::tool;

/// Of each isolation.
const PUBLISHES: u32 = 8;

/// All rows are there, of one version.
const MIXED: &str =
    "SELECT CASE WHEN COUNT(*) = 64 AND MIN(label) = MAX(label) THEN 0 ELSE COUNT(*) + 1 END FROM dbo.t";

fn readers_see_old_or_new(pair: &Pair, publish: &[&str], set: &str, snapshot: bool) {
    let args = [&["dbo.t"], publish].concat();
    tool(pair).run(&[&args[..], &["--allow-shrink"]].concat()).exits(0);
    let over = AtomicBool::new(false);
    let looks = thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut client = pair.target.client();
            client.batch(set);
            watch(&mut client, [MIXED; 2], snapshot, &over)
        });
        let mut target = pair.target.client();
        for version in 1..=PUBLISHES {
            pair.source(&format!("UPDATE dbo.t SET label = 'v{version}'"));
            let mut running = tool(pair).start(&args);
            // Somewhere on the way: when the table beside the target is there, and some questions later.
            while !running.has_ended()
                && target.number("SELECT COUNT(*) FROM sys.tables WHERE name LIKE 'stage%'") == 0
            {
            }
            for _ in 0..version * 7 % 40 {
                target.number("SELECT COUNT(*) FROM dbo.other");
            }
            running.kill();
            tool(pair).run(&args).exits(0);
            let new = format!("SELECT COUNT(*) FROM dbo.t WHERE label = 'v{version}'");
            assert_eq!(target.number(&new), 64);
            assert_clean(pair);
        }
        over.store(true, Ordering::SeqCst);
        watcher.join().unwrap()
    });
    assert!(looks > PUBLISHES as usize, "{looks} looks");
}

fn allow(pair: &Pair, option: &str) {
    pair.server.client("master").batch(&format!("ALTER DATABASE [{}] SET {option} ON", pair.target.name));
}

#[test]
fn readers_that_lock_see_all_old_rows_or_all_new_ones() {
    readers_see_old_or_new(&pair(&[PLAIN, OLD]), &["--publish", "staged"], "SET LOCK_TIMEOUT 60000", false);
}

#[test]
fn readers_of_committed_versions_see_all_old_rows_or_all_new_ones() {
    let pair = pair(&[PLAIN, OLD]);
    if !pair.server.is_sandbox() {
        return;
    }
    allow(&pair, "READ_COMMITTED_SNAPSHOT");
    readers_see_old_or_new(&pair, &["--publish", "switch"], "SET LOCK_TIMEOUT 60000", false);
}

#[test]
fn readers_of_snapshots_see_all_old_rows_or_all_new_ones() {
    let pair = pair(&[PLAIN, OLD]);
    if !pair.server.is_sandbox() {
        return;
    }
    allow(&pair, "ALLOW_SNAPSHOT_ISOLATION");
    let set = "SET TRANSACTION ISOLATION LEVEL SNAPSHOT";
    readers_see_old_or_new(&pair, &["--streams", "2"], set, true);
}
