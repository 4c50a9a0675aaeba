//! Which columns a row is refused for: those that make it acceptable when a plain value stands in their place.
use super::transaction::TrialTransaction;
use crate::error::{Error, Result};

/// Columns by their number in the plan's mapping, and beyond them those that take their default.
#[derive(Debug, Default)]
pub struct Guilty {
    /// A plain value in any one of these will do. More than one: a constraint is about them together, or the trigger is.
    pub any_of: Vec<usize>,
    /// Plain values in all of these together, and in no fewer, with what the target says to each alone.
    pub all_of: Vec<(usize, Error)>,
}

impl Guilty {
    /// Nobody knows.
    pub fn is_unknown(&self) -> bool {
        self.any_of.is_empty() && self.all_of.is_empty()
    }
}

/// Tries the columns apart. `suspects` are those whose values are known not to fit.
pub(super) async fn find(trial: &mut TrialTransaction<'_>, suspects: &[usize]) -> Result<Guilty> {
    let all = trial.columns();
    let mut any_of = Vec::new();
    for column in &all {
        if trial.load(&[*column]).await?.is_none() {
            any_of.push(*column);
        }
    }
    if !any_of.is_empty() {
        return Ok(Guilty { any_of, all_of: Vec::new() });
    }
    let mut replaced = None;
    for set in [suspects, all.as_slice()] {
        if !set.is_empty() && trial.load(set).await?.is_none() {
            replaced = Some(set.to_vec());
            break;
        }
    }
    let Some(replaced) = replaced else { return Ok(Guilty::default()) };
    let least = fewest(trial, replaced).await?;
    let mut all_of = Vec::new();
    for column in &least {
        let others: Vec<usize> = least.iter().copied().filter(|other| other != column).collect();
        if let Some(error) = trial.load(&others).await? {
            all_of.push((*column, error));
        }
    }
    Ok(Guilty { any_of, all_of })
}

/// Leaves out of the set whatever is not needed for the row to be accepted.
async fn fewest(trial: &mut TrialTransaction<'_>, mut replaced: Vec<usize>) -> Result<Vec<usize>> {
    for column in replaced.clone() {
        let without: Vec<usize> = replaced.iter().copied().filter(|other| *other != column).collect();
        if trial.load(&without).await?.is_none() {
            replaced = without;
        }
    }
    Ok(replaced)
}
