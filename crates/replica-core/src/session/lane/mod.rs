//! The data lane: requests out, raw reply bytes in, on a socket of the caller's own.
mod interrupt;
mod silence;

use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, timeout};

use super::boundary::PacketBoundary;
use super::reply::Reply;
use super::silent;
use super::watch::{BlockerWatch, within};
use crate::error::{Error, Result};
use crate::link::Link;
use crate::tds::packet::{HEADER, Inbox, frame, kind, status};
use crate::tds::rpc::Query;
use crate::tds::wire::put_utf16le;
use silence::Silence;

/// Room for what a server says while it is still being spoken to.
const EARLY: usize = 4096;
/// What a lost connection has brought is here at once or never.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// A token beyond so many bytes is tried again only once it has grown by an eighth: packets may be tiny, and each try
/// begins at the token's front.
const TRIED_FREELY: usize = 64 << 10;

/// Where a packet's status stands ([MS-TDS] 2.2.3.1).
const STATUS_AT: usize = 1;

/// What became of a [`Lane::send`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Every byte is on its way.
    All,
    /// The server speaks before it has heard everything; so many bytes were sent. It may not read on.
    Answered(usize),
}

/// Raw access to a session's socket. A request is sent with [`Self::send_batch`], [`Self::send_message`] or
/// packet by packet with [`Self::send`]; its reply is read to its end with [`Self::recv`] or [`Self::reply`].
///
/// Each wait ends with an error when the server has brought nothing for the session's limit: see [`Silence`].
pub struct Lane {
    link: Link,
    packet_size: usize,
    /// The open transaction's descriptor, 0 if the server told none.
    transaction: u64,
    in_transaction: bool,
    silence: Silence,
    outgoing: PacketBoundary,
    incoming: PacketBoundary,
    /// Requests sent to their end, whose reply has not been read to its end.
    unanswered: u32,
    /// Bytes received while sending, before anyone asked for them.
    early: Vec<u8>,
    /// Whose errors these are: side and server.
    place: String,
    /// Who is asked when the server does not answer.
    watch: Option<Arc<BlockerWatch>>,
}

impl Lane {
    pub(crate) fn new(link: Link, packet_size: usize, silence: Duration) -> Self {
        Self {
            link,
            packet_size,
            transaction: 0,
            in_transaction: false,
            silence: Silence::new(silence),
            outgoing: PacketBoundary::default(),
            incoming: PacketBoundary::default(),
            unanswered: 0,
            early: Vec::new(),
            place: String::new(),
            watch: None,
        }
    }

    /// From here on errors of the connection name the side and the server.
    pub(super) fn set_place(&mut self, place: String) {
        self.place = place;
    }

    pub(super) fn set_watch(&mut self, watch: BlockerWatch) {
        self.watch = Some(Arc::new(watch));
    }

    pub(super) fn watch(&self) -> Option<&BlockerWatch> {
        self.watch.as_deref()
    }

    pub(super) fn works_on(&mut self, what: impl std::fmt::Display) {
        if let Some(watch) = &mut self.watch {
            Arc::make_mut(watch).works_on(what);
        }
    }

    /// The certificate that the server has shown, as DER; `None` where rows are not encrypted.
    pub(crate) fn certificate(&self) -> Option<&[u8]> {
        self.link.certificate()
    }

    /// See [`super::Session::number`].
    pub(super) fn number(&self) -> u16 {
        self.incoming.number()
    }

    fn placed(&self, error: Error) -> Error {
        if self.place.is_empty() { error } else { error.within(&self.place) }
    }

    /// The granted packet size in bytes, header included: what every packet but a message's last must have.
    pub fn packet_size(&self) -> usize {
        self.packet_size
    }

    /// The open transaction's descriptor, for ALL_HEADERS ([MS-TDS] 2.2.5.3.2); 0 outside transactions.
    pub fn transaction(&self) -> u64 {
        self.transaction
    }

    /// Is a transaction open?
    pub fn in_transaction(&self) -> bool {
        self.in_transaction
    }

    /// For readers of raw replies: an ENVCHANGE 8 told a descriptor, or 9 or 10 ended it (0).
    pub fn set_transaction(&mut self, descriptor: u64) {
        self.transaction = descriptor;
        self.in_transaction = descriptor != 0;
    }

    pub(super) fn set_silence(&mut self, limit: Duration) {
        self.silence.limit = limit;
    }

    pub(super) fn link(&mut self) -> &mut Link {
        &mut self.link
    }

    /// Every request is answered, and every answer read.
    pub fn is_idle(&self) -> bool {
        self.unanswered == 0
            && self.early.is_empty()
            && self.outgoing.is_between_messages()
            && self.incoming.is_between_messages()
    }

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
    pub(super) async fn send_resetting(&mut self, sql: &str) -> Result<()> {
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
        let mut payload = Vec::with_capacity(256 + 2 * query.sql.len());
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

    /// Sends bytes of packets, whole or in parts, as they are. Stops when the server begins to speak before
    /// it has taken everything, since it may never take the rest.
    ///
    /// # Errors
    /// A lost connection; a server that takes nothing and says nothing for too long.
    pub async fn send(&mut self, bytes: &[u8]) -> Result<Sent> {
        self.send_vectored(&mut [IoSlice::new(bytes)]).await
    }

    /// As [`Self::send`], for bytes that lie in several places.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn send_vectored(&mut self, parts: &mut [IoSlice<'_>]) -> Result<Sent> {
        let sent = self.send_parts(parts).await;
        sent.map_err(|error| self.placed(error))
    }

    async fn send_parts(&mut self, mut parts: &mut [IoSlice<'_>]) -> Result<Sent> {
        let mut written = 0;
        // Parts that are empty from the start must not count as parts to come.
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            match self.wait(|lane, cx| lane.poll_send(cx, parts)).await? {
                Ok(0) => return Ok(Sent::Answered(written)),
                Ok(n) => {
                    self.silence.end();
                    written += n;
                    IoSlice::advance_slices(&mut parts, n);
                }
                Err(_) if self.has_last_words().await => return Ok(Sent::Answered(written)),
                Err(error) => return Err(error),
            }
        }
        if self.outgoing.is_between_messages() {
            self.wait(|lane, cx| Pin::new(&mut lane.link).poll_flush(cx)).await?.map_err(lost)?;
        }
        Ok(Sent::All)
    }

    /// Waits for the server, but not for longer than it may be silent.
    async fn wait<T>(&mut self, mut poll: impl FnMut(&mut Self, &mut Context<'_>) -> Poll<T>) -> Result<T> {
        let (watch, number, limit) = (self.watch.clone(), self.number(), self.silence.left());
        let began = Instant::now();
        let ready = within(watch.as_deref(), number, limit, poll_fn(|cx| poll(self, cx))).await;
        self.silence.add(began.elapsed());
        ready.map_err(|_| silent(self.silence.limit))
    }

    /// Bytes written, or 0 when the server spoke instead.
    fn poll_send(&mut self, cx: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<Result<usize>> {
        match Pin::new(&mut self.link).poll_write_vectored(cx, parts) {
            Poll::Ready(Ok(0)) => Poll::Ready(Err(Error::hung_up())),
            Poll::Ready(Ok(written)) => {
                let mut left = written;
                for part in parts {
                    let here = left.min(part.len());
                    self.unanswered += self.outgoing.advance(&part[..here])?;
                    left -= here;
                }
                Poll::Ready(Ok(written))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(lost(error))),
            // Only a full send buffer is worth a look at the other direction.
            Poll::Pending => match ready!(self.poll_early(cx)).map_err(lost)? {
                0 => Poll::Ready(Err(Error::hung_up())),
                _ => Poll::Ready(Ok(0)),
            },
        }
    }

    /// A server that is shut down, or kills the session, says so before it hangs up: the bytes may be here, or
    /// the system may not have told us of them yet.
    async fn has_last_words(&mut self) -> bool {
        let heard = poll_fn(|cx| self.poll_early(cx));
        matches!(timeout(LAST_WORDS, heard).await, Ok(Ok(read)) if read > 0)
    }

    /// Receives what nobody has asked for yet; says how many bytes.
    pub(super) fn poll_early(&mut self, cx: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        let start = self.early.len();
        self.early.resize(start + EARLY, 0);
        let mut buf = ReadBuf::new(&mut self.early[start..]);
        let polled = Pin::new(&mut self.link).poll_read(cx, &mut buf);
        let read = buf.filled().len();
        self.early.truncate(start + read);
        polled.map_ok(|()| read)
    }

    /// Receives what is there of the reply, packet headers included, straight into `buf`: at least one byte.
    ///
    /// # Errors
    /// A lost connection, silence for too long, or more bytes than the reply has.
    pub async fn recv(&mut self, buf: &mut [u8]) -> Result<usize> {
        let received = self.receive(buf).await;
        received.map_err(|error| self.placed(error))
    }

    async fn receive(&mut self, buf: &mut [u8]) -> Result<usize> {
        let read = if self.early.is_empty() {
            let mut buf = ReadBuf::new(buf);
            self.wait(|lane, cx| Pin::new(&mut lane.link).poll_read(cx, &mut buf)).await?.map_err(lost)?;
            buf.filled().len()
        } else {
            let read = self.early.len().min(buf.len());
            buf[..read].copy_from_slice(&self.early[..read]);
            self.early.drain(..read);
            read
        };
        if read == 0 {
            return Err(Error::hung_up());
        }
        self.silence.heard(read)?;
        let answered = self.incoming.advance(&buf[..read])?;
        // A server may also refuse a request that it has heard in part: then the lane never becomes idle again.
        if answered > self.unanswered && self.outgoing.is_between_messages() {
            return Err(Error::protocol("the server answers a request that was not sent"));
        }
        self.unanswered = self.unanswered.saturating_sub(answered);
        Ok(read)
    }

    /// For readers of raw replies: rows have come, or a result's columns.
    pub(crate) fn has_progressed(&mut self) {
        self.silence.end();
    }

    /// For readers of raw replies, whose token at the front is not whole: makes more of the reply available; `false` at
    /// its end.
    ///
    /// # Errors
    /// Those of [`Self::recv`]; a reply that ends within a token.
    pub(crate) async fn more(&mut self, inbox: &mut Inbox) -> Result<bool> {
        let before = inbox.payload().len();
        let enough = before + if before > TRIED_FREELY { before / 8 } else { 1 };
        loop {
            let advanced = inbox.advance()?;
            let here = inbox.payload().len();
            if here >= enough || here > before && inbox.at_end() {
                return Ok(true);
            }
            if inbox.at_end() {
                return match here {
                    0 => Ok(false),
                    left => Err(Error::protocol(format!(
                        "a reply ends within a token, after {left} of its bytes"
                    ))),
                };
            }
            if !advanced {
                let read = self.recv(inbox.space()?).await?;
                inbox.received(read);
            }
        }
    }

    /// Reads the reply to the oldest unanswered request to its end.
    ///
    /// # Errors
    /// The server's own, with the lane ready for the next request; those of [`Self::recv`], and rows.
    pub async fn reply(&mut self) -> Result<Reply> {
        self.whole_reply().await?.settled()
    }

    async fn whole_reply(&mut self) -> Result<Reply> {
        let mut inbox = Inbox::new(0);
        let mut reply = Reply::default();
        while self.more(&mut inbox).await? {
            let taken = reply.take(inbox.payload())?;
            inbox.consume(taken);
        }
        if let Some(transaction) = reply.transaction {
            self.set_transaction(transaction);
        }
        Ok(reply)
    }

    /// Sends a batch that returns no rows, and reads its reply.
    ///
    /// # Errors
    /// Those of [`Self::send`] and [`Self::reply`].
    pub async fn batch(&mut self, sql: &str) -> Result<Reply> {
        self.send_batch(sql).await?;
        self.reply().await
    }

    /// Sends a query that returns no rows, and reads its reply.
    ///
    /// # Errors
    /// Those of [`Self::send`] and [`Self::reply`].
    pub async fn run(&mut self, query: &Query) -> Result<Reply> {
        self.send_query(query).await?;
        self.reply().await
    }

    /// Begins a transaction.
    ///
    /// # Errors
    /// Those of [`Self::batch`].
    pub async fn begin(&mut self) -> Result<()> {
        self.batch("BEGIN TRANSACTION").await?;
        self.has_begun();
        Ok(())
    }

    /// Babelfish 4.3 sends ENVCHANGE 8 to transaction manager requests only, and wants no descriptor back.
    pub(super) fn has_begun(&mut self) {
        self.in_transaction = true;
    }

    /// Commits the transaction and begins the next one, in one batch: where the first fails, the second is not wanted.
    ///
    /// # Errors
    /// Those of [`Self::batch`].
    pub async fn commit_and_begin(&mut self) -> Result<()> {
        self.batch("COMMIT TRANSACTION; BEGIN TRANSACTION").await?;
        self.has_begun();
        Ok(())
    }

    /// Commits the transaction. After a lost connection here nobody knows whether it happened.
    ///
    /// # Errors
    /// Those of [`Self::batch`].
    pub async fn commit(&mut self) -> Result<()> {
        self.batch("COMMIT TRANSACTION").await?;
        self.set_transaction(0);
        Ok(())
    }

    /// Commits the transaction, and runs a statement that does not belong to it in the same batch. What became of that is
    /// within. Where the COMMIT fails it is not run: not every error ends a batch, even with XACT_ABORT ON.
    ///
    /// # Errors
    /// Those of [`Self::commit`].
    pub async fn commit_and(&mut self, statement: &str) -> Result<Result<()>> {
        self.send_batch(&format!("COMMIT TRANSACTION; IF @@ERROR = 0 {statement}")).await?;
        let reply = self.whole_reply().await?;
        // Babelfish does not say that a transaction is over, and other servers might not say more than that before an error.
        let committed = reply.committed || reply.begun_well;
        match reply.settled() {
            Err(error) if !committed => Err(error),
            settled => {
                self.set_transaction(0);
                Ok(settled.map(drop))
            }
        }
    }

    /// Rolls the transaction back if the server has not done so already.
    ///
    /// # Errors
    /// A lost connection or silence. A refusal of the server is none: it comes when the transaction is gone.
    pub async fn rollback(&mut self) -> Result<()> {
        let rolled_back = self.batch("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION").await;
        self.set_transaction(0);
        match rolled_back {
            Err(e) if e.server().is_none() => Err(e),
            _ => Ok(()),
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

fn lost(error: std::io::Error) -> Error {
    match error.kind() {
        // Refused by TLS or by the link: bytes that are wrong.
        std::io::ErrorKind::InvalidData => error.into(),
        // TLS without its goodbye.
        std::io::ErrorKind::UnexpectedEof => Error::hung_up(),
        _ => Error::from(error).within("the connection to the server was lost"),
    }
}

#[cfg(test)]
mod tests;
