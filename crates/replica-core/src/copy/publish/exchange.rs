//! The moment at which the new rows take the old ones' place.
use super::patience::{POLITE_WAIT, SwitchPatience};
use crate::copy::referencing::still_rest;
use crate::copy::replace::{Checks, LOCK_WAIT, ReplaceError, run};
use crate::error::{Error, Result};
use crate::plan::Plan;
use crate::report::Timing;
use crate::session::Session;
use crate::staging::StagingTables;
use crate::tds::rpc::Query;

/// Replaces the rows by those beside the target, in one transaction.
pub(super) async fn copy_over(
    target: &mut Session,
    plan: &Plan,
    tables: &StagingTables,
    checks: Checks<'_>,
    rows: u64,
    timing: &mut Timing,
) -> Result<(), ReplaceError> {
    let mut patience = SwitchPatience::begin(target, plan, POLITE_WAIT).await?;
    loop {
        let copied = async {
            target.lane()?.begin().await?;
            run(target, plan.before(), timing).await?;
            still_rest(target, plan).await?;
            insert(target, plan, tables, rows).await?;
            timing.phase("PUBLISH");
            run(target, plan.after(), timing).await?;
            if let Some(replaced) = checks.replaced {
                replaced.mark(target).await?;
            }
            target.lane()?.commit().await?;
            Ok::<_, ReplaceError>(())
        };
        let copied = copied.await;
        if let Some(settled) = patience.settled(target, copied).await {
            settled?;
            break;
        }
    }
    timing.phase("COMMIT");
    target.set_lock_timeout(LOCK_WAIT).await?;
    Ok(())
}

/// Copies the rows over, within the open transaction.
///
/// # Errors
/// The server's; an index has dropped rows whose key is there.
pub(in crate::copy) async fn insert(
    target: &mut Session,
    plan: &Plan,
    tables: &StagingTables,
    rows: u64,
) -> Result<()> {
    if let Some(keep) = plan.keep_numbers(true) {
        target.execute(&keep).await?;
    }
    let copied = target.execute_long(plan.copy_over(&tables.incoming)).await;
    let copied = copied.map_err(|error| error.within("copying the new rows over"))?.rows.unwrap_or_default();
    if let Some(keep) = plan.keep_numbers(false) {
        target.execute(&keep).await?;
    }
    if copied == rows {
        return Ok(());
    }
    Err(Error::data(format!("of {rows} new rows {copied} were copied over"))
        .remedy("An index with IGNORE_DUP_KEY or a trigger keeps rows out. The old rows were kept"))
}

/// The rows change places, in one batch: whoever waits for the table waits for no answer of ours. `ledger`: what has to be
/// said there in the same transaction.
pub(in crate::copy) async fn switch(
    target: &mut Session,
    plan: &Plan,
    tables: &StagingTables,
    ledger: Query,
) -> Result<()> {
    let Query { sql: ledger, mut params } = ledger;
    let mut statements = vec!["BEGIN TRANSACTION".to_owned()];
    statements.extend(tables.switch.iter().cloned());
    statements.extend(tables.unless.iter().map(|bounds| bounds.check(&mut params)));
    statements.extend(Some(ledger).filter(|sql| !sql.is_empty()));
    statements.push("COMMIT TRANSACTION".to_owned());
    let batch = Query { sql: statements.join(";\n"), params };
    let wait = if tables.low_priority { LOCK_WAIT } else { POLITE_WAIT };
    let mut patience = SwitchPatience::begin(target, plan, wait).await?;
    loop {
        let switched = target.execute_long(batch.clone()).await;
        if let Some(settled) = patience.settled(target, switched).await {
            settled?;
            break;
        }
    }
    target.set_lock_timeout(LOCK_WAIT).await
}
