//! The authorities that the system trusts. They are read and parsed once for many connections: some hundred and forty
//! certificates cost more than a login.
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio_rustls::rustls::RootCertStore;

use crate::error::{Error, Result};

/// Who runs for days learns of an authority that came or went after so long.
pub(crate) const AGE: Duration = Duration::from_secs(3_600);

static KEPT: Mutex<Option<(Instant, Arc<RootCertStore>)>> = Mutex::new(None);

fn kept() -> MutexGuard<'static, Option<(Instant, Arc<RootCertStore>)>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The system's, or those of the file that OpenSSL's `SSL_CERT_FILE` names. `way_out`: what helps where there are none.
///
/// # Errors
/// There are none.
pub(crate) fn of_system(way_out: &str) -> Result<Arc<RootCertStore>> {
    let mut kept = kept();
    if let Some((since, roots)) = &*kept
        && since.elapsed() < AGE
    {
        return Ok(roots.clone());
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        let what = "this system has no certificate authorities to check the server with";
        return Err(Error::connect(what).remedy(way_out));
    }
    let roots = Arc::new(roots);
    *kept = Some((Instant::now(), roots.clone()));
    Ok(roots)
}

/// Somebody was not trusted: the next connection reads anew, since who adds an authority may not start us again.
pub(crate) fn read_anew() {
    *kept() = None;
}
