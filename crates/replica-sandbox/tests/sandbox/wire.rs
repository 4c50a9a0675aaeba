//! The wire as SQL Server speaks it, seen by a client that says what it is told to.
use crate::support::RunningSandbox;
use crate::support::raw::{self, Argument, RawClient, errors, hex};
use replica_core::tds::login7::feature;
use replica_core::tds::packet::kind;
use replica_core::tds::token::{Done, DoneKind, EnvChange, Token, done};
use std::io::{ErrorKind, Read};

/// docs/WIRE.md, "Attention and ignored messages": an attention's acknowledgement, and a batch that was taken back.
const ACKNOWLEDGED: &str = "fd2000fd000000000000000000";
const TAKEN_BACK: &str = "fd020000000000000000000000";

#[test]
fn the_login_reply_is_in_sql_servers_order() {
    let sandbox = RunningSandbox::start(&[]);
    let mut client = RawClient::connect(sandbox.address);
    let tokens = client.log_in(&raw::login());
    assert!(
        matches!(
            tokens.as_slice(),
            [
                Token::EnvChange(EnvChange::Database { .. }),
                Token::Info(database),
                Token::EnvChange(EnvChange::Collation { .. }),
                Token::EnvChange(EnvChange::Language { .. }),
                Token::EnvChange(EnvChange::PacketSize { new: 4096, old: 4096 }),
                Token::Info(language),
                Token::LoginAck(_),
                Token::Done(_),
            ] if (database.number, database.state, language.number, language.state) == (5701, 2, 5703, 1)
        ),
        "{tokens:#?}"
    );
}

#[test]
fn a_client_may_log_in_without_a_prelogin_but_not_by_an_old_tds() {
    let sandbox = RunningSandbox::start(&[]);
    let tokens = RawClient::connect_bare(sandbox.address).log_in(&raw::login());
    assert!(tokens.iter().any(|token| matches!(token, Token::LoginAck(_))), "{tokens:?}");
    // TDS 7.1, as jTDS asks for it: its LOGIN7 is shorter.
    let mut login = vec![0; 86];
    login[4..8].copy_from_slice(&0x7100_0001_u32.to_le_bytes());
    let mut client = RawClient::connect_bare(sandbox.address);
    client.send(kind::LOGIN7, &login);
    assert_eq!(errors(&client.tokens()), [17803]);

    let encrypted = RunningSandbox::start(&["--encrypt", "required"]);
    let mut client = RawClient::connect_bare(encrypted.address);
    client.send(kind::LOGIN7, &login);
    let end = client.stream.read(&mut [0; 1]);
    assert!(matches!(&end, Ok(0)) || end.is_err_and(|e| e.kind() == ErrorKind::ConnectionReset));
}

#[test]
fn features_are_acknowledged_after_the_packet_size() {
    let sandbox = RunningSandbox::start(&["--max-packet-size", "8000"]);
    let mut client = RawClient::connect(sandbox.address);
    let features = vec![(feature::SESSION_RECOVERY, vec![0; 4]), (feature::UTF8_SUPPORT, vec![1])];
    let tokens = client.log_in(&replica_core::tds::login7::Login7 {
        packet_size: 32767,
        features: Some(features),
        ..raw::login()
    });
    assert!(
        matches!(
            &tokens[4..],
            [
                Token::Info(_),
                Token::LoginAck(_),
                Token::EnvChange(EnvChange::PacketSize { new: 8000, old: 4096 }),
                Token::FeatureExtAck(acknowledged),
                Token::Done(_),
            ] if *acknowledged == [(feature::UTF8_SUPPORT, vec![1])]
        ),
        "{tokens:#?}"
    );
}

#[test]
fn wrong_logins_are_refused_with_their_numbers() {
    let sandbox = RunningSandbox::start(&[]);
    let refused = |login| {
        let mut client = RawClient::connect(sandbox.address);
        let tokens = client.log_in(&login);
        assert!(client.try_reply().is_none(), "the connection is closed");
        errors(&tokens)
    };
    let good = raw::login;
    assert_eq!(refused(replica_core::tds::login7::Login7 { password: "wrong".into(), ..good() }), [18456]);
    assert_eq!(refused(replica_core::tds::login7::Login7 { user: "nobody".into(), ..good() }), [18456]);
    assert_eq!(
        refused(replica_core::tds::login7::Login7 { database: "nowhere".into(), ..good() }),
        [4060, 18456]
    );
    assert_eq!(refused(replica_core::tds::login7::Login7 { option_flags2: 0x80, ..good() }), [18452]);
}

#[test]
fn every_attention_is_acknowledged_in_a_message_of_its_own() {
    let sandbox = RunningSandbox::start(&[]);
    let mut client = RawClient::login(sandbox.address);
    client.send_packet(kind::ATTENTION, 1, &[]);
    client.send_packet(kind::ATTENTION, 1, &[]);
    assert_eq!(client.reply(), hex(ACKNOWLEDGED));
    assert_eq!(client.reply(), hex(ACKNOWLEDGED));
}

#[test]
fn a_request_can_be_taken_back() {
    let sandbox = RunningSandbox::start(&[]);
    let mut client = RawClient::login(sandbox.address);
    client.send_packet(kind::SQL_BATCH, 3, &raw::batch("this is not even T-SQL"));
    assert_eq!(client.reply(), hex(TAKEN_BACK));
    // In its middle, an attention does the same.
    client.send_packet(kind::SQL_BATCH, 0, &vec![0; 4088]);
    client.send_packet(kind::ATTENTION, 1, &[]);
    assert_eq!(client.reply(), hex(ACKNOWLEDGED));
}

#[test]
fn a_stale_transaction_descriptor_is_refused() {
    let sandbox = RunningSandbox::start(&[]);
    let mut client = RawClient::login(sandbox.address);
    let mut request = raw::batch("SELECT 1");
    request[10] = 9;
    client.send(kind::SQL_BATCH, &request);
    assert_eq!(errors(&client.tokens()), [3989]);
}

#[test]
fn broken_protocol_ends_the_connection_and_nothing_else() {
    let sandbox = RunningSandbox::start(&[]);
    for bytes in [
        // A packet shorter than its header.
        hex("0101000400000100"),
        // A packet longer than was negotiated.
        hex("0101ffff00000100"),
        // Not full, and not the last.
        hex("0100000900000100ff"),
        // An unknown type.
        hex("4201000800000100"),
        // ALL_HEADERS that claim more than there is.
        hex("0101000c00000100ffffff7f"),
        // A bulk load that becomes a batch.
        [hex("0700100000000100"), vec![0; 4088], hex("0101000800000100")].concat(),
        // An RPC by a number that no procedure has.
        [hex("0301002400000100"), raw::batch(""), hex("ffff63000000")].concat(),
    ] {
        let mut client = RawClient::login(sandbox.address);
        client.send_bytes(&bytes);
        assert_eq!(client.try_reply(), None, "{bytes:02x?}");
    }
    RawClient::login(sandbox.address);
}

#[test]
fn a_bulk_load_that_nobody_announced_is_an_error() {
    let sandbox = RunningSandbox::start(&[]);
    let mut client = RawClient::login(sandbox.address);
    client.send(kind::BULK_LOAD, &hex("fd000000000000000000000000"));
    assert_eq!(errors(&client.tokens()), [4002]);
}

/// `sp_getapplock` of a session's lock.
fn lock(timeout: i32) -> [(&'static str, Argument); 4] {
    [
        ("@Resource", Argument::Text("etl")),
        ("@LockMode", Argument::Text("Exclusive")),
        ("@LockOwner", Argument::Text("Session")),
        ("@LockTimeout", Argument::Int(timeout)),
    ]
}

fn return_status(tokens: &[Token]) -> Option<i32> {
    tokens.iter().find_map(|token| match token {
        Token::ReturnStatus(status) => Some(*status),
        _ => None,
    })
}

#[test]
fn application_locks_end_with_their_session() {
    let sandbox = RunningSandbox::start(&[]);
    let mut first = RawClient::login(sandbox.address);
    let mut second = RawClient::login(sandbox.address);
    assert_eq!(return_status(&first.rpc("sp_getapplock", &lock(0))), Some(0));
    assert_eq!(return_status(&second.rpc("sp_getapplock", &lock(0))), Some(-1));
    drop(first);
    let granted = return_status(&second.rpc("sp_getapplock", &lock(-1)));
    assert!(matches!(granted, Some(0 | 1)), "{granted:?}");
}

#[test]
fn an_attention_ends_a_wait() {
    let sandbox = RunningSandbox::start(&[]);
    let mut first = RawClient::login(sandbox.address);
    let mut second = RawClient::login(sandbox.address);
    assert_eq!(return_status(&first.rpc("sp_getapplock", &lock(0))), Some(0));
    second.send_rpc("sp_getapplock", &lock(-1));
    second.send_packet(kind::ATTENTION, 1, &[]);
    let ended = second.tokens();
    assert!(
        matches!(ended.as_slice(), [Token::Done(Done { kind: DoneKind::Proc, status: done::ERROR, .. })]),
        "{ended:?}"
    );
    assert_eq!(second.reply(), hex(ACKNOWLEDGED));
    assert_eq!(return_status(&second.rpc("sp_getapplock", &lock(0))), Some(-1), "the next request is normal");
}

#[test]
fn a_terminated_server_ends_its_connections_and_exits_well() {
    let sandbox = RunningSandbox::start(&[]);
    let mut idle = RawClient::login(sandbox.address);
    let mut holder = RawClient::login(sandbox.address);
    let mut waiting = RawClient::login(sandbox.address);
    assert_eq!(return_status(&holder.rpc("sp_getapplock", &lock(0))), Some(0));
    waiting.send_rpc("sp_getapplock", &lock(-1));
    assert!(sandbox.terminate().success());
    assert_eq!(idle.try_reply(), None);
}

#[test]
fn a_procedure_that_is_not_there_is_2812() {
    let sandbox = RunningSandbox::start(&[]);
    let mut client = RawClient::login(sandbox.address);
    assert_eq!(errors(&client.rpc("sp_cursoropen", &[])), [2812]);
    assert_eq!(errors(&client.rpc("sp_sandbox_fault", &[("@fault", Argument::Text("flood"))])), [50000]);
}

/// Captured from tedious 20 against SQL Server 2025 (docs/WIRE.md, "Captured packets"), packet headers and all.
mod captured {
    pub const INSERT_BULK: &str = "010100ca000001001600000012000000020000000000000000000100000069006e007300650072007400200\
        0620075006c006b002000640062006f002e00420075006c006b005700690072006500500072006f0062006500280\
        05b00690064005d00200069006e0074002c0020005b006c006100620065006c005d0020006e007600610072006300680061007200280031003\
        60029002c0020005b007000610079006c006f00610064005d002000760061007200620069006e006100720079002800310036002900\
        2900";
    pub const INSERT_BULK_REPLY: &str = "fd0000fd000000000000000000";
    pub const ONE_ROW: &str = "070100690000010081030000000000040026040269006400000000000500e720000904d00034056c0061006200\
        65006c00000000000500a51000077000610079006c006f0061006400d104020000000600e9003dd800de030000ff80fd00000000000000\
        0000000000";
    pub const THREE_ROWS: &str = "070100820000010081030000000000040026040269006400000000000500e720000904d00034056c006100620\
        065006c00000000000500a51000077000610079006c006f0061006400d104030000000a0061006c0070006800610002000102d10404000000\
        ffff0000d104050000000200a903fffffd000000000000000000000000";
    pub const DONE_ONLY: &str = "0701001500000100fd000000000000000000000000";
}

/// The reply to a load of so many rows.
fn loaded(rows: u8) -> Vec<u8> {
    hex(&format!("fd1000f000{rows:02x}00000000000000"))
}

#[test]
fn captured_bulk_loads_are_answered_as_captured() {
    let sandbox = RunningSandbox::start(&["--database", "bulk"]);
    let mut client = RawClient::login_to(sandbox.address, "bulk");
    client.must(
        "CREATE TABLE dbo.BulkWireProbe (id int NOT NULL, label nvarchar(16) NULL, payload varbinary(16) NULL)",
    );
    for (load, rows) in [(captured::ONE_ROW, 1), (captured::THREE_ROWS, 3)] {
        client.send_bytes(&hex(captured::INSERT_BULK));
        assert_eq!(client.reply(), hex(captured::INSERT_BULK_REPLY));
        client.send_bytes(&hex(load));
        assert_eq!(client.reply(), loaded(rows));
    }
    client.send_bytes(&hex(captured::INSERT_BULK));
    client.reply();
    client.send_bytes(&hex(captured::DONE_ONLY));
    let refused = client.tokens();
    assert!(
        matches!(
            refused.as_slice(),
            [
                Token::Error(error),
                Token::Done(Done { kind: DoneKind::Done, status: done::ERROR, command: 253, count: 0 }),
            ] if (error.number, error.class, error.state) == (4804, 16, 2)
        ),
        "{refused:?}"
    );
}

#[test]
fn another_request_instead_of_the_load_is_4022() {
    let sandbox = RunningSandbox::start(&["--database", "bulk"]);
    let mut client = RawClient::login_to(sandbox.address, "bulk");
    client.must(
        "CREATE TABLE dbo.BulkWireProbe (id int NULL, label nvarchar(16) NULL, payload varbinary(16) NULL)",
    );
    client.send_bytes(&hex(captured::INSERT_BULK));
    client.reply();
    assert_eq!(errors(&client.batch("DROP TABLE dbo.BulkWireProbe")), [4022]);
    client.must("DROP TABLE dbo.BulkWireProbe");
}

#[test]
fn a_load_that_differs_from_its_announcement_is_refused() {
    let sandbox = RunningSandbox::start(&["--database", "bulk"]);
    let mut client = RawClient::login_to(sandbox.address, "bulk");
    client.must("CREATE TABLE dbo.BulkWireProbe (id int NOT NULL, label nvarchar(16) NULL, payload varbinary(16) NULL)");
    let good = hex(captured::ONE_ROW);
    let with = |at: usize, byte: u8| {
        let mut load = good.clone();
        load[at] = byte;
        load
    };
    // The label's length is at 79, its bytes behind it; so are 17 characters where 16 were declared.
    let mut too_long = [&good[..79], &[34, 0], &[b'x', 0].repeat(17), &good[87..]].concat();
    too_long[3] += 28;
    for (load, expected) in [
        // Byte 15 is the low byte of the first column's flags, 17 its type, 9 the count of columns.
        (with(15, 5), (4816, 16, 1)),
        (with(17, 0x6D), (4816, 16, 1)),
        (with(9, 2), (4804, 16, 3)),
        // The row's token.
        (with(73, 0xD2), (4804, 17, 1)),
        (too_long, (4815, 17, 1)),
    ] {
        client.send_bytes(&hex(captured::INSERT_BULK));
        assert_eq!(client.reply(), hex(captured::INSERT_BULK_REPLY));
        client.send_bytes(&load);
        let refused = client.tokens();
        let Some(Token::Error(error)) = refused.first() else { panic!("{refused:?}") };
        assert_eq!((error.number, error.class, error.state), expected, "{load:02x?}");
    }
}

/// KILL ends sessions that are idle, and sessions that wait; what they had open is rolled back.
#[test]
fn a_killed_session_leaves_nothing() {
    let sandbox = RunningSandbox::start(&["--database", "killed"]);
    let client = || RawClient::login_to(sandbox.address, "killed");
    let (mut idle, mut waiting, mut killer) = (client(), client(), client());
    idle.must("CREATE TABLE t (id int NOT NULL)");
    idle.must("BEGIN TRANSACTION; INSERT t VALUES (1)");
    // The transaction's descriptor is another now: what waits is a session of its own.
    waiting.send_batch("SELECT * FROM t");
    let id = |what: &str| {
        format!(
            "DECLARE @id int; SELECT @id = session_id FROM sys.dm_exec_requests WHERE {what}; \
                 IF @id IS NULL RAISERROR('not yet', 16, 1) ELSE "
        )
    };
    let kill = id("blocking_session_id <> 0")
        + "BEGIN DECLARE @sql nvarchar(99) = N'KILL ' + CAST(@id AS nvarchar(9)); EXEC (@sql) END";
    while errors(&killer.batch(&kill)) == [50000] {}
    assert_eq!(waiting.try_reply(), None);
    assert_eq!(errors(&killer.batch("SET LOCK_TIMEOUT 0; DELETE t WHERE id = 1")), [1222]);
    // The first to log in is session 51.
    killer.must("KILL 51");
    assert_eq!(idle.try_reply(), None);
    killer.must("SET LOCK_TIMEOUT -1; DELETE t WHERE id = 1");
    let wrong = [
        ("KILL 51", 6106),
        ("KILL 99999", 6106),
        ("DECLARE @s nvarchar(20) = N'KILL ' + CAST(@@SPID AS nvarchar(9)); EXEC (@s)", 6104),
        // The last, since the transaction stays open.
        ("BEGIN TRANSACTION; KILL 99999", 6115),
    ];
    for (sql, number) in wrong {
        assert_eq!(errors(&killer.batch(sql)), [number], "{sql}");
    }
}
