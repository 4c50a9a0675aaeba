//! What a replacement leaves in the target.
use replica_testkit::proxy::{Rule, through};
use replica_testkit::{Pair, Server};

use crate::util::{copy, fill, ids, pair_with_old_rows, skip, tool};

#[test]
fn the_old_rows_go_and_the_new_ones_come() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label nvarchar(20) NULL)");
    pair.source("INSERT INTO dbo.t VALUES (1, N'one'), (2, NULL), (3, N'')");
    pair.target("INSERT INTO dbo.t VALUES (3, N'old'), (9, N'old')");
    let run = copy(&pair, &["dbo.t"]);
    pair.assert_equal("SELECT id, label FROM dbo.t ORDER BY id");
    let lines = run.lines();
    assert_eq!(lines.len(), 1, "{run}");
    assert_eq!(lines[0][..3], ["dbo.t", "ok", "3"], "{run}");
}

#[test]
fn the_same_run_again_changes_nothing() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    fill(&mut pair.source.client(), 3);
    let hash = |run: replica_testkit::ProgramExit| run.lines()[0][6].to_owned();
    let first = hash(copy(&pair, &["t"]));
    assert_eq!(first.len(), 32);
    assert_eq!(hash(copy(&pair, &["t"])), first);
    assert_eq!(ids(&mut pair.target.client()), (1..=8).collect::<Vec<_>>());
}

#[test]
fn an_empty_source_empties_the_target_where_it_may() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    let run = copy(&pair, &["dbo.t", "--verify=hash", "--allow-shrink"]);
    assert!(ids(&mut pair.target.client()).is_empty());
    assert_eq!(run.lines()[0][..4], ["dbo.t", "ok", "0", "0"]);
}

#[test]
fn names_may_hold_anything() {
    let pair = Pair::new();
    for database in [&pair.source, &pair.target] {
        let mut client = database.client();
        client.batch("CREATE SCHEMA [my schema]");
        client.batch(
            "CREATE TABLE [my schema].[we]]ird.те'ст] ([a.b] int NOT NULL PRIMARY KEY, [x]]y] int NULL, [木 \"q\"] int NULL)",
        );
    }
    pair.source("INSERT INTO [my schema].[we]]ird.те'ст] VALUES (1, 2, 3)");
    copy(&pair, &["[my schema].[we]]ird.те'ст]", "--verify", "hash"]);
    pair.assert_equal("SELECT * FROM [my schema].[we]]ird.те'ст]");
}

#[test]
fn values_longer_than_packets_arrive_whole() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, a varchar(max) NULL, b nvarchar(max) NULL, c varbinary(max) NULL)");
    pair.source(
        "INSERT INTO dbo.t VALUES \
         (1, REPLICATE(CAST('abc' AS varchar(max)), 400000), REPLICATE(CAST(N'жé' AS nvarchar(max)), 100000), 0x), \
         (2, '', NULL, CAST(REPLICATE(CAST('z' AS varchar(max)), 70000) AS varbinary(max))), (3, NULL, N'', NULL)",
    );
    copy(&pair, &["dbo.t", "--verify", "hash"]);
    pair.assert_equal("SELECT id, a, b, c FROM dbo.t ORDER BY id");
}

#[test]
fn values_of_a_length_untold_arrive_whole() {
    let pair = Pair::new();
    if !pair.server.is_sandbox() {
        return skip("only the sandbox keeps the length of (max) values to itself on request");
    }
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, a varchar(max) NULL, b varbinary(max) NULL)");
    pair.source(
        "INSERT INTO dbo.t VALUES (1, REPLICATE(CAST('abc' AS varchar(max)), 5000), 0x), (2, '', NULL)",
    );
    let told = copy(&pair, &["dbo.t"]);
    pair.server.client("master").batch("EXEC sp_sandbox_plp 'unknown', @chunk = 100");
    let untold = copy(&pair, &["dbo.t", "--verify", "hash"]);
    assert_eq!(told.lines()[0][6], untold.lines()[0][6], "one hash, however the values are cut");
    pair.assert_equal("SELECT id, a, b FROM dbo.t ORDER BY id");
}

#[test]
fn several_bulk_messages_make_one_transaction() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    fill(&mut pair.source.client(), 6);
    copy(&pair, &["dbo.t", "--chunk-size=10", "--verify=count"]);
    assert_eq!(ids(&mut pair.target.client()).len(), 64);
    if !pair.server.is_sandbox() {
        return skip("only the sandbox counts its bulk loads");
    }
    let counters = pair.server.client(&pair.target.name).rows("EXEC sp_sandbox_counters 'dbo.t'");
    assert_eq!(counters[0].get::<i64, _>("bulk_loads"), Some(7));
}

#[test]
fn tables_run_side_by_side_from_every_list() {
    let pair = Pair::new();
    for n in 1..=5 {
        pair.both(&format!("CREATE TABLE dbo.t{n} (id int NOT NULL)"));
        pair.source(&format!("INSERT INTO dbo.t{n} VALUES ({n}), (0)"));
    }
    let program = tool(&pair)
        .stdin("dbo.t2\n\n[dbo].[t3]\n")
        .file("replica.toml", "reference_tables = ['t4', 'dbo.t5']");
    let run = program.run(&["dbo.t1", "-", "--all", "--max-workers", "3"]).exits(0);
    assert_eq!(run.lines().len(), 5, "{run}");
    for n in 1..=5 {
        pair.assert_equal(&format!("SELECT id FROM dbo.t{n} ORDER BY id"));
    }
}

#[test]
fn one_worker_does_them_all() {
    let pair = Pair::new();
    for n in 1..=3 {
        pair.both(&format!("CREATE TABLE dbo.t{n} (id int NOT NULL)"));
        pair.source(&format!("INSERT INTO dbo.t{n} VALUES ({n})"));
    }
    assert_eq!(copy(&pair, &["t1", "t2", "t3", "--max-workers=1"]).lines().len(), 3);
    pair.assert_equal("SELECT a.id, b.id, c.id FROM dbo.t1 a CROSS JOIN dbo.t2 b CROSS JOIN dbo.t3 c");
}

#[test]
fn one_table_named_twice_is_replaced_once() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.source("INSERT INTO dbo.t VALUES (1, 'a')");
    assert_eq!(copy(&pair, &["t", "dbo.t", "[dbo].[T]"]).lines().len(), 1);
}

#[test]
fn a_view_can_be_the_source() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.base (id int NOT NULL)");
    pair.source("INSERT INTO dbo.base VALUES (1), (2)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL)");
    if let Err(error) =
        pair.source.client().try_batch("CREATE VIEW dbo.t AS SELECT id + 10 AS id FROM dbo.base")
    {
        return skip(&format!("this server has no views: {error}"));
    }
    copy(&pair, &["dbo.t", "--verify=hash"]);
    assert_eq!(ids(&mut pair.target.client()), [11, 12]);
}

/// Babelfish stores other values than it was sent: there nobody has to ask for the proof, and nothing is committed
/// without it.
#[test]
fn on_babelfish_every_row_is_read_back_before_the_commit() {
    let pair = Pair::on(Server::sandbox());
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label varchar(10) NULL)");
    pair.source("INSERT INTO dbo.t VALUES (1, 'new'), (2, 'new')");
    pair.target(
        "CREATE TRIGGER dbo.meddle ON dbo.t AFTER INSERT AS UPDATE dbo.t SET label = 'meddled' WHERE id = 2",
    );
    copy(&pair, &["dbo.t", "--fire-triggers"]);
    pair.target("UPDATE dbo.t SET label = 'old'");
    let (_proxy, through) = through(&pair.target.connection, Rule::babelfish()).unwrap();
    let babelfish = tool(&pair).with("REPLICA_TARGET", &through);
    babelfish
        .run(&["dbo.t", "--fire-triggers"])
        .exits(1)
        .says("the source sent")
        .says("The old rows were kept");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t WHERE label = 'old'"), 2);
}
