//! What the source says of its versions: one question for all tables.
use std::collections::HashMap;
use std::time::{Duration, Instant};

use time::PrimitiveDateTime;
use time::format_description::well_known::Iso8601;

use crate::catalog::record::CatalogRow;
use crate::error::{Error, Result};
use crate::session::{Session, ToSql};

/// What holds as long as a connection does.
#[derive(Clone, Debug, Default)]
pub(super) struct SourceFacts {
    /// Server, or availability group, and database.
    pub place: String,
    /// The recovery fork of the database: another one after a restore, and perhaps after a fail-over. Where it is not to be
    /// seen, [`CREATED`] and when the database was created. `None`: neither tells.
    pub fork: Option<String>,
    pub allows_snapshot: bool,
}

/// What stands for a recovery fork that is not to be seen begins with it.
pub(super) const CREATED: &str = "created ";

/// The source at one moment.
#[derive(Clone, Debug)]
pub(super) struct SourceNow {
    /// Of the last transaction that is committed; `None`: the database tracks no changes.
    pub version: Option<i64>,
    /// No transaction that is open, or begins later, has a rowversion below it. Read before any snapshot.
    pub active: Option<i64>,
    /// There is no open transaction that holds the one before.
    pub is_active_latest: bool,
    /// By the source's clock, in UTC.
    pub at: String,
    /// By ours.
    pub asked: Instant,
    /// By their ids.
    pub tables: HashMap<i64, TableNow>,
}

/// A table of the source at that moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TableNow {
    /// When it was last altered.
    pub modified: String,
    /// Is it tracked?
    pub tracked: bool,
    /// Since when.
    pub since: Option<i64>,
    /// How many rows it has, as far as the server counts them.
    pub rows: Option<i64>,
    /// Changes after it are all there. `None` though it is tracked: the login may not ask.
    pub min_valid: Option<i64>,
}

/// Asks what does not change while the connection lasts.
///
/// # Errors
/// The server's; a lost connection.
pub(super) async fn facts(session: &mut Session) -> Result<SourceFacts> {
    let sql = "SELECT CAST(SERVERPROPERTY('ServerName') AS nvarchar(128)) AS server_name, DB_NAME() AS database_name; \
               SELECT snapshot_isolation_state, CONVERT(varchar(36), group_database_id) AS group_database_id, \
               CONVERT(varchar(23), create_date, 126) AS created \
               FROM sys.databases WHERE name = DB_NAME()";
    let sets = session.query_all(sql, &[]).await?;
    let row =
        |set: usize| sets.get(set).and_then(|rows| rows.first()).map(CatalogRow::from).unwrap_or_default();
    let (server, database) = (row(0), row(1));
    // One for all replicas of a group: a fail-over is no other source.
    let group = database.text("group_database_id");
    let server_name = group.or(server.text("server_name")).unwrap_or_default();
    let place = format!("{server_name}/{}", server.text("database_name").unwrap_or_default());
    // Each replica of a group was created at a time of its own.
    let created = database.text("created").filter(|_| group.is_none());
    let fork = fork(session).await?.or(created.map(|created| format!("{CREATED}{created}")));
    Ok(SourceFacts { place, fork, allows_snapshot: database.int("snapshot_isolation_state") == Some(1) })
}

/// Not on Azure SQL, and not without VIEW ANY DATABASE (Microsoft docs, "sys.database_recovery_status"). When a database was
/// created, or renamed, everybody sees who is in it (the same, "sys.databases"); a restore on Azure SQL always creates one, which
/// gets the other's name by a rename ("Restore a database from a backup in Azure SQL Database").
async fn fork(session: &mut Session) -> Result<Option<String>> {
    let sql = "SELECT CONVERT(varchar(36), recovery_fork_guid) AS fork FROM sys.database_recovery_status \
               WHERE database_id = DB_ID()";
    match session.query(sql, &[]).await {
        Ok(rows) => Ok(rows.first().and_then(|row| CatalogRow::from(row).text("fork").map(str::to_owned))),
        Err(error) if error.server().is_some() && !error.is_transient() => {
            log::debug!("the recovery fork of the source's database is unknown: {error}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// A request has at most 2,100 parameters.
const MOST_IDS: usize = 2_000;

impl SourceNow {
    /// Asks for the version first and for all else after it: what changes in between comes with a later version. `ids`: the
    /// tables that matter; none: all. In one round trip.
    ///
    /// # Errors
    /// The server's; a lost connection.
    pub(super) async fn ask(session: &mut Session, ids: &[i64], rowversions: bool) -> Result<Self> {
        let ids = if ids.len() > MOST_IDS { &[] } else { ids };
        let wanted = match ids {
            [] => String::new(),
            ids => {
                let places = (1..=ids.len()).map(|place| format!("@P{place}"));
                format!(" WHERE t.object_id IN ({})", places.collect::<Vec<_>>().join(", "))
            }
        };
        // The lower bound of open transactions before the counter: if none is open they are the same.
        let rows = if rowversions {
            "CAST(MIN_ACTIVE_ROWVERSION() AS bigint) AS active, CAST(@@DBTS AS bigint) AS used, "
        } else {
            ""
        };
        let sql = format!(
            "SELECT {rows}CHANGE_TRACKING_CURRENT_VERSION() AS current_version, \
             CONVERT(varchar(23), SYSUTCDATETIME(), 126) AS at; \
             SELECT t.object_id AS object_id, CONVERT(varchar(23), t.modify_date, 126) AS modified, \
             ct.object_id AS tracked, ct.begin_version AS begin_version, \
             (SELECT SUM(p.rows) FROM sys.partitions AS p WHERE p.object_id = t.object_id AND p.index_id IN (0, 1)) AS row_count, \
             CHANGE_TRACKING_MIN_VALID_VERSION(ct.object_id) AS min_valid \
             FROM sys.tables AS t LEFT JOIN sys.change_tracking_tables AS ct ON ct.object_id = t.object_id{wanted}"
        );
        let params: Vec<&dyn ToSql> = ids.iter().map(|id| id as &dyn ToSql).collect();
        let asked = Instant::now();
        let sets = session.query_all(&sql, &params).await;
        let sets = sets.map_err(|error| error.within("asking the source for its version"))?;
        let [first, tables] = &sets[..] else {
            return Err(Error::protocol("the source does not say its version"));
        };
        let row = first.first().map(CatalogRow::from).unwrap_or_default();
        let tables = tables.iter().map(CatalogRow::from).map(|row| {
            let tracked = row.int("tracked").is_some();
            let modified = row.text("modified").unwrap_or_default().to_owned();
            let (since, rows) = (row.int("begin_version"), row.int("row_count"));
            let min_valid = row.int("min_valid");
            Ok((row.number("object_id")?, TableNow { modified, tracked, since, rows, min_valid }))
        });
        Ok(Self {
            version: row.int("current_version"),
            active: row.int("active"),
            is_active_latest: row.int("active") == row.int("used").map(|used| used + 1),
            at: row.name("at")?,
            asked,
            tables: tables.collect::<Result<_>>()?,
        })
    }
}

impl SourceNow {
    /// How long ago a moment was by the source's clock when it was asked; nothing, where that is not known.
    pub(super) fn since(&self, moment: &str) -> Duration {
        let parse = |text: &str| PrimitiveDateTime::parse(text, &Iso8601::PARSING).ok();
        let passed = parse(&self.at).zip(parse(moment)).map(|(now, then)| now - then);
        passed.and_then(|passed| passed.try_into().ok()).unwrap_or_default()
    }
}

/// A question about more tables takes the server longer to plan than to answer.
const TABLES_PER_QUESTION: usize = 250;

/// Which of these tables have changes since a version, by their places: a round trip for hundreds of them.
///
/// # Errors
/// The server's; a lost connection.
pub(super) async fn changed(session: &mut Session, tables: &[(usize, String, i64)]) -> Result<Vec<usize>> {
    let mut changed = Vec::new();
    for tables in tables.chunks(TABLES_PER_QUESTION) {
        let select = |(n, (place, source, _)): (usize, &(usize, String, i64))| {
            let any = crate::plan::any_change(source, n);
            format!("SELECT {place} AS place, {any} AS changed")
        };
        let sql = (1..).zip(tables).map(select).collect::<Vec<_>>().join(" UNION ALL ");
        let params: Vec<&dyn ToSql> = tables.iter().map(|(_, _, version)| version as &dyn ToSql).collect();
        for row in session.query(&sql, &params).await?.iter().map(CatalogRow::from) {
            if row.flag("changed") {
                changed.push(row.number("place")?);
            }
        }
    }
    Ok(changed)
}

/// From which version on the source has a table's changes, by ids. None of a table that it does not track.
///
/// # Errors
/// The server's; a lost connection.
pub(super) async fn min_valid(session: &mut Session, ids: &[i64]) -> Result<HashMap<i64, i64>> {
    let mut valid = HashMap::new();
    for ids in ids.chunks(MOST_IDS) {
        let places = (1..=ids.len()).map(|place| format!("@P{place}")).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "SELECT t.object_id AS object_id, CHANGE_TRACKING_MIN_VALID_VERSION(t.object_id) AS min_valid \
             FROM sys.tables AS t WHERE t.object_id IN ({places})"
        );
        let params: Vec<&dyn ToSql> = ids.iter().map(|id| id as &dyn ToSql).collect();
        for row in session.query(&sql, &params).await?.iter().map(CatalogRow::from) {
            if let (Some(id), Some(min)) = (row.int("object_id"), row.int("min_valid")) {
                valid.insert(id, min);
            }
        }
    }
    Ok(valid)
}
