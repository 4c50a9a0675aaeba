//! Who holds what and who waits: grants, queues, and the circles that waiting closes.
use super::log::{Event, Log};
use super::{LockMode, LockScope, Request, Resource, SessionId};
use std::collections::{HashMap, VecDeque};
use std::time::Instant;

#[derive(Default)]
pub struct LockState {
    pub locks: HashMap<Resource, Lock>,
    /// A session waits for one thing at a time.
    pub waits: HashMap<SessionId, Wait>,
    pub log: Log,
}

#[derive(Default)]
pub struct Lock {
    pub granted: Vec<GrantedLock>,
    pub queue: VecDeque<SessionId>,
    /// At low priority: in nobody's way.
    pub patient: VecDeque<SessionId>,
}

pub struct GrantedLock {
    pub session: SessionId,
    pub scope: LockScope,
    pub mode: LockMode,
    /// An application lock asked for twice is released twice.
    pub count: u32,
}

pub struct Wait {
    pub resource: Resource,
    pub scope: LockScope,
    pub requested: LockMode,
    /// With what the session already holds there.
    pub target: LockMode,
    pub converts: bool,
    pub priority: i8,
    pub victim: bool,
    pub since: Instant,
}

impl Lock {
    /// What a session holds here over all scopes.
    fn held_by(&self, session: SessionId) -> Option<LockMode> {
        self.granted
            .iter()
            .filter(|grant| grant.session == session)
            .map(|grant| grant.mode)
            .reduce(LockMode::join)
    }

    fn conflicting(&self, session: SessionId, mode: LockMode) -> impl Iterator<Item = SessionId> {
        self.granted
            .iter()
            .filter(move |grant| grant.session != session && !grant.mode.compatible(mode))
            .map(|grant| grant.session)
    }

    fn grant(&mut self, session: SessionId, scope: LockScope, mode: LockMode) {
        match self.granted.iter_mut().find(|grant| grant.session == session && grant.scope == scope) {
            Some(grant) => {
                grant.mode = grant.mode.join(mode);
                grant.count += 1;
            }
            None => self.granted.push(GrantedLock { session, scope, mode, count: 1 }),
        }
    }
}

impl LockState {
    pub fn grant_at_once(&mut self, request: &Request) -> bool {
        if !self.is_free(request.session, &request.resource, request.mode) {
            return false;
        }
        let lock = self.locks.entry(request.resource.clone()).or_default();
        let held = lock.held_by(request.session);
        let target = held.map_or(request.mode, |held| held.join(request.mode));
        lock.grant(request.session, request.scope, request.mode);
        if held != Some(target) {
            self.log.push(Event::Granted, request.session, &request.resource, (target, request.scope));
        }
        true
    }

    /// Would a request be granted at once?
    pub fn is_free(&self, session: SessionId, resource: &Resource, mode: LockMode) -> bool {
        let Some(lock) = self.locks.get(resource) else { return true };
        let held = lock.held_by(session);
        let target = held.map_or(mode, |held| held.join(mode));
        held == Some(target)
            || (held.is_some() || lock.queue.is_empty()) && lock.conflicting(session, target).next().is_none()
    }

    /// Has the session as much as that already?
    pub fn holds(&self, request: &Request) -> bool {
        let held = self.locks.get(&request.resource).and_then(|lock| lock.held_by(request.session));
        held.is_some_and(|held| held.join(request.mode) == held)
    }

    pub fn enqueue(&mut self, request: &Request) {
        let lock = self.locks.entry(request.resource.clone()).or_default();
        let held = lock.held_by(request.session);
        if request.low_priority {
            lock.patient.push_back(request.session);
        } else {
            let converting = lock.queue.iter().take_while(|session| self.waits[session].converts).count();
            lock.queue.insert(if held.is_some() { converting } else { lock.queue.len() }, request.session);
        }
        let wait = Wait {
            resource: request.resource.clone(),
            scope: request.scope,
            requested: request.mode,
            target: held.map_or(request.mode, |held| held.join(request.mode)),
            converts: held.is_some(),
            priority: request.deadlock_priority,
            victim: false,
            since: Instant::now(),
        };
        self.log.push(Event::Waiting, request.session, &request.resource, (wait.target, request.scope));
        self.waits.insert(request.session, wait);
    }

    /// Serves the queue in order, up to the first that must go on waiting.
    fn serve(&mut self, resource: &Resource) {
        let Some(lock) = self.locks.get_mut(resource) else { return };
        while let Some(&session) = lock.queue.front().or(lock.patient.front()) {
            let wait = &self.waits[&session];
            if lock.conflicting(session, wait.target).next().is_some() {
                break;
            }
            lock.grant(session, wait.scope, wait.requested);
            self.log.push(Event::Granted, session, resource, (wait.target, wait.scope));
            let _served = lock.queue.pop_front().or_else(|| lock.patient.pop_front());
            self.waits.remove(&session);
        }
        if lock.granted.is_empty() && lock.queue.is_empty() && lock.patient.is_empty() {
            self.locks.remove(resource);
        }
    }

    pub fn withdraw(&mut self, session: SessionId, event: Event) {
        let Some(wait) = self.waits.remove(&session) else { return };
        self.log.push(event, session, &wait.resource, (wait.target, wait.scope));
        if let Some(lock) = self.locks.get_mut(&wait.resource) {
            lock.queue.retain(|&waiter| waiter != session);
            lock.patient.retain(|&waiter| waiter != session);
        }
        self.serve(&wait.resource);
    }

    pub fn release_one(&mut self, session: SessionId, scope: LockScope, resource: &Resource) -> bool {
        let Some(lock) = self.locks.get_mut(resource) else { return false };
        let mut grants = lock.granted.iter_mut();
        let Some(grant) = grants.find(|grant| grant.session == session && grant.scope == scope) else {
            return false;
        };
        grant.count -= 1;
        if grant.count == 0 {
            self.drop_grant(session, scope, resource);
        }
        true
    }

    pub fn drop_grant(&mut self, session: SessionId, scope: LockScope, resource: &Resource) {
        let Some(lock) = self.locks.get_mut(resource) else { return };
        let Some(at) = lock.granted.iter().position(|grant| grant.session == session && grant.scope == scope)
        else {
            return;
        };
        let grant = lock.granted.remove(at);
        self.log.push(Event::Released, session, resource, (grant.mode, scope));
        self.serve(resource);
    }

    /// Whom a waiting session waits for: holders in its way, then all who stand before it.
    pub fn blockers(&self, session: SessionId) -> Vec<SessionId> {
        let Some(wait) = self.waits.get(&session).filter(|wait| !wait.victim) else { return Vec::new() };
        let Some(lock) = self.locks.get(&wait.resource) else { return Vec::new() };
        let before = lock.queue.iter().chain(&lock.patient).copied().take_while(|&waiter| waiter != session);
        lock.conflicting(session, wait.target).chain(before).collect()
    }

    /// Every new edge of the graph touches the session that has just begun to wait, so only cycles through it
    /// need be looked for. The victim is the one of the lowest DEADLOCK_PRIORITY, and among equals the session
    /// that closed the circle (SQL Server takes the one with the least log to undo).
    pub fn break_deadlocks(&mut self, closer: SessionId) {
        while let Some(cycle) = self.cycle(closer) {
            let rank = |session: &SessionId| (self.waits[session].priority, *session != closer);
            let Some(victim) = cycle.into_iter().min_by_key(rank) else { return };
            if let Some(wait) = self.waits.get_mut(&victim) {
                wait.victim = true;
            }
        }
    }

    /// The sessions of a cycle through `start`, by depth-first search.
    fn cycle(&self, start: SessionId) -> Option<Vec<SessionId>> {
        let mut path = vec![start];
        let mut todo = vec![self.blockers(start)];
        let mut seen = vec![start];
        while let Some(next) = todo.last_mut() {
            match next.pop() {
                Some(session) if session == start => return Some(path),
                Some(session) if seen.contains(&session) => {}
                Some(session) => {
                    seen.push(session);
                    path.push(session);
                    todo.push(self.blockers(session));
                }
                None => {
                    todo.pop();
                    path.pop();
                }
            }
        }
        None
    }
}
