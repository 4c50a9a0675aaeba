//! The way to a server: its name, its addresses, the handshake, the certificate, the login.
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use time::OffsetDateTime;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use super::ask::Asker;
use super::certificate;
use super::credential;
use super::finding::{Check, CheckFinding, CheckFindings, CheckSeverity, Side};
use crate::config::Endpoint;
use crate::error::Error;
use crate::error::numbers::NO_SUCH_DATABASE;
use crate::link::{self, LinkTimes};
use crate::report::human_duration;
use crate::session::{ConnectTimes, Role, Session};

/// Whoever waits longer for a name waits so at every connection.
const SLOW: Duration = Duration::from_secs(1);
/// A step of the way in that takes longer makes every connection slow. One that takes a second may be an odd moment's.
const SLOW_STEP: Duration = Duration::from_secs(5);
/// As the tools give each of several addresses.
const PATIENCE: Duration = Duration::from_secs(5);
/// Before that many days a certificate is replaced in peace.
const CERTIFICATE_DAYS: i64 = 30;

/// Goes there step by step, and says what each came to. `None`: we are not let in.
pub async fn reach(endpoint: &Endpoint, role: Role, out: &mut CheckFindings) -> Option<Asker> {
    let side = match role {
        Role::Source => Side::Source,
        Role::Target => Side::Target,
    };
    let port = addresses(endpoint, side, out).await;
    match Session::connect_once(endpoint, role).await {
        Ok(mut session) => {
            out.extend(credential::check(endpoint, port, side).await);
            out.add(let_in(session.times(), side));
            let der = session.lane().ok().and_then(|lane| lane.certificate().map(<[u8]>::to_vec));
            out.extend(der.and_then(|der| judged(&der, OffsetDateTime::now_utc(), side)));
            Some(Asker::new(session, endpoint, role, out).await)
        }
        Err(error) => {
            out.add(refused(&error, side));
            None
        }
    }
}

/// How long the server took to let us in, step by step. A run connects once for each stream, and again after each fault.
fn let_in(times: ConnectTimes, side: Side) -> CheckFinding {
    let ConnectTimes { link: LinkTimes { tcp, prelogin, tls }, login } = times;
    let steps = [("TCP", tcp), ("PRELOGIN", prelogin), ("TLS", tls), ("login", login)];
    let told = steps.map(|(step, took)| format!("{step} {} ms", took.as_millis())).join(", ");
    let slow = steps.iter().filter(|(_, took)| *took > SLOW_STEP).max_by_key(|(_, took)| *took);
    match slow {
        None => CheckFinding::new(Check::Connection, side, CheckSeverity::Info, format!("connected: {told}")),
        Some((step, _)) => {
            let remedy = match *step {
                "login" => {
                    "See what the server waits for at a login: a domain controller, a logon trigger, its workers"
                }
                _ => "See how busy the server is, and what is between it and this machine",
            };
            let what = format!("connecting is slow, above all {step}: {told}");
            CheckFinding::new(Check::Connection, side, CheckSeverity::Warning, what).remedy(remedy)
        }
    }
}

fn refused(error: &Error, side: Side) -> CheckFinding {
    let check = if error.server().is_some() { Check::Login } else { Check::Connection };
    let finding = CheckFinding::error(check, side, error);
    if error.has_number(NO_SUCH_DATABASE) {
        finding.remedy(
            "Correct the database's name, or give the login a user there; if the database is about to come up, that \
             passes: a run tries for two minutes",
        )
    } else if error.is_transient() {
        finding.remedy("That may pass: a run tries for two minutes")
    } else {
        finding
    }
}

/// Looks at the name and its addresses, and says which port the server has.
async fn addresses(endpoint: &Endpoint, side: Side, out: &mut CheckFindings) -> u16 {
    let default = endpoint.port_or_default();
    let port = match (&endpoint.instance, endpoint.port) {
        (Some(instance), None) => match link::port_of(&endpoint.host, instance).await {
            Ok(port) => port,
            Err(error) => {
                out.add(CheckFinding::error(Check::NameResolution, side, &error));
                return default;
            }
        },
        _ => default,
    };
    connected(endpoint, port, side, out).await;
    port
}

async fn connected(endpoint: &Endpoint, port: u16, side: Side, out: &mut CheckFindings) {
    let host = &endpoint.host;
    let begun = Instant::now();
    let found = timeout(endpoint.connect_timeout, lookup_host((host.as_str(), port))).await;
    let took = begun.elapsed();
    let addresses: Vec<SocketAddr> = match found {
        Ok(Ok(addresses)) => addresses.collect(),
        Ok(Err(error)) => {
            let what = format!("the address of {host} is not to be found: {error}");
            let remedy = "Check the spelling of Server= and the DNS";
            return out.add(
                CheckFinding::new(Check::NameResolution, side, CheckSeverity::Error, what).remedy(remedy),
            );
        }
        Err(_) => {
            let what = format!("the DNS has no answer for {host} within {}", human_duration(took));
            let remedy = "Check the name servers of this machine";
            return out.add(
                CheckFinding::new(Check::NameResolution, side, CheckSeverity::Error, what).remedy(remedy),
            );
        }
    };
    out.add(resolved(host, &addresses, took, side));
    let mut answers = Vec::new();
    for address in addresses {
        let answer = match timeout(PATIENCE, TcpStream::connect(address)).await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some(format!("no answer within {} s", PATIENCE.as_secs())),
        };
        answers.push((address, answer));
    }
    out.extend(unreachable(&answers, side));
}

fn resolved(host: &str, addresses: &[SocketAddr], took: Duration, side: Side) -> CheckFinding {
    let list = addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let what = format!("{host} is {list}, found in {}", human_duration(took));
    if took > SLOW {
        let remedy = "Check the name servers of this machine: every connection asks them";
        return CheckFinding::new(Check::NameResolution, side, CheckSeverity::Warning, what).remedy(remedy);
    }
    CheckFinding::new(Check::NameResolution, side, CheckSeverity::Info, what)
}

/// Of all addresses, those that do not answer. One that answers is enough to go on; every other one may cost each
/// connection its time.
fn unreachable(answers: &[(SocketAddr, Option<String>)], side: Side) -> Vec<CheckFinding> {
    let none = answers.iter().all(|(_, silent)| silent.is_some());
    let silent = answers.iter().filter_map(|(address, why)| Some((address, why.as_ref()?)));
    let finding = |(address, why): (&SocketAddr, &String)| {
        let what = format!("{address} cannot be connected to: {why}");
        if none {
            let remedy = "Check that the server runs, listens on this TCP port and is not behind a firewall";
            CheckFinding::new(Check::Address, side, CheckSeverity::Error, what).remedy(remedy)
        } else {
            let remedy = "Take it out of the DNS, or say MultiSubnetFailover=true, which tries all at once";
            CheckFinding::new(Check::Address, side, CheckSeverity::Warning, what).remedy(remedy)
        }
    };
    silent.map(finding).collect()
}

fn judged(der: &[u8], now: OffsetDateTime, side: Side) -> Option<CheckFinding> {
    let end = certificate::not_after(der)?;
    let days = (end - now).whole_days();
    let what = format!("the server's certificate ends on {}", end.date());
    Some(if days >= CERTIFICATE_DAYS {
        CheckFinding::new(Check::Certificate, side, CheckSeverity::Info, what)
    } else {
        let left = if end < now { "it has ended".to_owned() } else { format!("in {days} days") };
        CheckFinding::new(Check::Certificate, side, CheckSeverity::Warning, format!("{what}: {left}"))
            .remedy("Have it replaced: without TrustServerCertificate no run gets in afterwards")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_that_answers_is_enough_to_go_on() {
        let at = |n: u8| SocketAddr::from(([10, 0, 0, n], 1433));
        let silent = Some("no answer".to_owned());
        let severities = |answers: &[_]| -> Vec<_> {
            unreachable(answers, Side::Source).iter().map(|f| f.severity).collect()
        };
        assert_eq!(severities(&[(at(1), None)]), []);
        assert_eq!(severities(&[(at(1), silent.clone()), (at(2), None)]), [CheckSeverity::Warning]);
        assert_eq!(severities(&[(at(1), silent.clone()), (at(2), silent)]), [CheckSeverity::Error; 2]);
    }

    #[test]
    fn a_slow_login_is_told_and_which_step_it_is() {
        let millis = Duration::from_millis;
        let link = LinkTimes { tcp: millis(1), prelogin: millis(2), tls: millis(30) };
        let fast = let_in(ConnectTimes { link, login: millis(5000) }, Side::Source);
        assert_eq!(fast.what, "connected: TCP 1 ms, PRELOGIN 2 ms, TLS 30 ms, login 5000 ms");
        assert_eq!(fast.severity, CheckSeverity::Info);
        let slow = let_in(ConnectTimes { link, login: millis(5001) }, Side::Source);
        assert_eq!(slow.severity, CheckSeverity::Warning);
        assert!(slow.what.starts_with("connecting is slow, above all login: "), "{}", slow.what);
    }

    #[test]
    fn a_slow_name_server_is_told() {
        let finding = |took| resolved("h", &[], took, Side::Target).severity;
        assert_eq!(finding(Duration::from_millis(900)), CheckSeverity::Info);
        assert_eq!(finding(Duration::from_millis(1100)), CheckSeverity::Warning);
    }
}
