//! CREATE and DROP STATISTICS.
use super::index::find;
use super::table::keys::{self, full_name};
use super::table::target::target;
use sandbox_catalog::schema::Statistics;
use sandbox_session::Session;
use sandbox_session::api::Sink;
use sandbox_session::change::change;
use sandbox_session::failure::Outcome;
use sandbox_sql::ddl::ast::CreateStatistics;
use sandbox_sql::tokens::ObjectName;
use sandbox_values::error::SqlError;

/// # Errors
/// 1088 for the table, 1911 for a column, 1927 where there are statistics of that name.
pub fn create(session: &mut Session, def: &CreateStatistics, sink: &dyn Sink) -> Outcome {
    let missing = || {
        let text = format!(
            "Cannot find the object \"{}\" because it does not exist or you do not have permissions.",
            def.table
        );
        SqlError::new(1088, 16, 12, text)
    };
    let target = target(session, &def.table, sink, missing)?;
    change(session, |change| {
        let mut table = change.table(target.database, target.table.object_id)?;
        let database = &*change.database(target.database)?;
        let taken = find(database, &table, &def.name).is_some()
            || table.statistics.iter().any(|s| database.same_name(&s.name, &def.name));
        if taken {
            let text = format!(
                "There are already statistics on table '{}' named '{}'.",
                full_name(database, &table),
                def.name
            );
            return Err(SqlError::new(1927, 16, 1, text).into());
        }
        let mut columns = Vec::new();
        for name in &def.columns {
            let column = keys::column(database, &table, name).ok_or_else(|| keys::no_column(name))?;
            columns.push(column.column_id);
        }
        table.statistics.push(Statistics { name: def.name.clone(), columns });
        change.put_table(target.database, table.object_id, Some(table));
        Ok(())
    })
}

/// # Errors
/// 3701 for statistics or a table that are not there.
pub fn remove(session: &mut Session, name: &str, table: &ObjectName, sink: &dyn Sink) -> Outcome {
    let missing = || {
        let text = format!(
            "Cannot drop the statistics '{table}.{name}', because it does not exist or you do not have permission."
        );
        SqlError::new(3701, 11, 6, text)
    };
    let target = target(session, table, sink, missing)?;
    change(session, |change| {
        let mut record = change.table(target.database, target.table.object_id)?;
        let database = &*change.database(target.database)?;
        let before = record.statistics.len();
        record.statistics.retain(|s| !database.same_name(&s.name, name));
        if record.statistics.len() == before {
            return Err(missing().into());
        }
        change.put_table(target.database, record.object_id, Some(record));
        Ok(())
    })
}
