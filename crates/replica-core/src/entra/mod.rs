//! Tokens of Entra: each login with one asks here. A token is kept in memory until shortly before its end, and never
//! shown.
//!
//! Every way to a token is one small request, or a program that prints it. What comes back is text of somebody else:
//! short, or refused, and cleaned before it is shown.
mod application;
mod cache;
mod chain;
mod cloud;
mod fresh;
mod managed;
mod program;

use std::path::Path;
use std::time::Duration;

use tokio::time::timeout;

use crate::config::{Credential, Endpoint, Secret, TokenSource, read_small_text};
use crate::error::{Error, Result};
use crate::report::one_line;
use cloud::Cloud;
use fresh::Fresh;

/// A request has the same limit, and knows better what went wrong.
const GRACE: Duration = Duration::from_secs(1);

/// Of what an endpoint or a program says: enough for its first sentences.
const MOST_TEXT: usize = 300;
/// Every JSON Web Token begins so: it is `{"` in base64url (RFC 7519, 3.1).
const TOKEN_HEAD: &str = "eyJ";

/// What a token is asked for with.
#[derive(Clone, PartialEq, Eq)]
struct Ask {
    source: TokenSource,
    cloud: Cloud,
    /// User Id, which may be empty, and Password.
    user: String,
    password: Secret,
    limit: Duration,
}

/// A token for a login.
#[derive(Clone)]
pub(crate) struct LoginToken {
    pub secret: Secret,
    /// It was asked for by an earlier login.
    pub is_cached: bool,
}

/// The token that this endpoint logs in with; `None` where it logs in otherwise. Its time limit is that of a connection.
///
/// # Errors
/// There is none to be had. What may pass is transient.
pub(crate) async fn token(endpoint: &Endpoint) -> Result<Option<LoginToken>> {
    let Some(ask) = Ask::of(endpoint) else { return Ok(None) };
    let limit = endpoint.connect_timeout;
    match timeout(limit + GRACE, cache::token(&ask)).await {
        Ok(token) => token.map(Some),
        Err(_) => Err(Error::unreachable(format!("no token of Entra within {} s", limit.as_secs()))
            .remedy("Check the way to whoever gives it, or raise Connect Timeout.")),
    }
}

/// Forgets a token that a server refused.
pub(crate) fn forget(endpoint: &Endpoint) {
    if let Some(ask) = Ask::of(endpoint) {
        cache::forget(&ask);
    }
}

impl Ask {
    fn of(endpoint: &Endpoint) -> Option<Self> {
        let Credential::Entra(source) = &endpoint.credential else { return None };
        Some(Self {
            source: source.clone(),
            cloud: Cloud::of_server(&endpoint.host),
            user: endpoint.user.clone(),
            password: endpoint.password.clone(),
            limit: endpoint.connect_timeout,
        })
    }

    /// Asks whoever gives it.
    async fn fresh(&self) -> Result<Fresh> {
        match &self.source {
            TokenSource::ServicePrincipal => application::by_secret(self).await,
            TokenSource::WorkloadIdentity => application::by_assertion(self).await,
            TokenSource::ManagedIdentity => managed::token(self).await,
            TokenSource::Default => chain::token(self).await,
            TokenSource::File(path) => of_file(path),
            TokenSource::Command(words) => program::token(words).await,
        }
    }
}

fn of_file(path: &Path) -> Result<Fresh> {
    let refused = |why: String| {
        Error::connect(format!("no token: access_token_file {}: {why}", path.display()))
            .remedy("Name a file that holds a token of Entra and nothing else.")
    };
    // A pipe would be waited for without end.
    let is_file = std::fs::metadata(path).map(|found| found.is_file());
    if !is_file.map_err(|error| refused(error.to_string()))? {
        return Err(refused("it is no file".to_owned()));
    }
    let text =
        std::fs::File::open(path).and_then(read_small_text).map_err(|error| refused(error.to_string()))?;
    Fresh::bare(&text, "access_token_file")
}

/// What somebody says who gives no token: in one line, without `secret`, which he was shown, and without tokens.
fn shown(text: &str, secret: &Secret) -> String {
    let mut text = text.to_owned();
    for secret in [secret.expose(), &application::encoded(secret.expose())] {
        if !secret.is_empty() {
            text = text.replace(secret, "***");
        }
    }
    let mut parts = text.split(TOKEN_HEAD);
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        if !shown.ends_with("***") {
            shown.push_str("***");
        }
        shown.push_str(part.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "-_.".contains(c)));
    }
    let shown: String = one_line(&shown).chars().take(MOST_TEXT).collect();
    shown.trim().to_owned()
}

/// A variable of the environment, if it says anything.
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}
