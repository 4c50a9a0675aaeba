//! The one owner of the socket: TCP, PRELOGIN and TLS, up to where the login begins.
//!
//! A [`Link`] reads and writes whole TDS packets' bytes without looking at them. tiberius borrows it
//! for login and control queries, the data lane has it to itself for rows (see [`crate::session`]).
mod browser;
pub(crate) mod message;
mod prelogin;
mod tcp;
mod tls;
mod transport;

use std::time::Duration;

use tokio::time::Instant;

use crate::config::{Credential, Encrypt, Endpoint};
use crate::error::{Error, Result};
use crate::tds::prelogin::encryption;
pub(crate) use browser::port_of;
pub(crate) use prelogin::FedAuthTerms;
pub(crate) use transport::Link;

/// How far TLS reaches on a fresh [`Link`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    /// No TLS: the server knows none, and nobody asked for it.
    None,
    /// The login message only; everything after it is plain ([MS-TDS] 2.2.6.5, ENCRYPT_OFF).
    LoginOnly,
    /// Everything.
    All,
}

/// A link that is ready for the login, and what the server said on the way.
pub(crate) struct PreparedLink {
    pub link: Link,
    pub protection: Protection,
    /// Where the server listens.
    pub port: u16,
    /// What the server asks of a login by token.
    pub fed_auth: FedAuthTerms,
    /// The payload of the server's PRELOGIN reply, as tiberius must see it.
    pub prelogin: Vec<u8>,
    /// How long the way took.
    pub times: LinkTimes,
}

/// How long each step took on the way to a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LinkTimes {
    /// The name and the connection.
    pub tcp: Duration,
    /// The exchange of PRELOGIN.
    pub prelogin: Duration,
    /// The handshake, if there was one.
    pub tls: Duration,
}

/// Connects, exchanges PRELOGIN and puts TLS in place. The caller sets the time limit.
pub(crate) async fn prepare(endpoint: &Endpoint) -> Result<PreparedLink> {
    let port = match (&endpoint.instance, endpoint.port) {
        (Some(instance), None) => browser::port_of(&endpoint.host, instance).await?,
        _ => endpoint.port_or_default(),
    };
    let mut times = LinkTimes::default();
    let connecting = tcp::connect(&endpoint.host, port, endpoint.multi_subnet_failover);
    let mut link = Link::Plain(timed(&mut times.tcp, connecting).await?);
    if endpoint.encrypt == Encrypt::Strict {
        link = timed(&mut times.tls, tls::first(link, endpoint)).await?;
    }
    let with_token = matches!(endpoint.credential, Credential::Entra(_));
    let exchange = prelogin::exchange(&mut link, wanted(endpoint.encrypt), with_token);
    let reply = timed(&mut times.prelogin, exchange).await?;
    let protection = match endpoint.encrypt {
        Encrypt::Strict => Protection::All,
        level => negotiated(level, prelogin::chosen(&reply)?)?,
    };
    let check = match (endpoint.encrypt, protection) {
        (Encrypt::Strict, _) | (_, Protection::None) => None,
        // A login-only TLS keeps passwords from listeners, no more: SqlClient takes any certificate there, too.
        (_, Protection::LoginOnly) => Some(tls::CertificateCheck::Nothing),
        (_, Protection::All) => Some(tls::CertificateCheck::of(endpoint)),
    };
    if let Some(check) = check {
        link = timed(&mut times.tls, tls::within_prelogin(link, endpoint, check)).await?;
    }
    let fed_auth = FedAuthTerms::of(&reply)?;
    let prelogin = prelogin::without_encryption(&reply);
    Ok(PreparedLink { link, protection, port, fed_auth, prelogin, times })
}

/// Does a step, and says how long it took.
async fn timed<T>(took: &mut Duration, step: impl Future<Output = Result<T>>) -> Result<T> {
    let begun = Instant::now();
    let done = step.await;
    *took = begun.elapsed();
    done
}

fn wanted(encrypt: Encrypt) -> u8 {
    match encrypt {
        Encrypt::Optional => encryption::OFF,
        Encrypt::Mandatory => encryption::ON,
        // TLS is there already; the server has nothing to choose.
        Encrypt::Strict => encryption::REQUIRED,
    }
}

/// [MS-TDS] 2.2.6.5: what client and server agree on.
fn negotiated(wanted: Encrypt, chosen: u8) -> Result<Protection> {
    match (wanted, chosen) {
        (_, encryption::ON | encryption::REQUIRED) => Ok(Protection::All),
        (Encrypt::Optional, encryption::OFF) => Ok(Protection::LoginOnly),
        (Encrypt::Optional, encryption::NOT_SUPPORTED) => Ok(Protection::None),
        (_, encryption::OFF | encryption::NOT_SUPPORTED) => {
            Err(Error::connect("the server does not offer encryption")
                .remedy("Set up TLS on the server, or say Encrypt=false, which sends all data in the clear."))
        }
        (_, other) => Err(Error::protocol(format!("PRELOGIN offers encryption level {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encryption_is_never_given_up_silently() {
        use encryption::{NOT_SUPPORTED, OFF, ON, REQUIRED};
        for (wanted, chosen, agreed) in [
            (Encrypt::Optional, OFF, Some(Protection::LoginOnly)),
            (Encrypt::Optional, ON, Some(Protection::All)),
            (Encrypt::Optional, REQUIRED, Some(Protection::All)),
            (Encrypt::Optional, NOT_SUPPORTED, Some(Protection::None)),
            (Encrypt::Optional, 4, None),
            (Encrypt::Mandatory, OFF, None),
            (Encrypt::Mandatory, ON, Some(Protection::All)),
            (Encrypt::Mandatory, REQUIRED, Some(Protection::All)),
            (Encrypt::Mandatory, NOT_SUPPORTED, None),
        ] {
            assert_eq!(negotiated(wanted, chosen).ok(), agreed, "{wanted:?} {chosen}");
        }
    }
}
