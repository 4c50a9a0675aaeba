//! The commands in docs/deploy are such as the programs take.
use std::path::Path;

use replica_testkit::Program;

const BINARY: &str = env!("CARGO_BIN_EXE_run-replica-etl");

/// Runs a command without a configuration, which is the first thing that a right command misses: the file that it names, or
/// what would stand in the one that is found.
#[track_caller]
fn is_understood(command: &str) {
    let bin = Path::new(BINARY).parent().unwrap().display().to_string();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
    let run = Program::new("sh").with("PATH", &path).run(&["-c", command]);
    let missing = [
        "Cannot read /etc/replica/replica.toml",
        "No source is configured",
        "the configuration lists no tables",
    ];
    let told = format!("{}{}", run.stdout, run.stderr);
    assert!(missing.iter().any(|missing| told.contains(missing)), "{command}\n{run}");
}

#[test]
fn by_cron() {
    let lines = include_str!("../../../docs/deploy/crontab").lines();
    let lines: Vec<_> = lines.filter(|line| !line.is_empty() && !line.starts_with(['#', 'M'])).collect();
    assert_eq!(lines.len(), 4);
    for line in lines {
        // Five fields for the time, one for the user.
        let command: Vec<_> = line.split_whitespace().skip(6).collect();
        is_understood(&command.join(" ").replace("\\%", "%"));
    }
}

#[test]
fn by_systemd() {
    let unit = include_str!("../../../docs/deploy/replica-t1.service");
    let command = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/")).unwrap();
    is_understood(command);
}

#[test]
fn by_kubernetes() {
    let job = include_str!("../../../docs/deploy/cronjob.yaml");
    let command = job.split("command: [").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
    is_understood(&command.replace(", ", " "));

    let job = include_str!("../../../docs/deploy/indexed-job.yaml");
    let words =
        job.split("command:\n").nth(1).unwrap().lines().map_while(|line| line.trim().strip_prefix("- "));
    let words: Vec<_> = words.collect();
    assert!(words.len() > 5, "{words:?}");
    is_understood(&words.join(" "));
}
