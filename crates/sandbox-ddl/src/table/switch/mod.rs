//! ALTER TABLE … SWITCH: the rows of a table or partition become those of another, if both are built the same and
//! the source's constraints promise that its rows fit (Microsoft docs, ALTER TABLE, and errors 4904 to 4985).
mod planted;

use super::range::{Range, of_checks, of_partition};
use super::target::Altered;
use crate::{indexed_view, tracking};
use sandbox_catalog::schema::{Column, Database, ForeignKey, Index, Table};
use sandbox_catalog::store;
use sandbox_query::memory;
use sandbox_session::Session;
use sandbox_session::change::change;
use sandbox_session::failure::Outcome;
use sandbox_values::compare::compare;
use sandbox_values::error::SqlError;

fn refuse(number: i32, text: String) -> SqlError {
    SqlError::new(number, 16, 1, text)
}

/// # Errors
/// 4904 to 4985, 7733, 13546, by what differs.
pub fn switch(
    session: &mut Session,
    source: (&Altered, Option<i64>),
    target: (&Altered, Option<i64>),
) -> Outcome {
    let ((source, from), (target, to)) = (source, target);
    memory::refuse_statement(&source.table, "ALTER TABLE SWITCH")?;
    memory::refuse_statement(&target.table, "ALTER TABLE SWITCH")?;
    tracking::can_switch(&source.table)?;
    tracking::can_switch(&target.table)?;
    let (from, to) = (at(&source.table, from)?, at(&target.table, to)?);
    let other = session_name(session, target.database);
    source.read(session, |database, s| {
        if source.database != target.database {
            return Err(refuse(4948, format!(
                "ALTER TABLE SWITCH statement failed. The source table '{}' is in database '{}' while the target table '{}' is in database '{other}'.",
                s.name, database.name, target.table.name
            )).into());
        }
        alike(&Pair { database, source: s, target: &target.table })?;
        Ok(())
    })?;
    planted::refused(session, source, target)?;
    must_be_empty(session, target, to)?;
    fits(session, (source, from), (target, to))?;
    change(session, |change| {
        let mut s = change.table(source.database, source.table.object_id)?;
        let mut t = change.table(target.database, target.table.object_id)?;
        let fresh = change.new_storages(2)?;
        let (rows, empty) = (fresh[0], fresh[1]);
        store::create_partition(change.connection, &t, rows)?;
        store::create_partition(change.connection, &s, empty)?;
        let names = |table: &Table| {
            table.columns.iter().map(|c| store::column_name(c.column_id)).collect::<Vec<_>>().join(", ")
        };
        change.connection.execute_batch(&format!(
            "INSERT INTO {} (_ins, _del, {}) SELECT _ins, _del, {} FROM {}",
            store::table_name(rows),
            names(&t),
            names(&s),
            store::table_name(s.storage[from])
        ))?;
        change.adopt(&[s.storage[from]], &[rows])?;
        change.drop_on_rollback(fresh);
        let old =
            vec![std::mem::replace(&mut s.storage[from], empty), std::mem::replace(&mut t.storage[to], rows)];
        change.retire_storage(old);
        change.put_table(source.database, s.object_id, Some(s));
        change.put_table(target.database, t.object_id, Some(t));
        Ok(())
    })
}

fn session_name(session: &Session, database: i16) -> String {
    session.engine.instance().databases.get(&database).map_or_else(String::new, |d| d.name.clone())
}

/// Index of the partition's storage.
fn at(table: &Table, number: Option<i64>) -> Result<usize, SqlError> {
    let count = table.storage.len();
    match (table.partitioned_on, number) {
        (None, _) => Ok(0),
        (Some(_), None) => Err(refuse(4911, format!(
            "Cannot specify a partitioned table without partition number in ALTER TABLE SWITCH statement. The table '{}' is partitioned.",
            table.name
        ))),
        (Some(_), Some(n)) => usize::try_from(n).ok().filter(|n| (1..=count).contains(n)).map(|n| n - 1).ok_or_else(|| {
            refuse(4950, format!(
                "ALTER TABLE SWITCH statement failed because partition number {n} does not exist in table '{}'.",
                table.name
            ))
        }),
    }
}

/// The two tables, for what compares them.
struct Pair<'a> {
    database: &'a Database,
    source: &'a Table,
    target: &'a Table,
}

fn alike(pair: &Pair<'_>) -> Result<(), SqlError> {
    let Pair { source: s, target: t, .. } = pair;
    if s.object_id == t.object_id && s.partitioned_on.is_none() {
        return Err(refuse(
            4955,
            format!(
                "ALTER TABLE SWITCH statement failed. The source table '{}' and target table '{}' are same.",
                s.name, t.name
            ),
        ));
    }
    if s.columns.len() != t.columns.len() {
        return Err(refuse(
            4943,
            format!(
                "ALTER TABLE SWITCH statement failed because table '{}' has {} columns and table '{}' has {} columns.",
                s.name,
                s.columns.len(),
                t.name,
                t.columns.len()
            ),
        ));
    }
    for (ordinal, (a, b)) in s.columns.iter().zip(&t.columns).enumerate() {
        same_column(pair, ordinal + 1, a, b)?;
    }
    same_indexes(pair)?;
    indexed_view::switchable(pair.database, s, t)?;
    same_constraints(pair)
}

fn same_column(pair: &Pair<'_>, ordinal: usize, a: &Column, b: &Column) -> Result<(), SqlError> {
    let (s, t) = (&pair.source.name, &pair.target.name);
    let name = &a.name;
    let start = "ALTER TABLE SWITCH statement failed";
    if !pair.database.same_name(&a.name, &b.name) {
        return Err(refuse(
            4942,
            format!(
                "{start} because column '{name}' at ordinal {ordinal} in table '{s}' has a different name than the column '{}' at the same ordinal in table '{t}'.",
                b.name
            ),
        ));
    }
    let neutral = |c: &Column| c.sql_type.with_collation(pair.database.collation);
    if neutral(a) != neutral(b) {
        return Err(refuse(
            4944,
            format!(
                "{start} because column '{name}' has data type {} in source table '{s}' which is different from its type {} in target table '{t}'.",
                a.sql_type, b.sql_type
            ),
        ));
    }
    for (number, differ, property) in [
        (4945, a.sql_type != b.sql_type, "collation"),
        (4985, a.nullable != b.nullable, "nullability attribute"),
        (4958, a.rowguidcol != b.rowguidcol, "ROWGUIDCOL property"),
        (11412, a.sparse != b.sparse, "sparse storage attribute"),
    ] {
        if differ {
            let what =
                format!("column '{name}' does not have the same {property} in tables '{s}' and '{t}'.");
            return Err(refuse(number, format!("{start} because {what}")));
        }
    }
    match (&a.computed, &b.computed) {
        (Some(x), Some(y)) if x.definition != y.definition => Err(refuse(
            4966,
            format!(
                "{start}. Computed column '{name}' defined as '{}' in table '{s}' is different from the same column in table '{t}' defined as '{}'.",
                x.definition, y.definition
            ),
        )),
        (Some(x), Some(y)) if x.persisted != y.persisted => Err(refuse(
            4946,
            format!(
                "{start} because column '{name}' does not have the same persistent attribute in tables '{s}' and '{t}'."
            ),
        )),
        (Some(_), None) | (None, Some(_)) => {
            let (with, without) = if a.computed.is_some() { (s, t) } else { (t, s) };
            Err(refuse(
                4965,
                format!(
                    "{start}. Column '{name}' in table '{with}' is computed column but the same column in '{without}' is not computed."
                ),
            ))
        }
        _ => Ok(()),
    }
}

fn same_indexes(pair: &Pair<'_>) -> Result<(), SqlError> {
    let Pair { source: s, target: t, .. } = pair;
    let clustered = |table: &Table| table.indexes.iter().find(|i| i.index_id == 1).cloned();
    for table in [s, t] {
        if clustered(table).is_some_and(|i| i.disabled) {
            return Err(refuse(
                4914,
                format!(
                    "The ALTER TABLE SWITCH statement failed. The table \"{}\" has a disabled clustered index.",
                    table.name
                ),
            ));
        }
    }
    let (with, without, index) = match (clustered(s), clustered(t)) {
        (Some(index), None) => (s, t, Some(index)),
        (None, Some(index)) => (t, s, Some(index)),
        _ => (s, t, None),
    };
    if let Some(index) = index {
        return Err(refuse(
            4913,
            format!(
                "ALTER TABLE SWITCH statement failed. The table '{}' has clustered index '{}' while the table '{}' does not have clustered index.",
                with.name,
                index.name.unwrap_or_default(),
                without.name
            ),
        ));
    }
    let compression = |table: &Table| table.base_index().map(|index| index.pages.compression);
    if compression(s) != compression(t) {
        return Err(refuse(
            11406,
            "ALTER TABLE SWITCH statement failed. Source and target partitions have different values for the DATA_COMPRESSION option."
                .into(),
        ));
    }
    for index in t.indexes.iter().filter(|i| i.index_id > 0 && !i.disabled) {
        if !s.indexes.iter().any(|other| !other.disabled && same_index((s, other), (t, index))) {
            return Err(refuse(
                4947,
                format!(
                    "ALTER TABLE SWITCH statement failed. There is no identical index in source table '{}' for the index '{}' in target table '{}' .",
                    s.name,
                    index.name.as_deref().unwrap_or_default(),
                    t.name
                ),
            ));
        }
    }
    Ok(())
}

fn same_index((s, a): (&Table, &Index), (t, b): (&Table, &Index)) -> bool {
    let ordinal = |table: &Table, id: i32| table.columns.iter().position(|c| c.column_id == id);
    let keys =
        |table: &Table, i: &Index| i.keys.iter().map(|(id, d)| (ordinal(table, *id), *d)).collect::<Vec<_>>();
    let mut included = [(s, a), (t, b)].map(|(table, i)| {
        let mut ordinals: Vec<_> = i.included.iter().map(|id| ordinal(table, *id)).collect();
        ordinals.sort_unstable();
        ordinals
    });
    let [x, y] = &mut included;
    a.kind == b.kind && a.unique == b.unique && a.filter == b.filter && keys(s, a) == keys(t, b) && x == y
}

fn same_constraints(pair: &Pair<'_>) -> Result<(), SqlError> {
    let Pair { database, source: s, target: t } = pair;
    let referenced = database.tables.values().any(|other| {
        other.object_id != s.object_id && other.foreign_keys.iter().any(|f| f.references == s.object_id)
    });
    if referenced {
        return Err(refuse(
            4967,
            format!(
                "ALTER TABLE SWITCH statement failed. SWITCH is not allowed because source table '{}' contains primary key for constraint '{}'.",
                s.name,
                s.primary_key().and_then(|k| k.name.as_deref()).unwrap_or_default()
            ),
        ));
    }
    for check in t.checks.iter().filter(|c| !c.disabled) {
        let twin = s.checks.iter().find(|c| c.definition == check.definition && !c.disabled);
        let Some(twin) = twin else {
            let (number, level) = if check.column.is_some() { (4971, "column") } else { (4970, "table") };
            return Err(refuse(
                number,
                format!(
                    "ALTER TABLE SWITCH statement failed. Altered table '{}' has a {level} level check constraint '{}' but the source table '{}' does not have a corresponding constraint.",
                    t.name, check.name, s.name
                ),
            ));
        };
        if twin.not_trusted && !check.not_trusted {
            return Err(refuse(
                4960,
                format!(
                    "ALTER TABLE SWITCH statement failed. Check constraint '{}' in source table '{}' is NOCHECK constraint but the matching check constraint '{}' in target table '{}' is CHECK.",
                    twin.name, s.name, check.name, t.name
                ),
            ));
        }
    }
    for key in t.foreign_keys.iter().filter(|f| !f.disabled) {
        let ordinals = |table: &Table, ids: &[i32]| {
            ids.iter().map(|id| table.columns.iter().position(|c| c.column_id == *id)).collect::<Vec<_>>()
        };
        let is_twin = |f: &&ForeignKey| {
            f.references == key.references
                && f.referenced_columns == key.referenced_columns
                && (f.on_delete, f.on_update) == (key.on_delete, key.on_update)
                && ordinals(s, &f.columns) == ordinals(t, &key.columns)
        };
        if let Some(twin) = s.foreign_keys.iter().find(is_twin) {
            let start =
                format!("ALTER TABLE SWITCH statement failed. Foreign key constraint '{}' is", twin.name);
            if twin.disabled {
                return Err(refuse(
                    4969,
                    format!(
                        "{start} disabled in source table '{}' and the corresponding constraint '{}' is enabled in target table '{}'. The source table constraint must be enabled.",
                        s.name, key.name, t.name
                    ),
                ));
            }
            if twin.not_trusted && !key.not_trusted {
                return Err(refuse(
                    4974,
                    format!(
                        "{start} NOCHECK in source table '{}' and the corresponding constraint '{}' is CHECK in target table '{}'. The source table constraint must be in CHECK.",
                        s.name, key.name, t.name
                    ),
                ));
            }
        } else {
            return Err(refuse(
                4968,
                format!(
                    "ALTER TABLE SWITCH statement failed. Altered table '{}' has foreign key for constraint '{}' but source table '{}' does not have corresponding key.",
                    t.name, key.name, s.name
                ),
            ));
        }
    }
    Ok(())
}

fn must_be_empty(session: &Session, target: &Altered, at: usize) -> Outcome {
    let storage = store::table_name(target.table.storage[at]);
    let sql = format!("SELECT EXISTS (SELECT 1 FROM {storage} WHERE _del IS NULL)");
    let rows: bool = session.connection.query_row(&sql, [], |row| row.get(0))?;
    if !rows {
        return Ok(());
    }
    let name = &target.table.name;
    Err(match target.table.partitioned_on {
        Some(_) => refuse(4904, format!(
            "ALTER TABLE SWITCH statement failed. The specified partition {} of target table '{name}' must be empty.",
            at + 1
        )),
        None => refuse(4905, format!("ALTER TABLE SWITCH statement failed. The target table '{name}' must be empty.")),
    }
    .into())
}

/// Into a partition go only rows of which the source's partition or trusted check constraints say that they belong
/// there; that they do is not enough.
fn fits(
    session: &mut Session,
    (source, from): (&Altered, usize),
    (target, to): (&Altered, usize),
) -> Outcome {
    let wanted = target.read(session, |database, t| {
        let Some((_, id)) = t.partitioned_on else { return Ok(None) };
        let column = t.columns.iter().position(|c| c.column_id == id);
        Ok(column.zip(of_partition(database, t, to)))
    })?;
    let Some((ordinal, wanted)) = wanted else { return Ok(()) };
    let Some(column) = source.table.columns.get(ordinal).cloned() else { return Ok(()) };
    let own = source.read(session, |database, s| {
        let same = s.partitioned_on.is_some_and(|(_, id)| id == column.column_id);
        Ok(same.then(|| of_partition(database, s, from)).flatten())
    })?;
    let of_source = own.is_some();
    let promised = match own {
        Some(range) => range,
        None => of_checks(session, &source.table, &column)?,
    };
    let promised = Range { nulls: promised.nulls && column.nullable, ..promised };
    if wanted.covers(&promised, |a, b| compare(a, b, &column.sql_type)) {
        return Ok(());
    }
    let (s, t) = (&source.table.name, &target.table.name);
    Err(if of_source {
        refuse(4973, format!(
            "ALTER TABLE SWITCH statement failed. Range defined by partition {} in table '{s}' is not a subset of range defined by partition {} in table '{t}'.",
            from + 1, to + 1
        ))
    } else {
        refuse(4982, format!(
            "ALTER TABLE SWITCH statement failed. Check constraints of source table '{s}' allow values that are not allowed by range defined by partition {} on target table '{t}'.",
            to + 1
        ))
    }
    .into())
}
