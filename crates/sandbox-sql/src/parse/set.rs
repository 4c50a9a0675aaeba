//! SET, for options and variables, and USE.
use super::Action;
use super::bridge;
use crate::terms::Isolation;
use crate::tokens::{Cursor, ObjectName, hex};
use sandbox_values::error::SqlError;
use sqlparser::ast::{Expr, Ident};
use sqlparser::tokenizer::Token;

/// An option and its new value.
#[derive(Clone, Debug)]
pub enum Setting {
    /// One or several options that are ON or OFF.
    Switches(Vec<Switch>, bool),
    IdentityInsert(ObjectName, bool),
    Isolation(Isolation),
    /// -10 to 10.
    DeadlockPriority(i8),
    /// Milliseconds; -1 waits for ever.
    LockTimeout(i64),
    /// Bytes; 0 and -1 mean all.
    TextSize(i64),
    /// 0 is all rows.
    RowCount(i64),
    /// 1 to 7.
    DateFirst(i64),
    /// At most 128 bytes, which others see in `sys.dm_exec_sessions`.
    ContextInfo(Vec<u8>),
    /// LANGUAGE, DATEFORMAT and their like: the sandbox has but one of each.
    Ignored,
}

/// An option that is ON or OFF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Switch {
    NoCount,
    XactAbort,
    ImplicitTransactions,
    FmtOnly,
    NoExec,
    /// Its bit in `@@OPTIONS`, or 0.
    Other(u32),
}

/// Microsoft docs, "SET statements" and "Configure the user options".
const SWITCHES: &[(&str, Switch)] = &[
    ("nocount", Switch::NoCount),
    ("xact_abort", Switch::XactAbort),
    ("implicit_transactions", Switch::ImplicitTransactions),
    ("fmtonly", Switch::FmtOnly),
    ("noexec", Switch::NoExec),
    ("parseonly", Switch::Other(0)),
    ("ansi_warnings", Switch::Other(8)),
    ("ansi_padding", Switch::Other(16)),
    ("ansi_nulls", Switch::Other(32)),
    ("arithabort", Switch::Other(64)),
    ("arithignore", Switch::Other(128)),
    ("quoted_identifier", Switch::Other(256)),
    ("ansi_null_dflt_on", Switch::Other(1024)),
    ("ansi_null_dflt_off", Switch::Other(2048)),
    ("concat_null_yields_null", Switch::Other(4096)),
    ("numeric_roundabort", Switch::Other(8192)),
    ("ansi_defaults", Switch::Other(0)),
    ("cursor_close_on_commit", Switch::Other(4)),
    ("forceplan", Switch::Other(0)),
    // SqlClient asks for the keys behind a result by it; undocumented, and browse information is not sent here.
    ("no_browsetable", Switch::Other(0)),
    ("remote_proc_transactions", Switch::Other(0)),
    ("showplan_all", Switch::Other(0)),
    ("showplan_text", Switch::Other(0)),
    ("showplan_xml", Switch::Other(0)),
];

/// Bytes of a session's context.
const CONTEXT: usize = 128;

/// `None` where no SET or USE stands.
pub fn setting(cursor: &mut Cursor<'_>) -> Result<Option<Action>, SqlError> {
    if cursor.take_word("use") {
        return Ok(Some(Action::Use(cursor.expect_name()?)));
    }
    if !cursor.take_word("set") {
        return Ok(None);
    }
    if matches!(cursor.peek(), Some(Token::Word(word)) if word.quote_style.is_none() && word.value.starts_with('@'))
    {
        return assignment(cursor).map(Some);
    }
    Ok(Some(Action::Set(option(cursor)?)))
}

fn assignment(cursor: &mut Cursor<'_>) -> Result<Action, SqlError> {
    let variable = cursor.expect_name()?;
    let operator = match cursor.advance() {
        Some(Token::Eq) => None,
        Some(token) if cursor.take_token(&Token::Eq) => super::dml::compound(token),
        _ => return Err(cursor.syntax_error()),
    };
    let value = bridge::expression(cursor)?;
    let value = match operator {
        None => value,
        Some(op) => Expr::BinaryOp {
            left: Box::new(Expr::Identifier(Ident::new(variable.clone()))),
            op,
            right: Box::new(Expr::Nested(Box::new(value))),
        },
    };
    Ok(Action::Assign { variable, value: Box::new(value) })
}

fn option(cursor: &mut Cursor<'_>) -> Result<Setting, SqlError> {
    if cursor.take_words(&["transaction", "isolation", "level"]) {
        return isolation(cursor).map(Setting::Isolation);
    }
    if cursor.take_word("identity_insert") {
        let table = cursor.expect_object_name()?;
        return Ok(Setting::IdentityInsert(table, on_or_off(cursor)?));
    }
    if cursor.take_word("deadlock_priority") {
        return deadlock_priority(cursor).map(Setting::DeadlockPriority);
    }
    if cursor.take_word("lock_timeout") {
        return cursor.expect_integer().map(Setting::LockTimeout);
    }
    if cursor.take_word("textsize") {
        return cursor.expect_integer().map(Setting::TextSize);
    }
    if cursor.take_word("rowcount") {
        return cursor.expect_integer().map(Setting::RowCount);
    }
    if cursor.take_word("datefirst") {
        return cursor.expect_integer().map(Setting::DateFirst);
    }
    if cursor.take_word("context_info") {
        return context_info(cursor).map(Setting::ContextInfo);
    }
    if cursor.take_any(&["language", "dateformat", "query_governor_cost_limit"]).is_some() {
        cursor.take_token(&Token::Minus);
        cursor.advance();
        return Ok(Setting::Ignored);
    }
    if cursor.take_word("statistics") {
        cursor.expect_name()?;
        while cursor.take_token(&Token::Comma) {
            cursor.expect_name()?;
        }
        on_or_off(cursor)?;
        return Ok(Setting::Ignored);
    }
    let mut switches = vec![switch(cursor)?];
    while cursor.take_token(&Token::Comma) {
        switches.push(switch(cursor)?);
    }
    Ok(Setting::Switches(switches, on_or_off(cursor)?))
}

fn switch(cursor: &mut Cursor<'_>) -> Result<Switch, SqlError> {
    let found = SWITCHES.iter().find(|(name, _)| cursor.at_word(name));
    let Some((_, switch)) = found else { return Err(unknown(cursor)) };
    cursor.advance();
    Ok(*switch)
}

fn unknown(cursor: &Cursor<'_>) -> SqlError {
    match cursor.peek() {
        Some(Token::Word(word)) if word.quote_style.is_none() => {
            let mut error =
                SqlError::new(195, 15, 5, format!("'{}' is not a recognized SET option.", word.value));
            error.line = cursor.line();
            error
        }
        _ => cursor.syntax_error(),
    }
}

fn on_or_off(cursor: &mut Cursor<'_>) -> Result<bool, SqlError> {
    match cursor.take_any(&["on", "off"]) {
        Some(word) => Ok(word == "on"),
        None => Err(cursor.syntax_error()),
    }
}

fn isolation(cursor: &mut Cursor<'_>) -> Result<Isolation, SqlError> {
    let levels: [(&[&str], Isolation); 5] = [
        (&["read", "uncommitted"], Isolation::ReadUncommitted),
        (&["read", "committed"], Isolation::ReadCommitted),
        (&["repeatable", "read"], Isolation::RepeatableRead),
        (&["serializable"], Isolation::Serializable),
        (&["snapshot"], Isolation::Snapshot),
    ];
    let found = levels.into_iter().find(|(words, _)| cursor.take_words(words));
    found.map(|(_, level)| level).ok_or_else(|| cursor.syntax_error())
}

/// LOW is -5, NORMAL 0, HIGH 5 (Microsoft docs, SET DEADLOCK_PRIORITY).
fn deadlock_priority(cursor: &mut Cursor<'_>) -> Result<i8, SqlError> {
    match cursor.take_any(&["low", "normal", "high"]) {
        Some("low") => Ok(-5),
        Some("normal") => Ok(0),
        Some(_) => Ok(5),
        None => {
            let at = *cursor;
            let number = cursor.expect_integer()?;
            i8::try_from(number).ok().filter(|n| (-10..=10).contains(n)).ok_or_else(|| at.syntax_error())
        }
    }
}

/// A binary constant; variables are not supported here (Microsoft docs, "SET CONTEXT_INFO").
fn context_info(cursor: &mut Cursor<'_>) -> Result<Vec<u8>, SqlError> {
    let Some(Token::HexStringLiteral(digits)) = cursor.peek() else { return Err(cursor.syntax_error()) };
    let bytes = hex(digits);
    if bytes.len() > CONTEXT {
        return Err(SqlError::new(8152, 16, 10, "String or binary data would be truncated."));
    }
    cursor.advance();
    Ok(bytes)
}
