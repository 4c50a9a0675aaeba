//! Requests as the lane sends them: a batch, a call, or a message that somebody else has made.
use super::{Lane, Sent};
use crate::error::{Error, Result};
use crate::tds::packet::{HEADER, frame, kind, status};
use crate::tds::rpc::Query;
use crate::tds::wire::put_utf16le;

/// Where a packet's status stands ([MS-TDS] 2.2.3.1).
const STATUS_AT: usize = 1;

impl Lane {
    /// Sends a SQL batch, within the open transaction if there is one.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_batch(&mut self, sql: &str) -> Result<()> {
        self.send_message(kind::SQL_BATCH, &self.batch_payload(sql)).await
    }

    /// As [`Self::send_batch`], before which the server forgets the session's state ([MS-TDS] 2.2.3.1.2).
    ///
    /// # Errors
    /// As [`Self::send`].
    pub(in crate::session) async fn send_resetting(&mut self, sql: &str) -> Result<()> {
        let mut packets = self.packets(kind::SQL_BATCH, &self.batch_payload(sql));
        packets[STATUS_AT] |= status::RESET_CONNECTION;
        self.send_packets(&packets).await
    }

    fn batch_payload(&self, sql: &str) -> Vec<u8> {
        let mut payload = Vec::with_capacity(22 + 2 * sql.len());
        all_headers(self.transaction, &mut payload);
        put_utf16le(sql, &mut payload);
        payload
    }

    /// Sends a query: with parameters as a call of sp_executesql, without as a batch.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_query(&mut self, query: &Query) -> Result<()> {
        if query.params.is_empty() {
            return self.send_batch(&query.sql).await;
        }
        let mut payload = Vec::with_capacity(query.call_size());
        all_headers(self.transaction, &mut payload);
        query.encode_call(&mut payload);
        self.send_message(kind::RPC, &payload).await
    }

    /// Sends a whole message of a type, cut into packets.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_message(&mut self, kind: u8, payload: &[u8]) -> Result<()> {
        let packets = self.packets(kind, payload);
        self.send_packets(&packets).await
    }

    fn packets(&self, kind: u8, payload: &[u8]) -> Vec<u8> {
        let mut packets = Vec::with_capacity(payload.len() + payload.len() / 64 + HEADER);
        frame(kind, payload, self.packet_size, &mut packets);
        packets
    }

    async fn send_packets(&mut self, packets: &[u8]) -> Result<()> {
        match self.send(packets).await? {
            Sent::All => Ok(()),
            Sent::Answered(_) => Err(Error::protocol("the server answers a request that it has not read")),
        }
    }
}

/// ALL_HEADERS with the one header that every request has ([MS-TDS] 2.2.5.3.2): transaction descriptor and the
/// number of requests under way.
fn all_headers(transaction: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&22u32.to_le_bytes());
    out.extend_from_slice(&18u32.to_le_bytes());
    out.extend_from_slice(&2u16.to_le_bytes());
    out.extend_from_slice(&transaction.to_le_bytes());
    out.extend_from_slice(&1u32.to_le_bytes());
}
