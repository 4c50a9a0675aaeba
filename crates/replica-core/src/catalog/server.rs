//! The server and its current database.
use super::record::Record;
use crate::error::Result;

/// The server and its current database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    pub name: String,
    pub version: String,
    pub database: String,
    /// When the database was made: tells apart databases of one name on servers of one name.
    pub database_created: String,
    /// The collation of the database's catalog decides which column names are equal.
    pub collation: String,
    pub user: String,
    /// ALLOW_SNAPSHOT_ISOLATION is ON.
    pub allows_snapshot: bool,
    /// READ_COMMITTED_SNAPSHOT is ON: readers of the target see the old rows and do not wait.
    pub read_committed_snapshot: bool,
    pub read_only: bool,
    /// PostgreSQL that speaks TDS: its bulk loads check less (see [`crate::shape`]).
    pub babelfish: bool,
}

impl Server {
    pub fn from_record(record: &Record) -> Result<Self> {
        let text = |column| record.text(column).unwrap_or_default().to_owned();
        Ok(Self {
            name: text("server_name"),
            version: text("product_version"),
            database: record.name("database_name")?,
            database_created: text("database_created"),
            collation: text("database_collation"),
            user: text("user_name"),
            // 1 is ON; 2 and 3 are on the way (Microsoft docs, sys.databases).
            allows_snapshot: record.int("snapshot_isolation_state") == Some(1),
            read_committed_snapshot: record.flag("is_read_committed_snapshot_on"),
            read_only: record.flag("is_read_only"),
            babelfish: record.flag("is_babelfish"),
        })
    }

    /// Are two identifiers one name in this database?
    pub fn same_name(collation: &str, left: &str, right: &str) -> bool {
        let sensitive = collation.split('_').any(|part| matches!(part, "CS" | "BIN" | "BIN2"));
        left == right || (!sensitive && left.to_lowercase() == right.to_lowercase())
    }
}
