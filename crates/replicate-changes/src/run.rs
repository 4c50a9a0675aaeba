//! From options to an exit code: which tables, and what is to be done with them.
use std::io;

use replica_core::cli::{self, Code, Configured, List, Stop, Tool};
use replica_core::config::Config;
use replica_core::copy::changes::{self, ChangesJob, KeeperRecord, KeptTable};
use replica_core::copy::{CopyOptions, LoadOptions, UnbegunRun};
use replica_core::error::Result;
use replica_core::notify::{Began, NotifiedRounds};
use replica_core::report::Reporter;

use crate::args::{Args, Options};
use crate::books::Books;
use crate::rounds::Rounds;

pub fn run(options: &Options, reporter: &Reporter) -> Result<Code> {
    let config = Config::load(options.config.as_deref())?;
    let written = options.selection.written(&config, &[List::Changing], io::stdin().lock())?;
    let (source, target) = (config.source()?.clone(), config.target()?.clone());
    let mut listener = NotifiedRounds::of(&config, Args::NAME, reporter);
    cli::block_on(options.max_workers, |stop| async move {
        let began = Began::now();
        let asked = stop.or(Configured::ask(&config, &written.entries, Some(&source), &target));
        let configured = if options.explain {
            asked.await?
        } else {
            let unbegun = UnbegunRun { tool: Args::NAME, source: Some(&source), target: &target };
            match unbegun.unless(asked).await {
                Ok(configured) => configured,
                Err(error) => {
                    let ended = Err(error);
                    listener.ended(began, &ended, Vec::new()).await;
                    return ended;
                }
            }
        };
        let tables = configured.tables(&written)?;
        let kept = |table| {
            let settings = configured.settings(&table);
            let fire_triggers = options.triggers.fire_triggers;
            let load = LoadOptions { fire_triggers, ..LoadOptions::default() };
            let copied = options.guard.copy_options(&settings, load);
            let allowance = options.cascading.over(copied.allowance);
            let article = settings.article().map_err(|error| error.table(&table))?;
            Ok(KeptTable { table, article, options: CopyOptions { allowance, ..copied } })
        };
        let job = ChangesJob {
            tool: Args::NAME,
            source,
            target,
            tables: tables.into_iter().map(kept).collect::<Result<_>>()?,
            method: options.method.0,
            deletes: options.deletes,
            on_reset: options.on_reset,
            workers: options.max_workers,
            on_record: if options.every.is_some() { KeeperRecord::Always } else { KeeperRecord::AtWork },
        };
        if options.explain {
            return explain(&job, reporter, &stop).await;
        }
        let books = Books::open(&config, options, &job)?;
        Rounds::new(&job, reporter, books, listener).until_done(options.every, &stop).await
    })
}

async fn explain(job: &ChangesJob, reporter: &Reporter, stop: &Stop) -> Result<Code> {
    let mut code = Code::Ok;
    for explained in stop.or(changes::explain(job)).await? {
        reporter.explain(&job.tables[explained.place].label(), explained.lines)?;
        if let Some(error) = explained.refused {
            code = Code::of_all([code, error.exit_code()]);
        }
    }
    Ok(code)
}
