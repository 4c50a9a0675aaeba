//! From tables to windows to compare: the catalogs of both sides, and what the ledger says.
use std::sync::Arc;
use std::time::{Duration, Instant};

use replica_core::catalog::{Article, TableName};
use replica_core::cli::{Configured, List};
use replica_core::copy::Sides;
use replica_core::error::{Error, Result};
use replica_core::lane;
use replica_core::ledger::{self, RecordedWindow, State};
use replica_core::retry::Backoff;
use replica_core::session::Role;
use replica_core::verify::{Comparison, ComparisonJob, ComparisonOptions, Connections, Throttle};
use replica_core::window::{CutBy, Outside, Window};

use crate::args::Options;
use crate::finished::{ComparedTable, FinishedComparison};
use crate::ranges::{self, RecordedRanges};

/// Looks at tables, and says what is to be compared.
pub struct Planner<'a> {
    pub options: &'a Options,
    pub configured: &'a Configured,
    pub connections: &'a Connections,
    pub throttle: Throttle,
}

/// A window, or a whole table, to compare.
pub struct PlannedComparison {
    pub of: Arc<ComparedTable>,
    pub job: ComparisonJob,
}

/// A table's windows.
#[derive(Default)]
pub struct PlannedComparisons {
    pub jobs: Vec<PlannedComparison>,
    /// Those of which it is known beforehand that they cannot be compared.
    pub failed: Vec<FinishedComparison>,
}

impl Planner<'_> {
    /// # Errors
    /// What keeps the whole table from being compared.
    pub async fn plan(&self, table: &TableName) -> Result<PlannedComparisons> {
        let mut retries = Backoff::default().retries();
        loop {
            let planned = async {
                let mut sides = self.connections.take().await?;
                let planned = self.planned(&mut sides, table).await?;
                self.connections.give_back(sides);
                Ok(planned)
            };
            if let Some(settled) = retries.settled(planned.await).await {
                return settled;
            }
        }
    }

    /// Asks both sides about all tables in few round trips. What cannot be asked so is asked table by table.
    pub async fn look_ahead(&self, tables: &[TableName]) {
        let articles: Vec<_> = tables.iter().map(|table| (table, self.article(table))).collect();
        let looked = async {
            let mut sides = self.connections.take().await?;
            sides.look_ahead(articles.iter().map(|(table, article)| (*table, article))).await?;
            self.connections.give_back(sides);
            Ok::<_, Error>(())
        };
        if let Err(error) = looked.await {
            log::debug!("the tables are looked at one by one: {error}");
        }
    }

    /// What of the table makes its copy, for people: its own name where that is not to be known.
    pub fn article(&self, table: &TableName) -> Article {
        self.options.article.over(self.configured.settings(table)).article().unwrap_or_default()
    }

    async fn planned(&self, sides: &mut Sides, table: &TableName) -> Result<PlannedComparisons> {
        let options = self.options;
        let settings = options.article.over(self.configured.settings(table));
        let (source, target) = sides.tables(table, &settings.article()?).await?;
        let allowance = options.guard.allowance(&settings);
        let part = self.part(table);
        let recorded;
        let key = match &part {
            ComparedPart::KeyRanges => {
                recorded = ranges::on_record(&mut sides.target, &target.object.name).await?;
                recorded.columns.as_slice()
            }
            _ => {
                recorded = RecordedRanges::default();
                &[]
            }
        };
        let comparison_options = ComparisonOptions {
            ignore_extra_columns: options.guard.ignores_extra_columns(&settings),
            date_column: options.date_column.as_deref().or_else(|| self.configured.date_column(table)),
            windowed: options.against_ledger || !matches!(part, ComparedPart::Whole),
            key,
            as_of: options.as_of.as_ref(),
            as_of_ledger: options.as_of_ledger,
        };
        let comparison = Comparison::new(&source, &target, comparison_options)?;
        // What is on record has no parts.
        let comparison = if options.against_ledger {
            comparison
        } else {
            comparison.stretched(&mut sides.source, &source).await?
        };
        let comparison = Arc::new(comparison);
        for column in left_out(&comparison) {
            log::info!("{table}: left out, as by the copy: {column}");
        }
        let mut warnings: Vec<String> = target.masked_when_read_back().collect();
        for (side, table) in [("source", &source), ("target", &target)] {
            warnings.extend(table.hides_rows(side));
            warnings.extend(table.may_hide_rows(side).filter(|_| !allowance.row_filters));
        }
        let one_sided = comparison.mapping.one_sided().collect::<Vec<_>>().join(", ");
        if !one_sided.is_empty() {
            warnings.push(format!("not compared, since one side has no such column: {one_sided}"));
        }
        warnings.iter().for_each(|warning| log::warn!("{}: {warning}", comparison.target));
        let of = Arc::new(self.compared(&comparison));
        if options.against_ledger {
            return self.recorded(sides, comparison, of).await;
        }
        let windows = match part {
            ComparedPart::Whole => {
                let jobs = vec![PlannedComparison { of, job: self.job(&comparison, None) }];
                return Ok(PlannedComparisons { jobs, failed: Vec::new() });
            }
            ComparedPart::Windows(windows) => windows.to_vec(),
            ComparedPart::OnRecord => on_record(sides, &comparison).await?,
            ComparedPart::KeyRanges => recorded.of(&comparison)?,
        };
        self.tell_of_others(sides, &comparison, &windows).await?;
        let planned = |window| PlannedComparison { of: of.clone(), job: self.job(&comparison, Some(window)) };
        Ok(PlannedComparisons { jobs: windows.into_iter().map(planned).collect(), failed: Vec::new() })
    }

    /// With `--all` the tables that the configuration replaces by days are compared by days, the others as a whole.
    fn part(&self, table: &TableName) -> ComparedPart<'_> {
        if self.options.key_ranges {
            return ComparedPart::KeyRanges;
        }
        let is_of_all = |list| self.options.selection.all && self.configured.is_listed(list, table);
        match &self.options.windows {
            Some(_) if is_of_all(List::Reference) => ComparedPart::Whole,
            Some(windows) => ComparedPart::Windows(windows),
            // A version is of all rows.
            None if self.options.as_of_ledger => ComparedPart::Whole,
            None if is_of_all(List::Dated) => ComparedPart::OnRecord,
            None => ComparedPart::Whole,
        }
    }

    /// Says which rows are in none of the windows, whichever they are.
    async fn tell_of_others(
        &self,
        sides: &mut Sides,
        comparison: &Comparison,
        windows: &[Window],
    ) -> Result<()> {
        let Some(CutBy::Date(Some(column))) = &comparison.cut_by else { return Ok(()) };
        let endless = windows.iter().any(Window::is_endless);
        for (role, session) in [(Role::Source, &mut sides.source), (Role::Target, &mut sides.target)] {
            let Some(query) = comparison.outside(role) else { continue };
            let outside = lane::numbers(session.lane()?, query).await;
            let outside = outside.map_err(|error| error.within("counting rows in no window"))?;
            for rows in Outside::counted(&outside).told(column, endless, "not compared") {
                log::warn!("{}: at the {role}, {rows}", comparison.source);
            }
        }
        Ok(())
    }

    fn compared(&self, comparison: &Comparison) -> ComparedTable {
        let one_sided = comparison.mapping.one_sided().next().is_some();
        ComparedTable {
            name: comparison.source.clone(),
            article: comparison.article.clone(),
            cut_by: comparison.cut_by.clone().unwrap_or(CutBy::Date(None)),
            left_out: left_out(comparison).collect::<Vec<_>>().join(", "),
            columns_differ: self.options.strict_columns && one_sided,
        }
    }

    fn job(&self, comparison: &Arc<Comparison>, window: Option<Window>) -> ComparisonJob {
        ComparisonJob {
            comparison: comparison.clone(),
            window,
            recorded: None,
            throttle: self.throttle.clone(),
            show_rows: self.options.kept_rows(),
        }
    }

    /// The windows that are on record and lie within the days asked for.
    async fn recorded(
        &self,
        sides: &mut Sides,
        comparison: Arc<Comparison>,
        of: Arc<ComparedTable>,
    ) -> Result<PlannedComparisons> {
        let known = known(sides, &comparison).await?;
        let windows = self.options.windows.as_deref();
        let first = windows.and_then(|windows| windows.first()?.days());
        let days = first.zip(windows.and_then(|windows| windows.last()?.days()));
        let within = |known: &RecordedWindow| {
            days.is_none_or(|(first, last)| {
                known.window.days().is_some_and(|days| first.first <= days.first && days.next <= last.next)
            })
        };
        let mut planned = PlannedComparisons::default();
        for known in known.into_iter().filter(within) {
            match record(&known, &comparison) {
                Ok(recorded) => {
                    let job = self.job(&comparison, Some(known.window.clone()));
                    let job = ComparisonJob { recorded: Some(recorded), ..job };
                    planned.jobs.push(PlannedComparison { of: of.clone(), job });
                }
                Err(error) => planned.failed.push(FinishedComparison {
                    of: of.clone(),
                    window: Some(known.window.clone()),
                    result: Err(comparison.article.named(&comparison.source, error).window(&known.window)),
                    took: Duration::ZERO,
                    before: None,
                }),
            }
        }
        if planned.jobs.is_empty() && planned.failed.is_empty() {
            return Err(Error::data("the ledger has no window of it that lies within these days")
                .remedy("Leave out --against-ledger to compare with the source"));
        }
        Ok(planned)
    }
}

/// What of a table is compared.
enum ComparedPart<'a> {
    Whole,
    Windows(&'a [Window]),
    /// The windows that the ledger has of it.
    OnRecord,
    /// The ranges of a key that the ledger has of it.
    KeyRanges,
}

async fn known(sides: &mut Sides, comparison: &Comparison) -> Result<Vec<RecordedWindow>> {
    if ledger::exists(&mut sides.target).await? {
        ledger::windows(&mut sides.target, &comparison.target).await
    } else {
        Ok(Vec::new())
    }
}

/// The windows that are on record, whatever became of them.
async fn on_record(sides: &mut Sides, comparison: &Comparison) -> Result<Vec<Window>> {
    let mut windows: Vec<_> =
        known(sides, comparison).await?.iter().filter_map(|known| known.window.days()).collect();
    windows.sort_unstable();
    let (Some(first), Some(last)) = (windows.first(), windows.last()) else {
        return Err(Error::data("the ledger has no window of it")
            .remedy("Say which days to compare with --start-date and --end-date"));
    };
    log::info!(
        "{}: compared by the {} windows that the ledger has of it, from {} to {}",
        comparison.source,
        windows.len(),
        first.first,
        last.last()
    );
    Ok(windows.into_iter().map(Into::into).collect())
}

/// The fingerprint of a window's rows as the copy left them.
fn record(
    known: &RecordedWindow,
    comparison: &Comparison,
) -> Result<replica_core::tds::fingerprint::Fingerprint> {
    let difference = comparison.subject.as_ref().and_then(|subject| known.subject.difference(subject));
    if let Some(difference) = difference {
        return Err(Error::data(format!("the window on record is not this one: {difference}"))
            .remedy("Leave out --against-ledger to compare with the source"));
    }
    known.fingerprint.ok_or_else(|| {
        let error = match (known.state, &known.reason) {
            // By a load that has no windows.
            (State::Pending, Some(reason)) => {
                Error::data(format!("what is on record no longer holds: {reason}"))
            }
            (state, _) => Error::data(format!("the window is not complete: it is {}", state.name())),
        };
        match known.state {
            State::Loading => error.remedy("Wait until the run that loads it has ended"),
            State::Pending => error.remedy(
                "Load it again with --resume, or leave out --against-ledger to compare with the source",
            ),
            _ => error.remedy("Load it again, with --resume if the other windows are to stay"),
        }
    })
}

/// Columns that are not compared, and why.
fn left_out(comparison: &Comparison) -> impl Iterator<Item = String> {
    let mapping = &comparison.mapping;
    let columns = mapping.left_out.iter().map(|left| {
        let side = if left.at_source { "" } else { ", in the target only" };
        format!("{} ({}{side})", left.column.name, left.filler)
    });
    columns.chain(mapping.ignored.iter().map(|column| format!("{} (in the source only)", column.name)))
}

/// A table that cannot be compared at all.
pub fn failed(table: TableName, article: Article, error: Error, since: Instant) -> FinishedComparison {
    let result = Err(article.named(&table, error));
    let of = Arc::new(ComparedTable::unknown(table, article));
    FinishedComparison { of, window: None, result, took: since.elapsed(), before: None }
}
