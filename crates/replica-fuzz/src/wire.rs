//! Packets and what they say.
use replica_core::tds::columns::{self, Form};
use replica_core::tds::login7::Login7;
use replica_core::tds::packet::Inbox;
use replica_core::tds::prelogin::Prelogin;
use replica_core::tds::token;

use crate::input::FuzzInput;

/// Token after token. What is too short for a token is no token and no error, wherever it ends.
pub fn tokens(mut bytes: &[u8]) {
    while let Ok(Some((token, used))) = token::parse(bytes) {
        assert!(used > 0 && used <= bytes.len(), "{token:?} of {used} bytes");
        for short in [0, used / 2, used - 1] {
            assert!(
                matches!(token::parse(&bytes[..short]), Ok(None)),
                "{short} bytes of {used} of {token:?}"
            );
        }
        bytes = &bytes[used..];
    }
}

/// A stream of packets, received in pieces of any size, has the same messages.
pub fn packets(bytes: &[u8]) {
    let mut input = FuzzInput(bytes);
    let pieces: Vec<usize> = input.bytes(8).iter().map(|piece| usize::from(*piece) + 1).collect();
    let stream = input.0;
    assert_eq!(messages(stream, &pieces), messages(stream, &[usize::MAX]));
}

/// Each message's type and payload, and whether the stream could be read to its end.
fn messages(stream: &[u8], pieces: &[usize]) -> (Vec<(u8, Vec<u8>)>, bool) {
    let (mut inbox, mut at, mut messages) = (Inbox::new(0), 0, Vec::new());
    let mut current = Vec::new();
    for piece in pieces.iter().cycle() {
        loop {
            match inbox.advance() {
                Ok(true) => {
                    current.extend_from_slice(inbox.payload());
                    inbox.consume(inbox.payload().len());
                    if inbox.at_end() {
                        let kind = inbox.header().map_or(0, |header| header.kind);
                        messages.push((kind, std::mem::take(&mut current)));
                        inbox.finish();
                    }
                }
                Ok(false) => break,
                Err(_) => return (messages, false),
            }
        }
        if at == stream.len() {
            break;
        }
        let Ok(space) = inbox.space() else { return (messages, false) };
        let here = (*piece).min(space.len()).min(stream.len() - at);
        space[..here].copy_from_slice(&stream[at..at + here]);
        inbox.received(here);
        at += here;
    }
    (messages, true)
}

/// What was read, written down and read again, is the same.
pub fn prelogin(bytes: &[u8]) {
    let Ok(prelogin) = Prelogin::parse(bytes) else { return };
    let _ = prelogin.encryption();
    if prelogin.options.iter().map(|(_, data)| data.len() + 5).sum::<usize>() > usize::from(u16::MAX) - 1 {
        // Options may lie over each other: written one behind the other they have no place.
        return;
    }
    let mut encoded = Vec::new();
    prelogin.encode(&mut encoded);
    assert_eq!(Prelogin::parse(&encoded).ok(), Some(prelogin));
}

/// The same of a login, which the sandbox reads.
pub fn login7(bytes: &[u8]) {
    let Ok(login) = Login7::parse(bytes) else { return };
    let mut encoded = Vec::new();
    login.encode(&mut encoded);
    if encoded.len() > usize::from(u16::MAX) {
        return;
    }
    let again = Login7::parse(&encoded).expect("what was written can be read");
    assert_eq!(
        (&again.user, &again.database, again.packet_size),
        (&login.user, &login.database, login.packet_size)
    );
    let mut twice = Vec::new();
    again.encode(&mut twice);
    assert!(twice == encoded, "a login is another one when it was read again");
}

/// COLMETADATA: what was read, written down and read again, is the same.
pub fn columns(bytes: &[u8]) {
    let Ok(Some((read, used))) = columns::parse(bytes, Form::Result) else { return };
    assert!(used <= bytes.len());
    let mut encoded = Vec::new();
    columns::encode(&read, Form::Result, &mut encoded);
    let again = columns::parse(&encoded, Form::Result);
    assert!(matches!(&again, Ok(Some((again, _))) if *again == read), "{read:?} became {again:?}");
}
