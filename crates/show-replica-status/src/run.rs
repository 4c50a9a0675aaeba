//! From options to an exit code: look once, or again and again.
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use replica_core::catalog::{ListEntry, NamedOrMatching, TableName};
use replica_core::cli::{self, Code, Stop};
use replica_core::config::{Config, Endpoint};
use replica_core::error::{Kind, Result};
use replica_core::report::{Format, Reporter};
use replica_core::session::{Role, Session};
use replica_core::status::{self, Status};
use tokio::time::sleep;

use crate::args::Options;
use crate::screen::Screen;
use crate::{line, page, text};

pub fn run(options: &Options, reporter: &Reporter) -> Result<Code> {
    let config = Config::load(options.config.as_deref())?;
    let selection = &options.selection;
    let entries = if selection.named.is_empty() && !selection.stdin {
        Vec::new()
    } else {
        selection.written(&config, &[], io::stdin().lock())?.entries
    };
    let mut look = Look { target: config.target()?, entries, session: None };
    cli::block_on(1, |stop| async move {
        match options.every {
            None => {
                let status = stop.or(look.take()).await?;
                show(reporter, &look, &status)?;
                write_page(options, &look, &status)?;
                Ok(code(&status))
            }
            Some(every) => watch((options, every), reporter, &mut look, &stop).await,
        }
    })
}

fn code(status: &Status) -> Code {
    if status.needs_a_look() { Code::Failed } else { Code::Ok }
}

/// Looks again until somebody has seen enough. A connection that is lost meanwhile is made anew.
async fn watch(
    (options, every): (&Options, Duration),
    reporter: &Reporter,
    look: &mut Look<'_>,
    stop: &Stop,
) -> Result<Code> {
    let full = reporter.format() == Format::Text && io::stdout().is_terminal();
    let mut screen = full.then(Screen::open).transpose()?;
    loop {
        let status = stop.or(look.take()).await?;
        match &mut screen {
            Some(screen) => screen.draw(&text::status(look.target, &status))?,
            None => show(reporter, look, &status)?,
        }
        write_page(options, look, &status)?;
        let pause = sleep(every);
        let quit = async {
            match &mut screen {
                Some(screen) => screen.quit().await,
                None => std::future::pending().await,
            }
        };
        let over = stop.or(async {
            tokio::select! {
                () = quit => Ok(true),
                () = pause => Ok(false),
            }
        });
        if over.await? {
            return Ok(code(&status));
        }
    }
}

fn write_page(options: &Options, look: &Look<'_>, status: &Status) -> Result<()> {
    let Some(file) = &options.html else { return Ok(()) };
    page::write(status, look.target.to_string(), options.every, file)
}

fn show(reporter: &Reporter, look: &Look<'_>, status: &Status) -> Result<()> {
    if reporter.format() == Format::Text {
        if status.needs_a_look() || !reporter.is_quiet() {
            let text = text::status(look.target, status);
            reporter.write(|out| out.write_all(text.as_bytes()))?;
        }
        return Ok(());
    }
    status.notes.iter().for_each(|note| log::warn!("{note}"));
    for (record, is_well) in line::records(status) {
        if is_well { reporter.result(&record) } else { reporter.problem(&record) }?;
    }
    if !status.has_ledger {
        log::info!("{}: there is no ledger: no tool that keeps one has run here", look.target);
    }
    Ok(())
}

/// What is looked at, and the connection there is.
struct Look<'a> {
    target: &'a Endpoint,
    /// None: all tables.
    entries: Vec<ListEntry>,
    session: Option<Session>,
}

impl Look<'_> {
    async fn take(&mut self) -> Result<Status> {
        loop {
            let (mut session, is_new) = match self.session.take() {
                Some(session) => (session, false),
                None => (Session::connect(self.target, Role::Target).await?, true),
            };
            match status::read(&mut session, &|table| self.wants(table)).await {
                Ok(mut status) => {
                    self.session = Some(session);
                    status.notes.extend(self.not_on_record(&status));
                    return Ok(status);
                }
                Err(error) if !is_new && matches!(error.kind(), Kind::Io | Kind::Timeout) => {
                    log::warn!("{error}; connecting again");
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// A name that no table has may be a slip: an empty answer would look like a healthy one.
    fn not_on_record(&self, status: &Status) -> Vec<String> {
        if !status.has_ledger {
            return Vec::new();
        }
        let of_runs = status.runs.iter().filter_map(|run| run.table.as_ref());
        let kept = status.versions.iter().map(|kept| &kept.table);
        let known: Vec<_> =
            status.tables.iter().map(|table| &table.table).chain(of_runs).chain(kept).collect();
        let unknown = self.entries.iter().filter(|entry| !known.iter().any(|table| means(entry, table)));
        let named = unknown.filter_map(|entry| match &entry.tables {
            NamedOrMatching::Named(name) if !entry.excludes => Some(name),
            _ => None,
        });
        named.map(|name| format!("{name}: no run on such a table is on record here")).collect()
    }

    fn wants(&self, table: &TableName) -> bool {
        let (without, with): (Vec<_>, Vec<_>) = self.entries.iter().partition(|entry| entry.excludes);
        let meant = |entries: &[&ListEntry]| entries.iter().any(|entry| means(entry, table));
        (with.is_empty() || meant(&with)) && !meant(&without)
    }
}

/// Names compare without regard to case: whoever looks finds more, and nothing is done to it.
fn means(entry: &ListEntry, table: &TableName) -> bool {
    match &entry.tables {
        NamedOrMatching::Named(name) => {
            let same = |left: &str, right: &str| left.to_lowercase() == right.to_lowercase();
            let schema = name.schema.as_deref().zip(table.schema.as_deref());
            same(&name.name, &table.name) && schema.is_none_or(|(wanted, its)| same(wanted, its))
        }
        NamedOrMatching::Matching(pattern) => pattern.matches(table, ""),
    }
}
