//! KILL: ends another session, which rolls back.
use sandbox_catalog::permissions::{END_SESSIONS, has_on_server};
use sandbox_session::Session;
use sandbox_values::error::SqlError;

/// # Errors
/// 6102 without permission; 6115 within a transaction; 6104 for the session itself, 6106 for one that is not there.
pub fn kill(session: &Session, id: i64) -> Result<(), SqlError> {
    if has_on_server(&session.engine.instance(), &session.login.user, END_SESSIONS) != Some(true) {
        let text = "User does not have permission to use the KILL statement.";
        return Err(SqlError::new(6102, 14, 1, text));
    }
    if session.transaction.is_some() {
        let text = "KILL command cannot be used inside user transactions.";
        return Err(SqlError::new(6115, 16, 1, text));
    }
    if id == i64::from(session.id) {
        return Err(SqlError::new(6104, 16, 1, "Cannot use KILL to kill your own process."));
    }
    let kill = {
        let sessions = session.engine.sessions();
        let found = u16::try_from(id).ok().and_then(|id| sessions.get(&id));
        found.and_then(|info| info.kill.clone())
    };
    match kill {
        Some(kill) => {
            (kill.0)();
            Ok(())
        }
        None => Err(SqlError::new(6106, 16, 2, format!("Process ID {id} is not an active process ID."))),
    }
}
