//! The session's end of what the client sends: packets put together to messages, or read as they come.
use super::record::ConnectionRecord;
use super::transport::{Packet, Signals};
use replica_core::tds::packet::{kind, status};
use std::io::{self, Read};
use std::sync::Arc;
use tokio::sync::mpsc;

/// A request other than a bulk load is held whole; a longer one ends the connection. SQL Server's own limit is
/// 65,536 packets (Microsoft docs, "Maximum capacity specifications").
const LONGEST_REQUEST: usize = 64 << 20;

pub struct Input {
    packets: mpsc::Receiver<Packet>,
    signals: Arc<Signals>,
    recording: Option<ConnectionRecord>,
}

/// How a message ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    Complete,
    /// Status 03: the client takes it back.
    Ignored,
    /// An attention came in its middle, and has been taken.
    Attention,
    /// The connection is gone, or the client broke the protocol.
    Gone,
}

impl Input {
    pub fn new(packets: mpsc::Receiver<Packet>, signals: Arc<Signals>) -> Self {
        Self { packets, signals, recording: None }
    }

    /// Writes down what comes from here on.
    pub fn record(&mut self, recording: ConnectionRecord) {
        self.recording = Some(recording);
    }

    /// Blocks for the next packet; `None` when the connection is gone.
    pub fn next_packet(&mut self) -> Option<Packet> {
        let packet = self.packets.blocking_recv()?;
        if packet.kind == kind::ATTENTION {
            self.signals.attention_taken();
        }
        if let Some(recording) = &mut self.recording {
            recording.packet(&packet);
        }
        Some(packet)
    }

    /// The rest of the message that `first` begins, held whole.
    pub fn message(&mut self, first: Packet) -> (Vec<u8>, End) {
        let mut message = Message::new(self, first);
        let mut body = Vec::new();
        // Errors are told by the message's end.
        let read = (&mut message).take(LONGEST_REQUEST as u64 + 1).read_to_end(&mut body);
        if read.is_ok_and(|read| read > LONGEST_REQUEST) {
            log::info!("a request of more than {LONGEST_REQUEST} bytes");
            return (Vec::new(), End::Gone);
        }
        let end = message.end.unwrap_or(End::Gone);
        (body, end)
    }
}

/// One message, read packet by packet: memory holds a packet, whatever the message's length.
pub struct Message<'a> {
    input: &'a mut Input,
    kind: u8,
    packet: Vec<u8>,
    at: usize,
    /// Set once the last packet is here.
    end: Option<End>,
    /// Called with each further packet's size.
    pace: Option<Box<dyn Fn(usize)>>,
}

impl<'a> Message<'a> {
    pub fn new(input: &'a mut Input, first: Packet) -> Self {
        let mut message = Self { input, kind: first.kind, packet: Vec::new(), at: 0, end: None, pace: None };
        message.take_packet(first);
        message
    }

    /// Calls `pace` with the size of each packet to come: the place to dawdle.
    pub fn set_pace(&mut self, pace: impl Fn(usize) + 'static) {
        self.pace = Some(Box::new(pace));
    }

    fn take_packet(&mut self, packet: Packet) {
        self.end = match packet {
            _ if packet.kind == kind::ATTENTION => Some(End::Attention),
            _ if packet.kind != self.kind => {
                log::info!(
                    "a packet of type {:#04x} inside a message of type {:#04x}",
                    packet.kind,
                    self.kind
                );
                Some(End::Gone)
            }
            _ if packet.is_last() && packet.status & status::IGNORE != 0 => Some(End::Ignored),
            _ if packet.is_last() => Some(End::Complete),
            _ => None,
        };
        self.packet = packet.payload;
        self.at = 0;
    }

    /// Reads past what is left of the message, up to its end.
    pub fn skip_rest(&mut self) -> End {
        loop {
            self.at = self.packet.len();
            match self.end {
                Some(end) => return end,
                None => self.advance(),
            }
        }
    }

    /// Is there nothing more to read? Waits for the next packet to know it.
    pub fn at_end(&mut self) -> bool {
        while self.at == self.packet.len() && self.end.is_none() {
            self.advance();
        }
        self.at == self.packet.len()
    }

    /// Appends the next packet's payload to `bytes`; false at the message's end.
    pub fn append_packet(&mut self, bytes: &mut Vec<u8>) -> bool {
        if self.at == self.packet.len() {
            if self.end.is_some() {
                return false;
            }
            self.advance();
        }
        bytes.extend_from_slice(&self.packet[self.at..]);
        self.at = self.packet.len();
        true
    }

    fn advance(&mut self) {
        match self.input.next_packet() {
            Some(packet) => {
                if let Some(pace) = &self.pace {
                    pace(packet.payload.len());
                }
                self.take_packet(packet);
            }
            None => {
                self.end = Some(End::Gone);
                self.packet.clear();
                self.at = 0;
            }
        }
    }
}

/// End of file at the message's end; an error when it ends in another way than by being complete.
impl Read for Message<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.at == self.packet.len() || !matches!(self.end, None | Some(End::Complete)) {
            match self.end {
                None => self.advance(),
                Some(End::Complete) => return Ok(0),
                Some(_) => return Err(io::ErrorKind::ConnectionAborted.into()),
            }
        }
        let rest = &self.packet[self.at..];
        let read = rest.len().min(out.len());
        out[..read].copy_from_slice(&rest[..read]);
        self.at += read;
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(packets: Vec<(u8, u8, &[u8])>) -> Input {
        let (sender, receiver) = mpsc::channel(16);
        for (kind, status, payload) in packets {
            sender.blocking_send(Packet { kind, status, payload: payload.to_vec() }).expect("room");
        }
        Input::new(receiver, Arc::default())
    }

    fn first(input: &mut Input) -> Packet {
        input.next_packet().expect("a packet")
    }

    #[test]
    fn packets_become_messages() {
        let mut input = input(vec![(1, 0, b"ab"), (1, 0, b""), (1, 1, b"c"), (3, 1, b"d")]);
        let packet = first(&mut input);
        assert_eq!(input.message(packet), (b"abc".to_vec(), End::Complete));
        let packet = first(&mut input);
        assert_eq!(input.message(packet), (b"d".to_vec(), End::Complete));
        assert!(input.next_packet().is_none());
    }

    #[test]
    fn a_message_can_be_taken_back_interrupted_or_cut() {
        for (last, end) in [
            (vec![(7, 3, b"b".as_slice())], End::Ignored),
            (vec![(6, 1, b"".as_slice())], End::Attention),
            (vec![(1, 1, b"x".as_slice())], End::Gone),
            (vec![], End::Gone),
        ] {
            let mut packets = vec![(7, 0, b"a".as_slice())];
            packets.extend(last);
            let mut input = input(packets);
            let packet = first(&mut input);
            assert_eq!(input.message(packet).1, end);
        }
    }

    #[test]
    fn draining_stops_at_the_messages_end() {
        let mut input = input(vec![(7, 0, b"ab"), (7, 1, b"c"), (1, 1, b"d")]);
        let packet = first(&mut input);
        let mut message = Message::new(&mut input, packet);
        let mut byte = [0];
        message.read_exact(&mut byte).expect("a byte");
        assert_eq!(message.skip_rest(), End::Complete);
        assert_eq!(first(&mut input).payload, b"d");
    }
}
