//! A client that says exactly what a test tells it to, byte for byte.
use super::PASSWORD;
use replica_core::tds::login7::Login7;
use replica_core::tds::packet::{self, HEADER, Header, kind};
use replica_core::tds::prelogin::{Prelogin, encryption, option};
use replica_core::tds::token::{self, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

pub struct RawClient {
    pub stream: TcpStream,
    pub packet_size: usize,
}

impl RawClient {
    /// Connects, says PRELOGIN without encryption and reads the answer.
    pub fn connect(address: SocketAddr) -> Self {
        let mut client = Self::connect_bare(address);
        let mut prelogin = Prelogin::default();
        prelogin.set(option::VERSION, &[16, 0, 0, 0, 0, 0]);
        prelogin.set(option::ENCRYPTION, &[encryption::NOT_SUPPORTED]);
        let mut message = Vec::new();
        prelogin.encode(&mut message);
        client.send(kind::PRELOGIN, &message);
        let answer = Prelogin::parse(&client.reply()).expect("a PRELOGIN answer");
        assert_eq!(answer.encryption(), Some(encryption::NOT_SUPPORTED));
        client
    }

    /// Connects, and says nothing yet.
    pub fn connect_bare(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("the sandbox listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out can be set");
        Self { stream, packet_size: 4096 }
    }

    /// Connects and logs in as sa.
    pub fn login(address: SocketAddr) -> Self {
        let mut client = Self::connect(address);
        let tokens = client.log_in(&login());
        assert!(tokens.iter().any(|token| matches!(token, Token::LoginAck(_))), "{tokens:?}");
        client
    }

    /// Connects and logs in to a database.
    pub fn login_to(address: SocketAddr, database: &str) -> Self {
        let mut client = Self::connect(address);
        let tokens = client.log_in(&Login7 { database: database.into(), ..login() });
        assert_eq!(errors(&tokens), [0; 0], "{tokens:?}");
        client
    }

    pub fn log_in(&mut self, login: &Login7) -> Vec<Token> {
        let mut message = Vec::new();
        login.encode(&mut message);
        self.send(kind::LOGIN7, &message);
        self.tokens()
    }

    /// Sends a whole message.
    pub fn send(&mut self, kind: u8, payload: &[u8]) {
        let mut packets = Vec::new();
        packet::frame(kind, payload, self.packet_size, &mut packets);
        self.send_bytes(&packets);
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("the sandbox reads");
    }

    pub fn send_packet(&mut self, kind: u8, status: u8, payload: &[u8]) {
        let length = u16::try_from(payload.len() + HEADER).expect("a packet's length");
        self.send_bytes(&Header { kind, status, length, spid: 0, id: 1 }.encode());
        self.send_bytes(payload);
    }

    /// Sends a SQL batch outside any transaction.
    pub fn send_batch(&mut self, sql: &str) {
        self.send(kind::SQL_BATCH, &batch(sql));
    }

    pub fn batch(&mut self, sql: &str) -> Vec<Token> {
        self.send_batch(sql);
        self.tokens()
    }

    /// Sends a call of a procedure by name, outside any transaction; the arguments are nvarchars or ints.
    pub fn send_rpc(&mut self, procedure: &str, arguments: &[(&str, Argument)]) {
        let mut body = batch("");
        body.extend((procedure.len() as u16).to_le_bytes());
        body.extend(utf16(procedure));
        body.extend([0, 0]);
        for (name, argument) in arguments {
            body.push(name.len() as u8);
            body.extend(utf16(name));
            body.push(0);
            match argument {
                Argument::Text(text) => {
                    let text = utf16(text);
                    body.extend([0xE7, 0x40, 0x1F, 9, 4, 0xD0, 0, 0x34]);
                    body.extend((text.len() as u16).to_le_bytes());
                    body.extend(text);
                }
                Argument::Int(n) => {
                    body.extend([0x26, 4, 4]);
                    body.extend(n.to_le_bytes());
                }
            }
        }
        self.send(kind::RPC, &body);
    }

    pub fn rpc(&mut self, procedure: &str, arguments: &[(&str, Argument)]) -> Vec<Token> {
        self.send_rpc(procedure, arguments);
        self.tokens()
    }

    /// Runs a batch without results, which must go well.
    pub fn must(&mut self, sql: &str) {
        let tokens = self.batch(sql);
        assert_eq!(errors(&tokens), [0; 0], "{sql}: {tokens:?}");
    }

    /// The payload of the next message.
    pub fn reply(&mut self) -> Vec<u8> {
        self.try_reply().expect("a reply")
    }

    /// The payload of the next message; `None` when the sandbox closes the connection instead.
    pub fn try_reply(&mut self) -> Option<Vec<u8>> {
        let mut payload = Vec::new();
        loop {
            let mut header = [0; HEADER];
            match self.stream.read_exact(&mut header) {
                Ok(()) => {}
                Err(error)
                    if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) =>
                {
                    return None;
                }
                Err(error) => panic!("reading a reply: {error}"),
            }
            let header = Header::parse(header).expect("a packet header");
            assert_eq!(header.kind, kind::REPLY);
            let start = payload.len();
            payload.resize(start + usize::from(header.length) - HEADER, 0);
            self.stream.read_exact(&mut payload[start..]).expect("the packet's payload");
            if header.is_last() {
                return Some(payload);
            }
        }
    }

    /// The tokens of the next message, which has no rows.
    pub fn tokens(&mut self) -> Vec<Token> {
        tokens(&self.reply())
    }
}

pub fn tokens(mut payload: &[u8]) -> Vec<Token> {
    let mut tokens = Vec::new();
    while !payload.is_empty() {
        let (token, used) = token::parse(payload).expect("well-formed tokens").expect("whole tokens");
        tokens.push(token);
        payload = &payload[used..];
    }
    tokens
}

/// The numbers of the errors among tokens.
pub fn errors(tokens: &[Token]) -> Vec<i32> {
    tokens
        .iter()
        .filter_map(|token| match token {
            Token::Error(message) => Some(message.number),
            _ => None,
        })
        .collect()
}

/// A SQL batch with ALL_HEADERS, outside any transaction.
pub fn batch(sql: &str) -> Vec<u8> {
    let mut payload = vec![22, 0, 0, 0, 18, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];
    payload.extend(utf16(sql));
    payload
}

pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[derive(Clone, Copy)]
pub enum Argument {
    Text(&'static str),
    Int(i32),
}

pub fn login() -> Login7 {
    Login7 {
        tds_version: 0x7400_0004,
        packet_size: 4096,
        user: "sa".into(),
        password: PASSWORD.into(),
        application: "raw".into(),
        ..Login7::default()
    }
}

/// Bytes from hexadecimal digits.
pub fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("digits"))
        .collect()
}
