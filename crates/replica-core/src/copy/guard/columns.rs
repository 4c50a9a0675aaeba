//! Columns that the target has and the source has not: their values would go with the rows, and nothing would come back.
use std::collections::HashMap;

use super::super::replace::LOCK_WAIT;
use super::Findings;
use super::constant::{self, Default};
use crate::catalog::record::CatalogRow;
use crate::catalog::{Column, SqlType, question, quote};
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::read;
use crate::refusal::Refusal;
use crate::session::Session;
use crate::tds::rpc::Query;
use crate::types::mapping::{LeftOut, Mapping};
use crate::window::{Filter, and_where};

/// Looks for values in the rows that are about to be replaced; `filter`: these rows, or all.
pub(super) async fn look(target: &mut Session, plan: &Plan, filter: Option<&Filter>) -> Result<Findings> {
    let unfilled: Vec<&LeftOut> = plan.mapping.unfilled().collect();
    if unfilled.is_empty() {
        return Ok(Findings::default());
    }
    let warn = |unfilled: Vec<&LeftOut>, what: &str| {
        let warning = |left: &LeftOut| {
            format!("column {} is in the target only: {}{what}", left.column.name, gets(left))
        };
        unfilled.into_iter().map(warning).collect()
    };
    if plan.allowance.fill_missing_columns {
        let warnings = warn(unfilled, ", whatever the old rows hold (--fill-missing-columns)");
        return Ok(Findings { warnings, refusal: None });
    }
    target.set_lock_timeout(LOCK_WAIT).await?;
    let holding = holding(target, plan, &unfilled, filter).await.map_err(|error| {
        error
            .within("looking for values in columns that are in the target only")
            .remedy("GRANT SELECT on it to the target's login, or say --fill-missing-columns")
    })?;
    let idle =
        unfilled.into_iter().filter(|left| !holding.iter().any(|held| held.column.id == left.column.id));
    let warnings = warn(idle.collect(), "; no old row holds another value");
    let refusal = (!holding.is_empty()).then(|| refusal(&plan.mapping, &holding).table(&plan.target));
    Ok(Findings { warnings, refusal })
}

/// What the new rows get.
fn gets(left: &LeftOut) -> &'static str {
    match &left.column {
        Column { identity: true, .. } => "the server numbers its rows anew",
        Column { has_default: true, .. } => "it gets its default",
        _ => "it gets NULL",
    }
}

fn refusal(mapping: &Mapping, holding: &[&LeftOut]) -> Error {
    let list = |names: Vec<&str>| names.join(", ");
    let names = list(holding.iter().map(|left| left.column.name.as_str()).collect());
    let mut way_out = "Add them to the source, drop them from the target, or say --fill-missing-columns (fill_missing_columns in [tables] of replica.toml): the new rows get NULL, a default or a new number".to_owned();
    for left in holding {
        let alike = mapping.ignored.iter().filter(|column| column.sql_type == left.column.sql_type);
        let alike = list(alike.map(|column| column.name.as_str()).collect());
        if !alike.is_empty() {
            let name = &left.column.name;
            way_out.push_str(&format!(". If {name} has another name at the source by now ({alike}), rename it in the target (sp_rename)"));
        }
    }
    Error::refused(Refusal::LostValues, format!(
        "values would be lost: the source has no columns {names}, and rows that would be replaced hold more in them than NULL or a constant default"
    ))
    .remedy(way_out)
}

/// The columns in which some row holds a value. One scan for all that hold none; for the others, as far as the first row.
async fn holding<'a>(
    target: &mut Session,
    plan: &Plan,
    unfilled: &[&'a LeftOut],
    filter: Option<&Filter>,
) -> Result<Vec<&'a LeftOut>> {
    let defaults = defaults(target, plan, unfilled).await?;
    let tests = unfilled.iter().map(|left| (*left, holds(&left.column, defaults.get(&left.column.id))));
    let tests: Vec<_> = tests.collect();
    match found(target, plan, tests, filter).await {
        // It may not compare the column with its own default: encrypted, or of a type that we take for another.
        Err(error) if error.server().is_some() && !error.is_transient() => {
            log::debug!("{}: values are looked for without a look at defaults: {error}", plan.target);
            let tests = unfilled.iter().map(|left| (*left, is_there(&left.column)));
            found(target, plan, tests.collect(), filter).await
        }
        settled => settled,
    }
}

async fn found<'a>(
    target: &mut Session,
    plan: &Plan,
    mut tests: Vec<(&'a LeftOut, String)>,
    filter: Option<&Filter>,
) -> Result<Vec<&'a LeftOut>> {
    let mut found = Vec::new();
    while !tests.is_empty() {
        let cases = tests.iter().map(|(_, test)| format!("CASE WHEN {test} THEN 1 ELSE 0 END"));
        let cases = cases.collect::<Vec<_>>().join(", ");
        let any = tests.iter().map(|(_, test)| test.clone());
        let rows = and_where(filter, Some(any.collect::<Vec<_>>().join(" OR ")));
        let sql = format!("SELECT TOP (1) {cases} FROM {}{rows}", plan.target.quoted());
        let params = filter.map(|filter| filter.params.clone()).unwrap_or_default();
        let rows = read::numbers(target.lane()?, Query { sql, params }).await?;
        let Some(row) = rows.first() else { break };
        let before = found.len();
        let mut held = row.iter().map(|held| *held == Some(1));
        tests.retain(|(left, _)| {
            let holds = held.next().unwrap_or_default();
            found.extend(holds.then_some(*left));
            !holds
        });
        if found.len() == before {
            return Err(Error::protocol("a row that holds a value holds none"));
        }
    }
    Ok(found)
}

/// The definitions of those columns that have defaults.
async fn defaults(target: &mut Session, plan: &Plan, unfilled: &[&LeftOut]) -> Result<HashMap<i32, Default>> {
    if !unfilled.iter().any(|left| left.column.has_default) {
        return Ok(HashMap::new());
    }
    let rows = match target.query(question::DEFAULTS.sql, &[&plan.target.quoted()]).await {
        Ok(rows) => rows,
        Err(error) if error.server().is_some() && !error.is_transient() => Vec::new(),
        Err(error) => return Err(error),
    };
    let read = |record: CatalogRow| {
        let default = record.text("definition").map_or(Default::Other, constant::read);
        Ok((record.number("column_id")?, default))
    };
    rows.iter().map(|row| read(CatalogRow::from(row))).collect()
}

/// That a row holds something other than NULL.
fn is_there(column: &Column) -> String {
    format!("{} IS NOT NULL", quote(&column.name))
}

/// That a row holds something other than NULL and the default. Values of text are compared byte by byte, whatever the
/// collation, and with their lengths, since zero bytes and blanks at the end are passed over otherwise.
fn holds(column: &Column, default: Option<&Default>) -> String {
    use SqlType as T;
    let Some(Default::Constant(literal)) = default else { return is_there(column) };
    let name = quote(&column.name);
    let value = format!("CAST({literal} AS {})", column.sql_type);
    let with_length =
        |left: &str, right: &str| format!("({left} <> {right} OR DATALENGTH({name}) <> DATALENGTH({value}))");
    match column.sql_type {
        T::Bit
        | T::TinyInt
        | T::SmallInt
        | T::Int
        | T::BigInt
        | T::Decimal { .. }
        | T::Money
        | T::SmallMoney
        | T::Real
        | T::Float
        | T::Date
        | T::Time(_)
        | T::DateTime2(_)
        | T::DateTime
        | T::SmallDateTime
        | T::UniqueIdentifier => format!("{name} <> {value}"),
        T::Binary(_) | T::VarBinary(_) => with_length(&name, &value),
        T::Char(_) | T::VarChar(_) | T::NChar(_) | T::NVarChar(_) => {
            let bytes = |text: &str| format!("CAST(CAST({text} AS nvarchar(max)) AS varbinary(max))");
            with_length(&bytes(&name), &bytes(&value))
        }
        // They cannot be compared, or are equal to what is not the same: moments in two zones.
        _ => is_there(column),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Length;
    use crate::types::guide::column;

    #[test]
    fn values_are_compared_as_their_type_asks() {
        let zero = Default::Constant("0".into());
        let test = |sql_type: SqlType, default| holds(&column("a]b", &sql_type), default);
        assert_eq!(test(SqlType::Int, Some(&zero)), "[a]]b] <> CAST(0 AS int)");
        assert_eq!(test(SqlType::Int, None), "[a]]b] IS NOT NULL");
        assert_eq!(test(SqlType::Int, Some(&Default::Other)), "[a]]b] IS NOT NULL");
        assert_eq!(test(SqlType::Int, Some(&Default::Null)), "[a]]b] IS NOT NULL");
        for alone in [SqlType::Xml, SqlType::NText, SqlType::Variant, SqlType::DateTimeOffset(7)] {
            assert_eq!(test(alone, Some(&zero)), "[a]]b] IS NOT NULL");
        }
        let text = test(SqlType::VarChar(Length::N(9)), Some(&Default::Constant("''".into())));
        assert!(text.starts_with("(CAST(CAST([a]]b] AS nvarchar(max)) AS varbinary(max)) <> "), "{text}");
        assert!(text.ends_with("DATALENGTH([a]]b]) <> DATALENGTH(CAST('' AS varchar(9))))"), "{text}");
    }
}
