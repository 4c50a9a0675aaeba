//! The server and its current database.
use super::record::CatalogRow;
use crate::error::Result;

/// The server and its current database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerFacts {
    pub name: String,
    pub version: String,
    pub database: String,
    /// When the database was made: tells apart databases of one name on servers of one name.
    /// Empty where the login may not see it.
    pub database_created: String,
    /// Its name in an availability group, one for all replicas (Microsoft docs, "sys.availability_databases_cluster").
    /// Empty for most databases, which are in none.
    pub group_database_id: String,
    /// The collation of the database's catalog decides which column names are equal.
    pub collation: String,
    pub user: String,
    /// ALLOW_SNAPSHOT_ISOLATION is ON.
    pub allows_snapshot: bool,
    /// READ_COMMITTED_SNAPSHOT is ON: readers of the target see the old rows and do not wait.
    pub read_committed_snapshot: bool,
    pub read_only: bool,
    /// PostgreSQL that speaks TDS.
    pub babelfish: bool,
}

/// What a server does otherwise than SQL Server. Made once, from what the server says of itself; callers ask it and not
/// which server it is.
///
/// What is missing in older versions is no trait: a question of the catalog says since when it is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerTraits {
    /// Bulk loads check neither NOT NULL, unless CHECK_CONSTRAINTS is said, nor lengths, store an empty text as NULL, and
    /// keep what a load stored before it failed, XACT_ABORT or not, until the rollback. So constraints are checked, and
    /// every row is read back and compared by hash, whatever the user asked.
    pub unchecked_loads: bool,
    /// It reads 17 bytes of every decimal, and takes shorter ones for other numbers.
    pub pads_decimals: bool,
}

impl ServerFacts {
    /// `database`: empty where the server does not show it.
    pub fn from_records(server: &CatalogRow, database: &CatalogRow) -> Result<Self> {
        let text = |record: &CatalogRow, column| record.text(column).unwrap_or_default().to_owned();
        Ok(Self {
            name: text(server, "server_name"),
            version: text(server, "product_version"),
            database: server.name("database_name")?,
            database_created: text(database, "database_created"),
            group_database_id: text(database, "group_database_id"),
            collation: text(server, "database_collation"),
            user: text(server, "user_name"),
            // 1 is ON; 2 and 3 are on the way (Microsoft docs, sys.databases).
            allows_snapshot: database.int("snapshot_isolation_state") == Some(1),
            read_committed_snapshot: database.flag("is_read_committed_snapshot_on"),
            read_only: database.flag("is_read_only"),
            babelfish: server.flag("is_babelfish"),
        })
    }

    /// What it does otherwise. Of Babelfish 4.3 all of it was tried; the cause is its tdsbulkload.c.
    pub fn traits(&self) -> ServerTraits {
        ServerTraits { unchecked_loads: self.babelfish, pads_decimals: self.babelfish }
    }

    /// Can DDL wait for a table at low priority? Since SQL Server 2014, which is version 12, as is every Azure SQL Database
    /// (Microsoft docs, "ALTER TABLE", low_priority_lock_wait).
    pub fn waits_at_low_priority(&self) -> bool {
        let major = self.version.split('.').next().and_then(|major| major.parse::<u16>().ok());
        !self.babelfish && major.is_some_and(|major| major >= 12)
    }

    /// One database under two connections? `None`: what they say does not tell.
    pub fn is_same_database(&self, other: &Self) -> Option<bool> {
        let facts = [
            (&self.name, &other.name),
            (&self.database, &other.database),
            (&self.database_created, &other.database_created),
        ];
        let both_said = |(mine, theirs): (&String, &String)| !mine.is_empty() && !theirs.is_empty();
        let differ = |(mine, theirs): (&String, &String)| !mine.eq_ignore_ascii_case(theirs);
        let replica = (&self.group_database_id, &other.group_database_id);
        if both_said(replica) && !differ(replica) {
            return Some(true);
        }
        if facts.into_iter().any(|fact| both_said(fact) && differ(fact)) {
            return Some(false);
        }
        facts.into_iter().all(both_said).then_some(true)
    }

    /// Are two identifiers one name in this database?
    pub fn same_name(collation: &str, left: &str, right: &str) -> bool {
        left == right || (!Self::is_case_sensitive(collation) && left.to_lowercase() == right.to_lowercase())
    }

    /// Does a collation tell capital letters from small ones?
    pub fn is_case_sensitive(collation: &str) -> bool {
        collation.split('_').any(|part| matches!(part, "CS" | "BIN" | "BIN2"))
    }
}
