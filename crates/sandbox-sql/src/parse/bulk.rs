//! `INSERT BULK table (column type [COLLATE c] [[NOT] NULL], ...) [WITH (hint, ...)]`, which drivers send before a
//! bulk load's rows ([MS-TDS] 2.2.6.1; docs/WIRE.md, "INSERT BULK").
use crate::tokens::{Cursor, ObjectName};
use crate::type_name::TypeName;
use sandbox_values::error::SqlError;
use sqlparser::tokenizer::Token;

#[derive(Clone, Debug)]
pub struct InsertBulk {
    pub table: ObjectName,
    pub columns: Vec<BulkColumnDef>,
    pub hints: Vec<Hint>,
}

#[derive(Clone, Debug)]
pub struct BulkColumnDef {
    pub name: String,
    pub type_name: TypeName,
    pub collation: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hint {
    KeepNulls,
    TabLock,
    CheckConstraints,
    FireTriggers,
    /// ROWS_PER_BATCH and KILOBYTES_PER_BATCH: for the optimizer only.
    Size,
    /// Column, descending.
    Order(Vec<(String, bool)>),
}

pub fn insert_bulk(cursor: &mut Cursor<'_>) -> Result<InsertBulk, SqlError> {
    cursor.expect_word("insert")?;
    cursor.expect_word("bulk")?;
    let table = cursor.expect_object_name()?;
    cursor.expect_token(&Token::LParen)?;
    let mut columns = vec![column(cursor)?];
    while cursor.take_token(&Token::Comma) {
        columns.push(column(cursor)?);
    }
    cursor.expect_token(&Token::RParen)?;
    let mut hints = Vec::new();
    if cursor.take_word("with") {
        cursor.expect_token(&Token::LParen)?;
        hints.push(hint(cursor)?);
        while cursor.take_token(&Token::Comma) {
            hints.push(hint(cursor)?);
        }
        cursor.expect_token(&Token::RParen)?;
    }
    Ok(InsertBulk { table, columns, hints })
}

fn column(cursor: &mut Cursor<'_>) -> Result<BulkColumnDef, SqlError> {
    let name = cursor.expect_name()?;
    let type_name = TypeName::parse(cursor)?;
    let collation = if cursor.take_word("collate") { Some(cursor.expect_name()?) } else { None };
    if !cursor.take_words(&["not", "null"]) {
        cursor.take_word("null");
    }
    Ok(BulkColumnDef { name, type_name, collation })
}

fn hint(cursor: &mut Cursor<'_>) -> Result<Hint, SqlError> {
    let plain = [
        ("keep_nulls", Hint::KeepNulls),
        ("tablock", Hint::TabLock),
        ("check_constraints", Hint::CheckConstraints),
        ("fire_triggers", Hint::FireTriggers),
    ];
    for (word, hint) in plain {
        if cursor.take_word(word) {
            return Ok(hint);
        }
    }
    if cursor.take_any(&["rows_per_batch", "kilobytes_per_batch"]).is_some() {
        cursor.expect_token(&Token::Eq)?;
        cursor.expect_integer()?;
        return Ok(Hint::Size);
    }
    cursor.expect_word("order")?;
    cursor.expect_token(&Token::LParen)?;
    let mut keys = Vec::new();
    loop {
        let name = cursor.expect_name()?;
        let descending = cursor.take_any(&["asc", "desc"]) == Some("desc");
        keys.push((name, descending));
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    cursor.expect_token(&Token::RParen)?;
    Ok(Hint::Order(keys))
}
