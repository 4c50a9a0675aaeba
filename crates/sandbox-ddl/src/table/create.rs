//! CREATE TABLE.
use super::build::Builder;
use super::keys::{self, KeyShape};
use super::{columns, locks};
use sandbox_catalog::permissions;
use sandbox_catalog::schema::{Database, IdentityColumn, Index, LockEscalation, Table};
use sandbox_query::memory;
use sandbox_session::Session;
use sandbox_session::api::Sink;
use sandbox_session::change::{Change, change};
use sandbox_session::failure::Outcome;
use sandbox_session::names::{self, ObjectPlace};
use sandbox_session::options::Isolation;
use sandbox_sql::ddl::ast::{ConstraintDef, ConstraintKind, CreateTable, Placement};
use sandbox_values::error::SqlError;

/// # Errors
/// 2714, 2760, 262, and what its columns and constraints do not allow.
pub fn create(session: &mut Session, def: &CreateTable, sink: &dyn Sink) -> Outcome {
    let (place, collation) = {
        let engine = session.engine.clone();
        let instance = engine.instance();
        let place = names::place(session, &instance, &def.name)?;
        let database = names::database(&instance, place.database)?;
        if place.owner.is_none() {
            permissions::check_database(&session.rights(&instance, database), "CREATE TABLE")?;
        }
        place.must_be_free(database)?;
        (place, database.collation)
    };
    if place.owner.is_some() && def.constraints().any(|c| matches!(c.kind, ConstraintKind::Foreign(_))) {
        let text = "replica-sandbox does not support FOREIGN KEY constraints of temporary tables.";
        return Err(SqlError::new(50000, 16, 1, text).into());
    }
    if def.memory_optimized.is_some() && session.options.isolation == Isolation::Snapshot {
        return Err(memory::not_under_snapshot().into());
    }
    let columns = columns::resolve(session, &place.name, &[], &def.columns, collation)?;
    for constraint in def.constraints() {
        if let ConstraintKind::Check { definition } = &constraint.kind {
            columns::check_condition(session, &columns, definition)?;
        }
    }
    locks::referenced(session, place.database, def.constraints(), sink)?;
    let engine = session.engine.clone();
    let object_id = {
        let mut instance = engine.instance_mut();
        let database = instance.databases.get_mut(&place.database);
        database.ok_or_else(|| names::no_database(&place.database.to_string()))?.next_object_id()
    };
    // No one else knows the table yet: granted at once, and then others wait for the commit.
    locks::modify(session, (place.database, object_id), sink)?;
    change(session, |change| {
        let identity = def.columns.iter().find_map(|c| c.identity);
        let now = change.now;
        let database = change.database(place.database)?;
        place.must_be_free(database)?;
        let table = Table {
            object_id,
            schema_id: place.schema,
            name: place.name.clone(),
            owner_session: place.owner,
            created: now,
            modified: now,
            max_column_id: columns.len() as i32,
            columns,
            indexes: vec![Index { pages: def.pages, ..keys::heap(now) }],
            foreign_keys: Vec::new(),
            statistics: Vec::new(),
            checks: Vec::new(),
            triggers: Vec::new(),
            identity: identity.map(|(seed, increment)| IdentityColumn { seed, increment, last: None }),
            storage: Vec::new(),
            partitioned_on: None,
            memory_optimized: def.memory_optimized,
            special: def.special,
            lock_escalation: LockEscalation::default(),
            change_tracking: None,
        };
        let mut builder = Builder { database, table, now, new: true };
        builder.name_defaults()?;
        let constraints: Vec<ConstraintDef> = def.constraints().cloned().collect();
        add_clustered_indexes(&mut builder, def)?;
        builder.add_constraints(&constraints, true)?;
        add_other_indexes(&mut builder, def)?;
        let mut table = builder.table;
        memory::check(&table)?;
        place_on(change, &place, &mut table, placement(def))?;
        let partitions = partitions(change.database(place.database)?, &table);
        table.storage = change.new_storages(partitions)?;
        change.create_storage(&table)?;
        change.put_table(place.database, object_id, Some(table));
        Ok(())
    })
}

/// Clustered ones go first: whether a primary key is clustered depends on them.
fn add_clustered_indexes(builder: &mut Builder<'_>, def: &CreateTable) -> Result<(), SqlError> {
    for index in def.indexes().filter(|i| i.clustered) {
        keys::add_index(builder.database, &mut builder.table, &KeyShape::of(index), builder.now)?;
    }
    Ok(())
}

fn add_other_indexes(builder: &mut Builder<'_>, def: &CreateTable) -> Result<(), SqlError> {
    for index in def.indexes().filter(|i| !i.clustered) {
        let id = keys::add_index(builder.database, &mut builder.table, &KeyShape::of(index), builder.now)?;
        if let Some(added) = builder.table.indexes.iter_mut().find(|i| i.index_id == id) {
            added.filter.clone_from(&index.filter);
        }
    }
    Ok(())
}

/// Where the rows go: the table's own ON, or that of its clustered key or index.
fn placement(def: &CreateTable) -> Option<&Placement> {
    let of_key = def.constraints().find_map(|c| match &c.kind {
        ConstraintKind::Key { primary, clustered, placement, .. } if clustered.unwrap_or(*primary) => {
            placement.as_ref()
        }
        _ => None,
    });
    let of_index = def.indexes().find(|i| i.clustered).and_then(|i| i.placement.as_ref());
    def.placement.as_ref().or(of_key).or(of_index)
}

/// Puts the table on a partition scheme, or checks that the filegroup is PRIMARY, the only one there is.
fn place_on(
    change: &mut Change<'_>,
    place: &ObjectPlace,
    table: &mut Table,
    placement: Option<&Placement>,
) -> Result<(), SqlError> {
    let Some(placement) = placement else { return Ok(()) };
    let database = change.database(place.database)?;
    table.partitioned_on = super::placed(database, table, placement)?;
    Ok(())
}

/// How many partitions a table has.
pub fn partitions(database: &Database, table: &Table) -> usize {
    let scheme = table.partitioned_on.and_then(|(scheme, _)| database.partition_schemes.get(&scheme));
    let function = scheme.and_then(|s| database.partition_functions.get(&s.function_id));
    function.map_or(1, |f| f.boundaries.len() + 1)
}
