//! SQL Server Browser: the TCP port of a named instance ([MC-SQLR] 2.2, UDP port 1434).
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{UdpSocket, lookup_host};
use tokio::time::timeout;

use crate::error::{Error, Result};

const PORT: u16 = 1434;
/// UDP may lose question or answer.
const ATTEMPTS: u32 = 3;
const PATIENCE: Duration = Duration::from_secs(1);
/// CLNT_UCAST_INST and SVR_RESP ([MC-SQLR] 2.2.3, 2.2.5).
const QUESTION: u8 = 0x04;
const ANSWER: u8 = 0x05;

/// Asks the browser on `host` for the TCP port of `instance`.
pub(crate) async fn port_of(host: &str, instance: &str) -> Result<u16> {
    let silent = || {
        Error::unreachable(format!(
            "SQL Server Browser on {host} does not tell the port of instance {instance}"
        ))
        .remedy("Give the port instead of the instance, Server=host,port, or open UDP port 1434.")
    };
    let addresses = lookup_host((host, PORT)).await.map_err(|_| silent())?;
    for address in addresses {
        if let Some(port) = ask(address, instance).await? {
            return Ok(port);
        }
    }
    Err(silent())
}

/// `None`: nobody is there, or knows the instance.
async fn ask(browser: SocketAddr, instance: &str) -> Result<Option<u16>> {
    let any = if browser.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await?;
    let mut question = vec![QUESTION];
    question.extend_from_slice(instance.as_bytes());
    question.push(0);
    let mut answer = [0; 2048];
    for _ in 0..ATTEMPTS {
        // An address family that this machine has no route for, or a port that is closed there.
        if socket.connect(browser).await.is_err() || socket.send(&question).await.is_err() {
            break;
        }
        match timeout(PATIENCE, socket.recv(&mut answer)).await {
            Ok(Ok(length)) => return Ok(tcp_port(&answer[..length])),
            Ok(Err(_)) => break,
            Err(_) => {}
        }
    }
    Ok(None)
}

/// `0x05, USHORT length, "ServerName;H;InstanceName;I;...;tcp;1433;;"`, in the server's code page:
/// the parts of interest are ASCII.
fn tcp_port(answer: &[u8]) -> Option<u16> {
    let text = match answer {
        [ANSWER, _, _, text @ ..] => String::from_utf8_lossy(text),
        _ => return None,
    };
    let mut parts = text.split(';');
    while let Some(name) = parts.next() {
        let value = parts.next()?;
        if name.eq_ignore_ascii_case("tcp") {
            return value.parse().ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_browser_is_asked_for_the_instance() {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
            let browser = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let address = browser.local_addr().unwrap();
            let answer = async {
                let mut question = [0; 100];
                let (length, from) = browser.recv_from(&mut question).await.unwrap();
                assert_eq!(&question[..length], b"\x04SALES\0");
                browser.send_to(b"\x05\x17\0InstanceName;SALES;tcp;1500;;", from).await.unwrap();
            };
            let (port, ()) = tokio::join!(ask(address, "SALES"), answer);
            assert_eq!(port.unwrap(), Some(1500));
            drop(browser);
            assert_eq!(ask(address, "SALES").await.unwrap(), None);
        });
    }

    #[test]
    fn the_port_is_found_among_the_pairs() {
        let text = b"\x05\x60\x00ServerName;HOST;InstanceName;tcp;IsClustered;No;Version;15.0.2000.5;np;\\\\HOST\\pipe;tcp;49172;;";
        assert_eq!(tcp_port(text), Some(49172));
    }

    #[test]
    fn answers_without_a_port() {
        for answer in
            [b"".as_slice(), b"\x05", b"\x05\0\0", b"\x05\0\0tcp;x;;", b"\x06\0\0tcp;1;;", b"\x05\0\0np;p;;"]
        {
            assert_eq!(tcp_port(answer), None, "{answer:?}");
        }
    }
}
