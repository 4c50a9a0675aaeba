//! Data spaces: the filegroup, partition schemes and their functions.
use super::definition::{Cell, Columns, Definition, Row, row};
use super::scope::ViewScope;
use sandbox_session::failure::Outcome;
use sandbox_values::Value;

const DATA_SPACE: &str = "name sysname, data_space_id int, type char(2), type_desc nvarchar(60) null, is_default bit, \
    is_system bit null = 0";

pub const VIEWS: &[Definition] = &[
    Definition { schema: "sys", name: "data_spaces", columns: Columns(&[DATA_SPACE]), rows: data_spaces },
    Definition {
        schema: "sys",
        name: "filegroups",
        columns: Columns(&[
            DATA_SPACE,
            "filegroup_guid uniqueidentifier null = null, log_filegroup_id int null = null",
            "is_read_only bit null = 0, is_autogrow_all_files bit null = 0",
        ]),
        rows: filegroups,
    },
    Definition {
        schema: "sys",
        name: "partition_schemes",
        columns: Columns(&[DATA_SPACE, "function_id int"]),
        rows: partition_schemes,
    },
    Definition {
        schema: "sys",
        name: "destination_data_spaces",
        columns: Columns(&["partition_scheme_id int, destination_id int, data_space_id int = 1"]),
        rows: destinations,
    },
    Definition {
        schema: "sys",
        name: "partition_functions",
        columns: Columns(&[
            "name sysname, function_id int, type char(2) = R, type_desc nvarchar(60) null = RANGE, fanout int",
            "boundary_value_on_right bit, is_system bit = 0, create_date datetime, modify_date datetime",
        ]),
        rows: partition_functions,
    },
    Definition {
        schema: "sys",
        name: "partition_parameters",
        columns: Columns(&[
            "function_id int, parameter_id int = 1, system_type_id tinyint, max_length smallint",
            "precision tinyint, scale tinyint, collation_name sysname null, user_type_id int",
        ]),
        rows: partition_parameters,
    },
    Definition {
        schema: "sys",
        name: "partition_range_values",
        columns: Columns(&["function_id int, boundary_id int, parameter_id int = 1, value sql_variant null"]),
        rows: range_values,
    },
];

fn primary() -> Row {
    row!["PRIMARY", 1, "FG", "ROWS_FILEGROUP", true]
}

fn schemes<'a>(scope: &ViewScope<'a>) -> impl Iterator<Item = (Row, i32)> + use<'a> {
    scope
        .database
        .partition_schemes
        .values()
        .map(|s| (row![&s.name, s.id, "PS", "PARTITION_SCHEME", false], s.function_id))
}

fn data_spaces(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    Ok(std::iter::once(primary()).chain(schemes(scope).map(|(row, _)| row)).collect())
}

fn filegroups(_: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    Ok(vec![primary()])
}

fn partition_schemes(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    Ok(schemes(scope)
        .map(|(mut row, function)| {
            row.push(Cell::from(function));
            row
        })
        .collect())
}

fn destinations(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for scheme in scope.database.partition_schemes.values() {
        let function = scope.database.partition_functions.get(&scheme.function_id);
        let count = function.map_or(0, |f| f.boundaries.len() + 1);
        rows.extend((1..=count).map(|n| row![scheme.id, n]));
    }
    Ok(rows)
}

fn partition_functions(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let functions = scope.database.partition_functions.values();
    Ok(functions
        .map(|f| row![&f.name, f.id, f.boundaries.len() + 1, f.boundary_right, f.created, f.created])
        .collect())
}

fn partition_parameters(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let functions = scope.database.partition_functions.values();
    Ok(functions
        .map(|f| {
            let t = &f.sql_type;
            let collation = t.collation().map(|c| c.get().name.to_owned());
            row![
                f.id,
                t.system_type_id(),
                t.max_length(),
                t.precision(),
                t.scale(),
                collation,
                t.user_type_id()
            ]
        })
        .collect())
}

fn range_values(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for function in scope.database.partition_functions.values() {
        for (n, value) in function.boundaries.iter().enumerate() {
            let value = Value::Variant(Box::new((function.sql_type.clone(), value.clone())));
            rows.push(row![function.id, n + 1, value]);
        }
    }
    Ok(rows)
}
