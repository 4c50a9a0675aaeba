//! Bad input: one clear message, the exit code of the contract, and the target as it was.
use replica_testkit::{Pair, Program};

use crate::util::{PASSWORD, User, assert_old_rows, pair_with_old_rows, tool};

#[test]
fn an_unknown_table_names_the_near_ones() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.both("CREATE TABLE dbo.Airports (id int NULL)");
    tool(&pair).run(&["dbo.Airport"]).exits(1).says("the source has no such table").says("dbo.Airports");
    pair.source("CREATE TABLE dbo.only_here (id int NULL)");
    tool(&pair).run(&["only_here"]).exits(1).says("the target has no such table");
}

#[test]
fn one_failure_does_not_stop_the_others() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.source("INSERT INTO dbo.t VALUES (1, 'a')");
    let run = tool(&pair).run(&["dbo.nothing", "dbo.t", "dbo.nobody"]).exits(1);
    assert_eq!(run.lines().len(), 3, "{run}");
    run.says("dbo.t\tok").says("1 of 3 tables replaced; failed: dbo.nothing, dbo.nobody");
}

#[test]
fn the_same_table_on_both_sides_is_refused() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    let alias = pair.target.connection.replace("127.0.0.1", "localhost");
    let program = tool(&pair).with("REPLICA_SOURCE", &alias);
    program.run(&["dbo.t"]).exits(2).says("source and target are the same table");
    assert_old_rows(&pair);
}

#[test]
fn a_login_that_sees_no_database_still_tells_two_apart_and_is_told_of_one() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.source("INSERT INTO dbo.t (id, label) VALUES (1, 'new')");
    let Some(login) = User::of(&pair) else { return };
    pair.both(&format!("GRANT SELECT, INSERT, DELETE, ALTER ON dbo.t TO [{}]", login.name));
    for side in [&pair.source, &pair.target] {
        let deny = format!("DENY SELECT ON sys.databases TO [{}]", login.name);
        if let Err(error) = side.client().try_batch(&deny) {
            return crate::util::skip(&format!("sys.databases cannot be denied: {error}"));
        }
    }
    let itself = pair.server.connection_as(&pair.target.name, &login.name, PASSWORD);
    let onto_itself = tool(&pair).with("REPLICA_SOURCE", &itself).with("REPLICA_TARGET", &itself);
    let run = onto_itself.run(&["dbo.t"]).exits(2);
    run.says("source and target may be the same table").says("VIEW ANY DATABASE");
    assert_old_rows(&pair);
    login.program.run(&["dbo.t"]).exits(0).says("could not learn from the source: database options");
    assert_eq!(crate::util::ids(&mut pair.target.client()), [1]);
}

#[test]
fn a_value_too_long_names_its_column() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL, label varchar(50) NULL)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL, label varchar(5) NULL)");
    pair.target("INSERT INTO dbo.t VALUES (901, 'old'), (902, 'older')");
    pair.source("INSERT INTO dbo.t VALUES (1, 'short'), (2, 'too long by far')");
    let run = tool(&pair).run(&["dbo.t"]).exits(1).says("label (varchar(50) to varchar(5))");
    assert!(run.stderr.contains("2628") || run.stderr.contains("8152"), "{run}");
    assert_old_rows(&pair);
}

#[test]
fn a_number_out_of_range_stops_before_it_is_sent() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL, n bigint NULL)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL, n int NULL)");
    pair.target("INSERT INTO dbo.t VALUES (901, 1), (902, 2)");
    pair.source("INSERT INTO dbo.t VALUES (1, 1), (2, 3000000000)");
    let run = tool(&pair).run(&["dbo.t"]).exits(1).says("reading from the source").says("n (bigint to int)");
    assert!(run.stderr.contains("8115") || run.stderr.contains("220"), "{run}");
    assert_old_rows(&pair);
}

#[test]
fn a_null_for_a_not_null_column_names_it() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL, label varchar(10) NULL)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL, label varchar(10) NOT NULL)");
    pair.target("INSERT INTO dbo.t VALUES (901, 'old'), (902, 'older')");
    pair.source("INSERT INTO dbo.t VALUES (1, 'a'), (2, NULL)");
    tool(&pair).run(&["dbo.t"]).exits(1).says("515").says("let the target's column take NULL");
    assert_old_rows(&pair);
}

#[test]
fn a_duplicate_key_names_the_constraint() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.source("INSERT INTO dbo.t VALUES (1, 'a'), (1, 'b')");
    tool(&pair)
        .run(&["dbo.t"])
        .exits(1)
        .says("2627")
        .says("PRIMARY KEY")
        .says("rid the source of the duplicates");
    assert_old_rows(&pair);
}

#[test]
fn what_does_not_come_back_the_same_is_never_committed() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL, label varchar(10) NULL)");
    pair.target("CREATE TABLE dbo.t (id int NOT NULL, label varchar(1) NULL)");
    pair.target("INSERT INTO dbo.t VALUES (901, 'o'), (902, 'p')");
    // Blanks beyond a column's width are cut without an error.
    pair.source("INSERT INTO dbo.t VALUES (1, 'a   ')");
    tool(&pair).run(&["dbo.t", "--verify=hash"]).exits(1).says("the target holds 1 rows with hash");
    assert_old_rows(&pair);
    tool(&pair).run(&["dbo.t", "--verify=count"]).exits(0);
}

#[test]
fn a_missing_permission_is_named() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.source("INSERT INTO dbo.t VALUES (1, 'a')");
    let Some(login) = User::of(&pair) else { return };
    let (user, program) = (&login.name, &login.program);

    program.run(&["dbo.t"]).exits(1).says("its login may not see it");
    pair.source(&format!("GRANT VIEW DEFINITION ON dbo.t TO [{user}]"));
    pair.target(&format!("GRANT SELECT ON dbo.t TO [{user}]"));
    program.run(&["dbo.t"]).exits(1).says("no permission to read it at the source").says("GRANT SELECT");
    pair.source(&format!("GRANT SELECT ON dbo.t TO [{user}]"));
    program.run(&["dbo.t"]).exits(1).says("no permission to insert");
    pair.target(&format!("GRANT INSERT ON dbo.t TO [{user}]"));
    program.run(&["dbo.t"]).exits(1).says("no permission to delete");
    assert_old_rows(&pair);
    // Without ALTER the rows are deleted instead of truncated.
    pair.target(&format!("GRANT DELETE ON dbo.t TO [{user}]"));
    program.run(&["dbo.t", "--verify=hash"]).exits(0);
    pair.assert_equal("SELECT id, label FROM dbo.t");
}

#[test]
fn a_foreign_key_that_may_not_be_suspended_is_named() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.target("CREATE TABLE dbo.child (t int NULL CONSTRAINT fk_child REFERENCES dbo.t (id))");
    pair.source("INSERT INTO dbo.t VALUES (1, 'a')");
    let Some(login) = User::of(&pair) else { return };
    let (user, program) = (&login.name, &login.program);
    pair.both(&format!("GRANT SELECT, INSERT, DELETE, ALTER ON dbo.t TO [{user}]"));
    pair.target(&format!("GRANT SELECT ON dbo.child TO [{user}]"));
    program
        .run(&["dbo.t"])
        .exits(1)
        .says("foreign key fk_child of dbo.child")
        .says("GRANT ALTER on dbo.child");
    pair.target(&format!("GRANT ALTER ON dbo.child TO [{user}]"));
    program.run(&["dbo.t"]).exits(0);
}

#[test]
fn bad_usage_needs_no_server() {
    let program = Program::new(env!("CARGO_BIN_EXE_replicate-reference-tables"));
    program.run(&["dbo.t"]).exits(2).says("REPLICA_SOURCE");
    program.run(&[]).exits(2).says("no table is named");
    program.run(&["t", "--start-date=2024-01-01"]).exits(2).says("go together");
    program.run(&["t", "--no-such-option"]).exits(2).says("--no-such-option");
    program.run(&["--version"]).exits(0).says("replicate-reference-tables ");
    assert!(program.run(&["--help"]).exits(0).stdout.contains("--max-workers"));
    let nowhere = "Server=127.0.0.1,1;User Id=u;Password=p;ConnectRetryCount=0";
    let program = program.with("REPLICA_SOURCE", nowhere).with("REPLICA_TARGET", nowhere);
    program.run(&["a.b.c"]).exits(2).says("is not a table name");
    program.run(&["-"]).exits(2).says("no table is named on stdin");
    program.run(&["--all"]).exits(2).says("reference_tables");
    program.run(&["dbo.t"]).exits(3).says("source");
}

#[test]
fn what_may_not_be_learnt_is_said_and_the_careful_way_taken() {
    let pair = pair_with_old_rows("nvarchar(20) NULL");
    pair.source("INSERT INTO dbo.t (id, label) VALUES (1, N'new')");
    let Some(login) = User::of(&pair) else { return };
    pair.source(&format!("GRANT SELECT ON dbo.t TO [{}]", login.name));
    pair.target(&format!("GRANT SELECT, INSERT, DELETE, ALTER ON dbo.t TO [{}]", login.name));
    for view in ["sys.indexes", "sys.foreign_keys", "sys.triggers"] {
        if let Err(error) =
            pair.target.client().try_batch(&format!("DENY SELECT ON {view} TO [{}]", login.name))
        {
            return crate::util::skip(&format!("{view} cannot be denied: {error}"));
        }
    }
    let run = login.program.run(&["--explain", "dbo.t"]).exits(0);
    for part in [
        "could not learn from the target: indexes",
        "could not learn from the target: foreign keys",
        // No key points at it, as the table's own property says; one would refuse TRUNCATE, and could act on DELETE.
        "TRUNCATE TABLE",
    ] {
        assert!(run.stdout.contains(part), "{part}\n{run}");
    }
    assert!(!run.stdout.contains("TABLOCK)") && !run.stdout.contains("ORDER ("), "{run}");
    let run = login.program.run(&["--verify", "hash", "dbo.t"]).exits(0).says("could not learn");
    assert_eq!(crate::util::ids(&mut pair.target.client()), [1], "{run}");
}

/// What is refused before anything is written, in the words for what it is.
#[test]
fn special_tables_are_called_what_they_are() {
    for (kind, source, target) in [
        ("AS NODE", Some("a node table of a graph"), "a node table of a graph"),
        ("AS EDGE", Some("an edge table of a graph"), "an edge table of a graph"),
        ("WITH (LEDGER = ON)", None, "an updatable ledger table"),
        (
            "WITH (LEDGER = ON (APPEND_ONLY = ON))",
            None,
            "neither deleted (error 37359) nor truncated (error 13545)",
        ),
    ] {
        let pair = Pair::new();
        if let Err(error) =
            pair.target.client().try_batch(&format!("CREATE TABLE dbo.t (id int NULL) {kind}"))
        {
            crate::util::skip(&format!("{kind}: {error}"));
            continue;
        }
        pair.target("INSERT INTO dbo.t (id) VALUES (901)");
        pair.source("CREATE TABLE dbo.t (id int NULL)");
        tool(&pair).run(&["dbo.t"]).exits(1).says(target).says("Replicate into a plain table");
        assert_eq!(crate::util::ids(&mut pair.target.client()), [901]);

        let back = tool(&pair)
            .with("REPLICA_SOURCE", &pair.target.connection)
            .with("REPLICA_TARGET", &pair.source.connection);
        match source {
            Some(what) => {
                back.run(&["dbo.t"]).exits(1).says(&format!("the source is {what}")).says("Copy from a view");
            }
            None => {
                back.run(&["dbo.t"]).exits(0);
                assert_eq!(crate::util::ids(&mut pair.source.client()), [901]);
            }
        }
    }
}

#[test]
fn a_synonym_says_what_it_stands_for() {
    let pair = pair_with_old_rows("varchar(10) NULL");
    pair.both("CREATE SYNONYM dbo.s FOR dbo.t");
    tool(&pair).run(&["dbo.s"]).exits(1).says("at the source this is a synonym").says("[dbo].[t]");
    pair.source("DROP SYNONYM dbo.s; CREATE TABLE dbo.s (id int NOT NULL, label varchar(10) NULL)");
    tool(&pair)
        .run(&["dbo.s"])
        .exits(1)
        .says("at the target this is a synonym")
        .says("It stands for [dbo].[t]");
    assert_old_rows(&pair);
}
