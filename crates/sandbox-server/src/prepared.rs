//! Prepared statements: `sp_prepare` and its kin, as calls of `sp_executesql`.
use super::rpc::{RpcCall, procedure};
use sandbox_engine as engine;
use sandbox_session::Session;
use sandbox_session::api::{Cancelled, Done, Param, Sink};
use sandbox_values::error::SqlError;
use sandbox_values::{SqlType, Value};
use std::collections::BTreeMap;

#[derive(Default)]
pub struct Prepared {
    statements: BTreeMap<i64, PreparedStatement>,
    last_handle: i64,
}

#[derive(Clone)]
struct PreparedStatement {
    declarations: Param,
    text: Param,
}

impl Prepared {
    /// Runs one RPC.
    pub fn call(
        &mut self,
        call: &mut RpcCall,
        session: &mut Session,
        sink: &mut dyn Sink,
    ) -> Result<(), Cancelled> {
        let is = |name: &str| call.name.eq_ignore_ascii_case(name);
        if is(procedure::PREPARE) || is(procedure::PREPARE_EXECUTE) {
            let execute = is(procedure::PREPARE_EXECUTE);
            return self.prepare(call, execute, session, sink);
        }
        if is(procedure::EXECUTE) {
            return self.execute(call, session, sink);
        }
        if is(procedure::UNPREPARE) {
            let handle = handle(&call.params);
            return match handle.and_then(|handle| self.statements.remove(&handle)) {
                Some(_) => sink.return_status(0),
                None => unknown_handle(handle, sink),
            };
        }
        engine::rpc(session, &call.name, &mut call.params, sink)
    }

    fn prepare(
        &mut self,
        call: &RpcCall,
        execute: bool,
        session: &mut Session,
        sink: &mut dyn Sink,
    ) -> Result<(), Cancelled> {
        let [_, declarations, text, values @ ..] = call.params.as_slice() else {
            return refuse(
                SqlError::new(
                    201,
                    16,
                    4,
                    format!(
                        "Procedure or function '{}' expects parameter '@stmt', which was not supplied.",
                        call.name
                    ),
                ),
                sink,
            );
        };
        let statement = PreparedStatement { declarations: declarations.clone(), text: text.clone() };
        if execute {
            statement.run(values, session, sink)?;
        } else {
            sink.return_status(0)?;
        }
        self.last_handle += 1;
        self.statements.insert(self.last_handle, statement);
        sink.return_value("@handle", &SqlType::Int, &Value::Int(self.last_handle))
    }

    fn execute(&self, call: &RpcCall, session: &mut Session, sink: &mut dyn Sink) -> Result<(), Cancelled> {
        let handle = handle(&call.params);
        match handle.and_then(|handle| self.statements.get(&handle)) {
            Some(statement) => statement.run(&call.params[1..], session, sink),
            None => unknown_handle(handle, sink),
        }
    }
}

impl PreparedStatement {
    fn run(&self, values: &[Param], session: &mut Session, sink: &mut dyn Sink) -> Result<(), Cancelled> {
        let unnamed = |param: &Param| Param { name: String::new(), ..param.clone() };
        let mut params = vec![unnamed(&self.text)];
        if self.declarations.value != Value::Null {
            params.push(unnamed(&self.declarations));
            params.extend(values.iter().cloned());
        }
        engine::rpc(session, procedure::EXECUTE_SQL, &mut params, sink)
    }
}

fn handle(params: &[Param]) -> Option<i64> {
    match params.first()?.value {
        Value::Int(handle) => Some(handle),
        _ => None,
    }
}

fn unknown_handle(handle: Option<i64>, sink: &mut dyn Sink) -> Result<(), Cancelled> {
    let handle = handle.unwrap_or_default();
    let text = format!("Could not find prepared statement with handle {handle}.");
    refuse(SqlError::new(8179, 16, 2, text), sink)
}

fn refuse(error: SqlError, sink: &mut dyn Sink) -> Result<(), Cancelled> {
    sink.message(&error)?;
    sink.done(Done { command: 224, count: None, error: true })
}
