//! Runs statements one after the other, with SQL Server's rules of what an error ends.
pub mod bulk;
pub mod manager;
pub mod trigger;

mod aftermath;
mod call;
mod dml;
mod kill;
mod row;
mod run;
mod select;
mod settings;
#[cfg(test)]
mod tests;

pub use call::rpc;
use run::{COMMAND_CONTROL, COMMAND_USE};
pub use run::{COMMAND_OTHER, Flow, Run};

use sandbox_query::bind::{Binder, Scope};
use sandbox_query::read;
use sandbox_session::Session;
use sandbox_session::api::{Cancelled, Done, Param, Sink};
use sandbox_session::failure::{Failure, Outcome};
use sandbox_session::frame::{Frame, Variable};
use sandbox_session::transaction;
use sandbox_sql::parse::{self, Action, Statement};
use sandbox_sql::tokens::ObjectName;
use sandbox_transactions::locks::LockScope;
use sandbox_values::error::SqlError;
use sandbox_values::{Len, SqlType, Value};
use sqlparser::ast::Expr;

/// A batch from a client.
pub fn batch(
    session: &mut Session,
    sql: &str,
    params: &mut [Param],
    sink: &mut dyn Sink,
) -> Result<(), Cancelled> {
    let mut frame = Frame::with(params, 0);
    let mut run = Run { session, frame: &mut frame, sink };
    let ended = run.text(sql).map(|_| ());
    let ended = ended.and_then(|()| run.end_of_batch());
    let dropped = run.drop_tables();
    frame.give_back(params);
    let ended = ended.and(dropped);
    match ended {
        Ok(()) => Ok(()),
        Err(failure) => aftermath::unheard(session, failure, sink),
    }
}

impl Run<'_> {
    /// Runs a text of statements; nothing of it where it does not parse.
    pub fn text(&mut self, sql: &str) -> Outcome<Flow> {
        let parsed = self.session.engine.batches.of(sql);
        match parsed {
            Ok(statements) => self.statements(&statements),
            Err(error) => self.refused(error),
        }
    }

    pub fn statements(&mut self, statements: &[Statement]) -> Outcome<Flow> {
        for statement in statements {
            match self.statement(statement)? {
                Flow::Next => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::Next)
    }

    fn statement(&mut self, statement: &Statement) -> Outcome<Flow> {
        if self.sink.cancelled() {
            return Err(Failure::Cancelled);
        }
        if self.session.options.noexec && !matches!(statement.action, Action::Set(_)) {
            return Ok(Flow::Next);
        }
        if let Some(command) = statement.action.command() {
            self.session.doing(command);
        }
        let result = self.action(&statement.action);
        self.session.engine.locks.release_all(self.session.id, LockScope::Statement);
        match result {
            Ok(flow) => Ok(flow),
            Err(Failure::Cancelled) => Err(Failure::Cancelled),
            Err(Failure::Error(mut error)) => {
                if error.line <= 1 {
                    error.line = statement.line;
                }
                self.failed(error, &statement.action)
            }
        }
    }

    fn action(&mut self, action: &Action) -> Outcome<Flow> {
        self.must_not_be_doomed(action)?;
        match action {
            Action::Query(query) => {
                self.implicit_transaction()?;
                self.query(query)?;
            }
            Action::Insert(insert) => {
                self.implicit_transaction()?;
                self.insert(insert)?;
            }
            Action::Update(update) => {
                self.implicit_transaction()?;
                self.update(update)?;
            }
            Action::Delete(delete) => {
                self.implicit_transaction()?;
                self.delete(delete)?;
            }
            Action::InContext { context, change } => {
                self.session.change_context = self.change_context(context)?;
                let done = self.action(change);
                self.session.change_context = None;
                return done;
            }
            Action::InsertBulk(bulk) => bulk::announce(self, bulk)?,
            Action::Ddl(statement) => {
                self.implicit_transaction()?;
                let sink = &mut *self.sink;
                let done = transaction::within(self.session, |session| {
                    sandbox_ddl::execute(statement, session, sink)
                })?;
                self.session.last.rowcount = 0;
                self.done(done)?;
            }
            Action::Begin { name } => self.begin(name.as_deref())?,
            Action::Commit => self.commit()?,
            Action::Rollback { name } => self.rollback(name.as_deref())?,
            Action::Save { name } => self.save(name)?,
            Action::Set(setting) => self.set(setting)?,
            Action::Assign { variable, value } => {
                let value = self.value_for(variable, value)?;
                self.frame.set(variable, value)?;
                self.session.last.rowcount = 1;
                self.done(Done { command: COMMAND_CONTROL, count: None, error: false })?;
            }
            Action::Declare(variables) => self.declare(variables)?,
            Action::DeclareTable(table) => self.declare_table(table)?,
            Action::Use(database) => self.use_database(database)?,
            Action::Call(called) => return self.call(called),
            Action::If { condition, then, otherwise } => {
                let holds = self.holds(condition)?;
                return match (holds, otherwise) {
                    (true, _) => self.statement(then),
                    (false, Some(otherwise)) => self.statement(otherwise),
                    (false, None) => Ok(Flow::Next),
                };
            }
            Action::While { condition, body } => {
                while self.holds(condition)? {
                    match self.statement(body)? {
                        Flow::Next | Flow::Continue => {}
                        Flow::Break => break,
                        other => return Ok(other),
                    }
                }
            }
            Action::Block(statements) => return self.statements(statements),
            Action::Try { body, catch } => return self.try_catch(body, catch),
            Action::Break => return Ok(Flow::Break),
            Action::Continue => return Ok(Flow::Continue),
            Action::Return(status) => {
                let status = match status {
                    Some(expr) => match self.value(expr, &SqlType::Int)? {
                        Value::Int(n) => n as i32,
                        _ => 0,
                    },
                    None => 0,
                };
                return Ok(Flow::Return(status));
            }
            Action::Print(text) => self.print(text)?,
            Action::RaiseError(raised) => self.raise(raised)?,
            Action::Throw(thrown) => self.throw(thrown.as_deref())?,
            Action::WaitFor(duration) => {
                let (engine, sink) = (&self.session.engine, &*self.sink);
                engine.sandbox.pause(*duration, || sink.cancelled());
                if self.sink.cancelled() {
                    return Err(Failure::Cancelled);
                }
            }
            Action::Kill(session) => {
                kill::kill(self.session, *session)?;
                self.done(Done { command: COMMAND_OTHER, count: None, error: false })?;
            }
            Action::Nothing => self.done(Done { command: COMMAND_OTHER, count: None, error: false })?,
        }
        self.session.last.error = 0;
        Ok(Flow::Next)
    }

    /// # Errors
    /// 22109 for what is no binary of 128 bytes at most.
    fn change_context(&mut self, context: &Expr) -> Outcome<Option<Vec<u8>>> {
        match self.evaluated(context, None)? {
            (SqlType::VarBinary(Len::N(0..=128)) | SqlType::Binary(0..=128), value) => {
                Ok(if let Value::Bytes(bytes) = value { Some(bytes) } else { None })
            }
            _ => {
                let text = "The \"context\" argument for the CHANGE_TRACKING_CONTEXT WITH clause must be of type varbinary data \
                            type with a maximum length of 128.";
                Err(SqlError::new(22109, 16, 1, text).into())
            }
        }
    }

    fn value_for(&mut self, variable: &str, expr: &Expr) -> Outcome<Value> {
        let to = self.frame.get(variable)?.sql_type.clone();
        self.value(expr, &to)
    }

    fn holds(&mut self, condition: &Expr) -> Outcome<bool> {
        let frame = &*self.frame;
        read::until_settled(self.session, self.sink, |session, sink| {
            let binder = Binder::new(session, frame);
            let predicate = binder.predicate(condition, &Scope::default())?;
            let sql = format!("SELECT CASE WHEN {predicate} THEN 1 ELSE 0 END");
            let value = read::single(session, &sql, binder.finish(), &SqlType::Int, sink)?;
            Ok(value == Value::Int(1))
        })
    }

    /// A table variable is a temporary table that ends with its batch.
    fn declare_table(&mut self, table: &sandbox_sql::ddl::ast::CreateTable) -> Outcome {
        if self.frame.declare_table(&table.name.name) {
            let create = sandbox_sql::ddl::Ddl::CreateTable(table.clone());
            transaction::within(self.session, |session| sandbox_ddl::quietly(&create, session))?;
        }
        Ok(())
    }

    /// Drops the table variables of a batch that has ended.
    pub fn drop_tables(&mut self) -> Outcome {
        let named = |name| ObjectName { database: None, schema: None, name };
        let names: Vec<_> = self.frame.take_tables().into_iter().map(named).collect();
        if names.is_empty() {
            return Ok(());
        }
        let drop = sandbox_sql::ddl::Ddl::DropTable { names, if_exists: true };
        transaction::within(self.session, |session| sandbox_ddl::quietly(&drop, session))
    }

    fn declare(&mut self, variables: &[parse::Declared]) -> Outcome {
        for declared in variables {
            let place = sandbox_sql::type_name::TypePlace {
                ordinal: 1,
                name: &declared.variable,
                length: 1,
                collation: self.session.current_database().1,
            };
            let sql_type = declared.type_name.resolve(&place)?.sql_type;
            let value = match &declared.value {
                Some(expr) => self.value(expr, &sql_type)?,
                None => Value::Null,
            };
            self.frame.declare(&declared.variable, Variable { sql_type, value })?;
        }
        Ok(())
    }
}
