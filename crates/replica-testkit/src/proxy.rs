//! A relay before a real server that does harm at one place, so that a test can say exactly where a connection
//! breaks, lies or falls silent.
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How many bytes of a pattern pass at least, whether it follows or not: as many end a flight of TLS once in 2^32.
const LEAST_SPARED: usize = 4;

/// Whose bytes are watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    Client,
    Server,
}

/// What happens where the pattern is met.
#[derive(Clone, Debug)]
pub enum Harm {
    /// So many bytes of the pattern pass, then both connections close.
    HangUp(usize),
    /// So many bytes of the pattern pass, then nothing in this direction, though the connections stay open.
    Silence(usize),
    /// So many bytes of the pattern pass, then nothing in either direction, and neither end learns of the other's end:
    /// the server for so long, until its keep-alive would tell it.
    BlackHole(usize, Duration),
    /// So many bytes of the pattern pass, then nothing in this direction until [`Proxy::lets_go`].
    Hold(usize),
    /// These bytes pass instead of the pattern.
    Replace(Vec<u8>),
}

impl Harm {
    /// How many bytes at the pattern's beginning pass whether it follows or not.
    fn spares(&self, pattern: &[u8]) -> usize {
        match self {
            Self::HangUp(keep) | Self::Silence(keep) | Self::BlackHole(keep, _) | Self::Hold(keep) => {
                (*keep).min(pattern.len())
            }
            Self::Replace(bytes) => pattern.iter().zip(bytes).take_while(|(old, new)| old == new).count(),
        }
    }
}

/// Where and how to do harm; wherever the pattern is not, everything passes.
///
/// What may be the harmed part of the pattern is kept back until more bytes come. Where a message ends with what
/// looks like it, none come, and both peers wait for ever. The bytes of TLS are random, a login's, too: so at least
/// [`LEAST_SPARED`] of the pattern's bytes come before that part.
#[derive(Clone, Debug)]
pub struct Rule {
    pub from: From,
    /// As it lies on the wire: after a login that alone was encrypted, or none at all.
    pub pattern: Vec<u8>,
    pub harm: Harm,
    /// How often; later meetings pass unharmed.
    pub times: u32,
}

impl Rule {
    /// Has the target say that it is Babelfish, wherever the catalog is asked.
    pub fn babelfish() -> Self {
        let asked = "CAST(SERVERPROPERTY('Babelfish')";
        let yes = format!("{:width$}", "CAST(1", width = asked.len());
        Self { from: From::Client, pattern: utf16(asked), harm: Harm::Replace(utf16(&yes)), times: u32::MAX }
    }
}

/// Text as it lies on the wire.
pub fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// A relay before the server of a connection string, and the string that leads through it: without TLS beyond the
/// login, so that there is something to be seen.
///
/// # Errors
/// The system gives no port.
///
/// # Panics
/// The string names no server and port, or the rule is one that [`Proxy::before`] does not take.
pub fn through(connection: &str, rule: Rule) -> io::Result<(Proxy, String)> {
    let server = connection.split(';').find_map(|part| part.strip_prefix("Server=")).expect("a server");
    let proxy = Proxy::before(server.replace(',', ":"), rule)?;
    let through = connection.replace(server, &proxy.address().to_string().replace(':', ","));
    Ok((proxy, format!("{through};Encrypt=false")))
}

/// A relay on a port of its own. It ends with the test's process.
pub struct Proxy {
    address: SocketAddr,
    struck: Receiver<()>,
    held: Arc<HeldBytes>,
}

/// What is kept back until it is let go.
#[derive(Default)]
struct HeldBytes {
    is_free: Mutex<bool>,
    changed: Condvar,
}

impl HeldBytes {
    fn lets_go(&self) {
        *self.is_free.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    fn wait(&self) {
        let held = self.is_free.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(held, |is_free| !*is_free));
    }
}

impl Proxy {
    /// Listens, and relays every connection to `server`, a `host` and `port` or an address.
    ///
    /// # Errors
    /// The system gives no port.
    ///
    /// # Panics
    /// The rule spares less than [`LEAST_SPARED`] bytes of its pattern.
    pub fn before(server: impl ToSocketAddrs + Send + 'static, rule: Rule) -> io::Result<Self> {
        let spares = rule.harm.spares(&rule.pattern);
        assert!(spares >= LEAST_SPARED, "a flight of TLS may end with the first {} bytes", spares + 1);
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (tell, struck) = channel();
        let held = Arc::<HeldBytes>::default();
        let watch = Watch { left: Arc::new(AtomicU32::new(rule.times)), rule, tell, held: held.clone() };
        thread::spawn(move || {
            for client in listener.incoming() {
                // A client that left again, or a server that is gone: the next connection may fare better.
                if let Ok(client) = client
                    && let Ok(server) = TcpStream::connect(&server)
                {
                    drop(relay(client, server, &watch));
                }
            }
        });
        Ok(Self { address, struck, held })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until the harm is done; `false` if it is not within `limit`.
    pub fn has_struck(&self, limit: Duration) -> bool {
        self.struck.recv_timeout(limit).is_ok()
    }
}

impl Proxy {
    /// What [`Harm::Hold`] keeps back passes, and so does all that comes after it.
    pub fn lets_go(&self) {
        self.held.lets_go();
    }
}

/// A rule at work, on all connections.
#[derive(Clone)]
struct Watch {
    rule: Rule,
    left: Arc<AtomicU32>,
    tell: Sender<()>,
    held: Arc<HeldBytes>,
}

fn relay(client: TcpStream, server: TcpStream, watch: &Watch) -> io::Result<()> {
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    for (side, mut input, mut output) in
        [(From::Client, client.try_clone()?, server.try_clone()?), (From::Server, server, client)]
    {
        let watch = (watch.rule.from == side).then(|| watch.clone());
        thread::spawn(move || {
            // Whatever ended this direction, the other end learns of it as it would from the peer itself.
            drop(pass(&mut input, &mut output, watch.as_ref()));
            drop(output.shutdown(Shutdown::Both));
            drop(input.shutdown(Shutdown::Both));
        });
    }
    Ok(())
}

fn pass(input: &mut TcpStream, output: &mut TcpStream, watch: Option<&Watch>) -> io::Result<()> {
    let mut held = Vec::new();
    // So many bytes of `held` have passed; they stay in it to be recognised.
    let mut passed = 0;
    let mut buf = vec![0; 64 << 10];
    loop {
        let read = input.read(&mut buf)?;
        if read == 0 {
            return output.write_all(&held[passed..]);
        }
        held.extend_from_slice(&buf[..read]);
        loop {
            let nothing = Struck::No { done_with: held.len(), safe: held.len() };
            let struck = watch.map_or(nothing, |watch| watch.strike(&mut held));
            let (Struck::No { safe: passes, .. }
            | Struck::Past { after: passes }
            | Struck::Hold { after: passes }
            | Struck::HangUp { after: passes }
            | Struck::Silence { after: passes }
            | Struck::BlackHole { after: passes, .. }) = struck;
            output.write_all(&held[passed..passes])?;
            let done_with = if let Struck::No { done_with, .. } = struck { done_with } else { passes };
            held.drain(..done_with);
            passed = passes - done_with;
            match struck {
                Struck::No { .. } => break,
                Struck::Past { .. } => {}
                Struck::Hold { .. } => watch.iter().for_each(|watch| watch.held.wait()),
                Struck::HangUp { .. } => return Ok(()),
                Struck::Silence { .. } => {
                    // Reads on, so that the sender does not notice, until it gives up.
                    while input.read(&mut buf)? > 0 {}
                    return Ok(());
                }
                Struck::BlackHole { lasts, .. } => {
                    // A sender that resets the connection is gone, too.
                    while input.read(&mut buf).is_ok_and(|read| read > 0) {}
                    thread::sleep(lasts);
                    return Ok(());
                }
            }
        }
    }
}

/// How many bytes at the front may pass, and what comes then.
enum Struck {
    /// The bytes after `done_with` may be the pattern's beginning; those up to `safe` pass even so.
    No {
        done_with: usize,
        safe: usize,
    },
    Past {
        after: usize,
    },
    Hold {
        after: usize,
    },
    HangUp {
        after: usize,
    },
    Silence {
        after: usize,
    },
    BlackHole {
        after: usize,
        lasts: Duration,
    },
}

impl Watch {
    fn strike(&self, held: &mut Vec<u8>) -> Struck {
        let Rule { pattern, harm, .. } = &self.rule;
        let Some(at) = held.windows(pattern.len()).position(|window| window == pattern) else {
            // Its beginning may have arrived already.
            let longest = held.len().min(pattern.len() - 1);
            let begun = (1..=longest).rev().find(|n| held.ends_with(&pattern[..*n])).unwrap_or(0);
            let done_with = held.len() - begun;
            return Struck::No { done_with, safe: done_with + begun.min(harm.spares(pattern)) };
        };
        let end = at + pattern.len();
        if self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
            return Struck::Past { after: end };
        }
        // The test may have lost interest.
        let _ = self.tell.send(());
        match harm {
            Harm::HangUp(keep) => Struck::HangUp { after: (at + keep).min(end) },
            Harm::Silence(keep) => Struck::Silence { after: (at + keep).min(end) },
            Harm::Hold(keep) => Struck::Hold { after: (at + keep).min(end) },
            Harm::BlackHole(keep, lasts) => Struck::BlackHole { after: (at + keep).min(end), lasts: *lasts },
            Harm::Replace(bytes) => {
                held.splice(at..end, bytes.iter().copied());
                Struck::Past { after: at + bytes.len() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A server that sends `script` in pieces and hangs up.
    fn server(script: &'static [&'static [u8]]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for client in listener.incoming() {
                let mut client = client.unwrap();
                client.set_nodelay(true).unwrap();
                script.iter().for_each(|piece| client.write_all(piece).unwrap());
            }
        });
        address
    }

    fn heard(harm: Harm, pattern: &[u8], script: &'static [&'static [u8]]) -> (Vec<u8>, bool) {
        let rule = Rule { from: From::Server, pattern: pattern.to_vec(), harm, times: 2 };
        let proxy = Proxy::before(server(script), rule).unwrap();
        let mut heard = Vec::new();
        // A hang-up may arrive as a reset: what was heard until then counts.
        drop(TcpStream::connect(proxy.address()).unwrap().read_to_end(&mut heard));
        (heard, proxy.has_struck(Duration::ZERO))
    }

    #[test]
    fn it_hangs_up_within_the_pattern_however_that_is_split() {
        const SPLITS: [&[&[u8]]; 3] =
            [&[b"one needle two"], &[b"one ne", b"edle two"], &[b"one n", b"e", b"edl", b"e two"]];
        for script in SPLITS {
            assert_eq!(heard(Harm::HangUp(4), b"needle", script), (b"one need".to_vec(), true));
        }
    }

    #[test]
    fn what_it_spares_passes_before_more_comes() {
        let harms = [Harm::HangUp(4), Harm::Silence(4), Harm::Replace(b"neednot".to_vec())];
        for harm in harms {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let rule = Rule { from: From::Server, pattern: b"needle".to_vec(), harm, times: 1 };
            let proxy = Proxy::before(listener.local_addr().unwrap(), rule).unwrap();
            let mut client = TcpStream::connect(proxy.address()).unwrap();
            client.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            let (mut server, _) = listener.accept().unwrap();
            for piece in [&b"one n"[..], b"eed", b"s", b" two need"] {
                server.write_all(piece).unwrap();
                let mut heard = vec![0; piece.len()];
                client.read_exact(&mut heard).unwrap();
                assert_eq!(heard, piece);
            }
        }
    }

    #[test]
    fn it_replaces() {
        let replaced = heard(
            Harm::Replace(b"need".to_vec()),
            b"needle",
            &[b"a need", b"le, a needle, a needle and more"],
        );
        assert_eq!(replaced, (b"a need, a need, a needle and more".to_vec(), true));
    }

    #[test]
    fn without_the_pattern_all_passes() {
        let passed = heard(Harm::HangUp(4), b"needle", &[b"a nee", b"dl-less n"]);
        assert_eq!(passed, (b"a needl-less n".to_vec(), false));
    }
}
