//! Identity numbers.
use super::Target;
use rusqlite::types::Value as Stored;
use sandbox_catalog::schema::{IdentityColumn, Table};
use sandbox_session::Session;
use sandbox_values::error::SqlError;
use sandbox_values::storage::{from_stored, to_stored};
use sandbox_values::{SqlType, Value};
use std::sync::Arc;

/// Identity numbers: given here, or listed by the client. A rollback gives none back.
pub struct IdentityNumbers {
    position: Option<usize>,
    given: bool,
    identity: Option<IdentityColumn>,
    last: Option<i64>,
    used: bool,
}

impl IdentityNumbers {
    /// `given`: the position of the identity column where the server gives the numbers.
    pub fn of(session: &Session, target: &Target, given: Option<usize>) -> Self {
        let instance = session.engine.instance();
        let table =
            instance.databases.get(&target.database).and_then(|d| d.tables.get(&target.table.object_id));
        let identity = table.and_then(|t| t.identity.clone());
        let position = target.table.columns.iter().position(|c| c.identity);
        Self {
            position,
            given: given.is_some(),
            last: identity.as_ref().and_then(|i| i.last),
            identity,
            used: false,
        }
    }

    /// Puts the next number into a row, or takes note of the one that is there.
    pub fn give(&mut self, table: &Table, row: &mut [Stored]) -> Result<(), SqlError> {
        let (Some(position), Some(identity)) = (self.position, &self.identity) else { return Ok(()) };
        let (Some(column), Some(value)) = (table.columns.get(position), row.get_mut(position)) else {
            return Ok(());
        };
        if self.given {
            let next = match self.last {
                Some(last) => last.checked_add(identity.increment),
                None => Some(identity.seed),
            };
            let next = next.filter(|n| fits(*n, &column.sql_type)).ok_or_else(|| {
                let text = format!(
                    "Arithmetic overflow error converting IDENTITY to data type {}.",
                    column.sql_type.name()
                );
                SqlError::new(8115, 16, 1, text)
            })?;
            *value = to_stored(number(next, &column.sql_type));
            self.last = Some(next);
            self.used = true;
        } else if let Ok(listed) = from_stored((&*value).into(), &column.sql_type)
            && let Some(listed) = whole(&listed, &column.sql_type)
        {
            let ahead = |last: i64| if identity.increment < 0 { listed < last } else { listed > last };
            if self.last.is_none_or(ahead) {
                self.last = Some(listed);
            }
            self.used = true;
        }
        Ok(())
    }

    /// Leaves the count in the catalog.
    pub fn keep(&self, session: &mut Session, target: &Target) {
        if !self.used {
            return;
        }
        session.last.identity = self.last.map(i128::from);
        let engine = Arc::clone(&session.engine);
        let mut instance = engine.instance_mut();
        let table = instance
            .databases
            .get_mut(&target.database)
            .and_then(|d| d.tables.get_mut(&target.table.object_id));
        if let Some(identity) = table.and_then(|t| Arc::make_mut(t).identity.as_mut()) {
            identity.last = self.last;
        }
        if let Some(transaction) = &mut session.transaction {
            transaction.changed_schema = true;
        }
    }
}

fn fits(n: i64, sql_type: &SqlType) -> bool {
    match sql_type {
        SqlType::Decimal { precision, .. } => {
            i128::from(n).unsigned_abs() < 10_u128.pow(u32::from(*precision))
        }
        other => sandbox_query::bind::fits(n, other),
    }
}

fn number(n: i64, sql_type: &SqlType) -> Value {
    match sql_type {
        SqlType::Decimal { .. } => Value::Decimal(n.into()),
        _ => Value::Int(n),
    }
}

fn whole(value: &Value, sql_type: &SqlType) -> Option<i64> {
    match value {
        Value::Int(n) => Some(*n),
        Value::Decimal(n) if sql_type.scale() == 0 => i64::try_from(*n).ok(),
        _ => None,
    }
}
