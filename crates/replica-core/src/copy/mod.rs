//! One table, begin to end: the only module that joins the two sides.
mod advice;
mod article;
mod guard;
pub mod indexes;
mod narrow;
mod pinpoint;
mod proof;
mod referencing;
mod replace;
mod source;
mod staged;
mod stall;
mod window;
pub mod windows;

use std::str::FromStr;
use std::time::Duration;

use crate::catalog::{self, Article, Table, TableName};
use crate::config::Endpoint;
use crate::error::{Error, Result};
use crate::find;
use crate::ledger::Replaced;
use crate::load::{LoadOutcome, Progress};
use crate::plan::WindowedPlan;
pub use crate::plan::{CopyOptions, Plan, RowSelection};
use crate::report::Timing;
use crate::retry::Backoff;
use crate::session::applock::{self, LockMode};
use crate::session::{Role, Session};
pub use crate::shape::{LoadOptions, Tablock, refusals};
use crate::window::Window;
pub use guard::Findings;
pub use pinpoint::{FailedLoad, pinpoint};
use replace::{Checks, LOCK_WAIT};
pub use source::{ConnectedSource, Source};

/// What is read back before the commit, to be sure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verify {
    #[default]
    /// The server's count of every load is compared all the same.
    Nothing,
    /// The number of rows, by COUNT_BIG.
    Count,
    /// Every byte, by the hash of every row.
    Hash,
}

impl FromStr for Verify {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "none" => Ok(Self::Nothing),
            "count" => Ok(Self::Count),
            "hash" => Ok(Self::Hash),
            _ => Err(Error::usage("it is none, count or hash")),
        }
    }
}

impl Verify {
    /// What is read back by this plan, which may have reasons of its own.
    fn by(self, plan: &Plan) -> Self {
        match self {
            _ if plan.strategy.server.unchecked_loads => Self::Hash,
            Self::Nothing if plan.strategy.drops_duplicates => Self::Count,
            asked => asked,
        }
    }
}

/// A table to replace, and how.
#[derive(Clone, Debug)]
pub struct TableJob<S = Endpoint> {
    /// As the ledger shows it.
    pub tool: &'static str,
    /// Where the rows come from: a server, or whatever else is a [`Source`].
    pub source: S,
    /// The server and database that are written to.
    pub target: Endpoint,
    /// As the source calls it.
    pub table: TableName,
    /// What of it is copied, and under which name.
    pub article: Article,
    /// Only these days of it; `None`: all.
    pub days: Option<Days>,
    /// What the user lets the copy do, and wants of it.
    pub options: CopyOptions,
    /// What is read back before the commit.
    pub verify: Verify,
}

/// Days of a table that are replaced in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Days {
    /// From the first day to the last.
    pub window: Window,
    /// `None`: the only column that holds dates.
    pub date_column: Option<String>,
}

impl<S> TableJob<S> {
    /// For people: the table, and its days.
    pub fn what(&self) -> String {
        match &self.days {
            Some(days) => format!("{} {}", self.label(), days.window),
            None => self.label(),
        }
    }

    /// For people: the table, by both names where they differ.
    pub fn label(&self) -> String {
        self.article.label(&self.table)
    }

    /// What will be done. `options`: that of the job, or what has become of it.
    ///
    /// # Errors
    /// Those of [`Plan::new`] and of a plan of windows.
    pub fn plan(&self, source: &Table, target: &Table, mut options: CopyOptions) -> Result<Plan> {
        let Some(days) = &self.days else { return Plan::new(source, target, options) };
        options.load.one_transaction = true;
        let plan = WindowedPlan::new(source, target, options, days.date_column.as_deref())?;
        Ok(plan.limited(days.window))
    }

    /// What a plan of the job does to the windows on record.
    fn replaced<'a>(&self, plan: &'a Plan) -> Replaced<'a> {
        let days = plan.limits.as_ref().map(|limits| (limits.date_column.as_str(), limits.window));
        Replaced { tool: self.tool, table: &plan.target, days }
    }
}

/// Another run that was cut off holds its table until the server notices.
const TABLE_LOCK_WAIT: Duration = Duration::from_secs(5);

/// Both sides of a job, connected.
pub struct Sides<S = Session> {
    /// What the source has connected to.
    pub source: S,
    /// A session on the target.
    pub target: Session,
}

impl<S: ConnectedSource> Sides<S> {
    /// # Errors
    /// That of the source, else that of the target.
    pub async fn connect(source: &impl Source<Connected = S>, target: &Endpoint) -> Result<Self> {
        let (source, target) = tokio::join!(source.connect(), Session::connect(target, Role::Target));
        Ok(Self { source: source?, target: target? })
    }

    /// What is known of the table on either side, at the source as its article has it.
    ///
    /// # Errors
    /// Those of [`ConnectedSource::table`] and [`catalog::read`].
    pub async fn tables(&mut self, name: &TableName, article: &Article) -> Result<(Table, Table)> {
        let (source, target) = (self.source.table(name, article), article.target_of(name));
        // Both to the end: a query that is cut off would take its connection with it.
        let (source, target) = tokio::join!(source, catalog::read(&mut self.target, Role::Target, target));
        Ok((source?, target?))
    }
}

/// Looks for values that the target would refuse, in the rows and columns that a plan of the job is about to copy.
/// Changes nothing.
///
/// # Errors
/// Those of [`find::preflight`], with the table; of kind `Usage` where the rows come from no server.
pub async fn preflight<S: Source>(job: &TableJob<S>, plan: &Plan) -> Result<()> {
    let Some(source) = job.source.endpoint() else {
        return Err(Error::usage("--preflight asks the source's server, and there is none"));
    };
    let mut retries = Backoff::default().retries();
    loop {
        let looked = async {
            let mut session = Session::connect(source, Role::Source).await?;
            let table = session.table(&job.table, &job.article).await?;
            find::preflight(&mut session, &table, &plan.mapping, plan.filter()).await
        };
        if let Some(settled) = retries.settled(looked.await.map_err(|error| error.table(&job.table))).await {
            return settled;
        }
    }
}

/// Looks at what a plan would destroy although nobody asked for it. Changes nothing.
///
/// # Errors
/// The servers' own.
pub async fn look(sides: &mut Sides<impl ConnectedSource>, plan: &Plan) -> Result<Findings> {
    Ok(guard::look(sides, plan).await?.0)
}

/// Replaces a table, and does it again after a transient error: from the start, since a replacement that did not
/// commit has changed nothing, and one that did can be repeated.
///
/// Dropping the future leaves the old rows: the server rolls back when the connection is gone.
///
/// # Errors
/// The last attempt's, with the table.
pub async fn table<S: Source>(
    job: &TableJob<S>,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<LoadOutcome> {
    table_with_effort(job, progress, &mut Effort::default()).await
}

/// What a copy took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// Attempts after the first.
    pub retries: u32,
    /// Of the attempt that went well, phase by phase, as \[TIMING\] names them.
    pub phases: Vec<(&'static str, Duration)>,
}

/// As [`table`], and says what it took.
///
/// # Errors
/// As [`table`].
pub async fn table_with_effort<S: Source>(
    job: &TableJob<S>,
    progress: &mut (dyn FnMut(Progress) + Send),
    effort: &mut Effort,
) -> Result<LoadOutcome> {
    let mut retries = Backoff::default().retries();
    loop {
        let replaced = attempt(job, progress, &mut effort.phases).await;
        if let Some(settled) = retries.settled(replaced.map_err(|error| error.table(&job.table))).await {
            effort.retries = retries.used();
            return settled;
        }
    }
}

/// One attempt, or several where the server refuses a step that has a fallback for.
async fn attempt<S: Source>(
    job: &TableJob<S>,
    progress: &mut (dyn FnMut(Progress) + Send),
    phases: &mut Vec<(&'static str, Duration)>,
) -> Result<LoadOutcome> {
    let mut options = job.options;
    loop {
        let mut sides = Sides::connect(&job.source, &job.target).await?;
        let (source, target) = sides.tables(&job.table, &job.article).await?;
        lock_table(&mut sides.target, &target, LockMode::Exclusive).await?;
        let plan = job.plan(&source, &target, options)?;
        plan.allowed()?;
        let on_record = job.replaced(&plan);
        let is_on_record = on_record.is_on_record(&mut sides.target).await?;
        let checks = Checks { verify: job.verify, replaced: is_on_record.then_some(&on_record) };
        let mut timing = Timing::begin(job.what());
        let replaced = async {
            let (findings, held) = guard::look(&mut sides, &plan).await?;
            for warning in findings.warnings()? {
                log::warn!("{}: {warning}", job.table);
            }
            timing.skip();
            replace::replace(&mut sides, &plan, &held, checks, &mut timing, progress).await
        };
        match replaced.await {
            Ok(outcome) => {
                timing.log();
                *phases = timing.phases().to_vec();
                return Ok(outcome);
            }
            Err(failed) => match failed.fallback(options) {
                Some(other) => {
                    let how = if failed.doubtful { "counting them first" } else { "going on without" };
                    log::warn!("{}: {}; {how}", job.table, failed.error);
                    options = other;
                }
                None if failed.at.is_some() => return Err(advice::advise(failed.error, &plan)),
                None => {
                    // What it holds in the target must not be waited for.
                    drop(sides);
                    let (from, target) = (job.source.endpoint(), &job.target);
                    let load = FailedLoad { source: from, target, table: &source, plan: &plan };
                    return Err(pinpoint(failed.error, &load).await);
                }
            },
        }
    }
}

/// Keeps other runs off the target table for the life of the session. A server without application locks leaves
/// it to the table's own.
async fn lock_table(target: &mut Session, table: &Table, mode: LockMode) -> Result<()> {
    let resource = format!("replica table {}", table.object.id);
    if applock::take(target, &resource, mode, TABLE_LOCK_WAIT).await? {
        Ok(())
    } else {
        Err(Error::busy("another run holds this table"))
    }
}
