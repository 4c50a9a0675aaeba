//! How a run begins: alone, or by joining the hosts that are at work.
use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::known::{self, RecordedWindow, State};
use super::{Run, Subject, ask, change, milliseconds32, names, overlaps, signed};
use crate::catalog::record::CatalogRow;
use crate::error::{Error, Result};
use crate::retry::Backoff;
use crate::session::applock::{self, LockMode};
use crate::session::{Session, ToSql};
use crate::tds::fingerprint::Fingerprint;
use crate::window::{DayRange, KeyRange, Window};

/// What to do about windows that are complete already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ResumeMode {
    /// Replace every window.
    #[default]
    Replace,
    /// Skip those that are complete, were loaded in the same way, and have not changed since.
    Resume,
    /// Forget all windows of the table, also outside the range; then as `Replace`.
    Restart,
}

/// A window to load.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedWindow {
    /// Which rows.
    pub window: Window,
    /// What the source's statistics say: the largest windows are claimed first.
    pub estimated_rows: u64,
}

/// What a run is to do.
#[derive(Clone, Copy, Debug)]
pub struct RunOptions<'a> {
    /// As the ledger shows it.
    pub tool: &'a str,
    /// What is copied, and how: windows of another subject do not count as done.
    pub subject: &'a Subject,
    /// All windows of the run, each once.
    pub windows: &'a [PlannedWindow],
    /// What becomes of windows that are done already.
    pub resume: ResumeMode,
    /// Complete windows that `Resume` is not to skip, since their rows are not those on record.
    pub changed: &'a [Redone],
    /// Other hosts may join. Otherwise the caller holds the table (see [`applock`]), so that every other run that
    /// has not ended has died.
    pub shared: bool,
    /// How long others wait for a sign of life of this run.
    pub lease: Duration,
}

/// A run that has begun.
#[derive(Debug)]
pub struct Begun {
    /// The run, which holds its table.
    pub run: Run,
    /// It takes part in what another host has begun.
    pub joined: bool,
    /// Complete already, so that nothing is to be done.
    pub skipped: Vec<Complete>,
    /// On record from an earlier run, but not to be skipped, though that was wished.
    pub redone: Vec<Redone>,
}

/// A window that is complete, with what is on record of its rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Complete {
    /// Which rows.
    pub window: Window,
    /// Of the rows that were loaded.
    pub fingerprint: Fingerprint,
    /// Of these rows, as the bulk load had them.
    pub bytes: u64,
}

/// A window that was complete, and is loaded again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redone {
    /// Which rows.
    pub window: Window,
    /// Such as `it was loading`, `another source`.
    pub because: String,
}

/// Others disable indexes meanwhile, which waits for the readers of the table. Many short waits, since a connection
/// string may ask for answers sooner than that.
const WAIT: Duration = Duration::from_secs(5);
const MOST_WAITS: u32 = 120;
/// A request has at most 2,100 parameters: six for each row of an INSERT, and some that all have in common.
const ROWS_PER_INSERT: usize = 300;
const DAYS_PER_UPDATE: usize = 2_000;

/// Begins a run: puts it and its windows on record, or joins the hosts that are at work on the same ones. Until
/// [`Run::started`] nobody else can begin on this table: the time to disable its indexes.
///
/// # Errors
/// Of kind [`Busy`](crate::error::Kind::Busy): other hosts are at work on other windows of the table, or in another
/// way, or take too long to begin.
pub async fn begin(session: &mut Session, options: &RunOptions<'_>) -> Result<Begun> {
    let lock = options.subject.lock();
    let mut waits = 0;
    while !applock::take(session, &lock, LockMode::Exclusive, WAIT).await? {
        waits += 1;
        if waits == MOST_WAITS {
            return Err(Error::busy("another run has been about to begin on this table for too long"));
        }
    }
    let mut retries = Backoff::default().retries();
    loop {
        session.lane()?.begin().await?;
        let begun = match on_record(session, options, &lock).await {
            Ok(begun) => session.lane()?.commit().await.map(|()| begun),
            Err(error) => Err(error),
        };
        let Err(error) = begun else { return begun };
        // A connection that is gone has taken the transaction and the lock with it.
        let Ok(lane) = session.lane() else { return Err(error) };
        if lane.rollback().await.is_err() {
            return Err(error);
        }
        if !error.is_transient() || !retries.another_after(&error).await {
            applock::release(session, &lock).await?;
            return Err(error);
        }
    }
}

/// The windows that [`begin`] would skip by what is on record: whoever relies on it looks first whether their rows are
/// still those. None where the run would join others, whose first one has looked.
///
/// # Errors
/// The server's.
pub async fn skippable(session: &mut Session, options: &RunOptions<'_>) -> Result<Vec<Complete>> {
    let others = unended(session, options.subject).await?;
    if options.resume != ResumeMode::Resume || others.iter().any(|other| other.may_be_joined(options)) {
        return Ok(Vec::new());
    }
    let known = known::windows(session, &options.subject.table).await?;
    Ok(skipped_and_redone(options, &known).0)
}

/// Whether hosts are at work on the table that others may join: their windows are the ones to take.
///
/// # Errors
/// The server's.
pub async fn may_be_joined(session: &mut Session, subject: &Subject) -> Result<bool> {
    Ok(unended(session, subject).await?.iter().any(|other| other.shared && other.alive))
}

async fn on_record(session: &mut Session, options: &RunOptions<'_>, lock: &str) -> Result<Begun> {
    let others = unended(session, options.subject).await?;
    let joined = others.iter().find(|other| other.may_be_joined(options)).map(|other| other.batch);
    let windows = known::windows(session, &options.subject.table).await?;
    if let Some(batch) = joined {
        check_same(options, &windows, batch)?;
    }
    for other in others.iter().filter(|other| joined.is_none() || !other.alive) {
        let sql = "UPDATE replica.runs SET phase = 'ended', ended = SYSUTCDATETIME(), outcome = 'crashed' \
                   OUTPUT inserted.run_id WHERE runs.run_id = @P1 AND runs.ended IS NULL";
        change(session, sql, &[&other.id]).await?;
    }
    let (id, batch) = insert(session, options, joined).await?;
    let table = options.subject.table.clone();
    let by_key = options.windows.iter().any(|planned| planned.window.keys().is_some());
    let run = Run { id, batch, table, by_key, lock: lock.to_owned(), lease: options.lease };
    if joined.is_some() {
        let skipped = windows.iter().filter(|known| known.batch == batch).filter_map(complete).collect();
        return Ok(Begun { run, joined: true, skipped, redone: Vec::new() });
    }
    let (skipped, redone) = match options.resume {
        ResumeMode::Resume => skipped_and_redone(options, &windows),
        ResumeMode::Replace | ResumeMode::Restart => Default::default(),
    };
    run.put(session, options, &skipped, &windows).await?;
    Ok(Begun { run, joined: false, skipped, redone })
}

/// Another run that has not ended.
struct Other {
    id: i64,
    batch: i64,
    shared: bool,
    alive: bool,
}

impl Other {
    fn may_be_joined(&self, options: &RunOptions<'_>) -> bool {
        options.shared && self.shared && self.alive
    }
}

async fn unended(session: &mut Session, subject: &Subject) -> Result<Vec<Other>> {
    let sql = "SELECT run_id, batch_id, shared, \
               CASE WHEN lease_until > SYSUTCDATETIME() THEN 1 ELSE 0 END AS alive FROM replica.runs \
               WHERE schema_name = @P1 AND table_name = @P2 AND ended IS NULL ORDER BY run_id DESC";
    let (schema, table) = names(&subject.table);
    let rows = ask(session, sql, &[&schema, &table]).await?;
    let other = |row: &CatalogRow| {
        Ok(Other {
            id: row.number("run_id")?,
            batch: row.number("batch_id")?,
            shared: row.flag("shared"),
            alive: row.flag("alive"),
        })
    };
    rows.iter().map(other).collect()
}

/// Whoever joins must mean the same windows, loaded in the same way.
fn check_same(options: &RunOptions<'_>, windows: &[RecordedWindow], batch: i64) -> Result<()> {
    let theirs: HashMap<_, _> = windows
        .iter()
        .filter(|known| known.batch == batch)
        .map(|known| (&known.window, &known.subject))
        .collect();
    let difference = if theirs.len() != options.windows.len() {
        Some("other windows")
    } else {
        options.windows.iter().find_map(|planned| match theirs.get(&planned.window) {
            Some(subject) => subject.difference(options.subject),
            None => Some("other windows"),
        })
    };
    match difference {
        None => Ok(()),
        Some(what) => {
            Err(Error::busy(format!("other hosts are at work on this table with {what} (run {batch})"))
                .remedy("Start all hosts with the same command, or wait until the others have ended"))
        }
    }
}

/// Which of the windows `--resume` skips, and why it does the others again that are on record. Pure.
fn skipped_and_redone(options: &RunOptions<'_>, known: &[RecordedWindow]) -> (Vec<Complete>, Vec<Redone>) {
    let (mut skipped, mut redone) = (Vec::new(), Vec::new());
    let known: HashMap<_, _> = known.iter().map(|known| (&known.window, known)).collect();
    let changed: HashMap<_, _> = options.changed.iter().map(|changed| (&changed.window, changed)).collect();
    for PlannedWindow { window, .. } in options.windows {
        let Some(known) = known.get(window) else { continue };
        let because = |because: &str| Redone { window: window.clone(), because: because.to_owned() };
        match (known.subject.difference(options.subject), complete(known), changed.get(window)) {
            (Some(difference), _, _) => redone.push(because(difference)),
            (None, Some(_), Some(changed)) => redone.push((*changed).clone()),
            (None, Some(complete), None) => skipped.push(complete),
            (None, None, _) => redone.push(because(&unfinished(known))),
        }
    }
    (skipped, redone)
}

fn complete(known: &RecordedWindow) -> Option<Complete> {
    let (window, bytes) = (known.window.clone(), known.bytes);
    known.fingerprint.map(|fingerprint| Complete { window, fingerprint, bytes })
}

/// Why a window is not complete.
fn unfinished(known: &RecordedWindow) -> String {
    match (known.state, &known.reason) {
        (State::Pending, Some(reason)) => reason.clone(),
        (State::Complete, _) => "the rows of it are not on record".to_owned(),
        (state, _) => format!("it was {}", state.name()),
    }
}

/// Run and batch.
async fn insert(session: &mut Session, options: &RunOptions<'_>, joined: Option<i64>) -> Result<(i64, i64)> {
    let sql = "INSERT INTO replica.runs (batch_id, tool, schema_name, table_name, object_id, source, host, program, \
               login, pid, shared, phase, started, lease_until, windows_done, windows_failed, windows_skipped, \
               row_count, byte_count, retries, disable_ms, rebuild_ms) \
               OUTPUT inserted.run_id AS run_id \
               VALUES (@P1, @P2, @P3, @P4, @P5, @P6, HOST_NAME(), APP_NAME(), SUSER_SNAME(), @P7, @P8, 'copying', \
               SYSUTCDATETIME(), DATEADD(millisecond, @P9, SYSUTCDATETIME()), 0, 0, 0, 0, 0, 0, 0, 0)";
    let subject = options.subject;
    let (schema, table) = names(&subject.table);
    let batch = joined.unwrap_or_default();
    let params: [&dyn ToSql; 9] = [
        &batch,
        &options.tool,
        &schema,
        &table,
        &subject.object_id,
        &subject.source.as_str(),
        &i64::from(std::process::id()),
        &options.shared,
        &milliseconds32(options.lease),
    ];
    let rows = ask(session, sql, &params).await?;
    let run: i64 = rows
        .first()
        .ok_or_else(|| Error::protocol("the ledger gives the run no number"))?
        .number("run_id")?;
    if let Some(batch) = joined {
        return Ok((run, batch));
    }
    let sql = "UPDATE replica.runs SET batch_id = runs.run_id OUTPUT inserted.run_id WHERE runs.run_id = @P1";
    change(session, sql, &[&run]).await?;
    Ok((run, run))
}

/// The days of windows that follow each other, together: between others lie windows that stay as they are. Ranges of a key
/// have rows of all days.
fn stretches(windows: &[PlannedWindow]) -> Vec<DayRange> {
    let mut windows: Vec<_> = windows.iter().map(|planned| known::days(&planned.window)).collect();
    windows.sort_unstable();
    let mut stretches: Vec<DayRange> = Vec::new();
    for window in windows {
        match stretches.last_mut() {
            Some(last) if last.next >= window.first => last.next = last.next.max(window.next),
            _ => stretches.push(window),
        }
    }
    stretches
}

/// Whether all windows are ranges that are on record, beside others of the same cut.
fn are_of_one_cut(windows: &[PlannedWindow], known: &[RecordedWindow]) -> bool {
    let known: HashSet<_> = known.iter().filter_map(|known| known.window.keys()).collect();
    windows.iter().all(|planned| planned.window.keys().is_some_and(|range| known.contains(range)))
}

/// A column that tells the windows of a cut apart, and its value.
fn told_by(window: &Window) -> (&'static str, String) {
    match window {
        Window::Days(days) => ("first_date", days.first.to_string()),
        Window::Keys(range) => ("range_number", range.number.to_string()),
    }
}

impl Run {
    /// Replaces the windows on record: takes over those that are skipped, forgets all that the new ones cover or
    /// contradict, and puts the others down as pending.
    async fn put(
        &self,
        session: &mut Session,
        options: &RunOptions<'_>,
        skipped: &[Complete],
        known: &[RecordedWindow],
    ) -> Result<()> {
        let (schema, table) = names(&self.table);
        // Windows on record do not overlap, so that the first day tells them apart, or the number.
        for complete in skipped.chunks(DAYS_PER_UPDATE) {
            let (columns, days): (Vec<_>, Vec<_>) =
                complete.iter().map(|complete| told_by(&complete.window)).unzip();
            let list: Vec<_> = (4..).take(days.len()).map(|n| format!("@P{n}")).collect();
            let sql = format!(
                "UPDATE replica.windows SET batch_id = @P3 OUTPUT inserted.batch_id \
                 WHERE windows.schema_name = @P1 AND windows.table_name = @P2 AND windows.{} IN ({})",
                columns.first().unwrap_or(&"first_date"),
                list.join(", ")
            );
            let mut params: Vec<&dyn ToSql> = vec![&schema, &table, &self.batch];
            params.extend(days.iter().map(|day| day as &dyn ToSql));
            ask(session, &sql, &params).await?;
        }
        if options.resume != ResumeMode::Restart && are_of_one_cut(options.windows, known) {
            // The other ranges of the cut stay what they are, as other days do.
            self.forget_ranges(session, options.windows).await?;
        } else {
            self.forget(session, options).await?;
        }
        let skipped: HashSet<_> = skipped.iter().map(|complete| &complete.window).collect();
        let new: Vec<_> =
            options.windows.iter().filter(|planned| !skipped.contains(&planned.window)).collect();
        for windows in new.chunks(ROWS_PER_INSERT) {
            self.insert_windows(session, options.subject, windows).await?;
        }
        Ok(())
    }

    /// Forgets the windows that some of the new ones cover or contradict.
    async fn forget(&self, session: &mut Session, options: &RunOptions<'_>) -> Result<()> {
        let (schema, table) = names(&self.table);
        // A window that overlaps is no longer what it says. Nor is one along another date column, wherever it lies.
        let sql = format!(
            "DELETE FROM replica.windows OUTPUT deleted.batch_id \
             WHERE windows.schema_name = @P1 AND windows.table_name = @P2 AND windows.batch_id <> @P3 \
             AND (@P4 = 1 OR windows.date_column <> @P5 OR {})",
            overlaps("@P6", "@P7")
        );
        let all = options.resume == ResumeMode::Restart;
        let column = options.subject.cut_by.as_str();
        for stretch in stretches(options.windows) {
            let (from, to) = (stretch.first.to_string(), stretch.next.to_string());
            let params: [&dyn ToSql; 7] = [&schema, &table, &self.batch, &all, &column, &from, &to];
            ask(session, &sql, &params).await?;
        }
        Ok(())
    }

    /// Forgets ranges of a key, by their numbers.
    async fn forget_ranges(&self, session: &mut Session, windows: &[PlannedWindow]) -> Result<()> {
        let (schema, table) = names(&self.table);
        let numbers: Vec<_> =
            windows.iter().filter_map(|planned| Some(i64::from(planned.window.keys()?.number))).collect();
        for numbers in numbers.chunks(DAYS_PER_UPDATE) {
            let list: Vec<_> = (4..).take(numbers.len()).map(|n| format!("@P{n}")).collect();
            let sql = format!(
                "DELETE FROM replica.windows OUTPUT deleted.batch_id WHERE windows.schema_name = @P1 \
                 AND windows.table_name = @P2 AND windows.batch_id <> @P3 AND windows.range_number IN ({})",
                list.join(", ")
            );
            let mut params: Vec<&dyn ToSql> = vec![&schema, &table, &self.batch];
            params.extend(numbers.iter().map(|number| number as &dyn ToSql));
            ask(session, &sql, &params).await?;
        }
        Ok(())
    }

    async fn insert_windows(
        &self,
        session: &mut Session,
        subject: &Subject,
        windows: &[&PlannedWindow],
    ) -> Result<()> {
        let (schema, table) = names(&self.table);
        let texts: Vec<_> = windows
            .iter()
            .map(|w| {
                let days = known::days(&w.window);
                let written = |boundary: &Option<_>| boundary.as_ref().map(KeyRange::written);
                let range = w.window.keys().map(|range| {
                    let number = i64::from(range.number);
                    (number, written(&range.first), written(&range.next))
                });
                (days.first.to_string(), days.next.to_string(), signed(w.estimated_rows), range)
            })
            .collect();
        let mut params: Vec<&dyn ToSql> = vec![
            &schema,
            &table,
            &subject.object_id,
            &subject.cut_by,
            &subject.fingerprint,
            &subject.source,
            &self.batch,
        ];
        let mut rows = Vec::new();
        for (first, next, estimate, range) in &texts {
            let at = params.len() + 1;
            let row: [&dyn ToSql; 3] = [first, next, estimate];
            params.extend(row);
            let mut ends = String::new();
            if let Some((number, first, next)) = range {
                params.push(number);
                ends.push_str(&format!(", @P{}", params.len()));
                for end in [first, next] {
                    match end {
                        Some(end) => {
                            params.push(end);
                            ends.push_str(&format!(", @P{}", params.len()));
                        }
                        None => ends.push_str(", NULL"),
                    }
                }
            }
            rows.push(format!(
                "(@P1, @P2, @P{at}, @P{}, 'pending', @P3, @P4, @P5, @P6, @P7, 0, @P{}{ends})",
                at + 1,
                at + 2
            ));
        }
        // A ledger of version 1 takes windows of days as well.
        let ranges = windows.first().is_some_and(|planned| planned.window.keys().is_some());
        let more = if ranges { ", range_number, first_key, next_key" } else { "" };
        let sql = format!(
            "INSERT INTO replica.windows (schema_name, table_name, first_date, next_date, state, object_id, \
             date_column, fingerprint, source, batch_id, attempts, estimated_rows{more}) VALUES {}",
            rows.join(", ")
        );
        ask(session, &sql, &params).await.map(drop)
    }
}
