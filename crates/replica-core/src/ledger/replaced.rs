//! What a load that has no windows of its own does to those on record: they no longer say what the rows are.
use super::found::{self, FoundSchema};
use super::{ask, names, overlaps};
use crate::catalog::TableName;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::tds::rpc::{Param, Query};
use crate::window::DayRange;

/// Rows that are replaced in one transaction, past the windows on record. Those that have any of these rows are marked
/// in that same transaction, so that a rollback takes the mark back with the rows: they are pending from then on, and
/// `error` says who replaced their rows.
#[derive(Clone, Copy, Debug)]
pub struct Replaced<'a> {
    /// As the ledger shows it.
    pub tool: &'a str,
    /// The target's.
    pub table: &'a TableName,
    /// These days along this column of the source; `None`: all rows.
    pub days: Option<(&'a str, DayRange)>,
}

impl Replaced<'_> {
    /// Whether there are such windows. To be asked before the first row is touched: what could fail then would take
    /// the load back. Nobody needs a ledger, or rights on one, as long as it says nothing of these rows.
    ///
    /// # Errors
    /// There are, and this login may not mark them: names the GRANT. A lost connection.
    pub async fn is_on_record(&self, session: &mut Session) -> Result<bool> {
        match self.looked_up(session).await {
            Err(error) if error.server().is_some() && !error.is_transient() => {
                log::warn!("{}: {error}; {}", self.table, MAY_NOT_HOLD);
                Ok(false)
            }
            found => found,
        }
    }

    async fn looked_up(&self, session: &mut Session) -> Result<bool> {
        match found::look(session).await? {
            FoundSchema::Nothing { schema: false } => return Ok(false),
            FoundSchema::Nothing { schema: true } => {
                log::info!(
                    "{}: this login sees no ledger in the schema replica; if it is there, see that the login has \
                     SELECT and UPDATE ON SCHEMA::replica, so that it can be told that these rows are replaced",
                    self.table
                );
                return Ok(false);
            }
            // The user's own.
            FoundSchema::Foreign(error) => {
                log::debug!("{}: {error}", self.table);
                return Ok(false);
            }
            FoundSchema::Ledger(version) => {
                if let Err(error) = found::check(version) {
                    log::warn!("{}: {error}; {}", self.table, MAY_NOT_HOLD);
                    return Ok(false);
                }
            }
        }
        let Query { sql, params } = self.of_windows("SELECT COUNT(*) FROM replica.windows");
        let windows = crate::read::number(session.lane()?, Query { sql, params }).await?;
        if windows.unwrap_or_default() == 0 {
            return Ok(false);
        }
        let sql = "SELECT HAS_PERMS_BY_NAME(N'replica.windows', N'OBJECT', N'UPDATE') AS may";
        let may = ask(session, sql, &[]).await?.first().and_then(|row| row.int("may"));
        if may == Some(0) {
            return Err(Error::data(
                "the ledger has windows of it on record, and this login may not mark them as replaced",
            )
            .remedy("GRANT SELECT, UPDATE ON SCHEMA::replica to its user"));
        }
        Ok(true)
    }

    /// Marks the windows, within the open transaction, as its last statement: what the ledger's rows are locked for
    /// is the commit alone.
    ///
    /// # Errors
    /// The server's.
    pub async fn mark(&self, session: &mut Session) -> Result<()> {
        let lane = session.lane()?;
        debug_assert!(lane.in_transaction(), "without one a failure could not take it back");
        lane.run(&self.marking()).await.map(drop).map_err(|error| error.within("the ledger"))
    }

    /// The statement that marks them.
    pub fn marking(&self) -> Query {
        let mut update = self.of_windows(
            "UPDATE replica.windows SET state = 'pending', run_id = NULL, host = NULL, completed = NULL, \
             row_count = NULL, byte_count = NULL, row_hash = NULL, delete_ms = NULL, load_ms = NULL, \
             verify_ms = NULL, error = @P3 + CONVERT(nvarchar(19), SYSUTCDATETIME(), 126) + N' UTC'",
        );
        update.params[2] = Param::Text(format!("its rows were replaced by {} at ", self.tool));
        update
    }

    /// A statement on the windows that have any of these rows. `@P3` is for the caller.
    fn of_windows(&self, statement: &str) -> Query {
        let (schema, table) = names(self.table);
        let mut params =
            vec![Param::Text(schema.to_owned()), Param::Text(table.to_owned()), Param::Text(String::new())];
        if let Some((column, days)) = self.days {
            params.extend([Param::Text(column.to_owned()), Param::Date(days.first), Param::Date(days.next)]);
        }
        let condition = self.condition(["@P1", "@P2"], ["@P4", "@P5", "@P6"]);
        Query { sql: format!("{statement} WHERE {condition}"), params }
    }

    /// That a window has any of these rows: by the parameters that have the table's schema and name, and those that have
    /// the column, the first day and the next. What was cut along another column may have some anywhere.
    pub(super) fn condition(&self, [schema, table]: [&str; 2], [column, first, next]: [&str; 3]) -> String {
        let of_table = format!("windows.schema_name = {schema} AND windows.table_name = {table}");
        match self.days {
            Some(_) => {
                format!("{of_table} AND (windows.date_column <> {column} OR {})", overlaps(first, next))
            }
            None => of_table,
        }
    }
}

/// The columns that those windows of a table are cut by of which the ledger says what rows they have.
///
/// # Errors
/// The server's; a lost connection.
pub async fn window_columns(session: &mut Session, table: &TableName) -> Result<Vec<String>> {
    let sql = "SELECT DISTINCT date_column FROM replica.windows WHERE schema_name = @P1 AND table_name = @P2 \
               AND state <> 'pending'";
    let (schema, table) = names(table);
    ask(session, sql, &[&schema, &table]).await?.iter().map(|row| row.name("date_column")).collect()
}

const MAY_NOT_HOLD: &str =
    "if the ledger has windows of this table on record, what it says of them no longer holds";
