//! The row that puts a run without windows on record, and what is asked with it.
use std::time::Duration;

use super::{LOCK_WAIT, PlainRunOptions};
use crate::error::Result;
use crate::ledger::found::VERSION;
use crate::ledger::lease::LEASE;
use crate::ledger::quiet::{ago, is_recent, quiet};
use crate::ledger::staging::sweep_staging;
use crate::ledger::{Replaced, change, milliseconds32, names};
use crate::read::{SmallResult, SmallResults, rows_of};
use crate::session::Session;
use crate::tds::rpc::{Param, Query};

/// A run's new row.
pub(super) struct Inserted {
    pub id: i64,
    /// Windows on record with rows that it replaces, if that was asked.
    pub windows: i64,
    /// See [`BegunPlainRun`](super::BegunPlainRun).
    pub quiet: Duration,
}

/// The results of an [`insertion`].
pub(super) const RESULTS: usize = 3;

/// What puts a run on record where a condition on variables of its batch holds, and asks what [`settled`] wants to know.
/// Its parameters begin with the number `first`; that of the table's id is handed to the condition. Nobody waits for a
/// reader that asks for no locks, as the one of other runs does.
pub(super) fn insertion(
    options: &PlainRunOptions<'_>,
    replaced: Option<&Replaced<'_>>,
    first: usize,
    condition: impl FnOnce(&str) -> String,
) -> Query {
    let place = |n: usize| format!("@P{}", first + n);
    let [tool, schema, table, id, source, pid, lease, alone] = std::array::from_fn(place);
    let windows = replaced.map_or_else(
        || "0 AS windows".to_owned(),
        |replaced| {
            let days = [place(8), place(9), place(10)];
            let condition = replaced.condition([&schema, &table], days.each_ref().map(String::as_str));
            format!("COUNT(*) AS windows FROM replica.windows WHERE {condition}")
        },
    );
    let condition = condition(&id);
    let (ago, is_recent) = (ago("ended"), is_recent("ended"));
    // Parameters make a batch of its own, with whose end the session has its lock timeout back (Microsoft docs, "SET
    // statements", Remarks). XACT_ABORT is on: where the windows cannot be counted there is no row either.
    let sql = format!(
        "{LOCK_WAIT}; SELECT {windows}; INSERT INTO replica.runs (batch_id, tool, schema_name, table_name, object_id, source, host, program, \
         login, pid, shared, phase, started, lease_until, windows_done, windows_failed, windows_skipped, row_count, \
         byte_count, retries, disable_ms, rebuild_ms) OUTPUT inserted.run_id AS run_id \
         SELECT 0, {tool}, {schema}, {table}, {id}, {source}, HOST_NAME(), APP_NAME(), SUSER_SNAME(), {pid}, 0, 'copying', SYSUTCDATETIME(), \
         DATEADD(millisecond, {lease}, SYSUTCDATETIME()), 0, 0, 0, 0, 0, 0, 0, 0 FROM replica.ledger \
         WHERE ledger.version = {VERSION}{condition}; \
         SELECT run_id, CASE WHEN ended IS NULL THEN 1 ELSE 0 END AS is_left, {ago} FROM replica.runs WITH (NOLOCK) \
         WHERE schema_name = {schema} AND table_name = {table} AND ({is_recent} OR ended IS NULL \
         AND (table_name <> N'' OR tool = {tool}) AND ({alone} = 1 OR lease_until < SYSUTCDATETIME()))"
    );
    let (names, object_id) = options.table.map_or((("", ""), 0), |(table, id)| (names(table), id));
    let mut params = vec![
        Param::Text(options.tool.to_owned()),
        Param::Text(names.0.to_owned()),
        Param::Text(names.1.to_owned()),
        Param::BigInt(object_id),
        Param::Text(options.source.chars().take(400).collect()),
        Param::BigInt(i64::from(std::process::id())),
        Param::Int(milliseconds32(LEASE)),
        Param::Int(i32::from(options.alone)),
    ];
    if let Some((column, days)) = replaced.and_then(|replaced| replaced.days) {
        params.extend([Param::Text(column.to_owned()), Param::Date(days.first), Param::Date(days.next)]);
    }
    Query { sql, params }
}

/// `None`: the ledger is of another version.
pub(super) async fn insert(
    session: &mut Session,
    options: &PlainRunOptions<'_>,
    replaced: Option<&Replaced<'_>>,
) -> Result<Option<Inserted>> {
    let query = insertion(options, replaced, 1, |_| String::new());
    let answers = SmallResults::of(session, query).await?;
    answers.ended.map_err(|error| error.within("the ledger"))?;
    settled(session, options, &answers.sets).await
}

/// A run's new row, once the results of its [`insertion`] are there; runs that it has found dead are said to be.
pub(super) async fn settled(
    session: &mut Session,
    options: &PlainRunOptions<'_>,
    answers: &[SmallResult],
) -> Result<Option<Inserted>> {
    let mut answers = rows_of(answers)?.into_iter();
    let counted = answers.next().unwrap_or_default();
    let windows = counted.first().and_then(|row| row.int("windows")).unwrap_or_default();
    let Some(row) = answers.next().unwrap_or_default().into_iter().next() else { return Ok(None) };
    let id: i64 = row.number("run_id")?;
    let crashed = format!(
        "{LOCK_WAIT}; UPDATE replica.runs SET phase = 'ended', ended = SYSUTCDATETIME(), outcome = 'crashed' \
         OUTPUT inserted.run_id WHERE runs.run_id = @P1 AND runs.ended IS NULL"
    );
    let mut found_dead = false;
    let others = answers.next().unwrap_or_default();
    for other in others.iter().filter(|other| other.flag("is_left")) {
        let other: i64 = other.number("run_id")?;
        if other < id {
            change(session, &crashed, &[&other]).await?;
            found_dead = true;
        }
    }
    // Nobody knows when it died, and whether it had committed its rows.
    let quiet = if found_dead { Duration::ZERO } else { quiet(&others) };
    if let Some((table, _)) = options.table.filter(|_| found_dead) {
        sweep_staging(session, table, None).await?;
    }
    Ok(Some(Inserted { id, windows, quiet }))
}
