//! Requests as they come: ALL_HEADERS, SQL batches, RPCs and transaction-manager requests.
use replica_core::tds::wire::{Malformed, Reader, complete, from_utf16le};
use sandbox_session::options::Isolation;
use sandbox_session::session::TransactionRequest;

/// Header types of ALL_HEADERS ([MS-TDS] 2.2.5.3).
const TRANSACTION_DESCRIPTOR: u16 = 2;

/// A message's ALL_HEADERS, cut off its front.
#[derive(Debug, PartialEq, Eq)]
pub struct Headers<'a> {
    /// The transaction that the client believes to be in; 0 for none, `None` where it does not say.
    pub transaction: Option<u64>,
    pub body: &'a [u8],
}

impl<'a> Headers<'a> {
    /// # Errors
    /// For lengths that do not add up.
    pub fn split(message: &'a [u8]) -> Result<Self, Malformed> {
        let cut = |_| Malformed::new("ALL_HEADERS are cut short");
        let total = complete(Reader::new(message).u32(), "ALL_HEADERS")?;
        let total = usize::try_from(total).map_err(|_| Malformed::new("ALL_HEADERS are too long"))?;
        let mut headers = message.get(4..total).ok_or_else(|| cut(()))?;
        let mut transaction = None;
        while !headers.is_empty() {
            let mut header = Reader::new(headers);
            let length = usize::try_from(complete(header.u32(), "ALL_HEADERS")?).unwrap_or(usize::MAX);
            if complete(header.u16(), "ALL_HEADERS")? == TRANSACTION_DESCRIPTOR {
                transaction = Some(complete(header.u64(), "the transaction descriptor")?);
            }
            if length < header.position() {
                return Err(cut(()));
            }
            headers = headers.get(length..).ok_or_else(|| cut(()))?;
        }
        Ok(Self { transaction, body: &message[total..] })
    }
}

/// The text of a SQL batch.
///
/// # Errors
/// For an odd number of bytes.
pub fn batch_text(body: &[u8]) -> Result<String, Malformed> {
    if !body.len().is_multiple_of(2) {
        return Err(Malformed::new("half a character in a SQL batch"));
    }
    Ok(from_utf16le(body))
}

const WHAT: &str = "a transaction-manager request";

/// Reads a transaction-manager request ([MS-TDS] 2.2.6.9).
///
/// # Errors
/// For requests that are cut short; `Ok(None)` for those that concern distributed transactions.
pub fn transaction(body: &[u8]) -> Result<Option<TransactionRequest>, Malformed> {
    let mut reader = Reader::new(body);
    let end = |reader: &mut Reader<'_>| -> Result<(String, bool), Malformed> {
        let name = name(reader)?;
        let flags = complete(reader.u8(), WHAT)?;
        Ok((name, flags & 1 != 0))
    };
    Ok(Some(match complete(reader.u16(), WHAT)? {
        5 => {
            let isolation = isolation(complete(reader.u8(), WHAT)?)?;
            TransactionRequest::Begin { isolation, name: name(&mut reader)? }
        }
        7 => {
            let (name, then_begin) = end(&mut reader)?;
            TransactionRequest::Commit { name, then_begin }
        }
        8 => {
            let (name, then_begin) = end(&mut reader)?;
            TransactionRequest::Rollback { name, then_begin }
        }
        9 => TransactionRequest::Save { name: name(&mut reader)? },
        _ => return Ok(None),
    }))
}

/// A transaction's name; its length counts bytes, as SqlClient and tedious send it.
fn name(reader: &mut Reader<'_>) -> Result<String, Malformed> {
    complete(reader.b_varbyte(), WHAT).map(from_utf16le)
}

/// 0 leaves the session's level.
fn isolation(level: u8) -> Result<Option<Isolation>, Malformed> {
    Ok(match level {
        0 => None,
        1 => Some(Isolation::ReadUncommitted),
        2 => Some(Isolation::ReadCommitted),
        3 => Some(Isolation::RepeatableRead),
        4 => Some(Isolation::Serializable),
        5 => Some(Isolation::Snapshot),
        other => return Err(Malformed::new(format!("isolation level {other}"))),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGIN: [u8; 22] = [22, 0, 0, 0, 18, 0, 0, 0, 2, 0, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 0, 0];

    #[test]
    fn the_transaction_descriptor_is_found() {
        let mut message = BEGIN.to_vec();
        message.extend(*b"S\0");
        let headers = Headers::split(&message).expect("well formed");
        assert_eq!(headers, Headers { transaction: Some(0x0203_0405_0607_0809), body: b"S\0" });
    }

    #[test]
    fn lengths_that_lie_are_malformed() {
        for length in 0..BEGIN.len() {
            assert!(Headers::split(&BEGIN[..length]).is_err(), "{length} bytes");
        }
        for (at, value) in [(0, 3), (0, 23), (4, 0), (4, 5), (4, 17), (4, 19), (7, 0xFF)] {
            let mut message = BEGIN;
            message[at] = value;
            assert!(Headers::split(&message).is_err(), "byte {at} is {value}");
        }
    }

    #[test]
    fn transaction_requests() {
        let none = String::new;
        let begin = TransactionRequest::Begin { name: none(), isolation: Some(Isolation::Snapshot) };
        assert_eq!(transaction(&[5, 0, 5, 0]), Ok(Some(begin)));
        let commit = TransactionRequest::Commit { name: none(), then_begin: false };
        assert_eq!(transaction(&[7, 0, 0, 0]), Ok(Some(commit)));
        let rollback = TransactionRequest::Rollback { name: "a".into(), then_begin: true };
        assert_eq!(transaction(&[8, 0, 2, b'a', 0, 1, 0, 0]), Ok(Some(rollback)));
        assert_eq!(transaction(&[0, 0]), Ok(None));
        assert!(transaction(&[5, 0, 9, 0]).is_err());
        assert!(transaction(&[7, 0, 4, b'a', 0]).is_err());
    }
}
