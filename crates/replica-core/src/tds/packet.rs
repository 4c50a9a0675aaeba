//! Packets: how messages are cut for the wire and put together again ([MS-TDS] 2.2.3).
use super::wire::Malformed;

/// Bytes of a packet's header.
pub const HEADER: usize = 8;
/// What both sides use until the login has settled another size.
pub const DEFAULT_SIZE: usize = 4096;
/// The largest size that can be asked for ([MS-TDS] 2.2.6.4).
pub const LARGEST_SIZE: usize = 32767;
/// The smallest size ([MS-TDS] 2.2.6.4).
pub const SMALLEST_SIZE: usize = 512;

/// Message types ([MS-TDS] 2.2.3.1.1).
pub mod kind {
    /// SQL batch.
    pub const SQL_BATCH: u8 = 0x01;
    /// Remote procedure call.
    pub const RPC: u8 = 0x03;
    /// Tabular result: all that servers send.
    pub const REPLY: u8 = 0x04;
    /// Attention signal: cancel the request.
    pub const ATTENTION: u8 = 0x06;
    /// Bulk load data.
    pub const BULK_LOAD: u8 = 0x07;
    /// Federated authentication token.
    pub const FED_AUTH_TOKEN: u8 = 0x08;
    /// Transaction manager request.
    pub const TRANSACTION_MANAGER: u8 = 0x0E;
    /// TDS7 login.
    pub const LOGIN7: u8 = 0x10;
    /// SSPI: the next bytes of a Windows login.
    pub const SSPI: u8 = 0x11;
    /// Pre-login.
    pub const PRELOGIN: u8 = 0x12;
}

/// Bits of a packet's status ([MS-TDS] 2.2.3.1.2).
pub mod status {
    /// The message ends with this packet.
    pub const END_OF_MESSAGE: u8 = 0x01;
    /// With END_OF_MESSAGE: the server throws the message away unexecuted.
    pub const IGNORE: u8 = 0x02;
    /// RESETCONNECTION: forget the session's state first.
    pub const RESET_CONNECTION: u8 = 0x08;
    /// RESETCONNECTIONSKIPTRAN: the same, but for the transaction.
    pub const RESET_CONNECTION_KEEP_TRANSACTION: u8 = 0x10;
}

/// A packet's header. The window is always 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// See [`kind`].
    pub kind: u8,
    /// See [`status`].
    pub status: u8,
    /// Bytes, the header included.
    pub length: u16,
    /// The server's session id; clients send 0.
    pub spid: u16,
    /// Counts up from 1, modulo 256; ignored by receivers.
    pub id: u8,
}

impl Header {
    /// Out of the first bytes of a packet.
    ///
    /// # Errors
    /// A length that has no room for the header itself.
    pub fn parse(bytes: [u8; HEADER]) -> Result<Self, Malformed> {
        let header = Self {
            kind: bytes[0],
            status: bytes[1],
            length: u16::from_be_bytes([bytes[2], bytes[3]]),
            spid: u16::from_be_bytes([bytes[4], bytes[5]]),
            id: bytes[6],
        };
        if usize::from(header.length) < HEADER {
            return Err(Malformed::new(format!("a packet of {} bytes", header.length)));
        }
        Ok(header)
    }

    /// As it stands before a packet's payload.
    pub fn encode(&self) -> [u8; HEADER] {
        let ([high, low], [spid_high, spid_low]) = (self.length.to_be_bytes(), self.spid.to_be_bytes());
        [self.kind, self.status, high, low, spid_high, spid_low, self.id, 0]
    }

    /// Whether the message ends with this packet.
    pub fn is_last(&self) -> bool {
        self.status & status::END_OF_MESSAGE != 0
    }

    /// The sender has thought better of it.
    pub fn is_ignored(&self) -> bool {
        self.status & status::IGNORE != 0
    }
}

/// Cuts a whole message into packets of `size` bytes, the last one as long as it needs to be.
pub fn frame(kind: u8, payload: &[u8], size: usize, out: &mut Vec<u8>) {
    let room = size.clamp(SMALLEST_SIZE, LARGEST_SIZE) - HEADER;
    let mut id = 1u8;
    let mut rest = payload;
    loop {
        let (part, after) = rest.split_at(rest.len().min(room));
        let status = if after.is_empty() { status::END_OF_MESSAGE } else { 0 };
        let length = (part.len() + HEADER) as u16;
        out.extend_from_slice(&Header { kind, status, length, spid: 0, id }.encode());
        out.extend_from_slice(part);
        id = id.wrapping_add(1);
        rest = after;
        if rest.is_empty() {
            return;
        }
    }
}

/// Received bytes, and the payload of one message in them, in one buffer.
///
/// The owner of the socket reads into [`space`](Self::space) and reports it with [`received`](Self::received); the
/// reader of the message calls [`advance`](Self::advance), takes what it can from the front of
/// [`payload`](Self::payload) and says how much with [`consume`](Self::consume). A value cut by a packet's end is made
/// whole by moving its few bytes over the next packet's header; nothing else is ever copied. (Where packets are tiny, what
/// is behind the header may be less: then that moves.)
#[derive(Debug, Default)]
pub struct Inbox {
    buffer: Vec<u8>,
    /// Bytes that are received at once, at most: those behind a header may have to move.
    most_received: usize,
    /// The payload not yet consumed is `start..end`.
    start: usize,
    end: usize,
    received: usize,
    /// Payload bytes of the current packet that lie at `end`, or are still to come.
    to_come: usize,
    message: Option<Header>,
}

/// A token that can't be taken in parts must fit here. The largest is COLMETADATA: 4,096 columns with names of 255
/// bytes and more.
const LARGEST_BUFFER: usize = 4 << 20;

impl Inbox {
    /// `capacity`: bytes of the buffer, at least one packet. It grows only for a token that does not fit.
    pub fn new(capacity: usize) -> Self {
        Self::again(Vec::new(), capacity)
    }

    /// The same, in the buffer of one that has served: what is left in it counts for nothing.
    pub fn again(mut buffer: Vec<u8>, capacity: usize) -> Self {
        let most_received = capacity.max(LARGEST_SIZE + HEADER);
        buffer.truncate(most_received);
        buffer.shrink_to(most_received);
        buffer.resize(most_received, 0);
        Self { buffer, most_received, start: 0, end: 0, received: 0, to_come: 0, message: None }
    }

    /// Its buffer, for [`again`](Self::again).
    pub fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    /// Where the next received bytes go; never empty.
    ///
    /// # Errors
    /// When a single token has filled the largest buffer allowed.
    pub fn space(&mut self) -> Result<&mut [u8], Malformed> {
        if self.start == self.received {
            self.start = 0;
            self.end = 0;
            self.received = 0;
        } else if self.start > 0 && self.buffer.len() - self.received < self.buffer.len() / 2 {
            self.buffer.copy_within(self.start..self.received, 0);
            self.end -= self.start;
            self.received -= self.start;
            self.start = 0;
        }
        if self.received == self.buffer.len() {
            if self.buffer.len() >= LARGEST_BUFFER {
                return Err(Malformed::new(format!("a token of more than {LARGEST_BUFFER} bytes")));
            }
            self.buffer.resize((self.buffer.len() * 2).min(LARGEST_BUFFER), 0);
        }
        let end = self.buffer.len().min(self.received + self.most_received);
        Ok(&mut self.buffer[self.received..end])
    }

    /// `n` bytes have been put at the front of [`space`](Self::space).
    pub fn received(&mut self, n: usize) {
        self.received = (self.received + n).min(self.buffer.len());
    }

    /// Makes more of the received bytes available as payload. `false`: there are none, or the message has ended.
    ///
    /// # Errors
    /// A header that can't be, or a packet of another type in the middle of the message.
    pub fn advance(&mut self) -> Result<bool, Malformed> {
        // A packet may be empty without being the last: what follows it may be here already.
        while self.to_come == 0 {
            if self.at_end() || !self.open_packet()? {
                return Ok(false);
            }
            if self.at_end() {
                return Ok(true);
            }
        }
        let fresh = self.to_come.min(self.received - self.end);
        self.end += fresh;
        self.to_come -= fresh;
        Ok(fresh > 0)
    }

    /// Takes the header after the payload out of its way. `false`: it is not whole yet.
    fn open_packet(&mut self) -> Result<bool, Malformed> {
        let Some(header) = self.buffer[self.end..self.received].first_chunk::<HEADER>() else {
            return Ok(false);
        };
        let header = Header::parse(*header)?;
        if let Some(before) = self.message
            && before.kind != header.kind
        {
            let (kind, other) = (before.kind, header.kind);
            return Err(Malformed::new(format!(
                "a packet of type 0x{other:02X} in a message of type 0x{kind:02X}"
            )));
        }
        // Whichever is shorter: what is before the header moves up, or what is behind it moves down.
        if self.end - self.start <= self.received - self.end - HEADER {
            self.buffer.copy_within(self.start..self.end, self.start + HEADER);
            self.start += HEADER;
            self.end += HEADER;
        } else {
            self.buffer.copy_within(self.end + HEADER..self.received, self.end);
            self.received -= HEADER;
        }
        self.to_come = usize::from(header.length) - HEADER;
        self.message = Some(header);
        Ok(true)
    }

    /// The message's bytes that are here and not consumed.
    pub fn payload(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Takes `n` bytes from the front of the payload.
    pub fn consume(&mut self, n: usize) {
        self.start = (self.start + n).min(self.end);
    }

    /// The header of the packet that the payload's end lies in; `None` before a message begins.
    pub fn header(&self) -> Option<Header> {
        self.message
    }

    /// Whether the payload holds all that was left of the message.
    pub fn at_end(&self) -> bool {
        self.to_come == 0 && self.message.is_some_and(|header| header.is_last())
    }

    /// Forgets a message that is [`at_end`](Self::at_end), consumed or not; the next one may begin.
    pub fn finish(&mut self) {
        if self.at_end() {
            self.start = self.end;
            self.message = None;
        }
    }

    /// Bytes are here that belong to no message begun.
    pub fn has_unread(&self) -> bool {
        self.received > self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tds::captured;
    use proptest::prelude::*;

    /// Feeds `wire` in pieces of the given sizes (repeating); `take` says how much of the payload to consume.
    fn deframe(wire: &[u8], pieces: &[usize], take: impl Fn(&[u8]) -> usize) -> Vec<u8> {
        let mut inbox = Inbox::new(0);
        let mut message = Vec::new();
        let mut wire = wire;
        let mut pieces = pieces.iter().cycle();
        while !inbox.at_end() {
            while inbox.advance().unwrap() && !inbox.at_end() {
                let n = take(inbox.payload());
                message.extend_from_slice(&inbox.payload()[..n]);
                inbox.consume(n);
            }
            if !inbox.at_end() {
                assert!(!wire.is_empty(), "the message has no end");
                let space = inbox.space().unwrap();
                let n = (*pieces.next().unwrap()).min(wire.len()).min(space.len());
                space[..n].copy_from_slice(&wire[..n]);
                inbox.received(n);
                wire = &wire[n..];
            }
        }
        message.extend_from_slice(inbox.payload());
        inbox.finish();
        assert!(inbox.payload().is_empty() && inbox.header().is_none());
        message
    }

    #[test]
    fn captured_packets_are_framed_byte_for_byte() {
        let all = [
            (kind::SQL_BATCH, captured::INSERT_BULK_BATCH),
            (kind::REPLY, captured::INSERT_BULK_REPLY),
            (kind::BULK_LOAD, captured::LOAD_UNICODE_BINARY),
            (kind::BULK_LOAD, captured::LOAD_3_ROWS),
            (kind::REPLY, captured::REPLY_1_ROW),
            (kind::BULK_LOAD, captured::LOAD_PLP_NULL_AND_1_BYTE),
            (kind::BULK_LOAD, captured::SPEC_BULK_LOAD),
        ];
        for (kind, hex) in all {
            let packet = captured::bytes(hex);
            let mut ours = Vec::new();
            frame(kind, &packet[HEADER..], DEFAULT_SIZE, &mut ours);
            // The server's session id is its own, and clients count packets from 1 or from 0.
            ours[4..7].copy_from_slice(&packet[4..7]);
            assert_eq!(ours, packet);
            assert_eq!(deframe(&packet, &[3], <[u8]>::len), packet[HEADER..]);
        }
    }

    #[test]
    fn a_payload_that_fills_its_packets_still_ends() {
        let payload = vec![7; 2 * (SMALLEST_SIZE - HEADER)];
        let mut wire = Vec::new();
        frame(kind::BULK_LOAD, &payload, SMALLEST_SIZE, &mut wire);
        assert_eq!(wire.len(), 2 * SMALLEST_SIZE);
        assert_eq!((wire[1], wire[SMALLEST_SIZE + 1]), (0, status::END_OF_MESSAGE));
        assert_eq!(deframe(&wire, &[100], <[u8]>::len), payload);

        wire.clear();
        frame(kind::ATTENTION, &[], DEFAULT_SIZE, &mut wire);
        assert_eq!(wire, [6, 1, 0, 8, 0, 0, 1, 0]);
    }

    #[test]
    fn impossible_headers_are_refused() {
        for packets in [&[4, 1, 0, 7, 0, 0, 1, 0][..], &[4, 0, 0, 9, 0, 0, 1, 0, 5, 7, 1, 0, 8, 0, 0, 1, 0]] {
            let mut inbox = Inbox::new(0);
            inbox.space().unwrap()[..packets.len()].copy_from_slice(packets);
            inbox.received(packets.len());
            let refused = (0..3).any(|_| inbox.advance().is_err());
            assert!(refused, "{packets:02X?}");
        }
    }

    #[test]
    fn a_token_without_end_stops_at_the_cap() {
        let mut inbox = Inbox::new(0);
        let mut packet = vec![0xAA; LARGEST_SIZE];
        packet[..HEADER].copy_from_slice(
            &Header { kind: 4, status: 0, length: LARGEST_SIZE as u16, spid: 0, id: 0 }.encode(),
        );
        let mut sent = packet.iter().cycle();
        let refused = (0..1000).any(|_| {
            let space = match inbox.space() {
                Ok(space) => space,
                Err(_) => return true,
            };
            space.fill_with(|| *sent.next().unwrap());
            let n = space.len();
            inbox.received(n);
            while inbox.advance().unwrap() {}
            false
        });
        assert!(refused);
        assert!(inbox.buffer.len() <= LARGEST_BUFFER);
    }

    #[test]
    fn what_follows_an_empty_packet_is_not_waited_for() {
        let wire = [4, 0, 0, 8, 0, 0, 1, 0, 4, 0, 0, 8, 0, 0, 2, 0, 4, 1, 0, 9, 0, 0, 3, 0, 0xFD];
        let mut inbox = Inbox::new(0);
        inbox.space().unwrap()[..wire.len()].copy_from_slice(&wire);
        inbox.received(wire.len());
        assert!(inbox.advance().unwrap());
        assert_eq!((inbox.payload(), inbox.at_end()), (&[0xFD][..], true));
    }

    /// The packets of `wire`, with an empty one before each that `before` (repeating) says.
    fn with_empty_packets(mut wire: &[u8], before: &[bool]) -> Vec<u8> {
        let mut out = Vec::new();
        for empty in before.iter().cycle() {
            let Some(header) = wire.first_chunk::<HEADER>() else { break };
            let header = Header::parse(*header).unwrap();
            if *empty {
                out.extend_from_slice(&Header { status: 0, length: HEADER as u16, ..header }.encode());
            }
            let (packet, rest) = wire.split_at(usize::from(header.length));
            out.extend_from_slice(packet);
            wire = rest;
        }
        out
    }

    proptest! {
        #[test]
        fn any_split_gives_the_same_message(
            payload in prop::collection::vec(any::<u8>(), 0..3000),
            size in SMALLEST_SIZE..1500,
            pieces in prop::collection::vec(1usize..700, 1..8),
            keep in 0usize..20,
            empty in prop::collection::vec(any::<bool>(), 1..6),
        ) {
            let mut wire = Vec::new();
            frame(kind::REPLY, &payload, size, &mut wire);
            let wire = with_empty_packets(&wire, &empty);
            let message = deframe(&wire, &pieces, |here| here.len().saturating_sub(keep));
            prop_assert_eq!(message, payload);
        }
    }
}
