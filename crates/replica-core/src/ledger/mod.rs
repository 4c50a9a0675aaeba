//! What was done to date-based tables, kept in the target database: which windows are complete, who works on which,
//! and which indexes are disabled by us. docs/LEDGER.md has the tables, and the SQL to look at them.
//!
//! # A window's life
//! ```text
//!            begin               claim                 complete
//! (no row) ────────▶ pending ────────────▶ loading ───────────────▶ complete
//!                       ▲                   │   │                      │
//!                       └──── release ──────┘   └──── fail ──▶ failed  │ begin without --resume
//!                       ▲                                        │     │
//!                       └────────────────────────────────────────┴─────┘
//! ```
//! | state | set by | when |
//! |---|---|---|
//! | `pending` | [`begin`] | a run means to replace the window; its rows are still the old ones |
//! | `pending` | [`Run::release`] | a run was stopped while it loaded the window; its rows are any number |
//! | `loading` | [`Run::claim`], [`Run::next`] | committed before the window's first row is deleted |
//! | `complete` | [`Claim::complete`] | in the transaction of the window's last rows |
//! | `failed` | [`Claim::fail`] | it was given up; its rows are any number |
//!
//! # The order that survives a crash
//! `loading` is committed before the window is touched, `complete` with its last rows: whatever ends a run, a window
//! is `complete` only if its rows are. What is not is deleted and loaded again.
//!
//! A [`Claim`] is a run's right to change the window's rows. The run holds it by a lease of the server's clock, which
//! it renews; when it dies, others take the window over, and the claim's number goes up. A run that has lost its claim
//! without knowing must not commit: so *every* transaction that changes the window's rows ends with [`Claim::fence`]
//! or [`Claim::complete`], which fail, and roll back, if the claim is not ours any more. Being the last statement
//! before the commit, they keep the ledger's row locked for no longer than the commit takes.
//!
//! All other statements touch one row by its key, in a transaction of their own. [`begin`] is the exception: it works
//! on all windows of its table, under an application lock.
//!
//! An UPDATE has one table and no alias, and its columns bear the table's name. Babelfish takes the target of
//! `UPDATE w ... FROM windows AS w` for a table beside `w`, and calls a bare column ambiguous.
//!
//! # Rows that change past the ledger
//! Loads that have no windows (whole tables, or days in one transaction) mark those on record as [`Replaced`] says.
//! What others do to the rows is found by whoever relies on a record: see [`skippable`].
mod begin;
mod candidates;
mod claim;
mod clearing;
mod found;
mod history;
mod index;
mod known;
mod lease;
mod load;
mod plain;
mod quiet;
mod replaced;
mod run;
mod schema;
mod staging;
mod subject;
mod version;

pub use begin::{
    Begun, Complete, PlannedWindow, Redone, ResumeMode, RunOptions, begin, may_be_joined, skippable,
};
pub use candidates::Candidates;
pub use claim::{Claim, Loaded, NextClaim, is_lost};
pub(crate) use clearing::Clearing;
pub use found::DDL;
pub(crate) use found::check;
pub use history::{Failing, Past, PastWindow, at_work, failing, history};
pub use index::{Recorded, forget, forget_taken, give_back, record, recorded, take};
pub use known::{RecordedWindow, State, windows};
pub(crate) use known::{WINDOW_DAYS, window};
pub use lease::{Heartbeat, LEASE};
pub use load::{LOADS_DDL, LastLoad, LoadedTable, RecordedLoad, last_load, note_load};
pub(crate) use plain::BegunPlainRun;
pub use plain::{PlainEnd, PlainRun, PlainRunOptions, end_unended};
pub(crate) use quiet::{changes_applied, quiet};
pub use replaced::{Replaced, window_columns};
pub use run::{Ended, Run};
pub use schema::{exists, open, open_for_keys};
pub use staging::{
    RecordedStaging, STAGING_DDL, drop_staging, make_staging, open_staging, recorded_staging, staging,
    sweep_staging,
};
pub(crate) use subject::fingerprint;
pub use subject::{Subject, source_name};
pub use version::{
    Method, RecordedVersion, TableVersion, VERSIONS_DDL, advance_versions, has_versions, open_versions,
    versions, write_version,
};

use schema::open_quietly;

use crate::catalog::TableName;
use crate::catalog::record::CatalogRow;
use crate::error::{Error, Result};
use crate::session::{Session, ToSql};

/// Errors are kept so far, in characters.
const MOST_ERROR: usize = 2000;

/// The answer's rows, read leniently.
async fn ask(session: &mut Session, sql: &str, params: &[&dyn ToSql]) -> Result<Vec<CatalogRow>> {
    let rows = session.query(sql, params).await.map_err(|error| error.within("the ledger"))?;
    Ok(rows.iter().map(CatalogRow::from).collect())
}

/// Runs a statement with OUTPUT on one row; did it find it?
async fn change(session: &mut Session, sql: &str, params: &[&dyn ToSql]) -> Result<bool> {
    Ok(!ask(session, sql, params).await?.is_empty())
}

/// Schema and table, as they are in the ledger.
fn names(table: &TableName) -> (&str, &str) {
    (table.schema.as_deref().unwrap_or_default(), &table.name)
}

/// Whether a window on record has any of the days from one parameter up to, and without, another. Without end
/// (see [`DayRange::is_endless`](crate::window::DayRange::is_endless)) it has all from its first day on.
fn overlaps(first: &str, next: &str) -> String {
    const ENDLESS: &str = "'99991231'";
    format!(
        "((windows.first_date < {next} OR CAST({next} AS date) = {ENDLESS}) \
         AND (windows.next_date > {first} OR windows.next_date = {ENDLESS}))"
    )
}

/// The server's integers have a sign. No count comes near the end.
fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn milliseconds(duration: std::time::Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// As DATEADD takes them.
fn milliseconds32(duration: std::time::Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

fn shortened(error: &str) -> String {
    error.chars().take(MOST_ERROR / 2).collect()
}

/// The claim or the lease is another's by now.
fn lost(what: &str) -> Error {
    Error::busy(format!("{what} was taken over by another run, since this one's lease had expired"))
}
