//! Other names, rows and columns at the target.
use replica_testkit::{Pair, Program};

use crate::util::tool;

/// People of two tenants at the source; a table of another name at the target, with an old row, and one beside it.
fn pair() -> Pair {
    let pair = Pair::new();
    pair.target("CREATE SCHEMA stage");
    let columns = "id int NOT NULL PRIMARY KEY, tenant_id int NOT NULL, email varchar(50) NULL";
    pair.source(&format!("CREATE TABLE dbo.people ({columns}, password_hash binary(4) NOT NULL)"));
    pair.target(&format!("CREATE TABLE stage.persons ({columns}, password_hash binary(4) NULL)"));
    pair.target("CREATE TABLE dbo.people (id int NOT NULL)");
    pair.source(
        "INSERT INTO dbo.people VALUES (1, 7, 'Ann@X.org', 0x01), (2, 8, 'Bob@X.org', 0x02), (3, 7, NULL, 0x03), (4, 9, 'C@X.org', 0x04)",
    );
    pair.target("INSERT INTO stage.persons VALUES (901, 8, 'old', 0x05), (2, 7, 'older', NULL)");
    pair.target("INSERT INTO dbo.people VALUES (77)");
    pair
}

const SETTINGS: &str = "reference_tables = ['dbo.people']\n[tables.'dbo.people']\ntarget = 'stage.persons'\n\
                        where = 'tenant_id = 7 OR tenant_id = 9 -- not 8'\nexclude_columns = ['password_hash']\n\
                        columns = { email = 'LOWER(email)' }\n";

/// The target has what [`SETTINGS`] ask for, and the other table's row.
#[track_caller]
fn assert_copied(pair: &Pair) {
    let mut target = pair.target.client();
    let sql = "SELECT CONCAT(id, ' ', tenant_id, ' ', email, ' ', CASE WHEN password_hash IS NULL THEN 'none' END) \
               FROM stage.persons ORDER BY id";
    let rows: Vec<String> =
        target.rows(sql).iter().filter_map(|row| row.get::<&str, _>(0).map(str::to_owned)).collect();
    assert_eq!(rows, ["1 7 ann@x.org none", "3 7  none", "4 9 c@x.org none"]);
    assert_eq!(target.number("SELECT SUM(id) FROM dbo.people"), 77);
}

fn finder(name: &str) -> Program {
    Program::beside(env!("CARGO_BIN_EXE_replicate-reference-tables"), name)
}

#[test]
fn the_target_holds_the_rows_that_meet_the_condition_and_no_others() {
    let pair = pair();
    let tool = tool(&pair).file("replica.toml", SETTINGS);
    let run = tool.run(&["--all", "--explain"]).exits(0);
    let run = run.says("tenant_id = 7 OR tenant_id = 9 -- not 8: of all that is replaced");
    run.says("email: LOWER(email)").says("password_hash (NULL)");
    let run = tool.run(&["--all", "--verify=hash", "--preflight"]).exits(0);
    assert_eq!(run.lines()[0][..3], ["dbo.people -> stage.persons", "ok", "3"], "{run}");
    assert_copied(&pair);
}

#[test]
fn options_say_the_same_of_one_table() {
    let pair = pair();
    let options = [
        "dbo.people",
        "--target=stage.persons",
        "--where=tenant_id IN (7, 9)",
        "--exclude-columns=PASSWORD_HASH",
        "--column=email=LOWER(email)",
    ];
    tool(&pair).run(&options).exits(0);
    assert_copied(&pair);
    pair.source("CREATE TABLE dbo.other (id int NOT NULL)");
    tool(&pair).run(&["people", "other", "--where=id = 1"]).exits(2).says("a single table");
}

#[test]
fn few_rows_that_meet_the_condition_are_not_taken_for_a_loss_of_rows_and_many_lost_are() {
    let pair = pair();
    pair.target("DELETE FROM stage.persons");
    for n in 1..5 {
        pair.source(&format!(
            "INSERT INTO dbo.people SELECT id + {}, 8, email, 0x09 FROM dbo.people",
            1000 << n
        ));
    }
    let tool = tool(&pair).file("replica.toml", SETTINGS);
    tool.run(&["--all"]).exits(0);
    assert_copied(&pair);
    pair.source("UPDATE dbo.people SET tenant_id = 8");
    tool.run(&["--all"]).exits(1).says("most rows would be lost");
    assert_copied(&pair);
}

#[test]
fn a_table_goes_through_a_file_as_its_article_has_it() {
    let pair = pair();
    let tool = tool(&pair).file("replica.toml", SETTINGS);
    tool.run(&["--all", "--full-table-mode=parquet", "--keep-parquet", "--verify=hash"]).exits(0);
    assert_copied(&pair);
    assert!(tool.folder().join("stage.persons.parquet").exists());
    pair.target("UPDATE stage.persons SET email = 'x'");
    tool.run(&["dbo.people", "--full-table-mode=parquet", "--from=."]).exits(0);
    assert_copied(&pair);
    let other = SETTINGS.replace("= 9", "= 8");
    std::fs::write(tool.folder().join("replica.toml"), other).unwrap();
    tool.run(&["dbo.people", "--full-table-mode=parquet", "--from=."]).exits(1).says("another condition");
    assert_copied(&pair);
}

#[test]
fn what_would_be_wrong_is_refused_before_anything_is_written() {
    let pair = pair();
    pair.target("ALTER TABLE stage.persons ADD CONSTRAINT d DEFAULT 0x00 FOR password_hash");
    pair.source("CREATE TABLE stage_persons (id int NOT NULL PRIMARY KEY, day date NULL)");
    pair.target("CREATE TABLE stage_persons (id int NOT NULL PRIMARY KEY, day date NULL)");
    let people = |options: &[&str]| {
        let run = tool(&pair).run(&[&["dbo.people", "--target=stage.persons"], options].concat());
        assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM stage.persons"), 2, "{run}");
        run
    };
    people(&["--where=tenant_id = 7)"]).exits(2).says("closes a bracket");
    people(&["--where=1=1; DELETE FROM dbo.people"]).exits(2).says("semicolon");
    people(&["--column=email=LOWER(email"]).exits(2).says("does not close");
    people(&["--exclude-columns=id"]).exits(2).says("key");
    people(&["--exclude-columns=nothing"]).exits(2).says("no such column");
    people(&["--exclude-columns=tenant_id"]).exits(1).says("left out (exclude_columns), and needing a value");
    people(&["--column=email=LOWER(nothing)"])
        .exits(1)
        .says("nothing")
        .says("ERROR dbo.people -> stage.persons");
    people(&["--column=email=CAST(tenant_id AS date)"]).exits(1);
    let twice = "reference_tables = ['dbo.people', 'dbo.stage_persons']\n[tables.'dbo.people']\ntarget = 'dbo.Stage_Persons'";
    tool(&pair).file("replica.toml", twice).run(&["--all"]).exits(2).says("are both to be");
}

#[test]
fn parents_of_other_names_come_first_and_keys_hold() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.parents (id int NOT NULL PRIMARY KEY)");
    pair.source("CREATE TABLE dbo.children (id int NOT NULL PRIMARY KEY, parent int NOT NULL)");
    pair.target("CREATE TABLE dbo.[the parents] (id int NOT NULL PRIMARY KEY)");
    pair.target(
        "CREATE TABLE dbo.offspring (id int NOT NULL PRIMARY KEY, parent int NOT NULL CONSTRAINT k REFERENCES dbo.[the parents] (id))",
    );
    pair.source("INSERT INTO dbo.parents VALUES (1), (2)");
    pair.source("INSERT INTO dbo.children VALUES (10, 1), (11, 2)");
    let lists = "reference_tables = ['dbo.children', 'dbo.parents']\n[tables.'dbo.children']\ntarget = 'offspring'\n\
                 [tables.'dbo.parents']\ntarget = 'dbo.[the parents]'\n";
    let tool = tool(&pair).file("replica.toml", lists);
    tool.run(&["--all", "--explain", "--check-constraints"])
        .exits(0)
        .says("dbo.parents, to which a foreign key");
    let run = tool.run(&["--all", "--check-constraints", "--max-workers=1"]).exits(0);
    assert_eq!(run.lines()[0][0], "dbo.parents -> dbo.[the parents]", "{run}");
    assert_eq!(pair.target.client().number("SELECT SUM(parent) FROM dbo.offspring"), 3);
}

#[test]
fn finders_and_the_trial_of_a_row_see_what_the_copy_takes() {
    let pair = pair();
    pair.target("ALTER TABLE stage.persons ALTER COLUMN email varchar(5) NULL");
    let settings = "[tables.'dbo.people']\ntarget = 'stage.persons'\nwhere = 'tenant_id = 9'\n\
                    exclude_columns = ['password_hash']\ncolumns = { email = 'CAST(LEFT(email, 7) AS varchar(7))' }\n";
    let find = finder("find-string-overflows").between(&pair).file("replica.toml", settings);
    let run = find.run(&["dbo.people", "--rows=5"]).exits(1);
    assert_eq!(run.lines().len(), 2, "{run}");
    assert_eq!(run.lines()[0][..2], ["dbo.people -> stage.persons", "email"], "{run}");
    run.says("varchar(7)\tvarchar(5)\t5 bytes\ttoo long\t7 bytes\t1\t4");
    let trial = finder("debug-single-row-insert").between(&pair).file("replica.toml", settings);
    trial.run(&["dbo.people", "--key", "4"]).exits(1).says("dbo.people -> stage.persons");
    trial.run(&["dbo.people", "--key", "1"]).exits(1).says("no such row");
    trial.run(&["dbo.people", "--key", "4", "--column=email=LEFT(email, 5)"]).exits(0);
    assert_eq!(pair.target.client().number("SELECT SUM(id) FROM stage.persons"), 903);
}
