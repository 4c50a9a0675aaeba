//! CREATE, UPDATE and DROP STATISTICS.
use super::index::find;
use super::table::keys::{self, full_name};
use super::table::may_alter;
use super::table::target::target;
use super::validate::qualified;
use sandbox_catalog::permissions::ObjectKey;
use sandbox_catalog::schema::Statistics;
use sandbox_query::ask;
use sandbox_session::Session;
use sandbox_session::api::Sink;
use sandbox_session::change::change;
use sandbox_session::failure::Outcome;
use sandbox_session::histograms::Histogram;
use sandbox_session::names;
use sandbox_sql::ddl::ast::CreateStatistics;
use sandbox_sql::tokens::ObjectName;
use sandbox_values::Value;
use sandbox_values::error::SqlError;
use std::sync::Arc;

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

/// UPDATE STATISTICS: looks at all values of the first column of the statistics named, or of all.
///
/// # Errors
/// 1088 for the table or without ALTER on it (Microsoft docs, "UPDATE STATISTICS", Permissions), 2767 for the statistics.
pub fn update(session: &mut Session, table: &ObjectName, named: Option<&str>) -> Outcome {
    let missing = || {
        let text = format!(
            "Cannot find the object \"{table}\" because it does not exist or you do not have permissions."
        );
        SqlError::new(1088, 16, 12, text)
    };
    let (database, record, questions) = {
        let instance = session.engine.instance();
        let (id, record) = names::table(session, &instance, table).ok_or_else(missing)?;
        let database = names::database(&instance, id)?;
        may_alter(session, &instance, database, &record, missing)?;
        let from = qualified(database, &record);
        let mut questions = Vec::new();
        for (statistics, name, columns) in record.all_statistics() {
            if named.is_some_and(|named| !database.same_name(named, name)) {
                continue;
            }
            let column = record.columns.iter().find(|c| columns.first() == Some(&c.column_id));
            // A CLR type, for one, has no order.
            let Some(column) = column else { continue };
            let quoted = format!("[{}]", column.name.replace(']', "]]"));
            let sql =
                format!("SELECT {quoted}, COUNT_BIG(*) FROM {from} GROUP BY {quoted} ORDER BY {quoted}");
            questions.push((statistics, column.sql_type.clone(), sql));
        }
        if let Some(named) = named.filter(|_| questions.is_empty()) {
            return Err(not_located(named).into());
        }
        (id, record.object_id, questions)
    };
    for (statistics, sql_type, sql) in questions {
        let values =
            ask(session, &sql)?.into_iter().filter_map(|row| match <[_; 2]>::try_from(row).ok()? {
                [value, Value::Int(rows)] => Some((value, rows as u64)),
                _ => None,
            });
        let histogram = Histogram::of(sql_type, values.collect());
        session.engine.histograms.put((database, record, statistics), histogram);
    }
    Ok(())
}

/// The histogram of statistics, for DBCC SHOW_STATISTICS; `None`: nobody has looked at the values yet.
///
/// # Errors
/// 2501 for the table, 2767 for the statistics, 2557 without SELECT on the table (Microsoft docs, "DBCC SHOW_STATISTICS",
/// Permissions).
pub fn histogram(session: &Session, table: &ObjectName, named: &str) -> Outcome<Option<Arc<Histogram>>> {
    let instance = session.engine.instance();
    let missing = || {
        let text =
            format!("Cannot find a table or object with the name \"{table}\". Check the system catalog.");
        SqlError::new(2501, 16, 45, text)
    };
    let (id, record) = names::table(session, &instance, table).ok_or_else(missing)?;
    let database = names::database(&instance, id)?;
    let own = record.owner_session == Some(session.id);
    if !own && !session.rights(&instance, database).has("SELECT", Some(ObjectKey::from(&*record))) {
        let (user, name) = (&session.login.user, &record.name);
        let text = format!(
            "User '{user}' does not have permission to run DBCC SHOW_STATISTICS for object '{name}'."
        );
        return Err(SqlError::new(2557, 14, 5, text).into());
    }
    let found = record.all_statistics().find(|(_, name, _)| database.same_name(named, name));
    let (statistics, ..) = found.ok_or_else(|| not_located(named))?;
    Ok(session.engine.histograms.get((id, record.object_id, statistics)))
}

fn not_located(named: &str) -> SqlError {
    SqlError::new(2767, 16, 1, format!("Could not locate statistics '{named}' in the system catalogs."))
}
