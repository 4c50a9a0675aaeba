//! Batches cut into statements. Nothing of a batch runs when it does not parse.
//!
//! Queries and expressions are `sqlparser`'s ([`bridge`]); statements around them, of which it knows few in their
//! T-SQL form, are walked by hand.
pub mod bridge;
mod bulk;
mod control;
mod dml;
mod set;

pub use bulk::{BulkColumnDef, Hint, InsertBulk};
pub use control::{CallArgument, CallStatement, Callee, Declared, Print, RaiseError, VariableName};
pub use dml::{Assigned, Delete, Insert, InsertRows, OutputClause, TargetName, Update};
pub use set::{Setting, Switch};

use super::ddl::{self, Ddl};
use super::tokens::{Cursor, SourceText};
use sandbox_values::error::SqlError;
use sqlparser::ast::{Expr, Query};
use sqlparser::tokenizer::Token;

/// A statement and the line it begins on.
#[derive(Clone, Debug)]
pub struct Statement {
    pub line: u32,
    pub action: Action,
}

#[derive(Clone, Debug)]
pub enum Action {
    Query(Box<Query>),
    Insert(Box<Insert>),
    Update(Box<Update>),
    Delete(Box<Delete>),
    /// WITH CHANGE_TRACKING_CONTEXT (value) before an INSERT, UPDATE or DELETE.
    InContext {
        context: Box<Expr>,
        change: Box<Action>,
    },
    InsertBulk(InsertBulk),
    Ddl(Ddl),
    Begin {
        name: Option<String>,
    },
    Commit,
    Rollback {
        name: Option<String>,
    },
    Save {
        name: String,
    },
    Set(Setting),
    Assign {
        variable: String,
        value: Box<Expr>,
    },
    Declare(Vec<Declared>),
    /// A table variable.
    DeclareTable(Box<ddl::ast::CreateTable>),
    Use(String),
    Call(Box<CallStatement>),
    If {
        condition: Box<Expr>,
        then: Box<Statement>,
        otherwise: Option<Box<Statement>>,
    },
    While {
        condition: Box<Expr>,
        body: Box<Statement>,
    },
    Block(Vec<Statement>),
    Try {
        body: Vec<Statement>,
        catch: Vec<Statement>,
    },
    Break,
    Continue,
    Return(Option<Box<Expr>>),
    Print(Print),
    RaiseError(Box<RaiseError>),
    /// Number, message, state; `None` raises the caught error again.
    Throw(Option<Box<(Expr, Expr, Expr)>>),
    WaitFor(std::time::Duration),
    /// The session.
    Kill(i64),
    /// Accepted, with nothing to do here: CHECKPOINT, UPDATE STATISTICS.
    Nothing,
}

impl Action {
    /// What `sys.dm_exec_requests.command` calls it; `None` for what leaves that as it is. SELECT, INSERT, UPDATE,
    /// DELETE are documented there; the others are unconfirmed.
    pub fn command(&self) -> Option<&'static str> {
        Some(match self {
            Action::Query(_) => "SELECT",
            Action::Insert(_) => "INSERT",
            Action::Update(_) => "UPDATE",
            Action::Delete(_) => "DELETE",
            Action::InContext { change, .. } => return change.command(),
            Action::InsertBulk(_) => "BULK INSERT",
            Action::Ddl(ddl) => ddl.command(),
            Action::Begin { .. } => "BEGIN TRANSACTION",
            Action::Commit => "COMMIT TRANSACTION",
            Action::Rollback { .. } => "ROLLBACK TRANSACTION",
            Action::Call(_) => "EXECUTE",
            Action::WaitFor(_) => "WAITFOR",
            Action::Kill(_) => "KILL",
            _ => return None,
        })
    }
}

/// # Errors
/// 102/156 with the line, 105, 113, 428.
pub fn batch(text: &str) -> Result<Vec<Statement>, SqlError> {
    let source = SourceText::new(text)?;
    let mut cursor = source.cursor();
    let mut statements = Vec::new();
    while !cursor.is_done() {
        if !cursor.take_token(&Token::SemiColon) {
            statements.push(statement(&mut cursor)?);
        }
    }
    if statements.len() > 1 && statements.iter().any(|s| matches!(s.action, Action::InsertBulk(_))) {
        return Err(SqlError::new(428, 16, 1, "Insert bulk cannot be used in a multi-statement batch."));
    }
    Ok(statements)
}

/// A single expression, as the catalog keeps them: defaults, checks, computed columns.
///
/// # Errors
/// 102/156.
pub fn expression(text: &str) -> Result<Expr, SqlError> {
    let source = SourceText::new(text)?;
    let mut cursor = source.cursor();
    let expression = bridge::expression(&mut cursor)?;
    if cursor.is_done() { Ok(expression) } else { Err(cursor.syntax_error()) }
}

fn statement(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    let line = cursor.line();
    Ok(Statement { line, action: cursor.deeper(action)? })
}

fn action(cursor: &mut Cursor<'_>) -> Result<Action, SqlError> {
    if cursor.at_word("select") || cursor.at_token(&Token::LParen) {
        return Ok(Action::Query(bridge::query(cursor)?));
    }
    if cursor.at_word("with") {
        return dml::with_common_tables(cursor);
    }
    if cursor.at_words(&["insert", "bulk"]) {
        return Ok(Action::InsertBulk(bulk::insert_bulk(cursor)?));
    }
    if cursor.take_word("insert") {
        return Ok(Action::Insert(Box::new(dml::insert(cursor, Vec::new())?)));
    }
    if cursor.take_words(&["update", "statistics"]) {
        return control::update_statistics(cursor);
    }
    if cursor.take_word("update") {
        return Ok(Action::Update(Box::new(dml::update(cursor, Vec::new())?)));
    }
    if cursor.take_word("delete") {
        return Ok(Action::Delete(Box::new(dml::delete(cursor, Vec::new())?)));
    }
    if cursor.take_word("checkpoint") {
        return Ok(Action::Nothing);
    }
    if let Some(setting) = set::setting(cursor)? {
        return Ok(setting);
    }
    if let Some(control) = control::control(cursor)? {
        return Ok(control);
    }
    if let Some(ddl) = ddl::parse(cursor)? {
        return Ok(Action::Ddl(ddl));
    }
    // A batch may begin with a procedure's name, without EXEC.
    if cursor.position() == 0 && control::at_bare_call(cursor) {
        return control::call(cursor);
    }
    Err(cursor.syntax_error())
}
