//! What came as a token, and for how long.
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::time::Instant;

use crate::config::Secret;
use crate::error::{Error, Result};

/// LOGIN7 has room for 128 KiB less one byte in all ([MS-TDS] 2.2.6.4), and a token takes two bytes for each of its own.
const MOST_TOKEN: usize = 60_000;

/// A token that has less time left is not used for another login: clocks differ, and logins take time.
const TOO_SHORT: Duration = Duration::from_secs(300);

/// Managed identities have tokens of 24 hours (Microsoft Entra, "How managed identities for Azure resources work");
/// nothing lives longer.
const LONGEST_LIFE: u64 = 24 * 3600;

/// A token that has just been had.
pub(super) struct Fresh {
    pub token: Secret,
    /// Until then it serves other logins, too. `None`: nobody said when it ends.
    pub renewed_at: Option<Instant>,
}

impl Fresh {
    /// Of a text that is the token and nothing else.
    pub(super) fn bare(text: &str, from: &str) -> Result<Self> {
        Ok(Self { token: checked(text, from)?, renewed_at: None })
    }

    /// Of JSON, as Entra, the metadata services and `az` write it.
    pub(super) fn of_json(json: &[u8], from: &str) -> Result<Self> {
        let reply: Value = serde_json::from_slice(json)
            .map_err(|_| Error::connect(format!("no token: what {from} answers is not JSON")))?;
        let of = |names: [&str; 2]| names.iter().find_map(|name| reply.get(name));
        let token = of(["access_token", "accessToken"]).and_then(Value::as_str);
        let token = token.ok_or_else(|| {
            Error::connect(format!("no token: what {from} answers has no access_token in it"))
        })?;
        let seconds = |name: &str| match reply.get(name)? {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        };
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        let life = seconds("expires_in").or_else(|| Some(seconds("expires_on")?.saturating_sub(now())));
        let life = life.map(|life: u64| Duration::from_secs(life.min(LONGEST_LIFE)));
        let renewed_at = life.map(|life| Instant::now() + life.saturating_sub(TOO_SHORT));
        Ok(Self { token: checked(token, from)?, renewed_at })
    }
}

/// A JSON Web Token has no blanks and no letters outside ASCII (RFC 7519 3, RFC 7515 2).
fn checked(text: &str, from: &str) -> Result<Secret> {
    let token = text.trim();
    let why = if token.is_empty() {
        "is empty"
    } else if token.len() > MOST_TOKEN {
        "is longer than a login has room for"
    } else if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        "has blanks or other characters that no token has"
    } else {
        return Ok(Secret::new(token));
    };
    Err(Error::connect(format!("no token: what {from} gives {why}"))
        .remedy("It must be an access token of Entra for Azure SQL, and nothing else."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds_left(json: &str) -> Option<u64> {
        let fresh = Fresh::of_json(json.as_bytes(), "t").unwrap();
        assert_eq!(fresh.token.expose(), "abc");
        Some(fresh.renewed_at?.saturating_duration_since(Instant::now()).as_secs_f64().round() as u64)
    }

    #[test]
    fn a_token_is_renewed_before_its_end() {
        assert_eq!(seconds_left(r#"{"access_token": "abc", "expires_in": 3599}"#), Some(3299));
        assert_eq!(
            seconds_left(r#"{"access_token": "abc", "expires_in": "3599", "expires_on": "1"}"#),
            Some(3299)
        );
        assert_eq!(seconds_left(r#"{"accessToken": "abc", "expires_on": 1}"#), Some(0));
        assert_eq!(seconds_left(r#"{"access_token": "abc", "expires_in": 200}"#), Some(0));
        assert_eq!(seconds_left(r#"{"access_token": "abc"}"#), None);
        let never = format!(r#"{{"access_token": "abc", "expires_in": {}}}"#, u64::MAX);
        assert_eq!(seconds_left(&never), Some(LONGEST_LIFE - 300));
    }

    #[test]
    fn what_is_no_token_is_not_repeated() {
        let long = "secret".repeat(20_000);
        for text in ["", " \n", "sec ret", "se\ncret", "sécret", &long] {
            let error = Fresh::bare(text, "t").err().unwrap().to_string();
            assert!(error.starts_with("no token: what t gives ") && !error.contains("cret"), "{error}");
        }
        for json in ["secret", "{\"token\": \"secret\"}", "{\"access_token\": [\"secret\"]}", "[]", "{"] {
            let error = Fresh::of_json(json.as_bytes(), "t").err().unwrap().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
