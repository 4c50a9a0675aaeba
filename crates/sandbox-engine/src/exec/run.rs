//! One batch or procedure body at work, and what its statements have in common.
use sandbox_query::bind::{Binder, Scope};
use sandbox_query::read;
use sandbox_session::Session;
use sandbox_session::api::{Done, Sink};
use sandbox_session::failure::Outcome;
use sandbox_session::frame::Frame;
use sandbox_values::{SqlType, Value};
use sqlparser::ast::Expr;

/// CurCmd of what has no own number: compile failures, INSERT BULK, attention (docs/WIRE.md, "DONE").
pub const COMMAND_OTHER: u16 = 253;
/// IF, SET @v and other control statements.
pub const COMMAND_CONTROL: u16 = 192;
pub const COMMAND_USE: u16 = 253;

/// Where a statement leaves off.
pub enum Flow {
    Next,
    Break,
    Continue,
    Return(i32),
    /// An error has ended the batch, and the client knows.
    Ended,
}

/// One batch or procedure body at work.
pub struct Run<'r> {
    pub session: &'r mut Session,
    pub frame: &'r mut Frame,
    pub sink: &'r mut dyn Sink,
}

impl Run<'_> {
    /// DONE, without its count under NOCOUNT.
    pub fn done(&mut self, done: Done) -> Outcome {
        let count = done.count.filter(|_| !self.session.options.nocount);
        Ok(self.sink.done(Done { count, ..done })?)
    }

    /// An expression's value in a type.
    pub fn value(&mut self, expr: &Expr, to: &SqlType) -> Outcome<Value> {
        Ok(self.evaluated(expr, Some(to))?.1)
    }

    /// An expression's value in its own type, or in the one asked for.
    pub fn evaluated(&mut self, expr: &Expr, to: Option<&SqlType>) -> Outcome<(SqlType, Value)> {
        let frame = &*self.frame;
        read::until_settled(self.session, self.sink, |session, sink| {
            let binder = Binder::new(session, frame);
            let mut typed = binder.shown(binder.scalar(expr, &Scope::default())?);
            if let Some(to) = to {
                typed = binder.implicit(typed, to)?;
            }
            let needs = binder.finish();
            let value =
                read::single(session, &format!("SELECT {}", typed.sql), needs, &typed.sql_type, sink)?;
            Ok((typed.sql_type, value))
        })
    }
}
