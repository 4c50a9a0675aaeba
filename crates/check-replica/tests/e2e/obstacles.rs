//! Every obstacle by itself: it is found, and nothing else is.
use replica_core::ledger::DDL;
use replica_testkit::Pair;

use crate::util::{CONFIG, pair, problems, tool_with};

/// What is put in the way: where, by which statement, and how it goes away again.
struct Obstacle<'a> {
    on: ObstacleSide,
    plant: &'a str,
    undo: &'a str,
    /// `side severity id table`
    found: &'a [&'a str],
}

#[derive(Clone, Copy)]
enum ObstacleSide {
    /// In master; `$source`, `$target` and `$id` are the databases' names and the target's id.
    Server,
    Source,
    Target,
}

const FORGET: &str = "EXEC sp_sandbox_plant 'none'";

/// One that a test has the server pretend.
const fn planted<'a>(plant: &'a str, found: &'a [&'a str]) -> Obstacle<'a> {
    Obstacle { on: ObstacleSide::Server, plant, undo: FORGET, found }
}

const fn made<'a>(on: ObstacleSide, plant: &'a str, undo: &'a str, found: &'a [&'a str]) -> Obstacle<'a> {
    Obstacle { on, plant, undo, found }
}

/// Runs statements that `|` parts.
fn run(pair: &Pair, on: ObstacleSide, statements: &str) {
    let id = pair.target.client().number("CAST(DB_ID() AS int)").to_string();
    for sql in statements.split('|').map(str::trim).filter(|sql| !sql.is_empty()) {
        let sql = sql.replace("$source", &pair.source.name).replace("$target", &pair.target.name);
        let sql = sql.replace("$id", &id);
        match on {
            ObstacleSide::Server => pair.server.client("master").batch(&sql),
            ObstacleSide::Source => pair.source(&sql),
            ObstacleSide::Target => pair.target(&sql),
        }
    }
}

#[track_caller]
fn each(pair: &Pair, config: &str, args: &[&str], obstacles: &[Obstacle<'_>]) {
    if !pair.server.is_sandbox() {
        eprintln!("skipped: this server pretends nothing");
        return;
    }
    let tool = tool_with(pair, config);
    let clean = tool.run(args).exits(0);
    assert_eq!(problems(&clean), [""; 0], "before anything is planted: {clean}");
    for Obstacle { on, plant, undo, found } in obstacles {
        run(pair, *on, plant);
        let exit = tool.run(args);
        assert_eq!(problems(&exit), *found, "{plant}\n{exit}");
        let error = found.iter().any(|line| line.contains(" error "));
        assert_eq!(exit.code, Some(i32::from(error)), "{plant}\n{exit}");
        run(pair, *on, undo);
    }
    let clean = tool.run(args).exits(0);
    assert_eq!(problems(&clean), [""; 0], "after all: {clean}");
}

#[test]
fn logins_clocks_and_versions() {
    let both = |id: &'static str| -> [&'static str; 2] {
        [["source warning ", id].concat().leak(), ["target warning ", id].concat().leak()]
    };
    let (auth, password, clock) = (both("auth_scheme"), both("password_expiry"), both("clock"));
    each(
        &pair(),
        CONFIG,
        &[],
        &[
            planted("EXEC sp_sandbox_answer 'CONNECTIONPROPERTY', 'auth_scheme', 'NTLM'", &auth),
            planted("EXEC sp_sandbox_answer 'LOGINPROPERTY', 'DaysUntilExpiration', '9'", &password),
            planted("EXEC sp_sandbox_clock 90", &clock),
            planted("EXEC sp_sandbox_clock -90", &clock),
            planted(
                "EXEC sp_sandbox_answer 'SERVERPROPERTY', 'ProductVersion', '10.50.6000.34'",
                &["source error version", "target error version"],
            ),
            planted(
                "EXEC sp_sandbox_answer 'SERVERPROPERTY', 'EngineEdition', '6'",
                &["source error version", "target error version"],
            ),
        ],
    );
}

#[test]
fn states_and_options_of_databases() {
    const PLANT: &str = "EXEC sp_sandbox_plant 'sys.databases', @where = 'name=$target', @set = ";
    let sets = [
        ("compatibility_level=100", "compatibility_level"),
        ("state=4;state_desc=SUSPECT", "database_state"),
        ("user_access=2;user_access_desc=RESTRICTED_USER", "user_access"),
        ("log_reuse_wait=2;log_reuse_wait_desc=LOG_BACKUP", "log_reuse_wait"),
        ("is_auto_shrink_on=1", "auto_shrink"),
        ("is_auto_close_on=1", "auto_close"),
        ("delayed_durability=2;delayed_durability_desc=FORCED", "delayed_durability"),
        ("is_accelerated_database_recovery_on=1", "accelerated_recovery"),
    ];
    let plants = sets.map(|(set, id)| (format!("{PLANT}'{set}'"), [format!("target warning {id}")]));
    let found = plants.each_ref().map(|(_, [line])| [line.as_str()]);
    let mut obstacles: Vec<_> =
        plants.iter().zip(&found).map(|((plant, _), found)| planted(plant, found)).collect();
    obstacles.extend([
        made(
            ObstacleSide::Server,
            "ALTER DATABASE [$target] SET RECOVERY FULL",
            "ALTER DATABASE [$target] SET RECOVERY SIMPLE",
            &["target warning recovery_model"],
        ),
        made(
            ObstacleSide::Server,
            "ALTER DATABASE [$source] SET ALLOW_SNAPSHOT_ISOLATION OFF",
            "ALTER DATABASE [$source] SET ALLOW_SNAPSHOT_ISOLATION ON",
            &["source warning row_versioning"],
        ),
        made(
            ObstacleSide::Server,
            "ALTER DATABASE [$target] SET READ_ONLY",
            "ALTER DATABASE [$target] SET READ_WRITE",
            &[
                "target error database_read_only",
                "target error read_only dbo.parent",
                "target error read_only dbo.sales",
                "target error secondary",
            ],
        ),
    ]);
    each(&pair(), CONFIG, &[], &obstacles);
}

#[test]
fn tables_and_what_hangs_on_them() {
    each(
        &pair(),
        CONFIG,
        &[],
        &[
            made(
                ObstacleSide::Source,
                "ALTER TABLE dbo.parent ADD more int NULL",
                "ALTER TABLE dbo.parent DROP COLUMN more",
                &["target error columns dbo.parent"],
            ),
            made(
                ObstacleSide::Source,
                "ALTER TABLE dbo.parent ALTER COLUMN label nvarchar(20) NULL",
                "ALTER TABLE dbo.parent ALTER COLUMN label varchar(20) NULL",
                &["target warning plan_warning dbo.parent"],
            ),
            made(
                ObstacleSide::Target,
                "CREATE TABLE dbo.child (id int NOT NULL, day date NOT NULL, CONSTRAINT FK_child FOREIGN KEY (day, id) REFERENCES dbo.sales (day, id) ON DELETE CASCADE)",
                "DROP TABLE dbo.child",
                &["target error acting_foreign_keys dbo.sales"],
            ),
            made(
                ObstacleSide::Target,
                "CREATE TRIGGER dbo.tr ON dbo.parent AFTER INSERT AS SET NOCOUNT ON",
                "DROP TRIGGER dbo.tr",
                &["target warning trigger dbo.parent"],
            ),
            made(
                ObstacleSide::Target,
                "CREATE TRIGGER dbo.tr ON dbo.sales AFTER DELETE AS SET NOCOUNT ON",
                "DROP TRIGGER dbo.tr",
                &["target error delete_trigger dbo.sales", "target warning trigger dbo.sales"],
            ),
            made(
                ObstacleSide::Target,
                "CREATE FUNCTION dbo.mine (@id int) RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT 1 AS ok WHERE @id > 0 | \
                 CREATE SECURITY POLICY dbo.refuses ADD BLOCK PREDICATE dbo.mine(id) ON dbo.parent AFTER INSERT WITH (STATE = ON)",
                "DROP SECURITY POLICY dbo.refuses | DROP FUNCTION dbo.mine",
                &["target warning block_predicate dbo.parent"],
            ),
            made(
                ObstacleSide::Target,
                "CREATE FUNCTION dbo.mine (@id int) RETURNS TABLE WITH SCHEMABINDING AS RETURN SELECT 1 AS ok WHERE @id > 0 | \
                 CREATE SECURITY POLICY dbo.hides ADD FILTER PREDICATE dbo.mine(id) ON dbo.parent WITH (STATE = ON)",
                "DROP SECURITY POLICY dbo.hides | DROP FUNCTION dbo.mine",
                &["target error hidden_rows dbo.parent"],
            ),
            planted(
                "EXEC sp_sandbox_plant 'sys.tables', @set = 'is_tracked_by_cdc=1', @where = 'name=parent', @database = '$target'",
                &["target warning change_capture dbo.parent"],
            ),
            planted(
                "EXEC sp_sandbox_plant 'sys.tables', @set = 'is_published=1', @where = 'name=parent', @database = '$target'",
                &["target warning change_capture dbo.parent"],
            ),
            made(
                ObstacleSide::Target,
                "ALTER DATABASE [$target] SET CHANGE_TRACKING = ON | ALTER TABLE dbo.parent ENABLE CHANGE_TRACKING",
                "ALTER TABLE dbo.parent DISABLE CHANGE_TRACKING | ALTER DATABASE [$target] SET CHANGE_TRACKING = OFF",
                &["target warning change_capture dbo.parent"],
            ),
            made(
                ObstacleSide::Target,
                "CREATE INDEX ix ON dbo.parent (label) | ALTER INDEX ix ON dbo.parent DISABLE",
                "DROP INDEX ix ON dbo.parent",
                &["target warning disabled_index dbo.parent"],
            ),
            made(
                ObstacleSide::Target,
                "ALTER INDEX PK_parent ON dbo.parent DISABLE",
                "ALTER INDEX PK_parent ON dbo.parent REBUILD",
                &["target error disabled_clustered_index dbo.parent"],
            ),
            planted(
                "EXEC sp_sandbox_answer 'OBJECTPROPERTY', 'TableTemporalType', '2'",
                &["target error system_versioned dbo.parent", "target error system_versioned dbo.sales"],
            ),
            planted(
                "EXEC sp_sandbox_answer 'STATS_DATE', '1', '2020-01-01'",
                &["source warning statistics dbo.sales"],
            ),
            made(
                ObstacleSide::Target,
                "DECLARE @n int = 3 WHILE @n < 1500 BEGIN INSERT INTO dbo.parent VALUES (@n, 'x') SET @n = @n + 1 END",
                "DELETE FROM dbo.parent WHERE id > 2",
                &["target warning row_count dbo.parent"],
            ),
        ],
    );
}

#[test]
fn keys_that_compare_otherwise_and_rows_that_are_too_large() {
    let pair = pair();
    let key = |collation: &str| {
        format!("CREATE TABLE dbo.k (a varchar(9) COLLATE {collation} NOT NULL CONSTRAINT PK_k PRIMARY KEY)")
    };
    pair.source(&key("Latin1_General_CS_AS"));
    pair.target(&key("Latin1_General_CI_AS"));
    let columns: Vec<_> = (0..350).map(|n| format!("c{n} varchar(max) NULL")).collect();
    pair.both(&format!("CREATE TABLE dbo.wide ({})", columns.join(", ")));
    let run = tool_with(&pair, "reference_tables = ['dbo.k', 'dbo.wide']").run(&[]).exits(0);
    let expected = ["target warning key_collation dbo.k", "target warning row_size dbo.wide"];
    assert_eq!(problems(&run), expected, "{run}");
}

#[test]
fn room() {
    const FILES: &str = "EXEC sp_sandbox_plant 'sys.database_files', @database = ";
    let files = |database: &str, kind: u8, set: &str| {
        format!("{FILES}'{database}', @where = 'type={kind}', @set = '{set}'")
    };
    let percent = files("$target", 1, "growth=10;is_percent_growth=1");
    let small = files("$target", 1, "growth=128");
    let log = files("$target", 1, "max_size=128");
    let data = files("$target", 0, "max_size=128");
    let full = "EXEC sp_sandbox_answer 'FILEPROPERTY', 'SpaceUsed', '1024' | \
                EXEC sp_sandbox_plant 'sys.dm_db_log_space_usage', @set = 'used_log_space_in_bytes=0' | \
                EXEC sp_sandbox_plant 'sys.dm_os_volume_stats', @set = 'available_bytes=1000'";
    let tempdb = format!(
        "{} | EXEC sp_sandbox_plant 'sys.dm_db_file_space_usage', @set = 'unallocated_extent_page_count=9', @database = 'tempdb'",
        files("tempdb", 0, "max_size=1024")
    );
    each(
        &pair(),
        CONFIG,
        &[],
        &[
            planted(&percent, &["target warning log_growth"]),
            planted(&small, &["target warning log_growth"]),
            planted(&log, &["target error log_space dbo.parent"]),
            planted(&data, &["target error data_space dbo.parent"]),
            planted(full, &["target error disk_space dbo.parent"]),
            planted(
                "EXEC sp_sandbox_plant 'sys.dm_os_volume_stats', @set = 'available_bytes=1000000000'",
                &["target warning disk_space"],
            ),
            planted(&tempdb, &["source warning tempdb_space", "target warning tempdb_space"]),
            planted(
                "EXEC sp_sandbox_answer 'SERVERPROPERTY', 'EngineEdition', '5' | \
                 EXEC sp_sandbox_answer 'DATABASEPROPERTYEX', 'MaxSizeInBytes', '1048600'",
                &["target error data_space dbo.parent"],
            ),
        ],
    );
}

#[test]
fn what_others_do() {
    let pair = pair();
    pair.target("CREATE TABLE dbo.other (id int NOT NULL)");
    let mut other = pair.target.client();
    other.batch("BEGIN TRANSACTION");
    other.batch("INSERT INTO dbo.other VALUES (1)");
    const REQUEST: &str =
        "EXEC sp_sandbox_plant 'sys.dm_exec_requests', @add = 'database_id=$id;session_id=977";
    let waits = format!("{REQUEST};blocking_session_id=978;wait_type=LCK_M_X;wait_time=5000'");
    let backup = format!("{REQUEST};command=BACKUP DATABASE;percent_complete=40'");
    each(
        &pair,
        CONFIG,
        &[],
        &[
            planted(
                "EXEC sp_sandbox_plant 'sys.dm_tran_active_transactions', @set = 'transaction_begin_time=2020-01-01'",
                &["target warning long_transaction"],
            ),
            planted(&waits, &["target warning blocked"]),
            planted(&backup, &["target warning backup"]),
            planted(
                "EXEC sp_sandbox_plant 'sys.configurations', @set = 'value_in_use=3', @where = 'name=user connections'",
                &["source warning connections", "target warning connections"],
            ),
            planted(
                "EXEC sp_sandbox_plant 'sys.dm_resource_governor_workload_groups', @set = 'request_max_cpu_time_sec=60', @where = 'group_id=2'",
                &["source warning workload_group", "target warning workload_group"],
            ),
            planted(
                "EXEC sp_sandbox_answer 'DATABASEPROPERTYEX', 'Updateability', 'READ_ONLY'",
                &["source warning secondary", "target error secondary"],
            ),
            planted(
                "EXEC sp_sandbox_plant 'sys.dm_hadr_database_replica_states', @add = 'database_id=$id;is_suspended=1'",
                &["target warning replica_health"],
            ),
            planted(
                "EXEC sp_sandbox_plant 'sys.dm_resource_governor_workload_groups', @set = 'group_max_requests=1', @where = 'group_id=2'",
                &["source warning workload_group", "target warning workload_group"],
            ),
            planted(
                "EXEC sp_sandbox_plant 'sys.dm_hadr_database_replica_states', @add = 'database_id=$id;redo_queue_size=2000000'",
                &["target warning replica_health"],
            ),
            planted(
                "EXEC sp_sandbox_plant 'sys.dm_hadr_database_replica_states', @add = 'database_id=$id;secondary_lag_seconds=600'",
                &["target warning replica_health"],
            ),
        ],
    );
}

#[test]
fn runs_that_are_at_work() {
    let pair = pair();
    let tool = tool_with(&pair, CONFIG);
    let mut other = pair.target.client();
    let id = other.number("SELECT OBJECT_ID('dbo.parent')");
    for (resource, found) in [
        ("replica run".to_owned(), "target warning lock_held"),
        (format!("replica table {id}"), "target warning lock_held"),
    ] {
        other.run(&format!(
            "EXEC sp_getapplock @Resource = '{resource}', @LockMode = 'Exclusive', @LockOwner = 'Session'"
        ));
        let session = other.number("CAST(@@SPID AS int)");
        let run = tool.run(&[]).exits(0).says(&format!("login sa, session {session}, since 20"));
        assert_eq!(problems(&run), [found], "{run}");
        other.run(&format!("EXEC sp_releaseapplock @Resource = '{resource}', @LockOwner = 'Session'"));
    }
}

#[test]
fn jobs_near_the_run() {
    let pair = pair();
    if !pair.server.is_sandbox() {
        return;
    }
    for sql in [
        "CREATE TABLE dbo.sysjobs (job_id int NOT NULL, name nvarchar(128) NOT NULL, enabled tinyint NOT NULL)",
        "CREATE TABLE dbo.sysjobsteps (job_id int NOT NULL, command nvarchar(max) NULL)",
        "CREATE TABLE dbo.sysjobschedules (job_id int NOT NULL, next_run_date int NOT NULL, next_run_time int NOT NULL)",
    ] {
        pair.server.client("msdb").batch(sql);
    }
    let row = "INSERT INTO msdb.dbo.sysjobs VALUES (1, N'nightly', 1) | \
               INSERT INTO msdb.dbo.sysjobsteps VALUES (1, N'ALTER INDEX ALL ON dbo.parent REBUILD') | \
               INSERT INTO msdb.dbo.sysjobschedules VALUES (1, 20240102, 30000)";
    let undo = "DELETE FROM msdb.dbo.sysjobs";
    let found = ["source warning jobs", "target warning jobs"];
    each(&pair, CONFIG, &["--at", "02:15"], &[made(ObstacleSide::Server, row, undo, &found)]);
    run(&pair, ObstacleSide::Server, row);
    let exit = tool_with(&pair, CONFIG).run(&["--at=12:00"]).exits(0);
    assert_eq!(problems(&exit), [""; 0], "{exit}");
    tool_with(&pair, CONFIG).run(&[]).exits(0).says("the job nightly does maintenance, next at 03:00");
}

#[test]
fn what_earlier_runs_have_left() {
    let pair = pair();
    pair.target("CREATE SCHEMA replica");
    pair.target(DDL);
    pair.target("CREATE INDEX ix ON dbo.sales (label)");
    const RUN: &str = "INSERT INTO replica.runs (batch_id, tool, schema_name, table_name, object_id, source, host, pid, shared, \
         phase, started, lease_until, windows_done, windows_failed, windows_skipped, row_count, byte_count, retries, \
         disable_ms, rebuild_ms) VALUES (1, 'replicate-monthly-parallel-streaming', 'dbo', 'sales', 1, 's', 'etl-7', 42, 0, \
         'copying', '2020-01-01', '2020-01-01', 0, 0, 0, 0, 0, 0, 0, 0)";
    const WINDOW: &str = "INSERT INTO replica.windows (schema_name, table_name, first_date, next_date, state, object_id, \
         date_column, fingerprint, source, batch_id, attempts, estimated_rows, completed, error) \
         VALUES ('dbo', 'sales', '2024-01-01', '2024-01-02', ";
    let failed = format!("{WINDOW}'failed', 1, 'day', '', '', 1, 1, 1, NULL, 'it broke')");
    let old = format!("{WINDOW}'complete', 1, 'day', '', '', 1, 1, 1, '2020-01-01', NULL)");
    let whole = RUN.replace("'sales'", "'parent'");
    let whole =
        format!("{whole} | UPDATE replica.runs SET phase = 'ended', ended = '2020-01-01', outcome = 'ok'");
    let again =
        format!("{old} | {whole} | UPDATE replica.runs SET ended = SYSUTCDATETIME(), table_name = 'sales'");
    let gone = "DELETE FROM replica.windows";
    // 1,002 rows by now.
    let rows = (3..=1002).map(|id| format!("({id}, 'c')")).collect::<Vec<_>>().join(", ");
    pair.both(&format!("INSERT INTO dbo.parent VALUES {rows}"));
    let few = format!("{whole} | UPDATE replica.runs SET ended = SYSUTCDATETIME(), row_count = 2");
    let enough = format!("{few} | UPDATE replica.runs SET row_count = 502");
    each(
        &pair,
        CONFIG,
        &[],
        &[
            made(
                ObstacleSide::Target,
                RUN,
                "DELETE FROM replica.runs",
                &["target warning dead_run dbo.sales"],
            ),
            made(ObstacleSide::Target, &failed, gone, &["target warning failed_windows dbo.sales"]),
            made(ObstacleSide::Target, &old, gone, &["target warning no_success dbo.sales"]),
            made(
                ObstacleSide::Target,
                &whole,
                "DELETE FROM replica.runs",
                &["target warning no_success dbo.parent"],
            ),
            // Whatever has loaded it last.
            made(ObstacleSide::Target, &again, "DELETE FROM replica.windows | DELETE FROM replica.runs", &[]),
            made(
                ObstacleSide::Target,
                &few,
                "DELETE FROM replica.runs",
                &["source warning row_count dbo.parent"],
            ),
            made(ObstacleSide::Target, &enough, "DELETE FROM replica.runs", &[]),
            made(
                ObstacleSide::Target,
                "ALTER INDEX ix ON dbo.sales DISABLE | INSERT INTO replica.disabled_indexes VALUES ('dbo', 'sales', 'ix', 1, 1, '2020-01-01', NULL)",
                "ALTER INDEX ix ON dbo.sales REBUILD | DELETE FROM replica.disabled_indexes",
                &["target warning recorded_index dbo.sales"],
            ),
            made(
                ObstacleSide::Target,
                "UPDATE replica.ledger SET version = 99",
                "UPDATE replica.ledger SET version = 1",
                &["target error ledger"],
            ),
        ],
    );
}

#[test]
fn the_machine() {
    let pair = pair();
    let tool =
        tool_with(&pair, &format!("{CONFIG}[etl]\nrecord_dir = 'file/runs'\nprometheus_file = 'no/x.prom'"));
    std::fs::write(tool.folder().join("file"), "").unwrap();
    let run = tool.run(&["--parquet-dir", "nowhere"]).exits(1);
    let expected = ["machine error record_dir", "machine error parquet_dir", "machine error prometheus_file"];
    assert_eq!(problems(&run), expected, "{run}");
}

#[test]
fn secrets_that_others_may_read() {
    use std::os::unix::fs::PermissionsExt;
    let pair = pair();
    let password = pair.target.connection.split("Password=").nth(1).unwrap().split(';').next().unwrap();
    let rest = pair.target.connection.replace(&format!("Password={password}"), "");
    let config = format!("{CONFIG}[target]\nconnection_string = '{rest}'\npassword_file = 'password'");
    let tool = tool_with(&pair, &config).with("REPLICA_TARGET", "").file("password", password);
    let mode = |mode| std::fs::Permissions::from_mode(mode);
    for (bits, found) in [(0o644, &["target warning secret_file"][..]), (0o400, &[])] {
        std::fs::set_permissions(tool.folder().join("password"), mode(bits)).unwrap();
        let run = tool.run(&[]).exits(0);
        assert_eq!(problems(&run), found, "{run}");
    }
}
