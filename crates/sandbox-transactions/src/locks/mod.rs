//! The lock manager: table locks, application locks, and waits for a transaction's end, in one graph.
//!
//! A transaction holds X on its own [`Resource::Transaction`]; whoever meets its uncommitted rows asks for S
//! there and so waits for its end. Row waits are thereby part of every deadlock that they close.
//! Requests are served first come, first served; conversions go before new requests, and those that wait at low priority
//! after all others.
mod log;
mod mode;
mod state;
#[cfg(test)]
mod tests;
pub use log::{Event, LogEntry};
pub use mode::LockMode;
use sandbox_values::error::SqlError;
use state::LockState;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The process id of a session (`@@SPID`).
pub type SessionId = u16;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Resource {
    Table {
        database: i16,
        object_id: i32,
    },
    /// The keys that a table does not have yet, all of them at once: who reads with HOLDLOCK and UPDLOCK holds U here,
    /// and who inserts asks for IX, for the statement.
    Range {
        database: i16,
        object_id: i32,
    },
    /// `sp_getapplock`: names are compared by their bytes.
    Application {
        database: i16,
        name: String,
    },
    Transaction(u64),
}

/// How long a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockScope {
    Statement,
    Transaction,
    Session,
}

impl LockScope {
    /// As `sys.dm_tran_locks.request_owner_type` calls it; statement locks belong to the transaction there.
    pub fn owner_type(self) -> &'static str {
        match self {
            LockScope::Statement | LockScope::Transaction => "TRANSACTION",
            LockScope::Session => "SESSION",
        }
    }
}

pub struct Request<'a> {
    pub session: SessionId,
    pub scope: LockScope,
    pub resource: Resource,
    pub mode: LockMode,
    /// LOCK_TIMEOUT: `None` waits for ever, zero not at all.
    pub timeout: Option<Duration>,
    /// `SET DEADLOCK_PRIORITY`, -10 to 10.
    pub deadlock_priority: i8,
    /// WAIT_AT_LOW_PRIORITY: whoever comes later is served all the same.
    pub low_priority: bool,
    /// True once the client has sent an attention or hung up. Whoever makes it true calls
    /// [`LockManager::interrupt`] afterwards.
    pub cancelled: &'a dyn Fn() -> bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granted {
    AtOnce,
    AfterWait,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockError {
    Timeout,
    Deadlock,
    Cancelled,
}

impl LockError {
    /// 1222 or 1205 as SQL Server words them; `None` for a cancelled wait, which has no message.
    pub fn to_sql_error(self, session: SessionId) -> Option<SqlError> {
        match self {
            LockError::Timeout => Some(SqlError::new(1222, 16, 51, "Lock request time out period exceeded.")),
            LockError::Deadlock => Some(SqlError::new(
                1205,
                13,
                51,
                format!(
                    "Transaction (Process ID {session}) was deadlocked on lock resources with another process and \
                     has been chosen as the deadlock victim. Rerun the transaction."
                ),
            )),
            LockError::Cancelled => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Grant,
    Wait,
    Convert,
}

impl Status {
    /// `sys.dm_tran_locks.request_status`.
    pub fn name(self) -> &'static str {
        match self {
            Status::Grant => "GRANT",
            Status::Wait => "WAIT",
            Status::Convert => "CONVERT",
        }
    }
}

/// One row of `sys.dm_tran_locks`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockRow {
    pub resource: Resource,
    pub session: SessionId,
    pub mode: LockMode,
    pub status: Status,
    pub scope: LockScope,
    /// Of a request that is not granted: when it began to wait.
    pub since: Option<Instant>,
}

#[derive(Default)]
pub struct LockManager {
    state: Mutex<LockState>,
    changed: Condvar,
}

impl LockManager {
    /// Waits until the lock is granted.
    ///
    /// # Errors
    /// [`LockError::Timeout`] (1222), [`LockError::Deadlock`] (1205) or [`LockError::Cancelled`]. The session
    /// then no longer waits; what it holds is untouched.
    pub fn acquire(&self, request: &Request) -> Result<Granted, LockError> {
        let session = request.session;
        let deadline = request.timeout.map(|timeout| Instant::now() + timeout);
        let mut state = self.state();
        if state.grant_at_once(request) {
            return Ok(Granted::AtOnce);
        }
        if request.timeout == Some(Duration::ZERO) {
            state.log.push(Event::TimedOut, session, &request.resource, (request.mode, request.scope));
            return Err(LockError::Timeout);
        }
        state.enqueue(request);
        state.break_deadlocks(session);
        self.changed.notify_all();
        loop {
            let failure = match state.waits.get(&session) {
                None => return Ok(Granted::AfterWait),
                Some(wait) if wait.victim => Some((LockError::Deadlock, Event::Deadlock)),
                Some(_) if (request.cancelled)() => Some((LockError::Cancelled, Event::Cancelled)),
                Some(_) if deadline.is_some_and(|deadline| deadline <= Instant::now()) => {
                    Some((LockError::Timeout, Event::TimedOut))
                }
                Some(_) => None,
            };
            if let Some((error, event)) = failure {
                state.withdraw(session, event);
                self.changed.notify_all();
                return Err(error);
            }
            state = match deadline {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Takes the lock if no one is in the way, and says whether it did. What others hold is no failure.
    pub fn escalate(&self, request: &Request) -> bool {
        let mut state = self.state();
        let held = state.holds(request);
        let granted = state.grant_at_once(request);
        if granted && !held {
            state.log.push(
                Event::Escalated,
                request.session,
                &request.resource,
                (request.mode, request.scope),
            );
        }
        granted
    }

    /// Could the session have the lock now, without a wait?
    pub fn is_free(&self, session: SessionId, resource: &Resource, mode: LockMode) -> bool {
        self.state().is_free(session, resource, mode)
    }

    /// Makes every waiter look at its `cancelled` again.
    pub fn interrupt(&self) {
        // Under the mutex: a waiter that has just looked is then already waiting and hears it.
        let _state = self.state();
        self.changed.notify_all();
    }

    /// Releases one lock once; false if the session does not hold it in that scope.
    pub fn release(&self, session: SessionId, scope: LockScope, resource: &Resource) -> bool {
        let mut state = self.state();
        let released = state.release_one(session, scope, resource);
        self.changed.notify_all();
        released
    }

    /// Releases all that the session holds in that scope: at the end of a statement, a transaction, a session.
    pub fn release_all(&self, session: SessionId, scope: LockScope) {
        let mut state = self.state();
        let held: Vec<Resource> = state
            .locks
            .iter()
            .filter(|(_, lock)| {
                lock.granted.iter().any(|grant| grant.session == session && grant.scope == scope)
            })
            .map(|(resource, _)| resource.clone())
            .collect();
        for resource in held {
            state.drop_grant(session, scope, &resource);
        }
        self.changed.notify_all();
    }

    /// What the session holds on a resource in one scope.
    pub fn held(&self, session: SessionId, scope: LockScope, resource: &Resource) -> Option<LockMode> {
        let state = self.state();
        let grants = &state.locks.get(resource)?.granted;
        grants.iter().find(|grant| grant.session == session && grant.scope == scope).map(|grant| grant.mode)
    }

    /// Whom the session waits for now: `blocking_session_id` of `sys.dm_exec_requests`.
    pub fn blocker(&self, session: SessionId) -> Option<SessionId> {
        self.state().blockers(session).first().copied()
    }

    /// All locks, held and waited for.
    pub fn rows(&self) -> Vec<LockRow> {
        let state = self.state();
        let granted = state.locks.iter().flat_map(|(resource, lock)| {
            lock.granted.iter().map(|grant| LockRow {
                resource: resource.clone(),
                session: grant.session,
                mode: grant.mode,
                status: Status::Grant,
                scope: grant.scope,
                since: None,
            })
        });
        let waiting = state.waits.iter().map(|(&session, wait)| LockRow {
            resource: wait.resource.clone(),
            session,
            mode: wait.target,
            status: if wait.converts { Status::Convert } else { Status::Wait },
            scope: wait.scope,
            since: Some(wait.since),
        });
        granted.chain(waiting).collect()
    }

    /// The last events, oldest first.
    pub fn log(&self) -> Vec<LogEntry> {
        self.state().log.entries()
    }

    fn state(&self) -> MutexGuard<'_, LockState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
