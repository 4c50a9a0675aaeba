//! Transactions, flow of control, calls and messages.
use super::bridge;
use super::{Action, Statement};
use crate::tokens::{Cursor, ObjectName, SourceText};
use crate::type_name::TypeName;
use sandbox_values::error::SqlError;
use sqlparser::ast::{Expr, Value};
use sqlparser::tokenizer::Token;
use std::time::Duration;

pub type Print = Box<Expr>;

/// One variable of a DECLARE.
#[derive(Clone, Debug)]
pub struct Declared {
    pub variable: VariableName,
    pub type_name: TypeName,
    pub value: Option<Expr>,
}

/// A variable's name, with its @.
pub type VariableName = String;

#[derive(Clone, Debug)]
pub struct CallStatement {
    /// Takes the return status.
    pub status: Option<VariableName>,
    pub callee: Callee,
    pub arguments: Vec<CallArgument>,
}

#[derive(Clone, Debug)]
pub enum Callee {
    Procedure(ObjectName),
    /// `EXEC (text)`
    Text(Box<Expr>),
}

#[derive(Clone, Debug)]
pub struct CallArgument {
    /// Empty where it is positional.
    pub name: String,
    /// `None` is DEFAULT.
    pub value: Option<Expr>,
    pub output: bool,
}

#[derive(Clone, Debug)]
pub struct RaiseError {
    pub message: Expr,
    pub severity: Expr,
    pub state: Expr,
    pub arguments: Vec<Expr>,
}

/// `None` where none of these begins.
pub fn control(cursor: &mut Cursor<'_>) -> Result<Option<Action>, SqlError> {
    let action = if cursor.at_words(&["begin", "try"]) {
        try_catch(cursor)?
    } else if cursor.take_word("kill") {
        let session = cursor.expect_integer()?;
        Action::Kill(session)
    } else if cursor.take_word("begin") {
        begin(cursor)?
    } else if cursor.take_word("commit") {
        transaction_name(cursor)?;
        Action::Commit
    } else if cursor.take_word("rollback") {
        Action::Rollback { name: transaction_name(cursor)? }
    } else if cursor.take_word("save") {
        let Some(name) = transaction_name(cursor)? else { return Err(cursor.syntax_error()) };
        Action::Save { name }
    } else if cursor.take_word("declare") {
        declare(cursor)?
    } else if cursor.take_word("if") {
        conditional(cursor)?
    } else if cursor.take_word("while") {
        let condition = Box::new(bridge::expression(cursor)?);
        Action::While { condition, body: Box::new(super::statement(cursor)?) }
    } else if cursor.take_word("break") {
        Action::Break
    } else if cursor.take_word("continue") {
        Action::Continue
    } else if cursor.take_word("return") {
        let from = cursor.position();
        let ends = bridge::statement_end(cursor) == from || cursor.is_done() || begins_statement(cursor);
        Action::Return(if ends { None } else { Some(Box::new(bridge::expression(cursor)?)) })
    } else if cursor.take_word("print") {
        Action::Print(Box::new(bridge::expression(cursor)?))
    } else if cursor.take_word("raiserror") {
        raise_error(cursor)?
    } else if cursor.take_word("throw") {
        throw(cursor)?
    } else if cursor.take_words(&["waitfor", "delay"]) {
        wait_for(cursor)?
    } else if cursor.at_word("exec") || cursor.at_word("execute") {
        Action::Call(Box::new(called(cursor)?))
    } else if cursor.take_words(&["dbcc", "checkident"]) {
        Action::Call(Box::new(check_identity(cursor)?))
    } else if cursor.take_words(&["dbcc", "show_statistics"]) {
        Action::Call(Box::new(show_statistics(cursor)?))
    } else if cursor.take_words(&["dbcc", "useroptions"]) {
        cursor.take_words(&["with", "no_infomsgs"]);
        Action::Call(Box::new(dbcc("dbcc_useroptions", Vec::new())?))
    } else {
        return Ok(None);
    };
    Ok(Some(action))
}

fn begins_statement(cursor: &Cursor<'_>) -> bool {
    // The end of a statement is looked for behind its first word.
    let mut ahead = *cursor;
    ["select", "end", "else", "begin", "if", "set", "declare", "exec", "insert", "update", "delete", "print"]
        .iter()
        .any(|word| ahead.take_word(word))
}

fn begin(cursor: &mut Cursor<'_>) -> Result<Action, SqlError> {
    if cursor.at_word("tran") || cursor.at_word("transaction") {
        return Ok(Action::Begin { name: transaction_name(cursor)? });
    }
    block(cursor, "end").map(Action::Block)
}

/// Statements up to that word, which is taken.
fn block(cursor: &mut Cursor<'_>, end: &str) -> Result<Vec<Statement>, SqlError> {
    let mut statements = Vec::new();
    loop {
        if cursor.take_word(end) {
            // BEGIN END without a statement is a syntax error.
            return if statements.is_empty() { Err(cursor.syntax_error()) } else { Ok(statements) };
        }
        if cursor.is_done() {
            return Err(cursor.syntax_error());
        }
        if !cursor.take_token(&Token::SemiColon) {
            statements.push(super::statement(cursor)?);
        }
    }
}

fn try_catch(cursor: &mut Cursor<'_>) -> Result<Action, SqlError> {
    cursor.take_words(&["begin", "try"]);
    let body = block(cursor, "end")?;
    cursor.expect_word("try")?;
    cursor.take_token(&Token::SemiColon);
    cursor.expect_word("begin")?;
    cursor.expect_word("catch")?;
    let mut catch = Vec::new();
    while !cursor.take_words(&["end", "catch"]) {
        if cursor.is_done() {
            return Err(cursor.syntax_error());
        }
        if !cursor.take_token(&Token::SemiColon) {
            catch.push(super::statement(cursor)?);
        }
    }
    Ok(Action::Try { body, catch })
}

/// `[TRAN[SACTION] | WORK] [name]`
fn transaction_name(cursor: &mut Cursor<'_>) -> Result<Option<String>, SqlError> {
    if cursor.take_any(&["tran", "transaction", "work"]).is_none() {
        return Ok(None);
    }
    let mut ahead = *cursor;
    let name = ahead.expect_name().ok();
    if name.is_some() {
        *cursor = ahead;
    }
    Ok(name)
}

fn conditional(cursor: &mut Cursor<'_>) -> Result<Action, SqlError> {
    let condition = Box::new(bridge::expression(cursor)?);
    let then = Box::new(super::statement(cursor)?);
    let mut ahead = *cursor;
    while ahead.take_token(&Token::SemiColon) {}
    let otherwise = if ahead.take_word("else") {
        *cursor = ahead;
        Some(Box::new(super::statement(cursor)?))
    } else {
        None
    };
    Ok(Action::If { condition, then, otherwise })
}

fn declare(cursor: &mut Cursor<'_>) -> Result<Action, SqlError> {
    let mut declared = Vec::new();
    loop {
        let variable = cursor.expect_name()?;
        cursor.take_word("as");
        if declared.is_empty() && cursor.take_word("table") {
            return Ok(Action::DeclareTable(Box::new(crate::ddl::table_variable(cursor, &variable)?)));
        }
        let type_name = TypeName::parse(cursor)?;
        let value = if cursor.take_token(&Token::Eq) { Some(bridge::expression(cursor)?) } else { None };
        declared.push(Declared { variable, type_name, value });
        if !cursor.take_token(&Token::Comma) {
            return Ok(Action::Declare(declared));
        }
    }
}

/// Is the next word a procedure's name, as a batch's first statement may be?
pub fn at_bare_call(cursor: &Cursor<'_>) -> bool {
    let mut ahead = *cursor;
    ahead.expect_object_name().is_ok()
}

pub fn call(cursor: &mut Cursor<'_>) -> Result<Action, SqlError> {
    let callee = Callee::Procedure(cursor.expect_object_name()?);
    let arguments = arguments(cursor)?;
    Ok(Action::Call(Box::new(CallStatement { status: None, callee, arguments })))
}

/// `EXEC[UTE] ...`
pub fn called(cursor: &mut Cursor<'_>) -> Result<CallStatement, SqlError> {
    cursor.take_any(&["execute", "exec"]);
    if cursor.take_token(&Token::LParen) {
        let text = bridge::expression(cursor)?;
        cursor.expect_token(&Token::RParen)?;
        return Ok(CallStatement {
            status: None,
            callee: Callee::Text(Box::new(text)),
            arguments: Vec::new(),
        });
    }
    let status = match cursor.peek() {
        Some(Token::Word(word))
            if word.quote_style.is_none()
                && word.value.starts_with('@')
                && cursor.peek_at(1) == Some(&Token::Eq) =>
        {
            cursor.advance();
            cursor.advance();
            Some(word.value.clone())
        }
        _ => None,
    };
    let callee = Callee::Procedure(cursor.expect_object_name()?);
    Ok(CallStatement { status, callee, arguments: arguments(cursor)? })
}

/// A DBCC statement, as a call of a procedure.
fn dbcc(name: &str, arguments: Vec<CallArgument>) -> Result<CallStatement, SqlError> {
    let callee = Callee::Procedure(SourceText::new(name)?.cursor().expect_object_name()?);
    Ok(CallStatement { status: None, callee, arguments })
}

/// `DBCC CHECKIDENT (table, NORESEED | RESEED, number) [WITH NO_INFOMSGS]`.
fn check_identity(cursor: &mut Cursor<'_>) -> Result<CallStatement, SqlError> {
    cursor.expect_token(&Token::LParen)?;
    let table = argument(cursor)?;
    cursor.expect_token(&Token::Comma)?;
    if cursor.take_word("noreseed") {
        cursor.expect_token(&Token::RParen)?;
        return dbcc("dbcc_checkident_noreseed", vec![table]);
    }
    cursor.expect_word("reseed")?;
    cursor.expect_token(&Token::Comma)?;
    let number = argument(cursor)?;
    cursor.expect_token(&Token::RParen)?;
    let silent = cursor.take_words(&["with", "no_infomsgs"]);
    let name = if silent { "dbcc_checkident_silent" } else { "dbcc_checkident" };
    dbcc(name, vec![table, number])
}

/// `DBCC SHOW_STATISTICS (table, statistics) WITH HISTOGRAM [, NO_INFOMSGS]`.
fn show_statistics(cursor: &mut Cursor<'_>) -> Result<CallStatement, SqlError> {
    cursor.expect_token(&Token::LParen)?;
    let table = argument(cursor)?;
    cursor.expect_token(&Token::Comma)?;
    let statistics = argument(cursor)?;
    cursor.expect_token(&Token::RParen)?;
    if !cursor.take_words(&["with", "histogram"]) {
        return Err(cursor.syntax_error());
    }
    let silent = cursor.take_token(&Token::Comma);
    if silent {
        cursor.expect_word("no_infomsgs")?;
    }
    let name = if silent { "dbcc_show_statistics_silent" } else { "dbcc_show_statistics" };
    dbcc(name, vec![table, statistics])
}

/// After UPDATE STATISTICS: `table [name | (name, ...)] [WITH FULLSCAN]`. All values are looked at, whatever share is
/// asked for.
pub fn update_statistics(cursor: &mut Cursor<'_>) -> Result<Action, SqlError> {
    let text = |text: String| CallArgument {
        name: String::new(),
        value: Some(Expr::value(Value::NationalStringLiteral(text))),
        output: false,
    };
    let mut arguments = vec![text(cursor.expect_object_name()?.to_string())];
    if cursor.take_token(&Token::LParen) {
        arguments.push(text(cursor.expect_name()?));
        cursor.expect_token(&Token::RParen)?;
    } else if cursor.position() < bridge::statement_end(cursor)
        && !cursor.at_word("with")
        && !ends_call(cursor)
    {
        arguments.push(text(cursor.expect_name()?));
    }
    if cursor.take_word("with") {
        let share = cursor.take_words(&["fullscan"]) || cursor.take_words(&["resample"]);
        if !share && !cursor.take_word("sample") {
            return Err(cursor.syntax_error());
        }
        if !share {
            argument(cursor)?;
            cursor.take_any(&["percent", "rows"]);
        }
    }
    Ok(Action::Call(Box::new(dbcc("update_statistics", arguments)?)))
}

fn arguments(cursor: &mut Cursor<'_>) -> Result<Vec<CallArgument>, SqlError> {
    let mut arguments = Vec::new();
    let end = bridge::statement_end(cursor);
    if cursor.position() >= end || ends_call(cursor) {
        return Ok(arguments);
    }
    loop {
        arguments.push(argument(cursor)?);
        if !cursor.take_token(&Token::Comma) {
            return Ok(arguments);
        }
    }
}

/// A word that is no argument begins the next statement.
fn ends_call(cursor: &Cursor<'_>) -> bool {
    match cursor.peek() {
        Some(Token::Word(word)) => {
            word.quote_style.is_none()
                && crate::tokens::is_reserved(&word.value)
                && !["null", "default"].iter().any(|w| word.value.eq_ignore_ascii_case(w))
        }
        _ => false,
    }
}

fn argument(cursor: &mut Cursor<'_>) -> Result<CallArgument, SqlError> {
    let name = match cursor.peek() {
        Some(Token::Word(word))
            if word.quote_style.is_none()
                && word.value.starts_with('@')
                && cursor.peek_at(1) == Some(&Token::Eq) =>
        {
            cursor.advance();
            cursor.advance();
            word.value.clone()
        }
        _ => String::new(),
    };
    let value = if cursor.take_word("default") {
        None
    } else {
        // Arguments are constants and variables, no expressions; a bare word is a string.
        Some(bridge::read(cursor, |parser| parser.parse_prefix())?)
    };
    let output = cursor.take_any(&["output", "out"]).is_some();
    Ok(CallArgument { name, value, output })
}

fn raise_error(cursor: &mut Cursor<'_>) -> Result<Action, SqlError> {
    cursor.expect_token(&Token::LParen)?;
    let message = bridge::expression(cursor)?;
    cursor.expect_token(&Token::Comma)?;
    let severity = bridge::expression(cursor)?;
    cursor.expect_token(&Token::Comma)?;
    let state = bridge::expression(cursor)?;
    let mut arguments = Vec::new();
    while cursor.take_token(&Token::Comma) {
        arguments.push(bridge::expression(cursor)?);
    }
    cursor.expect_token(&Token::RParen)?;
    if cursor.take_word("with") {
        while cursor.take_any(&["nowait", "log", "seterror"]).is_some() {
            cursor.take_token(&Token::Comma);
        }
    }
    Ok(Action::RaiseError(Box::new(RaiseError { message, severity, state, arguments })))
}

fn throw(cursor: &mut Cursor<'_>) -> Result<Action, SqlError> {
    if !matches!(cursor.peek(), Some(Token::Number(..) | Token::Word(_))) || ends_call(cursor) {
        return Ok(Action::Throw(None));
    }
    let number = bridge::expression(cursor)?;
    cursor.expect_token(&Token::Comma)?;
    let message = bridge::expression(cursor)?;
    cursor.expect_token(&Token::Comma)?;
    let state = bridge::expression(cursor)?;
    Ok(Action::Throw(Some(Box::new((number, message, state)))))
}

/// `WAITFOR DELAY 'hh:mm:ss[.mmm]'`
fn wait_for(cursor: &mut Cursor<'_>) -> Result<Action, SqlError> {
    let at = *cursor;
    let text = cursor.take_string().ok_or_else(|| at.syntax_error())?;
    let mut seconds = 0.0;
    for part in text.split(':') {
        let Some(n) = part.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0) else {
            return Err(SqlError::new(
                148,
                15,
                1,
                format!("Incorrect time syntax in time string '{text}' used with WAITFOR."),
            ));
        };
        seconds = seconds * 60.0 + n;
    }
    // A day is the longest that SQL Server waits.
    Ok(Action::WaitFor(Duration::from_secs_f64(seconds.min(86_400.0))))
}
