//! Lock escalation: a statement that locks many rows of one table tries for the table (Microsoft docs, "Resolve blocking
//! problems caused by lock escalation", "Lock escalation thresholds").
use super::Target;
use sandbox_catalog::schema::{IndexKind, LockEscalation};
use sandbox_session::Session;
use sandbox_transactions::locks::{LockMode, LockScope, Request, Resource};
use std::time::Duration;

/// So many locks of one statement on one table.
const THRESHOLD: u64 = 5_000;
/// Where others' locks are in the way, the statement goes on and tries again every so many.
const AGAIN: u64 = 1_250;

/// The rows that one statement has locked in one table. A row counts once: what it takes in indexes counts for each index
/// by itself.
pub struct Escalation {
    rows: u64,
    /// When it is tried next; `None`: never.
    due: Option<u64>,
}

impl Escalation {
    /// A clustered columnstore locks rowgroups, not rows. A partitioned table that escalates to partitions (AUTO) does not
    /// escalate here: there are no locks on partitions.
    pub fn of(target: &Target) -> Self {
        let table = &target.table;
        let columnstore = table.base_index().is_some_and(|i| i.kind == IndexKind::ClusteredColumnstore);
        let goes = match table.lock_escalation {
            LockEscalation::Table => true,
            LockEscalation::Auto => table.partitioned_on.is_none(),
            LockEscalation::Disable => false,
        };
        Self { rows: 0, due: (goes && !columnstore).then_some(THRESHOLD) }
    }

    /// So many rows more are locked.
    pub fn locked(&mut self, session: &Session, target: &Target, rows: u64) {
        self.rows += rows;
        let Some(due) = self.due.filter(|due| self.rows >= *due) else { return };
        let request = Request {
            session: session.id,
            scope: LockScope::Transaction,
            resource: Resource::Table { database: target.database, object_id: target.table.object_id },
            mode: LockMode::X,
            timeout: Some(Duration::ZERO),
            deadlock_priority: session.options.deadlock_priority,
            low_priority: false,
            cancelled: &|| false,
        };
        self.due = if session.engine.locks.escalate(&request) {
            None
        } else {
            Some(due + AGAIN * ((self.rows - due) / AGAIN + 1))
        };
    }
}
