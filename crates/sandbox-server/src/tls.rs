//! The server's certificate and its two TLS configurations.
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{ServerConfig, SupportedProtocolVersion};

/// The ALPN name by which a client says that it speaks TDS 8.0 ([MS-TDS] 3.3.5.1).
pub const ALPN: &[u8] = b"tds/8.0";

#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    #[error("cannot make a certificate: {0}")]
    Generate(#[from] rcgen::Error),
    #[error("cannot read a certificate or key from {path}: {source}")]
    Read { path: String, source: rustls_pki_types::pem::Error },
    #[error("{path} holds no certificate")]
    Empty { path: String },
    #[error("the certificate and its key cannot be used: {0}")]
    Tls(#[from] tokio_rustls::rustls::Error),
}

/// A certificate chain with its key, and the authority that clients are to trust.
pub struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    /// PEM; `None` for a certificate from outside.
    pub authority: Option<String>,
}

impl Identity {
    /// A certificate for this machine's loopback names, signed by an authority made for the occasion.
    ///
    /// # Errors
    /// If the system gives no randomness.
    pub fn generate() -> Result<Self, CertificateError> {
        Self::generate_until(None)
    }

    /// The same; the server's own certificate ends then.
    ///
    /// # Errors
    /// As [`Self::generate`].
    pub fn generate_until(end: Option<time::OffsetDateTime>) -> Result<Self, CertificateError> {
        let mut params = rcgen::CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(rcgen::DnType::CommonName, "replica-sandbox authority");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        params.key_usages = vec![rcgen::KeyUsagePurpose::KeyCertSign, rcgen::KeyUsagePurpose::CrlSign];
        let authority_key = rcgen::KeyPair::generate()?;
        let authority = params.self_signed(&authority_key)?;
        let issuer = rcgen::Issuer::from_params(&params, &authority_key);

        let names = ["localhost", "127.0.0.1", "::1"].map(String::from);
        let mut params = rcgen::CertificateParams::new(names)?;
        params.distinguished_name.push(rcgen::DnType::CommonName, "localhost");
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        if let Some(end) = end {
            params.not_after = end;
        }
        let key = rcgen::KeyPair::generate()?;
        let certificate = params.signed_by(&key, &issuer)?;
        Ok(Self {
            chain: vec![certificate.der().clone()],
            key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            authority: Some(authority.pem()),
        })
    }

    /// A chain and a key from PEM files.
    ///
    /// # Errors
    /// If a file can't be read, or holds neither.
    pub fn read(certificate: &Path, key: &Path) -> Result<Self, CertificateError> {
        let failed =
            |path: &Path, source| CertificateError::Read { path: path.display().to_string(), source };
        let chain = CertificateDer::pem_file_iter(certificate)
            .and_then(Iterator::collect::<Result<Vec<_>, _>>)
            .map_err(|error| failed(certificate, error))?;
        if chain.is_empty() {
            return Err(CertificateError::Empty { path: certificate.display().to_string() });
        }
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| failed(key, error))?;
        Ok(Self { chain, key, authority: None })
    }

    /// For TDS 7.x, whose handshake travels in PRELOGIN packets: TLS 1.2 only (docs/WIRE.md, "TLS").
    ///
    /// # Errors
    /// If key and certificate do not belong together.
    pub fn tds7(&self) -> Result<TlsAcceptor, CertificateError> {
        Ok(TlsAcceptor::from(Arc::new(self.config(&[&TLS12])?)))
    }

    /// For TDS 8.0, where TLS comes first.
    ///
    /// # Errors
    /// As [`Identity::tds7`].
    pub fn tds8(&self) -> Result<TlsAcceptor, CertificateError> {
        let mut config = self.config(&[&TLS13, &TLS12])?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(TlsAcceptor::from(Arc::new(config)))
    }

    fn config(
        &self,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Result<ServerConfig, CertificateError> {
        Ok(ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)?
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key.clone_key())?)
    }
}
