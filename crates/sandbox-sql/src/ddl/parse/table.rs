//! CREATE, ALTER and TRUNCATE TABLE.
use super::parts::{Parsed, list, parenthesised, placement, plain_options, unsupported};
use super::{column, index};
use crate::ddl::ast::{AlterTable, ColumnProperty, CreateTable, Ddl, DropItem};
use crate::terms::{Durability, LockEscalation, PageOptions, Special};
use crate::tokens::{self, Cursor, ObjectName};
use crate::type_name::TypeName;
use sqlparser::tokenizer::Token;

pub fn create(cursor: &mut Cursor<'_>) -> Parsed<Ddl> {
    let name = cursor.expect_object_name()?;
    let mut table = columns(cursor, name)?;
    table.special = graph(cursor);
    table.placement = placement(cursor)?;
    if cursor.take_word("TEXTIMAGE_ON") {
        cursor.advance();
    }
    if in_memory(cursor) {
        table.memory_optimized = memory_options(cursor)?;
    } else if let Some(ledger) = ledger(cursor)? {
        table.special = Some(ledger);
    } else if cursor.at_word("WITH") {
        table.pages = plain_options(cursor)?.pages;
    }
    Ok(Ddl::CreateTable(table))
}

/// What comes after `DECLARE @name TABLE`.
///
/// # Errors
/// 102/156.
pub fn table_variable(cursor: &mut Cursor<'_>, name: &str) -> Parsed<CreateTable> {
    let name = tokens::table_variable(name);
    columns(cursor, ObjectName { database: None, schema: None, name })
}

/// The columns, constraints and indexes between parentheses.
fn columns(cursor: &mut Cursor<'_>, name: ObjectName) -> Parsed<CreateTable> {
    let mut table = CreateTable {
        name,
        columns: Vec::new(),
        constraints: Vec::new(),
        indexes: Vec::new(),
        placement: None,
        pages: PageOptions::default(),
        memory_optimized: None,
        special: None,
    };
    cursor.expect_token(&Token::LParen)?;
    loop {
        if cursor.take_word("INDEX") {
            table.indexes.push(index::inline(cursor, None)?);
        } else if cursor.at_words(&["PERIOD", "FOR"]) {
            return Err(unsupported("system-versioned tables"));
        } else if let Some(constraint) = column::table_constraint(cursor)? {
            table.constraints.push(constraint);
        } else {
            table.columns.push(column::column(cursor)?);
        }
        // A table constraint may follow a column without a comma, and a comma may stand before ")".
        let comma = cursor.take_token(&Token::Comma);
        if cursor.take_token(&Token::RParen) {
            break;
        }
        if !comma && !cursor.at_word("CONSTRAINT") {
            return Err(cursor.syntax_error());
        }
    }
    Ok(table)
}

/// `AS NODE`, `AS EDGE`.
fn graph(cursor: &mut Cursor<'_>) -> Option<Special> {
    if cursor.take_words(&["AS", "NODE"]) {
        Some(Special::Node)
    } else {
        cursor.take_words(&["AS", "EDGE"]).then_some(Special::Edge)
    }
}

/// `WITH (LEDGER = ON [(APPEND_ONLY = ON|OFF)])`.
fn ledger(cursor: &mut Cursor<'_>) -> Parsed<Option<Special>> {
    let mut ahead = *cursor;
    if !(ahead.take_word("WITH") && ahead.take_token(&Token::LParen) && ahead.take_word("LEDGER")) {
        return Ok(None);
    }
    *cursor = ahead;
    cursor.expect_token(&Token::Eq)?;
    cursor.expect_word("ON")?;
    let mut special = Special::UpdatableLedger;
    if cursor.take_token(&Token::LParen) {
        cursor.expect_word("APPEND_ONLY")?;
        cursor.expect_token(&Token::Eq)?;
        match cursor.take_any(&["ON", "OFF"]) {
            Some("ON") => special = Special::AppendOnlyLedger,
            Some(_) => {}
            None => return Err(cursor.syntax_error()),
        }
        cursor.expect_token(&Token::RParen)?;
    }
    cursor.expect_token(&Token::RParen)?;
    Ok(Some(special))
}

/// Do the table's options have one of memory-optimized tables?
fn in_memory(cursor: &Cursor<'_>) -> bool {
    let mut ahead = *cursor;
    ahead.take_word("WITH")
        && ahead.take_token(&Token::LParen)
        && ["MEMORY_OPTIMIZED", "DURABILITY"].iter().any(|word| ahead.at_word(word))
}

/// `WITH (MEMORY_OPTIMIZED = ON|OFF, DURABILITY = SCHEMA_AND_DATA|SCHEMA_ONLY)`.
fn memory_options(cursor: &mut Cursor<'_>) -> Parsed<Option<Durability>> {
    cursor.expect_word("WITH")?;
    let (mut on, mut durability) = (false, Durability::SchemaAndData);
    parenthesised(cursor, |cursor| {
        let option = cursor.take_any(&["MEMORY_OPTIMIZED", "DURABILITY"]);
        cursor.expect_token(&Token::Eq)?;
        match (option, cursor.take_any(&["ON", "OFF", "SCHEMA_AND_DATA", "SCHEMA_ONLY"])) {
            (Some("MEMORY_OPTIMIZED"), Some(word @ ("ON" | "OFF"))) => Ok((Some(word == "ON"), None)),
            (Some("DURABILITY"), Some("SCHEMA_AND_DATA")) => Ok((None, Some(Durability::SchemaAndData))),
            (Some("DURABILITY"), Some("SCHEMA_ONLY")) => Ok((None, Some(Durability::SchemaOnly))),
            _ => Err(cursor.syntax_error()),
        }
    })?
    .into_iter()
    .for_each(|(switched, lasting)| {
        on = switched.unwrap_or(on);
        durability = lasting.unwrap_or(durability);
    });
    Ok(on.then_some(durability))
}

/// How long SWITCH waits at low priority, and that it gives up by itself then.
fn low_priority(cursor: &mut Cursor<'_>) -> Parsed<Option<u32>> {
    if !cursor.take_word("WITH") {
        return Ok(None);
    }
    cursor.expect_token(&Token::LParen)?;
    cursor.expect_word("WAIT_AT_LOW_PRIORITY")?;
    cursor.expect_token(&Token::LParen)?;
    cursor.expect_word("MAX_DURATION")?;
    cursor.expect_token(&Token::Eq)?;
    let minutes = cursor.expect_integer()?;
    cursor.take_word("MINUTES");
    cursor.expect_token(&Token::Comma)?;
    cursor.expect_word("ABORT_AFTER_WAIT")?;
    cursor.expect_token(&Token::Eq)?;
    match cursor.take_any(&["SELF", "NONE", "BLOCKERS"]) {
        Some("SELF") => {}
        Some(_) => return Err(unsupported("ABORT_AFTER_WAIT other than SELF")),
        None => return Err(cursor.syntax_error()),
    }
    cursor.expect_token(&Token::RParen)?;
    cursor.expect_token(&Token::RParen)?;
    // SELF takes at least a minute (Microsoft docs, "ALTER TABLE", low_priority_lock_wait).
    match u32::try_from(minutes) {
        Ok(minutes) if minutes > 0 => Ok(Some(minutes)),
        _ => Err(unsupported("MAX_DURATION of no minutes with ABORT_AFTER_WAIT = SELF")),
    }
}

pub fn alter(cursor: &mut Cursor<'_>) -> Parsed<Ddl> {
    let table = cursor.expect_object_name()?;
    let validate = if cursor.take_words(&["WITH", "CHECK"]) {
        Some(true)
    } else if cursor.take_words(&["WITH", "NOCHECK"]) {
        Some(false)
    } else {
        None
    };
    let action = match cursor.take_any(&["ADD", "CHECK", "NOCHECK"]) {
        Some("ADD") => add(cursor, validate)?,
        Some(word) => {
            cursor.expect_word("CONSTRAINT")?;
            AlterTable::Constraints {
                names: names_or_all(cursor)?,
                enable: word == "CHECK",
                validate: validate == Some(true),
            }
        }
        None if validate.is_some() => return Err(cursor.syntax_error()),
        None => other(cursor)?,
    };
    Ok(Ddl::AlterTable { table, action })
}

fn other(cursor: &mut Cursor<'_>) -> Parsed<AlterTable> {
    match cursor.take_any(&["ALTER", "DROP", "ENABLE", "DISABLE", "SWITCH", "REBUILD", "SET"]) {
        Some("ALTER") => alter_column(cursor),
        Some("DROP") => drop(cursor),
        Some(word @ ("ENABLE" | "DISABLE")) => {
            if cursor.take_word("CHANGE_TRACKING") {
                return change_tracking(cursor, word == "ENABLE");
            }
            cursor.expect_word("TRIGGER")?;
            Ok(AlterTable::Triggers { names: names_or_all(cursor)?, enable: word == "ENABLE" })
        }
        Some("SWITCH") => {
            let from = partition(cursor)?;
            cursor.expect_word("TO")?;
            let target = cursor.expect_object_name()?;
            let to = partition(cursor)?;
            let low_priority = low_priority(cursor)?;
            Ok(AlterTable::Switch { from, target, to, low_priority })
        }
        Some("REBUILD") => {
            if cursor.take_word("PARTITION") {
                cursor.expect_token(&Token::Eq)?;
                if !cursor.take_word("ALL") {
                    cursor.expect_integer()?;
                }
            }
            Ok(AlterTable::Rebuild(plain_options(cursor)?.compression))
        }
        Some("SET") => {
            cursor.expect_token(&Token::LParen)?;
            if !cursor.take_word("LOCK_ESCALATION") {
                return Err(unsupported("this option of ALTER TABLE … SET"));
            }
            cursor.expect_token(&Token::Eq)?;
            let escalation = match cursor.take_any(&["TABLE", "AUTO", "DISABLE"]) {
                Some("TABLE") => LockEscalation::Table,
                Some("AUTO") => LockEscalation::Auto,
                Some(_) => LockEscalation::Disable,
                None => return Err(cursor.syntax_error()),
            };
            cursor.expect_token(&Token::RParen)?;
            Ok(AlterTable::LockEscalation(escalation))
        }
        _ => Err(cursor.syntax_error()),
    }
}

/// `[WITH (TRACK_COLUMNS_UPDATED = ON|OFF)]`.
fn change_tracking(cursor: &mut Cursor<'_>, enable: bool) -> Parsed<AlterTable> {
    if !enable {
        return Ok(AlterTable::DisableChangeTracking);
    }
    let mut columns_updated = false;
    if cursor.take_word("WITH") {
        cursor.expect_token(&Token::LParen)?;
        cursor.expect_word("TRACK_COLUMNS_UPDATED")?;
        cursor.expect_token(&Token::Eq)?;
        columns_updated = match cursor.take_any(&["ON", "OFF"]) {
            Some(word) => word == "ON",
            None => return Err(cursor.syntax_error()),
        };
        cursor.expect_token(&Token::RParen)?;
    }
    Ok(AlterTable::EnableChangeTracking { columns_updated })
}

fn add(cursor: &mut Cursor<'_>, check: Option<bool>) -> Parsed<AlterTable> {
    let (mut columns, mut constraints) = (Vec::new(), Vec::new());
    loop {
        match column::table_constraint(cursor)? {
            Some(constraint) => constraints.push(constraint),
            None => columns.push(column::column(cursor)?),
        }
        if !cursor.take_token(&Token::Comma) {
            return Ok(AlterTable::Add { columns, constraints, check });
        }
    }
}

fn alter_column(cursor: &mut Cursor<'_>) -> Parsed<AlterTable> {
    cursor.expect_word("COLUMN")?;
    let name = cursor.expect_name()?;
    if let Some(verb) = cursor.take_any(&["ADD", "DROP"]) {
        let add = verb == "ADD";
        let property = match cursor.take_any(&["MASKED", "SPARSE"]) {
            Some("MASKED") if add => ColumnProperty::Mask(Some(column::masked_with(cursor)?)),
            Some("MASKED") => ColumnProperty::Mask(None),
            Some(_) => ColumnProperty::Sparse(add),
            None => return Err(unsupported("this property of ALTER COLUMN … ADD|DROP")),
        };
        return Ok(AlterTable::ColumnProperty { name, property });
    }
    let type_name = TypeName::parse(cursor)?;
    let collation = if cursor.take_word("COLLATE") { Some(cursor.expect_name()?) } else { None };
    let mask = if cursor.take_word("MASKED") { Some(column::masked_with(cursor)?) } else { None };
    let nullable = if cursor.take_words(&["NOT", "NULL"]) {
        Some(false)
    } else if cursor.take_word("NULL") {
        Some(true)
    } else {
        None
    };
    Ok(AlterTable::AlterColumn { name, type_name, collation, nullable, mask })
}

/// `DROP [CONSTRAINT] a, b, COLUMN c`: the last word said holds for the names after it; without one it is
/// a constraint.
fn drop(cursor: &mut Cursor<'_>) -> Parsed<AlterTable> {
    let mut items = Vec::new();
    let (mut column, mut if_exists) = (false, false);
    loop {
        if let Some(word) = cursor.take_any(&["COLUMN", "CONSTRAINT"]) {
            column = word == "COLUMN";
            if_exists = cursor.take_words(&["IF", "EXISTS"]);
        }
        items.push(DropItem { column, name: cursor.expect_name()?, if_exists });
        if !cursor.take_token(&Token::Comma) {
            plain_options(cursor)?;
            return Ok(AlterTable::Drop { items });
        }
    }
}

fn names_or_all(cursor: &mut Cursor<'_>) -> Parsed<Vec<String>> {
    if cursor.take_word("ALL") { Ok(Vec::new()) } else { list(cursor, Cursor::expect_name) }
}

fn partition(cursor: &mut Cursor<'_>) -> Parsed<Option<i64>> {
    if cursor.take_word("PARTITION") { cursor.expect_integer().map(Some) } else { Ok(None) }
}

pub fn truncate(cursor: &mut Cursor<'_>) -> Parsed<Ddl> {
    cursor.expect_word("TABLE")?;
    let table = cursor.expect_object_name()?;
    let mut partitions = Vec::new();
    if cursor.take_word("WITH") {
        cursor.expect_token(&Token::LParen)?;
        cursor.expect_word("PARTITIONS")?;
        partitions = parenthesised(cursor, |cursor| {
            let from = cursor.expect_integer()?;
            let to = if cursor.take_word("TO") { cursor.expect_integer()? } else { from };
            Ok((from, to))
        })?;
        cursor.expect_token(&Token::RParen)?;
    }
    Ok(Ddl::Truncate { table, partitions })
}
