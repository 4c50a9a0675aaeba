//! Tables of columns of which each has one value that does not fit, among many that do: for the finders.
use crate::{Pair, Program};

/// A column: its type at the source and at the target, a value that fits, and one that has the problem.
pub type ExpectedOffender = (&'static str, &'static str, &'static str, &'static str, &'static str);

/// Every offender is found at its key, and nothing else is; and nothing at all as long as there are none.
#[track_caller]
pub fn assert_found(finder: &Program, pair: &Pair, offenders: &[ExpectedOffender]) {
    let list = |item: &dyn Fn(usize, &ExpectedOffender) -> String| {
        offenders.iter().enumerate().map(|(n, offender)| item(n, offender)).collect::<Vec<_>>().join(", ")
    };
    let create = |columns: String| format!("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, {columns})");
    pair.source(&create(list(&|n, offender| format!("c{n} {} NULL", offender.0))));
    pair.target(&create(list(&|n, offender| format!("c{n} {} NULL", offender.1))));
    let clean = list(&|_, offender| offender.2.into());
    let nulls = list(&|_, _| "NULL".into());
    pair.source(&format!("INSERT INTO dbo.t VALUES (1, {clean}), (2, {nulls})"));
    let run = finder.run(&["dbo.t", "--rows", "1"]).exits(0);
    assert_eq!(run.stdout, "");
    let names = list(&|n, _| format!("c{n}"));
    for n in 0..11 {
        pair.source(&format!("INSERT INTO dbo.t SELECT id + {}, {names} FROM dbo.t", 2 << n));
    }
    for (n, offender) in offenders.iter().enumerate() {
        pair.source(&format!("UPDATE dbo.t SET c{n} = {} WHERE id = {}", offender.3, 1000 + n));
    }
    let run = finder.run(&["dbo.t", "--rows", "3"]).exits(1);
    // Column, problem, rows, key.
    let named = run.lines().into_iter().filter(|line| !line[8].is_empty());
    let found: Vec<_> = named.map(|l| format!("{} {} {} {}", l[1], l[5], l[7], l[8])).collect();
    let expected =
        offenders.iter().enumerate().map(|(n, offender)| format!("c{n} {} 1 {}", offender.4, 1000 + n));
    assert_eq!(found, expected.collect::<Vec<_>>(), "{run}");
}
