//! T-SQL cut into tokens that know where they stand in the batch, and the cursor that hand-written parsers walk
//! them with: statements that `sqlparser` does not know, and DDL, whose expressions are kept as written.
use crate::error::SqlError;
use sqlparser::dialect::MsSqlDialect;
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
pub struct Source<'a> {
    pub text: &'a str,
    pub lexemes: Vec<Lexeme>,
    /// Statements around the one being read.
    nesting: Cell<usize>,
}

/// Statements inside statements, and parentheses inside parentheses: more could overflow a thread's stack.
pub const DEEPEST: usize = 256;
/// Operators in a row, for the same reason. SQL Server takes some thousands.
const LONGEST_CHAIN: usize = 4000;

impl<'a> Source<'a> {
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
        within_limits(&lexemes)?;
        Ok(Self { text, lexemes, nesting: Cell::new(0) })
    }

    pub fn cursor(&self) -> Cursor<'_> {
        Cursor { source: self, at: 0 }
    }
}

/// What an open parenthesis or CASE, or the text around them, has had in a row.
#[derive(Default)]
struct Chain {
    operators: usize,
    /// UNION and its kin.
    queries: usize,
}

/// # Errors
/// 191.
fn within_limits(lexemes: &[Lexeme]) -> Result<(), SqlError> {
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

/// `$PARTITION` is a name's part like any other; the tokenizer takes it for a parameter.
fn word_of_a_dollar(token: Token) -> Token {
    match token {
        Token::Placeholder(text) if text.eq_ignore_ascii_case(PARTITION) => Token::make_word(&text, None),
        other => other,
    }
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

/// What qualifies the name of a partition function.
pub const PARTITION: &str = "$partition";

/// A place in a token list.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    source: &'a Source<'a>,
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
    /// Index of the next token in [`Source::lexemes`].
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

    /// `[database.][schema.]name`; `database..name` leaves the schema out.
    ///
    /// # Errors
    /// 102/156; 117 for more than three parts.
    pub fn expect_object_name(&mut self) -> Result<ObjectName, SqlError> {
        let mut parts = vec![Some(self.expect_name()?)];
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

/// Words that are no names unless quoted: Transact-SQL's reserved keywords (Microsoft docs, "Reserved Keywords").
pub fn is_reserved(word: &str) -> bool {
    RESERVED.binary_search(&word.to_ascii_uppercase().as_str()).is_ok()
}

#[rustfmt::skip]
const RESERVED: &[&str] = &[
    "ADD", "ALL", "ALTER", "AND", "ANY", "AS", "ASC", "AUTHORIZATION", "BACKUP", "BEGIN", "BETWEEN", "BREAK",
    "BROWSE", "BULK", "BY", "CASCADE", "CASE", "CHECK", "CHECKPOINT", "CLOSE", "CLUSTERED", "COALESCE", "COLLATE",
    "COLUMN", "COMMIT", "COMPUTE", "CONSTRAINT", "CONTAINS", "CONTAINSTABLE", "CONTINUE", "CONVERT", "CREATE",
    "CROSS", "CURRENT", "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP", "CURRENT_USER", "CURSOR", "DATABASE",
    "DBCC", "DEALLOCATE", "DECLARE", "DEFAULT", "DELETE", "DENY", "DESC", "DISK", "DISTINCT", "DISTRIBUTED",
    "DOUBLE", "DROP", "DUMP", "ELSE", "END", "ERRLVL", "ESCAPE", "EXCEPT", "EXEC", "EXECUTE", "EXISTS", "EXIT",
    "EXTERNAL", "FETCH", "FILE", "FILLFACTOR", "FOR", "FOREIGN", "FREETEXT", "FREETEXTTABLE", "FROM", "FULL",
    "FUNCTION", "GOTO", "GRANT", "GROUP", "HAVING", "HOLDLOCK", "IDENTITY", "IDENTITYCOL", "IDENTITY_INSERT", "IF",
    "IN", "INDEX", "INNER", "INSERT", "INTERSECT", "INTO", "IS", "JOIN", "KEY", "KILL", "LEFT", "LIKE", "LINENO",
    "LOAD", "MERGE", "NATIONAL", "NOCHECK", "NONCLUSTERED", "NOT", "NULL", "NULLIF", "OF", "OFF", "OFFSETS", "ON",
    "OPEN", "OPENDATASOURCE", "OPENQUERY", "OPENROWSET", "OPENXML", "OPTION", "OR", "ORDER", "OUTER", "OVER",
    "PERCENT", "PIVOT", "PLAN", "PRECISION", "PRIMARY", "PRINT", "PROC", "PROCEDURE", "PUBLIC", "RAISERROR", "READ",
    "READTEXT", "RECONFIGURE", "REFERENCES", "REPLICATION", "RESTORE", "RESTRICT", "RETURN", "REVERT", "REVOKE",
    "RIGHT", "ROLLBACK", "ROWCOUNT", "ROWGUIDCOL", "RULE", "SAVE", "SCHEMA", "SECURITYAUDIT", "SELECT",
    "SEMANTICKEYPHRASETABLE", "SEMANTICSIMILARITYDETAILSTABLE", "SEMANTICSIMILARITYTABLE", "SESSION_USER", "SET",
    "SETUSER", "SHUTDOWN", "SOME", "STATISTICS", "SYSTEM_USER", "TABLE", "TABLESAMPLE", "TEXTSIZE", "THEN", "TO",
    "TOP", "TRAN", "TRANSACTION", "TRIGGER", "TRUNCATE", "TRY_CONVERT", "TSEQUAL", "UNION", "UNIQUE", "UNPIVOT",
    "UPDATE", "UPDATETEXT", "USE", "USER", "VALUES", "VARYING", "VIEW", "WAITFOR", "WHEN", "WHERE", "WHILE", "WITH",
    "WITHIN", "WRITETEXT",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_and_lines_follow_comments_strings_and_wide_characters() {
        let text = "select N'é😀''x' -- tail\n/* a\nb */ , [a]]b]\r\n  from t";
        let source = Source::new(text).unwrap();
        let seen: Vec<_> = source.lexemes.iter().map(|l| (&text[l.start..l.end], l.line)).collect();
        assert_eq!(seen, [("select", 1), ("N'é😀''x'", 1), (",", 3), ("[a]]b]", 3), ("from", 4), ("t", 4)]);
    }

    #[test]
    fn reserved_words_are_sorted_so_that_they_can_be_searched() {
        assert!(RESERVED.is_sorted());
        assert!(is_reserved("table") && !is_reserved("name"));
    }

    #[test]
    fn names_have_up_to_three_parts() {
        let source = Source::new("a.b.c d..e f [g h].[i] table j.k.l.m").unwrap();
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
    }

    #[test]
    fn open_strings_and_comments_are_errors() {
        assert_eq!(Source::new("select 'abc").unwrap_err().number, 105);
        assert_eq!(Source::new("select /* abc").unwrap_err().number, 113);
    }
}
