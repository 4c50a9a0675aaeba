//! The version of the source that a table's rows are of: what was applied last by those who carry changes over.
//!
//! A version is written in the transaction of the changes that lead to it, and only over the one that these changes were
//! read from: so a set of changes is applied once, or again with the same outcome, whatever ends a run.
use super::{ask, names, schema};
use crate::catalog::TableName;
use crate::catalog::record::CatalogRow;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::tds::rpc::{Param, Query};

/// The one place that knows the table. It came later than the others: whoever knows only those passes it by.
pub const VERSIONS_DDL: &str = include_str!("versions.sql");

/// How a table's changes are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The server's change tracking names the keys of rows that were inserted, updated or deleted.
    ChangeTracking,
    /// Rows have a rowversion, which grows with each change; rows that are gone are found by their keys.
    RowVersion,
}

impl Method {
    const ALL: [Self; 2] = [Self::ChangeTracking, Self::RowVersion];

    /// As options and the ledger write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ChangeTracking => "change-tracking",
            Self::RowVersion => "rowversion",
        }
    }
}

/// A table's version, and what it holds for: rows of another table, another source, other columns are of no version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableVersion {
    /// The target's.
    pub table: TableName,
    /// The target's.
    pub object_id: i64,
    /// Of the columns and their conversions, as a window's (see [`Subject`](super::Subject)).
    pub fingerprint: String,
    /// Server or availability group, database and table.
    pub source: String,
    /// A table of the source that was dropped and made again has another id.
    pub source_id: i64,
    /// When the source's table was last altered, as its server says it.
    pub source_modified: String,
    /// The recovery fork of the source's database; `None`: its login may not see it.
    pub fork: Option<String>,
    /// What the version counts.
    pub method: Method,
    /// Since which version the source tracks the table's changes, as far as it says.
    pub tracked_since: Option<i64>,
    /// How many rows the source had at the version since which it tracks changes.
    pub source_rows: Option<i64>,
    /// All changes up to it are in the target; of a rowversion, all before it.
    pub version: i64,
    /// When that was the source's, by the source's clock in UTC, as style 126 writes it.
    pub as_of: String,
    /// When rows that are gone were last looked for, where that is done apart.
    pub deletes_as_of: Option<String>,
}

/// A version as it is on record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedVersion {
    /// What is on record.
    pub version: TableVersion,
    /// The table that has the name now; `None`: there is none, or this login may not see it.
    pub object_id_now: Option<i64>,
    /// Who wrote it: host, process, and when, in UTC.
    pub by: String,
}

/// Makes sure that the ledger is there, with its table of versions.
///
/// # Errors
/// As [`open`](super::open).
pub async fn open_versions(session: &mut Session) -> Result<()> {
    schema::open(session).await?;
    schema::open_versions(session).await
}

/// Is there such a table? For those who only look: nothing is created.
///
/// # Errors
/// As [`exists`](super::exists).
pub async fn has_versions(session: &mut Session) -> Result<bool> {
    Ok(schema::exists(session).await? && schema::has_versions(session).await?)
}

const COLUMNS: &str = "schema_name, table_name, object_id, fingerprint, source, source_id, source_modified, fork, \
     method, tracked_since, source_rows, version, CONVERT(varchar(30), as_of, 126) AS as_of, \
     CONVERT(varchar(30), deletes_as_of, 126) AS deletes_as_of, CONVERT(varchar(19), recorded, 126) AS recorded, host, pid, \
     OBJECT_ID(QUOTENAME(schema_name) + N'.' + QUOTENAME(table_name)) AS object_id_now";

/// All versions on record.
///
/// # Errors
/// The server's; something on record that no program writes.
pub async fn versions(session: &mut Session) -> Result<Vec<RecordedVersion>> {
    let sql = format!("SELECT {COLUMNS} FROM replica.versions");
    ask(session, &sql, &[]).await?.iter().map(recorded).collect()
}

fn recorded(row: &CatalogRow) -> Result<RecordedVersion> {
    let method = row.name("method")?;
    let method = Method::ALL.into_iter().find(|known| known.name() == method);
    let (host, written) = (row.text("host").unwrap_or("unknown"), row.text("recorded").unwrap_or_default());
    let pid: i64 = row.number("pid")?;
    Ok(RecordedVersion {
        by: format!("host {host}, process {pid}, {written} UTC"),
        object_id_now: row.int("object_id_now"),
        version: TableVersion {
            table: TableName::new(&row.name("schema_name")?, &row.name("table_name")?),
            object_id: row.number("object_id")?,
            fingerprint: row.name("fingerprint")?,
            source: row.name("source")?,
            source_id: row.number("source_id")?,
            source_modified: row.name("source_modified")?,
            fork: row.text("fork").map(str::to_owned),
            method: method.ok_or_else(|| Error::protocol("the ledger has a version of an unknown method"))?,
            tracked_since: row.int("tracked_since"),
            source_rows: row.int("source_rows"),
            version: row.number("version")?,
            as_of: row.name("as_of")?,
            deletes_as_of: row.text("deletes_as_of").map(str::to_owned),
        },
    })
}

/// Writes a version over another one of the table; `old`: that one, or none. In the open transaction, if there is one.
///
/// # Errors
/// The version on record is another by now: somebody else has applied changes. The server's.
pub async fn write_version(session: &mut Session, new: &TableVersion, old: Option<i64>) -> Result<()> {
    let mut sql = if old.is_some() {
        "UPDATE replica.versions SET object_id = @P3, fingerprint = @P4, source = @P5, source_id = @P6, \
         source_modified = @P7, fork = NULLIF(@P8, N''), method = @P9, tracked_since = NULLIF(@P10, -1), version = @P11, \
         as_of = CONVERT(datetime2(3), @P12, 126), deletes_as_of = CONVERT(datetime2(3), NULLIF(@P13, N''), 126), \
         recorded = SYSUTCDATETIME(), host = HOST_NAME(), pid = @P14, source_rows = NULLIF(@P15, -1) \
         WHERE versions.schema_name = @P1 AND versions.table_name = @P2"
    } else {
        "INSERT INTO replica.versions (schema_name, table_name, object_id, fingerprint, source, source_id, \
         source_modified, fork, method, tracked_since, version, as_of, deletes_as_of, recorded, host, pid, source_rows) \
         SELECT @P1, @P2, @P3, @P4, @P5, @P6, @P7, NULLIF(@P8, N''), @P9, NULLIF(@P10, -1), @P11, \
         CONVERT(datetime2(3), @P12, 126), CONVERT(datetime2(3), NULLIF(@P13, N''), 126), SYSUTCDATETIME(), HOST_NAME(), @P14, NULLIF(@P15, -1) \
         WHERE NOT EXISTS (SELECT 1 FROM replica.versions AS v WHERE v.schema_name = @P1 AND v.table_name = @P2)"
    }
    .to_owned();
    let (schema, table) = names(&new.table);
    let text = |text: &str| Param::Text(text.to_owned());
    let mut params = vec![
        text(schema),
        text(table),
        Param::BigInt(new.object_id),
        text(&new.fingerprint),
        text(&new.source),
        Param::BigInt(new.source_id),
        text(&new.source_modified),
        text(new.fork.as_deref().unwrap_or_default()),
        text(new.method.name()),
        Param::BigInt(new.tracked_since.unwrap_or(-1)),
        Param::BigInt(new.version),
        text(&new.as_of),
        text(new.deletes_as_of.as_deref().unwrap_or_default()),
        Param::BigInt(std::process::id().into()),
        Param::BigInt(new.source_rows.unwrap_or(-1)),
    ];
    if let Some(old) = old {
        sql.push_str(" AND versions.version = @P16");
        params.push(Param::BigInt(old));
    }
    let written = session.lane()?.run(&Query { sql, params }).await;
    one(written.map_err(|error| error.within("the ledger"))?.rows, 1).map_err(|error| error.table(&new.table))
}

/// A request has at most 2,100 parameters.
const TABLES_PER_STATEMENT: usize = 2_000;

/// Moves tables on that have no changes up to a version: these, by their ids, all of which are at `old`. In one statement.
///
/// # Errors
/// As [`write_version`].
pub async fn advance_versions(
    session: &mut Session,
    method: Method,
    tables: &[i64],
    (old, new): (i64, i64),
    as_of: &str,
) -> Result<()> {
    for tables in tables.chunks(TABLES_PER_STATEMENT) {
        let mut params = vec![
            Param::BigInt(new),
            Param::Text(as_of.to_owned()),
            Param::BigInt(std::process::id().into()),
            Param::Text(method.name().to_owned()),
            Param::BigInt(old),
        ];
        let ids = (params.len() + 1..).zip(tables).map(|(place, _)| format!("@P{place}"));
        let sql = format!(
            "UPDATE replica.versions SET version = @P1, as_of = CONVERT(datetime2(3), @P2, 126), \
             recorded = SYSUTCDATETIME(), host = HOST_NAME(), pid = @P3 \
             WHERE versions.method = @P4 AND versions.version = @P5 AND versions.object_id IN ({})",
            ids.collect::<Vec<_>>().join(", ")
        );
        params.extend(tables.iter().map(|id| Param::BigInt(*id)));
        let written = session.lane()?.run(&Query { sql, params }).await;
        one(written.map_err(|error| error.within("the ledger"))?.rows, tables.len() as u64)?;
    }
    Ok(())
}

fn one(rows: Option<u64>, expected: u64) -> Result<()> {
    if rows == Some(expected) {
        return Ok(());
    }
    Err(Error::busy("the ledger has another version of it by now: somebody else has applied changes")
        .remedy("Nothing was written. Run it again"))
}
