//! What a server is called in Kerberos: its service principal name (SPN).
//!
//! Over TCP it is `MSSQLSvc/host:port`, host being fully qualified, for named instances as well; a named instance may be
//! registered by its name instead, and a default one without any ("Register a Service Principal Name for Kerberos
//! Connections", Microsoft).
use std::net::IpAddr;

use dns_lookup::{AddrInfoHints, getaddrinfo, lookup_addr};

use crate::error::{Error, Result};

const DEFAULT_PORT: u16 = 1433;

/// What the server at this port may be registered as, the likeliest first.
pub(super) fn names(host: &str, instance: Option<&str>, port: u16) -> Vec<String> {
    let mut names = vec![format!("MSSQLSvc/{host}:{port}")];
    match instance {
        Some(instance) => names.push(format!("MSSQLSvc/{host}:{instance}")),
        None if port == DEFAULT_PORT => names.push(format!("MSSQLSvc/{host}")),
        None => {}
    }
    names
}

/// As the library takes it: an empty realm is one that the KDC finds, over referrals to other domains too (RFC 6806);
/// without the `@` it would be the default realm and no other.
pub(super) fn principal(name: &str) -> String {
    if name.contains('@') { name.to_owned() } else { format!("{name}@") }
}

/// The fully qualified name behind a short name, an alias or an address: what an SPN is registered with. Blocks.
///
/// # Errors
/// An address that DNS has no name for.
pub(super) fn canonical(host: &str) -> Result<String> {
    let lower = |name: String| name.trim_end_matches('.').to_ascii_lowercase();
    if let Ok(address) = host.parse::<IpAddr>() {
        return lookup_addr(&address).map(lower).map_err(|_| {
            Error::connect(format!("Kerberos knows servers by name, and DNS has no name for {address}"))
                .remedy("Write the server's fully qualified name in Server=, or give ServerSPN.")
        });
    }
    // A name that has no other is used as written: the KDC says whether it knows it.
    let hints = AddrInfoHints { flags: AI_CANONNAME, ..AddrInfoHints::default() };
    let found = getaddrinfo(Some(host), None, Some(hints)).ok();
    let name = found.and_then(|mut found| found.find_map(|one| one.ok()?.canonname));
    Ok(lower(name.unwrap_or_else(|| host.to_owned())))
}

/// The resolver's flag for it, the same number in glibc, musl, the BSDs and Windows.
const AI_CANONNAME: i32 = 0x2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_a_server() {
        for (instance, port, expected) in [
            (None, 1433, vec!["MSSQLSvc/h.example:1433", "MSSQLSvc/h.example"]),
            (None, 1500, vec!["MSSQLSvc/h.example:1500"]),
            (Some("SALES"), 50123, vec!["MSSQLSvc/h.example:50123", "MSSQLSvc/h.example:SALES"]),
        ] {
            assert_eq!(names("h.example", instance, port), expected);
        }
    }

    #[test]
    fn a_realm_is_found_unless_it_is_said() {
        assert_eq!(principal("MSSQLSvc/h:1433"), "MSSQLSvc/h:1433@");
        assert_eq!(principal("MSSQLSvc/h:1433@CORP.EXAMPLE"), "MSSQLSvc/h:1433@CORP.EXAMPLE");
    }

    #[test]
    fn addresses_have_names() {
        assert_eq!(canonical("LOCALHOST").unwrap(), "localhost");
        assert_eq!(canonical("127.0.0.1").unwrap(), "localhost");
        // TEST-NET-1 (RFC 5737) is nobody's.
        let error = canonical("192.0.2.1").unwrap_err().to_string();
        assert!(error.contains("ServerSPN"), "{error}");
        assert_eq!(canonical("Nowhere.invalid").unwrap(), "nowhere.invalid");
    }
}
