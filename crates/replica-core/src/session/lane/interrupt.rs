//! Ending a request before its time.
use std::time::Duration;

use super::Lane;
use crate::error::{Error, Result};
use crate::tds::packet::{HEADER, Header, kind, status};
use crate::tds::token::{done, kind as token};

/// What the last packet of an abandoned message holds. Babelfish 4.3, to which the ignore bit means nothing, takes a
/// byte too few for an error, but looks for the end of an empty packet for ever, with the table locked.
const PAYLOAD: [u8; 1] = [0];
/// The answer to an abandoned request is worth no longer wait than this: without it the connection is closed, which
/// ends the request as well.
const FAREWELL: Duration = Duration::from_secs(3);
/// What a server had on its way when it was asked to stop is far less.
const MOST_ON_THE_WAY: usize = 1 << 30;
/// Bytes of a DONE token.
const DONE: usize = 13;

impl Lane {
    /// Ends a message that was sent in part, telling the server to forget it ([MS-TDS] 2.2.3.1.2, status bit
    /// "ignore"), and reads the reply.
    ///
    /// # Errors
    /// The message does not stand at a packet's end, so that nothing but hanging up can stop it; a lost
    /// connection; no reply within a few seconds. Errors of the server about the abandoned request are not errors here.
    pub async fn abandon(&mut self) -> Result<()> {
        let Some(open) = self.outgoing.open_at_packet_end() else {
            return Err(Error::protocol("a packet was sent in part: only hanging up can stop it"));
        };
        let status = status::END_OF_MESSAGE | status::IGNORE;
        let length = (HEADER + PAYLOAD.len()) as u16;
        let end = Header { kind: open.kind, status, length, spid: 0, id: open.id.wrapping_add(1) };
        let end = [&end.encode()[..], &PAYLOAD].concat();
        let limit = self.silence.limit;
        self.set_silence(limit.min(FAREWELL));
        let answered = async {
            self.send(&end).await?;
            self.reply().await
        };
        let answered = answered.await;
        self.set_silence(limit);
        match answered {
            Err(e) if e.server().is_none() && self.unanswered > 0 => Err(e),
            _ => Ok(()),
        }
    }

    /// Asks the server to stop what it does, and reads on to where it says that it has ([MS-TDS] 2.2.1.7). Whether
    /// the transaction is still there is unknown afterwards: roll it back.
    ///
    /// # Errors
    /// A lost connection, silence for too long, or a server that goes on as if nothing had been said.
    pub async fn attention(&mut self) -> Result<()> {
        self.send_message(kind::ATTENTION, &[]).await?;
        // The interrupted reply may stand in the middle of a row: what counts is how each message ends.
        let mut packets = Vec::new();
        let mut buf = vec![0; self.packet_size];
        let mut on_the_way = 0;
        loop {
            let read = self.recv(&mut buf).await?;
            self.has_progressed();
            on_the_way += read;
            if on_the_way > MOST_ON_THE_WAY {
                return Err(Error::protocol("the server was asked to stop, and goes on"));
            }
            packets.extend_from_slice(&buf[..read]);
            if self.incoming.is_between_messages() && acknowledges(&packets) {
                self.unanswered = 0;
                return Ok(());
            }
            let keep = packets.len().saturating_sub(DONE);
            packets.drain(..keep);
        }
    }
}

/// Do these bytes end with the DONE token that acknowledges an attention?
fn acknowledges(bytes: &[u8]) -> bool {
    let start = bytes.len().saturating_sub(DONE);
    match bytes[start..] {
        [token::DONE, low, high, ..] => u16::from_le_bytes([low, high]) & done::ATTENTION != 0,
        _ => false,
    }
}
