//! What would be done with each table, and what a better method would need.
use super::method::to_track;
use super::{ChangesJob, Deletes, KeptTable};
use crate::catalog;
use crate::copy::source::ConnectedSource as _;
use crate::error::{Error, Result};
use crate::ledger::{self, Method, RecordedVersion};
use crate::plan::ChangesPlan;
use crate::report::ExplainLine;
use crate::session::{Role, Session};

use super::judge::judge;
use super::method;
use super::source::{SourceFacts, SourceNow, facts};

/// A table, and what would be done with it.
pub struct ExplainedTable {
    /// Its place in the job.
    pub place: usize,
    /// What there is to say of it.
    pub lines: Vec<ExplainLine>,
    /// Why nothing would be done.
    pub refused: Option<Error>,
}

/// Looks at all tables. Changes nothing.
///
/// # Errors
/// What concerns all tables: a server that is not there.
pub async fn explain(job: &ChangesJob) -> Result<Vec<ExplainedTable>> {
    let (source, target) =
        tokio::join!(Session::take(&job.source, Role::Source), Session::take(&job.target, Role::Target));
    let (mut source, mut target) = (source?, target?);
    let facts = facts(&mut source).await?;
    let recorded = if ledger::has_versions(&mut target).await? {
        ledger::versions(&mut target).await?
    } else {
        Vec::new()
    };
    let rowversions = job.method != Some(Method::ChangeTracking);
    let now = SourceNow::ask(&mut source, &[], rowversions).await?;
    let mut explained = Vec::new();
    for (place, kept) in job.tables.iter().enumerate() {
        let mut lines = Vec::new();
        let sides = (&mut source, &mut target);
        let refused = match of_table(job, kept, sides, (&facts, &now, &recorded), &mut lines).await {
            Ok(()) => None,
            Err(error) if error.server().is_none() && error.is_transient() => return Err(error),
            Err(error) => {
                let error = error.table(&kept.table);
                lines.push(ExplainLine::refused(&error));
                Some(error)
            }
        };
        explained.push(ExplainedTable { place, lines, refused });
    }
    Ok(explained)
}

async fn of_table(
    job: &ChangesJob,
    kept: &KeptTable,
    (source, target): (&mut Session, &mut Session),
    (facts, now, recorded): (&SourceFacts, &SourceNow, &[RecordedVersion]),
    lines: &mut Vec<ExplainLine>,
) -> Result<()> {
    let mut add = |topic: &'static str, text: String| lines.push(ExplainLine::new(topic, text));
    let (source, target) = tokio::join!(
        source.table(&kept.table, &kept.article),
        catalog::read_copy(target, &kept.table, &kept.article)
    );
    let (source, target) = (source?, target?);
    let known = recorded.iter().find(|known| known.version.table == target.object.name);
    let table = now.tables.get(&source.object.id).cloned().unwrap_or_default();
    let method = method::choose(job.method, known.map(|known| known.version.method), &source, now, &table)?;
    let why = match (job.method, known) {
        (Some(_), _) => "asked for (--method)",
        (None, Some(_)) => "the version on record is of it",
        (None, None) if method == Method::ChangeTracking => "the source tracks the table's changes",
        (None, None) => "the table has a rowversion column, and its changes are not tracked",
    };
    add("method", format!("{}: {why}", method.name()));
    if method == Method::RowVersion {
        let how = match job.deletes {
            Deletes::EveryRun => "in every run",
            Deletes::Daily => "once a day",
            Deletes::Never => "never",
        };
        add("deletes", format!("rows that are gone are found by comparing the keys of both sides, {how}"));
        for sql in to_track(&source) {
            add("missing", format!("{sql} -- for the method change-tracking; not run"));
        }
    }
    if !facts.allows_snapshot {
        let database =
            source.server.as_ref().map(|server| catalog::quote(&server.database)).unwrap_or_default();
        add(
            "missing",
            format!(
                "ALTER DATABASE {database} SET ALLOW_SNAPSHOT_ISOLATION ON -- for all tables of a round from one point in time; not run"
            ),
        );
    }
    let plan = ChangesPlan::new(&source, &target, kept.options, method)?;
    match judge(known, (facts, &source.object.name.to_string()), now, &table, source.object.id) {
        Ok(()) => {
            let version = known.map(|known| known.version.version).unwrap_or_default();
            add("version", format!("{version} is applied, the source is at {}", shown(now, method)));
        }
        Err(reset) => add("version", format!("{reset}: both sides are compared first")),
    }
    add("locks", "intent exclusive (IX) on the target, exclusive (X) on the rows that change, to the commit; none at the source under SNAPSHOT".into());
    for sql in plan.statements() {
        add("statement", sql);
    }
    add(
        "statement",
        "UPDATE replica.versions -- only over the version that the changes were read from".into(),
    );
    add("statement", "COMMIT TRANSACTION".into());
    plan.plan.warnings.iter().for_each(|warning| add("warning", warning.clone()));
    Ok(())
}

fn shown(now: &SourceNow, method: Method) -> String {
    let version = match method {
        Method::ChangeTracking => now.version,
        Method::RowVersion => now.active,
    };
    version.map_or("an unknown version".to_owned(), |version| version.to_string())
}
