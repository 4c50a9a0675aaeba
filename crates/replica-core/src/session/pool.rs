//! Sessions between two pieces of work. A login costs six round trips and the hashing of a password; a session that is used
//! again costs none.
//!
//! [`Session::give_back`] has the server forget the session's state (RESETCONNECTION, docs/WIRE.md, "A session that is used
//! again") and does not wait for the answer, which [`Session::take`] reads. So what the session held is free at once, whether
//! or not anybody takes it again. A session on which nothing was run but what is known to leave nothing
//! ([`Session::has_left_nothing`]), and which holds nothing more than it began with, is kept as it is: whoever takes it waits for
//! nothing.
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{OPTIONS, Role, SILENCE, Session, Settings, applock, own};
use crate::config::Endpoint;
use crate::error::{Error, Result};

/// What stands between us and a server may forget a connection that is silent for minutes.
const FRESH: Duration = Duration::from_secs(60);
/// For an answer that is here already, as a rule.
const ANSWER: Duration = Duration::from_secs(5);

struct IdleSession {
    session: Session,
    endpoint: Endpoint,
    role: Role,
    since: Instant,
    /// The answer to its reset is to come.
    is_resetting: bool,
}

/// Those of this process. A process has one runtime; the sessions of one that has ended answer with an error.
fn idle() -> MutexGuard<'static, Vec<IdleSession>> {
    static IDLE: Mutex<Vec<IdleSession>> = Mutex::new(Vec::new());
    IDLE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl IdleSession {
    /// The one that was given back last: the others grow old, and go.
    fn pop(endpoint: &Endpoint, role: Role) -> Option<Self> {
        let mut idle = idle();
        let place = idle.iter().rposition(|idle| idle.role == role && idle.endpoint == *endpoint)?;
        Some(idle.remove(place))
    }
}

impl Session {
    /// A session that was given back, else a new one.
    ///
    /// # Errors
    /// Those of [`Self::connect`].
    pub async fn take(endpoint: &Endpoint, role: Role) -> Result<Self> {
        while let Some(IdleSession { mut session, since, is_resetting, .. }) =
            IdleSession::pop(endpoint, role)
        {
            match session.is_ready(since, is_resetting).await {
                Ok(()) => {
                    log::debug!("{}: session {} is used again", session.place, session.number());
                    return Ok(session);
                }
                Err(error) => {
                    log::debug!("{}: session {} is not used again: {error}", session.place, session.number());
                }
            }
        }
        Self::connect(endpoint, role).await
    }

    /// For whoever comes next, where all went well. One on which something is under way is closed: an error, a wait that was cut
    /// off and a dropped future leave nobody knows what.
    pub async fn give_back(mut self) {
        let watch = self.lane.as_ref().and_then(|lane| lane.watch());
        let Some((endpoint, role)) = watch.map(|watch| watch.of()) else { return };
        if !self.is_at_rest() || !self.has_all_options {
            return;
        }
        let is_resetting = !self.holds_nothing();
        let rests = async {
            self.rests()?;
            if is_resetting {
                applock::release_all(&mut self).await?;
                self.forget().await?;
            }
            Ok(())
        };
        let rests: Result<()> = rests.await;
        if let Err(error) = rests {
            log::debug!("{}: session {} is not used again: {error}", self.place, self.number());
            return;
        }
        idle().push(IdleSession { session: self, endpoint, role, since: Instant::now(), is_resetting });
    }

    /// Whether it is as it began: whatever was run on it has left nothing but what these tell of, and that is not there.
    fn holds_nothing(&self) -> bool {
        let has_no_traces = self.lane.as_ref().is_some_and(|lane| lane.is_without_traces());
        has_no_traces && self.settings == Settings::FIRST && self.own.held().is_empty()
    }

    /// What is kept on our side goes back to what it was.
    fn rests(&mut self) -> Result<()> {
        self.silence = self.command_timeout.unwrap_or(SILENCE);
        self.ahead.clear();
        let (silence, place) = (self.silence, self.place.clone());
        let lane = self.lane()?;
        lane.set_silence(silence);
        lane.works_on(place);
        Ok(())
    }

    /// The one place that knows what a session holds. The server puts its own part back when the request arrives; what it need
    /// not have put back is among [`OPTIONS`], such as the isolation level, which never is (docs/WIRE.md, "A session that is used
    /// again").
    async fn forget(&mut self) -> Result<()> {
        let mark = self.own.mark().statement();
        let options = OPTIONS.iter().copied().chain([mark.as_str()]);
        let sql = options.collect::<Vec<_>>().join("; ");
        self.settings = Settings::default();
        self.lane()?.send_resetting(&sql).await
    }

    /// Whether the server has done so, where it had to, and is still there. The answer is read first: a session whose answer
    /// was read has left nothing at the server.
    async fn is_ready(&mut self, since: Instant, is_resetting: bool) -> Result<()> {
        if is_resetting {
            let answer = timeout(ANSWER, self.lane()?.reply());
            let reply = answer.await.map_err(|_| Error::timeout("no answer"))??;
            if !reply.reset {
                return Err(Error::protocol(
                    "the server does not say that it has forgotten the session's state",
                ));
            }
            self.begins_anew()?;
        }
        let lane = self.lane()?;
        if since.elapsed() > FRESH {
            return Err(Error::io("it was idle for too long"));
        }
        let speaks = poll_fn(|cx| Poll::Ready(lane.poll_early(cx).is_ready())).await;
        if speaks {
            return Err(Error::hung_up());
        }
        own::end_cut_off(self).await
    }
}
