//! The real binary against a server: what it says of a row, and that nothing of it stays.
use std::time::Duration;

use replica_testkit::family::{family, others};
use replica_testkit::proxy::{self, From, Harm, Rule, utf16};
use replica_testkit::{Pair, Program, ProgramExit, Troubled};

fn tool(pair: &Pair) -> Program {
    Program::new(env!("CARGO_BIN_EXE_debug-single-row-insert")).between(pair)
}

/// The verdict on a column; on the row with "".
#[track_caller]
fn verdict<'a>(run: &'a ProgramExit, column: &str) -> &'a str {
    let lines = run.lines();
    let line = lines.iter().find(|line| line[1] == column);
    line.unwrap_or_else(|| panic!("no line of {column:?}\n{run}"))[5]
}

/// The columns that are said to be to blame.
fn blamed(run: &ProgramExit) -> Vec<&str> {
    run.lines().iter().filter(|line| line[5].contains("to blame")).map(|line| line[1]).collect()
}

/// Everything in the target that a trial may touch: rows, the next number, trust.
fn state(pair: &Pair) -> Vec<Vec<String>> {
    let mut client = pair.target.client();
    let mut state = Vec::new();
    for sql in [
        "SELECT * FROM dbo.t ORDER BY id",
        "SELECT * FROM dbo.audit",
        "SELECT IDENT_CURRENT('dbo.t')",
        "SELECT name, is_disabled, is_not_trusted FROM sys.check_constraints ORDER BY name",
        "SELECT name, is_disabled, is_not_trusted FROM sys.foreign_keys ORDER BY name",
        "SELECT name, is_disabled FROM sys.triggers ORDER BY name",
    ] {
        state.extend(client.values(sql));
    }
    state
}

/// A target with everything that can refuse a row, and a source with a row for each.
fn strict() -> Pair {
    let pair = Pair::new();
    pair.source(
        "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, parent int NULL, low int NULL, high int NULL, \
         label varchar(50) NULL, day datetime2(7) NULL, code int NULL, must int NULL)",
    );
    pair.target("CREATE TABLE dbo.parents (id int NOT NULL PRIMARY KEY)");
    pair.target("INSERT INTO dbo.parents VALUES (1)");
    pair.target("CREATE TABLE dbo.audit (n int NOT NULL IDENTITY, id int NOT NULL)");
    pair.target(
        "CREATE TABLE dbo.t (id int NOT NULL IDENTITY PRIMARY KEY, \
         parent int NULL CONSTRAINT fk REFERENCES dbo.parents (id), low int NULL, high int NULL, \
         label varchar(5) NULL, day smalldatetime NULL, code int NULL CONSTRAINT one_code UNIQUE, must int NOT NULL, \
         twice AS (low * 2), CONSTRAINT ordered CHECK (low < high))",
    );
    pair.target("INSERT INTO dbo.t (parent, low, high, label, code, must) VALUES (1, 1, 2, 'old', 7, 1)");
    pair.target(
        "CREATE TRIGGER dbo.picky ON dbo.t AFTER INSERT AS BEGIN \
         INSERT INTO dbo.audit (id) SELECT id FROM inserted; \
         IF EXISTS (SELECT 1 FROM inserted WHERE label = 'evil') THROW 50001, 'no evil here', 1; END",
    );
    pair.source(
        "INSERT INTO dbo.t VALUES \
         (900, 1, 1, 2, 'fits', '2024-01-31T10:00:00', 900, 1), \
         (901, 1, 1, 2, 'too long', '2024-01-31T10:00:00', 901, 1), \
         (902, 1, 5, 2, 'fits', '2024-01-31T10:00:00', 902, 1), \
         (903, 99, 1, 2, 'fits', '2024-01-31T10:00:00', 903, 1), \
         (904, 1, 1, 2, 'evil', '2024-01-31T10:00:00', 904, 1), \
         (905, 1, 1, 2, 'too long', '1850-01-31T10:00:00', 905, NULL), \
         (906, 1, 1, 2, 'fits', '2024-01-31T10:00:01', 7, 1), \
         (1, 1, 3, 4, 'again', NULL, 910, 1)",
    );
    pair
}

#[test]
fn a_row_that_fits_is_shown_and_accepted() {
    let pair = strict();
    let before = state(&pair);
    let run = tool(&pair).run(&["dbo.t", "--key", "900"]).exits(0);
    let lines: Vec<String> = run.lines().iter().map(|line| line.join("|")).collect();
    assert_eq!(
        lines,
        [
            "dbo.t|id|int|900|int|fits",
            "dbo.t|parent|int|1|int|fits",
            "dbo.t|low|int|1|int|fits",
            "dbo.t|high|int|2|int|fits",
            "dbo.t|label|varchar(50)|fits|varchar(5)|fits",
            "dbo.t|day|datetime2(7)|2024-01-31 10:00:00.0000000|smalldatetime|fits",
            "dbo.t|code|int|900|int|fits",
            "dbo.t|must|int|1|int|fits",
            "dbo.t|twice||||left to the server: computed",
            "dbo.t|||||accepted, and rolled back",
        ]
    );
    assert_eq!(state(&pair), before);
}

#[test]
fn the_guilty_column_or_combination_is_found_and_nothing_stays() {
    let pair = strict();
    let before = state(&pair);
    for (key, columns, error) in [
        ("901", &["label"][..], "error 2628"),
        ("902", &["low", "high"], "\"ordered\""),
        ("903", &["parent"], "\"fk\""),
        ("904", &["label"], "error 50001 (class 16, state 1, procedure picky"),
        ("905", &["label", "day", "must"], "error 242"),
    ] {
        let run = tool(&pair).run(&["dbo.t", "--key", key]).exits(1);
        assert_eq!(blamed(&run), columns, "{key}\n{run}");
        assert!(verdict(&run, "").starts_with("refused: ") && verdict(&run, "").contains(error), "{run}");
        assert_eq!(state(&pair), before, "{key}");
    }
    let run = tool(&pair).run(&["dbo.t", "--key", "905"]).exits(1);
    for (column, what, error) in [
        ("label", "too long: 8 bytes, and the column holds 5 bytes", "error 2628"),
        ("day", "out of range: the column holds 1900-01-01 to 2079-06-06", "error 242"),
        ("must", "NULL: the column holds no NULL", "error 515"),
    ] {
        assert!(verdict(&run, column).starts_with(what) && verdict(&run, column).contains(error), "{run}");
    }
    assert_eq!(verdict(&run, "code"), "fits");
}

#[test]
fn rows_that_a_copy_would_replace_are_not_in_the_way() {
    let pair = strict();
    let before = state(&pair);
    for key in ["1", "906"] {
        let run = tool(&pair).run(&["dbo.t", "--key", key]).exits(0);
        assert!(verdict(&run, "").starts_with("accepted in the place of"), "{run}");
    }
    assert_eq!(state(&pair), before);
}

/// A load moves an identity column on, and a rollback does not move it back (docs/SERVER.md, "Identity columns").
#[test]
fn numbers_go_on_where_they_were() {
    let pair = strict();
    pair.target("CREATE TABLE dbo.fresh (id int NOT NULL IDENTITY(10, 5), v int NULL)");
    pair.source("CREATE TABLE dbo.fresh (id int NOT NULL PRIMARY KEY, v int NULL)");
    pair.source("INSERT INTO dbo.fresh VALUES (1000, 1)");
    tool(&pair).run(&["dbo.fresh", "--key", "1000"]).exits(0);
    tool(&pair).run(&["dbo.t", "--key", "900"]).exits(0);
    pair.target("INSERT INTO dbo.fresh (v) VALUES (2)");
    pair.target("INSERT INTO dbo.t (low, high, must) VALUES (1, 2, 3)");
    let mut target = pair.target.client();
    assert_eq!(target.number("SELECT MAX(id) FROM dbo.fresh"), 10);
    assert_eq!(target.number("SELECT MAX(id) FROM dbo.t"), 2);
}

/// Between the look at the number and its RESEED nobody may take one.
#[test]
fn nobody_takes_a_number_while_it_is_put_back() {
    let pair = strict();
    if !pair.server.is_sandbox() {
        return;
    }
    tool(&pair).run(&["dbo.t", "--key", "900"]).exits(0);
    let mut target = pair.target.client();
    let locked = "SELECT COUNT(*) FROM sys.sandbox_lock_log WHERE event = 'granted' AND request_mode = 'X' \
                  AND resource_type = 'OBJECT' AND resource_associated_entity_id = OBJECT_ID('dbo.t') \
                  AND resource_database_id = DB_ID() AND request_owner_type = 'TRANSACTION'";
    assert_eq!(target.number(locked), 1);
}

#[test]
fn rows_are_named_by_key_or_predicate() {
    let pair = Pair::new();
    let name = "[odd ]]\"na'me \u{416}]";
    for (side, width) in [(&pair.source, 20), (&pair.target, 9)] {
        side.client().batch(&format!(
            "CREATE TABLE dbo.{name} ([k ]]1] nvarchar(20) NOT NULL, d date NOT NULL, b varbinary(4) NOT NULL, \
             v varchar({width}) NULL, PRIMARY KEY ([k ]]1], d, b))"
        ));
    }
    pair.source(&format!(
        "INSERT INTO dbo.{name} VALUES (N'it''s \u{416}; --', '2024-01-31', 0x01FF, 'short'), \
         (N'other', '2024-01-31', 0x01FF, 'far too long for it')"
    ));
    let table = format!("dbo.{name}");
    tool(&pair).run(&[&table, "--key", "it's \u{416}; --", "2024-01-31", "0x01FF"]).exits(0);
    tool(&pair).run(&[&table, "--key=other", "--key=2024-01-31", "--key=0x01FF"]).exits(1);
    let run = tool(&pair).run(&[&table, "--where", "d = '20240131'"]).exits(0).says("several rows match");
    assert_eq!(run.lines()[0][3], "it's \u{416}; --", "the first by its key");
    tool(&pair)
        .run(&[&table, "--where", "[k ]]1] = 'other'", "--output", "text"])
        .exits(1)
        .says("too long: 19 bytes");
    tool(&pair).run(&[&table, "--key", "x", "2024-01-31", "0x00"]).exits(1).says("no such row");
    tool(&pair).run(&[&table, "--key", "x"]).exits(2).says("the key has 3 columns");
    tool(&pair).run(&[&table, "--where", "nonsense = 1"]).exits(1).says("error 207");
}

/// It is put into a SELECT on the source.
#[test]
fn a_condition_cannot_change_the_source() {
    let pair = strict();
    for condition in
        ["1=1); DELETE FROM dbo.t; --", "1=1) DELETE FROM dbo.t WHERE (1=1", "id = 900; DELETE FROM dbo.t"]
    {
        let run = tool(&pair).run(&["dbo.t", "--where", condition]).exits(2);
        run.says("It is one condition");
    }
    assert_eq!(pair.source.client().number("SELECT COUNT(*) FROM dbo.t"), 8);
    tool(&pair).run(&["dbo.t", "--where", "id = 900 -- the first"]).exits(0);
}

#[test]
fn a_table_without_a_key_is_asked_with_where() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (a int NULL, b varchar(max) NULL)");
    pair.target("CREATE TABLE dbo.t (a tinyint NULL, b varchar(3) NULL)");
    pair.source("INSERT INTO dbo.t VALUES (1, 'abc'), (256, REPLICATE(CAST('x' AS varchar(max)), 9000))");
    tool(&pair).run(&["dbo.t", "--key", "1"]).exits(2).says("has no key");
    let run = tool(&pair).run(&["dbo.t", "--where", "a = 256"]).exits(1);
    assert_eq!(blamed(&run), ["a", "b"]);
    assert_eq!(run.lines()[1][3].len(), 200, "the beginning of a long value");
}

/// Nothing asks a default whether it fits its column before it is used.
#[test]
fn a_default_is_to_blame_and_not_the_row() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label varchar(9) NULL)");
    pair.target(
        "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label varchar(9) NULL, \
         fine varchar(3) NULL DEFAULT 'abc', made varchar(3) NULL DEFAULT 'abcdef')",
    );
    pair.source("INSERT INTO dbo.t VALUES (1, 'x')");
    let run = tool(&pair).run(&["dbo.t", "--key", "1"]).exits(1);
    assert_eq!(blamed(&run), ["made"], "{run}");
    assert!(verdict(&run, "made").starts_with("left to the server: its default; to blame: without"), "{run}");
    assert_eq!(verdict(&run, "fine"), "left to the server: its default");

    pair.target("DROP TABLE dbo.t");
    pair.target(
        "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label varchar(9) NULL, \
         made varchar(3) NULL DEFAULT 'abcdef', number int NOT NULL DEFAULT 'many')",
    );
    let run = tool(&pair).run(&["dbo.t", "--key", "1"]).exits(1);
    assert_eq!(blamed(&run), ["made", "number"], "{run}");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t"), 0);
}

#[test]
fn servers_that_are_troubled_at_first() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY)");
    pair.source("INSERT INTO dbo.t VALUES (1)");
    let Some((tool, troubled)) = tool(&pair).between_troubled(&pair) else { return };
    let run = tool.run(&["dbo.t", "--key", "1"]).exits(0).says("40613").says("rolled back");
    assert!(troubled.iter().all(Troubled::has_struck), "{run}");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t"), 0);
}

#[test]
fn rows_of_other_tables_come_back_with_the_row_that_is_in_the_way() {
    let pair = family();
    let before = (others(&pair), pair.target.client().values("SELECT id, d, v FROM dbo.p ORDER BY id"));
    // Row 3 has no child that could keep it from going, and takes its children along; row 1 is what f's default needs.
    for key in ["3", "1"] {
        let run = tool(&pair).run(&["dbo.p", "--key", key]);
        assert!(verdict(&run, "").contains("accepted") || verdict(&run, "").contains("547"), "{run}");
        let after = (others(&pair), pair.target.client().values("SELECT id, d, v FROM dbo.p ORDER BY id"));
        assert_eq!(after, before, "{key}");
    }
}

/// A condition is refused that is more than one. Should one get past that all the same, as here behind the tool's back,
/// the source's transaction takes back what it has done.
#[test]
fn whatever_a_condition_does_at_the_source_is_taken_back() {
    for snapshot in ["OFF", "ON"] {
        let pair = Pair::new();
        pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label varchar(9) NULL)");
        pair.source("INSERT INTO dbo.t VALUES (1, 'one'), (2, 'two')");
        pair.source(&format!("ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION {snapshot}"));
        let harmless = format!(" AND N'{0}' = N'{0}'", "x".repeat(40));
        let evil =
            format!("{:width$}", " AND 1 = 1); DELETE FROM dbo.t WHERE (1 = 1", width = harmless.len());
        let harm = Harm::Replace(utf16(&evil));
        let rule = Rule { from: From::Client, pattern: utf16(&harmless), harm, times: u32::MAX };
        let (proxy, through) = proxy::through(&pair.source.connection, rule).unwrap();
        let condition = format!("id = 1{harmless}");
        let run = tool(&pair).with("REPLICA_SOURCE", &through).run(&["dbo.t", "--where", &condition]);
        assert!(proxy.has_struck(Duration::ZERO), "the condition was not asked for\n{run}");
        assert_eq!(pair.source.client().number("SELECT COUNT(*) FROM dbo.t"), 2, "{run}");
        tool(&pair).run(&["dbo.t", "--where", &condition]).exits(0);
    }
}
