//! A window that fails on data says which row it was; --preflight says so before anything is written.
use crate::util::{HALF_A_YEAR, copy, pair, tool};

#[test]
fn the_row_of_a_failed_window_is_named() {
    let pair = pair(", CONSTRAINT k PRIMARY KEY (id)");
    pair.target("ALTER TABLE dbo.t ALTER COLUMN label nvarchar(19) NULL");
    pair.target("ALTER TABLE dbo.t ADD CONSTRAINT polite CHECK (label <> 'rude')");
    pair.source("UPDATE dbo.t SET label = 'rude' WHERE id = 45; UPDATE dbo.t SET label = REPLICATE('x', 20) WHERE id = 100");
    let run =
        tool(&pair).run(&[&HALF_A_YEAR[..], &["--check-constraints", "--chunk-size", "7"]].concat()).exits(1);
    for (window, said, command) in [
        ("2024-02", "error 547", "debug-single-row-insert dbo.t --key 45"),
        ("2024-04", "column label", "debug-single-row-insert dbo.t --key 100"),
    ] {
        let lines = run.lines();
        let line = lines.iter().find(|line| line[1] == window).unwrap();
        assert!(line.iter().any(|field| field.contains(said) && field.ends_with(command)), "{line:?}");
    }
    pair.source("UPDATE dbo.t SET label = 'fine' WHERE id IN (45, 100)");
    copy(&pair, &["--resume", "--check-constraints"]);
}

#[test]
fn a_preflight_stops_before_anything_is_written() {
    let pair = pair(", CONSTRAINT k PRIMARY KEY (id)");
    pair.target("ALTER TABLE dbo.t ALTER COLUMN label nvarchar(19) NULL");
    pair.target("INSERT INTO dbo.t VALUES (9001, '2024-02-01', 'old')");
    pair.source("UPDATE dbo.t SET label = REPLICATE('x', 20) WHERE id = 300");
    // 2024-10-27 is in no window.
    copy(&pair, &["--preflight", "--explain"]);
    copy(&pair, &["--preflight"]);
    pair.source("UPDATE dbo.t SET label = REPLICATE('x', 20) WHERE id = 100");
    pair.target("UPDATE dbo.t SET label = 'old' WHERE id = 45");
    tool(&pair).run(&[&HALF_A_YEAR[..], &["--preflight"]].concat()).exits(1).says(
        "label (nvarchar(20) to nvarchar(19)): too long, 1 row, 20 UTF-16 units, the first is --key 100",
    );
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t WHERE label = 'old'"), 1);
}
