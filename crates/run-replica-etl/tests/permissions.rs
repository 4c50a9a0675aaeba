//! The GRANTs of docs/INFRA.md are all that the tools need, and no more than it says.
use replica_core::config::Endpoint;
use replica_testkit::{Client, Pair, Program};

const PAGE: &str = include_str!("../../../docs/INFRA.md");
const PASSWORD: &str = "Grants-4711-pw";

/// The statements of the page's blocks for one side, for a login of this name.
fn statements(side: &str, login: &str) -> Vec<String> {
    let fence = format!("```sql {side}\n");
    let blocks = PAGE.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap());
    let text: String = blocks.collect();
    let lines = text.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n");
    let lines = lines.replace("replica_reader", login).replace("replica_loader", login);
    lines.split(';').map(str::trim).filter(|sql| !sql.is_empty()).map(str::to_owned).collect()
}

/// A login with what the page grants it in one database.
struct Login {
    name: String,
    connection: String,
    master: String,
}

impl Login {
    /// `None` where logins cannot be made.
    fn new(pair: &Pair, side: &str) -> Option<Self> {
        let database = if side == "source" { &pair.source } else { &pair.target };
        let name = format!("{side}_{}", database.name);
        let master = pair.server.connection("master");
        let create = format!("CREATE LOGIN [{name}] WITH PASSWORD = '{PASSWORD}'");
        if let Err(error) = Client::connect(&master).try_batch(&create) {
            eprintln!("skipped: no logins here: {error}");
            return None;
        }
        let statements = statements(side, &name);
        assert!(statements.len() >= 3, "{statements:?}");
        for sql in statements {
            database.client().batch(&sql);
        }
        let connection = pair.server.connection_as(&database.name, &name, PASSWORD);
        Endpoint::from_connection_string(&connection).unwrap();
        Some(Self { name, connection, master })
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = Client::connect(&self.master).try_batch(&format!("DROP LOGIN [{}]", self.name));
        }
    }
}

#[test]
fn the_grants_are_enough_and_do_not_reach_further() {
    let pair = Pair::new();
    for table in ["airlines", "other"] {
        pair.both(&format!(
            "CREATE TABLE dbo.{table} (id int IDENTITY NOT NULL PRIMARY KEY, name varchar(9) NULL)"
        ));
        pair.source(&format!("INSERT INTO dbo.{table} (name) VALUES ('a'), ('b')"));
    }
    pair.both(
        "CREATE TABLE dbo.flights (id int NOT NULL PRIMARY KEY, airline int NOT NULL, day date NOT NULL, \
         CONSTRAINT fk_airline FOREIGN KEY (airline) REFERENCES dbo.airlines (id))",
    );
    pair.both("CREATE INDEX ix_day ON dbo.flights (day)");
    pair.source(
        "INSERT INTO dbo.flights VALUES (1, 1, '2024-02-28'), (2, 2, '2024-02-29'), (3, 2, '2024-03-01')",
    );
    let (Some(reader), Some(loader)) = (Login::new(&pair, "source"), Login::new(&pair, "target")) else {
        return;
    };
    let config = "reference_tables = ['dbo.airlines', 'dbo.other']\ndate_tables = ['dbo.flights']\n";
    let tool = Program::new(env!("CARGO_BIN_EXE_run-replica-etl"))
        .with("REPLICA_SOURCE", &reader.connection)
        .with("REPLICA_TARGET", &loader.connection)
        .file("replica.toml", config);
    // Twice: the second time there are old rows, and the ledger.
    for _ in 0..2 {
        tool.run(&["--as-of=2024-02-29", "--look-back=1", "--only", "airlines", "flights"]).exits(0);
    }
    pair.assert_equal("SELECT id, name FROM dbo.airlines ORDER BY id");
    pair.assert_equal("SELECT id, airline, day FROM dbo.flights WHERE day < '2024-03-01' ORDER BY id");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.flights"), 2);
    tool.run(&["--as-of=2024-02-29", "--only", "other"]).exits(1).says("dbo.other");
    assert_eq!(pair.target.client().number("SELECT COUNT(*) FROM dbo.other"), 0);
}
