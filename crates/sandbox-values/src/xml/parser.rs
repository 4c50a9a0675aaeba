//! Characters, names, references and attribute values, with errors where they stand.
use super::names::{self, Namespaces};
use crate::error::SqlError;

pub struct Parser<'t> {
    pub text: &'t [char],
    pub at: usize,
    pub out: String,
    pub open: Vec<Element>,
    pub wide: bool,
}

/// An element whose end has not come.
pub struct Element {
    pub name: String,
    /// White space in it counts: xml:space.
    pub preserve: bool,
    pub namespaces: Namespaces,
    /// Nothing has come in it yet: its start tag is still without `>`.
    pub empty: bool,
}

impl Parser<'_> {
    pub fn peek(&self) -> Option<char> {
        self.text.get(self.at).copied()
    }

    pub fn ahead(&self, wanted: &str) -> bool {
        wanted.chars().enumerate().all(|(n, c)| self.text.get(self.at + n) == Some(&c))
    }

    pub fn take(&mut self, wanted: &str) -> bool {
        let found = self.ahead(wanted);
        if found {
            self.at += wanted.chars().count();
        }
        found
    }

    pub fn blanks(&mut self) -> bool {
        let from = self.at;
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
        self.at > from
    }

    /// An error at the character that is next; at the end, at the last one.
    pub fn error(&self, number: i32, what: &str) -> SqlError {
        if self.at >= self.text.len() {
            return self.told(self.text.len(), 9400, "unexpected end of input");
        }
        self.told(self.at + 1, number, what)
    }

    pub fn told(&self, count: usize, number: i32, what: &str) -> SqlError {
        let before = &self.text[..count.min(self.text.len())];
        let line_start = before.iter().rposition(|c| *c == '\n').filter(|at| at + 1 < before.len());
        let line = before.iter().take(line_start.map_or(0, |at| at + 1)).filter(|c| **c == '\n').count() + 1;
        let character = before.len() - line_start.map_or(0, |at| at + 1);
        SqlError::new(number, 16, 1, format!("XML parsing: line {line}, character {character}, {what}"))
    }

    /// Takes a character that XML allows; a line's end is one line feed.
    pub fn legal(&mut self, c: char) -> Result<char, SqlError> {
        if !is_legal(c) {
            return Err(self.error(9420, "illegal xml character"));
        }
        self.at += 1;
        if c == '\r' {
            if self.peek() == Some('\n') {
                self.at += 1;
            }
            return Ok('\n');
        }
        Ok(c)
    }

    /// `&name;`, `&#10;`, `&#xA;`
    pub fn reference(&mut self) -> Result<char, SqlError> {
        self.at += 1;
        if self.take("#") {
            let radix = if self.take("x") { 16 } else { 10 };
            let mut code = 0_u32;
            let from = self.at;
            while let Some(digit) = self.peek().and_then(|c| c.to_digit(radix)) {
                code = code.saturating_mul(radix).saturating_add(digit);
                self.at += 1;
            }
            if self.at == from || self.peek() != Some(';') {
                let (number, what) = if radix == 16 {
                    (9416, "hexadecimal digit expected")
                } else {
                    (9417, "decimal digit expected")
                };
                return Err(self.error(number, what));
            }
            let c = char::from_u32(code).filter(|c| is_legal(*c));
            let c = c.ok_or_else(|| self.error(9420, "illegal xml character"))?;
            self.at += 1;
            return Ok(c);
        }
        let name = self.name()?;
        if self.peek() != Some(';') {
            return Err(self.error(9411, "semicolon expected"));
        }
        let c = match name.as_str() {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "apos" => '\'',
            "quot" => '"',
            _ => return Err(self.error(9448, "well formed check: undeclared entity")),
        };
        self.at += 1;
        Ok(c)
    }

    pub fn name(&mut self) -> Result<String, SqlError> {
        let from = self.at;
        while let Some(c) = self.peek() {
            let first = self.at == from || self.text.get(self.at - 1) == Some(&':');
            if !names::may_stand(c, first) {
                break;
            }
            self.at += 1;
        }
        let name: String = self.text[from..self.at].iter().collect();
        if name.is_empty() || name.ends_with(':') || name.starts_with(':') {
            return Err(self.error(9421, "illegal name character"));
        }
        if name.matches(':').count() > 1 {
            return Err(self.error(9456, "multiple colons in qualified name"));
        }
        Ok(name)
    }

    /// `= "value"`
    pub fn attribute_value(&mut self) -> Result<String, SqlError> {
        self.blanks();
        if !self.take("=") {
            return Err(self.error(9414, "equal expected"));
        }
        self.blanks();
        let quote = match self.peek() {
            Some(quote @ ('"' | '\'')) => quote,
            _ => return Err(self.error(9413, "A string literal was expected")),
        };
        self.at += 1;
        let mut value = String::new();
        loop {
            match self.peek() {
                None => return Err(self.error(9400, "")),
                Some(c) if c == quote => break,
                Some('<') => return Err(self.error(9415, "well formed check: no '<' in attribute value")),
                Some('&') => value.push(self.reference()?),
                Some(c) => {
                    let c = self.legal(c)?;
                    // Line ends and tabs that are written as such are blanks there (XML 1.0, 3.3.3).
                    value.push(if is_blank(c) { ' ' } else { c });
                }
            }
        }
        self.at += 1;
        Ok(value)
    }
}

pub fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// XML 1.0, 2.2.
fn is_legal(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

pub fn escape(text: &str, attribute: bool, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' => out.push_str("&#x0D;"),
            '"' if attribute => out.push_str("&quot;"),
            '\t' if attribute => out.push_str("&#x09;"),
            '\n' if attribute => out.push_str("&#x0A;"),
            c => out.push(c),
        }
    }
}
