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
pub(super) async fn connect(host: &str, port: u16, at_once: bool) -> Result<TcpStream> {
    let addresses: Vec<SocketAddr> = match lookup_host((host, port)).await {
        Ok(addresses) => addresses.collect(),
        Err(error) => return Err(unknown(host, &error)),
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

/// What the system's resolver says of a name that does not exist (EAI_NONAME of glibc, musl and the BSDs; Windows'
/// WSAHOST_NOT_FOUND): no retry makes it exist. The standard library passes on the text alone. Everything else, a
/// name server that is out of reach above all (EAI_AGAIN), may pass.
const NO_SUCH_NAME: [&str; 4] = [
    "Name or service not known",
    "Name does not resolve",
    "nodename nor servname provided, or not known",
    "No such host is known",
];

fn unknown(host: &str, error: &std::io::Error) -> Error {
    let why = error.to_string();
    let lasts = NO_SUCH_NAME.iter().any(|text| why.contains(text));
    let what = format!("cannot find the address of {host}: {why}");
    let error = if lasts { Error::connect(what) } else { Error::unreachable(what) };
    error.remedy("Check the spelling of Server= and the DNS.")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_server_out_of_reach_is_worth_waiting_for() {
        let error = |text: &str| unknown("h", &std::io::Error::other(text));
        let prefix = "failed to lookup address information: ";
        for text in NO_SUCH_NAME {
            assert!(!error(&format!("{prefix}{text}")).is_transient(), "{text}");
        }
        assert!(error(&format!("{prefix}Temporary failure in name resolution")).is_transient());
    }
}
