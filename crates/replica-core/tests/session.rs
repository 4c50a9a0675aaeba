//! Sessions on the sandbox: control queries and the raw lane take turns on one socket.
mod common;

use common::{Sandbox, run};
use replica_core::config::Endpoint;
use replica_core::lane::{self, Rows};
use replica_core::session::{Role, Session};
use replica_core::tds::rpc::{Param, Query};
use replica_sandbox::server::Policy;
use time::macros::date;

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
fn an_answer_without_end_is_given_up() {
    let sandbox = Sandbox::start(Policy::On, 32767);
    run(async {
        let mut session = Session::connect(&sandbox.endpoint("Encrypt=false"), Role::Target).await.unwrap();
        let nulls: Vec<_> = (0..1000).map(|n| format!("c{n} bit NULL")).collect();
        let tables = ["bit bit NOT NULL", &nulls.join(", ")];
        for (n, columns) in tables.iter().enumerate() {
            session.execute(&format!("CREATE TABLE dbo.t{n} ({columns})")).await.unwrap();
        }
        session
            .execute("INSERT INTO dbo.t0 VALUES (1); INSERT INTO dbo.t1 (c0) VALUES (NULL)")
            .await
            .unwrap();
        // The last one is 1.3 MB on the wire: a row of NULLs is a token and a bitmap.
        for (table, rows, fit) in [("t0", 900_000, true), ("t1", 1_000, true), ("t1", 10_000, false)] {
            session.execute(&format!("EXEC sp_sandbox_replay 'dbo.{table}', {rows}")).await.unwrap();
            let answer = session.query(&format!("SELECT * FROM dbo.{table}"), &[]).await;
            assert_eq!(answer.as_ref().map_or(0, Vec::len), if fit { rows } else { 0 });
            assert!(fit || answer.is_err_and(|error| error.to_string().contains("without end")));
        }
        assert!(session.query("SELECT 1", &[]).await.is_err(), "the rest of the answer is still to come");
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
            let error = if raw {
                session.execute("INSERT INTO #t VALUES (1)").await.unwrap_err()
            } else {
                session.query("INSERT INTO #t VALUES (1)", &[]).await.unwrap_err()
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

#[test]
fn a_querys_parameters_travel_beside_it() {
    everywhere(async |mut session| {
        session
            .execute("CREATE TABLE #t (d datetime2(7) NOT NULL, n bigint NULL, s nvarchar(max) NULL, b varbinary(max) NULL)")
            .await
            .unwrap();
        let text = "O'Brien 🦆 ".repeat(1_000);
        let bytes = vec![7; 9_000];
        let insert = Query {
            sql: "INSERT INTO #t VALUES (DATEADD(day, @P2, @P1), @P3, @P4, @P5), ('2024-03-01', NULL, NULL, NULL)".into(),
            params: vec![
                Param::Date(date!(2024 - 02 - 27)),
                Param::Int(2),
                Param::BigInt(i64::MIN),
                Param::Text(text.clone()),
                Param::Binary(bytes.clone()),
            ],
        };
        assert_eq!(session.execute_long(insert).await.unwrap().rows, Some(2));
        let february = Query {
            sql: "SELECT d, n, s, b FROM #t WHERE d >= CAST(@P1 AS datetime2(7)) AND d < CAST(@P2 AS datetime2(7))"
                .into(),
            params: vec![Param::Date(date!(2024 - 02 - 01)), Param::Date(date!(2024 - 03 - 01))],
        };
        let rows = Rows::open(session.lane().unwrap(), february).await.unwrap();
        let windowed = lane::fingerprint(rows).await.unwrap();
        let rows = Rows::open(session.lane().unwrap(), "SELECT d, n, s, b FROM #t WHERE n IS NOT NULL")
            .await
            .unwrap();
        assert_eq!(lane::fingerprint(rows).await.unwrap(), windowed);
        assert_eq!(windowed.rows, 1);
        let rows = session.query("SELECT n, s, b FROM #t WHERE d = '2024-02-29'", &[]).await.unwrap();
        assert_eq!(rows[0].try_get::<i64, _>(0).unwrap(), Some(i64::MIN));
        assert!(rows[0].try_get::<&str, _>(1).unwrap() == Some(&text));
        assert!(rows[0].try_get::<&[u8], _>(2).unwrap() == Some(&bytes));
    });
}
