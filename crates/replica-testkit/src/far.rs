//! A long way to a server: every byte arrives later by the same time, and none waits for another.
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// A relay on a port of its own. It ends with its process.
pub struct FarWay {
    address: SocketAddr,
}

impl FarWay {
    /// Listens, and relays every connection to `server`, which a request and its answer take `round_trip` to and from.
    ///
    /// # Errors
    /// The system gives no port.
    pub fn to(server: impl ToSocketAddrs + Send + 'static, round_trip: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            for client in listener.incoming() {
                // A client that left again, or a server that is gone: the next connection may fare better.
                let (Ok(client), Ok(server)) = (client, TcpStream::connect(&server)) else { continue };
                drop(relay(&client, &server, round_trip / 2));
            }
        });
        Ok(Self { address })
    }

    /// A connection string that leads through it.
    pub fn through(&self, connection: &str) -> String {
        format!("{connection};Server=127.0.0.1,{}", self.address.port())
    }
}

fn relay(client: &TcpStream, server: &TcpStream, delay: Duration) -> io::Result<()> {
    for (from, to) in [(client, server), (server, client)] {
        to.set_nodelay(true)?;
        let (from, to) = (from.try_clone()?, to.try_clone()?);
        let (arrives, arrived) = channel();
        thread::spawn(move || read(from, &arrives, delay));
        thread::spawn(move || write(&arrived, to));
    }
    Ok(())
}

/// Until the sender ends or the receiver is gone.
fn read(mut from: TcpStream, arrives: &Sender<(Instant, Vec<u8>)>, delay: Duration) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if arrives.send((Instant::now() + delay, buffer[..read].to_vec())).is_err() {
            return;
        }
    }
}

fn write(arrived: &Receiver<(Instant, Vec<u8>)>, mut to: TcpStream) {
    for (at, bytes) in arrived {
        wait_until(at);
        if to.write_all(&bytes).is_err() {
            break;
        }
    }
    // Both ways: whoever reads from it ends, too.
    drop(to.shutdown(Shutdown::Both));
}

/// A sleep ends late, by some tenths of a millisecond on a virtual machine: it would add to every way.
fn wait_until(at: Instant) {
    thread::sleep(at.saturating_duration_since(Instant::now()).saturating_sub(Duration::from_micros(500)));
    while Instant::now() < at {
        thread::yield_now();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP: Duration = Duration::from_millis(40);

    /// Many requests that are sent at once take one round trip together.
    #[test]
    fn all_bytes_come_later_and_none_waits_for_another() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let far = FarWay::to(listener.local_addr().unwrap(), ROUND_TRIP).unwrap();
        thread::spawn(move || {
            let (mut server, _) = listener.accept().unwrap();
            let mut byte = [0];
            while server.read_exact(&mut byte).is_ok() {
                server.write_all(&[byte[0] + 1]).unwrap();
            }
        });
        let mut client = TcpStream::connect(far.address).unwrap();
        let begun = Instant::now();
        for byte in 0..100 {
            client.write_all(&[byte]).unwrap();
        }
        let mut answer = [0; 100];
        client.read_exact(&mut answer).unwrap();
        let took = begun.elapsed();
        assert!(answer.iter().copied().eq(1..=100));
        assert!(took >= ROUND_TRIP && took < 50 * ROUND_TRIP, "{took:?}");
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(client.read(&mut answer).unwrap(), 0);
    }
}
