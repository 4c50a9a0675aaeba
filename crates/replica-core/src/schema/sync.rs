//! Source and target side by side, and the target brought to what the policy wants.
//!
//! Every step is a transaction of its own, and a run begins with a look at what is there: one that was killed is finished
//! by the next. Who makes or changes a table holds it: of two runs at once, the second looks when the first has done.
use std::collections::HashMap;
use std::time::{Duration, Instant};

use twox_hash::XxHash3_128;

use super::article::shaped;
use super::ddl::{self, Creation};
use super::definition::{Definition, same_name};
use super::drift::{Deviation, Element, Mend, deviations};
use super::expression;
use super::policy::{Policy, TargetServer, Wanted};
use super::read::read;
use super::statement::{Cost, DdlStatement, DdlStep};
use crate::catalog::{SqlType, TableName};
use crate::config::Feature;
use crate::error::{Error, Kind, Result};
use crate::read::expressions::{self, TypedExpression};
use crate::retry::Backoff;
use crate::session::applock::{self, LockMode};
use crate::session::{Role, Session};

/// How long readers and writers of a table may hold its DDL up, and it those behind it.
const LOCK_WAIT: Duration = Duration::from_secs(10);
/// How long another run may be about to make a table.
const TABLE_WAIT: Duration = Duration::from_secs(5);
/// A column is changed once a round, since what is left to do shows when it is read again.
const MOST_ROUNDS: usize = 4;

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
            shaped.and_then(|shaped| stand(&label, shaped, at_target_now, policy, &at_target.server));
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
    label: &str,
    (source, mut lacks): (Definition, Vec<String>),
    found: Result<Option<Definition>>,
    policy: &Policy,
    target: &TargetServer,
) -> Result<Standing> {
    let (mut wanted, found) = (policy.wanted(&source, target)?, found?);
    lacks.append(&mut wanted.notes);
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
        let unmet = |key: &super::definition::ForeignKeyDefinition| missing.contains(&key.references);
        for key in wanted.definition.foreign_keys.extract_if(.., |key| unmet(key)) {
            let text =
                format!("without the foreign key {}: the target has no {}", key.name.name, key.references);
            wanted.notes.push(text);
            deviations.retain(|one| one.element != Element::ForeignKey || one.name != key.name.name);
        }
    }
    Ok(())
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

/// How a step went.
#[derive(Debug)]
pub struct DdlOutcome {
    /// As [`Standing::label`].
    pub table: String,
    /// What was to be done.
    pub step: DdlStep,
    /// How long it took, waits for locks included.
    pub took: Duration,
    /// Whether it was done. A step that failed has changed nothing.
    pub result: Result<()>,
}

/// Runs all that is permitted, stage by stage, and tells of each step. A table that another run holds is left alone, and
/// stands as an error of kind `Busy`.
///
/// # Errors
/// A lost connection. What the server refuses is told as a step, and the others go on.
pub async fn run(
    source: &mut Session,
    target: &mut Session,
    comparison: SchemaComparison,
    (policy, permitted): (&Policy, &Permitted),
    mut tell: impl FnMut(DdlOutcome) -> Result<()>,
) -> Result<SchemaComparison> {
    let names: Vec<TableName> = comparison.tables.iter().map(|(name, _)| name.clone()).collect();
    let stages = [Stage::Tables, Stage::AfterLoad, Stage::ForeignKeys];
    let is_due =
        |standing: &Standing| stages.iter().any(|stage| !steps(standing, permitted, *stage).is_empty());
    let Some(held) = HeldTables::of(target, &comparison, is_due).await? else { return Ok(comparison) };
    // What the run before has done meanwhile.
    let mut comparison = held.but_for_busy(compare(source, target, &names, policy).await?);
    let mut refused: Vec<(String, String)> = Vec::new();
    for _ in 0..MOST_ROUNDS {
        let mut done = 0;
        for stage in stages {
            for one in run_stage(target, &comparison, permitted, stage, &refused).await? {
                match &one.result {
                    Ok(()) => done += 1,
                    Err(_) => refused.push((one.table.clone(), one.step.what.clone())),
                }
                tell(one)?;
            }
        }
        if done == 0 {
            break;
        }
        comparison = held.but_for_busy(compare(source, target, &names, policy).await?);
    }
    held.release(target).await?;
    Ok(comparison)
}

/// Tables that no other run makes or changes meanwhile, for the life of the session or until [`Self::release`].
pub(super) struct HeldTables {
    locks: Vec<String>,
    /// Those that another run holds, by the source's names.
    busy: Vec<(TableName, Error)>,
}

impl HeldTables {
    /// `None`: no table is due.
    ///
    /// # Errors
    /// A lost connection.
    pub(super) async fn of(
        target: &mut Session,
        comparison: &SchemaComparison,
        is_due: impl Fn(&Standing) -> bool,
    ) -> Result<Option<Self>> {
        let standing = |(name, one): &'_ (TableName, Result<Standing>)| {
            let standing = one.as_ref().ok().filter(|one| is_due(one))?;
            Some((lock_name(standing.name()), name.clone(), standing.label.clone()))
        };
        let mut due: Vec<(String, TableName, String)> =
            comparison.tables.iter().filter_map(standing).collect();
        // In one order, so that of two runs neither waits for the other in turns.
        due.sort_unstable();
        if due.is_empty() {
            return Ok(None);
        }
        let mut held = Self { locks: Vec::new(), busy: Vec::new() };
        for (lock, name, label) in due {
            if applock::take(target, &lock, LockMode::Exclusive, TABLE_WAIT).await? {
                held.locks.push(lock);
            } else {
                const BUSY: &str = "another run is making or changing this table";
                let error = applock::held_by_others(target, &lock, BUSY).await;
                held.busy.push((name, error.table(label)));
            }
        }
        Ok(Some(held))
    }

    /// The comparison, in which what another run holds is no business of ours.
    pub(super) fn but_for_busy(&self, mut comparison: SchemaComparison) -> SchemaComparison {
        for (name, standing) in &mut comparison.tables {
            if let Some((_, error)) = self.busy.iter().find(|(busy, _)| busy == name) {
                *standing = Err(error.clone());
            }
        }
        comparison
    }

    /// # Errors
    /// A lost connection.
    pub(super) async fn release(self, target: &mut Session) -> Result<()> {
        for lock in &self.locks {
            applock::release(target, lock).await?;
        }
        Ok(())
    }
}

/// By the name, since a table that is to be made has no number yet. The server shows the first 32 characters of a lock's name
/// (Microsoft docs, "sys.dm_tran_locks"), so that is all that it has.
fn lock_name(table: &TableName) -> String {
    let hash = XxHash3_128::oneshot(table.quoted().to_lowercase().as_bytes());
    format!("replica schema {:016x}", hash >> 64)
}

/// Runs the steps of one stage, but for those that were refused before.
///
/// # Errors
/// A lost connection.
pub async fn run_stage(
    target: &mut Session,
    comparison: &SchemaComparison,
    permitted: &Permitted,
    stage: Stage,
    refused: &[(String, String)],
) -> Result<Vec<DdlOutcome>> {
    target.set_lock_timeout(LOCK_WAIT).await?;
    let mut all = Vec::new();
    if stage == Stage::Tables && permitted.create {
        for statement in schemas(comparison) {
            // Somebody may have made it meanwhile; a table tells whether it is there.
            if let Err(error) = run_step(target, &DdlStep::new("schema", vec![statement])).await? {
                log::warn!("{error}");
            }
        }
    }
    for (_, standing) in &comparison.tables {
        let Ok(standing) = standing else { continue };
        for step in steps(standing, permitted, stage) {
            let table = standing.label.clone();
            if refused.iter().any(|(of, what)| *of == table && (*what == step.what || what == "table")) {
                continue;
            }
            let begun = Instant::now();
            target.works_on(&table);
            let result = run_step(target, &step).await?.map_err(|error| error.table(&table));
            let is_table = result.is_err() && step.what == "table";
            all.push(DdlOutcome { table, step, took: begun.elapsed(), result });
            if is_table {
                break;
            }
        }
    }
    Ok(all)
}

/// Error 2714: there is an object of that name; 262, 2760, 1088: the login may not.
const THERE_IS_ONE: u32 = 2714;
const NOT_ALLOWED: [u32; 4] = [262, 2760, 1088, 229];

async fn run_step(target: &mut Session, step: &DdlStep) -> Result<Result<()>> {
    let mut retries = Backoff::default().retries();
    loop {
        let error = match transaction(target, step).await {
            Ok(()) => return Ok(Ok(())),
            Err(error) if error.server().is_none() => return Err(error),
            Err(error) => error,
        };
        if error.is_transient() && retries.another_after(&error).await {
            continue;
        }
        let error = error.within(&step.what);
        return Ok(Err(match () {
            () if error.has_number(THERE_IS_ONE) => error.remedy(
                "Names of constraints are unique in a schema: give the other object another name, or leave this one out",
            ),
            () if NOT_ALLOWED.iter().any(|number| error.has_number(*number)) => error.remedy(
                "The target's login needs CREATE TABLE in its database and ALTER on the schema (and CREATE SCHEMA for a new one)",
            ),
            () => error,
        }));
    }
}

async fn transaction(target: &mut Session, step: &DdlStep) -> Result<()> {
    target.lane()?.begin().await?;
    for statement in &step.statements {
        log::debug!("{}", statement.sql);
        if let Err(error) = target.execute_long(statement.sql.as_str()).await {
            target.lane()?.rollback().await?;
            return Err(error);
        }
    }
    target.lane()?.commit().await
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
