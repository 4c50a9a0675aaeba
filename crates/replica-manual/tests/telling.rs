//! What all tools have in common: what they say, where, and what --quiet leaves of it.
use replica_testkit::{Pair, Program, ProgramExit};
use serde_json::Value;

/// Every tool, and a command line for a table.
const TOOLS: [(&str, &[&str]); 10] = [
    ("replicate-reference-tables", &["TABLE"]),
    ("replicate-monthly-parallel-streaming", &["TABLE", "--start-date=2024-01-01", "--end-date=2024-02-29"]),
    ("run-replica-etl", &["--as-of=2024-01-31", "--only", "TABLE"]),
    ("verify-replica", &["TABLE"]),
    ("find-string-overflows", &["TABLE"]),
    ("debug-numeric-overflow", &["TABLE"]),
    ("debug-datetime-range", &["TABLE"]),
    ("debug-single-row-insert", &["TABLE", "--key", "1"]),
    ("sync-replica-schema", &["TABLE"]),
    ("replicate-changes", &["TABLE"]),
];

/// Tools that look, and copy nothing: what they find is no failure of theirs.
const LOOKING: [(&str, &[&str]); 2] = [("check-replica", &["TABLE"]), ("show-replica-status", &["TABLE"])];

const CONFIGURATION: &str = "reference_tables = ['dbo.t', 'dbo.missing']\n";

/// dbo.t is the same on both sides; there is no dbo.missing.
fn pair() -> Pair {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, day date NOT NULL, label varchar(9) NULL)");
    pair.both("INSERT INTO dbo.t VALUES (1, '2024-01-31', 'one'), (2, '2024-02-01', NULL)");
    pair.source(
        "ALTER DATABASE CURRENT SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 2 DAYS, AUTO_CLEANUP = ON); \
         ALTER TABLE dbo.t ENABLE CHANGE_TRACKING",
    );
    pair
}

fn run(pair: &Pair, (tool, words): (&str, &[&str]), table: &str, more: &[&str]) -> ProgramExit {
    let words = words.iter().map(|word| if *word == "TABLE" { table } else { word });
    let words: Vec<&str> = words.chain(more.iter().copied()).collect();
    let program = Program::beside(env!("CARGO_BIN_EXE_replica-manual"), tool);
    program.between(pair).file("replica.toml", CONFIGURATION).run(&words)
}

/// The same as cron would start it, between databases that a check has nothing to say against.
fn look(pair: &Pair, (tool, words): (&str, &[&str]), table: &str, more: &[&str]) -> ProgramExit {
    let words = words.iter().map(|word| if *word == "TABLE" { table } else { word });
    let words: Vec<&str> = words.chain(more.iter().copied()).collect();
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_replica-manual")).parent().unwrap();
    let program = Program::beside(env!("CARGO_BIN_EXE_replica-manual"), tool);
    program.between(pair).with("TERM", "").with("PATH", folder.to_str().unwrap()).run(&words)
}

fn objects(run: &ProgramExit) -> Vec<Value> {
    let lines = run.stderr.lines();
    lines.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}\n{run}"))).collect()
}

#[test]
fn tools_that_look_tell_as_the_others_do() {
    let pair = pair();
    let master = &mut pair.server.client("master");
    master.batch(&format!("ALTER DATABASE [{}] SET ALLOW_SNAPSHOT_ISOLATION ON", pair.source.name));
    master.batch(&format!("ALTER DATABASE [{}] SET RECOVERY SIMPLE", pair.target.name));
    run(&pair, TOOLS[0], "dbo.t", &[]).exits(0);
    for tool in LOOKING {
        for more in [&["--quiet"][..], &["--quiet", "--output=text"], &["--quiet", "--log-format=json"]] {
            let run = look(&pair, tool, "dbo.t", more).exits(0);
            assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""), "{} {more:?}", tool.0);
        }
        objects(&look(&pair, tool, "dbo.missing", &["--log-format=json"]));
        let run = look(&pair, tool, "dbo.t", &["--log-format", "json", "--no-such-option"]).exits(2);
        assert_eq!(objects(&run).len(), 1, "{run}");
        let headed = look(&pair, tool, "dbo.t", &["--output=tsv", "--header"]).exits(0);
        let json = look(&pair, tool, "dbo.t", &["--output=json"]).exits(0);
        let first: serde_json::Map<String, Value> =
            serde_json::from_str(json.stdout.lines().next().unwrap()).unwrap();
        let names = headed.stdout.lines().next().unwrap().split('\t');
        assert!(names.clone().all(|name| first.contains_key(name)), "{headed}\n{json}");
        assert_eq!(names.count(), first.len(), "{headed}\n{json}");
        assert!(look(&pair, tool, "dbo.t", &["--output=text"]).exits(0).stdout.contains("dbo.t"));
    }
    // A name that is none: an error of the run that is checked, and a word on it where records are shown.
    let check = look(&pair, LOOKING[0], "dbo.missing", &["--quiet"]).exits(1);
    let lines = check.lines().into_iter().map(|line| [line[0], line[1], line[2], line[3]]);
    assert_eq!(lines.collect::<Vec<_>>(), [["table", "source", "dbo.missing", "error"]], "{check}");
    let status = look(&pair, LOOKING[1], "dbo.missing", &[]).exits(0);
    assert_eq!(status.stdout, "", "{status}");
    status.says("dbo.missing: no run on such a table is on record here");
}

/// Whoever closes both pipes has seen enough: no tool panics over it.
#[test]
fn a_reader_that_has_gone_is_no_panic() {
    let pair = pair();
    let folder = std::path::Path::new(env!("CARGO_BIN_EXE_replica-manual")).parent().unwrap();
    for (tool, words) in TOOLS.iter().chain(&LOOKING) {
        let words: Vec<_> = words.iter().map(|word| word.replace("TABLE", "dbo.t")).collect();
        // A pipe whose reader is gone before the first word.
        let (reader, stdout) = std::io::pipe().unwrap();
        let stderr = stdout.try_clone().unwrap();
        drop(reader);
        let mut command = std::process::Command::new(folder.join(tool));
        command.args(&words).env("REPLICA_SOURCE", &pair.source.connection);
        command.env("REPLICA_TARGET", &pair.target.connection).env("RUST_LOG", "info");
        let code = command.stdout(stdout).stderr(stderr).status().unwrap().code();
        assert!(matches!(code, Some(0..=2)), "{tool}: {code:?}");
    }
}

#[test]
fn quiet_tools_say_nothing_when_all_is_well() {
    let pair = pair();
    for tool in TOOLS {
        for more in [&["--quiet"][..], &["--quiet", "--output=text"], &["--quiet", "--log-format=json"]] {
            let run = run(&pair, tool, "dbo.t", more).exits(0);
            assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""), "{} {more:?}", tool.0);
        }
    }
}

#[test]
fn a_table_that_could_not_be_started_has_its_line() {
    let pair = pair();
    for tool in TOOLS {
        for quiet in [&[][..], &["--quiet"]] {
            let told = |format: &str| run(&pair, tool, "dbo.missing", &[&[format], quiet].concat()).exits(1);
            let tsv = told("--output=tsv");
            assert_eq!(tsv.lines()[0][0], "dbo.missing", "{}\n{tsv}", tool.0);
            assert_eq!(tsv.lines().len(), 1, "{}\n{tsv}", tool.0);
            let json = told("--output=json");
            let line: Value = serde_json::from_str(&json.stdout).unwrap();
            assert_eq!(line["table"], "dbo.missing", "{}\n{json}", tool.0);
            let text = told("--output=text");
            assert!(text.stdout.contains("dbo.missing"), "{}\n{text}", tool.0);
        }
    }
}

#[test]
fn an_overlap_is_no_problem() {
    let pair = pair();
    let mut other = pair.target.client();
    other.batch(
        "DECLARE @table nvarchar(60) = CONCAT('replica table ', OBJECT_ID('dbo.t')); \
         EXEC sp_getapplock @Resource = @table, @LockMode = 'Exclusive', @LockOwner = 'Session'; \
         EXEC sp_getapplock @Resource = 'replica run', @LockMode = 'Exclusive', @LockOwner = 'Session'",
    );
    for tool in &TOOLS[..3] {
        let run = run(&pair, *tool, "dbo.t", &["--quiet"]).exits(4);
        assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("", ""), "{}", tool.0);
    }
    // Whoever does not expect it hears of it.
    for tool in &TOOLS[..2] {
        let run = run(&pair, *tool, "dbo.t", &[]).exits(4).says("another run holds this table");
        assert_eq!(run.lines()[0][0], "dbo.t", "{run}");
    }
    run(&pair, TOOLS[2], "dbo.t", &[]).exits(4).says("another run");
}

#[test]
fn the_log_comes_as_json() {
    let pair = pair();
    for tool in TOOLS {
        for (table, code) in [("dbo.t", 0), ("dbo.missing", 1)] {
            let run = run(&pair, tool, table, &["--log-format=json"]).exits(code);
            let log = objects(&run);
            for line in &log {
                let text = |name: &str| line[name].as_str().is_some_and(|text| !text.is_empty());
                assert!(["time", "level", "target", "message"].into_iter().all(text), "{}\n{run}", tool.0);
            }
            if code == 1 {
                let error = log.iter().find(|line| line["level"] == "ERROR").expect(tool.0);
                assert_eq!(error["table"], "dbo.missing", "{}\n{run}", tool.0);
            }
        }
    }
    let log = objects(&run(&pair, TOOLS[1], "dbo.t", &["--log-format", "json"]));
    let mut timed: Vec<_> = log
        .iter()
        .filter(|line| line["message"].as_str().unwrap().starts_with("[TIMING] dbo.t 2024"))
        .map(|line| (line["table"].as_str().unwrap(), line["window"].as_str().unwrap()))
        .collect();
    timed.sort_unstable();
    assert_eq!(timed, [("dbo.t", "2024-01"), ("dbo.t", "2024-02")], "{log:?}");
    // What is wrong with the command line, too.
    for tool in TOOLS {
        let run = run(&pair, tool, "dbo.t", &["--log-format", "json", "--no-such-option"]).exits(2);
        assert_eq!(objects(&run).len(), 1, "{run}");
    }
}

#[test]
fn the_columns_of_tsv_have_names() {
    let pair = pair();
    for tool in TOOLS {
        let plain = run(&pair, tool, "dbo.missing", &["--output=tsv"]);
        let headed = run(&pair, tool, "dbo.missing", &["--output=tsv", "--header"]);
        let json = run(&pair, tool, "dbo.missing", &["--output=json", "--header"]);
        let (names, values) = headed.stdout.split_once('\n').unwrap();
        let of_json: serde_json::Map<String, Value> = serde_json::from_str(&json.stdout).unwrap();
        let names: Vec<&str> = names.split('\t').collect();
        assert!(names.iter().all(|name| of_json.contains_key(*name)), "{names:?}\n{json}");
        assert_eq!(names.len(), plain.lines()[0].len(), "{}", tool.0);
        assert_eq!(values.split('\t').next(), Some("dbo.missing"), "{}", tool.0);
    }
}

#[test]
fn finders_say_that_they_found_nothing() {
    let pair = pair();
    for tool in &TOOLS[4..7] {
        let run = run(&pair, *tool, "dbo.t", &[]).exits(0);
        assert!(run.stdout.is_empty() && run.stderr.contains("nothing found in 1 table"), "{run}");
    }
}
