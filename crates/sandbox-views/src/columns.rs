//! Columns and types.
use super::definition::{Cell, Columns, Definition, Row, row};
use super::scope::ViewScope;
use sandbox_catalog::schema::{Column, Table};
use sandbox_session::failure::Outcome;
use sandbox_values::{CollationId, Len, SqlType, Value};

const COLUMN_START: &str = "object_id int, name sysname null, column_id int, system_type_id tinyint, \
    user_type_id int, max_length smallint, precision tinyint, scale tinyint, collation_name sysname null, \
    is_nullable bit null, is_ansi_padded bit, is_rowguidcol bit";

const COLUMN: &[&str] = &[
    COLUMN_START,
    "is_identity bit, is_computed bit, is_filestream bit = 0, is_replicated bit null = 0",
    "is_non_sql_subscribed bit null = 0, is_merge_published bit null = 0, is_dts_replicated bit null = 0",
    "is_xml_document bit = 0, xml_collection_id int = 0, default_object_id int, rule_object_id int = 0",
    "is_sparse bit null, is_column_set bit null = 0, generated_always_type tinyint null",
    "generated_always_type_desc nvarchar(60) null, encryption_type int null = null",
    "encryption_type_desc nvarchar(64) null = null, encryption_algorithm_name sysname null = null",
    "column_encryption_key_id int null = null, column_encryption_key_database_name sysname null = null",
    "is_hidden bit null = 0, is_masked bit null, graph_type int null = null",
    "graph_type_desc nvarchar(60) null = null, is_data_deletion_filter_column bit null = 0",
    "ledger_view_column_type int null = null, ledger_view_column_type_desc nvarchar(60) null = null",
    "is_dropped_ledger_column bit null = 0",
];

const PARAMETER: &[&str] = &[
    "object_id int, name sysname null, parameter_id int, system_type_id tinyint, user_type_id int",
    "max_length smallint, precision tinyint, scale tinyint, is_output bit = 0, is_cursor_ref bit = 0",
    "has_default_value bit = 0, is_xml_document bit = 0, default_value sql_variant null = null",
    "xml_collection_id int = 0, is_readonly bit = 0, is_nullable bit null = 1, encryption_type int null = null",
    "encryption_type_desc nvarchar(64) null = null, encryption_algorithm_name sysname null = null",
    "column_encryption_key_id int null = null, column_encryption_key_database_name sysname null = null",
];

pub const VIEWS: &[Definition] = &[
    Definition { schema: "sys", name: "columns", columns: Columns(COLUMN), rows: columns },
    Definition { schema: "sys", name: "all_columns", columns: Columns(COLUMN), rows: columns },
    Definition { schema: "sys", name: "system_columns", columns: Columns(COLUMN), rows: system_columns },
    Definition { schema: "sys", name: "parameters", columns: Columns(PARAMETER), rows: parameters },
    Definition { schema: "sys", name: "all_parameters", columns: Columns(PARAMETER), rows: parameters },
    Definition {
        schema: "sys",
        name: "xml_schema_collections",
        columns: Columns(&[
            "xml_collection_id int = 1, schema_id int = 4, principal_id int null = null, name sysname = sys",
            "create_date datetime, modify_date datetime",
        ]),
        rows: xml_schema_collections,
    },
    Definition {
        schema: "sys",
        name: "computed_columns",
        columns: Columns(&[
            COLUMN_START,
            "is_filestream bit = 0, is_replicated bit null = 0, is_non_sql_subscribed bit null = 0",
            "is_merge_published bit null = 0, is_dts_replicated bit null = 0, is_xml_document bit = 0",
            "xml_collection_id int = 0, default_object_id int = 0, rule_object_id int = 0",
            "definition nvarchar(max) null, uses_database_collation bit = 1, is_persisted bit",
            "is_identity bit null = 0, is_computed bit null = 1, is_sparse bit null = 0",
            "is_column_set bit null = 0, generated_always_type tinyint null = 0",
            "generated_always_type_desc nvarchar(60) null = NOT_APPLICABLE, is_hidden bit null = 0",
            "is_masked bit null = 0",
        ]),
        rows: computed_columns,
    },
    Definition {
        schema: "sys",
        name: "identity_columns",
        columns: Columns(&[
            COLUMN_START,
            "is_identity bit = 1, is_filestream bit = 0, is_replicated bit null = 0",
            "is_non_sql_subscribed bit null = 0, is_merge_published bit null = 0, is_dts_replicated bit null = 0",
            "is_xml_document bit = 0, xml_collection_id int = 0, default_object_id int = 0",
            "rule_object_id int = 0, seed_value sql_variant null, increment_value sql_variant null",
            "last_value sql_variant null, is_not_for_replication bit null = 0, is_computed bit = 0",
            "is_sparse bit null = 0, is_column_set bit null = 0, generated_always_type tinyint null = 0",
            "generated_always_type_desc nvarchar(60) null = NOT_APPLICABLE, is_hidden bit null = 0",
            "is_masked bit null = 0",
        ]),
        rows: identity_columns,
    },
    Definition {
        schema: "sys",
        name: "types",
        columns: Columns(&[
            "name sysname, system_type_id tinyint, user_type_id int, schema_id int = 4",
            "principal_id int null = null, max_length smallint, precision tinyint, scale tinyint",
            "collation_name sysname null, is_nullable bit null, is_user_defined bit = 0, is_assembly_type bit",
            "default_object_id int = 0, rule_object_id int = 0, is_table_type bit = 0",
        ]),
        rows: types,
    },
    Definition {
        schema: "sys",
        name: "masked_columns",
        columns: Columns(&[
            COLUMN_START,
            "is_identity bit null, is_computed bit null, is_masked bit, masking_function nvarchar(4000) null",
        ]),
        rows: masked_columns,
    },
];

/// user_type_id of sysname.
const SYSNAME: i32 = 256;

/// The cells of [`COLUMN_START`].
fn start(object_id: i32, column: &Column) -> Row {
    let t = &column.sql_type;
    let padded =
        t.is_character() || matches!(t, SqlType::Binary(_) | SqlType::VarBinary(_) | SqlType::Variant);
    row![
        object_id,
        &column.name,
        column.column_id,
        t.system_type_id(),
        user_type_id(column),
        t.max_length(),
        t.precision(),
        t.scale(),
        t.collation().map(|c| c.get().name.to_owned()),
        column.nullable,
        padded,
        column.rowguidcol,
    ]
}

fn start_and(object_id: i32, column: &Column, more: Row) -> Row {
    let mut row = start(object_id, column);
    row.extend(more);
    row
}

/// sysname's own id, for a column declared so.
pub fn user_type_id(column: &Column) -> i32 {
    if column.type_name.as_deref() == Some("sysname") { SYSNAME } else { column.sql_type.user_type_id() }
}

fn columns(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let tables = scope.tables().flat_map(|t| t.columns.iter().map(|c| (t.object_id, c)));
    let views = scope.views().flat_map(|v| v.columns.iter().map(|c| (v.object_id, c)));
    let functions = scope.functions().flat_map(|f| f.columns.iter().map(|c| (f.object_id, c)));
    Ok(tables
        .chain(views)
        .chain(functions)
        .map(|(object_id, c)| {
            let generated = match c.generated_always {
                1 => "AS_ROW_START",
                2 => "AS_ROW_END",
                _ => "NOT_APPLICABLE",
            };
            let default = c.default.as_ref().map_or(0, |d| d.object_id);
            let more = row![
                c.identity,
                c.computed.is_some(),
                default,
                c.sparse,
                c.generated_always,
                generated,
                c.mask.is_some(),
            ];
            start_and(object_id, c, more)
        })
        .collect())
}

fn table_columns<'a>(scope: &ViewScope<'a>) -> impl Iterator<Item = (&'a Table, &'a Column)> {
    scope.tables().flat_map(|t| t.columns.iter().map(move |c| (t, c)))
}

/// The columns of the system views.
fn system_columns(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let collation = scope.database.collation;
    let of = |(object_id, definition): (i32, &'static Definition)| {
        let columns = definition.columns.describe(collation);
        columns.into_iter().enumerate().map(move |(at, c)| {
            let t = &c.sql_type;
            row![
                object_id,
                &c.name,
                at + 1,
                t.system_type_id(),
                if c.user_type == 0x100 { SYSNAME } else { t.user_type_id() },
                t.max_length(),
                t.precision(),
                t.scale(),
                t.collation().map(|c| c.get().name.to_owned()),
                c.nullable,
                t.is_character() || matches!(t, SqlType::Binary(_) | SqlType::VarBinary(_)),
                false,
                false,
                false,
                0,
                false,
                0,
                "NOT_APPLICABLE",
                false,
            ]
        })
    };
    Ok(super::numbered().flat_map(of).collect())
}

/// Of functions: there are no procedures.
fn parameters(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    Ok(scope
        .functions()
        .flat_map(|f| f.parameters.iter().enumerate().map(move |(at, (name, t))| (f.object_id, at, name, t)))
        .map(|(function, at, name, t)| {
            row![
                function,
                name,
                at + 1,
                t.system_type_id(),
                t.user_type_id(),
                t.max_length(),
                t.precision(),
                t.scale(),
            ]
        })
        .collect())
}

/// The one that every database has.
fn xml_schema_collections(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    Ok(vec![row![scope.database.created, scope.database.created]])
}

fn masked_columns(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    Ok(table_columns(scope)
        .filter_map(|(t, c)| {
            let mask = c.mask.as_ref()?;
            Some(start_and(t.object_id, c, row![c.identity, c.computed.is_some(), true, mask]))
        })
        .collect())
}

fn computed_columns(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    Ok(table_columns(scope)
        .filter_map(|(t, c)| {
            let computed = c.computed.as_ref()?;
            Some(start_and(
                t.object_id,
                c,
                row![scope.definition(t, &computed.definition), computed.persisted],
            ))
        })
        .collect())
}

fn identity_columns(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    Ok(table_columns(scope)
        .filter(|(_, c)| c.identity)
        .filter_map(|(t, c)| {
            let identity = t.identity.as_ref()?;
            let variant = |n: i64| {
                let value = match c.sql_type {
                    SqlType::Decimal { .. } => Value::Decimal(i128::from(n)),
                    _ => Value::Int(n),
                };
                Value::Variant(Box::new((c.sql_type.clone(), value)))
            };
            let more = row![variant(identity.seed), variant(identity.increment), identity.last.map(variant)];
            Some(start_and(t.object_id, c, more))
        })
        .collect())
}

/// The types as `sys.types` lists them: unparameterised, at their widest.
fn all_types(collation: CollationId) -> Vec<SqlType> {
    vec![
        SqlType::Image,
        SqlType::Text(collation),
        SqlType::UniqueIdentifier,
        SqlType::Date,
        SqlType::Time(7),
        SqlType::DateTime2(7),
        SqlType::DateTimeOffset(7),
        SqlType::TinyInt,
        SqlType::SmallInt,
        SqlType::Int,
        SqlType::SmallDateTime,
        SqlType::Real,
        SqlType::Money,
        SqlType::DateTime,
        SqlType::Float,
        SqlType::Variant,
        SqlType::NText(collation),
        SqlType::Bit,
        SqlType::Decimal { precision: 38, scale: 38, numeric: false },
        SqlType::Decimal { precision: 38, scale: 38, numeric: true },
        SqlType::SmallMoney,
        SqlType::BigInt,
        SqlType::VarBinary(Len::N(8000)),
        SqlType::VarChar(Len::N(8000), collation),
        SqlType::Binary(8000),
        SqlType::Char(8000, collation),
        SqlType::RowVersion,
        SqlType::NVarChar(Len::N(4000), collation),
        SqlType::NChar(4000, collation),
        SqlType::Xml,
        SqlType::HierarchyId,
        SqlType::Geometry,
        SqlType::Geography,
    ]
}

fn types(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let collation = scope.database.collation;
    let line = |name: &str, t: &SqlType, user_type_id: i32, nullable: bool| {
        row![
            name,
            t.system_type_id(),
            user_type_id,
            t.max_length(),
            t.precision(),
            t.scale(),
            t.collation().map(|c| c.get().name.to_owned()),
            nullable,
            t.is_clr(),
        ]
    };
    let mut rows: Vec<Row> = all_types(collation)
        .iter()
        .map(|t| line(t.name(), t, t.user_type_id(), *t != SqlType::RowVersion))
        .collect();
    rows.push(line("sysname", &SqlType::NVarChar(Len::N(128), collation), SYSNAME, false));
    rows.sort_by_key(|row| match row.get(2) {
        Some(Cell::Int(id)) => *id,
        _ => 0,
    });
    Ok(rows)
}
