//! Which column and which row a load failed of.
use std::borrow::Cow;

use super::narrow::{self, Refused};
use super::{ConnectedSource as _, Sides, advice};
use crate::catalog::name::sync_command;
use crate::catalog::{self, Table};
use crate::config::Endpoint;
use crate::error::{Error, Result, ServerError};
use crate::find::{Finding, LookedFor, Places, RowName, Search, find};
use crate::plan::Plan;
use crate::retry::Backoff;
use crate::session::Role;
use crate::types::Problem;

/// A load that failed, and what it was to do.
pub struct FailedLoad<'a> {
    /// `None`: the rows come from no server.
    pub source: Option<&'a Endpoint>,
    /// The server that refused the rows.
    pub target: &'a Endpoint,
    /// The source's table; `None`: it is to be asked for.
    pub table: Option<&'a Table>,
    /// By which they were loaded.
    pub plan: &'a Plan,
}

/// Errors about a value or a row (docs/COMMANDS.md lists them): too long 2628, 8152, 4815; out of range 220, 232, 242,
/// 517, 8114, 8115; not to be converted 241, 245, 248, 295, 296; no NULL 515; not finite 7339; a constraint 547; a key
/// 2601, 2627; a trigger's THROW or RAISERROR from 50000 on.
fn is_about_data(number: u32) -> bool {
    matches!(
        number,
        220 | 232
            | 241
            | 242
            | 245
            | 248
            | 295
            | 296
            | 515
            | 517
            | 547
            | 2601
            | 2627
            | 2628
            | 4815
            | 7339
            | 8114
            | 8115
            | 8152
    ) || number >= 50_000
}

/// Adds the column and the row to an error, and how to see the row, where they can be found.
///
/// Nothing is left behind: the values are looked at on the source's server, and loads are rolled back.
pub async fn pinpoint(error: Error, failed: &FailedLoad<'_>) -> Error {
    let is_about_data = error.server().is_some_and(|server| is_about_data(server.number));
    let Some(source) = failed.source.filter(|_| is_about_data) else {
        return advice::advise(error, failed.plan);
    };
    log::warn!("{}: {error}; looking for the row", failed.plan.target);
    let mut retries = Backoff::default().retries();
    let looked = loop {
        if let Some(settled) = retries.settled(look(&error, source, failed).await).await {
            break settled;
        }
    };
    match looked {
        Ok(Some(PinpointedCause { column, what, command })) => {
            let error = match column {
                Some(column) => error.column(column),
                None => error,
            };
            error.remedy(format!("{what}. To see the row: {command}"))
        }
        Ok(None) => advice::advise(error, failed.plan),
        Err(other) => {
            log::warn!("{}: the row could not be found: {other}", failed.plan.target);
            advice::advise(error, failed.plan)
        }
    }
}

struct PinpointedCause {
    column: Option<String>,
    what: String,
    command: String,
}

async fn look(error: &Error, source: &Endpoint, failed: &FailedLoad<'_>) -> Result<Option<PinpointedCause>> {
    let plan = failed.plan;
    let mut sides = Sides::connect(source, failed.target).await?;
    let table = match failed.table {
        Some(table) => Cow::Borrowed(table),
        None => Cow::Owned(sides.source.table(&plan.source, &plan.article).await?),
    };
    let table = table.as_ref();
    // A default is no value of the source's.
    let is_default = error.server().is_some_and(|server| names_a_default(&server.text, plan));
    if let Some(problem) = problem(error).filter(|_| !is_default) {
        let search = Search {
            source: table,
            columns: &plan.mapping.columns,
            looked_for: LookedFor::Refusals,
            filter: plan.filter(),
            rows: 1,
        };
        let findings = find(&mut sides.source, &search).await?;
        if let Some(finding) = culprit(error, problem, &findings)
            && let Some(first) = finding.offenders.first()
        {
            return Ok(Some(PinpointedCause {
                column: Some(finding.column.clone()),
                what: format!("Column {}; {}", finding.summary(), way_out(problem, plan)),
                command: first.row.command(&table.object.name),
            }));
        }
    }
    let places = Places::of(table, plan.filter());
    let target = catalog::read(&mut sides.target, Role::Target, &plan.target).await?;
    let refused = narrow::first_refused(&mut sides, plan, &target, &places).await?;
    Ok(refused.map(|Refused { row, error: why, default }| PinpointedCause {
        what: match &default {
            Some(column) => format!(
                "Column {column} takes its default, which the target refuses: mend the default, or give the source such \
                 a column"
            ),
            None => first_refused(&row, error, &why, plan),
        },
        column: default,
        command: row.command(&table.object.name),
    }))
}

fn names_a_default(text: &str, plan: &Plan) -> bool {
    plan.mapping.left_out.iter().any(|left| text.contains(&format!("'{}'", left.column.name)))
}

fn way_out(problem: Problem, plan: &Plan) -> String {
    let (change, or) = match problem {
        Problem::Null => ("let the target's column take NULL", "fill it at the source"),
        _ => ("widen the target's column", "mend the value"),
    };
    format!("{change} ({} shows how), or {or}", sync_command(&plan.source, &plan.target))
}

fn first_refused(row: &RowName, error: &Error, why: &Error, plan: &Plan) -> String {
    match (error.server(), why.server()) {
        (_, Some(ServerError { number: 2601 | 2627, .. })) => {
            format!(
                "{}. With the rows before it in place, the first to be refused is {row}",
                advice::duplicates(plan)
            )
        }
        (Some(one), Some(other)) if one.number != other.number => {
            format!(
                "The first row that is refused is {row}, with {}",
                other.to_string().trim_end_matches('.')
            )
        }
        _ => format!("The first row that is refused is {row}"),
    }
}

/// What is wrong with a value that this error comes of; `None`: it is not about a single value.
fn problem(error: &Error) -> Option<Problem> {
    Some(match error.server()?.number {
        515 => Problem::Null,
        2628 | 8152 | 4815 => Problem::TooLong,
        7339 => Problem::NotFinite,
        547 | 2601 | 2627 | 50_000.. => return None,
        _ => Problem::OutOfRange,
    })
}

/// The finding that explains the error: of the column that the server names, or else the first of its kind.
fn culprit<'a>(error: &Error, problem: Problem, findings: &'a [Finding]) -> Option<&'a Finding> {
    let text = &error.server()?.text;
    let of_kind = || findings.iter().filter(|finding| finding.problem == problem);
    of_kind().find(|finding| text.contains(&format!("'{}'", finding.column))).or_else(|| of_kind().next())
}
