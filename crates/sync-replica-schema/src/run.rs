//! From options to an exit code: look at both sides, do what is permitted, say how it stands.
use std::io::{self, Write};

use replica_core::cli::{self, Code, Configured, List, Stop, Written};
use replica_core::config::Config;
use replica_core::error::{Error, Result};

use replica_core::report::{Reporter, one_line};
use replica_core::schema::ddl::Creation;
use replica_core::schema::statement::script;
use replica_core::schema::sync::{self, DdlOutcome, Likeness, SchemaComparison};
use replica_core::session::{Role, Session};

use crate::args::Options;
use crate::{init, line};

pub fn run(options: &Options, reporter: &Reporter) -> Result<Code> {
    let Some(selection) = &options.selection else { return init::run(options) };
    let config = Config::load(options.config.as_deref())?;
    options.policy(&config)?;
    let written = selection.written(&config, &List::ALL, io::stdin().lock())?;
    cli::block_on(1, |stop| async move { all(options, reporter, &config, &written, &stop).await })
}

async fn all(
    options: &Options,
    reporter: &Reporter,
    config: &Config,
    written: &Written,
    stop: &Stop,
) -> Result<Code> {
    let configured = Configured::ask(config, &written.entries, Some(config.source()?), config.target()?);
    let configured = stop.or(configured).await?;
    let tables = configured.tables(written)?;
    options.article.of_one(&tables)?;
    let policy = &options.policy(config)?.with_articles(options.article.articles(&configured, &tables)?);
    let mut source = stop.or(Session::take(config.source()?, Role::Source)).await?;
    let mut target = stop.or(Session::take(config.target()?, Role::Target)).await?;
    let mut comparison = stop.or(sync::compare(&mut source, &mut target, &tables, policy)).await?;
    names_of_one(options, &comparison)?;
    if options.sql {
        print_script(options, reporter, &comparison)?;
        return Ok(code(&comparison));
    }
    notes(&comparison);
    if !options.permitted.nothing() {
        let tell = |done: DdlOutcome| Ok(reporter.ended(&line::done(&done), &done.result)?);
        let permitted = (policy, &options.permitted);
        comparison = stop.or(sync::run(&mut source, &mut target, comparison, permitted, tell)).await?;
    }
    for (table, standing) in &comparison.tables {
        let label = &policy.article(table).label(table);
        let line = line::table(label, standing);
        let standing = match standing {
            Ok(standing) => standing,
            Err(error) => {
                reporter.failed(&line, error)?;
                continue;
            }
        };
        match standing.likeness() {
            Likeness::Same => reporter.result(&line)?,
            Likeness::Missing | Likeness::Drift => reporter.problem(&line)?,
        }
        if standing.likeness() == Likeness::Missing {
            let creation = Creation::of(&standing.wanted.definition);
            creation.steps().try_for_each(|step| reporter.problem(&line::creation(label, step)))?;
        }
        standing.deviations.iter().try_for_each(|one| reporter.problem(&line::deviation(label, one)))?;
    }
    sum_up(&comparison);
    Ok(code(&comparison))
}

/// What the replica has otherwise than its source, where it is about to be made.
fn notes(comparison: &SchemaComparison) {
    for standing in comparison.tables.iter().filter_map(|(_, standing)| standing.as_ref().ok()) {
        if standing.likeness() == Likeness::Missing {
            standing.wanted.notes.iter().for_each(|note| log::info!("{}: {note}", standing.label));
        }
    }
}

/// A name that means nothing is a slip.
/// Each name that is to be changed is of one table: of several, it might be of one that nobody had in mind.
fn names_of_one(options: &Options, comparison: &SchemaComparison) -> Result<()> {
    for name in &options.permitted.named {
        let one = sync::Permitted { named: vec![name.clone()], ..sync::Permitted::default() };
        let standings = comparison.tables.iter().filter_map(|(_, standing)| standing.as_ref().ok());
        let of = standings.flat_map(|standing| {
            let meant = standing.deviations.iter().find(|deviation| one.allows(standing, deviation));
            meant.map(|deviation| format!("{}.{}", standing.name(), deviation.name))
        });
        match &of.collect::<Vec<_>>()[..] {
            [] => log::warn!("--apply {name}: no difference of that name can be mended"),
            [_] => {}
            several => {
                let text = format!("--apply {name} is a difference of {} tables", several.len());
                return Err(Error::usage(text).remedy(format!("Say which: {}", several.join(", "))));
            }
        }
    }
    Ok(())
}

/// The statements that --create and --apply-safe would run, and those that are named; the others as comments.
fn print_script(options: &Options, reporter: &Reporter, comparison: &SchemaComparison) -> Result<()> {
    let permitted = sync::Permitted { create: true, safe: true, named: options.permitted.named.clone() };
    reporter.write(|out| {
        for (_, standing) in &comparison.tables {
            let standing = match standing {
                Ok(standing) => standing,
                Err(error) => {
                    log::error!("{error}");
                    continue;
                }
            };
            for note in standing.wanted.notes.iter().filter(|_| standing.likeness() == Likeness::Missing) {
                writeln!(out, "-- {}: {}", standing.label, one_line(note))?;
            }
            let others = standing.deviations.iter().filter(|one| !permitted.allows(standing, one));
            for other in others {
                let what = format!("{} {}: {} ({})", other.element, other.name, other.what, other.way);
                writeln!(out, "-- {}: {}", standing.label, one_line(&what))?;
                for statement in &other.statements {
                    writeln!(out, "--   {}", one_line(&statement.sql))?;
                }
            }
        }
        write!(out, "{}", script(&sync::script_steps(comparison, &permitted)))
    })?;
    Ok(())
}

fn count(comparison: &SchemaComparison, likeness: Likeness) -> usize {
    let standings = comparison.tables.iter().filter_map(|(_, standing)| standing.as_ref().ok());
    standings.filter(|standing| standing.likeness() == likeness).count()
}

fn sum_up(comparison: &SchemaComparison) {
    let [same, missing, drift] =
        [Likeness::Same, Likeness::Missing, Likeness::Drift].map(|likeness| count(comparison, likeness));
    let (all, failed) =
        (comparison.tables.len(), comparison.tables.iter().filter(|(_, one)| one.is_err()).count());
    let text =
        format!("{same} of {all} tables the same, {missing} missing, {drift} different, {failed} failed");
    if same == all { log::info!("{text}") } else { log::error!("{text}") }
}

fn code(comparison: &SchemaComparison) -> Code {
    Code::of_all(comparison.tables.iter().map(|(_, standing)| match standing {
        Ok(standing) if standing.likeness() == Likeness::Same => Code::Ok,
        Ok(_) => Code::Failed,
        Err(error) => error.exit_code(),
    }))
}
