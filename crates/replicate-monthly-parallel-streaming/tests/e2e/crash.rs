//! A process that is killed at any point leaves nothing that `--resume` does not mend.
//!
//! Some kills are aimed: the test holds up what the tool is about to do until the server says that it has come, and
//! kills it there. The others strike at a random moment (of a fixed seed) of a run's usual time.
use std::time::{Duration, Instant};

use replica_testkit::{Client, Pair, Program, Running};

use crate::partitions::partition;
use crate::util::{
    MONTHS, assert_half_a_year, disabled, fault, half_a_year, no_fault, outcomes, plain, sandbox, until,
    waited,
};

/// Kills of one table; the five tables of this file make more than a hundred.
const KILLS: usize = 27;
/// So many kills strike a table before a run may come to its end.
const KILLS_IN_A_ROW: usize = 5;

const WINDOW_DONE: &str = "[TIMING] dbo.t 2024-";

struct CrashStage {
    pair: Pair,
    program: Program,
    args: Vec<&'static str>,
    client: Client,
    kills: usize,
    random: u64,
    /// Indexes that someone else has disabled.
    off: &'static [&'static str],
}

impl CrashStage {
    fn new(key: &str, args: &[&'static str], seed: u64) -> Self {
        let stage = Self::on(sandbox(key), args, seed);
        for sql in [
            "CREATE INDEX ix_label ON dbo.t (label)",
            "CREATE INDEX ix_two ON dbo.t (label, id)",
            "CREATE INDEX ix_off ON dbo.t (id, label)",
            "ALTER INDEX ix_off ON dbo.t DISABLE",
            "CREATE UNIQUE INDEX ux ON dbo.t (id, day)",
            "INSERT INTO dbo.t VALUES (900, '2024-02-29', N'old'), (901, '2024-06-30', N'old'), (902, '2023-12-31', N'stays')",
        ] {
            stage.pair.target(sql);
        }
        Self { off: &["ix_off"], ..stage }
    }

    fn on(pair: Pair, args: &[&'static str], seed: u64) -> Self {
        let program = plain(&pair, "");
        let client = pair.target.client();
        let small = ["--chunk-size", "9", "--commit-interval", "18"];
        let args = half_a_year(&[&small, args].concat());
        Self { pair, program, args, client, kills: 0, random: seed, off: &[] }
    }

    fn args(&self, more: &[&'static str]) -> Vec<&'static str> {
        [&self.args[..], more].concat()
    }

    /// xorshift: any spread of numbers will do, as long as it is always the same.
    fn random(&mut self, below: u64) -> u64 {
        for shift in [13, -7, 17] {
            self.random ^= if shift > 0 { self.random << shift } else { self.random >> -shift };
        }
        self.random % below
    }

    /// Kills a run anywhere: in its first steps, or after some of the windows that it has to load and a bit of the next.
    fn kill_at_random(&mut self, usual: Duration) {
        let left = "SELECT COUNT(*) FROM replica.windows WITH (NOLOCK) WHERE state <> 'complete'";
        let (left, resume) = match self.client.number(left) {
            0 => (MONTHS.len() as u64, None),
            left => (left as u64, Some("--resume")),
        };
        let mut running = self.program.start(&self.args(resume.as_slice()));
        let loaded = self.random(left + 1);
        (0..loaded).all(|_| running.says_before_it_ends(WINDOW_DONE));
        let most = if loaded == 0 { usual } else { usual / 12 };
        let micros = self.random(most.as_micros() as u64);
        std::thread::sleep(Duration::from_micros(micros));
        self.killed(running);
    }

    /// A run that was faster was not killed.
    fn killed(&mut self, running: Running) {
        let run = running.kill();
        match run.code {
            None => self.kills += 1,
            Some(code) => assert_eq!(code, 0, "{run}"),
        }
    }

    /// Kills a run that is held up, once the server says that it has come there.
    fn kill_when(&mut self, sql: &str, more: &[&'static str]) {
        let before = self.client.number(sql);
        let running = self.program.start(&self.args(more));
        until(&mut self.client, before + 1, sql);
        let run = running.kill();
        assert_eq!(run.code, None, "{run}");
        self.kills += 1;
    }

    /// At work on the ledger.
    fn kill_while_it_begins(&mut self) {
        let mut other = self.pair.target.client();
        let object = other.number("SELECT OBJECT_ID('dbo.t')");
        let held =
            format!("@Resource = 'replica ledger {object}', @LockMode = 'Exclusive', @LockOwner = 'Session'");
        other.run(&format!("EXEC sp_getapplock {held}"));
        self.kill_when(
            "SELECT COUNT(*) FROM sys.sandbox_lock_log WHERE event = 'waiting' AND resource_type = 'APPLICATION'",
            &[],
        );
    }

    /// An index is on record, and not yet disabled.
    fn kill_while_it_disables(&mut self) {
        let mut other = self.holding_a_row();
        self.kill_when(&waited("Sch-M"), &[]);
        assert_eq!(self.client.number("SELECT COUNT(*) FROM replica.disabled_indexes"), 1);
        assert_eq!(disabled(&self.pair), ["ix_off"]);
        other.batch("ROLLBACK");
    }

    /// Someone else uses the table, outside of the windows.
    fn holding_a_row(&self) -> Client {
        let mut other = self.pair.target.client();
        other.batch("BEGIN TRANSACTION");
        other.batch("UPDATE dbo.t SET label = label WHERE id = 902");
        other
    }

    /// The old rows are about to go.
    fn kill_while_it_deletes(&mut self) {
        let mut other = self.pair.target.client();
        other.batch("BEGIN TRANSACTION");
        other.batch("UPDATE dbo.t SET label = label WHERE day >= '2024-01-01' AND day < '2024-07-01'");
        let sql = "SELECT COUNT(*) FROM sys.sandbox_lock_log WHERE event = 'waiting' AND request_mode IN ('S', 'X', 'U')";
        self.kill_when(sql, &["--keep-indexes"]);
        other.batch("ROLLBACK");
    }

    /// Rows are on their way, after some that are committed.
    fn kill_while_it_loads(&mut self, at: u32) {
        fault(&self.pair, &format!("@fault = 'stall', @table = 'dbo.t', @at = {at}, @count = 100"));
        let complete = "SELECT COUNT(*) FROM replica.windows WITH (NOLOCK) WHERE state = 'loading'";
        let running = self.program.start(&self.args(&["--resume"]));
        until(&mut self.client, 1, complete);
        let more = self.random(60);
        std::thread::sleep(Duration::from_millis(more));
        assert_eq!(running.kill().code, None);
        self.kills += 1;
        no_fault(&self.pair);
    }

    /// A window is complete, as of now.
    fn kill_after_a_commit(&mut self) {
        let mut running = self.program.start(&self.args(&[]));
        running.until_it_says(WINDOW_DONE);
        assert_eq!(running.kill().code, None);
        self.kills += 1;
    }

    /// All windows are complete, and the indexes still disabled.
    fn kill_while_it_rebuilds(&mut self) {
        fault(&self.pair, "@fault = 'stall', @table = 'dbo.t'");
        let running = self.program.start(&self.args(&[]));
        until(
            &mut self.client,
            3,
            "SELECT COUNT(*) FROM sys.indexes WHERE object_id = OBJECT_ID('dbo.t') AND is_disabled = 1",
        );
        let before = self.client.number(&waited("Sch-M"));
        let mut other = self.holding_a_row();
        no_fault(&self.pair);
        until(&mut self.client, before + 1, &waited("Sch-M"));
        let complete = "SELECT COUNT(*) FROM replica.windows WHERE state = 'complete'";
        assert_eq!(self.client.number(complete), 6);
        assert_eq!(running.kill().code, None);
        self.kills += 1;
        other.batch("ROLLBACK");
    }

    /// All windows are complete, or the last one is about to be.
    fn kill_near_the_end(&mut self) {
        let mut running = self.program.start(&self.args(&[]));
        for _ in MONTHS {
            running.until_it_says(WINDOW_DONE);
        }
        let micros = self.random(4000);
        std::thread::sleep(Duration::from_micros(micros));
        self.killed(running);
    }

    /// A run that is let go to its end.
    fn finish(&mut self, more: &[&'static str]) -> Duration {
        let begun = Instant::now();
        let run = self.program.run(&self.args(more)).exits(0);
        let took = begun.elapsed();
        let well = |(_, outcome): &(String, String)| ["ok", "skipped"].contains(&outcome.as_str());
        assert!(outcomes(&run).iter().all(well), "{run}");
        assert_half_a_year(&self.pair);
        assert_eq!(disabled(&self.pair), self.off, "{run}");
        let count = |sql: &str| self.pair.target.client().number(sql);
        assert_eq!(count("SELECT COUNT(*) FROM replica.disabled_indexes"), 0);
        assert_eq!(
            count("SELECT COUNT(*) FROM replica.windows WHERE state = 'complete'"),
            MONTHS.len() as i64
        );
        assert_eq!(count("SELECT COUNT(*) FROM dbo.t WHERE label = N'stays'"), 1);
        assert_eq!(count("SELECT COUNT(*) FROM sys.tables WHERE name LIKE 'stage%'"), 0);
        took
    }
}

fn survives(mut stage: CrashStage) {
    let usual = stage.finish(&[]);
    stage.kill_while_it_begins();
    stage.kill_while_it_disables();
    stage.kill_while_it_deletes();
    stage.kill_while_it_loads(1);
    stage.kill_while_it_loads(7);
    stage.kill_after_a_commit();
    stage.kill_while_it_loads(3);
    stage.finish(&["--resume"]);
    stage.kill_near_the_end();
    stage.finish(&["--resume"]);
    survives_random_kills(&mut stage, usual);
    let crashed = stage.client.number("SELECT COUNT(*) FROM replica.runs WHERE outcome = 'crashed'");
    assert!(crashed > KILLS as i64 / 3, "{crashed} were at work when they were killed");
}

fn survives_random_kills(stage: &mut CrashStage, usual: Duration) {
    while stage.kills < KILLS {
        (0..KILLS_IN_A_ROW).for_each(|_| stage.kill_at_random(usual));
        stage.finish(&["--resume"]);
    }
}

#[test]
fn a_clustered_table_survives() {
    let key = ", CONSTRAINT PK_t PRIMARY KEY CLUSTERED (day, id)";
    let mut stage = CrashStage::new(key, &["--max-workers", "2"], 4711);
    stage.kill_while_it_rebuilds();
    stage.finish(&["--resume"]);
    survives(stage);
}

#[test]
fn a_clustered_table_whose_loads_take_turns_survives() {
    let args = ["--max-workers", "3", "--tablock", "always"];
    survives(CrashStage::new(", CONSTRAINT PK_t PRIMARY KEY CLUSTERED (id)", &args, 815));
}

#[test]
fn a_heap_with_indexes_survives() {
    survives(CrashStage::new("", &["--max-workers", "3"], 1848));
}

#[test]
fn a_table_whose_indexes_are_cared_for_month_by_month_survives() {
    let args = ["--index-scope", "month", "--verify", "hash"];
    let mut stage = CrashStage::new(", CONSTRAINT PK_t PRIMARY KEY CLUSTERED (day, id)", &args, 1789);
    let usual = stage.finish(&[]);
    survives_random_kills(&mut stage, usual);
}

#[test]
fn a_table_whose_partitions_are_switched_survives() {
    let Some(pair) = partition(sandbox(""), "CREATE CLUSTERED INDEX ix ON dbo.t (day, id)") else { return };
    let mut stage = CrashStage::on(pair, &["--max-workers", "2"], 1525);
    let usual = stage.finish(&[]);
    stage.kill_after_a_commit();
    stage.finish(&["--resume"]);
    survives_random_kills(&mut stage, usual);
}
