//! Tokens in memory, for the connections to come. Of those who want the same token one asks, and the others wait.
use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Ask, Fresh, LoginToken};
use crate::error::Result;

/// What was had last, if it is still to be used.
type Held = Arc<Mutex<Option<Fresh>>>;

/// A process has two servers, and so as many tokens at most.
static TOKENS: StdMutex<Vec<(Ask, Held)>> = StdMutex::new(Vec::new());

fn held(ask: &Ask) -> Held {
    let mut tokens = TOKENS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, held)) = tokens.iter().find(|(known, _)| known == ask) {
        return held.clone();
    }
    let held = Held::default();
    tokens.push((ask.clone(), held.clone()));
    held
}

/// The token that is there, if its end is far enough, or a new one.
pub(super) async fn token(ask: &Ask) -> Result<LoginToken> {
    let held = held(ask);
    let mut held = held.lock().await;
    if let Some(Fresh { token, renewed_at: Some(renewed_at) }) = &*held
        && Instant::now() < *renewed_at
    {
        return Ok(LoginToken { secret: token.clone(), is_cached: true });
    }
    *held = None;
    let fresh = ask.fresh().await?;
    let secret = fresh.token.clone();
    match fresh.renewed_at {
        Some(end) => log::debug!(
            "a token of Entra, used for {} s",
            end.saturating_duration_since(Instant::now()).as_secs()
        ),
        None => log::debug!("a token of Entra, used for this connection"),
    }
    *held = Some(fresh);
    Ok(LoginToken { secret, is_cached: false })
}

/// Asks anew the next time.
pub(super) fn forget(ask: &Ask) {
    TOKENS.lock().unwrap_or_else(PoisonError::into_inner).retain(|(known, _)| known != ask);
}
