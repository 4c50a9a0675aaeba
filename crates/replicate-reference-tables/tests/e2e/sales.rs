//! The wide table that the tools were made for.
use replica_testkit::Pair;

use crate::util::{copy, skip};

const ROWS: u64 = 300;

#[test]
fn a_table_of_184_columns_arrives_byte_for_byte() {
    let pair = Pair::new();
    if !pair.server.generate_sales(&pair.source.name, ROWS)
        || !pair.server.generate_sales(&pair.target.name, 1)
    {
        return skip("only the sandbox makes the sales table");
    }
    let run = copy(&pair, &["APP_4_SALES", "--verify=hash", "--chunk-size=100"]);
    assert_eq!(run.lines()[0][2], ROWS.to_string(), "{run}");
    // The target as a source, back into the first: the same rows have the same hash.
    let back = replica_testkit::Program::new(env!("CARGO_BIN_EXE_replicate-reference-tables"))
        .with("REPLICA_SOURCE", &pair.target.connection)
        .with("REPLICA_TARGET", &pair.source.connection)
        .run(&["APP_4_SALES", "--verify=hash"])
        .exits(0);
    assert_eq!(back.lines()[0][6], run.lines()[0][6]);
}

/// Every type goes through the staging table, too.
#[test]
fn rows_of_184_columns_that_differ_arrive_byte_for_byte() {
    let pair = Pair::new();
    if !pair.server.generate_sales(&pair.source.name, ROWS)
        || !pair.server.generate_sales(&pair.target.name, ROWS)
    {
        return skip("only the sandbox makes the sales table");
    }
    let key = "SELECT COUNT(*) FROM sys.indexes WHERE object_id = OBJECT_ID('dbo.APP_4_SALES') AND is_primary_key = 1";
    assert_eq!(pair.target.client().number(key), 1);
    copy(&pair, &["APP_4_SALES", "--apply=difference"]).says("nothing differs");
    pair.target("DELETE TOP (100) FROM dbo.APP_4_SALES");
    pair.source("DELETE FROM dbo.APP_4_SALES WHERE DAY(SALE_DATE) = 7");
    let whole = copy(&pair, &["APP_4_SALES", "--apply=difference", "--verify=hash"]).says(" inserted");
    let again = copy(&pair, &["APP_4_SALES", "--verify=hash"]);
    assert_eq!(whole.lines()[0][6], again.lines()[0][6]);
}
