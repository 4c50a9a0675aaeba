//! Logins by token. Entra publishes the keys that it signs with; here a file names the key of a tenant that is made up.
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use sandbox_values::error::SqlError;
use serde_json::Value;

/// Whom a server calls so whose token it does not take for a login's.
const PRINCIPAL: &str = "<token-identified principal>";
/// What a token must be for, in the public cloud.
const AUDIENCE: &str = "https://database.windows.net";
/// How far clocks may differ, in seconds.
const SKEW: u64 = 300;

/// The file that says whose tokens are taken. It is read at each login, so that tests can change it:
/// `{"key": "…", "tenant": "…", "users": {"client id": "login"}}`.
#[derive(Clone, Debug)]
pub struct Tokens(PathBuf);

/// What the file says.
struct Trust {
    /// The tenant's public key: a point of P-256, uncompressed.
    key: Vec<u8>,
    tenant: String,
    audience: String,
    /// The login of each application.
    users: Value,
    /// The client's address is not among those that the firewall lets through.
    fenced_off: bool,
}

impl Tokens {
    /// The tokens that this file lets in.
    ///
    /// # Errors
    /// It cannot be read, or says no such thing.
    pub fn of(file: &Path) -> io::Result<Self> {
        Trust::read(file).map(|_| Self(file.to_owned()))
    }

    /// The login of a client with this token.
    ///
    /// # Errors
    /// 18456 for a token that is no login's, 40615 for an address that the firewall stops.
    pub(crate) fn login(&self, token: &str, server: &str, client: IpAddr) -> Result<String, SqlError> {
        let trust = Trust::read(&self.0).map_err(|error| {
            log::error!("{}: {error}", self.0.display());
            refused(1, "")
        })?;
        if trust.fenced_off { Err(fenced_off(server, client)) } else { trust.login(token) }
    }
}

impl Trust {
    fn read(file: &Path) -> io::Result<Self> {
        let file: Value = serde_json::from_str(&std::fs::read_to_string(file)?)?;
        let text = |name: &str| file[name].as_str().map(str::to_owned);
        let given =
            |name: &str| text(name).ok_or_else(|| io::Error::other(format!("no text '{name}' in it")));
        Ok(Self {
            key: BASE64URL.decode(given("key")?).map_err(io::Error::other)?,
            tenant: given("tenant")?,
            audience: text("audience").unwrap_or_else(|| AUDIENCE.to_owned()),
            users: file["users"].clone(),
            fenced_off: file["firewall"] == "closed",
        })
    }

    /// What Azure SQL says of each fault was reported by clients of it; the states but 1 and 233 were not
    /// (docs/UNCONFIRMED.md).
    fn login(&self, token: &str) -> Result<String, SqlError> {
        let invalid = || refused(1, " Incorrect or invalid token.");
        let claims = self.claims(token).ok_or_else(invalid)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        let time = |name: &str| claims[name].as_u64();
        let audience = claims["aud"].as_str().unwrap_or_default();
        // microsoft/vscode-mssql, issue 22031. With and without the slash: tokens have what was asked for.
        if audience.trim_end_matches('/') != self.audience.trim_end_matches('/') {
            return Err(invalid());
        }
        // microsoft/vscode-mssql, issue 18966.
        if claims["tid"] != *self.tenant {
            return Err(refused(1, " The server is not currently configured to accept this token."));
        }
        // microsoft/azuredatastudio, issue 14497.
        if time("exp").is_none_or(|end| end <= now) {
            return Err(refused(233, " Token is expired."));
        }
        if time("nbf").is_none_or(|begin| begin > now + SKEW) {
            return Err(invalid());
        }
        let user = claims["appid"].as_str().and_then(|id| self.users[id].as_str());
        user.map(str::to_owned).ok_or_else(|| refused(1, ""))
    }

    /// What a token says that the tenant has signed (RFC 7515, 5.2). Entra signs by RS256; a key for ES256 is made in no
    /// time.
    fn claims(&self, token: &str) -> Option<Value> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let json = |part: &str| serde_json::from_slice::<Value>(&BASE64URL.decode(part).ok()?).ok();
        if json(header)?["alg"] != "ES256" {
            return None;
        }
        let signature = BASE64URL.decode(signature).ok()?;
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &self.key);
        key.verify(signed.as_bytes(), &signature).ok()?;
        json(claims)
    }
}

/// Error 18456 as it names a token's owner, with what follows its first sentence.
pub(crate) fn refused(state: u8, more: &str) -> SqlError {
    SqlError::new(18456, 14, state, format!("Login failed for user '{PRINCIPAL}'.{more}"))
}

/// The text of "Database Engine events and errors" (Microsoft docs), 40615.
fn fenced_off(server: &str, client: IpAddr) -> SqlError {
    let text = format!(
        "Cannot open server '{server}' requested by the login. Client with IP address '{client}' is not allowed to access \
         the server. To enable access, use the Azure Management Portal or run sp_set_firewall_rule on the master database \
         to create a firewall rule for this IP address or address range. It may take up to five minutes for this change to \
         take effect."
    );
    SqlError::new(40615, 14, 1, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};

    fn key() -> EcdsaKeyPair {
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
        EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &SystemRandom::new()).unwrap()
    }

    fn signed(key: &EcdsaKeyPair, header: &str, claims: &str) -> String {
        let text = format!("{}.{}", BASE64URL.encode(header), BASE64URL.encode(claims));
        let signature = key.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", BASE64URL.encode(signature))
    }

    const HEADER: &str = r#"{"alg": "ES256"}"#;
    const SOUND: &str =
        r#"{"aud": "https://database.windows.net/", "tid": "t", "exp": 9999999999, "nbf": 1, "appid": "a"}"#;

    #[test]
    fn only_what_the_tenant_signs_for_this_server_is_let_in() {
        let key = key();
        let file = tempfile::NamedTempFile::new().unwrap();
        let public = BASE64URL.encode(key.public_key());
        let trust = format!(r#"{{"key": "{public}", "tenant": "t", "users": {{"a": "app"}}}}"#);
        std::fs::write(file.path(), trust).unwrap();
        let tokens = Tokens::of(file.path()).unwrap();
        let login = |token: &str| {
            let refused = tokens.login(token, "s", IpAddr::from([192, 0, 2, 1]));
            refused.map_err(|error| (error.number, error.state, error.text))
        };
        let says = |state: u8, more: &str| {
            Err((18456, state, format!("Login failed for user '{PRINCIPAL}'.{more}")))
        };
        let invalid = || says(1, " Incorrect or invalid token.");
        assert_eq!(login(&signed(&key, HEADER, SOUND)), Ok("app".to_owned()));
        for (from, to, refusal) in [
            ("database.windows.net", "management.azure.com", invalid()),
            ("\"aud\"", "\"x\"", invalid()),
            ("\"t\"", "\"u\"", says(1, " The server is not currently configured to accept this token.")),
            ("9999999999", "1", says(233, " Token is expired.")),
            ("\"exp\"", "\"x\"", says(233, " Token is expired.")),
            ("\"nbf\": 1", "\"nbf\": 9999999998", invalid()),
            ("\"a\"}", "\"b\"}", says(1, "")),
        ] {
            assert_eq!(login(&signed(&key, HEADER, &SOUND.replace(from, to))), refusal, "{to}");
        }
        let sound = signed(&key, HEADER, SOUND);
        let (head, _) = sound.rsplit_once('.').unwrap();
        let other = signed(&self::key(), HEADER, SOUND);
        let unsigned = signed(&key, r#"{"alg": "none"}"#, SOUND);
        for token in ["", "a", "a.b", "a.b.c", head, &format!("{head}."), &other, &unsigned] {
            assert_eq!(login(token), invalid(), "{token}");
        }
    }

    #[test]
    fn what_says_nothing_of_tokens_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for text in ["", "[]", "{}", r#"{"key": "!", "tenant": "t"}"#, r#"{"key": "AA"}"#] {
            std::fs::write(file.path(), text).unwrap();
            assert!(Tokens::of(file.path()).is_err(), "{text}");
        }
        assert!(Tokens::of(Path::new("/nowhere")).is_err());
    }
}
