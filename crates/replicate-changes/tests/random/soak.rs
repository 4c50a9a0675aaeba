//! Writers that never stop, and a tool that is killed and cut off all the time.
//!
//! `scripts/soak` runs it. REPLICA_SOAK_SECONDS says how long, REPLICA_SOAK_SEED repeats the draws of another run; who meets
//! whom is up to the machine.
use std::env;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use replica_testkit::{Client, Dice, Pair, Program, ProgramExit, Running};

use super::history::{TABLES, UPDATE_STAMPED, begun, change, names};

/// The tool's sessions are known by it.
const PROGRAM: &str = "soaked";
/// So many that what is lost is not soon overwritten, and so few that changes meet.
const KEYS: u32 = 300;
const WRITERS: u64 = 4;
/// Those whose transactions stay open for many rounds.
const LATE: u64 = 2;

#[test]
#[ignore = "takes a minute or more: scripts/soak"]
fn tables_are_equal_after_kills_and_cuts() {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let length = Duration::from_secs(number("REPLICA_SOAK_SECONDS").unwrap_or(60));
    let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().subsec_nanos();
    let seed = number("REPLICA_SOAK_SEED").unwrap_or(u64::from(clock));
    eprintln!("seed {seed}, {} seconds", length.as_secs());

    let (pair, tool) = begun();
    pair.source(&format!(
        "DECLARE @n int = 10; WHILE @n < {KEYS} BEGIN INSERT INTO dbo.hot VALUES (@n, 0);
         INSERT INTO dbo.stamped (id, v) VALUES (@n, 0); SET @n = @n + 1 END"
    ));
    let named = |connection: &str| format!("{connection};Application Name={PROGRAM}");
    let tool = tool.with("REPLICA_SOURCE", &named(&pair.source.connection));
    let tool = tool.with("REPLICA_TARGET", &named(&pair.target.connection));
    let writing = Arc::new(Writing::default());
    let writers: Vec<_> = (0..WRITERS + LATE)
        .map(|n| {
            let (writing, connection) = (Arc::clone(&writing), pair.source.connection.clone());
            let dice = Dice::new(seed.wrapping_add(n));
            thread::spawn(move || {
                Writer { client: Client::connect(&connection), connection, dice, writing }.work(n >= WRITERS)
            })
        })
        .collect();

    let mut troubled = Troubles { pair: &pair, tool: &tool, writing: &writing, tally: SoakTally::default() };
    troubled.go_on(length, Dice::new(!seed));
    let tally = troubled.tally;
    writing.stop.store(true, Ordering::Relaxed);
    writers.into_iter().for_each(|writer| writer.join().expect("a writer ends well"));

    eprintln!("{} commits; {tally:?}", writing.commits.load(Ordering::Relaxed));

    // What was open is over: two rounds bring the rest, whatever the last one killed left behind.
    let args = args(&["--on-reset", "fail"]);
    for _ in 0..2 {
        tool.run(&args).exits(0);
    }
    for (_, rows) in TABLES {
        assert_eq!(
            pair.source.client().values(rows),
            pair.target.client().values(rows),
            "seed {seed}: {rows}"
        );
    }
    let verify = Program::beside(env!("CARGO_BIN_EXE_replicate-changes"), "verify-replica").between(&pair);
    verify.run(&names()).exits(0);
    assert!(tally.kills > 0 && tally.carried > 0, "nothing was soaked: {tally:?}");
    // A comparison would have hidden what was lost.
    assert_eq!(tally.reset, 0, "seed {seed}: versions did not hold");
}

fn args(more: &[&'static str]) -> Vec<&'static str> {
    names().into_iter().chain(more.iter().copied()).collect()
}

/// What the writers share.
#[derive(Default)]
struct Writing {
    stop: AtomicBool,
    commits: AtomicU64,
    /// Held to write while no writer may commit.
    commit: RwLock<()>,
}

struct Writer {
    connection: String,
    client: Client,
    dice: Dice,
    writing: Arc<Writing>,
}

impl Writer {
    fn work(mut self, late: bool) {
        self.client.run("SET LOCK_TIMEOUT 300");
        while !self.writing.stop.load(Ordering::Relaxed) {
            self.transaction(late);
        }
    }

    fn transaction(&mut self, late: bool) {
        let changes = 1 + self.dice.below(4);
        self.run("BEGIN TRANSACTION");
        for n in 0..changes {
            let [kind, a, b] = [0; 3].map(|_| self.dice.below(u32::MAX));
            let kind = if late && self.dice.below(2) == 0 { UPDATE_STAMPED } else { kind };
            let change = change([kind, a, b], KEYS);
            if n > 0 && self.dice.below(6) == 0 {
                self.run("IF @@TRANCOUNT > 0 SAVE TRANSACTION s");
                self.run(&change);
                self.run("IF @@TRANCOUNT > 0 AND XACT_STATE() = 1 ROLLBACK TRANSACTION s");
            } else {
                self.run(&change);
            }
            if late {
                self.stay_open();
            }
        }
        if self.dice.below(5) == 0 {
            self.run("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION");
        } else {
            let writing = Arc::clone(&self.writing);
            let _may_commit = writing.commit.read();
            self.run("IF @@TRANCOUNT > 0 COMMIT TRANSACTION");
            writing.commits.fetch_add(1, Ordering::Relaxed);
        }
        thread::sleep(self.dice.millis(5, 60));
    }

    fn stay_open(&mut self) {
        let end = Instant::now() + self.dice.millis(200, 4000);
        while Instant::now() < end && !self.writing.stop.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// What is refused has not happened. A connection that is lost takes its transaction along.
    fn run(&mut self, sql: &str) {
        const REFUSED: [u32; 6] = [547, 1205, 1222, 2601, 2627, 6401];
        match self.client.try_run(sql) {
            Err(error) if !REFUSED.iter().any(|number| error.has_number(*number)) => {
                eprintln!("a writer connects again: {error}");
                self.client = Client::connect(&self.connection);
                self.client.run("SET LOCK_TIMEOUT 300");
            }
            _ => {}
        }
    }
}

/// What happened to the tool, and what it did.
#[derive(Debug, Default)]
struct SoakTally {
    kills: u32,
    cuts: u32,
    lost_answers: u32,
    ends: Vec<Option<i32>>,
    carried: u32,
    quiet: u32,
    failed: u32,
    reset: u32,
}

impl SoakTally {
    fn add(&mut self, exit: &ProgramExit) {
        for line in exit.lines() {
            match line.get(..3) {
                Some([_, "ok", "changes"]) => self.carried += 1,
                Some([_, "ok", "quiet"]) => self.quiet += 1,
                Some([_, "ok", _]) => self.reset += 1,
                _ => self.failed += 1,
            }
        }
        self.reset +=
            u32::try_from(exit.stderr.matches("its changes cannot be carried over").count()).unwrap_or(0);
    }
}

struct Troubles<'a> {
    pair: &'a Pair,
    tool: &'a Program,
    writing: &'a Writing,
    tally: SoakTally,
}

impl Troubles<'_> {
    fn go_on(&mut self, length: Duration, mut dice: Dice) {
        let end = Instant::now() + length;
        while Instant::now() < end {
            let mut running = self.tool.start(&args(&["--every", "1s", "--on-reset", "fail"]));
            while self.is_left_alive(&mut running, &mut dice) && Instant::now() < end {}
            let exit = running.kill();
            match exit.code {
                None => self.tally.kills += 1,
                code => {
                    self.tally.ends.push(code);
                    eprintln!("it ended by itself\n{exit}");
                }
            }
            self.tally.add(&exit);
        }
    }

    /// Troubles it, unless it is its turn to be killed.
    fn is_left_alive(&mut self, running: &mut Running, dice: &mut Dice) -> bool {
        thread::sleep(dice.millis(100, 4000));
        match dice.below(10) {
            0 | 1 => self.cut(),
            2 => self.lose_an_answer(1 + dice.below(4)),
            _ => return false,
        }
        !running.has_ended()
    }

    /// Ends the tool's connections.
    fn cut(&mut self) {
        let mut client = self.pair.source.client();
        let sessions = client
            .values(&format!("SELECT session_id FROM sys.dm_exec_sessions WHERE program_name = '{PROGRAM}'"));
        for session in sessions.iter().flatten() {
            let id: String = session.chars().filter(char::is_ascii_digit).collect();
            // It may have ended meanwhile.
            let _ = client.try_batch(&format!("KILL {id}"));
        }
        self.tally.cuts += 1;
    }

    /// The connection goes after one of the tool's next commits, and before it hears of it.
    fn lose_an_answer(&mut self, at: u32) {
        if !self.pair.server.is_sandbox() {
            return;
        }
        let _no_one_else_commits = self.writing.commit.write();
        let mut client = self.pair.source.client();
        client.run(&format!("EXEC sp_sandbox_fault 'cut_after_commit', @at = {at}"));
        thread::sleep(Duration::from_millis(2500));
        client.run("EXEC sp_sandbox_fault 'none'");
        self.tally.lost_answers += 1;
    }
}
