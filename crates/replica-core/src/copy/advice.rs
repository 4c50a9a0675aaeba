//! What to do about a value that the server refuses: the server knows the value, the plan knows the columns.
use crate::catalog::name::sync_command;
use crate::error::Error;
use crate::plan::Plan;
use crate::types::How;
use crate::types::mapping::MappedColumn;

const DUPLICATES: &str = "The source's rows break a key that only the target has: rid the source of the duplicates, or the target of the key";

const TAKEN: &str = "A row that this run does not replace may have the key already, as one has whose date was another when it was copied: take a range of days that holds both dates, or replace the whole table. If there is none";

/// Who else can have a row's key.
pub(super) fn duplicates(plan: &Plan) -> String {
    match plan.limits {
        Some(_) => format!("{TAKEN}: {DUPLICATES}"),
        None => DUPLICATES.into(),
    }
}

const DROPPED: &str = "An index of the target has IGNORE_DUP_KEY, and drops rows whose key is there already: twice in the source, or in a row that this run does not replace. Load the days of both in one run, rid the source of the duplicates, or rebuild the index without the option";

/// Adds the columns that can have caused a refusal, and the way out.
pub(super) fn advise(error: Error, plan: &Plan) -> Error {
    let Some(number) = error.server().map(|server| server.number) else { return error };
    let advice = match number {
        // Too long: 2628 names the column, 8152 of older servers does not. 4815 is a load's own.
        2628 | 8152 | 4815 => columns(plan, |c| c.conversion.how == How::Pass || c.source.sql_type.is_text())
            .map(|columns| {
                format!("Widen the target's column. Wider at the source than in the target: {columns}. {} shows how", sync_command(&plan.source, &plan.target))
            }),
        // Out of range in a CAST at the source; such an error names no column.
        220 | 232 | 242 | 517 | 8114 | 8115 => columns(plan, |c| c.conversion.how == How::Cast)
            .map(|columns| format!("Widen the target's column. Converted at the source: {columns}. {} shows how", sync_command(&plan.source, &plan.target))),
        515 => names(plan, |c| c.source.nullable && !c.target.nullable).map(|columns| {
            format!(
                "Let the target's column take NULL, or fill it at the source. Nullable there only: {columns}"
            )
        }),
        2601 | 2627 => Some(duplicates(plan)),
        3604 => Some(DROPPED.into()),
        1105 | 9002 => Some("Make room on the target's server and run again".into()),
        _ => None,
    };
    match advice {
        Some(advice) => error.remedy(advice),
        None => error,
    }
}

/// `name (type to type), ...` of the columns that have values to refuse.
fn columns(plan: &Plan, concerned: impl Fn(&MappedColumn) -> bool) -> Option<String> {
    let limited = plan.mapping.columns.iter().filter(|c| !c.conversion.limits.is_empty() && concerned(c));
    list(limited.map(|c| format!("{} ({} to {})", c.target.name, c.source.sql_type, c.target.sql_type)))
}

fn names(plan: &Plan, concerned: impl Fn(&MappedColumn) -> bool) -> Option<String> {
    list(plan.mapping.columns.iter().filter(|c| concerned(c)).map(|c| c.target.name.clone()))
}

fn list(items: impl Iterator<Item = String>) -> Option<String> {
    let items: Vec<_> = items.collect();
    (!items.is_empty()).then(|| items.join(", "))
}
