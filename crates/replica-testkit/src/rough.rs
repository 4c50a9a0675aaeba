//! A rough way to a server: connections that are cut, slowed down, or changed on the way, whatever they carry.
//! ([`proxy`](crate::proxy) does harm at a pattern; here bytes are counted, so that TLS is no hindrance.)
use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

pub use crate::proxy::From;

/// What happens to a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Both ends are hung up on.
    Cut,
    /// One bit is turned over, and all else passes.
    Flip,
    /// The receiver hears that the sender has ended, and may go on to send itself.
    HalfClose,
    /// Nothing passes any more in either direction, and neither end learns of it: the server for so long.
    BlackHole(Duration),
    /// A wait before each further piece.
    Slow(Duration),
    /// From here on so many bytes pass one by one.
    Trickle(u32),
}

/// Trouble after so many bytes of one side.
#[derive(Clone, Copy, Debug)]
pub struct Blow {
    pub from: From,
    pub after: u64,
    pub trouble: Trouble,
}

impl Trouble {
    fn name(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Flip => "flipped bit",
            Self::HalfClose => "half closed",
            Self::BlackHole(_) => "black hole",
            Self::Slow(_) => "slow",
            Self::Trickle(_) => "trickle",
        }
    }
}

/// How often each has come.
#[derive(Clone, Default)]
struct Count(Arc<Mutex<BTreeMap<&'static str, u64>>>);

impl Count {
    fn all(&self) -> MutexGuard<'_, BTreeMap<&'static str, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Fate = Box<dyn FnMut(u64) -> Option<Blow> + Send>;

/// A relay on a port of its own. It ends with the test's process.
pub struct RoughWay {
    address: SocketAddr,
    struck: Count,
}

impl RoughWay {
    /// Listens, and relays every connection to `server`. `fate` says what becomes of the next one, and is told how often
    /// trouble has come.
    ///
    /// # Errors
    /// The system gives no port.
    pub fn to(
        server: impl ToSocketAddrs + Send + 'static,
        fate: impl FnMut(u64) -> Option<Blow> + Send + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let struck = Count::default();
        let fate: Mutex<Fate> = Mutex::new(Box::new(fate));
        let count = struck.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                // A client that left again, or a server that is gone: the next connection may fare better.
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(&server)) else { continue };
                let so_far = count.all().values().sum();
                let blow = fate.lock().unwrap_or_else(PoisonError::into_inner)(so_far);
                drop(relay(client, server, blow, &count));
            }
        });
        Ok(Self { address, struck })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A connection string that leads through it.
    pub fn through(&self, connection: &str) -> String {
        format!("{connection};Server=127.0.0.1,{}", self.address.port())
    }

    /// How often trouble has come.
    pub fn struck(&self) -> u64 {
        self.struck.all().values().sum()
    }

    /// ... by what it was.
    pub fn struck_by_kind(&self) -> BTreeMap<&'static str, u64> {
        self.struck.all().clone()
    }
}

fn relay(client: TcpStream, server: TcpStream, blow: Option<Blow>, count: &Count) -> io::Result<()> {
    let hole = Arc::new(OnceLock::new());
    for socket in [&client, &server] {
        socket.set_nodelay(true)?;
    }
    let ways = [(From::Client, client.try_clone()?, server.try_clone()?), (From::Server, server, client)];
    for (side, input, output) in ways {
        let blow = blow.filter(|blow| blow.from == side).map(|blow| (blow.after, blow.trouble));
        let mut way = LinkDirection { input, output, blow, hole: Arc::clone(&hole), count: count.clone() };
        thread::spawn(move || {
            let ended = way.pass();
            match ended {
                Ok(LinkEnd::HalfClosed) => drop(way.output.shutdown(Shutdown::Write)),
                _ => {
                    // Whoever ends in a black hole: the other end does not learn of it before.
                    if let Some(lasts) = way.hole.get() {
                        thread::sleep(*lasts);
                    }
                    drop(way.output.shutdown(Shutdown::Both));
                    drop(way.input.shutdown(Shutdown::Both));
                }
            }
        });
    }
    Ok(())
}

enum LinkEnd {
    HalfClosed,
    Over,
}

/// One direction.
struct LinkDirection {
    input: TcpStream,
    output: TcpStream,
    blow: Option<(u64, Trouble)>,
    /// Of both directions, once there is one.
    hole: Arc<OnceLock<Duration>>,
    count: Count,
}

impl LinkDirection {
    fn pass(&mut self) -> io::Result<LinkEnd> {
        let mut buf = vec![0; 16 << 10];
        let mut passed = 0;
        loop {
            let read = self.input.read(&mut buf)?;
            if read == 0 {
                return Ok(LinkEnd::Over);
            }
            if self.hole.get().is_some() {
                continue;
            }
            let piece = &mut buf[..read];
            let due = self.blow.filter(|(after, _)| passed + read as u64 > *after);
            let Some((after, trouble)) = due else {
                self.output.write_all(piece)?;
                passed += read as u64;
                continue;
            };
            let at = after.saturating_sub(passed) as usize;
            passed += read as u64;
            let first = after >= passed - read as u64;
            if first {
                *self.count.all().entry(trouble.name()).or_default() += 1;
            }
            match trouble {
                Trouble::Cut => {
                    self.output.write_all(&piece[..at])?;
                    return Ok(LinkEnd::Over);
                }
                Trouble::HalfClose => {
                    self.output.write_all(&piece[..at])?;
                    return Ok(LinkEnd::HalfClosed);
                }
                Trouble::Flip => {
                    if first {
                        piece[at] ^= 1 << (after % 8);
                    }
                    self.output.write_all(piece)?;
                }
                Trouble::BlackHole(lasts) => {
                    self.output.write_all(&piece[..at])?;
                    self.hole.get_or_init(|| lasts);
                    // A sender that resets the connection is gone, too.
                    while self.input.read(&mut buf).is_ok_and(|read| read > 0) {}
                    return Ok(LinkEnd::Over);
                }
                Trouble::Slow(wait) => {
                    thread::sleep(wait);
                    self.output.write_all(piece)?;
                }
                Trouble::Trickle(bytes) => {
                    let slowly =
                        piece
                            .len()
                            .min(after.saturating_add(bytes.into()).saturating_sub(passed - read as u64)
                                as usize);
                    for byte in 0..slowly {
                        self.output.write_all(&piece[byte..=byte])?;
                        thread::sleep(Duration::from_micros(200));
                    }
                    self.output.write_all(&piece[slowly..])?;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &[u8] = b"all that the server says";

    /// What a client hears of [`SAID`], and whether it may still speak.
    fn heard(trouble: Trouble) -> (Vec<u8>, u64) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let way = RoughWay::to(listener.local_addr().unwrap(), move |_| {
            Some(Blow { from: From::Server, after: 4, trouble })
        })
        .unwrap();
        let mut client = TcpStream::connect(way.address()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.write_all(SAID).unwrap();
        drop(server);
        let mut heard = Vec::new();
        // A hang-up may arrive as a reset: what was heard until then counts.
        drop(client.read_to_end(&mut heard));
        (heard, way.struck())
    }

    #[test]
    fn each_trouble_is_what_its_name_says() {
        assert_eq!(heard(Trouble::Cut), (b"all ".to_vec(), 1));
        assert_eq!(heard(Trouble::HalfClose), (b"all ".to_vec(), 1));
        assert_eq!(heard(Trouble::BlackHole(Duration::ZERO)), (b"all ".to_vec(), 1));
        assert_eq!(heard(Trouble::Slow(Duration::ZERO)), (SAID.to_vec(), 1));
        assert_eq!(heard(Trouble::Trickle(9)), (SAID.to_vec(), 1));
        let mut turned = SAID.to_vec();
        turned[4] ^= 1 << 4;
        assert_eq!(heard(Trouble::Flip), (turned, 1));
    }
}
