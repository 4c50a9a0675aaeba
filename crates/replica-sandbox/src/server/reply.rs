//! The engine's answer turned into tokens.
use super::outbox::Outbox;
use super::transport::Signals;
use crate::engine::api::{Cancelled, Done, EnvChange, OutColumn, Sink};
use crate::error::SqlError;
use crate::values::wire::{Client, Plp, RowWriter, type_info};
use crate::values::{SqlType, Value};
use replica_core::tds::columns::{self, Column, Form};
use replica_core::tds::token::{self, DoneKind, Message, ReturnValue, done, kind};
use std::sync::Arc;

/// CurCmd of EXECUTE, which ends an RPC (server-facts.md section 2).
const EXECUTE: u16 = 224;
/// Errors from this class on are ERROR tokens, below it INFO ([MS-TDS] 2.2.7.10, 2.2.7.13).
const FIRST_ERROR_CLASS: u8 = 11;

/// What all replies on one connection have in common.
pub struct Channel {
    pub outbox: Outbox,
    pub signals: Arc<Signals>,
    pub client: Client,
    pub plp: Plp,
    pub server_name: String,
}

/// Which request is being answered: it decides between the DONE tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    Batch,
    Rpc,
}

/// One reply message. Nothing is sent but whole packets until [`Reply::finish`].
pub struct Reply<'a> {
    channel: &'a mut Channel,
    answers: Answers,
    /// The last DONE waits to learn whether anything follows it.
    held: Option<Done>,
    rows: Option<RowWriter>,
    failed: bool,
    scratch: Vec<u8>,
}

impl<'a> Reply<'a> {
    pub fn new(channel: &'a mut Channel, answers: Answers) -> Self {
        Self { channel, answers, held: None, rows: None, failed: false, scratch: Vec::new() }
    }

    /// RESETCONNECTION was done ([MS-TDS] 2.2.7.9, type 18).
    pub fn reset_acknowledged(&mut self) -> Result<(), Cancelled> {
        self.put(|out| token::EnvChange::Other { kind: 18, body: vec![0, 0] }.encode(out))
    }

    /// Ends the message: the last DONE, or DONEPROC, has no "more" bit.
    pub fn finish(mut self) -> Result<(), Cancelled> {
        match self.answers {
            Answers::Batch => {
                let last = self.held.take().unwrap_or(Done { command: 0, count: None, error: false });
                self.put_done(DoneKind::Done, last, 0)?;
            }
            Answers::Rpc => {
                self.release_held()?;
                let last = Done { command: EXECUTE, count: None, error: self.failed };
                self.put_done(DoneKind::Proc, last, 0)?;
            }
        }
        self.channel.outbox.end_message()
    }

    /// Ends the message of a request that an attention has stopped: an error bit, no ERROR token
    /// (server-facts.md section 2).
    pub fn finish_cancelled(mut self, command: u16) -> Result<(), Cancelled> {
        self.release_held()?;
        let kind = if self.answers == Answers::Rpc { DoneKind::Proc } else { DoneKind::Done };
        self.put_done(kind, Done { command, count: None, error: true }, 0)?;
        self.channel.outbox.end_message()
    }

    /// Has an attention come for this request?
    pub fn attention(&self) -> bool {
        self.channel.signals.cancelled() && !self.channel.signals.gone()
    }

    /// Ends one call of an RPC message that has more of them.
    pub fn end_call(&mut self) -> Result<(), Cancelled> {
        self.release_held()?;
        let last = Done { command: EXECUTE, count: None, error: self.failed };
        self.failed = false;
        self.put_done(DoneKind::Proc, last, done::MORE)
    }

    fn put_done(&mut self, kind: DoneKind, held: Done, more: u16) -> Result<(), Cancelled> {
        let status = more
            | if held.error { done::ERROR } else { 0 }
            | if held.count.is_some() { done::COUNT } else { 0 };
        let token = token::Done { kind, status, command: held.command, count: held.count.unwrap_or(0) };
        self.scratch.clear();
        token.encode(&mut self.scratch);
        self.channel.outbox.write(&self.scratch)
    }

    fn release_held(&mut self) -> Result<(), Cancelled> {
        let Some(held) = self.held.take() else { return Ok(()) };
        let kind = if self.answers == Answers::Rpc { DoneKind::InProc } else { DoneKind::Done };
        self.put_done(kind, held, done::MORE)
    }

    fn put(&mut self, token: impl FnOnce(&mut Vec<u8>)) -> Result<(), Cancelled> {
        self.release_held()?;
        self.scratch.clear();
        token(&mut self.scratch);
        self.channel.outbox.write(&self.scratch)
    }
}

impl Sink for Reply<'_> {
    fn columns(&mut self, columns: &[OutColumn]) -> Result<(), Cancelled> {
        let types = columns.iter().map(|column| (&column.sql_type, column.nullable));
        let rows = RowWriter::new(types, self.channel.client, self.channel.plp);
        let described: Vec<Column> = columns
            .iter()
            .zip(rows.type_infos())
            .map(|(column, type_info)| Column {
                name: column.name.clone(),
                user_type: column.user_type,
                flags: column.flags,
                type_info: type_info.clone(),
                table: column
                    .table
                    .iter()
                    .flat_map(|(schema, table)| [schema.clone(), table.clone()])
                    .collect(),
            })
            .collect();
        self.rows = Some(rows);
        self.put(|out| columns::encode(&described, Form::Result, out))
    }

    fn order(&mut self, ordered_by: &[u16]) -> Result<(), Cancelled> {
        self.put(|out| {
            out.push(kind::ORDER);
            out.extend_from_slice(&((ordered_by.len() * 2) as u16).to_le_bytes());
            ordered_by.iter().for_each(|ordinal| out.extend_from_slice(&ordinal.to_le_bytes()));
        })
    }

    fn row(&mut self, values: &[Value]) -> Result<(), Cancelled> {
        if self.cancelled() {
            return Err(Cancelled);
        }
        let Some(rows) = &self.rows else {
            log::error!("a row without columns");
            return Err(Cancelled);
        };
        self.scratch.clear();
        if let Err(error) = rows.write(values, &mut self.scratch) {
            // The stream can't go on: a wrong row would be worse than a lost connection.
            log::error!("{error}");
            return Err(Cancelled);
        }
        self.channel.outbox.write(&self.scratch)
    }

    fn done(&mut self, done: Done) -> Result<(), Cancelled> {
        self.release_held()?;
        self.failed = done.error;
        self.held = Some(done);
        Ok(())
    }

    fn message(&mut self, message: &SqlError) -> Result<(), Cancelled> {
        let message = Message {
            number: message.number,
            state: message.state,
            class: message.class,
            text: message.text.clone(),
            server: self.channel.server_name.clone(),
            procedure: message.procedure.clone(),
            line: message.line,
        };
        let token = if message.class >= FIRST_ERROR_CLASS { kind::ERROR } else { kind::INFO };
        self.put(|out| message.encode(token, out))
    }

    fn env(&mut self, change: EnvChange) -> Result<(), Cancelled> {
        let change = match change {
            EnvChange::Database { new, old } => token::EnvChange::Database { new, old },
            EnvChange::BeginTran { descriptor } => token::EnvChange::BeginTransaction(descriptor),
            EnvChange::Commit { descriptor } => token::EnvChange::Commit(descriptor),
            EnvChange::Rollback { descriptor } => token::EnvChange::Rollback(descriptor),
        };
        self.put(|out| change.encode(out))
    }

    fn return_status(&mut self, status: i32) -> Result<(), Cancelled> {
        self.put(|out| {
            out.push(kind::RETURN_STATUS);
            out.extend_from_slice(&status.to_le_bytes());
        })
    }

    fn return_value(&mut self, name: &str, sql_type: &SqlType, value: &Value) -> Result<(), Cancelled> {
        // Not as NBCROW: what follows the token byte is the value.
        let client = Client { nbcrow: false, ..self.channel.client };
        let row = RowWriter::new([(sql_type, true)], client, self.channel.plp);
        let mut token_and_value = Vec::new();
        if let Err(error) = row.write(std::slice::from_ref(value), &mut token_and_value) {
            log::error!("{error}");
            return Err(Cancelled);
        }
        let value = ReturnValue {
            ordinal: 0,
            name: name.to_owned(),
            status: 1,
            user_type: 0,
            flags: 0,
            type_info: type_info(sql_type, true, client),
            value: token_and_value.split_off(1),
        };
        self.put(|out| value.encode(out))
    }

    fn cancelled(&self) -> bool {
        self.channel.signals.cancelled()
    }
}
