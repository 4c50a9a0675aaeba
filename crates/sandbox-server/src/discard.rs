//! A bulk load whose rows are counted and dropped, as fast as they come.
use super::input::{End, Message};
use super::metadata;
use replica_core::tds::row::{BlockLimits, RowScanner, ScanStop};
use replica_core::tds::token::kind;
use replica_core::tds::wire::Malformed;
use sandbox_session::api::{BulkRows, Cancelled};
use sandbox_values::Value;
use sandbox_values::error::SqlError;

/// Scanned rows are thrown away once there are this many bytes of them.
const LIMITS: BlockLimits = BlockLimits { bytes: 64 * 1024, rows: u64::MAX };

/// Reads a load to its end and counts its rows. `Ok(None)` where the client took it back, or went.
///
/// # Errors
/// For bytes that are no bulk load.
pub fn count_rows(message: &mut Message) -> Result<Option<u64>, Malformed> {
    let mut bytes = Vec::new();
    let Some((columns, used)) = metadata::read(message, &mut bytes)? else {
        return Err(Malformed::new("a bulk load without column metadata"));
    };
    bytes.drain(..used);
    let mut scanner = RowScanner::new(&columns, LIMITS)?;
    // Used again and again.
    let mut dropped = Vec::new();
    loop {
        let (used, stop) = scanner.scan(&bytes)?;
        bytes.drain(..used);
        match stop {
            ScanStop::BlockFull => dropped = scanner.take(dropped).bytes,
            ScanStop::Incomplete if message.append_packet(&mut bytes) => {}
            ScanStop::OtherToken if bytes.first() == Some(&kind::DONE) => {
                let complete = message.skip_rest() == End::Complete;
                return Ok(complete.then(|| scanner.fingerprint().rows));
            }
            ScanStop::Incomplete if message.skip_rest() != End::Complete => return Ok(None),
            // As FreeTDS ends a load.
            ScanStop::Incomplete if bytes.is_empty() && !scanner.in_row() => {
                return Ok(Some(scanner.fingerprint().rows));
            }
            ScanStop::Incomplete | ScanStop::OtherToken => {
                return Err(Malformed::new("a bulk load that ends within a row"));
            }
        }
    }
}

/// What the engine gets of a discarded load.
pub struct NoRows;

impl BulkRows for NoRows {
    fn next(&mut self, _: &mut Vec<Value>) -> Result<bool, Result<SqlError, Cancelled>> {
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{in_packets, three_rows};
    use proptest::prelude::*;

    /// What a message gives that comes in packets of so many bytes.
    fn counted(message: &[u8], size: usize) -> Result<Option<u64>, Malformed> {
        let (first, mut input) = in_packets(message, size);
        count_rows(&mut Message::new(&mut input, first))
    }

    #[test]
    fn rows_are_counted_however_they_are_cut() {
        let message = three_rows();
        for size in 1..=message.len() {
            assert_eq!(counted(&message, size), Ok(Some(3)), "packets of {size} bytes");
        }
    }

    #[test]
    fn a_load_that_ends_within_a_row_is_malformed() {
        let message = three_rows();
        for length in 1..message.len() - 12 {
            // Each row token begins where the row before it, or the COLMETADATA, ends.
            let between = matches!(length, 65 | 87 | 97 | 109);
            assert_eq!(counted(&message[..length], 64).is_ok(), between, "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn wrong_bytes_end_the_count(at in 0..300usize, byte: u8) {
            let mut message = three_rows();
            let at = at % message.len();
            message[at] = byte;
            drop(counted(&message, 64));
        }
    }
}
