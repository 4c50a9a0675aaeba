//! The lines on stdout.
use replica_core::error::{Error, Result};
use replica_core::report::{Record, RecordValue};
use replica_core::schema::drift::Deviation;
use replica_core::schema::statement::DdlStatement;
use replica_core::schema::sync::{self, DdlOutcome, Likeness, Standing};

/// What a line tells. Every line has all columns.
#[derive(Default)]
struct Line<'a> {
    status: &'a str,
    object: Option<String>,
    severity: Option<String>,
    what: Option<&'a str>,
    way: Option<String>,
    cost: Option<String>,
    blocked_by: &'a [String],
    statements: &'a [DdlStatement],
    error: Option<&'a Error>,
}

impl Line<'_> {
    fn record(self, table: &str) -> Record {
        let text = |text: Option<String>| text.map_or(RecordValue::Missing, RecordValue::Text);
        let join = |parts: Vec<&str>, between| (!parts.is_empty()).then(|| parts.join(between));
        let blocked_by = join(self.blocked_by.iter().map(String::as_str).collect(), "; ");
        let statements = join(self.statements.iter().map(|one| one.sql.as_str()).collect(), "; ");
        Record::new()
            .with("table", RecordValue::Text(table.to_owned()))
            .with("status", RecordValue::Text(self.status.into()))
            .with("object", text(self.object))
            .with("severity", text(self.severity))
            .with("what", text(self.what.map(str::to_owned)))
            .with("way", text(self.way))
            .with("cost", text(self.cost))
            .with("blocked_by", text(blocked_by))
            .with("statement", text(statements))
            .with("error", text(self.error.map(ToString::to_string)))
    }
}

/// How a table stands.
pub fn table(table: &str, standing: &Result<Standing>) -> Record {
    let line = match standing {
        Ok(standing) => Line { status: status(standing.likeness()), ..Line::default() },
        Err(error) => Line { status: "failed", error: Some(error), ..Line::default() },
    };
    line.record(table)
}

fn status(likeness: Likeness) -> &'static str {
    match likeness {
        Likeness::Same => "same",
        Likeness::Missing => "missing",
        Likeness::Drift => "drift",
    }
}

pub fn deviation(table: &str, deviation: &Deviation) -> Record {
    Line {
        status: "difference",
        object: Some(format!("{} {}", deviation.element, deviation.name)),
        severity: Some(deviation.severity.to_string()),
        what: Some(&deviation.what),
        way: Some(deviation.way.to_string()),
        cost: deviation.cost().map(|cost| cost.to_string()),
        blocked_by: &deviation.blocked_by,
        statements: &deviation.statements,
        error: None,
    }
    .record(table)
}

pub fn done(done: &DdlOutcome) -> Record {
    Line {
        status: if done.result.is_ok() { "done" } else { "refused" },
        object: Some(done.step.what.clone()),
        what: Some(done.step.why.as_str()).filter(|why| !why.is_empty()),
        cost: sync::cost(&done.step).map(|cost| cost.to_string()),
        statements: &done.step.statements,
        error: done.result.as_ref().err(),
        ..Line::default()
    }
    .record(&done.table)
}

/// What would make a table that is missing.
pub fn creation(table: &str, step: &replica_core::schema::statement::DdlStep) -> Record {
    Line {
        status: "difference",
        object: Some(step.what.clone()),
        severity: Some("missing".into()),
        way: Some("create".into()),
        cost: sync::cost(step).map(|cost| cost.to_string()),
        statements: &step.statements,
        ..Line::default()
    }
    .record(table)
}
