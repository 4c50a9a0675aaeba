//! Security policies: row-level security.
use sandbox_catalog::permissions::ObjectKey;
use sandbox_catalog::schema::{Database, Instance, SecurityPolicy, SecurityPredicate};
use sandbox_query::bind::{Binder, Scope};
use sandbox_session::Session;
use sandbox_session::change::change;
use sandbox_session::failure::Outcome;
use sandbox_session::frame::Frame;
use sandbox_session::names::{self, ObjectPlace};
use sandbox_sql::ddl::ast::{PredicateChange, PredicateVerb, SecurityPolicyDef};
use sandbox_sql::ddl::definition::definition;
use sandbox_sql::tokens::{ObjectName, SourceText};
use sandbox_values::error::SqlError;
use std::collections::BTreeMap;

fn policies(
    database: i16,
) -> impl Fn(&mut Instance) -> Option<&mut BTreeMap<i32, SecurityPolicy>> + Send + 'static {
    move |instance| instance.databases.get_mut(&database).map(|d| &mut d.policies)
}

/// 15151-like: SQL Server does not tell a policy that is not there from one that is not the user's to change.
fn cannot(verb: &str, name: &ObjectName) -> SqlError {
    let text = format!(
        "Cannot {verb} the security policy '{name}', because it does not exist or you do not have permission."
    );
    SqlError::new(3701, 11, 5, text)
}

/// ALTER ANY SECURITY POLICY and ALTER on the schema (Microsoft docs, CREATE SECURITY POLICY, "Permissions").
fn may_manage(session: &Session, instance: &Instance, database: &Database, schema: i32) -> bool {
    let rights = session.rights(instance, database);
    rights.has("ALTER ANY SECURITY POLICY", None)
        && rights.has("ALTER", Some(ObjectKey { object_id: 0, schema_id: schema }))
}

/// # Errors
/// 2714, 262, and those of its predicates.
pub fn create(session: &mut Session, def: &SecurityPolicyDef) -> Outcome {
    let (place, mut policy) = {
        let instance = session.engine.instance();
        let place = names::place(session, &instance, &def.name)?;
        let database = names::database(&instance, place.database)?;
        if !may_manage(session, &instance, database, place.schema) {
            let text =
                format!("ALTER ANY SECURITY POLICY permission denied in database '{}'.", database.name);
            return Err(SqlError::new(262, 14, 1, text).into());
        }
        place.must_be_free(database)?;
        let now = std::time::SystemTime::now();
        let policy = SecurityPolicy {
            object_id: 0,
            schema_id: place.schema,
            name: place.name.clone(),
            enabled: def.enabled,
            not_for_replication: def.not_for_replication,
            schema_bound: def.schema_bound,
            predicates: Vec::new(),
            created: now,
            modified: now,
        };
        (place, policy)
    };
    for predicate in &def.predicates {
        apply(session, &place, &mut policy, predicate)?;
    }
    change(session, |change| {
        let database = change.database(place.database)?;
        refuse_second(database, &policy)?;
        policy.object_id = database.next_object_id();
        change.put(policies(place.database), policy.object_id, Some(policy));
        Ok(())
    })
}

/// # Errors
/// 3701, and those of its predicates.
pub fn alter(
    session: &mut Session,
    name: &ObjectName,
    changes: &[PredicateChange],
    enable: Option<bool>,
) -> Outcome {
    let (place, mut policy) = find(session, name, "alter")?.ok_or_else(|| cannot("alter", name))?;
    for predicate in changes {
        apply(session, &place, &mut policy, predicate)?;
    }
    policy.enabled = enable.unwrap_or(policy.enabled);
    change(session, |change| {
        policy.modified = change.now;
        refuse_second(change.database(place.database)?, &policy)?;
        change.put(policies(place.database), policy.object_id, Some(policy));
        Ok(())
    })
}

/// # Errors
/// 3701.
pub fn remove(session: &mut Session, name: &ObjectName, if_exists: bool) -> Outcome {
    match find(session, name, "drop")? {
        Some((place, policy)) => change(session, |change| {
            change.put(policies(place.database), policy.object_id, None);
            Ok(())
        }),
        None if if_exists => Ok(()),
        None => Err(cannot("drop", name).into()),
    }
}

fn find(session: &Session, name: &ObjectName, verb: &str) -> Outcome<Option<(ObjectPlace, SecurityPolicy)>> {
    let instance = session.engine.instance();
    let place = names::place(session, &instance, name)?;
    let database = names::database(&instance, place.database)?;
    let found = database.policy(place.schema, &place.name).cloned();
    if found.is_some() && !may_manage(session, &instance, database, place.schema) {
        return Err(cannot(verb, name).into());
    }
    Ok(found.map(|policy| (place, policy)))
}

/// 33264: a table has one enabled policy.
fn refuse_second(database: &Database, policy: &SecurityPolicy) -> Result<(), SqlError> {
    let others = database.policies.values().filter(|p| p.enabled && p.object_id != policy.object_id);
    for other in others.filter(|_| policy.enabled) {
        let twice =
            policy.predicates.iter().find(|own| other.predicates.iter().any(|p| p.table == own.table));
        if let Some(predicate) = twice {
            let table = database.tables.get(&predicate.table).map_or("", |t| t.name.as_str());
            let text = format!(
                "The security policy '{}' cannot be enabled with a predicate on table '{table}'. Table '{table}' is already \
                 referenced by the enabled security policy '{}'.",
                policy.name, other.name
            );
            return Err(SqlError::new(33264, 16, 1, text));
        }
    }
    Ok(())
}

/// Changes one predicate of a policy.
///
/// # Errors
/// 33268, 33270 for the table and the function; 33261, 33262; 33265 to 33269 (Microsoft docs, "Database engine events
/// and errors"); what the binder says of its arguments.
fn apply(
    session: &Session,
    place: &ObjectPlace,
    policy: &mut SecurityPolicy,
    def: &PredicateChange,
) -> Outcome {
    let instance = session.engine.instance();
    let database = names::database(&instance, place.database)?;
    if def.table.name.starts_with('#') {
        let text = "Security predicates are not allowed on temporary objects. Object names that begin with '#' denote \
                    temporary objects.";
        return Err(SqlError::new(33269, 15, 1, text).into());
    }
    let table = names::table(session, &instance, &def.table).ok_or_else(|| {
        let text = format!(
            "Cannot find the object \"{}\" because it does not exist or you do not have permissions.",
            def.table
        );
        SqlError::new(33268, 16, 1, text)
    })?;
    let (_, table) = table;
    if let Some(view) = database.indexed_view_of(table.object_id) {
        let text = format!(
            "The security policy '{}' cannot have a predicate on table '{}' because this table is referenced by the indexed \
             view '{}'.",
            policy.name, table.name, view.name
        );
        return Err(SqlError::new(33265, 16, 1, text).into());
    }
    if table.memory_optimized.is_some() {
        // SQL Server takes natively compiled functions there, which the sandbox does not have.
        let text = format!(
            "Security predicates cannot reference memory optimized tables. Table '{}' is memory optimized.",
            table.name
        );
        return Err(SqlError::new(33267, 16, 1, text).into());
    }
    let same = |p: &SecurityPredicate| {
        p.table == table.object_id && p.blocks == def.blocks && p.operation == def.operation
    };
    let at = policy.predicates.iter().position(same);
    let (function_name, arguments) = match &def.verb {
        PredicateVerb::Add(..) if at.is_some() => {
            let kind = if def.blocks { "BLOCK" } else { "FILTER" };
            let text = format!(
                "A {kind} predicate for the same operation has already been defined on table '{}' in the security policy '{}'.",
                def.table, policy.name
            );
            return Err(SqlError::new(33262, 16, 1, text).into());
        }
        PredicateVerb::Alter(..) | PredicateVerb::Drop if at.is_none() => {
            let text = format!(
                "The security policy '{}' does not contain a predicate on table '{}'.",
                policy.name, def.table
            );
            return Err(SqlError::new(33261, 16, 1, text).into());
        }
        PredicateVerb::Drop => {
            policy.predicates.remove(at.unwrap_or_default());
            return Ok(());
        }
        PredicateVerb::Add(function, arguments) | PredicateVerb::Alter(function, arguments) => {
            (function, arguments)
        }
    };
    let in_schema = names::place(session, &instance, function_name)?.schema;
    let function = database.function(in_schema, &function_name.name).ok_or_else(|| {
        let text =
            format!("Cannot find the object \"{function_name}\" or this object is not an inline table-valued function.");
        SqlError::new(33270, 16, 1, text)
    })?;
    if policy.schema_bound && function.bound_to.is_none() {
        let text = format!(
            "Cannot schema bind security policy '{}'. '{function_name}' is not schema bound.",
            policy.name
        );
        return Err(SqlError::new(4513, 16, 2, text).into());
    }
    let name = format!("[{}].[{}]", database.schema_name(function.schema_id), function.name);
    let predicate = SecurityPredicate {
        id: at.map_or_else(
            || policy.predicates.iter().map(|p| p.id).max().unwrap_or(0) + 1,
            |at| policy.predicates[at].id,
        ),
        table: table.object_id,
        function: function.object_id,
        arguments: arguments.clone(),
        definition: shown(&name, arguments)?,
        blocks: def.blocks,
        operation: def.operation,
    };
    drop(instance);
    // What it says must be possible.
    let frame = Frame::default();
    let binder = Binder::new(session, &frame);
    let mut scope = Scope::default();
    scope.sources.push(binder.table_source(place.database, &table, None, "x")?);
    binder.security_condition(place.database, &predicate, &scope)?;
    match at {
        Some(at) => policy.predicates[at] = predicate,
        None => policy.predicates.push(predicate),
    }
    Ok(())
}

/// `([schema].[function]([a], [b]))`.
fn shown(function: &str, arguments: &[String]) -> Result<String, SqlError> {
    let mut all = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let source = SourceText::new(argument)?;
        let text = definition(&source.cursor(), 0, source.lexemes.len());
        let inner = text.strip_prefix('(').and_then(|t| t.strip_suffix(')')).unwrap_or(&text);
        all.push(inner.to_owned());
    }
    Ok(format!("({function}({}))", all.join(",")))
}
