//! ENVCHANGE: what a request changed in the session.
use super::{MOST_TEXT, kind};
use crate::tds::wire::{self, Malformed, ParseError, Reader, put_b_varchar, put_us_varchar, with_u16_length};

/// A change of the session's state ([MS-TDS] 2.2.7.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvChange {
    /// Type 1.
    Database {
        /// After.
        new: String,
        /// Before.
        old: String,
    },
    /// Type 2.
    Language {
        /// After.
        new: String,
        /// Before.
        old: String,
    },
    /// Type 4.
    PacketSize {
        /// Bytes of a packet from now on.
        new: u32,
        /// Bytes until now.
        old: u32,
    },
    /// Type 7: of the database.
    Collation {
        /// Five bytes, or none.
        new: Vec<u8>,
        /// Five bytes, or none.
        old: Vec<u8>,
    },
    /// Type 8. The transaction's descriptor, which each request carries from now on.
    BeginTransaction(u64),
    /// Type 9. The descriptor of the transaction that has ended.
    Commit(u64),
    /// Type 10. The descriptor of the transaction that has ended.
    Rollback(u64),
    /// Type 18: the session's state is forgotten, as the request's packet asked.
    Reset,
    /// Type 20: log in over there.
    Routing {
        /// TCP port.
        port: u16,
        /// Name or address.
        host: String,
    },
    /// A type that nobody here needs.
    Other {
        /// The type's number.
        kind: u8,
        /// What follows the number.
        body: Vec<u8>,
    },
}

impl EnvChange {
    pub(super) fn parse(body: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(body);
        wire::complete(Self::parse_body(&mut reader), "ENVCHANGE")
    }

    fn parse_body(reader: &mut Reader<'_>) -> Result<Self, ParseError> {
        Ok(match reader.u8()? {
            1 => Self::Database { new: reader.b_varchar()?, old: reader.b_varchar()? },
            2 => Self::Language { new: reader.b_varchar()?, old: reader.b_varchar()? },
            4 => Self::PacketSize { new: size(&reader.b_varchar()?)?, old: size(&reader.b_varchar()?)? },
            7 => Self::Collation { new: reader.b_varbyte()?.to_vec(), old: reader.b_varbyte()?.to_vec() },
            8 => Self::BeginTransaction(descriptor(reader.b_varbyte()?)?),
            9 => Self::Commit(old_descriptor(reader)?),
            10 => Self::Rollback(old_descriptor(reader)?),
            18 => {
                // Two values without bytes.
                reader.bytes(reader.remaining())?;
                Self::Reset
            }
            // Length, protocol (0 is TCP), port, host ([MS-TDS] 2.2.7.9, type 20).
            20 => {
                let _ = (reader.u16()?, reader.u8()?);
                Self::Routing { port: reader.u16()?, host: reader.us_varchar()? }
            }
            kind => Self::Other { kind, body: reader.bytes(reader.remaining())?.to_vec() },
        })
    }

    /// Appends the token, its first byte included.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let strings = |kind: u8, new: &str, old: &str, out: &mut Vec<u8>| {
            out.push(kind);
            put_b_varchar(new, out);
            put_b_varchar(old, out);
        };
        let bytes = |kind: u8, new: &[u8], old: &[u8], out: &mut Vec<u8>| {
            out.push(kind);
            wire::put_b_varbyte(new, out);
            wire::put_b_varbyte(old, out);
        };
        out.push(kind::ENV_CHANGE);
        with_u16_length(out, |out| match self {
            Self::Database { new, old } => strings(1, new, old, out),
            Self::Language { new, old } => strings(2, new, old, out),
            Self::PacketSize { new, old } => strings(4, &new.to_string(), &old.to_string(), out),
            Self::Collation { new, old } => bytes(7, new, old, out),
            Self::BeginTransaction(new) => bytes(8, &new.to_le_bytes(), &[], out),
            Self::Commit(old) => bytes(9, &[], &old.to_le_bytes(), out),
            Self::Rollback(old) => bytes(10, &[], &old.to_le_bytes(), out),
            Self::Reset => bytes(18, &[], &[], out),
            Self::Routing { port, host } => {
                out.push(20);
                with_u16_length(out, |out| {
                    out.push(0);
                    out.extend_from_slice(&port.to_le_bytes());
                    put_us_varchar(host, MOST_TEXT, out);
                });
                out.extend_from_slice(&[0, 0]);
            }
            Self::Other { kind, body } => {
                out.push(*kind);
                out.extend_from_slice(body);
            }
        });
    }
}

fn size(digits: &str) -> Result<u32, ParseError> {
    digits.parse().map_err(|_| ParseError::malformed(format!("a packet size of {digits:?}")))
}

/// Eight bytes, or none for "no transaction".
fn descriptor(bytes: &[u8]) -> Result<u64, ParseError> {
    match bytes {
        [] => Ok(0),
        _ => bytes
            .try_into()
            .map(u64::from_le_bytes)
            .map_err(|_| ParseError::malformed(format!("a transaction descriptor of {} bytes", bytes.len()))),
    }
}

fn old_descriptor(reader: &mut Reader<'_>) -> Result<u64, ParseError> {
    reader.b_varbyte()?;
    descriptor(reader.b_varbyte()?)
}
