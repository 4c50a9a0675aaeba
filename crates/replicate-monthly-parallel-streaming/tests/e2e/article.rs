//! Windows of some of the rows, under another name.
use crate::util::{half_a_year, loaded, pair, tool};

const SETTINGS: &str =
    "[tables.'dbo.t']\ntarget = 'dbo.u'\nwhere = 'id % 3 = 0'\nexclude_columns = ['label']\n";

#[test]
fn windows_hold_the_rows_that_meet_the_condition() {
    let pair = pair(", CONSTRAINT PK_t PRIMARY KEY (day, id)");
    pair.target("CREATE TABLE dbo.u (id int NOT NULL, day date NOT NULL, label nvarchar(20) NULL)");
    pair.target("INSERT INTO dbo.u VALUES (1, '2024-02-29', N'old'), (2, '2024-07-01', N'stays')");
    let copy = tool(&pair).file("replica.toml", SETTINGS);
    copy.run(&half_a_year(&["--explain"])).exits(0).says("id % 3 = 0");
    let run = copy.run(&half_a_year(&["--verify=hash"])).exits(0);
    assert!(run.lines().iter().all(|line| line[0] == "dbo.t -> dbo.u"), "{run}");
    run.says("[TIMING] dbo.t -> dbo.u 2024-02");
    let wanted = "id % 3 = 0 AND day >= '2024-01-01' AND day < '2024-07-01'";
    let rows = pair.source.client().number(&format!("SELECT COUNT(*) FROM dbo.t WHERE {wanted}"));
    let mut target = pair.target.client();
    assert_eq!(target.number(&format!("SELECT COUNT(*) FROM dbo.u WHERE {wanted} AND label IS NULL")), rows);
    assert_eq!(target.number("SELECT COUNT(*) FROM dbo.u"), rows + 1);
    assert_eq!(target.number("SELECT COUNT(*) FROM dbo.t"), 0);
}

#[test]
fn resume_notices_another_condition() {
    let pair = pair("");
    pair.target("CREATE TABLE dbo.u (id int NOT NULL, day date NOT NULL, label nvarchar(20) NULL)");
    let copy = tool(&pair).file("replica.toml", SETTINGS);
    copy.run(&half_a_year(&[])).exits(0);
    assert_eq!(loaded(&copy.run(&half_a_year(&["--resume"])).exits(0)), [""; 0]);
    let run = copy.run(&half_a_year(&["--resume", "--where=id % 3 = 1", "--allow-shrink"])).exits(0);
    assert_eq!(loaded(&run).len(), 6, "{run}");
    run.says("other columns, conversions or rows");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.u WHERE id % 3 <> 1"), 0);
}

#[test]
fn the_date_column_cannot_be_left_out() {
    let pair = pair("");
    let run = tool(&pair).run(&half_a_year(&["--exclude-columns=day", "--date-column=day"])).exits(2);
    run.says("windows are to be cut by it");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.t"), 0);
}
