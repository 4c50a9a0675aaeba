//! TLS to a server of the web: the system's authorities, always checked. OpenSSL's `SSL_CERT_FILE` names others.
use std::sync::Arc;

use rustls_pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{self, ClientConfig};

use crate::authorities;
use crate::error::{Error, Result};

/// Speaks TLS over `tcp` with `host`, whose certificate must carry that name.
pub(super) async fn over(tcp: TcpStream, host: &str) -> Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| Error::connect(format!("'{host}' is no name that a certificate can carry")))?;
    let connector = TlsConnector::from(Arc::new(config()?));
    connector.connect(name, tcp).await.map_err(|error| explain(&error))
}

fn config() -> Result<ClientConfig> {
    let roots = authorities::of_system(
        "Install the ca-certificates package, or name a PEM file with SSL_CERT_FILE.",
    )?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::connect(format!("TLS is not available: {error}")))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// rustls' errors arrive inside I/O errors.
fn explain(error: &std::io::Error) -> Error {
    match error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(reason)) => {
            authorities::read_anew();
            Error::connect(format!("the server's certificate is not trusted: {reason}")).remedy(
                "Add its authority to the system's, or name a PEM file with SSL_CERT_FILE: a proxy that opens TLS has an \
                 authority of its own.",
            )
        }
        Some(other) => Error::connect(format!("the TLS handshake failed: {other}")),
        None => Error::unreachable(format!("the TLS handshake failed: {error}")),
    }
}
