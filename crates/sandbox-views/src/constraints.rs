//! Constraints.
use super::definition::{Cell, Columns, Definition, Row, row};
use super::objects::{self, OBJECT, child};
use super::scope::ViewScope;
use sandbox_catalog::schema::Backs;
use sandbox_session::failure::Outcome;

pub const VIEWS: &[Definition] = &[
    Definition {
        schema: "sys",
        name: "key_constraints",
        columns: Columns(&[
            OBJECT,
            "unique_index_id int null, is_system_named bit, is_enforced bit null = 1",
        ]),
        rows: key_constraints,
    },
    Definition {
        schema: "sys",
        name: "check_constraints",
        columns: Columns(&[
            OBJECT,
            "is_disabled bit, is_not_for_replication bit = 0, is_not_trusted bit, parent_column_id int",
            "definition nvarchar(max) null, uses_database_collation bit null = 1, is_system_named bit",
        ]),
        rows: check_constraints,
    },
    Definition {
        schema: "sys",
        name: "default_constraints",
        columns: Columns(&[
            OBJECT,
            "parent_column_id int, definition nvarchar(max) null, is_system_named bit",
        ]),
        rows: default_constraints,
    },
    Definition {
        schema: "sys",
        name: "foreign_keys",
        columns: Columns(&[
            OBJECT,
            "referenced_object_id int null, key_index_id int null, is_disabled bit",
            "is_not_for_replication bit = 0, is_not_trusted bit, delete_referential_action tinyint null",
            "delete_referential_action_desc nvarchar(60) null, update_referential_action tinyint null",
            "update_referential_action_desc nvarchar(60) null, is_system_named bit",
        ]),
        rows: foreign_keys,
    },
    Definition {
        schema: "sys",
        name: "foreign_key_columns",
        columns: Columns(&[
            "constraint_object_id int, constraint_column_id int, parent_object_id int, parent_column_id int",
            "referenced_object_id int, referenced_column_id int",
        ]),
        rows: foreign_key_columns,
    },
];

fn key_constraints(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let keys = scope.tables().flat_map(|t| {
        t.indexes.iter().filter(|i| i.backs != Backs::Nothing).map(move |index| {
            let kind = match index.backs {
                Backs::PrimaryKey => objects::PRIMARY_KEY,
                _ => objects::UNIQUE,
            };
            let name = index.name.as_deref().unwrap_or_default();
            child(t, name, index.object_id, kind, index.created)
                .row_and(row![index.index_id, index.system_named])
        })
    });
    Ok(keys.collect())
}

fn check_constraints(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let checks = scope.tables().flat_map(|t| {
        t.checks.iter().map(move |c| {
            child(t, &c.name, c.object_id, objects::CHECK, c.created).row_and(row![
                c.disabled,
                c.not_trusted,
                c.column.unwrap_or(0),
                scope.definition(t, &c.definition),
                c.system_named,
            ])
        })
    });
    Ok(checks.collect())
}

fn default_constraints(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let defaults = scope.tables().flat_map(|t| {
        t.columns.iter().filter_map(move |column| {
            let d = column.default.as_ref()?;
            let more = row![column.column_id, scope.definition(t, &d.definition), d.system_named];
            Some(child(t, &d.name, d.object_id, objects::DEFAULT, d.created).row_and(more))
        })
    });
    Ok(defaults.collect())
}

/// sys.foreign_keys.*_referential_action_desc.
pub fn action(number: u8) -> &'static str {
    match number {
        1 => "CASCADE",
        2 => "SET_NULL",
        3 => "SET_DEFAULT",
        _ => "NO_ACTION",
    }
}

fn foreign_keys(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let keys = scope.tables().flat_map(|t| {
        t.foreign_keys.iter().map(move |f| {
            child(t, &f.name, f.object_id, objects::FOREIGN_KEY, f.created).row_and(row![
                f.references,
                f.key_index,
                f.disabled,
                f.not_trusted,
                f.on_delete,
                action(f.on_delete),
                f.on_update,
                action(f.on_update),
                f.system_named,
            ])
        })
    });
    Ok(keys.collect())
}

fn foreign_key_columns(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for t in scope.tables() {
        for f in &t.foreign_keys {
            for (n, (own, other)) in f.columns.iter().zip(&f.referenced_columns).enumerate() {
                rows.push(row![f.object_id, Cell::from(n + 1), t.object_id, *own, f.references, *other]);
            }
        }
    }
    Ok(rows)
}
