//! Partition functions and schemes.
use super::parts::{Parsed, list, parenthesised};
use crate::ddl::ast::{CreatePartitionFunction, Ddl};
use crate::tokens::Cursor;
use crate::type_name::TypeName;
use sqlparser::tokenizer::Token;

/// After CREATE PARTITION FUNCTION: `name (type) AS RANGE [LEFT|RIGHT] FOR VALUES (…)`.
pub fn create_function(cursor: &mut Cursor<'_>) -> Parsed<Ddl> {
    let name = cursor.expect_name()?;
    cursor.expect_token(&Token::LParen)?;
    let type_name = TypeName::parse(cursor)?;
    cursor.expect_token(&Token::RParen)?;
    cursor.expect_word("AS")?;
    cursor.expect_word("RANGE")?;
    let boundary_right = cursor.take_any(&["LEFT", "RIGHT"]) == Some("RIGHT");
    cursor.expect_word("FOR")?;
    cursor.expect_word("VALUES")?;
    cursor.expect_token(&Token::LParen)?;
    let mut boundaries = Vec::new();
    if !cursor.at_token(&Token::RParen) {
        boundaries = list(cursor, boundary)?;
    }
    cursor.expect_token(&Token::RParen)?;
    Ok(Ddl::CreatePartitionFunction(CreatePartitionFunction { name, type_name, boundary_right, boundaries }))
}

/// One boundary: all up to the next comma or closing parenthesis.
fn boundary(cursor: &mut Cursor<'_>) -> Parsed<String> {
    let from = cursor.position();
    loop {
        match cursor.peek() {
            Some(Token::LParen) => {
                cursor.expect_parenthesised()?;
            }
            None | Some(Token::Comma | Token::RParen) => break,
            Some(_) => {
                cursor.advance();
            }
        }
    }
    if cursor.position() == from {
        return Err(cursor.syntax_error());
    }
    Ok(cursor.text(from, cursor.position()).to_owned())
}

/// After ALTER PARTITION FUNCTION: `name() SPLIT|MERGE RANGE (boundary)`.
pub fn alter_function(cursor: &mut Cursor<'_>) -> Parsed<Ddl> {
    let name = cursor.expect_name()?;
    cursor.expect_token(&Token::LParen)?;
    cursor.expect_token(&Token::RParen)?;
    let split = match cursor.take_any(&["SPLIT", "MERGE"]) {
        Some(word) => word == "SPLIT",
        None => return Err(cursor.syntax_error()),
    };
    cursor.expect_word("RANGE")?;
    cursor.expect_token(&Token::LParen)?;
    let boundary = boundary(cursor)?;
    cursor.expect_token(&Token::RParen)?;
    Ok(Ddl::AlterPartitionFunction { name, boundary, split })
}

/// After CREATE PARTITION SCHEME: `name AS PARTITION function [ALL] TO (filegroups)`.
pub fn create_scheme(cursor: &mut Cursor<'_>) -> Parsed<Ddl> {
    let name = cursor.expect_name()?;
    cursor.expect_word("AS")?;
    cursor.expect_word("PARTITION")?;
    let function = cursor.expect_name()?;
    let all = cursor.take_word("ALL");
    cursor.expect_word("TO")?;
    let filegroups = parenthesised(cursor, filegroup)?;
    Ok(Ddl::CreatePartitionScheme { name, function, filegroups, all })
}

fn filegroup(cursor: &mut Cursor<'_>) -> Parsed<String> {
    match cursor.take_any(&["PRIMARY"]) {
        Some(word) => Ok(word.to_owned()),
        None => cursor.expect_name(),
    }
}

/// After ALTER PARTITION SCHEME: `name NEXT USED [filegroup]`.
pub fn alter_scheme(cursor: &mut Cursor<'_>) -> Parsed<Ddl> {
    let name = cursor.expect_name()?;
    cursor.expect_word("NEXT")?;
    cursor.expect_word("USED")?;
    if matches!(cursor.peek(), Some(Token::Word(_))) {
        filegroup(cursor)?;
    }
    Ok(Ddl::AlterPartitionScheme { name })
}
