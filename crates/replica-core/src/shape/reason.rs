//! Why a target is loaded as it is: every reason, its code and its sentence, in one place.
use std::fmt;

/// Why a target is loaded as it is. `Display` has the sentence that `--explain` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// The server's bulk loads check little by themselves.
    UncheckedLoads,
    /// The target's indexes could not be asked for.
    UnknownIndexes,
    /// A whole table without a clustered index.
    HeapLock,
    /// A whole table in a clustered columnstore.
    ColumnstoreLock { index: String },
    /// A whole table in a clustered index.
    ClusteredLock { index: String },
    /// A whole table in several partitions.
    Partitioned,
    /// TRUNCATE, since nothing keeps the server from it.
    Truncate,
    /// TRUNCATE, although foreign keys could not be asked for.
    TruncateUnknownKeys,
    /// DELETE, since a foreign key points at the table.
    DeleteForKey { key: String, table: String },
    /// DELETE, since an unseen foreign key points at the table.
    DeleteForUnseenKey,
    /// DELETE, for want of a permission.
    DeleteWithoutAlter,
    /// DELETE, since the server has refused TRUNCATE.
    TruncateRefused,
    /// DELETE, since triggers are to fire.
    DeleteForTriggers,
    /// DELETE of a window under a table lock, since a foreign key can refuse it.
    DeleteWindowForKey,
    /// DELETE of a window, found by an index, in the load's own transaction.
    DeleteWindow { index: String },
    /// DELETE of a window in batches.
    DeleteInBatches { rows: u64, index: String },
    /// DELETE of a window under a table lock, since no index finds its rows.
    DeleteWindowUnfound,
    /// A foreign key stays enabled.
    KeyStays { key: String, table: String },
    /// A trusted foreign key is suspended.
    KeySuspended { key: String, table: String },
    /// A foreign key that is not trusted is suspended.
    UntrustedKeySuspended { key: String, table: String },
    /// Constraints are checked, for want of a permission.
    CheckedWithoutAlter,
    /// Indexes stay, for want of a permission.
    IndexesWithoutAlter { indexes: String },
    /// Indexes stay, since the server has refused to disable them.
    IndexesRefused { indexes: String },
    /// Indexes stay, since rebuilding them costs more than it saves.
    IndexesFewRows { indexes: String },
    /// Indexes are disabled, and rebuilt in the transaction.
    IndexesDisabled { indexes: String },
    /// Indexes stay, since rows of other windows are in them.
    IndexesOfOtherRows { indexes: String },
    /// Indexes stay, as the user asked.
    IndexesAsAsked { indexes: String },
    /// An index stays, since it finds a window's rows.
    IndexFindsRows { index: String },
    /// Indexes are disabled once for all windows.
    IndexesDisabledForRun { indexes: String },
    /// An index is not one that can be disabled for a load.
    IndexStays { index: String, why: &'static str },
    /// Loads of windows share the lock of a heap.
    SharedHeapLock,
    /// Windows of a heap with indexes.
    IndexedHeapLock { indexes: usize },
    /// Windows of a clustered columnstore.
    WindowedColumnstoreLock { index: String },
    /// Windows of a clustered index.
    WindowedClusteredLock { index: String },
    /// The user asked for a lock that loads cannot share.
    LockAsAsked,
    /// The user asked for none.
    NoLockAsAsked,
    /// Rows may point at later rows of the same table.
    OneMessage,
    /// Only the rows that differ are written.
    Difference,
    /// The user leaves the choice, and other tables point at this one.
    DifferenceForKeys,
    /// The user leaves the choice, and the last run says that little changes.
    DifferenceByRecord { why: String },
    /// The user leaves the choice, and nothing speaks against replacing.
    ReplaceAsBefore { why: String },
    /// The user leaves the choice, and the rows that differ cannot be written.
    NoDifference { why: String },
    /// A row that a foreign key points at is not deleted.
    KeyHoldsRows { key: String, table: String },
    /// The rows that a foreign key would delete or change are counted first.
    ChildrenCounted { key: String, table: String, action: String },
    /// Rows are loaded into the target itself, as asked.
    PublishDirect,
    /// Rows are loaded beside the target and copied over, as asked.
    PublishStaged,
    /// All rows of the table change places, as asked.
    PublishSwitch,
    /// Partitions are switched in.
    Switch,
    /// Indexes stay, since partitions are switched in.
    SwitchKeepsIndexes,
    /// No window is a partition of its own.
    NoWindowIsAPartition,
    /// Partitions cannot be switched in.
    NoSwitch { why: String },
}

impl Reason {
    /// The code, which does not change (docs/COMMANDS.md, "Codes").
    pub fn code(&self) -> &'static str {
        self.told().0
    }

    /// Code and sentence.
    fn told(&self) -> (&'static str, String) {
        match self {
            Self::UncheckedLoads => (
                "unchecked_loads",
                "Babelfish checks neither NOT NULL nor lengths by itself: CHECK_CONSTRAINTS, and every row is read back and compared before the commit".into(),
            ),
            Self::UnknownIndexes => {
                ("unknown_indexes", "its indexes are unknown: no TABLOCK, no order".into())
            }
            Self::HeapLock => {
                ("heap_lock", "heap: TABLOCK, one bulk-update lock and minimal logging".into())
            }
            Self::ColumnstoreLock { index } => (
                "columnstore_lock",
                format!(
                    "clustered columnstore {index}: no TABLOCK, messages of a whole rowgroup go straight to compressed rowgroups"
                ),
            ),
            Self::ClusteredLock { index } => (
                "clustered_lock",
                format!(
                    "clustered index {index}: one writer that holds the table anyway, so TABLOCK costs nothing and saves log"
                ),
            ),
            Self::Partitioned => {
                ("partitioned", "partitioned: replaced as a whole, all partitions in one load".into())
            }
            Self::Truncate => ("truncate", "TRUNCATE: no other table points at it".into()),
            Self::TruncateUnknownKeys => (
                "truncate_unknown_keys",
                "TRUNCATE: foreign keys that point at it are not to be learnt, and would refuse this (error 4712)".into(),
            ),
            Self::DeleteForKey { key, table } => (
                "delete_for_key",
                format!("DELETE: foreign key {key} of {table} makes TRUNCATE impossible (error 4712)"),
            ),
            Self::DeleteForUnseenKey => (
                "delete_for_unseen_key",
                "DELETE: a foreign key that this login cannot see makes TRUNCATE impossible (error 4712)".into(),
            ),
            Self::DeleteWithoutAlter => {
                ("delete_without_alter", "DELETE: no ALTER permission, which TRUNCATE needs".into())
            }
            Self::TruncateRefused => ("truncate_refused", "DELETE: the server refused TRUNCATE".into()),
            Self::DeleteForTriggers => ("delete_for_triggers", "DELETE: TRUNCATE fires no triggers".into()),
            Self::DeleteWindowForKey => (
                "delete_window_for_key",
                "DELETE in one statement under a table lock: a foreign key that refuses it (error 547) leaves all rows of the window".into(),
            ),
            Self::DeleteWindow { index } => {
                ("delete_window", format!("DELETE of the window's rows, found by {index}"))
            }
            Self::DeleteInBatches { rows, index } => (
                "delete_in_batches",
                format!("DELETE in batches of {rows} rows, found by {index}: no lock on the table"),
            ),
            Self::DeleteWindowUnfound => (
                "delete_window_unfound",
                "DELETE in one statement under a table lock: no index finds a window's rows".into(),
            ),
            Self::KeyStays { key, table } => {
                ("key_stays", format!("{key} of {table} stays: it can refuse the DELETE"))
            }
            Self::KeySuspended { key, table } => (
                "key_suspended",
                format!("{key} of {table} is suspended, then checked against the new rows before the commit"),
            ),
            Self::UntrustedKeySuspended { key, table } => (
                "untrusted_key_suspended",
                format!("{key} of {table} is suspended, then enabled as it was: not trusted, not checked"),
            ),
            Self::CheckedWithoutAlter => (
                "checked_without_alter",
                "CHECK_CONSTRAINTS: loading without them needs ALTER permission".into(),
            ),
            Self::IndexesWithoutAlter { indexes } => (
                "indexes_without_alter",
                format!("indexes kept up row by row, for want of ALTER permission: {indexes}"),
            ),
            Self::IndexesRefused { indexes } => (
                "indexes_refused",
                format!("indexes kept up row by row, since the server refused to switch them off: {indexes}"),
            ),
            Self::IndexesFewRows { indexes } => (
                "indexes_few_rows",
                format!("indexes kept up row by row, too few rows to rebuild for: {indexes}"),
            ),
            Self::IndexesDisabled { indexes } => (
                "indexes_disabled",
                format!("nonclustered indexes disabled, then rebuilt before the commit: {indexes}"),
            ),
            Self::IndexesOfOtherRows { indexes } => (
                "indexes_of_other_rows",
                format!(
                    "indexes kept up row by row, since other rows than the window's are in them: {indexes}"
                ),
            ),
            Self::IndexesAsAsked { indexes } => {
                ("indexes_as_asked", format!("indexes kept up row by row, as asked: {indexes}"))
            }
            Self::IndexFindsRows { index } => {
                ("index_finds_rows", format!("index {index} stays: it finds the rows to delete"))
            }
            Self::IndexesDisabledForRun { indexes } => (
                "indexes_disabled_for_run",
                format!("nonclustered indexes disabled before the first window, rebuilt after the last: {indexes}"),
            ),
            Self::IndexStays { index, why } => {
                ("index_stays", format!("index {index} stays as it is: {why}"))
            }
            Self::SharedHeapLock => (
                "shared_heap_lock",
                "bare heap: TABLOCK, a bulk-update lock (BU) that loads share".into(),
            ),
            Self::IndexedHeapLock { indexes } => (
                "indexed_heap_lock",
                format!(
                    "heap with {indexes} active indexes: no TABLOCK, which would lock everybody out (Sch-M)"
                ),
            ),
            Self::WindowedColumnstoreLock { index } => (
                "windowed_columnstore_lock",
                format!(
                    "clustered columnstore {index}: no TABLOCK; messages of a whole rowgroup are compressed at once"
                ),
            ),
            Self::WindowedClusteredLock { index } => (
                "windowed_clustered_lock",
                format!("clustered index {index}: no TABLOCK, which would let one writer in at a time"),
            ),
            Self::LockAsAsked => (
                "lock_as_asked",
                "TABLOCK as asked: it locks the table, so loads take turns by an application lock".into(),
            ),
            Self::NoLockAsAsked => {
                ("no_lock_as_asked", "no TABLOCK, as asked: row locks, fully logged".into())
            }
            Self::OneMessage => (
                "one_message",
                "one bulk message: rows may point at later rows of the same table".into(),
            ),
            Self::Difference => (
                "difference",
                "only the rows that differ are written: rows that are equal, byte by byte, are left alone".into(),
            ),
            Self::DifferenceForKeys => (
                "difference_for_keys",
                "--apply auto is difference: foreign keys point at this table, and rows that stay are not deleted"
                    .into(),
            ),
            Self::DifferenceByRecord { why } => {
                ("difference_by_record", format!("--apply auto is difference: {why}"))
            }
            Self::ReplaceAsBefore { why } => (
                "replace_as_before",
                format!("--apply auto is replace: no other table points at this one, and {why}"),
            ),
            Self::NoDifference { why } => ("no_difference", format!("--apply auto is replace: {why}")),
            Self::KeyHoldsRows { key, table } => (
                "key_holds_rows",
                format!("{key} of {table}: the DELETE of a row that it points at is refused (error 547)"),
            ),
            Self::ChildrenCounted { key, table, action } => (
                "children_counted",
                format!(
                    "{key} of {table} (ON DELETE {action}): the rows that would go or change are counted before any is deleted, and refused if there are any (--allow-cascade)"
                ),
            ),
            Self::PublishDirect => {
                ("publish_direct", "loaded into the target itself, as asked".into())
            }
            Self::PublishStaged => (
                "publish_staged",
                "loaded into a table beside the target, proved there, then copied over in one transaction, as asked".into(),
            ),
            Self::PublishSwitch => (
                "publish_switch",
                "loaded into a table beside the target that is built like it, proved there, then SWITCH, as asked".into(),
            ),
            Self::Switch => (
                "switch",
                "windows that are partitions are loaded beside the table and switched in: readers see the old rows until then".into(),
            ),
            Self::SwitchKeepsIndexes => (
                "switch_keeps_indexes",
                "no index is disabled: SWITCH wants those of the table enabled".into(),
            ),
            Self::NoWindowIsAPartition => {
                ("no_window_is_a_partition", "no window is a partition of its own: no SWITCH".into())
            }
            Self::NoSwitch { why } => ("no_switch", format!("no SWITCH: {why}")),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.told().1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    /// The codes in a file of this folder: words in quotes that are followed by a comma or end a line of a match.
    fn codes(source: &str) -> BTreeSet<&str> {
        let words = source.split('"').skip(1).step_by(2);
        words.filter(|word| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')).collect()
    }

    #[test]
    fn every_code_is_documented_and_no_other() {
        let page = include_str!("../../../../docs/COMMANDS.md");
        let (_, page) = page.split_once("\n### Codes\n").unwrap();
        let (page, _) = page.split_once("\n### ").unwrap();
        let first_columns = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(" | ").next());
        let documented: Vec<&str> = first_columns
            .flat_map(|column| column.split('`').skip(1).step_by(2))
            .filter(|word| !["strategy", "refused"].contains(word))
            .collect();
        let source = include_str!("reason.rs").split("#[cfg(test)]").next().unwrap();
        let mut all = codes(source);
        let refusals = codes(include_str!("../refusal.rs"));
        assert!(all.is_disjoint(&refusals));
        all.extend(refusals);
        assert_eq!(documented.len(), all.len(), "each once");
        assert_eq!(documented.into_iter().collect::<BTreeSet<_>>(), all);
    }
}
