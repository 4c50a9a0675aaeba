//! The number that a table's identity column has come to. A load that keeps identity values moves it on, and a rollback
//! does not take that back (docs/SERVER.md, "Identity columns").
use crate::catalog::TableName;
use crate::error::Result;
use crate::session::{Session, ToSql};
use crate::tds::rpc::{Param, Query};

/// What the next number of a table depends on; `None` without an identity column, or where the server does not say.
pub(crate) async fn current(target: &mut Session, table: &TableName) -> Result<Option<i64>> {
    // last_value is NULL as long as no row was ever there: the next number is the seed then, as it is after a RESEED to
    // the number before it. A number beyond bigint is none that anybody has come to.
    number(
        target,
        "SELECT TRY_CAST(COALESCE(CAST(last_value AS decimal(38,0)), \
         CAST(seed_value AS decimal(38,0)) - CAST(increment_value AS decimal(38,0))) AS bigint) \
         FROM sys.identity_columns WHERE object_id = OBJECT_ID(@P1)",
        &[&table.quoted().as_str()],
    )
    .await
}

/// Keeps everybody else from taking a number of the table, until the transaction ends.
///
/// TOP (0) would not do: a query of no rows is planned without its table, and locks nothing.
pub(crate) async fn lock(target: &mut Session, table: &TableName) -> Result<()> {
    let sql = format!("SELECT TOP (1) 1 AS locked FROM {} WITH (TABLOCKX, HOLDLOCK)", table.quoted());
    target.query(&sql, &[]).await.map(drop)
}

/// Has the table go on after this number. It takes more than ALTER: "Caller must own the schema that contains the table,
/// or be a member of the sysadmin fixed server role, the db_owner fixed database role, or the db_ddladmin fixed database
/// role" (Microsoft docs, "DBCC CHECKIDENT", Permissions).
pub(crate) async fn reseed(target: &mut Session, table: &TableName, number: i64) -> Result<()> {
    let sql = "DBCC CHECKIDENT (@P1, RESEED, @P2) WITH NO_INFOMSGS".to_owned();
    let params = vec![Param::Text(table.quoted()), Param::BigInt(number)];
    target.execute_long(Query { sql, params }).await.map(drop)
}

/// Moves a table on to where another has come to whose rows it is about to get by SWITCH: that moves rows and no number
/// (unconfirmed: Microsoft's pages on SWITCH are silent about it). Does nothing if the table is there already.
///
/// A number that moves on too early leaves a gap, one that moves on too late is given twice: so this comes before the
/// SWITCH. Where the server refuses, it is said, and the rows are what counts.
///
/// # Errors
/// A lost connection, and what else may go better next time.
pub(crate) async fn move_on(target: &mut Session, table: &TableName, from: &TableName) -> Result<()> {
    if further(target, table, from).await?.is_none() {
        return Ok(());
    }
    target.lane()?.begin().await?;
    let moved = move_within(target, table, from).await;
    match moved {
        Ok(()) => target.lane()?.commit().await,
        Err(error) if error.server().is_some() && !error.is_transient() => {
            target.lane()?.rollback().await?;
            log::warn!(
                "{table}: its identity column could not be moved on past the new rows: {error}. Have the owner run DBCC \
                 CHECKIDENT before rows are inserted without a number"
            );
            Ok(())
        }
        Err(error) => Err(error),
    }
}

async fn move_within(target: &mut Session, table: &TableName, from: &TableName) -> Result<()> {
    lock(target, table).await?;
    match further(target, table, from).await? {
        Some(number) => reseed(target, table, number).await,
        None => Ok(()),
    }
}

/// The number for a RESEED, if `from` is further on, in the direction in which the table counts.
async fn further(target: &mut Session, table: &TableName, from: &TableName) -> Result<Option<i64>> {
    // A table that never had a row begins with the number of a RESEED, any other goes on after it (Microsoft docs, "DBCC
    // CHECKIDENT").
    number(
        target,
        "SELECT TRY_CAST(n.last + CASE WHEN t.last_value IS NULL THEN n.step ELSE 0 END AS bigint) \
         FROM sys.identity_columns AS t \
         JOIN (SELECT object_id, CAST(last_value AS decimal(38,0)) AS last, \
         CAST(increment_value AS decimal(38,0)) AS step FROM sys.identity_columns) AS n \
         ON n.object_id = OBJECT_ID(@P2) \
         WHERE t.object_id = OBJECT_ID(@P1) AND n.last IS NOT NULL AND (t.last_value IS NULL \
         OR (n.step > 0 AND n.last > CAST(t.last_value AS decimal(38,0))) \
         OR (n.step < 0 AND n.last < CAST(t.last_value AS decimal(38,0))))",
        &[&table.quoted().as_str(), &from.quoted().as_str()],
    )
    .await
}

async fn number(target: &mut Session, sql: &str, params: &[&dyn ToSql]) -> Result<Option<i64>> {
    match target.query(sql, params).await {
        Ok(rows) => Ok(rows.first().and_then(|row| row.try_get::<i64, _>(0).ok().flatten())),
        Err(error) if error.server().is_some() && !error.is_transient() => Ok(None),
        Err(error) => Err(error),
    }
}
