//! How often the tool logs in.
use replica_testkit::{Pair, RoundTrips, Server};

use crate::util::{tables, tool};

#[test]
fn it_logs_in_once_on_either_side_whatever_it_does() {
    let pair = Pair::on(Server::sandbox());
    pair.source("CREATE TABLE dbo.t (id int NOT NULL PRIMARY KEY, label varchar(9) NULL)");
    for args in [&["dbo.t", "--create"][..], &["dbo.t"]] {
        let asked = RoundTrips::of_run(&pair, tool(&pair), args);
        assert_eq!(asked.map(|side| side.logins), [1, 1], "{args:?}");
    }
    assert_eq!(tables(&tool(&pair).run(&["dbo.t"]).exits(0))[0].0, "dbo.t");
}
