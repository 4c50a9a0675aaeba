//! A first configuration.
use replica_testkit::Pair;

use crate::util::tool;

#[test]
fn a_configuration_from_nothing_is_one_that_the_tools_read() {
    let pair = Pair::new();
    pair.source(
        "CREATE TABLE dbo.child (id int NOT NULL CONSTRAINT PK_child PRIMARY KEY, parent int NULL, made date NULL)
         CREATE TABLE dbo.parent (id int NOT NULL CONSTRAINT PK_parent PRIMARY KEY)
         CREATE TABLE dbo.[it's \"x\"] (a int NULL)
         ALTER TABLE dbo.child ADD CONSTRAINT FK_child FOREIGN KEY (parent) REFERENCES dbo.parent (id)
         INSERT INTO dbo.parent VALUES (1), (2)",
    );
    let program = tool(&pair);
    program.run(&["--init"]).exits(0).says("replica.toml lists 3 tables");
    let text = std::fs::read_to_string(program.folder().join("replica.toml")).unwrap();
    let at = |name: &str| text.find(name).unwrap_or_else(|| panic!("{name}\n{text}"));
    assert!(at("\"dbo.parent\",  # 2 rows") < at("\"dbo.child\""), "{text}");
    assert!(text.contains("date_tables = [\n]"), "{text}");
    // Empty target to tables like the source's, in one command more.
    program.run(&["--all", "--create"]).exits(0);
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM sys.tables"), 3);
    program.run(&["--init"]).exits(2).says("is there already");
    assert_eq!(std::fs::read_to_string(program.folder().join("replica.toml")).unwrap(), text);
    program.run(&["--init", "--config", "other.toml"]).exits(0);
    assert!(program.folder().join("other.toml").exists());
}

#[test]
fn a_source_without_tables_makes_no_file() {
    let pair = Pair::new();
    let program = tool(&pair);
    program.run(&["--init"]).exits(1).says("there are no tables");
    assert!(!program.folder().join("replica.toml").exists());
}

#[test]
fn the_file_that_the_environment_names_is_made_and_lists_what_tools_copy() {
    let pair = Pair::new();
    pair.source("CREATE TABLE dbo.t (id int NOT NULL) CREATE TABLE dbo.n (id int NOT NULL) AS NODE");
    let program = tool(&pair).with("REPLICA_CONFIG", "made.toml");
    program.run(&["--init"]).exits(0).says("made.toml lists 1 tables");
    let text = std::fs::read_to_string(program.folder().join("made.toml")).unwrap();
    assert!(text.contains("\n# Left out: dbo.n: ") && text.contains("a node table of a graph"), "{text}");
    program.run(&["--all", "--create"]).exits(0);
    program.run(&["--init"]).exits(2).says("made.toml is there already");
}
