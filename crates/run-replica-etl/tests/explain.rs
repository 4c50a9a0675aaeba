//! `--explain` says what the run would do: the rows of its days, and each refusal of the run. It writes nothing.
use replica_testkit::{Pair, Program, ProgramExit};

const DAY: [&str; 2] = ["--as-of", "2024-01-31"];

fn pair() -> Pair {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.r (id int NOT NULL PRIMARY KEY, label varchar(9) NULL)");
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, day date NOT NULL, label varchar(9) NULL)");
    pair.both("INSERT INTO dbo.r VALUES (1, 'a'), (2, 'b')");
    pair.both(
        "INSERT INTO dbo.t VALUES (1, '2024-01-29', 'a'), (2, '2024-01-30', 'b'), (3, '2024-01-31', 'c')",
    );
    pair
}

fn tool(pair: &Pair, more: &str) -> Program {
    let config = format!("reference_tables = ['dbo.r']\ndate_tables = ['dbo.t']\n{more}");
    Program::new(env!("CARGO_BIN_EXE_run-replica-etl")).between(pair).file("replica.toml", &config)
}

fn explain(pair: &Pair, more: &str) -> ProgramExit {
    let run = tool(pair, more).run(&[&DAY[..], &["--explain"]].concat());
    let written = "SELECT COUNT(*) FROM sys.schemas WHERE name = 'replica'";
    assert_eq!(pair.target.client().number(written), 0, "{run}");
    run
}

#[test]
fn rows_are_those_that_would_come() {
    let pair = pair();
    pair.source("INSERT INTO dbo.t VALUES (4, '2024-01-31', 'd')");
    let rows = |more: &str| -> Vec<_> {
        let run = explain(&pair, more).exits(0);
        run.lines().iter().map(|line| [line[0], line[1], line[2]].join(" ")).collect()
    };
    assert_eq!(rows(""), ["dbo.r whole table 2", "dbo.t 2024-01-31 2"]);
    assert_eq!(rows("[etl]\nlook_back_days = 1\n")[1], "dbo.t 2024-01-30..2024-01-31 3");
}

/// The run's own words, before it touches anything; and the other table has its line.
#[test]
fn what_the_run_refuses_is_refused() {
    let columns = "[date_filter_columns]\n'dbo.t' = 'label'\n";
    for (break_it, config, table, why) in [
        ("", columns, "dbo.t", "windows cannot be cut by varchar(9)"),
        ("DELETE FROM dbo.r", "", "dbo.r", "the source has 0 rows for the 2 that the target holds"),
        (
            "DELETE FROM dbo.t WHERE id = 3",
            "",
            "dbo.t",
            "the source has 0 rows for the 1 that the target holds",
        ),
        ("DROP TABLE dbo.r", "", "dbo.r", "the source has no such table"),
        ("ALTER TABLE dbo.t DROP COLUMN label", "", "dbo.t", "label"),
    ] {
        let pair = pair();
        pair.target("UPDATE dbo.t SET label = 'kept'");
        if !break_it.is_empty() {
            pair.source(break_it);
        }
        let explained = explain(&pair, config).exits(1);
        let lines = explained.lines();
        assert_eq!(lines.len(), 2, "{explained}");
        assert_ne!(lines[0][0], table, "what is refused comes last\n{explained}");
        assert_eq!(lines[1][0], table, "{explained}");
        assert!(lines[1][1].starts_with("refused: ") && lines[1][1].contains(why), "{explained}");
        let run = tool(&pair, config).run(&DAY).exits(1).says("1 of 2 tables refreshed");
        assert!(run.stdout.contains(why), "{run}");
    }
}

/// A server that is not there is no refusal of a table.
#[test]
fn without_a_source_it_ends_with_3() {
    let pair = pair();
    let nowhere = "Server=127.0.0.1,1;Database=d;User Id=u;Password=p;ConnectRetryCount=0";
    let run = tool(&pair, "").with("REPLICA_SOURCE", nowhere).run(&[&DAY[..], &["--explain"]].concat());
    assert_eq!(run.exits(3).stdout, "");
}
