//! Tables of other names, with a condition on their rows: in their order, and on record under the source's name.
use replica_testkit::{Pair, Program};

#[test]
fn renamed_tables_keep_their_order_and_hold_what_meets_the_condition() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.parents (id int NOT NULL PRIMARY KEY)");
    pair.source(
        "CREATE TABLE dbo.children (id int NOT NULL PRIMARY KEY, parent int NOT NULL, day date NOT NULL)",
    );
    pair.target("CREATE TABLE dbo.elders (id int NOT NULL PRIMARY KEY)");
    pair.target(
        "CREATE TABLE dbo.young (id int NOT NULL PRIMARY KEY, parent int NOT NULL CONSTRAINT k REFERENCES dbo.elders (id), day date NOT NULL)",
    );
    pair.source("INSERT INTO dbo.parents VALUES (1), (2), (3)");
    pair.source(
        "INSERT INTO dbo.children VALUES (10, 1, '2024-01-31'), (11, 3, '2024-01-31'), (12, 1, '2024-01-30')",
    );
    let config = "reference_tables = ['dbo.par*']\ndate_tables = ['dbo.children']\n\
                  [tables.'dbo.parents']\ntarget = 'dbo.elders'\nwhere = 'id < 3'\n\
                  [tables.'dbo.children']\ntarget = 'dbo.young'\nwhere = 'parent < 3'\n";
    let etl = Program::new(env!("CARGO_BIN_EXE_run-replica-etl")).between(&pair).file("replica.toml", config);
    let run = etl.run(&["--as-of", "2024-01-31", "--explain"]).exits(0);
    run.says("dbo.parents -> dbo.elders");
    let run = etl.run(&["--as-of", "2024-01-31"]).exits(0);
    let lines: Vec<_> = run.lines().iter().map(|line| line[..4].join(" ")).collect();
    assert_eq!(
        lines,
        ["dbo.parents -> dbo.elders  ok 2", "dbo.children -> dbo.young 2024-01-31 ok 1"],
        "{run}"
    );
    let mut target = pair.target.client();
    assert_eq!(target.number("SELECT SUM(id) FROM dbo.elders"), 3);
    assert_eq!(target.number("SELECT SUM(id) FROM dbo.young"), 10);
    etl.run(&["--as-of", "2024-01-31", "--only", "parents"]).exits(0);
    let twice = config.replace("dbo.young", "DBO.Elders");
    let etl = Program::new(env!("CARGO_BIN_EXE_run-replica-etl")).between(&pair).file("replica.toml", &twice);
    etl.run(&["--as-of", "2024-01-31"]).exits(2).says("are both to be");
}
