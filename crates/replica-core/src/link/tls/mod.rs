//! TLS with the certificate checked: against the system's authorities, a file's, or (said explicitly) not at all.
mod trust;
mod verifier;

use std::io;
use std::sync::Arc;

use rustls_pki_types::ServerName;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::{
    self, AlertDescription, CertificateError, ClientConfig, HandshakeKind, SupportedProtocolVersion,
};

use super::Link;
use super::transport::RecordSocket;
use crate::authorities;
use crate::config::{Encrypt, Endpoint};
use crate::error::{Error, Result};

/// [MS-TDS] 3.2.5.1: the protocol name that TDS 8.0 announces.
const ALPN: &[u8] = b"tds/8.0";

/// TLS 1.3 ends its handshake with flights that the PRELOGIN packets of TDS 7.x have no place for.
const WITHIN_PRELOGIN: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
const FIRST: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

/// What is encrypted before it is written, in one system call: as much as the lane sends at once.
const WRITTEN_AT_ONCE: usize = 256 << 10;

/// Where TLS stands in a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// TDS 7.x: the handshake travels in PRELOGIN packets.
    WithinPrelogin,
    /// TDS 8.0: before everything else.
    First,
}

impl Place {
    fn versions(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            Self::WithinPrelogin => WITHIN_PRELOGIN,
            Self::First => FIRST,
        }
    }
}

/// What is asked of the server's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CertificateCheck {
    /// A trusted chain and the right name.
    Full,
    /// Nothing: whoever sits in between can read and change everything.
    Nothing,
}

impl CertificateCheck {
    /// What the connection string asks for.
    pub(super) fn of(endpoint: &Endpoint) -> Self {
        if endpoint.trust_server_certificate { Self::Nothing } else { Self::Full }
    }
}

/// TLS for TDS 7.x: the handshake inside PRELOGIN packets.
pub(super) async fn within_prelogin(
    link: Link,
    endpoint: &Endpoint,
    check: CertificateCheck,
) -> Result<Link> {
    let config = trust::config(endpoint, check, Place::WithinPrelogin)?;
    handshake(RecordSocket::new(link.into_tcp()?, true), config, endpoint).await
}

/// TLS for TDS 8.0, before any TDS: `Encrypt=strict`, which no `TrustServerCertificate` weakens.
pub(super) async fn first(link: Link, endpoint: &Endpoint) -> Result<Link> {
    let config = trust::config(endpoint, CertificateCheck::Full, Place::First)?;
    handshake(RecordSocket::new(link.into_tcp()?, false), config, endpoint).await
}

async fn handshake(stream: RecordSocket, config: Arc<ClientConfig>, endpoint: &Endpoint) -> Result<Link> {
    let name = endpoint.certificate_name();
    let name = ServerName::try_from(name.to_owned()).map_err(|_| {
        Error::usage(format!("'{name}' is no name that a certificate can carry"))
            .remedy("Give the certificate's name with HostNameInCertificate.")
    })?;
    let connector = TlsConnector::from(config.clone());
    let mut tls = connector.connect(name, stream).await.map_err(|error| failed(&error, &config, endpoint))?;
    trust::has_met(&config);
    if tls.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed) {
        log::debug!("{endpoint}: a session of TLS is resumed");
    }
    let (socket, session) = tls.get_mut();
    socket.finish();
    session.set_buffer_limit(Some(WRITTEN_AT_ONCE));
    Ok(Link::Tls(Box::new(tls)))
}

/// A server that resumes sessions need not do it well: where one may have been offered, the next attempt offers none.
fn failed(error: &io::Error, config: &Arc<ClientConfig>, endpoint: &Endpoint) -> Error {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    let explained = explain(error, endpoint);
    if matches!(cause, Some(rustls::Error::InvalidCertificate(_))) {
        authorities::read_anew();
        return explained;
    }
    if trust::resumes_no_more(config) { explained.that_passes() } else { explained }
}

/// rustls' errors arrive inside I/O errors.
fn explain(error: &io::Error, endpoint: &Endpoint) -> Error {
    let Some(cause) = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>()) else {
        return match error.kind() {
            io::ErrorKind::UnexpectedEof => Error::unreachable("the server hung up during the TLS handshake")
                .remedy("It may not take this Encrypt mode, or offer no TLS 1.2."),
            _ => Error::unreachable(format!("the TLS handshake failed: {error}")),
        };
    };
    let name = endpoint.certificate_name();
    match cause {
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => Error::connect(format!("the server's certificate is not for the name '{name}'")).remedy(
            "Use the name that the certificate carries in Server=, or give it with HostNameInCertificate.",
        ),
        // Where any certificate will do, only a handshake that was changed on the way is signed wrongly.
        rustls::Error::InvalidCertificate(CertificateError::BadSignature | CertificateError::BadEncoding)
            if endpoint.trust_server_certificate && endpoint.encrypt != Encrypt::Strict =>
        {
            Error::unreachable(format!("the TLS handshake was changed on the way ({cause})"))
        }
        rustls::Error::InvalidCertificate(reason) => {
            let unchecked = match endpoint.encrypt {
                Encrypt::Strict => "TrustServerCertificate does not count under Encrypt=strict",
                _ => "TrustServerCertificate=true would let whoever sits in between read everything",
            };
            Error::connect(format!("the server's certificate is not trusted: {reason}")).remedy(format!(
                "Name the certificate or its authority with ServerCertificate=FILE.pem, or add the authority to the \
                 system's; {unchecked}."
            ))
        }
        rustls::Error::InvalidMessage(_) => Error::connect(
            "what listens there answers TLS with something else",
        )
        .remedy(
            "Check host and port, and whether the server takes Encrypt=strict (SQL Server 2022 and later).",
        ),
        rustls::Error::DecryptError
        | rustls::Error::AlertReceived(
            AlertDescription::BadRecordMac | AlertDescription::DecryptError | AlertDescription::DecodeError,
        ) => Error::unreachable(format!("the TLS handshake was changed on the way ({cause})")),
        other => Error::connect(format!("the TLS handshake failed: {other}"))
            .remedy("The server must offer TLS 1.2 with a cipher of today."),
    }
}
