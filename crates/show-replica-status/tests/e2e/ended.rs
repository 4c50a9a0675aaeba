//! What ended and how, how fresh the tables are, and what was left behind.
use crate::util::{
    MONTHLY, QUARTER, beside, fault, leases_are_over, months, only, pair, shown, status, tool, until,
};

#[test]
fn windows_that_were_given_up_are_shown_with_their_reason() {
    let pair = pair();
    pair.target("ALTER TABLE dbo.t ADD CONSTRAINT CK_n CHECK (n < 25 OR day < '2024-02-01')");
    let run = beside(&pair, MONTHLY).run(&[&QUARTER, &["--check-constraints"][..]].concat());
    run.exits(1);
    let look = status(&pair, 1);
    let table = only(&look, "table");
    assert_eq!(table.windows(), ["1", "0", "0", "0", "2"], "{look}");
    assert_eq!((table.get("state"), table.get("last_success")), ("failed", ""), "{look}");
    assert!(table.get("error").starts_with("2024-02: ") && table.get("error").contains("CK_n"), "{look}");
    tool(&pair).run(&["--output", "text"]).exits(1).says("2 windows failed").says("dbo.t 2024-03 failed");

    pair.target("ALTER TABLE dbo.t DROP CONSTRAINT CK_n");
    months(&pair).exits(0);
    let look = status(&pair, 0);
    assert_eq!((only(&look, "table").get("state"), only(&look, "table").get("rows")), ("ok", "90"), "{look}");
}

#[test]
fn only_the_tables_that_are_named_are_shown() {
    let pair = pair();
    months(&pair).exits(0);
    pair.target("UPDATE replica.windows SET state = 'failed' WHERE first_date = '2024-01-01'");
    for (names, lines, code) in [
        (["T"], 1, 1),
        (["dbo.t"], 1, 1),
        (["dbo.*"], 1, 1),
        (["other.t"], 0, 0),
        (["x"], 0, 0),
        (["[t]"], 1, 1),
    ] {
        let look = tool(&pair).run(&names).exits(code);
        assert_eq!(shown(&look, "table").len(), lines, "{names:?}\n{look}");
    }
    let json = tool(&pair).run(&["--output", "json"]).exits(1);
    assert!(json.stdout.contains("\"what\":\"table\"") && json.stdout.contains("\"failed\":1"), "{json}");
}

#[test]
fn an_index_that_a_dead_run_has_disabled_is_left_behind() {
    let pair = pair();
    pair.target("CREATE INDEX ix_n ON dbo.t (n)");
    fault(&pair, "@fault = 'stall', @table = 'dbo.t', @count = 100");
    let running = beside(&pair, MONTHLY).start(&QUARTER);
    let mut client = pair.target.client();
    until(&mut client, 1, "SELECT COUNT(*) FROM sys.indexes WHERE name = 'ix_n' AND is_disabled = 1");
    let look = status(&pair, 0);
    let index = only(&look, "index");
    assert_eq!(
        ["table", "index", "state"].map(|column| index.get(column)),
        ["dbo.t", "ix_n", "in use"],
        "{look}"
    );
    assert_eq!(running.kill().code, None);
    fault(&pair, "@fault = 'none'");
    leases_are_over(&pair);
    assert_eq!(only(&status(&pair, 1), "index").get("state"), "left behind");
    let look = tool(&pair).run(&["--output", "text"]).exits(1);
    look.says("1 index was left disabled").says("dbo.t --repair-indexes");
}

#[test]
fn a_ledger_of_a_later_version_is_refused() {
    let pair = pair();
    months(&pair).exits(0);
    pair.target("UPDATE replica.ledger SET version = 99");
    let look = status(&pair, 1);
    assert!(look.stderr.contains("version 99") && look.stderr.contains("newer release"), "{look}");
}

#[test]
fn a_schema_of_somebody_elses_is_told_from_a_ledger() {
    let pair = pair();
    pair.target("CREATE SCHEMA replica");
    pair.target("CREATE TABLE replica.ledger (entry int NOT NULL)");
    status(&pair, 1).says("is not the ledger's");
}

#[test]
fn a_target_that_cannot_be_reached_is_exit_3() {
    let pair = pair();
    let nowhere = "Server=127.0.0.1,1;User Id=sa;Password=x;ConnectRetryCount=0";
    tool(&pair).with("REPLICA_TARGET", nowhere).run(&[]).exits(3);
}

/// The page says what the text says, and nothing from a server becomes markup in it.
#[test]
fn a_page_shows_the_same() {
    let pair = pair();
    pair.target("ALTER TABLE dbo.t ADD CONSTRAINT CK_n CHECK (n < 25 OR day < '2024-02-01')");
    beside(&pair, MONTHLY).run(&[&QUARTER, &["--check-constraints"][..]].concat()).exits(1);
    pair.target("UPDATE replica.windows SET error = N'<script>alert(1)</script>' WHERE state = 'failed' AND first_date = '2024-03-01'");
    let program = tool(&pair);
    program.run(&["--html", "status.html"]).exits(1);
    let page = std::fs::read_to_string(program.folder().join("status.html")).unwrap();
    for text in [
        "How is the replica?",
        "2 windows failed",
        "<td data-head=\"table\">dbo.t</td>",
        "<td data-head=\"last success (UTC)\">never</td>",
        "1 complete, 2 failed",
        "CK_n",
    ] {
        assert!(page.contains(text), "{text}\n{page}");
    }
    for harm in ["<script", "http:", "https:", "http-equiv=\"refresh\""] {
        assert!(!page.contains(harm), "{harm}\n{page}");
    }
    std::os::unix::fs::symlink("/etc/passwd", program.folder().join("link.html")).unwrap();
    program.run(&["--html", "link.html"]).exits(2).says("it is no regular file");
}
