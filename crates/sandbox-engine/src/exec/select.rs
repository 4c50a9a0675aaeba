//! SELECT as a statement: to the client, into variables, into a new table.
use super::Run;
use sandbox_query::select;
use sandbox_session::api::Done;
use sandbox_session::failure::Outcome;
use sandbox_values::convert::{ConvertMode, cast};
use sqlparser::ast::Query;

/// CurCmd of SELECT (docs/WIRE.md, "DONE").
const COMMAND: u16 = 193;

impl Run<'_> {
    pub fn query(&mut self, query: &Query) -> Outcome {
        if let Some(target) = select::into(self.session, self.frame, query)? {
            return self.select_into(query, &target);
        }
        let (assigned, count) = select::run(self.session, self.frame, query, self.sink)?;
        let done = Done { command: COMMAND, count: Some(count), error: false };
        for (variable, (from, value)) in assigned {
            let to = self.frame.get(&variable)?.sql_type.clone();
            self.frame.set(&variable, cast(&value, &from, &to, None, ConvertMode::Implicit)?)?;
        }
        self.session.last.rowcount = count;
        self.done(done)
    }
}
