//! Bad input is refused before anything is written, in one line that says the way out.
use replica_testkit::{Client, Pair, Program, ProgramExit};

use crate::util::{HALF_A_YEAR, half_a_year, pair, tool};

/// Ends with this code, says all of this in one line, and has written nothing. A line on stdout tells of the table if
/// it was one that could not be started.
#[track_caller]
fn refused(pair: &Pair, args: &[&str], code: i32, said: &[&str]) {
    let run = ends(pair, args, code, said);
    assert_eq!(outcomes(&run), [(args[0], "failed")], "{run}");
}

/// Table and outcome of each line.
fn outcomes(run: &ProgramExit) -> Vec<(&str, &str)> {
    run.lines().iter().map(|line| (line[0], line[2])).collect()
}

#[track_caller]
fn ends(pair: &Pair, args: &[&str], code: i32, said: &[&str]) -> ProgramExit {
    let run = tool(pair).run(args).exits(code);
    let line = run.stderr.lines().find(|line| said.iter().all(|part| line.contains(part)));
    assert!(line.is_some(), "{said:?} is not said in one line\n{run}");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM sys.schemas WHERE name = 'replica'"), 0);
    run
}

#[test]
fn tables_and_columns_that_will_not_do() {
    let pair = pair("");
    let dates = ["--start-date", "2024-01-01", "--end-date", "2024-01-31"];
    let args = |table: &'static str, more: &[&'static str]| [&[table][..], &dates, more].concat();
    refused(&pair, &args("dbo.nothing", &[]), 1, &["dbo.nothing"]);
    refused(&pair, &args("dbo.t", &["--date-column", "nowhere"]), 2, &["no column nowhere", "day"]);
    refused(&pair, &args("dbo.t", &["--date-column", "label"]), 2, &["label", "nvarchar(20)", "yyyymmdd"]);
    pair.both("CREATE TABLE dbo.none (id int NOT NULL, label varchar(9) NULL)");
    refused(&pair, &args("dbo.none", &[]), 2, &["no column holds dates", "--date-column"]);
    pair.both("CREATE TABLE dbo.several (a date NULL, b datetime2(3) NULL)");
    refused(&pair, &args("dbo.several", &[]), 2, &["a, b", "--date-column", "date_filter_columns"]);
    pair.source("CREATE TABLE dbo.lacking (id int NOT NULL, day date NOT NULL)");
    pair.target("CREATE TABLE dbo.lacking (id int NOT NULL)");
    refused(&pair, &args("dbo.lacking", &["--ignore-extra-columns"]), 1, &["day", "--date-column"]);
}

#[test]
fn dates_that_will_not_do() {
    let pair = pair("");
    for (start, end, said) in [
        ("2024-02-01", "2024-01-31", "before --start-date"),
        ("2024-02-30", "2024-03-31", "2024-02-30"),
        ("yesterday", "2024-03-31", "2024-01-31"),
    ] {
        let run = ends(&pair, &["dbo.t", "--start-date", start, "--end-date", end], 2, &[said]);
        assert_eq!(run.stdout, "", "{run}");
    }
    for (args, said) in
        [(&["dbo.t", "--start-date", "2024-01-01"][..], "go together"), (&["dbo.t"], "--start-date")]
    {
        let run = ends(&pair, args, 2, &[said]);
        assert_eq!(run.stdout, "", "{run}");
    }
}

#[test]
fn connections_that_will_not_do() {
    let tool = || Program::new(env!("CARGO_BIN_EXE_replicate-monthly-parallel-streaming"));
    tool().run(&HALF_A_YEAR).exits(2).says("REPLICA_SOURCE");
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody =
        format!("Server=127.0.0.1,{port};User Id=u;Password=secret-pw;Database=d;ConnectRetryCount=0");
    let run =
        tool().with("REPLICA_SOURCE", &nobody).with("REPLICA_TARGET", &nobody).run(&HALF_A_YEAR).exits(3);
    assert!(!run.stderr.contains("secret-pw"), "{run}");
}

#[test]
fn a_login_that_may_not_make_the_ledger_is_told_what_to_grant() {
    let pair = pair("");
    let name = format!("u_{}", pair.source.name);
    let password = "Loader-4711-pw";
    let master = pair.server.connection("master");
    if let Err(error) =
        Client::connect(&master).try_batch(&format!("CREATE LOGIN [{name}] WITH PASSWORD = '{password}'"))
    {
        return eprintln!("skipped: no logins here: {error}");
    }
    pair.both(&format!("CREATE USER [{name}] FOR LOGIN [{name}]"));
    pair.source(&format!("GRANT SELECT ON dbo.t TO [{name}]"));
    pair.target(&format!("GRANT SELECT, INSERT, DELETE, ALTER ON dbo.t TO [{name}]"));
    let connection = |database: &str| pair.server.connection_as(database, &name, password);
    let tool = tool(&pair)
        .with("REPLICA_SOURCE", &connection(&pair.source.name))
        .with("REPLICA_TARGET", &connection(&pair.target.name));
    let run = tool.run(&half_a_year(&[])).exits(1);
    let run = run.says("GRANT CREATE SCHEMA, CREATE TABLE").says("CREATE TABLE replica.windows");
    assert_eq!(outcomes(&run), [("dbo.t", "failed")], "{run}");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t"), 0);
    Client::connect(&master).batch(&format!("DROP LOGIN [{name}]"));
}
