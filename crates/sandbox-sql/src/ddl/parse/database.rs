//! Databases and schemas.
use super::parts::{Parsed, list, unsupported};
use crate::ddl::ast::{DatabaseChange, Ddl, TrackingChange};
use crate::terms::RetentionUnit;
use crate::tokens::Cursor;
use sqlparser::tokenizer::Token;

pub fn create(cursor: &mut Cursor<'_>) -> Parsed<Ddl> {
    let name = cursor.expect_name()?;
    // Where the files lie means nothing here: CONTAINMENT = x, ON … and LOG ON … are skipped.
    if cursor.take_word("CONTAINMENT") {
        cursor.expect_token(&Token::Eq)?;
        cursor.advance();
    }
    while cursor.take_words(&["LOG", "ON"]) || cursor.take_word("ON") {
        cursor.take_word("PRIMARY");
        list(cursor, Cursor::expect_parenthesised)?;
    }
    let collation = if cursor.take_word("COLLATE") { Some(cursor.expect_name()?) } else { None };
    Ok(Ddl::CreateDatabase { name, collation })
}

pub fn alter(cursor: &mut Cursor<'_>) -> Parsed<Ddl> {
    let name = if cursor.take_word("CURRENT") { None } else { Some(cursor.expect_name()?) };
    let mut changes = Vec::new();
    match cursor.take_any(&["SET", "COLLATE", "MODIFY"]) {
        Some("SET") => {
            changes = list(cursor, option)?;
            if cursor.take_word("WITH") && !cursor.take_word("NO_WAIT") {
                cursor.expect_word("ROLLBACK")?;
                if !cursor.take_word("IMMEDIATE") {
                    cursor.expect_word("AFTER")?;
                    cursor.expect_integer()?;
                    cursor.take_word("SECONDS");
                }
            }
        }
        Some("COLLATE") => changes.push(DatabaseChange::Collate(cursor.expect_name()?)),
        Some(_) => {
            cursor.expect_word("NAME")?;
            cursor.expect_token(&Token::Eq)?;
            changes.push(DatabaseChange::Rename(cursor.expect_name()?));
        }
        None => return Err(cursor.syntax_error()),
    }
    Ok(Ddl::AlterDatabase { name, changes })
}

/// Options that neither results nor errors depend on.
const IGNORED: &[&str] = &[
    "ANSI_NULLS",
    "ANSI_PADDING",
    "ANSI_WARNINGS",
    "ARITHABORT",
    "AUTO_CLOSE",
    "AUTO_CREATE_STATISTICS",
    "AUTO_SHRINK",
    "AUTO_UPDATE_STATISTICS",
    "AUTO_UPDATE_STATISTICS_ASYNC",
    "DELAYED_DURABILITY",
    "PAGE_VERIFY",
    "PARAMETERIZATION",
    "QUERY_STORE",
    "TARGET_RECOVERY_TIME",
];

fn on_off(cursor: &mut Cursor<'_>) -> Parsed<bool> {
    match cursor.take_any(&["ON", "OFF"]) {
        Some(word) => Ok(word == "ON"),
        None => Err(cursor.syntax_error()),
    }
}

/// `= ON [(options)]`, `= OFF`, `(options)`.
fn change_tracking(cursor: &mut Cursor<'_>) -> Parsed<TrackingChange> {
    let mut change = TrackingChange::default();
    if cursor.take_token(&Token::Eq) {
        let on = on_off(cursor)?;
        change.on = Some(on);
        if !on || !cursor.at_token(&Token::LParen) {
            return Ok(change);
        }
    }
    cursor.expect_token(&Token::LParen)?;
    loop {
        let option = cursor.take_any(&["CHANGE_RETENTION", "AUTO_CLEANUP"]);
        let Some(option) = option else { return Err(cursor.syntax_error()) };
        cursor.expect_token(&Token::Eq)?;
        let twice = if option == "AUTO_CLEANUP" {
            change.auto_cleanup.replace(on_off(cursor)?).is_some()
        } else {
            let period = cursor.expect_integer()?;
            let unit = match cursor.take_any(&["DAYS", "HOURS", "MINUTES"]) {
                Some("DAYS") => RetentionUnit::Days,
                Some("HOURS") => RetentionUnit::Hours,
                Some(_) => RetentionUnit::Minutes,
                None => return Err(cursor.syntax_error()),
            };
            change.retention.replace((period, unit)).is_some()
        };
        if twice {
            change.repeated = Some(option);
        }
        if !cursor.take_token(&Token::Comma) {
            cursor.expect_token(&Token::RParen)?;
            return Ok(change);
        }
    }
}

fn option(cursor: &mut Cursor<'_>) -> Parsed<DatabaseChange> {
    if cursor.take_word("CHANGE_TRACKING") {
        return change_tracking(cursor).map(DatabaseChange::ChangeTracking);
    }
    if cursor.take_word("ALLOW_SNAPSHOT_ISOLATION") {
        return on_off(cursor).map(DatabaseChange::AllowSnapshotIsolation);
    }
    if cursor.take_word("READ_COMMITTED_SNAPSHOT") {
        return on_off(cursor).map(DatabaseChange::ReadCommittedSnapshot);
    }
    if cursor.take_word("RECOVERY") {
        return match cursor.take_any(&["FULL", "BULK_LOGGED", "SIMPLE"]) {
            Some("FULL") => Ok(DatabaseChange::Recovery(1)),
            Some("BULK_LOGGED") => Ok(DatabaseChange::Recovery(2)),
            Some(_) => Ok(DatabaseChange::Recovery(3)),
            None => Err(cursor.syntax_error()),
        };
    }
    if cursor.take_word("COMPATIBILITY_LEVEL") {
        cursor.expect_token(&Token::Eq)?;
        let level = cursor.expect_integer()?;
        return match u8::try_from(level) {
            Ok(level) if (100..=170).contains(&level) && level % 10 == 0 => {
                Ok(DatabaseChange::CompatibilityLevel(level))
            }
            _ => Err(unsupported(&format!("compatibility level {level}"))),
        };
    }
    if let Some(word) = cursor.take_any(&["READ_ONLY", "READ_WRITE"]) {
        return Ok(DatabaseChange::ReadOnly(word == "READ_ONLY"));
    }
    if cursor.take_any(&["SINGLE_USER", "RESTRICTED_USER", "MULTI_USER", "ONLINE"]).is_some() {
        return Ok(DatabaseChange::Ignored);
    }
    if cursor.take_any(IGNORED).is_some() {
        cursor.take_token(&Token::Eq);
        cursor.advance();
        if cursor.at_token(&Token::LParen) {
            cursor.expect_parenthesised()?;
        }
        cursor.take_any(&["SECONDS", "MINUTES"]);
        return Ok(DatabaseChange::Ignored);
    }
    Err(cursor.syntax_error())
}

pub fn create_schema(cursor: &mut Cursor<'_>) -> Parsed<Ddl> {
    if cursor.take_word("AUTHORIZATION") {
        let owner = cursor.expect_name()?;
        return Ok(Ddl::CreateSchema { name: owner.clone(), owner: Some(owner) });
    }
    let name = cursor.expect_name()?;
    let owner = if cursor.take_word("AUTHORIZATION") { Some(cursor.expect_name()?) } else { None };
    Ok(Ddl::CreateSchema { name, owner })
}
