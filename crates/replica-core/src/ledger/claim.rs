//! One window's way through a run: claimed, fenced, complete.
use std::time::{Duration, Instant};

use super::candidates::Candidates;
use super::clearing::{Cleared, Clearing};
use super::known::{WINDOW_DAYS, WINDOW_KEYS, days, window};
use super::{Run, ask, change, lost, milliseconds, names, shortened, signed};
use crate::error::{Error, Kind, Result};
use crate::read::{SmallResults, rows_of};
use crate::session::{Session, ToSql};
use crate::tds::fingerprint::Fingerprint;
use crate::tds::rpc::{Param, Query};
use crate::window::Window;

/// A run's right to replace one window. See the [module](super).
#[derive(Clone, Debug)]
pub struct Claim {
    run: Run,
    /// Which rows.
    pub window: Window,
    /// With the run it tells this attempt from all others: it only ever goes up.
    pub attempt: i64,
    /// What became of the rows that were to be deleted with it.
    pub(crate) cleared: Option<Cleared>,
}

/// What there is to do for a worker that shares the windows with other hosts.
#[derive(Debug)]
pub enum NextClaim {
    /// A window is this run's, until it says what became of it.
    Claimed(Claim),
    /// Nothing now; but other hosts are at work on windows that are ours if they die.
    Wait,
    /// Every window is complete or given up, or in the hands of this run.
    Done,
}

/// A window that is loaded.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loaded {
    /// Of the rows that were loaded.
    pub fingerprint: Fingerprint,
    /// Of these rows, as the bulk load had them.
    pub bytes: u64,
    /// How long the old rows took to go.
    pub deleting: Duration,
    /// How long the new rows took to come.
    pub loading: Duration,
}

/// The row of one window, by its key. A range of keys has a number, which is the parameter at `place`.
fn key(window: &Window, place: usize) -> String {
    const OF_DAYS: &str = "windows.schema_name = @P1 AND windows.table_name = @P2 AND windows.first_date = @P3 \
         AND windows.next_date = @P4";
    match window {
        Window::Days(_) => OF_DAYS.to_owned(),
        Window::Keys(_) => format!("{OF_DAYS} AND windows.range_number = @P{place}"),
    }
}

/// The parameter of [`key`]; none for days.
fn number(window: &Window) -> Option<i64> {
    window.keys().map(|range| i64::from(range.number))
}

/// First and next day, as text.
fn ends(window: &Window) -> (String, String) {
    let days = days(window);
    (days.first.to_string(), days.next.to_string())
}
/// The run that holds the window is alive.
const HELD: &str = "EXISTS (SELECT 1 FROM replica.runs AS r WHERE r.run_id = windows.run_id \
     AND r.ended IS NULL AND r.lease_until > SYSUTCDATETIME())";
/// An error number of our own: those above 50,000 are free (Microsoft docs, THROW).
const TAKEN_OVER: u32 = 50_971;

/// Changes a window's row if it is being loaded and `ours`, and fails if not.
fn or_taken_over(set: &str, ours: &str) -> String {
    format!(
        "UPDATE replica.windows SET {set} WHERE {ours} AND windows.state = 'loading'; \
         IF @@ROWCOUNT <> 1 THROW {TAKEN_OVER}, N'The window was taken over by another run.', 1"
    )
}

/// Does the error say that the window, or the whole run, is another's by now? Its rows are theirs to load, and no
/// failure of this run.
pub fn is_lost(error: &Error) -> bool {
    error.has_number(TAKEN_OVER) || error.kind() == Kind::Busy
}

impl Run {
    /// Claims a window of this run: one that is pending, one that is ours (for another attempt), or one whose run has
    /// died. Commits before it returns. `None`: another run has it, or has done with it.
    ///
    /// # Errors
    /// The server's.
    pub async fn claim(&self, session: &mut Session, window: Window) -> Result<Option<Claim>> {
        let free = |run: &str| {
            format!(
                "windows.state = 'pending' OR windows.run_id = {run} OR (windows.state = 'loading' AND NOT {HELD})"
            )
        };
        self.claim_if(session, window, free, None).await
    }

    /// With old rows to delete it is one request all the same, of two transactions: the claim is committed before the first
    /// row goes.
    async fn claim_if(
        &self,
        session: &mut Session,
        window: Window,
        free: impl Fn(&str) -> String,
        clearing: Option<(Clearing, i64)>,
    ) -> Result<Option<Claim>> {
        let begun = Instant::now();
        let expected = clearing.as_ref().map(|(clearing, _)| clearing.results());
        let silence = session.silence();
        if expected.is_some() {
            // A DELETE may take as long as it likes, as by itself.
            session.be_patient();
            session.works_on(format_args!("{} {window}", self.table));
        }
        let answers = SmallResults::of(session, self.claiming(&window, &free, clearing)).await;
        session.be_silent_for(silence);
        let SmallResults { sets, ended } = answers.map_err(|error| error.within("the ledger"))?;
        let mut sets = rows_of(&sets).map_err(|error| error.within("the ledger"))?;
        let results = sets.split_off(sets.len().min(1));
        let row = sets.pop().and_then(|rows| rows.into_iter().next());
        let Some(row) = row.filter(|_| expected.is_some() || ended.is_ok()) else {
            return ended.map(|()| None).map_err(|error| error.within("the ledger"));
        };
        let cleared = match expected {
            Some(expected) => Cleared::of(session, (results, expected), ended, begun).await?,
            None => None,
        };
        Ok(Some(Claim { run: self.clone(), window, attempt: row.number("attempts")?, cleared }))
    }

    fn claiming(
        &self,
        window: &Window,
        free: impl Fn(&str) -> String,
        clearing: Option<(Clearing, i64)>,
    ) -> Query {
        let mut params =
            clearing.as_ref().map_or_else(Vec::new, |(clearing, _)| clearing.delete.params.clone());
        let row = self.row(window, &mut params);
        let mut place = |number: i64| {
            params.push(Param::BigInt(number));
            format!("@P{}", params.len())
        };
        let (run, batch) = (place(self.id), place(self.batch));
        let free = free(&run);
        let mut sql = format!(
            "UPDATE replica.windows SET state = 'loading', run_id = {run}, host = HOST_NAME(), \
             attempts = windows.attempts + 1, started = SYSUTCDATETIME(), completed = NULL, row_count = NULL, byte_count = NULL, row_hash = NULL, \
             delete_ms = NULL, load_ms = NULL, verify_ms = NULL, error = NULL \
             OUTPUT inserted.attempts AS attempts WHERE {row} AND windows.batch_id = {batch} AND ({free})"
        );
        if let Some((clearing, attempts)) = clearing {
            // What it becomes is known before: the DELETE must not pass for that of a later claim.
            let attempts = place(attempts);
            let ours = format!("{row} AND windows.run_id = {run} AND windows.attempts = {attempts} + 1");
            let fence = or_taken_over("attempts = windows.attempts", &ours);
            sql = format!("{sql} AND windows.attempts = {attempts}; {}", clearing.statements(&fence));
        }
        Query { sql, params }
    }

    /// That a row of the ledger is a window's, by further parameters.
    fn row(&self, window: &Window, params: &mut Vec<Param>) -> String {
        let days = days(window);
        let (schema, table) = names(&self.table);
        let of = [
            ("schema_name", Param::Text(schema.to_owned())),
            ("table_name", Param::Text(table.to_owned())),
            ("first_date", Param::Date(days.first)),
            ("next_date", Param::Date(days.next)),
        ];
        let number = number(window).map(|number| ("range_number", Param::BigInt(number)));
        let is_its = of.into_iter().chain(number).map(|(column, value)| {
            params.push(value);
            format!("windows.{column} = @P{}", params.len())
        });
        is_its.collect::<Vec<_>>().join(" AND ")
    }

    /// Claims the largest window that nobody works on.
    ///
    /// # Errors
    /// The server's.
    pub async fn next(&self, session: &mut Session) -> Result<NextClaim> {
        self.next_of(session, &Candidates::default(), |_| None).await
    }

    /// As [`Self::next`], for workers that share what one of them has been told; with old rows that go with the claim.
    ///
    /// # Errors
    /// The server's.
    pub(crate) async fn next_of(
        &self,
        session: &mut Session,
        candidates: &Candidates,
        clearing: impl Fn(&Window) -> Option<Clearing>,
    ) -> Result<NextClaim> {
        let (schema, table) = names(&self.table);
        // What another worker of this run has taken meanwhile is not free, though it is ours.
        let free = |run: &str| {
            format!(
                "windows.state = 'pending' OR (windows.state = 'loading' AND windows.run_id <> {run} AND NOT {HELD})"
            )
        };
        loop {
            while let Some((window, attempts)) = candidates.take() {
                let clearing = clearing(&window).map(|clearing| (clearing, attempts));
                let clears = clearing.is_some();
                let claimed = match self.claim_if(session, window.clone(), free, clearing).await {
                    // A request that does not compile is refused as a whole. Should that be the DELETE's fault, it is the window's
                    // failure, which has to be claimed for that.
                    Err(error) if clears && error.server().is_some() && !error.is_transient() => {
                        log::debug!("{} {window}: claimed by itself: {error}", self.table);
                        self.claim_if(session, window.clone(), free, None).await
                    }
                    claimed => claimed,
                };
                candidates.settled(&window);
                if let Some(claim) = claimed? {
                    return Ok(NextClaim::Claimed(claim));
                }
                candidates.forget();
            }
            if candidates.are_exhausted() {
                return Ok(NextClaim::Done);
            }
            let Some(asking) = candidates.ask().await else { continue };
            let keys = if self.by_key { WINDOW_KEYS } else { "" };
            let sql = format!(
                "SELECT TOP ({}) windows.attempts, {WINDOW_DAYS}{keys} FROM replica.windows \
                 WHERE windows.schema_name = @P1 AND windows.table_name = @P2 AND windows.batch_id = @P3 \
                 AND (windows.state = 'pending' \
                 OR (windows.state = 'loading' AND windows.run_id <> @P4 AND NOT {HELD})) \
                 ORDER BY windows.estimated_rows DESC, windows.first_date",
                asking.at_a_time
            );
            let found = ask(session, &sql, &[&schema, &table, &self.batch, &self.id]).await?;
            if !found.is_empty() {
                let found = found.iter().map(|row| Ok((window(row)?, row.number("attempts")?)));
                asking.told(found.collect::<Result<_>>()?);
                continue;
            }
            // What another host has given back meanwhile is left, too.
            let sql = "SELECT COUNT(*) AS others FROM replica.windows WHERE schema_name = @P1 AND table_name = @P2 \
                       AND batch_id = @P3 AND (state = 'pending' OR (state = 'loading' AND run_id <> @P4))";
            let others = ask(session, sql, &[&schema, &table, &self.batch, &self.id]).await?;
            let others = others.first().and_then(|row| row.int("others")).unwrap_or_default();
            if others > 0 {
                return Ok(NextClaim::Wait);
            }
            asking.told_of_the_end();
            return Ok(NextClaim::Done);
        }
    }
}

impl Run {
    /// The windows that this run is loading, as far as the ledger knows.
    ///
    /// # Errors
    /// The server's.
    pub async fn loading(&self, session: &mut Session) -> Result<Vec<Window>> {
        let sql = format!(
            "SELECT windows.*, {WINDOW_DAYS} FROM replica.windows WHERE windows.schema_name = @P1 \
             AND windows.table_name = @P2 AND windows.run_id = @P3 AND windows.state = 'loading'"
        );
        let (schema, table) = names(&self.table);
        let rows = ask(session, &sql, &[&schema, &table, &self.id]).await?;
        rows.iter().map(window).collect()
    }

    /// Gives back all windows that this run is loading, once nobody works on them any more: a commit that is under way
    /// comes first. Says how many.
    ///
    /// # Errors
    /// The server's. That a window is another's by now is none.
    pub async fn release(&self, session: &mut Session) -> Result<u64> {
        let (schema, table) = names(&self.table);
        let mut released = 0;
        for window in self.loading(session).await? {
            let sql = format!(
                "UPDATE replica.windows SET state = 'pending', run_id = NULL OUTPUT inserted.attempts \
                 WHERE {} AND windows.run_id = @P5 AND windows.state = 'loading'",
                key(&window, 6)
            );
            let ((first, next), number) = (ends(&window), number(&window));
            let mut params: Vec<&dyn ToSql> = vec![&schema, &table, &first, &next, &self.id];
            params.extend(number.iter().map(|number| number as &dyn ToSql));
            released += u64::from(change(session, &sql, &params).await?);
        }
        Ok(released)
    }
}

impl Claim {
    /// The number of the run whose claim it is.
    pub fn run_id(&self) -> i64 {
        self.run.id
    }

    /// The error of a batch that ended with [`Self::completion`], as it is told: the window may be another's by now.
    pub(crate) fn told(&self, error: Error) -> Error {
        if is_lost(&error) { lost("the window").window(&self.window) } else { error }
    }

    /// What every transaction that changes the window's rows must run last before its COMMIT. Where the claim is
    /// another's by now it fails, which takes the transaction back; [`is_lost`] tells.
    pub fn fence(&self) -> Query {
        let mut params = Vec::new();
        Query { sql: self.fence_among(&mut params), params }
    }

    /// The same at the end of a query that has parameters already.
    pub(crate) fn fence_among(&self, params: &mut Vec<Param>) -> String {
        self.or_fail("attempts = windows.attempts", params)
    }

    /// Runs [`Self::fence`] within the open transaction.
    ///
    /// # Errors
    /// Of kind [`Busy`](crate::error::Kind::Busy) when the claim is another's by now; the transaction is rolled back.
    pub async fn check(&self, session: &mut Session) -> Result<()> {
        self.run_fence(session, &self.fence()).await
    }

    /// Completes the window within the open transaction that has its last rows: it counts when that commits.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub async fn complete(&self, session: &mut Session, loaded: &Loaded) -> Result<()> {
        self.run_fence(session, &self.completion(loaded)).await
    }

    /// What completes the window, to be the last statement before its COMMIT, as [`Self::fence`].
    pub fn completion(&self, loaded: &Loaded) -> Query {
        let set = "state = 'complete', completed = SYSUTCDATETIME(), row_count = @P1, byte_count = @P2, \
                   row_hash = @P3, delete_ms = @P4, load_ms = @P5";
        let mut params = vec![
            Param::BigInt(signed(loaded.fingerprint.rows)),
            Param::BigInt(signed(loaded.bytes)),
            Param::Text(loaded.fingerprint.to_string()),
            Param::BigInt(milliseconds(loaded.deleting)),
            Param::BigInt(milliseconds(loaded.loading)),
        ];
        Query { sql: self.or_fail(set, &mut params), params }
    }

    /// Did this attempt's last transaction commit? For when the connection was lost at COMMIT; on another session.
    /// The server may not have noticed yet that the first is gone: this waits for the row that its transaction has
    /// changed, even where readers see old versions instead.
    ///
    /// # Errors
    /// The server's; 1222 after the session's lock timeout, which is transient.
    pub async fn is_complete(&self, session: &mut Session) -> Result<bool> {
        let sql = format!(
            "SELECT state FROM replica.windows WITH (READCOMMITTEDLOCK) \
             WHERE {} AND windows.run_id = @P5 AND windows.attempts = @P6 AND windows.state = 'complete'",
            key(&self.window, 7)
        );
        self.ask(session, &sql, &[]).await
    }

    /// Notes that the window was read back, found equal, and how long that took.
    ///
    /// # Errors
    /// The server's.
    pub async fn verified(&self, session: &mut Session, took: Duration) -> Result<()> {
        let ours = "windows.run_id = @P5 AND windows.attempts = @P6 AND windows.state = 'complete'";
        self.set(session, "verify_ms = @P7", ours, &[&milliseconds(took)]).await.map(drop)
    }

    /// Gives the window up, and says why. Nobody in this batch tries again.
    ///
    /// # Errors
    /// The server's. That the window is another's by now is none.
    pub async fn fail(&self, session: &mut Session, error: &Error) -> Result<()> {
        let error = shortened(&error.to_string());
        let ours =
            "windows.run_id = @P5 AND windows.attempts = @P6 AND windows.state IN ('loading', 'complete')";
        self.set(session, "state = 'failed', error = @P7", ours, &[&error.as_str()]).await.map(drop)
    }

    /// Runs a statement on the window's row, with the run, the attempt and `values` as further parameters; did it find it?
    async fn ask(&self, session: &mut Session, sql: &str, values: &[&dyn ToSql]) -> Result<bool> {
        let (schema, table) = names(&self.run.table);
        let ((first, next), number) = (ends(&self.window), number(&self.window));
        let mut params: Vec<&dyn ToSql> = vec![&schema, &table, &first, &next, &self.run.id, &self.attempt];
        params.extend(values.iter().copied());
        params.extend(number.iter().map(|number| number as &dyn ToSql));
        change(session, sql, &params).await
    }

    async fn set(&self, session: &mut Session, set: &str, on: &str, values: &[&dyn ToSql]) -> Result<bool> {
        let sql = format!(
            "UPDATE replica.windows SET {set} OUTPUT inserted.attempts AS attempts WHERE {} AND {on}",
            key(&self.window, 7 + values.len())
        );
        self.ask(session, &sql, values).await
    }

    /// Changes the window's row if it is ours and loading, and fails if not. What tells the row apart becomes further
    /// parameters.
    fn or_fail(&self, set: &str, params: &mut Vec<Param>) -> String {
        let row = self.run.row(&self.window, params);
        let mut place = |number: i64| {
            params.push(Param::BigInt(number));
            format!("@P{}", params.len())
        };
        let (run, attempt) = (place(self.run.id), place(self.attempt));
        or_taken_over(set, &format!("{row} AND windows.run_id = {run} AND windows.attempts = {attempt}"))
    }

    /// Runs a statement that fails where the claim is another's by now, within the open transaction.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub(crate) async fn run_fence(&self, session: &mut Session, query: &Query) -> Result<()> {
        let lane = session.lane()?;
        debug_assert!(lane.in_transaction(), "without one it would protect nothing");
        match lane.run(query).await {
            Err(error) if is_lost(&error) => {
                // A relative of SQL Server may leave that to us.
                lane.rollback().await?;
                Err(self.told(error))
            }
            settled => settled.map(drop).map_err(|error| error.within("the ledger")),
        }
    }
}
