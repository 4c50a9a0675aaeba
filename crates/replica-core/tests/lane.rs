//! Sessions and their raw lane, against servers that keep to a script.
mod common;

use std::io::Read;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use common::{Peer, done, endpoint, error, run, scripted};
use replica_core::error::Kind;
use replica_core::session::{Role, Sent, Session};
use replica_core::tds::login7::Login7;
use replica_core::tds::packet::{HEADER, frame, kind};
use replica_core::tds::token::{EnvChange, done};
use tokio::sync::oneshot;

/// A server that logs the client in, granting packets of 4096 bytes, and goes on as `script` has it.
fn server(script: impl FnOnce(&mut Peer) + Send + 'static) -> SocketAddr {
    granting(4096, script)
}

fn granting(packet_size: u32, script: impl FnOnce(&mut Peer) + Send + 'static) -> SocketAddr {
    scripted(move |stream| {
        let mut peer = Peer(stream);
        peer.log_in(packet_size);
        script(&mut peer);
    })
}

async fn connect(address: SocketAddr, more: &str) -> Session {
    Session::connect(&endpoint(address, &format!("Encrypt=false;{more}")), Role::Target).await.unwrap()
}

/// The descriptor in a request's ALL_HEADERS.
fn descriptor(payload: &[u8]) -> u64 {
    u64::from_le_bytes(payload[10..18].try_into().unwrap())
}

#[test]
fn requests_are_cut_into_packets_of_the_granted_size() {
    let (tell, heard) = oneshot::channel();
    let address = granting(600, |peer| {
        let (kind, payload, lengths) = peer.message().unwrap();
        peer.reply(&common::done(0x10, 3));
        tell.send((kind, payload, lengths)).unwrap();
    });
    let sql = "-- ".repeat(500);
    run(async {
        let mut session = connect(address, "").await;
        assert_eq!(session.execute(&sql).await.unwrap().rows, Some(3));
        let (kind, payload, lengths) = heard.await.unwrap();
        assert_eq!((kind, payload.len()), (kind::SQL_BATCH, 22 + 2 * sql.len()));
        let (last, full) = lengths.split_last().unwrap();
        assert!(full.len() == 5 && full.iter().all(|length| *length == 600) && *last <= 600, "{lengths:?}");
    });
}

/// fReadOnlyIntent ([MS-TDS] 2.2.6.4): an availability group sends such a login on to a secondary.
#[test]
fn read_only_intent_is_told_at_login() {
    const READ_ONLY_INTENT: u8 = 0x20;
    for (more, intent) in [("ApplicationIntent=ReadOnly;Database=d", READ_ONLY_INTENT), ("", 0)] {
        let (tell, heard) = oneshot::channel();
        let address = scripted(|stream| {
            let mut peer = Peer(stream);
            peer.refuse_tls();
            let (_, login, _) = peer.message().unwrap();
            peer.reply(&common::welcome(4096));
            peer.message();
            peer.reply(&done(0, 0));
            tell.send(Login7::parse(&login).unwrap().type_flags).unwrap();
        });
        run(async {
            connect(address, more).await;
            assert_eq!(heard.await.unwrap() & READ_ONLY_INTENT, intent, "{more}");
        });
    }
}

#[test]
fn every_request_carries_the_open_transaction() {
    let (tell, heard) = oneshot::channel();
    let address = server(|peer| {
        peer.message();
        let mut tokens = Vec::new();
        EnvChange::BeginTransaction(0x0102_0304_0506_0708).encode(&mut tokens);
        tokens.extend(done(0, 0));
        peer.reply(&tokens);
        let mut requests = Vec::new();
        for _ in 0..3 {
            requests.push(descriptor(&peer.message().unwrap().1));
            peer.reply(&done(0, 0));
        }
        peer.message();
        tokens.clear();
        EnvChange::Commit(0x0102_0304_0506_0708).encode(&mut tokens);
        tokens.extend(done(0, 0));
        peer.reply(&tokens);
        requests.push(descriptor(&peer.message().unwrap().1));
        peer.reply(&done(0, 0));
        tell.send(requests).unwrap();
    });
    run(async {
        let mut session = connect(address, "").await;
        session.lane().unwrap().begin().await.unwrap();
        session.execute("UPDATE t SET a = 1").await.unwrap();
        session.query("SELECT 1", &[]).await.unwrap();
        session.query("SELECT @P1", &[&1]).await.unwrap();
        session.lane().unwrap().commit().await.unwrap();
        session.query("SELECT 1", &[]).await.unwrap();
        let open = 0x0102_0304_0506_0708;
        assert_eq!(heard.await.unwrap(), [open, open, open, 0]);
    });
}

#[test]
fn an_error_ends_the_transaction_that_the_server_rolled_back() {
    let address = server(|peer| {
        let mut tokens = Vec::new();
        EnvChange::BeginTransaction(7).encode(&mut tokens);
        tokens.extend(done(0, 0));
        peer.message();
        peer.reply(&tokens);
        peer.message();
        let mut tokens = error(1205);
        EnvChange::Rollback(7).encode(&mut tokens);
        tokens.extend(done(done::ERROR, 0));
        peer.reply(&tokens);
        peer.message();
    });
    run(async {
        let mut session = connect(address, "").await;
        session.lane().unwrap().begin().await.unwrap();
        let error = session.execute("DELETE t").await.unwrap_err();
        assert!(error.is_transient() && error.has_number(1205));
        let lane = session.lane().unwrap();
        assert!(!lane.in_transaction() && lane.is_idle());
    });
}

#[test]
fn an_error_of_the_server_leaves_the_session_usable() {
    let address = server(|peer| {
        for _ in 0..2 {
            peer.message();
            peer.reply(&[error(208), done(done::ERROR, 0)].concat());
        }
        peer.message();
        peer.reply(&done(0x10, 1));
    });
    run(async {
        let mut session = connect(address, "").await;
        let error = session.query("SELECT * FROM nowhere", &[]).await.unwrap_err();
        assert_eq!(error.server().map(|e| (e.number, e.class)), Some((208, 16)));
        assert!(session.execute("DELETE nowhere").await.unwrap_err().has_number(208));
        assert_eq!(session.execute("DELETE t").await.unwrap().rows, Some(1));
    });
}

#[test]
fn a_silent_server_is_given_up_and_so_is_the_session() {
    for raw in [true, false] {
        let address = server(|peer| {
            peer.message();
            peer.message();
        });
        run(async {
            let mut session = connect(address, "Command Timeout=1").await;
            let begun = Instant::now();
            let error = if raw {
                session.execute("WAITFOR DELAY '1:0:0'").await.unwrap_err()
            } else {
                session.query("WAITFOR DELAY '1:0:0'", &[]).await.unwrap_err()
            };
            assert_eq!((error.kind(), error.is_transient()), (Kind::Timeout, true), "{error}");
            assert!(error.to_string().contains("silent for 1 s"), "{error}");
            assert!(begun.elapsed() < Duration::from_secs(10));
            let error = session.query("SELECT 1", &[]).await.unwrap_err();
            assert!(error.to_string().contains("cut off"), "{error}");
        });
    }
}

#[test]
fn a_query_that_is_dropped_cuts_the_session_off() {
    let address = server(|peer| {
        peer.message();
        peer.message();
    });
    run(async {
        let mut session = connect(address, "").await;
        let query = session.query("SELECT 1", &[]);
        tokio::time::timeout(Duration::from_millis(50), query).await.unwrap_err();
        let error = session.execute("SELECT 1").await.unwrap_err();
        assert!(error.to_string().contains("cut off"), "{error}");
    });
}

#[test]
fn a_server_that_hangs_up_within_a_reply() {
    for sent in [0, 4, 8, 12, 20] {
        let address = server(move |peer| {
            peer.message();
            let mut packet = Vec::new();
            frame(kind::REPLY, &done(0, 0), 4096, &mut packet);
            peer.send(&packet[..sent]);
        });
        run(async {
            let error = connect(address, "").await.execute("DELETE t").await.unwrap_err();
            assert_eq!((error.kind(), error.is_transient()), (Kind::Io, true), "{error}");
        });
    }
}

#[test]
fn bytes_that_break_the_protocol_are_errors() {
    let half_a_token = done(0, 0)[..5].to_vec();
    let rows = b"\x81\x01\x00\x00\x00\x00\x00\x08\x00\x38\x01a\x00\xd1\x01\x00\x00\x00".to_vec();
    let unknown_token = vec![0x00; 20];
    for tokens in [half_a_token, rows, unknown_token] {
        let address = server(move |peer| {
            peer.message();
            peer.reply(&tokens);
        });
        run(async {
            let error = connect(address, "").await.execute("DELETE t").await.unwrap_err();
            assert_eq!((error.kind(), error.is_transient()), (Kind::Protocol, false), "{error}");
        });
    }
}

#[test]
fn a_server_that_speaks_before_it_has_heard_everything() {
    for stays in [true, false] {
        let (done_with, client_is_done) = std::sync::mpsc::channel::<()>();
        let address = server(move |peer| {
            // It reads no more than this, and the sockets' buffers are not without end.
            peer.0.read_exact(&mut [0; HEADER]).unwrap();
            peer.reply(&[error(9002), done(done::ERROR, 0)].concat());
            if stays {
                // Until the client is done and its sender dropped.
                let _ = client_is_done.recv();
            }
        });
        run(async {
            let mut session = connect(address, "").await;
            let lane = session.lane().unwrap();
            let mut packets = Vec::new();
            frame(kind::BULK_LOAD, &vec![0; 64 << 20], 4096, &mut packets);
            let sent = lane.send(&packets).await.unwrap();
            assert!(matches!(sent, Sent::Answered(n) if n < packets.len()), "{sent:?}");
            assert!(lane.reply().await.unwrap_err().has_number(9002));
            // The rest of the message can't be taken back.
            assert!(!lane.is_idle());
        });
        drop(done_with);
    }
}

#[test]
fn attention_reads_to_its_acknowledgement() {
    let address = server(|peer| {
        peer.message();
        // The beginning of a reply that never ends by itself, in the middle of what may be a row.
        let mut packets = Vec::new();
        frame(kind::REPLY, &[0xD1; 5000], 4096, &mut packets);
        peer.send(&packets[..4096]);
        let (kind, payload, _) = peer.message().unwrap();
        assert_eq!((kind, payload.len()), (kind::ATTENTION, 0));
        peer.send(&packets[4096..]);
        peer.reply(&done(done::ATTENTION, 0));
        peer.message();
        peer.reply(&done(0, 0));
    });
    run(async {
        let mut session = connect(address, "").await;
        let lane = session.lane().unwrap();
        lane.send_batch("SELECT * FROM t").await.unwrap();
        let mut buf = [0; 100];
        assert!(lane.recv(&mut buf).await.unwrap() > HEADER);
        lane.attention().await.unwrap();
        assert!(lane.is_idle());
        session.execute("DELETE t").await.unwrap();
    });
}

#[test]
fn a_message_sent_in_part_can_be_abandoned() {
    let (tell, heard) = oneshot::channel();
    let address = server(|peer| {
        let (kind, payload, lengths) = peer.message().unwrap();
        tell.send((kind, payload.len(), lengths)).unwrap();
        // The answer to an ignored message (docs/WIRE.md, "Attention and ignored messages").
        peer.reply(&done(done::ERROR, 0));
        peer.message();
        peer.reply(&done(0, 0));
    });
    run(async {
        let mut session = connect(address, "").await;
        let lane = session.lane().unwrap();
        let mut packets = Vec::new();
        frame(kind::BULK_LOAD, &[0; 10_000], 4096, &mut packets);
        assert_eq!(lane.send(&packets[..2 * 4096]).await.unwrap(), Sent::All);
        assert!(!lane.is_idle());
        lane.abandon().await.unwrap();
        assert!(lane.is_idle());
        assert_eq!(heard.await.unwrap(), (kind::BULK_LOAD, 2 * 4088 + 1, vec![4096, 4096, HEADER + 1]));
        session.execute("DELETE t").await.unwrap();
    });
}

#[test]
fn no_corrupted_byte_of_an_answer_does_more_than_end_the_query() {
    // COLMETADATA of an int and an nvarchar(10), a row of them, DONE.
    let tokens = b"\x81\x02\x00\x00\x00\x00\x00\x08\x00\x38\x01a\x00\x00\x00\x00\x00\x09\x00\xe7\x14\x00\x09\x04\xd0\x00\x34\x01b\x00\
        \xd1\x2a\x00\x00\x00\x04\x00h\x00i\x00\xfd\x10\x00\xc1\x00\x01\x00\x00\x00\x00\x00\x00\x00";
    let mut good = Vec::new();
    frame(kind::REPLY, tokens, 4096, &mut good);
    let answered_with = |reply: Vec<u8>| {
        let address = server(move |peer| {
            peer.message();
            peer.send(&reply);
        });
        run(async { connect(address, "").await.query("SELECT a, b FROM t", &[]).await })
    };
    let rows = answered_with(good.clone()).unwrap();
    assert_eq!((rows[0].get(0), rows[0].get(1)), (Some(42), Some("hi")));
    for at in 0..good.len() {
        for wrong in [0x00, 0x7F, 0xFF] {
            let mut reply = good.clone();
            reply[at] = wrong;
            // A wrong value may pass for a right one; what counts is that an end comes of it.
            if let Err(error) = answered_with(reply) {
                assert!(matches!(error.kind(), Kind::Protocol | Kind::Io | Kind::Server), "{error:?}");
            }
        }
    }
}
