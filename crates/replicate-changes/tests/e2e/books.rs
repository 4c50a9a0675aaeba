//! What rounds leave behind: the record of runs, figures, the ledger's runs, and who is told.
use std::path::Path;

use replica_testkit::{Pair, Program, Web, WebReply};
use serde_json::Value;
use tempfile::TempDir;

use crate::util::{beside, kept, outcomes, shown, table, tool};

fn booked(pair: &Pair, folder: &Path, more: &str) -> Program {
    let folder = folder.display();
    let file = format!(
        "change_tables = ['dbo.t']\n[etl]\nrecord_dir = '{folder}/runs'\nprometheus_file = '{folder}/replica.prom'\n{more}"
    );
    tool(pair).file("replica.toml", &file)
}

fn record(folder: &Path) -> Vec<Value> {
    let files = std::fs::read_dir(folder.join("runs")).unwrap();
    let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    let text: String = texts.collect();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn figure(folder: &Path, series: &str) -> Option<f64> {
    let text = std::fs::read_to_string(folder.join("replica.prom")).unwrap();
    text.lines().find_map(|line| line.strip_prefix(&format!("{series} "))).map(|value| value.parse().unwrap())
}

const AS_OF: &str = "replica_table_as_of_timestamp_seconds{run=\"changes\",table=\"dbo.t\"}";

#[test]
fn a_round_is_on_record_and_in_the_figures() {
    let (pair, folder) = (kept(), TempDir::new().unwrap());
    let folder = folder.path();
    std::fs::write(
        folder.join("replica.prom"),
        "replica_table_success{run=\"t0\",table=\"dbo.u\"} 1\nreplica_table_success{run=\"changes\",table=\"dbo.u\"} 1\n",
    )
    .unwrap();
    pair.source("UPDATE dbo.t SET label = 'x' WHERE id = 1");
    booked(&pair, folder, "").run(&["--all"]).exits(0);
    pair.source("DELETE FROM dbo.t WHERE id = 2; INSERT INTO dbo.t VALUES (4, 'four')");
    booked(&pair, folder, "").run(&["--all"]).exits(0);
    let lines = record(folder);
    assert_eq!(lines.len(), 4, "{lines:?}");
    let (table, run) = (&lines[2], &lines[3]);
    assert_eq!(
        (&table["table"], &table["kind"], &table["rows"]),
        (&"dbo.t".into(), &"changes".into(), &2.into())
    );
    let changes = &table["changes"];
    assert_eq!(
        (&changes["came"], &changes["inserted"], &changes["deleted"], &changes["method"]),
        (&"changes".into(), &1.into(), &1.into(), &"change-tracking".into())
    );
    let as_of = pair.target.client().values("SELECT CONVERT(varchar(23), as_of, 126) FROM replica.versions");
    assert!(as_of[0][0].contains(changes["as_of"].as_str().unwrap()), "{as_of:?} {changes}");
    assert_eq!((&run["table"], &run["outcome"], &run["rows"]), (&Value::Null, &"ok".into(), &2.into()));
    assert!(figure(folder, AS_OF).unwrap() > 1_700_000_000.0);
    assert_eq!(figure(folder, "replica_run_success{run=\"changes\"}"), Some(1.0));
    assert_eq!(figure(folder, "replica_table_rows{run=\"changes\",table=\"dbo.t\"}"), Some(2.0));
    // Not listed any more, and another tool's.
    assert_eq!(figure(folder, "replica_table_success{run=\"changes\",table=\"dbo.u\"}"), None);
    assert_eq!(figure(folder, "replica_table_success{run=\"t0\",table=\"dbo.u\"}"), Some(1.0));

    pair.target("DROP TABLE dbo.t");
    let before = figure(folder, AS_OF);
    booked(&pair, folder, "").run(&["--all"]).exits(1);
    let last = record(folder);
    assert!(
        last[4]["error"].as_str().unwrap().contains("dbo.t") && last[5]["outcome"] == "failed",
        "{last:?}"
    );
    assert_eq!(figure(folder, AS_OF), before, "what an alert asks for");
    assert_eq!(figure(folder, "replica_table_success{run=\"changes\",table=\"dbo.t\"}"), Some(0.0));
}

#[test]
fn what_goes_on_keeps_its_figures_fresh_and_its_record_short() {
    let (pair, folder) = (kept(), TempDir::new().unwrap());
    let folder = folder.path();
    let tool_with_books = booked(&pair, folder, "");
    let mut running = tool_with_books.start(&["--all", "--every", "1s"]);
    running.until_it_says("in step");
    // The figures of a round are there before the next one reads the source.
    pair.source("UPDATE dbo.t SET label = 'w' WHERE id = 1");
    running.until_it_says("1 had changes");
    let first = figure(folder, AS_OF).unwrap();
    pair.source("UPDATE dbo.t SET label = 'x' WHERE id = 1");
    running.until_it_says("1 had changes");
    pair.source("UPDATE dbo.t SET label = 'y' WHERE id = 1");
    running.until_it_says("1 had changes");
    assert!(figure(folder, AS_OF).unwrap() > first);
    // At work for as long as the process lives; another one, over other tables, is not taken for its death.
    table(&pair, "dbo.u", "id int NOT NULL PRIMARY KEY");
    tool(&pair).run(&["dbo.u"]).exits(0);
    const OF_KEEPERS: &str =
        "SELECT ISNULL(outcome, 'alive') FROM replica.runs WHERE table_name = '' ORDER BY run_id";
    assert_eq!(shown(&pair, OF_KEEPERS), ["ok", "alive", "ok"]);
    let status = beside(&pair, "show-replica-status").run(&["--output", "json"]).exits(0);
    let lines: Vec<Value> = status.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = |what: &str| {
        lines.iter().find(|line| line["what"] == what).unwrap_or_else(|| panic!("{what}\n{status}"))
    };
    assert_eq!((&line("run")["tool"], &line("run")["state"]), (&"replicate-changes".into(), &"alive".into()));
    assert_eq!(
        (&line("changes")["state"], &line("version")["state"]),
        (&"ok".into(), &"change-tracking".into())
    );
    assert_eq!(line("version")["table"], "dbo.t");
    let text = beside(&pair, "show-replica-status").run(&["--output", "text"]).exits(0);
    assert!(text.stdout.contains("Changes\n  dbo.t: as of 20"), "{text}");
    running.signal("TERM");
    let run = running.finish().exits(143);
    assert_eq!(shown(&pair, OF_KEEPERS), ["ok", "terminated", "ok"]);
    let quiet = outcomes(&run).iter().filter(|line| line.contains("quiet")).count();
    let of_table = record(folder).into_iter().filter(|line| line["table"] == "dbo.t").count();
    assert_eq!(of_table, 3 + quiet, "rounds without changes leave no line but the first\n{run}");
}

#[test]
fn a_round_without_changes_leaves_no_run_in_the_ledger() {
    let pair = kept();
    let runs = || pair.target.client().number("SELECT COUNT(*) FROM replica.runs");
    let before = runs();
    tool(&pair).run(&["dbo.t"]).exits(0);
    tool(&pair).run(&["dbo.t"]).exits(0);
    assert_eq!(runs(), before);
    pair.source("UPDATE dbo.t SET label = 'x' WHERE id = 1");
    tool(&pair).run(&["dbo.t"]).exits(0);
    let last = shown(&pair, "SELECT TOP (1) outcome, row_count, tool FROM replica.runs ORDER BY run_id DESC");
    assert_eq!(last, ["ok 1 replicate-changes"]);
}

#[test]
fn what_fails_in_every_round_is_told_once() {
    let (pair, folder) = (kept(), TempDir::new().unwrap());
    let web = Web::plain(|_| WebReply::Json(200, "{}".into()));
    let notify = format!("[notify]\nurl = 'http://{}/'\n", web.place());
    let told = |run: &Web| run.requests().len();
    pair.target("EXEC sp_rename 'dbo.t', 'away'");
    let tool_with_books = booked(&pair, folder.path(), &notify);
    let mut running = tool_with_books.start(&["--all", "--every", "1s"]);
    for _ in 0..3 {
        running.until_it_says("1 failed");
    }
    assert_eq!(told(&web), 1, "{:?}", web.requests());
    let body = web.requests()[0].split_once("\r\n\r\n").unwrap().1.to_owned();
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&body["tool"], &body["outcome"]), (&"replicate-changes".into(), &"failed".into()));
    assert_eq!(body["failures"][0]["table"], "dbo.t", "{body}");
    pair.target("EXEC sp_rename 'dbo.away', 't'");
    running.until_it_says("0 failed");
    running.signal("TERM");
    running.finish().exits(143);
}
