//! `sp_getapplock` and `sp_releaseapplock` as they are called.
use super::arguments::Arguments;
use sandbox_session::Session;
use sandbox_session::api::{Param, Sink};
use sandbox_session::failure::{Failure, Outcome};
use sandbox_transactions::applock::{self, Caller, LockReply};
use sandbox_values::error::SqlError;

pub fn get(params: &[Param], session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    let names = ["@Resource", "@LockMode", "@LockOwner", "@LockTimeout", "@DbPrincipal"];
    let given = Arguments::bind("sp_getapplock", &names, params)?;
    let arguments = applock::LockArguments { mode: given.text("@LockMode"), ..common(&given)? };
    let reply = with_caller(session, sink, |caller| applock::get(&session.engine.locks, caller, &arguments));
    answer(reply, sink)
}

pub fn release(params: &[Param], session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    let given = Arguments::bind("sp_releaseapplock", &["@Resource", "@LockOwner", "@DbPrincipal"], params)?;
    let arguments = common(&given)?;
    let reply =
        with_caller(session, sink, |caller| applock::release(&session.engine.locks, caller, &arguments));
    answer(reply, sink)
}

fn common(given: &Arguments) -> Result<applock::LockArguments, SqlError> {
    Ok(applock::LockArguments {
        resource: given.text("@Resource"),
        mode: None,
        owner: given.text("@LockOwner"),
        timeout: given.int("@LockTimeout")?,
        principal: given.text("@DbPrincipal"),
    })
}

fn with_caller(session: &Session, sink: &dyn Sink, call: impl FnOnce(&Caller) -> LockReply) -> LockReply {
    let lock_timeout = session.options.lock_timeout;
    call(&Caller {
        session: session.id,
        database: session.database,
        in_transaction: session.transaction_descriptor() != 0,
        lock_timeout: lock_timeout
            .map_or(-1, |timeout| i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX)),
        deadlock_priority: session.options.deadlock_priority,
        cancelled: &|| sink.cancelled(),
    })
}

/// The message goes out beside the status: `@@ERROR` stays 0 (docs/SERVER.md, "Application locks").
fn answer(reply: LockReply, sink: &mut dyn Sink) -> Outcome<i32> {
    if reply.status == applock::CANCELLED {
        return Err(Failure::Cancelled);
    }
    if let Some(message) = &reply.message {
        sink.message(message)?;
    }
    Ok(reply.status)
}
