//! Tables that one run makes or changes at a time.
use std::time::Duration;

use twox_hash::XxHash3_128;

use super::comparison::{SchemaComparison, Standing};
use crate::catalog::TableName;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::session::applock::{self, LockMode};

/// How long another run may be about to make a table.
const TABLE_WAIT: Duration = Duration::from_secs(5);

/// Tables that no other run makes or changes meanwhile, for the life of the session or until [`Self::release`].
pub(in crate::schema) struct HeldTables {
    locks: Vec<String>,
    /// Those that another run holds, by the source's names.
    busy: Vec<(TableName, Error)>,
}

impl HeldTables {
    /// `None`: no table is due.
    ///
    /// # Errors
    /// A lost connection.
    pub(in crate::schema) async fn of(
        target: &mut Session,
        comparison: &SchemaComparison,
        is_due: impl Fn(&Standing) -> bool,
    ) -> Result<Option<Self>> {
        let standing = |(name, one): &'_ (TableName, Result<Standing>)| {
            let standing = one.as_ref().ok().filter(|one| is_due(one))?;
            Some((lock_name(standing.name()), name.clone(), standing.label.clone()))
        };
        let mut due: Vec<(String, TableName, String)> =
            comparison.tables.iter().filter_map(standing).collect();
        // In one order, so that of two runs neither waits for the other in turns.
        due.sort_unstable();
        if due.is_empty() {
            return Ok(None);
        }
        let mut held = Self { locks: Vec::new(), busy: Vec::new() };
        for (lock, name, label) in due {
            if applock::take(target, &lock, LockMode::Exclusive, TABLE_WAIT).await? {
                held.locks.push(lock);
            } else {
                const BUSY: &str = "another run is making or changing this table";
                let error = applock::held_by_others(target, &lock, BUSY).await;
                held.busy.push((name, error.table(label)));
            }
        }
        Ok(Some(held))
    }

    /// The comparison, in which what another run holds is no business of ours.
    pub(in crate::schema) fn but_for_busy(&self, mut comparison: SchemaComparison) -> SchemaComparison {
        for (name, standing) in &mut comparison.tables {
            if let Some((_, error)) = self.busy.iter().find(|(busy, _)| busy == name) {
                *standing = Err(error.clone());
            }
        }
        comparison
    }

    /// # Errors
    /// A lost connection.
    pub(in crate::schema) async fn release(self, target: &mut Session) -> Result<()> {
        for lock in &self.locks {
            applock::release(target, lock).await?;
        }
        Ok(())
    }
}

/// By the name, since a table that is to be made has no number yet. The server shows the first 32 characters of a lock's name
/// (Microsoft docs, "sys.dm_tran_locks"), so that is all that it has.
fn lock_name(table: &TableName) -> String {
    let hash = XxHash3_128::oneshot(table.quoted().to_lowercase().as_bytes());
    format!("replica schema {:016x}", hash >> 64)
}
