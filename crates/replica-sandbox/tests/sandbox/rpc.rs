//! `sp_executesql` by RPC, as drivers call it: typed parameters in, and the tokens of the answer byte for byte.
use crate::support::RunningSandbox;
use crate::support::raw::{RawClient, batch, hex, utf16};
use replica_core::tds::packet::kind;

/// A parameter: its name, declaration, and TYPE_INFO with value in hexadecimal.
type Given<'a> = (&'a str, &'a str, &'a str);

fn nvarchar(text: &str) -> Vec<u8> {
    let text = utf16(text);
    let mut bytes = hex("e7401f0904d00034");
    bytes.extend((text.len() as u16).to_le_bytes());
    bytes.extend(text);
    bytes
}

/// The reply to `statement` with these parameters.
fn execute(client: &mut RawClient, statement: &str, params: &[Given<'_>]) -> Vec<u8> {
    let mut body = batch("");
    // sp_executesql is procedure 10, and no option is set.
    body.extend(hex("ffff0a000000"));
    let declarations: Vec<String> =
        params.iter().map(|(name, declared, _)| format!("{name} {declared}")).collect();
    for text in [statement, &declarations.join(", ")] {
        body.extend([0, 0]);
        body.extend(nvarchar(text));
    }
    for (name, _, bytes) in params {
        body.push(name.len() as u8);
        body.extend(utf16(name));
        body.push(0);
        body.extend(hex(bytes));
    }
    client.send(kind::RPC, &body);
    client.reply()
}

/// COLMETADATA of one `int NOT NULL` column.
const ID: &str = "81010000000000080038026900 6400";
/// RETURNSTATUS 0 and DONEPROC of EXECUTE.
const END: &str = "7900000000 fe0000e0000000000000000000";

fn done_in_proc(rows: u8) -> String {
    format!("ff1100c100{rows:02x}00000000000000")
}

/// What `SELECT id` answers where it finds these.
fn found(ids: &[u8]) -> Vec<u8> {
    let rows: String = ids.iter().map(|id| format!("d1{id:02x}000000")).collect();
    hex(&format!("{ID}{rows}{}{END}", done_in_proc(ids.len() as u8)))
}

/// 2024-01-01 and 2024-02-01 as days since 0001-01-01: 738,885 and 738,916.
const JANUARY: Given<'static> = ("@P1", "date", "28 03 45460b");
const FEBRUARY: Given<'static> = ("@P2", "date", "28 03 64460b");

/// A month's window, half open, on each type of date column.
#[test]
fn a_date_parameter_finds_a_month_in_a_column_of_any_date_type() {
    let sandbox = RunningSandbox::start(&["--database", "rpc"]);
    let mut client = RawClient::login_to(sandbox.address, "rpc");
    for (name, last) in [
        ("date", "'20240131'"),
        ("smalldatetime", "'2024-01-31T23:59:00'"),
        ("datetime", "'2024-01-31T23:59:59.997'"),
        ("datetime2(0)", "'2024-01-31T23:59:59'"),
        ("datetime2(3)", "'2024-01-31T23:59:59.999'"),
        ("datetime2(7)", "'2024-01-31T23:59:59.9999999'"),
        ("datetimeoffset(7)", "'2024-01-31T23:59:59.9999999+00:00'"),
    ] {
        client.must(&format!(
            "DROP TABLE IF EXISTS t; CREATE TABLE t (id int NOT NULL PRIMARY KEY, d {name} NULL);
             INSERT t VALUES (1, '20231231'), (2, '20240101'), (3, {last}), (4, '20240201'), (5, NULL)"
        ));
        for window in [
            "d >= @P1 AND d < @P2".to_owned(),
            format!("d >= CAST(@P1 AS {name}) AND d < CAST(@P2 AS {name})"),
            format!("NOT (d < CONVERT({name}, @P1) OR d >= CONVERT({name}, @P2))"),
        ] {
            let reply =
                execute(&mut client, &format!("SELECT id FROM t WHERE {window}"), &[JANUARY, FEBRUARY]);
            assert_eq!(reply, found(&[2, 3]), "{window} of {name}");
        }
    }
    // An offset moves the instant, not the day that is written.
    client.must("TRUNCATE TABLE t; INSERT t VALUES (1, '2024-01-01T00:30:00+01:00'), (2, '2024-01-31T23:30:00-01:00')");
    let reply = execute(&mut client, "SELECT id FROM t WHERE d >= @P1 AND d < @P2", &[JANUARY, FEBRUARY]);
    assert_eq!(reply, found(&[]));
}

#[test]
fn parameters_of_every_kind_come_through() {
    let sandbox = RunningSandbox::start(&["--database", "rpc"]);
    let mut client = RawClient::login_to(sandbox.address, "rpc");
    client.must("CREATE TABLE t (id int NOT NULL)  INSERT t VALUES (1)");
    for (given, condition) in [
        (("@p", "int", "26 04 04 2a000000"), "@p = 42"),
        (("@p", "int", "26 04 00"), "@p IS NULL"),
        (("@p", "bigint", "26 08 08 ffffffffffffff7f"), "@p = 9223372036854775807"),
        (("@p", "bit", "68 01 01 01"), "@p = 1"),
        (("@p", "date", "28 03 45460b"), "@p = '20240101'"),
        (("@p", "datetime2(3)", "2a 03 07 01000000 45460b"), "@p = '2024-01-01T00:00:00.001'"),
        (("@p", "datetime2(7)", "2a 07 08 0100000000 45460b"), "@p = '2024-01-01T00:00:00.0000001'"),
        (("@p", "datetime", "6f 08 08 eab00000 00000000"), "@p = '20240101'"),
        (("@p", "decimal(10,2)", "6a 11 0a 02 09 00 3930000000000000"), "@p = -123.45"),
        (("@p", "varbinary(8000)", "a5 401f 0300 010203"), "@p = 0x010203"),
        (("@p", "varbinary(16)", "a5 401f ffff"), "@p IS NULL"),
        (("@p", "nvarchar(4000)", "e7 401f 0904d00034 0400 e9003100"), "@p = N'\u{e9}1'"),
        (("@p", "varchar(20)", "a7 1400 0904d00034 0200 6162"), "@p = 'ab'"),
        (
            ("@p", "uniqueidentifier", "24 10 10 00112233445566778899aabbccddeeff"),
            "@p = '33221100-5544-7766-8899-AABBCCDDEEFF'",
        ),
    ] {
        let reply = execute(&mut client, &format!("SELECT id FROM t WHERE {condition}"), &[given]);
        assert_eq!(reply, found(&[1]), "{condition}");
    }
}

/// Each statement ends with DONEINPROC, whatever it was.
#[test]
fn statements_end_inside_the_procedure() {
    let sandbox = RunningSandbox::start(&["--database", "rpc"]);
    let mut client = RawClient::login_to(sandbox.address, "rpc");
    client.must("CREATE TABLE t (id int NOT NULL)");
    let n = ("@n", "int", "26 04 04 02000000");
    let reply = execute(
        &mut client,
        "INSERT t VALUES (1), (@n); DELETE TOP (1) FROM t; SELECT id FROM t WHERE id = @n",
        &[n],
    );
    let inserted = "ff1100c3000200000000000000";
    let deleted = "ff1100c4000100000000000000";
    assert_eq!(reply, hex(&format!("{inserted}{deleted}{ID}d102000000{}{END}", done_in_proc(1))));
}
