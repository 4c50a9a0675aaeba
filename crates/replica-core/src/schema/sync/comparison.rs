//! How the tables of the source and those of the target stand to each other. Asks both, and changes nothing.
use std::collections::HashMap;

use crate::catalog::{SqlType, TableName};
use crate::config::Feature;
use crate::error::{Error, Kind, Result};
use crate::read::expressions::{self, TypedExpression};
use crate::schema::article::shaped;
use crate::schema::definition::{Definition, ForeignKeyDefinition, same_name};
use crate::schema::drift::{Deviation, Element, deviations};
use crate::schema::expression;
use crate::schema::naming::call_after;
use crate::schema::policy::{Policy, TargetServer, Wanted};
use crate::schema::read::read;
use crate::session::{Role, Session};

/// A table of the source, and what the target has of it.
#[derive(Clone, Debug)]
pub struct Standing {
    /// For people: the source's name of the table, and the target's where it is another.
    pub label: String,
    /// What the policy makes of the source's table.
    pub wanted: Wanted,
    /// `None`: the target has no such table.
    pub found: Option<Definition>,
    /// From the one that was found, the worst first.
    pub deviations: Vec<Deviation>,
}

/// Whether the target has the table as it is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Likeness {
    /// It has.
    Same,
    /// There is no such table.
    Missing,
    /// There is one that differs.
    Drift,
}

impl Standing {
    /// Whether the target has the table as it is wanted.
    pub fn likeness(&self) -> Likeness {
        match (&self.found, self.deviations.is_empty()) {
            (None, _) => Likeness::Missing,
            (Some(_), true) => Likeness::Same,
            (Some(_), false) => Likeness::Drift,
        }
    }

    /// The target's name of it.
    pub fn name(&self) -> &TableName {
        &self.wanted.definition.name
    }
}

/// Tables as they were asked for, by the source's names, and how they stand.
#[derive(Debug)]
pub struct SchemaComparison {
    /// What the target can do.
    pub target: TargetServer,
    /// Each table as it was asked for; `Err` where one cannot be read.
    pub tables: Vec<(TableName, Result<Standing>)>,
}

/// Compares tables of the source with those of the target.
///
/// # Errors
/// A lost connection; a catalog that does not answer. What is wrong with one table is in the answer.
pub async fn compare(
    source: &mut Session,
    target: &mut Session,
    names: &[TableName],
    policy: &Policy,
) -> Result<SchemaComparison> {
    let at_source = read(source, Role::Source, names).await?;
    let targets: Vec<TableName> =
        names.iter().map(|name| policy.article(name).target_of(name).clone()).collect();
    let at_target = read(target, Role::Target, &targets).await?;
    one_source_each(names, &targets, &at_target.server)?;
    let collation = at_source.server.collation;
    let mut tables = Vec::new();
    for ((name, found), at_target_now) in names.iter().zip(at_source.tables).zip(at_target.tables) {
        let label = policy.article(name).label(name);
        let shaped = match found {
            Ok(Some(definition)) => match typed(source, &definition, policy).await {
                Err(error) if error.server().is_none() && error.kind() != Kind::Mapping => return Err(error),
                Err(error) => Err(error),
                Ok(typed) => shaped(&definition, typed, &collation, (policy, &at_target.server)),
            },
            Ok(None) => Err(not_there(name)),
            Err(error) => Err(error),
        };
        let standing =
            shaped.and_then(|shaped| stand(name, &label, shaped, at_target_now, (policy, &at_target.server)));
        tables.push((name.clone(), standing.map_err(|error| policy.article(name).named(name, error))));
    }
    let mut comparison = SchemaComparison { target: at_target.server, tables };
    if policy.has(Feature::ForeignKeys) {
        leave_out_unmet_keys(target, &mut comparison).await?;
    }
    Ok(comparison)
}

/// The types of what a table's expressions make.
async fn typed(source: &mut Session, table: &Definition, policy: &Policy) -> Result<Vec<TypedExpression>> {
    expressions::typed(source, &table.name, &policy.article(&table.name)).await
}

/// Two tables that are one at the target would be made and filled in turns.
fn one_source_each(sources: &[TableName], targets: &[TableName], server: &TargetServer) -> Result<()> {
    let mut taken = HashMap::<String, &TableName>::new();
    for (source, target) in sources.iter().zip(targets) {
        let target = server.full_name(target);
        if let Some(other) = taken.insert(target.to_string().to_lowercase(), source)
            && other != source
        {
            return Err(Error::usage(format!("{other} and {source} are both to be {target} at the target"))
                .remedy("Give one of them another target in [tables] of replica.toml"));
        }
    }
    Ok(())
}

fn not_there(name: &TableName) -> Error {
    let error = Error::data("the source has no such table, or its login may not see it").table(name);
    error.remedy("Check the name, the database in the connection string, and the login's permissions")
}

fn stand(
    name: &TableName,
    label: &str,
    (source, mut lacks): (Definition, Vec<String>),
    found: Result<Option<Definition>>,
    (policy, target): (&Policy, &TargetServer),
) -> Result<Standing> {
    let (mut wanted, found) = (policy.wanted(&source, target)?, found?);
    lacks.append(&mut wanted.notes);
    if !same_name(&name.name, &source.name.name) {
        let names = call_after(&mut wanted.definition, &name.name, &source.name.name);
        let text =
            format!("its constraints have names of their own, unique in the schema: {}", names.join(", "));
        lacks.extend((!names.is_empty()).then_some(text));
    }
    wanted.notes = lacks;
    if found.as_ref().is_some_and(|found| found.is_view) {
        let error = Error::data("at the target this is a view, which cannot be made like a table");
        return Err(error.remedy("Drop the view, or compare its table"));
    }
    let deviations = found.as_ref().map(|found| {
        let wanted = with_what_both_have(&wanted.definition, &source, found);
        deviations(&wanted, found, policy, target)
    });
    Ok(Standing { label: label.to_owned(), wanted, found, deviations: deviations.unwrap_or_default() })
}

/// A column that both servers number, compute or stamp is no difference, though a table that is made has a plain one:
/// loads keep the source's numbers, and leave out what the target's server writes itself.
fn with_what_both_have(wanted: &Definition, source: &Definition, found: &Definition) -> Definition {
    let mut wanted = wanted.clone();
    for column in &mut wanted.columns {
        let (Some(source), Some(found)) = (source.column(&column.name), found.column(&column.name)) else {
            continue;
        };
        if source.identity.is_some() && column.identity.is_none() {
            column.identity.clone_from(&found.identity);
        }
        if let (Some(one), Some(other)) = (&source.computed, &found.computed)
            && expression::same(&one.expression, &other.expression)
            && column.computed.is_none()
        {
            column.computed = Some(other.clone());
        }
        if source.sql_type == SqlType::RowVersion && found.sql_type == SqlType::RowVersion {
            column.sql_type = SqlType::RowVersion;
        }
    }
    wanted
}

/// A foreign key to a table that the target has not, and that is not made either, cannot be made.
async fn leave_out_unmet_keys(target: &mut Session, comparison: &mut SchemaComparison) -> Result<()> {
    let standing = |one: &(TableName, Result<Standing>)| one.1.as_ref().ok().map(|one| one.name().clone());
    let known: Vec<TableName> = comparison.tables.iter().filter_map(standing).collect();
    let mut unknown: Vec<TableName> = Vec::new();
    for (_, standing) in &comparison.tables {
        let keys = standing.iter().flat_map(|one| &one.wanted.definition.foreign_keys);
        unknown.extend(keys.map(|key| key.references.clone()).filter(|table| !known.contains(table)));
    }
    unknown.sort_unstable();
    unknown.dedup();
    if unknown.is_empty() {
        return Ok(());
    }
    let there = read(target, Role::Target, &unknown).await?;
    let missing: Vec<TableName> = unknown
        .into_iter()
        .zip(there.tables)
        .filter(|(_, found)| !matches!(found, Ok(Some(_))))
        .map(|(name, _)| name)
        .collect();
    for standing in comparison.tables.iter_mut().filter_map(|(_, standing)| standing.as_mut().ok()) {
        let Standing { wanted, deviations, .. } = standing;
        let unmet = |key: &ForeignKeyDefinition| missing.contains(&key.references);
        for key in wanted.definition.foreign_keys.extract_if(.., |key| unmet(key)) {
            let text =
                format!("without the foreign key {}: the target has no {}", key.name.name, key.references);
            wanted.notes.push(text);
            deviations.retain(|one| one.element != Element::ForeignKey || one.name != key.name.name);
        }
    }
    Ok(())
}
