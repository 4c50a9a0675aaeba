//! Cuts a reply into packets as it grows and hands them to the writing task.
use replica_core::tds::packet::{HEADER, Header, kind, status};
use tokio::sync::mpsc;

use sandbox_session::api::Cancelled;

/// Packets are handed over once there are this many bytes of them: fewer system calls for small packets.
const BATCH: usize = 32 * 1024;

pub struct Outbox {
    writer: mpsc::Sender<Vec<u8>>,
    packet_size: usize,
    spid: u16,
    /// Whole packets, then the one being filled, from `open` on.
    buffer: Vec<u8>,
    open: usize,
    id: u8,
}

impl Outbox {
    /// `packet_size` in bytes, header included.
    pub fn new(writer: mpsc::Sender<Vec<u8>>, packet_size: usize) -> Self {
        Self { writer, packet_size, spid: 0, buffer: vec![0; HEADER], open: 0, id: 1 }
    }

    /// For the packets still to come.
    pub fn set_packet_size(&mut self, packet_size: usize) {
        self.packet_size = packet_size;
    }

    pub fn set_spid(&mut self, spid: u16) {
        self.spid = spid;
    }

    /// Blocks while the client does not read.
    ///
    /// # Errors
    /// [`Cancelled`] when the connection is gone.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), Cancelled> {
        while !bytes.is_empty() {
            let room = self.packet_size - (self.buffer.len() - self.open);
            if room == 0 {
                self.close_packet(0);
                if self.buffer.len() >= BATCH {
                    self.hand_over()?;
                } else {
                    self.open_packet();
                }
                continue;
            }
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    /// Ends the message and sends what is left of it.
    ///
    /// # Errors
    /// As [`Outbox::write`].
    pub fn end_message(&mut self) -> Result<(), Cancelled> {
        self.close_packet(status::END_OF_MESSAGE);
        self.id = 1;
        self.hand_over()
    }

    /// Sends what there is as a packet that does not end the message: for faults that hang up halfway.
    ///
    /// # Errors
    /// As [`Outbox::write`].
    pub fn flush_unfinished(&mut self) -> Result<(), Cancelled> {
        self.close_packet(0);
        self.hand_over()
    }

    fn open_packet(&mut self) {
        self.open = self.buffer.len();
        self.buffer.extend_from_slice(&[0; HEADER]);
    }

    fn close_packet(&mut self, status: u8) {
        // A packet never grows past `packet_size`, which fits.
        let length = (self.buffer.len() - self.open) as u16;
        let header = Header { kind: kind::REPLY, status, length, spid: self.spid, id: self.id };
        self.buffer[self.open..self.open + HEADER].copy_from_slice(&header.encode());
        self.id = self.id.wrapping_add(1);
    }

    /// Hands over what is closed, and opens a packet: who goes on after a lost client finds one, too.
    fn hand_over(&mut self) -> Result<(), Cancelled> {
        let capacity = self.buffer.len();
        let packets = std::mem::replace(&mut self.buffer, Vec::with_capacity(capacity));
        self.open_packet();
        self.writer.blocking_send(packets).map_err(|_| Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths and statuses of all packets that a message of so many bytes makes.
    fn packets(bytes: usize, packet_size: usize) -> Vec<(u16, u8)> {
        let (sender, mut receiver) = mpsc::channel(1000);
        let mut outbox = Outbox::new(sender, packet_size);
        outbox.write(&vec![7; bytes]).expect("the receiver is there");
        outbox.end_message().expect("the receiver is there");
        drop(outbox);
        let mut sent = Vec::new();
        while let Some(bytes) = receiver.blocking_recv() {
            sent.extend(bytes);
        }
        let mut rest = sent.as_slice();
        let mut found = Vec::new();
        while let Some((header, _)) = rest.split_first_chunk::<HEADER>() {
            let header = Header::parse(*header).expect("a packet header");
            found.push((header.length, header.status));
            rest = &rest[usize::from(header.length)..];
        }
        found
    }

    #[test]
    fn every_packet_but_the_last_is_full() {
        assert_eq!(packets(10, 512), [(18, 1)]);
        assert_eq!(packets(1000, 512), [(512, 0), (504, 1)]);
        assert_eq!(packets(1009, 512), [(512, 0), (512, 0), (9, 1)]);
        assert!(packets(100_000, 4096).iter().rev().skip(1).all(|packet| *packet == (4096, 0)));
    }

    #[test]
    fn a_client_that_is_gone_is_told_of_each_time() {
        let (sender, receiver) = mpsc::channel(1);
        drop(receiver);
        let mut outbox = Outbox::new(sender, 512);
        for _ in 0..2 {
            assert_eq!(outbox.write(&vec![7; BATCH + 100]), Err(Cancelled));
            assert_eq!(outbox.end_message(), Err(Cancelled));
            assert_eq!(outbox.flush_unfinished(), Err(Cancelled));
        }
    }

    #[test]
    fn a_message_that_fills_its_packets_ends_with_the_last_of_them() {
        assert_eq!(packets(504, 512), [(512, 1)]);
        assert_eq!(packets(0, 512), [(8, 1)]);
    }
}
