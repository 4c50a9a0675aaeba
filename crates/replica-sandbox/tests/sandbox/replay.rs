//! The free source and sink of benchmarks (docs/SANDBOX.md, "Without a bottleneck").
use crate::support::{PASSWORD, RunningSandbox};
use crate::tiberius::{Tiberius, connect, number, sandbox};
use std::time::{Duration, Instant};
use tiberius::{Row, TokenRow};

async fn run(client: &mut Tiberius, sql: &str) {
    client.simple_query(sql).await.expect(sql).into_results().await.expect(sql);
}

async fn client(sandbox: &RunningSandbox) -> Tiberius {
    connect(sandbox, PASSWORD).await.expect("a login")
}

async fn ids(client: &mut Tiberius, sql: &str) -> Vec<i32> {
    let rows: Vec<Row> = client.simple_query(sql).await.expect(sql).into_first_result().await.expect("rows");
    rows.iter().filter_map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn rows_are_repeated_from_the_table_and_then_from_memory() {
    let sandbox = sandbox();
    let mut client = client(&sandbox).await;
    run(&mut client, "EXEC sp_sandbox_replay 'dbo.every_type', 1000").await;
    for _ in 0..2 {
        let ids = ids(&mut client, "SELECT id FROM dbo.every_type ORDER BY id").await;
        assert_eq!(ids.len(), 1000);
        assert!(ids.iter().zip([1, 2, 3].iter().cycle()).all(|(got, wanted)| got == wanted), "{ids:?}");
    }
    // Fewer than the table has.
    run(&mut client, "EXEC sp_sandbox_replay 'dbo.every_type', 2").await;
    for _ in 0..2 {
        assert_eq!(ids(&mut client, "SELECT id FROM dbo.every_type ORDER BY id").await, [1, 2]);
    }
    run(&mut client, "EXEC sp_sandbox_replay 'dbo.every_type'").await;
    assert_eq!(ids(&mut client, "SELECT id FROM dbo.every_type ORDER BY id").await, [1, 2, 3]);
    let counters = client.simple_query("EXEC sp_sandbox_counters 'dbo.every_type'").await.expect("counters");
    let counters = counters.into_row().await.expect("counters").expect("a row");
    assert_eq!(counters.get::<i64, _>("scans"), Some(5));
}

/// A window of a month by parameters: each window has its own rows, and the same ones again.
#[tokio::test]
async fn each_window_has_its_own_rows() {
    let sandbox = RunningSandbox::start(&["--database", "clients"]);
    let mut client = client(&sandbox).await;
    run(&mut client, "CREATE TABLE dbo.sales (id int NOT NULL, d date NOT NULL)").await;
    run(&mut client, "INSERT dbo.sales VALUES (1, '20240105'), (2, '20240106'), (3, '20240229')").await;
    run(&mut client, "EXEC sp_sandbox_replay 'dbo.sales', 100").await;
    let select = "SELECT id FROM dbo.sales WHERE d >= CAST(@P1 AS date) AND d < CAST(@P2 AS date)";
    for _ in 0..2 {
        for (from, to, expected) in [
            ("2024-01-01", "2024-02-01", [1, 2].as_slice()),
            ("2024-02-01", "2024-03-01", &[3]),
            ("2024-03-01", "2024-04-01", &[]),
        ] {
            let rows = client.query(select, &[&from, &to]).await.expect("a query");
            let rows = rows.into_first_result().await.expect("rows");
            let ids: Vec<i32> = rows.iter().filter_map(|row| row.get(0)).collect();
            let wanted: Vec<i32> = if expected.is_empty() {
                Vec::new()
            } else {
                expected.iter().copied().cycle().take(100).collect()
            };
            assert_eq!(ids, wanted, "{from}");
        }
    }
}

/// What reads the table but does not send its rows is not replayed; a count is that of the rows that would come.
#[tokio::test]
async fn other_questions_about_a_replayed_table_have_true_answers() {
    let sandbox = sandbox();
    let mut client = client(&sandbox).await;
    run(&mut client, "EXEC sp_sandbox_replay 'dbo.every_type', 1000").await;
    let table = "FROM dbo.every_type";
    for _ in 0..2 {
        assert_eq!(ids(&mut client, &format!("SELECT TOP (0) id {table}")).await, [0; 0]);
        assert_eq!(ids(&mut client, &format!("SELECT TOP 2 id {table} ORDER BY id")).await, [1, 2]);
        assert_eq!(ids(&mut client, &format!("SELECT MAX(id) {table}")).await, [3]);
        assert_eq!(ids(&mut client, &format!("SELECT id {table} GROUP BY id ORDER BY id")).await, [1, 2, 3]);
        assert_eq!(number(&mut client, &format!("SELECT COUNT(*) {table}")).await, 1000);
        assert_eq!(number(&mut client, &format!("SELECT COUNT(*) {table} WHERE id > 3")).await, 0);
    }
}

#[tokio::test]
async fn loads_are_counted_and_dropped() {
    let sandbox = sandbox();
    let mut client = client(&sandbox).await;
    run(&mut client, "SELECT id INTO dbo.copied FROM dbo.every_type WHERE 1 = 0").await;
    run(&mut client, "EXEC sp_sandbox_discard 'dbo.copied'").await;
    let mut load = client.bulk_insert("dbo.copied").await.expect("INSERT BULK is accepted");
    for id in 0..500i32 {
        let mut row = TokenRow::new();
        row.push(tiberius::IntoSql::into_sql(id));
        load.send(row).await.expect("a row is sent");
    }
    assert_eq!(load.finalize().await.expect("the load ends well").total(), 500);
    assert_eq!(number(&mut client, "SELECT COUNT(*) FROM dbo.copied").await, 0);
    let counters = client.simple_query("EXEC sp_sandbox_counters 'dbo.copied'").await.expect("counters");
    let counters = counters.into_row().await.expect("counters").expect("a row");
    assert_eq!((counters.get("bulk_loads"), counters.get("bulk_rows")), (Some(1i64), Some(500i64)));
}

/// Each connection has the whole rate for itself.
#[tokio::test]
async fn rows_come_no_faster_than_they_may() {
    let sandbox = sandbox();
    let (mut one, mut two) = (client(&sandbox).await, client(&sandbox).await);
    run(&mut one, "EXEC sp_sandbox_replay 'dbo.every_type', 20000").await;
    // Rows of five bytes: a token and an int.
    run(&mut one, "EXEC sp_sandbox_fault 'slow_select', 'dbo.every_type', @count = 2, @value = 200000").await;
    let select = "SELECT id FROM dbo.every_type";
    let started = Instant::now();
    let (first, second) = tokio::join!(ids(&mut one, select), ids(&mut two, select));
    assert_eq!((first.len(), second.len()), (20_000, 20_000));
    let took = started.elapsed();
    assert!(took >= Duration::from_millis(400), "100,000 bytes at 200,000 a second took {took:?}");
}
