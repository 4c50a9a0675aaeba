//! Rows and values that a login does not see: a copy of them is none.
use replica_testkit::{Database, Pair};

use crate::util::{User, copy, ids, skip, tool};

/// dbo.t (id, label) on both sides, each with rows of its own.
fn pair() -> Pair {
    let pair = Pair::new();
    pair.both("CREATE TABLE dbo.t (id int NOT NULL, label varchar(9) NULL)");
    pair.source("INSERT INTO dbo.t VALUES (1, 'a'), (2, 'b'), (3, 'c')");
    pair.target("INSERT INTO dbo.t VALUES (1, 'a'), (2, 'old')");
    pair
}

/// Hides the rows of dbo.t but the first. `false` where there is no row-level security.
fn hide(database: &Database) -> bool {
    let mut client = database.client();
    let function = "CREATE FUNCTION dbo.visible(@id int) RETURNS TABLE WITH SCHEMABINDING AS \
                    RETURN SELECT 1 AS fits WHERE @id = 1";
    if let Err(error) = client.try_batch(function) {
        skip(&format!("no row-level security here: {error}"));
        return false;
    }
    client.batch("CREATE SECURITY POLICY dbo.only_one ADD FILTER PREDICATE dbo.visible(id) ON dbo.t");
    true
}

#[test]
fn a_policy_that_filters_the_source_is_refused() {
    let pair = pair();
    if !hide(&pair.source) {
        return;
    }
    let before = ids(&mut pair.target.client());
    for args in [&["dbo.t"][..], &["dbo.t", "--full-table-mode", "parquet"], &["dbo.t", "--allow-shrink"]] {
        let run = tool(&pair).run(args).exits(1).says("rows may be hidden: security policy only_one filters");
        assert_eq!(ids(&mut pair.target.client()), before, "{run}");
    }
    let run = tool(&pair).run(&["dbo.t", "--explain"]).exits(1);
    assert!(run.stdout.contains("refused\tdbo.t: rows may be hidden"), "{run}");
    copy(&pair, &["dbo.t", "--allow-row-filters"]).says("WARN  dbo.t: security policy only_one filters");
    assert_eq!(ids(&mut pair.target.client()), [1]);
    pair.source("ALTER SECURITY POLICY dbo.only_one WITH (STATE = OFF)");
    copy(&pair, &["dbo.t"]);
    assert_eq!(ids(&mut pair.target.client()), [1, 2, 3]);
}

#[test]
fn a_policy_that_filters_the_target_would_leave_doubles() {
    let pair = pair();
    if !hide(&pair.target) {
        return;
    }
    let run = tool(&pair).run(&["dbo.t"]).exits(1).says("the rows that the target's login sees");
    pair.target("ALTER SECURITY POLICY dbo.only_one WITH (STATE = OFF)");
    assert_eq!(ids(&mut pair.target.client()), [1, 2], "{run}");
}

#[test]
fn a_policy_under_a_view_is_found() {
    let pair = pair();
    pair.source("CREATE VIEW dbo.middle AS SELECT id, label FROM dbo.t");
    pair.source("CREATE VIEW dbo.v AS SELECT id, label FROM dbo.middle");
    pair.target("CREATE TABLE dbo.v (id int NOT NULL, label varchar(9) NULL)");
    if !hide(&pair.source) {
        return;
    }
    tool(&pair).run(&["dbo.v"]).exits(1).says("security policy only_one on dbo.t filters");
    let settings = "[tables.'dbo.v']\nallow_row_filters = true\n";
    tool(&pair).file("replica.toml", settings).run(&["dbo.v"]).exits(0);
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.v"), 1);
}

#[test]
fn what_a_login_may_not_know_is_said() {
    let pair = pair();
    let Some(login) = User::of(&pair) else { return };
    pair.source("CREATE VIEW dbo.v AS SELECT id, label FROM dbo.t");
    pair.target("CREATE TABLE dbo.v (id int NOT NULL, label varchar(9) NULL)");
    for table in ["t", "v"] {
        pair.both(&format!("GRANT SELECT, INSERT, DELETE, ALTER ON dbo.{table} TO [{}]", login.name));
    }
    if !hide(&pair.source) {
        return;
    }
    // It sees one row of three, and no policy.
    for table in ["t", "v"] {
        let run = login.program.run(&[table]).exits(0);
        let run = run.says("row-level security may hide rows of the source from its login");
        assert_eq!(run.lines()[0][2], "1", "{run}");
    }
    let run = login.program.run(&["t", "--allow-row-filters"]).exits(0);
    assert!(!run.stderr.contains("may hide rows"), "{run}");
    pair.both(&format!("GRANT VIEW DEFINITION TO [{}]", login.name));
    login.program.run(&["t"]).exits(1).says("security policy only_one filters");
    login.program.run(&["v"]).exits(0).says("what the view reads is not known");
    pair.source(&format!("GRANT SELECT ON sys.sql_expression_dependencies TO [{}]", login.name));
    login.program.run(&["v"]).exits(1).says("security policy only_one on dbo.t filters");
}

#[test]
fn masks_are_refused_unless_this_login_sees_through_them() {
    let pair = Pair::new();
    let masked = "CREATE TABLE dbo.t (id int NOT NULL, label varchar(9) MASKED WITH (FUNCTION = 'default()') NULL, \
                  twice AS label + label)";
    if let Err(error) = pair.source.client().try_batch(masked) {
        return skip(&format!("no masks here: {error}"));
    }
    pair.source("INSERT INTO dbo.t VALUES (1, 'secret')");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL, label varchar(9) NULL, twice varchar(18) NULL)");
    pair.source("CREATE VIEW dbo.v AS SELECT id, label, twice FROM dbo.t");
    pair.target("CREATE TABLE dbo.v (id int NOT NULL, label varchar(9) NULL, twice varchar(18) NULL)");
    let Some(login) = User::of(&pair) else { return };
    let name = &login.name;
    for table in ["t", "v"] {
        pair.both(&format!("GRANT SELECT, INSERT, DELETE, ALTER ON dbo.{table} TO [{name}]"));
    }
    pair.source(&format!("GRANT VIEW DEFINITION TO [{name}]"));
    pair.source(&format!("GRANT SELECT ON sys.sql_expression_dependencies TO [{name}]"));
    let refused = |table: &str| {
        let run = login.program.run(&[table]).exits(1).says("label: masked at the source. Grant UNMASK");
        assert_eq!(pair.target.client().number(&format!("SELECT COUNT(*) FROM dbo.{table}")), 0, "{run}");
    };
    let run = login.program.run(&["t"]).exits(1).says("twice: masked at the source");
    drop(run);
    for (grant, revoke) in [
        ("GRANT UNMASK TO", "REVOKE UNMASK TO"),
        ("GRANT UNMASK ON SCHEMA::dbo TO", "REVOKE UNMASK ON SCHEMA::dbo TO"),
        ("GRANT UNMASK ON dbo.t TO", "REVOKE UNMASK ON dbo.t TO"),
        ("GRANT UNMASK ON dbo.t(label) TO", "REVOKE UNMASK ON dbo.t(label) TO"),
    ] {
        refused("t");
        refused("v");
        pair.source(&format!("{grant} [{name}]"));
        for table in ["t", "v"] {
            let run = login.program.run(&[table]).exits(0);
            let label = pair.target.client().values(&format!("SELECT label, twice FROM dbo.{table}"));
            assert_eq!(
                label,
                [["String(Some(\"secret\"))", "String(Some(\"secretsecret\"))"]],
                "{grant}\n{run}"
            );
            pair.target(&format!("DELETE FROM dbo.{table}"));
        }
        pair.source(&format!("{revoke} [{name}]"));
    }
}
