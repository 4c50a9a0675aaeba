//! What the tests share.
use std::time::Duration;

use replica_core::catalog::{self, Table};
use replica_core::config::Endpoint;
use replica_core::ledger::{
    self, Begun, Claim, NextClaim, PlannedWindow, ResumeMode, Run, RunOptions, Subject,
};
use replica_core::session::{Role, Session};
use replica_core::window::{DayRange, Range, Unit, Window, date};
use replica_testkit::{Client, Database, Server};

/// Longer than any test takes.
pub const LEASE: Duration = Duration::from_secs(600);

/// A target database with `dbo.SALES` and the ledger.
pub struct LedgerStage {
    // Dropped before the server that it is on.
    pub database: Database,
    pub server: Server,
}

impl LedgerStage {
    pub fn new() -> Self {
        let stage = Self::without_ledger();
        run(async {
            ledger::open(&mut stage.session().await).await.unwrap();
        });
        stage
    }

    pub fn without_ledger() -> Self {
        let server = Server::start();
        let database = Database::create(&server);
        Self::with_table(server, database)
    }

    /// In a database where names differ by case, and readers see old versions of rows that are being changed.
    pub fn case_sensitive_with_row_versions() -> Self {
        let server = Server::start();
        let database = Database::create(&server);
        let name = &database.name;
        let mut master = server.client("master");
        master.batch(&format!("DROP DATABASE [{name}]"));
        master.batch(&format!("CREATE DATABASE [{name}] COLLATE Latin1_General_100_BIN2"));
        master.batch(&format!("ALTER DATABASE [{name}] SET READ_COMMITTED_SNAPSHOT ON"));
        let stage = Self::with_table(server, database);
        run(async {
            ledger::open(&mut stage.session().await).await.unwrap();
        });
        stage
    }

    fn with_table(server: Server, database: Database) -> Self {
        database.client().batch(
            "CREATE TABLE dbo.SALES (id int NOT NULL CONSTRAINT PK_SALES PRIMARY KEY, \
             sale_date date NOT NULL, label varchar(10) NULL)",
        );
        Self { database, server }
    }

    /// On a thread of its own, since tests call it from within their futures.
    #[track_caller]
    pub fn client<T: Send>(&self, work: impl FnOnce(&mut Client) -> T + Send) -> T {
        std::thread::scope(|scope| scope.spawn(|| work(&mut self.database.client())).join().unwrap())
    }

    #[track_caller]
    pub fn batch(&self, sql: &str) {
        self.client(|client| client.batch(sql));
    }

    #[track_caller]
    pub fn number(&self, sql: &str) -> i64 {
        self.client(|client| client.number(sql))
    }

    pub fn endpoint(&self) -> Endpoint {
        Endpoint::from_connection_string(&self.database.connection).unwrap()
    }

    pub async fn session(&self) -> Session {
        Session::connect(&self.endpoint(), Role::Target).await.unwrap()
    }

    /// Every value of every row.
    #[track_caller]
    pub fn texts(&self, sql: &str) -> Vec<Vec<String>> {
        let text = |row: &replica_core::session::Row| {
            let record = catalog::record::CatalogRow::from(row);
            let names: Vec<String> = row.columns().iter().map(|column| column.name().to_owned()).collect();
            names
                .iter()
                .map(|name| match record.int(name) {
                    Some(number) => number.to_string(),
                    None => record.text(name).unwrap_or("NULL").to_owned(),
                })
                .collect()
        };
        self.client(|client| client.rows(sql).iter().map(text).collect())
    }

    /// `state`, row count and attempts of each window on record, in run_options.
    #[track_caller]
    pub fn windows(&self) -> Vec<Vec<String>> {
        self.texts(
            "SELECT CONVERT(varchar(10), first_date, 126) AS first_date, state, row_count, attempts \
             FROM replica.windows ORDER BY table_name, first_date, next_date",
        )
    }

    /// What happens when a host dies: nobody renews its lease any more.
    pub fn kill(&self, run: &Run) {
        self.batch(&format!(
            "UPDATE replica.runs SET lease_until = DATEADD(second, -1, SYSUTCDATETIME()) WHERE run_id = {}",
            run.id
        ));
    }
}

pub fn run<F: Future>(test: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

pub fn subject() -> Subject {
    Subject {
        table: "dbo.SALES".parse().unwrap(),
        object_id: 7,
        cut_by: "sale_date".into(),
        fingerprint: "f".repeat(32),
        source: "PROD/shop/dbo.SALES".into(),
    }
}

/// The months from January 2024 on, with so many rows each.
pub fn months(rows: &[u64]) -> Vec<PlannedWindow> {
    let first = date("", "2024-01-01").unwrap();
    let last = date("", &format!("2024-{:02}-28", rows.len())).unwrap();
    let windows = Range::new(first, last).unwrap().windows(Unit::Month).unwrap();
    let planned = windows.into_iter().zip(rows);
    planned
        .map(|(window, rows)| PlannedWindow { window, estimated_rows: *rows })
        .map(|p| PlannedWindow { window: whole_month(p.window), ..p })
        .collect()
}

/// The last one ends with the month, too.
fn whole_month(window: Window) -> Window {
    let days = window.days().unwrap();
    let next = days.first + time::Duration::days(32);
    DayRange { next: next.replace_day(1).unwrap(), ..days }.into()
}

/// An run_options for these windows.
pub fn run_options<'a>(subject: &'a Subject, windows: &'a [PlannedWindow]) -> RunOptions<'a> {
    RunOptions {
        tool: "test",
        subject,
        windows,
        resume: ResumeMode::Replace,
        changed: &[],
        shared: false,
        lease: LEASE,
    }
}

/// The windows that are skipped.
pub fn skipped(begun: &Begun) -> Vec<Window> {
    begun.skipped.iter().map(|complete| complete.window.clone()).collect()
}

/// Begins, and lets others begin.
pub async fn begin(session: &mut Session, run_options: &RunOptions<'_>) -> Begun {
    let begun = ledger::begin(session, run_options).await.unwrap();
    begun.run.started(session).await.unwrap();
    begun
}

/// Completes a claimed window with so many rows, in a transaction of its own.
pub async fn complete(session: &mut Session, claim: &Claim, rows: u64) {
    session.lane().unwrap().begin().await.unwrap();
    claim.complete(session, &loaded(rows)).await.unwrap();
    session.lane().unwrap().commit().await.unwrap();
}

pub fn loaded(rows: u64) -> ledger::Loaded {
    ledger::Loaded {
        fingerprint: replica_core::tds::fingerprint::Fingerprint { rows, hash: 0xABC },
        bytes: 100 * rows,
        deleting: Duration::from_millis(1_500),
        loading: Duration::from_millis(2_500),
    }
}

pub fn claimed(next: NextClaim) -> Claim {
    match next {
        NextClaim::Claimed(claim) => claim,
        other => panic!("a window was to be claimed, not {other:?}"),
    }
}

pub async fn table(session: &mut Session) -> Table {
    catalog::read(session, Role::Target, &"dbo.SALES".parse().unwrap()).await.unwrap()
}
