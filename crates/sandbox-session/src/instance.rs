//! The server instance: what all sessions share.
use crate::histograms::Histograms;
use crate::parsed::ParsedBatches;
use crate::sandbox::Sandbox;
use crate::sqlite::register;
use rusqlite::Connection;
use sandbox_catalog::ops::Ops;
use sandbox_catalog::persist;
use sandbox_catalog::schema::{Instance, Password};
use sandbox_catalog::store::{Storage, Store, storage_error};
use sandbox_transactions::locks::{LockManager, SessionId};
use sandbox_transactions::{Eyes, Registry, RowVersions, recover};
use sandbox_values::error::SqlError;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::SystemTime;

#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// The password of `sa`, where the storage is new.
    pub sa_password: Password,
    /// `@@SERVERNAME`.
    pub server_name: String,
}

/// One sandbox server. Cheap to share; sessions hold it.
pub struct Engine {
    pub options: EngineOptions,
    pub locks: LockManager,
    /// Faults, counters and the like: what only a stand-in has.
    pub sandbox: Sandbox,
    /// What UPDATE STATISTICS has found.
    pub histograms: Histograms,
    pub transactions: Arc<Registry>,
    pub batches: ParsedBatches,
    instance: RwLock<Instance>,
    store: Store,
    /// SQLite has one writer at a time: a queue is fairer than its polling.
    writer: Mutex<()>,
    sessions: Mutex<BTreeMap<SessionId, SessionInfo>>,
    pub row_versions: RowVersions,
}

/// What others can see of a session (`sys.dm_exec_sessions`).
#[derive(Clone, Debug)]
pub struct SessionInfo {
    pub login: String,
    pub host: String,
    pub program: String,
    pub database: i16,
    pub logged_in: SystemTime,
    /// What SET CONTEXT_INFO has said of it; empty before.
    pub context: Vec<u8>,
    /// The request at work, or else the last one.
    pub request: Option<Activity>,
    /// Ends its connection.
    pub kill: Option<Kill>,
}

/// What KILL calls.
#[derive(Clone)]
pub struct Kill(pub Arc<dyn Fn() + Send + Sync>);

impl std::fmt::Debug for Kill {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kill")
    }
}

/// A request as `sys.dm_exec_requests` shows it while it is at work.
#[derive(Clone, Copy, Debug)]
pub struct Activity {
    pub started: SystemTime,
    pub ended: Option<SystemTime>,
    /// The kind of its statement now: SELECT, BULK INSERT.
    pub command: &'static str,
}

impl SessionInfo {
    /// The request at work.
    pub fn busy(&self) -> Option<Activity> {
        self.request.filter(|request| request.ended.is_none())
    }
}

impl Engine {
    /// Opens the storage, rolls back what a crash left unfinished and reads the catalog.
    ///
    /// # Errors
    /// 5120 where the folder or its file can't be opened.
    pub fn open(storage: Storage, options: EngineOptions) -> Result<Arc<Self>, SqlError> {
        let store = Store::open(storage).map_err(|e| {
            SqlError::new(5120, 16, 101, format!("Unable to open the sandbox's storage: {e}."))
        })?;
        let connection = store.connect().map_err(|e| storage_error(&e))?;
        // Indexes on text call our functions, also where rows of an unfinished transaction leave them.
        register(&connection, &Ops::default(), &Eyes::default()).map_err(|e| storage_error(&e))?;
        let floor = recover(&connection).map_err(|e| storage_error(&e))?;
        let instance = persist::load(&connection, &options.sa_password)?;
        Ok(Arc::new(Self {
            options,
            locks: LockManager::default(),
            sandbox: Sandbox::default(),
            histograms: Histograms::default(),
            transactions: Arc::new(Registry::new(floor)),
            batches: ParsedBatches::default(),
            instance: RwLock::new(instance),
            store,
            writer: Mutex::new(()),
            sessions: Mutex::new(BTreeMap::new()),
            // Above all that were given before, as transaction ids are.
            row_versions: RowVersions::new(floor),
        }))
    }

    /// The catalog, to read. Never hold it across a wait for a lock.
    pub fn instance(&self) -> RwLockReadGuard<'_, Instance> {
        self.instance.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The catalog, to change, under Sch-M on what is changed. Never hold it across a wait for a lock.
    pub fn instance_mut(&self) -> RwLockWriteGuard<'_, Instance> {
        self.instance.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client has sent an attention or gone: whoever waits for a lock, or is stalled, looks up.
    pub fn interrupt(&self) {
        self.locks.interrupt();
        self.sandbox.interrupt();
    }

    pub fn connection(&self) -> rusqlite::Result<Connection> {
        self.store.connect()
    }

    /// What it stores goes with it.
    pub const fn is_temporary(&self) -> bool {
        self.store.is_temporary()
    }

    /// Held while a SQLite transaction writes; never while waiting for a lock.
    pub fn writer(&self) -> MutexGuard<'_, ()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The sessions that are logged in.
    pub fn sessions(&self) -> MutexGuard<'_, BTreeMap<SessionId, SessionInfo>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
