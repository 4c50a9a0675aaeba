//! What an error ends: the statement, the batch, the transaction (docs/SERVER.md, "What an error ends").
use super::{COMMAND_OTHER, Flow, Run};
use sandbox_session::Session;
use sandbox_session::api::{Cancelled, Done, EnvChange, Sink};
use sandbox_session::failure::{Failure, Outcome};
use sandbox_session::transaction::{self, doomed_error};
use sandbox_sql::parse::{Action, RaiseError, Statement};
use sandbox_values::error::SqlError;
use sandbox_values::{Len, SqlType, Value};
use sqlparser::ast::Expr;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ends {
    Statement,
    Batch,
    Transaction,
}

/// What an error outside TRY ends with XACT_ABORT OFF. Errors of compilation end the batch, conversions end the
/// transaction as well.
fn ends(number: i32) -> Ends {
    match number {
        // Conversions, deadlocks, update conflicts.
        241 | 242 | 244 | 245 | 248 | 235 | 293 | 295 | 296 | 1205 | 3960 | 8169 | 9803 => Ends::Transaction,
        // Syntax, names and types: the statement did not compile.
        102 | 103 | 105 | 107 | 108 | 113 | 116 | 117 | 130 | 134 | 137 | 139 | 141 | 145 | 147 | 155
        | 156 | 174 | 189 | 191 | 195 | 205 | 206 | 207 | 208 | 209 | 213 | 229 | 257 | 263 | 264 | 271
        | 272 | 273 | 306 | 402 | 428 | 447 | 448 | 468 | 529 | 1013 | 2812 | 4104 | 4112 | 4145 | 8117
        | 8120 | 8133 | 8155 | 8158 | 8159 | 8655 | 10709 | 109 | 110 | 120 | 121 | 3930 => Ends::Batch,
        _ => Ends::Statement,
    }
}

/// Errors after which the statement is said to be terminated.
const TERMINATED: [i32; 6] = [515, 547, 2601, 2627, 2628, 9833];

/// Is 3621 said after it?
pub fn is_terminated(error: &SqlError) -> bool {
    TERMINATED.contains(&error.number)
}

/// CurCmd of a failed statement.
fn command(action: &Action) -> u16 {
    match action {
        Action::InContext { change, .. } => command(change),
        Action::Query(_) => 193,
        Action::Insert(_) => 195,
        Action::Delete(_) => 196,
        Action::Update(_) => 197,
        Action::Rollback { .. } => 210,
        Action::Begin { .. } => 212,
        Action::Commit => 213,
        Action::RaiseError(_) => 246,
        _ => COMMAND_OTHER,
    }
}

impl Run<'_> {
    /// A text that does not compile: nothing of it runs.
    pub fn refused(&mut self, error: SqlError) -> Outcome<Flow> {
        if self.frame.in_try {
            return Err(error.into());
        }
        self.session.last.error = error.number;
        self.session.last.rowcount = 0;
        self.sink.message(&error)?;
        self.sink.done(Done { command: COMMAND_OTHER, count: None, error: true })?;
        Ok(Flow::Ended)
    }

    /// A statement has failed: tells the client and says how to go on. Inside TRY the error goes up instead.
    pub fn failed(&mut self, error: SqlError, action: &Action) -> Outcome<Flow> {
        self.session.last.error = error.number;
        self.session.last.rowcount = 0;
        let thrown = std::mem::take(&mut self.frame.thrown);
        let raised = matches!(action, Action::RaiseError(_));
        let abort = self.session.options.xact_abort && !raised;
        let mut ends = ends(error.number);
        if thrown {
            ends = ends.max(Ends::Batch);
        }
        if abort {
            ends = Ends::Transaction;
        }
        let victim = matches!(error.number, 1205 | 3960);
        if self.frame.in_try {
            if victim {
                self.roll_back_whole()?;
            } else if ends == Ends::Transaction
                && let Some(transaction) = &mut self.session.transaction
            {
                transaction.doomed = true;
            }
            return Err(error.into());
        }
        if !std::mem::take(&mut self.frame.silent) {
            self.sink.message(&error)?;
        }
        if is_terminated(&error) && !self.session.options.xact_abort {
            self.sink.message(&SqlError { line: error.line, ..terminated() })?;
        }
        if ends == Ends::Transaction {
            self.roll_back_whole()?;
        }
        self.sink.done(Done { command: command(action), count: None, error: true })?;
        Ok(if ends == Ends::Statement { Flow::Next } else { Flow::Ended })
    }

    pub fn try_catch(&mut self, body: &[Statement], catch: &[Statement]) -> Outcome<Flow> {
        let outer = std::mem::replace(&mut self.frame.in_try, true);
        let result = self.statements(body);
        self.frame.in_try = outer;
        // Warnings and what closes the connection pass by CATCH.
        let error = match result {
            Err(Failure::Error(error)) if error.class < 20 => error,
            other => return other,
        };
        let caught = self.frame.caught.replace(error);
        let result = self.statements(catch);
        self.frame.caught = caught;
        result
    }

    /// A doomed transaction allows nothing that writes, and no COMMIT.
    pub fn must_not_be_doomed(&self, action: &Action) -> Result<(), SqlError> {
        let doomed = self.session.transaction.as_ref().is_some_and(|t| t.doomed);
        let writes = matches!(
            action,
            Action::Insert(_)
                | Action::Update(_)
                | Action::Delete(_)
                | Action::InContext { .. }
                | Action::InsertBulk(_)
                | Action::Ddl(_)
                | Action::Commit
                | Action::Save { .. }
        );
        if doomed && writes { Err(doomed_error()) } else { Ok(()) }
    }

    pub fn end_of_batch(&mut self) -> Outcome {
        if self.session.transaction.as_ref().is_some_and(|t| t.doomed) {
            self.sink.message(&SqlError::new(
                3998,
                16,
                1,
                "Uncommittable transaction is detected at the end of the batch. The transaction is rolled back.",
            ))?;
            self.roll_back_whole()?;
            self.sink.done(Done { command: COMMAND_OTHER, count: None, error: true })?;
        }
        Ok(())
    }

    /// Rolls back all levels; the client hears of it.
    pub fn roll_back_whole(&mut self) -> Outcome {
        let descriptor = self.session.transaction_descriptor();
        transaction::rollback_all(self.session)?;
        if descriptor != 0 {
            self.sink.env(EnvChange::Rollback { descriptor })?;
        }
        Ok(())
    }

    pub fn print(&mut self, expr: &Expr) -> Outcome {
        let text = self.text_of(expr)?;
        let state = 1;
        self.sink.message(&SqlError::new(0, 0, state, text))?;
        Ok(())
    }

    /// RAISERROR: class 10 and below is a message, above an error with the number 50000.
    pub fn raise(&mut self, raised: &RaiseError) -> Outcome {
        let number = |value: Value| if let Value::Int(n) = value { n } else { 0 };
        let severity = number(self.value(&raised.severity, &SqlType::Int)?).clamp(0, 18) as u8;
        let state = number(self.value(&raised.state, &SqlType::Int)?).clamp(0, 255) as u8;
        let mut arguments = Vec::new();
        for argument in &raised.arguments {
            arguments.push(self.text_of(argument)?);
        }
        let text = formatted(&self.text_of(&raised.message)?, &arguments);
        let error = SqlError::new(50000, severity, state, text);
        if severity > 10 {
            return Err(error.into());
        }
        self.sink.message(&error)?;
        self.done(Done { command: 246, count: None, error: false })
    }

    /// THROW ends the batch; without arguments it throws what CATCH has caught.
    pub fn throw(&mut self, thrown: Option<&(Expr, Expr, Expr)>) -> Outcome {
        let error = match thrown {
            None => self.frame.caught.clone().ok_or_else(|| {
                SqlError::new(
                    10704,
                    15,
                    1,
                    "To rethrow an error, a THROW statement must be used inside a CATCH block. Insert the THROW statement \
                     inside a CATCH block, or add error parameters to the THROW statement.",
                )
            })?,
            Some((number, message, state)) => {
                let whole = |value: Value| if let Value::Int(n) = value { n } else { 0 };
                let number = whole(self.value(number, &SqlType::Int)?) as i32;
                let state = whole(self.value(state, &SqlType::Int)?).clamp(0, 255) as u8;
                SqlError::new(number, 16, state, self.text_of(message)?)
            }
        };
        self.frame.thrown = true;
        Err(error.into())
    }

    /// An expression as text.
    pub fn text_of(&mut self, expr: &Expr) -> Outcome<String> {
        let to = SqlType::NVarChar(Len::Max, self.session.current_database().1);
        let value = self.value(expr, &to)?;
        Ok(String::from_utf16_lossy(&sandbox_values::text::units(&value, &to)))
    }
}

/// RAISERROR's printf: %s, %d, %i, %u and %%, widths left out.
fn formatted(format: &str, arguments: &[String]) -> String {
    let (mut out, mut arguments) = (String::new(), arguments.iter());
    let mut rest = format;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        match after.chars().next() {
            Some('%') => out.push('%'),
            Some('s' | 'd' | 'i' | 'u') => out.push_str(arguments.next().map_or("(null)", String::as_str)),
            other => {
                out.push('%');
                out.extend(other);
            }
        }
        rest = after.get(after.chars().next().map_or(0, char::len_utf8)..).unwrap_or("");
    }
    out.push_str(rest);
    out
}

pub fn terminated() -> SqlError {
    SqlError::new(3621, 0, 0, "The statement has been terminated.")
}

/// A request ends without having been heard to its end: by an attention or a lost client (docs/WIRE.md,
/// "Attention and ignored messages"), or by an error that no statement owns.
pub fn unheard(session: &mut Session, failure: Failure, sink: &mut dyn Sink) -> Result<(), Cancelled> {
    session.pending_bulk = None;
    match failure {
        Failure::Cancelled => {
            if session.options.xact_abort {
                let descriptor = session.transaction_descriptor();
                if let Err(error) = transaction::rollback_all(session) {
                    log::error!("session {}: rollback failed: {error:?}", session.id);
                }
                if descriptor != 0 {
                    sink.env(EnvChange::Rollback { descriptor })?;
                }
            }
            Err(Cancelled)
        }
        Failure::Error(error) => {
            sink.message(&error)?;
            sink.done(Done { command: COMMAND_OTHER, count: None, error: true })
        }
    }
}
