//! Until a server lets us in: one policy for every connection of every tool, the first one included.
//!
//! A server that restarts, fails over or wakes up refuses for a while. Microsoft's advice is to try again after some
//! seconds, and that most reconfigurations are over within a minute ("Troubleshoot transient connection errors").
//! What waiting does not change (a name that does not exist, a certificate, a password) is told at once.
use std::collections::HashMap;
use std::sync::Once;
use std::time::Duration;

use time::OffsetDateTime;
use time::macros::format_description;
use tokio::time::{Instant, sleep, timeout_at};

use super::own::{self, OwnSession};
use super::route::Route;
use super::watch::BlockerWatch;
use super::{Role, SILENCE, Session, Settings, login};
use crate::config::{ConnectRetry, Endpoint, Secret};
use crate::entra::{self, LoginToken};
use crate::error::{Error, Result};
use crate::link::Protection;
use crate::report::human_duration;
use crate::retry::Backoff;

/// How long a server may refuse, unless the connection string counts attempts.
const PATIENCE: Duration = Duration::from_secs(120);

/// The longest wait between attempts. SqlClient's, whatever came before (Microsoft.Data.SqlClient,
/// `SqlConnectionStringBuilder.ConnectRetryInterval`).
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What is left of it for one connection.
pub(super) struct Patience {
    policy: ConnectRetry,
    backoff: Backoff,
    begun: Instant,
    attempts: u32,
    /// The last failure that was told.
    said: String,
}

impl Patience {
    pub(super) fn new(policy: ConnectRetry) -> Self {
        let max_retries = policy.count.map_or(u32::MAX, u32::from);
        let backoff = Backoff { max_retries, base: Duration::from_secs(1), cap: LONGEST_WAIT };
        Self { policy, backoff, begun: Instant::now(), attempts: 0, said: String::new() }
    }

    /// What an attempt came to, if it stands; `None`: it is time for another one. An error that stands is nothing that
    /// trying again could change: that was tried.
    pub(super) async fn settled<T>(&mut self, attempted: Result<T>) -> Option<Result<T>> {
        let error = match attempted {
            Err(error) if error.is_transient() => error,
            settled => return Some(settled),
        };
        self.attempts += 1;
        let Some(wait) = self.wait(error.retry_after()) else {
            let tries =
                format!("after {} attempts in {}", self.attempts, human_duration(self.begun.elapsed()));
            let error = if self.attempts == 1 { error } else { error.within(tries) };
            return Some(Err(error.settled()));
        };
        // Whoever looks on must not take it for a hang; but one line is enough.
        let what = error.to_string();
        if what == self.said {
            log::debug!("{what}");
        } else {
            log::warn!("{}; tried again {}", what.trim_end_matches(['.', ' ']), self.until());
            self.said = what;
        }
        sleep(wait).await;
        None
    }

    /// `at_least`: what the other end asks for.
    fn wait(&self, at_least: Option<Duration>) -> Option<Duration> {
        let wait = self.backoff.delay(self.attempts)?;
        let wait = self.policy.interval.unwrap_or(wait).max(at_least.unwrap_or_default());
        let in_time = self.policy.count.is_some() || self.begun.elapsed() + wait <= PATIENCE;
        in_time.then_some(wait)
    }

    /// For people: how long this goes on.
    fn until(&self) -> String {
        if let Some(count) = self.policy.count {
            return format!("{count} times at most");
        }
        let end = OffsetDateTime::now_utc() + PATIENCE.saturating_sub(self.begun.elapsed());
        let clock = end.format(format_description!("[hour]:[minute]:[second]")).unwrap_or_default();
        format!("until {clock} UTC (ConnectRetryCount=0 in the connection string gives up at once)")
    }
}

impl Session {
    /// Connects, logs in and sets the session's options; tries again while the server refuses for a reason that
    /// passes, for as long as the endpoint says.
    ///
    /// # Errors
    /// Of kind [`Connect`](crate::error::Kind::Connect) (or `Usage`, for an unreadable certificate file), and
    /// names role and server. None is transient: what could be tried again was.
    pub async fn connect(endpoint: &Endpoint, role: Role) -> Result<Self> {
        let mut patience = Patience::new(endpoint.connect_retry);
        loop {
            let connected = Self::connect_once(endpoint, role).await;
            if let Some(settled) = patience.settled(connected).await {
                return settled;
            }
        }
    }

    /// As [`Self::connect`], in one attempt within the endpoint's connect timeout: for those who come back anyway.
    ///
    /// # Errors
    /// As [`Self::connect`]; those that may pass are transient.
    pub async fn connect_once(endpoint: &Endpoint, role: Role) -> Result<Self> {
        let mut session = Self::connect_unwatched(endpoint, role).await?;
        own::end_cut_off(&mut session).await?;
        session.lane()?.set_watch(BlockerWatch::new(endpoint, role));
        Ok(session)
    }

    /// As [`Self::connect_once`]; nobody asks who is in the way of this session: it asks about another one.
    pub(super) async fn connect_unwatched(endpoint: &Endpoint, role: Role) -> Result<Self> {
        let limit = endpoint.connect_timeout;
        let place = role.at(endpoint);
        log::debug!("{place}: connecting");
        // Within a limit of its own, as whoever gives tokens is another server.
        let token = entra::token(endpoint).await.map_err(|error| error.while_connecting(&place))?;
        let deadline = Instant::now() + limit;
        let secret = token.clone().map(|token| token.secret);
        let mut route = None;
        let connecting = Self::connect_by(deadline, endpoint, secret, &mut route);
        let connected = match timeout_at(deadline, connecting).await {
            Ok(connected) => connected,
            Err(_) => {
                let error = Error::unreachable(format!("no connection within {} s", limit.as_secs()))
                    .remedy("Check Server= and the network, or raise Connect Timeout.");
                Err(Route::led_to(error, route.as_ref()))
            }
        };
        let connected = connected.map_err(|error| match token {
            // Its owner may have got a user meanwhile, or its time been up earlier than it was said.
            Some(LoginToken { is_cached: true, .. }) if error.has_number(18456) => {
                entra::forget(endpoint);
                error.that_passes()
            }
            _ => error,
        });
        let (mut session, protection) = connected.map_err(|error| error.while_connecting(&place))?;
        if protection != Protection::All {
            tell_of_plain_text(role, &place);
        }
        if let Some(lane) = &mut session.lane {
            lane.set_place(place.clone());
        }
        session.place = place;
        Ok(session)
    }

    /// Whoever calls gives up at the deadline. What waits for a third party tells of it before.
    async fn connect_by(
        deadline: Instant,
        endpoint: &Endpoint,
        token: Option<Secret>,
        route: &mut Option<Route>,
    ) -> Result<(Self, Protection)> {
        let silence = endpoint.command_timeout.unwrap_or(SILENCE);
        let login::LoggedIn { client, shared, lane, server, protection, times } =
            login::connect(endpoint, token, silence, deadline, route).await?;
        let command_timeout = endpoint.command_timeout;
        let lane = Some(lane);
        let place = String::new();
        let own = OwnSession::new();
        let has_all_options = true;
        let mut session = Self {
            client,
            shared,
            lane,
            server,
            silence,
            command_timeout,
            place,
            own,
            times,
            has_all_options,
            settings: Settings::default(),
            ahead: HashMap::new(),
        };
        session.set_options().await?;
        Ok((session, protection))
    }
}

/// Once a side: what is said at every connection is read at none.
fn tell_of_plain_text(role: Role, place: &str) {
    static TOLD: [Once; 2] = [const { Once::new() }; 2];
    TOLD[usize::from(role == Role::Target)].call_once(|| {
        log::warn!(
            "{place}: the rows are not encrypted (Encrypt=false): whoever is on the way can read them, and a bit that \
             falls over is loaded as it is"
        );
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> Result<()> {
        Err(Error::unreachable("refused"))
    }

    fn counted(count: u8, seconds: u64) -> ConnectRetry {
        ConnectRetry { count: Some(count), interval: Some(Duration::from_secs(seconds)) }
    }

    /// As it is after so many attempts in so much time.
    fn later(policy: ConnectRetry, attempts: u32, seconds: u64) -> Patience {
        let begun = Instant::now().checked_sub(Duration::from_secs(seconds)).unwrap();
        Patience { attempts, begun, ..Patience::new(policy) }
    }

    fn run<T>(test: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test)
    }

    #[test]
    fn a_server_is_given_two_minutes() {
        let wait = |attempts, seconds| later(ConnectRetry::default(), attempts, seconds).wait(None);
        assert!(wait(1, 0).is_some_and(|wait| wait <= Duration::from_secs(1)));
        assert!(wait(30, 100).is_some_and(|wait| wait <= LONGEST_WAIT));
        assert_eq!(wait(30, 119), None);
        let asked = |seconds| later(ConnectRetry::default(), 1, 60).wait(Some(Duration::from_secs(seconds)));
        assert_eq!((asked(50), asked(70)), (Some(Duration::from_secs(50)), None));
        let settled = run(later(ConnectRetry::default(), 9, 120).settled(refused()));
        let error = settled.unwrap().unwrap_err();
        assert!(error.to_string().starts_with("after 10 attempts in "), "{error}");
        assert!(!error.is_transient(), "all was tried that there was to try");
    }

    #[test]
    fn the_connection_string_may_count() {
        assert_eq!(later(counted(20, 60), 20, 3600).wait(None), Some(Duration::from_secs(60)));
        assert_eq!(later(counted(20, 60), 21, 0).wait(None), None);
        let mut patience = Patience::new(counted(3, 0));
        let mut attempts = 0;
        let settled = run(async {
            loop {
                attempts += 1;
                if let Some(settled) = patience.settled(refused()).await {
                    return settled;
                }
            }
        });
        assert_eq!((attempts, settled.is_err()), (4, true));
    }

    #[test]
    fn what_does_not_pass_is_told_at_once() {
        let wrong = Err::<(), _>(Error::connect("a wrong password"));
        assert!(run(Patience::new(ConnectRetry::default()).settled(wrong)).is_some());
        let error = run(Patience::new(counted(0, 1)).settled(refused())).unwrap().unwrap_err();
        assert_eq!(error.to_string(), "refused");
    }
}
