//! Logins that may not see, or may not make.
use replica_testkit::{Pair, Program, Server};

use crate::util::tool;

const PASSWORD: &str = "Secret-4711-x";

/// The program, with a login of its own at the source or the target.
fn as_login(pair: &Pair, source: bool, name: &str, grants: &str) -> Program {
    let database = if source { &pair.source } else { &pair.target };
    let login = format!("{name}_{}", database.name);
    pair.server.client("master").batch(&format!("CREATE LOGIN [{login}] WITH PASSWORD = '{PASSWORD}'"));
    let grants = grants.replace("USER", &format!("[{login}]"));
    database.client().batch(&format!("CREATE USER [{login}] FOR LOGIN [{login}]"));
    database.client().batch(&grants);
    let variable = if source { "REPLICA_SOURCE" } else { "REPLICA_TARGET" };
    tool(pair).with(variable, &pair.server.connection_as(&database.name, &login, PASSWORD))
}

#[test]
fn what_may_not_be_seen_is_not_taken_for_none() {
    let pair = Pair::on(Server::sandbox());
    pair.source("CREATE TABLE dbo.t (id int NOT NULL CONSTRAINT DF DEFAULT 0, n int NULL CONSTRAINT CK CHECK (n > 0))");
    let reader = as_login(&pair, true, "reader", "GRANT SELECT ON SCHEMA::dbo TO USER");
    let exit = reader.run(&["dbo.t", "--create"]).exits(1);
    exit.says("the source's login may not see its definition").says("GRANT VIEW DEFINITION ON [dbo].[t]");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM sys.tables"), 0);
    let seer = as_login(&pair, true, "seer", "GRANT SELECT, VIEW DEFINITION ON SCHEMA::dbo TO USER");
    seer.run(&["dbo.t", "--create"]).exits(0);
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM sys.check_constraints"), 1);
}

#[test]
fn a_target_that_may_not_be_changed_says_what_is_needed() {
    let pair = Pair::on(Server::sandbox());
    pair.source("CREATE TABLE dbo.t (id int NOT NULL)");
    let writer = as_login(
        &pair,
        false,
        "writer",
        "GRANT SELECT, INSERT, DELETE, VIEW DEFINITION ON SCHEMA::dbo TO USER",
    );
    writer.run(&["dbo.t", "--create"]).exits(1).says("needs CREATE TABLE");
    let maker = as_login(
        &pair,
        false,
        "maker",
        "GRANT CREATE TABLE TO USER GRANT ALTER, SELECT, VIEW DEFINITION ON SCHEMA::dbo TO USER",
    );
    maker.run(&["dbo.t", "--create"]).exits(0);
}
