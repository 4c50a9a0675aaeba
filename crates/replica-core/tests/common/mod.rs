//! A sandbox within the test's own process, and servers that misbehave.
#![allow(dead_code, reason = "each test file uses its own part of this")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::Duration;

use replica_core::config::Endpoint;
use replica_core::error::Error;
use replica_core::tds::packet::{DEFAULT_SIZE, HEADER, Header, frame, kind};
use replica_core::tds::token::{self, Done, DoneKind, EnvChange, LoginAck, Message};
use replica_sandbox::engine::{Engine, EngineOptions, Storage};
use replica_sandbox::server::tls::Identity;
use replica_sandbox::server::{Policy, Server, ServerOptions, Tokens};
use replica_testkit::Tenant;
use tokio::sync::oneshot;

pub const PASSWORD: &str = "Secret-4711;'\"";

/// A sandbox that ends with the test.
pub struct Sandbox {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    folder: tempfile::TempDir,
}

impl Sandbox {
    pub fn start(policy: Policy, max_packet_size: usize) -> Self {
        let identity = Identity::generate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.pem"), identity.authority.as_deref().unwrap()).unwrap();
        let tokens = folder.path().join("tokens.json");
        std::fs::write(&tokens, Tenant::default().trust("{}")).unwrap();
        let tokens = Some(Tokens::of(&tokens).unwrap());
        let engine = EngineOptions { sa_password: PASSWORD.into(), server_name: "SANDBOX".into() };
        let engine = Engine::open(Storage::Memory, engine).unwrap();
        let (recorder, keytab) = (None, None);
        let options = ServerOptions { policy, identity, max_packet_size, tokens, recorder, keytab };
        let (stop, stopped) = oneshot::channel();
        let (tell, address) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(async {
                let server = Server::bind("127.0.0.1:0", engine, options).await.unwrap();
                tell.send(server.address().unwrap()).unwrap();
                server.run(async { drop(stopped.await) }).await;
            });
        });
        Self { address: address.recv().unwrap(), stop: Some(stop), thread: Some(thread), folder }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The authority of the sandbox's certificate.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Takes the tokens of this tenant, and no others.
    pub fn accept(&self, tenant: &Tenant) {
        std::fs::write(self.folder.path().join("tokens.json"), tenant.trust("{}")).unwrap();
    }

    /// How to reach it, and what else to say.
    pub fn endpoint(&self, more: &str) -> Endpoint {
        endpoint(self.address, more)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// How to reach a server, and what else to say.
pub fn endpoint(address: SocketAddr, more: &str) -> Endpoint {
    let password = PASSWORD.replace('"', "\"\"");
    let (port, server) = (address.port(), "Server=localhost");
    let text = format!("{server},{port};User Id=sa;Password=\"{password}\";ConnectRetryCount=0;{more}");
    Endpoint::from_connection_string(&text).unwrap()
}

/// Runs a test's futures.
pub fn run<F: Future>(test: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

/// A server for one connection, as `script` has it; its address.
pub fn scripted(script: impl FnOnce(TcpStream) + Send + 'static) -> SocketAddr {
    let (listener, address) = listener();
    std::thread::spawn(move || script(accepted(listener)));
    address
}

/// A server for so many connections, one after the other, each with its number from 0.
pub fn scripted_each(
    connections: usize,
    script: impl Fn(usize, TcpStream) + Send + Sync + 'static,
) -> SocketAddr {
    let (listener, address) = listener();
    std::thread::spawn(move || {
        std::thread::scope(|scope| {
            for number in 0..connections {
                let (stream, script) = (accepted(listener), &script);
                scope.spawn(move || script(number, stream));
            }
        });
    });
    address
}

/// The port is never free again: a process remembers, by server, the sessions that were cut off, and would ask another
/// test's server for them.
fn listener() -> (&'static TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (Box::leak(Box::new(listener)), address)
}

fn accepted(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Waits for the client to speak, sends `bytes`, and hangs up.
pub fn answers(bytes: &'static [u8]) -> SocketAddr {
    scripted(move |mut stream| {
        let heard = stream.read(&mut [0; 4096]).unwrap();
        assert!(heard > 0);
        stream.write_all(bytes).unwrap();
    })
}

/// Says nothing, until the client hangs up.
pub fn silent() -> SocketAddr {
    scripted(|mut stream| while stream.read(&mut [0; 4096]).is_ok_and(|n| n > 0) {})
}

/// The client, as a scripted server sees it.
pub struct Peer(pub TcpStream);

impl Peer {
    /// The next message: its type, its payload, and the length of each packet. `None` when the client is gone.
    pub fn message(&mut self) -> Option<(u8, Vec<u8>, Vec<usize>)> {
        let (mut payload, mut lengths) = (Vec::new(), Vec::new());
        loop {
            let mut header = [0; HEADER];
            self.0.read_exact(&mut header).ok()?;
            let header = Header::parse(header).unwrap();
            let start = payload.len();
            payload.resize(start + usize::from(header.length) - HEADER, 0);
            self.0.read_exact(&mut payload[start..]).ok()?;
            lengths.push(header.length.into());
            if header.is_last() {
                return Some((header.kind, payload, lengths));
            }
        }
    }

    /// Sends bytes as they are. A client that is gone by now has seen enough.
    pub fn send(&mut self, bytes: &[u8]) {
        drop(self.0.write_all(bytes));
    }

    /// Sends tokens as one reply.
    pub fn reply(&mut self, tokens: &[u8]) {
        let mut packets = Vec::new();
        frame(kind::REPLY, tokens, DEFAULT_SIZE, &mut packets);
        self.send(&packets);
    }

    /// PRELOGIN without TLS.
    pub fn refuse_tls(&mut self) {
        self.message();
        self.reply(b"\x01\x00\x06\x00\x01\xff\x02");
    }

    /// PRELOGIN, login with a grant of packets of `size` bytes, and the session's options.
    pub fn log_in(&mut self, size: u32) {
        self.refuse_tls();
        self.message();
        self.reply(&welcome(size));
        self.message();
        self.reply(&done(0, 0));
    }
}

/// The reply to a login.
pub fn welcome(packet_size: u32) -> Vec<u8> {
    let mut tokens = Vec::new();
    EnvChange::Database { new: "db".into(), old: "master".into() }.encode(&mut tokens);
    EnvChange::PacketSize { new: packet_size, old: 4096 }.encode(&mut tokens);
    let program = "Scripted".to_owned();
    LoginAck { interface: 1, tds_version: [0x74, 0, 0, 4], program, version: [16, 0, 4, 1] }
        .encode(&mut tokens);
    tokens.extend(done(0, 0));
    tokens
}

/// A DONE token.
pub fn done(status: u16, count: u64) -> Vec<u8> {
    let mut token = Vec::new();
    Done { kind: DoneKind::Done, status, command: 0, count }.encode(&mut token);
    token
}

/// An ERROR token.
pub fn error(number: i32) -> Vec<u8> {
    let text = format!("error {number}");
    let server = String::new();
    let procedure = String::new();
    let mut token = Vec::new();
    Message { number, state: 1, class: 16, text, server, procedure, line: 1 }
        .encode(token::kind::ERROR, &mut token);
    token
}

/// The error, as a user would see it.
pub fn text<T>(result: Result<T, Error>) -> String {
    result.err().expect("an error is expected here").to_string()
}
