//! A socket that takes any bytes, plain or under TLS.
use std::error::Error;
use std::io;
use std::net::TcpListener;

use sandbox_server::tls::Identity;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// How a TLS record begins that holds a handshake.
const HANDSHAKE: u8 = 22;

pub struct Sink {
    /// host:port.
    pub address: String,
    /// Who vouches for its certificate, as PEM.
    pub authority: String,
}

impl Sink {
    /// Takes connections until the process ends, and reads each to its end.
    pub fn start() -> Result<Self, Box<dyn Error>> {
        let identity = Identity::generate()?;
        let acceptor = identity.tds8()?;
        let authority = identity.authority.ok_or("a certificate without an authority")?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?.to_string();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::spawn(move || runtime.block_on(accept(listener, acceptor)));
        Ok(Self { address, authority })
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        // A connection that breaks is missed by whoever writes to it.
        let _ = drain(stream, &acceptor).await;
    }
}

async fn drain(stream: TcpStream, acceptor: &TlsAcceptor) -> io::Result<()> {
    let mut first = [0];
    stream.peek(&mut first).await?;
    match first {
        [HANDSHAKE] => read_to_end(acceptor.accept(stream).await?).await,
        _ => read_to_end(stream).await,
    }
}

async fn read_to_end(mut stream: impl AsyncRead + Unpin) -> io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}
