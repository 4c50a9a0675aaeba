//! A TCP connection to the first address that answers.
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::error::{Error, Result};

/// One address among several must not use up the caller's time limit.
const ONE_OF_SEVERAL: Duration = Duration::from_secs(5);

/// A server may think for hours without a byte, so silence proves nothing; a peer that is gone answers
/// no keepalive probe, and is noticed after a minute.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(30);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// The same for bytes sent and not acknowledged.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(60);

/// Connects to the first address of `host` that answers; tries them one by one, or all `at_once`
/// (MultiSubnetFailover: only one of the addresses is alive).
pub async fn connect(host: &str, port: u16, at_once: bool) -> Result<TcpStream> {
    let addresses: Vec<SocketAddr> = match lookup_host((host, port)).await {
        Ok(addresses) => addresses.collect(),
        Err(e) => {
            return Err(Error::unreachable(format!("cannot find the address of {host}: {e}"))
                .remedy("Check the spelling of Server= and the DNS."));
        }
    };
    let tcp = match addresses.as_slice() {
        [] => Err(std::io::ErrorKind::AddrNotAvailable.into()),
        [address] => TcpStream::connect(address).await,
        _ if at_once => first_of(&addresses).await,
        _ => one_by_one(&addresses).await,
    };
    let tcp = tcp.map_err(|e| {
        Error::unreachable(format!("cannot connect: {e}"))
            .remedy("Check that the server runs, listens on this TCP port and is not behind a firewall.")
    })?;
    tcp.set_nodelay(true)?;
    let socket = SockRef::from(&tcp);
    socket.set_tcp_keepalive(
        &TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_INTERVAL),
    )?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    Ok(tcp)
}

async fn one_by_one(addresses: &[SocketAddr]) -> std::io::Result<TcpStream> {
    let mut last = std::io::ErrorKind::AddrNotAvailable.into();
    for address in addresses {
        match timeout(ONE_OF_SEVERAL, TcpStream::connect(address)).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(e)) => last = e,
            Err(_) => last = std::io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

async fn first_of(addresses: &[SocketAddr]) -> std::io::Result<TcpStream> {
    let mut attempts: JoinSet<_> = addresses.iter().map(|address| TcpStream::connect(*address)).collect();
    let mut last = std::io::ErrorKind::AddrNotAvailable.into();
    while let Some(attempt) = attempts.join_next().await {
        match attempt {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(e)) => last = e,
            Err(e) => last = std::io::Error::other(e),
        }
    }
    Err(last)
}
