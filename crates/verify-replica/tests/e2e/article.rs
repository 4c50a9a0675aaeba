//! Tables of another name, with some of the rows and other values: compared as they are copied.
use replica_testkit::Program;

use crate::util::{findings, quarter, tool, windows};

const SETTINGS: &str = "date_tables = ['dbo.t']\n[tables.'dbo.t']\ntarget = 'dbo.copied'\nwhere = 'id % 2 = 0'\n\
                        columns = { n = 'n + 1000' }\n";

#[test]
fn both_sides_the_ledger_and_a_repair_know_the_article() {
    let pair = quarter("date");
    pair.target("CREATE TABLE dbo.copied (id int NOT NULL PRIMARY KEY, day date NULL, n int NOT NULL)");
    let binary = env!("CARGO_BIN_EXE_verify-replica");
    let copy = Program::beside(binary, "replicate-monthly-parallel-streaming").between(&pair);
    let range = ["--start-date=2024-01-01", "--end-date=2024-03-31"];
    copy.file("replica.toml", SETTINGS).run(&[&["dbo.t"], &range[..]].concat()).exits(0);
    let verify = tool(&pair).file("replica.toml", SETTINGS);
    let run = verify.run(&["--all", "--show-rows=9"]).exits(0);
    let found = windows(&run);
    assert_eq!(found.len(), 3, "{run}");
    assert!(found.iter().all(|line| line[0] == "dbo.t -> dbo.copied" && line[2] == "equal"), "{run}");
    verify.run(&["--all", "--against-ledger"]).exits(0);
    // One of the rows that are copied; one that is not, and would be extra.
    pair.target("UPDATE dbo.copied SET n = 1 WHERE id = 40");
    pair.target("INSERT INTO dbo.copied VALUES (41, '2024-02-11', 1041)");
    let run = verify.run(&["--all", "--show-rows=9"]).exits(1);
    let mut rows: Vec<_> = findings(&run).iter().map(|line| (line[0], line[1], line[4], line[5])).collect();
    rows.sort_unstable();
    assert_eq!(rows, [("changed", "id=40", "1040", "1"), ("extra", "id=41", "", "")], "{run}");
    verify.run(&["--all", "--against-ledger"]).exits(1);
    verify.run(&["--all", "--repair"]).exits(0);
    verify.run(&["dbo.t", range[0], range[1]]).exits(0);
    let sum =
        pair.target.client().number("SELECT COUNT(*) FROM dbo.copied WHERE n = id + 1000 AND id % 2 = 0");
    assert_eq!(sum, 46);
    // The table of the source's name is no part of it.
    pair.assert_equal("SELECT * FROM dbo.t ORDER BY id");
    // Another condition is another comparison: what is on record does not answer it.
    let other = ["dbo.t", "--against-ledger", "--where=id % 2 = 1"];
    verify.run(&other).exits(1).says("a condition or an expression");
    verify.run(&["dbo.t", "--where=id % 2 = 1", range[0], range[1]]).exits(1);
}
