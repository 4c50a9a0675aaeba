//! INFORMATION_SCHEMA.
use super::constraints::action;
use super::definition::{Cell, Columns, Definition, Row, row};
use super::scope::ViewScope;
use sandbox_catalog::schema::{Backs, Column, Index, Table};
use sandbox_session::failure::Outcome;
use sandbox_values::{SqlType, collation::Charset};

const fn view(
    name: &'static str,
    columns: &'static [&'static str],
    rows: fn(&ViewScope<'_>) -> Outcome<Vec<Row>>,
) -> Definition {
    Definition { schema: "INFORMATION_SCHEMA", name, columns: Columns(columns), rows }
}

pub const VIEWS: &[Definition] = &[
    view(
        "TABLES",
        &[
            "TABLE_CATALOG nvarchar(128) null, TABLE_SCHEMA sysname null, TABLE_NAME sysname, TABLE_TYPE varchar(10) null",
        ],
        tables,
    ),
    view(
        "COLUMNS",
        &[
            "TABLE_CATALOG nvarchar(128) null, TABLE_SCHEMA nvarchar(128) null, TABLE_NAME sysname",
            "COLUMN_NAME sysname null, ORDINAL_POSITION int null, COLUMN_DEFAULT nvarchar(4000) null",
            "IS_NULLABLE varchar(3) null, DATA_TYPE nvarchar(128) null, CHARACTER_MAXIMUM_LENGTH int null",
            "CHARACTER_OCTET_LENGTH int null, NUMERIC_PRECISION tinyint null",
            "NUMERIC_PRECISION_RADIX smallint null, NUMERIC_SCALE int null, DATETIME_PRECISION smallint null",
            "CHARACTER_SET_CATALOG sysname null = null, CHARACTER_SET_SCHEMA sysname null = null",
            "CHARACTER_SET_NAME sysname null, COLLATION_CATALOG sysname null = null",
            "COLLATION_SCHEMA sysname null = null, COLLATION_NAME sysname null",
            "DOMAIN_CATALOG sysname null = null, DOMAIN_SCHEMA sysname null = null, DOMAIN_NAME sysname null",
        ],
        columns,
    ),
    view(
        "TABLE_CONSTRAINTS",
        &[
            "CONSTRAINT_CATALOG nvarchar(128) null, CONSTRAINT_SCHEMA nvarchar(128) null",
            "CONSTRAINT_NAME sysname, TABLE_CATALOG nvarchar(128) null, TABLE_SCHEMA nvarchar(128) null",
            "TABLE_NAME sysname null, CONSTRAINT_TYPE varchar(11) null, IS_DEFERRABLE varchar(2) = NO",
            "INITIALLY_DEFERRED varchar(2) = NO",
        ],
        table_constraints,
    ),
    view(
        "KEY_COLUMN_USAGE",
        &[
            "CONSTRAINT_CATALOG nvarchar(128) null, CONSTRAINT_SCHEMA nvarchar(128) null",
            "CONSTRAINT_NAME sysname, TABLE_CATALOG nvarchar(128) null, TABLE_SCHEMA nvarchar(128) null",
            "TABLE_NAME sysname null, COLUMN_NAME nvarchar(128) null, ORDINAL_POSITION int",
        ],
        key_column_usage,
    ),
    view(
        "CONSTRAINT_COLUMN_USAGE",
        &[
            "TABLE_CATALOG nvarchar(128) null, TABLE_SCHEMA nvarchar(128) null, TABLE_NAME sysname",
            "COLUMN_NAME nvarchar(128) null, CONSTRAINT_CATALOG nvarchar(128) null",
            "CONSTRAINT_SCHEMA nvarchar(128) null, CONSTRAINT_NAME sysname",
        ],
        constraint_column_usage,
    ),
    view(
        "REFERENTIAL_CONSTRAINTS",
        &[
            "CONSTRAINT_CATALOG nvarchar(128) null, CONSTRAINT_SCHEMA nvarchar(128) null",
            "CONSTRAINT_NAME sysname, UNIQUE_CONSTRAINT_CATALOG nvarchar(128) null",
            "UNIQUE_CONSTRAINT_SCHEMA nvarchar(128) null, UNIQUE_CONSTRAINT_NAME sysname null",
            "MATCH_OPTION varchar(7) null = SIMPLE, UPDATE_RULE varchar(11) null, DELETE_RULE varchar(11) null",
        ],
        referential_constraints,
    ),
    view(
        "CHECK_CONSTRAINTS",
        &[
            "CONSTRAINT_CATALOG nvarchar(128) null, CONSTRAINT_SCHEMA nvarchar(128) null",
            "CONSTRAINT_NAME sysname, CHECK_CLAUSE nvarchar(4000) null",
        ],
        check_constraints,
    ),
    view(
        "SCHEMATA",
        &[
            "CATALOG_NAME sysname null, SCHEMA_NAME nvarchar(128) null, SCHEMA_OWNER nvarchar(128) null",
            "DEFAULT_CHARACTER_SET_CATALOG sysname null = null",
            "DEFAULT_CHARACTER_SET_SCHEMA sysname null = null, DEFAULT_CHARACTER_SET_NAME sysname null",
        ],
        schemata,
    ),
    view(
        "VIEWS",
        &[
            "TABLE_CATALOG nvarchar(128) null, TABLE_SCHEMA nvarchar(128) null, TABLE_NAME sysname",
            "VIEW_DEFINITION nvarchar(4000) null, CHECK_OPTION varchar(7) null = NONE",
            "IS_UPDATABLE varchar(2) = NO",
        ],
        views,
    ),
    view(
        "ROUTINES",
        &[
            "SPECIFIC_CATALOG nvarchar(128) null, SPECIFIC_SCHEMA nvarchar(128) null, SPECIFIC_NAME sysname",
            "ROUTINE_CATALOG nvarchar(128) null, ROUTINE_SCHEMA nvarchar(128) null, ROUTINE_NAME sysname",
            "ROUTINE_TYPE nvarchar(20) null, MODULE_CATALOG sysname null = null, MODULE_SCHEMA sysname null = null",
            "MODULE_NAME sysname null = null, UDT_CATALOG sysname null = null, UDT_SCHEMA sysname null = null",
            "UDT_NAME sysname null = null, DATA_TYPE sysname null, CHARACTER_MAXIMUM_LENGTH int null = null",
            "CHARACTER_OCTET_LENGTH int null = null, COLLATION_CATALOG sysname null = null",
            "COLLATION_SCHEMA sysname null = null, COLLATION_NAME sysname null = null",
            "CHARACTER_SET_CATALOG sysname null = null, CHARACTER_SET_SCHEMA sysname null = null",
            "CHARACTER_SET_NAME sysname null = null, NUMERIC_PRECISION tinyint null = null",
            "NUMERIC_PRECISION_RADIX smallint null = null, NUMERIC_SCALE int null = null",
            "DATETIME_PRECISION smallint null = null, INTERVAL_TYPE nvarchar(30) null = null",
            "INTERVAL_PRECISION smallint null = null, TYPE_UDT_CATALOG sysname null = null",
            "TYPE_UDT_SCHEMA sysname null = null, TYPE_UDT_NAME sysname null = null",
            "SCOPE_CATALOG sysname null = null, SCOPE_SCHEMA sysname null = null, SCOPE_NAME sysname null = null",
            "MAXIMUM_CARDINALITY bigint null = null, DTD_IDENTIFIER sysname null = null",
            "ROUTINE_BODY nvarchar(30) null = SQL, ROUTINE_DEFINITION nvarchar(4000) null",
            "EXTERNAL_NAME sysname null = null, EXTERNAL_LANGUAGE nvarchar(30) null = null",
            "PARAMETER_STYLE nvarchar(30) null = null, IS_DETERMINISTIC nvarchar(10) null = NO",
            "SQL_DATA_ACCESS nvarchar(30) null = READS, IS_NULL_CALL nvarchar(10) null = YES",
            "SQL_PATH sysname null = null, SCHEMA_LEVEL_ROUTINE nvarchar(10) null = YES",
            "MAX_DYNAMIC_RESULT_SETS smallint null = 0, IS_USER_DEFINED_CAST nvarchar(10) null = NO",
            "IS_IMPLICITLY_INVOCABLE nvarchar(10) null = NO, CREATED datetime, LAST_ALTERED datetime",
        ],
        routines,
    ),
    view(
        "PARAMETERS",
        &[
            "SPECIFIC_CATALOG nvarchar(128) null, SPECIFIC_SCHEMA nvarchar(128) null, SPECIFIC_NAME sysname",
            "ORDINAL_POSITION int, PARAMETER_MODE nvarchar(10) null = IN, IS_RESULT nvarchar(10) null = NO",
            "AS_LOCATOR nvarchar(10) null = NO, PARAMETER_NAME sysname null, DATA_TYPE sysname null",
            "CHARACTER_MAXIMUM_LENGTH int null, CHARACTER_OCTET_LENGTH int null",
            "COLLATION_CATALOG sysname null = null, COLLATION_SCHEMA sysname null = null",
            "COLLATION_NAME sysname null, CHARACTER_SET_CATALOG sysname null = null",
            "CHARACTER_SET_SCHEMA sysname null = null, CHARACTER_SET_NAME sysname null",
            "NUMERIC_PRECISION tinyint null, NUMERIC_PRECISION_RADIX smallint null, NUMERIC_SCALE int null",
            "DATETIME_PRECISION smallint null, INTERVAL_TYPE nvarchar(30) null = null",
            "INTERVAL_PRECISION smallint null = null, USER_DEFINED_TYPE_CATALOG sysname null = null",
            "USER_DEFINED_TYPE_SCHEMA sysname null = null, USER_DEFINED_TYPE_NAME sysname null = null",
            "SCOPE_CATALOG sysname null = null, SCOPE_SCHEMA sysname null = null, SCOPE_NAME sysname null = null",
        ],
        parameters,
    ),
];

fn routines(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let functions = scope.functions();
    Ok(functions
        .map(|f| {
            let (database, schema) = (&scope.database.name, schema(scope, f.schema_id));
            let text: String = f.definition.chars().take(4000).collect();
            row![
                database, schema, &f.name, database, schema, &f.name, "FUNCTION", "TABLE", text, f.created,
                f.modified,
            ]
        })
        .collect())
}

fn parameters(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let parameters = scope.functions().flat_map(|f| f.parameters.iter().enumerate().map(move |p| (f, p)));
    Ok(parameters
        .map(|(f, (at, (name, sql_type)))| {
            let [characters, octets, precision, radix, scale, fraction, charset, collation] =
                measures(sql_type);
            row![
                &scope.database.name,
                schema(scope, f.schema_id),
                &f.name,
                at + 1,
                name,
                sql_type.name(),
                characters,
                octets,
                collation,
                charset,
                precision,
                radix,
                scale,
                fraction,
            ]
        })
        .collect())
}

fn schema<'a>(scope: &ViewScope<'a>, id: i32) -> &'a str {
    scope.database.schema_name(id)
}

fn tables(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let line = |schema_id: i32, name: &str, kind: &str| {
        row![&scope.database.name, schema(scope, schema_id), name, kind]
    };
    let tables = scope.tables().map(|t| line(t.schema_id, &t.name, "BASE TABLE"));
    Ok(tables.chain(scope.views().map(|v| line(v.schema_id, &v.name, "VIEW"))).collect())
}

fn views(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let views = scope.views();
    Ok(views
        .map(|v| row![&scope.database.name, schema(scope, v.schema_id), &v.name, &v.definition])
        .collect())
}

fn columns(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let line = |schema_id: i32, table: &str, (at, c): (usize, &Column)| {
        let mut row = row![
            &scope.database.name,
            schema(scope, schema_id),
            table,
            &c.name,
            at + 1,
            c.default.as_ref().map(|d| d.definition.clone()),
            if c.nullable { "YES" } else { "NO" },
            c.sql_type.name(),
        ];
        row.extend(measures(&c.sql_type));
        row.push(Cell::from(c.type_name.as_ref()));
        row
    };
    let tables =
        scope.tables().flat_map(|t| t.columns.iter().enumerate().map(move |c| line(t.schema_id, &t.name, c)));
    let views =
        scope.views().flat_map(|v| v.columns.iter().enumerate().map(move |c| line(v.schema_id, &v.name, c)));
    Ok(tables.chain(views).collect())
}

/// CHARACTER_MAXIMUM_LENGTH to COLLATION_NAME.
fn measures(t: &SqlType) -> [Cell; 8] {
    let wide = t.charset() == Some(Charset::Utf16);
    let old = matches!(t, SqlType::Text(_) | SqlType::NText(_) | SqlType::Image);
    let bytes = match t {
        SqlType::RowVersion => None,
        SqlType::Text(_) | SqlType::Image => Some(i32::MAX),
        SqlType::NText(_) => Some(i32::MAX - 1),
        _ if t.is_character() || t.is_binary() => Some(i32::from(t.max_length())),
        SqlType::Xml | SqlType::Geography | SqlType::Geometry => Some(-1),
        SqlType::HierarchyId => Some(892),
        SqlType::Variant => Some(0),
        _ => None,
    };
    let characters = match bytes {
        Some(n) if wide && n > 0 => Some(if old { 1_073_741_823 } else { n / 2 }),
        other => other,
    };
    let approximate = matches!(t, SqlType::Real | SqlType::Float);
    let number = t.is_number() && *t != SqlType::Bit;
    let set = t.charset().map(|charset| match (charset, t.collation()) {
        (Charset::Utf16, _) => "UNICODE",
        (_, Some(collation)) if collation.get().utf8 => "UTF-8",
        _ => "iso_1",
    });
    let fraction = match t {
        SqlType::Date | SqlType::SmallDateTime => Some(0),
        SqlType::DateTime => Some(3),
        SqlType::Time(scale) | SqlType::DateTime2(scale) | SqlType::DateTimeOffset(scale) => Some(*scale),
        _ => None,
    };
    [
        characters.into(),
        bytes.into(),
        number.then_some(t.precision()).into(),
        number.then_some(if approximate { 2 } else { 10 }).into(),
        (number && !approximate).then_some(t.scale()).into(),
        fraction.into(),
        set.into(),
        t.collation().map(|c| c.get().name.to_owned()).into(),
    ]
}

/// A constraint and its table, as several views begin.
fn named(scope: &ViewScope<'_>, t: &Table, constraint: &str) -> Row {
    let (catalog, schema) = (&scope.database.name, schema(scope, t.schema_id));
    row![catalog, schema, constraint, catalog, schema, &t.name]
}

fn keys(t: &Table) -> impl Iterator<Item = (&Index, &str)> {
    t.indexes.iter().filter(|i| i.backs != Backs::Nothing).map(|i| (i, i.name.as_deref().unwrap_or_default()))
}

fn table_constraints(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for t in scope.tables() {
        let mut add = |name: &str, kind: &str| {
            let mut row = named(scope, t, name);
            row.push(Cell::from(kind));
            rows.push(row);
        };
        for (index, name) in keys(t) {
            add(name, if index.backs == Backs::PrimaryKey { "PRIMARY KEY" } else { "UNIQUE" });
        }
        t.foreign_keys.iter().for_each(|f| add(&f.name, "FOREIGN KEY"));
        t.checks.iter().for_each(|c| add(&c.name, "CHECK"));
    }
    Ok(rows)
}

fn key_column_usage(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for t in scope.tables() {
        let mut add = |name: &str, ids: &mut dyn Iterator<Item = i32>| {
            for (n, id) in ids.enumerate() {
                let mut row = named(scope, t, name);
                row.extend(row![t.column(id).map(|c| &c.name), n + 1]);
                rows.push(row);
            }
        };
        for (index, name) in keys(t) {
            add(name, &mut index.keys.iter().map(|(id, _)| *id));
        }
        for f in &t.foreign_keys {
            add(&f.name, &mut f.columns.iter().copied());
        }
    }
    Ok(rows)
}

fn constraint_column_usage(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let mut rows = Vec::new();
    for t in scope.tables() {
        let (catalog, schema) = (&scope.database.name, schema(scope, t.schema_id));
        for (index, name) in keys(t) {
            for (id, _) in &index.keys {
                let column = t.column(*id).map(|c| &c.name);
                rows.push(row![catalog, schema, &t.name, column, catalog, schema, name]);
            }
        }
        for f in &t.foreign_keys {
            for id in &f.columns {
                let column = t.column(*id).map(|c| &c.name);
                rows.push(row![catalog, schema, &t.name, column, catalog, schema, &f.name]);
            }
        }
    }
    Ok(rows)
}

fn referential_constraints(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let rule = |number: u8| action(number).replace('_', " ");
    let mut rows = Vec::new();
    for t in scope.tables() {
        let (catalog, own) = (&scope.database.name, schema(scope, t.schema_id));
        for f in &t.foreign_keys {
            let parent = scope.database.tables.get(&f.references);
            let key = parent.and_then(|p| p.indexes.iter().find(|i| i.index_id == f.key_index));
            rows.push(row![
                catalog,
                own,
                &f.name,
                catalog,
                parent.map(|p| schema(scope, p.schema_id)),
                key.and_then(|k| k.name.clone()),
                rule(f.on_update),
                rule(f.on_delete),
            ]);
        }
    }
    Ok(rows)
}

fn check_constraints(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let checks = scope.tables().flat_map(|t| t.checks.iter().map(move |c| (t, c)));
    Ok(checks
        .map(|(t, c)| row![&scope.database.name, schema(scope, t.schema_id), &c.name, &c.definition])
        .collect())
}

fn schemata(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let owner = |id: i32| match id {
        2 => "guest",
        3 => "INFORMATION_SCHEMA",
        4 => "sys",
        _ => "dbo",
    };
    let schemas = scope.database.schemas.iter();
    Ok(schemas.map(|(id, name)| row![&scope.database.name, name, owner(*id), "iso_1"]).collect())
}
