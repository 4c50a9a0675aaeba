//! Windows logins from Linux: a ticket of Kerberos for the server, had by GSSAPI.
//!
//! The exchange is one of RFC 4121 in the SSPI field of LOGIN7 and in SSPI messages ([MS-TDS] 3.2.5.2): AP-REQ, and
//! AP-REP as the answer. There are no channel bindings: rustls gives out no `tls-unique`, and TLS 1.3 has none (RFC 8446,
//! 4.4.4 and appendix C.5), so a server with Extended Protection=Required turns us away.
mod keytab;
mod remedy;
mod spn;

use std::time::Duration;

use replica_gssapi::{Failure, HandshakeStep, Initiator, TicketSource};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::config::{Endpoint, Kerberos};
use crate::error::{Error, Result};
use remedy::{explained, is_unknown_server};

/// Whoever waits for us gives up at the deadline; the reason has to be told before.
const BEFORE_THE_DEADLINE: Duration = Duration::from_millis(100);

/// A login that has begun.
pub(super) struct Negotiation {
    initiator: Option<Initiator>,
    /// The server has proved that it has the service's key.
    complete: bool,
    deadline: Instant,
    /// For so long the ticket serves, if it ends.
    left: Option<Duration>,
}

impl Negotiation {
    /// Asks for a ticket for the server, at this port, and returns the first token for it. A server may be registered
    /// by several names: they are tried in turn.
    ///
    /// # Errors
    /// No ticket is to be had by `deadline`, with the way out.
    pub(super) async fn begin(endpoint: &Endpoint, port: u16, deadline: Instant) -> Result<(Self, Vec<u8>)> {
        let settings = endpoint.kerberos.clone();
        if let Some(file) = &settings.keytab_file {
            keytab::check(file, settings.principal.as_deref())?;
        }
        let names = match &settings.server_spn {
            Some(spn) => vec![spn.clone()],
            None => {
                let host = endpoint.host.clone();
                let canonical = aside(deadline, "DNS", move || spn::canonical(&host)).await??;
                spn::names(&canonical, endpoint.instance.as_deref(), port)
            }
        };
        log::debug!("{endpoint}: asking for a Kerberos ticket for {}", names.join(", else "));
        let asked = names.clone();
        let source = source(&settings)?;
        let begun = aside(deadline, "a KDC", move || first(&asked, &source)).await?;
        let (initiator, step, name) = begun.map_err(|failure| explained(&failure, &settings, &names))?;
        log::debug!("{endpoint}: a Kerberos ticket for {name}");
        let HandshakeStep { token, left, .. } = step;
        Ok((Self { initiator: Some(initiator), complete: false, deadline, left }, token))
    }

    /// What to say to the server's token; empty: nothing.
    ///
    /// # Errors
    /// The token does not prove that the server has the service's key.
    pub(super) async fn answer(&mut self, token: Vec<u8>) -> Result<Vec<u8>> {
        let mut initiator =
            self.initiator.take().ok_or_else(|| Error::protocol("a token after a Kerberos login failed"))?;
        let (initiator, step) = aside(self.deadline, "a KDC", move || {
            let step = initiator.step(&token);
            (initiator, step)
        })
        .await?;
        let step = step.map_err(|failure| {
            Error::connect(format!("the server does not prove that it is the one asked for: {failure}"))
        })?;
        self.initiator = Some(initiator);
        self.complete = step.complete;
        Ok(step.token)
    }

    /// Whether the server has proved who it is, as it was asked to.
    ///
    /// # Errors
    /// It has not.
    pub(super) fn is_complete(&self) -> Result<()> {
        if self.complete {
            return Ok(());
        }
        Err(Error::protocol("the server answers the login without a word to the Kerberos ticket"))
    }
}

/// For so long the ticket serves that a login of this endpoint takes; `None`: there is none, or it does not end.
pub(crate) async fn ticket_left(endpoint: &Endpoint, port: u16) -> Option<Duration> {
    let deadline = Instant::now() + endpoint.connect_timeout;
    Negotiation::begin(endpoint, port, deadline).await.ok()?.0.left
}

/// The first of these names that the KDC knows, with the token for it.
fn first(names: &[String], source: &TicketSource) -> Result<(Initiator, HandshakeStep, String), Failure> {
    let mut failed = Failure::Said("there is no name to ask for".to_owned());
    for name in names {
        let begun = Initiator::new(&spn::principal(name), source).and_then(|mut initiator| {
            let step = initiator.step(&[])?;
            Ok((initiator, step, name.clone()))
        });
        match begun {
            Err(failure) if is_unknown_server(&failure) => failed = failure,
            settled => return settled,
        }
    }
    Err(failed)
}

/// Where tickets come from. A keytab's go to a cache in memory, which the library renews from the keytab when they are
/// about to end; the user's own cache is left alone.
fn source(settings: &Kerberos) -> Result<TicketSource> {
    let principal = settings.principal.clone();
    let Some(file) = &settings.keytab_file else {
        return Ok(TicketSource { principal, ..TicketSource::default() });
    };
    let path = file.to_str().ok_or_else(|| Error::usage("the path of the keytab is not UTF-8"))?;
    let cache = format!("MEMORY:replica {} {path}", principal.as_deref().unwrap_or_default());
    Ok(TicketSource { principal, keytab: Some(format!("FILE:{path}")), cache: Some(cache) })
}

/// Does what may block on a thread of its own, and waits until `deadline`. A KDC that swallows packets holds the library
/// for half a minute; a runtime would wait for its own threads when the process is to end, and for this one nobody waits.
async fn aside<T: Send + 'static>(
    deadline: Instant,
    whom: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let (tell, told) = oneshot::channel();
    // Nobody listens any more if it came too late.
    let run = move || drop(tell.send(work()));
    std::thread::Builder::new().name("kerberos".to_owned()).spawn(run)?;
    match timeout_at(deadline - BEFORE_THE_DEADLINE, told).await {
        Ok(done) => done.map_err(|_| Error::io("the thread of the Kerberos login has ended")),
        Err(_) => Err(remedy::silent(whom)),
    }
}
