//! FEDAUTH of LOGIN7's extension block, for a token that the client has already: the library "Security Token"
//! ([MS-TDS] 2.2.6.4, "FEDAUTH"). Client and server share it.
use std::fmt;

use super::wire::{Malformed, Reader, complete, from_utf16le, put_utf16le};

/// Bytes of a nonce, of which each side may send one ([MS-TDS] 2.2.6.5, NONCEOPT).
pub const NONCE: usize = 32;

/// bFedAuthLibrary, above the echo's bit.
const SECURITY_TOKEN: u8 = 0x01;

/// The feature's data. The token is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct FedAuth {
    /// fFedAuthEcho: the server's PRELOGIN said FEDAUTHREQUIRED.
    pub echo: bool,
    /// A JSON Web Token of Entra.
    pub token: String,
    /// What the server's PRELOGIN had, if it had one.
    pub nonce: Option<[u8; NONCE]>,
}

impl fmt::Debug for FedAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FedAuth").field("echo", &self.echo).finish_non_exhaustive()
    }
}

impl FedAuth {
    /// Reads the whole data of the feature.
    ///
    /// # Errors
    /// Another library than "Security Token"; lengths that do not fit.
    pub fn parse(data: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(data);
        let options = complete(reader.u8(), "FEDAUTH")?;
        if options >> 1 != SECURITY_TOKEN {
            return Err(Malformed::new(format!("FEDAUTH of library 0x{:02X}", options >> 1)));
        }
        let token = reader.u32().and_then(|length| reader.bytes(length as usize));
        let token = from_utf16le(complete(token, "FEDAUTH")?);
        let nonce = match data.len() - reader.position() {
            0 => None,
            NONCE => Some(complete(reader.array(), "FEDAUTH")?),
            rest => return Err(Malformed::new(format!("FEDAUTH with {rest} bytes after the token"))),
        };
        Ok(Self { echo: options & 1 != 0, token, nonce })
    }

    /// The feature's data.
    pub fn encode(&self) -> Vec<u8> {
        let mut token = Vec::with_capacity(self.token.len() * 2);
        put_utf16le(&self.token, &mut token);
        let mut data = Vec::with_capacity(token.len() + 5 + NONCE);
        data.push(SECURITY_TOKEN << 1 | u8::from(self.echo));
        data.extend_from_slice(&(token.len() as u32).to_le_bytes());
        data.extend_from_slice(&token);
        data.extend(self.nonce.iter().flatten());
        data
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_sent_as_specified() {
        let plain = FedAuth { echo: true, token: "ab".into(), nonce: None };
        assert_eq!(plain.encode(), [3, 4, 0, 0, 0, b'a', 0, b'b', 0]);
        let with_nonce = FedAuth { echo: false, nonce: Some([7; NONCE]), ..plain.clone() };
        assert_eq!(with_nonce.encode()[0], 2);
        for sent in [plain, with_nonce] {
            assert_eq!(FedAuth::parse(&sent.encode()).unwrap(), sent);
        }
    }

    #[test]
    fn lies_are_refused() {
        let sent = FedAuth { echo: true, token: "ab".into(), nonce: None }.encode();
        for end in 0..sent.len() {
            assert!(FedAuth::parse(&sent[..end]).is_err(), "{end}");
        }
        assert!(FedAuth::parse(&[&sent[..], &[0]].concat()).is_err());
        // ADAL, whose tokens follow in a message of their own.
        assert!(FedAuth::parse(&[5, 1]).is_err());
    }

    #[test]
    fn the_token_is_not_shown() {
        let sent = FedAuth { echo: true, token: "hunter2".into(), nonce: None };
        assert!(!format!("{sent:?}").contains("hunter2"));
    }
}
