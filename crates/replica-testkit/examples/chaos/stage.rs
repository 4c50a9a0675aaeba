//! The tables, what changes of them, and what has to be as it was.
use std::io;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use replica_testkit::Dice;

use crate::servers::{PROGRAM, TroubledServer};

/// Made on both sides. The heap has no key, and an index that a load disables. The ranged table has no days, and the parted
/// one has a partition for each of its months.
const TABLES: [&str; 11] = [
    "CREATE TABLE dbo.sales (day date NOT NULL, id int NOT NULL, label nvarchar(200) NULL, amount decimal(9, 2) NULL,
        CONSTRAINT PK_sales PRIMARY KEY CLUSTERED (day, id))",
    "CREATE INDEX IX_sales ON dbo.sales (amount)",
    "CREATE TABLE dbo.heap (day date NOT NULL, id int NOT NULL, label nvarchar(200) NULL, INDEX IX_heap NONCLUSTERED (id))",
    "CREATE TABLE dbo.parent (id int NOT NULL PRIMARY KEY, name nvarchar(200) NULL, CONSTRAINT CK_parent CHECK (id > 0))",
    "CREATE TABLE dbo.child (id int NOT NULL PRIMARY KEY, note nvarchar(200) NULL,
        parent int NULL CONSTRAINT FK_child REFERENCES dbo.parent (id))",
    "CREATE TABLE dbo.kept (id int NOT NULL PRIMARY KEY, v nvarchar(200) NULL)",
    "CREATE TABLE dbo.ranged (region varchar(9) COLLATE Latin1_General_CI_AS NOT NULL, id int NOT NULL, label nvarchar(200) NULL,
        CONSTRAINT PK_ranged PRIMARY KEY CLUSTERED (region, id))",
    "CREATE INDEX IX_ranged ON dbo.ranged (label)",
    "CREATE PARTITION FUNCTION by_month (date) AS RANGE RIGHT FOR VALUES
        ('2024-01-01', '2024-02-01', '2024-03-01', '2024-04-01', '2024-05-01', '2024-06-01', '2024-07-01')",
    "CREATE PARTITION SCHEME months AS PARTITION by_month ALL TO ([PRIMARY])",
    "CREATE TABLE dbo.parted (day date NOT NULL, id int NOT NULL, label nvarchar(200) NULL,
        CONSTRAINT PK_parted PRIMARY KEY CLUSTERED (day, id)) ON months(day)",
];

pub const SALES: &str = "SELECT day, id, label, amount FROM dbo.sales";
pub const HEAP: &str = "SELECT day, id, label FROM dbo.heap";
pub const RANGED: &str = "SELECT region, id, label FROM dbo.ranged";
pub const PARTED: &str = "SELECT day, id, label FROM dbo.parted";
pub const PARENT: &str = "SELECT id, name FROM dbo.parent";
pub const CHILD: &str = "SELECT id, note, parent FROM dbo.child";
pub const KEPT: &str = "SELECT id, v FROM dbo.kept";
pub const BYSTANDER: &str = "SELECT id, v FROM dbo.bystander";

/// Everything of the target but rows.
const SHAPE: [&str; 7] = [
    "SELECT s.name, t.name FROM sys.tables t JOIN sys.schemas s ON s.schema_id = t.schema_id ORDER BY s.name, t.name",
    "SELECT OBJECT_NAME(object_id), name, type, is_unique, is_disabled FROM sys.indexes
        WHERE OBJECT_SCHEMA_NAME(object_id) = 'dbo' ORDER BY object_id, index_id",
    "SELECT name, is_disabled, is_not_trusted FROM sys.foreign_keys ORDER BY name",
    "SELECT name, is_disabled, is_not_trusted FROM sys.check_constraints WHERE OBJECT_SCHEMA_NAME(parent_object_id) = 'dbo' ORDER BY name",
    "SELECT name, is_disabled FROM sys.triggers ORDER BY name",
    "SELECT COUNT(*) FROM replica.disabled_indexes",
    "SELECT COUNT(*) FROM replica.staging",
];

/// A session goes on until its server learns that the client is gone.
const GOODBYE: Duration = Duration::from_secs(60);

pub type TableRows = Vec<Vec<String>>;

pub struct ChaosStage {
    pub source: TroubledServer,
    pub target: TroubledServer,
}

impl ChaosStage {
    pub fn new(program: &Path) -> io::Result<Self> {
        let stage = Self { source: TroubledServer::start(program)?, target: TroubledServer::start(program)? };
        let (mut source, mut target) = (stage.source.client(), stage.target.client());
        source.run(
            "ALTER DATABASE CURRENT SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 2 DAYS, AUTO_CLEANUP = ON)",
        );
        source.run("ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON");
        for table in TABLES {
            source.batch(table);
            target.batch(table);
        }
        source.run("ALTER TABLE dbo.kept ENABLE CHANGE_TRACKING");
        target.run("CREATE TABLE dbo.bystander (id int NOT NULL PRIMARY KEY, v varchar(9) NOT NULL)");
        target.run("INSERT INTO dbo.bystander VALUES (1, 'stays'), (2, 'as it is')");
        // Outside of the days that are ever replaced.
        target.run(
            "INSERT INTO dbo.sales VALUES ('2023-12-31', 1, N'stays', 1), ('2024-07-01', 2, N'stays', 2)",
        );
        target.run("INSERT INTO dbo.parted SELECT day, id, label FROM dbo.sales");
        source.run("INSERT INTO dbo.sales VALUES ('2024-01-01', 0, N'first', 0)");
        for doubling in 0..10 {
            let by = 1 << doubling;
            source.run(&format!(
                "INSERT INTO dbo.sales SELECT DATEADD(day, (id + {by}) % 182, '2024-01-01'), id + {by},
                    REPLICATE(N'Ünï ', (id + {by}) % 40), (id + {by}) % 97 FROM dbo.sales"
            ));
        }
        source.run("INSERT INTO dbo.heap SELECT day, id, label FROM dbo.sales");
        source.run("INSERT INTO dbo.parted SELECT day, id, label FROM dbo.sales");
        source.run("INSERT INTO dbo.ranged SELECT CHAR(97 + id % 26), id, label FROM dbo.sales");
        source.run("INSERT INTO dbo.parent SELECT id + 1, label FROM dbo.sales WHERE id < 500");
        source.run("INSERT INTO dbo.child SELECT id, label, id + 1 FROM dbo.sales WHERE id < 500");
        source.run("INSERT INTO dbo.kept SELECT id, label FROM dbo.sales WHERE id < 200");
        Ok(stage)
    }

    /// Some rows of every table come, some change, some go.
    pub fn change(&self, round: u32, dice: &mut Dice) {
        let mut source = self.source.client();
        let part = dice.below(17);
        let mut id = 10_000 + 10 * round;
        for (table, text) in [
            ("sales", "label"),
            ("heap", "label"),
            ("ranged", "label"),
            ("parted", "label"),
            ("parent", "name"),
            ("child", "note"),
            ("kept", "v"),
        ] {
            source.run(&format!(
                "UPDATE dbo.{table} SET {text} = N'round {round} ' + REPLICATE(N'x', id % 90) WHERE id % 17 = {part}"
            ));
        }
        for (table, of) in
            [("sales", 3), ("heap", 3), ("ranged", 3), ("parted", 3), ("child", 2), ("kept", 2)]
        {
            source.run(&format!(
                "DELETE FROM dbo.{table} WHERE id >= 10000 AND id % {of} = {}",
                dice.below(of)
            ));
        }
        source.run("DELETE FROM dbo.parent WHERE id >= 10000 AND id NOT IN (SELECT parent FROM dbo.child WHERE parent IS NOT NULL)");
        for _ in 0..5 {
            let day = dice.below(182);
            source.run(&format!(
                "INSERT INTO dbo.sales VALUES (DATEADD(day, {day}, '2024-01-01'), {id}, N'new', {day});
                 INSERT INTO dbo.heap VALUES (DATEADD(day, {day}, '2024-01-01'), {id}, N'new');
                 INSERT INTO dbo.parted VALUES (DATEADD(day, {day}, '2024-01-01'), {id}, N'new');
                 INSERT INTO dbo.ranged VALUES (CHAR(97 + {day} % 26), {id}, N'new');
                 INSERT INTO dbo.parent VALUES ({id}, N'new'); INSERT INTO dbo.child VALUES ({id}, N'new', {id});
                 INSERT INTO dbo.kept VALUES ({id}, N'new')"
            ));
            id += 1;
        }
    }

    /// Nothing is on record of windows, so that none is skipped whose rows have changed at the source.
    pub fn forget_windows(&self) {
        self.target.client().run("IF OBJECT_ID('replica.windows') IS NOT NULL DELETE FROM replica.windows");
    }

    pub fn shape(&self) -> Vec<TableRows> {
        let mut client = self.target.client();
        SHAPE.map(|sql| client.values(sql)).to_vec()
    }

    pub fn at_target(&self, queries: &[String]) -> Vec<TableRows> {
        let mut client = self.target.client();
        queries.iter().map(|sql| sorted(client.values(sql))).collect()
    }

    pub fn at_source(&self, queries: &[String]) -> Vec<TableRows> {
        let mut client = self.source.client();
        queries.iter().map(|sql| sorted(client.values(sql))).collect()
    }

    /// Waits until the tools' sessions are gone; those that stay longer than a server takes to notice.
    pub fn sessions_left(&self) -> TableRows {
        let sql = format!(
            "SELECT session_id, login_time FROM sys.dm_exec_sessions WHERE program_name = '{PROGRAM}'"
        );
        let begun = Instant::now();
        let (mut source, mut target) = (self.source.client(), self.target.client());
        loop {
            let left = [source.values(&sql), target.values(&sql)].concat();
            if left.is_empty() || begun.elapsed() > GOODBYE {
                return left;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn sorted(mut rows: TableRows) -> TableRows {
    rows.sort_unstable();
    rows
}
