//! What a server could have beside its databases: audits, credentials of logins, endpoints, triggers.
use super::absent;
use crate::definition::Definition;

const AUDIT: &str = "audit_id int, name sysname, audit_guid uniqueidentifier null, create_date datetime, \
    modify_date datetime, principal_id int null, type char(2), type_desc nvarchar(60) null, \
    on_failure tinyint null, on_failure_desc nvarchar(60) null, is_state_enabled bit null, \
    queue_delay int null, predicate nvarchar(3000) null";

const EVENT: &str = "event_session_id int, event_id int, name sysname, package sysname, module sysname";

pub const VIEWS: &[Definition] = &[
    absent("server_audits", &[AUDIT]),
    absent(
        "server_file_audits",
        &[
            AUDIT,
            "max_file_size bigint null, max_rollover_files int null, max_files int null, reserve_disk_space bit null",
            "log_file_path nvarchar(260) null, log_file_name nvarchar(260) null, retention_days int null",
        ],
    ),
    absent(
        "server_audit_specifications",
        &[
            "server_specification_id int, name sysname, create_date datetime, modify_date datetime",
            "audit_guid uniqueidentifier null, is_state_enabled bit null",
        ],
    ),
    absent(
        "server_audit_specification_details",
        &[
            "server_specification_id int, audit_action_id char(4), audit_action_name sysname null, class tinyint",
            "class_desc nvarchar(60) null, major_id int, minor_id int, audited_principal_id int null",
            "audited_result nvarchar(60) null, is_group bit null",
        ],
    ),
    absent(
        "server_event_sessions",
        &[
            "event_session_id int, name sysname, event_retention_mode nchar(1) null",
            "event_retention_mode_desc sysname null, max_dispatch_latency int null, max_memory int null",
            "max_event_size int null, memory_partition_mode nchar(1) null",
            "memory_partition_mode_desc sysname null, track_causality bit null, startup_state bit null",
            "has_long_running_target bit null",
        ],
    ),
    absent(
        "server_event_session_events",
        &[EVENT, "predicate nvarchar(3000) null, predicate_xml nvarchar(3000) null"],
    ),
    absent("server_event_session_actions", &[EVENT]),
    absent(
        "server_event_session_targets",
        &["event_session_id int, target_id int, name sysname, package sysname, module sysname"],
    ),
    absent(
        "server_event_session_fields",
        &["event_session_id int, object_id int, name sysname, value sql_variant null"],
    ),
    absent(
        "server_triggers",
        &[
            "name sysname, object_id int, parent_class tinyint, parent_class_desc nvarchar(60) null, parent_id int",
            "type char(2), type_desc nvarchar(60) null, create_date datetime, modify_date datetime",
            "is_ms_shipped bit, is_disabled bit",
        ],
    ),
    absent(
        "server_trigger_events",
        &[
            "object_id int, type int, type_desc nvarchar(60), is_first bit null, is_last bit null",
            "event_group_type int null, event_group_type_desc nvarchar(60) null, is_trigger_event bit null",
        ],
    ),
    absent(
        "server_sql_modules",
        &[
            "object_id int, definition nvarchar(max) null, uses_ansi_nulls bit null, uses_quoted_identifier bit null",
            "execute_as_principal_id int null",
        ],
    ),
    absent(
        "server_assembly_modules",
        &[
            "object_id int, assembly_id int, assembly_class sysname null, assembly_method sysname null",
            "execute_as_principal_id int null",
        ],
    ),
    absent(
        "server_events",
        &[
            "object_id int, type int, type_desc nvarchar(60), is_trigger_event bit null",
            "event_group_type int null, event_group_type_desc nvarchar(60) null",
        ],
    ),
    absent(
        "dm_hadr_cluster",
        &[
            "cluster_name nvarchar(128), quorum_type tinyint, quorum_type_desc nvarchar(60), quorum_state tinyint",
            "quorum_state_desc nvarchar(60)",
        ],
    ),
    absent(
        "dm_hadr_database_replica_states",
        &[
            "database_id int, group_id uniqueidentifier null, replica_id uniqueidentifier null",
            "group_database_id uniqueidentifier null, is_local bit, is_primary_replica bit null",
            "synchronization_state tinyint null, synchronization_state_desc nvarchar(60) null",
            "is_commit_participant bit null, synchronization_health tinyint null",
            "synchronization_health_desc nvarchar(60) null, database_state tinyint null",
            "database_state_desc nvarchar(60) null, is_suspended bit null, suspend_reason tinyint null",
            "suspend_reason_desc nvarchar(60) null, recovery_lsn numeric(25) null, truncation_lsn numeric(25) null",
            "last_sent_lsn numeric(25) null, last_sent_time datetime null, last_received_lsn numeric(25) null",
            "last_received_time datetime null, last_hardened_lsn numeric(25) null, last_hardened_time datetime null",
            "last_redone_lsn numeric(25) null, last_redone_time datetime null, log_send_queue_size bigint null",
            "log_send_rate bigint null, redo_queue_size bigint null, redo_rate bigint null",
            "filestream_send_rate bigint null, end_of_log_lsn numeric(25) null, last_commit_lsn numeric(25) null",
            "last_commit_time datetime null, low_water_mark_for_ghosts bigint null",
            "secondary_lag_seconds bigint null, quorum_commit_lsn numeric(25) null",
            "quorum_commit_time datetime null",
        ],
    ),
    absent(
        "linked_logins",
        &[
            "server_id int, local_principal_id int null, uses_self_credential bit, remote_name sysname null",
            "modify_date datetime",
        ],
    ),
];
