//! What happened to locks, for tests to read through T-SQL (`sys.sandbox_lock_log`).
use super::{LockMode, LockScope, Resource, SessionId};
use std::collections::VecDeque;

/// The oldest entries make way beyond this many.
const CAPACITY: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Granted,
    /// A lock on the table in the stead of many on its rows; its grant is told as well.
    Escalated,
    Waiting,
    Released,
    TimedOut,
    Deadlock,
    Cancelled,
}

impl Event {
    pub fn name(self) -> &'static str {
        match self {
            Event::Granted => "granted",
            Event::Escalated => "escalated",
            Event::Waiting => "waiting",
            Event::Released => "released",
            Event::TimedOut => "timeout",
            Event::Deadlock => "deadlock",
            Event::Cancelled => "cancelled",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// From 1, without gaps; earlier is smaller.
    pub sequence: u64,
    pub event: Event,
    pub session: SessionId,
    pub resource: Resource,
    pub mode: LockMode,
    pub scope: LockScope,
}

#[derive(Default)]
pub(super) struct Log {
    entries: VecDeque<LogEntry>,
    last: u64,
}

impl Log {
    pub(super) fn push(
        &mut self,
        event: Event,
        session: SessionId,
        resource: &Resource,
        (mode, scope): (LockMode, LockScope),
    ) {
        // Every INSERT asks for its place: only those that have to wait have a story.
        if let (Resource::Range { .. }, LockMode::IX, Event::Granted | Event::Released) =
            (resource, mode, event)
        {
            return;
        }
        self.last += 1;
        if self.entries.len() == CAPACITY {
            self.entries.pop_front();
        }
        let resource = resource.clone();
        self.entries.push_back(LogEntry { sequence: self.last, event, session, resource, mode, scope });
    }

    pub(super) fn entries(&self) -> Vec<LogEntry> {
        self.entries.iter().cloned().collect()
    }
}
