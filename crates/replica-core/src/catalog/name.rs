//! Names of tables: as a user writes them, and as SQL quotes them.
use std::fmt;
use std::str::FromStr;

use crate::error::Error;

/// A table as named by a user: `name`, `schema.name` or `[schema].[name]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    /// `None`: the user's default schema, else dbo, as the server resolves it.
    pub schema: Option<String>,
    /// As the catalog has it, not quoted.
    pub name: String,
}

impl TableName {
    /// Of parts that are not quoted.
    pub fn new(schema: &str, name: &str) -> Self {
        Self { schema: Some(schema.to_owned()), name: name.to_owned() }
    }

    /// `[schema].[name]`, fit for SQL text and for `OBJECT_ID`.
    pub fn quoted(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{}.{}", quote(schema), quote(&self.name)),
            None => quote(&self.name),
        }
    }
}

/// `schema.name` for people: brackets only around a part that needs them.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(schema) = &self.schema {
            write!(f, "{}.", plain(schema))?;
        }
        f.write_str(&plain(&self.name))
    }
}

/// The one function that puts an identifier into SQL text.
pub fn quote(identifier: &str) -> String {
    format!("[{}]", identifier.replace(']', "]]"))
}

fn plain(part: &str) -> String {
    let regular = part.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '#' | '@' | '$'));
    if regular && !part.is_empty() { part.to_owned() } else { quote(part) }
}

/// Why a name is no table name; says what was expected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a table name: {reason}")]
pub struct NameError {
    text: String,
    reason: &'static str,
}

impl From<NameError> for Error {
    fn from(error: NameError) -> Self {
        Self::usage(error.to_string())
    }
}

/// An identifier has at most 128 UTF-16 units (Microsoft docs, "Database Identifiers").
const MAX_UNITS: usize = 128;

impl NameError {
    pub(super) fn new(text: &str, reason: &'static str) -> Self {
        Self { text: text.to_owned(), reason }
    }
}

impl FromStr for TableName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let mut parts = parts(text)?.into_iter().map(|(part, _)| part).rev();
        let name = parts.next().unwrap_or_default();
        Ok(Self { schema: parts.next(), name })
    }
}

/// A name, or a schema and a name, without quotes, and whether each was quoted.
pub(super) fn parts(text: &str) -> Result<Vec<(String, bool)>, NameError> {
    let fail = |reason| NameError::new(text, reason);
    let parts = split(text.trim()).map_err(fail)?;
    if parts.len() > 2 {
        return Err(fail(
            "write name, schema.name or [schema].[name]; the database goes into the connection string",
        ));
    }
    for (part, _) in &parts {
        if part.is_empty() {
            return Err(fail("a part of it is empty"));
        }
        if part.encode_utf16().count() > MAX_UNITS || part.contains('\0') {
            return Err(fail("a part of it is longer than 128 characters or holds a NUL"));
        }
    }
    Ok(parts)
}

/// Splits at the dots outside brackets and double quotes, undoing the quoting.
fn split(text: &str) -> Result<Vec<(String, bool)>, &'static str> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let close = match rest.chars().next() {
            Some('[') => Some(']'),
            Some('"') => Some('"'),
            _ => None,
        };
        let (part, after) = match close {
            Some(close) => delimited(&rest[1..], close)?,
            None => {
                let end = rest.find('.').unwrap_or(rest.len());
                if rest[..end].contains(['[', ']', '"']) {
                    return Err("a quote or bracket stands in the middle of a part");
                }
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        parts.push((part, close.is_some()));
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(parts),
            None => return Err("something follows a closing bracket or quote"),
        }
    }
}

/// The text up to `close`, which is written doubled inside, and what follows it.
fn delimited(text: &str, close: char) -> Result<(String, &str), &'static str> {
    let mut part = String::new();
    let mut rest = text;
    loop {
        let end = rest.find(close).ok_or("a bracket or quote is not closed")?;
        part.push_str(&rest[..end]);
        rest = &rest[end + close.len_utf8()..];
        match rest.strip_prefix(close) {
            Some(after) => {
                part.push(close);
                rest = after;
            }
            None => return Ok((part, rest)),
        }
    }
}

/// What makes or shows the target's table of a source's. Its name is said where it is another, as the configuration need not say
/// it.
pub(crate) fn sync_command(source: &TableName, target: &TableName) -> String {
    if source == target {
        return format!("sync-replica-schema {source}");
    }
    format!("sync-replica-schema {source} --target {target}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_in_three_forms() {
        for (text, schema, name) in [
            ("orders", None, "orders"),
            ("sales.orders", Some("sales"), "orders"),
            ("[sales].[order lines]", Some("sales"), "order lines"),
            ("[a.b].[c]]d]", Some("a.b"), "c]d"),
            ("\"sales\".\"or\"\"ders\"", Some("sales"), "or\"ders"),
            ("Отдел.Заказы", Some("Отдел"), "Заказы"),
        ] {
            let parsed: TableName = text.parse().unwrap();
            assert_eq!((parsed.schema.as_deref(), parsed.name.as_str()), (schema, name), "{text}");
        }
    }

    #[test]
    fn what_is_no_name_says_why() {
        for (text, reason) in [
            ("", "empty"),
            ("dbo.", "empty"),
            (".t", "empty"),
            ("[]", "empty"),
            ("db.dbo.t", "connection string"),
            ("[dbo].[t", "not closed"),
            ("[dbo]x.t", "follows"),
            ("do[bo.t", "middle"),
        ] {
            let error = text.parse::<TableName>().unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn quoting_and_parsing_undo_each_other() {
        for name in ["t", "a]b", "]]", "[x].[y]", "sp ace", "'; DROP TABLE t; --", "\"", "木"] {
            let table = TableName::new("s.]", name);
            assert_eq!(table.quoted().parse::<TableName>().unwrap(), table);
            assert_eq!(table.to_string().parse::<TableName>().unwrap(), table);
        }
    }
}
