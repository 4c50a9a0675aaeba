//! Random edits of small tables: exactly those are reported, and repaired.
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use replica_testkit::{Database, Pair};

use crate::util::{findings, tool, verify};

type KeyedRows = BTreeMap<i32, (Option<String>, Option<i32>)>;

/// Texts that a careless comparison takes for one.
fn rows() -> impl Strategy<Value = KeyedRows> {
    let texts = ["", " ", "a", "A", "a ", "\u{e1}", "a\u{301}", "b"].map(str::to_owned);
    let text = prop::option::of(prop::sample::select(texts.to_vec()));
    prop::collection::btree_map(-4..8i32, (text, prop::option::of(-1..2i32)), 0..10)
}

fn insert(rows: &KeyedRows) -> String {
    let values: Vec<String> = rows
        .iter()
        .map(|(id, (text, n))| {
            let text = text.as_ref().map_or("NULL".to_owned(), |text| format!("N'{text}'"));
            format!("({id}, {text}, {})", n.map_or("NULL".to_owned(), |n| n.to_string()))
        })
        .collect();
    if values.is_empty() { String::new() } else { format!("INSERT INTO dbo.t VALUES {}", values.join(", ")) }
}

#[test]
fn exactly_the_rows_that_differ_are_reported_and_repaired() {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, a nvarchar(5) NULL, n int NULL)");
    let config = Config { cases: 24, max_shrink_iters: 50, ..Config::default() };
    let checked = TestRunner::new(config).run(&(rows(), rows()), |(source, target)| {
        for (database, rows) in [(&pair.source, &source), (&pair.target, &target)] {
            let mut client = database.client();
            client.run("DELETE FROM dbo.t");
            if !rows.is_empty() {
                client.run(&insert(rows));
            }
        }
        let run = verify(&pair, &["dbo.t"], i32::from(source != target));
        let mut found: Vec<(String, String)> =
            findings(&run).iter().map(|line| (line[1].to_owned(), line[0].to_owned())).collect();
        // A row that differs in two columns has two lines.
        found.dedup();
        let mut expected = Vec::new();
        for id in -4..8 {
            let kind = match (source.get(&id), target.get(&id)) {
                (Some(left), Some(right)) if left != right => "changed",
                (Some(_), None) => "missing",
                (None, Some(_)) => "extra",
                _ => continue,
            };
            expected.push((format!("id={id}"), kind.to_owned()));
        }
        prop_assert_eq!(found, expected, "{}", run);
        tool(&pair).run(&["dbo.t", "--repair", "--allow-shrink"]).exits(0);
        let rows = |database: &Database| database.client().values("SELECT * FROM dbo.t ORDER BY id");
        prop_assert_eq!(rows(&pair.source), rows(&pair.target));
        Ok(())
    });
    if let Err(error) = checked {
        panic!("{error}");
    }
}
