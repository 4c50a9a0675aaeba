//! A batch cut into tokens that know where they stand in it.
use super::limits::within_limits;
use super::{Cursor, PARTITION};
use sandbox_values::error::SqlError;
use sqlparser::dialect::MsSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Token, Tokenizer};
use std::cell::Cell;

/// A token that is neither white space nor a comment.
#[derive(Clone, Debug)]
pub struct Lexeme {
    pub token: Token,
    /// Byte offsets in the source.
    pub start: usize,
    pub end: usize,
    /// Line of the batch, from 1.
    pub line: u32,
}

/// A tokenized batch.
#[derive(Clone, Debug)]
pub struct SourceText<'a> {
    pub text: &'a str,
    pub lexemes: Vec<Lexeme>,
    /// Statements around the one being read.
    pub(super) nesting: Cell<usize>,
}

impl<'a> SourceText<'a> {
    /// # Errors
    /// 105 for a string or name that is not closed, 113 for a comment, 191 for too deep an expression, else 102.
    pub fn new(text: &'a str) -> Result<Self, SqlError> {
        let dialect = MsSqlDialect {};
        let spanned = Tokenizer::new(&dialect, text)
            .tokenize_with_location()
            .map_err(|e| unclosed(&e.message, e.location, text))?;
        let mut walker = Walker { text, at: 0, line: 1, column: 1 };
        let mut lexemes = Vec::with_capacity(spanned.len());
        for one in spanned {
            let start = walker.seek(one.span.start);
            let line = walker.line as u32;
            let end = walker.seek(one.span.end);
            if !matches!(one.token, Token::Whitespace(_) | Token::EOF) {
                lexemes.push(Lexeme { token: word_of_a_dollar(one.token), start, end, line });
            }
        }
        let lexemes = without_foreign_operators(lexemes);
        within_limits(&lexemes)?;
        Ok(Self { text, lexemes, nesting: Cell::new(0) })
    }

    pub fn cursor(&self) -> Cursor<'_> {
        Cursor::at_start(self)
    }
}

/// `$PARTITION` is a name's part like any other; the tokenizer takes it for a parameter.
fn word_of_a_dollar(token: Token) -> Token {
    match token {
        Token::Placeholder(text) if text.eq_ignore_ascii_case(PARTITION) => Token::make_word(&text, None),
        other => other,
    }
}

/// `a<@b` and `a^@b` compare with a variable; the tokenizer takes `<@` and `^@` for operators of PostgreSQL.
fn without_foreign_operators(lexemes: Vec<Lexeme>) -> Vec<Lexeme> {
    let mut mended = Vec::with_capacity(lexemes.len());
    let mut lexemes = lexemes.into_iter().peekable();
    while let Some(mut lexeme) = lexemes.next() {
        let operator = match lexeme.token {
            Token::ArrowAt => Some(Token::Lt),
            Token::CaretAt => Some(Token::Caret),
            _ => None,
        };
        if let Some(operator) = operator
            && let Some(Lexeme { token: Token::Word(word), start, .. }) = lexemes.peek_mut()
            && *start == lexeme.end
            && word.quote_style.is_none()
        {
            word.value.insert(0, '@');
            word.keyword = Keyword::NoKeyword;
            *start -= 1;
            lexeme.token = operator;
            lexeme.end -= 1;
        }
        mended.push(lexeme);
    }
    mended
}

/// Turns the tokenizer's lines and columns, which only grow, into byte offsets.
struct Walker<'a> {
    text: &'a str,
    at: usize,
    line: u64,
    column: u64,
}

impl Walker<'_> {
    fn seek(&mut self, to: Location) -> usize {
        while (self.line, self.column) < (to.line, to.column) {
            let Some(c) = self.text[self.at..].chars().next() else { break };
            self.at += c.len_utf8();
            if c == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.at
    }
}

fn unclosed(message: &str, at: Location, text: &str) -> SqlError {
    let rest: String = text
        .lines()
        .nth(at.line.saturating_sub(1) as usize)
        .unwrap_or("")
        .chars()
        .skip(at.column as usize)
        .collect();
    let mut error = if message.contains("nterminated string") || message.contains("close delimiter") {
        SqlError::new(105, 15, 1, format!("Unclosed quotation mark after the character string '{rest}'."))
    } else if message.contains("comment") {
        SqlError::new(113, 15, 1, "Missing end comment mark '*/'.")
    } else {
        SqlError::new(102, 15, 1, format!("Incorrect syntax near '{rest}'."))
    };
    error.line = at.line as u32;
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_and_lines_follow_comments_strings_and_wide_characters() {
        let text = "select N'é😀''x' -- tail\n/* a\nb */ , [a]]b]\r\n  from t";
        let source = SourceText::new(text).unwrap();
        let seen: Vec<_> = source.lexemes.iter().map(|l| (&text[l.start..l.end], l.line)).collect();
        assert_eq!(seen, [("select", 1), ("N'é😀''x'", 1), (",", 3), ("[a]]b]", 3), ("from", 4), ("t", 4)]);
    }

    #[test]
    fn variables_begin_right_after_an_operator() {
        let text = "a<@b^@select<@@rowcount<=@c";
        let source = SourceText::new(text).unwrap();
        let seen: Vec<_> =
            source.lexemes.iter().map(|l| (l.token.to_string(), &text[l.start..l.end])).collect();
        let expected = ["a", "<", "@b", "^", "@select", "<", "@@rowcount", "<=", "@c"];
        assert_eq!(seen, expected.map(|part| (part.to_owned(), part)));
    }

    #[test]
    fn open_strings_and_comments_are_errors() {
        assert_eq!(SourceText::new("select 'abc").unwrap_err().number, 105);
        assert_eq!(SourceText::new("select /* abc").unwrap_err().number, 113);
    }
}
