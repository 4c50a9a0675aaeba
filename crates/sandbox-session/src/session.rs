//! One connection's state.
use crate::api::{BulkTarget, Sink};
use crate::failure::{Failure, Outcome};
use crate::instance::{Activity, Engine, Kill, SessionInfo};
use crate::made::MadeTables;
use crate::options::SetOptions;
use crate::sqlite::register;
use rusqlite::Connection;
use sandbox_catalog::login::authenticate;
use sandbox_catalog::ops::Ops;
use sandbox_catalog::permissions::{self, ObjectKey, Rights};
use sandbox_catalog::schema::{Database, Instance, Password, Table};
use sandbox_catalog::store::storage_error;
use sandbox_sql::parse::Hint;
use sandbox_sql::terms::Isolation;
use sandbox_transactions::locks::{LockMode, LockScope, Request, Resource, SessionId};
use sandbox_transactions::{Eyes, Transaction};
use sandbox_values::CollationId;
use sandbox_values::error::SqlError;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What LOGIN7 says.
#[derive(Clone, Debug, Default)]
pub struct Login {
    pub user: String,
    pub password: Password,
    /// Somebody else has made sure who it is: the password does not count.
    pub vouched_for: bool,
    /// Empty for the login's default.
    pub database: String,
    pub host: String,
    pub program: String,
}

/// What a transaction-manager request asks ([MS-TDS] 2.2.6.9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransactionRequest {
    Begin { name: String, isolation: Option<Isolation> },
    Commit { name: String, then_begin: bool },
    Rollback { name: String, then_begin: bool },
    Save { name: String },
}

/// One connection. Dropping it rolls back and frees what it holds.
pub struct Session {
    pub id: SessionId,
    pub login: Login,
    pub options: SetOptions,
    pub engine: Arc<Engine>,
    pub connection: Connection,
    /// database_id of the current database.
    pub database: i16,
    /// database_id of the one that it has logged in to.
    pub(crate) first_database: i16,
    pub transaction: Option<Transaction>,
    pub pending_bulk: Option<PendingBulk>,
    /// `@@ROWCOUNT`, `@@ERROR`, `@@IDENTITY` and what goes with them.
    pub last: LastStatement,
    /// The triggers that are running, the innermost last.
    pub firing: Vec<Firing>,
    /// WITH CHANGE_TRACKING_CONTEXT of the statement that is at work.
    pub change_context: Option<Vec<u8>>,
    /// Inside INSERT ... EXEC.
    pub collecting: bool,
    pub ops: Ops,
    pub eyes: Eyes,
    pub made: MadeTables,
}

/// What an INSERT BULK statement has promised.
pub struct PendingBulk {
    pub target: BulkTarget,
    pub database: i16,
    pub table: Arc<Table>,
    /// Positions in the table of the columns that come.
    pub positions: Vec<usize>,
    pub hints: Vec<Hint>,
}

/// The pseudo tables of a trigger that is running, by their object_ids in tempdb.
#[derive(Clone, Copy, Debug)]
pub struct Firing {
    pub inserted: i32,
    pub deleted: i32,
    /// object_id of the trigger.
    pub trigger: i32,
}

/// What the last statement left for the next to ask.
#[derive(Clone, Debug, Default)]
pub struct LastStatement {
    pub rowcount: u64,
    pub error: i32,
    pub identity: Option<i128>,
}

impl Engine {
    /// Logs a client in.
    ///
    /// # Errors
    /// 18456 for a wrong name or password, 4060 for a database that is not there or not permitted.
    pub fn connect(self: &Arc<Self>, login: &Login) -> Result<Session, SqlError> {
        Session::new(Arc::clone(self), login)
    }
}

/// Bytes of what a session may say of itself.
const CONTEXT: usize = 128;

impl Session {
    fn new(engine: Arc<Engine>, login: &Login) -> Result<Self, SqlError> {
        let connection = engine.connection().map_err(|e| storage_error(&e))?;
        let (ops, eyes) = (Ops::default(), Eyes::default());
        register(&connection, &ops, &eyes).map_err(|e| storage_error(&e))?;
        let password = (!login.vouched_for).then_some(&login.password);
        let database = authenticate(&engine.instance(), &login.user, password, &login.database)?;
        let info = SessionInfo {
            login: login.user.clone(),
            host: login.host.clone(),
            program: login.program.clone(),
            database,
            logged_in: SystemTime::now(),
            context: Vec::new(),
            request: None,
            kill: None,
        };
        let id = {
            let mut sessions = engine.sessions();
            // SQL Server keeps the first fifty for itself.
            let Some(id) = (51..=SessionId::MAX).find(|id| !sessions.contains_key(id)) else {
                return Err(SqlError::new(
                    17809,
                    20,
                    1,
                    "Could not connect because the maximum number of user connections has been reached.",
                ));
            };
            sessions.insert(id, info);
            id
        };
        Ok(Self {
            id,
            login: Login { password: Password::default(), ..login.clone() },
            options: SetOptions::default(),
            engine,
            connection,
            database,
            first_database: database,
            transaction: None,
            pending_bulk: None,
            last: LastStatement::default(),
            firing: Vec::new(),
            change_context: None,
            collecting: false,
            ops,
            eyes,
            made: MadeTables::default(),
        })
    }

    /// After an INSERT BULK batch: what the bulk message must bring as the very next request.
    pub fn pending_bulk(&self) -> Option<BulkTarget> {
        self.pending_bulk.as_ref().map(|pending| pending.target.clone())
    }

    /// What ends this session's connection, for others to call.
    pub fn killed_by(&self, kill: impl Fn() + Send + Sync + 'static) {
        self.tell(|info| info.kill = Some(Kill(Arc::new(kill))));
    }

    /// Shows to others what it is, with zeros to the end.
    pub fn has_context(&self, mut context: Vec<u8>) {
        context.resize(CONTEXT, 0);
        self.tell(|info| info.context = context);
    }

    pub(crate) fn has_no_context(&self) {
        self.tell(|info| info.context.clear());
    }

    pub fn enter_database(&mut self, id: i16) {
        self.database = id;
        self.tell(|info| info.database = id);
    }

    /// Shows to others that a request runs here.
    pub fn at_work<T>(&mut self, command: &'static str, work: impl FnOnce(&mut Self) -> T) -> T {
        let activity = Activity { started: SystemTime::now(), ended: None, command };
        self.tell(|info| info.request = Some(activity));
        let done = work(self);
        self.tell(|info| {
            if let Some(request) = &mut info.request {
                request.ended = Some(SystemTime::now());
            }
        });
        done
    }

    /// Shows to others what the request is at.
    pub fn doing(&self, command: &'static str) {
        self.tell(|info| {
            if let Some(request) = &mut info.request {
                request.command = command;
            }
        });
    }

    fn tell(&self, change: impl FnOnce(&mut SessionInfo)) {
        if let Some(info) = self.engine.sessions().get_mut(&self.id) {
            change(info);
        }
    }

    /// The user's rights in a database.
    pub fn rights<'a>(&self, instance: &Instance, database: &'a Database) -> Rights<'a> {
        permissions::rights(instance, database, &self.login.user)
    }

    /// # Errors
    /// 229 where the session's user may not do this to the object.
    pub fn may(
        &self,
        database: i16,
        target: ObjectKey,
        name: &str,
        permission: &str,
    ) -> Result<(), SqlError> {
        let instance = self.engine.instance();
        match instance.databases.get(&database) {
            Some(database) => permissions::check(&self.rights(&instance, database), permission, target, name),
            None => Ok(()),
        }
    }

    /// The next rowversion of a database, for a row that the open transaction writes.
    pub fn next_row_version(&self, database: i16) -> [u8; 8] {
        self.engine.row_versions.next(database, self.transaction.as_ref().map(|t| t.id))
    }

    /// The descriptor of the open transaction, as the wire names it; 0 for none.
    pub fn transaction_descriptor(&self) -> u64 {
        self.transaction.as_ref().filter(|t| t.depth > 0).map_or(0, |t| t.id)
    }

    /// Name and collation of the current database.
    pub fn current_database(&self) -> (String, CollationId) {
        let instance = self.engine.instance();
        let found = instance.databases.get(&self.database);
        found.map_or((String::new(), CollationId::SERVER_DEFAULT), |d| (d.name.clone(), d.collation))
    }

    pub fn lock(
        &self,
        resource: Resource,
        mode: LockMode,
        scope: LockScope,
        cancelled: &dyn Fn() -> bool,
    ) -> Outcome {
        let request = Request {
            session: self.id,
            scope,
            resource,
            mode,
            timeout: self.options.lock_timeout,
            deadlock_priority: self.options.deadlock_priority,
            low_priority: false,
            cancelled,
        };
        self.engine.locks.acquire(&request).map_err(|e| Failure::from_lock(e, self.id))?;
        Ok(())
    }

    /// Locks a table to the end of the transaction, or of the statement.
    pub fn lock_table(
        &self,
        table: (i16, i32),
        mode: LockMode,
        scope: LockScope,
        sink: &dyn Sink,
    ) -> Outcome {
        let resource = Resource::Table { database: table.0, object_id: table.1 };
        self.lock(resource, mode, scope, &|| sink.cancelled())
    }

    /// Sch-M on a table to the end of the transaction, waited for at low priority: so long, or as long as `LOCK_TIMEOUT`
    /// says where that is shorter.
    ///
    /// # Errors
    /// 1222 after that time; 1205.
    pub fn lock_table_patiently(&self, table: (i16, i32), patience: Duration, sink: &dyn Sink) -> Outcome {
        let timeout = self.options.lock_timeout.map_or(patience, |limit| limit.min(patience));
        let request = Request {
            session: self.id,
            scope: LockScope::Transaction,
            resource: Resource::Table { database: table.0, object_id: table.1 },
            mode: LockMode::SchM,
            timeout: Some(timeout),
            deadlock_priority: self.options.deadlock_priority,
            low_priority: true,
            cancelled: &|| sink.cancelled(),
        };
        self.engine.locks.acquire(&request).map_err(|e| Failure::from_lock(e, self.id))?;
        Ok(())
    }

    /// Locks the places between a table's rows, all of them at once: U keeps new rows out, IX asks to put some in.
    pub fn lock_range(
        &self,
        table: (i16, i32),
        mode: LockMode,
        scope: LockScope,
        sink: &dyn Sink,
    ) -> Outcome {
        let resource = Resource::Range { database: table.0, object_id: table.1 };
        self.lock(resource, mode, scope, &|| sink.cancelled())
    }

    /// Runs `work` in one SQLite transaction that writes; all of it stays or, on an error, none.
    /// Nested calls join the outer one. Never wait for a lock inside.
    pub fn write<T, E: From<rusqlite::Error>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        if !self.connection.is_autocommit() {
            return work(self);
        }
        let engine = Arc::clone(&self.engine);
        let _gate = engine.writer();
        self.write_gated(work)
    }

    /// As [`Session::write`], where the caller holds the writers' gate.
    pub fn write_gated<T, E: From<rusqlite::Error>>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.connection.execute_batch("BEGIN IMMEDIATE")?;
        let result = work(self);
        let end = if result.is_ok() { "COMMIT" } else { "ROLLBACK" };
        if let Err(error) = self.connection.execute_batch(end) {
            if !self.connection.is_autocommit() {
                self.connection.execute_batch("ROLLBACK")?;
            }
            return result.and(Err(error.into()));
        }
        result
    }
}
