//! What a session leaves behind: nothing.
use crate::options::SetOptions;
use crate::session::{LastStatement, Session};
use crate::{temporary, transaction};
use sandbox_transactions::locks::LockScope;

impl Session {
    /// RESETCONNECTION: as after login, without the transaction; RESETCONNECTIONSKIPTRAN (`keep_transaction`)
    /// keeps it.
    pub fn reset(&mut self, keep_transaction: bool) {
        if !keep_transaction {
            self.abandon();
        }
        // The isolation level stays (docs/WIRE.md, "A session that is used again").
        self.options = SetOptions { isolation: self.options.isolation, ..SetOptions::default() };
        self.last = LastStatement::default();
        self.pending_bulk = None;
        self.has_no_context();
        self.enter_database(self.first_database);
    }

    /// Rolls back whatever is open, without a word to the client.
    fn abandon(&mut self) {
        if let Err(error) = transaction::rollback_all(self) {
            log::error!("session {}: rollback failed: {error:?}", self.id);
        }
        if let Err(error) = temporary::drop_all(self) {
            log::error!("session {}: temporary tables stay: {error:?}", self.id);
        }
        self.engine.locks.release_all(self.id, LockScope::Statement);
        self.engine.locks.release_all(self.id, LockScope::Session);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.abandon();
        self.engine.sessions().remove(&self.id);
    }
}
