//! Do the rows that are there satisfy a constraint? Asked in T-SQL, so that a constraint means the same here as when
//! rows are written.
use super::columns::quote;
use sandbox_catalog::schema::{Check, Database, ForeignKey, Index, Table};
use sandbox_session::Session;
use sandbox_session::failure::{Failure, Outcome};
use sandbox_values::error::SqlError;
use sandbox_values::{SqlType, Value, collation};

/// `[database].[schema].[table]`, or a temporary table's short name.
pub fn qualified(database: &Database, table: &Table) -> String {
    if table.owner_session.is_some() {
        return quote(&table.name);
    }
    let schema = database.schema_name(table.schema_id);
    format!("{}.{}.{}", quote(&database.name), quote(schema), quote(&table.name))
}

fn column_name(table: &Table, id: i32) -> &str {
    table.column(id).map_or("", |c| c.name.as_str())
}

/// Which rows violate which constraint: what a check needs of the catalog, taken before the query is run.
pub struct Question {
    sql: String,
    refusal: Violation,
}

enum Violation {
    Conflict(SqlError),
    /// Table and index for 1505.
    Duplicate(String, String),
}

/// Asks; an answer is a violation.
///
/// # Errors
/// 547, 1505.
pub fn ask(session: &mut Session, question: Question) -> Outcome {
    let rows = sandbox_query::ask(session, &question.sql)?;
    let Some(row) = rows.first() else { return Ok(()) };
    Err(match question.refusal {
        Violation::Conflict(error) => error.into(),
        Violation::Duplicate(table, index) => {
            let values: Vec<String> = row.iter().map(key_text).collect();
            let text = format!(
                "The CREATE UNIQUE INDEX statement terminated because a duplicate key was found for the object name '{table}' and the index name '{index}'. The duplicate key value is ({}).",
                values.join(", ")
            );
            SqlError::new(1505, 16, 1, text).into()
        }
    })
}

/// As [`ask`], after a statement that wrote rows.
///
/// # Errors
/// 2601, 547.
pub fn hold(session: &mut Session, question: Question) -> Outcome {
    let named = match &question.refusal {
        Violation::Duplicate(table, index) => Some((table.clone(), index.clone())),
        Violation::Conflict(_) => None,
    };
    ask(session, question).map_err(|failure| match (failure, named) {
        (Failure::Error(error), Some((table, index))) if error.number == 1505 => {
            let value = error.text.rsplit_once("value is ").map_or("", |(_, value)| value);
            let text = format!(
                "Cannot insert duplicate key row in object '{table}' with unique index '{index}'. The duplicate key value is {value}"
            );
            SqlError::new(2601, 14, 1, text).into()
        }
        (failure, _) => failure,
    })
}

fn key_text(value: &Value) -> String {
    match value {
        Value::Bytes(bytes) => {
            String::from_utf16_lossy(&collation::units_from_utf16le(bytes)).trim_end().to_owned()
        }
        _ => "<NULL>".to_owned(),
    }
}

fn conflict(kind: &str, constraint: &str, database: &str, table: &str, column: Option<&str>) -> SqlError {
    let column = column.map(|c| format!(", column '{c}'")).unwrap_or_default();
    let text = format!(
        "The ALTER TABLE statement conflicted with the {kind} constraint \"{constraint}\". The conflict occurred in database \"{database}\", table \"{table}\"{column}."
    );
    SqlError::new(547, 16, 0, text)
}

pub fn check(database: &Database, table: &Table, check: &Check) -> Question {
    let name = super::keys::full_name(database, table);
    let column = check.column.map(|id| column_name(table, id));
    Question {
        sql: format!("SELECT TOP (1) 1 FROM {} WHERE NOT {}", qualified(database, table), check.definition),
        refusal: Violation::Conflict(conflict("CHECK", &check.name, &database.name, &name, column)),
    }
}

/// `None` where the referenced table is gone.
pub fn foreign_key(database: &Database, table: &Table, key: &ForeignKey) -> Option<Question> {
    let parent = database.tables.get(&key.references)?;
    let pairs: Vec<(String, String)> = key
        .columns
        .iter()
        .zip(&key.referenced_columns)
        .map(|(own, other)| (quote(column_name(table, *own)), quote(column_name(parent, *other))))
        .collect();
    let filled: Vec<String> = pairs.iter().map(|(own, _)| format!("c.{own} IS NOT NULL")).collect();
    let same: Vec<String> = pairs.iter().map(|(own, other)| format!("p.{other} = c.{own}")).collect();
    let sql = format!(
        "SELECT TOP (1) 1 FROM {} AS c WHERE {} AND NOT EXISTS (SELECT 1 FROM {} AS p WHERE {})",
        qualified(database, table),
        filled.join(" AND "),
        qualified(database, parent),
        same.join(" AND ")
    );
    let name = super::keys::full_name(database, parent);
    // Of a key with several columns none is named.
    let column = match key.referenced_columns[..] {
        [id] => Some(column_name(parent, id)),
        _ => None,
    };
    let error = conflict("FOREIGN KEY", &key.name, &database.name, &name, column);
    Some(Question { sql, refusal: Violation::Conflict(error) })
}

pub fn unique(database: &Database, table: &Table, index: &Index) -> Question {
    let keys: Vec<_> = index.keys.iter().filter_map(|(id, _)| table.column(*id)).collect();
    let names: Vec<String> = keys.iter().map(|c| quote(&c.name)).collect();
    let shown: Vec<String> = keys
        .iter()
        .map(|c| {
            let style =
                if matches!(c.sql_type, SqlType::Binary(_) | SqlType::VarBinary(_)) { ", 1" } else { "" };
            format!("CONVERT(nvarchar(450), {}{style})", quote(&c.name))
        })
        .collect();
    let filter = index.filter.as_ref().map(|f| format!(" WHERE {f}")).unwrap_or_default();
    let sql = format!(
        "SELECT TOP (1) {} FROM {}{filter} GROUP BY {} HAVING COUNT_BIG(*) > 1",
        shown.join(", "),
        qualified(database, table),
        names.join(", ")
    );
    let name = super::keys::full_name(database, table);
    Question { sql, refusal: Violation::Duplicate(name, index.name.clone().unwrap_or_default()) }
}
