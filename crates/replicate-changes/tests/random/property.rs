//! Histories of three sessions whose transactions overlap, and rounds of the tool anywhere among them.
use proptest::collection::vec;
use proptest::prelude::*;
use replica_testkit::{Client, Pair, Program};

use super::history::{STAMPED, TABLES, begun, change, names};

/// Few, so that changes meet.
const KEYS: u32 = 10;

#[derive(Clone, Debug)]
enum HistoryStep {
    Begin(usize),
    Change(usize, [u32; 3]),
    /// Which is kept, or taken back.
    End(usize, bool),
    Round,
}

fn step() -> impl Strategy<Value = HistoryStep> {
    let session = 0..3usize;
    prop_oneof![
        2 => session.clone().prop_map(HistoryStep::Begin),
        12 => (session.clone(), any::<[u32; 3]>()).prop_map(|(session, drawn)| HistoryStep::Change(session, drawn)),
        2 => (session, any::<u8>()).prop_map(|(session, n)| HistoryStep::End(session, n % 4 > 0)),
        2 => Just(HistoryStep::Round),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, max_shrink_time: 60_000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn every_history_ends_equal(steps in vec(step(), 20..120)) {
        let (pair, tool) = begun();
        let mut sessions: Vec<Client> = (0..3).map(|_| session(&pair)).collect();
        let mut reader = pair.source.client();
        reader.run("SET TRANSACTION ISOLATION LEVEL SNAPSHOT");
        for step in steps {
            match step {
                HistoryStep::Begin(n) => run(&mut sessions[n], "IF @@TRANCOUNT = 0 BEGIN TRANSACTION"),
                HistoryStep::Change(n, drawn) => run(&mut sessions[n], &change(drawn, KEYS)),
                HistoryStep::End(n, keep) => end(&mut sessions[n], keep),
                HistoryStep::Round => {
                    carry(&tool);
                    // An open transaction may hold back what goes by rowversion.
                    for (_, rows) in TABLES.iter().filter(|(table, _)| *table != STAMPED) {
                        prop_assert_eq!(reader.values(rows), pair.target.client().values(rows), "{}", rows);
                    }
                }
            }
        }
        sessions.iter_mut().for_each(|session| end(session, true));
        carry(&tool);
        for (_, rows) in TABLES {
            prop_assert_eq!(reader.values(rows), pair.target.client().values(rows), "{}", rows);
        }
    }
}

fn session(pair: &Pair) -> Client {
    let mut client = pair.source.client();
    // Nobody waits for a session of the same thread.
    client.run("SET LOCK_TIMEOUT 0");
    client
}

/// What is refused has not happened.
fn run(session: &mut Client, sql: &str) {
    let _ = session.try_run(sql);
}

fn end(session: &mut Client, keep: bool) {
    let how = if keep { "COMMIT" } else { "ROLLBACK" };
    session.run(&format!("IF @@TRANCOUNT > 0 {how} TRANSACTION"));
}

/// A round that carries over, and compares nothing.
#[track_caller]
fn carry(tool: &Program) {
    let tables = names();
    let args: Vec<&str> = tables.iter().copied().chain(["--on-reset", "fail"]).collect();
    tool.run(&args).exits(0);
}
