//! A logged-in connection: requests in, replies out, on the session's own thread.
use super::bulk::{BulkFaults, BulkMessage};
use super::discard::{self, NoRows};
use super::input::{End, Input, Message};
use super::logged;
use super::prepared::Prepared;
use super::reply::{Answers, Channel, Reply};
use super::requests::{self, Headers};
use super::rpc::{self, Unreadable};
use super::transport::Packet;
use replica_core::tds::packet::{kind, status};
use replica_core::tds::token::{self, DoneKind, done};
use replica_core::tds::wire::Malformed;
use sandbox_engine as engine;
use sandbox_session::Engine;
use sandbox_session::api::{Cancelled, Done, Sink};
use sandbox_session::sandbox::{FaultKind, RequestCounters, TableName};
use sandbox_session::session::{Session, TransactionRequest};
use sandbox_values::CollationId;
use sandbox_values::error::SqlError;

/// CurCmd of attentions and of what fails before it runs (docs/WIRE.md, "DONE").
const COMMAND_OTHER: u16 = 253;

pub struct Conversation {
    pub session: Session,
    pub input: Input,
    pub channel: Channel,
    pub prepared: Prepared,
}

/// The connection has ended, or has to.
#[derive(Debug)]
struct Closed;

impl From<Cancelled> for Closed {
    fn from(_: Cancelled) -> Self {
        Closed
    }
}

impl From<Malformed> for Closed {
    /// SQL Server closes the connection as well, after an error of severity 20 that few clients live to see.
    fn from(malformed: Malformed) -> Self {
        log::info!("closing: {malformed}");
        Closed
    }
}

/// A load has ended well.
fn count_load(engine: &Engine, table: &TableName, rows: u64) {
    engine.sandbox.count(table, |counters| {
        counters.bulk_loads += 1;
        counters.bulk_rows += rows;
    });
}

impl Conversation {
    /// Answers requests until the client goes.
    pub fn run(mut self) {
        self.count(|counters| counters.logins += 1);
        while let Some(first) = self.input.next_packet() {
            if first.kind != kind::ATTENTION {
                self.count(|counters| counters.requests += 1);
            }
            let answered = match first.kind {
                kind::ATTENTION => self.acknowledge_attention(),
                kind::BULK_LOAD => self.bulk_load(first),
                kind::SQL_BATCH | kind::RPC | kind::TRANSACTION_MANAGER => self.request(first),
                other => {
                    log::info!("closing: a request of type {other:#04x}");
                    Err(Closed)
                }
            };
            if answered.is_err() {
                return;
            }
        }
    }

    fn count(&self, what: impl FnOnce(&mut RequestCounters)) {
        self.channel.engine.sandbox.count_requests(&self.session.login.program, what);
    }

    fn request(&mut self, first: Packet) -> Result<(), Closed> {
        let (kind, status) = (first.kind, first.status);
        let (message, end) = self.input.message(first);
        match end {
            End::Complete => {}
            End::Ignored => return self.taken_back(),
            End::Attention => return self.acknowledge_attention(),
            End::Gone => return Err(Closed),
        }
        let reset = status & (status::RESET_CONNECTION | status::RESET_CONNECTION_KEEP_TRANSACTION) != 0;
        if reset {
            self.count(|counters| counters.resets += 1);
            if self.channel.engine.sandbox.take(FaultKind::CutResetting, None).is_some() {
                return Err(Closed);
            }
            self.session.reset(status & status::RESET_CONNECTION_KEEP_TRANSACTION != 0);
            self.prepared = Prepared::default();
        }
        let headers = Headers::split(&message)?;
        if self.session.pending_bulk().is_some() {
            return self.answer(Answers::Batch, reset, |session, reply| engine::cancel_bulk(session, reply));
        }
        let answers = if kind == kind::RPC { Answers::Rpc } else { Answers::Batch };
        let open = self.session.transaction_descriptor();
        if headers.transaction.is_some_and(|descriptor| descriptor != open) {
            let text = "New request is not allowed to start because it should come with valid transaction descriptor.";
            return self.refuse(answers, reset, &SqlError::new(3989, 16, 1, text));
        }
        let commits = |engine: &Engine| engine.sandbox.take(FaultKind::CutBeforeCommit, None).is_some();
        match kind {
            kind::SQL_BATCH => {
                let text = requests::batch_text(headers.body)?;
                log::debug!("session {}: {}", self.session.id, logged::batch(&text));
                // A word of its own: sessions begin with SET CURSOR_CLOSE_ON_COMMIT.
                let words = &mut text.split(|c: char| !c.is_alphanumeric() && c != '_');
                let is_commit = words.any(|word| word.eq_ignore_ascii_case("commit"));
                if is_commit && commits(&self.channel.engine) {
                    return Err(Closed);
                }
                self.answer(answers, reset, |session, reply| engine::batch(session, &text, &mut [], reply))?;
                let is_cut =
                    is_commit && self.channel.engine.sandbox.take(FaultKind::CutBetween, None).is_some();
                if is_cut { Err(Closed) } else { Ok(()) }
            }
            kind::TRANSACTION_MANAGER => match requests::transaction(headers.body)? {
                Some(TransactionRequest::Commit { .. }) if commits(&self.channel.engine) => Err(Closed),
                Some(request) => self
                    .answer(answers, reset, |session, reply| engine::transaction(session, &request, reply)),
                None => {
                    let text =
                        "MSDTC on server is unavailable: replica-sandbox has no distributed transactions.";
                    self.refuse(answers, reset, &SqlError::new(8501, 16, 3, text))
                }
            },
            _ if self.channel.engine.sandbox.is_armed(FaultKind::CutBeforeCommit)
                && holds_commit(headers.body)
                && commits(&self.channel.engine) =>
            {
                Err(Closed)
            }
            _ => self.call(headers.body, reset),
        }
    }

    fn call(&mut self, body: &[u8], reset: bool) -> Result<(), Closed> {
        let mut calls = match rpc::parse(body, CollationId::SERVER_DEFAULT) {
            Ok(calls) => calls,
            Err(Unreadable::Malformed(malformed)) => return Err(malformed.into()),
            Err(Unreadable::Refused(error)) => return self.refuse(Answers::Rpc, reset, &error),
        };
        let mut prepared = std::mem::take(&mut self.prepared);
        let answered = self.answer(Answers::Rpc, reset, |session, reply| {
            for (number, call) in calls.iter_mut().enumerate() {
                log::debug!("session {}: {}", session.id, logged::call(call));
                if number > 0 {
                    reply.end_call()?;
                }
                prepared.call(call, session, reply)?;
            }
            Ok(())
        });
        self.prepared = prepared;
        answered
    }

    fn bulk_load(&mut self, first: Packet) -> Result<(), Closed> {
        let Some(target) = self.session.pending_bulk() else {
            return match Message::new(&mut self.input, first).skip_rest() {
                End::Complete => {
                    let text = "The incoming tabular data stream (TDS) protocol stream is incorrect. The stream \
                                ended unexpectedly.";
                    self.refuse(Answers::Batch, false, &SqlError::new(4002, 16, 1, text))
                }
                End::Ignored => self.taken_back(),
                End::Attention => self.acknowledge_attention(),
                End::Gone => Err(Closed),
            };
        };
        let engine = self.channel.engine.clone();
        if engine.sandbox.discards(&target.table) {
            return self.discard(first, target.table);
        }
        let faults = BulkFaults::take(&engine, &self.channel.signals, &target.table, self.session.id);
        let cut_replying = faults.cut_replying;
        let mut rows = BulkMessage::open(Message::new(&mut self.input, first), &target.columns, faults);
        let mut reply = Reply::new(&mut self.channel, Answers::Batch);
        let loaded = engine::bulk(&mut self.session, &mut rows, &mut reply);
        if reply.is_gone() || cut_replying {
            return Err(Closed);
        }
        // Errors go out after the end of the message, as SQL Server sends them (docs/WIRE.md, "Errors in a bulk load").
        match (rows.skip_rest(), loaded) {
            (End::Gone, _) => Err(Closed),
            (End::Ignored, _) => Ok(reply.finish_cancelled(0)?),
            (End::Attention, _) => {
                reply.finish_cancelled(COMMAND_OTHER)?;
                self.acknowledge_attention()
            }
            (End::Complete, Ok(())) => {
                if reply.succeeded() {
                    count_load(&engine, &target.table, rows.count());
                }
                Ok(reply.finish()?)
            }
            (End::Complete, Err(Cancelled)) if reply.attention() => {
                Ok(reply.finish_cancelled(COMMAND_OTHER)?)
            }
            (End::Complete, Err(Cancelled)) => Err(Closed),
        }
    }

    fn discard(&mut self, first: Packet, table: TableName) -> Result<(), Closed> {
        let engine = self.channel.engine.clone();
        let mut message = Message::new(&mut self.input, first);
        let counted = discard::count_rows(&mut message)?;
        match (message.skip_rest(), counted) {
            (End::Complete, Some(rows)) => self.answer(Answers::Batch, false, |session, reply| {
                reply.count_discarded(rows);
                engine::bulk(session, &mut NoRows, reply)?;
                if reply.succeeded() {
                    count_load(&engine, &table, rows);
                }
                Ok(())
            }),
            (End::Ignored, _) => self.taken_back(),
            (End::Attention, _) => self.acknowledge_attention(),
            _ => Err(Closed),
        }
    }

    fn answer(
        &mut self,
        answers: Answers,
        reset: bool,
        work: impl FnOnce(&mut Session, &mut Reply) -> Result<(), Cancelled>,
    ) -> Result<(), Closed> {
        let mut reply = Reply::new(&mut self.channel, answers);
        if reset {
            reply.reset_acknowledged()?;
        }
        match work(&mut self.session, &mut reply) {
            Ok(()) => Ok(reply.finish()?),
            Err(Cancelled) if reply.attention() => Ok(reply.finish_cancelled(COMMAND_OTHER)?),
            Err(Cancelled) => Err(Closed),
        }
    }

    fn refuse(&mut self, answers: Answers, reset: bool, error: &SqlError) -> Result<(), Closed> {
        self.answer(answers, reset, |_, reply| {
            reply.message(error)?;
            reply.done(Done { command: COMMAND_OTHER, count: None, error: true })
        })
    }

    /// An attention's acknowledgement is a message of its own (docs/WIRE.md, "Attention and ignored messages").
    fn acknowledge_attention(&mut self) -> Result<(), Closed> {
        self.lone_done(done::ATTENTION, COMMAND_OTHER)
    }

    /// The client took its request back with status 03: it was not executed (docs/WIRE.md, "Attention and
    /// ignored messages").
    fn taken_back(&mut self) -> Result<(), Closed> {
        self.lone_done(done::ERROR, 0)
    }

    fn lone_done(&mut self, status: u16, command: u16) -> Result<(), Closed> {
        let mut bytes = Vec::new();
        token::Done { kind: DoneKind::Done, status, command, count: 0 }.encode(&mut bytes);
        self.channel.outbox.write(&bytes)?;
        Ok(self.channel.outbox.end_message()?)
    }
}

/// Does a call hold `COMMIT TRAN`, as a batch within sp_executesql may?
fn holds_commit(call: &[u8]) -> bool {
    const COMMIT: &[u8] = b"C\0O\0M\0M\0I\0T\0 \0T\0R\0A\0N\0";
    call.windows(COMMIT.len()).any(|part| part.eq_ignore_ascii_case(COMMIT))
}
