//! A login method's part in the login: what tiberius is told, what LOGIN7 gets beside it, and what the reply must hold.
use tiberius::AuthMethod;

use tokio::time::Instant;

use super::kerberos::Negotiation;
use crate::config::{Credential, Endpoint, Secret};
use crate::error::{Error, Result};
use crate::link::{FedAuthTerms, PreparedLink, Protection};
use crate::tds::fed_auth::FedAuth;
use crate::tds::login7::{Login7, feature, flags2};

/// What one login is made with.
pub(super) enum Exchange {
    /// User and password, which tiberius writes.
    SqlPassword,
    /// A ticket of Kerberos, and the first token for the server.
    Kerberos { negotiation: Negotiation, token: Vec<u8> },
    /// A token of Entra.
    FedAuth { token: Secret, terms: FedAuthTerms },
}

impl Exchange {
    /// `token`: of Entra, for an endpoint that logs in with one.
    ///
    /// # Errors
    /// A token is there, and not everything is encrypted: whoever reads it is let in for an hour. No ticket of Kerberos
    /// is to be had by the deadline.
    pub(super) async fn new(
        endpoint: &Endpoint,
        token: Option<Secret>,
        prepared: &PreparedLink,
        deadline: Instant,
    ) -> Result<Self> {
        if endpoint.credential == Credential::Kerberos {
            let (negotiation, token) = Negotiation::begin(endpoint, prepared.port, deadline).await?;
            return Ok(Self::Kerberos { negotiation, token });
        }
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
            Self::Kerberos { .. } | Self::FedAuth { .. } => AuthMethod::None,
        }
    }

    /// LOGIN7's payload with this method's part.
    pub(super) fn login7(&self, payload: Vec<u8>) -> Result<Vec<u8>> {
        let mut login = Login7::parse(&payload)?;
        match self {
            Self::SqlPassword => return Ok(payload),
            Self::Kerberos { token, .. } => {
                // The field has room for so much; a domain's own limit is 48 KB (MaxTokenSize).
                if token.len() >= u16::MAX.into() {
                    return Err(Error::connect("the Kerberos ticket is larger than a login can be")
                        .remedy("The account is a member of too many groups."));
                }
                login.option_flags2 |= flags2::INTEGRATED_SECURITY;
                login.sspi.clone_from(token);
            }
            Self::FedAuth { token, terms } => {
                let token = token.expose().to_owned();
                let fed_auth = FedAuth { echo: terms.required, token, nonce: terms.nonce };
                login.features.get_or_insert_default().push((feature::FED_AUTH, fed_auth.encode()));
            }
        }
        let mut payload = Vec::new();
        login.encode(&mut payload);
        Ok(payload)
    }

    /// What to say to an SSPI token of the server's; empty: nothing.
    pub(super) async fn answer(&mut self, token: Vec<u8>) -> Result<Vec<u8>> {
        match self {
            Self::Kerberos { negotiation, .. } => negotiation.answer(token).await,
            _ => Err(Error::protocol("the server answers as if this were a Windows login")),
        }
    }

    /// Whether the server has proved who it is, where that is part of the login. Nobody else may send us on to a server.
    pub(super) fn is_proved(&self) -> Result<()> {
        match self {
            Self::Kerberos { negotiation, .. } => negotiation.is_complete(),
            Self::SqlPassword | Self::FedAuth { .. } => Ok(()),
        }
    }

    /// Whether a reply that lets us in says what it must ([MS-TDS] 3.2.5.4): it acknowledges a token, without a nonce,
    /// since we sent none. The server of a Windows login has proved who it is.
    pub(super) fn is_acknowledged(&self, features: &[(u8, Vec<u8>)]) -> Result<()> {
        match self {
            Self::SqlPassword => return Ok(()),
            Self::Kerberos { .. } => return self.is_proved(),
            Self::FedAuth { .. } => {}
        }
        match features.iter().find(|(id, _)| *id == feature::FED_AUTH) {
            Some((_, nonce)) if nonce.is_empty() => Ok(()),
            Some(_) => Err(Error::protocol("the server returns a nonce that nobody sent")),
            None => Err(Error::protocol("the server lets us in without a word of the token")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tds::fed_auth::NONCE;

    fn exchange(nonce: Option<[u8; NONCE]>) -> Exchange {
        Exchange::FedAuth { token: Secret::new("abc"), terms: FedAuthTerms { required: true, nonce } }
    }

    #[test]
    fn login7_has_the_token_and_what_prelogin_said() {
        let mut plain = Vec::new();
        let login = Login7 { database: "d".into(), ..Login7::default() };
        login.encode(&mut plain);
        for nonce in [None, Some([7; NONCE])] {
            let with_token = exchange(nonce).login7(plain.clone()).unwrap();
            let login = Login7::parse(&with_token).unwrap();
            let [(feature::FED_AUTH, data)] = &login.features.unwrap()[..] else { panic!("another feature") };
            let sent = FedAuth { echo: true, token: "abc".into(), nonce };
            assert_eq!((FedAuth::parse(data).unwrap(), login.database.as_str()), (sent, "d"));
        }
        assert_eq!(Exchange::SqlPassword.login7(plain.clone()).unwrap(), plain);
    }

    #[test]
    fn a_token_is_acknowledged_in_one_way() {
        let acknowledged = |features: &[(u8, Vec<u8>)]| exchange(None).is_acknowledged(features).is_ok();
        assert!(acknowledged(&[(feature::UTF8_SUPPORT, vec![1]), (feature::FED_AUTH, vec![])]));
        assert!(!acknowledged(&[(feature::UTF8_SUPPORT, vec![1])]));
        assert!(!acknowledged(&[(feature::FED_AUTH, vec![0; NONCE])]));
        assert!(Exchange::SqlPassword.is_acknowledged(&[]).is_ok());
    }
}
