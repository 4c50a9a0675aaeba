//! The socket with or without TLS on it.
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls;

use crate::error::{Error, Result};
use crate::tds::packet::{DEFAULT_SIZE, HEADER, Header, frame, kind};

/// The socket, plain or with TLS.
pub(crate) enum Link {
    Plain(TcpStream),
    Tls(Box<TlsStream<RecordSocket>>),
}

impl Link {
    /// Takes TLS off again, after a login that alone was to be encrypted.
    pub(crate) fn into_plain(self) -> Self {
        match self {
            Self::Tls(tls) => Self::Plain(tls.into_inner().0.tcp),
            plain => plain,
        }
    }

    /// The server's own certificate, as DER; `None` without TLS.
    pub(crate) fn certificate(&self) -> Option<&[u8]> {
        match self {
            Self::Plain(_) => None,
            Self::Tls(tls) => tls.get_ref().1.peer_certificates()?.first().map(AsRef::as_ref),
        }
    }

    /// The bare socket, before there is TLS.
    pub(super) fn into_tcp(self) -> Result<TcpStream> {
        match self {
            Self::Plain(tcp) => Ok(tcp),
            Self::Tls(_) => Err(Error::protocol("TLS is there already")),
        }
    }
}

impl AsyncRead for Link {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_read(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_read(cx, buf).map_err(changed),
        }
    }
}

impl AsyncWrite for Link {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write(cx, buf),
            Self::Tls(tls) => Pin::new(tls).poll_write(cx, buf).map_err(changed),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, parts),
            Self::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, parts).map_err(changed),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(tcp) => tcp.is_write_vectored(),
            Self::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            Self::Tls(tls) => Pin::new(tls).poll_flush(cx).map_err(changed),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            Self::Tls(tls) => Pin::new(tls).poll_shutdown(cx).map_err(changed),
        }
    }
}

/// What TLS refuses once it stands was changed on the way: the connection is lost, as if it had been cut.
fn changed(error: io::Error) -> io::Error {
    let refused = error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>());
    match refused.map(|cause| format!("TLS refuses what has come, which was changed on the way ({cause})")) {
        Some(text) => io::Error::new(io::ErrorKind::ConnectionAborted, text),
        None => error,
    }
}

/// How much is read of the socket at once: several records, which hold 16 KiB each.
const READ_AHEAD: usize = 64 << 10;

/// What TLS writes its records to: during a TDS 7.x handshake they travel inside PRELOGIN packets, one packet
/// a flight ([MS-TDS] 2.2.6.5); afterwards, and in TDS 8.0, they go out bare.
///
/// rustls reads little more than a record at a time. Bare records are read here, many in one system call; they are
/// written from where they lie, many in one, too ([`AsyncWrite::poll_write_vectored`]).
pub(crate) struct RecordSocket {
    tcp: TcpStream,
    framed: bool,
    /// The flight being written, then being sent; `sent` bytes of it are gone.
    flight: Vec<u8>,
    packets: Vec<u8>,
    sent: usize,
    header: [u8; HEADER],
    seen: usize,
    /// Bytes left of the packet being read.
    left: usize,
    /// Bare records, as far as they are read: TLS has the first `taken` of the `filled` bytes.
    ahead: Vec<u8>,
    filled: usize,
    taken: usize,
}

impl RecordSocket {
    pub(super) fn new(tcp: TcpStream, framed: bool) -> Self {
        Self {
            tcp,
            framed,
            flight: Vec::new(),
            packets: Vec::new(),
            sent: 0,
            header: [0; HEADER],
            seen: 0,
            left: 0,
            ahead: Vec::new(),
            filled: 0,
            taken: 0,
        }
    }

    /// The handshake is over: from here on records go out bare.
    pub(super) fn finish(&mut self) {
        self.framed = false;
    }

    fn poll_send_flight(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.sent == self.packets.len() && !self.flight.is_empty() {
            self.packets.clear();
            self.sent = 0;
            frame(kind::PRELOGIN, &self.flight, DEFAULT_SIZE, &mut self.packets);
            self.flight.clear();
        }
        while self.sent < self.packets.len() {
            match ready!(Pin::new(&mut self.tcp).poll_write(cx, &self.packets[self.sent..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.sent += written,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads bare records as far as they are there. Nothing is read ahead where the stream ended.
    fn poll_ahead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.taken == self.filled {
            (self.filled, self.taken) = (0, 0);
            self.ahead.resize(READ_AHEAD, 0);
            let mut buf = ReadBuf::new(&mut self.ahead);
            ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut buf))?;
            self.filled = buf.filled().len();
        }
        Poll::Ready(Ok(()))
    }

    /// Reads packet headers until a payload begins. `false`: the stream ended.
    fn poll_header(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        while self.left == 0 {
            let mut buf = ReadBuf::new(&mut self.header[self.seen..]);
            ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut buf))?;
            match buf.filled().len() {
                0 => return Poll::Ready(Ok(false)),
                read => self.seen += read,
            }
            if self.seen == HEADER {
                self.seen = 0;
                match Header::parse(self.header) {
                    Ok(header) if matches!(header.kind, kind::PRELOGIN | kind::REPLY) => {
                        self.left = usize::from(header.length) - HEADER;
                    }
                    _ => {
                        return Poll::Ready(Err(io::Error::new(
                            io::ErrorKind::InvalidData,
                            "no TLS in the packet",
                        )));
                    }
                }
            }
        }
        Poll::Ready(Ok(true))
    }
}

impl AsyncRead for RecordSocket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.framed {
            ready!(this.poll_ahead(cx))?;
            let there = &this.ahead[this.taken..this.filled];
            let part = &there[..there.len().min(buf.remaining())];
            buf.put_slice(part);
            this.taken += part.len();
            return Poll::Ready(Ok(()));
        }
        if !ready!(this.poll_header(cx))? {
            return Poll::Ready(Ok(()));
        }
        let room = buf.remaining().min(this.left);
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(room));
        ready!(Pin::new(&mut this.tcp).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        this.left -= read;
        buf.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for RecordSocket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.framed {
            return Pin::new(&mut this.tcp).poll_write(cx, buf);
        }
        this.flight.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        records: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.framed {
            return Pin::new(&mut this.tcp).poll_write_vectored(cx, records);
        }
        records.iter().for_each(|record| this.flight.extend_from_slice(record));
        Poll::Ready(Ok(records.iter().map(|record| record.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.framed {
            ready!(this.poll_send_flight(cx))?;
        }
        Pin::new(&mut this.tcp).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().tcp).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::fake::{run, sockets};

    #[test]
    fn many_records_are_read_in_one_system_call() {
        run(async {
            let (ours, mut theirs) = sockets().await;
            let mut ours = RecordSocket::new(ours, false);
            let sent: Vec<u8> = (0..READ_AHEAD).map(|n| n as u8).collect();
            theirs.write_all(&sent).await.unwrap();
            theirs.shutdown().await.unwrap();
            // Until all has come.
            while ours.tcp.peek(&mut vec![0; READ_AHEAD]).await.unwrap() < READ_AHEAD {
                tokio::task::yield_now().await;
            }
            let mut received = vec![0; 5];
            ours.read_exact(&mut received).await.unwrap();
            assert_eq!(ours.tcp.peek(&mut [0]).await.unwrap(), 0, "some of it is left in the system");
            ours.read_to_end(&mut received).await.unwrap();
            assert_eq!(received, sent);
        });
    }

    #[test]
    fn many_records_are_written_in_one_system_call() {
        run(async {
            let (ours, mut theirs) = sockets().await;
            let mut ours = RecordSocket::new(ours, false);
            let records = [&b"first"[..], b"second", b"third"].map(IoSlice::new);
            let written = poll_fn(|cx| Pin::new(&mut ours).poll_write_vectored(cx, &records)).await.unwrap();
            assert_eq!((ours.is_write_vectored(), written), (true, 16));
            drop(ours);
            let mut received = Vec::new();
            theirs.read_to_end(&mut received).await.unwrap();
            assert_eq!(received, b"firstsecondthird");
        });
    }
}
