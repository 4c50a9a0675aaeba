//! A bulk load's COLMETADATA, read packet by packet.
use super::input::Message;
use replica_core::tds::columns::{self, Form, WireColumn};
use replica_core::tds::wire::Malformed;

/// COLMETADATA of 4,096 columns with the longest names stays far below this.
const LONGEST: usize = 4 << 20;

/// Reads packets until the COLMETADATA is whole: its columns and its length in `head`. `None` where the message
/// ends before, or has too much of it.
///
/// # Errors
/// For bytes that are no COLMETADATA.
pub fn read(
    message: &mut Message,
    head: &mut Vec<u8>,
) -> Result<Option<(Vec<WireColumn>, usize)>, Malformed> {
    loop {
        if let Some(parsed) = columns::parse(head, Form::Bulk)? {
            return Ok(Some(parsed));
        }
        if head.len() > LONGEST || !message.append_packet(head) {
            return Ok(None);
        }
    }
}
