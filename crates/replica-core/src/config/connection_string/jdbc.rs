//! JDBC's form: `jdbc:sqlserver://[host[\instance][:port]][;property=value...]` (Microsoft JDBC Driver, "Building the
//! connection URL" and "Setting the connection properties").
use super::{braced_pairs, host_and_port, normal, server};
use crate::error::Result;

/// Properties that ADO.NET calls otherwise.
const OTHERWISE: &[(&str, &str)] = &[
    ("databasename", "Database"),
    ("username", "User"),
    ("logintimeout", "Connect Timeout"),
    ("columnencryptionsetting", "Column Encryption Setting"),
    // The older names of a client id and its secret.
    ("msiclientid", "User"),
    ("aadsecureprincipalid", "User"),
    ("aadsecureprincipalsecret", "Password"),
];

/// Reads what follows `jdbc:sqlserver://`.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>> {
    let (place, properties) = text.split_once(';').unwrap_or((text, ""));
    let (name, port) = host_and_port(place.trim().trim_end_matches('/'));
    let (host, instance) =
        name.split_once('\\').map_or((name, None), |(host, instance)| (host, Some(instance)));
    let mut place =
        [Some(host).filter(|host| !host.is_empty()), instance, port].map(|part| part.map(str::to_owned));
    let mut pairs = Vec::new();
    for (property, value) in braced_pairs(properties)? {
        let name = normal(&property);
        match name.as_str() {
            "servername" | "server" => place[0] = Some(value),
            "instancename" | "instance" => place[1] = Some(value),
            "portnumber" | "port" => place[2] = Some(value),
            name => {
                let known = OTHERWISE.iter().find(|(theirs, _)| *theirs == name);
                pairs.push((known.map_or(property, |(_, ours)| (*ours).to_owned()), value));
            }
        }
    }
    let [host, instance, port] = &place;
    let server = server(host.as_deref().unwrap_or_default(), instance.as_deref(), port.as_deref());
    pairs.insert(0, ("Server".to_owned(), server));
    Ok(pairs)
}
