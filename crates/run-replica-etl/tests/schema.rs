//! `schema` in `[etl]`: the tables are compared before any is copied.
use replica_testkit::{Pair, Program, Server};

fn tool(pair: &Pair, etl: &str) -> Program {
    let config = format!("reference_tables = ['dbo.t']\n[etl]\n{etl}\n");
    Program::new(env!("CARGO_BIN_EXE_run-replica-etl")).between(pair).file("replica.toml", &config)
}

/// The source has a longer column, and one more.
fn pair() -> Pair {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL, a varchar(20) NULL, b int NULL) INSERT INTO dbo.t VALUES (1, 'twelve chars', 2)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL, a varchar(5) NULL)");
    pair
}

#[test]
fn a_report_warns_and_changes_nothing() {
    let pair = pair();
    let run = tool(&pair, "schema = 'report'").run(&["--t0"]).exits(1);
    let run = run.says("column a: varchar(5), wanted varchar(20)").says("column b: the target lacks");
    assert_eq!(
        pair.target.client().number("SELECT COUNT(*) FROM sys.columns WHERE object_id = OBJECT_ID('dbo.t')"),
        2,
        "{run}"
    );
    tool(&pair, "schema = 'all'").run(&["--t0"]).exits(2);
}

#[test]
fn a_report_is_what_there_is_unless_it_is_not_wanted() {
    let pair = pair();
    let run = tool(&pair, "").run(&["--t0"]).exits(1);
    run.says("column b: the target lacks").says("(sync-replica-schema dbo.t)");
    let run = tool(&pair, "schema = 'none'").run(&["--t0"]).exits(1);
    assert!(!run.stderr.contains("(sync-replica-schema dbo.t)"), "{run}");
    // What keeps no row out is no warning.
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL)");
    pair.target("CREATE TABLE dbo.t (id int NULL)");
    let run = tool(&pair, "").with("RUST_LOG", "warn").run(&["--t0"]).exits(0);
    assert_eq!(run.stderr, "", "{run}");
}

#[test]
fn a_source_that_shows_no_definitions_is_one_line_a_run() {
    let pair = Pair::on(Server::sandbox());
    pair.both("CREATE TABLE dbo.t (id int NOT NULL) CREATE TABLE dbo.u (id int NOT NULL)");
    let login = format!("reader_{}", pair.source.name);
    pair.server.client("master").batch(&format!("CREATE LOGIN [{login}] WITH PASSWORD = 'Secret-4711-x'"));
    pair.source(&format!("CREATE USER [{login}] FOR LOGIN [{login}]"));
    pair.source(&format!("GRANT SELECT ON SCHEMA::dbo TO [{login}]"));
    let source = pair.server.connection_as(&pair.source.name, &login, "Secret-4711-x");
    let both = tool(&pair, "").with("REPLICA_SOURCE", &source);
    let run = both.file("replica.toml", "reference_tables = ['dbo.t', 'dbo.u']\n").run(&["--t0"]).exits(0);
    let run = run.says("2 of 2 tables were not compared with the source's").says("GRANT VIEW DEFINITION");
    assert_eq!(run.stderr.matches("VIEW DEFINITION").count(), 1, "{run}");
}

#[test]
fn a_table_of_another_name_is_compared_under_it() {
    let pair = pair();
    pair.target("CREATE TABLE dbo.other (id int NOT NULL, a varchar(20) NULL)");
    let settings = "reference_tables = ['dbo.t']\n[etl]\nschema = 'safe'\n[tables.'dbo.t']\ntarget = 'dbo.other'\nwhere = 'id = 1'\n";
    let run = tool(&pair, "").file("replica.toml", settings).run(&["--t0"]).exits(0);
    run.says("dbo.t -> dbo.other: column b changed");
    assert_eq!(pair.target.client().number("SELECT SUM(b) FROM dbo.other"), 2);
}

#[test]
fn what_is_safe_is_changed_first() {
    let pair = pair();
    tool(&pair, "schema = 'safe'").run(&["--t0"]).exits(0).says("column b changed");
    pair.assert_equal("SELECT id, a, b FROM dbo.t");
}

#[test]
fn what_a_run_would_warn_of_is_explained_in_one_line_a_table() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL, a varchar(20) NULL, b varchar(9) NULL)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL, a varchar(5) NULL, b varchar(3) NULL)");
    let explained = |etl: &str| -> Vec<String> {
        let run = tool(&pair, etl).run(&["--t1", "--explain"]).exits(0);
        run.lines().iter().map(|line| [line[0], line[1]].join(" ")).collect()
    };
    let differs = "dbo.t differs: column a: varchar(5), wanted varchar(20); column b: varchar(3), wanted varchar(9) \
                   (sync-replica-schema dbo.t)";
    assert_eq!(explained(""), ["dbo.t whole table", differs]);
    let mended = format!("{differs}; the run mends first what can be mended without loss");
    assert_eq!(explained("schema = 'safe'"), ["dbo.t whole table".to_owned(), mended]);
    assert_eq!(explained("schema = 'none'"), ["dbo.t whole table"]);
    let length = "SELECT max_length FROM sys.columns WHERE object_id = OBJECT_ID('dbo.t') AND name = 'a'";
    assert_eq!(pair.target.client().number(&format!("({length})")), 5, "nothing is changed");
}
