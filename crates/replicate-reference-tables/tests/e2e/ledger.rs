//! Windows that the monthly copy has on record, and whose rows this tool replaces.
use replica_testkit::{Pair, Program, ProgramExit};

use crate::util::{User, copy, fault, skip, tool};

const QUARTER: [&str; 5] = ["dbo.t", "--start-date", "2024-01-01", "--end-date", "2024-03-31"];
const FEBRUARY: [&str; 5] = ["dbo.t", "--start-date", "2024-02-01", "--end-date", "2024-02-29"];

/// dbo.t (id, day, made) on both sides, a row for each month of the first quarter of 2024.
fn pair() -> Pair {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, day date NOT NULL, made datetime NULL)");
    pair.source("INSERT INTO dbo.t (id, day) VALUES (1, '2024-01-31'), (2, '2024-02-01'), (3, '2024-03-01')");
    pair
}

fn beside(pair: &Pair, name: &str) -> Program {
    Program::beside(env!("CARGO_BIN_EXE_replicate-reference-tables"), name).between(pair)
}

/// By the monthly copy, which puts its windows on record.
#[track_caller]
fn months(pair: &Pair, more: &[&str]) -> ProgramExit {
    let args = [&QUARTER[..], &["--date-column", "day"], more].concat();
    beside(pair, "replicate-monthly-parallel-streaming").run(&args).exits(0)
}

/// (window, outcome) of each line, in order of the windows.
fn outcomes(run: &ProgramExit) -> Vec<(String, String)> {
    let mut outcomes: Vec<_> =
        run.lines().iter().map(|line| (line[1].to_owned(), line[2].to_owned())).collect();
    outcomes.sort_unstable();
    outcomes
}

fn expected(outcomes: [&str; 3]) -> Vec<(String, String)> {
    let windows = ["2024-01", "2024-02", "2024-03"].into_iter().zip(outcomes);
    windows.map(|(window, outcome)| (window.to_owned(), outcome.to_owned())).collect()
}

/// The states of the windows on record, in order.
fn states(pair: &Pair) -> Vec<String> {
    let rows = pair.target.client().rows("SELECT state FROM replica.windows ORDER BY first_date");
    rows.iter().map(|row| row.get::<&str, _>(0).unwrap().to_owned()).collect()
}

#[track_caller]
fn assert_equal(pair: &Pair) {
    pair.assert_equal("SELECT id, day, made FROM dbo.t ORDER BY id");
}

#[test]
fn after_a_whole_table_no_window_is_complete_and_resume_loads_them_all() {
    let pair = pair();
    months(&pair, &[]);
    // As many rows for each month, and other ones, from another database.
    let other = Pair::new();
    other.source("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, day date NOT NULL, made datetime NULL)");
    other
        .source("INSERT INTO dbo.t (id, day) VALUES (7, '2024-01-01'), (8, '2024-02-02'), (9, '2024-03-03')");
    if !other.server.is_sandbox() || !pair.server.is_sandbox() {
        pair.target("DELETE FROM dbo.t");
    }
    tool(&pair).with("REPLICA_SOURCE", &other.source.connection).run(&["dbo.t"]).exits(0);
    assert_eq!(states(&pair), ["pending"; 3]);
    let says =
        "what is on record no longer holds: its rows were replaced by replicate-reference-tables at 20";
    let verified =
        beside(&pair, "verify-replica").run(&["dbo.t", "--date-column", "day", "--against-ledger"]);
    let verified = verified.exits(1).says(says);
    assert_eq!(outcomes(&verified), expected(["failed"; 3]), "{verified}");

    let run = months(&pair, &["--resume"]).says("its rows were replaced by replicate-reference-tables at 20");
    assert_eq!(outcomes(&run), expected(["ok"; 3]), "{run}");
    assert_eq!(states(&pair), ["complete"; 3]);
    assert_equal(&pair);
}

#[test]
fn days_mark_the_windows_that_have_some_of_them() {
    let pair = pair();
    months(&pair, &[]);
    copy(&pair, &[&FEBRUARY[..], &["--date-column", "day"]].concat());
    assert_eq!(states(&pair), ["complete", "pending", "complete"]);
    let run = months(&pair, &["--resume"]);
    assert_eq!(outcomes(&run), expected(["skipped", "ok", "skipped"]), "{run}");
    // Along another column they may be in any window.
    copy(&pair, &[&FEBRUARY[..], &["--date-column", "made"]].concat());
    assert_eq!(states(&pair), ["pending"; 3]);
    months(&pair, &["--resume"]);
    assert_equal(&pair);
}

#[test]
fn files_are_no_other_way() {
    let pair = pair();
    months(&pair, &[]);
    copy(&pair, &["dbo.t", "--full-table-mode", "parquet"]);
    assert_eq!(states(&pair), ["pending"; 3]);
}

/// The mark goes with the rows: both at the COMMIT, or none.
#[test]
fn a_load_that_is_rolled_back_leaves_the_record_as_it_was() {
    let pair = pair();
    months(&pair, &[]);
    pair.source("UPDATE dbo.t SET made = '2024-05-05'");
    if !pair.server.is_sandbox() {
        return skip("only the sandbox fails on request");
    }
    // The first attempt comes as far as its COMMIT; the second fails for good.
    fault(&pair, "@fault = 'cut_before_commit'");
    fault(&pair, "@fault = 'log_full', @table = 'dbo.t', @at = 2");
    tool(&pair).run(&["dbo.t"]).exits(1).says("9002").says("retry 1");
    assert_eq!(states(&pair), ["complete"; 3]);
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t WHERE made IS NULL"), 3);
    let run = months(&pair, &["--resume"]);
    assert_eq!(outcomes(&run), expected(["skipped"; 3]), "{run}");

    pair.target("CREATE TRIGGER replica.no ON replica.windows AFTER UPDATE AS THROW 50001, N'not now', 1");
    tool(&pair).run(&["dbo.t"]).exits(1).says("the ledger").says("not now");
    assert_eq!(states(&pair), ["complete"; 3]);
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t WHERE made IS NULL"), 3);
    pair.target("DROP TRIGGER replica.no");
    copy(&pair, &["dbo.t"]);
    assert_eq!(states(&pair), ["pending"; 3]);
    assert_equal(&pair);
}

#[test]
fn a_schema_of_the_users_own_is_none_of_its_business() {
    let pair = pair();
    pair.target("CREATE SCHEMA replica");
    for sql in [
        "CREATE TABLE replica.ledger (version varchar(9) NULL, entry int NULL)",
        "CREATE TABLE replica.windows (id int NOT NULL, state varchar(9) NULL, error int NULL)",
        "INSERT INTO replica.windows VALUES (1, 'clean', 0)",
        "CREATE TABLE replica.runs (id int NOT NULL)",
        "CREATE TABLE replica.disabled_indexes (id int NOT NULL)",
    ] {
        pair.target(sql);
        copy(&pair, &["dbo.t"]);
    }
    let tables = "SELECT COUNT(*) FROM sys.tables WHERE SCHEMA_NAME(schema_id) = 'replica'";
    assert_eq!(pair.target.client().number(tables), 4, "no ledger is made beside what is there");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM replica.runs"), 0);
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM replica.windows WHERE state = 'clean'"), 1);
    let monthly = beside(&pair, "replicate-monthly-parallel-streaming");
    let run = monthly.run(&[&QUARTER[..], &["--date-column", "day"]].concat()).exits(1);
    let run = run.says("replica.runs in the target database is not the ledger's");
    assert!(!run.stderr.contains("GRANT"), "that would not help\n{run}");
    assert_equal(&pair);
}

#[test]
fn a_login_without_rights_on_the_ledger_may_load_what_is_not_on_record() {
    let pair = pair();
    let Some(user) = User::of(&pair) else { return };
    let grant = |sql: &str| pair.target(&format!("GRANT {sql} TO [{}]", user.name));
    pair.source(&format!("GRANT SELECT ON dbo.t TO [{}]", user.name));
    grant("SELECT, INSERT, DELETE, ALTER ON dbo.t");
    user.program.run(&["dbo.t"]).exits(0);
    months(&pair, &[]);

    // It may be there, and this login cannot see it.
    user.program.run(&["dbo.t"]).exits(0).says("this login sees no ledger in the schema replica");
    assert_eq!(states(&pair), ["complete"; 3]);
    // It is there, and this login may read it: nothing is replaced that it would still call complete.
    grant("SELECT ON SCHEMA::replica");
    pair.source("UPDATE dbo.t SET made = '2024-05-05'");
    let run = user.program.run(&["dbo.t"]).exits(1).says("GRANT SELECT, UPDATE ON SCHEMA::replica");
    assert_eq!(run.lines()[0][1], "failed", "{run}");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t WHERE made IS NULL"), 3);
    pair.both("CREATE TABLE dbo.other (id int NOT NULL)");
    pair.source(&format!("GRANT SELECT ON dbo.other TO [{}]", user.name));
    grant("SELECT, INSERT, DELETE, ALTER ON dbo.other");
    user.program.run(&["dbo.other"]).exits(0);

    grant("UPDATE ON SCHEMA::replica");
    user.program.run(&["dbo.t"]).exits(0);
    assert_eq!(states(&pair), ["pending"; 3]);
    assert_equal(&pair);
}

/// Whichever tool replaces a whole table does it in the same way.
#[test]
fn the_record_says_which_tool_it_was() {
    let pair = pair();
    let says = |tool: &str| {
        let by = format!("SELECT COUNT(*) FROM replica.windows WHERE error LIKE '%replaced by {tool} at%'");
        assert_eq!(pair.target.client().number(&by), 3, "{tool}");
    };
    months(&pair, &[]);
    let nightly = beside(&pair, "run-replica-etl").file("replica.toml", "reference_tables = ['dbo.t']\n");
    nightly.run(&["--as-of", "2024-03-31"]).exits(0);
    says("run-replica-etl");
    pair.target("DELETE FROM dbo.t WHERE id = 2");
    beside(&pair, "verify-replica").run(&["dbo.t", "--repair"]).exits(0);
    says("verify-replica");
    assert_equal(&pair);
}
