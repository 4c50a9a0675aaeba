//! One configuration of TLS for all connections to a server whose connection string trusts the same: authorities and
//! certificates are parsed once, and where TLS comes first a session of TLS is resumed, if the server allows it.
//!
//! A resumed handshake has no certificate ([RFC 8446] 2.2). rustls keeps sessions by the name that the certificate had
//! to carry; a configuration keeps them by server and by whom it trusts. So none is resumed that was not checked alike.
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_rustls::rustls::client::{Resumption, WebPkiServerVerifier};
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::verifier::Verifier;
use super::{ALPN, CertificateCheck, Place};
use crate::authorities;
use crate::config::{Endpoint, read_small};
use crate::error::{Error, Result};

/// Of one server: rustls counts eight for each name.
const SESSIONS: usize = 8;

/// Who may be at the other end.
#[derive(Clone)]
enum Trust {
    Anyone,
    System(Arc<RootCertStore>),
    /// The PEM file's bytes: another content is another trust.
    File(Vec<u8>),
}

impl Trust {
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Anyone, Self::Anyone) => true,
            (Self::System(mine), Self::System(theirs)) => Arc::ptr_eq(mine, theirs),
            (Self::File(mine), Self::File(theirs)) => mine == theirs,
            _ => false,
        }
    }
}

/// Whom a connection goes to, and where TLS stands in it.
#[derive(Clone, PartialEq, Eq)]
struct Destination {
    host: String,
    port: Option<u16>,
    instance: Option<String>,
    place: Place,
}

impl Destination {
    fn of(endpoint: &Endpoint, place: Place) -> Self {
        let Endpoint { host, port, instance, .. } = endpoint;
        Self { host: host.clone(), port: *port, instance: instance.clone(), place }
    }
}

struct Kept {
    server: Destination,
    trust: Trust,
    since: Instant,
    config: Arc<ClientConfig>,
    /// Handshakes went well where sessions are resumed: the next one may offer one of theirs.
    has_met: bool,
}

static KEPT: Mutex<Vec<Kept>> = Mutex::new(Vec::new());

/// The configuration for a connection.
///
/// # Errors
/// A file that cannot be read or holds no certificate; no authorities.
pub(super) fn config(
    endpoint: &Endpoint,
    check: CertificateCheck,
    place: Place,
) -> Result<Arc<ClientConfig>> {
    let trust = match (check, &endpoint.server_certificate) {
        (CertificateCheck::Nothing, _) => Trust::Anyone,
        (CertificateCheck::Full, Some(path)) => Trust::File(content(path)?),
        (CertificateCheck::Full, None) => Trust::System(authorities::of_system(
            "Install the ca-certificates package, or give ServerCertificate=FILE.pem.",
        )?),
    };
    let server = Destination::of(endpoint, place);
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    kept.retain(|kept| kept.since.elapsed() < authorities::AGE);
    if let Some(known) = kept.iter().find(|kept| kept.server == server && kept.trust.is(&trust)) {
        return Ok(known.config.clone());
    }
    let config = Arc::new(built(&trust, place, endpoint.server_certificate.as_deref())?);
    let since = Instant::now();
    kept.push(Kept { server, trust, since, config: config.clone(), has_met: false });
    Ok(config)
}

/// A handshake went well.
pub(super) fn has_met(config: &Arc<ClientConfig>) {
    of(config, |kept| kept.has_met = kept.server.place == Place::First);
}

/// A handshake failed. Says whether it may have been for the session that it offered: no more are offered to this server,
/// so that the next attempt has none to fail on.
pub(super) fn resumes_no_more(config: &Arc<ClientConfig>) -> bool {
    let mut may_be = false;
    of(config, |kept| {
        may_be = kept.has_met;
        let mut without = ClientConfig::clone(config);
        without.resumption = Resumption::disabled();
        kept.config = Arc::new(without);
        kept.has_met = false;
    });
    may_be
}

fn of(config: &Arc<ClientConfig>, change: impl FnOnce(&mut Kept)) {
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = kept.iter_mut().find(|kept| Arc::ptr_eq(&kept.config, config)) {
        change(kept);
    }
}

fn built(trust: &Trust, place: Place, file: Option<&Path>) -> Result<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let (known, roots) = match (trust, file) {
        (Trust::Anyone, _) => (Vec::new(), None),
        (Trust::System(roots), _) => (Vec::new(), Some(roots.clone())),
        (Trust::File(pem), file) => {
            let known = certificates(pem, file.unwrap_or(Path::new("")))?;
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(known.iter().cloned());
            (known, Some(Arc::new(roots)))
        }
    };
    let inner =
        roots.map(|roots| WebPkiServerVerifier::builder_with_provider(roots, provider.clone()).build());
    let inner = inner.transpose();
    let inner = inner.map_err(|e| Error::usage(format!("no authority to check certificates with: {e}")))?;
    let verifier = Arc::new(Verifier { known, inner, provider: provider.clone() });
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(place.versions())
        .map_err(|e| Error::connect(format!("TLS is not available: {e}")))?;
    let mut config = config.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth();
    match place {
        // A resumed handshake would end with our flight, and the login follow it without a packet around: who reads
        // ahead takes the one for the other.
        Place::WithinPrelogin => config.resumption = Resumption::disabled(),
        Place::First => {
            config.resumption = Resumption::in_memory_sessions(SESSIONS);
            config.alpn_protocols = vec![ALPN.to_vec()];
        }
    }
    Ok(config)
}

/// Read at each connection, so that one that is gone or another is noticed. To parse it costs more.
fn content(path: &Path) -> Result<Vec<u8>> {
    std::fs::File::open(path).and_then(read_small).map_err(|e| unreadable(path, &e.to_string()))
}

fn certificates(pem: &[u8], path: &Path) -> Result<Vec<CertificateDer<'static>>> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|e| unreadable(path, &e.to_string()))?;
    if certificates.is_empty() {
        Err(unreadable(path, "it holds no PEM certificate"))
    } else {
        Ok(certificates)
    }
}

fn unreadable(path: &Path, why: &str) -> Error {
    Error::usage(format!("ServerCertificate {}: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use replica_sandbox::server::tls::Identity;

    use super::*;
    use crate::config::Secret;

    fn endpoint(host: &str) -> Endpoint {
        Endpoint::new(host, "u", Secret::new("p"))
    }

    fn of(endpoint: &Endpoint, check: CertificateCheck, place: Place) -> Arc<ClientConfig> {
        config(endpoint, check, place).unwrap()
    }

    #[test]
    fn one_configuration_for_one_server_and_one_trust() {
        use CertificateCheck::{Full, Nothing};
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, Identity::generate().unwrap().authority.unwrap()).unwrap();
            path
        };
        let here = endpoint("one.example");
        let mut pinned = here.clone();
        pinned.server_certificate = Some(write("a"));
        let configs = [
            of(&here, Nothing, Place::WithinPrelogin),
            of(&endpoint("other.example"), Nothing, Place::WithinPrelogin),
            of(&here, Nothing, Place::First),
            of(&pinned, Full, Place::WithinPrelogin),
        ];
        for (i, config) in configs.iter().enumerate() {
            assert!(configs[..i].iter().all(|other| !Arc::ptr_eq(config, other)), "{i}");
        }
        assert!(Arc::ptr_eq(&configs[0], &of(&here, Nothing, Place::WithinPrelogin)));
        assert!(Arc::ptr_eq(&configs[3], &of(&pinned, Full, Place::WithinPrelogin)));
        // The same file with another certificate in it, and without any.
        std::fs::copy(write("b"), pinned.server_certificate.as_ref().unwrap()).unwrap();
        assert!(!Arc::ptr_eq(&configs[3], &of(&pinned, Full, Place::WithinPrelogin)));
        std::fs::write(pinned.server_certificate.as_ref().unwrap(), "").unwrap();
        let error = config(&pinned, Full, Place::WithinPrelogin).unwrap_err().to_string();
        assert!(error.contains("it holds no PEM certificate"), "{error}");
    }

    #[test]
    fn who_fails_on_a_session_is_offered_none() {
        let there = endpoint("fails.example");
        let first = of(&there, CertificateCheck::Nothing, Place::First);
        has_met(&first);
        assert!(resumes_no_more(&first));
        let then = of(&there, CertificateCheck::Nothing, Place::First);
        assert!(!Arc::ptr_eq(&first, &then));
        assert!(!resumes_no_more(&then), "it was offered no session");
    }
}
