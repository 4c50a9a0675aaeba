//! How far a statement may go: deeper, or longer, and a thread's stack could overflow.
use super::{Lexeme, is_reserved};
use sandbox_values::error::SqlError;
use sqlparser::tokenizer::Token;

/// Statements inside statements, and parentheses inside parentheses: more could overflow a thread's stack.
pub const DEEPEST: usize = 256;

/// Operators in a row, for the same reason. SQL Server takes some thousands.
const LONGEST_CHAIN: usize = 4000;

/// What an open parenthesis or CASE, or the text around them, has had in a row.
#[derive(Default)]
struct Chain {
    operators: usize,
    /// UNION and its kin.
    queries: usize,
}

/// # Errors
/// 191.
pub fn within_limits(lexemes: &[Lexeme]) -> Result<(), SqlError> {
    let mut chains = vec![Chain::default()];
    let mut goes_on = false;
    for lexeme in lexemes {
        let word = match &lexeme.token {
            Token::Word(word) if word.quote_style.is_none() => word.value.to_ascii_uppercase(),
            _ => String::new(),
        };
        match (&lexeme.token, word.as_str()) {
            (Token::LParen, _) | (_, "CASE") => chains.push(Chain::default()),
            (Token::RParen, _) | (_, "END") if chains.len() > 1 => drop(chains.pop()),
            _ => {}
        }
        let depth = chains.len();
        let Some(chain) = chains.last_mut() else { continue };
        match (&lexeme.token, word.as_str()) {
            (Token::Plus | Token::Minus | Token::Mul | Token::Div | Token::Mod, _)
            | (Token::Ampersand | Token::Pipe | Token::Caret, _)
            | (_, "AND" | "OR") => chain.operators += 1,
            (_, "UNION" | "EXCEPT" | "INTERSECT") => chain.queries += 1,
            (_, "SELECT") if !goes_on => *chain = Chain::default(),
            (Token::SemiColon, _) => *chain = Chain::default(),
            // Words that stand inside an expression go on with it.
            (_, "NOT" | "IS" | "NULL" | "LIKE" | "IN" | "BETWEEN" | "COLLATE" | "CONVERT" | "EXISTS") => {}
            (Token::Comma, _) => chain.operators = 0,
            (_, word) if is_reserved(word) => chain.operators = 0,
            _ => {}
        }
        if depth > DEEPEST + 1 || chain.operators.max(chain.queries) > LONGEST_CHAIN {
            return Err(SqlError { line: lexeme.line, ..too_deep() });
        }
        goes_on = matches!(word.as_str(), "UNION" | "EXCEPT" | "INTERSECT" | "ALL");
    }
    Ok(())
}

/// What SQL Server says of statements that go beyond its stack.
pub fn too_deep() -> SqlError {
    let text = "Some part of your SQL statement is nested too deeply. Rewrite the query or break it up into smaller \
                queries.";
    SqlError::new(191, 15, 1, text)
}
