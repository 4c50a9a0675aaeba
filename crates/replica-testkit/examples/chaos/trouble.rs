//! What happens to the tools and their servers.
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use replica_testkit::rough::{Blow, From, RoughWay, Trouble};
use replica_testkit::{Dice, Program, ProgramExit, Running, faketime};

use crate::scenario::ToolCall;
use crate::servers::{PROGRAM, TroubledServer};
use crate::stage::ChaosStage;

/// A server goes on with a session whose client is in a black hole for so long.
const UNKNOWING: Duration = Duration::from_secs(3);
/// The rough ways to both servers.
pub struct Ways {
    source: RoughWay,
    target: RoughWay,
    mood: Arc<Mutex<Mood>>,
}

/// How likely a connection is to be struck.
struct Mood {
    percent: u32,
    dice: Dice,
}

impl Mood {
    fn fate(&mut self) -> Option<Blow> {
        let Self { percent, dice } = self;
        if !dice.happens(*percent) {
            return None;
        }
        let from = dice.any(&[From::Client, From::Server]);
        // A login takes a few thousand bytes; the larger tables some hundred thousand.
        let most = dice.any(&[3_000, 30_000, 300_000]);
        let trouble = match dice.below(8) {
            0 | 1 => Trouble::Cut,
            2 | 3 => Trouble::Flip,
            4 => Trouble::HalfClose,
            5 => Trouble::BlackHole(UNKNOWING),
            6 => Trouble::Slow(dice.millis(1, 40)),
            _ => Trouble::Trickle(dice.below(2_000)),
        };
        Some(Blow { from, after: dice.below(most).into(), trouble })
    }
}

impl Ways {
    pub fn new(stage: &ChaosStage) -> io::Result<Self> {
        let mood = Arc::new(Mutex::new(Mood { percent: 0, dice: Dice::new(0) }));
        let way = |server: &TroubledServer| {
            let mood = Arc::clone(&mood);
            RoughWay::to(("127.0.0.1", server.port()), move |_| locked(&mood).fate())
        };
        Ok(Self { source: way(&stage.source)?, target: way(&stage.target)?, mood })
    }

    pub fn struck(&self) -> BTreeMap<&'static str, u64> {
        let mut all = self.source.struck_by_kind();
        for (kind, count) in self.target.struck_by_kind() {
            *all.entry(kind).or_default() += count;
        }
        all
    }

    fn through(&self, program: Program, stage: &ChaosStage) -> Program {
        let named = |way: &RoughWay, server: &TroubledServer| {
            way.through(&format!("{};Application Name={PROGRAM};Command Timeout=8", server.connection()))
        };
        program
            .with("REPLICA_SOURCE", &named(&self.source, &stage.source))
            .with("REPLICA_TARGET", &named(&self.target, &stage.target))
    }
}

fn locked(mood: &Mutex<Mood>) -> MutexGuard<'_, Mood> {
    mood.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What has happened.
#[derive(Debug, Default)]
pub struct TroubleTally {
    attempts: u32,
    kills: u32,
    signals: u32,
    server_kills: u32,
    freezes: u32,
    clock_jumps: u32,
    full_logs: u32,
    full_disks: u32,
    /// Exit codes of runs that nobody killed.
    ends: BTreeMap<i32, u32>,
}

impl TroubleTally {
    pub fn ends(&mut self, code: Option<i32>) {
        if let Some(code) = code {
            *self.ends.entry(code).or_default() += 1;
        }
    }

    /// A run, and what happens to it.
    pub fn attempt(
        &mut self,
        program: Program,
        work: &ToolCall,
        (stage, ways): (&mut ChaosStage, &Ways),
        dice: &mut Dice,
    ) -> io::Result<ProgramExit> {
        self.attempts += 1;
        let program = self.with_clock(ways.through(program, stage), dice);
        *locked(&ways.mood) = Mood { percent: dice.any(&[0, 20, 60]), dice: dice.another() };
        let args: Vec<&str> = work.args.iter().map(String::as_str).collect();
        let exit = match dice.below(12) {
            0..=6 => {
                // Some of them in a row: the next one meets what the one before has left.
                for _ in 0..dice.below(9) {
                    let running = program.start(&args);
                    thread::sleep(dice.millis(20, 600));
                    self.kill(running);
                }
                let running = program.start(&args);
                thread::sleep(dice.millis(20, 1_500));
                self.kill(running)
            }
            7 => {
                let mut running = program.start(&args);
                thread::sleep(dice.millis(100, 1_500));
                self.signals += 1;
                if !running.has_ended() {
                    running.signal(dice.any(&["INT", "TERM"]));
                }
                running.finish()
            }
            8 => {
                let running = program.start(&args);
                thread::sleep(dice.millis(50, 1_000));
                self.server_kills += 1;
                let side = if dice.happens(50) { &mut stage.source } else { &mut stage.target };
                side.kill()?;
                running.finish()
            }
            9 => {
                self.full_logs += 1;
                let at = 1 + dice.below(3);
                stage.target.client().run(&format!("EXEC sp_sandbox_fault 'log_full', @at = {at}"));
                let exit = program.run(&args);
                stage.target.client().run("EXEC sp_sandbox_fault 'none'");
                exit
            }
            10 => {
                self.full_disks += 1;
                program.with_full_disk(dice.below(64)).run(&args)
            }
            _ => program.run(&args),
        };
        locked(&ways.mood).percent = 0;
        Ok(exit)
    }

    /// Hosts that share the work. One of them may sleep until the others have taken over what it was at.
    pub fn hosts(
        &mut self,
        programs: [Program; 3],
        work: &ToolCall,
        (stage, ways): (&mut ChaosStage, &Ways),
        dice: &mut Dice,
    ) -> io::Result<Vec<ProgramExit>> {
        let args: Vec<&str> = work.args.iter().map(String::as_str).collect();
        *locked(&ways.mood) = Mood { percent: dice.any(&[0, 20]), dice: dice.another() };
        let programs = programs.map(|program| ways.through(program, stage));
        let mut running: Vec<Running> = programs.iter().map(|program| program.start(&args)).collect();
        self.attempts += 3;
        thread::sleep(dice.millis(200, 2_000));
        let mut exits = Vec::new();
        if dice.happens(60) {
            self.kills_one(&mut running, &mut exits);
        }
        if let Some(asleep) = running.first_mut()
            && !asleep.has_ended()
        {
            self.freezes += 1;
            self.clock_jumps += 1;
            asleep.signal("STOP");
            stage.target.jump();
            thread::sleep(dice.millis(200, 4_000));
            asleep.signal("CONT");
        }
        if dice.happens(40) {
            self.kills_one(&mut running, &mut exits);
        }
        locked(&ways.mood).percent = 0;
        // Those that are alive may wait for what the dead had in hand.
        stage.target.jump();
        exits.extend(running.into_iter().map(Running::finish));
        Ok(exits)
    }

    fn kills_one(&mut self, running: &mut Vec<Running>, exits: &mut Vec<ProgramExit>) {
        if let Some(running) = running.pop() {
            exits.push(self.kill(running));
        }
    }

    fn kill(&mut self, running: Running) -> ProgramExit {
        let exit = running.kill();
        // It may have been faster.
        self.kills += u32::from(exit.code.is_none());
        exit
    }

    /// The tool's own clock is wrong, where there is faketime.
    fn with_clock(&mut self, program: Program, dice: &mut Dice) -> Program {
        let Some(library) = faketime().filter(|_| dice.happens(20)) else { return program };
        self.clock_jumps += 1;
        program.by_clock(library, dice.any(&["-3h", "+90s", "+400d"]))
    }
}
