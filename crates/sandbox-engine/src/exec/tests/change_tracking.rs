//! Change tracking, as Microsoft's pages have it. What they leave open is as docs/SANDBOX.md says.
use crate::testing::{connect, engine, errors, ok, open, rows};
use sandbox_catalog::store::Storage;
use sandbox_session::{Engine, Session};
use std::sync::Arc;

fn tracked() -> (Arc<Engine>, Session) {
    let engine = engine();
    let mut session = connect(&engine, "sa", "secret");
    ok(&mut session, "CREATE DATABASE d");
    ok(&mut session, "USE d");
    ok(
        &mut session,
        "ALTER DATABASE d SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 2 DAYS, AUTO_CLEANUP = ON)",
    );
    ok(&mut session, "CREATE TABLE t (id int NOT NULL CONSTRAINT pk PRIMARY KEY, a int, b int, c int)");
    ok(&mut session, "ALTER TABLE t ENABLE CHANGE_TRACKING WITH (TRACK_COLUMNS_UPDATED = ON)");
    (engine, session)
}

fn also(engine: &Arc<Engine>) -> Session {
    let mut session = connect(engine, "sa", "secret");
    ok(&mut session, "USE d");
    session
}

/// Each changed row as `id operation version/creation`, by key.
fn changes(session: &mut Session, since: &str) -> String {
    let sql = format!(
        "SELECT c.id, c.SYS_CHANGE_OPERATION, c.SYS_CHANGE_VERSION, c.SYS_CHANGE_CREATION_VERSION
         FROM CHANGETABLE(CHANGES t, {since}) AS c ORDER BY c.id"
    );
    let shown = |row: Vec<String>| format!("{}{}{}/{}", row[0], row[1], row[2], row[3].replace("NULL", ""));
    rows(session, &sql).into_iter().map(shown).collect::<Vec<_>>().join(" ")
}

fn version(session: &mut Session) -> String {
    rows(session, "SELECT CHANGE_TRACKING_CURRENT_VERSION()").remove(0).remove(0)
}

fn number(session: &mut Session, sql: &str) -> i32 {
    errors(session, sql)[0].0
}

#[test]
fn changes_are_net_for_each_key_from_a_version_on() {
    for (writes, since, expected) in [
        ("", "0", "1I1/1 2I1/1 3I1/1"),
        ("", "NULL", "1I1/1 2I1/1 3I1/1"),
        ("", "1", ""),
        ("", "-1", ""),
        ("UPDATE t SET a = 1", "99", ""),
        ("UPDATE t SET a = 9 WHERE id = 1", "0", "1I2/1 2I1/1 3I1/1"),
        ("UPDATE t SET a = 9 WHERE id = 1", "1", "1U2/"),
        ("UPDATE t SET a = 1 WHERE 1 = 0", "1", ""),
        ("DELETE t WHERE id = 2", "0", "1I1/1 2D2/1 3I1/1"),
        ("DELETE t WHERE id = 2", "1", "2D2/"),
        ("INSERT t VALUES (4, 0, 0, 0); DELETE t WHERE id = 4", "1", "4D3/2"),
        ("DELETE t WHERE id = 1; INSERT t VALUES (1, 0, 0, 0)", "1", "1U3/3"),
        ("DELETE t WHERE id = 1; INSERT t VALUES (1, 0, 0, 0)", "2", "1I3/3"),
        ("UPDATE t SET id = id + 10 WHERE id < 3", "1", "1D2/ 2D2/ 11I2/2 12I2/2"),
        ("UPDATE t SET id = id + 1", "1", "1D2/ 2U2/2 3U2/2 4I2/2"),
        ("UPDATE t SET id = id WHERE id = 1", "1", "1U2/2"),
    ] {
        let (_, mut session) = tracked();
        ok(&mut session, "INSERT t VALUES (1, 1, 1, 1), (2, 2, 2, 2), (3, 3, 3, 3)");
        ok(&mut session, writes);
        assert_eq!(changes(&mut session, since), expected, "{writes} since {since}");
    }
}

#[test]
fn a_transaction_is_one_version_and_one_change_for_each_key() {
    let (_, mut session) = tracked();
    ok(&mut session, "INSERT t VALUES (9, 9, 9, 9)");
    ok(
        &mut session,
        "BEGIN TRAN
         INSERT t VALUES (1, 1, 1, 1); DELETE t WHERE id = 1
         INSERT t VALUES (2, 2, 2, 2); DELETE t WHERE id = 2; INSERT t VALUES (2, 3, 3, 3)
         DELETE t WHERE id = 9; INSERT t VALUES (9, 10, 10, 10); UPDATE t SET a = 4 WHERE id = 9
         COMMIT",
    );
    assert_eq!(changes(&mut session, "0"), "1D2/2 2I2/2 9I2/2");
    assert_eq!(changes(&mut session, "1"), "1D2/2 2I2/2 9U2/2");
    assert_eq!(version(&mut session), "2");
}

#[test]
fn versions_are_in_the_order_of_commits_and_only_for_tracked_changes() {
    let (engine, mut late) = tracked();
    let mut early = also(&engine);
    assert_eq!(version(&mut early), "0");
    ok(&mut late, "BEGIN TRAN; INSERT t VALUES (1, 1, 1, 1)");
    // The change is not there before its commit, for its own session either.
    assert_eq!((version(&mut late), changes(&mut late, "0")), ("0".to_owned(), String::new()));
    ok(&mut early, "INSERT t VALUES (2, 2, 2, 2)");
    assert_eq!(changes(&mut early, "0"), "2I1/1");
    ok(&mut early, "CREATE TABLE u (id int PRIMARY KEY); INSERT u VALUES (1)");
    assert_eq!(version(&mut early), "1");
    ok(&mut late, "COMMIT");
    assert_eq!(changes(&mut early, "0"), "1I2/2 2I1/1");
    assert_eq!(changes(&mut early, "1"), "1I2/2");
}

#[test]
fn what_is_rolled_back_was_never_changed() {
    let (_, mut session) = tracked();
    ok(&mut session, "BEGIN TRAN; INSERT t VALUES (1, 1, 1, 1); ROLLBACK");
    assert_eq!((version(&mut session), changes(&mut session, "0")), ("0".to_owned(), String::new()));
    ok(
        &mut session,
        "BEGIN TRAN; INSERT t VALUES (4, 4, 4, 4); SAVE TRAN s; INSERT t VALUES (5, 5, 5, 5); ROLLBACK TRAN s; COMMIT",
    );
    assert_eq!(changes(&mut session, "0"), "4I1/1");
    ok(&mut session, "BEGIN TRAN; SAVE TRAN s; DELETE t; ROLLBACK TRAN s; COMMIT");
    assert_eq!(version(&mut session), "1");
    assert_eq!(number(&mut session, "INSERT t VALUES (6, 6, 6, 6), (4, 4, 4, 4)"), 2627);
    assert_eq!((version(&mut session), changes(&mut session, "0")), ("1".to_owned(), "4I1/1".to_owned()));
}

#[test]
fn a_snapshot_sees_its_changes_and_no_later_ones() {
    let (engine, mut writer) = tracked();
    ok(&mut writer, "ALTER DATABASE d SET ALLOW_SNAPSHOT_ISOLATION ON");
    ok(&mut writer, "INSERT t VALUES (1, 1, 1, 1)");
    let mut reader = also(&engine);
    ok(&mut reader, "SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRAN");
    assert_eq!(changes(&mut reader, "0"), "1I1/1");
    ok(&mut writer, "UPDATE t SET a = 2; INSERT t VALUES (2, 2, 2, 2)");
    ok(&mut writer, "BEGIN TRAN; INSERT t VALUES (3, 3, 3, 3)");
    assert_eq!(changes(&mut reader, "0"), "1I1/1");
    let joined = "SELECT c.id, t.a FROM CHANGETABLE(CHANGES t, 0) AS c LEFT JOIN t ON t.id = c.id ORDER BY 1";
    assert_eq!(rows(&mut reader, joined), [["1", "1"]]);
    // Whether the function heeds the snapshot is not documented: the one that does not loses rows.
    assert_eq!(version(&mut reader), "3");
    ok(&mut reader, "COMMIT");
    assert_eq!(changes(&mut reader, "0"), "1I2/1 2I3/3");
}

#[test]
fn the_database_is_switched_first_and_last() {
    let (_, mut session) = tracked();
    assert_eq!(number(&mut session, "ALTER DATABASE d SET CHANGE_TRACKING = ON"), 5088);
    let told = errors(&mut session, "ALTER DATABASE d SET CHANGE_TRACKING = OFF");
    assert!(told[0].0 == 22115 && told[0].1.contains("in database 'd'"), "{told:?}");
    ok(&mut session, "ALTER DATABASE d SET CHANGE_TRACKING (CHANGE_RETENTION = 30 MINUTES)");
    ok(&mut session, "ALTER DATABASE d SET CHANGE_TRACKING (AUTO_CLEANUP = OFF)");
    let options =
        "SELECT is_auto_cleanup_on, retention_period, retention_period_units, retention_period_units_desc
                   FROM sys.change_tracking_databases WHERE database_id = DB_ID()";
    assert_eq!(rows(&mut session, options), [["0", "30", "1", "MINUTES"]]);
    ok(&mut session, "INSERT t VALUES (1, 1, 1, 1)");
    ok(&mut session, "ALTER TABLE t DISABLE CHANGE_TRACKING; ALTER DATABASE d SET CHANGE_TRACKING = OFF");
    assert_eq!(version(&mut session), "NULL");
    assert_eq!(number(&mut session, "ALTER DATABASE d SET CHANGE_TRACKING (AUTO_CLEANUP = ON)"), 5089);
    assert_eq!(number(&mut session, "ALTER TABLE t ENABLE CHANGE_TRACKING"), 1718);
    assert_eq!(number(&mut session, "ALTER DATABASE master SET CHANGE_TRACKING = ON"), 5090);
    for (options, error) in [
        ("= ON (AUTO_CLEANUP = ON, AUTO_CLEANUP = OFF)", 5091),
        ("= ON (CHANGE_RETENTION = 0 DAYS)", 5092),
        ("= ON (CHANGE_RETENTION = 1)", 102),
        ("= ON ()", 102),
        ("= ON, RECOVERY SIMPLE", 22114),
    ] {
        assert_eq!(
            number(&mut session, &format!("ALTER DATABASE d SET CHANGE_TRACKING {options}")),
            error,
            "{options}"
        );
    }
    // The counter goes on where it was.
    ok(&mut session, "ALTER DATABASE d SET CHANGE_TRACKING = ON; ALTER TABLE t ENABLE CHANGE_TRACKING");
    assert_eq!((version(&mut session), changes(&mut session, "0")), ("1".to_owned(), String::new()));
}

#[test]
fn a_table_is_tracked_by_its_primary_key() {
    let (_, mut session) = tracked();
    ok(&mut session, "CREATE TABLE h (id int NOT NULL); CREATE TABLE u (id int PRIMARY KEY)");
    ok(&mut session, "CREATE TABLE r (rv rowversion PRIMARY KEY)");
    ok(&mut session, "CREATE TABLE x (id int CONSTRAINT x_pk PRIMARY KEY NONCLUSTERED)");
    ok(&mut session, "ALTER INDEX x_pk ON x DISABLE");
    for (statement, error) in [
        ("ALTER TABLE t ENABLE CHANGE_TRACKING", 4996),
        ("ALTER TABLE h ENABLE CHANGE_TRACKING", 4997),
        ("ALTER TABLE r ENABLE CHANGE_TRACKING", 4999),
        ("ALTER TABLE x ENABLE CHANGE_TRACKING", 22119),
        ("ALTER TABLE u DISABLE CHANGE_TRACKING", 4998),
        ("ALTER TABLE nosuch ENABLE CHANGE_TRACKING", 4902),
        ("ALTER TABLE u ENABLE CHANGE_TRACKING WITH (TRACK_COLUMNS_UPDATED = maybe)", 102),
        ("ALTER TABLE t DROP CONSTRAINT pk", 3735),
        ("ALTER INDEX pk ON t DISABLE", 22113),
    ] {
        assert_eq!(number(&mut session, statement), error, "{statement}");
    }
    ok(&mut session, "SELECT * INTO copy FROM t; ALTER TABLE copy ADD CONSTRAINT copy_pk PRIMARY KEY (id)");
    assert_eq!(number(&mut session, "ALTER TABLE t SWITCH TO copy"), 4900);
    assert_eq!(number(&mut session, "ALTER TABLE copy SWITCH TO t"), 4900);
    ok(&mut session, "DROP TABLE t");
    assert_eq!(rows(&mut session, "SELECT COUNT(*) FROM sys.change_tracking_tables"), [["0"]]);
}

#[test]
fn changetable_takes_a_tracked_table_a_scalar_and_an_alias() {
    let (_, mut session) = tracked();
    ok(&mut session, "CREATE TABLE u (id int PRIMARY KEY)");
    ok(&mut session, "CREATE VIEW v AS SELECT id FROM t");
    for (source, error) in [
        ("CHANGETABLE(CHANGES t, 0)", 22104),
        ("CHANGETABLE(CHANGES u, 0) AS c", 22105),
        ("CHANGETABLE(CHANGES other.d.dbo.t, 0) AS c", 22106),
        ("CHANGETABLE(CHANGES v, 0) AS c", 22107),
        ("CHANGETABLE(CHANGES sys.objects, 0) AS c", 22107),
        ("CHANGETABLE(CHANGES nosuch, 0) AS c", 208),
        ("CHANGETABLE(CHANGES t) AS c", 102),
        ("CHANGETABLE(CHANGES t, 1 + 1) AS c", 102),
        ("CHANGETABLE(CHANGES t, @v + 1) AS c", 102),
        ("CHANGETABLE(CHANGES t, (SELECT 1)) AS c", 102),
        ("CHANGETABLE(CHANGES t, 1.5) AS c", 102),
        ("CHANGETABLE(CHANGES t, @v) AS c (a, b)", 8158),
        ("CHANGETABLE(VERSION t, (id, a), (1, 1)) AS c", 22110),
        ("CHANGETABLE(VERSION t, (a), (1)) AS c", 22111),
        ("CHANGETABLE(VERSION t, (id), (1, 1)) AS c", 22103),
    ] {
        let sql = format!("DECLARE @v bigint = 0; SELECT * FROM {source}");
        assert_eq!(number(&mut session, &sql), error, "{source}");
    }
    assert_eq!(
        errors(&mut session, "SELECT * FROM CHANGETABLE(CHANGES dbo.u, 0) AS c")[0].1,
        "Change tracking is not enabled on table 'dbo.u'."
    );
    ok(&mut session, "INSERT t VALUES (1, 1, 1, 1)");
    let named = "DECLARE @v bigint = 0; SELECT c.v, k FROM CHANGETABLE(CHANGES d.dbo.t, @v, FORCESEEK) AS c (v, w, o, l, x, k)";
    assert_eq!(rows(&mut session, named), [["1", "1"]]);
    let all = ok(&mut session, "SELECT * FROM CHANGETABLE(CHANGES t, 0) AS c");
    let columns: Vec<String> =
        all.results[0].0.iter().map(|c| format!("{} {}", c.name, c.sql_type)).collect();
    assert_eq!(
        columns,
        [
            "SYS_CHANGE_VERSION bigint",
            "SYS_CHANGE_CREATION_VERSION bigint",
            "SYS_CHANGE_OPERATION nchar(1)",
            "SYS_CHANGE_COLUMNS varbinary(4100)",
            "SYS_CHANGE_CONTEXT varbinary(128)",
            "id int",
        ]
    );
}

#[test]
fn a_keys_columns_come_in_its_order_and_compare_by_their_collation() {
    let (_, mut session) = tracked();
    ok(
        &mut session,
        "CREATE TABLE k (id int, s varchar(5) COLLATE Latin1_General_CI_AS, a int, PRIMARY KEY (s, id));
         ALTER TABLE k ENABLE CHANGE_TRACKING;
         INSERT k VALUES (1, 'b', 1);
         UPDATE k SET s = 'B'",
    );
    let sql = "SELECT * FROM CHANGETABLE(CHANGES k, 0) AS c";
    assert_eq!(rows(&mut session, sql), [["2", "2", "I", "NULL", "NULL", "b", "1"]]);
    let joined = "SELECT k.s FROM CHANGETABLE(CHANGES k, 0) AS c JOIN k ON k.s = c.s AND k.id = c.id";
    assert_eq!(rows(&mut session, joined), [["B"]]);
}

#[test]
fn the_columns_of_updates_are_told_unless_all_were_set() {
    for (writes, expected) in [
        ("UPDATE t SET b = 5", "[00, 00, 00, 00, 03, 00, 00, 00]"),
        ("UPDATE t SET c = 5, a = 3", "[00, 00, 00, 00, 04, 00, 00, 00, 02, 00, 00, 00]"),
        ("UPDATE t SET b = 5; UPDATE t SET b = 6, a = 1", "[00, 00, 00, 00, 03, 00, 00, 00, 02, 00, 00, 00]"),
        ("UPDATE t SET b = 5; UPDATE t SET a = 1, b = 1, c = 1", "NULL"),
        ("UPDATE t SET id = id", "NULL"),
    ] {
        let (_, mut session) = tracked();
        ok(&mut session, "INSERT t VALUES (1, 1, 1, 1)");
        ok(&mut session, writes);
        let told = rows(&mut session, "SELECT SYS_CHANGE_COLUMNS FROM CHANGETABLE(CHANGES t, 1) AS c");
        assert_eq!(told, [[expected]], "{writes}");
    }
}

#[test]
fn rows_that_others_take_along_are_tracked_too() {
    let (_, mut session) = tracked();
    ok(&mut session, "CREATE TABLE p (id int PRIMARY KEY)");
    ok(
        &mut session,
        "CREATE TABLE c (id int PRIMARY KEY, pid int REFERENCES p ON DELETE CASCADE ON UPDATE CASCADE);
         ALTER TABLE c ENABLE CHANGE_TRACKING",
    );
    ok(&mut session, "CREATE TRIGGER tr ON p AFTER INSERT AS INSERT t (id) SELECT id FROM inserted");
    ok(&mut session, "INSERT p VALUES (1), (2); INSERT c VALUES (10, 1), (20, 2)");
    assert_eq!(changes(&mut session, "0"), "1I1/1 2I1/1");
    ok(&mut session, "DELETE p WHERE id = 1; UPDATE p SET id = 3 WHERE id = 2");
    let of_c =
        "SELECT id, SYS_CHANGE_OPERATION, SYS_CHANGE_VERSION FROM CHANGETABLE(CHANGES c, 2) AS x ORDER BY id";
    assert_eq!(rows(&mut session, of_c), [["10", "D", "3"], ["20", "U", "4"]]);
}

#[test]
fn truncate_forgets_and_only_the_lowest_valid_version_tells() {
    let (_, mut session) = tracked();
    let lowest = "SELECT CHANGE_TRACKING_MIN_VALID_VERSION(OBJECT_ID('t'))";
    assert_eq!(rows(&mut session, lowest), [["0"]]);
    ok(&mut session, "INSERT t VALUES (1, 1, 1, 1), (2, 2, 2, 2)");
    ok(&mut session, "BEGIN TRAN; TRUNCATE TABLE t; ROLLBACK");
    assert_eq!(
        (rows(&mut session, lowest)[0][0].as_str(), changes(&mut session, "0").as_str()),
        ("0", "1I1/1 2I1/1")
    );
    ok(&mut session, "TRUNCATE TABLE t");
    assert_eq!((rows(&mut session, lowest)[0][0].as_str(), version(&mut session).as_str()), ("1", "1"));
    ok(&mut session, "INSERT t VALUES (3, 3, 3, 3)");
    assert_eq!(changes(&mut session, "0"), "3I2/2");
    let shown = "SELECT is_track_columns_updated_on, min_valid_version, begin_version, cleanup_version FROM sys.change_tracking_tables";
    assert_eq!(rows(&mut session, shown), [["1", "1", "1", "0"]]);
}

#[test]
fn changes_take_a_permission_of_their_own() {
    let (engine, mut session) = tracked();
    ok(&mut session, "INSERT t VALUES (1, 1, 1, 1)");
    ok(&mut session, "CREATE LOGIN reader WITH PASSWORD = 'Secret-123'; CREATE USER reader FOR LOGIN reader");
    ok(&mut session, "GRANT SELECT ON t TO reader");
    let mut reader = connect(&engine, "reader", "Secret-123");
    ok(&mut reader, "USE d");
    let told = errors(&mut reader, "SELECT * FROM CHANGETABLE(CHANGES t, 0) AS c");
    let text =
        "The VIEW CHANGE TRACKING permission was denied on the object 't', database 'd', schema 'dbo'.";
    assert_eq!(told, [(229, text.to_owned())]);
    let lowest = "SELECT CHANGE_TRACKING_MIN_VALID_VERSION(OBJECT_ID('t'))";
    assert_eq!(rows(&mut reader, lowest), [["NULL"]]);
    assert_eq!(version(&mut reader), "1");
    ok(&mut session, "GRANT VIEW CHANGE TRACKING ON SCHEMA::dbo TO reader");
    assert_eq!(
        (changes(&mut reader, "0").as_str(), rows(&mut reader, lowest)[0][0].as_str()),
        ("1I1/1", "0")
    );
    assert_eq!(number(&mut reader, "SELECT * FROM sys.dm_tran_commit_table"), 300);
    ok(&mut session, "DENY VIEW CHANGE TRACKING ON t TO reader");
    assert_eq!(number(&mut reader, "SELECT * FROM CHANGETABLE(CHANGES t, 0) AS c"), 229);
    ok(&mut session, "REVOKE VIEW CHANGE TRACKING ON t FROM reader; REVOKE SELECT ON t FROM reader");
    assert_eq!(number(&mut reader, "SELECT * FROM CHANGETABLE(CHANGES t, 0) AS c"), 229);
}

#[test]
fn the_latest_version_of_a_row_is_told() {
    let (_, mut session) = tracked();
    ok(
        &mut session,
        "CREATE TABLE k (id int, s varchar(5), a int, PRIMARY KEY (s, id));
         INSERT k VALUES (1, 'x', 1);
         ALTER TABLE k ENABLE CHANGE_TRACKING;
         INSERT k VALUES (2, 'y', 2), (3, 'z', 3);
         UPDATE k SET a = 5 WHERE id = 2;
         DELETE k WHERE id = 3",
    );
    let of = |key: &str| {
        format!("SELECT v.SYS_CHANGE_VERSION, v.s, v.id FROM CHANGETABLE(VERSION k, (id, s), ({key})) AS v")
    };
    assert_eq!(rows(&mut session, &of("1, 'x'")), [["NULL", "x", "1"]]);
    assert_eq!(rows(&mut session, &of("2, 'y'")), [["2", "y", "2"]]);
    assert_eq!(rows(&mut session, &of("3, 'z'")), Vec::<Vec<String>>::new());
    let correlated = "SELECT k.id, (SELECT v.SYS_CHANGE_VERSION FROM CHANGETABLE(VERSION k, (s, id), (k.s, k.id)) AS v) FROM k ORDER BY 1";
    assert_eq!(rows(&mut session, correlated), [["1", "NULL"], ["2", "2"]]);
}

#[test]
fn the_last_statement_to_touch_a_row_gives_its_context() {
    let (_, mut session) = tracked();
    ok(
        &mut session,
        "INSERT t VALUES (1, 1, 1, 1), (2, 2, 2, 2);
         BEGIN TRAN;
         WITH CHANGE_TRACKING_CONTEXT (0x07) UPDATE t SET a = 2;
         WITH CHANGE_TRACKING_CONTEXT (0x08) UPDATE t SET a = 3 WHERE id = 1;
         UPDATE t SET a = 3 WHERE id = 2;
         COMMIT;
         DECLARE @c binary(1) = 0x0a;
         WITH CHANGE_TRACKING_CONTEXT (@c), s AS (SELECT 3 AS id) INSERT t (id) SELECT id FROM s",
    );
    let told =
        rows(&mut session, "SELECT id, SYS_CHANGE_CONTEXT FROM CHANGETABLE(CHANGES t, 0) AS c ORDER BY 1");
    assert_eq!(told, [["1", "[08]"], ["2", "NULL"], ["3", "[0a]"]]);
    let of_row = "SELECT SYS_CHANGE_CONTEXT FROM CHANGETABLE(VERSION t, (id), (1)) AS c";
    assert_eq!(rows(&mut session, of_row), [["[08]"]]);
    for (context, error) in [
        ("DECLARE @c varbinary(200) = 0x01; WITH CHANGE_TRACKING_CONTEXT (@c) DELETE t", 22109),
        ("DECLARE @c varchar(10) = 'a'; WITH CHANGE_TRACKING_CONTEXT (@c) DELETE t", 22109),
        ("WITH CHANGE_TRACKING_CONTEXT (0x01), s AS (SELECT 1 AS a) SELECT * FROM s", 22108),
        ("WITH CHANGE_TRACKING_CONTEXT ('abc') DELETE t", 102),
        ("WITH CHANGE_TRACKING_CONTEXT (0x01) EXEC sp_who", 156),
    ] {
        assert_eq!(number(&mut session, context), error, "{context}");
    }
    assert_eq!(rows(&mut session, "SELECT COUNT(*) FROM t"), [["3"]]);
}

#[test]
fn a_mask_tells_its_columns() {
    let (_, mut session) = tracked();
    ok(&mut session, "INSERT t VALUES (1, 1, 1, 1); UPDATE t SET b = 5");
    let asked = |column: &str, since: &str| {
        format!(
            "SELECT CHANGE_TRACKING_IS_COLUMN_IN_MASK(COLUMNPROPERTY(OBJECT_ID('t'), '{column}', 'ColumnId'),
             SYS_CHANGE_COLUMNS) FROM CHANGETABLE(CHANGES t, {since}) AS c"
        )
    };
    assert_eq!(rows(&mut session, &asked("a", "1")), [["0"]]);
    assert_eq!(rows(&mut session, &asked("b", "1")), [["1"]]);
    assert_eq!(rows(&mut session, &asked("a", "0")), [["1"]]);
    assert_eq!(number(&mut session, "SELECT CHANGE_TRACKING_IS_COLUMN_IN_MASK(1, 0x01)"), 22101);
}

#[test]
fn cleanup_takes_what_is_older_than_the_retention_period() {
    let (engine, mut session) = tracked();
    ok(&mut session, "ALTER DATABASE d SET ALLOW_SNAPSHOT_ISOLATION ON");
    ok(&mut session, "INSERT t VALUES (1, 1, 1, 1); INSERT t VALUES (2, 2, 2, 2)");
    let lowest = "SELECT CHANGE_TRACKING_MIN_VALID_VERSION(OBJECT_ID('t'))";
    ok(&mut session, "EXEC sp_sandbox_cleanup; EXEC sys.sp_flush_CT_internal_table_on_demand 't'");
    assert_eq!(
        (changes(&mut session, "0").as_str(), rows(&mut session, lowest)[0][0].as_str()),
        ("1I1/1 2I2/2", "0")
    );
    let mut reader = also(&engine);
    ok(&mut reader, "SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRAN; SELECT id FROM t");
    ok(&mut session, "EXEC sp_sandbox_cleanup @minutes = 2881");
    assert_eq!((changes(&mut session, "0").as_str(), rows(&mut session, lowest)[0][0].as_str()), ("", "2"));
    assert_eq!(changes(&mut reader, "0"), "1I1/1 2I2/2");
    ok(&mut reader, "COMMIT");
    assert_eq!(changes(&mut reader, "0"), "");
    ok(&mut session, "UPDATE t SET a = 9 WHERE id = 2");
    assert_eq!(changes(&mut session, "0"), "2U3/");
    let shown = "SELECT min_valid_version, begin_version, cleanup_version FROM sys.change_tracking_tables";
    assert_eq!(rows(&mut session, shown), [["2", "0", "2"]]);
    ok(
        &mut session,
        "ALTER DATABASE d SET CHANGE_TRACKING (CHANGE_RETENTION = 10 MINUTES); EXEC sp_sandbox_cleanup @minutes = 11",
    );
    assert_eq!((changes(&mut session, "0").as_str(), version(&mut session).as_str()), ("", "3"));
    assert_eq!(rows(&mut session, "SELECT COUNT(*) FROM sys.dm_tran_commit_table"), [["0"]]);
    assert_eq!(
        number(&mut session, "CREATE TABLE u (id int); EXEC sp_flush_CT_internal_table_on_demand 'u'"),
        22105
    );
    assert_eq!(number(&mut session, "EXEC sp_flush_CT_internal_table_on_demand 'nosuch'"), 208);
    ok(&mut session, "INSERT t VALUES (3, 3, 3, 3); EXEC sp_sandbox_cleanup");
    let counted = "DECLARE @n bigint; EXEC sp_flush_CT_internal_table_on_demand NULL, @DeletedRowCount = @n OUTPUT; SELECT @n";
    assert_eq!(rows(&mut session, counted), [["0"]]);
}

#[test]
fn a_restore_puts_versions_back_and_forks_the_history() {
    let (_, mut session) = tracked();
    ok(&mut session, "CREATE TABLE r (id int PRIMARY KEY, rv rowversion)");
    ok(
        &mut session,
        "INSERT t VALUES (1, 1, 1, 1); INSERT t VALUES (2, 2, 2, 2); INSERT t VALUES (3, 3, 3, 3)",
    );
    let fork = "SELECT recovery_fork_guid FROM sys.database_recovery_status WHERE database_id = DB_ID()";
    let marks = "SELECT commit_ts, xdes_id FROM sys.dm_tran_commit_table ORDER BY 1";
    let (before, marked) = (rows(&mut session, fork), rows(&mut session, marks));
    assert_eq!(marked.len(), 3);
    ok(&mut session, "EXEC sp_sandbox_restore @version = 1, @rowversion = 40");
    assert_eq!((version(&mut session), changes(&mut session, "0")), ("1".to_owned(), "1I1/1".to_owned()));
    assert_ne!(rows(&mut session, fork), before);
    assert_eq!(rows(&mut session, "SELECT CAST(MIN_ACTIVE_ROWVERSION() AS bigint)"), [["41"]]);
    // The numbers come again, with other content.
    ok(
        &mut session,
        "DELETE t WHERE id = 1; UPDATE t SET a = 0 WHERE id = 2; UPDATE t SET a = 0 WHERE id = 2",
    );
    assert_eq!((version(&mut session), changes(&mut session, "2")), ("4".to_owned(), "2U4/".to_owned()));
    let again = rows(&mut session, marks);
    assert_eq!(again[0], marked[0]);
    assert!(again[1] != marked[1] && again[2] != marked[2], "{again:?}");
    let forked = rows(&mut session, fork);
    ok(&mut session, "EXEC sp_sandbox_restore @version = 2, @same_fork = 1");
    assert_eq!((version(&mut session), rows(&mut session, fork)), ("2".to_owned(), forked));
}

#[test]
fn a_secondary_replica_is_played_on_request() {
    let (_, mut session) = tracked();
    ok(&mut session, "EXEC sp_sandbox_fault 'secondary_replica', @table = 'dbo.t'");
    assert_eq!(number(&mut session, "SELECT * FROM CHANGETABLE(CHANGES t, 0) AS c"), 22117);
    assert_eq!(changes(&mut session, "0"), "");
}

#[test]
fn versions_and_changes_outlive_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let storage = || Storage::Folder(folder.path().to_owned());
    {
        let engine = open(storage());
        let mut session = connect(&engine, "sa", "secret");
        ok(&mut session, "CREATE DATABASE d");
        ok(&mut session, "ALTER DATABASE d SET CHANGE_TRACKING = ON");
        ok(&mut session, "USE d");
        ok(&mut session, "CREATE TABLE t (id int PRIMARY KEY, a int); ALTER TABLE t ENABLE CHANGE_TRACKING");
        ok(&mut session, "INSERT t VALUES (1, 1); INSERT t VALUES (2, 2)");
        // Left open by a crash.
        ok(&mut session, "BEGIN TRAN; DELETE t");
        std::mem::forget(session);
    }
    let engine = open(storage());
    let mut session = also(&engine);
    assert_eq!(
        (version(&mut session), changes(&mut session, "0")),
        ("2".to_owned(), "1I1/1 2I2/2".to_owned())
    );
    ok(&mut session, "DELETE t WHERE id = 1");
    assert_eq!(changes(&mut session, "1"), "1D3/ 2I2/2");
}

#[test]
fn an_open_transaction_holds_the_lowest_rowversion() {
    let (engine, mut session) = tracked();
    ok(&mut session, "CREATE TABLE r (id int PRIMARY KEY, a int, rv rowversion)");
    ok(&mut session, "INSERT r (id) VALUES (1)");
    let mut other = also(&engine);
    let ahead = "SELECT CAST(MIN_ACTIVE_ROWVERSION() AS bigint) - CAST(@@DBTS AS bigint)";
    assert_eq!(rows(&mut other, ahead), [["1"]]);
    ok(&mut session, "BEGIN TRAN; UPDATE r SET a = 1; UPDATE r SET a = 2");
    ok(&mut other, "INSERT r (id) VALUES (2)");
    for isolation in ["READ COMMITTED", "SNAPSHOT", "READ UNCOMMITTED"] {
        ok(&mut other, &format!("SET TRANSACTION ISOLATION LEVEL {isolation}"));
        assert_eq!(rows(&mut other, ahead), [["-2"]], "{isolation}");
    }
    // Another database has a counter of its own.
    ok(&mut other, "CREATE DATABASE e");
    assert_eq!(
        rows(&mut other, "USE e; SELECT CAST(MIN_ACTIVE_ROWVERSION() AS bigint) - CAST(@@DBTS AS bigint)"),
        [["1"]]
    );
    ok(&mut session, "ROLLBACK");
    ok(&mut other, "USE d");
    assert_eq!(rows(&mut other, ahead), [["1"]]);
    assert_eq!(rows(&mut other, "SELECT DATALENGTH(MIN_ACTIVE_ROWVERSION())"), [["8"]]);
}
