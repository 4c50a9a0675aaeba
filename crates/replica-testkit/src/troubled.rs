//! A server in its first minute: it refuses the first logins, and loses connections while it is asked what its tables
//! are like.
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use replica_core::config::Endpoint;
use replica_core::tds::packet::{DEFAULT_SIZE, HEADER, Header, frame, kind};
use replica_core::tds::token::{Done, DoneKind, Message, done, kind as token};

use crate::proxy::{From, Harm, Proxy, Rule, utf16};
use crate::{Client, Database};

/// What is asked of the catalog alone, and by every tool.
const QUESTION: &str = "TableTemporalType";
/// "Database ... on server ... is not currently available. Please retry the connection later."
const NOT_NOW: i32 = 40613;

/// A way to a database that is troubled at first. All but the login is plain.
pub struct Troubled {
    proxy: Proxy,
    /// Leads there.
    pub connection: String,
}

impl Troubled {
    /// `None`: the server encrypts everything, so that no connection can be lost at a chosen place.
    pub fn before(database: &Database) -> Option<Self> {
        let server = Endpoint::from_connection_string(&database.connection).expect("a connection string");
        let host = (server.host.clone(), server.port_or_default());
        let through = |address: SocketAddr| {
            format!("{};Encrypt=false;Server=127.0.0.1,{}", database.connection, address.port())
        };
        let pattern = utf16(QUESTION);
        let rule = |harm, times| Rule { from: From::Client, pattern: pattern.clone(), harm, times };
        let spy = Proxy::before(host.clone(), rule(Harm::Replace(pattern.clone()), 1)).expect("a port");
        Client::connect(&through(spy.address())).rows(&format!("SELECT '{QUESTION}'"));
        if !spy.has_struck(Duration::ZERO) {
            eprintln!("skipped: this server encrypts everything");
            return None;
        }
        let proxy = Proxy::before(host, rule(Harm::HangUp(8), 2)).expect("a port");
        let door = door(proxy.address()).expect("a port");
        Some(Self { proxy, connection: through(door) })
    }

    /// Was a connection lost?
    pub fn has_struck(&self) -> bool {
        self.proxy.has_struck(Duration::ZERO)
    }
}

/// Refuses one login, and relays every other connection.
fn door(behind: SocketAddr) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for (number, client) in listener.incoming().enumerate() {
            let Ok(client) = client else { continue };
            // Whoever leaves early has seen enough.
            let _ = match number {
                0 => refuse(client),
                _ => relay(client, behind),
            };
        }
    });
    Ok(address)
}

fn refuse(mut client: TcpStream) -> io::Result<()> {
    message(&mut client)?;
    // PRELOGIN: version, and no encryption.
    reply(&mut client, b"\x01\x00\x06\x00\x01\xff\x02")?;
    message(&mut client)?;
    let mut tokens = Vec::new();
    let text = "The database is not currently available. Please retry the connection later.".to_owned();
    let server = String::new();
    let procedure = String::new();
    Message { number: NOT_NOW, state: 1, class: 20, text, server, procedure, line: 1 }
        .encode(token::ERROR, &mut tokens);
    Done { kind: DoneKind::Done, status: done::ERROR, command: 0, count: 0 }.encode(&mut tokens);
    reply(&mut client, &tokens)
}

fn message(client: &mut TcpStream) -> io::Result<()> {
    loop {
        let mut header = [0; HEADER];
        client.read_exact(&mut header)?;
        let header = Header::parse(header).map_err(|error| io::Error::other(error.to_string()))?;
        client.read_exact(&mut vec![0; usize::from(header.length) - HEADER])?;
        if header.is_last() {
            return Ok(());
        }
    }
}

fn reply(client: &mut TcpStream, tokens: &[u8]) -> io::Result<()> {
    let mut packets = Vec::new();
    frame(kind::REPLY, tokens, DEFAULT_SIZE, &mut packets);
    client.write_all(&packets)
}

fn relay(client: TcpStream, behind: SocketAddr) -> io::Result<()> {
    let server = TcpStream::connect(behind)?;
    for socket in [&client, &server] {
        socket.set_nodelay(true)?;
    }
    for (mut from, mut to) in [(client.try_clone()?, server.try_clone()?), (server, client)] {
        thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    Ok(())
}
