//! One table after the other.
use std::io;

use replica_core::catalog::{Table, TableName};
use replica_core::cli::{self, Code, Configured, List};
use replica_core::config::{Config, Endpoint};
use replica_core::copy::Sides;
use replica_core::error::{Error, Kind, Result};
use replica_core::find::{Finding, LookedFor, Search, find};
use replica_core::report::{Format, Record, RecordValue, Reporter, about};
use replica_core::retry::Backoff;
use replica_core::types::mapping::{Mapping, map_what_can_be};
use replica_core::window::{DateColumn, Filter, choose};

use crate::args::Options;

pub fn run(options: &Options, reporter: &Reporter) -> Result<Code> {
    let config = Config::load(options.config.as_deref())?;
    let (source, target) = (config.source()?.clone(), config.target()?.clone());
    let written = options.selection.written(&config, &List::ALL, io::stdin().lock())?;
    cli::block_on(1, |stop| async move {
        stop.or(async {
            let configured = Configured::ask(&config, &written.entries, Some(&source), &target).await?;
            let tables = configured.tables(&written)?;
            options.article.of_one(&tables)?;
            FinderRun { options, reporter, configured, source, target }.all(tables).await
        })
        .await
    })
}

struct FinderRun<'a> {
    options: &'a Options,
    reporter: &'a Reporter,
    configured: Configured,
    source: Endpoint,
    target: Endpoint,
}

/// What became of a table.
struct Looked {
    findings: Vec<Finding>,
    /// Columns that could not be looked at.
    left_out: Option<Error>,
}

impl FinderRun<'_> {
    async fn all(&self, names: Vec<TableName>) -> Result<Code> {
        let mut sides = None;
        let mut codes = Vec::new();
        let count = names.len();
        for name in names {
            let looked = self.patiently(&mut sides, &name).await;
            // Without a connection there is nothing to be said of any table.
            if looked.as_ref().is_err_and(|error| error.kind() == Kind::Connect) {
                return looked.map(|_| Code::of_all(codes));
            }
            let article = self.options.article.over(self.configured.settings(&name)).article();
            let article = article.unwrap_or_default();
            let named = |error| article.named(&name, error);
            let failure = |error: Error| Looked { findings: Vec::new(), left_out: Some(named(error)) };
            let looked = looked.unwrap_or_else(failure);
            codes.extend((!looked.findings.is_empty()).then_some(Code::Failed));
            codes.extend(looked.left_out.as_ref().map(Error::exit_code));
            self.write(&article.label(&name), &looked)?;
        }
        if codes.is_empty() {
            let tables = if count == 1 { "1 table".to_owned() } else { format!("{count} tables") };
            log::info!("nothing found in {tables}");
        }
        Ok(Code::of_all(codes))
    }

    /// On the connections there are; on new ones after an error, which may have left them beyond use.
    async fn patiently(&self, sides: &mut Option<Sides>, name: &TableName) -> Result<Looked> {
        let mut retries = Backoff::default().retries();
        loop {
            let looked = about(name.to_string(), None, self.table(sides, name)).await;
            if looked.as_ref().is_err_and(|error| error.server().is_none()) {
                *sides = None;
            }
            if let Some(settled) = retries.settled(looked).await {
                return settled;
            }
        }
    }

    async fn table(&self, sides: &mut Option<Sides>, name: &TableName) -> Result<Looked> {
        let sides = match sides {
            Some(sides) => sides,
            None => sides.insert(Sides::connect(&self.source, &self.target).await?),
        };
        let settings = self.options.article.over(self.configured.settings(name));
        let (source, target) = sides.tables(name, &settings.article()?).await?;
        let ignore = settings.ignore_extra_columns;
        let (mapping, left_out) = map_what_can_be(&source, &target, ignore);
        let search = Search {
            source: &source,
            columns: &mapping.columns,
            looked_for: LookedFor::Family(self.options.family),
            filter: self.filter(name, &source, &mapping)?,
            rows: self.options.rows,
        };
        let left_out = left_out.map(|error| settings.article().unwrap_or_default().named(name, error));
        Ok(Looked { findings: find(&mut sides.source, &search).await?, left_out })
    }

    fn filter(&self, name: &TableName, source: &Table, mapping: &Mapping) -> Result<Option<Filter>> {
        let Some(range) = &self.options.range else { return Ok(None) };
        let named = self.options.date_column.as_deref().or_else(|| self.configured.date_column(name));
        let column = choose(source, named)?;
        let Some(mapped) = mapping.columns.iter().find(|mapped| mapped.source.id == column.id) else {
            return Err(Error::mapping("the target has no column for the dates").column(&column.name));
        };
        Ok(Some(Filter::days(&DateColumn::at_source(mapped), &range.whole())))
    }

    fn write(&self, table: &str, looked: &Looked) -> io::Result<()> {
        for finding in &looked.findings {
            if self.reporter.format() == Format::Text {
                self.reporter.problem(&finding.shown())?;
            } else {
                finding.records().iter().try_for_each(|record| self.reporter.problem(record))?;
            }
        }
        match &looked.left_out {
            Some(error) => self.reporter.failed(&failure(table, error), error),
            None => Ok(()),
        }
    }
}

/// A line as those of the findings are, for what could not be looked at.
fn failure(table: &str, error: &Error) -> Record {
    let names = ["column", "source_type", "target_type", "capacity"];
    let record = Record::new().with("table", RecordValue::Text(table.to_owned()));
    let record = names.into_iter().fold(record, |record, name| record.with(name, RecordValue::Missing));
    let record = record.with("problem", RecordValue::Text(format!("not looked at: {error}")));
    let names = ["extreme", "rows", "key", "value"];
    names.into_iter().fold(record, |record, name| record.with(name, RecordValue::Missing))
}
