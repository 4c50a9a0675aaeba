//! CREATE, ALTER and DROP INDEX, and the indexes written in CREATE TABLE.
use super::parts::{
    IndexOptions, Parsed, index_options, ordered_column, parenthesised, placement, plain_options, unsupported,
};
use crate::ddl::ast::{AlterIndex, CreateIndex, CreateStatistics, Ddl, IndexDef};
use crate::ddl::definition::definition;
use crate::terms::PageOptions;
use crate::tokens::{Cursor, ObjectName};
use sqlparser::tokenizer::Token;

/// After CREATE: `[UNIQUE] [CLUSTERED|NONCLUSTERED] [COLUMNSTORE] INDEX name ON table (columns) …`.
pub fn create(cursor: &mut Cursor<'_>) -> Parsed<Ddl> {
    let unique = cursor.take_word("UNIQUE");
    let clustered = cursor.take_any(&["CLUSTERED", "NONCLUSTERED"]) == Some("CLUSTERED");
    let columnstore = cursor.take_word("COLUMNSTORE");
    cursor.expect_word("INDEX")?;
    let name = cursor.expect_name()?;
    cursor.expect_word("ON")?;
    let table = cursor.expect_object_name()?;
    let mut index = IndexDef {
        name,
        unique,
        clustered,
        columnstore,
        columns: Vec::new(),
        included: Vec::new(),
        filter: None,
        ignore_dup_key: false,
        pages: PageOptions::default(),
        placement: None,
    };
    if !(columnstore && clustered) {
        index.columns = parenthesised(cursor, ordered_column)?;
    }
    if columnstore && cursor.take_word("ORDER") {
        parenthesised(cursor, ordered_column)?;
    }
    if cursor.take_word("INCLUDE") {
        index.included = parenthesised(cursor, Cursor::expect_name)?;
    }
    if cursor.take_word("WHERE") {
        index.filter = Some(filter(cursor)?);
    }
    let options = index_options(cursor)?;
    (index.ignore_dup_key, index.pages) = (options.ignore_dup_key, options.pages);
    index.placement = placement(cursor)?;
    Ok(Ddl::CreateIndex(CreateIndex { table, index, drop_existing: options.drop_existing }))
}

/// A filter goes on to WITH, ON or the end of the statement: it knows comparisons, IN, IS NULL, AND, no OR.
fn filter(cursor: &mut Cursor<'_>) -> Parsed<String> {
    let from = cursor.position();
    loop {
        if cursor.at_token(&Token::LParen) {
            cursor.expect_parenthesised()?;
            continue;
        }
        let ends = ["WITH", "ON", "CREATE", "ALTER", "DROP", "INSERT", "SELECT", "UPDATE", "DELETE", "EXEC"];
        match cursor.peek() {
            None | Some(Token::SemiColon | Token::RParen | Token::Comma) => break,
            Some(_) if ends.iter().any(|word| cursor.at_word(word)) => break,
            Some(_) => cursor.advance(),
        };
    }
    if cursor.position() == from {
        return Err(cursor.syntax_error());
    }
    Ok(definition(cursor, from, cursor.position()))
}

/// In CREATE TABLE, after INDEX. Written with a column, it is on that one.
pub fn inline(cursor: &mut Cursor<'_>, column: Option<&str>) -> Parsed<IndexDef> {
    let name = cursor.expect_name()?;
    let unique = cursor.take_word("UNIQUE");
    let clustered = cursor.take_any(&["CLUSTERED", "NONCLUSTERED"]) == Some("CLUSTERED");
    let columnstore = cursor.take_word("COLUMNSTORE");
    let columns = match column {
        Some(column) => vec![(column.to_owned(), false)],
        None if columnstore && clustered => Vec::new(),
        None => parenthesised(cursor, ordered_column)?,
    };
    let included =
        if cursor.take_word("INCLUDE") { parenthesised(cursor, Cursor::expect_name)? } else { Vec::new() };
    let filter = if cursor.take_word("WHERE") { Some(filter(cursor)?) } else { None };
    let IndexOptions { ignore_dup_key, pages, .. } = index_options(cursor)?;
    Ok(IndexDef {
        name,
        unique,
        clustered,
        columnstore,
        columns,
        included,
        filter,
        ignore_dup_key,
        pages,
        placement: placement(cursor)?,
    })
}

pub fn alter(cursor: &mut Cursor<'_>) -> Parsed<Ddl> {
    let index = if cursor.take_word("ALL") { None } else { Some(cursor.expect_name()?) };
    cursor.expect_word("ON")?;
    let table = cursor.expect_object_name()?;
    let action = match cursor.take_any(&["DISABLE", "REBUILD", "REORGANIZE", "SET"]) {
        Some("DISABLE") => AlterIndex::Disable,
        Some("SET") => {
            cursor.expect_parenthesised()?;
            AlterIndex::Set
        }
        Some(word) => {
            if cursor.take_word("PARTITION") {
                cursor.expect_token(&Token::Eq)?;
                if !cursor.take_word("ALL") {
                    cursor.expect_integer()?;
                }
            }
            let compression = plain_options(cursor)?.compression;
            if word == "REBUILD" { AlterIndex::Rebuild(compression) } else { AlterIndex::Reorganize }
        }
        None => return Err(cursor.syntax_error()),
    };
    Ok(Ddl::AlterIndex { index, table, action })
}

/// `name ON table`, or the old `table.name`.
pub fn dropped(cursor: &mut Cursor<'_>) -> Parsed<(String, ObjectName)> {
    let name = cursor.expect_object_name()?;
    let dropped = match name {
        ObjectName { database: None, schema: None, name } => {
            cursor.expect_word("ON")?;
            (name, cursor.expect_object_name()?)
        }
        ObjectName { database: schema, schema: Some(table), name } => {
            (name, ObjectName { database: None, schema, name: table })
        }
        _ => return Err(cursor.syntax_error()),
    };
    plain_options(cursor)?;
    Ok(dropped)
}

/// After CREATE STATISTICS: `name ON table (columns) [WITH …]`.
pub fn create_statistics(cursor: &mut Cursor<'_>) -> Parsed<Ddl> {
    let name = cursor.expect_name()?;
    cursor.expect_word("ON")?;
    let table = cursor.expect_object_name()?;
    let columns = parenthesised(cursor, Cursor::expect_name)?;
    if cursor.take_word("WITH") && cursor.take_any(&["FULLSCAN", "NORECOMPUTE"]).is_none() {
        return Err(unsupported("these options of CREATE STATISTICS"));
    }
    Ok(Ddl::CreateStatistics(CreateStatistics { name, table, columns }))
}

/// After DROP STATISTICS: `table.name`.
pub fn drop_statistics(cursor: &mut Cursor<'_>) -> Parsed<Ddl> {
    let ObjectName { database: schema, schema: Some(table), name } = cursor.expect_object_name()? else {
        return Err(cursor.syntax_error());
    };
    Ok(Ddl::DropStatistics { name, table: ObjectName { database: None, schema, name: table } })
}
