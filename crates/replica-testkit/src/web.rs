//! A stand-in for whoever gives tokens: a server of HTTP, with or without TLS, that answers as a test wants.
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use replica_sandbox::server::tls::Identity;
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::runtime::Builder;

/// What a request is answered with.
pub enum WebReply {
    /// A status and a body of JSON.
    Json(u16, String),
    /// Bytes as they are.
    Raw(Vec<u8>),
    /// Nothing, and the connection stays open.
    Silence,
}

/// A server that ends with the process.
pub struct Web {
    address: SocketAddr,
    folder: TempDir,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Web {
    /// Without TLS.
    pub fn plain(answer: impl Fn(&str) -> WebReply + Send + Sync + 'static) -> Self {
        Self::start(None, answer)
    }

    /// With a certificate for localhost, whose authority is [`Self::authority`].
    pub fn secure(answer: impl Fn(&str) -> WebReply + Send + Sync + 'static) -> Self {
        Self::start(Some(Identity::generate().expect("a certificate")), answer)
    }

    fn start(identity: Option<Identity>, answer: impl Fn(&str) -> WebReply + Send + Sync + 'static) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        if let Some(authority) = identity.as_ref().and_then(|identity| identity.authority.as_deref()) {
            std::fs::write(folder.path().join("ca.pem"), authority)
                .expect("the temporary folder takes files");
        }
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let heard = requests.clone();
        let tls = identity.map(|identity| identity.tds7().expect("a usable certificate"));
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (tls, answer, heard) = (tls.clone(), answer.clone(), heard.clone());
                thread::spawn(move || {
                    Builder::new_current_thread().enable_all().build()?.block_on(async {
                        client.set_nonblocking(true)?;
                        let client = tokio::net::TcpStream::from_std(client)?;
                        match tls {
                            Some(tls) => serve(tls.accept(client).await?, &*answer, &heard).await,
                            None => serve(client, &*answer, &heard).await,
                        }
                    })
                });
            }
        });
        Self { address, folder, requests }
    }

    /// `localhost:port`.
    pub fn place(&self) -> String {
        format!("localhost:{}", self.address.port())
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The file with the authority of its certificate.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// What was asked so far: heads and bodies.
    pub fn requests(&self) -> Vec<String> {
        locked(&self.requests).clone()
    }
}

fn locked(requests: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    requests.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve<S>(
    mut stream: S,
    answer: &(impl Fn(&str) -> WebReply + ?Sized),
    heard: &Mutex<Vec<String>>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let request = read(&mut stream).await?;
    locked(heard).push(request.clone());
    let bytes = match answer(&request) {
        WebReply::Json(status, body) => format!(
            "HTTP/1.1 {status} Said\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes(),
        WebReply::Raw(bytes) => bytes,
        // Until the client hangs up.
        WebReply::Silence => return stream.read_to_end(&mut Vec::new()).await.map(drop),
    };
    stream.write_all(&bytes).await?;
    stream.shutdown().await
}

/// A head, and a body as long as it says.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut request = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: "));
            if body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0) {
                return Ok(text);
            }
        }
        if stream.read_buf(&mut request).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// A proxy that passes TLS on; what it was asked for.
pub struct WebProxy {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl WebProxy {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = asked.clone();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let heard = heard.clone();
                thread::spawn(move || pass_on(client, &heard));
            }
        });
        Self { address, asked }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The heads of the requests.
    pub fn asked(&self) -> Vec<String> {
        locked(&self.asked).clone()
    }
}

fn pass_on(mut client: TcpStream, heard: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte)?;
        head.extend(byte);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let place = head.split(' ').nth(1).unwrap_or_default().to_owned();
    locked(heard).push(head);
    let mut server = TcpStream::connect(place)?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    thread::spawn(move || {
        // Either side may hang up.
        let _ = io::copy(&mut from_client, &mut to_server);
    });
    io::copy(&mut server, &mut client).map(drop)
}
