//! Rows of other tables: as they were after every run, or the run refused before it wrote anything.
use replica_testkit::Pair;
use replica_testkit::family::{JANUARY, KEYS, family, others, replaced};

use crate::util::{User, copy, skip, tool, until_it_waits};

#[test]
fn days_of_a_table_whose_keys_act_are_refused() {
    let pair = family();
    let before = others(&pair);
    let run = tool(&pair).run(&JANUARY).exits(1);
    assert_eq!(run.lines()[0][1], "failed", "{run}");
    for (table, key, action) in KEYS {
        assert!(run.stderr.contains(&format!("{key} of dbo.{table} (ON DELETE {action})")), "{run}");
    }
    assert!(run.stderr.contains("and through them dbo.g"), "{run}");
    let explained = tool(&pair).run(&[&JANUARY[..], &["--explain"]].concat()).exits(1);
    assert!(explained.lines().iter().any(|line| line[1] == "refused"), "{explained}");
    explained.says("dbo.g: rows, of about 3, by g_m (ON DELETE CASCADE)");
    assert_eq!((others(&pair), replaced(&pair)), (before, 0));
}

#[test]
fn a_refusal_does_not_stop_the_other_tables() {
    let pair = family();
    pair.both("CREATE TABLE dbo.q (id int NOT NULL, d date NOT NULL)");
    pair.source("INSERT INTO dbo.q VALUES (1, '2024-01-01')");
    let before = others(&pair);
    let run = tool(&pair).run(&[&["dbo.q"], &JANUARY[..]].concat()).exits(1);
    run.says("dbo.q\tok").says("1 of 2 tables replaced; failed: dbo.p");
    assert_eq!((others(&pair), replaced(&pair)), (before, 0));
}

#[test]
fn a_whole_table_is_replaced_and_the_others_stay_whatever_their_keys_do() {
    let pair = family();
    // One of each state that a key can be in.
    pair.target("ALTER TABLE dbo.n NOCHECK CONSTRAINT n_p");
    pair.target("ALTER TABLE dbo.f NOCHECK CONSTRAINT f_p");
    pair.target("ALTER TABLE dbo.f WITH NOCHECK CHECK CONSTRAINT f_p");
    let before = others(&pair);
    for more in [&[][..], &["--verify=hash"], &["--check-constraints"], &["--fire-triggers"]] {
        copy(&pair, &[&["dbo.p"], more].concat());
        assert_eq!((others(&pair), replaced(&pair)), (before.clone(), 3), "{more:?}");
    }
}

/// The plan knows it as disabled, and so does not suspend it.
#[test]
fn a_key_that_is_enabled_meanwhile_takes_no_rows_along() {
    let pair = family();
    if !pair.server.is_sandbox() {
        return skip("only the sandbox tells who waits");
    }
    for (table, key, _) in KEYS {
        pair.target(&format!("ALTER TABLE dbo.{table} NOCHECK CONSTRAINT {key}"));
    }
    // The rows are not to be had yet; the plan is made.
    let mut holder = pair.source.client();
    holder.batch("BEGIN TRANSACTION");
    holder.number("SELECT COUNT(*) FROM dbo.p WITH (TABLOCKX, HOLDLOCK)");
    let running = tool(&pair).start(&["dbo.p", "--allow-shrink"]);
    let waiting = "SELECT COUNT(*) FROM sys.sandbox_lock_log \
                   WHERE event = 'waiting' AND resource_database_id = DB_ID()";
    until_it_waits(&mut pair.source.client(), waiting);
    pair.target("ALTER TABLE dbo.m WITH NOCHECK CHECK CONSTRAINT m_p");
    let before = others(&pair);
    holder.batch("COMMIT TRANSACTION");
    running.finish().exits(1).says("has been made, or enabled, since the run began");
    assert_eq!((others(&pair), replaced(&pair)), (before, 0));
}

#[test]
fn a_row_that_another_table_needs_takes_everything_back() {
    let pair = family();
    let before = others(&pair);
    pair.source("ALTER TABLE dbo.m NOCHECK CONSTRAINT m_p");
    pair.source("ALTER TABLE dbo.n NOCHECK CONSTRAINT n_p");
    pair.source("ALTER TABLE dbo.f NOCHECK CONSTRAINT f_p");
    pair.source("DELETE FROM dbo.p WHERE id = 2");
    let run = tool(&pair).run(&["dbo.p"]).exits(1).says("547");
    run.says("does not hold for the new rows");
    assert_eq!((others(&pair), replaced(&pair)), (before, 0));
}

/// Of dbo.p, to everything that a load needs, and of nothing else.
fn login_without_a_view_of_the_others(pair: &Pair) -> Option<User> {
    let login = User::of(pair)?;
    pair.both(&format!("GRANT SELECT, INSERT, DELETE, ALTER ON dbo.p TO [{}]", login.name));
    Some(login)
}

#[test]
fn a_key_that_the_login_cannot_see_is_refused() {
    let pair = family();
    let Some(login) = login_without_a_view_of_the_others(&pair) else { return };
    let before = others(&pair);
    for args in [&["dbo.p"][..], &JANUARY] {
        login.program.run(args).exits(1).says("this login cannot see").says("GRANT VIEW DEFINITION");
        let explained = login.program.run(&[args, &["--explain"]].concat()).exits(1);
        assert!(explained.lines().iter().any(|line| line[1] == "refused"), "{explained}");
        assert_eq!((others(&pair), replaced(&pair)), (before.clone(), 0));
    }
    // The way out leads to the keys' names, and from there on.
    for table in ["m", "n", "f"] {
        pair.target(&format!("GRANT VIEW DEFINITION ON dbo.{table} TO [{}]", login.name));
    }
    login.program.run(&["dbo.p"]).exits(1).says("may not suspend it").says("GRANT ALTER on dbo.f");
    for table in ["m", "n", "f"] {
        pair.target(&format!("GRANT SELECT, ALTER ON dbo.{table} TO [{}]", login.name));
    }
    login.program.run(&["dbo.p"]).exits(0);
    assert_eq!((others(&pair), replaced(&pair)), (before, 3));
}

#[test]
fn a_key_that_hides_behind_the_tables_own_is_refused() {
    let pair = family();
    pair.target("ALTER TABLE dbo.p ADD boss int NULL CONSTRAINT p_p REFERENCES dbo.p (id)");
    pair.source("ALTER TABLE dbo.p ADD boss int NULL");
    let Some(login) = login_without_a_view_of_the_others(&pair) else { return };
    let before = others(&pair);
    login.program.run(&["dbo.p"]).exits(1).says("4712").says("GRANT VIEW DEFINITION");
    assert_eq!((others(&pair), replaced(&pair)), (before, 0));
}

#[test]
fn keys_that_cannot_be_asked_for_are_refused_too() {
    let pair = family();
    let Some(login) = login_without_a_view_of_the_others(&pair) else { return };
    let deny = format!("DENY SELECT ON sys.foreign_keys TO [{}]", login.name);
    if let Err(error) = pair.target.client().try_batch(&deny) {
        return skip(&format!("sys.foreign_keys cannot be denied: {error}"));
    }
    let before = others(&pair);
    for args in [&["dbo.p"][..], &JANUARY] {
        login.program.run(args).exits(1).says("cannot learn whether foreign keys point at this table");
        assert_eq!((others(&pair), replaced(&pair)), (before.clone(), 0));
    }
}

#[test]
fn rows_that_an_index_would_drop_take_everything_back() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL, label varchar(9) NULL)");
    pair.target(
        "CREATE TABLE dbo.t (id int NOT NULL, label varchar(9) NULL, \
         CONSTRAINT PK_t PRIMARY KEY (id) WITH (IGNORE_DUP_KEY = ON))",
    );
    pair.target("INSERT INTO dbo.t VALUES (901, 'old')");
    pair.source("INSERT INTO dbo.t VALUES (1, 'a'), (1, 'b'), (2, 'c')");
    tool(&pair).run(&["dbo.t"]).exits(1).says("3604").says("IGNORE_DUP_KEY");
    assert_eq!(pair.target.client().number("SELECT SUM(id) FROM dbo.t"), 901);
    pair.source("DELETE FROM dbo.t WHERE label = 'b'");
    copy(&pair, &["dbo.t"]);
    pair.assert_equal("SELECT id, label FROM dbo.t ORDER BY id");
}

#[test]
fn an_indexed_view_follows_its_table_and_touches_no_other() {
    let pair = family();
    for (table, key, _) in KEYS {
        pair.target(&format!("ALTER TABLE dbo.{table} DROP CONSTRAINT {key}"));
    }
    pair.target("CREATE VIEW dbo.w WITH SCHEMABINDING AS SELECT id, d, v FROM dbo.p");
    if let Err(error) = pair.target.client().try_batch("CREATE UNIQUE CLUSTERED INDEX w ON dbo.w (id)") {
        return skip(&format!("this server has no indexed views: {error}"));
    }
    let before = others(&pair);
    let view =
        |pair: &Pair| pair.target.client().values("SELECT id, v FROM dbo.w WITH (NOEXPAND) ORDER BY id");
    copy(&pair, &JANUARY);
    assert_eq!((others(&pair), replaced(&pair)), (before.clone(), 2));
    assert_eq!(view(&pair), pair.target.client().values("SELECT id, v FROM dbo.p ORDER BY id"));
    copy(&pair, &["dbo.p"]).says("3729").says("going on without");
    assert_eq!((others(&pair), replaced(&pair)), (before, 3));
    assert_eq!(view(&pair), pair.source.client().values("SELECT id, v FROM dbo.p ORDER BY id"));
}
