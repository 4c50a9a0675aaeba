//! The data lane: requests out, raw reply bytes in, on a socket of the caller's own.
mod interrupt;
mod request;
mod silence;
mod traces;
mod transaction;

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
use crate::tds::packet::Inbox;
use crate::tds::rpc::Query;
use silence::Silence;
use traces::Traces;

/// Room for what a server says while it is still being spoken to.
const EARLY: usize = 4096;
/// Bytes received at a time: large enough that calls to the kernel do not count, small enough to stay in a core's own cache.
const RECEIVE: usize = 64 << 10;
/// What a lost connection has brought is here at once or never.
const LAST_WORDS: Duration = Duration::from_millis(100);
/// A token beyond so many bytes is tried again only once it has grown by an eighth: packets may be tiny, and each try
/// begins at the token's front.
const TRIED_FREELY: usize = 64 << 10;

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
    /// The buffer of the last reply, for the next one.
    buffer: Vec<u8>,
    traces: Traces,
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
            buffer: Vec::new(),
            traces: Traces::default(),
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
                    let sent = self.outgoing.advance(&part[..here])?;
                    self.unanswered += sent;
                    (0..sent).for_each(|_| self.traces.sent());
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

    /// For readers of raw replies: an inbox that receives [`RECEIVE`] bytes at a time.
    pub(crate) fn inbox(&mut self) -> Inbox {
        Inbox::again(std::mem::take(&mut self.buffer), RECEIVE)
    }

    /// Whoever has read a reply to its end gives its inbox back.
    pub(crate) fn has_read(&mut self, inbox: Inbox) {
        self.buffer = inbox.into_buffer();
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
        let mut inbox = self.inbox();
        let mut reply = Reply::default();
        while self.more(&mut inbox).await? {
            let taken = reply.take(inbox.payload())?;
            inbox.consume(taken);
        }
        self.has_read(inbox);
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
