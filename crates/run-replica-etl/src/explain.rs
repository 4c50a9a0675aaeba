//! `--explain`: what a run would do, and what it would refuse, by the same looks that the run takes before it writes.
use replica_core::cli::Code;
use replica_core::config::{Apply, Config, Publish};
use replica_core::copy::{self, Sides, windows::PreparedWindows};
use replica_core::error::{Error, Kind, Refusal, Result};
use replica_core::ledger::TableVersion;
use replica_core::report::{Record, RecordValue, Reporter};

use crate::agenda::{Agenda, names};
use crate::refresh::{StepContext, table_job, windows_job};
use crate::schema_check;
use crate::steps::{Step, StepPart};

/// A line for each step, in the order in which they would begin if they ran one by one; then one for each table that is not
/// like the source's, and one for each that is refused.
///
/// # Errors
/// A server cannot be connected to; standard output's.
pub async fn explain(
    context: &StepContext,
    config: &Config,
    agenda: Agenda,
    reporter: &Reporter,
) -> Result<Code> {
    let whole = agenda.steps.iter().filter(|step| matches!(step.part, StepPart::Whole)).collect();
    let mut looks = StepLooks { context, sides: None, whole };
    let mut refused: Vec<(&Step, Error)> = Vec::new();
    let mut codes = Vec::new();
    for job in agenda.in_sequence().await {
        for &place in &agenda.jobs[job] {
            let step = &agenda.steps[place];
            let rows = match looks.rows(step).await {
                Ok(rows) => rows,
                // Without a connection there is nothing to be said of any table.
                Err(error) if error.kind() == Kind::Connect => return Err(error),
                Err(error) => {
                    refused.push((step, step.article.named(&step.table, error)));
                    continue;
                }
            };
            let after = agenda.scheduled[job].after.iter();
            let after: Vec<_> = after.map(|&before| names(&agenda.steps, &agenda.jobs[before])).collect();
            let after = (!after.is_empty()).then(|| format!("after {}", after.join(", ")));
            let record = Record::new()
                .with("table", RecordValue::Text(step.label()))
                .with("what", RecordValue::Text(what(step, agenda.recorded[place].as_ref())))
                .with("rows", rows.map_or(RecordValue::Missing, RecordValue::Count))
                .with("after", after.map_or(RecordValue::Missing, RecordValue::Text));
            codes.push(Code::Ok);
            reporter.result(&record.with_code(reporter.format(), None).in_order())?;
        }
    }
    for (label, differs) in schema_check::explain(context, config, &agenda.steps).await? {
        let record = Record::new()
            .with("table", RecordValue::Text(label))
            .with("what", RecordValue::Text(differs))
            .with("rows", RecordValue::Missing)
            .with("after", RecordValue::Missing);
        reporter.result(&record.with_code(reporter.format(), None).in_order())?;
    }
    let known = agenda.refused.iter().map(|(step, error)| (step, error.clone()));
    refused.extend(known);
    for (step, error) in &refused {
        let record = Record::new()
            .with("table", RecordValue::Text(step.table.to_string()))
            .with("what", RecordValue::Text(format!("refused: {error}")))
            .with("rows", RecordValue::Missing)
            .with("after", RecordValue::Missing);
        let code = error.refusal().map(Refusal::code);
        reporter.failed(&record.with_code(reporter.format(), code), error)?;
    }
    codes.extend(refused.iter().map(|(_, error)| error.exit_code()));
    Ok(Code::of_all(codes))
}

/// Looks at one table after the other.
struct StepLooks<'a> {
    context: &'a StepContext,
    /// Whole tables are looked at on the same connections.
    sides: Option<Sides>,
    /// Those that will be.
    whole: Vec<&'a Step>,
}

impl StepLooks<'_> {
    /// The source's rows that would come: of days they are counted, of a whole table its own estimate is taken. What
    /// changes nobody knows before.
    ///
    /// # Errors
    /// What would keep the step from being done, and the servers' own.
    async fn rows(&mut self, step: &Step) -> Result<Option<u64>> {
        match &step.part {
            StepPart::Changes => Ok(None),
            StepPart::Whole => self.whole(step).await,
            StepPart::Days { range, column } => {
                let job = windows_job(self.context, step, (*range, column.clone()))?;
                let prepared = PreparedWindows::new(&job).await?;
                prepared.allowed()?;
                Ok(Some(prepared.rows.iter().map(|(_, rows)| rows).sum()))
            }
        }
    }

    async fn whole(&mut self, step: &Step) -> Result<Option<u64>> {
        let job = table_job(self.context, step);
        let mut sides = match self.sides.take() {
            Some(sides) => sides,
            None => {
                let mut sides = Sides::connect(&job.source, &job.target).await?;
                sides.look_ahead(self.whole.iter().map(|step| (&step.table, &step.article))).await?;
                sides
            }
        };
        let (source, target) = sides.tables(&job.table, &job.article).await?;
        let options = copy::informed(&mut sides.target, (&source, &target), job.options).await?;
        let plan = job.plan(&source, &target, options)?;
        let plan = copy::published(&mut sides.target, (&source, &target), plan, options).await?;
        plan.allowed()?;
        let findings = copy::look(&mut sides, &plan).await?;
        self.sides = Some(sides);
        findings.refusal.map_or(Ok(plan.source_rows), Err)
    }
}

fn what(step: &Step, recorded: Option<&TableVersion>) -> String {
    let part = match &step.part {
        StepPart::Changes => {
            return match recorded {
                Some(known) => format!("changes since version {} ({})", known.version, known.method.name()),
                None => "changes; first a comparison, since no version is on record".to_owned(),
            };
        }
        StepPart::Whole => "whole table".to_owned(),
        StepPart::Days { range, column: Some(column) } => format!("{} of {column}", range.whole()),
        StepPart::Days { range, column: None } => range.whole().to_string(),
    };
    // Rows that differ are written in one transaction, whatever is said of the others.
    match step.settings.publish.filter(|_| step.settings.apply != Some(Apply::Difference)) {
        Some(publish @ (Publish::Staged | Publish::Switch)) => format!("{part}, publish = {publish}"),
        _ => part,
    }
}
