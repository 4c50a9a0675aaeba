//! Batches cut into statements. Nothing of a batch runs when it does not parse.
use super::ddl::{self, Ddl};
use super::tokens::{Cursor, Source};
use crate::error::SqlError;
use sqlparser::tokenizer::Token;

/// A statement and the line it begins on.
#[derive(Clone, Debug)]
pub struct Statement {
    pub line: u32,
    pub action: Action,
}

#[derive(Clone, Debug)]
pub enum Action {
    Ddl(Ddl),
}

/// # Errors
/// 102/156 with the line, 105, 113.
pub fn batch(text: &str) -> Result<Vec<Statement>, SqlError> {
    let source = Source::new(text)?;
    let mut cursor = source.cursor();
    let mut statements = Vec::new();
    while !cursor.is_done() {
        if !cursor.take_token(&Token::SemiColon) {
            statements.push(statement(&mut cursor)?);
        }
    }
    Ok(statements)
}

fn statement(cursor: &mut Cursor<'_>) -> Result<Statement, SqlError> {
    let line = cursor.line();
    if let Some(ddl) = ddl::parse(cursor)? {
        return Ok(Statement { line, action: Action::Ddl(ddl) });
    }
    Err(cursor.syntax_error())
}
