//! `--explain`: what would be done, and nothing done.
use replica_testkit::{Pair, ProgramExit};

use crate::util::tool;

#[test]
fn columns_strategy_and_statements_are_told() {
    let pair = Pair::new();
    pair.source(
        "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, big bigint NULL, [na me] varchar(50) NULL)",
    );
    pair.target("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, big int NULL, [na me] varchar(10) NULL)");
    pair.target("INSERT INTO dbo.t VALUES (9, 9, 'old')");
    pair.source("INSERT INTO dbo.t VALUES (1, 1, 'new')");
    let run = tool(&pair).run(&["dbo.t", "--explain", "--output=text"]).exits(0);
    for part in [
        "id: int -> int: pass",
        "big: bigint -> int: cast CAST([big] AS int); refused: values out of the range of int",
        "na me: varchar(50) -> varchar(10): pass; refused: values of more than 10 bytes",
        "TRUNCATE TABLE [dbo].[t]",
        "INSERT BULK [dbo].[t] ([id] int, [big] int, [na me] varchar(50) COLLATE ",
        "ORDER ([id] ASC)",
        "SELECT [id], CAST([big] AS int) AS [big], [na me] FROM [dbo].[t] ORDER BY [id]",
        "Sch-M",
        "COMMIT TRANSACTION",
    ] {
        assert!(run.stdout.contains(part), "{part}\n{run}");
    }
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t WHERE id = 9"), 1);
}

/// Topic, code and text of each line.
fn lines(run: &ProgramExit) -> Vec<(String, Option<String>, String)> {
    let line = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| line[name].as_str().map(str::to_owned);
        assert_eq!(line.as_object().unwrap().len(), 4, "{line}");
        (text("topic").unwrap(), text("code"), text("text").unwrap())
    };
    run.stdout.lines().map(line).collect()
}

#[test]
fn json_has_a_code_beside_each_reason_and_each_refusal() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL CONSTRAINT pk_t PRIMARY KEY)");
    pair.target("CREATE TABLE dbo.child (id int NOT NULL CONSTRAINT fk_t REFERENCES dbo.t (id))");
    let run = tool(&pair).run(&["dbo.t", "--explain", "--output=json"]).exits(0);
    let reasons: Vec<_> = lines(&run).into_iter().filter(|(topic, ..)| topic == "strategy").collect();
    let expected = [
        ("clustered_lock", "clustered index pk_t: one writer that holds the table anyway"),
        ("delete_for_key", "DELETE: foreign key fk_t of dbo.child makes TRUNCATE impossible (error 4712)"),
        (
            "key_suspended",
            "fk_t of dbo.child is suspended, then checked against the new rows before the commit",
        ),
    ];
    assert_eq!(reasons.len(), expected.len(), "{run}");
    for ((_, code, text), (expected, begins)) in reasons.iter().zip(expected) {
        assert!(code.as_deref() == Some(expected) && text.starts_with(begins), "{expected}\n{run}");
    }
    for (topic, code, _) in lines(&run) {
        assert_eq!(code.is_some(), topic == "strategy", "{topic}\n{run}");
    }
    pair.target("ALTER INDEX pk_t ON dbo.t DISABLE");
    let run = tool(&pair).run(&["dbo.t", "--explain", "--output=json"]).exits(1);
    let refused = lines(&run).into_iter().find(|(topic, ..)| topic == "refused");
    assert_eq!(refused.unwrap().1.as_deref(), Some("disabled_clustered_index"), "{run}");
    let run = tool(&pair).run(&["dbo.t", "--explain", "--output=tsv"]).exits(1);
    assert!(run.lines().iter().all(|line| line.len() == 3), "{run}");
}

#[test]
fn what_would_be_lost_has_a_code_too() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY)");
    pair.target("INSERT INTO dbo.t VALUES (1), (2), (3)");
    let run = tool(&pair).run(&["dbo.t", "--explain", "--output=json"]).exits(1);
    let refused: Vec<_> = lines(&run).into_iter().filter(|(topic, ..)| topic == "refused").collect();
    assert_eq!(refused.len(), 1, "{run}");
    assert_eq!(refused[0].1.as_deref(), Some("lost_rows"), "{run}");
}

#[test]
fn a_table_that_cannot_be_looked_at_does_not_end_the_list() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.a (id int NOT NULL CONSTRAINT pk_a PRIMARY KEY)");
    pair.both("CREATE TABLE dbo.b (id int NOT NULL)");
    pair.target("INSERT INTO dbo.a VALUES (1)");
    // Its rows cannot be counted.
    pair.target("ALTER INDEX pk_a ON dbo.a DISABLE");
    let run = tool(&pair).run(&["dbo.a", "dbo.b", "--explain", "--output=tsv"]).exits(1);
    let topics = |table: &str| -> Vec<&str> {
        run.lines().iter().filter(|line| line[0] == table).map(|line| line[1]).collect()
    };
    assert!(topics("dbo.a").contains(&"refused") && topics("dbo.a").contains(&"failed"), "{run}");
    assert!(topics("dbo.b").contains(&"statement") && !topics("dbo.b").contains(&"failed"), "{run}");
}
