//! Rows of other tables: as they were after every run, or the run refused before it wrote anything.
use replica_testkit::Pair;
use replica_testkit::family::{JANUARY, KEYS, family, others, replaced};

use crate::util::{fault, no_fault, outcomes, sandbox, tool, until};

fn january<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [&JANUARY, more].concat()
}

/// Nothing was written: no row of dbo.p, and nothing in the ledger.
#[track_caller]
fn assert_untouched(pair: &Pair, before: &[Vec<String>]) {
    assert_eq!(others(pair), before);
    let mut target = pair.target.client();
    assert_eq!(target.number("SELECT COUNT(*) FROM dbo.p WHERE v = 'old'"), 3);
    assert_eq!(target.number("SELECT COUNT(*) FROM sys.schemas WHERE name = 'replica'"), 0);
}

#[test]
fn windows_of_a_table_whose_keys_act_are_refused() {
    let pair = family();
    let before = others(&pair);
    for more in [
        &[][..],
        &["--window", "week", "--max-workers", "4"],
        &["--window", "day"],
        &["--restart"],
        &["--resume"],
        &["--shared"],
    ] {
        let run = tool(&pair).run(&january(more)).exits(1);
        assert_eq!(run.lines().len(), 1, "{run}");
        assert_eq!(run.lines()[0][1..3], ["", "failed"], "{run}");
        for (table, key, action) in KEYS {
            assert!(run.stderr.contains(&format!("{key} of dbo.{table} (ON DELETE {action})")), "{run}");
            assert!(
                run.stderr.contains(&format!("ALTER TABLE [dbo].[{table}] NOCHECK CONSTRAINT [{key}]")),
                "{run}"
            );
        }
        assert!(run.stderr.contains("and through them dbo.g"), "{run}");
        assert_untouched(&pair, &before);
    }
}

#[test]
fn one_key_that_acts_is_enough_and_trust_has_no_part_in_it() {
    let pair = family();
    for (table, key, _) in KEYS {
        pair.target(&format!("ALTER TABLE dbo.{table} NOCHECK CONSTRAINT {key}"));
    }
    for (table, key, action) in KEYS {
        pair.target(&format!("ALTER TABLE dbo.{table} WITH NOCHECK CHECK CONSTRAINT {key}"));
        let before = others(&pair);
        let run = tool(&pair).run(&january(&[])).exits(1);
        let run = run.says(&format!("by {key} of dbo.{table} (ON DELETE {action})"));
        assert!(!run.stderr.contains("547"), "{run}");
        assert_untouched(&pair, &before);
        pair.target(&format!("ALTER TABLE dbo.{table} NOCHECK CONSTRAINT {key}"));
    }
}

#[test]
fn disabled_keys_let_a_window_through_and_change_nothing() {
    let pair = family();
    for (table, key, _) in KEYS {
        pair.target(&format!("ALTER TABLE dbo.{table} NOCHECK CONSTRAINT {key}"));
    }
    let before = others(&pair);
    let run = tool(&pair).run(&january(&["--window", "week", "--max-workers", "4"])).exits(0);
    assert!(!run.stderr.contains("547"), "{run}");
    assert_eq!((others(&pair), replaced(&pair)), (before, 2));
}

#[test]
fn a_key_that_is_enabled_meanwhile_takes_no_rows_along() {
    let pair = family();
    if !pair.server.is_sandbox() {
        return eprintln!("skipped: only the sandbox stalls on request");
    }
    for (table, key, _) in KEYS {
        pair.target(&format!("ALTER TABLE dbo.{table} NOCHECK CONSTRAINT {key}"));
    }
    fault(&pair, "@fault = 'stall', @table = 'dbo.p'");
    let both = ["dbo.p", "--start-date", "2024-01-01", "--end-date", "2024-02-29", "--max-workers", "1"];
    let running = tool(&pair).start(&both);
    let mut target = pair.target.client();
    until(&mut target, 1, "SELECT COUNT(*) FROM sys.tables WHERE name = 'windows'");
    until(&mut target, 1, "SELECT COUNT(*) FROM replica.windows WHERE state = 'loading'");
    target.batch("ALTER TABLE dbo.m WITH NOCHECK CHECK CONSTRAINT m_p");
    let before = others(&pair);
    no_fault(&pair);
    let run = running.finish().exits(1).says("has been made, or enabled, since the run began");
    assert!(outcomes(&run).contains(&("2024-02".to_owned(), "failed".to_owned())), "{run}");
    assert_eq!(others(&pair), before);
}

#[test]
fn what_would_be_refused_is_explained_with_what_it_would_reach() {
    let pair = family();
    let before = others(&pair);
    let run = tool(&pair).run(&january(&["--explain"])).exits(1);
    let of = |topic: &str| -> Vec<String> {
        let lines = run.lines().into_iter().filter(|line| line[1] == topic);
        lines.map(|line| line[2].to_owned()).collect()
    };
    let refused = of("refused");
    assert!(refused.len() == 1 && refused[0].contains("m_p of dbo.m (ON DELETE CASCADE)"), "{run}");
    assert_eq!(
        of("reached"),
        [
            "dbo.f: rows, of about 3, by f_p (ON DELETE SET DEFAULT)",
            "dbo.m: rows, of about 3, by m_p (ON DELETE CASCADE)",
            "dbo.n: rows, of about 3, by n_p (ON DELETE SET NULL)",
            "dbo.g: rows, of about 3, by g_m (ON DELETE CASCADE)",
        ],
        "{run}"
    );
    assert!(of("statement").is_empty() && of("column").len() == 3, "{run}");
    assert_untouched(&pair, &before);
}

#[test]
fn a_key_without_an_action_refuses_what_it_holds() {
    let pair = family();
    for (table, key, _) in KEYS {
        pair.target(&format!("ALTER TABLE dbo.{table} DROP CONSTRAINT {key}"));
    }
    pair.target("ALTER TABLE dbo.m ADD CONSTRAINT m_p FOREIGN KEY (pid) REFERENCES dbo.p (id)");
    let before = others(&pair);
    let explained = tool(&pair).run(&january(&["--explain"])).exits(0);
    explained.says("foreign key m_p of dbo.m points at this table").says("error 547");
    let run = tool(&pair).run(&january(&[])).exits(1).says("547").says("dbo.m");
    assert_eq!(outcomes(&run), [("2024-01".to_owned(), "failed".to_owned())], "{run}");
    assert_eq!(others(&pair), before);
    pair.target("DELETE FROM dbo.g WHERE id > 100");
    pair.target("DELETE FROM dbo.m WHERE pid > 1");
    let before = others(&pair);
    tool(&pair).run(&january(&[])).exits(0);
    assert_eq!((others(&pair), replaced(&pair)), (before, 2));
}

#[test]
fn a_table_that_points_at_itself_keeps_its_other_rows() {
    let pair = Pair::new();
    pair.both(
        "CREATE TABLE dbo.p (id int NOT NULL PRIMARY KEY, d date NOT NULL, v varchar(9) NULL, \
         boss int NULL CONSTRAINT p_p REFERENCES dbo.p (id))",
    );
    pair.both("INSERT INTO dbo.p VALUES (2, '2024-01-05', 'old', NULL), (1, '2024-02-03', 'old', 2)");
    pair.source("UPDATE dbo.p SET v = 'new'");
    tool(&pair).run(&january(&[])).exits(1).says("547").says("p_p");
    assert_eq!(
        pair.target.client().number("SELECT COUNT(*) FROM dbo.p WHERE id = 1 AND boss = 2 AND v = 'old'"),
        1
    );
    pair.target("UPDATE dbo.p SET boss = NULL");
    tool(&pair).run(&january(&[])).exits(0);
    assert_eq!(replaced(&pair), 1);
}

#[test]
fn a_trigger_that_would_change_another_table_is_refused() {
    let pair = family();
    pair.target("CREATE TABLE dbo.seen (id int NOT NULL)");
    for (table, key, _) in KEYS {
        pair.target(&format!("ALTER TABLE dbo.{table} NOCHECK CONSTRAINT {key}"));
    }
    for (kind, body) in [
        ("AFTER DELETE", "INSERT INTO dbo.seen SELECT id FROM deleted"),
        ("INSTEAD OF DELETE", "INSERT INTO dbo.seen SELECT id FROM deleted"),
    ] {
        let trigger = format!("CREATE TRIGGER dbo.tr ON dbo.p {kind} AS {body}");
        if let Err(error) = pair.target.client().try_batch(&trigger) {
            eprintln!("skipped: {error}");
            continue;
        }
        let before = others(&pair);
        tool(&pair).run(&january(&[])).exits(1).says("trigger tr").says("--fire-triggers");
        assert_untouched(&pair, &before);
        pair.target("DROP TRIGGER dbo.tr");
    }
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.seen"), 0);
}

/// Of dbo.t, whose index on the id drops rows.
const IGNORES: &str = ", CONSTRAINT PK_t PRIMARY KEY (id) WITH (IGNORE_DUP_KEY = ON)";

#[test]
fn a_row_that_an_index_would_drop_is_told() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.p (id int NOT NULL, d date NOT NULL, v varchar(9) NULL)");
    pair.target(&format!(
        "CREATE TABLE dbo.p (id int NOT NULL, d date NOT NULL, v varchar(9) NULL{IGNORES})"
    ));
    pair.source("INSERT INTO dbo.p VALUES (1, '2024-01-05', 'new'), (2, '2024-01-06', 'new')");
    // Row 1 was of February when it was copied.
    pair.target("INSERT INTO dbo.p VALUES (1, '2024-02-03', 'old')");
    let run = tool(&pair).run(&january(&[])).exits(1).says("3604").says("IGNORE_DUP_KEY");
    assert_eq!(outcomes(&run), [("2024-01".to_owned(), "failed".to_owned())], "{run}");
    assert_eq!(pair.target.client().values("SELECT id, v FROM dbo.p").len(), 1);
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.p WHERE v = 'old'"), 1);
    // With both months it finds its place, whichever comes first.
    let both = ["dbo.p", "--start-date", "2024-01-01", "--end-date", "2024-02-29", "--max-workers", "1"];
    let both = [&both[..], &["--allow-shrink"]].concat();
    tool(&pair).run(&both).exits(0).says("tried again after all others");
    pair.assert_equal("SELECT id, d, v FROM dbo.p ORDER BY id");
}

/// More rows than one batch of a DELETE: what a key refuses at the end must not have taken the others along.
#[test]
fn a_key_that_refuses_the_last_row_leaves_all_of_the_window() {
    let pair = Pair::new();
    pair.both(
        "CREATE TABLE dbo.p (id int NOT NULL UNIQUE, d date NOT NULL, CONSTRAINT PK_p PRIMARY KEY (d, id))",
    );
    pair.both("INSERT INTO dbo.p VALUES (1, '2024-01-05')");
    for doubling in 0..13 {
        let by = 1 << doubling;
        pair.both(&format!(
            "INSERT INTO dbo.p (id, d) SELECT id + {by}, d FROM dbo.p WHERE id + {by} <= 5000"
        ));
    }
    pair.target("CREATE TABLE dbo.k (id int NOT NULL PRIMARY KEY, pid int NULL REFERENCES dbo.p (id))");
    pair.target("INSERT INTO dbo.k VALUES (1, 4999)");
    let run = tool(&pair).run(&january(&[])).exits(1).says("547").says("dbo.k");
    assert_eq!(outcomes(&run), [("2024-01".to_owned(), "failed".to_owned())], "{run}");
    pair.assert_equal("SELECT id, d FROM dbo.p ORDER BY id");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.k WHERE pid = 4999"), 1);
}

#[test]
fn a_partition_that_has_grown_meanwhile_is_not_switched_out() {
    let pair = sandbox("");
    let mut target = pair.target.client();
    target.run("DROP TABLE dbo.t");
    let months = (1..=12).map(|month| format!("'2024-{month:02}-01'")).collect::<Vec<_>>().join(", ");
    for sql in [
        &format!("CREATE PARTITION FUNCTION by_month (date) AS RANGE RIGHT FOR VALUES ({months})"),
        "CREATE PARTITION SCHEME by_month AS PARTITION by_month ALL TO ([PRIMARY])",
        "CREATE TABLE dbo.t (id int NOT NULL, day date NOT NULL, label nvarchar(20) NULL) ON by_month (day)",
        "CREATE CLUSTERED INDEX ix ON dbo.t (day, id)",
        "INSERT INTO dbo.t VALUES (-1, '2024-02-29', N'old'), (-2, '2024-03-15', N'stays')",
    ] {
        target.batch(sql);
    }
    let february = ["dbo.t", "--start-date", "2024-02-01", "--end-date", "2024-02-29"];
    fault(&pair, "@fault = 'stall'");
    let running = tool(&pair).start(&february);
    until(&mut target, 1, "SELECT COUNT(*) FROM sys.tables WHERE name LIKE 'stage%in'");
    // February's partition takes March in, as a window that slides does.
    target.batch("ALTER PARTITION FUNCTION by_month() MERGE RANGE ('2024-03-01')");
    no_fault(&pair);
    let run = running.finish().exits(0).says("made of other partitions by now");
    assert_eq!(outcomes(&run), [("2024-02".to_owned(), "ok".to_owned())], "{run}");
    assert_eq!(target.number("SELECT COUNT(*) FROM dbo.t WHERE label = N'stays'"), 1);
    pair.assert_equal(
        "SELECT id, day, label FROM dbo.t WHERE day >= '2024-02-01' AND day < '2024-03-01' ORDER BY id",
    );
}
