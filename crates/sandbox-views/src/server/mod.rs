//! The server: databases, sessions, requests, locks.
mod locks;
pub mod settings;
pub mod state;

use super::definition::{Columns, Definition, Row, row};
use super::scope::ViewScope;
use super::security::login_sid;
use locks::{
    described, lock_log, locks, milliseconds, open_transactions, wait_type, waited, waiting_tasks, waits_for,
};
use sandbox_session::failure::Outcome;
use sandbox_session::instance::SessionInfo;
use sandbox_transactions::locks::SessionId;
use sandbox_values::CollationId;
use sandbox_values::Value;

pub const VIEWS: &[Definition] = &[
    Definition {
        schema: "sys",
        name: "databases",
        columns: Columns(&[
            "name sysname, database_id int, source_database_id int null = null, owner_sid varbinary(85) null",
            "create_date datetime, compatibility_level tinyint, collation_name sysname null",
            "user_access tinyint null = 0, user_access_desc nvarchar(60) null = MULTI_USER",
            "is_read_only bit null, is_auto_close_on bit = 0, is_auto_shrink_on bit null = 0",
            "state tinyint null = 0, state_desc nvarchar(60) null = ONLINE, is_in_standby bit null = 0",
            "is_cleanly_shutdown bit null = 0, is_supplemental_logging_enabled bit null = 0",
            "snapshot_isolation_state tinyint null, snapshot_isolation_state_desc nvarchar(60) null",
            "is_read_committed_snapshot_on bit null, recovery_model tinyint null",
            "recovery_model_desc nvarchar(60) null, page_verify_option tinyint null = 2",
            "page_verify_option_desc nvarchar(60) null = CHECKSUM, is_auto_create_stats_on bit null = 1",
            "is_auto_create_stats_incremental_on bit null = 0, is_auto_update_stats_on bit null = 1",
            "is_auto_update_stats_async_on bit null = 0, is_ansi_null_default_on bit null = 0",
            "is_ansi_nulls_on bit null = 0, is_ansi_padding_on bit null = 0, is_ansi_warnings_on bit null = 0",
            "is_arithabort_on bit null = 0, is_concat_null_yields_null_on bit null = 0",
            "is_numeric_roundabort_on bit null = 0, is_quoted_identifier_on bit null = 0",
            "is_recursive_triggers_on bit null = 0, is_cursor_close_on_commit_on bit null = 0",
            "is_local_cursor_default bit null = 0, is_fulltext_enabled bit null = 0",
            "is_trustworthy_on bit null = 0, is_db_chaining_on bit null = 0",
            "is_parameterization_forced bit null = 0, is_master_key_encrypted_by_server bit = 0",
            "is_query_store_on bit null = 0, is_published bit = 0, is_subscribed bit = 0",
            "is_merge_published bit = 0, is_distributor bit = 0, is_sync_with_backup bit = 0",
            "service_broker_guid uniqueidentifier, is_broker_enabled bit = 0, log_reuse_wait tinyint null = 0",
            "log_reuse_wait_desc nvarchar(60) null = NOTHING, is_date_correlation_on bit = 0",
            "is_cdc_enabled bit = 0, is_encrypted bit null = 0, is_honor_broker_priority_on bit null = 0",
            "replica_id uniqueidentifier null = null, group_database_id uniqueidentifier null = null",
            "resource_pool_id int null = null, default_language_lcid smallint null = null",
            "default_language_name nvarchar(128) null = null, default_fulltext_language_lcid int null = null",
            "default_fulltext_language_name nvarchar(128) null = null, is_nested_triggers_on bit null = null",
            "is_transform_noise_words_on bit null = null, two_digit_year_cutoff smallint null = null",
            "containment tinyint null = 0, containment_desc nvarchar(60) null = NONE",
            "target_recovery_time_in_seconds int null = 60, delayed_durability int null = 0",
            "delayed_durability_desc nvarchar(60) null = DISABLED",
            "is_memory_optimized_elevate_to_snapshot_on bit null = 0, is_federation_member bit null = 0",
            "is_remote_data_archive_enabled bit null = 0, is_mixed_page_allocation_on bit null = 0",
            "is_temporal_history_retention_enabled bit null = 1, catalog_collation_type int = 0",
            "catalog_collation_type_desc nvarchar(60) null = DATABASE_DEFAULT",
            "physical_database_name nvarchar(128) null, is_result_set_caching_on bit null = 0",
            "is_accelerated_database_recovery_on bit null = 0, is_tempdb_spill_to_remote_store bit null = 0",
            "is_stale_page_detection_on bit null = 0, is_memory_optimized_enabled bit null = 0",
            "is_data_retention_enabled bit null = 0, is_ledger_on bit null = 0",
            "is_change_feed_enabled bit null = 0",
        ]),
        rows: databases,
    },
    // SQL Server 2017 and later.
    Definition {
        schema: "sys",
        name: "dm_os_host_info",
        columns: Columns(&[
            "host_platform nvarchar(256), host_distribution nvarchar(256), host_release nvarchar(256)",
            "host_service_pack_level nvarchar(256), host_sku int null = null, os_language_version int = 0",
            "host_architecture nvarchar(256)",
        ]),
        rows: host,
    },
    Definition {
        schema: "sys",
        name: "configurations",
        columns: Columns(&[
            "configuration_id int, name nvarchar(35), value sql_variant null, minimum sql_variant null",
            "maximum sql_variant null, value_in_use sql_variant null, description nvarchar(255)",
            "is_dynamic bit = 1, is_advanced bit = 1",
        ]),
        rows: configurations,
    },
    Definition {
        schema: "sys",
        name: "dm_exec_sessions",
        columns: Columns(&[
            "session_id smallint, login_time datetime, host_name nvarchar(128) null",
            "program_name nvarchar(128) null, host_process_id int null = null, client_version int null = 7",
            "client_interface_name nvarchar(32) null = null, security_id varbinary(85), login_name nvarchar(128)",
            "nt_domain nvarchar(128) null = null, nt_user_name nvarchar(128) null = null, status nvarchar(30)",
            "context_info varbinary(128), cpu_time int = 0, memory_usage int = 0",
            "total_scheduled_time int = 0, total_elapsed_time int = 0, endpoint_id int = 4",
            "last_request_start_time datetime, last_request_end_time datetime null, reads bigint = 0",
            "writes bigint = 0, logical_reads bigint = 0, is_user_process bit = 1, text_size int = -1",
            "language nvarchar(128) null = us_english, date_format nvarchar(3) null = mdy",
            "date_first smallint = 7, quoted_identifier bit = 1, arithabort bit = 0",
            "ansi_null_dflt_on bit = 1, ansi_defaults bit = 0, ansi_warnings bit = 1, ansi_padding bit = 1",
            "ansi_nulls bit = 1, concat_null_yields_null bit = 1, transaction_isolation_level smallint = 2",
            "lock_timeout int = -1, deadlock_priority int = 0, row_count bigint = 0, prev_error int = 0",
            "original_security_id varbinary(85), original_login_name nvarchar(128)",
            "last_successful_logon datetime null = null, last_unsuccessful_logon datetime null = null",
            "unsuccessful_logons bigint null = null, group_id int = 2, database_id smallint",
            "authenticating_database_id int null = 1, open_transaction_count int",
            "page_server_reads bigint = 0",
        ]),
        rows: sessions,
    },
    Definition {
        schema: "sys",
        name: "dm_exec_requests",
        columns: Columns(&[
            "session_id smallint, request_id int = 0, start_time datetime, status nvarchar(30)",
            "command nvarchar(32), sql_handle varbinary(64) null = null, statement_start_offset int null = 0",
            "statement_end_offset int null = -1, plan_handle varbinary(64) null = null, database_id smallint",
            "user_id int = 1, connection_id uniqueidentifier null, blocking_session_id smallint null",
            "wait_type nvarchar(60) null, wait_time int, last_wait_type nvarchar(60)",
            "wait_resource nvarchar(256), open_transaction_count int, open_resultset_count int = 1",
            "transaction_id bigint, context_info varbinary(128) null = null, percent_complete real = 0",
            "estimated_completion_time bigint = 0, cpu_time int = 0, total_elapsed_time int",
        ]),
        rows: requests,
    },
    Definition {
        schema: "sys",
        name: "dm_os_waiting_tasks",
        columns: Columns(&[
            "waiting_task_address varbinary(8), session_id smallint null, exec_context_id int null = 0",
            "wait_duration_ms bigint null, wait_type nvarchar(60) null, resource_address varbinary(8) null = null",
            "blocking_task_address varbinary(8) null = null, blocking_session_id smallint null",
            "blocking_exec_context_id int null = null, resource_description nvarchar(3072) null",
        ]),
        rows: waiting_tasks,
    },
    Definition {
        schema: "sys",
        name: "dm_exec_connections",
        columns: Columns(&[
            "session_id int null, most_recent_session_id int null, connect_time datetime",
            "net_transport nvarchar(40) = TCP, protocol_type nvarchar(40) null = TSQL",
            "protocol_version int null = 1946157060, endpoint_id int null = 4, auth_scheme nvarchar(40) = SQL",
            "node_affinity smallint = 0, num_reads int null = null, num_writes int null = null",
            "connection_id uniqueidentifier, parent_connection_id uniqueidentifier null = null",
        ]),
        rows: connections,
    },
    Definition {
        schema: "sys",
        name: "dm_tran_locks",
        columns: Columns(&[
            "resource_type nvarchar(60), resource_subtype nvarchar(60), resource_database_id int",
            "resource_description nvarchar(256), resource_associated_entity_id bigint null",
            "resource_lock_partition int = 0, request_mode nvarchar(60), request_type nvarchar(60) = LOCK",
            "request_status nvarchar(60), request_reference_count smallint = 1, request_lifetime int = 0",
            "request_session_id int, request_exec_context_id int = 0, request_request_id int = 0",
            "request_owner_type nvarchar(60), request_owner_id bigint null = 0",
            "request_owner_guid uniqueidentifier null = null",
            "request_owner_lockspace_id nvarchar(32) = 0, lock_owner_address varbinary(8) = null",
        ]),
        rows: locks,
    },
    // Of the sandbox alone: what happened to locks, for tests.
    Definition {
        schema: "sys",
        name: "sandbox_lock_log",
        columns: Columns(&[
            "sequence bigint, event nvarchar(60), session_id int, resource_type nvarchar(60)",
            "resource_database_id int, resource_description nvarchar(256)",
            "resource_associated_entity_id bigint null, request_mode nvarchar(60)",
            "request_owner_type nvarchar(60)",
        ]),
        rows: lock_log,
    },
    Definition {
        schema: "sys",
        name: "fn_helpcollations",
        columns: Columns(&["name sysname, description nvarchar(1000)"]),
        rows: collations,
    },
];

fn databases(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let recovery = |model: u8| match model {
        1 => "FULL",
        2 => "BULK_LOGGED",
        _ => "SIMPLE",
    };
    let owner = Value::Bytes(login_sid(1));
    Ok(scope
        .instance
        .databases
        .values()
        .map(|d| {
            let mut guid = [0; 16];
            guid[14..].copy_from_slice(&d.id.to_be_bytes());
            row![
                &d.name,
                d.id,
                owner.clone(),
                d.created,
                d.compatibility_level,
                &d.collation.get().name,
                d.read_only,
                d.allow_snapshot,
                if d.allow_snapshot { "ON" } else { "OFF" },
                d.read_committed_snapshot,
                d.recovery_model,
                recovery(d.recovery_model),
                Value::Guid(guid),
                &d.name,
            ]
        })
        .collect())
}

fn host(_: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let architecture = if cfg!(target_arch = "x86_64") { "X64" } else { "ARM64" };
    Ok(vec![row!["Linux", "replica-sandbox", "", "", architecture]])
}

/// An option of the server.
pub struct Configuration {
    pub id: i32,
    name: &'static str,
    pub value: i32,
    range: (i32, i32),
    pub description: &'static str,
}

/// Those that clients ask for (Microsoft docs, "Server configuration options").
pub const CONFIGURATIONS: &[Configuration] = &[
    configuration(103, "user connections", 0, (0, 32767), "Number of user connections allowed"),
    configuration(115, "nested triggers", 1, (0, 1), "Allow triggers to be invoked within triggers"),
    configuration(124, "default language", 0, (0, 9999), "default language"),
    configuration(505, "network packet size (B)", 4096, (512, 32767), "Network packet size"),
    configuration(1126, "default full-text language", 1033, (0, i32::MAX), "default full-text language"),
    configuration(1127, "two digit year cutoff", 2049, (1753, 9999), "two digit year cutoff"),
    configuration(1534, "user options", 0, (0, 32767), "User options"),
    configuration(1539, "max degree of parallelism", 0, (0, 32767), "maximum degree of parallelism"),
    configuration(1555, "transform noise words", 0, (0, 1), "Transform noise words for full-text query"),
];

const fn configuration(
    id: i32,
    name: &'static str,
    value: i32,
    range: (i32, i32),
    description: &'static str,
) -> Configuration {
    Configuration { id, name, value, range, description }
}

fn configurations(_: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let row = |c: &Configuration| row![c.id, c.name, c.value, c.range.0, c.range.1, c.value, c.description];
    Ok(CONFIGURATIONS.iter().map(row).collect())
}

/// Without the permission to see the server's state a session sees itself (Microsoft docs,
/// "sys.dm_exec_sessions").
fn seen(scope: &ViewScope<'_>) -> Vec<(SessionId, SessionInfo)> {
    let all = scope.needs_server_state().is_ok();
    let sessions = scope.session.engine.sessions();
    sessions
        .iter()
        .filter(|(id, _)| all || **id == scope.session.id)
        .map(|(id, info)| (*id, info.clone()))
        .collect()
}

fn sid(scope: &ViewScope<'_>, login: &str) -> Value {
    let known = scope.instance.logins.values().find(|l| l.name.eq_ignore_ascii_case(login));
    Value::Bytes(known.map_or_else(Vec::new, |l| login_sid(l.principal_id)))
}

fn sessions(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let locks = scope.session.engine.locks.rows();
    Ok(seen(scope)
        .into_iter()
        .map(|(id, info)| {
            let sid = sid(scope, &info.login);
            row![
                id,
                info.logged_in,
                &info.host,
                &info.program,
                sid.clone(),
                &info.login,
                if info.busy().is_some() { "running" } else { "sleeping" },
                Value::Bytes(info.context),
                info.request.map_or(info.logged_in, |request| request.started),
                info.request.and_then(|request| request.ended),
                sid,
                &info.login,
                info.database,
                open_transactions(&locks, id),
            ]
        })
        .collect())
}

/// A connection's id, made of the session's.
fn connection_id(session: SessionId) -> Value {
    let mut guid = [0; 16];
    guid[14..].copy_from_slice(&session.to_be_bytes());
    Value::Guid(guid)
}

fn requests(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let engine = &scope.session.engine;
    let locks = engine.locks.rows();
    let mut rows = Vec::new();
    for (id, info) in seen(scope) {
        let Some(activity) = info.busy() else { continue };
        let wait = waits_for(&locks, id);
        let wait_type = wait.map(|w| wait_type(w.mode));
        rows.push(row![
            id,
            activity.started,
            if wait.is_some() { "suspended" } else { "running" },
            activity.command,
            info.database,
            connection_id(id),
            engine.locks.blocker(id).unwrap_or(0),
            wait_type.as_ref(),
            wait.map_or(0, waited),
            wait_type.clone().unwrap_or_default(),
            wait.map_or_else(String::new, |w| described(&w.resource).wait_resource()),
            open_transactions(&locks, id),
            0,
            milliseconds(activity.started.elapsed().unwrap_or_default()),
        ]);
    }
    Ok(rows)
}

fn connections(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    scope.needs_server_state()?;
    Ok(seen(scope).into_iter().map(|(id, info)| row![id, id, info.logged_in, connection_id(id)]).collect())
}

fn collations(_: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let said = |yes: bool, what: &str| format!("{what}-{}", if yes { "sensitive" } else { "insensitive" });
    Ok(CollationId::all()
        .map(|(_, c)| {
            let description = format!(
                "{}, {}, {}, {}, {}",
                c.name.split('_').next().unwrap_or_default(),
                said(c.case_sensitive, "case"),
                said(c.accent_sensitive, "accent"),
                said(c.kana_sensitive, "kanatype"),
                said(c.width_sensitive, "width")
            );
            row![&c.name, description]
        })
        .collect())
}
