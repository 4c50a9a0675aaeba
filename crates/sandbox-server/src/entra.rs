//! Logins by token: a list of the tokens that are let in stands in for Entra, which signs them.
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use sandbox_values::error::SqlError;
use serde_json::Value;

/// Whom a server calls so whose token it does not take for a login's.
const PRINCIPAL: &str = "<token-identified principal>";

/// The file that lists tokens. It is read at each login, so that tests can change it:
/// `[{"token": "…", "login": "app", "expires": 1790000000}]`.
#[derive(Clone, Debug)]
pub struct Tokens(PathBuf);

/// A token of the list.
struct Listed {
    login: String,
    /// Seconds since 1970.
    expires: u64,
    /// The client's address is not among those that the firewall lets through.
    fenced_off: bool,
}

impl Tokens {
    /// The tokens of this file.
    ///
    /// # Errors
    /// It cannot be read, or is no such list.
    pub fn of(file: &Path) -> io::Result<Self> {
        let tokens = Self(file.to_owned());
        tokens.listed("").map(|_| tokens)
    }

    fn listed(&self, token: &str) -> io::Result<Option<Listed>> {
        let list: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(&self.0)?)?;
        let Some(found) = list.iter().find(|listed| listed["token"] == token) else { return Ok(None) };
        Ok(Some(Listed {
            login: found["login"].as_str().unwrap_or_default().to_owned(),
            expires: found["expires"].as_u64().unwrap_or(u64::MAX),
            fenced_off: found["firewall"] == "closed",
        }))
    }

    /// The login of a client with this token.
    ///
    /// # Errors
    /// 18456 for a token that is no login's, or whose time is up; 40615 for an address that the firewall stops.
    pub(crate) fn login(&self, token: &str, server: &str, client: IpAddr) -> Result<String, SqlError> {
        let listed = self.listed(token).map_err(|error| {
            log::error!("{}: {error}", self.0.display());
            refused(1, "")
        })?;
        let listed = listed.ok_or_else(|| refused(1, ""))?;
        if listed.fenced_off {
            return Err(fenced_off(server, client));
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
        // The state is what a client reported of Azure SQL (microsoft/azuredatastudio, issue 14497).
        if listed.expires <= now { Err(refused(233, " Token is expired.")) } else { Ok(listed.login) }
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

    fn login(token: &str) -> Result<String, i32> {
        let file = tempfile::NamedTempFile::new().unwrap();
        let list = r#"[{"token": "a", "login": "app"}, {"token": "b", "login": "app", "expires": 1},
                       {"token": "c", "login": "app", "firewall": "closed"}]"#;
        std::fs::write(file.path(), list).unwrap();
        let client = IpAddr::from([192, 0, 2, 1]);
        Tokens::of(file.path()).unwrap().login(token, "s", client).map_err(|error| error.number)
    }

    #[test]
    fn only_listed_tokens_are_let_in() {
        assert_eq!(login("a").as_deref(), Ok("app"));
        assert_eq!([login("b"), login("c"), login("d")], [Err(18456), Err(40615), Err(18456)]);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        assert!(Tokens::of(file.path()).is_err());
        assert!(Tokens::of(Path::new("/nowhere")).is_err());
    }
}
