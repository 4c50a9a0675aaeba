//! What others do on the server now, and what it lets us do.
use super::ask::{Asker, CheckQuestion, Right, SQL_SERVER_2012};
use super::finding::{Check, CheckFinding, CheckFindings, CheckSeverity, Side};
use crate::catalog::record::CatalogRow;
use crate::report::human_bytes;

const fn of_server(check: Check, sql: &'static str) -> CheckQuestion {
    CheckQuestion { check, sql, right: Right::ServerState, since: SQL_SERVER_2012 }
}

const LONG: CheckQuestion = of_server(Check::LongTransaction, include_str!("sql/long_transactions.sql"));
const BLOCKED: CheckQuestion = of_server(Check::Blocked, include_str!("sql/blocked.sql"));
const BACKUPS: CheckQuestion = of_server(Check::Backup, include_str!("sql/backups.sql"));
const GROUP: CheckQuestion = of_server(Check::WorkloadGroup, include_str!("sql/workload_group.sql"));
const SESSIONS: CheckQuestion = of_server(
    Check::Connections,
    "SELECT COUNT(*) AS sessions FROM sys.dm_exec_sessions AS s WHERE s.is_user_process = 1",
);
const REPLICA: CheckQuestion = of_server(Check::ReplicaHealth, include_str!("sql/replica_health.sql"));
const fn open(check: Check, sql: &'static str) -> CheckQuestion {
    CheckQuestion { right: Right::None, ..of_server(check, sql) }
}
const MOST_CONNECTIONS: CheckQuestion = open(
    Check::Connections,
    "SELECT CAST(c.value_in_use AS int) AS configured, @@MAX_CONNECTIONS AS most \
     FROM sys.configurations AS c WHERE c.name = 'user connections'",
);
const UPDATEABILITY: CheckQuestion = open(
    Check::Secondary,
    "SELECT CAST(DATABASEPROPERTYEX(DB_NAME(), 'Updateability') AS nvarchar(128)) AS updateability",
);
const JOBS: CheckQuestion = CheckQuestion {
    check: Check::Jobs,
    sql: include_str!("sql/jobs.sql"),
    right: Right::Agent,
    since: SQL_SERVER_2012,
};

/// A secondary is behind if this much of the log is not redone there (in KB).
const REDO_QUEUE: i64 = 1 << 20;
/// In seconds.
const BEHIND: i64 = 60;
/// Jobs that begin so many minutes before or after a run meet it.
const NEAR: i64 = 120;
const DAY: i64 = 24 * 60;

/// When a run would be, and how large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct When {
    /// Streams at once.
    pub workers: usize,
    /// Minutes after midnight by the server's clock; `None`: nobody says.
    pub starts: Option<u16>,
}

/// Asks what is in the way.
pub(super) async fn check(asker: &mut Asker, when: When, out: &mut CheckFindings) {
    let side = asker.side();
    for question in [LONG, BLOCKED, BACKUPS] {
        let rows = asker.ask(&question, &[], out).await.unwrap_or_default();
        out.extend(rows.iter().map(|row| in_the_way(question.check, row, side)));
    }
    if let Some(row) = asker.ask_one(&MOST_CONNECTIONS, &[], out).await {
        let now = asker.ask_one(&SESSIONS, &[], out).await.and_then(|row| row.int("sessions"));
        out.extend(connections(&row, now, when.workers, side));
    }
    if let Some(row) = asker.ask_one(&GROUP, &[], out).await {
        out.extend(workload_group(&row, when.workers, side));
    }
    if let Some(row) = asker.ask_one(&UPDATEABILITY, &[], out).await {
        out.extend(secondary(&row, side));
    }
    let rows = asker.ask(&REPLICA, &[], out).await.unwrap_or_default();
    out.extend(rows.iter().filter_map(|row| replica_health(row, side)));
    if let Some(rows) = asker.ask(&JOBS, &[], out).await {
        out.extend(rows.iter().filter_map(|row| job(row, when.starts, side)));
    }
}

fn session(row: &CatalogRow, number: &str) -> String {
    let part = |name| row.text(name).unwrap_or("?").trim_end();
    format!(
        "session {} (login {}, host {}, program {})",
        row.int(number).unwrap_or_default(),
        part("login_name"),
        part("host_name"),
        part("program_name")
    )
}

fn in_the_way(check: Check, row: &CatalogRow, side: Side) -> CheckFinding {
    let number = |name| row.int(name).unwrap_or_default();
    let (what, remedy) = match check {
        Check::LongTransaction => (
            format!(
                "{} has a transaction open for {} minutes",
                session(row, "session_id"),
                number("minutes")
            ),
            "Have it committed: it holds its locks, and the log behind it cannot be used again",
        ),
        Check::Blocked => (
            format!(
                "session {} waits for {} for {} s, held by {}",
                number("waiting_session"),
                row.text("wait_type").unwrap_or("a lock"),
                number("wait_seconds"),
                session(row, "session_id")
            ),
            "End what holds the lock before the run",
        ),
        _ => (
            format!(
                "session {} runs {}, done to {} %",
                number("session_id"),
                row.text("command").unwrap_or("a backup"),
                number("percent_complete")
            ),
            "Have it ended before the run: both want the disk, and a backup keeps the log from being used again",
        ),
    };
    CheckFinding::new(check, side, CheckSeverity::Warning, what).remedy(remedy)
}

/// Two a stream and side, and two more: as docs/INFRA.md counts them.
fn connections(row: &CatalogRow, now: Option<i64>, workers: usize, side: Side) -> Option<CheckFinding> {
    let most = row.int("configured").filter(|most| *most > 0).or(row.int("most"))?;
    let wanted = i64::try_from(2 * workers + 2).unwrap_or(i64::MAX);
    let left = most - now.unwrap_or_default();
    (left < wanted).then(|| {
        let there = now.map_or(String::new(), |now| format!(", {now} are there"));
        let what = format!("the server takes {most} connections{there}, and a run may need {wanted}");
        CheckFinding::new(Check::Connections, side, CheckSeverity::Warning, what)
            .remedy("sp_configure 'user connections', or a smaller max_workers in [etl]")
    })
}

/// The default group limits nothing but a request's memory.
fn workload_group(row: &CatalogRow, workers: usize, side: Side) -> Option<CheckFinding> {
    let number = |name| row.int(name).unwrap_or_default();
    let streams = i64::try_from(workers).unwrap_or(i64::MAX);
    let name = row.text("group_name").unwrap_or_default();
    let what = if number("most_requests") > 0 && number("most_requests") < streams {
        format!("{} requests at once", number("most_requests"))
    } else if number("most_cpu_seconds") > 0 {
        format!("{} s of CPU for a request", number("most_cpu_seconds"))
    } else {
        return None;
    };
    Some(
        CheckFinding::new(
            Check::WorkloadGroup,
            side,
            CheckSeverity::Warning,
            format!("Resource Governor's group {name}, ours, has {what}"),
        )
        .remedy("ALTER WORKLOAD GROUP, or have the classifier put the login into another one"),
    )
}

fn secondary(row: &CatalogRow, side: Side) -> Option<CheckFinding> {
    row.text("updateability").filter(|text| *text == "READ_ONLY")?;
    let (severity, what, remedy) = match side {
        Side::Target => (
            CheckSeverity::Error,
            "this is a secondary replica, or a read-only database: nothing can be written",
            "Connect to the primary, or by the listener without ApplicationIntent=ReadOnly",
        ),
        _ => (
            CheckSeverity::Warning,
            "this is a secondary replica, or a read-only database: rows may be behind the primary's",
            "If yesterday has to be complete, see that the secondary has caught up before the run",
        ),
    };
    Some(CheckFinding::new(Check::Secondary, side, severity, what).remedy(remedy))
}

fn replica_health(row: &CatalogRow, side: Side) -> Option<CheckFinding> {
    let number = |name| row.int(name).unwrap_or_default();
    let queue = number("redo_queue_size");
    let what = if row.flag("is_suspended") {
        "a replica of the availability group is suspended: the primary's log grows until it goes on"
            .to_owned()
    } else if queue > REDO_QUEUE {
        let bytes = human_bytes(queue.saturating_mul(1024).unsigned_abs());
        format!("a replica of the availability group has {bytes} of the log to redo")
    } else if number("secondary_lag_seconds") > BEHIND {
        format!("a replica of the availability group is {} s behind", number("secondary_lag_seconds"))
    } else {
        return None;
    };
    Some(
        CheckFinding::new(Check::ReplicaHealth, side, CheckSeverity::Warning, what)
            .remedy("ALTER DATABASE ... SET HADR RESUME, or see why the secondary is slow"),
    )
}

/// `starts`: of the run. A job's time is hhmmss as a number (Microsoft docs, "dbo.sysjobschedules").
fn job(row: &CatalogRow, starts: Option<u16>, side: Side) -> Option<CheckFinding> {
    let time = row.int("next_run_time")?;
    let minutes = time / 10_000 * 60 + time / 100 % 100;
    let what = format!(
        "the job {} does maintenance, next at {:02}:{:02}",
        row.text("job_name").unwrap_or("?"),
        minutes / 60,
        minutes % 60
    );
    let Some(starts) = starts else {
        return Some(CheckFinding::new(Check::Jobs, side, CheckSeverity::Info, what));
    };
    let apart = (minutes - i64::from(starts)).abs();
    (apart.min(DAY - apart) <= NEAR).then(|| {
        CheckFinding::new(Check::Jobs, side, CheckSeverity::Warning, what).remedy(
            "Give it, or the run, another time: rebuilds and checks hold locks, and all want the disk",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::record::CatalogValue;

    fn row(cells: &[(&str, i64)]) -> CatalogRow {
        CatalogRow::new(cells.iter().map(|(name, value)| ((*name).to_owned(), CatalogValue::Int(*value))))
    }

    #[test]
    fn a_job_near_the_run_is_a_warning() {
        let at =
            |time, starts| job(&row(&[("next_run_time", time)]), starts, Side::Target).map(|f| f.severity);
        assert_eq!(at(23_000, None), Some(CheckSeverity::Info));
        assert_eq!(at(23_000, Some(135)), Some(CheckSeverity::Warning));
        assert_eq!(at(233_000, Some(30)), Some(CheckSeverity::Warning), "midnight is between them");
        assert_eq!(at(120_000, Some(135)), None);
    }

    #[test]
    fn connections_are_what_is_configured_less_what_is_there() {
        let of = |configured, now| {
            connections(&row(&[("configured", configured), ("most", 32767)]), now, 2, Side::Source).is_some()
        };
        assert!(!of(0, Some(100)) && !of(10, Some(4)) && of(10, Some(5)) && of(5, None));
    }
}
