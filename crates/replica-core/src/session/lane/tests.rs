use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::error::Kind;
use crate::fake;
use crate::link::message;
use crate::tds::packet::{HEADER, Header, kind};
use crate::tds::token::{Done, DoneKind, Message, done, encode_order, kind as token};

/// Babelfish 4.3, which sends no descriptor when a batch begins a transaction.
#[tokio::test]
async fn a_transaction_is_open_though_no_descriptor_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let link = Link::Plain(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
    let mut lane = Lane::new(link, 4096, Duration::from_secs(60));
    let server = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut reply = Vec::new();
        Done { kind: DoneKind::Done, status: 0, command: 0, count: 0 }.encode(&mut reply);
        while message::read(&mut socket).await.unwrap().is_some() {
            message::write(&mut socket, kind::REPLY, &reply, 4096).await.unwrap();
        }
    };
    let client = async {
        lane.begin().await.unwrap();
        assert_eq!((lane.in_transaction(), lane.transaction()), (true, 0));
        lane.commit().await.unwrap();
        assert!(!lane.in_transaction());
        lane.begin().await.unwrap();
        lane.rollback().await.unwrap();
        assert!(!lane.in_transaction());
        drop(lane);
    };
    tokio::join!(server, client);
}

/// What a client makes of a server that sends these packets for ever in place of an answer.
async fn answered_for_ever(packets: Vec<u8>, pause: Duration, silence: Duration) -> Error {
    let (mut lane, mut server) = fake::lane(silence).await;
    let serve = async {
        server.request().await;
        // Until the client hangs up.
        while server.stream.write_all(&packets).await.is_ok() {
            tokio::time::sleep(pause).await;
        }
    };
    let ask = async {
        let error = lane.batch("DELETE t").await.unwrap_err();
        drop(lane);
        error
    };
    tokio::join!(serve, ask).1
}

/// Packets that bring nothing: messages, an order, counts, changes of the session, values that nobody asked for, names of
/// tables and columns, no content at all.
fn aside() -> Vec<Vec<u8>> {
    let mut info = Vec::new();
    let text = "still here".to_owned();
    let (server, procedure) = (String::new(), String::new());
    Message { number: 0, state: 1, class: 0, text, server, procedure, line: 1 }
        .encode(token::INFO, &mut info);
    let mut order = Vec::new();
    encode_order(&[1], &mut order);
    // An int without a name, which is 7.
    let value = [token::RETURN_VALUE, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x26, 4, 4, 7, 0, 0, 0].to_vec();
    let others = [
        // The session's language, which it was before.
        vec![token::ENV_CHANGE, 3, 0, 2, 0, 0],
        vec![token::RETURN_STATUS, 0, 0, 0, 0],
        value,
        vec![token::SESSION_STATE, 1, 0, 0, 0, 9],
        vec![token::TABNAME, 2, 0, 9, 9],
        vec![token::COLINFO, 1, 0, 9],
    ];
    [info, order, fake::done_without_count(done::MORE), Vec::new()]
        .into_iter()
        .chain(others)
        .map(|tokens| {
            let length = (HEADER + tokens.len()) as u16;
            let header = Header { kind: kind::REPLY, status: 0, length, spid: 0, id: 1 };
            [&header.encode()[..], &tokens].concat()
        })
        .collect()
}

#[test]
fn a_server_that_brings_nothing_is_silent_whatever_it_says() {
    for packet in aside() {
        let (pause, silence) = (Duration::from_millis(20), Duration::from_millis(300));
        let began = Instant::now();
        let error = fake::run(answered_for_ever(packet, pause, silence));
        assert_eq!(error.kind(), Kind::Timeout, "{error}");
        assert!(began.elapsed() >= silence);
    }
}

#[test]
fn a_flood_of_messages_is_given_up() {
    for packet in aside() {
        let many = packet.repeat((256 << 10) / packet.len());
        let error = fake::run(answered_for_ever(many, Duration::ZERO, Duration::MAX));
        assert!(error.to_string().contains("messages without end"), "{error}");
    }
}
