//! Checks and foreign keys.
use super::blockers::drop_constraint;
use super::{Compared, Deviation, Element, Mend, Severity};
use crate::catalog::{TableName, quote};
use crate::config::Feature;
use crate::schema::ddl;
use crate::schema::definition::{CheckDefinition, ForeignKeyDefinition, same_name};
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
    let mut left: Vec<&CheckDefinition> = pair.found.checks.iter().collect();
    let mut all = Vec::new();
    for wanted in &pair.wanted.checks {
        let by_name = |found: &&&CheckDefinition| {
            !wanted.name.by_system && same_name(&found.name.name, &wanted.name.name)
        };
        let by_text = |found: &&&CheckDefinition| expression::same(&found.expression, &wanted.expression);
        let Some(found) = left.iter().find(by_name).or_else(|| left.iter().find(by_text)).copied() else {
            let what = format!("the target lacks the check {}", wanted.expression);
            let difference = Deviation::new(Element::Check, &wanted.name.name, Severity::Constraint, what);
            all.push(difference.mend(Mend::Create, ddl::check(&pair.found.name, wanted)));
            continue;
        };
        left.retain(|one| !std::ptr::eq(*one, found));
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
            &pair.found.name,
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

/// Enabled and trusted as wanted? A trusted one that need not be is no difference: rows obey it all the same.
fn state(
    element: Element,
    table: &TableName,
    name: &str,
    found: (bool, bool),
    wanted: (bool, bool),
) -> Option<Deviation> {
    let ((trusted, disabled), (to_trust, to_disable)) = (found, wanted);
    let alter = |how: &str| format!("ALTER TABLE {} {how} CONSTRAINT {}", table.quoted(), quote(name));
    let (what, statement) = match (disabled, to_disable) {
        (true, false) => (
            "disabled",
            DdlStatement::new(Cost::Scan, alter(if to_trust { "WITH CHECK CHECK" } else { "CHECK" })),
        ),
        (false, true) => ("enabled, wanted disabled", DdlStatement::new(Cost::Metadata, alter("NOCHECK"))),
        _ if !trusted && to_trust => {
            ("not trusted", DdlStatement::new(Cost::Scan, alter("WITH CHECK CHECK")))
        }
        _ => return None,
    };
    Some(Deviation::new(element, name, Severity::Constraint, what).mend(Mend::Asked, vec![statement]))
}

fn foreign_keys(pair: &Compared<'_>) -> Vec<Deviation> {
    let mut left: Vec<&ForeignKeyDefinition> = pair.found.foreign_keys.iter().collect();
    let mut all = Vec::new();
    for wanted in &pair.wanted.foreign_keys {
        let by_name = |found: &&&ForeignKeyDefinition| {
            !wanted.name.by_system && same_name(&found.name.name, &wanted.name.name)
        };
        let by_columns = |found: &&&ForeignKeyDefinition| is_same(found, wanted);
        let Some(found) = left.iter().find(by_name).or_else(|| left.iter().find(by_columns)).copied() else {
            let what = format!("the target lacks the foreign key to {}", wanted.references);
            let difference =
                Deviation::new(Element::ForeignKey, &wanted.name.name, Severity::Constraint, what);
            all.push(difference.mend(Mend::Create, ddl::foreign_key(&pair.found.name, wanted)));
            continue;
        };
        left.retain(|one| !std::ptr::eq(*one, found));
        let name = &found.name.name;
        if !is_same(found, wanted) {
            let what =
                format!("the foreign key points at {}, wanted {}", points_at(found), points_at(wanted));
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
                &pair.found.name,
                name,
                (found.trusted, found.disabled),
                (wanted.trusted, wanted.disabled),
            ));
        }
    }
    for extra in left {
        let what = format!("a foreign key at the target alone, to {}", points_at(extra));
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

fn points_at(key: &ForeignKeyDefinition) -> String {
    format!("{} ({})", key.references, key.referenced.join(", "))
}
