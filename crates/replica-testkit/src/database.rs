//! Databases with names of their own.
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::{Client, Server};

/// A database that is dropped with it. Declare it after the server that it is on.
pub struct Database {
    pub name: String,
    pub connection: String,
    master: String,
}

impl Database {
    pub fn create(server: &Server) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let time = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        let name = format!("replica_test_{}_{time}_{count}", std::process::id());
        let master = server.connection("master");
        Client::connect(&master).batch(&format!("CREATE DATABASE [{name}]"));
        Self { connection: server.connection(&name), name, master }
    }

    pub fn client(&self) -> Client {
        Client::connect(&self.connection)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The server may be what failed; a second panic would hide the first.
            return;
        }
        let drop = format!("DROP DATABASE [{}]", self.name);
        let mut client = Client::connect(&self.master);
        // Only SQL Server needs its other connections cut off, and only it knows how.
        let _ = client
            .try_batch(&format!("ALTER DATABASE [{}] SET SINGLE_USER WITH ROLLBACK IMMEDIATE", self.name));
        if let Err(error) = client.try_batch(&drop) {
            eprintln!("{}: {error}", self.name);
        }
    }
}

/// A source and a target database on one server.
pub struct Pair {
    pub source: Database,
    pub target: Database,
    pub server: Server,
}

impl Pair {
    pub fn new() -> Self {
        Self::on(Server::start())
    }

    pub fn on(server: Server) -> Self {
        Self { source: Database::create(&server), target: Database::create(&server), server }
    }

    /// Runs statements on both sides.
    #[track_caller]
    pub fn both(&self, sql: &str) {
        self.source(sql);
        self.target(sql);
    }

    #[track_caller]
    pub fn source(&self, sql: &str) {
        self.source.client().batch(sql);
    }

    #[track_caller]
    pub fn target(&self, sql: &str) {
        self.target.client().batch(sql);
    }

    /// Panics unless the query has the same answer on both sides, and some rows.
    #[track_caller]
    pub fn assert_equal(&self, sql: &str) {
        let (source, target) = (self.source.client().values(sql), self.target.client().values(sql));
        assert!(!source.is_empty(), "no rows to compare: {sql}");
        assert_eq!(source, target, "{sql}");
    }
}

impl Default for Pair {
    fn default() -> Self {
        Self::new()
    }
}
