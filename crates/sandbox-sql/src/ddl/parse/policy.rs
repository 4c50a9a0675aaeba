//! Security policies (Microsoft docs, CREATE SECURITY POLICY, ALTER SECURITY POLICY), functions for them, synonyms.
use super::module::{must_be_first, rest};
use super::parts::{Parsed, list, local_name, unsupported};
use crate::ddl::ast::{CreateFunction, Ddl, PredicateChange, PredicateVerb, SecurityPolicyDef};
use crate::terms::BlockedOperation;
use crate::tokens::Cursor;
use crate::type_name::TypeName;
use sqlparser::tokenizer::Token;

/// After `CREATE SECURITY`.
pub fn create(cursor: &mut Cursor<'_>) -> Parsed<Ddl> {
    cursor.expect_word("POLICY")?;
    let name = local_name(cursor)?;
    let predicates =
        list(
            cursor,
            |cursor| {
                if cursor.at_word("ADD") { change(cursor) } else { Err(cursor.syntax_error()) }
            },
        )?;
    let (mut enabled, mut schema_bound) = (true, true);
    if cursor.take_word("WITH") {
        cursor.expect_token(&Token::LParen)?;
        loop {
            match cursor.take_any(&["STATE", "SCHEMABINDING"]) {
                Some("STATE") => enabled = on_or_off(cursor)?,
                Some(_) => schema_bound = on_or_off(cursor)?,
                None => return Err(cursor.syntax_error()),
            }
            cursor.take_token(&Token::Comma);
            if cursor.take_token(&Token::RParen) {
                break;
            }
        }
    }
    let not_for_replication = cursor.take_words(&["NOT", "FOR", "REPLICATION"]);
    Ok(Ddl::CreateSecurityPolicy(SecurityPolicyDef {
        name,
        predicates,
        enabled,
        schema_bound,
        not_for_replication,
    }))
}

/// After `ALTER SECURITY`.
pub fn alter(cursor: &mut Cursor<'_>) -> Parsed<Ddl> {
    cursor.expect_word("POLICY")?;
    let name = local_name(cursor)?;
    let changes = if ["ADD", "ALTER", "DROP"].iter().any(|word| cursor.at_word(word)) {
        list(cursor, change)?
    } else {
        Vec::new()
    };
    let mut enable = None;
    if cursor.take_word("WITH") {
        cursor.expect_token(&Token::LParen)?;
        cursor.expect_word("STATE")?;
        enable = Some(on_or_off(cursor)?);
        cursor.expect_token(&Token::RParen)?;
    }
    cursor.take_words(&["NOT", "FOR", "REPLICATION"]);
    Ok(Ddl::AlterSecurityPolicy { name, changes, enable })
}

/// `= ON|OFF`.
fn on_or_off(cursor: &mut Cursor<'_>) -> Parsed<bool> {
    cursor.expect_token(&Token::Eq)?;
    match cursor.take_any(&["ON", "OFF"]) {
        Some(word) => Ok(word == "ON"),
        None => Err(cursor.syntax_error()),
    }
}

fn change(cursor: &mut Cursor<'_>) -> Parsed<PredicateChange> {
    let verb = cursor.take_any(&["ADD", "ALTER", "DROP"]).ok_or_else(|| cursor.syntax_error())?;
    let blocks = cursor.take_any(&["FILTER", "BLOCK"]) == Some("BLOCK");
    cursor.expect_word("PREDICATE")?;
    let verb = if verb == "DROP" {
        PredicateVerb::Drop
    } else {
        let function = local_name(cursor)?;
        let arguments = arguments(cursor)?;
        if verb == "ADD" {
            PredicateVerb::Add(function, arguments)
        } else {
            PredicateVerb::Alter(function, arguments)
        }
    };
    cursor.expect_word("ON")?;
    let table = local_name(cursor)?;
    let operation = match cursor.take_any(&["AFTER", "BEFORE"]) {
        Some(when) => Some(match (when, cursor.take_any(&["INSERT", "UPDATE", "DELETE"])) {
            ("AFTER", Some("INSERT")) => BlockedOperation::AfterInsert,
            ("AFTER", Some("UPDATE")) => BlockedOperation::AfterUpdate,
            ("BEFORE", Some("UPDATE")) => BlockedOperation::BeforeUpdate,
            ("BEFORE", Some("DELETE")) => BlockedOperation::BeforeDelete,
            _ => return Err(cursor.syntax_error()),
        }),
        None => None,
    };
    if operation.is_some() && !blocks {
        return Err(cursor.syntax_error());
    }
    Ok(PredicateChange { verb, blocks, table, operation })
}

/// `(expression, …)`, each as written.
fn arguments(cursor: &mut Cursor<'_>) -> Parsed<Vec<String>> {
    let (from, to) = cursor.expect_parenthesised()?;
    let mut inside = *cursor;
    inside.set_position(from);
    let (mut all, mut start, mut depth) = (Vec::new(), from, 0_usize);
    while inside.position() < to {
        match inside.peek() {
            Some(Token::LParen) => depth += 1,
            Some(Token::RParen) => depth = depth.saturating_sub(1),
            Some(Token::Comma) if depth == 0 => {
                all.push(inside.text(start, inside.position()).to_owned());
                start = inside.position() + 1;
            }
            _ => {}
        }
        inside.advance();
    }
    if start < to {
        all.push(inside.text(start, to).to_owned());
    }
    Ok(all)
}

/// After `CREATE FUNCTION` and its like: `name (@p type, …) RETURNS TABLE [WITH SCHEMABINDING] AS RETURN [(] select [)]`.
pub fn function(cursor: &mut Cursor<'_>, start: usize, create: bool, alter: bool) -> Parsed<Ddl> {
    must_be_first(start, if create { "CREATE FUNCTION" } else { "ALTER FUNCTION" })?;
    let name = local_name(cursor)?;
    cursor.expect_token(&Token::LParen)?;
    let mut parameters = Vec::new();
    while !cursor.take_token(&Token::RParen) {
        let parameter = cursor.expect_name()?;
        if !parameter.starts_with('@') {
            return Err(cursor.syntax_error());
        }
        cursor.take_word("AS");
        parameters.push((parameter, TypeName::parse(cursor)?));
        if cursor.at_token(&Token::Eq) {
            return Err(unsupported("defaults of a function's parameters"));
        }
        if !cursor.take_token(&Token::Comma) && !cursor.at_token(&Token::RParen) {
            return Err(cursor.syntax_error());
        }
    }
    cursor.expect_word("RETURNS")?;
    if !cursor.take_word("TABLE") {
        return Err(unsupported("functions other than inline table-valued ones"));
    }
    let schema_bound = cursor.take_words(&["WITH", "SCHEMABINDING"]);
    cursor.take_word("AS");
    if cursor.at_word("BEGIN") {
        return Err(unsupported("functions other than inline table-valued ones"));
    }
    cursor.expect_word("RETURN")?;
    let body = cursor.position();
    let select = rest(cursor, body)?.trim_end_matches(';').to_owned();
    let definition = cursor.text(start, cursor.position()).to_owned();
    Ok(Ddl::CreateFunction(CreateFunction {
        name,
        alter,
        create,
        parameters,
        schema_bound,
        select,
        definition,
    }))
}

/// After `CREATE SYNONYM`: `name FOR object`.
pub fn synonym(cursor: &mut Cursor<'_>) -> Parsed<Ddl> {
    let name = local_name(cursor)?;
    cursor.expect_word("FOR")?;
    Ok(Ddl::CreateSynonym { name, base: cursor.expect_object_name()? })
}
