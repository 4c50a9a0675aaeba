//! Extended events of a database.
use super::absent;
use crate::definition::Definition;

pub const VIEWS: &[Definition] = &[
    absent(
        "database_event_sessions",
        &[
            "event_session_id int, name sysname, event_retention_mode nchar(1) null",
            "event_retention_mode_desc sysname null, max_dispatch_latency int null, max_memory int null",
            "max_event_size int null, memory_partition_mode nchar(1) null",
            "memory_partition_mode_desc sysname null, track_causality bit null, startup_state bit null",
        ],
    ),
    absent(
        "database_event_session_events",
        &[EVENT, "predicate nvarchar(3000) null, predicate_xml nvarchar(3000) null"],
    ),
    absent("database_event_session_actions", &[EVENT]),
    absent(
        "database_event_session_targets",
        &["event_session_id int, target_id int, name sysname, package sysname, module sysname"],
    ),
    absent(
        "database_event_session_fields",
        &["event_session_id int, object_id int, name sysname, value sql_variant null"],
    ),
];

const EVENT: &str = "event_session_id int, event_id int, name sysname, package sysname, module sysname";
