use super::*;
use crate::error::Kind;
use crate::fake::{
    self, FakeServer, PACKET_SIZE, PATIENCE, bulk_row, done, done_without_count, error, lane, row, run,
};
use crate::read::Rows;
use crate::tds::packet::{HEADER, kind, status};
use crate::tds::rpc::Param;
use crate::tds::token::done as done_status;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn load(chunk_rows: u64) -> Load {
    let column = |name: &str, declared: &str, nullable| LoadColumn {
        name: name.into(),
        declared: declared.into(),
        nullable,
    };
    Load {
        table: "[dbo].[t]".into(),
        columns: vec![column("id", "int", false), column("s]", "nvarchar(max)", true)],
        hints: vec!["KEEP_NULLS".into(), "TABLOCK".into()],
        chunk_rows,
        chunk_bytes: u64::MAX,
        commit_rows: None,
        fence: None,
    }
}

const STATEMENT: &str = "INSERT BULK [dbo].[t] ([id] int, [s]]] nvarchar(max)) WITH (KEEP_NULLS, TABLOCK)";

/// The rows of the source's SELECT, after its columns.
async fn source(server: &mut FakeServer, rows: &[u8]) {
    server.request().await.unwrap();
    server.reply(&[&fake::metadata(), rows].concat()).await;
}

/// Rows `from..to`, then DONE.
fn all_rows(to: i32, text: &[u8]) -> Vec<u8> {
    (0..to).flat_map(|n| row(n, text)).chain(done(to as u64)).collect()
}

/// One INSERT BULK: its message, and the reply to it.
async fn chunk(server: &mut FakeServer, reply: &[u8]) -> fake::Request {
    assert_eq!(server.request().await.unwrap().sql(), STATEMENT);
    server.reply(&done_without_count(0)).await;
    let message = server.request().await.unwrap();
    server.reply(reply).await;
    message
}

/// Runs a load of what `source` sends, with `target` at the other end. Says whether the lanes are idle afterwards.
async fn transfer(
    load: &Load,
    silence: Duration,
    rows: &[u8],
    target: impl AsyncFnOnce(&mut FakeServer),
) -> (Result<LoadOutcome>, bool, bool) {
    let (mut from, mut source_server) = lane(PATIENCE).await;
    let (mut to, mut target_server) = lane(silence).await;
    let copy = async {
        let rows = Rows::open(&mut from, "SELECT 1").await.unwrap();
        stream(rows, &mut to, load, &mut |_| ()).await
    };
    let serve_source = async {
        source(&mut source_server, rows).await;
        // A writer that gives up stops the SELECT.
        if source_server.request().await.is_some_and(|request| request.kind == kind::ATTENTION) {
            source_server.reply(&done_without_count(done_status::ATTENTION)).await;
        }
    };
    let serve = async { tokio::join!(serve_source, target(&mut target_server)) };
    tokio::pin!(serve);
    let result = tokio::select! {
        result = copy => result,
        // The servers keep their ends open until the copy is over.
        result = async { (&mut serve).await; std::future::pending().await } => result,
    };
    (result, from.is_idle(), to.is_idle())
}

#[test]
fn rows_become_chunks_of_exact_packets() {
    run(async {
        let (mut messages, mut bytes) = (Vec::new(), 0);
        let target = async |server: &mut FakeServer| {
            messages.push(chunk(server, &done(40)).await);
            messages.push(chunk(server, &done(5)).await);
        };
        let (outcome, source_idle, target_idle) =
            transfer(&load(40), PATIENCE, &all_rows(45, b"abcd"), target).await;
        for (message, ids) in messages.iter().zip([0..40, 40..45]) {
            let rows: Vec<u8> = ids.flat_map(|n| bulk_row(n, b"abcd")).collect();
            let tail = bulk::tail();
            let head = message.payload.len() - rows.len() - tail.len();
            assert_eq!(message.payload[head..], [rows.as_slice(), &tail].concat());
            assert_eq!(message.payload[0], 0x81);
            assert_eq!((message.kind, message.status), (kind::BULK_LOAD, status::END_OF_MESSAGE));
            let (last, full) = message.packets.split_last().unwrap();
            assert!(full.iter().all(|&length| length == PACKET_SIZE) && *last > HEADER);
            bytes += rows.len() as u64;
        }
        let outcome = outcome.unwrap();
        assert_eq!((outcome.fingerprint.rows, outcome.bytes), (45, bytes));
        assert!(source_idle && target_idle);
    });
}

/// Whatever the length, every packet but the last has the granted size and the last is not empty.
#[test]
fn a_payload_that_ends_on_a_packet_boundary_still_ends() {
    for length in 0..2 * PACKET_SIZE {
        let target = async |server: &mut FakeServer| {
            let message = chunk(server, &done(1)).await;
            let (last, full) = message.packets.split_last().unwrap();
            assert!(
                full.iter().all(|&length| length == PACKET_SIZE) && *last > HEADER,
                "{:?}",
                message.packets
            );
        };
        let row = [row(1, &vec![7; length]), done(1)].concat();
        run(transfer(&load(10), PATIENCE, &row, target)).0.unwrap();
    }
}

#[test]
fn nothing_is_sent_for_no_rows() {
    let target = async |server: &mut FakeServer| assert!(server.request().await.is_none());
    let (outcome, ..) = run(transfer(&load(10), PATIENCE, &done(0), target));
    assert_eq!(outcome.unwrap().fingerprint, Fingerprint::default());
}

#[test]
fn chunks_are_bounded_in_bytes() {
    let text = vec![b'x'; 40_000];
    let mut counts = Vec::new();
    let target = async |server: &mut FakeServer| {
        for _ in 0..3 {
            let rows = chunk(server, &done(2)).await.payload.len() / text.len();
            counts.push(rows);
        }
    };
    let limited = Load { chunk_bytes: 50_000, ..load(1000) };
    run(transfer(&limited, PATIENCE, &all_rows(6, &text), target)).0.unwrap();
    assert_eq!(counts, [2, 2, 2]);
}

#[test]
fn commits_come_after_whole_chunks() {
    run(async {
        let mut batches = Vec::new();
        let target = async |server: &mut FakeServer| {
            for rows in [2, 2] {
                chunk(server, &done(rows)).await;
            }
            batches.push(server.request().await.unwrap().sql());
            server.reply(&done_without_count(0)).await;
            chunk(server, &done(1)).await;
        };
        let committed = Load { commit_rows: Some(3), ..load(2) };
        transfer(&committed, PATIENCE, &all_rows(5, b"a"), target).await.0.unwrap();
        assert_eq!(batches, ["COMMIT TRANSACTION; BEGIN TRANSACTION"]);
    });
}

/// Whether a request is the call that runs this statement.
fn calls(request: &fake::Request, sql: &str) -> bool {
    let sql: Vec<u8> = sql.encode_utf16().flat_map(u16::to_le_bytes).collect();
    request.kind == kind::RPC && request.payload.windows(sql.len()).any(|part| part == sql)
}

fn fenced() -> Load {
    let fence = Query { sql: "UPDATE ledger".into(), params: vec![Param::Int(1)] };
    Load { commit_rows: Some(2), fence: Some(fence), ..load(2) }
}

#[test]
fn a_fence_stands_before_each_commit_and_the_callers_is_its_own() {
    let target = async |server: &mut FakeServer| {
        for _ in 0..2 {
            chunk(server, &done(2)).await;
            assert!(calls(&server.request().await.unwrap(), "UPDATE ledger"));
            server.reply(&done(1)).await;
            assert_eq!(server.request().await.unwrap().sql(), "COMMIT TRANSACTION; BEGIN TRANSACTION");
            server.reply(&done_without_count(0)).await;
        }
        chunk(server, &done(1)).await;
        assert!(server.request().await.is_none(), "the last commit is the caller's");
    };
    let (outcome, ..) = run(transfer(&fenced(), PATIENCE, &all_rows(5, b"a"), target));
    assert_eq!(outcome.unwrap().fingerprint.rows, 5);
}

#[test]
fn nothing_is_committed_after_a_fence_that_fails() {
    let target = async |server: &mut FakeServer| {
        chunk(server, &done(2)).await;
        assert!(calls(&server.request().await.unwrap(), "UPDATE ledger"));
        server.reply(&error(50_971)).await;
        assert!(server.request().await.is_none(), "neither a COMMIT nor rows");
    };
    let (result, ..) = run(transfer(&fenced(), PATIENCE, &all_rows(5, b"a"), target));
    assert!(result.unwrap_err().has_number(50_971));
}

#[test]
fn a_refused_chunk_stops_the_source_too() {
    let target = async |server: &mut FakeServer| {
        chunk(server, &error(2627)).await;
    };
    // More rows than the queue and the sockets hold, so that the source is still sending.
    let rows = all_rows(30, &vec![b'x'; 1 << 20]);
    let (result, source_idle, target_idle) = run(transfer(&load(1), PATIENCE, &rows, target));
    let error = result.unwrap_err();
    assert!(error.has_number(2627) && error.to_string().contains("target"), "{error}");
    assert!(source_idle && target_idle);
}

#[test]
fn a_refused_statement_sends_no_rows() {
    let target = async |server: &mut FakeServer| {
        server.request().await.unwrap();
        server.reply(&error(208)).await;
        assert!(server.request().await.is_none());
    };
    let (result, ..) = run(transfer(&load(10), PATIENCE, &all_rows(1, b"a"), target));
    assert!(result.unwrap_err().has_number(208));
}

#[test]
fn a_target_that_stops_reading_and_answers_does_not_hang_the_load() {
    let target = async |server: &mut FakeServer| {
        server.request().await.unwrap();
        server.reply(&done_without_count(0)).await;
        server.stream.read_exact(&mut [0; 100]).await.unwrap();
        server.reply(&error(9002)).await;
        std::future::pending::<()>().await;
    };
    let rows = all_rows(30, &vec![b'x'; 1 << 20]);
    let (result, _, target_idle) = run(transfer(&load(1000), PATIENCE, &rows, target));
    assert!(result.unwrap_err().has_number(9002));
    assert!(!target_idle, "a half-sent message is no state to go on from");
}

#[test]
fn a_target_that_goes_silent_is_given_up() {
    let target = async |server: &mut FakeServer| {
        server.request().await.unwrap();
        std::future::pending::<()>().await;
    };
    let silence = Duration::from_millis(50);
    let (result, ..) = run(transfer(&load(10), silence, &all_rows(1, b"a"), target));
    assert_eq!(result.unwrap_err().kind(), Kind::Timeout);
}

#[test]
fn a_count_that_differs_is_an_error() {
    let target = async |server: &mut FakeServer| {
        chunk(server, &done(2)).await;
    };
    let (result, ..) = run(transfer(&load(10), PATIENCE, &all_rows(3, b"a"), target));
    assert_eq!(result.unwrap_err().kind(), Kind::Data);
}

#[test]
fn when_the_source_fails_the_target_is_told_to_forget_the_chunk() {
    run(async {
        let mut message = None;
        let target = async |server: &mut FakeServer| {
            message = Some(chunk(server, &done_without_count(done_status::ERROR)).await);
        };
        // Enough for a block to go out before the error.
        let rows = [row(1, &vec![b'x'; 1 << 20]), error(1205)].concat();
        let (result, source_idle, target_idle) = transfer(&load(10), PATIENCE, &rows, target).await;
        let error = result.unwrap_err();
        assert!(error.has_number(1205) && error.to_string().contains("source"), "{error}");
        assert_eq!(message.unwrap().status, status::END_OF_MESSAGE | status::IGNORE);
        assert!(source_idle && target_idle);
    });
}

#[test]
fn a_target_that_does_not_answer_an_abandoned_chunk_is_not_waited_for() {
    run(async {
        let target = async |server: &mut FakeServer| {
            server.request().await;
            server.reply(&done_without_count(0)).await;
            assert!(server.request().await.is_some() && server.request().await.is_none());
        };
        let rows = [row(1, &vec![b'x'; 1 << 20]), error(1205)].concat();
        let started = Instant::now();
        let (result, _, target_idle) = transfer(&load(10), PATIENCE, &rows, target).await;
        assert!(result.unwrap_err().has_number(1205) && !target_idle);
        assert!(started.elapsed() < PATIENCE / 2, "{:?}", started.elapsed());
    });
}

#[test]
fn a_source_that_hangs_up_fails_the_load() {
    run(async {
        let (mut from, mut source_server) = lane(PATIENCE).await;
        let (mut to, mut target_server) = lane(PATIENCE).await;
        let serve = async {
            source_server.request().await.unwrap();
            let text = vec![b'x'; 1 << 16];
            let mut packets = Vec::new();
            let payload = [fake::metadata(), row(1, &text), row(2, &text)].concat();
            crate::tds::packet::frame(kind::REPLY, &payload, PACKET_SIZE, &mut packets);
            source_server.stream.write_all(&packets[..packets.len() - 100]).await.unwrap();
            source_server.stream.shutdown().await.unwrap();
            chunk(&mut target_server, &done_without_count(done_status::ERROR)).await
        };
        let copy = async {
            let rows = Rows::open(&mut from, "SELECT 1").await.unwrap();
            stream(rows, &mut to, &load(10), &mut |_| ()).await
        };
        let (result, message) = tokio::join!(copy, serve);
        assert_eq!(result.unwrap_err().kind(), Kind::Io);
        assert_eq!(message.status, status::END_OF_MESSAGE | status::IGNORE);
        assert!(to.is_idle());
    });
}

#[test]
fn columns_must_match_in_number() {
    let target = async |server: &mut FakeServer| assert!(server.request().await.is_none());
    let mut narrow = load(10);
    narrow.columns.pop();
    let (result, ..) = run(transfer(&narrow, PATIENCE, &all_rows(1, b"a"), target));
    assert_eq!(result.unwrap_err().kind(), Kind::Mapping);
}
