//! A run: it begins, alone or beside other hosts, renews its lease, and ends.
use std::collections::HashMap;
use std::time::Duration;

use super::claim::window;
use super::{Subject, ask, change, lost, milliseconds, shortened, signed};
use crate::applock::{self, Mode};
use crate::catalog::record::Record;
use crate::error::{Error, Result};
use crate::session::{Session, ToSql};
use crate::window::Window;

/// A run on one table, as it is on record. Clones are the same run.
#[derive(Clone, Debug)]
pub struct Run {
    pub id: i64,
    /// The run that began the set of windows: this one, or the one that it has joined.
    pub batch: i64,
    pub schema: String,
    pub table: String,
    lock: String,
    lease: Duration,
}

/// What to do about windows that are complete already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// Replace every window.
    #[default]
    Replace,
    /// Skip those that are complete and were loaded in the same way.
    Resume,
    /// Forget all windows of the table, also outside the range; then as `Replace`.
    Restart,
}

/// A window to load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    pub window: Window,
    pub estimated_rows: u64,
}

/// What a run is to do.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    pub tool: &'a str,
    pub subject: &'a Subject,
    pub windows: &'a [Planned],
    pub wish: Wish,
    /// Other hosts may join. Otherwise the caller holds the table (see [`applock`]), so that every other run that
    /// has not ended has died.
    pub shared: bool,
    /// How long others wait for a sign of life of this run.
    pub lease: Duration,
}

/// A run that has begun.
#[derive(Debug)]
pub struct Begun {
    pub run: Run,
    /// It takes part in what another host has begun.
    pub joined: bool,
    /// Complete already, so that nothing is to be done.
    pub skipped: Vec<Window>,
    /// On record from an earlier run, but not to be skipped, though that was wished.
    pub redone: Vec<Redone>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redone {
    pub window: Window,
    /// Such as `it was loading`, `another source`.
    pub because: String,
}

/// How a run ended.
#[derive(Clone, Debug, Default)]
pub struct Ended {
    /// `ok`, `failed`, `interrupted`, `terminated`.
    pub outcome: &'static str,
    pub windows_done: u64,
    pub windows_failed: u64,
    pub windows_skipped: u64,
    pub rows: u64,
    pub bytes: u64,
    pub retries: u64,
    pub disabling: Duration,
    pub rebuilding: Duration,
    pub error: Option<String>,
}

/// Others disable indexes meanwhile, which waits for the readers of the table.
const BEGIN_WAIT: Duration = Duration::from_secs(600);
/// Rows in one INSERT: a request has at most 2,100 parameters.
const ROWS_PER_INSERT: usize = 600;

/// Begins a run: puts it and its windows on record, or joins the hosts that are at work on the same ones. Until
/// [`Run::started`] nobody else can begin on this table: the time to disable its indexes.
///
/// # Errors
/// Of kind [`Busy`](crate::error::Kind::Busy): other hosts are at work on other windows of the table, or in another
/// way, or take too long to begin.
pub async fn begin(session: &mut Session, order: &Order<'_>) -> Result<Begun> {
    let lock = order.subject.lock();
    if !applock::take(session, &lock, Mode::Exclusive, BEGIN_WAIT).await? {
        return Err(Error::busy("another run has been about to begin on this table for too long"));
    }
    session.lane()?.begin().await?;
    let begun = match on_record(session, order, &lock).await {
        Ok(begun) => session.lane()?.commit().await.map(|()| begun),
        Err(error) => Err(error),
    };
    if let Err(error) = begun {
        // A connection that is gone has given back both by itself.
        if session.lane()?.rollback().await.is_ok() {
            applock::release(session, &lock).await?;
        }
        return Err(error);
    }
    begun
}

async fn on_record(session: &mut Session, order: &Order<'_>, lock: &str) -> Result<Begun> {
    let others = unended(session, order.subject).await?;
    let alive = others.iter().find(|other| order.shared && other.shared && other.alive);
    let joined = alive.map(|other| other.batch);
    let windows = recorded_windows(session, order.subject).await?;
    if let Some(batch) = joined {
        check_same(order, &windows, batch)?;
    }
    for other in others.iter().filter(|other| joined.is_none() || !other.alive) {
        let sql = "UPDATE replica.runs SET phase = 'ended', ended = SYSUTCDATETIME(), outcome = 'crashed' \
                   OUTPUT inserted.run_id WHERE run_id = @P1 AND ended IS NULL";
        change(session, sql, &[&other.id]).await?;
    }
    let (id, batch) = insert(session, order, joined).await?;
    let Subject { schema, table, .. } = order.subject.clone();
    let run = Run { id, batch, schema, table, lock: lock.to_owned(), lease: order.lease };
    let complete = |known: &&Recorded| known.batch == batch && known.state == "complete";
    if joined.is_some() {
        let skipped = windows.iter().filter(complete).map(|known| known.window).collect();
        return Ok(Begun { run, joined: true, skipped, redone: Vec::new() });
    }
    let (skipped, redone) = sort_out(order, &windows);
    run.put(session, order, &skipped).await?;
    Ok(Begun { run, joined: false, skipped, redone })
}

/// Another run that has not ended.
struct Other {
    id: i64,
    batch: i64,
    shared: bool,
    alive: bool,
}

async fn unended(session: &mut Session, subject: &Subject) -> Result<Vec<Other>> {
    let sql = "SELECT run_id, batch_id, shared, \
               CASE WHEN lease_until > SYSUTCDATETIME() THEN 1 ELSE 0 END AS alive FROM replica.runs \
               WHERE schema_name = @P1 AND table_name = @P2 AND ended IS NULL ORDER BY run_id DESC";
    let rows = ask(session, sql, &[&subject.schema.as_str(), &subject.table.as_str()]).await?;
    let other = |row: &Record| {
        Ok(Other {
            id: row.number("run_id")?,
            batch: row.number("batch_id")?,
            shared: row.flag("shared"),
            alive: row.flag("alive"),
        })
    };
    rows.iter().map(other).collect()
}

/// A window of the table as it is on record.
struct Recorded {
    window: Window,
    state: String,
    batch: i64,
    subject: Subject,
}

async fn recorded_windows(session: &mut Session, subject: &Subject) -> Result<Vec<Recorded>> {
    let sql = "SELECT CONVERT(varchar(10), first_date, 126) AS first_date, \
               CONVERT(varchar(10), next_date, 126) AS next_date, state, batch_id, object_id, date_column, \
               fingerprint, source FROM replica.windows WHERE schema_name = @P1 AND table_name = @P2";
    let rows = ask(session, sql, &[&subject.schema.as_str(), &subject.table.as_str()]).await?;
    let recorded = |row: &Record| {
        Ok(Recorded {
            window: window(row)?,
            state: row.name("state")?,
            batch: row.number("batch_id")?,
            subject: Subject {
                schema: subject.schema.clone(),
                table: subject.table.clone(),
                object_id: row.number("object_id")?,
                date_column: row.name("date_column")?,
                fingerprint: row.name("fingerprint")?,
                source: row.name("source")?,
            },
        })
    };
    rows.iter().map(recorded).collect()
}

/// Whoever joins must mean the same windows, loaded in the same way.
fn check_same(order: &Order<'_>, windows: &[Recorded], batch: i64) -> Result<()> {
    let theirs: HashMap<_, _> = windows
        .iter()
        .filter(|known| known.batch == batch)
        .map(|known| (known.window, &known.subject))
        .collect();
    let difference = if theirs.len() != order.windows.len() {
        Some("other windows")
    } else {
        order.windows.iter().find_map(|planned| match theirs.get(&planned.window) {
            Some(subject) => subject.difference(order.subject),
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

/// Which windows are skipped, and why the others that are on record are not.
fn sort_out(order: &Order<'_>, windows: &[Recorded]) -> (Vec<Window>, Vec<Redone>) {
    let (mut skipped, mut redone) = (Vec::new(), Vec::new());
    if order.wish != Wish::Resume {
        return (skipped, redone);
    }
    let known: HashMap<_, _> = windows.iter().map(|known| (known.window, known)).collect();
    for &Planned { window, .. } in order.windows {
        let Some(known) = known.get(&window) else { continue };
        let because = match (known.state.as_str(), known.subject.difference(order.subject)) {
            (_, Some(difference)) => difference.to_owned(),
            ("complete", None) => {
                skipped.push(window);
                continue;
            }
            (state, None) => format!("it was {state}"),
        };
        redone.push(Redone { window, because });
    }
    (skipped, redone)
}

/// Run and batch.
async fn insert(session: &mut Session, order: &Order<'_>, joined: Option<i64>) -> Result<(i64, i64)> {
    let sql = "INSERT INTO replica.runs (batch_id, tool, schema_name, table_name, object_id, source, host, program, \
               login, pid, shared, phase, started, lease_until, windows_done, windows_failed, windows_skipped, \
               row_count, byte_count, retries, disable_ms, rebuild_ms) \
               OUTPUT inserted.run_id AS run_id \
               VALUES (@P1, @P2, @P3, @P4, @P5, @P6, HOST_NAME(), APP_NAME(), SUSER_SNAME(), @P7, @P8, 'copying', \
               SYSUTCDATETIME(), DATEADD(millisecond, @P9, SYSUTCDATETIME()), 0, 0, 0, 0, 0, 0, 0, 0)";
    let subject = order.subject;
    let batch = joined.unwrap_or_default();
    let params: [&dyn ToSql; 9] = [
        &batch,
        &order.tool,
        &subject.schema.as_str(),
        &subject.table.as_str(),
        &subject.object_id,
        &subject.source.as_str(),
        &i64::from(std::process::id()),
        &order.shared,
        &lease(order.lease),
    ];
    let rows = ask(session, sql, &params).await?;
    let run: i64 = rows
        .first()
        .ok_or_else(|| Error::protocol("the ledger gives the run no number"))?
        .number("run_id")?;
    if let Some(batch) = joined {
        return Ok((run, batch));
    }
    let sql = "UPDATE replica.runs SET batch_id = run_id OUTPUT inserted.run_id WHERE run_id = @P1";
    change(session, sql, &[&run]).await?;
    Ok((run, run))
}

/// As DATEADD takes it.
fn lease(lease: Duration) -> i32 {
    i32::try_from(lease.as_millis()).unwrap_or(i32::MAX)
}

impl Run {
    /// Replaces the windows on record: takes over those that are skipped, forgets all that the new ones cover or
    /// contradict, and puts the others down as pending.
    async fn put(&self, session: &mut Session, order: &Order<'_>, skipped: &[Window]) -> Result<()> {
        let (schema, table) = (self.schema.as_str(), self.table.as_str());
        for window in skipped {
            let sql = "UPDATE replica.windows SET batch_id = @P5 OUTPUT inserted.batch_id WHERE schema_name = @P1 \
                       AND table_name = @P2 AND first_date = @P3 AND next_date = @P4";
            let (first, next) = (window.first.to_string(), window.next.to_string());
            change(session, sql, &[&schema, &table, &first, &next, &self.batch]).await?;
        }
        // A window that overlaps is no longer what it says. Nor is one along another date column, wherever it lies.
        let from =
            order.windows.iter().map(|planned| planned.window.first).min().map(|date| date.to_string());
        let to = order.windows.iter().map(|planned| planned.window.next).max().map(|date| date.to_string());
        let sql = "DELETE FROM replica.windows OUTPUT deleted.batch_id WHERE schema_name = @P1 AND table_name = @P2 \
                   AND batch_id <> @P3 \
                   AND (@P4 = 1 OR date_column <> @P5 OR (first_date < @P6 AND next_date > @P7))";
        let all = order.wish == Wish::Restart;
        let column = order.subject.date_column.as_str();
        let params: [&dyn ToSql; 7] =
            [&schema, &table, &self.batch, &all, &column, &to.as_deref(), &from.as_deref()];
        ask(session, sql, &params).await?;
        let new: Vec<_> = order.windows.iter().filter(|planned| !skipped.contains(&planned.window)).collect();
        for windows in new.chunks(ROWS_PER_INSERT) {
            self.insert_windows(session, order.subject, windows).await?;
        }
        Ok(())
    }

    async fn insert_windows(
        &self,
        session: &mut Session,
        subject: &Subject,
        windows: &[&Planned],
    ) -> Result<()> {
        let object_id = subject.object_id;
        let texts: Vec<_> = windows
            .iter()
            .map(|w| (w.window.first.to_string(), w.window.next.to_string(), signed(w.estimated_rows)))
            .collect();
        let mut params: Vec<&dyn ToSql> = vec![
            &self.schema,
            &self.table,
            &object_id,
            &subject.date_column,
            &subject.fingerprint,
            &subject.source,
            &self.batch,
        ];
        let mut rows = Vec::new();
        for (first, next, estimate) in &texts {
            let at = params.len() + 1;
            rows.push(format!(
                "(@P1, @P2, @P{at}, @P{}, 'pending', @P3, @P4, @P5, @P6, @P7, 0, @P{})",
                at + 1,
                at + 2
            ));
            let row: [&dyn ToSql; 3] = [first, next, estimate];
            params.extend(row);
        }
        let sql = format!(
            "INSERT INTO replica.windows (schema_name, table_name, first_date, next_date, state, object_id, \
             date_column, fingerprint, source, batch_id, attempts, estimated_rows) VALUES {}",
            rows.join(", ")
        );
        ask(session, &sql, &params).await.map(drop)
    }

    /// Lets other hosts begin: the indexes are as the loads want them. On the session that began.
    ///
    /// # Errors
    /// A lost connection.
    pub async fn started(&self, session: &mut Session) -> Result<()> {
        applock::release(session, &self.lock).await
    }

    /// A sign of life, due well before the lease is over. One row, whatever the number of windows at work.
    ///
    /// # Errors
    /// Of kind [`Busy`](crate::error::Kind::Busy) when another run has taken this one for dead.
    pub async fn renew(&self, session: &mut Session) -> Result<()> {
        let sql = "UPDATE replica.runs SET lease_until = DATEADD(millisecond, @P2, SYSUTCDATETIME()) \
                   OUTPUT inserted.run_id WHERE run_id = @P1 AND ended IS NULL";
        match change(session, sql, &[&self.id, &lease(self.lease)]).await? {
            true => Ok(()),
            false => Err(lost("the run")),
        }
    }

    /// The run copies no more. Is it the last one out, who rebuilds the indexes? Yes, if every window has come to an
    /// end, or if no other host is left that could. Two who leave at once are both told yes; each index is rebuilt by
    /// the one that takes it (see [`take`](super::take)).
    ///
    /// # Errors
    /// The server's.
    pub async fn leave(&self, session: &mut Session) -> Result<bool> {
        let sql = "UPDATE replica.runs SET phase = 'finishing' OUTPUT inserted.run_id \
                   WHERE run_id = @P1 AND ended IS NULL";
        change(session, sql, &[&self.id]).await?;
        let sql = "SELECT (SELECT COUNT(*) FROM replica.windows WHERE schema_name = @P1 AND table_name = @P2 \
                   AND batch_id = @P3 AND state IN ('pending', 'loading')) AS windows, \
                   (SELECT COUNT(*) FROM replica.runs WHERE batch_id = @P3 AND run_id <> @P4 \
                   AND phase = 'copying' AND lease_until > SYSUTCDATETIME()) AS runs";
        let (schema, table) = (self.schema.as_str(), self.table.as_str());
        let left = ask(session, sql, &[&schema, &table, &self.batch, &self.id]).await?;
        Ok(left.first().is_some_and(|left| left.int("windows") == Some(0) || left.int("runs") == Some(0)))
    }

    /// The run's last word.
    ///
    /// # Errors
    /// The server's.
    pub async fn end(&self, session: &mut Session, ended: &Ended) -> Result<()> {
        let sql = "UPDATE replica.runs SET phase = 'ended', ended = SYSUTCDATETIME(), outcome = @P2, \
                   windows_done = @P3, windows_failed = @P4, windows_skipped = @P5, row_count = @P6, \
                   byte_count = @P7, retries = @P8, disable_ms = @P9, rebuild_ms = @P10, error = @P11 \
                   OUTPUT inserted.run_id WHERE run_id = @P1 AND ended IS NULL";
        let count = |n: u64| signed(n);
        let error = ended.error.as_deref().map(shortened);
        let params: [&dyn ToSql; 11] = [
            &self.id,
            &ended.outcome,
            &count(ended.windows_done),
            &count(ended.windows_failed),
            &count(ended.windows_skipped),
            &count(ended.rows),
            &count(ended.bytes),
            &count(ended.retries),
            &milliseconds(ended.disabling),
            &milliseconds(ended.rebuilding),
            &error.as_deref(),
        ];
        change(session, sql, &params).await.map(drop)
    }
}
