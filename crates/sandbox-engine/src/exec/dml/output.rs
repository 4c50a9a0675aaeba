//! OUTPUT: rows of what was inserted and deleted, for the client or for a table.
use super::{Target, insert};
use rusqlite::types::Value as Stored;
use rusqlite::{Connection, params_from_iter};
use sandbox_catalog::schema::Table;
use sandbox_query::bind::{Binder, Object, Scope};
use sandbox_query::read::Again;
use sandbox_session::Session;
use sandbox_session::api::{OutColumn, Sink};
use sandbox_session::failure::Outcome;
use sandbox_session::frame::Frame;
use sandbox_sql::hints::Hints;
use sandbox_sql::parse;
use sandbox_sql::tokens::ObjectName;
use sandbox_values::Value;
use sandbox_values::error::SqlError;
use sandbox_values::storage::from_stored;

/// An OUTPUT clause, bound over a row's parameters: the inserted values first, then the deleted ones.
pub struct Output {
    sql: String,
    columns: Vec<OutColumn>,
    into: Option<(ObjectName, Vec<String>)>,
}

/// The rows that an OUTPUT clause has to send, or to store, once the statement has succeeded.
pub struct Returned {
    columns: Vec<OutColumn>,
    pub rows: Vec<Vec<Value>>,
    into: Option<(ObjectName, Vec<String>)>,
}

impl Output {
    /// # Errors
    /// 207 and the like; 330 to 333 for a table that INTO can't have.
    pub fn bind(
        binder: &Binder<'_>,
        output: Option<&parse::OutputClause>,
        target: &Target,
        (inserted, deleted): (bool, bool),
    ) -> Result<Option<Self>, SqlError> {
        let Some(output) = output else { return Ok(None) };
        if let Some((name, _)) = &output.into {
            let Object::Table { database, table } = binder.object(name)? else {
                let text = format!(
                    "The target '{name}' of the OUTPUT INTO clause cannot be a view or common table expression."
                );
                return Err(SqlError::new(330, 15, 1, text));
            };
            may_take_output(binder.session, database, &table, name)?;
        }
        let mut scope = Scope::default();
        if inserted {
            scope.sources.push(target.as_parameters(binder, Some("inserted"), 1)?);
        }
        if deleted {
            scope.sources.push(target.as_parameters(
                binder,
                Some("deleted"),
                target.table.columns.len() + 1,
            )?);
        }
        let mut outputs = binder.projection(&output.items, &scope)?;
        for output in &mut outputs {
            output.typed = binder.shown(output.typed.clone());
        }
        let items: Vec<&str> = outputs.iter().map(|o| o.typed.sql.as_str()).collect();
        let columns = outputs.iter().map(|o| o.described()).collect();
        Ok(Some(Self { sql: format!("SELECT {}", items.join(", ")), columns, into: output.into.clone() }))
    }

    pub fn returned(&self) -> Returned {
        Returned { columns: self.columns.clone(), rows: Vec::new(), into: self.into.clone() }
    }

    /// Adds a row.
    pub fn keep(
        &self,
        connection: &Connection,
        inserted: &[Stored],
        deleted: &[Stored],
        to: &mut Returned,
    ) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(&self.sql)?;
        let used = statement.parameter_count();
        let params = inserted.iter().chain(deleted).take(used);
        let columns = &self.columns;
        let row = statement.query_row(params_from_iter(params), |row| {
            let value = |(n, c): (usize, &OutColumn)| {
                Ok(from_stored(row.get_ref(n)?, &c.sql_type).unwrap_or(Value::Null))
            };
            columns.iter().enumerate().map(value).collect::<rusqlite::Result<Vec<Value>>>()
        })?;
        to.rows.push(row);
        Ok(())
    }
}

/// 331 for triggers, 332 for foreign keys on either side, 333 for checks (Microsoft docs, "OUTPUT clause").
fn may_take_output(
    session: &Session,
    database: i16,
    table: &Table,
    name: &ObjectName,
) -> Result<(), SqlError> {
    let refused = |number: i32, why: String| {
        Err(SqlError::new(
            number,
            16,
            1,
            format!("The target table '{name}' of the OUTPUT INTO clause cannot {why}."),
        ))
    };
    if table.triggers.iter().any(|t| !t.disabled) {
        return refused(331, "have any enabled triggers".to_owned());
    }
    let instance = session.engine.instance();
    let tables = instance.databases.get(&database).into_iter().flat_map(|d| d.tables.values());
    let pointing = tables.flat_map(|t| &t.foreign_keys).filter(|key| key.references == table.object_id);
    if let Some(key) = table.foreign_keys.iter().chain(pointing).next() {
        let found = &key.name;
        return refused(
            332,
            format!(
                "be on either side of a (primary key, foreign key) relationship. Found reference constraint '{found}'"
            ),
        );
    }
    if let Some(check) = table.checks.iter().find(|c| !c.disabled) {
        let found = &check.name;
        return refused(
            333,
            format!(
                "have any enabled check constraints or any enabled rules. Found check constraint or rule '{found}'"
            ),
        );
    }
    Ok(())
}

impl Returned {
    /// Puts the rows into INTO's table; gives back what is for the client.
    ///
    /// # Errors
    /// As INSERT.
    pub fn stored(
        self,
        session: &mut Session,
        frame: &Frame,
        sink: &mut dyn Sink,
    ) -> Result<Option<Self>, Again> {
        let Some((name, columns)) = self.into else { return Ok(Some(self)) };
        let insert = parse::Insert {
            with: Vec::new(),
            top: None,
            target: parse::TargetName { name, hints: Hints::default() },
            columns: (!columns.is_empty()).then_some(columns),
            output: None,
            rows: parse::InsertRows::Given(self.columns, self.rows),
        };
        insert::attempt(session, frame, &insert, sink)?;
        Ok(None)
    }

    pub fn send(&self, sink: &mut dyn Sink) -> Outcome {
        sink.columns(&self.columns)?;
        for row in &self.rows {
            sink.row(row)?;
        }
        Ok(())
    }
}
