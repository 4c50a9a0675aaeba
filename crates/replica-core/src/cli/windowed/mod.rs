//! Tools that replace a table window by window: what their command lines share, and from options to an exit code. They look
//! at the table, replace its windows, and say how it went.
mod options;
use std::io;

use super::{Code, Configured, Stop, block_on};
use crate::catalog::{Article, TableName};
use crate::config::Config;
use crate::copy::{
    LoadOptions, UnbegunCopy, UnbegunRun,
    windows::{self, FailedWindow, FinishedWindow, PreparedWindows, Summary, WindowsJob},
};
use crate::error::{Error, Kind, Result};
use crate::notify;
use crate::report::{
    self, ExplainLine, Record, RecordValue, Reporter, human_bytes, human_count, human_duration,
};
use crate::schema::MissingTables;
use crate::window::CutBy;
pub use options::{WindowedArgs, WindowedOptions, Work};

/// Replaces the windows of the tables that are asked for.
///
/// # Errors
/// What keeps all tables from being replaced. What befalls one of them is on its line, and in the code.
pub fn run(options: &WindowedOptions, reporter: &Reporter) -> Result<Code> {
    let config = Config::load(options.config.as_deref())?;
    if options.work == Work::CleanUp {
        return super::clean_up(&config, reporter);
    }
    let replicated = || replicate_all(options, &config, reporter);
    if options.explain { replicated() } else { notify::told(&config, options.tool, reporter, replicated) }
}

fn replicate_all(options: &WindowedOptions, config: &Config, reporter: &Reporter) -> Result<Code> {
    let written = options.selection.written(config, options.work.lists(), io::stdin().lock())?;
    // Indexes are the target's alone.
    let source = match options.work {
        Work::RepairIndexes | Work::CleanUp => None,
        _ => Some(config.source()?),
    };
    let target = config.target()?;
    let policy = options.creation.policy(config)?;
    let replicated = |stop: Stop| async move {
        let configured = stop.or(Configured::ask(config, &written.entries, source, target)).await?;
        reporter.phase("NAMES");
        let mut codes = Vec::new();
        let mut tables = configured.tables(&written)?;
        options.article.of_one(&tables)?;
        let missing = match policy.zip(source) {
            Some((policy, source)) => {
                let articles = options.article.articles(&configured, &tables)?;
                Some(MissingTables::new(source, target, &tables, policy.with_articles(articles)))
            }
            None => None,
        };
        if let Some(missing) = &missing {
            let missed = if options.explain {
                let (statements, missed) = stop.or(missing.statements()).await?;
                for (table, statements) in statements {
                    let lines = statements.into_iter().map(|sql| ExplainLine::new("create", sql));
                    reporter.explain(&table.to_string(), lines.collect::<Vec<_>>())?;
                    // The rest is known once it is there.
                    tables.retain(|other| *other != table);
                }
                missed
            } else {
                stop.or(missing.make()).await?
            };
            for missed in missed {
                tables.retain(|table| *table != missed.table);
                record_unbegun(options, config, &configured, (&missed.table, &missed.error)).await;
                reporter.failed(&not_begun(options, &missed.label, &missed.error), &missed.error)?;
                codes.push(missed.error.exit_code());
            }
            reporter.phase("CREATE");
        }
        for table in tables {
            let done = match options.work {
                Work::RepairIndexes => repair(options, config, &configured, &table, &stop, reporter).await,
                _ => match job(options, config, &configured, &table) {
                    Ok(job) => replicate(options, job, &stop, reporter).await,
                    Err(error) => Err(error),
                },
            };
            match done {
                Ok(code) => codes.push(code),
                // Nothing that comes after could fare better.
                Err(error) if ends_all(error.exit_code()) => return Err(error),
                Err(error) => {
                    record_unbegun(options, config, &configured, (&table, &error)).await;
                    let label = article(options, &configured, &table).label(&table);
                    reporter.failed(&not_begun(options, &label, &error), &error)?;
                    codes.push(error.exit_code());
                }
            }
        }
        if let Some(missing) = missing.filter(|_| !options.explain) {
            codes.push(stop.or(missing.finish()).await?);
            reporter.phase("CREATE");
        }
        Ok(Code::of_all(codes))
    };
    block_on(options.max_workers, |stop| async move {
        if options.explain {
            return replicated(stop).await;
        }
        UnbegunRun { tool: options.tool, source, target }.unless(replicated(stop)).await
    })
}

/// What of a table is copied, as far as that can be made out.
fn article(options: &WindowedOptions, configured: &Configured, table: &TableName) -> Article {
    options.article.over(configured.settings(table)).article().unwrap_or_default()
}

/// Puts a table on record that could not begin.
async fn record_unbegun(
    options: &WindowedOptions,
    config: &Config,
    configured: &Configured,
    (table, why): (&TableName, &Error),
) {
    if let Ok(target) = config.target()
        && !options.explain
    {
        let article = article(options, configured, table);
        let (tool, source) = (options.tool, config.source().ok());
        UnbegunCopy { tool, source, target, table, article: &article }.record(why).await;
    }
}

fn ends_all(code: Code) -> bool {
    matches!(code, Code::Connect | Code::Interrupted | Code::Terminated)
}

async fn replicate(
    options: &WindowedOptions,
    mut job: WindowsJob,
    stop: &Stop,
    reporter: &Reporter,
) -> Result<Code> {
    let mut joins = 0;
    loop {
        match replicate_once(options, &mut job, stop, reporter).await {
            // Another host has cut the table in the same moment, in another way: its ranges are on record now.
            Err(error) if error.kind() == Kind::Busy && options.may_join_ranges() && joins < MOST_JOINS => {
                joins += 1;
                log::info!("{}: {error}; looking at the ledger's ranges again", job.table);
            }
            settled => return settled,
        }
    }
}

/// How often ranges that others have put on record are taken instead of one's own.
const MOST_JOINS: u32 = 2;

async fn replicate_once(
    options: &WindowedOptions,
    job: &mut WindowsJob,
    stop: &Stop,
    reporter: &Reporter,
) -> Result<Code> {
    // Nothing is changed yet: a signal may end it anywhere.
    let mut boundaries = Vec::new();
    match &options.work {
        Work::Days { range, unit, .. } => {
            let range = match range {
                Some(range) => *range,
                None => {
                    let range = stop.or(windows::source_range(job)).await?;
                    log::info!("{}: all days of the source, {}", job.table, range.whole());
                    range
                }
            };
            job.windows = range.windows(*unit)?;
        }
        Work::Keys { columns, size } => {
            job.cut_by = CutBy::Key(columns.clone());
            boundaries = stop.or(windows::cut(job, *size)).await?;
        }
        Work::RepairIndexes | Work::CleanUp => {}
    }
    reporter.phase("CUT");
    let (job, table) = (&*job, &job.table);
    let mut prepared = stop.or(PreparedWindows::new(job)).await?;
    reporter.phase("PLAN");
    if options.explain {
        let boundaries = boundaries.into_iter().map(|told| ExplainLine::new("boundaries", told));
        reporter.explain(&table.to_string(), boundaries.chain(prepared.explain()))?;
        return Ok(prepared.allowed().map_or_else(|refused| refused.exit_code(), |()| Code::Ok));
    }
    boundaries.iter().for_each(|told| log::info!("{table}: {told}"));
    prepared.allowed()?;
    prepared.warnings().iter().for_each(|warning| log::warn!("{table}: {warning}"));
    if options.loading.load.preflight {
        stop.or(prepared.preflight(job)).await?;
        reporter.phase("PREFLIGHT");
    }
    let mut written = Ok(());
    let summary = windows::run(job, prepared, stop, reporter.progress(), &mut |finished| {
        let line = reporter.ended(&record(job, &finished), &finished.result);
        written = std::mem::replace(&mut written, Ok(())).and(line);
    })
    .await?;
    reporter.phase("COPY");
    written?;
    tell(table, &summary);
    match summary.stopped {
        Some(stopped) => Err(way_on(stopped)),
        None => Ok(summary.code()),
    }
}

/// Somebody has stopped the run: what it has done stays done.
fn way_on(stopped: Error) -> Error {
    match stopped.kind() {
        Kind::Interrupted | Kind::Terminated => {
            stopped.remedy("The same command with --resume loads the windows that are left")
        }
        _ => stopped,
    }
}

fn job(
    options: &WindowedOptions,
    config: &Config,
    configured: &Configured,
    table: &TableName,
) -> Result<WindowsJob> {
    let settings = options.article.over(configured.settings(table));
    let load = LoadOptions {
        commit_rows: options.commit_interval.or(settings.commit_interval),
        tablock: options.tablock,
        keep_indexes: options.keep_indexes,
        ..options.loading.load_options(&settings)
    };
    let cut_by = match &options.work {
        Work::Keys { columns, .. } => CutBy::Key(columns.clone()),
        Work::Days { date_column, .. } => {
            let date_column = date_column.as_deref().or_else(|| configured.date_column(table));
            CutBy::Date(date_column.map(str::to_owned))
        }
        Work::RepairIndexes | Work::CleanUp => CutBy::Date(None),
    };
    Ok(WindowsJob {
        tool: options.tool,
        source: config.source()?.clone(),
        target: config.target()?.clone(),
        table: table.clone(),
        article: settings.article().map_err(|error| error.table(table))?,
        cut_by,
        windows: Vec::new(),
        estimated_rows: Vec::new(),
        on_record: None,
        options: options.apply.copy_options(&settings, options.guard.copy_options(&settings, load)),
        verify: options.loading.load.verify,
        workers: options.max_workers,
        max_retries: options.max_retries,
        resume: options.resume,
        shared: options.shared,
        index_scope: options.index_scope,
    })
}

async fn repair(
    options: &WindowedOptions,
    config: &Config,
    configured: &Configured,
    table: &TableName,
    stop: &Stop,
    reporter: &Reporter,
) -> Result<Code> {
    let article = options.article.over(configured.settings(table)).article()?;
    let work = stop.or(windows::repair_indexes(config.target()?, article.target_of(table))).await?;
    reporter.phase("REBUILD_IDX");
    for (index, took) in &work.done {
        let seconds = RecordValue::Seconds(*took);
        reporter.result(&index_line(
            &table.to_string(),
            index,
            ("rebuilt", seconds, RecordValue::Missing),
        ))?;
    }
    for (index, error) in &work.refused {
        let why = RecordValue::Text(error.to_string());
        reporter
            .failed(&index_line(&table.to_string(), index, ("failed", RecordValue::Missing, why)), error)?;
    }
    if work.done.is_empty() && work.refused.is_empty() {
        log::info!("{table}: no index was left disabled by a run");
    }
    Ok(Code::of_all(work.refused.iter().map(|(_, error)| error.exit_code())))
}

/// A line of `--repair-indexes`.
fn index_line(
    table: &str,
    index: &str,
    (outcome, seconds, error): (&str, RecordValue, RecordValue),
) -> Record {
    Record::new()
        .with("table", RecordValue::Text(table.to_string()))
        .with("index", RecordValue::Text(index.into()))
        .with("outcome", RecordValue::Text(outcome.into()))
        .with("seconds", seconds)
        .with("error", error)
}

/// The line of a table that could not be started.
fn not_begun(options: &WindowedOptions, table: &str, error: &Error) -> Record {
    if options.work == Work::RepairIndexes {
        let why = RecordValue::Text(error.to_string());
        return index_line(table, "", ("failed", RecordValue::Missing, why));
    }
    let record = Record::new()
        .with("table", RecordValue::Text(table.to_string()))
        .with("window", RecordValue::Missing);
    report::failed(record, error, None).with("retries", RecordValue::Missing)
}

fn record(job: &WindowsJob, finished: &FinishedWindow) -> Record {
    let record =
        Record::new().with("table", RecordValue::Text(job.label())).with_window(Some(&finished.window));
    match &finished.result {
        Ok(recorded) if finished.skipped => {
            report::skipped(record, recorded).with("retries", RecordValue::Missing)
        }
        result => report::outcome(record, result, finished.elapsed)
            .with("retries", RecordValue::Count(finished.retries.into())),
    }
}

/// The last lines: what failed, and what it came to.
fn tell(table: &TableName, summary: &Summary) {
    for error in &summary.problems {
        log::error!("{error}");
    }
    let mut parts = vec![
        format!("{} rows", human_count(summary.rows)),
        human_bytes(summary.bytes),
        format!(
            "{} rows/s",
            human_count((summary.rows as f64 / summary.elapsed.as_secs_f64()).round() as u64)
        ),
        format!("{} retries", human_count(summary.retries)),
    ];
    if let Some((phase, took)) = summary.slowest() {
        parts.push(format!("slowest phase {phase} {}", human_duration(took)));
    }
    log::info!(
        "{table}: {} of {} windows replaced, {} skipped, in {}: {}",
        summary.done,
        summary.windows,
        summary.skipped.len(),
        human_duration(summary.elapsed),
        parts.join(", ")
    );
    for FailedWindow { why, .. } in &summary.failed {
        log::error!("failed: {why}");
    }
}
