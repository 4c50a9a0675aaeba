//! For tests: a lane whose other end is in the test's hands.
use std::future::Future;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::link::Link;
use crate::session::Lane;
use crate::tds::columns::{self, Form, WireColumn};
use crate::tds::packet::{Inbox, frame, kind};
use crate::tds::token::{Done, DoneKind, Message, done, kind as token};
use crate::tds::types::{MAX_WIDTH, TypeInfo, token as type_token};

/// What the fakes grant.
pub(crate) const PACKET_SIZE: usize = 512;

/// Runs a test on one thread, as the tools run one stream.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

/// Both ends of a connection.
pub(crate) async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (client, accepted) =
        tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let (client, accepted) = (client.unwrap(), accepted.unwrap().0);
    client.set_nodelay(true).unwrap();
    accepted.set_nodelay(true).unwrap();
    (client, accepted)
}

/// A lane and the server at its other end.
pub(crate) async fn lane(silence: Duration) -> (Lane, FakeServer) {
    let (client, accepted) = sockets().await;
    let server = FakeServer { stream: accepted, inbox: Inbox::new(0) };
    (Lane::new(Link::Plain(client), PACKET_SIZE, silence), server)
}

/// Long enough never to matter.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct FakeServer {
    pub stream: TcpStream,
    inbox: Inbox,
}

/// A message as the server got it.
#[derive(Debug)]
pub(crate) struct Request {
    pub kind: u8,
    /// Of the last packet.
    pub status: u8,
    pub payload: Vec<u8>,
    /// Lengths of the packets, headers included.
    pub packets: Vec<usize>,
}

impl Request {
    /// A batch's text, without ALL_HEADERS.
    pub(crate) fn sql(&self) -> String {
        assert_eq!(self.kind, kind::SQL_BATCH);
        crate::tds::wire::from_utf16le(&self.payload[22..])
    }
}

impl FakeServer {
    /// The next message; `None` when the client hangs up.
    pub(crate) async fn request(&mut self) -> Option<Request> {
        let mut request = Request { kind: 0, status: 0, payload: Vec::new(), packets: Vec::new() };
        let mut last = None;
        loop {
            while self.inbox.advance().unwrap() {
                let header = self.inbox.header().unwrap();
                if last != Some(header) {
                    request.packets.push(header.length.into());
                    request.kind = header.kind;
                    request.status = header.status;
                    last = Some(header);
                }
                let n = self.inbox.payload().len();
                request.payload.extend_from_slice(self.inbox.payload());
                self.inbox.consume(n);
                if self.inbox.at_end() {
                    self.inbox.finish();
                    return Some(request);
                }
            }
            match self.stream.read(self.inbox.space().unwrap()).await.unwrap_or(0) {
                0 => return None,
                n => self.inbox.received(n),
            }
        }
    }

    pub(crate) async fn reply(&mut self, payload: &[u8]) {
        let mut packets = Vec::new();
        frame(kind::REPLY, payload, PACKET_SIZE, &mut packets);
        self.stream.write_all(&packets).await.unwrap();
    }
}

/// An int NOT NULL and an nvarchar(max) NULL, as a server describes them.
pub(crate) fn columns() -> Vec<WireColumn> {
    let column = |name: &str, flags, type_info| WireColumn {
        name: name.into(),
        user_type: 0,
        flags,
        type_info,
        table: vec![],
    };
    let collation = Default::default();
    vec![
        column("id", 8, TypeInfo::Fixed { token: type_token::INT4 }),
        column("s", 9, TypeInfo::Chars { token: type_token::NVARCHAR, size: MAX_WIDTH, collation }),
    ]
}

pub(crate) fn metadata() -> Vec<u8> {
    let mut out = Vec::new();
    columns::encode(&columns(), Form::Result, &mut out);
    out
}

/// A row of [`columns`] as a server sends it: the (max) value's length is known.
pub(crate) fn row(id: i32, text: &[u8]) -> Vec<u8> {
    let length = (text.len() as u64).to_le_bytes();
    [&[token::ROW][..], &id.to_le_bytes(), &length, &chunk(text)].concat()
}

/// The same as a bulk load wants it.
pub(crate) fn bulk_row(id: i32, text: &[u8]) -> Vec<u8> {
    let unknown = (u64::MAX - 1).to_le_bytes();
    [&[token::ROW, 4][..], &id.to_le_bytes(), &unknown, &chunk(text)].concat()
}

fn chunk(text: &[u8]) -> Vec<u8> {
    if text.is_empty() { vec![0; 4] } else { [&(text.len() as u32).to_le_bytes(), text, &[0; 4]].concat() }
}

pub(crate) fn done(count: u64) -> Vec<u8> {
    encoded(Done { kind: DoneKind::Done, status: done::COUNT, command: 193, count })
}

pub(crate) fn done_without_count(status: u16) -> Vec<u8> {
    encoded(Done { kind: DoneKind::Done, status, command: 253, count: 0 })
}

fn encoded(done: Done) -> Vec<u8> {
    let mut out = Vec::new();
    done.encode(&mut out);
    out
}

/// ERROR and the DONE after it.
pub(crate) fn error(number: i32) -> Vec<u8> {
    let text = format!("error {number}");
    let server = String::new();
    let procedure = String::new();
    let mut out = Vec::new();
    Message { number, state: 1, class: 16, text, server, procedure, line: 1 }.encode(token::ERROR, &mut out);
    out.extend(done_without_count(done::ERROR));
    out
}
