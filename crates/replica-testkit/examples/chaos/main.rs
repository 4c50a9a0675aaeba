//! Real tools under trouble: they are killed, stopped and cut off, their servers are killed, their clocks jump. After each
//! round one undisturbed run has to end well, and everything has to be as it should. `scripts/chaos` runs it.
//!
//! `chaos MINUTES [SEED]`; the seed is printed and repeats the draws. Who meets whom is up to the machine.
mod scenario;
mod servers;
mod stage;
mod trouble;

use std::env;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use replica_testkit::{Dice, Program, ProgramExit};
use tempfile::TempDir;

use scenario::{ALL, PARQUET, Scenario, ToolCall};
use servers::PROGRAM;
use stage::ChaosStage;
use trouble::{TroubleTally, Ways};

fn main() -> ExitCode {
    match chaos() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn chaos() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let minutes: f64 = args.next().ok_or("chaos MINUTES [SEED]")?.parse()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let seed = args.next().map_or(Ok(u64::from(now.subsec_nanos())), |seed| seed.parse())?;
    // Beside this program, which is an example.
    let mut programs = env::current_exe()?;
    programs.pop();
    programs.pop();
    eprintln!("seed {seed}, {minutes} minutes");

    let begun = Instant::now();
    let end = begun + Duration::from_secs_f64(60.0 * minutes);
    let stage = ChaosStage::new(&programs.join("replica-sandbox"))?;
    let ways = Ways::new(&stage)?;
    let mut dice = Dice::new(seed);
    let mut chaos = Chaos { programs, stage, ways, troubles: TroubleTally::default(), shape: Vec::new() };
    for scenario in ALL {
        chaos
            .calm(scenario, &mut dice)
            .map_err(|what| format!("before any trouble, {scenario:?}: {what}"))?;
    }
    chaos.shape = chaos.stage.shape();
    let mut round = 0;
    while Instant::now() < end {
        round += 1;
        // Each once before any comes again, and the slowest last.
        let scenario = ALL[round as usize % ALL.len()];
        let ended = chaos.round(round, scenario, &mut dice.another());
        ended.map_err(|what| {
            format!("seed {seed}, round {round}, {scenario:?}: {what}\n{}", chaos.tally(begun))
        })?;
        eprintln!("{:4} s: round {round}, {scenario:?}", begun.elapsed().as_secs());
    }
    eprintln!("nothing is wrong after {round} rounds; {}", chaos.tally(begun));
    Ok(())
}

struct Chaos {
    programs: PathBuf,
    stage: ChaosStage,
    ways: Ways,
    troubles: TroubleTally,
    /// Of the target, once every tool has been there.
    shape: Vec<stage::TableRows>,
}

impl Chaos {
    fn tally(&self, begun: Instant) -> String {
        let seconds = begun.elapsed().as_secs();
        format!("{seconds} s; {:?}; on the way: {:?}", self.troubles, self.ways.struck())
    }

    /// A tool in a folder of its own, with connections that nobody troubles.
    fn program(&self, work: &ToolCall) -> Program {
        let program = Program::new(self.programs.join(work.tool));
        let program = match &work.config {
            Some(config) => program.file("replica.toml", config),
            None => program,
        };
        let named = |connection: String| format!("{connection};Application Name={PROGRAM}");
        program
            .with("REPLICA_SOURCE", &named(self.stage.source.connection()))
            .with("REPLICA_TARGET", &named(self.stage.target.connection()))
    }

    fn calm(&mut self, scenario: Scenario, dice: &mut Dice) -> Result<(), String> {
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let work = scenario.prepare(&self.stage, folder.path(), dice);
        let untouched = self.stage.at_target(&work.untouched);
        self.ends_well(&work, folder.path(), &untouched)
    }

    /// The tool, undisturbed, and everything as it should be.
    fn ends_well(
        &mut self,
        work: &ToolCall,
        folder: &Path,
        untouched: &[stage::TableRows],
    ) -> Result<(), String> {
        let args: Vec<&str> = work.args.iter().map(String::as_str).collect();
        let program = self.program(work);
        let run = program.run(&args);
        if run.code != Some(0) {
            return Err(format!("an undisturbed run of {} {} fails\n{run}", work.tool, work.args.join(" ")));
        }
        let wrong = |what: &str| Err(format!("{what} after {} {}\n{run}", work.tool, work.args.join(" ")));
        for (query, (source, target)) in work
            .equal
            .iter()
            .zip(self.stage.at_source(&work.equal).iter().zip(&self.stage.at_target(&work.equal)))
        {
            if source != target {
                return wrong(&format!(
                    "the sides differ: {query}: {} rows, {} rows",
                    source.len(),
                    target.len()
                ));
            }
        }
        if self.stage.at_target(&work.untouched) != untouched {
            return wrong("rows of others have changed");
        }
        // Before all tools were there, not all of their own tables are.
        if !self.shape.is_empty() {
            let shape = self.stage.shape();
            if shape != self.shape {
                return wrong(&format!(
                    "tables, indexes or constraints are not as they were: {shape:?}, were {:?}",
                    self.shape
                ));
            }
        }
        let sessions = self.stage.sessions_left();
        if !sessions.is_empty() {
            return wrong(&format!("sessions are left: {sessions:?}"));
        }
        let files = [files(folder, "")?, files(program.folder(), "")?].concat();
        let expected = |file: &String| {
            file == "replica.toml"
                || file == "replica.prom"
                || file.starts_with("runs/") && file.ends_with(".jsonl")
        };
        let left: Vec<_> = files.into_iter().filter(|file| !expected(file)).collect();
        if !left.is_empty() {
            return wrong(&format!("files are left: {left:?}"));
        }
        Ok(())
    }

    fn round(&mut self, round: u32, scenario: Scenario, dice: &mut Dice) -> Result<(), String> {
        self.stage.change(round, dice);
        let folder = TempDir::new().map_err(|error| error.to_string())?;
        let work = scenario.prepare(&self.stage, folder.path(), dice);
        let untouched = self.stage.at_target(&work.untouched);
        let mut whole = self.stage.at_target(&work.whole);
        let at_source = self.stage.at_source(&work.whole);
        for _ in 0..4 + dice.below(7) {
            let exits = if scenario.is_shared() {
                self.hosts(&work, dice)?
            } else {
                vec![self.attempt(&work, dice)?]
            };
            for exit in &exits {
                self.looks_sound(exit, scenario)?;
            }
            let now = self.stage.at_target(&work.whole);
            for (query, (now, (before, source))) in
                work.whole.iter().zip(now.iter().zip(whole.iter().zip(&at_source)))
            {
                if now != before && now != source {
                    return Err(format!("half a table: {query}\n{}", exits[0]));
                }
            }
            whole = now;
        }
        if scenario.is_shared() {
            // What killed hosts had in hand is free.
            self.stage.target.jump();
        }
        age(&folder.path().join(PARQUET)).map_err(|error| error.to_string())?;
        self.ends_well(&work, folder.path(), &untouched)
    }

    /// However a troubled run ends, it ends as it says it may.
    fn looks_sound(&mut self, exit: &ProgramExit, scenario: Scenario) -> Result<(), String> {
        if exit.stderr.contains("panicked at") {
            return Err(format!("a panic\n{exit}"));
        }
        self.troubles.ends(exit.code);
        match exit.code {
            // 4: of hosts that share, one may begin while another one disables indexes.
            Some(4) if !scenario.is_shared() => Err(format!("it meets itself\n{exit}")),
            None | Some(0 | 1 | 3 | 4 | 130 | 143) => Ok(()),
            Some(_) => Err(format!("an exit code that says something else\n{exit}")),
        }
    }

    fn attempt(&mut self, work: &ToolCall, dice: &mut Dice) -> Result<ProgramExit, String> {
        let program = self.program(work);
        self.troubles
            .attempt(program, work, (&mut self.stage, &self.ways), dice)
            .map_err(|error| error.to_string())
    }

    fn hosts(&mut self, work: &ToolCall, dice: &mut Dice) -> Result<Vec<ProgramExit>, String> {
        let programs = [0; 3].map(|_| self.program(work));
        let hosts = self.troubles.hosts(programs, work, (&mut self.stage, &self.ways), dice);
        hosts.map_err(|error| error.to_string())
    }
}

/// Of a folder and those in it, by their path from there.
fn files(folder: &Path, within: &str) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(|error| error.to_string())?.flatten() {
        let name = format!("{within}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            found.extend(files(&entry.path(), &format!("{name}/"))?);
        } else {
            found.push(name);
        }
    }
    Ok(found)
}

/// As if the next run came a minute later.
fn age(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let file = fs::File::options().append(true).open(entry.path())?;
        file.set_modified(SystemTime::now() - Duration::from_secs(60))?;
    }
    Ok(())
}
