//! System views: `sys.*` and `INFORMATION_SCHEMA.*`, made from the catalog when a query names them. Names, types
//! and order of the columns are those of SQL Server 2022 (Microsoft docs, "System catalog views"). A view is a line for its
//! columns and a function for its rows, which sees one database as one session may. A new one goes beside its like.
mod absent;
mod columns;
mod compatibility;
mod constraints;
pub mod definition;
mod dependencies;
pub mod indexes;
mod information_schema;
mod modules;
mod objects;
pub mod planted;
pub mod scope;
mod security;
mod server;
mod spaces;
mod tracking;

use definition::Definition;
use sandbox_catalog::permissions::ObjectKey;
use sandbox_catalog::schema::Database;
use sandbox_session::Session;
use sandbox_session::api::OutColumn;
use sandbox_session::failure::Outcome;
use sandbox_session::sandbox::{FaultKind, TableName};
use sandbox_transactions::Conflict;
use sandbox_values::error::SqlError;
use sandbox_values::{CollationId, Value};
use scope::{Objects, SYS, ViewScope};
pub use security::login_sid;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// A view's columns and how to get its rows in a database. The binder puts the rows into a temporary SQLite table
/// for the statement that names it.
#[derive(Clone)]
pub struct SystemView {
    /// Negative, as system objects' are.
    pub object_id: i32,
    pub columns: Arc<[OutColumn]>,
    definition: &'static Definition,
}

/// The view of that name, without regard to case; its strings have the database's collation.
pub fn find(database: &Database, schema: &str, name: &str) -> Option<SystemView> {
    static BY_NAME: LazyLock<HashMap<String, (i32, &'static Definition)>> =
        LazyLock::new(|| numbered().map(|(id, d)| (key(d.schema, d.name), (id, d))).collect());
    let &(object_id, definition) = BY_NAME.get(&key(schema, name))?;
    Some(SystemView { object_id, columns: described(object_id, definition, database.collation), definition })
}

fn key(schema: &str, name: &str) -> String {
    format!("{schema}.{name}").to_ascii_lowercase()
}

/// The view's columns, taken apart once: that takes longer than to read a small view.
fn described(object_id: i32, definition: &Definition, collation: CollationId) -> Arc<[OutColumn]> {
    type Columns = BTreeMap<(i32, u16), Arc<[OutColumn]>>;
    static KNOWN: Mutex<Columns> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let columns = known.entry((object_id, collation.0));
    Arc::clone(columns.or_insert_with(|| definition.columns.describe(collation).into()))
}

impl SystemView {
    /// sys or INFORMATION_SCHEMA.
    pub fn schema(&self) -> &'static str {
        self.definition.schema
    }

    /// The view's rows in that database: what the session's user may see of them. `objects`: at least those about these.
    /// With them the transaction that has to end first, if another one has made a table that the view would show: metadata
    /// is read as by READ COMMITTED with locks (Microsoft docs, "Metadata Access, Isolation Levels, and Lock Hints"; a blog
    /// of Azure SQL's support, "Create table and insert into within same transaction blocks sys.tables catalog view").
    ///
    /// # Errors
    /// 911 where the database is gone; 229 where reading it was denied; 300 where a server-wide view takes a permission that the login lacks.
    pub fn rows(
        &self,
        session: &Session,
        database: i16,
        objects: Option<&Objects>,
    ) -> Outcome<(Vec<Vec<Value>>, Option<Conflict>)> {
        let Definition { schema, name, .. } = self.definition;
        let instance = session.engine.instance();
        let scope = ViewScope::new(session, &instance, database)?;
        let changes = session.engine.sandbox.planted_rows(schema, name, &scope.database.name);
        // What is planted may say of any row that it is about another object.
        let scope = scope.of(objects.filter(|_| changes.is_empty()));
        // Everyone may read the system views, unless someone has said otherwise.
        let target = ObjectKey { object_id: self.object_id, schema_id: SYS };
        let owners = dependencies::OWNERS_ONLY.contains(&self.definition.name);
        if scope.rights.is_denied("SELECT", target) || owners && !scope.rights.has("SELECT", Some(target)) {
            let text = format!(
                "The SELECT permission was denied on the object '{}', database 'mssqlsystemresource', schema '{}'.",
                self.definition.name, self.definition.schema
            );
            return Err(SqlError::new(229, 14, 5, text).into());
        }
        let view = TableName::new(self.definition.schema, self.definition.name);
        if session.engine.sandbox.take(FaultKind::LockedView, Some(&view)).is_some() {
            return Err(SqlError::new(1222, 16, 51, "Lock request time out period exceeded.").into());
        }
        let rows = (self.definition.rows)(&scope)?;
        let mut rows: Vec<Vec<Value>> = self.definition.columns.rows(rows, &self.columns).collect();
        planted::apply(&changes, &self.columns, &mut rows)?;
        // Management views show what is, whether or not it stays.
        let conflict = if name.starts_with("dm_") { None } else { scope.unfinished() };
        Ok((rows, conflict))
    }
}

/// How many arguments a view takes that is a function; they are the values of its first columns.
pub fn arguments(name: &str) -> usize {
    const FUNCTIONS: [&str; 2] = ["dm_os_volume_stats", "dm_db_stats_histogram"];
    if FUNCTIONS.iter().any(|function| name.eq_ignore_ascii_case(function)) { 2 } else { 0 }
}

/// Every system view, with its object_id.
fn numbered() -> impl Iterator<Item = (i32, &'static Definition)> {
    (1..).map(|n: i32| -n).zip(all())
}

/// Every system view.
pub fn all() -> impl Iterator<Item = &'static Definition> {
    [
        objects::VIEWS,
        modules::VIEWS,
        columns::VIEWS,
        constraints::VIEWS,
        indexes::VIEWS,
        spaces::VIEWS,
        tracking::VIEWS,
        security::VIEWS,
        server::VIEWS,
        server::state::VIEWS,
        information_schema::VIEWS,
        compatibility::VIEWS,
        dependencies::VIEWS,
        server::settings::VIEWS,
        absent::BROKER,
        absent::DATABASE,
        absent::EVENTS,
        absent::INDEXES,
        absent::SECURITY,
        absent::SERVER,
    ]
    .into_iter()
    .flatten()
}
