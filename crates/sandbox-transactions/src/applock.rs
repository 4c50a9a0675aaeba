//! `sp_getapplock` and `sp_releaseapplock` (docs/SERVER.md, "Application locks"; Microsoft's pages on both).
use super::locks::{Granted, LockError, LockManager, LockMode, LockScope, Request, Resource, SessionId};
use sandbox_values::error::SqlError;
use std::time::Duration;

/// Who calls.
pub struct Caller<'a> {
    pub session: SessionId,
    pub database: i16,
    pub in_transaction: bool,
    /// `@@LOCK_TIMEOUT`, milliseconds; -1 waits for ever.
    pub lock_timeout: i32,
    pub deadlock_priority: i8,
    pub cancelled: &'a dyn Fn() -> bool,
}

/// The procedures' arguments; `None` where NULL or left out.
#[derive(Default)]
pub struct LockArguments {
    pub resource: Option<String>,
    pub mode: Option<String>,
    pub owner: Option<String>,
    /// Milliseconds.
    pub timeout: Option<i32>,
    pub principal: Option<String>,
}

/// What the call returns, and the message it sends, if any. A message leaves `@@ERROR` at 0.
#[derive(Debug, PartialEq)]
pub struct LockReply {
    pub status: i32,
    pub message: Option<SqlError>,
}

const GET: &str = "sp_getapplock";
const RELEASE: &str = "sp_releaseapplock";
const CALL_ERROR: i32 = -999;
/// The wait was ended by an attention.
pub const CANCELLED: i32 = -2;
/// Names are cut to so many UTF-16 units.
const RESOURCE_LENGTH: usize = 255;

/// The principals that every database has; other ones need users, which the sandbox does not keep.
const PRINCIPALS: [&str; 2] = ["public", "dbo"];

pub fn get(locks: &LockManager, caller: &Caller, arguments: &LockArguments) -> LockReply {
    match try_get(locks, caller, arguments) {
        Ok(status) => LockReply { status, message: None },
        Err(message) => LockReply { status: CALL_ERROR, message: Some(message) },
    }
}

pub fn release(locks: &LockManager, caller: &Caller, arguments: &LockArguments) -> LockReply {
    match try_release(locks, caller, arguments) {
        Ok(()) => LockReply { status: 0, message: None },
        Err(message) => LockReply { status: CALL_ERROR, message: Some(message) },
    }
}

/// `APPLOCK_TEST`: 1 where the lock could be had at once. `None`, which is NULL, for arguments that mean nothing
/// (unconfirmed: an error).
pub fn test(
    locks: &LockManager,
    (session, database): (SessionId, i16),
    [principal, name, wanted, lock_owner]: [&str; 4],
) -> Option<i32> {
    let resource = named_resource(database, name);
    let mode = mode(wanted).ok()?;
    owner(Some(lock_owner)).ok()?;
    let known = PRINCIPALS.iter().any(|known| known.eq_ignore_ascii_case(principal));
    known.then(|| i32::from(locks.is_free(session, &resource, mode)))
}

fn try_get(locks: &LockManager, caller: &Caller, arguments: &LockArguments) -> Result<i32, SqlError> {
    let resource = resource(caller, arguments, GET)?;
    let mode = mode(arguments.mode.as_deref().unwrap_or_default())?;
    let scope = owner(arguments.owner.as_deref())?;
    if scope == LockScope::Transaction && !caller.in_transaction {
        let text = "You attempted to acquire a transactional application lock without an active transaction.";
        return Err(SqlError::new(15626, 10, 1, text));
    }
    let timeout = match arguments.timeout.unwrap_or(caller.lock_timeout) {
        -1 => None,
        milliseconds => Some(Duration::from_millis(u64::try_from(milliseconds).map_err(|_| {
            SqlError::new(1227, 16, 2, format!("An invalid application lock time-out was passed to {GET}."))
        })?)),
    };
    let request = Request {
        session: caller.session,
        scope,
        resource,
        mode,
        timeout,
        deadlock_priority: caller.deadlock_priority,
        low_priority: false,
        cancelled: caller.cancelled,
    };
    Ok(match locks.acquire(&request) {
        Ok(Granted::AtOnce) => 0,
        Ok(Granted::AfterWait) => 1,
        Err(LockError::Timeout) => -1,
        Err(LockError::Cancelled) => CANCELLED,
        Err(LockError::Deadlock) => -3,
    })
}

fn try_release(locks: &LockManager, caller: &Caller, arguments: &LockArguments) -> Result<(), SqlError> {
    let resource = resource(caller, arguments, RELEASE)?;
    let scope = owner(arguments.owner.as_deref())?;
    if scope == LockScope::Transaction && !caller.in_transaction {
        let text = "The statement or function must be executed in the context of a user transaction.";
        return Err(SqlError::new(3918, 16, 1, text));
    }
    if locks.release(caller.session, scope, &resource) {
        return Ok(());
    }
    let principal = arguments.principal.as_deref().unwrap_or("public");
    let name = arguments.resource.as_deref().unwrap_or_default();
    Err(SqlError::new(
        1223,
        16,
        1,
        format!(
            "Cannot release the application lock (Database Principal: '{principal}', Resource: '{name}') because it \
             is not currently held."
        ),
    ))
}

fn resource(caller: &Caller, arguments: &LockArguments, procedure: &str) -> Result<Resource, SqlError> {
    let principal = arguments.principal.as_deref().unwrap_or("public");
    if !PRINCIPALS.iter().any(|known| known.eq_ignore_ascii_case(principal)) {
        let text = format!("The database principal '{principal}' does not exist, or user is not a member.");
        return Err(SqlError::new(1202, 16, 1, text));
    }
    let Some(name) = &arguments.resource else {
        let text = format!("An invalid application lock resource was passed to {procedure}.");
        return Err(SqlError::new(1224, 16, 5, text));
    };
    Ok(named_resource(caller.database, name))
}

fn named_resource(database: i16, name: &str) -> Resource {
    let units: Vec<u16> = name.encode_utf16().take(RESOURCE_LENGTH).collect();
    Resource::Application { database, name: String::from_utf16_lossy(&units) }
}

fn mode(name: &str) -> Result<LockMode, SqlError> {
    let modes = [
        ("Shared", LockMode::S),
        ("Update", LockMode::U),
        ("Exclusive", LockMode::X),
        ("IntentShared", LockMode::IS),
        ("IntentExclusive", LockMode::IX),
    ];
    let known = modes.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    known.map(|(_, mode)| mode).ok_or_else(|| not_recognized(name, "@LockMode"))
}

fn owner(name: Option<&str>) -> Result<LockScope, SqlError> {
    match name {
        None => Ok(LockScope::Transaction),
        Some(name) if name.eq_ignore_ascii_case("Transaction") => Ok(LockScope::Transaction),
        Some(name) if name.eq_ignore_ascii_case("Session") => Ok(LockScope::Session),
        Some(name) => Err(not_recognized(name, "@LockOwner")),
    }
}

/// Sent as INFO; its class and state were not captured (unconfirmed: 10/1).
fn not_recognized(value: &str, parameter: &str) -> SqlError {
    SqlError::new(15625, 10, 1, format!("Option '{value}' not recognized for '{parameter}' parameter."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(session: SessionId, in_transaction: bool) -> Caller<'static> {
        Caller {
            session,
            database: 5,
            in_transaction,
            lock_timeout: 0,
            deadlock_priority: 0,
            cancelled: &|| false,
        }
    }

    fn exclusive(owner: &str) -> LockArguments {
        LockArguments {
            resource: Some("foo".into()),
            mode: Some("Exclusive".into()),
            owner: Some(owner.into()),
            ..LockArguments::default()
        }
    }

    fn number(reply: &LockReply) -> Option<i32> {
        reply.message.as_ref().map(|message| message.number)
    }

    #[test]
    fn granted_refused_and_released() {
        let locks = LockManager::default();
        let (one, two) = (caller(51, false), caller(52, false));
        assert_eq!(get(&locks, &one, &exclusive("Session")), LockReply { status: 0, message: None });
        assert_eq!(get(&locks, &two, &exclusive("Session")).status, -1, "@@LOCK_TIMEOUT is 0");
        let free = |session| test(&locks, (session, 5), ["public", "foo", "Shared", "Session"]);
        assert_eq!((free(51), free(52)), (Some(1), Some(0)));
        assert_eq!(test(&locks, (52, 5), ["public", "other", "Exclusive", "Session"]), Some(1));
        assert_eq!(release(&locks, &one, &exclusive("Session")).status, 0);
        assert_eq!(get(&locks, &two, &exclusive("session")).status, 0);
    }

    #[test]
    fn names_are_compared_by_bytes() {
        let locks = LockManager::default();
        assert_eq!(get(&locks, &caller(51, false), &exclusive("Session")).status, 0);
        let other = LockArguments { resource: Some("FOO".into()), ..exclusive("Session") };
        assert_eq!(get(&locks, &caller(52, false), &other).status, 0);
    }

    #[test]
    fn a_deadlock_is_a_status_and_not_an_error() {
        let locks = LockManager::default();
        let patient = |session| Caller { lock_timeout: -1, ..caller(session, true) };
        let bar = || LockArguments { resource: Some("bar".into()), ..exclusive("Transaction") };
        assert_eq!(get(&locks, &patient(51), &exclusive("Transaction")).status, 0);
        assert_eq!(get(&locks, &patient(52), &bar()).status, 0);
        std::thread::scope(|scope| {
            let first = scope.spawn(|| get(&locks, &patient(51), &bar()).status);
            while locks.blocker(51).is_none() {
                std::thread::yield_now();
            }
            assert_eq!(get(&locks, &patient(52), &exclusive("Transaction")).status, -3);
            locks.release_all(52, LockScope::Transaction);
            assert_eq!(first.join().ok(), Some(1));
        });
    }

    #[test]
    fn wrong_calls_say_why() {
        let locks = LockManager::default();
        let outside = caller(51, false);
        let call = |change: fn(&mut LockArguments)| {
            let mut arguments = exclusive("Session");
            change(&mut arguments);
            get(&locks, &outside, &arguments)
        };
        for (reply, expected) in [
            (call(|a| a.mode = Some("Nope".into())), 15625),
            (call(|a| a.mode = None), 15625),
            (call(|a| a.owner = Some("Nope".into())), 15625),
            (call(|a| a.owner = None), 15626),
            (call(|a| a.resource = None), 1224),
            (call(|a| a.timeout = Some(-2)), 1227),
            (call(|a| a.principal = Some("nobody".into())), 1202),
            (release(&locks, &outside, &exclusive("Transaction")), 3918),
        ] {
            assert_eq!((reply.status, number(&reply)), (CALL_ERROR, Some(expected)));
        }
        let missing = release(&locks, &outside, &exclusive("Session"));
        assert_eq!(
            missing.message.map(|message| message.text).as_deref(),
            Some(
                "Cannot release the application lock (Database Principal: 'public', Resource: 'foo') because it is \
                 not currently held."
            )
        );
    }
}
