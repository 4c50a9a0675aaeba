//! Names as users write them → tables as a server has them.
use std::collections::HashMap;
use std::time::Duration;

use super::name::TableName;
use super::record::CatalogRow;
use crate::config::Endpoint;
use crate::error::Result;
use crate::retry::Backoff;
use crate::session::{Role, Session, ToSql};

/// What names stand for on a server: letters' case goes by the database's collation, and a missing schema is the one
/// that the login's user has by default, or dbo.
#[derive(Clone, Debug, Default)]
pub struct Names(HashMap<TableName, TableName>);

/// A request has at most 2,100 parameters.
const NAMES_PER_QUERY: usize = 1_000;
/// Somebody else's DDL on any of the tables keeps their names from being told.
const LOCK_WAIT: Duration = Duration::from_secs(60);

impl Names {
    /// Asks for all names at once, on a connection of its own.
    ///
    /// # Errors
    /// The server's; a name that stands for nothing is none.
    pub async fn ask(server: &Endpoint, role: Role, written: &[TableName]) -> Result<Self> {
        let mut retries = Backoff::default().retries();
        loop {
            let asked = async {
                let mut session = Session::connect(server, role).await?;
                let asked = asked(&mut session, written).await;
                asked.map_err(|error| error.within(format_args!("asking the {role} for names of tables")))
            };
            if let Some(settled) = retries.settled(asked.await).await {
                return settled;
            }
        }
    }

    /// The table that a name stands for, with its schema and as the server spells it.
    pub fn get(&self, written: &TableName) -> Option<&TableName> {
        self.0.get(written)
    }

    /// The same; the name as it was written where the server has no such table.
    pub fn of(&self, written: &TableName) -> TableName {
        self.get(written).unwrap_or(written).clone()
    }
}

impl FromIterator<(TableName, TableName)> for Names {
    fn from_iter<I: IntoIterator<Item = (TableName, TableName)>>(names: I) -> Self {
        Self(names.into_iter().collect())
    }
}

async fn asked(session: &mut Session, written: &[TableName]) -> Result<Names> {
    session.set_lock_timeout(LOCK_WAIT).await?;
    let mut names = HashMap::new();
    for written in written.chunks(NAMES_PER_QUERY) {
        let quoted: Vec<String> = written.iter().map(TableName::quoted).collect();
        let params: Vec<&dyn ToSql> = quoted.iter().map(|name| name as &dyn ToSql).collect();
        for row in session.query(&question(written.len()), &params).await? {
            let row = CatalogRow::from(&row);
            let place: usize = row.number("place")?;
            if let Some(written) = written.get(place) {
                let table = TableName::new(&row.name("schema_name")?, &row.name("table_name")?);
                names.insert(written.clone(), table);
            }
        }
    }
    Ok(Names(names))
}

/// OBJECT_ID compares as every other statement will.
fn question(names: usize) -> String {
    let names: Vec<_> = (0..names).map(|place| format!("({place}, @P{})", place + 1)).collect();
    format!(
        "SELECT n.place AS place, s.name AS schema_name, o.name AS table_name FROM (VALUES {}) AS n (place, name) \
         JOIN sys.objects AS o ON o.object_id = OBJECT_ID(n.name) \
         JOIN sys.schemas AS s ON s.schema_id = o.schema_id",
        names.join(", ")
    )
}
