//! The ledger's own tables: made once, by whoever comes first, if the login may.
use replica_core::config::Endpoint;
use replica_core::ledger;
use replica_core::session::{Role, Session};

use crate::util::{LedgerStage, begin, months, run, run_options, subject};

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
    assert_eq!(stage.texts("SELECT version FROM replica.ledger"), [["1"]]);
}

#[test]
fn a_ledger_of_a_later_release_is_left_alone() {
    let stage = LedgerStage::new();
    stage.batch("UPDATE replica.ledger SET version = 2");
    let error = run(async { ledger::open(&mut stage.session().await).await.unwrap_err().to_string() });
    assert!(error.contains("version 2, this program knows version 1"), "{error}");
    assert!(error.contains("newer release"), "{error}");
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
        let claim = begun.run.claim(&mut session, windows[0].window).await.unwrap().unwrap();
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
