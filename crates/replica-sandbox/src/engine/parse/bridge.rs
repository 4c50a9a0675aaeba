//! Lets `sqlparser` read from a [`Cursor`].
use crate::engine::tokens::{Cursor, DEEPEST, Lexeme, too_deep};
use crate::error::SqlError;
use sqlparser::ast::{Expr, Query};
use sqlparser::dialect::MsSqlDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan};

/// A subquery in parentheses takes the parser several calls.
const RECURSION: usize = 2 * DEEPEST;

pub fn expression(cursor: &mut Cursor<'_>) -> Result<Expr, SqlError> {
    read(cursor, |parser| parser.parse_expr())
}

/// A query, with the hints of OPTION () left unread.
pub fn query(cursor: &mut Cursor<'_>) -> Result<Box<Query>, SqlError> {
    let query = read(cursor, |parser| parser.parse_query())?;
    option_clause(cursor)?;
    Ok(query)
}

/// `OPTION (hint, ...)`: how to run it is the sandbox's own affair.
pub fn option_clause(cursor: &mut Cursor<'_>) -> Result<(), SqlError> {
    if cursor.take_word("option") {
        cursor.expect_parenthesised()?;
    }
    Ok(())
}

/// Reads with `sqlparser` from the cursor on, at most to the end of the statement.
pub fn read<T>(
    cursor: &mut Cursor<'_>,
    with: impl FnOnce(&mut Parser<'_>) -> Result<T, ParserError>,
) -> Result<T, SqlError> {
    let from = cursor.position();
    let length = statement_end(cursor) - from;
    let tokens = cursor.rest()[..length].iter().enumerate().map(|(n, lexeme)| numbered(n, lexeme)).collect();
    let dialect = MsSqlDialect {};
    let mut parser = Parser::new(&dialect).with_recursion_limit(RECURSION).with_tokens_with_locations(tokens);
    match with(&mut parser) {
        Ok(parsed) => {
            cursor.set_position(from + parser.index().min(length));
            Ok(parsed)
        }
        Err(ParserError::RecursionLimitExceeded) => Err(too_deep()),
        Err(ParserError::ParserError(message) | ParserError::TokenizerError(message)) => {
            cursor.set_position(from + refused(&message).unwrap_or(length));
            Err(cursor.syntax_error())
        }
    }
}

/// A token whose line is its number: the parser's messages then tell which one it refused.
fn numbered(n: usize, lexeme: &Lexeme) -> TokenWithSpan {
    let location = Location::new(n as u64 + 1, 1);
    TokenWithSpan::new(lexeme.token.clone(), Span::new(location, location))
}

fn refused(message: &str) -> Option<usize> {
    let (_, place) = message.rsplit_once(" at Line: ")?;
    let line: usize = place.split(',').next()?.trim().parse().ok()?;
    line.checked_sub(1)
}

/// Words that begin a statement and stand nowhere inside one: T-SQL needs no semicolons between statements, but
/// `sqlparser` would take some of these for aliases.
const BEGINNINGS: &[&str] = &[
    "alter",
    "begin",
    "break",
    "checkpoint",
    "commit",
    "continue",
    "create",
    "dbcc",
    "declare",
    "delete",
    "deny",
    "drop",
    "else",
    "end",
    "exec",
    "execute",
    "goto",
    "grant",
    "if",
    "insert",
    "kill",
    "print",
    "raiserror",
    "return",
    "revoke",
    "rollback",
    "save",
    "throw",
    "truncate",
    "update",
    "use",
    "waitfor",
    "while",
];

/// Where the statement under the cursor ends at the latest: before a semicolon, or a word that begins another.
pub fn statement_end(cursor: &Cursor<'_>) -> usize {
    let (mut depth, mut cases) = (0_usize, 0_usize);
    let from = cursor.position();
    for (n, lexeme) in cursor.rest().iter().enumerate() {
        match &lexeme.token {
            Token::LParen => depth += 1,
            Token::RParen => depth = depth.saturating_sub(1),
            Token::SemiColon if depth == 0 => return from + n,
            Token::Word(word) if word.quote_style.is_none() && depth == 0 => {
                let is = |w: &str| word.value.eq_ignore_ascii_case(w);
                if is("case") {
                    cases += 1;
                } else if is("end") && cases > 0 {
                    cases -= 1;
                } else if cases == 0 && n > 0 && BEGINNINGS.iter().any(|w| is(w)) {
                    return from + n;
                }
            }
            _ => {}
        }
    }
    from + cursor.rest().len()
}
