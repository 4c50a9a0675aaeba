//! Before the first row is written: what a replacement would destroy although nobody asked for it.
//!
//! Every way that replaces rows passes here once, with its plan, after the catalogs and before any claim. What is found
//! is a refusal, with both the numbers and the way out, or something that the user ought to know.
mod columns;
mod constant;
mod counts;
mod filters;

use std::collections::HashMap;

use super::{ConnectedSource, Sides};
use crate::error::{Error, Result};
use crate::plan::{Plan, WindowedPlan};
use crate::report::ExplainLine;
use crate::session::Session;
use crate::window::Window;
pub(super) use counts::{ReplacedRows, rows_at_source, rows_at_target};

/// What was found.
#[derive(Debug, Default)]
pub struct Findings {
    /// What the user ought to know.
    pub warnings: Vec<String>,
    /// Why nothing may be written.
    pub refusal: Option<Error>,
}

impl Findings {
    /// For `--explain`, line by line.
    pub fn explain(&self) -> Vec<ExplainLine> {
        let warnings = self.warnings.iter().map(|warning| ExplainLine::new("warning", warning));
        warnings.chain(self.refusal.iter().map(ExplainLine::refused)).collect()
    }

    fn add(&mut self, more: Self) {
        self.warnings.extend(more.warnings);
        self.refusal = self.refusal.take().or(more.refusal);
    }

    /// The warnings, unless there is a refusal.
    pub(super) fn warnings(self) -> Result<Vec<String>> {
        self.refusal.map_or(Ok(self.warnings), Err)
    }
}

/// Looks at all that a plan of one transaction would replace, and says how many rows are about to go. Changes nothing.
///
/// # Errors
/// The servers' own; what is found is no error yet.
pub(super) async fn look(
    sides: &mut Sides<impl ConnectedSource>,
    plan: &Plan,
) -> Result<(Findings, ReplacedRows)> {
    let mut findings = filters::look(plan);
    if plan.difference.is_none() {
        findings.add(columns::look(&mut sides.target, plan, plan.filter_at_target().as_ref()).await?);
    }
    let (held, shrunk) = counts::whole(sides, plan).await?;
    findings.refusal = findings.refusal.or(shrunk);
    Ok((findings, held))
}

/// As [`look`], of a plan of which nothing has to be asked. `None`: something has to.
pub(super) fn look_at_plan(plan: &Plan) -> Option<(Findings, ReplacedRows)> {
    let asks_nothing = plan.mapping.unfilled().next().is_none();
    Some((filters::look(plan), counts::uncounted(plan).filter(|_| asks_nothing)?))
}

/// Looks at what is known of a plan of differences before both sides are read: how many rows go is seen then, and columns
/// that the target alone has keep what they hold.
pub(super) fn look_at_difference(plan: &Plan) -> Findings {
    filters::look(plan)
}

/// Looks at all windows that a run would replace, with their rows at the source; `held`: their rows at the target, if they
/// are counted already. Changes nothing.
///
/// # Errors
/// The server's own; what is found is no error yet.
pub(super) async fn look_at_windows(
    target: &mut Session,
    plan: &WindowedPlan,
    rows: &[(Window, u64)],
    held: Option<&HashMap<Window, u64>>,
) -> Result<Findings> {
    let mut findings = filters::look(&plan.base);
    if rows.is_empty() {
        return Ok(findings);
    }
    let windows: Vec<Window> = rows.iter().map(|(window, _)| window.clone()).collect();
    if plan.base.difference.is_none() {
        findings.add(columns::look(target, &plan.base, Some(&plan.held_by(&windows))).await?);
    }
    findings.refusal = findings.refusal.or(counts::windows(target, plan, rows, held).await?);
    Ok(findings)
}
