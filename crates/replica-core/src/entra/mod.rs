//! Tokens of Entra: where they come from. They are asked for at each connection, and never shown.
use std::path::Path;

use crate::config::{Credential, Endpoint, Secret, TokenSource, read_small_text};
use crate::error::{Error, Result};

/// LOGIN7 has room for 128 KiB less one byte in all ([MS-TDS] 2.2.6.4), and a token takes two bytes for each of its own.
const MOST_TOKEN: usize = 60_000;

/// The token that this endpoint logs in with; `None` where it logs in otherwise.
///
/// # Errors
/// There is none to be had.
pub(crate) async fn token(endpoint: &Endpoint) -> Result<Option<Secret>> {
    match &endpoint.credential {
        Credential::SqlPassword => Ok(None),
        Credential::Entra(TokenSource::File(path)) => of_file(path).map(Some),
    }
}

fn of_file(path: &Path) -> Result<Secret> {
    let text = std::fs::File::open(path).and_then(read_small_text);
    let text = text.map_err(|error| {
        Error::connect(format!("no token: access_token_file {}: {error}", path.display()))
            .remedy("Name a file that holds a token of Entra and nothing else.")
    })?;
    checked(&text, "access_token_file")
}

/// What came as a token, if it can be one: a JSON Web Token has no blanks and no letters outside ASCII (RFC 7519 3, RFC
/// 7515 2).
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
