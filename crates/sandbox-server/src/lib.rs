//! The wire side of the sandbox: sockets, TLS, login, requests in and tokens out, bulk loads row by row. Each connection
//! runs its session on a thread of its own; what the session answers is turned into tokens here.
mod bulk;
mod connection;
mod conversation;
mod discard;
mod entra;
mod input;
mod logged;
mod metadata;
mod outbox;
mod pace;
mod prelogin;
mod prepared;
mod record;
mod reply;
mod requests;
mod result_set;
mod rpc;
#[cfg(test)]
mod testing;
pub mod tls;
mod transport;
mod tunnel;
mod windows;

pub use entra::Tokens;
pub use prelogin::Policy;
pub use record::Recorder;

use sandbox_session::Engine;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tls::{CertificateError, Identity};
use tokio::net::{TcpListener, ToSocketAddrs};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// How long busy sessions have to roll back when the server ends.
const FAREWELL: Duration = Duration::from_secs(10);
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How clients are received.
pub struct ServerOptions {
    pub policy: Policy,
    pub identity: Identity,
    /// Bytes; no larger packets are granted, whatever a client asks for.
    pub max_packet_size: usize,
    /// The tokens that let a client in; without them nobody logs in with one.
    pub tokens: Option<Tokens>,
    /// Writes down what clients send.
    pub recorder: Option<Recorder>,
    /// The keys of the server's service principals: without them there are no Windows logins.
    pub keytab: Option<PathBuf>,
}

/// What all connections share.
struct Shared {
    engine: Arc<Engine>,
    policy: Policy,
    tds7: TlsAcceptor,
    tds8: TlsAcceptor,
    max_packet_size: usize,
    tokens: Option<Tokens>,
    recorder: Option<Recorder>,
    keytab: Option<PathBuf>,
}

/// A server that listens.
pub struct Server {
    listener: TcpListener,
    shared: Arc<Shared>,
}

/// Why a server can't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot listen: {0}")]
    Listen(#[from] io::Error),
    #[error(transparent)]
    Certificate(#[from] CertificateError),
}

impl Server {
    /// # Errors
    /// Where the address can't be had, or the certificate not be used.
    pub async fn bind(
        address: impl ToSocketAddrs,
        engine: Arc<Engine>,
        options: ServerOptions,
    ) -> Result<Self, StartError> {
        let shared = Shared {
            engine,
            policy: options.policy,
            tds7: options.identity.tds7()?,
            tds8: options.identity.tds8()?,
            max_packet_size: options.max_packet_size,
            tokens: options.tokens,
            recorder: options.recorder,
            keytab: options.keytab,
        };
        Ok(Self { listener: TcpListener::bind(address).await?, shared: Arc::new(shared) })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The operating system's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `stop` is done, then ends every connection and rolls back what they left open.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let (shutdown, stopping) = watch::channel(false);
        let mut connections = JoinSet::new();
        let mut stop = std::pin::pin!(stop);
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        let (shared, stopping) = (self.shared.clone(), stopping.clone());
                        connections.spawn(async move {
                            if let Err(error) = connection::serve(stream, shared, stopping).await {
                                log::info!("{peer}: {error}");
                            }
                        });
                    }
                    Err(error) => {
                        // Likely too many open files: trying again at once would not help.
                        log::warn!("cannot accept a connection: {error}");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = connections.join_next() => {}
                () = &mut stop => break,
            }
        }
        // All receivers live in the connections, which may all be gone.
        shutdown.send(true).ok();
        let ended = async { while connections.join_next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, ended).await.is_err() {
            log::warn!("some connections are still busy after {} s", FAREWELL.as_secs());
        }
    }
}
