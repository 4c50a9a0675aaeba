//! Which tables beside the targets are ours: made together with their row here, in one transaction, and dropped by it.
//!
//! Whatever ends a run, a table that is on record is there, and one that a run has made is on record. A table is dropped
//! only while it is the one on record (by its object_id), and no run that is alive has it. Hosts that share windows have
//! tables of the same names: whoever was overtaken meanwhile finds another object_id there, or has lost its claim.
use super::{Claim, ask, change, names, schema};
use crate::catalog::TableName;
use crate::catalog::record::CatalogRow;
use crate::error::{Error, Result};
use crate::session::{Session, ToSql};

/// The one place that knows the table. It came later than the others: whoever knows only those passes it by.
pub const STAGING_DDL: &str = include_str!("staging.sql");

/// There is already such an object (sys.messages).
const THERE_ALREADY: u32 = 2714;

/// A table beside a target that is on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedStaging {
    /// Its own name.
    pub name: TableName,
    /// The table that its rows are for.
    pub target: TableName,
    /// The run that made it.
    pub run: i64,
    /// The table that was made, by its object_id.
    id: i64,
    /// It is there, and not another one of its name.
    is_there: bool,
    /// That run has given a sign of life lately.
    pub is_alive: bool,
}

/// Makes sure that the ledger is there, and this table of it.
///
/// # Errors
/// As [`open`](super::open).
pub async fn open_staging(session: &mut Session) -> Result<()> {
    schema::open(session).await?;
    schema::open_staging(session).await
}

/// Makes tables for a target, each by its statements, and puts them on record: all of it or nothing. `claim`: of the window
/// that they are for, where others may take it over.
///
/// # Errors
/// The server's, with the transaction rolled back; a table of that name is there and is not ours; the claim is another's.
pub async fn make_staging(
    session: &mut Session,
    target: &TableName,
    run: i64,
    tables: &[(TableName, Vec<String>)],
    claim: Option<&Claim>,
) -> Result<()> {
    session.lane()?.begin().await?;
    let made = make_within(session, target, run, tables).await;
    end(session, made, claim).await
}

/// Commits where all is well and the claim still holds, and rolls back.
async fn end(session: &mut Session, done: Result<()>, claim: Option<&Claim>) -> Result<()> {
    let done = match (done, claim) {
        (Ok(()), Some(claim)) => claim.check(session).await,
        (done, _) => done,
    };
    match done {
        Ok(()) => session.lane()?.commit().await,
        Err(error) if error.server().is_some() => {
            session.lane()?.rollback().await?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

async fn make_within(
    session: &mut Session,
    target: &TableName,
    run: i64,
    tables: &[(TableName, Vec<String>)],
) -> Result<()> {
    let sql = "INSERT INTO replica.staging (schema_name, table_name, object_id, target_schema, target_table, run_id, recorded) \
               VALUES (@P1, @P2, OBJECT_ID(@P3), @P4, @P5, @P6, SYSUTCDATETIME())";
    for (name, statements) in tables {
        for statement in statements {
            session.execute_long(statement).await.map_err(|error| named(error, name))?;
        }
        let ((schema, table), (target_schema, target_table)) = (names(name), names(target));
        let quoted = name.quoted();
        let params: [&dyn ToSql; 6] =
            [&schema, &table, &quoted.as_str(), &target_schema, &target_table, &run];
        ask(session, sql, &params).await?;
    }
    Ok(())
}

fn named(error: Error, name: &TableName) -> Error {
    if error.has_number(THERE_ALREADY) {
        return error
            .within(format_args!("{name} is there, and the ledger does not say that it is ours"))
            .remedy("Rename or drop it: these tools make such tables for themselves");
    }
    error.within(format_args!("making {name} beside the target"))
}

/// Drops a table that is on record, and its record, in one transaction; nothing where another one has its name by now.
/// `claim`: of the window that it is for, where another host may be at it.
///
/// # Errors
/// The server's, with the transaction rolled back; the claim is another's.
pub async fn drop_staging(
    session: &mut Session,
    left: &RecordedStaging,
    claim: Option<&Claim>,
) -> Result<()> {
    session.lane()?.begin().await?;
    let dropped = drop_within(session, left).await;
    end(session, dropped, claim).await
}

async fn drop_within(session: &mut Session, left: &RecordedStaging) -> Result<()> {
    // First the record, which others wait for then: nobody else drops the table meanwhile and makes another one.
    let sql = "DELETE FROM replica.staging OUTPUT deleted.object_id \
               WHERE schema_name = @P1 AND table_name = @P2 AND object_id = @P3";
    let (schema, table) = names(&left.name);
    if change(session, sql, &[&schema, &table, &left.id]).await? && left.is_there {
        session.execute_long(format!("DROP TABLE {}", left.name.quoted())).await?;
    }
    Ok(())
}

/// The tables on record, of one target or of all.
///
/// # Errors
/// The server's.
pub async fn recorded_staging(
    session: &mut Session,
    target: Option<&TableName>,
) -> Result<Vec<RecordedStaging>> {
    let (schema, table) = target.map(names).unwrap_or_default();
    let sql = "SELECT s.schema_name AS schema_name, s.table_name AS table_name, s.target_schema AS target_schema, \
               s.target_table AS target_table, s.run_id AS run_id, s.object_id AS object_id, \
               OBJECT_ID(QUOTENAME(s.schema_name) + N'.' + QUOTENAME(s.table_name)) AS there, \
               (SELECT COUNT(*) FROM replica.runs AS r WHERE r.run_id = s.run_id AND r.ended IS NULL \
               AND r.lease_until > SYSUTCDATETIME()) AS alive FROM replica.staging AS s \
               WHERE @P2 = N'' OR (s.target_schema = @P1 AND s.target_table = @P2) \
               ORDER BY s.schema_name, s.table_name";
    let rows = ask(session, sql, &[&schema, &table]).await?;
    rows.iter().map(recorded).collect()
}

fn recorded(row: &CatalogRow) -> Result<RecordedStaging> {
    let id = row.number("object_id")?;
    Ok(RecordedStaging {
        id,
        is_there: row.int("there") == Some(id),
        name: TableName::new(&row.name("schema_name")?, &row.name("table_name")?),
        target: TableName::new(&row.name("target_schema")?, &row.name("target_table")?),
        run: row.number("run_id")?,
        is_alive: row.int("alive").is_some_and(|runs| runs > 0),
    })
}

/// Drops what dead runs, and this one, have left beside a target. `own`: `None` where others of the run may be at work.
///
/// # Errors
/// The server's.
pub async fn sweep_staging(session: &mut Session, target: &TableName, own: Option<i64>) -> Result<()> {
    if !schema::has_staging(session).await? {
        return Ok(());
    }
    for left in recorded_staging(session, Some(target)).await? {
        if own == Some(left.run) || !left.is_alive {
            drop_staging(session, &left, None).await?;
        }
    }
    Ok(())
}

/// All tables on record; none where there is no ledger.
///
/// # Errors
/// The server's.
pub async fn staging(session: &mut Session) -> Result<Vec<RecordedStaging>> {
    if !schema::exists(session).await? || !schema::has_staging(session).await? {
        return Ok(Vec::new());
    }
    recorded_staging(session, None).await
}

/// Drops what a run that ends before its time leaves.
pub(super) async fn sweep_run(session: &mut Session, run: i64) -> Result<()> {
    for left in staging(session).await?.into_iter().filter(|left| left.run == run) {
        drop_staging(session, &left, None).await?;
    }
    Ok(())
}
