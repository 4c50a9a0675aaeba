//! Which of the runs' sessions wait for others, and for whom.
use std::time::Duration;

use super::{Status, UnendedRun};
use crate::catalog::record::CatalogRow;
use crate::error::Result;
use crate::session::Session;

/// A session that another one keeps waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockedSession {
    /// The run that it belongs to, as far as that can be told.
    pub run: Option<i64>,
    /// The machine that it is from.
    pub host: String,
    /// As the server names sessions.
    pub session: i64,
    /// Such as `LCK_M_X`.
    pub wait: String,
    /// For how long it waits.
    pub waited: Duration,
    /// The session that holds what it waits for: number, login, host and program.
    pub held_by: String,
}

/// Whether this login sees other sessions: of the server, or of the database where there is no other right (Azure SQL
/// Database). A name that a server does not know is NULL (Microsoft docs, "HAS_PERMS_BY_NAME").
const MAY_SEE: &str = "SELECT HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER PERFORMANCE STATE') AS performance_state, \
     HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE') AS server_state, \
     HAS_PERMS_BY_NAME(QUOTENAME(DB_NAME()), 'DATABASE', 'VIEW DATABASE STATE') AS database_state, \
     CAST(SERVERPROPERTY('EngineEdition') AS int) AS edition";

/// Azure SQL Database (Microsoft docs, "SERVERPROPERTY").
const AZURE_SQL_DATABASE: i64 = 5;

const SQL: &str = "SELECT r.session_id AS session, r.blocking_session_id AS blocker, r.wait_type AS wait_type, \
     r.wait_time AS waited_ms, r.wait_resource AS wait_resource, s.host_name AS host_name, s.program_name AS program_name, \
     b.login_name AS blocker_login, b.host_name AS blocker_host, b.program_name AS blocker_program \
     FROM sys.dm_exec_requests AS r JOIN sys.dm_exec_sessions AS s ON s.session_id = r.session_id \
     LEFT JOIN sys.dm_exec_sessions AS b ON b.session_id = r.blocking_session_id \
     WHERE r.blocking_session_id <> 0 AND r.database_id = DB_ID()";

/// Looks whom the runs wait for. A login that sees no sessions but its own is told which right it lacks: what it sees
/// would prove nothing (Microsoft docs, "sys.dm_exec_requests", Permissions).
pub(super) async fn read(session: &mut Session, status: &mut Status) -> Result<()> {
    let may = match session.query(MAY_SEE, &[]).await {
        Ok(rows) => rows.first().map(CatalogRow::from).unwrap_or_default(),
        Err(error) if error.server().is_some() => CatalogRow::default(),
        Err(error) => return Err(error),
    };
    let database = may.flag("database_state") && may.int("edition") == Some(AZURE_SQL_DATABASE);
    if !may.flag("performance_state") && !may.flag("server_state") && !database {
        status.notes.push(
            "whom the runs wait for is not to be seen: GRANT VIEW SERVER STATE (since SQL Server 2022 VIEW \
             SERVER PERFORMANCE STATE, in Azure SQL Database VIEW DATABASE STATE)"
                .into(),
        );
        return Ok(());
    }
    match session.query(SQL, &[]).await {
        Ok(rows) => {
            let runs = &status.runs;
            status.blocked = rows.iter().filter_map(|row| blocked(&CatalogRow::from(row), runs)).collect();
        }
        Err(error) if error.server().is_some() => {
            status.notes.push(format!("whom the runs wait for is not to be learnt: {error}"));
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// `None`: it is no session of the runs.
fn blocked(row: &CatalogRow, runs: &[UnendedRun]) -> Option<BlockedSession> {
    let text = |name| row.text(name).unwrap_or_default().trim_end().to_owned();
    let (host, program) = (text("host_name"), text("program_name"));
    let theirs = |run: &&UnendedRun| run.is_alive && run.host == host && run.program == program;
    let runs: Vec<&UnendedRun> = runs.iter().filter(theirs).collect();
    let first = runs.first()?;
    // OBJECT: 5:245575913:0 (Microsoft docs, "sys.dm_exec_requests", wait_resource).
    let resource = text("wait_resource");
    let names = |run: &&&UnendedRun| resource.split([':', ' ']).any(|part| part == run.object_id.to_string());
    let run = runs.iter().find(names).or_else(|| Some(first).filter(|_| runs.len() == 1));
    let shown = |name| Some(text(name)).filter(|text| !text.is_empty()).unwrap_or_else(|| "?".into());
    Some(BlockedSession {
        run: run.map(|run| run.id),
        host,
        session: row.int("session")?,
        wait: text("wait_type"),
        waited: Duration::from_millis(
            row.int("waited_ms").and_then(|ms| ms.try_into().ok()).unwrap_or_default(),
        ),
        held_by: format!(
            "session {} (login {}, host {}, program {})",
            row.int("blocker")?,
            shown("blocker_login"),
            shown("blocker_host"),
            shown("blocker_program")
        ),
    })
}
