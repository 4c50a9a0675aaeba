//! What a server and a database are set to: files, languages, options.
use super::super::definition::{Columns, Definition, Row, row};
use super::super::scope::ViewScope;
use sandbox_catalog::permissions::{END_SESSIONS, SERVER_STATE};
use sandbox_catalog::schema::{Database, LoginRecord};
use sandbox_session::failure::Outcome;
use sandbox_values::{SqlType, Value};

pub const VIEWS: &[Definition] = &[
    Definition { schema: "sys", name: "database_files", columns: Columns(FILE), rows: database_files },
    Definition { schema: "sys", name: "master_files", columns: Columns(MASTER_FILE), rows: master_files },
    Definition {
        schema: "sys",
        name: "database_scoped_configurations",
        columns: Columns(&[
            "configuration_id int null, name nvarchar(60) null, value sql_variant null",
            "value_for_secondary sql_variant null = null, is_value_default bit null = 1",
        ]),
        rows: scoped_configurations,
    },
    Definition {
        schema: "sys",
        name: "database_query_store_options",
        columns: Columns(&[
            "desired_state smallint = 0, desired_state_desc nvarchar(60) null = OFF, actual_state smallint = 0",
            "actual_state_desc nvarchar(60) null = OFF, readonly_reason int null = 0",
            "current_storage_size_mb bigint null = 0, flush_interval_seconds bigint null = 900",
            "interval_length_minutes bigint null = 60, max_storage_size_mb bigint null = 1000",
            "stale_query_threshold_days bigint null = 30, max_plans_per_query bigint null = 200",
            "query_capture_mode smallint = 2, query_capture_mode_desc nvarchar(60) null = AUTO",
            "capture_policy_execution_count int null = null",
            "capture_policy_total_compile_cpu_time_ms bigint null = null",
            "capture_policy_total_execution_cpu_time_ms bigint null = null",
            "capture_policy_stale_threshold_hours int null = null, size_based_cleanup_mode smallint = 1",
            "size_based_cleanup_mode_desc nvarchar(60) null = AUTO, wait_stats_capture_mode smallint = 1",
            "wait_stats_capture_mode_desc nvarchar(60) null = ON, actual_state_additional_info nvarchar(4000) null = null",
        ]),
        rows: once,
    },
    Definition {
        schema: "sys",
        name: "database_mirroring",
        columns: Columns(&[
            "database_id int, mirroring_guid uniqueidentifier null = null, mirroring_state tinyint null = null",
            "mirroring_state_desc nvarchar(60) null = null, mirroring_role tinyint null = null",
            "mirroring_role_desc nvarchar(60) null = null, mirroring_role_sequence int null = null",
            "mirroring_safety_level tinyint null = null, mirroring_safety_level_desc nvarchar(60) null = null",
            "mirroring_safety_sequence int null = null, mirroring_partner_name nvarchar(128) null = null",
            "mirroring_partner_instance nvarchar(128) null = null, mirroring_witness_name nvarchar(128) null = null",
            "mirroring_witness_state tinyint null = null, mirroring_witness_state_desc nvarchar(60) null = null",
            "mirroring_failover_lsn numeric(25) null = null, mirroring_connection_timeout int null = null",
            "mirroring_redo_queue int null = null, mirroring_redo_queue_type nvarchar(60) null = null",
            "mirroring_end_of_log_lsn numeric(25) null = null, mirroring_replication_lsn numeric(25) null = null",
        ]),
        rows: each_database,
    },
    Definition {
        schema: "sys",
        name: "database_filestream_options",
        columns: Columns(&[
            "database_id int, non_transacted_access tinyint = 0, non_transacted_access_desc nvarchar(60) = OFF",
            "directory_name nvarchar(255) null = null",
        ]),
        rows: each_database,
    },
    Definition {
        schema: "sys",
        name: "servers",
        columns: Columns(&[
            "server_id int = 0, name sysname, product sysname = SQL Server, provider sysname = SQLNCLI",
            "data_source nvarchar(4000) null, location nvarchar(4000) null = null",
            "provider_string nvarchar(4000) null = null, catalog sysname null = null, connect_timeout int null = 0",
            "query_timeout int null = 0, is_linked bit = 0, is_remote_login_enabled bit = 1",
            "is_rpc_out_enabled bit = 1, is_data_access_enabled bit = 0, is_collation_compatible bit = 0",
            "uses_remote_collation bit = 1, collation_name sysname null = null, lazy_schema_validation bit = 0",
            "is_system bit = 0, is_publisher bit = 0, is_subscriber bit null = 0, is_distributor bit null = 0",
            "is_nonsql_subscriber bit null = 0, is_remote_proc_transaction_promotion_enabled bit null = 0",
            "modify_date datetime, is_rda_server bit null = 0",
        ]),
        rows: servers,
    },
    Definition {
        schema: "sys",
        name: "server_permissions",
        columns: Columns(&[
            "class tinyint = 100, class_desc nvarchar(60) null = SERVER, major_id int = 0, minor_id int = 0",
            "grantee_principal_id int, grantor_principal_id int = 1, type char(4)",
            "permission_name nvarchar(128) null, state char(1) = G",
            "state_desc nvarchar(60) null = GRANT",
        ]),
        rows: server_permissions,
    },
    Definition {
        schema: "sys",
        name: "syslanguages",
        columns: Columns(&[
            "langid smallint = 0, dateformat nchar(3) = mdy, datefirst tinyint = 7, upgrade int null = 0",
            "name sysname = us_english, alias sysname = English, months nvarchar(372) null",
            "shortmonths nvarchar(132) null, days nvarchar(217) null, lcid int = 1033, msglangid smallint = 1033",
        ]),
        rows: languages,
    },
];

const FILE: &[&str] = &[
    "file_id int, file_guid uniqueidentifier null = null, type tinyint, type_desc nvarchar(60) null",
    "data_space_id int, name sysname, physical_name nvarchar(260), state tinyint null = 0",
    "state_desc nvarchar(60) null = ONLINE, size int = 1024, max_size int = -1, growth int = 8192",
    "is_media_read_only bit = 0, is_read_only bit = 0, is_sparse bit = 0, is_percent_growth bit = 0",
    "is_name_reserved bit = 0, is_persistent_log_buffer bit = 0, create_lsn numeric(25) null = null",
    "drop_lsn numeric(25) null = null, read_only_lsn numeric(25) null = null",
    "read_write_lsn numeric(25) null = null, differential_base_lsn numeric(25) null = null",
    "differential_base_guid uniqueidentifier null = null, differential_base_time datetime null = null",
    "redo_start_lsn numeric(25) null = null, redo_start_fork_guid uniqueidentifier null = null",
    "redo_target_lsn numeric(25) null = null, redo_target_fork_guid uniqueidentifier null = null",
    "backup_lsn numeric(25) null = null",
];

const MASTER_FILE: &[&str] = &[
    "database_id int, file_id int, file_guid uniqueidentifier null = null, type tinyint",
    "type_desc nvarchar(60) null, data_space_id int, name sysname, physical_name nvarchar(260)",
    "state tinyint null = 0, state_desc nvarchar(60) null = ONLINE, size int = 1024, max_size int = -1",
    "growth int = 8192, is_media_read_only bit = 0, is_read_only bit = 0, is_sparse bit = 0",
    "is_percent_growth bit = 0, is_name_reserved bit = 0, is_persistent_log_buffer bit = 0",
];

/// A file of data and one of the log. There are no such files; their names are those of SQL Server on Linux.
fn files(database: &Database) -> [Row; 2] {
    let file = |id: i32, (kind, described): (i32, &str), space: i32, name: String, ending: &str| {
        let path = format!("/var/opt/mssql/data/{name}.{ending}");
        row![id, kind, described, space, name, path]
    };
    [
        file(1, (0, "ROWS"), 1, database.name.clone(), "mdf"),
        file(2, (1, "LOG"), 0, format!("{}_log", database.name), "ldf"),
    ]
}

fn database_files(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    Ok(files(scope.database).into())
}

fn master_files(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let of = |database: &Database| {
        let id = database.id;
        files(database).map(|file| {
            let mut row = row![id];
            row.extend(file);
            row
        })
    };
    Ok(scope.instance.databases.values().flat_map(of).collect())
}

/// Those that SQL Server 2016 and 2017 began with, as they are unless set (Microsoft docs, "ALTER DATABASE SCOPED
/// CONFIGURATION").
fn scoped_configurations(_: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    // DacFx reads those that are on or off as bit.
    let switch = |on: bool| Value::Variant(Box::new((SqlType::Bit, Value::Int(on.into()))));
    Ok(vec![
        row![1, "MAXDOP", 0],
        row![2, "LEGACY_CARDINALITY_ESTIMATION", switch(false)],
        row![3, "PARAMETER_SNIFFING", switch(true)],
        row![4, "QUERY_OPTIMIZER_HOTFIXES", switch(false)],
        row![6, "IDENTITY_CACHE", switch(true)],
    ])
}

/// A row of constants.
fn once(_: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    Ok(vec![Row::new()])
}

fn each_database(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    Ok(scope.instance.databases.values().map(|d| row![d.id]).collect())
}

fn servers(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let name = &scope.session.engine.options.server_name;
    Ok(vec![row![name, name, scope.instance.started]])
}

/// Logins may connect; what else can be granted is to see the server's state, and to end sessions.
fn server_permissions(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let logins = scope.instance.logins.values();
    let all = scope.needs_server_state().is_ok();
    let seen = logins.filter(|l| all || l.name.eq_ignore_ascii_case(&scope.session.login.user));
    let granted = |l: &LoginRecord| {
        let code = |name: &String| match name.as_str() {
            END_SESSIONS => "ALCO",
            state if state == SERVER_STATE[0] => "VWSS",
            _ => "VSP ",
        };
        let more = l.permissions.iter().map(|name| (code(name), name));
        let more: Vec<Row> = more.map(|(code, name)| row![l.principal_id, code, name]).collect();
        [vec![row![l.principal_id, "COSQ", "CONNECT SQL"]], more].concat()
    };
    Ok(seen.flat_map(granted).collect())
}

fn languages(_: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let months = "January,February,March,April,May,June,July,August,September,October,November,December";
    let short = "Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sep,Oct,Nov,Dec";
    let days = "Monday,Tuesday,Wednesday,Thursday,Friday,Saturday,Sunday";
    Ok(vec![row![months, short, days]])
}
