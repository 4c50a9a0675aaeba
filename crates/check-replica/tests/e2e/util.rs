//! What the tests share.
use replica_testkit::{Pair, Program, ProgramExit};

/// One table that is replaced as a whole, one that is replaced by days.
pub const CONFIG: &str = "reference_tables = ['dbo.parent']\ndate_tables = ['dbo.sales']\n";

/// The tables of [`CONFIG`] on both sides, and servers set up as a replica likes them.
pub fn pair() -> Pair {
    on(Pair::new())
}

/// The same in databases of one's own.
pub fn on(pair: Pair) -> Pair {
    for table in [
        "CREATE TABLE dbo.parent (id int NOT NULL CONSTRAINT PK_parent PRIMARY KEY, label varchar(20) NULL)",
        "CREATE TABLE dbo.sales (id int NOT NULL, day date NOT NULL, label varchar(20) NULL, \
         CONSTRAINT PK_sales PRIMARY KEY (day, id))",
        "INSERT INTO dbo.parent VALUES (1, 'a'), (2, 'b')",
        "INSERT INTO dbo.sales VALUES (1, '2024-01-01', 'a')",
    ] {
        pair.both(table);
    }
    let options = |database: &str, options: &str| {
        pair.server.client("master").batch(&format!("ALTER DATABASE [{database}] SET {options}"));
    };
    options(&pair.source.name, "ALLOW_SNAPSHOT_ISOLATION ON");
    options(&pair.target.name, "RECOVERY SIMPLE");
    pair
}

/// The tool as cron starts it, between the pair's databases.
pub fn tool(pair: &Pair) -> Program {
    tool_with(pair, CONFIG)
}

/// The same with another configuration.
pub fn tool_with(pair: &Pair, config: &str) -> Program {
    let binary = env!("CARGO_BIN_EXE_check-replica");
    let folder = std::path::Path::new(binary).parent().unwrap().to_str().unwrap();
    Program::new(binary).between(pair).with("TERM", "").with("PATH", folder).file("replica.toml", config)
}

/// `side severity id table` of all lines of these severities.
pub fn found(run: &ProgramExit, severities: &[&str]) -> Vec<String> {
    let lines = run.lines().into_iter().filter(|line| severities.contains(&line[3]));
    lines.map(|line| [line[1], line[3], line[0], line[2]].join(" ").trim_end().to_owned()).collect()
}

/// Errors and warnings.
pub fn problems(run: &ProgramExit) -> Vec<String> {
    found(run, &["error", "warning"])
}
