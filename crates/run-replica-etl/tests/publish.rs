//! How the tables of a run are published, as `replica.toml` says it.
use replica_testkit::{Pair, Program, ProgramExit};

/// All tables are staged, but dbo.swapped, which changes places, and dbo.plain, whose rows are loaded into itself.
const CONFIG: &str = "reference_tables = ['dbo.copied', 'dbo.swapped', 'dbo.plain']\n[etl]\npublish = 'staged'\n\
    [tables.\"dbo.swapped\"]\npublish = 'switch'\n[tables.\"dbo.plain\"]\npublish = 'direct'\n";

const TABLES: [&str; 3] = ["copied", "swapped", "plain"];

fn pair() -> Pair {
    let pair = Pair::new();
    for table in TABLES {
        pair.both(&format!("CREATE TABLE dbo.{table} (id int NOT NULL PRIMARY KEY, n int NULL)"));
        pair.source(&format!("INSERT INTO dbo.{table} VALUES (1, 10), (2, 20), (3, NULL)"));
        pair.target(&format!("INSERT INTO dbo.{table} VALUES (2, 0), (4, 0)"));
    }
    pair
}

fn run(pair: &Pair, args: &[&str]) -> ProgramExit {
    let tool = Program::new(env!("CARGO_BIN_EXE_run-replica-etl")).between(pair);
    tool.file("replica.toml", CONFIG).run(args)
}

/// The old rows are there.
fn assert_old(pair: &Pair, table: &str) {
    let mut target = pair.target.client();
    let old = format!("SELECT COUNT(*) FROM dbo.{table} WHERE id IN (2, 4) AND n = 0");
    let all = format!("SELECT COUNT(*) FROM dbo.{table}");
    assert_eq!((target.number(&old), target.number(&all)), (2, 2), "{table}");
}

#[test]
fn each_table_is_published_as_it_says_or_as_the_section_says() {
    let pair = pair();
    let explained = run(&pair, &["--t0", "--explain"]).exits(0);
    let told: Vec<_> = explained.lines().iter().map(|line| [line[0], line[1]].join(" ")).collect();
    assert_eq!(
        told,
        [
            "dbo.copied whole table, publish = staged",
            "dbo.swapped whole table, publish = switch",
            "dbo.plain whole table"
        ]
    );
    TABLES.iter().for_each(|table| assert_old(&pair, table));
    let object_id = "SELECT OBJECT_ID('dbo.swapped')";
    let before = pair.target.client().number(object_id);
    let ran = run(&pair, &["--t0"]).exits(0);
    for (table, phase) in [("copied", "PUBLISH "), ("swapped", "SWITCH ")] {
        let timing = |line: &&str| line.contains("[TIMING]") && line.contains(table);
        assert!(ran.stderr.lines().filter(timing).any(|line| line.contains(phase)), "{table}\n{ran}");
    }
    for table in TABLES {
        pair.assert_equal(&format!("SELECT id, n FROM dbo.{table} ORDER BY id"));
    }
    let mut target = pair.target.client();
    assert_eq!(target.number(object_id), before);
    assert_eq!(target.number("SELECT COUNT(*) FROM replica.staging"), 0);
    let beside = "SELECT COUNT(*) FROM sys.tables WHERE name LIKE 'stage[_]%'";
    assert_eq!(target.number(beside), 0, "tables beside the targets are dropped");
}

/// What may not change places keeps its rows, and the error says which rule; the other tables go on.
#[test]
fn a_table_that_may_not_change_places_is_refused_before_it_is_loaded() {
    let pair = pair();
    pair.target("CREATE TABLE dbo.child (id int NOT NULL REFERENCES dbo.swapped (id))");
    for args in [&["--t0", "--explain"][..], &["--t0"]] {
        let refused = run(&pair, args).exits(1);
        let told = format!("{}{}", refused.stdout, refused.stderr);
        assert!(
            told.contains("(error 4967)") && told.contains("--publish switch is not possible"),
            "{refused}"
        );
        assert_old(&pair, "swapped");
    }
    pair.assert_equal("SELECT id, n FROM dbo.copied ORDER BY id");
    pair.assert_equal("SELECT id, n FROM dbo.plain ORDER BY id");
}
