//! The lock manager's views, and how they describe what is locked.
use crate::definition::{Cell, Row, row};
use crate::scope::ViewScope;
use sandbox_session::failure::Outcome;
use sandbox_transactions::locks::{LockMode, LockRow, Resource, SessionId, Status};
use sandbox_values::Value;
use std::time::Duration;

/// Transactions that a session holds open: it owns the lock on their end.
pub fn open_transactions(locks: &[LockRow], session: SessionId) -> usize {
    let owns = |l: &&LockRow| {
        l.session == session && l.status == Status::Grant && matches!(l.resource, Resource::Transaction(_))
    };
    locks.iter().filter(owns).count().min(1)
}

pub fn waits_for(locks: &[LockRow], session: SessionId) -> Option<&LockRow> {
    locks.iter().find(|l| l.session == session && l.status != Status::Grant)
}

pub fn waiting_tasks(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    scope.needs_server_state()?;
    let engine = &scope.session.engine;
    let locks = engine.locks.rows();
    Ok(locks
        .iter()
        .filter(|lock| lock.status != Status::Grant)
        .map(|wait| {
            row![
                Value::Bytes(u64::from(wait.session).to_be_bytes().to_vec()),
                wait.session,
                waited(wait),
                wait_type(wait.mode),
                engine.locks.blocker(wait.session),
                described(&wait.resource).wait_resource(),
            ]
        })
        .collect())
}

/// `LCK_M_SCH_M` for Sch-M.
pub fn wait_type(mode: LockMode) -> String {
    format!("LCK_M_{}", mode.name().to_uppercase().replace('-', "_"))
}

pub fn waited(wait: &LockRow) -> i64 {
    wait.since.map_or(0, |since| milliseconds(since.elapsed()))
}

pub fn milliseconds(duration: Duration) -> i64 {
    i64::from(i32::try_from(duration.as_millis()).unwrap_or(i32::MAX))
}

/// A resource as the lock views describe it.
pub struct LockDescription {
    kind: &'static str,
    database: i16,
    /// Only what the other columns do not say: an object's lock has none.
    description: String,
    entity: Option<i64>,
}

pub fn described(resource: &Resource) -> LockDescription {
    match resource {
        Resource::Table { database, object_id } => LockDescription {
            kind: "OBJECT",
            database: *database,
            description: String::new(),
            entity: Some(i64::from(*object_id)),
        },
        Resource::Range { database, object_id } => LockDescription {
            kind: "KEY",
            database: *database,
            description: "(ffffffffffff)".to_owned(),
            entity: Some(i64::from(*object_id)),
        },
        Resource::Application { database, name } => LockDescription {
            kind: "APPLICATION",
            database: *database,
            // The principal's id, the name's first 32 characters, and a hash of it (Microsoft docs,
            // sys.dm_tran_locks); which hash is not documented.
            description: format!("0:[{}]:({:08x})", name.chars().take(32).collect::<String>(), hash(name)),
            entity: Some(0),
        },
        Resource::Transaction(id) => LockDescription {
            kind: "XACT",
            database: 0,
            description: id.to_string(),
            entity: Some(*id as i64),
        },
    }
}

impl LockDescription {
    /// `OBJECT: 5:245575913:0`, `APPLICATION: 5:0:[name]:(hash)` (Microsoft docs, sys.dm_os_waiting_tasks and
    /// "Understand and resolve blocking problems").
    pub fn wait_resource(&self) -> String {
        let Self { kind, database, description, entity } = self;
        match (*kind, entity) {
            ("OBJECT", Some(object_id)) => format!("OBJECT: {database}:{object_id}:0"),
            _ => format!("{kind}: {database}:{description}"),
        }
    }
}

/// FNV-1a.
fn hash(name: &str) -> u32 {
    name.bytes().fold(0x811C_9DC5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

pub fn locks(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    scope.needs_server_state()?;
    let all = scope.session.engine.locks.rows();
    Ok(all
        .iter()
        .map(|l| {
            let resource = described(&l.resource);
            row![
                resource.kind,
                "",
                resource.database,
                resource.description,
                resource.entity,
                l.mode.name(),
                l.status.name(),
                l.session,
                l.scope.owner_type(),
            ]
        })
        .collect())
}

pub fn lock_log(scope: &ViewScope<'_>) -> Outcome<Vec<Row>> {
    let log = scope.session.engine.locks.log();
    Ok(log
        .iter()
        .map(|entry| {
            let resource = described(&entry.resource);
            row![
                Cell::Int(entry.sequence as i64),
                entry.event.name(),
                entry.session,
                resource.kind,
                resource.database,
                resource.description,
                resource.entity,
                entry.mode.name(),
                entry.scope.owner_type(),
            ]
        })
        .collect())
}
