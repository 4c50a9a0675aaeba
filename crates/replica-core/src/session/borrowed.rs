//! The stream that tiberius holds: it leads to the login's relay, to the lane while a query runs, and
//! nowhere else. tiberius never gives its stream back, so what it holds is only a way to ours.
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::Lane;

/// Where a transaction descriptor stands in a request's first packet: after the packet header, the length of
/// ALL_HEADERS, and length and type of the one header in it ([MS-TDS] 2.2.5.3.2).
const DESCRIPTOR_AT: usize = 8 + 4 + 4 + 2;
const DESCRIPTOR: usize = 8;

/// No answer to a control query comes near this many bytes; tiberius holds all of it in memory.
const MOST_ANSWER: usize = 64 << 20;

enum Leads {
    /// To the relay that stands between tiberius and the server during the login.
    ToLogin(DuplexStream),
    /// To the server; `written` bytes of the request are gone, `read` bytes of the answer here.
    ToServer {
        lane: Box<Lane>,
        written: usize,
        read: usize,
    },
    Nowhere,
}

/// Our end: decides where tiberius' stream leads.
#[derive(Clone)]
pub(super) struct Shared(Arc<Mutex<Leads>>);

impl Shared {
    pub(super) fn for_login(relay: DuplexStream) -> Self {
        Self(Arc::new(Mutex::new(Leads::ToLogin(relay))))
    }

    /// tiberius' end.
    pub(super) fn borrowed(&self) -> Borrowed {
        Borrowed(self.clone())
    }

    /// For the time of one query.
    pub(super) fn lend(&self, lane: Lane) {
        *self.leads() = Leads::ToServer { lane: Box::new(lane), written: 0, read: 0 };
    }

    pub(super) fn take_back(&self) -> Option<Lane> {
        match std::mem::replace(&mut *self.leads(), Leads::Nowhere) {
            Leads::ToServer { lane, .. } => Some(*lane),
            Leads::ToLogin(_) | Leads::Nowhere => None,
        }
    }

    fn leads(&self) -> MutexGuard<'_, Leads> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// tiberius' end.
pub(super) struct Borrowed(Shared);

impl AsyncRead for Borrowed {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut *self.0.leads() {
            Leads::ToLogin(relay) => Pin::new(relay).poll_read(cx, buf),
            Leads::ToServer { lane, read, .. } => {
                let before = buf.filled().len();
                let polled = Pin::new(lane.link()).poll_read(cx, buf);
                *read += buf.filled().len() - before;
                if *read > MOST_ANSWER {
                    let what = "the server answers a control query without end";
                    return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, what)));
                }
                polled
            }
            Leads::Nowhere => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncWrite for Borrowed {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self.0.leads() {
            Leads::ToLogin(relay) => Pin::new(relay).poll_write(cx, buf),
            Leads::ToServer { lane, written, .. } => {
                let patched = in_transaction(buf, *written, lane.transaction());
                let polled = Pin::new(lane.link()).poll_write(cx, patched.as_deref().unwrap_or(buf));
                if let Poll::Ready(Ok(n)) = polled {
                    *written += n;
                }
                polled
            }
            Leads::Nowhere => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self.0.leads() {
            Leads::ToLogin(relay) => Pin::new(relay).poll_flush(cx),
            Leads::ToServer { lane, .. } => Pin::new(lane.link()).poll_flush(cx),
            Leads::Nowhere => Poll::Ready(Ok(())),
        }
    }

    /// The connection is not tiberius' to close.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// tiberius knows nothing of a transaction begun on the lane, and a request with another descriptor than the
/// session's is refused. `buf` is the part of the request that begins at `offset`.
fn in_transaction(buf: &[u8], offset: usize, descriptor: u64) -> Option<Vec<u8>> {
    if descriptor == 0 || offset >= DESCRIPTOR_AT + DESCRIPTOR {
        return None;
    }
    let mut patched = buf.to_vec();
    for (at, byte) in (DESCRIPTOR_AT..).zip(descriptor.to_le_bytes()) {
        if let Some(place) = at.checked_sub(offset).and_then(|at| patched.get_mut(at)) {
            *place = byte;
        }
    }
    Some(patched)
}

#[cfg(test)]
mod tests {
    use super::in_transaction;

    #[test]
    fn the_descriptor_is_patched_in_any_split() {
        let request: Vec<u8> = (0..40).collect();
        let mut expected = request.clone();
        expected[18..26].copy_from_slice(&[8, 7, 6, 5, 4, 3, 2, 1]);
        for step in 1..=request.len() {
            let parts = request.chunks(step).enumerate();
            let patched: Vec<u8> = parts
                .flat_map(|(i, part)| {
                    in_transaction(part, i * step, 0x0102030405060708).unwrap_or(part.to_vec())
                })
                .collect();
            assert_eq!(patched, expected, "in steps of {step}");
        }
        assert_eq!(in_transaction(&request, 0, 0), None);
    }
}
