//! Columns that one side fills, lacks, or has too many of.
use replica_testkit::Pair;

use crate::util::{copy, tool};

#[test]
fn identity_values_are_kept() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int IDENTITY(100, 10) NOT NULL PRIMARY KEY, n int NULL)");
    pair.source("INSERT INTO dbo.t (n) VALUES (1), (2), (3)");
    pair.source("DELETE FROM dbo.t WHERE n = 2");
    copy(&pair, &["dbo.t", "--verify", "hash"]);
    pair.assert_equal("SELECT id, n FROM dbo.t ORDER BY id");
    pair.target("INSERT INTO dbo.t (n) VALUES (4)");
    assert_eq!(pair.target.client().number("SELECT MAX(id) FROM dbo.t"), 130);
}

#[test]
fn what_the_server_fills_is_left_to_it() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, twice AS id * 2, stamp rowversion)");
    pair.source("INSERT INTO dbo.t (id) VALUES (1), (2)");
    copy(&pair, &["dbo.t", "--verify=hash"]);
    pair.assert_equal("SELECT id, twice FROM dbo.t ORDER BY id");
    assert_eq!(pair.target.client().number("SELECT COUNT(DISTINCT stamp) FROM dbo.t"), 2);
}

#[test]
fn a_computed_column_or_a_rowversion_can_fill_a_plain_one() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, twice AS id * 2, stamp rowversion)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, twice int NULL, stamp binary(8) NOT NULL)");
    pair.source("INSERT INTO dbo.t (id) VALUES (1), (2)");
    copy(&pair, &["dbo.t", "--verify=hash"]);
    pair.assert_equal("SELECT id, twice, CAST(stamp AS bigint) FROM dbo.t ORDER BY id");
}

#[test]
fn nulls_stay_nulls_where_the_target_has_a_default() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL, n int NULL)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL, n int NULL DEFAULT 7, extra int NOT NULL DEFAULT 5, note int NULL)");
    pair.source("INSERT INTO dbo.t VALUES (1, NULL)");
    copy(&pair, &["dbo.t"]);
    let values = pair.target.client().values("SELECT n, extra, note FROM dbo.t");
    assert_eq!(values, [["I32(None)", "I32(Some(5))", "I32(None)"]]);
}

#[test]
fn columns_meet_by_name_in_any_order_and_case() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (a int NULL, B int NULL, c int NULL)");
    pair.target("CREATE TABLE dbo.t (C int NULL, b int NULL, A int NULL)");
    pair.source("INSERT INTO dbo.t VALUES (1, 2, 3)");
    copy(&pair, &["dbo.t"]);
    pair.assert_equal("SELECT a, b, c FROM dbo.t");
}

#[test]
fn extra_source_columns_need_leave_to_go() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL, more int NULL, evenmore int NULL)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL)");
    pair.source("INSERT INTO dbo.t VALUES (1, 2, 3)");
    tool(&pair)
        .run(&["dbo.t"])
        .exits(1)
        .says("in the source only: more, evenmore")
        .says("--ignore-extra-columns");
    copy(&pair, &["dbo.t", "--ignore-extra-columns"]);
    pair.assert_equal("SELECT id FROM dbo.t");
}

#[test]
fn the_configuration_can_give_that_leave() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL, more int NULL)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL)");
    let program = tool(&pair).file("other.toml", "[tables.\"dbo.t\"]\nignore_extra_columns = true");
    program.run(&["dbo.t", "--config=other.toml"]).exits(0);
}

#[test]
fn a_target_column_that_nothing_fills_is_named() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL, must int NOT NULL)");
    tool(&pair).run(&["dbo.t"]).exits(1).says("must (int NOT NULL)").says("give them a default");
}

#[test]
fn every_column_that_cannot_be_mapped_is_listed_before_anything_is_written() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL, a int NULL, b decimal(9, 2) NULL, c datetime NULL, d float NULL)");
    pair.target(
        "CREATE TABLE dbo.t (id int NOT NULL, a bit NULL, b int NULL, c date NULL, d varchar(30) NULL)",
    );
    pair.target("INSERT INTO dbo.t (id) VALUES (9)");
    let run = tool(&pair).run(&["dbo.t"]).exits(1);
    for column in
        ["a (int to bit)", "b (decimal(9,2) to int)", "c (datetime to date)", "d (float to varchar(30))"]
    {
        assert!(run.stderr.contains(column), "{column}\n{run}");
    }
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t WHERE id = 9"), 1);
}
