//! What runs that are dead have left beside the target's tables.
use std::time::Duration;

use crate::catalog::TableName;
use crate::catalog::record::CatalogRow;
use crate::config::Endpoint;
use crate::copy::job::table_lock_of;
use crate::error::Result;
use crate::ledger::{self, RecordedStaging};
use crate::retry::Backoff;
use crate::session::applock::{self, LockMode};
use crate::session::{Role, Session};

/// Drops what runs that are dead have left beside the target's tables. Answers what was dropped, and what stays since its
/// run may be alive: its lease lasts, or somebody holds its table.
///
/// # Errors
/// The server's.
pub async fn clean_up(endpoint: &Endpoint) -> Result<(Vec<RecordedStaging>, Vec<RecordedStaging>)> {
    let mut retries = Backoff::default().retries();
    loop {
        let cleaned = async {
            let mut target = Session::connect(endpoint, Role::Target).await?;
            let (mut dropped, mut kept) = (Vec::new(), Vec::new());
            for left in ledger::staging(&mut target).await? {
                let resource = id_of(&mut target, &left.target).await?.map(|id| table_lock_of(id).name());
                let is_free = match &resource {
                    Some(name) => {
                        applock::take(&mut target, name, LockMode::Exclusive, Duration::ZERO).await?
                    }
                    None => true,
                };
                if left.is_alive || !is_free {
                    kept.push(left);
                } else {
                    ledger::drop_staging(&mut target, &left, None).await?;
                    dropped.push(left);
                }
                if let Some(name) = resource.filter(|_| is_free) {
                    applock::release(&mut target, &name).await?;
                }
            }
            Ok((dropped, kept))
        };
        if let Some(settled) = retries.settled(cleaned.await).await {
            return settled;
        }
    }
}

/// `None`: the table is gone.
async fn id_of(target: &mut Session, table: &TableName) -> Result<Option<i64>> {
    let sql = "SELECT CAST(OBJECT_ID(@P1) AS bigint) AS object_id";
    let rows = target.query(sql, &[&table.quoted().as_str()]).await?;
    Ok(rows.first().and_then(|row| CatalogRow::from(row).int("object_id")))
}
