//! What the server is busy with, and what room it has: Microsoft docs, "System dynamic management views". There are no
//! files, volumes and pools behind these rows; tests plant what they want to see.
use super::locks::open_transactions;
use crate::definition::{Columns, Definition, Row, row};
use crate::scope::ViewScope;
use sandbox_session::failure::Outcome;
use sandbox_transactions::locks::{Resource, Status};

/// Pages of 8 KB: 8 MB, as a database's files begin (sys.database_files shows as many).
const FILE: i64 = 1024;
const USED: i64 = 128;
const PAGE: i64 = 8192;
const DISK: i64 = 1 << 40;

pub const VIEWS: &[Definition] = &[
    Definition {
        schema: "sys",
        name: "dm_db_log_space_usage",
        columns: Columns(&[
            "database_id smallint, total_log_size_in_bytes bigint, used_log_space_in_bytes bigint",
            "used_log_space_in_percent real, log_space_in_bytes_since_last_backup bigint",
        ]),
        rows: log_space,
    },
    Definition {
        schema: "sys",
        name: "dm_db_file_space_usage",
        columns: Columns(&[
            "database_id smallint, file_id smallint = 1, filegroup_id smallint = 1, total_page_count bigint",
            "allocated_extent_page_count bigint, unallocated_extent_page_count bigint",
            "version_store_reserved_page_count bigint = 0, user_object_reserved_page_count bigint = 0",
            "internal_object_reserved_page_count bigint = 0, mixed_extent_page_count bigint = 0",
            "modified_extent_page_count bigint = 0",
        ]),
        rows: file_space,
    },
    // A function of a database and a file, which are its first columns.
    Definition {
        schema: "sys",
        name: "dm_os_volume_stats",
        columns: Columns(&[
            "database_id int, file_id int, volume_mount_point nvarchar(512) null = /",
            "volume_id nvarchar(512) null = null, logical_volume_name nvarchar(512) null = null",
            "file_system_type nvarchar(512) null = null, total_bytes bigint, available_bytes bigint",
            "supports_compression tinyint null = 0, supports_alternate_streams tinyint null = 0",
            "supports_sparse_files tinyint null = 0, is_read_only tinyint null = 0, is_compressed tinyint null = 0",
            "incurs_seek_penalty tinyint null = 0",
        ]),
        rows: volumes,
    },
    Definition {
        schema: "sys",
        name: "dm_tran_active_transactions",
        columns: Columns(&[
            "transaction_id bigint, name nvarchar(32) = user_transaction, transaction_begin_time datetime",
            "transaction_type int = 1, transaction_uow uniqueidentifier null = null, transaction_state int = 2",
            "transaction_status int = 0, transaction_status2 int = 258, dtc_state int = 0, dtc_status int = 0",
            "dtc_isolation_level int = 0, filestream_transaction_id varbinary(128) null = null",
        ]),
        rows: active_transactions,
    },
    Definition {
        schema: "sys",
        name: "dm_tran_session_transactions",
        columns: Columns(&[
            "session_id int, transaction_id bigint, transaction_descriptor binary(8) null = null",
            "enlist_count int = 1, is_user_transaction bit = 1, is_local bit = 1, is_enlisted bit = 0",
            "is_bound bit = 0, open_transaction_count int",
        ]),
        rows: session_transactions,
    },
    Definition {
        schema: "sys",
        name: "dm_resource_governor_workload_groups",
        columns: Columns(&[
            "group_id int, name sysname, pool_id int, external_pool_id int = 2, statistics_start_time datetime",
            "total_request_count bigint = 0, total_queued_request_count bigint = 0, active_request_count int = 0",
            "queued_request_count int = 0, total_cpu_limit_violation_count bigint = 0, total_cpu_usage_ms bigint = 0",
            "max_request_cpu_time_ms bigint = 0, blocked_task_count int = 0, total_lock_wait_count bigint = 0",
            "total_lock_wait_time_ms bigint = 0, total_query_optimization_count bigint = 0",
            "total_suboptimal_plan_generation_count bigint = 0, total_reduced_memgrant_count bigint = 0",
            "max_request_grant_memory_kb bigint = 0, active_parallel_thread_count bigint = 0",
            "importance sysname = Medium, request_max_memory_grant_percent int = 25",
            "request_max_cpu_time_sec int = 0, request_memory_grant_timeout_sec int = 0, group_max_requests int = 0",
            "max_dop int = 0, effective_max_dop int = 64, total_cpu_usage_preemptive_ms bigint = 0",
            "request_max_memory_grant_percent_numeric float(53) = 25",
        ]),
        rows: groups,
    },
];

fn log_space(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    scope.needs_server_state()?;
    let share = sandbox_values::Value::Float(100.0 * USED as f64 / FILE as f64);
    Ok(vec![row![scope.database.id, FILE * PAGE, USED * PAGE, share, USED * PAGE]])
}

/// Of the database that the view is named in.
fn file_space(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    scope.needs_server_state()?;
    Ok(vec![row![scope.database.id, FILE, USED, FILE - USED]])
}

fn volumes(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    scope.needs_server_state()?;
    let databases = scope.instance.databases.keys();
    Ok(databases.flat_map(|id| [1, 2].map(|file| row![*id, file, DISK, DISK / 2])).collect())
}

/// The transactions that sessions hold open. When one began is not kept: it is no younger than the last request.
fn transactions(scope: &ViewScope<'_>) -> Vec<(u16, i64)> {
    let locks = scope.session.engine.locks.rows();
    let own =
        locks.iter().filter(|lock| lock.status == Status::Grant).filter_map(|lock| match lock.resource {
            Resource::Transaction(id) => Some((lock.session, i64::try_from(id).unwrap_or(i64::MAX))),
            _ => None,
        });
    own.collect()
}

fn active_transactions(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    scope.needs_server_state()?;
    let sessions = scope.session.engine.sessions().clone();
    let begun = |session: &u16| {
        sessions.get(session).map(|info| info.request.map_or(info.logged_in, |request| request.started))
    };
    Ok(transactions(scope).iter().map(|(session, id)| row![*id, begun(session)]).collect())
}

fn session_transactions(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    scope.needs_server_state()?;
    let locks = scope.session.engine.locks.rows();
    let of = |(session, id): (u16, i64)| row![session, id, open_transactions(&locks, session)];
    Ok(transactions(scope).into_iter().map(of).collect())
}

fn groups(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    scope.needs_server_state()?;
    let started = scope.instance.started;
    Ok(vec![row![1, "internal", 1, started], row![2, "default", 2, started]])
}
