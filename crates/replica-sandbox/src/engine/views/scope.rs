//! What a view's rows are made from: one database, seen by one session.
use crate::engine::ddl::names;
use crate::engine::failure::Outcome;
use crate::engine::permissions::{Rights, Target, needs_server_state};
use crate::engine::schema::{Database, Instance, Table, View};
use crate::engine::session::Session;
use crate::error::SqlError;

pub struct Scope<'a> {
    pub session: &'a Session,
    pub instance: &'a Instance,
    pub database: &'a Database,
    pub rights: Rights<'a>,
}

impl<'a> Scope<'a> {
    pub fn new(session: &'a Session, instance: &'a Instance, database: i16) -> Result<Self, SqlError> {
        let database = names::database(instance, database)?;
        Ok(Self { session, instance, database, rights: session.rights(instance, database) })
    }

    /// The tables that the user may see.
    pub fn tables(&self) -> impl Iterator<Item = &'a Table> {
        self.database
            .tables
            .values()
            .map(AsRef::as_ref)
            .filter(|t| t.owner_session == Some(self.session.id) || self.rights.sees(Target::from(*t)))
    }

    /// The views that the user may see.
    pub fn views(&self) -> impl Iterator<Item = &'a View> {
        self.database
            .views
            .values()
            .filter(|v| self.rights.sees(Target { object_id: v.object_id, schema_id: v.schema_id }))
    }

    /// Rows of one partition, as the storage counts them: what others have not committed yet is in.
    pub fn row_count(&self, storage: i64) -> Outcome<i64> {
        let sql = format!(
            "SELECT (SELECT COUNT(*) FROM t{storage}) - (SELECT COUNT(*) FROM t{storage} WHERE _del IS NOT NULL)"
        );
        Ok(self.session.connection.query_row(&sql, [], |row| row.get(0))?)
    }

    /// # Errors
    /// 300 and 297 where the login may not see the server's state.
    pub fn needs_server_state(&self) -> Result<(), SqlError> {
        needs_server_state(self.instance, &self.session.login.user)
    }
}
