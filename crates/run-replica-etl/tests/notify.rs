//! `[notify]`: who is told how a run has ended, and that this changes nothing about it.
use replica_testkit::{Pair, Program, Web, WebReply};
use serde_json::Value;

const TOKEN: &str = "very-secret-token";

/// A table that can be refreshed, and one that is missing at the target.
fn pair() -> Pair {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.good (id int NOT NULL PRIMARY KEY)");
    pair.source("CREATE TABLE dbo.bad (id int NOT NULL PRIMARY KEY)");
    pair
}

fn tool(pair: &Pair, tables: &str, notify: &str) -> Program {
    Program::new(env!("CARGO_BIN_EXE_run-replica-etl"))
        .between(pair)
        .file("replica.toml", &format!("reference_tables = [{tables}]\n[notify]\n{notify}\n"))
        .with("HOOK_TOKEN", TOKEN)
        .with("RUST_LOG", "debug")
}

const BOTH: &str = "'dbo.good', 'dbo.bad'";

fn fine() -> Web {
    Web::plain(|_| WebReply::Json(200, "{}".into()))
}

/// The body of the only request.
#[track_caller]
fn posted(web: &Web) -> (String, Value) {
    let requests = web.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    (head.to_owned(), serde_json::from_str(body).unwrap())
}

#[test]
fn a_run_that_fails_is_posted_with_its_failures_and_the_token_is_shown_nowhere() {
    let (pair, web) = (pair(), fine());
    let notify = format!("url = 'http://{}/hook/me?x=1'\ntoken_env = 'HOOK_TOKEN'", web.place());
    let run = tool(&pair, BOTH, &notify).run(&["--t1"]).exits(1);
    let (head, body) = posted(&web);
    assert!(head.starts_with("POST /hook/me?x=1 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("Authorization: Bearer {TOKEN}")), "{head}");
    assert!(head.contains("Content-Type: application/json"), "{head}");
    assert_eq!(
        (&body["tool"], &body["outcome"], &body["exit_code"]),
        (&"run-replica-etl".into(), &"failed".into(), &1.into())
    );
    assert_eq!(body["failures"].as_array().unwrap().len(), 1, "{body}");
    assert_eq!(body["failures"][0]["table"], "dbo.bad", "{body}");
    assert!(body["failures"][0]["error"].as_str().unwrap().contains("dbo.bad"), "{body}");
    assert!(!format!("{run}").contains(TOKEN) && !format!("{run}").contains("hook/me"), "{run}");
}

#[test]
fn a_run_that_ends_well_is_told_of_only_where_all_are() {
    let (pair, web) = (pair(), fine());
    let url = format!("url = 'http://{}/'", web.place());
    tool(&pair, "'dbo.good'", &url).run(&["--t1"]).exits(0);
    assert!(web.requests().is_empty());
    tool(&pair, "'dbo.good'", &format!("{url}\nwhen = 'always'")).run(&["--t1"]).exits(0);
    let (head, body) = posted(&web);
    assert!(!head.contains("Authorization"), "{head}");
    assert_eq!(
        (&body["outcome"], &body["exit_code"], &body["error"]),
        (&"ok".into(), &0.into(), &Value::Null)
    );
}

#[test]
fn what_is_asked_for_and_not_done_is_told_to_nobody() {
    let (pair, web) = (pair(), fine());
    let url = format!("url = 'http://{}/'\nwhen = 'always'", web.place());
    tool(&pair, BOTH, &url).run(&["--t1", "--explain"]);
    let mut other = pair.target.client();
    other
        .run("EXEC sp_getapplock @Resource = 'replica run', @LockMode = 'Exclusive', @LockOwner = 'Session'");
    tool(&pair, BOTH, &format!("url = 'http://{}/'", web.place())).run(&["--t1"]).exits(4);
    assert!(web.requests().is_empty(), "that another run is at work is no failure");
}

#[test]
fn tls_is_spoken_and_the_certificate_checked() {
    let pair = pair();
    let web = Web::secure(|_| WebReply::Json(204, String::new()));
    let url = format!("url = 'https://{}/'", web.place());
    let run = tool(&pair, BOTH, &url).run(&["--t1"]).exits(1);
    assert!(web.requests().is_empty() && run.stderr.contains("[notify] url"), "{run}");
    let authority = web.authority();
    tool(&pair, BOTH, &url).with("SSL_CERT_FILE", authority.to_str().unwrap()).run(&["--t1"]).exits(1);
    assert_eq!(posted(&web).1["outcome"], "failed");
}

/// No shell reads an argument, and the program sees no password of ours.
#[test]
fn a_program_has_the_record_on_its_input() {
    let pair = pair();
    let program = tool(&pair, BOTH, "command = ['tee', 'a b; touch hacked']");
    program.run(&["--t1"]).exits(1);
    let written = std::fs::read_to_string(program.folder().join("a b; touch hacked")).unwrap();
    let record: Value = serde_json::from_str(&written).unwrap();
    assert_eq!((&record["outcome"], &record["failures"][0]["table"]), (&"failed".into(), &"dbo.bad".into()));
    assert!(!program.folder().join("hacked").exists());
    let program = tool(&pair, BOTH, "command = ['sh', '-c', 'env > environment']");
    program.run(&["--t1"]).exits(1);
    let environment = std::fs::read_to_string(program.folder().join("environment")).unwrap();
    assert!(!environment.contains("REPLICA_TARGET") && environment.contains("HOOK_TOKEN"), "{environment}");
}

#[test]
fn a_notification_that_fails_changes_nothing() {
    let pair = pair();
    let refusing = Web::plain(|_| WebReply::Json(500, "{}".into()));
    let silent = Web::plain(|_| WebReply::Silence);
    for (notify, said) in [
        (format!("url = 'http://{}/secret'", refusing.place()), "the answer is 500"),
        (format!("url = 'http://{}/secret'\ntimeout_seconds = 1", silent.place()), "no answer within 1 s"),
        ("url = 'http://127.0.0.1:1/secret'".to_owned(), "cannot connect"),
        ("url_env = 'NO_SUCH_VARIABLE'".to_owned(), "nothing will be posted"),
        ("command = ['/no/such/program']".to_owned(), "[notify] command /no/such/program"),
        ("command = ['false']".to_owned(), "exit status: 1"),
        ("command = ['sleep', '60']\ntimeout_seconds = 1".to_owned(), "no end within 1 s"),
    ] {
        for (tables, code) in [(BOTH, 1), ("'dbo.good'", 0)] {
            let run = tool(&pair, tables, &format!("{notify}\nwhen = 'always'")).run(&["--t1"]).exits(code);
            assert!(run.stderr.contains(said), "{notify}\n{run}");
            assert!(!run.stderr.contains("/secret"), "{run}");
        }
    }
}

/// What a program says is a line of the log, and no more than one; what it has started ends with it.
#[test]
fn a_program_that_floods_or_leaves_others_behind_spoils_no_log() {
    let pair = pair();
    let said = |command: &str| {
        let notify = format!("command = ['sh', '-c', '{command}']\ntimeout_seconds = 2");
        let program = tool(&pair, BOTH, &notify);
        let run = program.run(&["--t1", "--log-format", "json"]).exits(1);
        let lines = run.stderr.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let told: Vec<String> = lines
            .filter_map(|line| line["message"].as_str().map(str::to_owned))
            .filter(|message| message.contains("[notify]"))
            .collect();
        (told, program)
    };
    let (told, _) = said("echo no such >&2; echo room >&2; exit 3");
    assert_eq!(told, ["[notify] command sh: exit status: 3: no such room"]);
    let (told, _) = said("yes never >&2");
    assert_eq!(told, ["[notify] command sh: no end within 2 s"]);
    let (told, program) = said("(sleep 4; touch late) & wait");
    assert_eq!(told, ["[notify] command sh: no end within 2 s"]);
    // One that it leaves behind on purpose goes on, and keeps nobody.
    let (told, kept) = said("(sleep 4; touch late) & exit 0");
    assert_eq!(told, [""; 0]);
    let late = kept.folder().join("late");
    let begun = std::time::Instant::now();
    while !late.exists() {
        assert!(begun.elapsed() < std::time::Duration::from_secs(60), "it was ended, too");
        std::thread::yield_now();
    }
    assert!(!program.folder().join("late").exists(), "it was started earlier, and went on");
}

#[test]
fn every_tool_that_copies_tells() {
    let (pair, web) = (pair(), fine());
    let notify = format!("[notify]\nurl = 'http://{}/'\n", web.place());
    let program =
        Program::beside(env!("CARGO_BIN_EXE_run-replica-etl"), "replicate-reference-tables").between(&pair);
    program.file("replica.toml", &notify).run(&["dbo.good", "dbo.bad"]).exits(1);
    let body = posted(&web).1;
    assert_eq!(
        (&body["tool"], &body["failures"][0]["table"]),
        (&"replicate-reference-tables".into(), &"dbo.bad".into())
    );
}
