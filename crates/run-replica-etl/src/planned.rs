//! What a run would copy, for those who look at it before: `check-replica`.
use replica_core::catalog::TableName;
use replica_core::check::{CheckedDays, CheckedTable};
use replica_core::cli::{Configured, Workers, values};
use replica_core::config::Config;
use replica_core::copy::LoadOptions;
use replica_core::error::{Error, Result};

use crate::day::Asked;
use crate::refresh::copy_options;
use crate::steps::{Step, StepOptions, StepPart, steps};

/// Each of the tables as a run for that day would copy it; one that the configuration does not list, as a whole.
///
/// # Errors
/// Of kind `Usage`: what would end the run before it begins.
pub fn planned(
    config: &Config,
    configured: &Configured,
    asked: Asked,
    tables: &[TableName],
) -> Result<Vec<CheckedTable>> {
    let day = asked.day(config.etl.time_zone.as_deref())?;
    let listed = steps(
        config,
        configured,
        day,
        &StepOptions { changes: asked.carries_changes(), ..StepOptions::default() },
    )?;
    let planned = |table: &TableName| match listed.iter().find(|step| step.table == *table) {
        Some(step) => Ok(checked(step)),
        None => {
            let settings = configured.settings(table);
            let article = settings.article().map_err(|error: Error| error.table(table))?;
            let (table, part) = (table.clone(), StepPart::Whole);
            Ok(checked(&Step { table, part, workers: 1, settings, article, keep_gone: false }))
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
