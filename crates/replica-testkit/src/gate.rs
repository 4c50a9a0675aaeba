//! The way to a server on this machine: what passes is counted, and it can be shut, as while the server restarts.
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Passes connections on to a server until it is dropped with its process.
pub struct Gate {
    address: SocketAddr,
    state: Arc<Mutex<GateState>>,
}

#[derive(Default)]
struct GateState {
    /// Both ends of each connection.
    ends: Vec<TcpStream>,
    shut: bool,
    sent: SentTraffic,
}

/// What clients have sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SentTraffic {
    /// Bytes of all connections, logins included.
    pub bytes: u64,
    /// Batches, RPCs, bulk loads and requests about transactions.
    pub requests: u64,
}

impl Gate {
    /// # Errors
    /// There is no port to listen on.
    pub fn before(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let gate = Self { address: listener.local_addr()?, state: Arc::default() };
        let state = gate.state.clone();
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // One that fails is one that is closed.
                let _ = pass(client, port, &state);
            }
        });
        Ok(gate)
    }

    /// The connection string, by this way instead of the server's own; only the login is encrypted.
    pub fn through(&self, connection: &str) -> String {
        format!("{connection};Encrypt=false;Server=127.0.0.1,{}", self.address.port())
    }

    /// Breaks all connections, and closes new ones at once.
    pub fn shut(&self) {
        let mut state = locked(&self.state);
        state.shut = true;
        for end in state.ends.drain(..) {
            // It may be closed already.
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    /// Lets connections pass again.
    pub fn reopen(&self) {
        locked(&self.state).shut = false;
    }

    /// So far.
    pub fn sent(&self) -> SentTraffic {
        locked(&self.state).sent
    }
}

fn locked(state: &Mutex<GateState>) -> MutexGuard<'_, GateState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn pass(client: TcpStream, port: u16, state: &Arc<Mutex<GateState>>) -> io::Result<()> {
    let mut here = locked(state);
    if here.shut {
        return Ok(());
    }
    let server = TcpStream::connect(("127.0.0.1", port))?;
    here.ends.extend([client.try_clone()?, server.try_clone()?]);
    let (mut to_client, mut from_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let state = state.clone();
    thread::spawn(move || {
        let mut counter = Requests::default();
        let (mut client, mut server) = (client, server);
        let mut buffer = vec![0; 64 << 10];
        while let Ok(n @ 1..) = client.read(&mut buffer) {
            let requests = counter.count(&buffer[..n]);
            {
                let sent = &mut locked(&state).sent;
                sent.bytes += n as u64;
                sent.requests += requests;
            }
            if server.write_all(&buffer[..n]).is_err() {
                break;
            }
        }
        let _ = server.shutdown(Shutdown::Both);
    });
    Ok(())
}

/// Finds packets in what a client sends ([MS-TDS] 2.2.3.1).
#[derive(Default)]
struct Requests {
    header: Vec<u8>,
    /// Of the packet that is under way.
    left: usize,
}

impl Requests {
    const HEADER: usize = 8;
    const TLS: u8 = 23;
    /// Batch, RPC, bulk load, transaction manager.
    const KINDS: [u8; 4] = [1, 3, 7, 14];

    fn count(&mut self, mut bytes: &[u8]) -> u64 {
        let mut requests = 0;
        while !bytes.is_empty() {
            if self.left > 0 {
                let n = self.left.min(bytes.len());
                (self.left, bytes) = (self.left - n, &bytes[n..]);
                continue;
            }
            self.header.push(bytes[0]);
            bytes = &bytes[1..];
            // The login comes in records of TLS (RFC 8446, 5.1) without a packet around them.
            if let [Self::TLS, _, _, high, low] = self.header[..] {
                self.left = usize::from(u16::from_be_bytes([high, low]));
                self.header.clear();
            } else if self.header.len() == Self::HEADER {
                let is_last = self.header[1] & 1 == 1;
                requests += u64::from(is_last && Self::KINDS.contains(&self.header[0]));
                let length = usize::from(u16::from_be_bytes([self.header[2], self.header[3]]));
                self.left = length.saturating_sub(Self::HEADER);
                self.header.clear();
            }
        }
        requests
    }
}
