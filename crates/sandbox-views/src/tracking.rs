//! Change tracking: which databases and tables are tracked, the commits that made versions, and where a database's history
//! has forked.
use super::definition::{Columns, Definition, Row, date_time, row};
use super::scope::ViewScope;
use sandbox_catalog::schema::Database;
use sandbox_session::failure::Outcome;
use sandbox_transactions::versions;
use sandbox_values::Value;
use std::time::{SystemTime, UNIX_EPOCH};

/// Ticks of a datetime in a minute.
const TICKS_A_MINUTE: u32 = 300 * 60;

pub const VIEWS: &[Definition] = &[
    Definition {
        schema: "sys",
        name: "change_tracking_databases",
        columns: Columns(&[
            "database_id int, is_auto_cleanup_on bit null, retention_period int null",
            "retention_period_units tinyint null, retention_period_units_desc nvarchar(60) null",
            "max_cleanup_version bigint null = null",
        ]),
        rows: databases,
    },
    Definition {
        schema: "sys",
        name: "change_tracking_tables",
        columns: Columns(&[
            "object_id int, is_track_columns_updated_on bit, min_valid_version bigint null",
            "begin_version bigint null, cleanup_version bigint null",
        ]),
        rows: tables,
    },
    Definition {
        schema: "sys",
        name: "dm_tran_commit_table",
        columns: Columns(&[
            "commit_ts bigint, xdes_id bigint, commit_lbn bigint, commit_csn bigint, commit_time smalldatetime",
        ]),
        rows: commits,
    },
    Definition {
        schema: "sys",
        name: "database_recovery_status",
        columns: Columns(&[
            "database_id int, database_guid uniqueidentifier null, family_guid uniqueidentifier null",
            "last_log_backup_lsn numeric(25) null = null, recovery_fork_guid uniqueidentifier null",
            "first_recovery_fork_guid uniqueidentifier null, fork_point_lsn numeric(25) null = null",
        ]),
        rows: recovery,
    },
];

fn databases(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let tracked = scope.instance.databases.values().filter_map(|d| Some((d.id, d.change_tracking?)));
    Ok(tracked
        .map(|(id, t)| row![i32::from(id), t.auto_cleanup, t.retention, t.unit as u8, t.unit.name()])
        .collect())
}

fn tables(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let tracked = scope.tables().filter_map(|table| Some((table.object_id, table.change_tracking?)));
    Ok(tracked
        .map(|(id, t)| row![id, t.columns_updated, t.min_valid_version, t.begin_version, t.cleanup_version])
        .collect())
}

/// Microsoft docs, "sys.dm_tran_commit_table": for who may see the server's state.
fn commits(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    scope.needs_server_state()?;
    let commits = versions::commits(&scope.session.connection, scope.database.id)?;
    Ok(commits
        .into_iter()
        .map(|commit| {
            // Where the log is written is not known here; a transaction's id is as good a mark.
            row![
                commit.version,
                commit.transaction,
                commit.transaction,
                commit.transaction,
                to_minute(commit.at)
            ]
        })
        .collect())
}

/// UTC, to the minute.
fn to_minute(at: SystemTime) -> Value {
    match date_time(at) {
        Value::DateTime(days, ticks) => Value::SmallDateTime(
            days.try_into().unwrap_or_default(),
            (ticks / TICKS_A_MINUTE).try_into().unwrap_or_default(),
        ),
        other => other,
    }
}

fn recovery(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    Ok(scope
        .instance
        .databases
        .values()
        .map(|d| {
            let (first, now) = (guid(d, 0), guid(d, d.restores));
            row![i32::from(d.id), first.clone(), first.clone(), now, first]
        })
        .collect())
}

/// Made of what tells a database, and a fork of its history, from others.
fn guid(database: &Database, restores: u32) -> Value {
    let mut guid = [0; 16];
    let created = database.created.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
    guid[..8].copy_from_slice(&created.to_be_bytes());
    guid[8..12].copy_from_slice(&restores.to_be_bytes());
    guid[14..].copy_from_slice(&database.id.to_be_bytes());
    Value::Guid(guid)
}
