//! Where messages end, in bytes as they pass.
use crate::error::Result;
use crate::tds::packet::{HEADER, Header};

/// Follows packets without keeping any of their bytes.
#[derive(Debug, Default)]
pub(super) struct PacketBoundary {
    header: [u8; HEADER],
    /// Bytes of the header seen so far.
    seen: usize,
    /// Bytes left of the current packet.
    left: usize,
    /// The current message, while it is open.
    open: Option<Header>,
    /// Of the last packet that named one.
    number: u16,
}

impl PacketBoundary {
    /// Takes note of `bytes` and says how many messages ended in them.
    ///
    /// # Errors
    /// A header that can't be.
    pub(super) fn advance(&mut self, mut bytes: &[u8]) -> Result<u32> {
        let mut ended = 0;
        while !bytes.is_empty() {
            if self.left == 0 {
                let part = bytes.len().min(HEADER - self.seen);
                self.header[self.seen..self.seen + part].copy_from_slice(&bytes[..part]);
                self.seen += part;
                bytes = &bytes[part..];
                if self.seen < HEADER {
                    break;
                }
                let header = Header::parse(self.header)?;
                self.seen = 0;
                self.left = usize::from(header.length) - HEADER;
                self.open = Some(header);
                if header.spid != 0 {
                    self.number = header.spid;
                }
            } else {
                let part = bytes.len().min(self.left);
                self.left -= part;
                bytes = &bytes[part..];
            }
            if self.left == 0 && self.open.is_some_and(|header| header.is_last()) {
                self.open = None;
                ended += 1;
            }
        }
        Ok(ended)
    }

    /// The server's number for the session, as its packets have it; 0 before the first.
    pub(super) fn number(&self) -> u16 {
        self.number
    }

    /// No byte of another message was seen after the last one's end.
    pub(super) fn is_between_messages(&self) -> bool {
        self.open.is_none() && self.seen == 0
    }

    /// The message that is open, if the bytes so far end with one of its packets.
    pub(super) fn open_at_packet_end(&self) -> Option<Header> {
        self.open.filter(|_| self.left == 0 && self.seen == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tds::packet::{frame, kind};

    #[test]
    fn message_ends_are_found_in_any_split() {
        let mut wire = Vec::new();
        frame(kind::REPLY, &[7; 1200], 512, &mut wire);
        frame(kind::REPLY, &[], 512, &mut wire);
        frame(kind::REPLY, &[1; 504], 512, &mut wire);
        for step in 1..=wire.len() {
            let mut boundary = PacketBoundary::default();
            let ended: u32 = wire.chunks(step).map(|chunk| boundary.advance(chunk).unwrap()).sum();
            assert_eq!((ended, boundary.is_between_messages()), (3, true), "in steps of {step}");
        }
    }

    #[test]
    fn within_a_message_its_packet_ends_are_known() {
        let mut wire = Vec::new();
        frame(kind::BULK_LOAD, &[7; 1200], 512, &mut wire);
        for (passed, at_packet_end) in
            [(0, false), (4, false), (8, false), (511, false), (512, true), (515, false)]
        {
            let mut boundary = PacketBoundary::default();
            assert_eq!(boundary.advance(&wire[..passed]).unwrap(), 0);
            assert_eq!(boundary.open_at_packet_end().is_some(), at_packet_end, "{passed}");
            assert_eq!(boundary.is_between_messages(), passed == 0, "{passed}");
        }
    }
}
