//! Which row a target refuses, where neither its message nor the values tell: loads in a transaction that is rolled
//! back, the failing chunk halved until one row is left.
//!
//! The session keeps its transaction over a failed load (XACT_ABORT OFF; docs/SERVER.md, "What an error ends"), so that
//! what has been accepted so far stays in place: a row that is refused for another one, as a duplicate is, is found, too.
use super::Sides;
use super::replace::LOCK_WAIT;
use super::source::open;
use crate::catalog::Table;
use crate::error::{Error, Result};
use crate::find::{Places, RowName};
use crate::load::{self, Load};
use crate::plan::Plan;
use crate::types::mapping::MappedColumn;

/// A row that the target refuses.
pub(super) struct Refused {
    pub row: RowName,
    pub error: Error,
    /// With another value in this column, which takes its default, the row is accepted.
    pub default: Option<String>,
}

/// The first row that is refused, and why; `None` if all are accepted this time. `target`: the target's table.
///
/// # Errors
/// What keeps the search from being made.
pub(super) async fn first_refused(
    sides: &mut Sides,
    plan: &Plan,
    target: &Table,
    places: &Places<'_>,
) -> Result<Option<Refused>> {
    sides.source.be_patient();
    sides.target.set_lock_timeout(LOCK_WAIT).await?;
    sides.target.execute("SET XACT_ABORT OFF").await?;
    sides.target.lane()?.begin().await?;
    let mut narrowing = Narrowing { sides, plan, places };
    let found = match narrowing.search().await {
        Ok(Some((place, error))) => {
            narrowing.default(place, plan.defaults(target)).await.map(|default| Some((place, error, default)))
        }
        other => other.map(|_| None),
    };
    let rolled_back = sides.target.lane()?.rollback().await;
    let found = found?;
    rolled_back?;
    let Some((place, error, default)) = found else { return Ok(None) };
    Ok(Some(Refused { row: places.name(&mut sides.source, place).await?, error, default }))
}

struct Narrowing<'a> {
    sides: &'a mut Sides,
    plan: &'a Plan,
    places: &'a Places<'a>,
}

impl Narrowing<'_> {
    /// The place of the row, and the error.
    async fn search(&mut self) -> Result<Option<(u64, Error)>> {
        self.prepare().await?;
        let chunk = self.plan.strategy.batches.chunk_rows.min(LARGEST_CHUNK);
        let mut sent = 0;
        let refused = self.load(None, chunk, &mut sent).await?;
        let Some(mut error) = refused else { return Ok(None) };
        // A chunk's last rows count as sent when the chunk is in.
        let mut first = sent / chunk * chunk;
        let mut rows = chunk;
        while rows > 1 {
            self.begin_again().await?;
            let half = rows / 2;
            match self.load(Some(first..first + half), u64::MAX, &mut 0).await? {
                Some(refused) => (error, rows) = (refused, half),
                None => (first, rows) = (first + half, rows - half),
            }
        }
        // Alone, it must be refused as well, or it was not this row.
        self.begin_again().await?;
        let last = self.load(Some(first..first + 1), u64::MAX, &mut 0).await?;
        Ok(last.map(|last| (first, if last.server().is_some() { last } else { error })))
    }

    /// The column whose default the row is refused for.
    async fn default(&mut self, place: u64, defaults: Vec<MappedColumn>) -> Result<Option<String>> {
        for column in defaults {
            self.begin_again().await?;
            let mut plan = self.plan.clone();
            plan.mapping.columns.push(column.clone());
            let load = PlacedRows { plan: &plan, rows: Some(place..place + 1), chunk: u64::MAX };
            if self.load_part(load, &mut 0).await?.is_none() {
                return Ok(Some(column.target.name));
            }
        }
        Ok(None)
    }

    /// What the copy itself does before it loads.
    async fn prepare(&mut self) -> Result<()> {
        for query in self.plan.make_room() {
            self.sides.target.execute_long(query).await?;
        }
        Ok(())
    }

    /// Some errors, those of a trigger for one, take the transaction with them.
    async fn begin_again(&mut self) -> Result<()> {
        let target = &mut self.sides.target;
        let rows = target.query("SELECT CAST(XACT_STATE() AS int) AS state", &[]).await?;
        let state = rows.first().and_then(|row| row.try_get::<i32, _>(0).ok().flatten());
        if state == Some(1) {
            return Ok(());
        }
        target.lane()?.rollback().await?;
        target.lane()?.begin().await?;
        self.prepare().await
    }

    async fn load(
        &mut self,
        rows: Option<std::ops::Range<u64>>,
        chunk: u64,
        sent: &mut u64,
    ) -> Result<Option<Error>> {
        self.load_part(PlacedRows { plan: self.plan, rows, chunk }, sent).await
    }

    /// Loads rows in the order of their places; `None`: they are in. `sent` is how many were on their way.
    async fn load_part(&mut self, part: PlacedRows<'_>, sent: &mut u64) -> Result<Option<Error>> {
        let PlacedRows { plan, rows, chunk } = part;
        let query = plan.select_part(&self.places.part(rows));
        let Sides { source, target } = &mut *self.sides;
        let rows = open(source, plan, query).await?;
        let load = in_chunks(plan.load(rows.columns())?, chunk);
        match load::stream(rows, target.lane()?, &load, &mut |progress| *sent = progress.rows).await {
            Ok(_) => Ok(None),
            Err(error) if error.server().is_some() && !error.is_transient() => Ok(Some(error)),
            Err(error) => Err(error),
        }
    }
}

/// Rows by their places; `None`: all.
struct PlacedRows<'p> {
    plan: &'p Plan,
    rows: Option<std::ops::Range<u64>>,
    chunk: u64,
}

/// Each chunk is one statement, and all of it is in or nothing.
const LARGEST_CHUNK: u64 = 100_000;

/// In chunks of exactly so many rows, without a promise of their order, in one transaction, and without a lock on the
/// table: other windows may be at work.
fn in_chunks(load: Load, rows: u64) -> Load {
    let wanted = |hint: &String| !hint.starts_with("ORDER") && hint != "TABLOCK";
    let hints = load.hints.into_iter().filter(wanted).collect();
    Load { hints, chunk_rows: rows, chunk_bytes: u64::MAX, commit_rows: None, ..load }
}
