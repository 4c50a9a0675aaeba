//! A login method's part in the login: what tiberius is told, what LOGIN7 gets beside it, and what the reply must hold.
use tiberius::AuthMethod;

use crate::config::{Endpoint, Secret};
use crate::error::{Error, Result};
use crate::link::{FedAuthTerms, PreparedLink, Protection};
use crate::tds::fed_auth::FedAuth;
use crate::tds::login7::{Login7, feature};

/// What one login is made with.
pub(super) enum Exchange {
    /// User and password, which tiberius writes.
    SqlPassword,
    /// A token of Entra.
    FedAuth { token: Secret, terms: FedAuthTerms },
}

impl Exchange {
    /// `token`: of Entra, for an endpoint that logs in with one.
    ///
    /// # Errors
    /// A token is there, and not everything is encrypted: whoever reads it is let in for an hour.
    pub(super) fn new(token: Option<Secret>, prepared: &PreparedLink) -> Result<Self> {
        match token {
            None => Ok(Self::SqlPassword),
            Some(_) if prepared.protection != Protection::All => Err(Error::connect(
                "a token of Entra is sent under TLS only, and this connection is not encrypted throughout",
            )
            .remedy("Leave out Encrypt=false.")),
            Some(token) => Ok(Self::FedAuth { token, terms: prepared.fed_auth.clone() }),
        }
    }

    /// How tiberius is to log in: with all it needs, or with nothing, and the rest comes from here.
    pub(super) fn for_tiberius(&self, endpoint: &Endpoint) -> AuthMethod {
        match self {
            Self::SqlPassword => AuthMethod::sql_server(&endpoint.user, endpoint.password.expose()),
            Self::FedAuth { .. } => AuthMethod::None,
        }
    }

    /// LOGIN7's payload with this method's part.
    pub(super) fn login7(&self, payload: Vec<u8>) -> Result<Vec<u8>> {
        let Self::FedAuth { token, terms } = self else { return Ok(payload) };
        let mut login = Login7::parse(&payload)?;
        let fed_auth = FedAuth { echo: terms.required, token: token.expose().to_owned(), nonce: terms.nonce };
        login.features.get_or_insert_default().push((feature::FED_AUTH, fed_auth.encode()));
        let mut payload = Vec::new();
        login.encode(&mut payload);
        Ok(payload)
    }

    /// Whether a reply that lets us in says what it must ([MS-TDS] 3.2.5.4): it acknowledges a token, without a nonce,
    /// since we sent none.
    pub(super) fn is_acknowledged(&self, features: &[(u8, Vec<u8>)]) -> Result<()> {
        let Self::FedAuth { .. } = self else { return Ok(()) };
        match features.iter().find(|(id, _)| *id == feature::FED_AUTH) {
            Some((_, nonce)) if nonce.is_empty() => Ok(()),
            Some(_) => Err(Error::protocol("the server returns a nonce that nobody sent")),
            None => Err(Error::protocol("the server lets us in without a word of the token")),
        }
    }
}
