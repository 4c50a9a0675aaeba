//! Compares with what the version on record promises, and not with the source as it is.
//!
//! The version is read in the target's snapshot, which is there before the source's: so the target's rows are those of this
//! version, and all that differs has changed at the source since. Without SNAPSHOT isolation a round that ends meanwhile can
//! make rows differ for a moment.
use crate::compare::promise::{ChangedKeys, Promise};
use crate::compare::stream::Stream;
use crate::compare::{Comparison, Reading};
use crate::copy::Sides;
use crate::copy::changes;
use crate::error::{Error, Result};
use crate::ledger::{self, Method, RecordedVersion};
use crate::session::{Role, Session};

/// Begins the reading of both sides, and says what is compared then.
///
/// # Errors
/// There is no version on record, or it does not hold; the servers'.
pub(super) async fn begin(sides: &mut Sides, reading: &Reading<'_>, promise: &Promise) -> Result<Comparison> {
    reading.begin(&mut sides.target, Role::Target).await?;
    let known = recorded(&mut sides.target, reading.comparison, promise).await?;
    let source = (reading.comparison.source.to_string(), promise.source_id);
    changes::check_holds(&mut sides.source, &known, (&source.0, source.1)).await?;
    let comparison = reading.comparison.since(&known.version)?;
    reading.begin(&mut sides.source, Role::Source).await?;
    match (known.version.method, &comparison.key) {
        (Method::ChangeTracking, Some(key)) => {
            let mut keys = ChangedKeys::default();
            let question = comparison.changed_after(key, known.version.version);
            let mut changed = Stream::open(&mut sides.source, question, reading, false).await?;
            while changed.next().await? {
                keys.add(key, &changed.row)?;
            }
            Ok(comparison.with_changed(keys))
        }
        _ => Ok(comparison),
    }
}

async fn recorded(
    target: &mut Session,
    comparison: &Comparison,
    promise: &Promise,
) -> Result<RecordedVersion> {
    let known =
        if ledger::has_versions(target).await? { ledger::versions(target).await? } else { Vec::new() };
    let is_its = |known: &RecordedVersion| known.version.object_id == promise.target_id;
    known.into_iter().find(is_its).ok_or_else(|| {
        Error::data(format!("the ledger has no version of {}", comparison.target))
            .remedy("Run replicate-changes, or leave out --as-of-ledger")
    })
}
