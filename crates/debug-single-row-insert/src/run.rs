//! From options to an exit code.
use std::io::{self, Write};

use replica_core::catalog::{Article, TableName};
use replica_core::cli::{self, Code, Configured};
use replica_core::config::{Config, Endpoint};
use replica_core::copy::{CopyOptions, LoadOptions, Plan, Sides};
use replica_core::error::{Kind, Result};
use replica_core::report::{self, Format, Record, RecordValue, Reporter};
use replica_core::retry::Backoff;
use replica_core::trial::{self, Trial, TrialOutcome, TrialTable};

use crate::args::Options;

pub fn run(options: &Options, reporter: &Reporter) -> Result<Code> {
    let config = Config::load(options.config.as_deref())?;
    let (source, target) = (config.source()?.clone(), config.target()?.clone());
    cli::block_on(
        1,
        |stop| async move { stop.or(attempt(options, reporter, &config, (&source, &target))).await },
    )
}

async fn attempt(
    options: &Options,
    reporter: &Reporter,
    config: &Config,
    (source, target): (&Endpoint, &Endpoint),
) -> Result<Code> {
    let written = [options.table.clone().into()];
    let configured = Configured::ask(config, &written, Some(source), target).await?;
    let table = &configured.names().of(&options.table);
    let article = options.reshaping.over(configured.settings(table)).article()?;
    let mut retries = Backoff::default().retries();
    let tried = loop {
        // Whatever was tried is rolled back: it can be tried again.
        if let Some(settled) = retries.settled(tried(options, (table, &article), source, target).await).await
        {
            break settled;
        }
    };
    let (plan, trial) = match tried {
        Ok(tried) => tried,
        // Without a connection there is nothing to be said of any table.
        Err(error) if error.kind() == Kind::Connect => return Err(error),
        Err(error) => {
            let error = error.table(table);
            let line = TrialLine { verdict: format!("not tried: {error}"), ..TrialLine::default() };
            reporter.failed(&line.record(&article.label(table)), &error)?;
            return Ok(error.exit_code());
        }
    };
    for column in &plan.mapping.ignored {
        log::warn!("{table}: column {} is in the source only", column.name);
    }
    if trial.is_first_of_many {
        log::warn!("{table}: several rows match; this is the first");
    }
    let refused = matches!(trial.outcome, TrialOutcome::Refused { .. });
    if refused || !reporter.is_quiet() {
        write(reporter, &plan, &trial)?;
    }
    Ok(if refused { Code::Failed } else { Code::Ok })
}

async fn tried(
    options: &Options,
    (table, article): (&TableName, &Article),
    source: &Endpoint,
    target: &Endpoint,
) -> Result<(Plan, Trial)> {
    let mut sides = Sides::connect(source, target).await?;
    let (at_source, at_target) = sides.tables(table, article).await?;
    let plan = Plan::new(&at_source, &at_target, copy_options())?;
    plan.allowed()?;
    let subject = TrialTable { source: &at_source, target: &at_target, plan: &plan };
    let trial = trial::row(&mut sides, &subject, &options.which).await?;
    Ok((plan, trial))
}

/// Everything that the target can check is checked.
fn copy_options() -> CopyOptions {
    let load = LoadOptions { check_constraints: true, fire_triggers: true, ..LoadOptions::default() };
    CopyOptions { ignore_extra_columns: true, load, ..CopyOptions::default() }
}

fn write(reporter: &Reporter, plan: &Plan, trial: &Trial) -> io::Result<()> {
    let lines = lines(plan, trial);
    let table = plan.article.label(&plan.source);
    if reporter.format() != Format::Text {
        return lines.iter().try_for_each(|line| reporter.problem(&line.record(&table)));
    }
    let widths: Vec<usize> =
        (0..3).map(|n| lines.iter().map(|line| line.cells()[n].chars().count()).max().unwrap_or(0)).collect();
    reporter.write(|out| {
        writeln!(out, "{table}")?;
        lines.iter().try_for_each(|line| {
            let Some(column) = &line.column else { return writeln!(out, "  {}", line.verdict) };
            let [_, types, value] = line.cells();
            let [a, b, c] = [widths[0], widths[1], widths[2].min(40)];
            writeln!(out, "  {column:a$}  {types:b$}  {value:c$}  {}", line.verdict)
        })
    })
}

/// A column and its verdict, or the row's.
#[derive(Default)]
struct TrialLine {
    column: Option<String>,
    source_type: Option<String>,
    value: Option<String>,
    target_type: Option<String>,
    verdict: String,
}

fn lines(plan: &Plan, trial: &Trial) -> Vec<TrialLine> {
    let columns = trial.columns.iter().enumerate().map(|(number, shown)| TrialLine {
        column: Some(shown.column.target.name.clone()),
        source_type: Some(shown.column.source.sql_type.to_string()),
        value: Some(shown.value.clone().unwrap_or_else(|| "NULL".into())),
        target_type: Some(shown.column.target.sql_type.to_string()),
        verdict: verdict(number, shown.verdict(), &trial.outcome),
    });
    let verdict_on = |name: &String, filler: &str| {
        let verdict_so_far = format!("left to the server: {filler}");
        match trial.defaults.iter().position(|default| default == name) {
            Some(number) => verdict(trial.columns.len() + number, verdict_so_far, &trial.outcome),
            None => verdict_so_far,
        }
    };
    let left_out = plan.mapping.left_out.iter().map(|left| TrialLine {
        column: Some(left.column.name.clone()),
        verdict: verdict_on(&left.column.name, left.filler),
        ..TrialLine::default()
    });
    let row = TrialLine { verdict: outcome(trial), ..TrialLine::default() };
    columns.chain(left_out).chain([row]).collect()
}

/// What is known of the column without a trial, and what the trial did.
fn verdict(number: usize, fits: String, outcome: &TrialOutcome) -> String {
    let TrialOutcome::Refused { guilty, .. } = outcome else { return fits };
    if let Some((_, error)) = guilty.all_of.iter().find(|(column, _)| *column == number) {
        return format!("{fits}; to blame: {error}");
    }
    match guilty.any_of.as_slice() {
        [only] if *only == number => format!("{fits}; to blame: without this value the row is accepted"),
        [_, _, ..] if guilty.any_of.contains(&number) => {
            format!("{fits}; to blame, with others: without this value the row is accepted")
        }
        _ => fits,
    }
}

fn outcome(trial: &Trial) -> String {
    match &trial.outcome {
        TrialOutcome::Accepted => "accepted, and rolled back".into(),
        TrialOutcome::Replaces => {
            "accepted in the place of the target's row of the same key, and rolled back".into()
        }
        TrialOutcome::Refused { error, guilty } if guilty.is_unknown() => {
            format!("refused: {error} (no column is to blame alone)")
        }
        TrialOutcome::Refused { error, .. } => format!("refused: {error}"),
    }
}

impl TrialLine {
    /// For people: the column, its types, its value.
    fn cells(&self) -> [String; 3] {
        let types = match (&self.source_type, &self.target_type) {
            (Some(source), Some(target)) if source == target => source.clone(),
            (Some(source), Some(target)) => format!("{source} to {target}"),
            _ => String::new(),
        };
        let value = report::one_line(self.value.as_deref().unwrap_or_default());
        [self.column.clone().unwrap_or_default(), types, value]
    }

    fn record(&self, table: &str) -> Record {
        let text = |text: &Option<String>| text.clone().map_or(RecordValue::Missing, RecordValue::Text);
        Record::new()
            .with("table", RecordValue::Text(table.to_owned()))
            .with("column", text(&self.column))
            .with("source_type", text(&self.source_type))
            .with("value", text(&self.value))
            .with("target_type", text(&self.target_type))
            .with("verdict", RecordValue::Text(self.verdict.clone()))
    }
}
