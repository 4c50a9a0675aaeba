//! The proxy that the environment names, as curl and others read it (curl, "ENVIRONMENT"): `HTTPS_PROXY` and `NO_PROXY`,
//! or the same in lower case.
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::{Url, answer};
use crate::error::{Error, Result};

/// A proxy that passes TLS on (CONNECT, RFC 9110 9.3.6).
pub(super) struct HttpProxy {
    url: Url,
    /// `user:password`, if it wants them.
    login: Option<String>,
}

impl HttpProxy {
    /// The proxy on the way to `url`, if there is one.
    ///
    /// # Errors
    /// Of kind `Usage`: `HTTPS_PROXY` is no address of a proxy.
    pub(super) fn of_environment(url: &Url) -> Result<Option<Self>> {
        let variable = |name: &str| {
            let value = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
            value(&name.to_ascii_lowercase()).or_else(|| value(name))
        };
        match variable("HTTPS_PROXY") {
            Some(proxy) if !is_excepted(url, &variable("NO_PROXY").unwrap_or_default()) => {
                Self::parse(proxy.trim()).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn parse(text: &str) -> Result<Self> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
        if !scheme.eq_ignore_ascii_case("http") {
            return Err(Error::usage("HTTPS_PROXY names a proxy that is not spoken to over HTTP")
                .remedy("Write it as http://host:port."));
        }
        let (login, place) =
            rest.rsplit_once('@').map_or((None, rest), |(login, place)| (Some(login), place));
        let url = Url::parse(&format!("http://{place}")).map_err(|error| error.within("HTTPS_PROXY"))?;
        let login =
            login.map(|login| percent_encoding::percent_decode_str(login).decode_utf8_lossy().into_owned());
        Ok(Self { url, login })
    }

    pub(super) fn host(&self) -> &str {
        self.url.host()
    }

    pub(super) fn port(&self) -> u16 {
        self.url.port()
    }

    pub(super) fn place(&self) -> String {
        self.url.place()
    }

    /// Asks the proxy for a way to `url`; from then on `stream` leads there.
    pub(super) async fn tunnel<S>(&self, mut stream: S, url: &Url) -> Result<S>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let place = url.place();
        let login = self
            .login
            .as_ref()
            .map(|login| format!("Proxy-Authorization: Basic {}\r\n", base64(login.as_bytes())));
        let asked = format!("CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n{}\r\n", login.unwrap_or_default());
        stream.write_all(asked.as_bytes()).await.map_err(|error| Error::unreachable(error.to_string()))?;
        match answer::status(&mut stream).await? {
            200..=299 => Ok(stream),
            407 => Err(Error::connect("the proxy wants a login (status 407)")
                .remedy("Write it into HTTPS_PROXY: http://user:password@host:port.")),
            status => {
                let refused = format!("the proxy refuses with status {status}");
                let error = if status >= 500 { Error::unreachable(refused) } else { Error::connect(refused) };
                Err(error
                    .remedy("Check HTTPS_PROXY, and except the host with NO_PROXY if no proxy leads there."))
            }
        }
    }
}

/// `exceptions`: hosts and domains with commas between them, each with its subdomains, or `*`.
fn is_excepted(url: &Url, exceptions: &str) -> bool {
    let host = url.host().to_ascii_lowercase();
    exceptions.split([',', ' ']).map(|entry| entry.trim().to_ascii_lowercase()).any(|entry| {
        let (name, port) = match entry.rsplit_once(':') {
            Some((name, port)) if !name.contains(':') => (name, port.parse().ok()),
            _ => (entry.as_str(), None),
        };
        let name = name.trim_start_matches("*.").trim_start_matches('.');
        let is_within = host.strip_suffix(name).is_some_and(|head| head.is_empty() || head.ends_with('.'));
        name == "*" || !name.is_empty() && is_within && port.is_none_or(|port: u16| port == url.port())
    })
}

/// RFC 4648 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let bits =
            part.iter().fold(0u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - part.len()));
        for at in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= part.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions() {
        let url = Url::parse("https://login.example.org:8443/").unwrap();
        for (list, excepted) in [
            ("", false),
            ("*", true),
            ("example.org", true),
            (".example.org", true),
            ("*.example.org", true),
            ("other.org, LOGIN.example.org", true),
            ("login.example.org:8443", true),
            ("login.example.org:443", false),
            ("ogin.example.org", false),
            ("example.com", false),
            (",", false),
        ] {
            assert_eq!(is_excepted(&url, list), excepted, "{list}");
        }
    }

    #[test]
    fn proxies() {
        for (text, place, login) in [
            ("http://p:3128", "p:3128", None),
            ("p:3128/", "p:3128", None),
            ("http://u:p%40x@p:3128", "p:3128", Some("u:p@x")),
        ] {
            let proxy = HttpProxy::parse(text).unwrap();
            assert_eq!((proxy.place().as_str(), proxy.login.as_deref()), (place, login), "{text}");
        }
        assert!(HttpProxy::parse("socks5://p:1").is_err());
    }

    /// RFC 4648 10.
    #[test]
    fn base64_as_specified() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")]
        {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }
}
