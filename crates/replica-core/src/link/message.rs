//! Whole messages over any stream, where they are small: PRELOGIN and login.
//!
//! Nothing is read beyond the message, since what follows may be TLS where this was not, or the reverse.
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use crate::error::{Error, Result};
use crate::tds::packet::{HEADER, Header, frame, kind};

/// No message of PRELOGIN or login comes near this.
const MOST: usize = 1 << 20;

/// Reads one message and says its type. `None` if the stream ended before its first byte.
///
/// # Errors
/// A stream that ends within the message, a header that can't be, a message of more than 1 MiB.
pub(crate) async fn read<R: AsyncRead + Unpin>(from: &mut R) -> Result<Option<(u8, Vec<u8>)>> {
    read_where(from, |_| true).await
}

/// Reads a server's reply, as [`read`] does.
///
/// # Errors
/// Those of [`read`], and another type of message: as soon as its header is here, since the length in it may be
/// any text's third and fourth letter.
pub(crate) async fn read_reply<R: AsyncRead + Unpin>(from: &mut R) -> Result<Option<Vec<u8>>> {
    Ok(read_where(from, |kind| kind == kind::REPLY).await?.map(|(_, payload)| payload))
}

async fn read_where<R>(from: &mut R, takes: impl Fn(u8) -> bool) -> Result<Option<(u8, Vec<u8>)>>
where
    R: AsyncRead + Unpin,
{
    let mut payload = Vec::new();
    let mut header = [0; HEADER];
    if from.read(&mut header[..1]).await? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut header[1..]).await.map_err(cut_short)?;
    loop {
        let parsed = Header::parse(header)?;
        if !takes(parsed.kind) {
            return Err(Error::protocol(format!(
                "a message of type 0x{:02X} where a reply is expected",
                parsed.kind
            )));
        }
        let start = payload.len();
        payload.resize(start + usize::from(parsed.length) - HEADER, 0);
        from.read_exact(&mut payload[start..]).await.map_err(cut_short)?;
        if parsed.is_last() {
            return Ok(Some((parsed.kind, payload)));
        }
        if payload.len() > MOST {
            return Err(Error::protocol(format!("a message of more than {MOST} bytes during the login")));
        }
        from.read_exact(&mut header).await.map_err(cut_short)?;
    }
}

/// Writes one message in packets of `size` bytes.
pub(crate) async fn write<W: AsyncWrite + Unpin>(
    to: &mut W,
    kind: u8,
    payload: &[u8],
    size: usize,
) -> Result<()> {
    let mut packets = Vec::with_capacity(payload.len() + payload.len() / 64 + HEADER);
    frame(kind, payload, size, &mut packets);
    to.write_all(&packets).await?;
    Ok(to.flush().await?)
}

fn cut_short(error: std::io::Error) -> Error {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => Error::io("the server hung up in the middle of a packet"),
        _ => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    fn read_all(wire: &[u8]) -> Result<Option<(u8, Vec<u8>)>> {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(read(&mut &*wire))
    }

    #[test]
    fn a_message_of_several_packets_is_put_together() {
        let payload: Vec<u8> = (0..2000).map(|i| i as u8).collect();
        let mut wire = Vec::new();
        frame(kind::REPLY, &payload, 512, &mut wire);
        wire.extend_from_slice(b"what follows stays where it is");
        assert_eq!(read_all(&wire).unwrap(), Some((kind::REPLY, payload)));
    }

    #[test]
    fn what_ends_too_early_is_an_error_and_an_empty_stream_is_not() {
        assert_eq!(read_all(&[]).unwrap(), None);
        let mut wire = Vec::new();
        frame(kind::REPLY, &[1, 2, 3], 512, &mut wire);
        for end in 1..wire.len() {
            assert_eq!(read_all(&wire[..end]).unwrap_err().kind(), Kind::Io, "{end}");
        }
    }

    #[test]
    fn what_is_no_reply_is_known_by_its_first_bytes() {
        let mut wire = &b"HTTP/1.1 "[..];
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(read_reply(&mut wire)).unwrap_err().kind(), Kind::Protocol);
    }

    #[test]
    fn a_message_without_end_stops_at_the_cap() {
        let mut packet = vec![0; 32767];
        packet[..4].copy_from_slice(&[kind::REPLY, 0, 0x7F, 0xFF]);
        assert_eq!(read_all(&packet.repeat(40)).unwrap_err().kind(), Kind::Protocol);
    }
}
