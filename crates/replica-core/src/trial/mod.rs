//! One row of the source, shown column by column and tried on the target: loaded as the copy would load it, with
//! constraints and triggers, inside a transaction that is always rolled back.
mod guilty;
mod identity;
mod show;
mod transaction;

use crate::catalog::Table;
use crate::copy::Sides;
use crate::error::{Error, Result};
use crate::find::{Places, RowKey};
use crate::plan::Plan;
use crate::predicate::bracketed;
use crate::session::{Isolation, forbids_snapshot};
use crate::window::Filter;
pub use guilty::Guilty;
pub use show::Shown;
use transaction::TrialTransaction;

/// Which row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// By the values of the source's key, in its order.
    Key(Vec<String>),
    /// By a predicate in T-SQL on the source's columns; the first that it is true for.
    Where(String),
}

/// What is known of a table on both sides, and how it would be copied.
pub struct TrialTable<'a> {
    /// The table that has the row.
    pub source: &'a Table,
    /// The table that it is tried on.
    pub target: &'a Table,
    /// How it would be copied.
    pub plan: &'a Plan,
}

/// A row and what became of it.
#[derive(Debug)]
pub struct Trial {
    /// In the order of the copy.
    pub columns: Vec<Shown>,
    /// The target's columns that take their default.
    pub defaults: Vec<String>,
    /// Others match as well.
    pub is_first_of_many: bool,
    /// What the target made of the row.
    pub outcome: TrialOutcome,
}

/// What the target says to the row.
#[derive(Debug)]
pub enum TrialOutcome {
    /// The target takes it.
    Accepted,
    /// Accepted once the target's own row of the same key was out of the way, as it is in a copy.
    Replaces,
    /// The target does not take it.
    Refused {
        /// What it said of the whole row.
        error: Error,
        /// Columns without whose values it would.
        guilty: Guilty,
    },
}

impl Which {
    /// # Errors
    /// Of kind `Usage`: a key that the table does not have, or has with another number of columns; what is no condition.
    pub fn filter(&self, source: &Table) -> Result<Filter> {
        match self {
            Self::Where(text) => Ok(Filter { predicate: bracketed(text)?, params: Vec::new() }),
            Self::Key(values) => {
                let key = RowKey::of(source).ok_or_else(|| {
                    Error::usage("the source's table has no key").remedy("Name the row with --where")
                })?;
                let mut params = Vec::new();
                Ok(Filter { predicate: key.predicate(values, &mut params)?, params })
            }
        }
    }
}

/// Shows a row and tries it. Nothing stays of it on either side: the source is read in a transaction that is rolled
/// back, too, whatever a condition or a view may do there.
///
/// # Errors
/// No such row; what keeps the trial from being made, as a lost connection does. A refusal is no error.
pub async fn row(sides: &mut Sides, subject: &TrialTable<'_>, which: &Which) -> Result<Trial> {
    let source = subject.source;
    let named = |error| source.article.named(&source.object.name, error);
    let mut snapshot = subject.plan.snapshot;
    loop {
        let level = if snapshot { Isolation::Snapshot } else { Isolation::ReadCommitted };
        sides.source.set_isolation(level).await?;
        sides.source.lane()?.begin().await?;
        let tried = try_row(sides, subject, which).await;
        if let Ok(lane) = sides.source.lane()
            && lane.is_idle()
        {
            lane.rollback().await?;
        }
        match tried {
            Err(error) if snapshot && forbids_snapshot(&error) => snapshot = false,
            tried => return tried.map_err(named),
        }
    }
}

async fn try_row(sides: &mut Sides, subject: &TrialTable<'_>, which: &Which) -> Result<Trial> {
    let places = Places::of(subject.source, Some(which.filter(subject.source)?));
    let shown = show::show(&mut sides.source, subject, &places).await?;
    let Some((columns, is_first_of_many)) = shown else {
        return Err(Error::data("the source has no such row"));
    };
    let identity = identity::Identity::note(&mut sides.target, subject.target, &columns).await?;
    let mut trial = TrialTransaction::new(sides, subject, &places);
    let outcome = outcome(&mut trial, &columns).await;
    identity.put_back(&mut sides.target).await;
    let defaults = subject.plan.defaults(subject.target).into_iter().map(|column| column.target.name);
    Ok(Trial { columns, defaults: defaults.collect(), is_first_of_many, outcome: outcome? })
}

/// A row of this key is there, or was loaded twice (docs/SERVER.md, "Errors of a bulk load").
const DUPLICATE: [u32; 2] = [2601, 2627];

async fn outcome(trial: &mut TrialTransaction<'_>, columns: &[Shown]) -> Result<TrialOutcome> {
    let Some(mut error) = trial.load(&[]).await? else { return Ok(TrialOutcome::Accepted) };
    if DUPLICATE.iter().any(|number| error.has_number(*number)) {
        trial.make_room().await?;
        match trial.load(&[]).await? {
            None => return Ok(TrialOutcome::Replaces),
            Some(other) => error = other,
        }
    }
    let suspects: Vec<usize> =
        columns.iter().enumerate().filter(|(_, column)| column.is_refused()).map(|(n, _)| n).collect();
    let guilty = guilty::find(trial, &suspects).await?;
    Ok(TrialOutcome::Refused { error, guilty })
}
