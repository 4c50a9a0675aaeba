//! What a run would copy, for those who look at it before: `check-replica`.
use replica_core::catalog::{ListEntry, TableName};
use replica_core::check::{CheckedDays, CheckedTable};
use replica_core::cli::{Configured, List, Workers, values};
use replica_core::config::Config;
use replica_core::copy::LoadOptions;
use replica_core::error::{Error, Result};

use crate::day::Asked;
use crate::refresh::copy_options;
use crate::steps::{Step, StepOptions, StepPart, steps, written};

/// Every name that may mean a table of a run, to be asked for.
///
/// # Errors
/// Of kind `Usage`: nothing is listed, or what is no table name.
pub fn listed_names(config: &Config) -> Result<Vec<ListEntry>> {
    written(config, &[])
}

/// All tables of a run for that day, as it would copy them.
///
/// # Errors
/// Of kind `Usage`: what would end the run before it begins.
pub fn planned_run(config: &Config, configured: &Configured, asked: Asked) -> Result<Vec<CheckedTable>> {
    let changes = asked.carries_changes();
    Ok(of_day(config, configured, asked, changes)?.iter().map(checked).collect())
}

fn of_day(config: &Config, configured: &Configured, asked: Asked, changes: bool) -> Result<Vec<Step>> {
    let day = asked.day(config.etl.time_zone.as_deref())?;
    steps(config, configured, day, &StepOptions { changes, ..StepOptions::default() })
}

/// Each of the tables as a run for that day would copy it; one that no such run has, as `replicate-changes` would, if it is
/// listed for that, or else as a whole.
///
/// # Errors
/// Of kind `Usage`: what would end the run before it begins.
pub fn planned(
    config: &Config,
    configured: &Configured,
    asked: Asked,
    tables: &[TableName],
) -> Result<Vec<CheckedTable>> {
    let [reference, dated, changing] = List::ALL.map(|list| configured.list(list));
    let (reference, dated, changing) = (reference?, dated?, changing?);
    let changes = asked.carries_changes() || reference.is_empty() && dated.is_empty();
    let listed = of_day(config, configured, asked, changes)?;
    let planned = |table: &TableName| match listed.iter().find(|step| step.table == *table) {
        Some(step) => Ok(checked(step)),
        None => {
            let settings = configured.settings(table);
            let article = settings.article().map_err(|error: Error| error.table(table))?;
            let part = if changing.contains(table) { StepPart::Changes } else { StepPart::Whole };
            let table = table.clone();
            Ok(checked(&Step { table, part, workers: 1, settings, article, keep_gone: false, planned: None }))
        }
    };
    tables.iter().map(planned).collect()
}

fn checked(step: &Step) -> CheckedTable {
    let days = match &step.part {
        StepPart::Whole | StepPart::Changes => None,
        StepPart::Days { range, column } => {
            Some(CheckedDays { date_column: column.clone(), window: range.whole() })
        }
    };
    let load = LoadOptions { keep_indexes: days.is_some(), ..LoadOptions::default() };
    CheckedTable {
        table: step.table.clone(),
        article: step.article.clone(),
        days,
        options: copy_options(step, load),
        carried: step.part == StepPart::Changes,
    }
}

/// How many streams a run has at once, unless its command line says otherwise.
///
/// # Errors
/// Of kind `Usage`: no such number.
pub fn streams(config: &Config) -> Result<usize> {
    match config.etl.max_workers {
        Some(most) => values::configured_workers(most).map_err(|error| error.within("[etl]")),
        None => Ok(Workers::DEFAULT),
    }
}
