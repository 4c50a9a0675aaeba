//! What views and functions read.
use super::definition::{Columns, Definition, Row, row};
use super::scope::Scope;
use crate::engine::failure::Outcome;

pub const VIEWS: &[Definition] = &[Definition {
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
}];

/// Those that only db_owner may read unless they are granted (Microsoft docs, "sys.sql_expression_dependencies",
/// Permissions).
pub const OWNERS_ONLY: &[&str] = &["sql_expression_dependencies"];

/// A view that reads through another has the tables under both. Without VIEW DEFINITION on the database there are none.
fn dependencies(scope: &Scope<'_>) -> Outcome<Vec<Row>> {
    if !scope.rights.has("VIEW DEFINITION", None) {
        return Ok(Vec::new());
    }
    let views = scope.views().map(|v| (v.object_id, v.bound_to.is_some(), &v.reads));
    let functions = scope.functions().filter_map(|f| Some((f.object_id, true, f.bound_to.as_ref()?)));
    let reads = views
        .chain(functions)
        .flat_map(|(id, bound, reads)| reads.iter().map(move |read| (id, bound, *read)));
    let database = scope.database;
    let dependency = |(id, bound, read)| {
        let table = database.tables.get(&read)?;
        Some(row![id, bound, database.schema_name(table.schema_id), &table.name, read])
    };
    Ok(reads.filter_map(dependency).collect())
}
