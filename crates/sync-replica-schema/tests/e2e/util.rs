//! What the tests share.
use replica_testkit::{Pair, Program, ProgramExit};

pub fn tool(pair: &Pair) -> Program {
    Program::new(env!("CARGO_BIN_EXE_sync-replica-schema")).between(pair)
}

/// The status of each table.
pub fn tables(exit: &ProgramExit) -> Vec<(String, String)> {
    let lines = exit.lines();
    let of_tables = lines.iter().filter(|line| !["difference", "done", "refused"].contains(&line[1]));
    of_tables.map(|line| (line[0].to_owned(), line[1].to_owned())).collect()
}

/// The differences: object, severity, way, statement.
pub fn differences(exit: &ProgramExit) -> Vec<[String; 4]> {
    let lines = exit.lines();
    let differences = lines.iter().filter(|line| line[1] == "difference");
    differences.map(|line| [line[2], line[3], line[5], line[8]].map(str::to_owned)).collect()
}

/// Makes the table, and looks again: nothing differs, and nothing is left to do.
#[track_caller]
pub fn made(pair: &Pair, table: &str, more: &[&str]) -> ProgramExit {
    let args = [&[table, "--create"], more].concat();
    let exit = tool(pair).run(&args).exits(0);
    let again = tool(pair).run(&[&[table], more].concat()).exits(0);
    assert!(differences(&again).is_empty(), "{again}");
    let script = tool(pair).run(&[&[table, "--sql"], more].concat()).exits(0);
    assert_eq!(script.stdout, "", "{script}");
    exit
}
