//! Names as users write them → tables as a server has them.
use std::collections::HashMap;
use std::time::Duration;

use super::name::TableName;
use super::pattern::{ListEntry, NamedOrMatching, TablePattern};
use super::question;
use super::record::CatalogRow;
use crate::config::Endpoint;
use crate::error::Result;
use crate::retry::Backoff;
use crate::session::{Role, Session, ToSql};

/// What names stand for on a server: letters' case goes by the database's collation, and a missing schema is the one
/// that the login's user has by default, or dbo.
#[derive(Clone, Debug, Default)]
pub struct Names {
    named: HashMap<TableName, TableName>,
    /// Those that patterns may mean: every table of the users, but no view, no history of another table, and not our
    /// own ledger. Empty unless some entry is a pattern.
    tables: Vec<TableName>,
    /// How names compare; see [`ServerFacts::same_name`](super::server::ServerFacts::same_name).
    collation: String,
}

/// A request has at most 2,100 parameters.
const NAMES_PER_QUERY: usize = 1_000;
/// Somebody else's DDL on any of the tables keeps their names from being told.
const LOCK_WAIT: Duration = Duration::from_secs(60);

impl Names {
    /// Asks for all names and patterns at once.
    ///
    /// # Errors
    /// The server's; a name that stands for nothing is none.
    pub async fn ask(server: &Endpoint, role: Role, written: &[ListEntry]) -> Result<Self> {
        let mut retries = Backoff::default().retries();
        loop {
            let asked = async {
                let mut session = Session::take(server, role).await?;
                let asked = asked(&mut session, written).await;
                let names = asked
                    .map_err(|error| error.within(format_args!("asking the {role} for names of tables")))?;
                session.give_back().await;
                Ok(names)
            };
            if let Some(settled) = retries.settled(asked.await).await {
                return settled;
            }
        }
    }

    /// The table that a name stands for, with its schema and as the server spells it.
    pub fn get(&self, written: &TableName) -> Option<&TableName> {
        self.named.get(written)
    }

    /// The same; the name as it was written where the server has no such table.
    pub fn of(&self, written: &TableName) -> TableName {
        self.get(written).unwrap_or(written).clone()
    }

    /// Does the server have a table of this name, as it spells it?
    pub fn has(&self, table: &TableName) -> bool {
        self.named.values().chain(&self.tables).any(|known| known == table)
    }

    /// The tables that a pattern means, by name.
    pub fn matching(&self, pattern: &TablePattern) -> Vec<TableName> {
        self.tables.iter().filter(|table| self.is_of(table, pattern)).cloned().collect()
    }

    /// Is a table's name of the pattern?
    pub fn is_of(&self, table: &TableName, pattern: &TablePattern) -> bool {
        pattern.matches(table, &self.collation)
    }

    /// The same names, with tables that patterns may mean.
    #[must_use]
    pub fn with_tables(self, tables: Vec<TableName>, collation: &str) -> Self {
        Self { tables, collation: collation.to_owned(), ..self }
    }
}

impl FromIterator<(TableName, TableName)> for Names {
    fn from_iter<I: IntoIterator<Item = (TableName, TableName)>>(names: I) -> Self {
        Self { named: names.into_iter().collect(), ..Self::default() }
    }
}

async fn asked(session: &mut Session, written: &[ListEntry]) -> Result<Names> {
    let mut names = HashMap::new();
    let mut named = Vec::new();
    for entry in written {
        if let NamedOrMatching::Named(name) = &entry.tables
            && !named.contains(name)
        {
            named.push(name.clone());
        }
    }
    let has_patterns = written.iter().any(|entry| matches!(entry.tables, NamedOrMatching::Matching(_)));
    for written in named.chunks(NAMES_PER_QUERY) {
        let quoted: Vec<String> = written.iter().map(TableName::quoted).collect();
        let params: Vec<&dyn ToSql> = quoted.iter().map(|name| name as &dyn ToSql).collect();
        let rows = session.query(&question(written.len()), &params).await?;
        // A SELECT, and a lock timeout that ends with the call.
        session.has_left_nothing();
        for row in rows {
            let row = CatalogRow::from(&row);
            let place: usize = row.number("place")?;
            if let Some(written) = written.get(place) {
                let table = TableName::new(&row.name("schema_name")?, &row.name("table_name")?);
                names.insert(written.clone(), table);
            }
        }
    }
    let names = Names { named: names, ..Names::default() };
    if !has_patterns {
        return Ok(names);
    }
    session.set_lock_timeout(LOCK_WAIT).await?;
    let rows: Vec<_> = session.query(question::TABLES.sql, &[]).await?.iter().map(CatalogRow::from).collect();
    let mut tables = Vec::new();
    for row in rows.iter().filter(|row| !is_history(row)) {
        tables.push(TableName::new(&row.name("schema_name")?, &row.name("name")?));
    }
    let collation = rows.first().and_then(|row| row.text("database_collation"));
    Ok(names.with_tables(tables, collation.unwrap_or_default()))
}

/// Of a temporal table, or of a ledger's (Microsoft docs, sys.tables: temporal_type, ledger_type).
fn is_history(row: &CatalogRow) -> bool {
    row.int("temporal_type") == Some(1) || row.int("ledger_type") == Some(1)
}

/// OBJECT_ID compares as every other statement will.
fn question(names: usize) -> String {
    let names: Vec<_> = (0..names).map(|place| format!("({place}, @P{})", place + 1)).collect();
    format!(
        "SET LOCK_TIMEOUT {}; SELECT n.place AS place, s.name AS schema_name, o.name AS table_name FROM (VALUES {}) AS n (place, name) \
         JOIN sys.objects AS o ON o.object_id = OBJECT_ID(n.name) \
         JOIN sys.schemas AS s ON s.schema_id = o.schema_id",
        LOCK_WAIT.as_millis(),
        names.join(", ")
    )
}
