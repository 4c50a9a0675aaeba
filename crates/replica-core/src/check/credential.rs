//! For how long what we log in with serves: a ticket of Kerberos, a token of Entra. When a client's secret ends nobody tells.
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::finding::{Check, CheckFinding, CheckSeverity, Side};
use crate::config::{Credential, Endpoint, TokenSource};
use crate::entra;
use crate::report::human_duration;
use crate::session;

/// Clocks differ, and logins take time: as the tools see a token that is about to end.
const TOO_SHORT: Duration = Duration::from_secs(300);
/// A run of tonight needs it for that long.
const A_NIGHT: Duration = Duration::from_secs(24 * 3600);

/// Asks for the ticket or token once more, which is at hand after a login. `port`: where that was.
pub(super) async fn check(endpoint: &Endpoint, port: u16, side: Side) -> Option<CheckFinding> {
    match &endpoint.credential {
        Credential::Kerberos => {
            let left = session::ticket_left(endpoint, port).await?;
            let renewed = endpoint.kerberos.keytab_file.is_some()
                || std::env::var_os("KRB5_CLIENT_KTNAME").is_some_and(|name| !name.is_empty());
            Some(ticket(left, renewed, side))
        }
        Credential::Entra(source) => {
            let token = entra::token(endpoint).await.ok()??;
            let end = end_of(token.secret.expose())?;
            let left = end.saturating_sub(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
            Some(of_token(left, source, side))
        }
        _ => None,
    }
}

fn ticket(left: Duration, renewed: bool, side: Side) -> CheckFinding {
    let what = format!("the Kerberos ticket serves for {}", human_duration(left));
    if renewed {
        let what = format!("{what}; the keytab gives the next one");
        return CheckFinding::new(Check::Credential, side, CheckSeverity::Info, what);
    }
    let severity = if left < A_NIGHT { CheckSeverity::Warning } else { CheckSeverity::Info };
    CheckFinding::new(Check::Credential, side, severity, format!("{what}, and no keytab gives another"))
        .remedy("Write keytab_file in replica.toml, or set KRB5_CLIENT_KTNAME in the crontab")
}

fn of_token(left: Duration, source: &TokenSource, side: Side) -> CheckFinding {
    let what = format!("the token of Entra serves for {}", human_duration(left));
    let finding = |severity, what| CheckFinding::new(Check::Credential, side, severity, what);
    match source {
        TokenSource::File(file) => {
            let severity = if left < TOO_SHORT { CheckSeverity::Warning } else { CheckSeverity::Info };
            let remedy = format!("See that {} is written anew before each run", file.display());
            finding(severity, what).remedy(remedy)
        }
        _ => finding(CheckSeverity::Info, format!("{what}; a run asks for another")),
    }
}

/// When a JSON Web Token ends, since 1970: `exp` of its claims (RFC 7519, 3.1 and 4.1.4). `None`: it does not say.
fn end_of(token: &str) -> Option<Duration> {
    let claims: Value = serde_json::from_slice(&base64url(token.split('.').nth(1)?)?).ok()?;
    Some(Duration::from_secs(claims.get("exp")?.as_u64()?))
}

/// RFC 4648, 5, without padding.
fn base64url(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut held, mut bits) = (0u32, 0);
    for sign in text.bytes() {
        let six = match sign {
            b'A'..=b'Z' => sign - b'A',
            b'a'..=b'z' => sign - b'a' + 26,
            b'0'..=b'9' => sign - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        held = held << 6 | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits & 0xFF) as u8);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_when_it_ends() {
        assert_eq!(
            end_of("eyJhbGciOiJub25lIn0.eyJleHAiOjE3OTAwMDAwMDB9.c2ln"),
            Some(Duration::from_secs(1_790_000_000))
        );
        for token in
            ["", "a", "a.b", "a.e30.c", "a.eyJleHAiOiJzb29uIn0.c", "a.!!!.c", "eyJhbGciOiJub25lIn0.hunter2"]
        {
            assert_eq!(end_of(token), None, "{token}");
        }
        assert_eq!(base64url("_-8").as_deref(), Some(&[0xFF, 0xEF][..]));
    }

    #[test]
    fn what_nobody_renews_is_a_warning() {
        let severity = |finding: CheckFinding| finding.severity;
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        assert_eq!(severity(ticket(hours(9), true, Side::Source)), CheckSeverity::Info);
        assert_eq!(severity(ticket(hours(9), false, Side::Source)), CheckSeverity::Warning);
        assert_eq!(severity(ticket(hours(25), false, Side::Source)), CheckSeverity::Info);
        let file = TokenSource::File("token".into());
        assert_eq!(severity(of_token(hours(1), &file, Side::Source)), CheckSeverity::Info);
        assert_eq!(severity(of_token(Duration::ZERO, &file, Side::Source)), CheckSeverity::Warning);
        assert_eq!(
            severity(of_token(Duration::ZERO, &TokenSource::ManagedIdentity, Side::Source)),
            CheckSeverity::Info
        );
    }
}
