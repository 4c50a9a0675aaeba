//! A table that is loaded beside its target, proved there, and published: copied over in one transaction, or switched in.
//!
//! Until then readers see the old rows, and a failure leaves them. What the servers are asked while somebody is in the way
//! is bounded, and is asked again later ([`SwitchPatience`]): whoever waits for a table's lock keeps everybody else out, too.
use std::time::{Duration, Instant};

use super::guard::ReplacedRows;
use super::proof::{self, difference};
use super::referencing::still_rest;
use super::replace::{Checks, LOCK_WAIT, ReplaceError, run};
use super::streams::Streams;
use super::{ConnectedSource, Sides, Verify, table_lock_of};
use crate::catalog::record::CatalogRow;
use crate::catalog::{Table, TableName};
use crate::config::{Endpoint, Publish};
use crate::error::{Error, Kind, Result};
use crate::identity;
use crate::ledger::{self, Claim, RecordedStaging};
use crate::load::{self, Load, LoadOutcome, Progress};
use crate::plan::{CopyOptions, Plan, Publishing, WindowedPlan};
use crate::report::{Timing, human_duration};
use crate::retry::Backoff;
use crate::rows::RowSource as _;
use crate::schema::{self, Definition};
use crate::session::applock::{self, LockMode};
use crate::session::{Role, Session, holders};
use crate::staging::{BrokenRule, StagingTables, SwitchFacts, Twins, broken_rules};
use crate::tds::rpc::Query;

/// A lock was not granted in time (sys.messages).
pub(super) const LOCK_TIMEOUT: u32 = 1222;

/// How long a statement may wait for the target's lock where it cannot wait at low priority: whoever comes later waits
/// behind it.
pub(super) const POLITE_WAIT: Duration = Duration::from_secs(5);

/// After so long somebody has to look who is in the way.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// Rows after which a load beside the target commits: nobody sees them, and the log can be cut.
const COMMIT_ROWS: u64 = 1 << 20;

/// A plan that says how its rows become visible, as the user has asked. A plan of differences, and one that must not be
/// carried out, stay as they are.
///
/// # Errors
/// The server's: its catalog does not tell what SWITCH wants to know.
pub async fn published(
    session: &mut Session,
    (source, target): (&Table, &Table),
    plan: Plan,
    options: CopyOptions,
) -> Result<Plan> {
    if plan.difference.is_some() || plan.allowed().is_err() {
        return Ok(plan);
    }
    let plan = match options.publish {
        Publish::Auto | Publish::Direct => return Ok(plan),
        Publish::Staged => plan.staged(target),
        Publish::Switch => switched(session, target, plan).await?,
    };
    Ok(plan.by_streams(source, options.streams))
}

async fn switched(target: &mut Session, table: &Table, plan: Plan) -> Result<Plan> {
    let (definition, facts) = definition(target, table).await?;
    let mut broken = broken_rules(table, &definition, &facts);
    broken.extend(of_plan(&plan));
    if plan.limits.is_some() {
        let what = "only all rows of a table change places here, and those of partitions in replicate-monthly-parallel-streaming";
        broken.push(BrokenRule::unnumbered(what));
    }
    if broken.is_empty() {
        Ok(plan.switched(Twins::new(table, definition, &facts)))
    } else {
        Ok(plan.not_switched(&broken))
    }
}

/// The rules of SWITCH that do not hold for windows of a table. Tables beside a partition have neither keys nor checks.
pub(super) async fn switch_rules(
    target: &mut Session,
    table: &Table,
    plan: &WindowedPlan,
) -> Result<Vec<BrokenRule>> {
    let (definition, facts) = definition(target, table).await?;
    let mut broken = broken_rules(table, &definition, &facts);
    broken.extend(of_plan(&plan.base));
    let keys = definition.foreign_keys.iter();
    broken.extend(keys.map(|key| {
        BrokenRule::new(
            4968,
            format!("foreign key {}, of which a partition's table has no copy", key.name.name),
        )
    }));
    let checks = definition.checks.iter();
    broken.extend(checks.map(|check| {
        BrokenRule::new(4970, format!("check {}, of which a partition's table has no copy", check.name.name))
    }));
    Ok(broken)
}

fn of_plan(plan: &Plan) -> Option<BrokenRule> {
    (!plan.strategy.may_stage())
        .then(|| BrokenRule::unnumbered("triggers are to fire (--fire-triggers), and SWITCH fires none"))
}

async fn definition(target: &mut Session, table: &Table) -> Result<(Definition, SwitchFacts)> {
    let name = &table.object.name;
    let read = schema::read(target, Role::Target, std::slice::from_ref(name)).await?;
    let definition = read.tables.into_iter().next().transpose()?.flatten();
    let unseen = || {
        let error =
            Error::data("this login may not see the definition of the target, which SWITCH depends on");
        error.remedy("GRANT VIEW DEFINITION on it").table(name)
    };
    Ok((definition.ok_or_else(unseen)?, SwitchFacts::read(target, table).await?))
}

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
        for sql in &tables.finish {
            let built = target.execute_long(sql).await;
            built
                .map_err(|error| error.within("building what SWITCH wants of the table beside the target"))?;
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

/// Replaces the rows by those beside the target, in one transaction.
async fn copy_over(
    target: &mut Session,
    plan: &Plan,
    tables: &StagingTables,
    checks: Checks<'_>,
    rows: u64,
    timing: &mut Timing,
) -> Result<(), ReplaceError> {
    let mut patience = SwitchPatience::new(plan);
    target.set_lock_timeout(POLITE_WAIT).await?;
    loop {
        let copied = async {
            target.lane()?.begin().await?;
            run(target, plan.before(), timing).await?;
            still_rest(target, plan).await?;
            insert(target, plan, tables, rows).await?;
            timing.phase("PUBLISH");
            run(target, plan.after(), timing).await?;
            if let Some(replaced) = checks.replaced {
                replaced.mark(target).await?;
            }
            target.lane()?.commit().await?;
            Ok::<_, ReplaceError>(())
        };
        match copied.await {
            Ok(()) => break,
            Err(failed) if failed.error.has_number(LOCK_TIMEOUT) => {
                patience.step_back(target, failed.error).await?;
            }
            Err(failed) => return Err(failed),
        }
    }
    timing.phase("COMMIT");
    target.set_lock_timeout(LOCK_WAIT).await?;
    Ok(())
}

/// Copies the rows over, within the open transaction.
///
/// # Errors
/// The server's; an index has dropped rows whose key is there.
pub(super) async fn insert(
    target: &mut Session,
    plan: &Plan,
    tables: &StagingTables,
    rows: u64,
) -> Result<()> {
    if let Some(keep) = plan.keep_numbers(true) {
        target.execute(&keep).await?;
    }
    let copied = target.execute_long(plan.copy_over(&tables.incoming)).await;
    let copied = copied.map_err(|error| error.within("copying the new rows over"))?.rows.unwrap_or_default();
    if let Some(keep) = plan.keep_numbers(false) {
        target.execute(&keep).await?;
    }
    if copied == rows {
        return Ok(());
    }
    Err(Error::data(format!("of {rows} new rows {copied} were copied over"))
        .remedy("An index with IGNORE_DUP_KEY or a trigger keeps rows out. The old rows were kept"))
}

/// The rows change places, in one batch: whoever waits for the table waits for no answer of ours. `ledger`: what has to be
/// said there in the same transaction.
pub(super) async fn switch(
    target: &mut Session,
    plan: &Plan,
    tables: &StagingTables,
    ledger: Query,
) -> Result<()> {
    let Query { sql: ledger, mut params } = ledger;
    let mut statements = vec!["BEGIN TRANSACTION".to_owned()];
    statements.extend(tables.switch.iter().cloned());
    statements.extend(tables.unless.iter().map(|bounds| bounds.check(&mut params)));
    statements.extend(Some(ledger).filter(|sql| !sql.is_empty()));
    statements.push("COMMIT TRANSACTION".to_owned());
    let batch = Query { sql: statements.join(";\n"), params };
    target.set_lock_timeout(if tables.low_priority { LOCK_WAIT } else { POLITE_WAIT }).await?;
    let mut patience = SwitchPatience::new(plan);
    loop {
        match target.execute_long(batch.clone()).await {
            Ok(_) => break,
            Err(error) if error.has_number(LOCK_TIMEOUT) => patience.step_back(target, error).await?,
            Err(error) => return Err(error),
        }
    }
    target.set_lock_timeout(LOCK_WAIT).await
}

/// How long we have let others pass.
pub(super) struct SwitchPatience {
    table_id: i64,
    what: String,
    begun: Instant,
    steps: u32,
}

impl SwitchPatience {
    pub(super) fn new(plan: &Plan) -> Self {
        let what = match &plan.limits {
            Some(limits) => format!("{} {}", plan.target, limits.window),
            None => plan.target.to_string(),
        };
        Self { table_id: plan.target_id, what, begun: Instant::now(), steps: 0 }
    }

    /// Gives the locks back, says who is in the way, and waits until it is time to try again.
    ///
    /// # Errors
    /// It was tried for too long.
    pub(super) async fn step_back(&mut self, target: &mut Session, error: Error) -> Result<()> {
        // Before that the holders are asked for, or nobody would hold anything any more.
        target.lane()?.rollback().await?;
        let held = holders(target, self.table_id).await;
        let waited = self.begun.elapsed();
        if waited >= LONGEST {
            return Err(error
                .settled()
                .within(format_args!("no lock on the table in {}; {held}", human_duration(waited))));
        }
        self.steps += 1;
        let backoff = Backoff { max_retries: u32::MAX, ..Backoff::default() };
        let pause = backoff.delay(self.steps.min(16)).unwrap_or(backoff.cap);
        log::warn!(
            "{}: steps back, so that others can pass, and tries again in {}; {held}",
            self.what,
            human_duration(pause)
        );
        tokio::time::sleep(pause).await;
        Ok(())
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
        for left in ledger::recorded_staging(target, Some(&plan.target)).await? {
            // A host that has taken the window over has tables of the same names.
            if left.run == run && tables.names().any(|name| *name == left.name) {
                ledger::drop_staging(target, &left, None).await?;
            }
        }
        Ok::<_, Error>(())
    };
    if let Err(error) = dropped.await {
        let name = &tables.incoming;
        log::warn!("{name} is left behind, to be dropped by the next run or by --clean-up: {error}");
    }
}

/// SWITCH moves rows, not what the table's statistics say of those that were there (unconfirmed: Microsoft's pages do not
/// say).
async fn update_statistics(target: &mut Session, plan: &Plan) {
    let sql = format!("UPDATE STATISTICS {}", plan.target.quoted());
    if let Err(error) = target.execute_long(sql).await {
        log::warn!("{}: its statistics are those of the old rows: {error}", plan.target);
    }
}

/// Drops what runs that are dead have left beside the target's tables. Answers what was dropped, and what stays since its
/// run may be alive: its lease lasts, or somebody holds its table.
///
/// # Errors
/// The server's.
pub async fn clean_up(endpoint: &Endpoint) -> Result<(Vec<RecordedStaging>, Vec<RecordedStaging>)> {
    let mut retries = Backoff::default().retries();
    loop {
        let cleaned = async {
            let mut target = Session::connect(endpoint, Role::Target).await?;
            let (mut dropped, mut kept) = (Vec::new(), Vec::new());
            for left in ledger::staging(&mut target).await? {
                let resource = id_of(&mut target, &left.target).await?.map(table_lock_of);
                let is_free = match &resource {
                    Some(name) => {
                        applock::take(&mut target, name, LockMode::Exclusive, Duration::ZERO).await?
                    }
                    None => true,
                };
                if left.is_alive || !is_free {
                    kept.push(left);
                } else {
                    ledger::drop_staging(&mut target, &left, None).await?;
                    dropped.push(left);
                }
                if let Some(name) = resource.filter(|_| is_free) {
                    applock::release(&mut target, &name).await?;
                }
            }
            Ok((dropped, kept))
        };
        if let Some(settled) = retries.settled(cleaned.await).await {
            return settled;
        }
    }
}

/// `None`: the table is gone.
async fn id_of(target: &mut Session, table: &TableName) -> Result<Option<i64>> {
    let sql = "SELECT CAST(OBJECT_ID(@P1) AS bigint) AS object_id";
    let rows = target.query(sql, &[&table.quoted().as_str()]).await?;
    Ok(rows.first().and_then(|row| CatalogRow::from(row).int("object_id")))
}
