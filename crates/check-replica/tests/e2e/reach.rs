//! Servers that do not let us in, configurations that say too little, tables that are not there.
use replica_testkit::{Identity, Pair, Program, Server};
use time::{Duration, OffsetDateTime};

use crate::util::{CONFIG, on, pair, problems, tool, tool_with};

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
    let expected = ["source error table dbo.nowhere", "target error table dbo.nowhere"];
    assert_eq!(problems(&run), expected, "{run}");
    pair.source("CREATE TABLE dbo.mine (id int NOT NULL)");
    let run = tool(&pair).run(&["dbo.mine"]).exits(1).says("sync-replica-schema dbo.mine --create");
    assert_eq!(problems(&run), ["target error table dbo.mine"], "{run}");
    let run = tool_with(&pair, &format!("{CONFIG}[tables.'dbo.slip']\nchunk_size = 5")).run(&[]).exits(1);
    assert_eq!(problems(&run), ["source error table_names"], "{run}");
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
