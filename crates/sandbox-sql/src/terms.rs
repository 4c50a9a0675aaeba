//! What statements say by a word, and the catalog or a session keeps as it was said.
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    ReadUncommitted,
    ReadCommitted,
    RepeatableRead,
    Serializable,
    Snapshot,
}

/// ALTER TABLE … SET (LOCK_ESCALATION = …), as sys.tables numbers them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LockEscalation {
    #[default]
    Table = 0,
    Disable = 1,
    Auto = 2,
}

/// CHANGE_RETENTION = n …, as sys.change_tracking_databases numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RetentionUnit {
    Minutes = 1,
    Hours = 2,
    Days = 3,
}

impl RetentionUnit {
    /// As sys.change_tracking_databases names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Minutes => "MINUTES",
            Self::Hours => "HOURS",
            Self::Days => "DAYS",
        }
    }

    pub fn minutes(self) -> i64 {
        match self {
            Self::Minutes => 1,
            Self::Hours => 60,
            Self::Days => 24 * 60,
        }
    }
}

/// How the pages of an index are filled and compressed, as sys.indexes and sys.partitions number it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageOptions {
    pub fill_factor: u8,
    pub padded: bool,
    /// 0 NONE, 1 ROW, 2 PAGE, 3 COLUMNSTORE, 4 COLUMNSTORE_ARCHIVE.
    pub compression: u8,
}

/// What of a memory-optimized table outlives the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Durability {
    SchemaAndData,
    SchemaOnly,
}

/// Of a graph or a ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Special {
    Node,
    Edge,
    UpdatableLedger,
    AppendOnlyLedger,
}

/// As sys.security_predicates.operation numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BlockedOperation {
    AfterInsert = 1,
    AfterUpdate = 2,
    BeforeUpdate = 3,
    BeforeDelete = 4,
}

/// A password that Debug does not show.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Password(pub String);

impl From<&str> for Password {
    fn from(password: &str) -> Self {
        Self(password.to_owned())
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(***)")
    }
}
