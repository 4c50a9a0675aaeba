//! What a view's rows are made from: one database, seen by one session.
use sandbox_catalog::permissions::{ObjectKey, Rights, check_database, needs_server_state};
use sandbox_catalog::schema::{Database, Instance, SecurityPolicy, Synonym, Table, TableFunction, View};
use sandbox_session::Session;
use sandbox_session::failure::Outcome;
use sandbox_session::names;
use sandbox_values::error::SqlError;

/// schema_id of INFORMATION_SCHEMA and of sys.
pub const INFORMATION_SCHEMA: i32 = 3;
pub const SYS: i32 = 4;

pub struct ViewScope<'a> {
    pub session: &'a Session,
    pub instance: &'a Instance,
    pub database: &'a Database,
    pub rights: Rights<'a>,
}

impl<'a> ViewScope<'a> {
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
            .filter(|t| t.owner_session == Some(self.session.id) || self.rights.sees(ObjectKey::from(*t)))
    }

    /// A text of the table's definition, for who may read it: ALTER, CONTROL or VIEW DEFINITION (Microsoft docs,
    /// "OBJECT_DEFINITION", Permissions). To others it is NULL.
    pub fn definition<'t>(&self, table: &Table, text: &'t String) -> Option<&'t String> {
        let own = table.owner_session == Some(self.session.id);
        (own || self.rights.has("VIEW DEFINITION", Some(ObjectKey::from(table)))).then_some(text)
    }

    /// The views that the user may see.
    pub fn views(&self) -> impl Iterator<Item = &'a View> {
        self.database
            .views
            .values()
            .filter(|v| self.rights.sees(ObjectKey { object_id: v.object_id, schema_id: v.schema_id }))
    }

    /// The functions that the user may see.
    pub fn functions(&self) -> impl Iterator<Item = &'a TableFunction> {
        let all = self.database.functions.values();
        all.filter(|f| self.rights.sees(ObjectKey { object_id: f.object_id, schema_id: f.schema_id }))
    }

    /// The synonyms that the user may see.
    pub fn synonyms(&self) -> impl Iterator<Item = &'a Synonym> {
        let all = self.database.synonyms.values();
        all.filter(|s| self.rights.sees(ObjectKey { object_id: s.object_id, schema_id: s.schema_id }))
    }

    /// The security policies that the user may see: with ALTER ANY SECURITY POLICY all, else those with VIEW
    /// DEFINITION (Microsoft docs, sys.security_policies, "Permissions").
    pub fn policies(&self) -> impl Iterator<Item = &'a SecurityPolicy> {
        let every = self.rights.has("ALTER ANY SECURITY POLICY", None);
        self.database.policies.values().filter(move |p| {
            let target = ObjectKey { object_id: p.object_id, schema_id: p.schema_id };
            every || self.rights.has("VIEW DEFINITION", Some(target))
        })
    }

    /// Rows of one partition, as the storage counts them: what others have not committed yet is in. A partition that is
    /// being made or has just gone has none: the catalog is read without its tables' locks.
    pub fn row_count(&self, storage: i64) -> Outcome<i64> {
        let sql = format!(
            "SELECT (SELECT COUNT(*) FROM t{storage}) - (SELECT COUNT(*) FROM t{storage} WHERE _del IS NOT NULL)"
        );
        match self.session.connection.query_row(&sql, [], |row| row.get(0)) {
            Err(rusqlite::Error::SqliteFailure(_, Some(text))) if text.starts_with("no such table") => Ok(0),
            Err(rusqlite::Error::SqlInputError { msg, .. }) if msg.starts_with("no such table") => Ok(0),
            counted => Ok(counted?),
        }
    }

    /// What the database does is seen with a permission of its own, too; that of the server has it in it.
    ///
    /// # Errors
    /// 262 where the user may not see the database's state.
    pub fn needs_database_state(&self) -> Result<(), SqlError> {
        if self.rights.has("VIEW DATABASE STATE", None) || self.needs_server_state().is_ok() {
            return Ok(());
        }
        check_database(&self.rights, "VIEW DATABASE PERFORMANCE STATE")
    }

    /// # Errors
    /// 300 where the login may not see the server's state.
    pub fn needs_server_state(&self) -> Result<(), SqlError> {
        needs_server_state(self.instance, &self.session.login.user)
    }
}
