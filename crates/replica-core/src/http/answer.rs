//! Reads an answer (RFC 9112): status, headers as far as they say where the body ends, the body.
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};

use crate::error::{Error, Result};

/// What is asked for here has a few thousand bytes.
const MOST_BODY: u64 = 256 << 10;
const MOST_HEAD: u64 = 32 << 10;

/// What came back.
pub struct Answer {
    /// 200 for success.
    pub status: u16,
    /// All of it.
    pub body: Vec<u8>,
    /// When to ask again at the earliest (RFC 9110, 10.2.3), if it was said in seconds.
    pub retry_after: Option<Duration>,
}

/// What stands before the body.
struct Head {
    status: u16,
    length: BodyLength,
    retry_after: Option<Duration>,
}

/// How long the body is.
enum BodyLength {
    Bytes(u64),
    Chunked,
    UntilTheEnd,
}

/// Reads an answer to its end.
pub(super) async fn read(stream: impl AsyncRead + Unpin) -> Result<Answer> {
    let mut reader = BufReader::new(stream);
    let Head { status, length, retry_after } = loop {
        let head = head(&mut reader).await?;
        // An answer before the answer: 100 Continue and its kin.
        if head.status >= 200 {
            break head;
        }
    };
    let mut body = Vec::new();
    match length {
        BodyLength::Bytes(n) if n > MOST_BODY => return Err(too_long()),
        BodyLength::Bytes(n) => take(&mut reader, n, &mut body).await?,
        BodyLength::UntilTheEnd => {
            let read = (&mut reader).take(MOST_BODY + 1).read_to_end(&mut body).await;
            read.map_err(|error| cut_short(&error))?;
        }
        BodyLength::Chunked => chunks(&mut reader, &mut body).await?,
    }
    if body.len() as u64 > MOST_BODY { Err(too_long()) } else { Ok(Answer { status, body, retry_after }) }
}

/// Reads the status of an answer that has no body: a proxy's to CONNECT. Nothing is read beyond its head.
pub(super) async fn status(stream: &mut (impl AsyncRead + Unpin)) -> Result<u16> {
    // A buffer of one byte has nothing left over.
    Ok(head(&mut BufReader::with_capacity(1, stream)).await?.status)
}

async fn head(reader: &mut (impl AsyncBufRead + Unpin)) -> Result<Head> {
    let mut left = MOST_HEAD;
    let first = line(reader, &mut left).await?;
    let mut words = first.split(' ');
    let is_http = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
    let status = words.next().and_then(|word| word.parse().ok()).filter(|status| (100..600).contains(status));
    let status =
        status.filter(|_| is_http).ok_or_else(|| Error::connect("what listens there does not speak HTTP"))?;
    // No Content and Not Modified have none (RFC 9112, 6.3).
    let is_bare = matches!(status, 204 | 304);
    let mut length = if is_bare { BodyLength::Bytes(0) } else { BodyLength::UntilTheEnd };
    let mut retry_after = None;
    loop {
        let header = line(reader, &mut left).await?;
        if header.is_empty() {
            return Ok(Head { status, length, retry_after });
        }
        let Some((name, value)) = header.split_once(':') else { continue };
        let value = value.trim();
        if name.eq_ignore_ascii_case("retry-after") {
            retry_after = value.parse().ok().map(Duration::from_secs);
        } else if is_bare {
            continue;
        } else if name.eq_ignore_ascii_case("transfer-encoding")
            && value.to_ascii_lowercase().ends_with("chunked")
        {
            length = BodyLength::Chunked;
        } else if name.eq_ignore_ascii_case("content-length") && !matches!(length, BodyLength::Chunked) {
            length =
                BodyLength::Bytes(value.parse().map_err(|_| Error::connect("an answer of no known length"))?);
        }
    }
}

async fn chunks(reader: &mut (impl AsyncBufRead + Unpin), body: &mut Vec<u8>) -> Result<()> {
    let broken = || Error::connect("an answer whose parts have no known length");
    loop {
        let size = line(reader, &mut 1024).await?;
        let size = size.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| broken())?;
        if size == 0 {
            return Ok(());
        }
        if size > MOST_BODY || body.len() as u64 + size > MOST_BODY {
            return Err(too_long());
        }
        take(reader, size, body).await?;
        if !line(reader, &mut 1024).await?.is_empty() {
            return Err(broken());
        }
    }
}

async fn take(reader: &mut (impl AsyncBufRead + Unpin), n: u64, body: &mut Vec<u8>) -> Result<()> {
    let read = reader.take(n).read_to_end(body).await.map_err(|error| cut_short(&error))?;
    if read as u64 == n { Ok(()) } else { Err(Error::unreachable("the answer is cut short")) }
}

/// A line without its break; `left`: bytes that may still come.
async fn line(reader: &mut (impl AsyncBufRead + Unpin), left: &mut u64) -> Result<String> {
    let mut line = Vec::new();
    let read = reader.take(*left).read_until(b'\n', &mut line).await.map_err(|error| cut_short(&error))?;
    *left -= read as u64;
    match line.strip_suffix(b"\n") {
        Some(line) => {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            Ok(String::from_utf8_lossy(line).into_owned())
        }
        None if read == 0 && *left > 0 => Err(Error::unreachable("the other end hung up without an answer")),
        None if *left > 0 => Err(Error::unreachable("the answer is cut short")),
        None => Err(too_long()),
    }
}

fn too_long() -> Error {
    Error::connect(format!("the answer has more than {} KiB", MOST_BODY >> 10))
}

fn cut_short(error: &std::io::Error) -> Error {
    Error::unreachable(format!("the answer is cut short: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(wire: &[u8]) -> Result<(u16, String)> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let answer = runtime.block_on(read(wire))?;
        Ok((answer.status, String::from_utf8(answer.body).unwrap()))
    }

    #[test]
    fn bodies_end_in_three_ways() {
        for wire in [
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcd",
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc",
            "HTTP/1.0 200 OK\n\nabc",
            "HTTP/1.1 200\r\nTransfer-Encoding: gzip, chunked\r\nContent-Length: 9\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
        ] {
            assert_eq!(answer(wire.as_bytes()).unwrap(), (200, "abc".to_owned()), "{wire}");
        }
    }

    #[test]
    fn some_answers_have_no_body() {
        let wire = "HTTP/1.1 204 No Content\r\nContent-Length: 9\r\n\r\nnext";
        assert_eq!(answer(wire.as_bytes()).unwrap(), (204, String::new()));
    }

    #[test]
    fn when_to_ask_again() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (value, seconds) in [("7", Some(7)), ("Wed, 21 Oct 2026 07:28:00 GMT", None), ("-1", None)] {
            let wire = format!("HTTP/1.1 429 Later\r\nRetry-After: {value}\r\n\r\n");
            let answer = runtime.block_on(read(wire.as_bytes())).unwrap();
            assert_eq!(answer.retry_after.map(|wait| wait.as_secs()), seconds, "{value}");
        }
    }

    #[test]
    fn what_is_too_long_or_no_http_is_refused() {
        let long = "x".repeat(300 << 10);
        for (wire, why) in [
            ("SSH-2.0-OpenSSH\r\n".to_owned(), "does not speak HTTP"),
            ("HTTP/1.1 abc\r\n\r\n".to_owned(), "does not speak HTTP"),
            (String::new(), "hung up"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab".to_owned(), "cut short"),
            ("HTTP/1.1 200 OK\r\nContent-".to_owned(), "cut short"),
            ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_owned(), "256 KiB"),
            ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n".to_owned(), "no known length"),
            (format!("HTTP/1.1 200 OK\r\n\r\n{long}"), "256 KiB"),
            (format!("HTTP/1.1 200 OK\r\nX: {long}\r\n\r\n"), "256 KiB"),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n".to_owned(),
                "256 KiB",
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned(), "no known length"),
        ] {
            let error = answer(wire.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(why), "{why} is not in: {error}");
        }
    }
}
