//! INSERT, UPDATE and DELETE.
use super::Action;
use super::bridge;
use crate::hints::Hints;
use crate::tokens::{Cursor, ObjectName};
use sandbox_values::Value;
use sandbox_values::column::OutColumn;
use sandbox_values::error::SqlError;
use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{self, BinaryOperator, Cte, Expr, Ident, Query, SelectItem, TableWithJoins, With};
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

/// The table that a statement changes: a name, or an alias from its FROM clause.
#[derive(Clone, Debug)]
pub struct TargetName {
    pub name: ObjectName,
    pub hints: Hints,
}

/// `OUTPUT list [INTO table [(columns)]]`
#[derive(Clone, Debug)]
pub struct OutputClause {
    pub items: Vec<SelectItem>,
    pub into: Option<(ObjectName, Vec<String>)>,
}

#[derive(Clone, Debug)]
pub struct Insert {
    pub with: Vec<Cte>,
    pub top: Option<Expr>,
    pub target: TargetName,
    pub columns: Option<Vec<String>>,
    pub output: Option<OutputClause>,
    pub rows: InsertRows,
}

#[derive(Clone, Debug)]
pub enum InsertRows {
    /// `None` is DEFAULT.
    Values(Vec<Vec<Option<Expr>>>),
    Query(Box<Query>),
    DefaultValues,
    Call(Box<super::CallStatement>),
    /// What a call gave, or OUTPUT for its INTO: no text says so.
    Given(Vec<OutColumn>, Vec<Vec<Value>>),
}

#[derive(Clone, Debug)]
pub struct Update {
    pub with: Vec<Cte>,
    pub top: Option<Expr>,
    pub target: TargetName,
    pub set: Vec<(Assigned, Option<Expr>)>,
    pub output: Option<OutputClause>,
    pub from: Vec<TableWithJoins>,
    pub filter: Option<Expr>,
}

/// What the left side of an assignment in UPDATE names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Assigned {
    Column(String),
    Variable(String),
}

#[derive(Clone, Debug)]
pub struct Delete {
    pub with: Vec<Cte>,
    pub top: Option<Expr>,
    pub target: TargetName,
    pub output: Option<OutputClause>,
    pub from: Vec<TableWithJoins>,
    pub filter: Option<Expr>,
}

/// `WITH name AS (...)` before a query or a change.
pub fn with_common_tables(cursor: &mut Cursor<'_>) -> Result<Action, SqlError> {
    cursor.expect_word("with")?;
    if cursor.take_word("change_tracking_context") {
        return in_context(cursor);
    }
    common_tables(cursor)
}

/// `CHANGE_TRACKING_CONTEXT (value) [, name AS (...)]` before a change (Microsoft docs, "WITH CHANGE_TRACKING_CONTEXT").
fn in_context(cursor: &mut Cursor<'_>) -> Result<Action, SqlError> {
    cursor.expect_token(&Token::LParen)?;
    let before = *cursor;
    let context = Box::new(bridge::expression(cursor)?);
    let constant = match &*context {
        Expr::Identifier(ident) => ident.value.starts_with('@'),
        Expr::Value(value) => matches!(value.value, ast::Value::HexStringLiteral(_)),
        _ => false,
    };
    if !constant {
        return Err(before.syntax_error());
    }
    cursor.expect_token(&Token::RParen)?;
    let change = if cursor.take_token(&Token::Comma) {
        common_tables(cursor)?
    } else {
        changed(cursor, Vec::new())?.ok_or_else(|| cursor.syntax_error())?
    };
    if matches!(change, Action::Query(_)) {
        let text = "The CHANGE_TRACKING_CONTEXT WITH clause cannot be used with a SELECT statement.";
        return Err(SqlError::new(22108, 16, 1, text));
    }
    Ok(Action::InContext { context, change: Box::new(change) })
}

fn common_tables(cursor: &mut Cursor<'_>) -> Result<Action, SqlError> {
    let with = bridge::read(cursor, |parser| parser.parse_comma_separated(Parser::parse_cte))?;
    if let Some(change) = changed(cursor, with.clone())? {
        return Ok(change);
    }
    let mut query = bridge::query(cursor)?;
    query.with = Some(With { with_token: AttachedToken::empty(), recursive: false, cte_tables: with });
    Ok(Action::Query(query))
}

fn changed(cursor: &mut Cursor<'_>, with: Vec<Cte>) -> Result<Option<Action>, SqlError> {
    Ok(Some(match cursor.take_any(&["insert", "update", "delete"]) {
        Some("insert") => Action::Insert(Box::new(insert(cursor, with)?)),
        Some("update") => Action::Update(Box::new(update(cursor, with)?)),
        Some(_) => Action::Delete(Box::new(delete(cursor, with)?)),
        None => return Ok(None),
    }))
}

pub fn insert(cursor: &mut Cursor<'_>, with: Vec<Cte>) -> Result<Insert, SqlError> {
    let top = top(cursor)?;
    cursor.take_word("into");
    let mut target = target(cursor)?;
    let columns =
        if cursor.at_token(&Token::LParen) && !at_query(cursor) { Some(names(cursor)?) } else { None };
    // Hints may also stand after the column list.
    target.hints = target.hints.and(hints(cursor)?)?;
    let output = output(cursor)?;
    let rows = if cursor.take_words(&["default", "values"]) {
        InsertRows::DefaultValues
    } else if cursor.at_word("values") {
        cursor.advance();
        let values = bridge::read(cursor, |parser| parser.parse_values(false, true))?;
        InsertRows::Values(
            values
                .rows
                .into_iter()
                .map(|row| row.content.into_iter().map(unless_default).collect())
                .collect(),
        )
    } else if cursor.at_word("exec") || cursor.at_word("execute") {
        InsertRows::Call(Box::new(super::control::called(cursor)?))
    } else {
        InsertRows::Query(bridge::query(cursor)?)
    };
    bridge::option_clause(cursor)?;
    Ok(Insert { with, top, target, columns, output, rows })
}

pub fn update(cursor: &mut Cursor<'_>, with: Vec<Cte>) -> Result<Update, SqlError> {
    let top = top(cursor)?;
    let target = target(cursor)?;
    cursor.expect_word("set")?;
    let mut set = vec![assignment(cursor)?];
    while cursor.take_token(&Token::Comma) {
        set.push(assignment(cursor)?);
    }
    let output = output(cursor)?;
    let from = from(cursor)?;
    let filter = filter(cursor)?;
    bridge::option_clause(cursor)?;
    Ok(Update { with, top, target, set, output, from, filter })
}

pub fn delete(cursor: &mut Cursor<'_>, with: Vec<Cte>) -> Result<Delete, SqlError> {
    let top = top(cursor)?;
    cursor.take_word("from");
    let target = target(cursor)?;
    let output = output(cursor)?;
    let from = from(cursor)?;
    let filter = filter(cursor)?;
    bridge::option_clause(cursor)?;
    Ok(Delete { with, top, target, output, from, filter })
}

/// `TOP (n)`, or `TOP n` as it is still accepted.
fn top(cursor: &mut Cursor<'_>) -> Result<Option<Expr>, SqlError> {
    if !cursor.take_word("top") {
        return Ok(None);
    }
    if !cursor.take_token(&Token::LParen) {
        return bridge::read(cursor, |parser| parser.parse_prefix()).map(Some);
    }
    let rows = bridge::expression(cursor)?;
    cursor.expect_token(&Token::RParen)?;
    Ok(Some(rows))
}

fn target(cursor: &mut Cursor<'_>) -> Result<TargetName, SqlError> {
    Ok(TargetName { name: cursor.expect_table_name()?, hints: hints(cursor)? })
}

/// `WITH (hint, ...)`; an index hint's arguments are dropped.
fn hints(cursor: &mut Cursor<'_>) -> Result<Hints, SqlError> {
    let mut hints = Vec::new();
    if !(cursor.at_word("with") && cursor.peek_at(1) == Some(&Token::LParen)) {
        return Ok(Hints::default());
    }
    cursor.advance();
    cursor.advance();
    loop {
        match cursor.advance() {
            Some(Token::Word(word)) => hints.push(word.value.clone()),
            _ => return Err(cursor.syntax_error()),
        }
        if cursor.at_token(&Token::LParen) {
            cursor.expect_parenthesised()?;
        }
        if cursor.take_token(&Token::RParen) {
            return Hints::new(hints);
        }
        cursor.take_token(&Token::Comma);
    }
}

/// Does a parenthesised query begin here, rather than a list of names?
fn at_query(cursor: &Cursor<'_>) -> bool {
    let mut ahead = *cursor;
    while ahead.take_token(&Token::LParen) {}
    ahead.at_word("select") || ahead.at_word("values") || ahead.at_word("with")
}

/// `(name, ...)`
fn names(cursor: &mut Cursor<'_>) -> Result<Vec<String>, SqlError> {
    cursor.expect_token(&Token::LParen)?;
    let mut names = vec![column(cursor)?];
    while cursor.take_token(&Token::Comma) {
        names.push(column(cursor)?);
    }
    cursor.expect_token(&Token::RParen)?;
    Ok(names)
}

/// A column's name, perhaps qualified: only the last part tells.
fn column(cursor: &mut Cursor<'_>) -> Result<String, SqlError> {
    let mut name = cursor.expect_name()?;
    while cursor.take_token(&Token::Period) {
        name = cursor.expect_name()?;
    }
    Ok(name)
}

fn assignment(cursor: &mut Cursor<'_>) -> Result<(Assigned, Option<Expr>), SqlError> {
    let variable =
        matches!(cursor.peek(), Some(Token::Word(w)) if w.quote_style.is_none() && w.value.starts_with('@'));
    let name = column(cursor)?;
    let operator = match cursor.advance() {
        Some(Token::Eq) => None,
        Some(token @ (Token::Plus | Token::Minus | Token::Mul | Token::Div | Token::Mod)) => {
            cursor.expect_token(&Token::Eq)?;
            compound(token)
        }
        _ => return Err(cursor.syntax_error()),
    };
    let value = bridge::expression(cursor)?;
    let assigned = if variable { Assigned::Variable(name.clone()) } else { Assigned::Column(name.clone()) };
    let value = match operator {
        None => unless_default(value),
        Some(op) => {
            let left = Expr::Identifier(Ident::with_quote('[', name));
            Some(Expr::BinaryOp { left: Box::new(left), op, right: Box::new(Expr::Nested(Box::new(value))) })
        }
    };
    Ok((assigned, value))
}

/// The operator of `+=` and its like.
pub fn compound(token: &Token) -> Option<BinaryOperator> {
    match token {
        Token::Plus => Some(BinaryOperator::Plus),
        Token::Minus => Some(BinaryOperator::Minus),
        Token::Mul => Some(BinaryOperator::Multiply),
        Token::Div => Some(BinaryOperator::Divide),
        Token::Mod => Some(BinaryOperator::Modulo),
        _ => None,
    }
}

fn output(cursor: &mut Cursor<'_>) -> Result<Option<OutputClause>, SqlError> {
    if !cursor.take_word("output") {
        return Ok(None);
    }
    let items = bridge::read(cursor, |parser| parser.parse_comma_separated(Parser::parse_select_item))?;
    let into = if cursor.take_word("into") {
        let table = cursor.expect_table_name()?;
        let columns = if cursor.at_token(&Token::LParen) { names(cursor)? } else { Vec::new() };
        Some((table, columns))
    } else {
        None
    };
    Ok(Some(OutputClause { items, into }))
}

fn from(cursor: &mut Cursor<'_>) -> Result<Vec<TableWithJoins>, SqlError> {
    if !cursor.take_word("from") {
        return Ok(Vec::new());
    }
    bridge::read(cursor, |parser| parser.parse_comma_separated(Parser::parse_table_and_joins))
}

fn filter(cursor: &mut Cursor<'_>) -> Result<Option<Expr>, SqlError> {
    if cursor.take_word("where") { bridge::expression(cursor).map(Some) } else { Ok(None) }
}

fn unless_default(value: Expr) -> Option<Expr> {
    match &value {
        Expr::Identifier(name)
            if name.quote_style.is_none() && name.value.eq_ignore_ascii_case("default") =>
        {
            None
        }
        _ => Some(value),
    }
}
