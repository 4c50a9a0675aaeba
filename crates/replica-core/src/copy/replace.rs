//! The replacement itself: one transaction on one session of the target.
use std::sync::Arc;
use std::time::Duration;

use super::guard::ReplacedRows;
use super::proof::{self, difference};
use super::record::LoadRecord;
use super::referencing::still_rest;
use super::{ConnectedSource, Sides, Verify, WrittenRows};
use crate::catalog::Table;
use crate::error::numbers::CONSTRAINT_CONFLICT;
use crate::error::{Error, Result};
use crate::ledger::Replaced;
use crate::load::{self, LoadOutcome, Progress};
use crate::plan::{CopyOptions, Phase, Plan, Statement};
use crate::report::Timing;
use crate::rows::RowSource;
use crate::session::{Session, forbids_snapshot};
use crate::shape::DeleteMethod;
use crate::tds::fingerprint::Fingerprint;

/// Whoever holds the table for longer would, through our waiting, keep everybody else out, too.
pub(super) const LOCK_WAIT: Duration = Duration::from_secs(120);

/// TRUNCATE of a table that a foreign key points at (docs/SERVER.md, "Other errors"). It was tried since none was in sight:
/// what that key would do to rows of other tables, if the rows were deleted instead, nobody knows.
const REFERENCED: u32 = 4712;

/// How an attempt went that has begun with the table.
pub(super) struct Attempted {
    /// The source's and the target's, unless nobody is to be told of a choice.
    pub tables: Option<(Table, Table)>,
    pub plan: Arc<Plan>,
    /// What the plan was made with.
    pub options: CopyOptions,
    pub replaced: Result<LoadOutcome, ReplaceError>,
    /// Where only rows that differed were written: how many.
    pub written: Option<WrittenRows>,
}

/// A replacement that did not happen.
#[derive(Debug)]
pub(super) struct ReplaceError {
    pub error: Error,
    /// The step that the server refused.
    pub at: Option<Phase>,
    /// Fewer rows have come than may replace as many as the server's estimate says that there are.
    pub doubtful: bool,
}

impl From<Error> for ReplaceError {
    fn from(error: Error) -> Self {
        Self { error, at: None, doubtful: false }
    }
}

impl From<ReplaceError> for Error {
    fn from(failed: ReplaceError) -> Self {
        failed.error
    }
}

impl AsRef<Error> for ReplaceError {
    fn as_ref(&self) -> &Error {
        &self.error
    }
}

impl ReplaceError {
    /// Another way to ask, where the refused step has one that has not been tried.
    pub(super) fn fallback(&self, mut options: CopyOptions) -> Option<CopyOptions> {
        if self.doubtful {
            options.count_rows = true;
            return Some(options);
        }
        if self.error.server().is_none() || self.error.is_transient() {
            return None;
        }
        let switch = match self.at {
            Some(Phase::Suspend) => &mut options.load.keep_keys,
            Some(Phase::Empty)
                if ![CONSTRAINT_CONFLICT, REFERENCED].iter().any(|n| self.error.has_number(*n)) =>
            {
                &mut options.load.delete_only
            }
            Some(Phase::DisableIndexes | Phase::RebuildIndexes) => &mut options.load.keep_indexes,
            None if forbids_snapshot(&self.error) => &mut options.no_snapshot,
            _ => return None,
        };
        (!std::mem::replace(switch, true)).then_some(options)
    }
}

/// What is done between the last row and the commit.
#[derive(Clone, Copy, Debug)]
pub(super) struct Checks<'a> {
    pub verify: Verify,
    /// The windows on record that say of these rows what will no longer hold.
    pub replaced: Option<&'a Replaced<'a>>,
}

/// Replaces the table. What fails before the commit leaves the old rows: the session has XACT_ABORT ON, and a
/// connection that is gone takes its transaction with it.
pub(super) async fn replace(
    sides: &mut Sides<impl ConnectedSource>,
    plan: &Plan,
    held: &ReplacedRows,
    (checks, record): (Checks<'_>, &LoadRecord),
    timing: &mut Timing,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<LoadOutcome, ReplaceError> {
    let Sides { source, target } = sides;
    // Before the target's table is locked: its readers must not wait for the source. Should the rest fail, the rows
    // end with their side, which nobody uses again.
    let rows = source.rows(plan, timing, progress).await?;
    let outcome = load(rows, target, (plan, held), timing, &mut record.counted(progress)).await?;
    proof::reread(source, plan, outcome.fingerprint, timing).await?;
    finish(target, plan, outcome, (checks, record), timing).await?;
    Ok(outcome)
}

/// Has rows take the place of the old ones, in a transaction that stays open.
pub(super) async fn load(
    rows: impl RowSource,
    target: &mut Session,
    (plan, held): (&Plan, &ReplacedRows),
    timing: &mut Timing,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<LoadOutcome, ReplaceError> {
    begin(target, plan.before(), timing).await?;
    if plan.strategy.delete_method == DeleteMethod::Truncate {
        // No trigger fires.
        target.has_left_nothing();
    }
    still_rest(target, plan).await?;
    let load = plan.load(rows.columns())?;
    let outcome = load::stream(rows, target.lane()?, &load, progress).await?;
    timing.phase("INSERT");
    match held.check(outcome.fingerprint.rows) {
        Ok(()) => Ok(outcome),
        Err(error) => {
            target.lane()?.rollback().await?;
            Err(ReplaceError { error, at: None, doubtful: !held.counted })
        }
    }
}

/// What comes between the last row and the commit, and the commit.
pub(super) async fn finish(
    target: &mut Session,
    plan: &Plan,
    outcome: LoadOutcome,
    (checks, record): (Checks<'_>, &LoadRecord),
    timing: &mut Timing,
) -> Result<(), ReplaceError> {
    run(target, plan.after(), timing).await?;
    let verify = checks.verify.by(plan);
    if verify != Verify::Nothing {
        let verified = verify_read_back(target, plan, verify, outcome.fingerprint).await;
        verified.map_err(|error| error.within("reading the target back"))?;
        timing.phase("VERIFY");
    }
    if let Some(replaced) = checks.replaced {
        replaced.mark(target).await?;
    }
    record.commit(target, plan, &outcome).await?;
    timing.phase("COMMIT");
    Ok(())
}

/// Runs statements in a transaction that begins with them.
async fn begin(
    target: &mut Session,
    statements: Vec<Statement>,
    timing: &mut Timing,
) -> Result<(), ReplaceError> {
    let mut statements = statements.into_iter();
    match statements.next() {
        Some(Statement { phase, query, subject }) => {
            target.begin_long(LOCK_WAIT, query).await.map_err(|error| at_phase(error, phase, &subject))?;
            timing.phase(phase.name());
        }
        None => {
            target.set_lock_timeout(LOCK_WAIT).await?;
            target.lane()?.begin().await?;
        }
    }
    run(target, statements.collect(), timing).await
}

pub(super) async fn run(
    target: &mut Session,
    statements: Vec<Statement>,
    timing: &mut Timing,
) -> Result<(), ReplaceError> {
    for Statement { phase, query, subject } in statements {
        target.execute_long(query).await.map_err(|error| at_phase(error, phase, &subject))?;
        timing.phase(phase.name());
    }
    Ok(())
}

/// The server has refused a step.
fn at_phase(error: Error, phase: Phase, subject: &str) -> ReplaceError {
    let error = match phase {
        Phase::Check if error.has_number(CONSTRAINT_CONFLICT) => error
            .within(format_args!("{subject} does not hold for the new rows"))
            .remedy("Bring its table in step first, or run both in one go with the parent last"),
        Phase::Empty if error.has_number(CONSTRAINT_CONFLICT) => error
            .within(subject)
            .remedy("Rows of another table point at them: disable or drop its foreign key for the load"),
        Phase::Empty if error.has_number(REFERENCED) => error.within(subject).remedy(
            "A foreign key that this login cannot see points at it: GRANT VIEW DEFINITION on the target's database \
             to the login",
        ),
        _ => error.within(subject),
    };
    ReplaceError { error, at: Some(phase), doubtful: false }
}

/// Reads the target back inside the transaction: what is not equal is never committed.
async fn verify_read_back(
    target: &mut Session,
    plan: &Plan,
    verify: Verify,
    sent: Fingerprint,
) -> Result<()> {
    match difference(target, plan, verify, sent).await? {
        None => Ok(()),
        Some(different) => Err(different
            .remedy("The old rows were kept. Columns with warnings (--explain) are the first to look at")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ServerError;

    fn failed(number: u32, at: Option<Phase>) -> ReplaceError {
        let error = Error::from_server(vec![ServerError { number, ..Default::default() }]);
        ReplaceError { at, ..ReplaceError::from(error) }
    }

    #[test]
    fn a_refused_step_is_gone_around_once() {
        let plain = CopyOptions::default();
        let around = failed(4711, Some(Phase::Empty)).fallback(plain).unwrap();
        assert!(around.load.delete_only);
        assert!(failed(4711, Some(Phase::Empty)).fallback(around).is_none());
        assert!(failed(1088, Some(Phase::DisableIndexes)).fallback(plain).unwrap().load.keep_indexes);
        assert!(failed(33557097, Some(Phase::Suspend)).fallback(plain).unwrap().load.keep_keys);
        for number in [3952, 3961, 7420, 41332] {
            let around = failed(number, None).fallback(plain).unwrap();
            assert!(around.no_snapshot);
            assert!(failed(number, None).fallback(around).is_none());
        }
    }

    #[test]
    fn what_an_estimate_makes_doubtful_is_counted() {
        let doubtful = ReplaceError { doubtful: true, ..ReplaceError::from(Error::data("few rows")) };
        assert!(doubtful.fallback(CopyOptions::default()).unwrap().count_rows);
    }

    #[test]
    fn what_has_no_other_way_fails() {
        let plain = CopyOptions::default();
        assert!(failed(547, Some(Phase::Check)).fallback(plain).is_none());
        assert!(failed(547, Some(Phase::Empty)).fallback(plain).is_none());
        assert!(
            failed(4712, Some(Phase::Empty)).fallback(plain).is_none(),
            "DELETE might reach other tables"
        );
        assert!(failed(2628, None).fallback(plain).is_none());
        assert!(failed(1205, Some(Phase::Empty)).fallback(plain).is_none());
        assert!(ReplaceError::from(Error::io("gone")).fallback(plain).is_none());
    }
}
