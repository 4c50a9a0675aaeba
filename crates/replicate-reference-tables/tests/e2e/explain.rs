//! `--explain`: what would be done, and nothing done.
use replica_testkit::Pair;

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
