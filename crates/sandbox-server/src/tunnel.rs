//! TLS records inside PRELOGIN packets, as TDS 7.x carries its TLS handshake ([MS-TDS] 2.2.6.5, 3.3.5.1).
use replica_core::tds::packet::{self, DEFAULT_SIZE, HEADER, Header, kind};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that wraps what is written between two flushes into PRELOGIN packets and unwraps what is read,
/// until [`Tunnel::open`] lets the bytes pass as they are.
pub struct Tunnel<S> {
    inner: S,
    wrapping: bool,
    header: [u8; HEADER],
    header_read: usize,
    /// Bytes of the packet being read that are still to come.
    payload_left: usize,
    flight: Vec<u8>,
    framed: Vec<u8>,
    written: usize,
}

impl<S> Tunnel<S> {
    pub fn new(inner: S) -> Self {
        Self {
            inner,
            wrapping: true,
            header: [0; HEADER],
            header_read: 0,
            payload_left: 0,
            flight: Vec::new(),
            framed: Vec::new(),
            written: 0,
        }
    }

    /// The handshake is over: records follow without packets around them.
    pub fn open(&mut self) {
        self.wrapping = false;
    }

    pub fn into_inner(self) -> S {
        self.inner
    }

    fn frame_flight(&mut self) {
        if !self.flight.is_empty() {
            packet::frame(kind::PRELOGIN, &self.flight, DEFAULT_SIZE, &mut self.framed);
            self.flight.clear();
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tunnel<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.wrapping {
            return Pin::new(&mut this.inner).poll_read(cx, buf);
        }
        while this.payload_left == 0 {
            let mut header = ReadBuf::new(&mut this.header[this.header_read..]);
            ready!(Pin::new(&mut this.inner).poll_read(cx, &mut header))?;
            match header.filled().len() {
                0 => return Poll::Ready(Ok(())),
                read => this.header_read += read,
            }
            if this.header_read == HEADER {
                this.header_read = 0;
                let header = Header::parse(this.header).map_err(io::Error::other)?;
                if header.kind != kind::PRELOGIN {
                    return Poll::Ready(Err(io::Error::other(
                        "a TLS handshake was expected in PRELOGIN packets",
                    )));
                }
                this.payload_left = usize::from(header.length) - HEADER;
            }
        }
        let wanted = buf.remaining().min(this.payload_left);
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(wanted));
        ready!(Pin::new(&mut this.inner).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        buf.advance(read);
        this.payload_left -= read;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Tunnel<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if !this.wrapping {
            return Pin::new(&mut this.inner).poll_write(cx, buf);
        }
        this.flight.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.frame_flight();
        while this.written < this.framed.len() {
            match ready!(Pin::new(&mut this.inner).poll_write(cx, &this.framed[this.written..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => this.written += written,
            }
        }
        this.framed.clear();
        this.written = 0;
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_shutdown(cx)
    }
}
