//! Two loads of one table at a time. The rows are asked for before the table is held: what the other one has committed by then
//! is never replaced by what was read before it.
use std::time::Duration;

use replica_core::ledger::VERSIONS_DDL;
use replica_testkit::Pair;
use replica_testkit::proxy::{From, Harm, Rule, through, utf16};

use crate::util::{skip, tool};

const LIMIT: Duration = Duration::from_secs(30);

/// The label that a run loads where `other` happens once it has read the source, and before its request for the lock comes.
fn loaded_beside(other: impl FnOnce(&Pair)) -> Option<String> {
    let pair = Pair::new();
    if !pair.server.is_sandbox() {
        skip("how a server's rows are packed is not known");
        return None;
    }
    pair.both("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label nvarchar(20) NULL)");
    pair.source("INSERT INTO dbo.t VALUES (1, N'the older row')");
    // Makes the ledger: without it, a run knows nothing of others, and reads again anyway.
    tool(&pair).run(&["dbo.t"]).exits(0);
    pair.target("UPDATE replica.runs SET ended = DATEADD(second, -1, ended)");
    pair.target(VERSIONS_DDL);
    let row = utf16("the older row");
    let seen = Rule { from: From::Server, pattern: row.clone(), harm: Harm::Replace(row), times: 1 };
    let lock = Rule { from: From::Client, pattern: utf16("sp_getapplock"), harm: Harm::Hold(8), times: 1 };
    let (source, through_source) = through(&pair.source.connection, seen).unwrap();
    let (target, through_target) = through(&pair.target.connection, lock).unwrap();
    let program = tool(&pair).with("REPLICA_SOURCE", &through_source).with("REPLICA_TARGET", &through_target);
    let running = program.start(&["dbo.t"]);
    assert!(source.has_struck(LIMIT) && target.has_struck(LIMIT), "both requests go out at once");
    pair.source("UPDATE dbo.t SET label = N'the newer row'");
    other(&pair);
    target.lets_go();
    running.finish().exits(0);
    let rows = pair.target.client().rows("SELECT label FROM dbo.t");
    rows[0].get::<&str, _>(0).map(str::to_owned)
}

#[test]
fn rows_that_another_run_has_loaded_meanwhile_are_not_replaced_by_older_ones() {
    let loaded = loaded_beside(|pair| {
        tool(pair).run(&["dbo.t"]).exits(0);
    });
    assert!(loaded.as_ref().is_none_or(|label| label == "the newer row"), "{loaded:?}");
}

#[test]
fn changes_that_were_applied_meanwhile_are_not_lost() {
    let loaded = loaded_beside(|pair| {
        pair.target("UPDATE dbo.t SET label = N'the newer row'");
        pair.target(
            "INSERT INTO replica.versions (schema_name, table_name, object_id, fingerprint, source, source_id, source_modified, \
             method, version, as_of, recorded, pid) VALUES (N'dbo', N't', OBJECT_ID(N'dbo.t'), '', N'', 1, '', 'change-tracking', \
             7, SYSUTCDATETIME(), SYSUTCDATETIME(), 1)",
        );
    });
    assert!(loaded.as_ref().is_none_or(|label| label == "the newer row"), "{loaded:?}");
}

#[test]
fn a_run_that_died_meanwhile_may_have_loaded_newer_rows() {
    let loaded = loaded_beside(|pair| {
        tool(pair).run(&["dbo.t"]).exits(0);
        pair.target("UPDATE replica.runs SET phase = 'copying', ended = NULL, outcome = NULL");
    });
    assert!(loaded.as_ref().is_none_or(|label| label == "the newer row"), "{loaded:?}");
}

/// A record that others' loads are not seen in would make every run read twice.
#[test]
fn what_nobody_else_has_loaded_is_not_read_again() {
    let loaded = loaded_beside(|_| {});
    assert!(loaded.as_ref().is_none_or(|label| label == "the older row"), "{loaded:?}");
}
