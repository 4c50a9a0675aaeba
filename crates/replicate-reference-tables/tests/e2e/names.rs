//! Names: whatever a user writes, one table is meant, on both sides and in every line.
use replica_testkit::{Client, Pair};

use crate::util::{PASSWORD, User, copy, ids, pair_with_old_rows, tool};

/// dbo.t (id, day, n) on both sides: `day` is a date, and `n` is one as a number, half a year later.
fn two_dates() -> Pair {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.T (id int NOT NULL PRIMARY KEY, day date NOT NULL, n int NOT NULL)");
    pair.source("INSERT INTO dbo.T VALUES (1, '2024-01-31', 20240731), (2, '2023-07-31', 20240131)");
    pair.target("INSERT INTO dbo.T VALUES (901, '2024-01-15', 20240715), (902, '2023-07-15', 20240115)");
    pair
}

const JANUARY: [&str; 5] = ["t", "--start-date", "2024-01-01", "--end-date", "2024-01-31"];

#[test]
fn a_setting_counts_under_every_spelling() {
    for key in ["dbo.T", "DBO.t", "[dbo].[T]", "\"T\""] {
        let pair = two_dates();
        let config = format!("[date_filter_columns]\n'{key}' = 'N'\n[tables.'{key}']\nchunk_size = 7\n");
        let tool = tool(&pair).file("replica.toml", &config);
        let explained = tool.run(&[&JANUARY[..], &["--explain", "--output=text"]].concat()).exits(0);
        let run = tool.run(&JANUARY).exits(0);
        assert_eq!(run.lines()[0][..2], ["dbo.T", "ok"], "{run}");
        assert!(run.stderr.contains("[TIMING] dbo.T 2024-01: "), "{run}");
        assert_eq!(ids(&mut pair.target.client()), [2, 901], "{key}: by the column that is named");
        explained.says("every 7 rows");
    }
}

#[test]
fn a_key_that_means_no_table_is_an_error_that_names_it() {
    let pair = two_dates();
    for (config, says) in [
        (
            "[date_filter_columns]\n'dbo.TT' = 'n'",
            "[date_filter_columns] dbo.TT: the source has no such table",
        ),
        ("[tables.'dbo.TT']\nchunk_size = 7", "Did you mean dbo.T?"),
        ("[tables.'other.T']\nchunk_size = 7", "[tables] other.T"),
        (
            "[tables.'dbo.T']\nchunk_size = 7\n[tables.'[DBO].t']\nchunk_size = 8",
            "[tables]: [DBO].t and dbo.T are one table, dbo.T",
        ),
    ] {
        let run = tool(&pair).file("replica.toml", config).run(&JANUARY).exits(2).says(says);
        assert_eq!(run.stdout, "", "{run}");
        assert_eq!(ids(&mut pair.target.client()), [901, 902], "{config}");
    }
    // One file serves all tools: other tables of the source may have keys, and listed ones that are gone.
    pair.source("CREATE TABLE dbo.other (id int NOT NULL)");
    let config = "reference_tables = ['dbo.gone']\n[tables.'dbo.OTHER']\nchunk_size = 7\n\
                  [tables.'dbo.gone']\nchunk_size = 7\n[date_filter_columns]\n't' = 'day'";
    tool(&pair).file("replica.toml", config).run(&JANUARY).exits(0);
    assert_eq!(ids(&mut pair.target.client()), [1, 902]);
}

#[test]
fn a_table_under_two_names_is_replaced_once() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.source("INSERT INTO dbo.t VALUES (1, 'a')");
    let run = copy(&pair, &["t", "[DBO].[T]", "dbo.t"]);
    assert_eq!(run.lines().len(), 1, "{run}");
    run.says("dbo.t: named twice");
}

#[test]
fn a_name_without_schema_is_the_sources_on_both_sides() {
    let pair = Pair::new();
    let Some(login) = User::of(&pair) else { return };
    for database in [&pair.source, &pair.target] {
        let mut client = database.client();
        client.batch("CREATE SCHEMA app");
        if database.name == pair.source.name {
            client.batch(&format!("DROP USER [{}]", login.name));
            client.batch(&format!("CREATE USER [{0}] FOR LOGIN [{0}] WITH DEFAULT_SCHEMA = app", login.name));
        }
        for table in ["dbo.t", "app.t"] {
            client.run(&format!("CREATE TABLE {table} (id int NOT NULL)"));
            client.run(&format!("INSERT INTO {table} VALUES ({})", if table == "app.t" { 1 } else { 2 }));
        }
        client.run(&format!("GRANT SELECT, INSERT, DELETE, ALTER ON SCHEMA::app TO [{}]", login.name));
        client.run(&format!("GRANT SELECT, INSERT, DELETE, ALTER ON SCHEMA::dbo TO [{}]", login.name));
    }
    pair.target("UPDATE app.t SET id = 71");
    pair.target("UPDATE dbo.t SET id = 72");
    let mut source = Client::connect(&pair.server.connection_as(&pair.source.name, &login.name, PASSWORD));
    assert_eq!(source.number("SELECT CASE WHEN OBJECT_ID('t') = OBJECT_ID('app.t') THEN 1 ELSE 0 END"), 1);
    let run = login.program.run(&["t"]).exits(0);
    assert_eq!(run.lines()[0][..2], ["app.t", "ok"], "{run}");
    let mut target = pair.target.client();
    assert_eq!((target.number("SELECT id FROM app.t"), target.number("SELECT id FROM dbo.t")), (1, 72));
    // Of its own, it would be another table there.
    let connection = |database: &str| pair.server.connection_as(database, &login.name, PASSWORD);
    let named = tool(&pair)
        .with("REPLICA_SOURCE", &connection(&pair.source.name))
        .with("REPLICA_TARGET", &connection(&pair.target.name))
        .file("replica.toml", "[tables.'t']\nchunk_size = 7");
    let run = named.run(&["dbo.t"]).exits(2);
    run.says("[tables] t: that is app.t to the source's login, not dbo.t");
    assert_eq!(target.number("SELECT id FROM dbo.t"), 72);
}
