//! A bulk load whose rows are counted and dropped, as fast as they come.
use super::input::{End, Message};
use crate::engine::api::{BulkRows, Cancelled};
use crate::error::SqlError;
use crate::values::Value;
use replica_core::tds::columns::{self, Form};
use replica_core::tds::row::{Limits, RowScanner, Stop};
use replica_core::tds::token::kind;
use replica_core::tds::wire::Malformed;

/// Scanned rows are thrown away once there are this many bytes of them.
const LIMITS: Limits = Limits { bytes: 64 * 1024, rows: u64::MAX };

/// Reads a load to its end and counts its rows. `Ok(None)` where the client took it back, or went.
///
/// # Errors
/// For bytes that are no bulk load.
pub fn count_rows(message: &mut Message) -> Result<Option<u64>, Malformed> {
    let mut bytes = Vec::new();
    let (columns, used) = loop {
        if let Some(parsed) = columns::parse(&bytes, Form::Bulk)? {
            break parsed;
        }
        if !message.append_packet(&mut bytes) {
            return Err(Malformed::new("a bulk load without column metadata"));
        }
    };
    bytes.drain(..used);
    let mut scanner = RowScanner::new(&columns, LIMITS)?;
    loop {
        let (used, stop) = scanner.scan(&bytes)?;
        bytes.drain(..used);
        match stop {
            Stop::Full => {
                let block = scanner.take(Vec::new());
                drop(block);
            }
            Stop::Short if message.append_packet(&mut bytes) => {}
            Stop::Token if bytes.first() == Some(&kind::DONE) => {
                let complete = message.skip_rest() == End::Complete;
                return Ok(complete.then(|| scanner.fingerprint().rows));
            }
            Stop::Short if message.skip_rest() != End::Complete => return Ok(None),
            Stop::Short | Stop::Token => return Err(Malformed::new("a bulk load that ends within a row")),
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
    use crate::server::input::Input;
    use crate::server::transport::Packet;
    use proptest::prelude::*;
    use replica_core::tds::packet::kind::BULK_LOAD;
    use tokio::sync::mpsc;

    /// The captured load of three rows (server-facts.md section 1), without its packet header.
    const THREE_ROWS: &str = "810300000000000400260402690064000000\
        00000500e720000904d00034056c006100620065006c00000000000500a51000077000610079006c006f0061006400d104030000000a00\
        61006c0070006800610002000102d10404000000ffff0000d104050000000200a903fffffd000000000000000000000000";

    fn bytes(digits: &str) -> Vec<u8> {
        let digit = |byte: u8| (byte as char).to_digit(16).expect("a digit") as u8;
        digits.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
    }

    /// What a message gives that comes in packets of so many bytes.
    fn counted(message: &[u8], size: usize) -> Result<Option<u64>, Malformed> {
        let packets = message.chunks(size).count();
        let (sender, receiver) = mpsc::channel(packets);
        for (number, payload) in (1..).zip(message.chunks(size)) {
            let packet =
                Packet { kind: BULK_LOAD, status: u8::from(number == packets), payload: payload.to_vec() };
            sender.blocking_send(packet).expect("there is room");
        }
        drop(sender);
        let mut input = Input::new(receiver, Default::default());
        let first = input.next_packet().expect("a packet");
        count_rows(&mut Message::new(&mut input, first))
    }

    #[test]
    fn rows_are_counted_however_they_are_cut() {
        let message = bytes(THREE_ROWS);
        for size in 1..=message.len() {
            assert_eq!(counted(&message, size), Ok(Some(3)), "packets of {size} bytes");
        }
    }

    #[test]
    fn a_load_that_ends_early_is_malformed() {
        let message = bytes(THREE_ROWS);
        for length in 1..message.len() - 13 {
            assert!(counted(&message[..length], 64).is_err(), "{length} bytes");
        }
    }

    proptest! {
        #[test]
        fn wrong_bytes_end_the_count(at in 0..300usize, byte: u8) {
            let mut message = bytes(THREE_ROWS);
            let at = at % message.len();
            message[at] = byte;
            drop(counted(&message, 64));
        }
    }
}
