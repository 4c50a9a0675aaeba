use super::*;
use crate::catalog::record::CatalogRow;
use crate::error::Kind;
use crate::fake::{self, PATIENCE, done, error, lane, metadata, row, run};
use crate::tds::columns::{self, Form};
use crate::tds::packet::{HEADER, Header, frame, kind};
use crate::tds::types::{TypeInfo, token as type_token};
use crate::tds::wire::put_utf16le;
use proptest::prelude::*;
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;
use tokio::io::AsyncWriteExt;

async fn fingerprint_of(lane: &mut Lane) -> Result<Fingerprint> {
    fingerprint(Rows::open(lane, "SELECT 1").await?).await
}

/// Reads all of a reply and says how it went, with the lane's state at the end.
async fn read(reply: &[u8]) -> (Result<Fingerprint>, bool) {
    let (mut lane, mut server) = lane(PATIENCE).await;
    let serve = async {
        assert_eq!(server.request().await.unwrap().sql(), "SELECT 1");
        server.reply(reply).await;
    };
    let (result, ()) = tokio::join!(fingerprint_of(&mut lane), serve);
    (result, lane.is_idle())
}

#[test]
fn blocks_end_at_every_stride_and_hold_all_rows() {
    run(async {
        let (mut lane, mut server) = lane(PATIENCE).await;
        let rows = (0..10).flat_map(|n| row(n, b"ab"));
        let reply: Vec<u8> = metadata().into_iter().chain(rows).chain(done(10)).collect();
        let serve = async {
            server.request().await;
            server.reply(&reply).await;
        };
        let check = async {
            let mut rows = Rows::open(&mut lane, "SELECT 1").await.unwrap();
            assert_eq!(rows.columns(), fake::columns());
            rows.set_chunk_rows(4);
            let (mut sizes, mut bytes) = (Vec::new(), Vec::new());
            while let Some(block) = rows.next(Vec::new()).await.unwrap() {
                assert!(block.whole);
                sizes.push(block.rows);
                bytes.extend(block.bytes);
            }
            assert_eq!(sizes, [4, 4, 2]);
            assert_eq!(bytes, (0..10).flat_map(|n| fake::bulk_row(n, b"ab")).collect::<Vec<u8>>());
            assert_eq!(rows.fingerprint().rows, 10);
        };
        tokio::join!(serve, check);
        assert!(lane.is_idle());
    });
}

#[test]
fn a_value_longer_than_all_buffers_passes_in_blocks() {
    let text = vec![b'x'; 5 * BLOCK];
    let reply = [metadata(), row(1, &text), row(2, b""), done(2)].concat();
    let (result, idle) = run(read(&reply));
    assert_eq!(result.unwrap().rows, 2);
    assert!(idle);
}

#[test]
fn no_rows_are_no_error() {
    let (result, idle) = run(read(&[metadata(), done(0)].concat()));
    assert_eq!(result.unwrap(), Fingerprint::default());
    assert!(idle);
}

#[test]
fn an_error_of_the_server_leaves_the_lane_usable() {
    for reply in
        [error(208), [metadata(), error(8655)].concat(), [metadata(), row(1, b"a"), error(1205)].concat()]
    {
        let (result, idle) = run(read(&reply));
        let error = result.unwrap_err();
        assert_eq!(error.kind(), Kind::Server);
        assert!([208, 8655, 1205].into_iter().any(|number| error.has_number(number)), "{error}");
        assert!(idle);
    }
}

#[test]
fn replies_that_lie_or_break_off_are_errors() {
    let half_a_row = &row(1, b"abc")[..9];
    let cases = [
        [metadata(), row(1, b"a"), done(2)].concat(),
        [metadata(), row(1, b"a")].concat(),
        [&metadata(), half_a_row].concat(),
        [&metadata(), half_a_row, &done(1)].concat(),
        [metadata(), row(1, b"a"), metadata(), done(1)].concat(),
        done(0),
        vec![0xD1, 0, 0],
        b"HTTP/1.1 400 Bad Request\r\n".to_vec(),
    ];
    for reply in cases {
        let (result, _) = run(read(&reply));
        assert_eq!(result.unwrap_err().kind(), Kind::Protocol, "{reply:02X?}");
    }
}

#[test]
fn the_count_of_a_result_before_is_not_that_of_the_rows() {
    run(async {
        let (mut lane, mut server) = lane(PATIENCE).await;
        let reply = [metadata(), done(0), metadata()].concat();
        let serve = async {
            server.request().await;
            server.reply(&reply).await;
        };
        let check = async {
            let opened = Rows::open_behind(&mut lane, "SELECT 1".into(), 1).await.unwrap();
            let (before, rows) = opened.unwrap();
            assert_eq!(rows_of(&before).unwrap(), [Vec::new()]);
            assert_eq!(fingerprint(rows).await.unwrap_err().kind(), Kind::Protocol);
        };
        tokio::join!(serve, check);
    });
}

#[test]
fn a_server_that_hangs_up_in_a_row_is_a_lost_connection() {
    run(async {
        let (mut lane, mut server) = lane(PATIENCE).await;
        let serve = async {
            server.request().await;
            let mut packet = vec![4, 0, 0x02, 0, 0, 0, 1, 0];
            packet.extend(metadata());
            packet.extend(&row(1, b"abc")[..9]);
            server.stream.write_all(&packet).await.unwrap();
            server.stream.shutdown().await.unwrap();
        };
        let (result, ()) = tokio::join!(fingerprint_of(&mut lane), serve);
        assert_eq!(result.unwrap_err().kind(), Kind::Io);
    });
}

#[test]
fn a_silent_server_is_given_up() {
    run(async {
        let (mut lane, mut server) = lane(Duration::from_millis(50)).await;
        let serve = async {
            server.request().await;
            server.stream.write_all(&[4, 0, 0x02]).await.unwrap();
        };
        let (result, ()) = tokio::join!(fingerprint_of(&mut lane), serve);
        assert_eq!(result.unwrap_err().kind(), Kind::Timeout);
    });
}

/// What a client makes of a reply that arrives as these packets, from a server that then hangs up: its rows, and the
/// bytes of its largest block.
async fn read_packets(packets: &[u8]) -> Result<(Fingerprint, usize)> {
    let (mut lane, mut server) = lane(PATIENCE).await;
    let serve = async {
        server.request().await;
        // The client may have had enough before the end.
        if server.stream.write_all(packets).await.is_ok() {
            server.stream.shutdown().await.ok();
        }
    };
    let read = async {
        let mut rows = Rows::open(&mut lane, "SELECT 1").await?;
        let mut largest = 0;
        while let Some(block) = rows.next(Vec::new()).await? {
            largest = largest.max(block.bytes.len());
        }
        Ok((rows.fingerprint(), largest))
    };
    let (result, ()) = tokio::join!(read, serve);
    result
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Packet headers, column metadata, rows and the end alike.
    #[test]
    fn a_corrupted_reply_is_an_error_or_other_rows(
        lengths in prop::collection::vec(0usize..700, 0..12),
        size in 512usize..4096,
        at in any::<prop::sample::Index>(),
        flip in 1u8..=255,
    ) {
        let rows = lengths.iter().enumerate().flat_map(|(n, length)| row(n as i32, &vec![b'x'; *length]));
        let reply: Vec<u8> = metadata().into_iter().chain(rows).chain(done(lengths.len() as u64)).collect();
        let mut packets = Vec::new();
        frame(kind::REPLY, &reply, size, &mut packets);
        let intact = run(read_packets(&packets)).unwrap();
        prop_assert_eq!(intact.0.rows, lengths.len() as u64);
        let at = at.index(packets.len());
        packets[at] ^= flip;
        let read = run(async { tokio::time::timeout(Duration::from_secs(10), read_packets(&packets)).await });
        let Ok(read) = read else { return Err(TestCaseError::fail("it hangs")) };
        if let Ok((_, largest)) = read {
            prop_assert!(largest <= 3 * BLOCK);
        }
    }
}

/// COLMETADATA of 4,096 columns with the longest names there are, in packets of 64 bytes.
#[test]
fn tiny_packets_cost_little() {
    let column = |n: usize| WireColumn {
        name: format!("{n:0255}").into(),
        user_type: 0,
        flags: 8,
        type_info: TypeInfo::Fixed { token: type_token::INT4 },
        table: Vec::new(),
    };
    let mut reply = Vec::new();
    columns::encode(&(0..4096).map(column).collect::<Vec<_>>(), Form::Result, &mut reply);
    reply.extend(done(0));
    assert!(reply.len() > 2 << 20);
    let mut packets = Vec::new();
    for (n, payload) in reply.chunks(56).enumerate() {
        let status = u8::from(56 * (n + 1) >= reply.len());
        let length = (payload.len() + HEADER) as u16;
        packets.extend(Header { kind: kind::REPLY, status, length, spid: 0, id: 1 }.encode());
        packets.extend(payload);
    }
    run(async {
        let (mut lane, mut server) = lane(PATIENCE).await;
        let serve = async {
            server.request().await;
            server.stream.write_all(&packets).await.unwrap();
        };
        let (read, ()) = tokio::join!(fingerprint_of(&mut lane), serve);
        assert_eq!(read.unwrap().rows, 0);
        // Two seconds; tried anew at each packet it takes minutes.
        let used = clock_gettime(ClockId::ThreadCPUTime).tv_sec;
        assert!(used < 15, "{used} s of CPU");
    });
}

async fn fingerprint_of_first(reply: &[u8]) -> Fingerprint {
    let (mut lane, mut server) = lane(PATIENCE).await;
    let serve = async {
        server.request().await;
        server.reply(reply).await;
    };
    let (opened, ()) = tokio::join!(Rows::open_behind(&mut lane, "SELECT 1".into(), 1), serve);
    opened.unwrap().unwrap().0[0].fingerprint()
}

/// What describes a result is worked out once and used again, by whoever reads the next one like it.
#[test]
fn results_of_the_same_columns_are_told_apart() {
    let answer = |rows: &[(i32, &str)]| {
        let sent = rows.iter().flat_map(|(id, text)| {
            let mut letters = Vec::new();
            put_utf16le(text, &mut letters);
            row(*id, &letters)
        });
        metadata().into_iter().chain(sent).chain(done(rows.len() as u64)).collect::<Vec<u8>>()
    };
    let whole =
        [answer(&[(1, "a")]), answer(&[(2, "b"), (3, "c")]), answer(&[]), answer(&[(4, "d")])].concat();
    let within_a_row = answer(&[(1, "a")]).len() + metadata().len() + 3;
    run(async {
        for reply in [&whole[..], &whole[..within_a_row], &whole[..]] {
            let (mut lane, mut server) = lane(PATIENCE).await;
            let serve = async {
                server.request().await;
                server.reply(reply).await;
            };
            let (opened, ()) = tokio::join!(Rows::open_behind(&mut lane, "SELECT 1".into(), 3), serve);
            if reply.len() < whole.len() {
                assert_eq!(opened.err().unwrap().kind(), Kind::Protocol);
                continue;
            }
            let (sets, rows) = opened.unwrap().unwrap();
            let told = |row: &CatalogRow| (row.int("id").unwrap(), row.text("s").unwrap().to_owned());
            let same = [answer(&[(3, "c"), (2, "b")]), answer(&[])].concat();
            assert_eq!(sets[1].fingerprint(), fingerprint_of_first(&same).await);
            let other = [answer(&[(2, "b"), (3, "d")]), answer(&[])].concat();
            assert_ne!(sets[1].fingerprint(), fingerprint_of_first(&other).await);
            let sets: Vec<Vec<_>> =
                rows_of(&sets).unwrap().iter().map(|set| set.iter().map(told).collect()).collect();
            let pair = |id, text: &str| (id, text.to_owned());
            assert_eq!(sets, [vec![pair(1, "a")], vec![pair(2, "b"), pair(3, "c")], vec![]]);
            assert_eq!(fingerprint(rows).await.unwrap().rows, 1);
        }
    });
}
