//! Partition functions and schemes.
use super::table::locks;
use super::table::remove::cannot_drop;
use sandbox_catalog::permissions;
use sandbox_catalog::schema::{Instance, PartitionFunction, PartitionScheme, Table};
use sandbox_catalog::store;
use sandbox_catalog::store::storage_error;
use sandbox_query::ask;
use sandbox_session::Session;
use sandbox_session::api::Sink;
use sandbox_session::change::{Change, change};
use sandbox_session::failure::Outcome;
use sandbox_session::names;
use sandbox_sql::ddl::ast::CreatePartitionFunction;
use sandbox_sql::type_name::TypePlace;
use sandbox_values::compare::compare;
use sandbox_values::error::SqlError;
use sandbox_values::storage::from_stored;
use sandbox_values::{SqlType, Value};
use std::cmp::Ordering;
use std::collections::BTreeMap;

fn functions(
    database: i16,
) -> impl Fn(&mut Instance) -> Option<&mut BTreeMap<i32, PartitionFunction>> + Send + 'static {
    move |instance| instance.databases.get_mut(&database).map(|d| &mut d.partition_functions)
}

fn schemes(
    database: i16,
) -> impl Fn(&mut Instance) -> Option<&mut BTreeMap<i32, PartitionScheme>> + Send + 'static {
    move |instance| instance.databases.get_mut(&database).map(|d| &mut d.partition_schemes)
}

fn may(session: &Session) -> Outcome {
    let instance = session.engine.instance();
    let database = names::database(&instance, session.database)?;
    Ok(permissions::check_database(&session.rights(&instance, database), "ALTER ANY DATASPACE")?)
}

fn function_id(session: &Session, name: &str) -> Option<i32> {
    let instance = session.engine.instance();
    let database = instance.databases.get(&session.database)?;
    let found = database.partition_functions.values().find(|f| database.same_name(&f.name, name));
    found.map(|f| f.id)
}

fn scheme_id(session: &Session, name: &str) -> Option<i32> {
    let instance = session.engine.instance();
    let database = instance.databases.get(&session.database)?;
    let found = database.partition_schemes.values().find(|s| database.same_name(&s.name, name));
    found.map(|s| s.id)
}

/// A boundary's value in the function's type.
fn boundary(session: &mut Session, text: &str, sql_type: &SqlType) -> Outcome<Value> {
    let rows = ask(session, &format!("SELECT CAST({text} AS {sql_type})"))?;
    let value = rows.into_iter().next().and_then(|row| row.into_iter().next());
    Ok(value.unwrap_or(Value::Null))
}

/// # Errors
/// 2714, 2715, 7721 for a boundary twice; those of a boundary's conversion.
pub fn create_function(session: &mut Session, def: &CreatePartitionFunction) -> Outcome {
    may(session)?;
    if function_id(session, &def.name).is_some() {
        return Err(names::exists(&def.name, 57).into());
    }
    let collation = names::database(&session.engine.instance(), session.database)?.collation;
    let place = TypePlace { ordinal: 1, name: &def.name, length: 1, collation };
    let sql_type = def.type_name.resolve(&place)?.sql_type;
    let mut boundaries: Vec<Value> = Vec::new();
    for text in &def.boundaries {
        let value = boundary(session, text, &sql_type)?;
        insert(&mut boundaries, value, &sql_type)?;
    }
    let database = session.database;
    change(session, |change| {
        let used = &change.database(database)?.partition_functions;
        let id = used.keys().max().map_or(65536, |id| id + 1);
        let function = PartitionFunction {
            id,
            name: def.name.clone(),
            created: change.now,
            sql_type,
            boundary_right: def.boundary_right,
            boundaries,
        };
        change.put(functions(database), id, Some(function));
        Ok(())
    })
}

/// # Errors
/// 7721.
fn insert(boundaries: &mut Vec<Value>, value: Value, sql_type: &SqlType) -> Result<(), SqlError> {
    let at = boundaries.iter().position(|b| compare(b, &value, sql_type) != Ordering::Less);
    let at = at.unwrap_or(boundaries.len());
    if boundaries.get(at).is_some_and(|b| compare(b, &value, sql_type) == Ordering::Equal) {
        let text = format!(
            "Duplicate range boundary values are not allowed in partition function boundary values list. The boundary value being added is already present at ordinal {} of the boundary value list.",
            at + 1
        );
        return Err(SqlError::new(7721, 16, 1, text));
    }
    boundaries.insert(at, value);
    Ok(())
}

/// SPLIT or MERGE: the rows of every table on the function go where they now belong.
///
/// # Errors
/// 1921 for the function, 7721, 7715.
pub fn alter_function(
    session: &mut Session,
    name: &str,
    (text, split): (&str, bool),
    sink: &dyn Sink,
) -> Outcome {
    may(session)?;
    let id = function_id(session, name).ok_or_else(|| {
        SqlError::new(1921, 16, 1, format!("Invalid partition function '{name}' specified."))
    })?;
    let database = session.database;
    let mut function = {
        let instance = session.engine.instance();
        names::database(&instance, database)?.partition_functions.get(&id).cloned()
    }
    .ok_or_else(|| SqlError::new(1921, 16, 1, format!("Invalid partition function '{name}' specified.")))?;
    let value = boundary(session, text, &function.sql_type)?;
    if split {
        insert(&mut function.boundaries, value, &function.sql_type)?;
    } else {
        let at = function
            .boundaries
            .iter()
            .position(|b| compare(b, &value, &function.sql_type) == Ordering::Equal);
        let missing =
            || SqlError::new(7715, 16, 1, "The specified partition range value could not be found.");
        function.boundaries.remove(at.ok_or_else(missing)?);
    }
    let tables: Vec<i32> = {
        let instance = session.engine.instance();
        let records = names::database(&instance, database)?;
        let on = |t: &Table| {
            let scheme = t.partitioned_on.and_then(|(scheme, _)| records.partition_schemes.get(&scheme));
            scheme.is_some_and(|s| s.function_id == id)
        };
        records.tables.values().filter(|t| on(t)).map(|t| t.object_id).collect()
    };
    for table in &tables {
        locks::modify(session, (database, *table), sink)?;
    }
    change(session, |change| {
        for object_id in tables {
            let mut table = change.table(database, object_id)?;
            repartition(change, &mut table, &function)?;
            change.put_table(database, object_id, Some(table));
        }
        change.put(functions(database), id, Some(function));
        Ok(())
    })
}

/// Deals a table's rows out to fresh partitions.
fn repartition(change: &mut Change<'_>, table: &mut Table, function: &PartitionFunction) -> Outcome {
    let Some((_, column_id)) = table.partitioned_on else { return Ok(()) };
    let fresh = change.new_storages(function.boundaries.len() + 1)?;
    for storage in &fresh {
        store::create_partition(change.connection, table, *storage)?;
    }
    let mut columns = vec!["_ins".to_owned(), "_del".to_owned()];
    columns.extend(table.columns.iter().map(|c| store::column_name(c.column_id)));
    let columns = columns.join(", ");
    let key = store::column_name(column_id);
    for old in &table.storage {
        let from = store::table_name(*old);
        let mut read = change.connection.prepare(&format!("SELECT rowid, {key} FROM {from}"))?;
        let mut rows = read.query([])?;
        while let Some(row) = rows.next()? {
            let value = from_stored(row.get_ref(1)?, &function.sql_type).map_err(|e| {
                let kind = rusqlite::types::Type::Blob;
                storage_error(&rusqlite::Error::FromSqlConversionFailure(1, kind, Box::new(e)))
            })?;
            let to = store::table_name(fresh[function.partition_of(&value)]);
            let sql = format!("INSERT INTO {to} ({columns}) SELECT {columns} FROM {from} WHERE rowid = ?1");
            change.connection.prepare_cached(&sql)?.execute([row.get::<_, i64>(0)?])?;
        }
        for to in &fresh {
            change.adopt(&[*old], &[*to])?;
        }
    }
    change.drop_on_rollback(fresh.clone());
    change.retire_storage(std::mem::replace(&mut table.storage, fresh));
    Ok(())
}

/// # Errors
/// 3701, 7706 where a scheme uses it.
pub fn drop_function(session: &mut Session, name: &str) -> Outcome {
    may(session)?;
    let id = function_id(session, name).ok_or_else(|| cannot_drop("partition function", name))?;
    let database = session.database;
    change(session, |change| {
        if change.database(database)?.partition_schemes.values().any(|s| s.function_id == id) {
            let text = format!("Partition function '{name}' is being used by one or more partition schemes.");
            return Err(SqlError::new(7706, 16, 1, text).into());
        }
        change.put(functions(database), id, None);
        Ok(())
    })
}

/// # Errors
/// 2714; 1921 for a function or filegroup that is not there; 7707 for too few filegroups, 7723 for several with ALL.
pub fn create_scheme(
    session: &mut Session,
    name: &str,
    function: &str,
    (filegroups, all): (&[String], bool),
) -> Outcome {
    may(session)?;
    if scheme_id(session, name).is_some() {
        return Err(names::exists(name, 58).into());
    }
    let invalid =
        |what: &str, name: &str| SqlError::new(1921, 16, 1, format!("Invalid {what} '{name}' specified."));
    let function_id =
        function_id(session, function).ok_or_else(|| invalid("partition function", function))?;
    if let Some(other) = filegroups.iter().find(|f| !f.eq_ignore_ascii_case("PRIMARY")) {
        return Err(invalid("filegroup", other).into());
    }
    if all && filegroups.len() > 1 {
        let text = "Only a single filegroup can be specified while creating partition scheme using option ALL to specify all the filegroups.";
        return Err(SqlError::new(7723, 16, 1, text).into());
    }
    let database = session.database;
    change(session, |change| {
        let records = change.database(database)?;
        let partitions = records.partition_functions.get(&function_id).map_or(1, |f| f.boundaries.len() + 1);
        if !all && filegroups.len() < partitions {
            let text = format!(
                "The associated partition function '{function}' generates more partitions than there are file groups mentioned in the scheme '{name}'."
            );
            return Err(SqlError::new(7707, 16, 1, text).into());
        }
        let id = records.partition_schemes.keys().max().map_or(65601, |id| id + 1);
        let scheme = PartitionScheme { id, name: name.to_owned(), function_id };
        change.put(schemes(database), id, Some(scheme));
        Ok(())
    })
}

/// NEXT USED names the only filegroup there is.
///
/// # Errors
/// 1921 for a scheme that is not there.
pub fn alter_scheme(session: &Session, name: &str) -> Outcome {
    may(session)?;
    match scheme_id(session, name) {
        Some(_) => Ok(()),
        None => {
            Err(SqlError::new(1921, 16, 1, format!("Invalid partition scheme '{name}' specified.")).into())
        }
    }
}

/// # Errors
/// 3701, 7717 where a table is on it.
pub fn drop_scheme(session: &mut Session, name: &str) -> Outcome {
    may(session)?;
    let id = scheme_id(session, name).ok_or_else(|| cannot_drop("partition scheme", name))?;
    let database = session.database;
    change(session, |change| {
        let used = |t: &Table| t.partitioned_on.is_some_and(|(scheme, _)| scheme == id);
        if change.database(database)?.tables.values().any(|t| used(t)) {
            let text = format!(
                "The partition scheme \"{name}\" is currently being used to partition one or more tables."
            );
            return Err(SqlError::new(7717, 16, 1, text).into());
        }
        change.put(schemes(database), id, None);
        Ok(())
    })
}
