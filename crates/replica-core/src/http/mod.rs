//! One request over HTTP/1.1 and its answer: small, within a time limit, never sent on to another place.
//!
//! `https` goes through the proxy that `HTTPS_PROXY` names, unless `NO_PROXY` excepts the host. `http` never does: who
//! is spoken to without TLS is on this machine, or next to it.
mod answer;
mod proxy;
mod tls;
mod url;

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::error::{Error, Result};
pub use answer::Answer;
use proxy::HttpProxy;
pub use url::Url;

/// What to ask. Nothing of it is ever shown but the host: addresses, headers and bodies hold secrets.
pub struct HttpRequest {
    method: &'static str,
    url: Url,
    headers: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
}

impl HttpRequest {
    /// Asks for what is at an address.
    pub fn get(url: Url) -> Self {
        Self { method: "GET", url, headers: Vec::new(), body: None }
    }

    /// Sends something to an address.
    pub fn post(url: Url, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("Content-Type", content_type.to_owned())];
        Self { method: "POST", url, headers, body: Some(body.into()) }
    }

    /// Adds a header.
    ///
    /// # Errors
    /// Of kind `Usage`: a value with line breaks or other characters that would end the header.
    pub fn header(mut self, name: &'static str, value: &str) -> Result<Self> {
        if !value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
            return Err(Error::usage(format!(
                "The value of the header {name} has characters that none can have"
            )));
        }
        self.headers.push((name, value.to_owned()));
        Ok(self)
    }

    /// Where it goes: fit for logs and errors.
    pub fn place(&self) -> String {
        self.url.place()
    }

    fn encode(&self) -> Vec<u8> {
        let mut head =
            format!("{} {} HTTP/1.1\r\nHost: {}\r\n", self.method, self.url.target(), self.url.host_header());
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("Accept: application/json\r\nConnection: close\r\n\r\n");
        let mut message = head.into_bytes();
        message.extend(self.body.iter().flatten());
        message
    }
}

/// Sends the request and reads the whole answer, within `limit`. A redirection is an answer like any other.
///
/// # Errors
/// Of kind `Connect`: nobody answers (which may pass), the certificate is not trusted, the answer is too long or none.
pub async fn send(request: &HttpRequest, limit: Duration) -> Result<Answer> {
    let place = request.place();
    log::debug!("{} {place}", request.method);
    let answered = timeout(limit, async {
        let mut stream = connect(&request.url).await?;
        let sent = async {
            stream.write_all(&request.encode()).await?;
            stream.flush().await
        };
        sent.await.map_err(|error| Error::unreachable(error.to_string()))?;
        answer::read(stream).await
    });
    let answered = answered
        .await
        .unwrap_or_else(|_| Err(Error::unreachable(format!("no answer within {} s", limit.as_secs_f64()))));
    answered.map_err(|error| error.while_connecting(place))
}

trait HttpStream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> HttpStream for S {}

async fn connect(url: &Url) -> Result<Box<dyn HttpStream>> {
    if !url.is_https() {
        return Ok(Box::new(tcp(url.host(), url.port()).await?));
    }
    let tcp = match HttpProxy::of_environment(url)? {
        None => tcp(url.host(), url.port()).await?,
        Some(proxy) => {
            let through = |error: Error| error.within(format!("through the proxy {}", proxy.place()));
            let tcp = tcp(proxy.host(), proxy.port()).await.map_err(through)?;
            proxy.tunnel(tcp, url).await.map_err(through)?
        }
    };
    Ok(Box::new(tls::over(tcp, url.host()).await?))
}

async fn tcp(host: &str, port: u16) -> Result<TcpStream> {
    TcpStream::connect((host, port))
        .await
        .map_err(|error| Error::unreachable(format!("cannot connect: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_written_as_it_must_be() {
        let url = || Url::parse("https://h.example:8443/a/b?c=d").unwrap();
        let text = |request: HttpRequest| String::from_utf8(request.encode()).unwrap();
        assert_eq!(
            text(HttpRequest::get(url()).header("Metadata", "true").unwrap()),
            "GET /a/b?c=d HTTP/1.1\r\nHost: h.example:8443\r\nMetadata: true\r\nAccept: application/json\r\nConnection: \
             close\r\n\r\n"
        );
        let posted = text(HttpRequest::post(url(), "text/plain", "abc"));
        assert!(posted.contains("Content-Type: text/plain\r\nContent-Length: 3\r\n"), "{posted}");
        assert!(posted.ends_with("\r\n\r\nabc"), "{posted}");
    }

    #[test]
    fn no_header_begins_another() {
        for value in ["a\r\nb: c", "a\nb", "a\0", "ä"] {
            let url = Url::parse("http://h/").unwrap();
            assert!(HttpRequest::get(url).header("X", value).is_err(), "{value:?}");
        }
    }
}
