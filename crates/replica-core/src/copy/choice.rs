//! Whether all rows are replaced or only those that differ, where the user leaves that to the tool: what the choice is made
//! of, and what the next one will be made of.
use super::CopyOptions;
use crate::catalog::Table;
use crate::config::Apply;
use crate::error::Result;
use crate::ledger::{self, LoadedTable, RecordedLoad, source_name};
use crate::plan::Plan;
use crate::session::Session;
use crate::shape::Reason;

/// The options, with what the table's last run came to, where that decides.
///
/// # Errors
/// A lost connection.
pub async fn informed(
    session: &mut Session,
    (source, target): (&Table, &Table),
    options: CopyOptions,
) -> Result<CopyOptions> {
    if options.apply != Apply::Auto {
        return Ok(options);
    }
    let source = source_name(source);
    let last = ledger::last_load(session, loaded(&source, target)).await?;
    Ok(CopyOptions { last, ..options })
}

/// Says what was chosen, and why.
pub(super) fn tell(what: &str, plan: &Plan) {
    let is_choice = |reason: &&Reason| {
        matches!(
            reason,
            Reason::DifferenceForKeys
                | Reason::DifferenceByRecord { .. }
                | Reason::ReplaceAsBefore { .. }
                | Reason::NoDifference { .. }
        )
    };
    plan.strategy.reasons.iter().filter(is_choice).for_each(|reason| log::info!("{what}: {reason}"));
}

/// Puts on record what a run came to, for the next one's choice. `load`: `None` where it says nothing of it.
pub(super) async fn note(
    session: &mut Session,
    tool: &str,
    (source, target): (&Table, &Table),
    options: CopyOptions,
    load: Option<RecordedLoad>,
) {
    if let Some(load) = load.filter(|_| options.apply != Apply::Replace && !options.unrecorded) {
        ledger::note_load(session, loaded(&source_name(source), target), tool, load).await;
    }
}

fn loaded<'a>(source: &'a str, target: &'a Table) -> LoadedTable<'a> {
    LoadedTable { table: &target.object.name, object_id: target.object.id, source }
}
