//! The histogram of statistics that begin with a column (docs/SERVER.md, "Where a table's boundaries lie").
use std::ops::ControlFlow;

use super::cut::{HistogramStep, at_steps, total};
use super::extremes::is_integer;
use super::{FoundBy, Ranges};
use crate::catalog::record::CatalogRow;
use crate::catalog::{Column, SqlType, Table};
use crate::decode::Value;
use crate::error::numbers::NO_SUCH_OBJECT;
use crate::error::{Error, Result};
use crate::read;
use crate::session::Session;
use crate::tds::rpc::{Param, Query};
use crate::window::{KeyValue, readable};

/// Statistics of the whole table, those that were updated last before others.
const STATISTICS: &str = "SELECT s.stats_id AS stats_id, s.name AS name FROM sys.stats AS s \
     JOIN sys.stats_columns AS sc ON sc.object_id = s.object_id AND sc.stats_id = s.stats_id \
     WHERE s.object_id = OBJECT_ID(@P1) AND s.has_filter = 0 AND sc.stats_column_id = 1 AND sc.column_id = @P2 \
     ORDER BY STATS_DATE(s.object_id, s.stats_id) DESC, s.stats_id";

/// The login may not read it.
const NO_PERMISSION: u32 = 229;

/// Bytes of a step, and more: a value has at most 8,000.
const MOST_STEP: usize = 1 << 16;

/// `None`: there are no statistics, or none that say anything.
pub(super) async fn cut(
    source: &mut Session,
    table: &Table,
    first: &Column,
    wanted: u32,
) -> Result<Option<Ranges>> {
    let name = table.object.name.quoted();
    let rows = source.query(STATISTICS, &[&name.as_str(), &first.id]).await?;
    for row in &rows {
        let row = CatalogRow::from(row);
        let (id, statistics) = (row.number("stats_id")?, row.name("name")?);
        let steps = steps(source, &name, (id, &statistics), &first.sql_type).await?;
        let known = total(&steps);
        if known <= 0.0 {
            continue;
        }
        let mut points = at_steps(&steps, is_integer(&first.sql_type), wanted);
        // They may be of a time when the table had other rows.
        let now = table.rows().map_or(known, |rows| rows as f64);
        points.iter_mut().for_each(|point| point.below *= now / known);
        let found = FoundBy::Histogram { statistics, steps: steps.len() };
        return Ok(Some(Ranges::of(points, now, found)));
    }
    Ok(None)
}

async fn steps(
    source: &mut Session,
    table: &str,
    (id, statistics): (i32, &str),
    sql_type: &SqlType,
) -> Result<Vec<HistogramStep>> {
    // A sql_variant has the column's type, and text its collation.
    let high = match readable("range_high_key", sql_type) {
        text if text != "range_high_key" => text,
        _ => format!("CAST(range_high_key AS {sql_type})"),
    };
    let query = Query {
        sql: format!(
            "SELECT {high} AS high, CAST(range_rows AS float) AS between_rows, CAST(equal_rows AS float) AS equal_rows \
             FROM sys.dm_db_stats_histogram(OBJECT_ID(@P1), @P2) ORDER BY step_number"
        ),
        params: vec![Param::Text(table.to_owned()), Param::Int(id)],
    };
    match read_steps(source, query, sql_type).await {
        Ok(steps) if !steps.is_empty() => Ok(steps),
        // Without such an object the server's version has no such function.
        Err(error) if !error.has_number(NO_SUCH_OBJECT) && !error.has_number(NO_PERMISSION) => Err(error),
        // The function came with SQL Server 2016 SP1 CU2, and answers nothing where the login may not see.
        _ => shown(source, table, statistics, sql_type).await,
    }
}

/// As every version shows it.
async fn shown(
    source: &mut Session,
    table: &str,
    statistics: &str,
    sql_type: &SqlType,
) -> Result<Vec<HistogramStep>> {
    let query = Query {
        sql: "DBCC SHOW_STATISTICS (@P1, @P2) WITH HISTOGRAM, NO_INFOMSGS".to_owned(),
        params: vec![Param::Text(table.to_owned()), Param::Text(statistics.to_owned())],
    };
    read_steps(source, query, sql_type).await
}

/// The first three columns: a value, the rows before it, and those that have it.
async fn read_steps(source: &mut Session, query: Query, sql_type: &SqlType) -> Result<Vec<HistogramStep>> {
    let mut steps = Vec::new();
    read::each_row(source.lane()?, query, MOST_STEP, |row| {
        let high = row.value(0)?;
        let rows = |place| -> Result<f64> {
            match row.value(place)? {
                Value::Float(rows) => Ok(rows),
                Value::Real(rows) => Ok(rows.into()),
                Value::Int(rows) => Ok(rows as f64),
                other => Err(Error::protocol(format!("a histogram has {other} rows"))),
            }
        };
        let value = KeyValue::received(&high, sql_type);
        steps.push(HistogramStep { high: value, between: rows(1)?.max(0.0), equal: rows(2)?.max(0.0) });
        Ok(ControlFlow::Continue(()))
    })
    .await?;
    Ok(steps)
}
