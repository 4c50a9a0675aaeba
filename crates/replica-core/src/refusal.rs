//! What is refused before anything is written, as codes. Programs that read `--explain --output json` tell refusals apart
//! by them; people read the sentences of the [errors](crate::error::Error).

/// Why a table must not be replaced. The list in docs/COMMANDS.md, "Codes", has all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The target is a view.
    View,
    /// The target is a table of a special kind: of a graph, of a ledger, of files, or external.
    SpecialTable,
    /// The target is system-versioned.
    SystemVersioned,
    /// The target is the history of a temporal table.
    TemporalHistory,
    /// The target is memory-optimized.
    MemoryOptimized,
    /// The target's database is read-only.
    ReadOnly,
    /// The login may not insert.
    NoInsert,
    /// The login may not delete.
    NoDelete,
    /// The target's clustered index is disabled.
    DisabledClusteredIndex,
    /// Triggers that the login cannot see would fire, or might.
    UnseenTriggers,
    /// Deleting the old rows would fire a trigger.
    DeleteTrigger,
    /// Writing the rows that differ would fire a trigger.
    FiredTrigger,
    /// Loading past a trigger needs ALTER.
    InsertTriggerWithoutAlter,
    /// An INSTEAD OF trigger would run in place of the replacement.
    InsteadOfTrigger,
    /// Keeping an identity column's values needs ALTER.
    IdentityWithoutAlter,
    /// Foreign keys that the login cannot see point at the target, or might.
    UnseenForeignKeys,
    /// A foreign key that points at the target may not be suspended.
    ForeignKeyWithoutAlter,
    /// Foreign keys would delete or change rows of other tables.
    ActingForeignKeys,
    /// The target has no key that tells its rows apart.
    NoKey,
    /// The source keeps no versions of the table's rows.
    NoVersions,
    /// Rows that differ cannot be staged in tempdb.
    UnknownToTempdb,
    /// The target's rows cannot change places with a table's beside it.
    SwitchRules,
    /// Security policies may hide rows of either side.
    HiddenRows,
    /// Columns that only the target has hold values.
    LostValues,
    /// Most rows would be lost.
    LostRows,
}

impl Refusal {
    /// The code, which does not change.
    pub fn code(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::SpecialTable => "special_table",
            Self::SystemVersioned => "system_versioned",
            Self::TemporalHistory => "temporal_history",
            Self::MemoryOptimized => "memory_optimized",
            Self::ReadOnly => "read_only",
            Self::NoInsert => "no_insert",
            Self::NoDelete => "no_delete",
            Self::DisabledClusteredIndex => "disabled_clustered_index",
            Self::UnseenTriggers => "unseen_triggers",
            Self::DeleteTrigger => "delete_trigger",
            Self::FiredTrigger => "fired_trigger",
            Self::InsertTriggerWithoutAlter => "insert_trigger_without_alter",
            Self::InsteadOfTrigger => "instead_of_trigger",
            Self::IdentityWithoutAlter => "identity_without_alter",
            Self::UnseenForeignKeys => "unseen_foreign_keys",
            Self::ForeignKeyWithoutAlter => "foreign_key_without_alter",
            Self::ActingForeignKeys => "acting_foreign_keys",
            Self::NoKey => "no_key",
            Self::NoVersions => "no_versions",
            Self::UnknownToTempdb => "unknown_to_tempdb",
            Self::SwitchRules => "switch_rules",
            Self::HiddenRows => "hidden_rows",
            Self::LostValues => "lost_values",
            Self::LostRows => "lost_rows",
        }
    }
}
