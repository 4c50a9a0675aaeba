//! PRELOGIN: version, encryption and the like, agreed before anything else ([MS-TDS] 2.2.6.5).
//! Client and server send the same structure.
use super::wire::{Malformed, Reader, complete};

/// Option tokens ([MS-TDS] 2.2.6.5).
pub mod option {
    /// Version of the sender.
    pub const VERSION: u8 = 0x00;
    /// See [`encryption`](super::encryption).
    pub const ENCRYPTION: u8 = 0x01;
    /// INSTOPT: the instance's name.
    pub const INSTANCE: u8 = 0x02;
    /// The client's thread.
    pub const THREAD_ID: u8 = 0x03;
    /// Whether several requests share the connection.
    pub const MARS: u8 = 0x04;
    /// For the server's log.
    pub const TRACE_ID: u8 = 0x05;
    /// FEDAUTHREQUIRED.
    pub const FED_AUTH_REQUIRED: u8 = 0x06;
    /// NONCEOPT.
    pub const NONCE: u8 = 0x07;
    /// The options end here.
    pub const TERMINATOR: u8 = 0xFF;
}

/// Values of [`option::ENCRYPTION`].
pub mod encryption {
    /// Of the login only.
    pub const OFF: u8 = 0x00;
    /// Encryption is there and on.
    pub const ON: u8 = 0x01;
    /// There is none.
    pub const NOT_SUPPORTED: u8 = 0x02;
    /// There is no way without.
    pub const REQUIRED: u8 = 0x03;
}

/// The options in the order they were sent, each at most once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prelogin {
    /// Options and their data, as sent.
    pub options: Vec<(u8, Vec<u8>)>,
}

/// Offsets are USHORTs of this many bytes of table entry.
const ENTRY: usize = 5;

impl Prelogin {
    /// Reads a whole PRELOGIN payload.
    pub fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        let mut table = Reader::new(payload);
        let mut options: Vec<(u8, Vec<u8>)> = Vec::new();
        loop {
            let token = complete(table.u8(), "PRELOGIN")?;
            if token == option::TERMINATOR {
                return Ok(Self { options });
            }
            if options.iter().any(|(known, _)| *known == token) {
                return Err(Malformed::new(format!("PRELOGIN option 0x{token:02X} is there twice")));
            }
            let [a, b, c, d] = complete(table.array(), "PRELOGIN")?;
            let (offset, length) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            let data = payload
                .get(usize::from(offset)..)
                .and_then(|rest| rest.get(..usize::from(length)))
                .ok_or_else(|| {
                    Malformed::new(format!("PRELOGIN option 0x{token:02X} lies outside the message"))
                })?;
            options.push((token, data.to_vec()));
        }
    }

    /// Appends the message's payload, without packet headers.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut offset = self.options.len() * ENTRY + 1;
        for (token, data) in &self.options {
            out.push(*token);
            out.extend_from_slice(&(offset as u16).to_be_bytes());
            out.extend_from_slice(&(data.len() as u16).to_be_bytes());
            offset += data.len();
        }
        out.push(option::TERMINATOR);
        self.options.iter().for_each(|(_, data)| out.extend_from_slice(data));
    }

    /// The data of the first option of this kind.
    pub fn get(&self, token: u8) -> Option<&[u8]> {
        self.options.iter().find(|(known, _)| *known == token).map(|(_, data)| data.as_slice())
    }

    /// Replaces an option's data where it stands, or adds the option at the end.
    pub fn set(&mut self, token: u8, data: &[u8]) {
        match self.options.iter_mut().find(|(known, _)| *known == token) {
            Some((_, old)) => *old = data.to_vec(),
            None => self.options.push((token, data.to_vec())),
        }
    }

    /// See [`encryption`]; `None` when the option is missing or empty.
    pub fn encryption(&self) -> Option<u8> {
        self.get(option::ENCRYPTION)?.first().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tds::captured;
    use proptest::prelude::*;

    /// [MS-TDS] section 4, "Pre-Login Request", without its packet header.
    const SPEC_REQUEST: &str =
        "00001a000601002000010200210001030022000404002600 01ff0900000000000100b80d000001";

    #[test]
    fn the_specification_example() {
        let payload = captured::bytes(&SPEC_REQUEST.replace(' ', ""));
        let mut prelogin = Prelogin::parse(&payload).unwrap();
        assert_eq!(prelogin.get(option::VERSION), Some(&[9, 0, 0, 0, 0, 0][..]));
        assert_eq!(prelogin.encryption(), Some(encryption::ON));
        assert_eq!(prelogin.get(option::INSTANCE), Some(&[0][..]));
        assert_eq!(prelogin.get(option::THREAD_ID), Some(&[0xB8, 0x0D, 0, 0][..]));
        assert_eq!(prelogin.get(option::MARS), Some(&[1][..]));
        let mut out = Vec::new();
        prelogin.encode(&mut out);
        assert_eq!(out, payload);

        prelogin.set(option::ENCRYPTION, &[encryption::NOT_SUPPORTED]);
        out.clear();
        prelogin.encode(&mut out);
        assert_eq!(out.iter().zip(&payload).filter(|(ours, theirs)| ours != theirs).count(), 1);
        assert_eq!(Prelogin::parse(&out).unwrap().encryption(), Some(encryption::NOT_SUPPORTED));
    }

    #[test]
    fn lies_are_refused() {
        let no_terminator = [0, 0, 6, 0, 0];
        let beyond_the_end = [1, 0, 6, 0, 2, 0xFF, 0];
        let twice = [1, 0, 11, 0, 1, 1, 0, 11, 0, 1, 0xFF, 0];
        for payload in [&no_terminator[..], &beyond_the_end, &twice, &[]] {
            assert!(Prelogin::parse(payload).is_err(), "{payload:02X?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(payload in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(prelogin) = Prelogin::parse(&payload) {
                let mut out = Vec::new();
                prelogin.encode(&mut out);
                prop_assert_eq!(Prelogin::parse(&out).unwrap(), prelogin);
            }
        }
    }
}
