//! What other sessions change between the plan and the load: the load is of the table as it is by then, or there is none.
use replica_testkit::{Client, Database, Pair, Program, ProgramExit};

use crate::util::{User, ids, skip, tool, until_it_waits};

const WAITING: &str =
    "SELECT COUNT(*) FROM sys.sandbox_lock_log WHERE event = 'waiting' AND resource_database_id = DB_ID()";

/// dbo.t, and dbo.first, which has more rows and so is copied before it.
fn pair() -> Option<Pair> {
    let pair = Pair::new();
    if !pair.server.is_sandbox() {
        skip("only the sandbox tells who waits");
        return None;
    }
    pair.both("CREATE TABLE dbo.first (id int NOT NULL PRIMARY KEY)");
    pair.source("INSERT INTO dbo.first VALUES (1), (2), (3), (4), (5)");
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label nvarchar(20) NULL)");
    pair.source("INSERT INTO dbo.t VALUES (1, N'one'), (2, NULL)");
    pair.target("INSERT INTO dbo.t VALUES (901, N'old')");
    // Makes the ledger: it is nothing that changes meanwhile.
    tool(&pair).run(&["dbo.first"]).exits(0);
    pair.target("DELETE FROM dbo.first");
    Some(pair)
}

/// The first table is held and on record, as its rows are asked for at the same time.
const HELD: &str = "SELECT CASE WHEN EXISTS (SELECT 1 FROM sys.dm_tran_locks WHERE resource_type = 'APPLICATION' \
     AND resource_database_id = DB_ID()) AND NOT EXISTS (SELECT 1 FROM sys.dm_exec_requests WHERE database_id = DB_ID() \
     AND session_id <> @@SPID) THEN 1 ELSE 0 END";

/// Plans both tables, has `change` done while the first one waits for its rows, and goes on.
fn meanwhile(pair: &Pair, change: impl FnOnce(&Pair)) -> ProgramExit {
    run(pair, &tool(pair), &[], change)
}

fn run(pair: &Pair, program: &Program, options: &[&str], change: impl FnOnce(&Pair)) -> ProgramExit {
    let mut holder = pair.source.client();
    holder.batch("BEGIN TRANSACTION");
    holder.number("SELECT COUNT(*) FROM dbo.first WITH (TABLOCKX, HOLDLOCK)");
    let running = program.start(&[&["dbo.first", "dbo.t", "--max-workers=1"], options].concat());
    until_it_waits(&mut pair.source.client(), WAITING);
    until_it_waits(&mut pair.target.client(), HELD);
    change(pair);
    holder.batch("COMMIT TRANSACTION");
    let exit = running.finish();
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.first"), 5, "{exit}");
    exit
}

fn target(pair: &Pair) -> Client {
    pair.target.client()
}

/// Whether the ledger says this of the table's last run.
fn ended(pair: &Pair, outcome: &str) -> bool {
    let last = "(SELECT MAX(run_id) FROM replica.runs WHERE table_name = 't')";
    let sql = format!("SELECT COUNT(*) FROM replica.runs WHERE run_id = {last} AND outcome = '{outcome}'");
    target(pair).number(&sql) == 1
}

#[track_caller]
fn refused(change: impl FnOnce(&Pair), says: &str) {
    let Some(pair) = pair() else { return };
    let exit = meanwhile(&pair, change).exits(1).says(says);
    assert_eq!(ids(&mut target(&pair)), [901], "{exit}");
    assert!(ended(&pair, "failed"), "{exit}");
}

#[track_caller]
fn copied(change: impl FnOnce(&Pair), check: &str) {
    let Some(pair) = pair() else { return };
    let exit = meanwhile(&pair, change).exits(0);
    assert_eq!(ids(&mut target(&pair)), [1, 2], "{exit}");
    assert_eq!(target(&pair).number(check), 1, "{check}: {exit}");
    assert!(ended(&pair, "ok"), "{exit}");
}

#[test]
fn a_column_that_the_source_gets_is_missed_at_the_target() {
    refused(|pair| pair.source("ALTER TABLE dbo.t ADD extra int NULL"), "extra");
}

#[test]
fn a_column_that_both_get_is_copied() {
    copied(
        |pair| {
            pair.both("ALTER TABLE dbo.t ADD extra int NULL");
            pair.source("UPDATE dbo.t SET extra = 7");
        },
        "SELECT CASE WHEN COUNT(*) = 2 THEN 1 ELSE 0 END FROM dbo.t WHERE extra = 7",
    );
}

#[test]
fn a_column_that_the_target_gets_keeps_its_values() {
    refused(
        |pair| {
            pair.target("ALTER TABLE dbo.t ADD extra int NULL");
            pair.target("UPDATE dbo.t SET extra = 7");
        },
        "extra",
    );
}

#[test]
fn a_column_that_the_target_gets_and_nobody_fills_is_named() {
    refused(
        |pair| {
            pair.target("ALTER TABLE dbo.t ADD extra int NOT NULL CONSTRAINT df DEFAULT 7; ALTER TABLE dbo.t DROP CONSTRAINT df")
        },
        "extra",
    );
}

#[test]
fn a_type_that_changes_at_the_source_is_looked_at_again() {
    refused(
        |pair| {
            pair.source("DELETE FROM dbo.t; ALTER TABLE dbo.t ALTER COLUMN label int NULL");
            pair.source("INSERT INTO dbo.t VALUES (1, 1), (2, 2)");
            pair.target("UPDATE dbo.t SET label = NULL; ALTER TABLE dbo.t ALTER COLUMN label date NULL");
        },
        "label",
    );
}

#[test]
fn a_type_that_changes_at_the_target_is_looked_at_again() {
    copied(
        |pair| pair.target("ALTER TABLE dbo.t ALTER COLUMN label varchar(30) NULL"),
        "SELECT COUNT(*) FROM dbo.t WHERE label = 'one'",
    );
}

#[test]
fn a_key_whose_action_would_reach_other_rows_is_suspended() {
    copied(
        |pair| {
            pair.target("INSERT INTO dbo.t VALUES (1, N'old')");
            pair.target("CREATE TABLE dbo.child (id int NOT NULL, t int NOT NULL CONSTRAINT child_t REFERENCES dbo.t (id) ON DELETE CASCADE)");
            pair.target("INSERT INTO dbo.child VALUES (7, 1)");
        },
        "SELECT COUNT(*) FROM dbo.child",
    );
}

#[test]
fn a_key_that_refuses_is_suspended() {
    copied(
        |pair| {
            pair.target("INSERT INTO dbo.t VALUES (1, N'old')");
            pair.target("CREATE TABLE dbo.child (id int NOT NULL, t int NOT NULL CONSTRAINT child_t REFERENCES dbo.t (id))");
            pair.target("INSERT INTO dbo.child VALUES (7, 1)");
        },
        "SELECT COUNT(*) FROM dbo.child",
    );
}

#[test]
fn a_trigger_is_seen() {
    let Some(pair) = pair() else { return };
    let trigger = "CREATE TRIGGER dbo.watch ON dbo.t AFTER DELETE AS SET NOCOUNT ON";
    let exit = meanwhile(&pair, |pair| pair.target.client().batch(trigger)).exits(0);
    // As a run whose plan knows of it goes.
    let known = tool(&pair).run(&["dbo.t"]).exits(0);
    assert_eq!(exit.stderr.contains("watch"), known.stderr.contains("watch"), "{exit}\n{known}");
    assert_eq!(ids(&mut target(&pair)), [1, 2]);
}

#[test]
fn a_policy_that_hides_rows_of_either_side_is_seen() {
    let hide = |database: &Database| {
        database.client().batch(
            "CREATE FUNCTION dbo.visible(@id int) RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT 1 AS fits WHERE @id = 1",
        );
        database
            .client()
            .batch("CREATE SECURITY POLICY dbo.only_one ADD FILTER PREDICATE dbo.visible(id) ON dbo.t");
    };
    let Some(at_source) = pair() else { return };
    let exit = meanwhile(&at_source, |pair| hide(&pair.source)).exits(1).says("rows may be hidden");
    assert_eq!(ids(&mut target(&at_source)), [901], "{exit}");
    let Some(at_target) = pair() else { return };
    let exit = meanwhile(&at_target, |pair| hide(&pair.target)).exits(1).says("rows may be hidden");
    at_target.target("ALTER SECURITY POLICY dbo.only_one WITH (STATE = OFF)");
    assert_eq!(ids(&mut target(&at_target)), [901], "{exit}");
}

#[test]
fn a_table_that_is_gone_at_the_source_is_named() {
    refused(|pair| pair.source("DROP TABLE dbo.t"), "has no such table");
}

#[test]
fn a_table_that_is_gone_at_the_target_is_named() {
    let Some(pair) = pair() else { return };
    meanwhile(&pair, |pair| pair.target("DROP TABLE dbo.t")).exits(1).says("has no such table");
    assert!(ended(&pair, "failed"));
}

#[test]
fn another_table_of_the_name_is_replaced_as_it_is() {
    copied(
        |pair| {
            pair.target("DROP TABLE dbo.t; CREATE TABLE dbo.t (label varchar(10) NULL, id int NOT NULL)");
            pair.target("INSERT INTO dbo.t VALUES ('old', 901)");
        },
        // What is on record is of the table that is there.
        "SELECT COUNT(*) FROM replica.runs WHERE table_name = 't' AND outcome = 'ok' AND object_id = OBJECT_ID('dbo.t')",
    );
}

#[test]
fn a_view_in_the_place_of_the_source_is_copied() {
    copied(
        |pair| {
            pair.source(
                "DROP TABLE dbo.t; CREATE TABLE dbo.under (id int NOT NULL, label nvarchar(20) NULL)",
            );
            pair.source("INSERT INTO dbo.under VALUES (1, N'one'), (2, NULL), (3, N'three')");
            pair.source.client().batch("CREATE VIEW dbo.t AS SELECT id, label FROM dbo.under WHERE id < 3");
        },
        "SELECT COUNT(*) FROM dbo.t WHERE label = N'one'",
    );
}

/// The plan knew one old row; most of those that there are now would be lost.
#[test]
fn rows_that_come_to_the_target_are_not_lost() {
    let Some(pair) = pair() else { return };
    let many = "INSERT INTO dbo.t SELECT TOP (2000) 1000 + ROW_NUMBER() OVER (ORDER BY a.object_id), N'new' \
                FROM sys.all_columns AS a CROSS JOIN sys.all_columns AS b";
    let exit = meanwhile(&pair, |pair| pair.target(many)).exits(1).says("most rows would be lost");
    assert_eq!(target(&pair).number("SELECT COUNT(*) FROM dbo.t"), 2001, "{exit}");
}

#[test]
fn a_source_that_is_emptied_empties_nothing() {
    refused(|pair| pair.source("DELETE FROM dbo.t"), "most rows would be lost");
}

fn with_a_login(change: impl FnOnce(&Pair, &str)) -> Option<(Pair, ProgramExit)> {
    let pair = pair()?;
    let login = User::of(&pair)?;
    for table in ["first", "t"] {
        pair.both(&format!("GRANT SELECT, INSERT, DELETE, ALTER ON dbo.{table} TO [{}]", login.name));
    }
    let exit = run(&pair, &login.program, &[], |pair| change(pair, &login.name));
    Some((pair, exit))
}

#[test]
fn without_the_right_to_truncate_rows_are_deleted() {
    let change = |pair: &Pair, login: &str| pair.target(&format!("DENY ALTER ON dbo.t TO [{login}]"));
    let Some((pair, exit)) = with_a_login(change) else { return };
    let exit = exit.exits(0);
    assert_eq!(ids(&mut target(&pair)), [1, 2], "{exit}");
}

#[test]
fn the_right_to_read_that_goes_is_named() {
    let change = |pair: &Pair, login: &str| pair.source(&format!("DENY SELECT ON dbo.t TO [{login}]"));
    let Some((pair, exit)) = with_a_login(change) else { return };
    let exit = exit.exits(1).says("no permission to read it at the source");
    assert_eq!(ids(&mut target(&pair)), [901], "{exit}");
}

/// The lock is asked for without a wait first, and then as long as any other.
#[test]
fn a_table_that_others_hold_is_waited_for_and_not_touched() {
    let Some(pair) = pair() else { return };
    let id = target(&pair).number("SELECT OBJECT_ID('dbo.t')");
    let mut other = target(&pair);
    let exit = meanwhile(&pair, |_| {
        other.run(&format!("EXEC sp_getapplock 'replica table {id}', 'Exclusive', 'Session'"));
    });
    let exit = exit.exits(4).says("another run holds this table");
    assert_eq!(ids(&mut target(&pair)), [901], "{exit}");
    let records = target(&pair).number("SELECT COUNT(*) FROM replica.runs WHERE table_name = 't'");
    assert_eq!(records, 0, "{exit}");
}

#[test]
fn a_column_that_the_target_calls_otherwise_is_named() {
    refused(|pair| pair.target("EXEC sp_rename 'dbo.t.label', 'title', 'COLUMN'"), "label");
}

#[test]
fn a_column_that_the_source_calls_otherwise_is_named() {
    refused(|pair| pair.source("EXEC sp_rename 'dbo.t.label', 'title', 'COLUMN'"), "title");
}

#[test]
fn a_column_that_the_source_loses_is_named() {
    refused(|pair| pair.source("ALTER TABLE dbo.t DROP COLUMN label"), "label");
}

#[test]
fn values_that_a_narrower_column_does_not_hold_are_not_cut_off() {
    refused(
        |pair| {
            pair.target(
                "UPDATE dbo.t SET label = NULL; ALTER TABLE dbo.t ALTER COLUMN label nvarchar(2) NULL",
            )
        },
        "label",
    );
}

#[test]
fn values_that_come_masked_are_not_copied() {
    let mask = |pair: &Pair, _: &str| {
        pair.source("ALTER TABLE dbo.t ALTER COLUMN label ADD MASKED WITH (FUNCTION = 'default()')");
    };
    let Some((pair, exit)) = with_a_login(mask) else { return };
    let exit = exit.exits(1).says("label");
    assert_eq!(ids(&mut target(&pair)), [901], "{exit}");
}

#[test]
fn a_column_that_is_computed_from_now_on_is_not_loaded() {
    copied(
        |pair| pair.target("ALTER TABLE dbo.t ADD twice AS id * 2"),
        "SELECT COUNT(*) FROM dbo.t WHERE id = 2 AND twice = 4",
    );
}

#[test]
fn a_key_that_is_an_identity_from_now_on_keeps_its_values() {
    copied(
        |pair| {
            pair.target("DROP TABLE dbo.t; CREATE TABLE dbo.t (id int IDENTITY(50, 1) NOT NULL PRIMARY KEY, label nvarchar(20) NULL)");
            pair.target("INSERT INTO dbo.t VALUES (N'old')");
        },
        "SELECT COUNT(*) FROM dbo.t WHERE label = N'one' AND id = 1",
    );
}

#[test]
fn a_table_that_has_changed_places_with_another_is_left_alone() {
    copied(
        |pair| {
            pair.target("CREATE TABLE dbo.shadow (id int NOT NULL, label nvarchar(20) NULL)");
            pair.target("INSERT INTO dbo.shadow VALUES (902, N'old')");
            pair.target("EXEC sp_rename 'dbo.t', 'was_t'; EXEC sp_rename 'dbo.shadow', 't'");
        },
        "SELECT COUNT(*) FROM dbo.was_t WHERE id = 901",
    );
}

fn refused_in_place_of_the_target(other: &'static str, says: &str) {
    let Some(pair) = pair() else { return };
    let exit = meanwhile(&pair, |pair| {
        pair.target("EXEC sp_rename 'dbo.t', 'was_t'");
        pair.target.client().batch(other);
    });
    let exit = exit.exits(1).says(says);
    assert_eq!(target(&pair).number("SELECT COUNT(*) FROM dbo.was_t WHERE id = 901"), 1, "{exit}");
    assert!(ended(&pair, "failed"), "{exit}");
    let at_work = target(&pair).number("SELECT COUNT(*) FROM replica.runs WHERE ended IS NULL");
    assert_eq!(at_work, 0, "{exit}");
}

#[test]
fn a_view_in_the_place_of_the_target_is_refused() {
    refused_in_place_of_the_target("CREATE VIEW dbo.t AS SELECT id, label FROM dbo.was_t", "view");
}

#[test]
fn a_synonym_in_the_place_of_the_target_is_refused() {
    refused_in_place_of_the_target("CREATE SYNONYM dbo.t FOR dbo.was_t", "synonym");
}

/// What only the load's plan warns of is said, too.
#[test]
fn a_check_that_is_left_untrusted_is_named() {
    let Some(pair) = pair() else { return };
    let check = "ALTER TABLE dbo.t ADD CONSTRAINT high CHECK (id > 100)";
    let exit = meanwhile(&pair, |pair| pair.target(check)).exits(0).says("left untrusted: high");
    assert_eq!(exit.stderr.matches("left untrusted").count(), 1, "{exit}");
}

#[test]
fn a_check_that_the_new_rows_fail_keeps_the_old_ones() {
    let Some(pair) = pair() else { return };
    let exit = run(&pair, &tool(&pair), &["--check-constraints"], |pair| {
        pair.target("ALTER TABLE dbo.t ADD CONSTRAINT high CHECK (id > 100)");
    });
    let exit = exit.exits(1).says("high");
    assert_eq!(ids(&mut target(&pair)), [901], "{exit}");
}

#[test]
fn what_a_column_cuts_off_from_now_on_is_said() {
    let Some(pair) = pair() else { return };
    pair.both("ALTER TABLE dbo.t ADD at datetime2(7) NULL");
    let exit = meanwhile(&pair, |pair| {
        pair.target("ALTER TABLE dbo.t ALTER COLUMN at datetime2(0) NULL");
    });
    let known = tool(&pair).run(&["dbo.t"]).exits(0).says("column at: ");
    let warnings = |exit: &ProgramExit| exit.stderr.matches("column at: ").count();
    assert_eq!((warnings(&exit), warnings(&known)), (1, 1), "{exit}");
}

#[test]
fn a_unique_index_that_the_new_rows_violate_keeps_the_old_ones() {
    refused(
        |pair| {
            pair.source("INSERT INTO dbo.t VALUES (3, N'one')");
            pair.target("CREATE UNIQUE INDEX one_label ON dbo.t (label)");
        },
        "one_label",
    );
}

#[test]
fn an_index_that_is_disabled_stays_so() {
    copied(
        |pair| pair.target("CREATE INDEX by_label ON dbo.t (label); ALTER INDEX by_label ON dbo.t DISABLE"),
        "SELECT COUNT(*) FROM sys.indexes WHERE object_id = OBJECT_ID('dbo.t') AND name = 'by_label' AND is_disabled = 1",
    );
}

#[test]
fn a_view_that_is_bound_and_indexed_meanwhile_has_the_new_rows() {
    copied(
        |pair| {
            pair.target
                .client()
                .batch("CREATE VIEW dbo.ones WITH SCHEMABINDING AS SELECT id, label FROM dbo.t");
            pair.target("CREATE UNIQUE CLUSTERED INDEX ones_id ON dbo.ones (id)");
        },
        "SELECT CASE WHEN COUNT(*) = 2 THEN 1 ELSE 0 END FROM dbo.ones",
    );
}

#[test]
fn change_tracking_that_begins_meanwhile_tells_of_no_truncated_rows() {
    copied(
        |pair| {
            pair.target(&format!("ALTER DATABASE [{}] SET CHANGE_TRACKING = ON", pair.target.name));
            pair.target("ALTER TABLE dbo.t ENABLE CHANGE_TRACKING");
        },
        "SELECT COUNT(*) FROM sys.change_tracking_tables WHERE object_id = OBJECT_ID('dbo.t')",
    );
}

/// The ledger is for those who look: a table is copied without it.
fn copied_without_a_record(harm: &'static str) {
    let Some(pair) = pair() else { return };
    let exit = meanwhile(&pair, |pair| pair.target(harm)).exits(0);
    assert_eq!(ids(&mut target(&pair)), [1, 2], "{exit}");
}

#[test]
fn a_ledger_that_is_gone_stops_no_load() {
    copied_without_a_record("DROP TABLE replica.runs");
}

#[test]
fn a_ledger_that_lacks_a_column_stops_no_load() {
    copied_without_a_record("EXEC sp_rename 'replica.runs.phase', 'stage', 'COLUMN'");
}

#[test]
fn a_ledger_that_others_hold_stops_no_load() {
    let Some(pair) = pair() else { return };
    let mut other = target(&pair);
    let exit = meanwhile(&pair, |_| {
        other.batch("BEGIN TRANSACTION");
        other.number("SELECT COUNT(*) FROM replica.runs WITH (TABLOCKX, HOLDLOCK)");
    });
    assert_eq!(ids(&mut target(&pair)), [1, 2], "{}", exit.exits(0));
}
