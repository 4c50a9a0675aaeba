//! TLS with the certificate checked: against the system's authorities, a file's, or (said explicitly) not at all.
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::client::{Resumption, WebPkiServerVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring};
use tokio_rustls::rustls::{
    self, AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore,
    SignatureScheme, SupportedProtocolVersion,
};

use super::Link;
use super::transport::Handshake;
use crate::config::{Encrypt, Endpoint, read_small};
use crate::error::{Error, Result};

/// [MS-TDS] 3.2.5.1: the protocol name that TDS 8.0 announces.
const ALPN: &[u8] = b"tds/8.0";

/// TLS 1.3 ends its handshake with flights that the PRELOGIN packets of TDS 7.x have no place for.
const WITHIN_PRELOGIN: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
const FIRST: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

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
    handshake(Handshake::new(link.into_tcp()?, true), config(endpoint, check, WITHIN_PRELOGIN)?, endpoint)
        .await
}

/// TLS for TDS 8.0, before any TDS: `Encrypt=strict`, which no `TrustServerCertificate` weakens.
pub(super) async fn first(link: Link, endpoint: &Endpoint) -> Result<Link> {
    let mut config = config(endpoint, CertificateCheck::Full, FIRST)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    handshake(Handshake::new(link.into_tcp()?, false), config, endpoint).await
}

async fn handshake(stream: Handshake, config: ClientConfig, endpoint: &Endpoint) -> Result<Link> {
    let name = endpoint.certificate_name();
    let name = ServerName::try_from(name.to_owned()).map_err(|_| {
        Error::usage(format!("'{name}' is no name that a certificate can carry"))
            .remedy("Give the certificate's name with HostNameInCertificate.")
    })?;
    let connector = TlsConnector::from(Arc::new(config));
    let mut tls = connector.connect(name, stream).await.map_err(|e| explain(&e, endpoint))?;
    tls.get_mut().0.finish();
    Ok(Link::Tls(Box::new(tls)))
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

fn config(
    endpoint: &Endpoint,
    check: CertificateCheck,
    versions: &[&'static SupportedProtocolVersion],
) -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match check {
        CertificateCheck::Nothing => {
            Arc::new(Verifier { known: Vec::new(), inner: None, provider: provider.clone() })
        }
        CertificateCheck::Full => {
            let known = match &endpoint.server_certificate {
                Some(path) => from_file(path)?,
                None => Vec::new(),
            };
            let inner =
                WebPkiServerVerifier::builder_with_provider(Arc::new(roots(&known)?), provider.clone())
                    .build();
            let inner =
                inner.map_err(|e| Error::usage(format!("no authority to check certificates with: {e}")))?;
            Arc::new(Verifier { known, inner: Some(inner), provider: provider.clone() })
        }
    };
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(versions)
        .map_err(|e| Error::connect(format!("TLS is not available: {e}")))?;
    let mut config = config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    config.resumption = Resumption::disabled();
    Ok(config)
}

/// The authorities to trust: those of the file, or the system's when there is no file.
fn roots(known: &[CertificateDer<'static>]) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    if known.is_empty() {
        let system = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(system.certs);
        if roots.is_empty() {
            return Err(Error::connect(
                "this system has no certificate authorities to check the server with",
            )
            .remedy("Install the ca-certificates package, or give ServerCertificate=FILE.pem."));
        }
    } else {
        roots.add_parsable_certificates(known.iter().cloned());
    }
    Ok(roots)
}

fn from_file(path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let unreadable = |why: String| Error::usage(format!("ServerCertificate {}: {why}", path.display()));
    let pem = std::fs::File::open(path).and_then(read_small).map_err(|e| unreadable(e.to_string()))?;
    let certificates = CertificateDer::pem_slice_iter(&pem).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|e| unreadable(e.to_string()))?;
    if certificates.is_empty() {
        return Err(unreadable("it holds no PEM certificate".into()));
    }
    Ok(certificates)
}

/// Takes a certificate that is known byte for byte, as SqlClient's `ServerCertificate` does, whatever name it
/// carries; else asks `inner`; without `inner`, takes anything. Signatures are checked in any case.
#[derive(Debug)]
struct Verifier {
    known: Vec<CertificateDer<'static>>,
    inner: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match &self.inner {
            Some(_) if self.known.iter().any(|known| known == end_entity) => {
                Ok(ServerCertVerified::assertion())
            }
            Some(inner) => {
                inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            }
            None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            dss,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
