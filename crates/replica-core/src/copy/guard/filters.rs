//! Row-level security. A policy that filters the source's rows makes a copy of some rows look like one of all; one that
//! filters the target's keeps old rows from being deleted, and they are there twice in the end (Microsoft docs,
//! "Row-Level Security": filter predicates apply to SELECT, UPDATE and DELETE, and to db_owner as well).
//!
//! Whether this login is one of those that a policy lets see all, only its function knows.
use super::Findings;
use crate::error::Error;
use crate::plan::Plan;
use crate::refusal::Refusal;

pub(super) fn look(plan: &Plan) -> Findings {
    let filters = &plan.row_filters;
    if plan.allowance.row_filters {
        let warnings =
            filters.iter().map(|filter| format!("{filter}: all of them, as told (--allow-row-filters)"));
        return Findings { warnings: warnings.collect(), refusal: None };
    }
    let refusal = (!filters.is_empty()).then(|| {
        Error::refused(Refusal::HiddenRows, format!("rows may be hidden: {}", filters.join("; ")))
            .remedy("Have the policies let the login see all rows, and say so with --allow-row-filters (allow_row_filters in [tables] of replica.toml), or take logins that they do not filter")
            .table(&plan.target)
    });
    Findings { warnings: Vec::new(), refusal }
}
