//! What views and functions read.
use super::definition::{Columns, Definition, Row, row};
use super::scope::ViewScope;
use sandbox_session::failure::Outcome;

pub const VIEWS: &[Definition] = &[
    Definition {
        schema: "sys",
        name: "sql_expression_dependencies",
        columns: Columns(&[
            "referencing_id int, referencing_minor_id int = 0, referencing_class tinyint null = 1",
            "referencing_class_desc nvarchar(60) null = OBJECT_OR_COLUMN, is_schema_bound_reference bit",
            "referenced_class tinyint null = 1, referenced_class_desc nvarchar(60) null = OBJECT_OR_COLUMN",
            "referenced_server_name sysname null = null, referenced_database_name sysname null = null",
            "referenced_schema_name sysname null, referenced_entity_name sysname null",
            "referenced_id int null, referenced_minor_id int = 0, is_caller_dependent bit = 0, is_ambiguous bit = 0",
        ]),
        rows: dependencies,
    },
    // Deprecated. Only of what is schema-bound columns are told, which is not kept here.
    Definition {
        schema: "sys",
        name: "sql_dependencies",
        columns: Columns(&[
            "class tinyint, class_desc nvarchar(60) null, object_id int, column_id int = 0, referenced_major_id int",
            "referenced_minor_id int = 0, is_selected bit = 1, is_updated bit = 0, is_select_all bit = 0",
        ]),
        rows: old_dependencies,
    },
];

/// Those that only db_owner may read unless they are granted (Microsoft docs, "sys.sql_expression_dependencies",
/// Permissions).
pub const OWNERS_ONLY: &[&str] = &["sql_expression_dependencies"];

fn old_dependencies(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let (object, bound) =
        ("OBJECT_OR_COLUMN_REFERENCE_NON_SCHEMA_BOUND", "OBJECT_OR_COLUMN_REFERENCE_SCHEMA_BOUND");
    let row = |(id, is_bound, read): (i32, bool, i32)| {
        row![i32::from(is_bound), if is_bound { bound } else { object }, id, read]
    };
    Ok(reads(scope).map(row).collect())
}

/// What reads which table, and whether it is bound to it.
fn reads(scope: &ViewScope<'_>) -> impl Iterator<Item = (i32, bool, i32)> {
    let views = scope.views().map(|v| (v.object_id, v.bound_to.is_some(), &v.reads));
    let functions = scope.functions().filter_map(|f| Some((f.object_id, true, f.bound_to.as_ref()?)));
    views.chain(functions).flat_map(|(id, bound, reads)| reads.iter().map(move |read| (id, bound, *read)))
}

/// A view that reads through another has the tables under both. Without VIEW DEFINITION on the database there are none.
fn dependencies(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    if !scope.rights.has("VIEW DEFINITION", None) {
        return Ok(Vec::new());
    }
    let database = scope.database;
    let dependency = |(id, bound, read)| {
        let table = database.tables.get(&read)?;
        Some(row![id, bound, database.schema_name(table.schema_id), &table.name, read])
    };
    Ok(reads(scope).filter_map(dependency).collect())
}
