//! The wire as SQL Server speaks it, seen by a client that says what it is told to.
mod support;

use replica_core::tds::login7::feature;
use replica_core::tds::packet::kind;
use replica_core::tds::token::{Done, DoneKind, EnvChange, Token, done};
use support::Sandbox;
use support::raw::{self, Argument, RawClient, errors, hex};

/// server-facts.md section 2: an attention's acknowledgement, and a batch that was taken back.
const ACKNOWLEDGED: &str = "fd2000fd000000000000000000";
const TAKEN_BACK: &str = "fd020000000000000000000000";

#[test]
fn the_login_reply_is_in_sql_servers_order() {
    let sandbox = Sandbox::start(&[]);
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
fn features_are_acknowledged_after_the_packet_size() {
    let sandbox = Sandbox::start(&["--max-packet-size", "8000"]);
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
    let sandbox = Sandbox::start(&[]);
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
    let sandbox = Sandbox::start(&[]);
    let mut client = RawClient::login(sandbox.address);
    client.send_packet(kind::ATTENTION, 1, &[]);
    client.send_packet(kind::ATTENTION, 1, &[]);
    assert_eq!(client.reply(), hex(ACKNOWLEDGED));
    assert_eq!(client.reply(), hex(ACKNOWLEDGED));
}

#[test]
fn a_request_can_be_taken_back() {
    let sandbox = Sandbox::start(&[]);
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
    let sandbox = Sandbox::start(&[]);
    let mut client = RawClient::login(sandbox.address);
    let mut request = raw::batch("SELECT 1");
    request[10] = 9;
    client.send(kind::SQL_BATCH, &request);
    assert_eq!(errors(&client.tokens()), [3989]);
}

#[test]
fn broken_protocol_ends_the_connection_and_nothing_else() {
    let sandbox = Sandbox::start(&[]);
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
    let sandbox = Sandbox::start(&[]);
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
    let sandbox = Sandbox::start(&[]);
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
    let sandbox = Sandbox::start(&[]);
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
fn a_procedure_that_is_not_there_is_2812() {
    let sandbox = Sandbox::start(&[]);
    let mut client = RawClient::login(sandbox.address);
    assert_eq!(errors(&client.rpc("sp_cursoropen", &[])), [2812]);
    assert_eq!(errors(&client.rpc("sp_sandbox_fault", &[("@fault", Argument::Text("flood"))])), [50000]);
}
