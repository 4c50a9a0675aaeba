//! A bulk message, cut into packets of the granted size where its bytes lie.
use std::collections::VecDeque;
use std::io::IoSlice;

use tokio::sync::mpsc;

use crate::error::Result;
use crate::session::{Lane, Sent};
use crate::tds::packet::{HEADER, Header, kind, status};

/// How much of a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    LastWholePacket,
    End,
}

/// A bulk message on its way: payload that is cut into packets where it lies.
pub(super) struct OutgoingMessage {
    packet_size: usize,
    parts: VecDeque<Vec<u8>>,
    /// Bytes of the first part that are sent.
    sent: usize,
    /// Bytes of all parts that are not.
    length: usize,
    id: u8,
    closed: bool,
    empty: Vec<Vec<u8>>,
}

impl OutgoingMessage {
    pub(super) fn new(packet_size: usize) -> Self {
        Self {
            packet_size,
            parts: VecDeque::new(),
            sent: 0,
            length: 0,
            id: 0,
            closed: true,
            empty: Vec::new(),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn open(&mut self, head: Vec<u8>) {
        self.id = 0;
        self.closed = false;
        self.push(head);
    }

    pub(super) fn push(&mut self, part: Vec<u8>) {
        self.length += part.len();
        if !part.is_empty() {
            self.parts.push_back(part);
        }
    }

    /// Sends packets of the exact size, as every one but the last must be, and with [`Until::End`] that one too.
    /// A packet goes out only when more follows, so that the last one is never empty.
    pub(super) async fn send(&mut self, lane: &mut Lane, until: Until) -> Result<Sent> {
        let room = self.packet_size - HEADER;
        let mut headers = Vec::new();
        let mut left = self.length;
        while left > room {
            headers.push(self.header(room, 0));
            left -= room;
        }
        if until == Until::End {
            headers.push(self.header(left, status::END_OF_MESSAGE));
            left = 0;
            self.closed = true;
        }
        let sent = self.length - left;
        let mut slices = self.slices(&headers, room);
        let result = lane.send_vectored(&mut slices).await;
        self.forget(sent);
        result
    }

    fn header(&mut self, payload: usize, status: u8) -> [u8; HEADER] {
        self.id = self.id.wrapping_add(1);
        let length = (payload + HEADER) as u16;
        Header { kind: kind::BULK_LOAD, status, length, spid: 0, id: self.id }.encode()
    }

    /// Each header, and the `room` bytes or less that follow it.
    fn slices<'a>(&'a self, headers: &'a [[u8; HEADER]], room: usize) -> Vec<IoSlice<'a>> {
        let mut slices = Vec::with_capacity(headers.len() * 2 + self.parts.len());
        let mut parts =
            self.parts.iter().enumerate().map(|(n, part)| if n == 0 { &part[self.sent..] } else { part });
        let mut rest: &[u8] = &[];
        for header in headers {
            slices.push(IoSlice::new(header));
            let mut left = room;
            while left > 0 {
                if rest.is_empty() {
                    match parts.next() {
                        Some(part) => rest = part,
                        None => break,
                    }
                }
                let (part, after) = rest.split_at(left.min(rest.len()));
                slices.push(IoSlice::new(part));
                left -= part.len();
                rest = after;
            }
        }
        slices
    }

    fn forget(&mut self, bytes: usize) {
        self.length -= bytes;
        self.sent += bytes;
        while let Some(part) = self.parts.front()
            && self.sent >= part.len()
        {
            self.sent -= part.len();
            self.empty.extend(self.parts.pop_front());
        }
    }

    /// Hands buffers that are sent back to the reader.
    pub(super) fn give_back(&mut self, used: &mpsc::Sender<Vec<u8>>) {
        // When the reader has enough of them, or is gone, they are freed.
        self.empty.drain(..).for_each(|buffer| drop(used.try_send(buffer)));
    }
}
