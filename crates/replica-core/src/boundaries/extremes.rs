//! Integers, divided evenly between the least and the greatest.
use super::cut::evenly;
use super::{FoundBy, Ranges};
use crate::catalog::{Column, SqlType, Table, quote};
use crate::error::Result;
use crate::read;
use crate::session::Session;

/// Two seeks in an index of the column. `None`: the column is no integer, or has no values.
pub(super) async fn cut(
    source: &mut Session,
    table: &Table,
    first: &Column,
    wanted: u32,
) -> Result<Option<Ranges>> {
    if !is_integer(&first.sql_type) {
        return Ok(None);
    }
    let (column, from) = (quote(&first.name), table.rows_from());
    // Two subqueries, since each is one look at an index, where both at once would be a scan.
    let sql = format!(
        "SELECT (SELECT MIN({column}) FROM {from}) AS [first], (SELECT MAX({column}) FROM {from}) AS [last]"
    );
    let answer = read::numbers(source.lane()?, sql).await?;
    let Some([Some(least), Some(greatest)]) = answer.first().map(Vec::as_slice) else { return Ok(None) };
    let rows = table.rows().unwrap_or_default() as f64;
    Ok(Some(Ranges::of(evenly(*least, *greatest, rows, wanted), rows, FoundBy::Extremes)))
}

pub(super) fn is_integer(sql_type: &SqlType) -> bool {
    matches!(sql_type, SqlType::TinyInt | SqlType::SmallInt | SqlType::Int | SqlType::BigInt)
}
