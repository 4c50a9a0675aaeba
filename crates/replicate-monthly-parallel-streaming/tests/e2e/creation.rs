//! `--create`: tables that the target lacks.
use replica_testkit::Pair;

use crate::util::tool;

#[test]
fn a_missing_table_is_made_bare_loaded_and_indexed() {
    let pair = Pair::new();
    pair.source(
        "CREATE TABLE dbo.sales (id int NOT NULL, day date NOT NULL, n int NULL CONSTRAINT CK_n CHECK (n > 0), CONSTRAINT PK_sales PRIMARY KEY (day, id))
         CREATE INDEX by_n ON dbo.sales (n)
         INSERT INTO dbo.sales VALUES (1, '2024-01-05', 1), (2, '2024-01-31', NULL), (3, '2024-02-29', 3)",
    );
    let quarter = ["dbo.sales", "--start-date", "2024-01-01", "--end-date", "2024-03-31", "--create"];
    let run = tool(&pair).run(&[&quarter[..], &["--explain"]].concat()).exits(0);
    let run = run.says("CREATE TABLE [dbo].[sales]");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM sys.tables"), 0, "{run}");
    let run = tool(&pair).run(&[&quarter[..], &["--verify", "hash"]].concat()).exits(0);
    let run = run
        .says("dbo.sales: table made")
        .says("dbo.sales: index by_n made")
        .says("dbo.sales: check CK_n made");
    pair.assert_equal("SELECT id, day, n FROM dbo.sales ORDER BY id");
    pair.assert_equal(
        "SELECT name, is_unique FROM sys.indexes WHERE object_id = OBJECT_ID('dbo.sales') ORDER BY name",
    );
    let again = tool(&pair).run(&quarter).exits(0);
    assert!(!again.stderr.contains(" made"), "{run}{again}");
    tool(&pair).run(&["dbo.sales", "--repair-indexes", "--create"]).exits(2);
}
