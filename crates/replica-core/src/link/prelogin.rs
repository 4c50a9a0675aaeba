//! The PRELOGIN exchange, which settles the encryption ([MS-TDS] 2.2.6.5).
use super::{Link, message};
use crate::error::{Error, Kind, Result};
use crate::tds::fed_auth::NONCE;
use crate::tds::packet::{self, kind};
use crate::tds::prelogin::{Prelogin, encryption, option};

/// What the server says about logins by token ([MS-TDS] 2.2.6.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FedAuthTerms {
    /// FEDAUTHREQUIRED, which the login repeats.
    pub required: bool,
    /// The server's nonce, which the login repeats.
    pub nonce: Option<[u8; NONCE]>,
}

impl FedAuthTerms {
    pub(super) fn of(reply: &Prelogin) -> Result<Self> {
        let required = match reply.get(option::FED_AUTH_REQUIRED) {
            None | Some([] | [0]) => false,
            Some([1]) => true,
            Some(_) => return Err(Error::protocol("PRELOGIN with an unknown value of FEDAUTHREQUIRED")),
        };
        let nonce =
            match reply.get(option::NONCE) {
                None | Some([]) => None,
                Some(nonce) => Some(nonce.try_into().map_err(|_| {
                    Error::protocol(format!("PRELOGIN with a nonce of {} bytes", nonce.len()))
                })?),
            };
        Ok(Self { required, nonce })
    }
}

/// Sends our PRELOGIN, asking for a level of [`encryption`], and returns the server's. `with_token`: the login will be
/// one by token.
pub(super) async fn exchange(link: &mut Link, level: u8, with_token: bool) -> Result<Prelogin> {
    let mut ours = Prelogin {
        options: vec![
            // The client's version means nothing to the server.
            (option::VERSION, vec![0; 6]),
            (option::ENCRYPTION, vec![level]),
            (option::INSTANCE, vec![0]),
            (option::THREAD_ID, vec![0; 4]),
            (option::MARS, vec![0]),
        ],
    };
    if with_token {
        ours.set(option::FED_AUTH_REQUIRED, &[1]);
    }
    let mut payload = Vec::new();
    ours.encode(&mut payload);
    message::write(link, kind::PRELOGIN, &payload, packet::DEFAULT_SIZE).await?;
    match message::read_reply(link).await {
        Ok(Some(payload)) => Prelogin::parse(&payload).map_err(|_| not_tds()),
        Ok(None) => Err(Error::unreachable("the server hung up at the first message")
            .remedy("It may insist on Encrypt=strict, allow no more connections, or not be a SQL Server.")),
        // What looks like a broken packet is, at this point, most often another protocol.
        Err(e) if e.kind() == Kind::Protocol => Err(not_tds()),
        Err(e) => Err(e),
    }
}

/// The server's choice.
pub(super) fn chosen(reply: &Prelogin) -> Result<u8> {
    reply.encryption().ok_or_else(not_tds)
}

/// The payload of the same reply as tiberius must see it: it has no TLS of its own, and ours is in place. Only the
/// two options that it makes use of are passed on.
pub(super) fn without_encryption(reply: &Prelogin) -> Vec<u8> {
    let mut seen = Prelogin::default();
    seen.set(
        option::VERSION,
        reply.get(option::VERSION).filter(|version| version.len() == 6).unwrap_or(&[0; 6]),
    );
    seen.set(option::ENCRYPTION, &[encryption::NOT_SUPPORTED]);
    let mut payload = Vec::new();
    seen.encode(&mut payload);
    payload
}

fn not_tds() -> Error {
    Error::connect("what listens there does not speak TDS")
        .remedy("Check host and port: is it a SQL Server? One that insists on TDS 8.0 wants Encrypt=strict.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_tokens() {
        let terms = |options: &[(u8, &[u8])]| {
            let options = options.iter().map(|(token, data)| (*token, data.to_vec())).collect();
            FedAuthTerms::of(&Prelogin { options }).ok()
        };
        let said = |required, nonce| Some(FedAuthTerms { required, nonce });
        assert_eq!(terms(&[]), said(false, None));
        assert_eq!(terms(&[(option::FED_AUTH_REQUIRED, &[0])]), said(false, None));
        let both: [(u8, &[u8]); 2] = [(option::FED_AUTH_REQUIRED, &[1]), (option::NONCE, &[7; NONCE])];
        assert_eq!(terms(&both), said(true, Some([7; NONCE])));
        assert_eq!(terms(&[(option::FED_AUTH_REQUIRED, &[2])]), None);
        assert_eq!(terms(&[(option::NONCE, &[7; 31])]), None);
    }
}
