//! Servers that do not let us in, configurations that say too little, tables that are not there.
use std::time::SystemTime;

use replica_testkit::{Identity, Pair, Program, Server, Tenant};
use time::{Duration, OffsetDateTime};

use crate::util::{CONFIG, found, on, pair, problems, tool, tool_with};

/// Nobody listens there.
const NOWHERE: &str = "Server=127.0.0.1,1;Database=d;User Id=u;Password=p;Connect Timeout=5";

#[test]
fn a_server_that_is_not_there_ends_it_with_3_after_the_other_was_asked() {
    let pair = pair();
    let run = tool(&pair).with("REPLICA_TARGET", NOWHERE).run(&[]).exits(3);
    assert_eq!(problems(&run), ["target error address", "target error connection"], "{run}");
    assert!(run.lines().iter().any(|line| line[..2] == ["size", "source"]), "{run}");
    let run = tool(&pair).with("REPLICA_SOURCE", NOWHERE).run(&[]).exits(3);
    assert_eq!(problems(&run), ["source error address", "source error connection"], "{run}");
    assert!(run.lines().iter().any(|line| line[..2] == ["version", "target"]), "{run}");
}

#[test]
fn a_name_without_an_address() {
    let pair = pair();
    let nowhere = NOWHERE.replace("127.0.0.1", "no-such-host.invalid");
    let run = tool(&pair).with("REPLICA_SOURCE", &nowhere).run(&[]).exits(3).says("no-such-host.invalid");
    assert!(problems(&run).contains(&"source error name_resolution".to_owned()), "{run}");
}

#[test]
fn a_wrong_password_is_the_logins_and_stays_secret() {
    let pair = pair();
    let wrong = format!("{};Password=Wrong-4711", pair.target.connection);
    let run = tool(&pair).with("REPLICA_TARGET", &wrong).run(&["--t0"]).exits(3).says("18456");
    assert_eq!(problems(&run), ["target error login"], "{run}");
    assert!(!format!("{run}").contains("Wrong-4711"), "{run}");
}

#[test]
fn without_a_configuration_the_rest_is_looked_at() {
    let pair = pair();
    let tool = tool(&pair);
    let run = tool.run(&["--config", "nowhere.toml"]).exits(2).says("nowhere.toml");
    assert_eq!(problems(&run), ["machine error configuration"], "{run}");
    let run = tool.with("REPLICA_TARGET", "").run(&[]).exits(2).says("REPLICA_TARGET");
    assert_eq!(problems(&run), ["target error configuration"], "{run}");
    assert!(run.lines().iter().any(|line| line[..2] == ["version", "source"]), "{run}");
    let bare = Program::new(env!("CARGO_BIN_EXE_check-replica")).with("TERM", "");
    let run = bare.run(&[]).exits(2);
    assert!(problems(&run).contains(&"source error configuration".to_owned()), "{run}");
}

#[test]
fn a_table_on_neither_side_or_on_one() {
    let pair = pair();
    let run = tool(&pair).run(&["dbo.nowhere"]).exits(1);
    assert_eq!(problems(&run), ["source error table dbo.nowhere"], "{run}");
    pair.source("CREATE TABLE dbo.mine (id int NOT NULL)");
    let run = tool(&pair).run(&["dbo.mine", "--quiet"]).exits(1);
    assert_eq!(problems(&run), ["target error table dbo.mine"], "{run}");
    // What, and the way out, each in its place; the table is not said twice.
    let line = &run.lines()[0];
    assert_eq!(line[4], "the target has no such table, or its login may not see it", "{run}");
    assert!(line[5].ends_with("sync-replica-schema dbo.mine --create"), "{run}");
    let run = tool_with(&pair, &format!("{CONFIG}[tables.'dbo.slip']\nchunk_size = 5")).run(&[]).exits(1);
    assert_eq!(problems(&run), ["source error table_names"], "{run}");
}

/// What no server is asked for is the machine's.
#[test]
fn a_configuration_that_no_run_can_begin_with() {
    let pair = pair();
    let run = tool_with(&pair, &format!("{CONFIG}[etl]\ntime_zone = 'Mars/Olympus'")).run(&[]).exits(2);
    assert_eq!(problems(&run), ["machine error configuration"], "{run}");
    let run = tool(&pair).stdin("").run(&["-"]).exits(1);
    assert_eq!(problems(&run), ["machine error table_names"], "{run}");
}

#[test]
fn a_database_that_is_not_there_is_a_slip_before_anything_else() {
    let pair = pair();
    let nowhere = format!("{};Database=nowhere", pair.target.connection);
    let run = tool(&pair).with("REPLICA_TARGET", &nowhere).run(&[]).exits(3);
    assert_eq!(problems(&run), ["target error login"], "{run}");
    run.says("Correct the database's name");
}

#[test]
fn a_shell_is_told_from_cron() {
    let pair = pair();
    let run = tool(&pair).with("TERM", "xterm").run(&[]).exits(0).says("REPLICA_SOURCE is set here");
    assert!(problems(&run).iter().all(|line| line == "machine warning cron_environment"), "{run}");
    tool(&pair).with("TERM", "xterm").run(&["--strict"]).exits(1);
}

#[test]
fn a_certificate_that_ends_soon() {
    for (days, expected) in
        [(45, [""; 0].as_slice()), (9, &["source warning certificate", "target warning certificate"])]
    {
        let end = OffsetDateTime::now_utc() + Duration::days(days) + Duration::hours(1);
        let identity = Identity::generate_until(Some(end)).unwrap();
        let run = tool(&on(Pair::on(Server::sandbox_as(identity)))).run(&[]).exits(0);
        assert_eq!(problems(&run), expected, "{run}");
        run.says(&format!("the server's certificate ends on {}", end.date()));
    }
}

#[test]
fn an_older_server_is_asked_less() {
    let pair = pair();
    if !pair.server.is_sandbox() {
        return;
    }
    pair.server
        .client("master")
        .batch("EXEC sp_sandbox_answer 'SERVERPROPERTY', 'ProductVersion', '11.0.7001.0'");
    let run = tool(&pair).run(&["--strict"]).exits(0).says("SQL Server 11.0.7001.0");
    assert!(!run.stdout.contains("replica_health"), "{run}");
}

#[test]
fn a_token_in_a_file_says_for_how_long_it_serves() {
    let server = replica_testkit::Server::sandbox();
    let pair = on(Pair::on(server));
    let tenant = Tenant::default();
    pair.server.accept_tokens(&tenant.trust("{}"));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    // The first outlives this test, and no run of a night.
    let tokens = [(200, "warning"), (100_000, "info")];
    let (place, authority) = pair.server.place();
    let side = |name: &str, database: &str| {
        format!(
            "[{name}]\nserver = '{place}'\ndatabase = '{database}'\nserver_certificate = '{}'\n\
             access_token_file = 'token'\n",
            authority.display()
        )
    };
    let config = CONFIG.to_owned() + &side("source", &pair.source.name) + &side("target", &pair.target.name);
    for (left, severity) in tokens {
        let token = tenant.token(&format!("{{\"exp\": {}}}", now + left));
        let (_, signature) = token.rsplit_once('.').unwrap();
        let tool = tool_with(&pair, &config).with("REPLICA_SOURCE", "").with("REPLICA_TARGET", "");
        let file = tool.folder().join("token");
        std::fs::write(&file, &token).unwrap();
        std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o400)).unwrap();
        let run = tool.run(&[]).exits(0);
        assert!(!run.to_string().contains(signature), "{run}");
        let told: Vec<_> = run.lines().into_iter().filter(|line| line[0] == "credential").collect();
        assert_eq!(told.iter().map(|line| line[3]).collect::<Vec<_>>(), [severity; 2], "{run}");
        assert!(
            told[0][4].starts_with("the token of Entra serves for ") && told[0][5].contains("token"),
            "{run}"
        );
    }
}

/// What a run would do is looked at, and nothing else: at T-1 no changes are carried over.
#[test]
fn a_runs_tables_are_its_own() {
    let pair = pair();
    pair.source("CREATE TABLE dbo.kept (id int NOT NULL PRIMARY KEY)");
    let config = format!("{CONFIG}change_tables = ['dbo.kept']\n");
    // Neither has the source its changes nor the target the table.
    let kept = ["source error no_versions dbo.kept", "target error table dbo.kept"];
    let tool = tool_with(&pair, &config);
    assert_eq!(problems(&tool.run(&[]).exits(1)), kept);
    assert_eq!(problems(&tool.run(&["--t0"]).exits(1)), kept);
    let run = tool.run(&["--t1"]).exits(0);
    assert_eq!(problems(&run), [""; 0], "{run}");
    assert!(run.stdout.contains("dbo.parent") && !run.stdout.contains("dbo.kept"), "{run}");
    let alone = tool_with(&pair, "change_tables = ['dbo.kept']\n");
    assert_eq!(problems(&alone.run(&[]).exits(1)), kept);
    // The run's own refusal.
    let run = alone.run(&["--t1"]).exits(1);
    assert_eq!(problems(&run), ["source error table_names"], "{run}");
    assert!(run.stdout.contains("Say --t0"), "{run}");
}

/// What a read alone would tell otherwise.
#[test]
fn a_condition_that_the_source_does_not_take() {
    let pair = pair();
    let with = |text: &str| {
        let config = format!("{CONFIG}[tables.'dbo.parent']\nwhere = \"{text}\"\n");
        tool_with(&pair, &config).run(&["--t1"])
    };
    assert_eq!(problems(&with("label <> 'b'").exits(0)), [""; 0]);
    let run = with("colour = 'b'").exits(1);
    assert_eq!(problems(&run), ["source error columns dbo.parent"], "{run}");
    let line = run.lines().into_iter().find(|line| line[3] == "error").unwrap();
    assert!(line[4].contains("the table's where") && line[4].contains("colour"), "{run}");
    assert_eq!(line[5], "Correct where in [tables] of replica.toml", "{run}");
}

#[test]
fn a_table_without_versions_cannot_have_its_changes_carried_over() {
    let pair = pair();
    let tool = tool_with(&pair, "reference_tables = ['dbo.sales']\nchange_tables = ['dbo.parent']\n");
    let run = tool.run(&["--t0"]).exits(1);
    assert_eq!(found(&run, &["error"]), ["source error no_versions dbo.parent"], "{run}");
    assert!(run.stdout.contains("ENABLE CHANGE_TRACKING"), "{run}");
    let run = tool.run(&["--t1"]).exits(0);
    assert!(!run.stdout.contains("no_versions"), "--t1 carries nothing over: {run}");
    pair.source("ALTER TABLE dbo.parent ADD stamp rowversion");
    let run = tool.run(&["--t0"]);
    assert!(!run.stdout.contains("no_versions"), "{run}");
}

#[test]
fn the_way_in_is_timed_step_by_step() {
    let pair = pair();
    let run = tool(&pair).run(&[]).exits(0);
    for side in ["source", "target"] {
        let line = run.lines().into_iter().find(|line| line[0] == "connection" && line[1] == side);
        let line = line.unwrap_or_else(|| panic!("{side}: {run}"));
        let told = ["connected: TCP ", ", PRELOGIN ", ", TLS ", ", login "];
        assert!(line[3] == "info" && told.iter().all(|step| line[4].contains(step)), "{run}");
    }
}
