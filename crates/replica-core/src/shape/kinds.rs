//! Tables that cannot be replaced whatever is decided about them.
use crate::catalog::table::Temporal;
use crate::catalog::{Table, quote};
use crate::error::Error;
use crate::refusal::Refusal;

/// Why a table of this kind, or in this database, is not replaced.
pub(super) fn refusal(target: &Table) -> Option<Error> {
    let object = &target.object;
    if object.is_view {
        return Some(
            Error::refused(Refusal::View, "the target is a view; a table is needed to load into").remedy(
                "Replicate into the table behind it, or into one of another name (target in [tables])",
            ),
        );
    }
    if let Some(special) = object.special {
        return Some(special.refused_as_target());
    }
    match object.temporal {
        Temporal::SystemVersioned => {
            let why =
                "the target is system-versioned: replacing it would move every old row into its history";
            return Some(
                Error::refused(Refusal::SystemVersioned, why)
                    .remedy("Turn SYSTEM_VERSIONING off for the load, or replicate into a plain table"),
            );
        }
        Temporal::History => {
            let why = "the target is the history of a temporal table, which only the server writes";
            return Some(
                Error::refused(Refusal::TemporalHistory, why)
                    .remedy("Replicate into a plain table (target in [tables])"),
            );
        }
        Temporal::No => {}
    }
    if object.memory_optimized {
        let why = "the target is memory-optimized, which cannot be emptied and filled under one lock";
        return Some(
            Error::refused(Refusal::MemoryOptimized, why).remedy("Replicate into a disk-based table"),
        );
    }
    if target.server.as_ref().is_some_and(|server| server.read_only) {
        return Some(Error::refused(Refusal::ReadOnly, "the target's database is read-only").remedy(
            "ALTER DATABASE ... SET READ_WRITE; or connect to the primary, if this is a secondary replica",
        ));
    }
    if object.can_insert == Some(false) {
        return Some(
            Error::refused(Refusal::NoInsert, "no permission to insert into the target")
                .remedy("GRANT INSERT, DELETE, ALTER on it"),
        );
    }
    None
}

/// A table whose clustered index is disabled is refused.
pub(super) fn disabled_base(target: &Table) -> Option<Error> {
    let base = target.base_index().filter(|base| base.disabled)?;
    let name = base.name.as_deref().unwrap_or_default();
    let why = format!("its clustered index {name} is disabled, so it can be neither read nor filled");
    Some(Error::refused(Refusal::DisabledClusteredIndex, why).remedy(format!(
        "ALTER INDEX {} ON {} REBUILD first",
        quote(name),
        target.object.name.quoted()
    )))
}

/// DELETE needs the permission.
pub(super) fn no_delete(target: &Table) -> Option<Error> {
    (target.object.can_delete == Some(false)).then(|| {
        Error::refused(Refusal::NoDelete, "no permission to delete the target's rows")
            .remedy("GRANT DELETE on it")
    })
}
