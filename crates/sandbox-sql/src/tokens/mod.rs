//! T-SQL cut into tokens that know where they stand in the batch, and the cursor that hand-written parsers walk
//! them with: statements that `sqlparser` does not know, and DDL, whose expressions are kept as written.
mod limits;
mod reserved;
mod source;

pub use limits::{DEEPEST, too_deep};
pub use reserved::is_reserved;
pub use source::{Lexeme, SourceText};

use sandbox_values::error::SqlError;
use sqlparser::tokenizer::Token;

/// What qualifies the name of a partition function.
pub const PARTITION: &str = "$partition";

/// A place in a token list.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    source: &'a SourceText<'a>,
    at: usize,
}

/// `[database.][schema.]name`, or `[server.]...`; the last part is the object's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectName {
    pub database: Option<String>,
    pub schema: Option<String>,
    pub name: String,
}

impl std::fmt::Display for ObjectName {
    /// As SQL Server's messages say it: the parts that were written, joined by dots, unquoted.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(database) = &self.database {
            write!(f, "{database}.")?;
        }
        if let Some(schema) = &self.schema {
            write!(f, "{schema}.")?;
        } else if self.database.is_some() {
            write!(f, ".")?;
        }
        write!(f, "{}", self.name)
    }
}

impl<'a> Cursor<'a> {
    fn at_start(source: &'a SourceText<'a>) -> Self {
        Self { source, at: 0 }
    }

    /// Index of the next token in [`SourceText::lexemes`].
    pub fn position(&self) -> usize {
        self.at
    }

    pub fn set_position(&mut self, at: usize) {
        self.at = at;
    }

    /// What has not been read yet.
    pub fn rest(&self) -> &'a [Lexeme] {
        self.source.lexemes.get(self.at..).unwrap_or_default()
    }

    /// Reads a statement inside the one that is being read.
    ///
    /// # Errors
    /// 191, beside those of `read`.
    pub fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, SqlError>) -> Result<T, SqlError> {
        let nesting = &self.source.nesting;
        if nesting.get() > DEEPEST {
            return Err(SqlError { line: self.line(), ..too_deep() });
        }
        nesting.set(nesting.get() + 1);
        let result = read(self);
        nesting.set(nesting.get() - 1);
        result
    }

    pub fn is_done(&self) -> bool {
        self.at >= self.source.lexemes.len()
    }

    pub fn peek(&self) -> Option<&'a Token> {
        self.peek_at(0)
    }

    /// The token `n` after the next.
    pub fn peek_at(&self, n: usize) -> Option<&'a Token> {
        self.source.lexemes.get(self.at + n).map(|l| &l.token)
    }

    pub fn advance(&mut self) -> Option<&'a Token> {
        let token = self.peek()?;
        self.at += 1;
        Some(token)
    }

    /// Line of the next token, or of the last one at the end.
    pub fn line(&self) -> u32 {
        let at = self.at.min(self.source.lexemes.len().saturating_sub(1));
        self.source.lexemes.get(at).map_or(1, |l| l.line)
    }

    /// The source between two positions, as written.
    pub fn text(&self, from: usize, to: usize) -> &'a str {
        let lexemes = &self.source.lexemes;
        match (lexemes.get(from), to.checked_sub(1).and_then(|last| lexemes.get(last))) {
            (Some(first), Some(last)) if from < to => &self.source.text[first.start..last.end],
            _ => "",
        }
    }

    /// Is the next token this unquoted word?
    pub fn at_word(&self, word: &str) -> bool {
        self.word_at(0, word)
    }

    /// Are the next tokens these unquoted words?
    pub fn at_words(&self, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(n, word)| self.word_at(n, word))
    }

    fn word_at(&self, n: usize, word: &str) -> bool {
        matches!(self.peek_at(n), Some(Token::Word(w)) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
    }

    /// Takes this word if it is next.
    pub fn take_word(&mut self, word: &str) -> bool {
        self.take_words(&[word])
    }

    pub fn take_words(&mut self, words: &[&str]) -> bool {
        let found = self.at_words(words);
        if found {
            self.at += words.len();
        }
        found
    }

    /// Takes the next word if it is one of these; says which.
    pub fn take_any(&mut self, words: &[&'static str]) -> Option<&'static str> {
        words.iter().copied().find(|word| self.take_word(word))
    }

    /// # Errors
    /// 102/156 near what stands there instead.
    pub fn expect_word(&mut self, word: &str) -> Result<(), SqlError> {
        if self.take_word(word) { Ok(()) } else { Err(self.syntax_error()) }
    }

    pub fn at_token(&self, token: &Token) -> bool {
        self.peek() == Some(token)
    }

    pub fn take_token(&mut self, token: &Token) -> bool {
        let found = self.at_token(token);
        if found {
            self.at += 1;
        }
        found
    }

    /// # Errors
    /// 102/156 near what stands there instead.
    pub fn expect_token(&mut self, token: &Token) -> Result<(), SqlError> {
        if self.take_token(token) { Ok(()) } else { Err(self.syntax_error()) }
    }

    /// A name: quoted, or a word that is not reserved.
    ///
    /// # Errors
    /// 156 for a reserved word, else 102.
    pub fn expect_name(&mut self) -> Result<String, SqlError> {
        match self.peek() {
            Some(Token::Word(word)) if word.quote_style.is_some() || !is_reserved(&word.value) => {
                self.at += 1;
                Ok(word.value.clone())
            }
            _ => Err(self.syntax_error()),
        }
    }

    /// A table's name, or that of a table variable.
    ///
    /// # Errors
    /// As [`Self::expect_object_name`].
    pub fn expect_table_name(&mut self) -> Result<ObjectName, SqlError> {
        match self.variable().map(table_variable) {
            Some(name) => {
                self.at += 1;
                Ok(ObjectName { database: None, schema: None, name })
            }
            None => self.expect_object_name(),
        }
    }

    /// The variable that is next.
    fn variable(&self) -> Option<&str> {
        match self.peek() {
            Some(Token::Word(word)) if word.quote_style.is_none() && word.value.starts_with('@') => {
                Some(&word.value)
            }
            _ => None,
        }
    }

    /// `[database.][schema.]name`; `database..name` leaves the schema out, `..name` and `.name` all that may come first.
    ///
    /// # Errors
    /// 102/156; 117 for more than three parts.
    pub fn expect_object_name(&mut self) -> Result<ObjectName, SqlError> {
        if self.variable().is_some() {
            return Err(self.syntax_error());
        }
        let mut parts = Vec::new();
        while parts.len() < 2 && self.take_token(&Token::Period) {
            parts.push(None);
        }
        parts.push(Some(self.expect_name()?));
        while self.take_token(&Token::Period) {
            let omitted = self.at_token(&Token::Period);
            parts.push(if omitted { None } else { Some(self.expect_name()?) });
        }
        if parts.len() > 3 {
            let text = parts.iter().map(|p| p.as_deref().unwrap_or("")).collect::<Vec<_>>().join(".");
            return Err(SqlError::new(
                117,
                15,
                1,
                format!(
                    "The object name '{text}' contains more than the maximum number of prefixes. The maximum is 2."
                ),
            ));
        }
        let name = parts.pop().flatten().unwrap_or_default();
        let schema = parts.pop().flatten();
        let database = parts.pop().flatten();
        Ok(ObjectName { database, schema, name })
    }

    /// A string literal, with or without N.
    pub fn take_string(&mut self) -> Option<&'a str> {
        match self.peek()? {
            Token::SingleQuotedString(s) | Token::NationalStringLiteral(s) => {
                self.at += 1;
                Some(s)
            }
            _ => None,
        }
    }

    /// A whole number, with its sign.
    ///
    /// # Errors
    /// 102/156 near what stands there instead.
    pub fn expect_integer(&mut self) -> Result<i64, SqlError> {
        let from = self.at;
        let negative = self.take_token(&Token::Minus);
        if !negative {
            self.take_token(&Token::Plus);
        }
        if let Some(Token::Number(digits, _)) = self.peek()
            && let Ok(number) = format!("{}{digits}", if negative { "-" } else { "" }).parse()
        {
            self.at += 1;
            return Ok(number);
        }
        let error = self.syntax_error();
        self.at = from;
        Err(error)
    }

    /// From "(" to its ")": the positions between them.
    ///
    /// # Errors
    /// 102 where there is none, or it is not closed.
    pub fn expect_parenthesised(&mut self) -> Result<(usize, usize), SqlError> {
        self.expect_token(&Token::LParen)?;
        let from = self.at;
        let mut depth = 1_usize;
        loop {
            match self.peek() {
                Some(Token::LParen) => depth += 1,
                Some(Token::RParen) => depth -= 1,
                Some(_) => {}
                None => return Err(self.syntax_error()),
            }
            self.at += 1;
            if depth == 0 {
                return Ok((from, self.at - 1));
            }
        }
    }

    /// 156 where the next token is a reserved word, else 102; at the end, near the last token.
    pub fn syntax_error(&self) -> SqlError {
        let at = self.at.min(self.source.lexemes.len().saturating_sub(1));
        let near = self.source.lexemes.get(at);
        let mut error = match near.map(|l| &l.token) {
            // At the end the last word stands there rightly: what is missing comes after it.
            Some(Token::Word(word))
                if !self.is_done() && word.quote_style.is_none() && is_reserved(&word.value) =>
            {
                SqlError::new(156, 15, 1, format!("Incorrect syntax near the keyword '{}'.", word.value))
            }
            Some(Token::Word(word)) => near_text(&word.value),
            Some(Token::SingleQuotedString(s) | Token::NationalStringLiteral(s)) => near_text(s),
            Some(_) => near_text(self.text(at, at + 1)),
            None => near_text(""),
        };
        error.line = self.line();
        error
    }
}

fn near_text(text: &str) -> SqlError {
    SqlError::new(102, 15, 1, format!("Incorrect syntax near '{text}'."))
}

/// What the temporary table is called that holds a table variable: no name that anyone writes is like it, in brackets or
/// without.
pub fn table_variable(name: &str) -> String {
    format!("#{name}")
}

/// The bytes of a binary constant.
/// An odd number of digits has a zero before it.
pub fn hex(digits: &str) -> Vec<u8> {
    let nibbles: Vec<u8> = digits.chars().filter_map(|c| c.to_digit(16)).map(|d| d as u8).collect();
    let (first, rest) = nibbles.split_at(nibbles.len() % 2);
    first.iter().copied().chain(rest.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_up_to_three_parts() {
        let source = SourceText::new("a.b.c d..e f [g h].[i] table j.k.l.m").unwrap();
        let mut cursor = source.cursor();
        let name = |d: Option<&str>, s: Option<&str>, n: &str| ObjectName {
            database: d.map(Into::into),
            schema: s.map(Into::into),
            name: n.into(),
        };
        assert_eq!(cursor.expect_object_name().unwrap(), name(Some("a"), Some("b"), "c"));
        assert_eq!(cursor.expect_object_name().unwrap(), name(Some("d"), None, "e"));
        assert_eq!(cursor.expect_object_name().unwrap(), name(None, None, "f"));
        assert_eq!(cursor.expect_object_name().unwrap(), name(None, Some("g h"), "i"));
        let reserved = cursor.expect_object_name().unwrap_err();
        assert_eq!(
            (reserved.number, reserved.text.as_str()),
            (156, "Incorrect syntax near the keyword 'table'.")
        );
        cursor.advance();
        assert_eq!(cursor.expect_object_name().unwrap_err().number, 117);
        for text in ["..t", ".t"] {
            assert_eq!(
                SourceText::new(text).unwrap().cursor().expect_object_name().unwrap(),
                name(None, None, "t")
            );
        }
    }
}
