//! Columns, from their definitions to their records.
use sandbox_catalog::schema::{Column, Computed, DefaultConstraint, same_name};
use sandbox_query::describe;
use sandbox_query::mask::Mask;
use sandbox_session::Session;
use sandbox_session::failure::Outcome;
use sandbox_sql::ddl::ast::{ColumnDef, ColumnKind};
use sandbox_sql::type_name::TypePlace;
use sandbox_values::error::SqlError;
use sandbox_values::{CollationId, SqlType};
use std::fmt::Write;
use std::time::SystemTime;

/// Microsoft docs, "Maximum capacity specifications".
const MOST_COLUMNS: usize = 1024;

/// The records of new columns, after the columns that the table has. Ids of the defaults are left 0 and names made
/// up by the server empty; the table's builder fills them in.
///
/// # Errors
/// 1702; 2715 and what goes with types; 448; 2705, 2738, 2744, 2749, 1754; what the binder says of a computed column.
pub fn resolve(
    session: &mut Session,
    table: &str,
    existing: &[Column],
    defs: &[ColumnDef],
    collation: CollationId,
) -> Outcome<Vec<Column>> {
    let mut all: Vec<Column> = existing.to_vec();
    let mut computed = Vec::new();
    let first_id = existing.iter().map(|c| c.column_id).max().unwrap_or(0) + 1;
    for (n, def) in defs.iter().enumerate() {
        let ordinal = existing.len() + n + 1;
        if ordinal > MOST_COLUMNS {
            let text = format!(
                "CREATE TABLE failed because column '{}' in table '{table}' exceeds the maximum of {MOST_COLUMNS} columns.",
                def.name
            );
            return Err(SqlError::new(1702, 16, 1, text).into());
        }
        if all.iter().any(|c| same_name(collation, &c.name, &def.name)) {
            let text = format!(
                "Column names in each table must be unique. Column name '{}' in table '{table}' is specified more than once.",
                def.name
            );
            return Err(SqlError::new(2705, 16, 3, text).into());
        }
        let mut column = plain(def, ordinal, collation)?;
        column.column_id = first_id + n as i32;
        if matches!(def.kind, ColumnKind::Computed { .. }) {
            computed.push(all.len());
        }
        check(table, &all, &column)?;
        check_sparse(table, &column)?;
        if let Some(mask) = &def.mask {
            column.mask = Some(Mask::parse(mask, &column.name, &column.sql_type)?.to_string());
        }
        all.push(column);
    }
    // Computed columns can use all others, also later ones.
    let plain: Vec<Column> = all.iter().filter(|c| c.computed.is_none()).cloned().collect();
    for at in computed {
        let Some(definition) = all[at].computed.as_ref().map(|c| c.definition.clone()) else { continue };
        let (sql_type, nullable) = computed_type(session, &plain, &definition)?;
        all[at].nullable &= nullable;
        all[at].sql_type = sql_type;
    }
    Ok(all.split_off(existing.len()))
}

fn plain(def: &ColumnDef, ordinal: usize, database: CollationId) -> Result<Column, SqlError> {
    let collation = match &def.collation {
        Some(name) => CollationId::by_name(name)?,
        None => database,
    };
    let mut column = Column {
        column_id: 0,
        name: def.name.clone(),
        sql_type: SqlType::Int,
        nullable: def.nullable.unwrap_or(def.identity.is_none()),
        type_name: None,
        identity: def.identity.is_some(),
        computed: None,
        default: def.default.as_ref().map(|default| DefaultConstraint {
            object_id: 0,
            name: default.name.clone().unwrap_or_default(),
            system_named: default.name.is_none(),
            definition: default.definition.clone(),
            created: SystemTime::UNIX_EPOCH,
        }),
        rowguidcol: def.rowguidcol,
        generated_always: 0,
        sparse: def.sparse,
        mask: None,
    };
    match &def.kind {
        ColumnKind::Typed(type_name) => {
            let place = TypePlace { ordinal, name: &def.name, length: 1, collation };
            let resolved = type_name.resolve(&place)?;
            if def.nullable.is_none()
                && (resolved.alias.is_some() || resolved.sql_type == SqlType::RowVersion)
            {
                column.nullable = false;
            }
            column.sql_type = resolved.sql_type;
            column.type_name = resolved.alias;
        }
        ColumnKind::Computed { definition, persisted } => {
            column.computed = Some(Computed { definition: definition.clone(), persisted: *persisted });
        }
    }
    if def.collation.is_some() && column.computed.is_none() && !column.sql_type.is_character() {
        let text = format!("Expression type {} is invalid for COLLATE clause.", column.sql_type.name());
        return Err(SqlError::new(447, 16, 1, text));
    }
    Ok(column)
}

fn check(table: &str, before: &[Column], column: &Column) -> Result<(), SqlError> {
    let name = &column.name;
    if column.sql_type == SqlType::RowVersion && before.iter().any(|c| c.sql_type == SqlType::RowVersion) {
        let text = format!(
            "A table can only have one timestamp column. Because table '{table}' already has one, the column '{name}' cannot be added."
        );
        return Err(SqlError::new(2738, 16, 2, text));
    }
    if !column.identity {
        return Ok(());
    }
    if before.iter().any(|c| c.identity) {
        let text = format!(
            "Multiple identity columns specified for table '{table}'. Only one identity column per table is allowed."
        );
        return Err(SqlError::new(2744, 16, 2, text));
    }
    let whole = matches!(
        column.sql_type,
        SqlType::TinyInt
            | SqlType::SmallInt
            | SqlType::Int
            | SqlType::BigInt
            | SqlType::Decimal { scale: 0, .. }
    );
    if !whole || column.nullable {
        let text = format!(
            "Identity column '{name}' must be of data type int, bigint, smallint, tinyint, or decimal or numeric with a scale of 0, unencrypted, and constrained to be nonnullable."
        );
        return Err(SqlError::new(2749, 16, 2, text));
    }
    if column.default.is_some() {
        let text = format!(
            "Defaults cannot be created on columns with an IDENTITY attribute. Table '{table}', column '{name}'."
        );
        return Err(SqlError::new(1754, 16, 0, text));
    }
    Ok(())
}

/// # Errors
/// 1731 for what can't be sparse (Microsoft docs, "Use sparse columns", "Restrictions").
pub fn check_sparse(table: &str, column: &Column) -> Result<(), SqlError> {
    let large = matches!(column.sql_type, SqlType::Text(_) | SqlType::NText(_) | SqlType::Image);
    let fits = column.nullable
        && !column.identity
        && !column.rowguidcol
        && column.computed.is_none()
        && column.default.is_none()
        && !large
        && !column.sql_type.is_clr()
        && column.sql_type != SqlType::RowVersion;
    if !column.sparse || fits {
        return Ok(());
    }
    let text = format!(
        "Cannot create the sparse column '{}' in the table '{table}' because an option or data type specified is not valid. \
         A sparse column must be nullable and cannot have the ROWGUIDCOL, IDENTITY, or FILESTREAM properties. A sparse column \
         cannot be of the following data types: text, ntext, image, geometry, geography, or user-defined type.",
        column.name
    );
    Err(SqlError::new(1731, 16, 1, text))
}

/// Type and nullability of an expression over these columns.
fn computed_type(session: &mut Session, columns: &[Column], definition: &str) -> Outcome<(SqlType, bool)> {
    let sql = format!("SELECT {definition} AS [e] FROM {}", row_of(columns));
    let described = describe(session, &sql)?;
    let column = described.into_iter().next();
    let column = column.ok_or_else(|| SqlError::new(1759, 16, 0, "Computed column cannot be determined."))?;
    Ok((column.sql_type, column.nullable))
}

/// Checks that a condition over these columns can be evaluated.
///
/// # Errors
/// What the binder says: 207 and the like.
pub fn check_condition(session: &mut Session, columns: &[Column], condition: &str) -> Outcome {
    let sql = format!("SELECT CASE WHEN {condition} THEN 1 END AS [e] FROM {}", row_of(columns));
    describe(session, &sql).map(drop)
}

/// A derived table with one row of NULLs in these columns: expressions can be typed before the table is there.
fn row_of(columns: &[Column]) -> String {
    let mut sql = String::from("(SELECT ");
    for (n, column) in columns.iter().enumerate() {
        let comma = if n == 0 { "" } else { ", " };
        let _ = write!(sql, "{comma}CAST(NULL AS {})", declared(&column.sql_type));
        if let Some(collation) = column.sql_type.collation() {
            let _ = write!(sql, " COLLATE {}", collation.get().name);
        }
        let _ = write!(sql, " AS {}", quote(&column.name));
    }
    sql.push_str(") AS [t]");
    sql
}

/// The type as CAST takes it.
fn declared(sql_type: &SqlType) -> String {
    match sql_type {
        SqlType::RowVersion => "binary(8)".to_owned(),
        other => other.to_string(),
    }
}

/// A name in brackets.
pub fn quote(name: &str) -> String {
    format!("[{}]", name.replace(']', "]]"))
}
