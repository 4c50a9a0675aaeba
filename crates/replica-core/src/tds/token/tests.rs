use super::*;
use crate::tds::captured;
use crate::tds::types::token;
use proptest::prelude::*;

fn one(bytes: &[u8]) -> Token {
    let (token, used) = parse(bytes).unwrap().unwrap();
    assert_eq!(used, bytes.len());
    for end in 0..used {
        assert_eq!(parse(&bytes[..end]), Ok(None), "prefix of {end} bytes");
    }
    token
}

#[test]
fn done_as_captured() {
    let loaded = Done { kind: DoneKind::Done, status: done::COUNT, command: 240, count: 1 };
    for (hex, expected) in [
        (captured::INSERT_BULK_REPLY, Done { kind: DoneKind::Done, status: 0, command: 253, count: 0 }),
        (captured::REPLY_1_ROW, loaded),
    ] {
        let payload = captured::payload(hex);
        assert_eq!(one(&payload), Token::Done(expected));
        let mut out = Vec::new();
        expected.encode(&mut out);
        assert_eq!(out, payload);
    }
    assert_eq!(loaded.rows(), Some(1));
}

#[test]
fn order_as_captured() {
    let payload = captured::bytes(captured::SELECT_NBCROW_ORDER);
    let (_, used) = parse(&payload).unwrap().unwrap();
    assert_eq!(parse(&payload[used..]), Ok(Some((Token::Order(vec![1]), 5))));
    let mut out = Vec::new();
    encode_order(&[1], &mut out);
    assert_eq!(out, payload[used..used + 5]);
}

/// docs/WIRE.md, "Captured packets": the reply to a load of DONE alone begins `aa6402c412000002101f01`. Its length also
/// fixes the server's name: 612 bytes in all, 287 units of text, no procedure, one line number.
#[test]
fn error_4804_as_captured() {
    let text = "While reading current row from host, a premature end-of-message was encountered--an incoming data \
                stream was interrupted when the server expected to see more data. The host program may have \
                terminated. Ensure that you are using a supported client application programming interface (API).";
    let server = "0123456789ab";
    let message = Message {
        number: 4804,
        state: 2,
        class: 16,
        text: text.into(),
        server: server.into(),
        procedure: String::new(),
        line: 1,
    };
    let mut out = Vec::new();
    message.encode(kind::ERROR, &mut out);
    assert_eq!(out[..11], captured::bytes("aa6402c412000002101f01"));
    assert_eq!(one(&out), Token::Error(message));
}

#[test]
fn login_reply_as_captured() {
    let collation = captured::bytes("e3080007050904d0003400");
    let expected = EnvChange::Collation { new: vec![0x09, 0x04, 0xD0, 0x00, 0x34], old: Vec::new() };
    assert_eq!(one(&collation), Token::EnvChange(expected.clone()));
    let mut out = Vec::new();
    expected.encode(&mut out);
    assert_eq!(out, collation);

    let size = EnvChange::PacketSize { new: 4096, old: 4096 };
    out.clear();
    size.encode(&mut out);
    assert_eq!(out[..4], captured::bytes("e3130004"));
    assert_eq!(one(&out), Token::EnvChange(size));
}

#[test]
fn transactions_carry_the_descriptor_on_the_side_that_has_one() {
    for (change, hex) in [
        (EnvChange::BeginTransaction(0x0102), "e30b000808020100000000000000"),
        (EnvChange::Commit(0x0102), "e30b000900080201000000000000"),
        (EnvChange::Rollback(0x0102), "e30b000a00080201000000000000"),
    ] {
        let mut out = Vec::new();
        change.encode(&mut out);
        assert_eq!(out, captured::bytes(hex));
        assert_eq!(one(&out), Token::EnvChange(change));
    }
}

#[test]
fn the_rest_survives_a_round_trip() {
    let ack = LoginAck {
        interface: 1,
        tds_version: [0x74, 0, 0, 4],
        program: "p".into(),
        version: [16, 0, 16, 136],
    };
    let value = ReturnValue {
        ordinal: 2,
        name: "@n".into(),
        status: 1,
        user_type: 0,
        flags: 0,
        type_info: TypeInfo::ByteLen { token: token::INTN, size: 4 },
        value: vec![4, 7, 0, 0, 0],
    };
    let routing = EnvChange::Routing { port: 1433, host: "node".into() };
    let mut out = Vec::new();
    ack.encode(&mut out);
    assert_eq!(one(&out), Token::LoginAck(ack));
    out.clear();
    value.encode(&mut out);
    assert_eq!(one(&out), Token::ReturnValue(value));
    out.clear();
    routing.encode(&mut out);
    assert_eq!(one(&out), Token::EnvChange(routing));
    out.clear();
    encode_return_status(-6, &mut out);
    assert_eq!(one(&out), Token::ReturnStatus(-6));
    out.clear();
    encode_features(&[(0x0A, vec![1])], &mut out);
    assert_eq!(one(&out), Token::FeatureExtAck(vec![(0x0A, vec![1])]));
    assert_eq!(one(&[kind::TABNAME, 2, 0, 9, 9]), Token::Skipped(kind::TABNAME));
    assert_eq!(one(&[kind::SESSION_STATE, 1, 0, 0, 0, 9]), Token::Skipped(kind::SESSION_STATE));
}

#[test]
fn lies_are_refused_not_waited_for() {
    let text_longer_than_token = [kind::ERROR, 8, 0, 1, 0, 0, 0, 1, 16, 0xFF, 0xFF];
    assert!(parse(&text_longer_than_token).is_err());
    assert!(parse(&[kind::FEATURE_EXT_ACK, 1, 0xFF, 0xFF, 0xFF, 0xFF]).is_err());
    assert!(parse(&[kind::ROW]).is_err());
    assert!(parse(&[0x00]).is_err());
}

fn text() -> impl Strategy<Value = String> {
    // No more than a B_VARCHAR has, surrogates counted.
    prop::collection::vec(any::<char>(), 0..100).prop_map(|text| text.into_iter().collect())
}

fn env_changes() -> impl Strategy<Value = EnvChange> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..12);
    prop_oneof![
        (text(), text()).prop_map(|(new, old)| EnvChange::Database { new, old }),
        (text(), text()).prop_map(|(new, old)| EnvChange::Language { new, old }),
        any::<(u32, u32)>().prop_map(|(new, old)| EnvChange::PacketSize { new, old }),
        (bytes(), bytes()).prop_map(|(new, old)| EnvChange::Collation { new, old }),
        any::<u64>().prop_map(EnvChange::BeginTransaction),
        any::<u64>().prop_map(EnvChange::Commit),
        any::<u64>().prop_map(EnvChange::Rollback),
        (any::<u16>(), text()).prop_map(|(port, host)| EnvChange::Routing { port, host }),
        bytes().prop_map(|body| EnvChange::Other { kind: 13, body }),
    ]
}

fn messages() -> impl Strategy<Value = Message> {
    (any::<(i32, u8, u8, u32)>(), text(), text(), text()).prop_map(
        |((number, state, class, line), text, server, procedure)| Message {
            number,
            state,
            class,
            text,
            server,
            procedure,
            line,
        },
    )
}

fn return_values() -> impl Strategy<Value = ReturnValue> {
    let byte_len = |token, size: u8| {
        let value = prop_oneof![
            Just(vec![0]),
            prop::collection::vec(any::<u8>(), usize::from(size)).prop_map(move |bytes| [
                &[size][..],
                &bytes
            ]
            .concat())
        ];
        (Just(TypeInfo::ByteLen { token, size }), value)
    };
    let short = prop::collection::vec(any::<u8>(), 0..60)
        .prop_map(|bytes| [&(bytes.len() as u16).to_le_bytes()[..], &bytes].concat());
    let short = (Just(TypeInfo::Binary { token: token::BIGVARBINARY, size: 60 }), short);
    let value = prop_oneof![byte_len(token::INTN, 8), byte_len(token::GUID, 16), short];
    (any::<(u16, u8, u32, u16)>(), text(), value).prop_map(
        |((ordinal, status, user_type, flags), name, (type_info, value))| ReturnValue {
            ordinal,
            name,
            status,
            user_type,
            flags,
            type_info,
            value,
        },
    )
}

/// A token, and its bytes.
fn tokens() -> impl Strategy<Value = (Token, Vec<u8>)> {
    fn encoded(encode: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut out = Vec::new();
        encode(&mut out);
        out
    }
    let acks =
        (any::<(u8, [u8; 4], [u8; 4])>(), text()).prop_map(|((interface, tds_version, version), program)| {
            LoginAck { interface, tds_version, program, version }
        });
    prop_oneof![
        env_changes().prop_map(|change| {
            let bytes = encoded(|out| change.encode(out));
            (Token::EnvChange(change), bytes)
        }),
        messages().prop_map(|message| {
            let bytes = encoded(|out| message.encode(kind::ERROR, out));
            (Token::Error(message), bytes)
        }),
        acks.prop_map(|ack| {
            let bytes = encoded(|out| ack.encode(out));
            (Token::LoginAck(ack), bytes)
        }),
        return_values().prop_map(|value| {
            let bytes = encoded(|out| value.encode(out));
            (Token::ReturnValue(value), bytes)
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_encoded_is_parsed_and_a_part_of_it_is_waited_for((token, bytes) in tokens()) {
        prop_assert_eq!(one(&bytes), token);
    }

    #[test]
    fn a_corrupted_byte_is_an_error_or_another_token(
        (_, mut bytes) in tokens(),
        at in any::<prop::sample::Index>(),
        flip in 1u8..=255,
    ) {
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        // What follows in the reply may be taken for part of the token, but never more than there is.
        bytes.extend([0xFD; 40]);
        if let Ok(Some((_, used))) = parse(&bytes) {
            prop_assert!((1..=bytes.len()).contains(&used));
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(Some((_, used))) = parse(&bytes) {
            prop_assert!((1..=bytes.len()).contains(&used));
        }
    }
}
