use super::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, spawn};

const TABLE: Resource = Resource::Table { database: 5, object_id: 100 };
const OTHER: Resource = Resource::Table { database: 5, object_id: 200 };

impl LockManager {
    /// Blocks until the session stands in a queue: tests need no sleeps.
    fn until_waiting(&self, session: SessionId) {
        let waiting = |state: &mut LockState| !state.waits.contains_key(&session);
        drop(self.changed.wait_while(self.state(), waiting));
    }
}

fn request(session: SessionId, resource: &Resource, mode: LockMode) -> Request<'static> {
    Request {
        session,
        scope: LockScope::Transaction,
        resource: resource.clone(),
        mode,
        timeout: None,
        deadlock_priority: 0,
        low_priority: false,
        cancelled: &|| false,
    }
}

fn take(locks: &LockManager, session: SessionId, resource: &Resource, mode: LockMode) {
    assert_eq!(locks.acquire(&request(session, resource, mode)), Ok(Granted::AtOnce));
}

fn refused(locks: &LockManager, session: SessionId, resource: &Resource, mode: LockMode) -> bool {
    let request = Request { timeout: Some(Duration::ZERO), ..request(session, resource, mode) };
    locks.acquire(&request) == Err(LockError::Timeout)
}

/// Asks on another thread and returns once the session stands in the queue.
fn wait_for(
    locks: &Arc<LockManager>,
    session: SessionId,
    request: impl FnOnce() -> Request<'static> + Send + 'static,
) -> JoinHandle<Result<Granted, LockError>> {
    let waiter = spawn({
        let locks = locks.clone();
        move || locks.acquire(&request())
    });
    locks.until_waiting(session);
    waiter
}

fn join(waiter: JoinHandle<Result<Granted, LockError>>) -> Result<Granted, LockError> {
    waiter.join().expect("the waiter does not panic")
}

#[test]
fn a_lock_waits_for_the_end_of_the_holders_transaction() {
    let locks = Arc::new(LockManager::default());
    take(&locks, 51, &TABLE, LockMode::X);
    let waiter = wait_for(&locks, 52, || request(52, &TABLE, LockMode::IS));
    assert_eq!(locks.blocker(52), Some(51));
    locks.release_all(51, LockScope::Statement);
    assert_eq!(locks.blocker(52), Some(51), "a statement's end releases no transaction lock");
    locks.release_all(51, LockScope::Transaction);
    assert_eq!(join(waiter), Ok(Granted::AfterWait));
    assert_eq!(locks.held(52, LockScope::Transaction, &TABLE), Some(LockMode::IS));
}

#[test]
fn a_session_does_not_stand_in_its_own_way() {
    let locks = LockManager::default();
    take(&locks, 51, &TABLE, LockMode::IX);
    take(&locks, 51, &TABLE, LockMode::SchM);
    assert_eq!(locks.held(51, LockScope::Transaction, &TABLE), Some(LockMode::SchM));
    assert!(refused(&locks, 52, &TABLE, LockMode::SchS));
}

#[test]
fn conversion_keeps_what_was_held() {
    let locks = LockManager::default();
    take(&locks, 51, &TABLE, LockMode::S);
    take(&locks, 51, &TABLE, LockMode::IX);
    assert_eq!(locks.held(51, LockScope::Transaction, &TABLE), Some(LockMode::SIX));
    assert!(refused(&locks, 52, &TABLE, LockMode::S));
    take(&locks, 52, &TABLE, LockMode::IS);
}

#[test]
fn the_strongest_scope_counts_and_ends_on_its_own() {
    let locks = LockManager::default();
    take(&locks, 51, &TABLE, LockMode::IS);
    let statement = Request { scope: LockScope::Statement, ..request(51, &TABLE, LockMode::X) };
    assert_eq!(locks.acquire(&statement), Ok(Granted::AtOnce));
    assert!(refused(&locks, 52, &TABLE, LockMode::IX));
    locks.release_all(51, LockScope::Statement);
    take(&locks, 52, &TABLE, LockMode::IX);
}

#[test]
fn first_come_first_served() {
    let locks = Arc::new(LockManager::default());
    take(&locks, 51, &TABLE, LockMode::S);
    let writer = wait_for(&locks, 52, || request(52, &TABLE, LockMode::X));
    assert!(refused(&locks, 53, &TABLE, LockMode::S), "a later reader does not overtake the waiting writer");
    let reader = wait_for(&locks, 53, || request(53, &TABLE, LockMode::S));
    locks.release_all(51, LockScope::Transaction);
    assert_eq!(join(writer), Ok(Granted::AfterWait));
    assert_eq!(locks.blocker(53), Some(52));
    locks.release_all(52, LockScope::Transaction);
    assert_eq!(join(reader), Ok(Granted::AfterWait));
}

#[test]
fn a_conversion_goes_before_new_requests() {
    let locks = Arc::new(LockManager::default());
    take(&locks, 51, &TABLE, LockMode::S);
    take(&locks, 52, &TABLE, LockMode::S);
    let newcomer = wait_for(&locks, 53, || request(53, &TABLE, LockMode::X));
    let converter = wait_for(&locks, 51, || request(51, &TABLE, LockMode::X));
    let converting: Vec<_> = locks.rows().into_iter().filter(|row| row.status == Status::Convert).collect();
    assert_eq!(converting.len(), 1);
    assert_eq!((converting[0].session, converting[0].mode), (51, LockMode::X));
    locks.release_all(52, LockScope::Transaction);
    assert_eq!(join(converter), Ok(Granted::AfterWait));
    locks.release_all(51, LockScope::Transaction);
    assert_eq!(join(newcomer), Ok(Granted::AfterWait));
}

#[test]
fn a_timeout_leaves_the_queue_and_lets_the_next_in() {
    let locks = Arc::new(LockManager::default());
    take(&locks, 51, &TABLE, LockMode::IS);
    let writer = wait_for(&locks, 52, || Request {
        timeout: Some(Duration::from_millis(300)),
        ..request(52, &TABLE, LockMode::X)
    });
    let reader = wait_for(&locks, 53, || request(53, &TABLE, LockMode::IS));
    assert_eq!(join(writer), Err(LockError::Timeout));
    assert_eq!(join(reader), Ok(Granted::AfterWait));
}

#[test]
fn two_ix_holders_asking_for_x_deadlock() {
    let locks = Arc::new(LockManager::default());
    take(&locks, 51, &TABLE, LockMode::IX);
    take(&locks, 52, &TABLE, LockMode::IX);
    let first = wait_for(&locks, 51, || request(51, &TABLE, LockMode::X));
    assert_eq!(locks.acquire(&request(52, &TABLE, LockMode::X)), Err(LockError::Deadlock));
    locks.release_all(52, LockScope::Transaction);
    assert_eq!(join(first), Ok(Granted::AfterWait));
    assert!(locks.log().iter().any(|entry| entry.event == Event::Deadlock && entry.session == 52));
}

#[test]
fn a_lower_deadlock_priority_is_the_victim_even_if_it_came_first() {
    let locks = Arc::new(LockManager::default());
    take(&locks, 51, &TABLE, LockMode::X);
    take(&locks, 52, &OTHER, LockMode::X);
    let meek = wait_for(&locks, 51, || Request { deadlock_priority: -5, ..request(51, &OTHER, LockMode::S) });
    let proud = spawn({
        let locks = locks.clone();
        move || locks.acquire(&request(52, &TABLE, LockMode::S))
    });
    assert_eq!(join(meek), Err(LockError::Deadlock));
    locks.release_all(51, LockScope::Transaction);
    assert_eq!(join(proud).map(|_| ()), Ok(()));
}

#[test]
fn a_wait_for_a_transaction_is_part_of_the_circle() {
    let locks = Arc::new(LockManager::default());
    let (mine, theirs) = (Resource::Transaction(1), Resource::Transaction(2));
    take(&locks, 51, &mine, LockMode::X);
    take(&locks, 52, &theirs, LockMode::X);
    take(&locks, 51, &TABLE, LockMode::X);
    let reader = wait_for(&locks, 51, move || Request {
        scope: LockScope::Statement,
        ..request(51, &theirs, LockMode::S)
    });
    assert_eq!(locks.acquire(&request(52, &TABLE, LockMode::IX)), Err(LockError::Deadlock));
    locks.release_all(52, LockScope::Transaction);
    assert_eq!(join(reader), Ok(Granted::AfterWait));
}

#[test]
fn three_sessions_and_a_queue_deadlock() {
    let locks = Arc::new(LockManager::default());
    let third = Resource::Application { database: 5, name: "a".into() };
    take(&locks, 51, &TABLE, LockMode::X);
    take(&locks, 52, &OTHER, LockMode::X);
    take(&locks, 53, &third, LockMode::X);
    let first = wait_for(&locks, 51, || request(51, &OTHER, LockMode::S));
    let second = wait_for(&locks, 52, move || request(52, &third, LockMode::S));
    assert_eq!(locks.acquire(&request(53, &TABLE, LockMode::S)), Err(LockError::Deadlock));
    locks.release_all(53, LockScope::Transaction);
    assert_eq!(join(second), Ok(Granted::AfterWait));
    locks.release_all(52, LockScope::Transaction);
    assert_eq!(join(first), Ok(Granted::AfterWait));
}

#[test]
fn waiting_in_line_behind_a_session_is_waiting_for_it() {
    let locks = Arc::new(LockManager::default());
    take(&locks, 51, &TABLE, LockMode::S);
    take(&locks, 53, &OTHER, LockMode::X);
    let writer = wait_for(&locks, 52, || request(52, &TABLE, LockMode::X));
    let in_line = wait_for(&locks, 53, || request(53, &TABLE, LockMode::S));
    assert_eq!(
        locks.acquire(&request(51, &OTHER, LockMode::S)),
        Err(LockError::Deadlock),
        "51 waits for 53, which stands behind 52, which waits for 51"
    );
    locks.release_all(51, LockScope::Transaction);
    assert_eq!(join(writer), Ok(Granted::AfterWait));
    locks.release_all(52, LockScope::Transaction);
    assert_eq!(join(in_line), Ok(Granted::AfterWait));
}

#[test]
fn an_attention_ends_the_wait() {
    static CANCELLED: AtomicBool = AtomicBool::new(false);
    let locks = Arc::new(LockManager::default());
    take(&locks, 51, &TABLE, LockMode::X);
    let waiter = wait_for(&locks, 52, || Request {
        cancelled: &|| CANCELLED.load(Ordering::SeqCst),
        ..request(52, &TABLE, LockMode::S)
    });
    CANCELLED.store(true, Ordering::SeqCst);
    locks.interrupt();
    assert_eq!(join(waiter), Err(LockError::Cancelled));
    assert_eq!(locks.rows().len(), 1);
}

#[test]
fn a_lock_asked_for_twice_is_released_twice() {
    let locks = LockManager::default();
    let name = Resource::Application { database: 5, name: "etl".into() };
    let session = || Request { scope: LockScope::Session, ..request(51, &name, LockMode::X) };
    assert_eq!(locks.acquire(&session()), Ok(Granted::AtOnce));
    assert_eq!(locks.acquire(&session()), Ok(Granted::AtOnce));
    assert!(locks.release(51, LockScope::Session, &name));
    assert!(refused(&locks, 52, &name, LockMode::S));
    assert!(locks.release(51, LockScope::Session, &name));
    assert!(!locks.release(51, LockScope::Session, &name));
    take(&locks, 52, &name, LockMode::S);
}

#[test]
fn the_log_tells_the_story_in_order() {
    let locks = Arc::new(LockManager::default());
    take(&locks, 51, &TABLE, LockMode::X);
    let waiter = wait_for(&locks, 52, || request(52, &TABLE, LockMode::S));
    locks.release_all(51, LockScope::Transaction);
    assert_eq!(join(waiter), Ok(Granted::AfterWait));
    let story: Vec<_> =
        locks.log().into_iter().map(|entry| (entry.sequence, entry.event, entry.session)).collect();
    assert_eq!(
        story,
        [(1, Event::Granted, 51), (2, Event::Waiting, 52), (3, Event::Released, 51), (4, Event::Granted, 52),]
    );
}

#[test]
fn who_waits_at_low_priority_is_in_nobodys_way() {
    let locks = Arc::new(LockManager::default());
    take(&locks, 51, &TABLE, LockMode::SchS);
    let patient =
        wait_for(&locks, 52, || Request { low_priority: true, ..request(52, &TABLE, LockMode::SchM) });
    take(&locks, 53, &TABLE, LockMode::IS);
    assert_eq!(locks.blocker(52), Some(51));
    locks.release_all(51, LockScope::Transaction);
    assert_eq!(locks.blocker(52), Some(53), "who came later is served before");
    let ordinary = wait_for(&locks, 54, || request(54, &TABLE, LockMode::X));
    locks.release_all(53, LockScope::Transaction);
    assert_eq!(join(ordinary), Ok(Granted::AfterWait));
    locks.release_all(54, LockScope::Transaction);
    assert_eq!(join(patient), Ok(Granted::AfterWait));
    let late = wait_for(&locks, 55, || Request {
        low_priority: true,
        timeout: Some(Duration::from_millis(1)),
        ..request(55, &TABLE, LockMode::SchM)
    });
    assert_eq!(join(late), Err(LockError::Timeout));
}
