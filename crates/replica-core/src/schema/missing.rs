//! Tables that the target lacks, around a load: made bare before it, and finished after it.
use super::policy::Policy;
use super::read::read;
use super::sync::{self, DdlOutcome, HeldTables, Likeness, Permitted, SchemaComparison, Stage, Standing};
use crate::catalog::TableName;
use crate::config::Endpoint;
use crate::error::{Error, Kind, Result};
use crate::exit::Code;
use crate::session::{Role, Session};

/// The tables of a run that makes what is missing.
pub struct MissingTables {
    source: Endpoint,
    target: Endpoint,
    tables: Vec<TableName>,
    policy: Policy,
}

/// A table that the target lacks, and that is not made.
pub struct MissedTable {
    /// As the source knows it.
    pub table: TableName,
    /// For people: both names, where they differ.
    pub label: String,
    /// Why not.
    pub error: Error,
}

/// What is missing is made, and nothing is changed.
fn permitted() -> Permitted {
    Permitted { create: true, ..Permitted::default() }
}

impl MissingTables {
    /// `tables`: as the source knows them.
    pub fn new(source: &Endpoint, target: &Endpoint, tables: &[TableName], policy: Policy) -> Self {
        Self { source: source.clone(), target: target.clone(), tables: tables.to_vec(), policy }
    }

    /// The statements that would make the tables that are missing, for `--explain`, and what cannot be made.
    ///
    /// # Errors
    /// A lost connection; a catalog that does not answer.
    pub async fn statements(&self) -> Result<(Vec<(TableName, Vec<String>)>, Vec<MissedTable>)> {
        let (source, mut target, comparison) = self.look().await?;
        let mut all = Vec::new();
        for (name, standing) in missing(&comparison) {
            let stages = [Stage::Tables, Stage::AfterLoad, Stage::ForeignKeys];
            let steps = stages.into_iter().flat_map(|stage| sync::steps(standing, &permitted(), stage));
            let statements = steps.flat_map(|step| step.statements).map(|statement| statement.sql);
            all.push((name.clone(), statements.collect()));
        }
        let missed = self.cannot_be_made(&mut target, &comparison).await?;
        give_back(source, target).await;
        Ok((all, missed))
    }

    /// Makes the tables that are missing, with their clustered indexes and keys: what rows are sorted by as they come. Gives
    /// those that are missing still.
    ///
    /// # Errors
    /// A lost connection; a catalog that does not answer; of kind `Busy`: another run is about to make one.
    pub async fn make(&self) -> Result<Vec<MissedTable>> {
        let (mut source, mut target, comparison) = self.look().await?;
        let is_missing = |standing: &Standing| standing.likeness() == Likeness::Missing;
        let comparison = match HeldTables::of(&mut target, &comparison, is_missing).await? {
            None => comparison,
            // What the run before has made meanwhile.
            Some(held) => {
                let tables = &self.tables;
                held.but_for_busy(sync::compare(&mut source, &mut target, tables, &self.policy).await?)
            }
        };
        if let Some(busy) = failed(&comparison).find(|(_, error)| error.kind() == Kind::Busy) {
            return Err(busy.1.clone());
        }
        let mut missed = self.cannot_be_made(&mut target, &comparison).await?;
        for (_, standing) in missing(&comparison) {
            standing.wanted.notes.iter().for_each(|note| log::info!("{}: {note}", standing.label));
        }
        let is_missing = |one: &(TableName, Result<Standing>)| one.1.as_ref().is_ok_and(is_missing);
        let only_missing = SchemaComparison {
            tables: comparison.tables.into_iter().filter(is_missing).collect(),
            ..comparison
        };
        for done in sync::run_stage(&mut target, &only_missing, &permitted(), Stage::Tables, &[]).await? {
            let Err(error) = &done.result else {
                tell(&done);
                continue;
            };
            let mut names = self.tables.iter();
            if let Some(table) = names.find(|name| self.policy.article(name).label(name) == done.table) {
                missed.push(self.missed(table, error));
            }
        }
        give_back(source, target).await;
        Ok(missed)
    }

    /// Tables whose definition cannot be had or copied, and that the target lacks. One that it has is copied all the same.
    async fn cannot_be_made(
        &self,
        target: &mut Session,
        comparison: &SchemaComparison,
    ) -> Result<Vec<MissedTable>> {
        let unknown: Vec<(&TableName, &Error)> = failed(comparison).collect();
        let names: Vec<TableName> =
            unknown.iter().map(|(name, _)| self.policy.article(name).target_of(name).clone()).collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let there = read(target, Role::Target, &names).await?.tables;
        let missing = unknown.into_iter().zip(there).filter(|(_, found)| matches!(found, Ok(None)));
        Ok(missing.map(|((name, error), _)| self.missed(name, error)).collect())
    }

    fn missed(&self, table: &TableName, error: &Error) -> MissedTable {
        let label = self.policy.article(table).label(table);
        MissedTable { table: table.clone(), label, error: error.clone() }
    }

    /// Makes what their tables still lack: nonclustered keys and indexes, checks, then foreign keys.
    ///
    /// # Errors
    /// A lost connection; a catalog that does not answer.
    pub async fn finish(&self) -> Result<Code> {
        let (mut source, mut target, comparison) = self.look().await?;
        let mut codes = Vec::new();
        let tell = |done: DdlOutcome| {
            tell(&done);
            codes.extend(done.result.err().map(|error| error.exit_code()));
            Ok(())
        };
        let permitted = permitted();
        let done = sync::run(&mut source, &mut target, comparison, (&self.policy, &permitted), tell).await?;
        for error in done.tables.into_iter().filter_map(|(_, standing)| standing.err()) {
            if error.kind() == Kind::Busy {
                log::error!("{error}");
                codes.push(error.exit_code());
            }
        }
        give_back(source, target).await;
        Ok(Code::of_all(codes))
    }

    async fn look(&self) -> Result<(Session, Session, SchemaComparison)> {
        let mut source = Session::take(&self.source, Role::Source).await?;
        let mut target = Session::take(&self.target, Role::Target).await?;
        let comparison = sync::compare(&mut source, &mut target, &self.tables, &self.policy).await?;
        Ok((source, target, comparison))
    }
}

/// For the loads that come next. With them what is held goes.
async fn give_back(source: Session, target: Session) {
    tokio::join!(source.give_back(), target.give_back());
}

/// What cannot be compared.
fn failed(comparison: &SchemaComparison) -> impl Iterator<Item = (&TableName, &Error)> {
    comparison.tables.iter().filter_map(|(name, one)| Some((name, one.as_ref().err()?)))
}

/// By the source's names.
fn missing(comparison: &SchemaComparison) -> impl Iterator<Item = (&TableName, &Standing)> {
    let standings = comparison.tables.iter().filter_map(|(name, one)| Some((name, one.as_ref().ok()?)));
    standings.filter(|(_, standing)| standing.likeness() == Likeness::Missing)
}

fn tell(done: &DdlOutcome) {
    match &done.result {
        Ok(()) => log::info!("{}: {} made", done.table, done.step.what),
        Err(error) => log::error!("{error}"),
    }
}
