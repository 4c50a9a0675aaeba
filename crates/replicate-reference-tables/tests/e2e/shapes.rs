//! Targets of every shape (docs/LOADING.md, "Locks by the target's shape"): the same rows, as the shape asks.
use replica_testkit::Pair;

use crate::util::{copy, fill, skip, tool};

/// What makes dbo.t (id, label), and what `--explain` is to say of it.
const SHAPES: &[(&[&str], &str)] = &[
    (&["CREATE TABLE dbo.t (id int NOT NULL, label varchar(10) NULL)"], "heap: TABLOCK"),
    (
        &[
            "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY NONCLUSTERED, label varchar(10) NULL)",
            "CREATE INDEX ix ON dbo.t (label)",
        ],
        "indexes kept up row by row, too few rows to rebuild for: ix",
    ),
    (
        &[
            "CREATE TABLE dbo.t (id int NOT NULL, label varchar(10) NULL)",
            "CREATE CLUSTERED INDEX cx ON dbo.t (label, id DESC)",
        ],
        "clustered index cx",
    ),
    (
        &[
            "CREATE TABLE dbo.t (id int NOT NULL, label varchar(10) NULL)",
            "CREATE CLUSTERED COLUMNSTORE INDEX ccx ON dbo.t",
        ],
        "clustered columnstore ccx: no TABLOCK",
    ),
    (
        &[
            "CREATE PARTITION FUNCTION pf (int) AS RANGE RIGHT FOR VALUES (10, 40)",
            "CREATE PARTITION SCHEME ps AS PARTITION pf ALL TO ([PRIMARY])",
            "CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label varchar(10) NULL) ON ps (id)",
        ],
        "partitioned: replaced as a whole",
    ),
];

#[test]
fn every_shape_is_filled() {
    for (statements, strategy) in SHAPES {
        let pair = Pair::new();
        pair.source("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label varchar(10) NULL)");
        fill(&mut pair.source.client(), 6);
        let made = statements.iter().try_for_each(|sql| pair.target.client().try_batch(sql));
        if let Err(error) = made {
            skip(&format!("{strategy}: {error}"));
            continue;
        }
        pair.target("INSERT INTO dbo.t VALUES (901, 'old')");
        tool(&pair).run(&["dbo.t", "--explain"]).exits(0).says(strategy);
        copy(&pair, &["dbo.t", "--verify=hash", "--chunk-size=30"]);
        pair.assert_equal("SELECT id, label FROM dbo.t ORDER BY id");
    }
}

#[test]
fn a_disabled_clustered_index_is_refused() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL CONSTRAINT pk_t PRIMARY KEY)");
    pair.target("ALTER INDEX pk_t ON dbo.t DISABLE");
    tool(&pair).run(&["dbo.t"]).exits(1).says("clustered index pk_t is disabled").says("REBUILD");
}
