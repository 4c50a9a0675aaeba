//! Keys of some pages, or all keys of a small table: the server sorts them, and says at which ones to cut.
use std::ops::ControlFlow;

use super::cut::CutPoint;
use super::{FoundBy, Ranges};
use crate::catalog::Table;
use crate::decode::Value;
use crate::error::{Error, Result};
use crate::read;
use crate::session::Session;
use crate::tds::rpc::{Param, Query};
use crate::window::{Boundary, Key, KeyValue};

/// Rows of a sample for each range. Of whole pages, neighbours come together: many are few places.
const ROWS_A_RANGE: u64 = 2_000;
const LEAST_ROWS: u64 = 50_000;
/// Tables of so many rows are read as quickly as they are sampled.
const SMALL: u64 = 20_000;
/// A sample of fewer rows for each range says too little.
const FEWEST_A_RANGE: u64 = 20;

/// Bytes of a key, and more.
const MOST_KEY: usize = 1 << 16;

/// `None`: the table is not small.
pub(super) async fn all(
    source: &mut Session,
    table: &Table,
    key: &Key,
    wanted: u32,
) -> Result<Option<Ranges>> {
    let Some(rows) = table.rows().filter(|rows| *rows <= SMALL) else { return Ok(None) };
    let query = keys(key, &table.rows_from().to_string(), wanted);
    let (points, _) = points(source, query, key, rows).await?;
    // No row has a key, or all have the same.
    let cut =
        if points.is_empty() { Ranges::one(rows) } else { Ranges::of(points, rows as f64, FoundBy::Keys) };
    Ok(Some(cut))
}

/// `None`: a view, or too few pages have come.
pub(super) async fn some(
    source: &mut Session,
    table: &Table,
    key: &Key,
    wanted: u32,
) -> Result<Option<Ranges>> {
    let Some(rows) = table.rows().filter(|_| !table.object.is_view) else { return Ok(None) };
    let most = LEAST_ROWS.max(ROWS_A_RANGE * u64::from(wanted));
    let from = format!("{} TABLESAMPLE SYSTEM ({most} ROWS)", table.object.name.quoted());
    let (points, read) = points(source, keys(key, &from, wanted), key, rows).await?;
    let enough = read >= FEWEST_A_RANGE * u64::from(wanted);
    Ok(enough.then(|| Ranges::of(points, rows as f64, FoundBy::Sample { rows: read })))
}

/// The first key of every part but the first, in order, with the rows below it and the rows in all.
fn keys(key: &Key, from: &str, wanted: u32) -> Query {
    let readable = key.readable();
    let order = key.expressions().collect::<Vec<_>>().join(", ");
    let names: Vec<_> = (1..=readable.len()).map(|n| format!("[key{n}]")).collect();
    let list: Vec<_> = readable.iter().zip(&names).map(|(key, name)| format!("{key} AS {name}")).collect();
    let (list, names) = (list.join(", "), names.join(", "));
    let sql = format!(
        "SELECT {names}, [below], [total] FROM (SELECT {list}, ROW_NUMBER() OVER (ORDER BY {order}) AS [place], \
         RANK() OVER (ORDER BY {order}) - 1 AS [below], COUNT_BIG(*) OVER () AS [total] FROM {from} WHERE {}) AS keys \
         WHERE [place] > 1 AND ([place] - 1) * @P1 / [total] <> ([place] - 2) * @P1 / [total] ORDER BY [place]",
        key.present()
    );
    Query { sql, params: vec![Param::BigInt(wanted.into())] }
}

/// And how many rows were looked at; 0 where no point was found.
async fn points(source: &mut Session, query: Query, key: &Key, rows: u64) -> Result<(Vec<CutPoint>, u64)> {
    let types = key.types();
    let mut points: Vec<CutPoint> = Vec::new();
    let (mut last, mut read) = (0, 0);
    read::each_row(source.lane()?, query, MOST_KEY, |row| {
        let number = |place| match row.value(place)? {
            Value::Int(number) => Ok(number),
            other => Err(Error::protocol(format!("a number is expected where the server sends {other}"))),
        };
        let values =
            types.iter().enumerate().map(|(n, sql_type)| Ok(KeyValue::received(&row.value(n)?, sql_type)));
        let values: Option<Boundary> = values.collect::<Result<Option<_>>>()?;
        let (below, total) = (number(types.len())?, number(types.len() + 1)?);
        read = u64::try_from(total).unwrap_or_default();
        // Keys that are equal to the server have as many rows below them.
        if let Some(boundary) = values.filter(|_| below > last) {
            last = below;
            let below = rows as f64 * (below as f64 / total.max(1) as f64);
            points.push(CutPoint { boundary, below });
        }
        Ok(ControlFlow::Continue(()))
    })
    .await?;
    Ok((points, read))
}
