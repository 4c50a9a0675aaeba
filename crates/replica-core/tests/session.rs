//! Sessions on the sandbox: control queries and the raw lane take turns on one socket.
mod common;

use common::{Sandbox, run};
use replica_core::config::Endpoint;
use replica_core::session::{Role, Session};
use replica_sandbox::server::Policy;

/// Without TLS and with it, in small packets and in large ones.
fn everywhere(test: impl AsyncFn(Session)) {
    for (more, packet_size) in
        [("Encrypt=false", 512), ("Encrypt=false", 32767), ("TrustServerCertificate=true", 4096)]
    {
        let sandbox = Sandbox::start(Policy::On, packet_size);
        let endpoint: Endpoint = sandbox.endpoint(more);
        run(async { test(Session::connect(&endpoint, Role::Target).await.unwrap()).await });
    }
}

async fn number(session: &mut Session, sql: &str) -> i32 {
    session.query(sql, &[]).await.unwrap()[0].try_get(0).unwrap().unwrap()
}

#[test]
fn query_lane_and_query_on_one_socket() {
    everywhere(async |mut session| {
        session.execute("CREATE TABLE #t (a int NOT NULL, s nvarchar(max) NULL)").await.unwrap();
        assert_eq!(number(&mut session, "SELECT COUNT(*) FROM #t").await, 0);
        let lane = session.lane().unwrap();
        lane.begin().await.unwrap();
        assert_eq!(lane.batch("INSERT INTO #t VALUES (1, N'one'), (2, NULL)").await.unwrap().rows, Some(2));
        // Within the transaction that tiberius knows nothing of.
        assert_eq!(number(&mut session, "SELECT COUNT(*) FROM #t").await, 2);
        session.lane().unwrap().rollback().await.unwrap();
        assert_eq!(number(&mut session, "SELECT COUNT(*) FROM #t").await, 0);
    });
}

#[test]
fn long_texts_pass_in_both_directions() {
    let text = "Ünïcödé 🦆 ".repeat(10_000);
    everywhere(async |mut session| {
        let rows = session.query("SELECT @P1", &[&text.as_str()]).await.unwrap();
        assert!(rows[0].try_get::<&str, _>(0).unwrap() == Some(&text));
        let literal = format!("SELECT N'{text}'");
        let rows = session.query(&literal, &[]).await.unwrap();
        assert!(rows[0].try_get::<&str, _>(0).unwrap() == Some(&text));
    });
}

#[test]
fn several_result_sets() {
    everywhere(async |mut session| {
        let results = session.query_all("SELECT 1; SELECT 2 WHERE 1 = 0; SELECT 3, 4", &[]).await.unwrap();
        assert_eq!(results.iter().map(Vec::len).collect::<Vec<_>>(), [1, 0, 1]);
    });
}

#[test]
fn an_error_within_a_transaction_ends_it() {
    everywhere(async |mut session| {
        session.execute("CREATE TABLE #t (a int NOT NULL PRIMARY KEY)").await.unwrap();
        for raw in [true, false] {
            session.lane().unwrap().begin().await.unwrap();
            session.execute("INSERT INTO #t VALUES (1)").await.unwrap();
            let error = match raw {
                true => session.execute("INSERT INTO #t VALUES (1)").await.unwrap_err(),
                false => session.query("INSERT INTO #t VALUES (1)", &[]).await.unwrap_err(),
            };
            assert_eq!(error.server().map(|e| e.number), Some(2627), "{error}");
            assert!(!session.lane().unwrap().in_transaction());
            assert_eq!(number(&mut session, "SELECT COUNT(*) FROM #t").await, 0);
        }
    });
}

#[test]
fn sessions_have_the_options_that_indexed_tables_demand() {
    everywhere(async |mut session| {
        // Microsoft, "Configure the user options": ANSI_WARNINGS 8, ANSI_PADDING 16, ANSI_NULLS 32, ARITHABORT 64,
        // QUOTED_IDENTIFIER 256, CONCAT_NULL_YIELDS_NULL 4096, XACT_ABORT 16384.
        let wanted = 8 + 16 + 32 + 64 + 256 + 4096 + 16384;
        assert_eq!(number(&mut session, "SELECT @@OPTIONS").await & wanted, wanted);
    });
}
