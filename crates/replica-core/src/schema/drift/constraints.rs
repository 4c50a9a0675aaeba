//! Checks and foreign keys.
use super::blockers::drop_constraint;
use super::{Compared, Deviation, Element, Mend, Paired, Severity, paired};
use crate::catalog::quote;
use crate::config::Feature;
use crate::schema::ddl;
use crate::schema::definition::{CheckDefinition, ConstraintName, ForeignKeyDefinition, same_name};
use crate::schema::expression;
use crate::schema::statement::{Cost, DdlStatement};

pub(crate) fn deviations(pair: &Compared<'_>) -> Vec<Deviation> {
    let mut all = checks(pair);
    if pair.policy.has(Feature::ForeignKeys) {
        all.extend(foreign_keys(pair));
    }
    all
}

fn checks(pair: &Compared<'_>) -> Vec<Deviation> {
    let Paired { pairs, left } = paired(
        &pair.wanted.checks,
        &pair.found.checks,
        &[
            &|wanted: &CheckDefinition, found: &CheckDefinition| is_named(&wanted.name, &found.name),
            &|wanted, found| expression::same(&found.expression, &wanted.expression),
        ],
    );
    let mut all = Vec::new();
    for (wanted, found) in pairs {
        let Some(found) = found else {
            let what = format!("the target lacks the check {}", wanted.expression);
            let difference = Deviation::new(Element::Check, &wanted.name.name, Severity::Constraint, what);
            all.push(difference.mend(Mend::Create, ddl::check(&pair.found.name, wanted)));
            continue;
        };
        if !expression::same(&found.expression, &wanted.expression) {
            let what = format!("the check is {}, wanted {}", found.expression, wanted.expression);
            let statements = [drop_constraint(pair.found, &found.name.name)]
                .into_iter()
                .chain(ddl::check(&pair.found.name, wanted));
            let difference = Deviation::new(Element::Check, &found.name.name, Severity::Constraint, what);
            all.push(difference.mend(Mend::Asked, statements.collect()));
            continue;
        }
        all.extend(state(
            Element::Check,
            pair,
            &found.name.name,
            (found.trusted, found.disabled),
            (wanted.trusted, wanted.disabled),
        ));
    }
    for extra in left {
        let what = format!(
            "a check at the target alone, which refuses rows that the source may have: {}",
            extra.expression
        );
        let difference = Deviation::new(Element::Check, &extra.name.name, Severity::Constraint, what);
        all.push(difference.mend(Mend::Asked, vec![drop_constraint(pair.found, &extra.name.name)]));
    }
    all
}

/// Enabled and trusted as wanted? A trusted one that need not be is no difference: rows obey it all the same. An untrusted one
/// is what a load leaves behind, and a difference where trust is asked for.
fn state(
    element: Element,
    pair: &Compared<'_>,
    name: &str,
    found: (bool, bool),
    wanted: (bool, bool),
) -> Option<Deviation> {
    let ((trusted, disabled), (to_trust, to_disable)) = (found, wanted);
    let table = pair.found.name.quoted();
    let alter = |how: &str| format!("ALTER TABLE {table} {how} CONSTRAINT {}", quote(name));
    let (what, statement) = match (disabled, to_disable) {
        (true, false) => (
            "disabled",
            DdlStatement::new(Cost::Scan, alter(if to_trust { "WITH CHECK CHECK" } else { "CHECK" })),
        ),
        (false, true) => ("enabled, wanted disabled", DdlStatement::new(Cost::Metadata, alter("NOCHECK"))),
        _ if !trusted && to_trust && pair.policy.has(Feature::Trust) => {
            ("not trusted", DdlStatement::new(Cost::Scan, alter("WITH CHECK CHECK")))
        }
        _ => return None,
    };
    Some(Deviation::new(element, name, Severity::Constraint, what).mend(Mend::Asked, vec![statement]))
}

fn foreign_keys(pair: &Compared<'_>) -> Vec<Deviation> {
    let Paired { pairs, left } = paired(
        &pair.wanted.foreign_keys,
        &pair.found.foreign_keys,
        &[
            &|wanted: &ForeignKeyDefinition, found: &ForeignKeyDefinition| {
                is_named(&wanted.name, &found.name)
            },
            &|wanted, found| is_same(found, wanted),
        ],
    );
    let mut all = Vec::new();
    for (wanted, found) in pairs {
        let Some(found) = found else {
            let what = format!("the target lacks the foreign key to {}", wanted.references);
            let difference =
                Deviation::new(Element::ForeignKey, &wanted.name.name, Severity::Constraint, what);
            all.push(difference.mend(Mend::Create, ddl::foreign_key(&pair.found.name, wanted)));
            continue;
        };
        let name = &found.name.name;
        if !is_same(found, wanted) {
            let what = format!("the foreign key is {}, wanted {}", described(found), described(wanted));
            let statements = [drop_constraint(pair.found, name)]
                .into_iter()
                .chain(ddl::foreign_key(&pair.found.name, wanted));
            all.push(
                Deviation::new(Element::ForeignKey, name, Severity::Constraint, what)
                    .mend(Mend::Asked, statements.collect()),
            );
        } else if (found.on_delete, found.on_update) != (wanted.on_delete, wanted.on_update) {
            let what = "the foreign key deletes or changes rows behind the copy";
            let statements = [drop_constraint(pair.found, name)]
                .into_iter()
                .chain(ddl::foreign_key(&pair.found.name, wanted));
            all.push(
                Deviation::new(Element::ForeignKey, name, Severity::Constraint, what)
                    .mend(Mend::Asked, statements.collect()),
            );
        } else {
            all.extend(state(
                Element::ForeignKey,
                pair,
                name,
                (found.trusted, found.disabled),
                (wanted.trusted, wanted.disabled),
            ));
        }
    }
    for extra in left {
        let what = format!("a foreign key at the target alone, {}", described(extra));
        all.push(
            Deviation::new(Element::ForeignKey, &extra.name.name, Severity::Constraint, what)
                .mend(Mend::Asked, vec![drop_constraint(pair.found, &extra.name.name)]),
        );
    }
    all
}

fn is_same(one: &ForeignKeyDefinition, other: &ForeignKeyDefinition) -> bool {
    let pairs = |key: &ForeignKeyDefinition| {
        let pairs = key.columns.iter().zip(&key.referenced);
        let mut pairs: Vec<_> =
            pairs.map(|(own, other)| (own.to_lowercase(), other.to_lowercase())).collect();
        pairs.sort_unstable();
        pairs
    };
    same_name(&one.references.to_string(), &other.references.to_string()) && pairs(one) == pairs(other)
}

fn described(key: &ForeignKeyDefinition) -> String {
    format!("from {} to {} ({})", key.columns.join(", "), key.references, key.referenced.join(", "))
}

/// Is it the one of that name? Names that servers made up say nothing.
fn is_named(wanted: &ConstraintName, found: &ConstraintName) -> bool {
    !wanted.by_system && same_name(&found.name, &wanted.name)
}
