//! tiberius 0.13, which no one here wrote either, against the real binary.
use crate::support::raw::RawClient;
use crate::support::{PASSWORD, RunningSandbox};
use ::tiberius::{AuthMethod, Client, Config, EncryptionLevel, TokenRow};
use tokio::net::TcpStream;
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

pub type Tiberius = Client<Compat<TcpStream>>;

/// tiberius reads money by way of f64, so the last digits of large amounts are its own: the two are left out; so is
/// smalldatetime, which it declares as datetime. It declares time and datetimeoffset without their scale, so only those
/// of scale 7 agree with what it then sends. nchar(n) and nvarchar(n) it declares twice as wide as it sends them.
const COLUMNS: &str = "id, c_bit, c_tinyint, c_smallint, c_int, c_bigint, c_decimal, c_numeric, c_real, c_float, c_date, \
    CAST(c_time AS time) AS c_time, c_datetime, c_datetime2, \
    CAST(c_datetimeoffset AS datetimeoffset) AS c_datetimeoffset, c_char, c_varchar, c_varchar_max, \
    c_nvarchar_max, c_binary, c_varbinary, c_varbinary_max, c_uniqueidentifier";

pub fn sandbox() -> RunningSandbox {
    let sandbox = RunningSandbox::start(&["--database", "clients"]);
    RawClient::login_to(sandbox.address, "clients").must(include_str!("clients/every_type.sql"));
    sandbox
}

pub async fn connect(sandbox: &RunningSandbox, password: &str) -> tiberius::Result<Tiberius> {
    let mut config = Config::new();
    config.host("127.0.0.1");
    config.port(sandbox.address.port());
    config.database("clients");
    config.authentication(AuthMethod::sql_server("sa", password));
    config.encryption(EncryptionLevel::NotSupported);
    let stream = TcpStream::connect(sandbox.address).await.expect("the sandbox listens");
    Client::connect(config, stream.compat_write()).await
}

pub async fn number(client: &mut Tiberius, sql: &str) -> i32 {
    let row = client.simple_query(sql).await.expect(sql).into_row().await.expect(sql).expect("a row");
    row.get(0).expect("a value")
}

/// The number of the error that a statement ends with.
async fn refusal(client: &mut Tiberius, sql: &str) -> u32 {
    let error = match client.simple_query(sql).await {
        Ok(stream) => stream.into_results().await.err(),
        Err(error) => Some(error),
    };
    match error {
        Some(tiberius::error::Error::Server(error)) => error.code(),
        other => panic!("{sql}: {other:?}"),
    }
}

#[tokio::test]
async fn every_type_goes_out_and_comes_in_again() {
    let sandbox = sandbox();
    let mut client = connect(&sandbox, PASSWORD).await.expect("a login");
    let prepare = format!("SELECT {COLUMNS} INTO dbo.copied FROM dbo.every_type WHERE 1 = 0");
    client.simple_query(prepare).await.expect("a copy").into_results().await.expect("a copy");
    let rows = client.simple_query(format!("SELECT {COLUMNS} FROM dbo.every_type ORDER BY id")).await;
    let rows = rows.expect("rows").into_first_result().await.expect("rows");
    assert_eq!(rows.len(), 3);
    let mut load = client.bulk_insert("dbo.copied").await.expect("INSERT BULK is accepted");
    for row in rows {
        let mut values = TokenRow::new();
        row.into_iter().for_each(|value| values.push(value));
        load.send(values).await.expect("a row is sent");
    }
    assert_eq!(load.finalize().await.expect("the load ends well").total(), 3);
    for (left, right) in [("every_type", "copied"), ("copied", "every_type")] {
        let difference = format!(
            "SELECT COUNT(*) FROM (SELECT {COLUMNS} FROM dbo.{left} EXCEPT SELECT {COLUMNS} FROM dbo.{right}) AS d"
        );
        assert_eq!(number(&mut client, &difference).await, 0, "{left} without {right}");
    }
}

#[tokio::test]
async fn parameters_and_counts() {
    let sandbox = sandbox();
    let mut client = connect(&sandbox, PASSWORD).await.expect("a login");
    let long = "\u{3a9}".repeat(100_000);
    let row = client
        .query("SELECT @P1 + 1, @P2, @P3, @P4", &[&41i32, &"\u{3a9} \u{1f600}", &None::<i64>, &long.as_str()])
        .await
        .expect("a query")
        .into_row()
        .await
        .expect("a query")
        .expect("a row");
    assert_eq!(row.get::<i32, _>(0), Some(42));
    assert_eq!(row.get::<&str, _>(1), Some("\u{3a9} \u{1f600}"));
    assert_eq!(row.get::<i64, _>(2), None);
    assert_eq!(row.get::<&str, _>(3), Some(long.as_str()));
    let updated =
        client.execute("UPDATE dbo.every_type SET c_int = @P1 WHERE id > @P2", &[&7i32, &1i32]).await;
    assert_eq!(updated.expect("an update").total(), 2);
}

#[tokio::test]
async fn errors_keep_their_numbers_and_the_connection() {
    let sandbox = sandbox();
    let mut client = connect(&sandbox, PASSWORD).await.expect("a login");
    for (sql, expected) in [
        ("SELECT * FROM dbo.missing", 208),
        ("SELECT 1/0", 8134),
        ("INSERT INTO dbo.every_type (id) VALUES (1)", 2627),
        ("INSERT INTO dbo.every_type (c_int) VALUES (1)", 515),
        ("INSERT INTO dbo.every_type (id, c_varchar) VALUES (9, REPLICATE('x', 51))", 2628),
        ("COMMIT", 3902),
        ("SELECT CAST('x' AS int)", 245),
    ] {
        assert_eq!(refusal(&mut client, sql).await, expected, "{sql}");
    }
    assert_eq!(number(&mut client, "SELECT COUNT(*) FROM dbo.every_type").await, 3);
    match connect(&sandbox, "wrong").await {
        Err(tiberius::error::Error::Server(error)) => assert_eq!(error.code(), 18456),
        other => panic!("{:?}", other.map(|_| "logged in")),
    }
}

#[tokio::test]
async fn transactions_commit_and_roll_back() {
    let sandbox = sandbox();
    let mut client = connect(&sandbox, PASSWORD).await.expect("a login");
    for (end, left) in [("ROLLBACK", 3), ("COMMIT", 2)] {
        for sql in ["BEGIN TRAN", "DELETE FROM dbo.every_type WHERE id = 1", end] {
            client.simple_query(sql).await.expect(sql).into_results().await.expect(sql);
        }
        assert_eq!(number(&mut client, "SELECT COUNT(*) FROM dbo.every_type").await, left, "{end}");
    }
}
