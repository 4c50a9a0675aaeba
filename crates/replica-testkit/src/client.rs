//! A connection for the test itself: sets the stage, and reads back with tiberius' own decoder, which has no part
//! in what is tested.
use replica_core::config::Endpoint;
use replica_core::error::Result;
use replica_core::session::{Role, Row, Session};
use replica_core::tds::packet::kind;
use tokio::runtime::{Builder, Runtime};

pub struct Client {
    runtime: Runtime,
    session: Session,
}

impl Client {
    pub fn connect(connection: &str) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let endpoint = Endpoint::from_connection_string(connection).expect("a connection string");
        let session =
            runtime.block_on(Session::connect(&endpoint, Role::Target)).expect("the server answers");
        Self { runtime, session }
    }

    /// Runs statements that must work.
    #[track_caller]
    pub fn run(&mut self, sql: &str) {
        if let Err(error) = self.try_run(sql) {
            panic!("{error}\n{sql}");
        }
    }

    /// Runs statements that may be refused.
    pub fn try_run(&mut self, sql: &str) -> Result<()> {
        self.runtime.block_on(self.session.query_all(sql, &[])).map(drop)
    }

    /// Runs a batch of its own, where SQL Server asks for one (CREATE SCHEMA, CREATE TRIGGER).
    pub fn try_batch(&mut self, sql: &str) -> Result<()> {
        self.runtime.block_on(self.session.execute(sql)).map(drop)
    }

    #[track_caller]
    pub fn batch(&mut self, sql: &str) {
        if let Err(error) = self.try_batch(sql) {
            panic!("{error}\n{sql}");
        }
    }

    /// Sends the message of a bulk load as it is, after its INSERT BULK.
    pub fn try_bulk(&mut self, message: &[u8]) -> Result<()> {
        self.runtime.block_on(async {
            let lane = self.session.lane()?;
            lane.send_message(kind::BULK_LOAD, message).await?;
            lane.reply().await.map(drop)
        })
    }

    pub fn try_rows(&mut self, sql: &str) -> Result<Vec<Row>> {
        self.runtime.block_on(self.session.query(sql, &[]))
    }

    #[track_caller]
    pub fn rows(&mut self, sql: &str) -> Vec<Row> {
        match self.try_rows(sql) {
            Ok(rows) => rows,
            Err(error) => panic!("{error}\n{sql}"),
        }
    }

    /// Every value of every row, as tiberius understands it.
    #[track_caller]
    pub fn values(&mut self, sql: &str) -> Vec<Vec<String>> {
        let values = |row: &Row| row.cells().map(|(_, value)| format!("{value:?}")).collect();
        self.rows(sql).iter().map(values).collect()
    }

    /// The first value, an integer.
    #[track_caller]
    pub fn number(&mut self, sql: &str) -> i64 {
        use replica_core::catalog::record::CatalogRow;
        let rows = self.rows(&format!("SELECT ({sql}) AS n"));
        CatalogRow::from(&rows[0]).int("n").unwrap_or_else(|| panic!("no number: {sql}"))
    }
}
