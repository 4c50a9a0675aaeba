//! The value of `Server`: `[tcp:]host[\instance][,port]`.
use std::net::Ipv6Addr;

use crate::error::{Error, Result};

/// Where the server listens.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DataSource {
    pub host: String,
    pub instance: Option<String>,
    pub port: Option<u16>,
}

impl DataSource {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        let lower = text.to_ascii_lowercase();
        for (prefix, what) in
            [("np:", "Named pipes are"), ("lpc:", "Shared memory is"), ("admin:", "Admin connections are")]
        {
            if lower.starts_with(prefix) || (prefix == "np:" && text.starts_with(r"\\")) {
                return Err(Error::usage(format!("{what} not supported"))
                    .remedy("Connect over TCP: Server=host,port."));
            }
        }
        if lower.starts_with("(localdb)") {
            return Err(
                Error::usage("LocalDB does not listen on TCP").remedy("Name a server: Server=host,port.")
            );
        }
        let text = if lower.starts_with("tcp:") { text[4..].trim_start() } else { text };
        let (place, port) = match text.rsplit_once(',') {
            Some((place, port)) => (place.trim(), Some(parse_port(port)?)),
            None => (text, None),
        };
        let (host, instance) = match place.split_once('\\') {
            Some((host, instance)) => (host.trim(), Some(instance.trim()).filter(|i| !i.is_empty())),
            None => (place, None),
        };
        // The default instance may be named, too; it needs no SQL Server Browser.
        let instance = instance.filter(|i| !i.eq_ignore_ascii_case("MSSQLSERVER")).map(str::to_owned);
        instance.as_deref().map_or(Ok(()), check_instance)?;
        Ok(Self { host: parse_host(host)?, instance, port })
    }
}

fn parse_port(text: &str) -> Result<u16> {
    let port = text.trim().parse().ok().filter(|port| *port > 0);
    port.ok_or_else(|| Error::usage("The port in Server=host,port must be a number from 1 to 65535"))
}

/// Whatever else stands there may be part of a password, and the host is shown in every message.
fn parse_host(host: &str) -> Result<String> {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')).unwrap_or(host);
    let host = if host == "." || host.eq_ignore_ascii_case("(local)") { "localhost" } else { bare };
    if host.is_empty() {
        return Err(Error::usage("Server= names no host"));
    }
    // Two colons or more are an IPv6 address; one is the port written as elsewhere.
    if host.matches(':').count() == 1 {
        return Err(
            Error::usage("Server= holds a colon").remedy("The port follows a comma: Server=host,port.")
        );
    }
    // A link-local address may have a zone (RFC 4007, 11.2).
    let (name, zone) = host.split_once('%').unwrap_or((host, ""));
    let is_address = name.parse::<Ipv6Addr>().is_ok() && are_all(zone, "-_.");
    if is_address || are_all(host, "-_.") {
        return Ok(host.to_owned());
    }
    Err(Error::usage("Server= holds characters that neither a name nor an address has").remedy(
        "Write Server=host,port, and put a semicolon after it. User and password have keywords of their own.",
    ))
}

/// An instance is shown as the host is. Its name has letters, digits, underscores and dollar signs (SQL Server, "Instance
/// configuration").
fn check_instance(name: &str) -> Result<()> {
    if are_all(name, "-_$#") {
        return Ok(());
    }
    Err(Error::usage("Server= holds characters that no instance has in its name")
        .remedy("Write Server=host\\instance, and put a semicolon after it."))
}

/// Letters, digits and these.
fn are_all(text: &str, others: &str) -> bool {
    text.chars().all(|c| c.is_alphanumeric() || others.contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> (String, Option<String>, Option<u16>) {
        let source = DataSource::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"));
        (source.host, source.instance, source.port)
    }

    #[test]
    fn forms() {
        let host = |h: &str, i: Option<&str>, p| (h.to_owned(), i.map(str::to_owned), p);
        assert_eq!(parse("db.example.org"), host("db.example.org", None, None));
        assert_eq!(parse("tcp:db , 1444"), host("db", None, Some(1444)));
        assert_eq!(parse("TCP:db"), host("db", None, None));
        assert_eq!(parse(r"db\SALES"), host("db", Some("SALES"), None));
        assert_eq!(parse(r"db\SALES,1500"), host("db", Some("SALES"), Some(1500)));
        assert_eq!(parse(r"db\MSSQLSERVER"), host("db", None, None));
        assert_eq!(parse("."), host("localhost", None, None));
        assert_eq!(parse("(local)"), host("localhost", None, None));
        assert_eq!(parse(r"(LOCAL)\SQLEXPRESS"), host("localhost", Some("SQLEXPRESS"), None));
        assert_eq!(parse("fe80::1%eth0,1433"), host("fe80::1%eth0", None, Some(1433)));
        assert_eq!(parse("[::1],1433"), host("::1", None, Some(1433)));
        assert_eq!(parse("fe80::1,1433"), host("fe80::1", None, Some(1433)));
    }

    #[test]
    fn mistakes_name_the_way_out() {
        for (text, part) in [
            ("db:1433", "comma"),
            ("db,port", "1 to 65535"),
            ("db,0", "1 to 65535"),
            ("np:db", "Named pipes"),
            (r"\\.\pipe\sql\query", "Named pipes"),
            ("(localdb)\\v11", "LocalDB"),
            (",1433", "no host"),
            ("h secret", "neither a name nor an address"),
            ("u:secret@h:1", "neither a name nor an address"),
            ("::1:secret", "neither a name nor an address"),
            ("fe80::1%eth0 secret", "neither a name nor an address"),
            (r"h\i secret", "no instance"),
        ] {
            let error = DataSource::parse(text).expect_err(text).to_string();
            assert!(error.contains(part) && !error.contains("secret"), "{text}: {error}");
        }
    }
}
