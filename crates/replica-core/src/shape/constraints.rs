//! Constraints of the target: whether a load checks them, and what it drops in silence.
use super::decision::Decision;
use super::{LoadOptions, Reason};
use crate::catalog::Table;
use crate::error::Error;
use crate::refusal::Refusal;

/// Whether a load checks constraints.
pub(super) fn are_checked(target: &Table, options: LoadOptions) -> Decision<bool> {
    let asked = options.check_constraints || target.traits().unchecked_loads;
    let checks = target.checks.iter().flatten().map(|c| (&c.name, c.disabled, c.trusted));
    let keys = target.foreign_keys.iter().flatten().filter(|key| key.own);
    let own = checks.chain(keys.map(|k| (&k.name, k.disabled, k.trusted)));
    let enabled: Vec<_> = own.filter(|(_, disabled, _)| !disabled).collect();
    let unknown = target.checks.is_none() || target.foreign_keys.is_none();
    if target.object.can_alter == Some(false) {
        if target.columns.iter().any(|column| column.identity) {
            let why = "keeping the identity column's values needs ALTER permission";
            let refusal =
                Error::refused(Refusal::IdentityWithoutAlter, why).remedy("GRANT ALTER on the table");
            return Decision::of(asked).unless(Some(refusal));
        }
        if !asked && (unknown || !enabled.is_empty()) {
            return Decision::of(true).because(Reason::CheckedWithoutAlter);
        }
    }
    let mut decision = Decision::of(asked);
    let trusted = enabled.iter().filter(|(_, _, trusted)| *trusted);
    let trusted: Vec<_> = trusted.map(|(name, ..)| name.as_str()).collect();
    if !asked && !trusted.is_empty() {
        decision.notes.warnings.push(format!(
            "constraints not checked by the load and left untrusted: {} (--check-constraints checks them)",
            trusted.join(", ")
        ));
    }
    decision
}

/// Whether an index drops rows whose key is there already, without an error.
pub(super) fn drop_duplicates(target: &Table) -> Decision<bool> {
    let indexes = target.indexes.iter().flatten().filter(|index| index.ignores_duplicates && !index.disabled);
    let warnings: Vec<_> = indexes
        .map(|index| {
            format!(
                "index {} has IGNORE_DUP_KEY: the rows are counted, and a load of which it drops one fails",
                index.name.as_deref().unwrap_or_default()
            )
        })
        .collect();
    let mut decision = Decision::of(!warnings.is_empty());
    decision.notes.warnings = warnings;
    decision
}
