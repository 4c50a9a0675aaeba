//! Faults that a client can ask for.
use super::TableName;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// A bulk load ends with 1205.
    Deadlock,
    /// A bulk load ends with 9002.
    LogFull,
    /// The connection is cut after the first row of a bulk load.
    CutReceiving,
    /// The connection is cut when a bulk load is done, before its reply.
    CutReplying,
    /// The connection is cut when a COMMIT comes; it does not happen.
    CutBeforeCommit,
    /// The connection is cut once a COMMIT has happened, before its reply.
    CutAfterCommit,
    /// The connection is cut once a COMMIT has happened and its reply is sent.
    CutBetween,
    /// The connection is cut when a request comes that has the session reset.
    CutResetting,
    /// Nothing more of a bulk load is read, until the faults are disarmed.
    Stall,
    /// A bulk load is read at so many bytes a second (the value).
    Slow,
    /// A SELECT's rows are sent at so many bytes a second (the value).
    SlowSelect,
    /// A SELECT sends half a row, after so many whole ones (the value), and hangs up.
    HalfRow,
    /// A SELECT sends a row whose lengths lie, after so many whole ones (the value).
    LyingLength,
    /// A SELECT falls silent after so many rows (the value), until the faults are disarmed.
    Silence,
    /// ALTER INDEX is refused.
    RefuseIndex,
    /// A SELECT under SNAPSHOT isolation is refused with this error (the value).
    RefuseSnapshot,
    /// A SELECT is refused with this error (the value).
    RefuseSelect,
    /// A DELETE is refused with this error (the value), once it has its lock of the table.
    RefuseDelete,
    /// CHANGETABLE is refused as on a secondary replica.
    SecondaryReplica,
    /// Reading a system view ends as the wait for a lock does that is held for too long.
    LockedView,
}

impl FaultKind {
    /// By its name in `sp_sandbox_fault`.
    pub fn by_name(name: &str) -> Option<Self> {
        let kinds = [
            ("deadlock", Self::Deadlock),
            ("log_full", Self::LogFull),
            ("cut_receiving", Self::CutReceiving),
            ("cut_replying", Self::CutReplying),
            ("cut_before_commit", Self::CutBeforeCommit),
            ("cut_after_commit", Self::CutAfterCommit),
            ("cut_between", Self::CutBetween),
            ("cut_resetting", Self::CutResetting),
            ("stall", Self::Stall),
            ("slow", Self::Slow),
            ("slow_select", Self::SlowSelect),
            ("half_row", Self::HalfRow),
            ("lying_length", Self::LyingLength),
            ("silence", Self::Silence),
            ("refuse_index", Self::RefuseIndex),
            ("refuse_snapshot", Self::RefuseSnapshot),
            ("refuse_select", Self::RefuseSelect),
            ("refuse_delete", Self::RefuseDelete),
            ("secondary_replica", Self::SecondaryReplica),
            ("locked_view", Self::LockedView),
        ];
        kinds.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, kind)| kind)
    }
}

#[derive(Clone, Debug)]
pub struct Fault {
    pub kind: FaultKind,
    /// `None`: any table.
    pub table: Option<TableName>,
    /// Occurrences that go well first.
    pub skip: u32,
    /// Occurrences that fail then.
    pub remaining: u32,
    /// See [`FaultKind`].
    pub value: i64,
}

impl Fault {
    /// Counts an occurrence; the value where it is one that fails.
    pub(super) fn due(&mut self, kind: FaultKind, table: Option<&TableName>) -> Option<i64> {
        let concerned = self.kind == kind && (self.table.is_none() || self.table.as_ref() == table);
        if !concerned {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        self.remaining = self.remaining.checked_sub(1)?;
        Some(self.value)
    }
}
