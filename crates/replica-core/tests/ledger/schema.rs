//! The ledger's own tables: made once, by whoever comes first, if the login may.
use std::time::Duration;

use replica_core::config::Endpoint;
use replica_core::ledger;
use replica_core::session::{Role, Session};
use replica_testkit::proxy::{From, Harm, Rule, through, utf16};

use crate::util::{LedgerStage, begin, complete, months, run, run_options, subject};

#[test]
fn the_tables_are_made_once_and_opened_by_all() {
    let stage = LedgerStage::without_ledger();
    run(async {
        let (mut one, mut two) = (stage.session().await, stage.session().await);
        assert!(!ledger::exists(&mut one).await.unwrap());
        let (first, second) = tokio::join!(ledger::open(&mut one), ledger::open(&mut two));
        first.unwrap();
        second.unwrap();
        ledger::open(&mut one).await.unwrap();
    });
    let tables = "SELECT t.name AS name FROM sys.tables AS t JOIN sys.schemas AS s ON s.schema_id = t.schema_id \
                  WHERE s.name = 'replica' ORDER BY t.name";
    assert_eq!(stage.texts(tables), [["disabled_indexes"], ["ledger"], ["runs"], ["windows"]]);
    assert_eq!(stage.texts("SELECT version FROM replica.ledger"), [["2"]]);
}

#[test]
fn a_ledger_of_a_later_release_is_left_alone() {
    let stage = LedgerStage::new();
    stage.batch("UPDATE replica.ledger SET version = 3");
    let error = run(async { ledger::open(&mut stage.session().await).await.unwrap_err().to_string() });
    assert!(error.contains("version 3, this program knows versions 1 to 2"), "{error}");
    assert!(error.contains("newer release"), "{error}");
}

/// What a ledger of version 1 was made by.
const VERSION_1: &str = include_str!("version_1.sql");

/// One of version 1 with a run, two windows and a disabled index on record.
fn of_version_1() -> LedgerStage {
    let stage = LedgerStage::without_ledger();
    stage.batch("CREATE SCHEMA replica");
    stage.batch(VERSION_1);
    stage.batch(
        "INSERT INTO replica.runs (batch_id, tool, schema_name, table_name, object_id, source, pid, shared, phase, started, \
         lease_until, windows_done, windows_failed, windows_skipped, row_count, byte_count, retries, disable_ms, rebuild_ms) \
         VALUES (1, 'old', 'dbo', 'SALES', 7, 's', 1, 0, 'ended', '2024-01-01', '2024-01-01', 1, 0, 0, 5, 50, 0, 0, 0); \
         INSERT INTO replica.windows (schema_name, table_name, first_date, next_date, state, object_id, date_column, \
         fingerprint, source, batch_id, run_id, attempts, estimated_rows, row_count, byte_count, row_hash) VALUES \
         ('dbo', 'SALES', '2024-01-01', '2024-02-01', 'complete', 7, 'sale_date', 'f', 's', 1, 1, 1, 5, 5, 50, 'abc'), \
         ('dbo', 'SALES', '2024-02-01', '2024-03-01', 'failed', 7, 'sale_date', 'f', 's', 1, 1, 3, 9, NULL, NULL, NULL); \
         INSERT INTO replica.disabled_indexes (schema_name, table_name, index_name, object_id, run_id, recorded) \
         VALUES ('dbo', 'SALES', 'ix', 7, 1, '2024-01-01')",
    );
    stage
}

const RECORDS: &str = "SELECT CONVERT(varchar(10), first_date, 126) AS first_date, state, row_hash, \
     (SELECT MAX(tool) FROM replica.runs) AS tool, (SELECT MAX(index_name) FROM replica.disabled_indexes) AS index_name \
     FROM replica.windows WHERE table_name = 'SALES' ORDER BY first_date";

#[test]
fn a_ledger_of_version_1_serves_for_days_as_it_is() {
    let stage = of_version_1();
    let records = stage.texts(RECORDS);
    run(async {
        let mut session = stage.session().await;
        ledger::open(&mut session).await.unwrap();
        assert!(ledger::exists(&mut session).await.unwrap());
        let known = ledger::windows(&mut session, &subject().table).await.unwrap();
        let known: Vec<_> =
            known.iter().map(|known| (known.window.to_string(), known.state.name())).collect();
        assert_eq!(known, [("2024-01".to_owned(), "complete"), ("2024-02".to_owned(), "failed")]);
        let (subject, windows) = (subject(), months(&[5, 9, 7]));
        let begun = begin(&mut session, &run_options(&subject, &windows)).await;
        let claim = begun.run.claim(&mut session, windows[2].window.clone()).await.unwrap().unwrap();
        complete(&mut session, &claim, 7).await;
    });
    assert_eq!(stage.texts("SELECT version FROM replica.ledger"), [["1"]]);
    assert_eq!(
        stage.number("SELECT COUNT(*) FROM replica.windows WHERE state = 'complete' AND row_count = 7"),
        1
    );
    assert_eq!(records.len(), 2);
}

#[test]
fn a_ledger_of_version_1_is_brought_up_without_losing_a_record() {
    let stage = of_version_1();
    let records = stage.texts(RECORDS);
    run(async {
        let (mut one, mut two) = (stage.session().await, stage.session().await);
        let (first, second) = tokio::join!(ledger::open_for_keys(&mut one), ledger::open_for_keys(&mut two));
        first.unwrap();
        second.unwrap();
        ledger::open_for_keys(&mut one).await.unwrap();
    });
    assert_eq!(stage.texts("SELECT version FROM replica.ledger"), [["2"]]);
    assert_eq!(stage.texts(RECORDS), records);
    // As one that is made anew.
    let columns = "SELECT c.name AS name, TYPE_NAME(c.user_type_id) AS type_name, c.max_length, c.is_nullable \
                   FROM sys.columns AS c WHERE c.object_id = OBJECT_ID('replica.windows') ORDER BY c.name";
    let key = "SELECT COL_NAME(ic.object_id, ic.column_id) AS name FROM sys.indexes AS i JOIN sys.index_columns AS ic \
               ON ic.object_id = i.object_id AND ic.index_id = i.index_id WHERE i.object_id = OBJECT_ID('replica.windows') \
               AND i.is_primary_key = 1 ORDER BY ic.key_ordinal";
    let fresh = LedgerStage::new();
    for sql in [columns, key] {
        assert_eq!(stage.texts(sql), fresh.texts(sql));
    }
}

/// The columns were those of version 1 when they were looked at, and the version is 2 when it is asked for.
#[test]
fn a_ledger_that_is_brought_up_while_it_is_looked_at_is_ours() {
    let stage = of_version_1();
    let pattern = utf16("MAX(version)");
    let rule = Rule { from: From::Client, pattern, harm: Harm::Hold(8), times: 1 };
    let (proxy, through) = through(&stage.database.connection, rule).unwrap();
    run(async {
        let endpoint = Endpoint::from_connection_string(&through).unwrap();
        let mut late = Session::connect(&endpoint, Role::Target).await.unwrap();
        let mut early = stage.session().await;
        let looks = tokio::spawn(async move { ledger::open(&mut late).await });
        let held = tokio::task::spawn_blocking(move || {
            assert!(proxy.has_struck(Duration::from_secs(30)));
            proxy
        });
        let proxy = held.await.unwrap();
        ledger::open_for_keys(&mut early).await.unwrap();
        proxy.lets_go();
        looks.await.unwrap().unwrap();
    });
}

/// Nothing is made beside them, nor are rights asked for that would not help.
#[test]
fn tables_of_someone_else_are_named_and_left_alone() {
    for (theirs, why) in [
        (
            "CREATE TABLE replica.windows (id int NOT NULL, state int NULL)",
            "replica.windows in the target database is not the ledger's: it has no column schema_name, table_name",
        ),
        (
            "CREATE TABLE replica.ledger (version varchar(9) NULL)",
            "there is no replica.runs, replica.windows",
        ),
        ("CREATE VIEW replica.runs AS SELECT 1 AS run_id", "replica.runs in the target database is not"),
    ] {
        let stage = LedgerStage::without_ledger();
        stage.batch("CREATE SCHEMA replica");
        stage.batch(theirs);
        run(async {
            let mut session = stage.session().await;
            for error in [ledger::open(&mut session).await.err(), ledger::exists(&mut session).await.err()] {
                let error = error.unwrap().to_string();
                assert!(error.contains(why) && error.contains("ALTER SCHEMA"), "{theirs}: {error}");
                assert!(!error.contains("GRANT"), "{error}");
            }
        });
        let objects = "SELECT COUNT(*) FROM sys.objects AS o JOIN sys.schemas AS s ON s.schema_id = o.schema_id \
                       WHERE s.name = 'replica' AND o.type IN ('U', 'V')";
        assert_eq!(stage.number(objects), 1, "{theirs}");
    }
}

/// One that is there for other tables has room for the ledger's.
#[test]
fn a_schema_of_someone_else_is_shared() {
    let stage = LedgerStage::without_ledger();
    stage.batch("CREATE SCHEMA replica");
    stage.batch("CREATE TABLE replica.orders (id int NOT NULL)");
    run(async {
        let mut session = stage.session().await;
        assert!(!ledger::exists(&mut session).await.unwrap());
        ledger::open(&mut session).await.unwrap();
        ledger::open(&mut session).await.unwrap();
    });
}

#[test]
fn a_login_that_may_not_create_tables_in_the_schema_is_told_so() {
    let stage = LedgerStage::without_ledger();
    let name = format!("s_{}", stage.database.name);
    let password = "Ledger-4711-pw";
    if let Err(error) =
        stage.client(|c| c.try_batch(&format!("CREATE LOGIN [{name}] WITH PASSWORD = '{password}'")))
    {
        return eprintln!("skipped: no logins here: {error}");
    }
    stage.batch("CREATE SCHEMA replica");
    stage.batch(&format!("CREATE USER [{name}] FOR LOGIN [{name}]"));
    let endpoint = stage.server.connection_as(&stage.database.name, &name, password);
    let endpoint = Endpoint::from_connection_string(&endpoint).unwrap();
    let open = async || {
        let mut session = Session::connect(&endpoint, Role::Target).await.unwrap();
        ledger::open(&mut session).await
    };
    let refused = run(open()).unwrap_err().to_string();
    assert!(refused.contains("in the schema replica that is there"), "{refused}");
    assert!(refused.contains("GRANT CREATE TABLE, and ALTER ON SCHEMA::replica"), "{refused}");
    stage.batch(&format!("GRANT CREATE TABLE TO [{name}]"));
    stage.batch(&format!("GRANT ALTER, SELECT, INSERT ON SCHEMA::replica TO [{name}]"));
    run(open()).unwrap();
    stage.batch(&format!("DROP USER [{name}]; DROP LOGIN [{name}]"));
}

#[test]
fn a_login_that_may_not_create_the_tables_is_told_the_way_out_and_can_use_them_when_they_are_there() {
    let stage = LedgerStage::without_ledger();
    let name = format!("l_{}", stage.database.name);
    let password = "Ledger-4711-pw";
    if let Err(error) =
        stage.client(|c| c.try_batch(&format!("CREATE LOGIN [{name}] WITH PASSWORD = '{password}'")))
    {
        return eprintln!("skipped: no logins here: {error}");
    }
    stage.batch(&format!("CREATE USER [{name}] FOR LOGIN [{name}]"));
    let endpoint = stage.server.connection_as(&stage.database.name, &name, password);
    let endpoint = Endpoint::from_connection_string(&endpoint).unwrap();
    let connect = async || Session::connect(&endpoint, Role::Target).await.unwrap();

    let refused = run(async { ledger::open(&mut connect().await).await.unwrap_err().to_string() });
    assert!(refused.contains("GRANT CREATE SCHEMA, CREATE TABLE"), "{refused}");
    run(async { ledger::open(&mut stage.session().await).await.unwrap() });
    let hidden = run(async { ledger::open(&mut connect().await).await.unwrap_err().to_string() });
    assert!(hidden.contains("GRANT SELECT, INSERT, UPDATE, DELETE ON SCHEMA::replica"), "{hidden}");

    stage.batch(&format!("GRANT SELECT, INSERT, UPDATE, DELETE ON SCHEMA::replica TO [{name}]"));
    run(async {
        let mut session = connect().await;
        ledger::open(&mut session).await.unwrap();
        let subject = subject();
        let windows = months(&[1]);
        let begun = begin(&mut session, &run_options(&subject, &windows)).await;
        let claim = begun.run.claim(&mut session, windows[0].window.clone()).await.unwrap().unwrap();
        crate::util::complete(&mut session, &claim, 3).await;
    });
    assert_eq!(stage.windows(), [["2024-01-01", "complete", "3", "1"]]);
    stage.batch(&format!("DROP USER [{name}]; DROP LOGIN [{name}]"));
}

#[test]
fn a_login_that_may_create_a_schema_and_tables_needs_no_more() {
    let stage = LedgerStage::without_ledger();
    let name = format!("c_{}", stage.database.name);
    let password = "Ledger-4711-pw";
    if let Err(error) =
        stage.client(|c| c.try_batch(&format!("CREATE LOGIN [{name}] WITH PASSWORD = '{password}'")))
    {
        return eprintln!("skipped: no logins here: {error}");
    }
    stage.batch(&format!("CREATE USER [{name}] FOR LOGIN [{name}]"));
    stage.batch(&format!("GRANT CREATE SCHEMA, CREATE TABLE TO [{name}]"));
    let endpoint = stage.server.connection_as(&stage.database.name, &name, password);
    let endpoint = Endpoint::from_connection_string(&endpoint).unwrap();
    run(async {
        let mut session = Session::connect(&endpoint, Role::Target).await.unwrap();
        ledger::open(&mut session).await.unwrap();
        begin(&mut session, &run_options(&subject(), &months(&[1]))).await;
    });
    assert_eq!(stage.windows(), [["2024-01-01", "pending", "NULL", "0"]]);
}
