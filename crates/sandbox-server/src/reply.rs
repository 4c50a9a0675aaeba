//! The engine's answer turned into tokens.
use super::outbox::Outbox;
use super::pace::Pace;
use super::result_set::{ResultFrom, ResultSet};
use super::transport::Signals;
use replica_core::tds::token::{self, DoneKind, Message, ReturnValue, done, kind};
use sandbox_session::Engine;
use sandbox_session::api::{Cancelled, Done, EnvChange, OutColumn, ReadFrom, Sink};
use sandbox_session::sandbox::FaultKind;
use sandbox_session::sandbox::TableName;
use sandbox_values::error::SqlError;
use sandbox_values::wire::{Client, Plp, RowWriter, type_info};
use sandbox_values::{SqlType, Value};
use std::sync::Arc;
use std::time::Instant;

/// CurCmd of EXECUTE, which ends an RPC (docs/WIRE.md, "DONE").
const EXECUTE: u16 = 224;
/// Errors from this class on are ERROR tokens, below it INFO ([MS-TDS] 2.2.7.10, 2.2.7.13).
const FIRST_ERROR_CLASS: u8 = 11;

/// What all replies on one connection have in common.
pub struct Channel {
    pub outbox: Outbox,
    pub signals: Arc<Signals>,
    pub client: Client,
    pub engine: Arc<Engine>,
}

/// Rows go out in pieces of this size where there is a speed limit.
const PACED: usize = 8 * 1024;

impl Channel {
    /// Sends rows, as fast as they may go.
    fn write_rows(&mut self, rows: &[u8], pace: Option<&mut Pace>) -> Result<(), Cancelled> {
        let Some(pace) = pace else {
            return if self.signals.cancelled() { Err(Cancelled) } else { self.outbox.write(rows) };
        };
        for piece in rows.chunks(PACED) {
            let delay = pace.delay(piece.len(), Instant::now());
            self.engine.sandbox.pause(delay, || self.signals.cancelled());
            if self.signals.cancelled() {
                return Err(Cancelled);
            }
            self.outbox.write(piece)?;
        }
        Ok(())
    }
}

/// Which request is being answered: it decides between the DONE tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answers {
    Batch,
    Rpc,
}

/// Of the result under way, for the counters.
#[derive(Default)]
struct SentRows {
    rows: u64,
    of: Vec<TableName>,
}

/// One reply message. Nothing is sent but whole packets until [`Reply::finish`].
pub struct Reply<'a> {
    channel: &'a mut Channel,
    answers: Answers,
    /// The last DONE waits to learn whether anything follows it.
    held: Option<Done>,
    /// Of the next result.
    from: ResultFrom,
    sent: SentRows,
    result: Option<ResultSet>,
    /// Rows of a load that the engine was not shown.
    discarded: Option<u64>,
    failed: bool,
    scratch: Vec<u8>,
}

impl<'a> Reply<'a> {
    pub fn new(channel: &'a mut Channel, answers: Answers) -> Self {
        Self {
            channel,
            answers,
            held: None,
            from: ResultFrom::default(),
            sent: SentRows::default(),
            result: None,
            discarded: None,
            failed: false,
            scratch: Vec::new(),
        }
    }

    /// RESETCONNECTION was done ([MS-TDS] 2.2.7.9, type 18).
    pub fn reset_acknowledged(&mut self) -> Result<(), Cancelled> {
        self.put(|out| token::EnvChange::Reset.encode(out))
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
    /// (docs/WIRE.md, "Attention and ignored messages").
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

    pub fn is_gone(&self) -> bool {
        self.channel.signals.gone()
    }

    /// Does the last DONE tell of success?
    pub fn succeeded(&self) -> bool {
        self.held.is_some_and(|done| !done.error)
    }

    /// The next DONE counts so many rows.
    pub fn count_discarded(&mut self, rows: u64) {
        self.discarded = Some(rows);
    }

    /// Ends one call of an RPC message that has more of them.
    pub fn end_call(&mut self) -> Result<(), Cancelled> {
        self.release_held()?;
        let last = Done { command: EXECUTE, count: None, error: self.failed };
        self.failed = false;
        self.put_done(DoneKind::Proc, last, done::MORE)
    }

    /// A fault strikes at the row in `scratch`.
    fn strike(&mut self, fault: FaultKind) -> Result<(), Cancelled> {
        let Channel { engine, outbox, signals, .. } = &mut *self.channel;
        match fault {
            FaultKind::HalfRow => {
                outbox.write(&self.scratch[..self.scratch.len() / 2])?;
                outbox.flush_unfinished()?;
                self.hang_up()
            }
            // The last value says that it has a byte more than it has.
            FaultKind::LyingLength => outbox.write(&self.scratch[..self.scratch.len() - 1]),
            FaultKind::Silence => {
                outbox.flush_unfinished()?;
                engine.sandbox.stall(engine.sandbox.disarmed(), || signals.cancelled());
                outbox.write(&self.scratch)
            }
            _ => outbox.write(&self.scratch),
        }
    }

    fn hang_up(&self) -> Result<(), Cancelled> {
        self.channel.signals.hang_up();
        Err(Cancelled)
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
    fn reading(&mut self, reading: ReadFrom<'_>) {
        for table in reading.tables {
            self.channel.engine.sandbox.count(table, |counters| counters.scans += 1);
        }
        self.from = ResultFrom {
            database: reading.database.to_owned(),
            tables: reading.tables.to_vec(),
            statement: reading.statement.map(ToOwned::to_owned),
        };
    }

    fn columns(&mut self, columns: &[OutColumn]) -> Result<(), Cancelled> {
        self.release_held()?;
        let from = std::mem::take(&mut self.from);
        self.sent = SentRows { rows: 0, of: from.tables.clone() };
        let result = ResultSet::new(&self.channel.engine, self.channel.client, columns, &from);
        self.channel.outbox.write(&result.metadata)?;
        self.result = Some(result);
        Ok(())
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
        let Some(result) = &mut self.result else {
            log::error!("a row without columns");
            return Err(Cancelled);
        };
        if result.is_full() {
            return Ok(());
        }
        self.scratch.clear();
        match result.row(values, &mut self.scratch) {
            Ok(None) => {
                self.sent.rows += 1;
                self.channel.write_rows(&self.scratch, result.pace.as_mut())
            }
            Ok(Some(fault)) => self.strike(fault),
            Err(error) => {
                // The stream can't go on: a wrong row would be worse than a lost connection.
                log::error!("{error}");
                Err(Cancelled)
            }
        }
    }

    fn has_rows(&self) -> bool {
        self.result.as_ref().is_some_and(ResultSet::has_rows)
    }

    fn done(&mut self, mut done: Done) -> Result<(), Cancelled> {
        self.release_held()?;
        if let Some(result) = self.result.take().filter(|_| !done.error) {
            let engine = self.channel.engine.clone();
            let replayed = result.replay(&engine, |rows, pace| self.channel.write_rows(rows, pace))?;
            let sent = std::mem::take(&mut self.sent);
            for table in &sent.of {
                let rows = replayed.unwrap_or(sent.rows);
                engine.sandbox.count(table, |counters| counters.rows_sent += rows);
            }
            done.count = replayed.or(done.count);
        }
        if let Some(rows) = self.discarded.take() {
            done.count = done.count.map(|_| rows);
        }
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
            server: self.channel.engine.options.server_name.clone(),
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
            EnvChange::Commit { descriptor } => {
                if self.channel.engine.sandbox.take(FaultKind::CutAfterCommit, None).is_some() {
                    return self.hang_up();
                }
                token::EnvChange::Commit(descriptor)
            }
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
        let row = RowWriter::new([(sql_type, true)], client, Plp::Known);
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
