//! Lets `sqlparser` read from a [`Cursor`].
use crate::tokens::{Cursor, DEEPEST, Lexeme, too_deep};
use sandbox_values::error::SqlError;
use sqlparser::ast::{Expr, Ident, ObjectName, Query, Setting, Value};
use sqlparser::dialect::MsSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Span, Token, TokenWithSpan, Word};

/// A subquery in parentheses takes the parser several calls.
const RECURSION: usize = 2 * DEEPEST;

pub fn expression(cursor: &mut Cursor<'_>) -> Result<Expr, SqlError> {
    read(cursor, |parser| parser.parse_expr())
}

/// A query, with what OPTION () says of it.
pub fn query(cursor: &mut Cursor<'_>) -> Result<Box<Query>, SqlError> {
    let mut query = read(cursor, |parser| parser.parse_query())?;
    if let Some(limit) = option_clause(cursor)? {
        let value = Expr::value(Value::Number(limit.to_string(), false));
        query.settings = Some(vec![Setting { key: Ident::new(MAX_RECURSION), value }]);
    }
    Ok(query)
}

/// The parser has a place for settings of other dialects' queries: the limit is kept there.
const MAX_RECURSION: &str = "maxrecursion";

/// OPTION (MAXRECURSION n) of a query.
pub fn max_recursion(query: &Query) -> Option<i64> {
    let setting = query.settings.as_ref()?.iter().find(|s| s.key.value == MAX_RECURSION)?;
    setting.value.to_string().parse().ok()
}

/// `OPTION (hint, ...)`: the limit of recursion; how to run it otherwise is the sandbox's own affair.
pub fn option_clause(cursor: &mut Cursor<'_>) -> Result<Option<i64>, SqlError> {
    if !cursor.take_word("option") {
        return Ok(None);
    }
    let (from, to) = cursor.expect_parenthesised()?;
    let mut inside = *cursor;
    inside.set_position(from);
    while inside.position() < to {
        if inside.take_word(MAX_RECURSION) {
            return inside.expect_integer().map(Some);
        }
        inside.advance();
    }
    Ok(None)
}

/// Reads with `sqlparser` from the cursor on, at most to the end of the statement.
pub fn read<T>(
    cursor: &mut Cursor<'_>,
    with: impl FnOnce(&mut Parser<'_>) -> Result<T, ParserError>,
) -> Result<T, SqlError> {
    let from = cursor.position();
    let length = statement_end(cursor) - from;
    let mut tokens: Vec<_> =
        cursor.rest()[..length].iter().enumerate().map(|(n, lexeme)| numbered(n, lexeme)).collect();
    mark_fetched_variables(&mut tokens);
    name_aliases(&mut tokens);
    name_change_tables(&mut tokens);
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

/// `FETCH NEXT @n ROWS`: the parser takes a value there, and no name.
fn mark_fetched_variables(tokens: &mut [TokenWithSpan]) {
    for at in 2..tokens.len() {
        let (before, rest) = tokens.split_at_mut(at);
        let [.., fetch, next] = before else { continue };
        let is = |token: &Token, wanted: &[Keyword]| matches!(token, Token::Word(w) if wanted.contains(&w.keyword));
        if is(&fetch.token, &[Keyword::FETCH])
            && is(&next.token, &[Keyword::NEXT, Keyword::FIRST])
            && let Some(TokenWithSpan { token, .. }) = rest.first_mut()
            && let Token::Word(Word { value, quote_style: None, .. }) = token
            && value.starts_with('@')
        {
            *token = Token::Placeholder(std::mem::take(value));
        }
    }
}

/// `expression AS N'name'`: the parser takes a name there, and no such string.
fn name_aliases(tokens: &mut [TokenWithSpan]) {
    for at in 1..tokens.len() {
        let after_as = matches!(&tokens[at - 1].token, Token::Word(w) if w.keyword == Keyword::AS && w.quote_style.is_none());
        if let (true, Token::NationalStringLiteral(name)) = (after_as, &tokens[at].token) {
            let name = name.clone();
            tokens[at].token =
                Token::Word(Word { value: name, quote_style: Some('['), keyword: Keyword::NoKeyword });
        }
    }
}

/// The two forms of CHANGETABLE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeTable {
    Changes,
    Version,
}

/// Names that no text can give a function, since they have a blank and no quotes.
const CHANGE_TABLES: [(ChangeTable, &str, &str); 2] = [
    (ChangeTable::Changes, "changes", "changetable changes"),
    (ChangeTable::Version, "version", "changetable version"),
];

/// Which form a function's name stands for.
pub fn change_table(name: &ObjectName) -> Option<ChangeTable> {
    let [part] = name.0.as_slice() else { return None };
    let ident = part.as_ident().filter(|ident| ident.quote_style.is_none())?;
    CHANGE_TABLES.iter().find(|(_, _, name)| *name == ident.value).map(|(kind, ..)| *kind)
}

/// `CHANGETABLE(CHANGES table, …)`: the parser has no place for the word before the table. It takes an operation on the
/// table's name there, and the word goes into the function's name.
fn name_change_tables(tokens: &mut [TokenWithSpan]) {
    for at in 2..tokens.len() {
        let is = |token: &Token, wanted: &str| matches!(token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(wanted));
        if tokens[at - 1].token != Token::LParen || !is(&tokens[at - 2].token, "changetable") {
            continue;
        }
        if let Some((_, _, name)) = CHANGE_TABLES.iter().find(|(_, word, _)| is(&tokens[at].token, word)) {
            let value = (*name).to_owned();
            tokens[at - 2].token =
                Token::Word(Word { value, quote_style: None, keyword: Keyword::NoKeyword });
            tokens[at].token = Token::Plus;
        }
    }
}

fn refused(message: &str) -> Option<usize> {
    let (_, place) = message.rsplit_once(" at Line: ")?;
    let line: usize = place.split(',').next()?.trim().parse().ok()?;
    line.checked_sub(1)
}

/// Words that begin a statement, or its OPTION clause, and stand nowhere inside a query: T-SQL needs no semicolons
/// between statements, but `sqlparser` would take some of these for aliases.
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
    "option",
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
