//! Columns: those that one side has alone, and those that are otherwise.
use super::blockers::{Blockers, ColumnChange, drop_constraint};
use super::{Compared, Deviation, Element, Mend, Severity, types};
use crate::catalog::{SqlType, quote};
use crate::config::Feature;
use crate::schema::ddl;
use crate::schema::definition::{ColumnDefinition, Definition};
use crate::schema::expression;
use crate::schema::policy::over_long;
use crate::schema::statement::{Cost, DdlStatement};

pub(crate) fn deviations(pair: &Compared<'_>) -> Vec<Deviation> {
    let mut all = Vec::new();
    for wanted in &pair.wanted.columns {
        match pair.found.column(&wanted.name) {
            None => all.push(missing(pair, wanted)),
            Some(found) => all.extend(both(pair, wanted, found)),
        }
    }
    let extra = pair.found.columns.iter().filter(|column| pair.wanted.column(&column.name).is_none());
    all.extend(extra.map(|column| extra_column(pair.found, column)));
    all
}

fn missing(pair: &Compared<'_>, wanted: &ColumnDefinition) -> Deviation {
    let difference = Deviation::new(
        Element::Column,
        &wanted.name,
        Severity::Missing,
        format!("the target lacks {}", ddl::column(wanted)),
    );
    let add = |column: &ColumnDefinition| {
        format!("ALTER TABLE {} ADD {}", pair.found.name.quoted(), ddl::column(column))
    };
    if wanted.computed.is_some() || wanted.identity.is_some() || wanted.sql_type == SqlType::RowVersion {
        let only_said = wanted.computed.as_ref().is_some_and(|computed| !computed.persisted);
        let cost = if only_said { Cost::Metadata } else { Cost::Rewrite };
        return difference.mend(Mend::Asked, vec![DdlStatement::new(cost, add(wanted))]);
    }
    if wanted.nullable || pair.found.rows == Some(0) {
        let mut difference =
            difference.mend(Mend::Safe, vec![DdlStatement::new(Cost::Metadata, add(wanted))]);
        if pair.found.rows != Some(0) {
            difference.what.push_str("; rows that are there have NULL until they are loaded again");
        }
        return difference;
    }
    let nullable = ColumnDefinition { nullable: true, ..wanted.clone() };
    let mut difference = difference.mend(Mend::Safe, vec![DdlStatement::new(Cost::Metadata, add(&nullable))]);
    difference.what.push_str(
        "; added as NULL, since there are rows without a value: they have NULL until they are loaded again",
    );
    difference
}

fn extra_column(table: &Definition, found: &ColumnDefinition) -> Deviation {
    let filled =
        found.computed.is_some() || found.identity.is_some() || found.sql_type == SqlType::RowVersion;
    if found.nullable || found.default.is_some() || filled {
        return Deviation::new(
            Element::Column,
            &found.name,
            Severity::Wider,
            format!("the source has no such column: {}", ddl::column(found)),
        );
    }
    let what = format!("the source has no such column, and it needs a value (515): {}", ddl::column(found));
    let difference = Deviation::new(Element::Column, &found.name, Severity::ExtraRequired, what);
    altered(
        table,
        found,
        &ColumnDefinition { nullable: true, ..found.clone() },
        ColumnChange::TakesNull,
        difference,
    )
}

fn both(pair: &Compared<'_>, wanted: &ColumnDefinition, found: &ColumnDefinition) -> Vec<Deviation> {
    let generated =
        |what: String| vec![Deviation::new(Element::Column, &found.name, Severity::Generated, what)];
    match (&wanted.computed, &found.computed) {
        (Some(wanted), Some(found)) if expression::same(&wanted.expression, &found.expression) => {
            return match (wanted.persisted, found.persisted) {
                (true, false) => generated("it is not persisted".into()),
                (false, true) => generated("it is persisted".into()),
                _ => Vec::new(),
            };
        }
        (Some(wanted), Some(found)) => {
            return generated(format!("computed as {}, wanted {}", found.expression, wanted.expression));
        }
        (None, Some(computed)) => {
            return generated(format!("computed as {}, and no load can write it", computed.expression));
        }
        (Some(computed), None) => {
            return generated(format!("stored, wanted computed as {}", computed.expression));
        }
        (None, None) => {}
    }
    match (&wanted.sql_type, &found.sql_type) {
        (SqlType::RowVersion, SqlType::RowVersion) => return Vec::new(),
        (_, SqlType::RowVersion) => return generated("rowversion, which no load can write".into()),
        (SqlType::RowVersion, _) => return generated(format!("{}, wanted rowversion", found.type_name())),
        _ => {}
    }
    let mut all = Vec::new();
    match (&wanted.identity, &found.identity) {
        (None, Some(_)) => all.extend(generated("an identity column, wanted a plain one".into())),
        (Some(_), None) => all.extend(generated("no identity column".into())),
        (Some(w), Some(f)) if w.increment != f.increment => {
            all.extend(generated(format!(
                "IDENTITY({},{}), wanted ({},{})",
                f.seed, f.increment, w.seed, w.increment
            )));
        }
        _ => {}
    }
    all.extend(type_difference(pair, wanted, found));
    if let Some((wanted, is)) = wanted.collation.as_ref().zip(found.collation.as_ref())
        && !wanted.eq_ignore_ascii_case(is)
        && pair.policy.has(Feature::Collations)
    {
        let difference = Deviation::new(
            Element::Column,
            &found.name,
            Severity::Collation,
            format!("{is}, wanted {wanted}"),
        );
        let column = ColumnDefinition { collation: Some(wanted.clone()), ..found.clone() };
        all.push(altered(pair.found, found, &column, ColumnChange::Collation, difference));
    }
    if wanted.nullable != found.nullable {
        let (severity, change, what) = if wanted.nullable {
            (Severity::NotNull, ColumnChange::TakesNull, "NOT NULL, and the source may have NULL")
        } else {
            (Severity::Wider, ColumnChange::RefusesNull, "NULL, wanted NOT NULL")
        };
        let difference = Deviation::new(Element::Column, &found.name, severity, what);
        let column = ColumnDefinition { nullable: wanted.nullable, ..found.clone() };
        all.push(altered(pair.found, found, &column, change, difference));
    }
    all.extend(default_difference(pair, wanted, found));
    all
}

fn type_difference(
    pair: &Compared<'_>,
    wanted: &ColumnDefinition,
    found: &ColumnDefinition,
) -> Option<Deviation> {
    if wanted.sql_type == found.sql_type {
        return None;
    }
    let what = format!("{}, wanted {}", found.type_name(), wanted.type_name());
    let severity = match (&found.sql_type, &wanted.sql_type) {
        (found, wanted) if types::holds(found, wanted) && types::same_kind(found, wanted) => Severity::Wider,
        (found, wanted) if types::fits(found, wanted) => Severity::Type,
        _ => Severity::Narrower,
    };
    let difference = Deviation::new(Element::Column, &found.name, severity, what);
    if severity == Severity::Wider || !types::holds(&wanted.sql_type, &found.sql_type) {
        // What is there might not fit.
        return Some(difference);
    }
    let column =
        ColumnDefinition { sql_type: wanted.sql_type.clone(), numeric: wanted.numeric, ..found.clone() };
    // A collation that the type did not have before.
    let column = ColumnDefinition {
        collation: found.collation.clone().or_else(|| wanted.collation.clone()),
        ..column
    };
    let change = if types::only_grows(&found.sql_type, &wanted.sql_type) {
        ColumnChange::Grows
    } else {
        ColumnChange::Type
    };
    let mut difference = altered(pair.found, found, &column, change, difference);
    if difference.way == Mend::Safe
        && let Some(index) = too_long_for(pair, &column)
    {
        difference.way = Mend::Asked;
        difference
            .what
            .push_str(&format!("; long values would not fit into the key of index {index} (1946)"));
    }
    Some(difference)
}

/// The index whose key the longer column would make longer than it may be.
fn too_long_for(pair: &Compared<'_>, column: &ColumnDefinition) -> Option<String> {
    let mut table = pair.found.clone();
    table.columns.iter_mut().filter(|c| c.name == column.name).for_each(|c| *c = column.clone());
    let mut keyed =
        table.indexes.iter().filter(|index| index.keys.iter().any(|key| key.column == column.name));
    keyed.find(|index| over_long(index, &table, pair.target).is_some()).map(|index| index.name.name.clone())
}

/// ALTER COLUMN from `found` to `column`, with what is in its way.
fn altered(
    table: &Definition,
    found: &ColumnDefinition,
    column: &ColumnDefinition,
    change: ColumnChange,
    difference: Deviation,
) -> Deviation {
    let blockers = Blockers::of(table, &found.name, change);
    let cost = match change {
        ColumnChange::Grows | ColumnChange::TakesNull => Cost::Metadata,
        ColumnChange::RefusesNull => Cost::Scan,
        ColumnChange::Type | ColumnChange::Collation => Cost::Rewrite,
    };
    let sql = format!(
        "ALTER TABLE {} ALTER COLUMN {} {}",
        table.name.quoted(),
        quote(&found.name),
        ddl::typed(column)
    );
    let alter = DdlStatement::new(cost, sql);
    let (way, statements) = match (cost, blockers.names.is_empty()) {
        _ if !blockers.firm.is_empty() => (Mend::ByHand, vec![alter]),
        (Cost::Metadata, true) => (Mend::Safe, vec![alter]),
        _ => (Mend::Asked, blockers.drop.into_iter().chain([alter]).chain(blockers.again).collect()),
    };
    let mut difference = difference.mend(way, statements);
    difference.blocked_by = blockers.firm.into_iter().chain(blockers.names).collect();
    difference
}

fn default_difference(
    pair: &Compared<'_>,
    wanted: &ColumnDefinition,
    found: &ColumnDefinition,
) -> Option<Deviation> {
    let default = wanted.default.as_ref()?;
    let sql = ddl::add_default(&pair.found.name, &found.name, default);
    let add = DdlStatement::new(Cost::Metadata, sql);
    let Some(is) = &found.default else {
        let what = format!("without the default {}", default.expression);
        return Some(
            Deviation::new(Element::Column, &found.name, Severity::Constraint, what)
                .mend(Mend::Create, vec![add]),
        );
    };
    if expression::same(&is.expression, &default.expression) {
        return None;
    }
    let what = format!("the default is {}, wanted {}", is.expression, default.expression);
    let statements = vec![drop_constraint(pair.found, &is.name.name), add];
    Some(
        Deviation::new(Element::Column, &found.name, Severity::Constraint, what)
            .mend(Mend::Asked, statements),
    )
}
