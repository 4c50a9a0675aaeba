//! What a view's rows are made from: one database, seen by one session.
use sandbox_catalog::permissions::{ObjectKey, Rights, check_database, needs_server_state};
use sandbox_catalog::schema::{Database, Instance, SecurityPolicy, Synonym, Table, TableFunction, View};
use sandbox_session::Session;
use sandbox_session::failure::Outcome;
use sandbox_session::names;
use sandbox_session::options::Isolation;
use sandbox_transactions::Conflict;
use sandbox_values::error::SqlError;
use std::cell::Cell;
use std::collections::BTreeSet;

/// schema_id of INFORMATION_SCHEMA and of sys.
pub const INFORMATION_SCHEMA: i32 = 3;
pub const SYS: i32 = 4;

pub struct ViewScope<'a> {
    pub session: &'a Session,
    pub instance: &'a Instance,
    pub database: &'a Database,
    pub rights: Rights<'a>,
    /// Those that a statement asks about: other tables and views need not be shown. `None`: all.
    objects: Option<&'a Objects>,
    /// The view has asked for tables.
    shows_tables: Cell<bool>,
}

/// Objects by their ids.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Objects(BTreeSet<i32>);

impl Objects {
    /// The columns that name them: where a view has rows of tables or views, each such column has the id of the table or view
    /// itself, of a part of it, or of a table that it refers to ([`is_about`]).
    pub const COLUMNS: [&str; 4] = ["object_id", "parent_object_id", "parent_id", "referenced_object_id"];

    /// `None` where one of them is none that a table or view has: 0 stands for nothing, and system objects are below.
    pub fn new(ids: impl IntoIterator<Item = i64>) -> Option<Self> {
        let mut objects = BTreeSet::new();
        for id in ids {
            if id <= 0 {
                return None;
            }
            objects.extend(i32::try_from(id));
        }
        Some(Self(objects))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// With the others.
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    fn has(&self, id: i32) -> bool {
        self.0.contains(&id)
    }
}

/// Is a row of a system view about this table named by one of the objects?
fn is_about(table: &Table, objects: &Objects) -> bool {
    let named = |id: i32| objects.has(id);
    named(table.object_id)
        || table.foreign_keys.iter().any(|key| named(key.object_id) || named(key.references))
        || table.indexes.iter().any(|index| named(index.object_id))
        || table.triggers.iter().any(|trigger| named(trigger.object_id))
        || table.checks.iter().any(|check| named(check.object_id))
        || table.columns.iter().any(|c| c.default.as_ref().is_some_and(|d| named(d.object_id)))
}

impl<'a> ViewScope<'a> {
    pub fn new(session: &'a Session, instance: &'a Instance, database: i16) -> Result<Self, SqlError> {
        let database = names::database(instance, database)?;
        let rights = session.rights(instance, database);
        Ok(Self { session, instance, database, rights, objects: None, shows_tables: Cell::new(false) })
    }

    /// The same for a statement that asks about these alone.
    pub(crate) fn of(self, objects: Option<&'a Objects>) -> Self {
        Self { objects, ..self }
    }

    /// A transaction in whose hands tables are that the view has asked for: one that has made them and has not ended.
    pub(crate) fn unfinished(&self) -> Option<Conflict> {
        if !self.shows_tables.get() || self.session.options.isolation == Isolation::ReadUncommitted {
            return None;
        }
        let me = self.session.transaction.as_ref().map(|transaction| transaction.id);
        let among = |id: i32| self.objects.is_none_or(|objects| objects.has(id));
        self.session.engine.transactions.creator(self.database.id, me, among).map(Conflict)
    }

    /// The tables that the user may see.
    pub fn tables(&self) -> impl Iterator<Item = &'a Table> {
        self.shows_tables.set(true);
        self.database
            .tables
            .values()
            .map(AsRef::as_ref)
            .filter(|t| self.objects.is_none_or(|objects| is_about(t, objects)))
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
            .filter(|v| self.objects.is_none_or(|objects| objects.has(v.object_id)))
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

    /// Rows of one partition, as the storage counts them: what others have not committed yet is in.
    pub fn row_count(&self, storage: i64) -> Outcome<i64> {
        let sql = format!(
            "SELECT (SELECT COUNT(*) FROM t{storage}) - (SELECT COUNT(*) FROM t{storage} WHERE _del IS NOT NULL)"
        );
        Ok(self.session.connection.query_row(&sql, [], |row| row.get(0))?)
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
