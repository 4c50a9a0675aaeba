//! How many rows the tables have now, by the catalog.
use std::collections::HashMap;
use std::time::Duration;

use super::TableStatus;
use crate::catalog::record::CatalogRow;
use crate::error::Result;
use crate::error::numbers::LOCK_TIMEOUT;
use crate::session::Session;

/// What the catalog says of a table's rows. It counts those of a load that is under way (unconfirmed).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowsNow {
    /// So many.
    Rows(u64),
    /// A load holds the table (Sch-M), and we do not wait.
    Busy,
    /// There is no such table, or none that this login may see.
    #[default]
    Unknown,
}

/// TRUNCATE keeps its schema modification lock to the end of the transaction, and whoever reads the table's metadata waits
/// for it whatever the isolation level (unconfirmed). So nothing is waited for: all tables are asked for at once, and
/// each by itself where one of them is held.
pub(super) async fn read(session: &mut Session, tables: &mut [TableStatus]) -> Result<()> {
    if tables.is_empty() {
        return Ok(());
    }
    session.set_lock_timeout(Duration::ZERO).await?;
    match of_all(session).await? {
        Some(found) => tables.iter_mut().for_each(|status| {
            let key = (status.table.schema.clone().unwrap_or_default(), status.table.name.clone());
            status.rows = found.get(&key).map_or(RowsNow::Unknown, |rows| RowsNow::Rows(*rows));
        }),
        None => {
            for status in tables {
                status.rows = of_one(session, &status.table.quoted()).await?;
            }
        }
    }
    Ok(())
}

const OF_ALL: &str = "SELECT s.name AS schema_name, o.name AS table_name, SUM(p.rows) AS rows FROM sys.partitions AS p \
     JOIN sys.objects AS o ON o.object_id = p.object_id JOIN sys.schemas AS s ON s.schema_id = o.schema_id \
     WHERE p.index_id IN (0, 1) AND o.type = 'U' GROUP BY s.name, o.name";

/// `None`: a table is held.
async fn of_all(session: &mut Session) -> Result<Option<HashMap<(String, String), u64>>> {
    let rows = match session.query(OF_ALL, &[]).await {
        Ok(rows) => rows,
        Err(error) if error.server().is_some() => {
            log::debug!("the tables' rows: {error}");
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let counted = rows.iter().map(CatalogRow::from).filter_map(|row| {
        let name = |column| row.text(column).map(str::to_owned);
        Some(((name("schema_name")?, name("table_name")?), count(&row)?))
    });
    Ok(Some(counted.collect()))
}

async fn of_one(session: &mut Session, name: &str) -> Result<RowsNow> {
    const SQL: &str = "SELECT SUM(p.rows) AS rows FROM sys.partitions AS p WHERE p.index_id IN (0, 1) AND p.object_id = OBJECT_ID(@P1)";
    match session.query(SQL, &[&name]).await {
        Ok(rows) => {
            let rows = rows.first().and_then(|row| count(&CatalogRow::from(row)));
            Ok(rows.map_or(RowsNow::Unknown, RowsNow::Rows))
        }
        Err(error) if error.has_number(LOCK_TIMEOUT) => Ok(RowsNow::Busy),
        Err(error) if error.server().is_some() => Ok(RowsNow::Unknown),
        Err(error) => Err(error),
    }
}

fn count(row: &CatalogRow) -> Option<u64> {
    row.int("rows").and_then(|rows| u64::try_from(rows).ok())
}
