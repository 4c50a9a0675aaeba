//! Two runs at once.
use replica_testkit::Pair;

use crate::util::{tables, tool};

const A: &str = "CREATE TABLE dbo.a (id int NOT NULL CONSTRAINT PK_a PRIMARY KEY, n int NULL)";

#[test]
fn a_table_that_another_run_changes_is_left_alone() {
    let pair = Pair::new();
    pair.both(A);
    pair.source("CREATE INDEX ix ON dbo.a (n) CREATE TABLE dbo.b (id int NOT NULL)");
    // Whoever builds an index waits for those who write.
    let mut writer = pair.target.client();
    writer.run("BEGIN TRANSACTION INSERT INTO dbo.a VALUES (1, 1)");
    let mut first = tool(&pair).with("RUST_LOG", "debug").start(&["dbo.a", "--create"]);
    first.until_it_says("CREATE NONCLUSTERED INDEX [ix]");
    let second = tool(&pair).run(&["dbo.a", "dbo.b", "--create"]).exits(4);
    let second = second.says("another run is making or changing this table: ").says("on host");
    let states: Vec<String> = tables(&second).into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, ["failed", "same"], "{second}");
    // A look takes nothing.
    tool(&pair).run(&["dbo.a"]).exits(1);
    writer.run("COMMIT");
    first.finish().exits(0);
    tool(&pair).run(&["dbo.a", "dbo.b", "--create"]).exits(0);
}

#[test]
fn of_two_that_make_a_table_the_second_finds_it() {
    let pair = Pair::new();
    pair.source(A);
    pair.source("CREATE INDEX ix ON dbo.a (n)");
    let both = [(); 4].map(|()| tool(&pair).start(&["dbo.a", "--create"]));
    let mut made = 0;
    for exit in both.map(|running| running.finish().exits(0)) {
        made += exit.lines().iter().filter(|line| line[1..3] == ["done", "table"]).count();
        assert!(exit.lines().iter().all(|line| line[1] != "refused"), "{exit}");
    }
    assert_eq!(made, 1);
    tool(&pair).run(&["dbo.a"]).exits(0);
}
