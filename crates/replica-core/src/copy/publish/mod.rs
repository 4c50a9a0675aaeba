//! A table that is loaded beside its target, proved there, and published: copied over in one transaction, or switched in.
//!
//! Until then readers see the old rows, and a failure leaves them.
mod clean_up;
mod decide;
mod exchange;
mod patience;

use super::guard::ReplacedRows;
use super::proof::{self, difference};
use super::replace::{Checks, LOCK_WAIT, ReplaceError};
use super::streams::Streams;
use super::{ConnectedSource, Sides, Verify};
use crate::catalog::Table;
use crate::config::Endpoint;
use crate::error::{Error, Kind, Result};
use crate::identity;
use crate::ledger::{self, Claim, RecordedStaging};
use crate::load::{self, Load, LoadOutcome, Progress};
use crate::plan::{Plan, Publishing};
use crate::report::Timing;
use crate::rows::RowSource as _;
use crate::session::Session;
use crate::staging::StagingTables;

pub use clean_up::clean_up;
pub use decide::published;
pub(super) use decide::switch_rules;
use exchange::copy_over;
pub(super) use exchange::{insert, switch};
pub(super) use patience::{POLITE_WAIT, SwitchPatience};

/// Rows after which a load beside the target commits: nobody sees them, and the log can be cut.
const COMMIT_ROWS: u64 = 1 << 20;

/// A table that is loaded beside its target and published.
pub(super) struct PublishJob<'a> {
    pub plan: &'a Plan,
    /// The run's number in the ledger.
    pub run: Option<i64>,
    pub held: &'a ReplacedRows,
    pub checks: Checks<'a>,
    /// Where several streams read: the server, if there is one, and its table.
    pub source: (Option<&'a Endpoint>, &'a Table),
    pub target: &'a Endpoint,
}

impl PublishJob<'_> {
    /// Loads the plan's rows beside the target, proves them there, and publishes them.
    pub(super) async fn replace(
        &self,
        sides: &mut Sides<impl ConnectedSource>,
        timing: &mut Timing,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<LoadOutcome, ReplaceError> {
        let plan = self.plan;
        let Some(run) = self.run else {
            let error = Error::data("tables beside the target are kept on record, and there is no ledger");
            return Err(error
                .remedy("See that the login may use the ledger, or say --publish direct")
                .into());
        };
        let (tables, bare) = match &plan.publishing {
            Publishing::Switch(twins) => (twins.tables(run), false),
            _ => (plan.heap(&run.to_string()), true),
        };
        let target = &mut sides.target;
        target.set_lock_timeout(LOCK_WAIT).await?;
        ledger::open_staging(target).await?;
        ledger::sweep_staging(target, &plan.target, Some(run)).await?;
        let unsorted = bare || plan.streams.is_some();
        let reading = if unsorted { plan.unsorted() } else { plan.clone() };
        let beside = reading.beside(&tables.incoming, bare);
        let filling = Filling { plan: &reading, beside: &beside, tables: &tables, run, claim: None };
        let replaced = self.fill_and_publish(sides, &filling, timing, progress).await;
        if replaced.as_ref().err().is_none_or(|failed| !is_lost(&failed.error)) {
            drop_all(&mut sides.target, plan, run, &tables).await;
            if replaced.is_ok() && !tables.switch.is_empty() {
                update_statistics(&mut sides.target, plan).await;
            }
        }
        replaced
    }

    async fn fill_and_publish(
        &self,
        sides: &mut Sides<impl ConnectedSource>,
        filling: &Filling<'_>,
        timing: &mut Timing,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<LoadOutcome, ReplaceError> {
        let Filling { plan: reading, beside, tables, .. } = filling;
        filling.make(&mut sides.target).await?;
        let outcome = match self.source {
            (Some(source), table) if reading.streams.is_some() => {
                let streams = Streams { source, target: self.target, table, plan: reading, beside };
                let outcome = streams.load(progress).await?;
                timing.phase("INSERT");
                outcome
            }
            _ => filling.load(sides, timing, progress).await?,
        };
        let target = &mut sides.target;
        filling.finish(target, timing).await?;
        if let Err(error) = self.held.check(outcome.fingerprint.rows) {
            return Err(ReplaceError { doubtful: !self.held.counted, ..ReplaceError::from(error) });
        }
        prove(target, beside, self.checks.verify, &outcome, timing).await?;
        if tables.switch.is_empty() {
            copy_over(target, self.plan, tables, self.checks, outcome.fingerprint.rows, timing).await?;
        } else {
            let marking = self.checks.replaced.map(ledger::Replaced::marking).unwrap_or_default();
            switch(target, self.plan, tables, marking).await?;
            timing.phase("SWITCH");
        }
        Ok(outcome)
    }
}

/// Tables beside a target, and what fills them.
pub(super) struct Filling<'a> {
    /// What reads the rows.
    pub plan: &'a Plan,
    /// What loads them.
    pub beside: &'a Plan,
    pub tables: &'a StagingTables,
    /// The run's number in the ledger.
    pub run: i64,
    /// Of the window that they are for: each commit is fenced by it (see [`Load::fence`]).
    pub claim: Option<&'a Claim>,
}

impl Filling<'_> {
    /// Makes the tables.
    pub(super) async fn make(&self, target: &mut Session) -> Result<()> {
        ledger::make_staging(target, &self.plan.target, self.run, &self.tables.create, self.claim).await
    }

    /// Loads the rows.
    pub(super) async fn load(
        &self,
        sides: &mut Sides<impl ConnectedSource>,
        timing: &mut Timing,
        progress: &mut (dyn FnMut(Progress) + Send),
    ) -> Result<LoadOutcome> {
        let Sides { source, target } = sides;
        let rows = source.rows(self.plan, timing, progress).await?;
        let fence = self.claim.map(Claim::fence);
        let load = Load {
            fence: fence.clone(),
            commit_rows: Some(COMMIT_ROWS),
            ..self.beside.load(rows.columns())?
        };
        target.lane()?.begin().await?;
        let outcome = load::stream(rows, target.lane()?, &load, progress).await?;
        if let Some(fence) = &fence {
            // Whoever has taken the window over has tables of the same names.
            target.lane()?.run(fence).await?;
        }
        target.lane()?.commit().await?;
        timing.phase("INSERT");
        proof::reread(source, self.plan, outcome.fingerprint, timing).await?;
        Ok(outcome)
    }

    /// Builds what is cheaper to build once the rows are there.
    pub(super) async fn finish(&self, target: &mut Session, timing: &mut Timing) -> Result<()> {
        let tables = self.tables;
        for step in &tables.finish {
            for statement in &step.statements {
                let built = target.execute_long(&statement.sql).await;
                built.map_err(|error| {
                    error.within(format_args!("making {} on the table beside the target", step.what))
                })?;
            }
        }
        if !tables.finish.is_empty() {
            timing.phase("BUILD_IDX");
        }
        if tables.has_identity {
            identity::move_on(target, &self.plan.target, &tables.incoming).await?;
        }
        Ok(())
    }
}

/// Reads the table beside the target back: what is not equal is never published.
pub(super) async fn prove(
    target: &mut Session,
    beside: &Plan,
    verify: Verify,
    outcome: &LoadOutcome,
    timing: &mut Timing,
) -> Result<()> {
    let verify = verify.by(beside);
    if verify == Verify::Nothing {
        return Ok(());
    }
    let different = difference(target, beside, verify, outcome.fingerprint).await;
    timing.phase("VERIFY");
    match different.map_err(|error| error.within("reading the table beside the target back"))? {
        None => Ok(()),
        Some(different) => Err(different
            .remedy("The old rows were kept. Columns with warnings (--explain) are the first to look at")),
    }
}

/// Is there no connection on which the tables could be dropped?
pub(super) fn is_lost(error: &Error) -> bool {
    error.server().is_none() && error.kind() != Kind::Data
}

/// Takes back what is under way, and drops the run's tables, which are of no use to anybody; whatever stays is on record.
pub(super) async fn drop_all(target: &mut Session, plan: &Plan, run: i64, tables: &StagingTables) {
    let dropped = async {
        if target.lane()?.in_transaction() {
            target.lane()?.rollback().await?;
        }
        // A host that has taken the window over has tables of the same names.
        drop_recorded(target, plan, tables, |left| left.run == run, None).await
    };
    if let Err(error) = dropped.await {
        let name = &tables.incoming;
        log::warn!("{name} is left behind, to be dropped by the next run or by --clean-up: {error}");
    }
}

/// Drops those of the tables that are on record and meant.
pub(super) async fn drop_recorded(
    target: &mut Session,
    plan: &Plan,
    tables: &StagingTables,
    is_meant: impl Fn(&RecordedStaging) -> bool,
    claim: Option<&Claim>,
) -> Result<()> {
    for left in ledger::recorded_staging(target, Some(&plan.target)).await? {
        if is_meant(&left) && tables.names().any(|name| *name == left.name) {
            ledger::drop_staging(target, &left, claim).await?;
        }
    }
    Ok(())
}

/// SWITCH moves rows, not what the table's statistics say of those that were there (unconfirmed: Microsoft's pages do not
/// say).
async fn update_statistics(target: &mut Session, plan: &Plan) {
    let sql = format!("UPDATE STATISTICS {}", plan.target.quoted());
    if let Err(error) = target.execute_long(sql).await {
        log::warn!("{}: its statistics are those of the old rows: {error}", plan.target);
    }
}
