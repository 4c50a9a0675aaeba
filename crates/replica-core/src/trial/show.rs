//! The row, column by column.
use std::ops::ControlFlow;

use super::TrialTable;
use super::transaction::quoted;
use crate::catalog::{Length, SqlType};
use crate::decode::Value;
use crate::error::Result;
use crate::find::{Places, each_row};
use crate::session::Session;
use crate::types::mapping::MappedColumn;
use crate::types::{ValueCheck, ValueMeasure};

/// A column of the row.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The column on both sides, and how its values get over.
    pub column: MappedColumn,
    /// The value at the source, or its beginning; `None` is NULL.
    pub value: Option<String>,
    /// What befalls it, each with the length that is too long.
    pub problems: Vec<(ValueCheck, Option<String>)>,
}

impl Shown {
    /// Would a load be refused for it, as far as the types tell?
    pub fn is_refused(&self) -> bool {
        self.problems.iter().any(|(check, _)| check.problem.is_refused())
    }

    /// `fits`, or what is wrong.
    pub fn verdict(&self) -> String {
        let problems = self.problems.iter().map(|(check, length)| match length {
            Some(length) => format!("{}: {length}, and the column holds {}", check.problem, check.capacity),
            None => format!("{}: the column holds {}", check.problem, check.capacity),
        });
        let problems: Vec<_> = problems.collect();
        if problems.is_empty() { "fits".into() } else { problems.join("; ") }
    }
}

/// So much is shown of a long value.
const MOST: u32 = 200;

/// The first row, and whether there are others; `None` if there is none.
pub(super) async fn show(
    session: &mut Session,
    subject: &TrialTable<'_>,
    places: &Places<'_>,
) -> Result<Option<(Vec<Shown>, bool)>> {
    let columns = &subject.plan.mapping.columns;
    let checks: Vec<Vec<ValueCheck>> = columns.iter().map(MappedColumn::checks).collect();
    let mut items = Vec::new();
    for (column, checks) in columns.iter().zip(&checks) {
        items.push(beginning(column));
        for ValueCheck { predicate, measure, .. } in checks {
            items.push(format!("CASE WHEN {predicate} THEN 1 ELSE 0 END"));
            items.push(match measure {
                ValueMeasure::Length { expression, .. } => expression.clone(),
                ValueMeasure::Nothing | ValueMeasure::Value(_) | ValueMeasure::Text(_) => "NULL".into(),
            });
        }
    }
    let select = format!("SELECT {} FROM {}", items.join(", "), subject.plan.rows_from.unnamed());
    let mut found: Option<(Vec<Shown>, bool)> = None;
    each_row(session, places.part(Some(0..2)).query(&select), |row| {
        if let Some((_, others)) = &mut found {
            *others = true;
            return Ok(ControlFlow::Break(()));
        }
        let mut shown = Vec::new();
        let mut values = row.values();
        let mut next = || values.next().transpose().map(|value| value.unwrap_or(Value::Null));
        for (column, checks) in columns.iter().zip(&checks) {
            let value = match next()? {
                Value::Null => None,
                value => Some(value.to_string()),
            };
            let mut problems = Vec::new();
            for check in checks {
                let (is_so, length) = (next()?, next()?);
                if is_so == Value::Int(1) {
                    let length = match &check.measure {
                        ValueMeasure::Length { unit, .. } => Some(format!("{length} {unit}")),
                        _ => None,
                    };
                    problems.push((check.clone(), length));
                }
            }
            shown.push(Shown { column: column.clone(), value, problems });
        }
        found = Some((shown, false));
        Ok(ControlFlow::Continue(()))
    })
    .await?;
    Ok(found)
}

/// The column, or the beginning of what may have no end.
fn beginning(column: &MappedColumn) -> String {
    let name = quoted(column);
    match &column.source.sql_type {
        SqlType::VarChar(Length::Max)
        | SqlType::NVarChar(Length::Max)
        | SqlType::Text
        | SqlType::NText
        | SqlType::Xml
        | SqlType::Json => format!("LEFT(CAST({name} AS nvarchar(max)), {MOST})"),
        SqlType::VarBinary(Length::Max) | SqlType::Image | SqlType::Clr(_) => {
            format!("SUBSTRING(CAST({name} AS varbinary(max)), 1, {MOST})")
        }
        _ => name,
    }
}
