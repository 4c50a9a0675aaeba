//! That a database and its tables are tracked for changes.
use sandbox_sql::terms::RetentionUnit;
use serde::{Deserialize, Serialize};

/// Of a database, as sys.change_tracking_databases shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseTracking {
    pub auto_cleanup: bool,
    pub retention: i64,
    pub unit: RetentionUnit,
}

impl Default for DatabaseTracking {
    /// Microsoft docs, "ALTER DATABASE SET options", change_tracking_option.
    fn default() -> Self {
        Self { auto_cleanup: true, retention: 2, unit: RetentionUnit::Days }
    }
}

/// Of a table, as sys.change_tracking_tables shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableTracking {
    pub columns_updated: bool,
    /// The storage of its changes, one row for each row that a statement changed.
    pub changes: i64,
    pub begin_version: i64,
    pub min_valid_version: i64,
    pub cleanup_version: i64,
}

impl TableTracking {
    /// From this version on; earlier ones know nothing of it.
    pub fn since(version: i64, columns_updated: bool, changes: i64) -> Self {
        Self {
            columns_updated,
            changes,
            begin_version: version,
            min_valid_version: version,
            cleanup_version: 0,
        }
    }
}
