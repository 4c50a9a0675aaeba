//! The URL form of go-mssqldb, which sqlcmd and other tools take, too:
//! `sqlserver://user:password@host[:port][/instance][?keyword=value&...]` (go-mssqldb, README, "The connection string can
//! be specified in one of three formats").
use percent_encoding::percent_decode_str;

use super::{ado_form, host_and_port, normal, server};
use crate::error::{Error, Result};

/// Keywords that ADO.NET calls otherwise.
const OTHERWISE: &[(&str, &str)] = &[
    ("appname", "Application Name"),
    ("certificate", "Server Certificate"),
    ("dialtimeout", "Connect Timeout"),
    ("fedauth", "Authentication"),
];

/// What the parts of a URL are.
struct UrlParts<'a> {
    user: Option<String>,
    password: Option<String>,
    host: &'a str,
    port: Option<&'a str>,
    path: String,
    query: &'a str,
}

/// Reads what follows `sqlserver://`.
pub(super) fn parse(text: &str) -> Result<Vec<(String, String)>> {
    let parts = split(text)?;
    let mut pairs = vec![("Server".to_owned(), server(parts.host, Some(&parts.path), parts.port))];
    pairs.extend(parts.user.map(|user| ("User".to_owned(), user)));
    pairs.extend(parts.password.map(|password| ("Password".to_owned(), password)));
    for (number, part) in parts.query.split('&').filter(|part| !part.is_empty()).enumerate() {
        let Some((keyword, value)) = part.split_once('=') else {
            return Err(Error::usage(format!(
                "Part {} after the question mark is not keyword=value",
                number + 1
            )));
        };
        // As forms encode: a plus is a blank.
        let (keyword, value) = (decoded(&keyword.replace('+', " "))?, decoded(&value.replace('+', " "))?);
        let name = normal(&keyword);
        let known = OTHERWISE.iter().find(|(theirs, _)| *theirs == name);
        // "disable" leaves the login in plain text, too; here a login is encrypted wherever the server can.
        let value = if name == "encrypt" && value.eq_ignore_ascii_case("disable") {
            "false".to_owned()
        } else {
            value
        };
        pairs.push((known.map_or(keyword, |(_, ours)| (*ours).to_owned()), value));
    }
    Ok(pairs)
}

/// The refusal of a URL of SQLAlchemy, with what stands in it.
pub(super) fn not_ours(text: &str) -> Error {
    let error = Error::usage("A URL of SQLAlchemy names a Python driver, which the tools do not use");
    if text.to_ascii_lowercase().contains("odbc_connect=") {
        return error
            .remedy("Give the string that odbc_connect holds, decoded: Driver={…};Server=…;UID=…;PWD=….");
    }
    // An @ that leads to no user is one of a password, which then stands where the host should.
    let parts = split(text).ok().filter(|parts| parts.user.is_some() || !text.contains('@'));
    // Keywords of another spelling, a password's among them, are no part of a host's name.
    let is_mixed = text.split('?').next().is_some_and(|place| place.contains([';', '=']));
    let parts = parts.filter(|parts| !parts.host.is_empty() && !is_mixed);
    let form = parts.map_or_else(
        || ado_form(None, None, None),
        |parts| {
            let database = Some(parts.path.as_str()).filter(|path| !path.is_empty());
            ado_form(Some(&server(parts.host, None, parts.port)), database, parts.user.as_deref())
        },
    );
    error.remedy(format!("Write {form}."))
}

fn split(text: &str) -> Result<UrlParts<'_>> {
    let (place, query) = text.split_once('?').unwrap_or((text, ""));
    let (authority, path) = place.split_once('/').unwrap_or((place, ""));
    // An @ belongs to the password unless it is the last one.
    let (login, host) = match authority.rsplit_once('@') {
        Some((login, host)) => (Some(login), host),
        None => (None, authority),
    };
    let (host, port) = host_and_port(host);
    // What stands before the question mark or the slash of a password looks like a port.
    let is_cut =
        login.is_none() && text.contains('@') && port.is_some_and(|port| port.parse::<u16>().is_err());
    if path.contains('@') || host.contains('#') || is_cut {
        return Err(Error::usage("The URL's password holds a slash, a question mark or a hash")
            .remedy("Write it percent-encoded: %2F for /, %3F for ?, %23 for #."));
    }
    let (user, password) = match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
        Some((user, password)) => (Some(decoded(user)?), Some(decoded(password)?)),
        None => (None, None),
    };
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    Ok(UrlParts { user: given(user), password: given(password), host, port, path: decoded(path)?, query })
}

fn decoded(text: &str) -> Result<String> {
    let bytes = text.as_bytes();
    let sound = (0..bytes.len())
        .filter(|at| bytes[*at] == b'%')
        .all(|at| bytes.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)));
    let decoded = percent_decode_str(text).decode_utf8().ok().filter(|_| sound);
    decoded.map(|text| text.into_owned()).ok_or_else(|| {
        Error::usage("A part of the URL is not percent-encoded UTF-8").remedy("Write a percent sign as %25.")
    })
}
