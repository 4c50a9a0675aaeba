//! Addresses, as far as a request needs them (RFC 3986).
use crate::error::{Error, Result};

/// `http[s]://host[:port][/path][?query]`. It is not shown: an address may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    https: bool,
    host: String,
    port: Option<u16>,
    target: String,
}

impl Url {
    /// Reads an address.
    ///
    /// # Errors
    /// Of kind `Usage`; it does not repeat the address.
    pub fn parse(text: &str) -> Result<Self> {
        let refused = |why: &str| Error::usage(format!("The address {why}"));
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refused("has blanks or other characters that must be percent-encoded"));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| refused("does not begin with https://"))?;
        let https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return Err(refused("begins with neither https:// nor http://")),
        };
        let rest = rest.split('#').next().unwrap_or_default();
        let at = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, target) = rest.split_at(at);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse().ok().filter(|port| *port > 0);
                (host, Some(port.ok_or_else(|| refused("has a port that is none"))?))
            }
            _ => (authority, None),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ':');
        if host.is_empty() || !host.chars().all(is_host) {
            return Err(refused("names no host, or a user beside it"));
        }
        let slash = if target.starts_with('/') { "" } else { "/" };
        Ok(Self { https, host: host.to_owned(), port, target: format!("{slash}{target}") })
    }

    /// Whether TLS is spoken.
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Name or address, without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port that is written, or the scheme's.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(if self.https { 443 } else { 80 })
    }

    /// Host and port: fit for logs and errors.
    pub fn place(&self) -> String {
        format!("{}:{}", self.bracketed(), self.port())
    }

    /// Path and query.
    pub(super) fn target(&self) -> &str {
        &self.target
    }

    pub(super) fn host_header(&self) -> String {
        match self.port {
            Some(_) => self.place(),
            None => self.bracketed(),
        }
    }

    fn bracketed(&self) -> String {
        if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts() {
        for (text, place, target) in [
            ("https://h", "h:443", "/"),
            ("HTTP://h/a/b?c=d#e", "h:80", "/a/b?c=d"),
            ("https://h:8443?q", "h:8443", "/?q"),
            ("https://[::1]:8443/a", "[::1]:8443", "/a"),
            ("http://[::1]/a", "[::1]:80", "/a"),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.place().as_str(), url.target()), (place, target), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_not_repeated() {
        for text in [
            "secret",
            "ftp://secret",
            "https://",
            "https://secret:0/",
            "https://secret:x/",
            "https://u:secret@h/",
            "https://h/secret\r\nX: y",
            "https://h/ secret",
            "https://sécret/",
        ] {
            let error = Url::parse(text).err().unwrap_or_else(|| panic!("{text} is accepted")).to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
