//! What is to be run, of what is permitted. Pure.
use super::comparison::{Likeness, SchemaComparison, Standing};
use crate::schema::ddl::{self, Creation};
use crate::schema::definition::same_name;
use crate::schema::drift::{Deviation, Element, Mend};
use crate::schema::statement::{Cost, DdlStatement, DdlStep};

/// What may be done to the target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permitted {
    /// What is missing is made: tables, indexes, checks, defaults; foreign keys where the policy has them.
    pub create: bool,
    /// Changes that lose and rewrite nothing.
    pub safe: bool,
    /// Names of columns, indexes and constraints that are changed at any price, with or without the target's name of their
    /// table.
    pub named: Vec<String>,
}

impl Permitted {
    /// Whether the target is only looked at.
    pub fn nothing(&self) -> bool {
        !self.create && !self.safe && self.named.is_empty()
    }

    /// Whether this difference may be mended.
    pub fn allows(&self, standing: &Standing, deviation: &Deviation) -> bool {
        match deviation.way {
            Mend::Create => self.create,
            Mend::Safe => self.safe || self.names(standing, deviation),
            Mend::Asked => self.names(standing, deviation),
            Mend::ByHand => false,
        }
    }

    fn names(&self, standing: &Standing, deviation: &Deviation) -> bool {
        let full = format!("{}.{}", standing.name(), deviation.name);
        self.named.iter().any(|name| same_name(name, &deviation.name) || same_name(name, &full))
    }
}

/// When a step has its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Tables, and all that is changed of those that are there.
    Tables,
    /// Indexes and checks of tables that were made.
    AfterLoad,
    /// Keys between tables that all have their rows.
    ForeignKeys,
}

/// What is to be run in a stage, table by table.
pub fn steps(standing: &Standing, permitted: &Permitted, stage: Stage) -> Vec<DdlStep> {
    let Some(_) = &standing.found else {
        if !permitted.create {
            return Vec::new();
        }
        let creation = Creation::of(&standing.wanted.definition);
        return match stage {
            Stage::Tables => vec![creation.table],
            Stage::AfterLoad => creation.after_load,
            Stage::ForeignKeys => creation.foreign_keys,
        };
    };
    let due = |deviation: &&Deviation| match deviation.element {
        Element::ForeignKey => stage == Stage::ForeignKeys,
        _ => stage == Stage::Tables,
    };
    let mut changed: Vec<&str> = Vec::new();
    let mut steps = Vec::new();
    let allowed = standing.deviations.iter().filter(|one| permitted.allows(standing, one));
    for deviation in allowed.filter(due) {
        if changed.contains(&deviation.name.as_str()) {
            continue;
        }
        changed.push(&deviation.name);
        let what = format!("{} {}", deviation.element, deviation.name);
        let (why, statements) = (deviation.what.clone(), deviation.statements.clone());
        steps.push(DdlStep { what, why, statements });
    }
    steps
}

/// The schemas that the tables to be made are in and the target lacks.
pub fn schemas(comparison: &SchemaComparison) -> Vec<DdlStatement> {
    let standings = comparison.tables.iter().filter_map(|(_, standing)| standing.as_ref().ok());
    let missing = standings.filter(|one| one.likeness() == Likeness::Missing);
    let mut schemas: Vec<&String> = missing.filter_map(|one| one.name().schema.as_ref()).collect();
    schemas.sort_unstable();
    schemas.dedup();
    let is_there = |schema: &str| comparison.target.has_schema(schema);
    schemas.into_iter().filter(|schema| !is_there(schema)).map(|schema| ddl::create_schema(schema)).collect()
}

/// What would be done to a table, as a script has it.
pub fn script_steps(comparison: &SchemaComparison, permitted: &Permitted) -> Vec<DdlStatement> {
    let mut all = if permitted.create { schemas(comparison) } else { Vec::new() };
    for stage in [Stage::Tables, Stage::AfterLoad, Stage::ForeignKeys] {
        for standing in comparison.tables.iter().filter_map(|(_, standing)| standing.as_ref().ok()) {
            all.extend(steps(standing, permitted, stage).into_iter().flat_map(|step| step.statements));
        }
    }
    all
}

/// The dearest of what a step does.
pub fn cost(step: &DdlStep) -> Option<Cost> {
    step.statements.iter().map(|statement| statement.cost).max()
}
