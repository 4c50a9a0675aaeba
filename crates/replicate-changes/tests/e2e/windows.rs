//! Tables that windows are on record of: what changes do to the record.
use replica_testkit::Pair;

use crate::util::{beside, outcomes, pair, shown, table, tool};

const MONTHLY: &str = "replicate-monthly-parallel-streaming";
const QUARTER: [&str; 5] = ["dbo.t", "--start-date", "2024-01-01", "--end-date", "2024-03-31"];

/// dbo.t with rows in three months, which are on record, and a version that is not the first.
fn months(day: &str) -> Pair {
    let pair = pair();
    table(&pair, "dbo.t", &format!("id int NOT NULL PRIMARY KEY, day {day} NULL, label varchar(20) NULL"));
    let days = if day == "int" {
        [20240115, 20240215, 20240315].map(|day| day.to_string())
    } else {
        ["01", "02", "03"].map(|month| format!("'2024-{month}-15'"))
    };
    for (id, day) in days.iter().enumerate() {
        pair.source(&format!("INSERT INTO dbo.t VALUES ({id}, {day}, 'old'), ({}, {day}, 'old')", 10 + id));
    }
    beside(&pair, MONTHLY).run(&[&QUARTER[..], &["--date-column", "day"]].concat()).exits(0);
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.source("INSERT INTO dbo.t VALUES (99, NULL, 'without a day')");
    tool(&pair).run(&["dbo.t"]).exits(0);
    beside(&pair, MONTHLY).run(&[&QUARTER[..], &["--date-column", "day", "--resume"]].concat()).exits(0);
    assert_eq!(states(&pair), ["complete", "complete", "complete"]);
    pair
}

fn states(pair: &Pair) -> Vec<String> {
    shown(pair, "SELECT state FROM replica.windows WHERE table_name = 't' ORDER BY first_date")
}

#[test]
fn only_windows_whose_rows_changed_are_to_be_loaded_again() {
    for day in ["date", "int", "datetimeoffset(3)"] {
        let pair = months(day);
        pair.source(
            "UPDATE dbo.t SET label = 'new' WHERE id = 1; INSERT INTO dbo.t VALUES (98, NULL, 'no day')",
        );
        tool(&pair).run(&["dbo.t"]).exits(0);
        assert_eq!(states(&pair), ["complete", "pending", "complete"], "{day}");
        let why = shown(&pair, "SELECT error FROM replica.windows WHERE state = 'pending'");
        assert!(why[0].contains("replaced by replicate-changes"), "{why:?}");
        let resumed =
            beside(&pair, MONTHLY).run(&[&QUARTER[..], &["--date-column", "day", "--resume"]].concat());
        let resumed = resumed.exits(0);
        let skipped = resumed.lines().iter().filter(|line| line[2] == "skipped").count();
        assert_eq!((skipped, resumed.lines().len()), (2, 3), "{resumed}");
        // One that leaves its window, and one that goes.
        let moved = if day == "int" { "20240301" } else { "'2024-03-01'" };
        pair.source(&format!("UPDATE dbo.t SET day = {moved} WHERE id = 0; DELETE FROM dbo.t WHERE id = 12"));
        let run = tool(&pair).run(&["dbo.t"]).exits(0);
        assert_eq!(outcomes(&run), ["dbo.t ok changes 0 1 1"], "{run}");
        assert_eq!(states(&pair), ["pending", "complete", "pending"], "{day}");
        pair.assert_equal("SELECT id, day, label FROM dbo.t ORDER BY id");
    }
}

#[test]
fn a_failure_leaves_the_record_as_it_was() {
    let pair = months("date");
    pair.target("CREATE UNIQUE INDEX ux ON dbo.t (id) INCLUDE (label) WITH (IGNORE_DUP_KEY = ON)");
    pair.target("ALTER TABLE dbo.t ADD CONSTRAINT ck CHECK (label <> 'refused')");
    pair.source("UPDATE dbo.t SET label = 'refused' WHERE id = 1");
    tool(&pair).run(&["dbo.t"]).exits(1).says("547");
    assert_eq!(states(&pair), ["complete", "complete", "complete"]);
}
