//! Views and triggers. Their text is the whole rest of the batch.
use super::parts::{Parsed, list, local_name, parenthesised, unsupported};
use crate::ddl::ast::{AlterTable, CreateTrigger, CreateView, Ddl};
use crate::tokens::Cursor;
use sandbox_values::error::SqlError;
use sqlparser::tokenizer::Token;

/// 111 unless the statement that started at this token is the first of its batch.
pub fn must_be_first(start: usize, what: &str) -> Parsed<()> {
    if start == 0 {
        return Ok(());
    }
    let text = format!("'{what}' must be the first statement in a query batch.");
    Err(SqlError::new(111, 15, 1, text))
}

/// Takes what is left of the batch; a last semicolon is not part of it.
pub fn rest<'a>(cursor: &mut Cursor<'a>, from: usize) -> Parsed<&'a str> {
    while cursor.advance().is_some() {}
    let end = cursor.position();
    let text = cursor.text(from, end);
    if text.is_empty() { Err(cursor.syntax_error()) } else { Ok(text) }
}

/// After `CREATE VIEW`, `CREATE OR ALTER VIEW` or `ALTER VIEW`.
pub fn view(cursor: &mut Cursor<'_>, start: usize, create: bool, alter: bool) -> Parsed<Ddl> {
    must_be_first(start, if create { "CREATE VIEW" } else { "ALTER VIEW" })?;
    let name = local_name(cursor)?;
    let columns = if cursor.at_token(&Token::LParen) {
        parenthesised(cursor, Cursor::expect_name)?
    } else {
        Vec::new()
    };
    let mut schema_bound = false;
    if cursor.take_word("WITH") {
        let options = list(cursor, |cursor| {
            cursor.take_any(&["SCHEMABINDING", "VIEW_METADATA"]).ok_or_else(|| cursor.syntax_error())
        })?;
        schema_bound = options.contains(&"SCHEMABINDING");
    }
    cursor.expect_word("AS")?;
    let body = cursor.position();
    let select = rest(cursor, body)?.trim_end_matches(';').to_owned();
    let definition = cursor.text(start, cursor.position()).to_owned();
    Ok(Ddl::CreateView(CreateView { name, alter, create, columns, schema_bound, select, definition }))
}

/// After `CREATE TRIGGER`: `name ON table AFTER|FOR events AS body`.
pub fn trigger(cursor: &mut Cursor<'_>, start: usize) -> Parsed<Ddl> {
    must_be_first(start, "CREATE TRIGGER")?;
    let name = local_name(cursor)?;
    cursor.expect_word("ON")?;
    if cursor.at_word("DATABASE") || cursor.at_word("ALL") {
        return Err(unsupported("DDL triggers"));
    }
    let table = local_name(cursor)?;
    let instead = cursor.take_words(&["INSTEAD", "OF"]);
    if !instead && cursor.take_any(&["AFTER", "FOR"]).is_none() {
        return Err(cursor.syntax_error());
    }
    let events = list(cursor, |cursor| match cursor.take_any(&["INSERT", "UPDATE", "DELETE"]) {
        Some(event) => Ok(event.to_owned()),
        None => Err(cursor.syntax_error()),
    })?;
    cursor.take_words(&["NOT", "FOR", "REPLICATION"]);
    cursor.expect_word("AS")?;
    let from = cursor.position();
    let body = rest(cursor, from)?.to_owned();
    let definition = cursor.text(start, cursor.position()).to_owned();
    Ok(Ddl::CreateTrigger(CreateTrigger { name, table, instead, events, body, definition }))
}

/// At TRIGGER of `ENABLE|DISABLE TRIGGER names|ALL ON table`.
pub fn switch_trigger(cursor: &mut Cursor<'_>, enable: bool) -> Parsed<Ddl> {
    cursor.expect_word("TRIGGER")?;
    let names = if cursor.take_word("ALL") {
        Vec::new()
    } else {
        list(cursor, local_name)?.into_iter().map(|name| name.name).collect()
    };
    cursor.expect_word("ON")?;
    let table = cursor.expect_object_name()?;
    Ok(Ddl::AlterTable { table, action: AlterTable::Triggers { names, enable } })
}
