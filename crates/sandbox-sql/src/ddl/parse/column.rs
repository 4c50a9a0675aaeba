//! Columns and constraints of CREATE TABLE and ALTER TABLE ADD.
use super::index;
use super::parts::{
    IndexOptions, Parsed, index_options, ordered_column, parenthesised, placement, unsupported,
};
use crate::ddl::ast::{ColumnDef, ColumnKind, ConstraintDef, ConstraintKind, DefaultDef, ForeignDef};
use crate::ddl::definition::definition;
use crate::tokens::Cursor;
use crate::type_name::TypeName;
use sqlparser::tokenizer::Token;

/// `name type …` or `name AS expression …`.
pub fn column(cursor: &mut Cursor<'_>) -> Parsed<ColumnDef> {
    let line = cursor.line();
    // A column named timestamp may leave its type out.
    let name = cursor.expect_name()?;
    let kind = if cursor.take_word("AS") {
        let from = cursor.position();
        skip_computed(cursor)?;
        let definition = definition(cursor, from, cursor.position());
        ColumnKind::Computed { definition, persisted: cursor.take_word("PERSISTED") }
    } else if name.eq_ignore_ascii_case("timestamp")
        && matches!(cursor.peek(), Some(Token::Comma | Token::RParen))
    {
        ColumnKind::Typed(TypeName { schema: None, name: name.clone(), args: Vec::new() })
    } else {
        ColumnKind::Typed(TypeName::parse(cursor)?)
    };
    let mut column = ColumnDef {
        name,
        kind,
        line,
        collation: None,
        nullable: None,
        identity: None,
        default: None,
        rowguidcol: false,
        sparse: false,
        mask: None,
        constraints: Vec::new(),
        indexes: Vec::new(),
    };
    while option(cursor, &mut column)? {}
    Ok(column)
}

/// Reads one thing that may follow a column's type; false where none follows.
fn option(cursor: &mut Cursor<'_>, column: &mut ColumnDef) -> Parsed<bool> {
    if cursor.take_words(&["NOT", "FOR", "REPLICATION"]) {
        return Ok(true);
    }
    if cursor.take_words(&["NOT", "NULL"]) {
        column.nullable = Some(false);
        return Ok(true);
    }
    match cursor.take_any(&[
        "NULL",
        "COLLATE",
        "IDENTITY",
        "ROWGUIDCOL",
        "INDEX",
        "SPARSE",
        "GENERATED",
        "MASKED",
    ]) {
        Some("NULL") => column.nullable = Some(true),
        Some("COLLATE") => column.collation = Some(cursor.expect_name()?),
        Some("IDENTITY") => {
            let mut range = vec![1, 1];
            if cursor.at_token(&Token::LParen) {
                range = parenthesised(cursor, Cursor::expect_integer)?;
            }
            let [seed, increment] = range[..] else { return Err(cursor.syntax_error()) };
            column.identity = Some((seed, increment));
        }
        Some("ROWGUIDCOL") => column.rowguidcol = true,
        Some("SPARSE") => column.sparse = true,
        Some("MASKED") => column.mask = Some(masked_with(cursor)?),
        Some("INDEX") => column.indexes.push(index::inline(cursor, Some(&column.name))?),
        Some(other) => return Err(unsupported(&format!("{other} columns"))),
        None => {
            let name = if cursor.take_word("CONSTRAINT") { Some(cursor.expect_name()?) } else { None };
            if cursor.take_word("DEFAULT") {
                let definition = default_expression(cursor)?;
                let with_values = cursor.take_words(&["WITH", "VALUES"]);
                column.default = Some(DefaultDef { name, definition, with_values });
                return Ok(true);
            }
            return match inline_constraint(cursor, name.clone(), &column.name)? {
                Some(constraint) => {
                    column.constraints.push(constraint);
                    Ok(true)
                }
                None if name.is_some() => Err(cursor.syntax_error()),
                None => Ok(false),
            };
        }
    }
    Ok(true)
}

/// After MASKED: `WITH (FUNCTION = 'function')`.
pub fn masked_with(cursor: &mut Cursor<'_>) -> Parsed<String> {
    cursor.expect_word("WITH")?;
    cursor.expect_token(&Token::LParen)?;
    cursor.expect_word("FUNCTION")?;
    cursor.expect_token(&Token::Eq)?;
    let function = cursor.take_string().ok_or_else(|| cursor.syntax_error())?.to_owned();
    cursor.expect_token(&Token::RParen)?;
    Ok(function)
}

/// A constraint written with its column, after its name if it has one.
fn inline_constraint(
    cursor: &mut Cursor<'_>,
    name: Option<String>,
    column: &str,
) -> Parsed<Option<ConstraintDef>> {
    let kind = match cursor.take_any(&["PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "REFERENCES"]) {
        Some(word @ ("PRIMARY" | "UNIQUE")) => {
            if word == "PRIMARY" {
                cursor.expect_word("KEY")?;
            }
            key(cursor, word == "PRIMARY", Some(column))?
        }
        Some("CHECK") => check(cursor)?,
        Some(word) => {
            if word == "FOREIGN" {
                cursor.expect_word("KEY")?;
                cursor.expect_word("REFERENCES")?;
            }
            references(cursor, vec![column.to_owned()])?
        }
        None => return Ok(None),
    };
    Ok(Some(ConstraintDef { name, kind, column: Some(column.to_owned()) }))
}

/// `[CONSTRAINT name] PRIMARY KEY|UNIQUE|CHECK|FOREIGN KEY|DEFAULT …` between a table's columns; `None` where a
/// column stands.
pub fn table_constraint(cursor: &mut Cursor<'_>) -> Parsed<Option<ConstraintDef>> {
    let name = if cursor.take_word("CONSTRAINT") { Some(cursor.expect_name()?) } else { None };
    let kind = match cursor.take_any(&["PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "DEFAULT"]) {
        Some(word @ ("PRIMARY" | "UNIQUE")) => {
            if word == "PRIMARY" {
                cursor.expect_word("KEY")?;
            }
            key(cursor, word == "PRIMARY", None)?
        }
        Some("CHECK") => check(cursor)?,
        Some("FOREIGN") => {
            cursor.expect_word("KEY")?;
            let columns = parenthesised(cursor, Cursor::expect_name)?;
            cursor.expect_word("REFERENCES")?;
            references(cursor, columns)?
        }
        Some(_) => {
            let definition = default_expression(cursor)?;
            cursor.expect_word("FOR")?;
            ConstraintKind::Default { definition, column: cursor.expect_name()? }
        }
        None if name.is_some() => return Err(cursor.syntax_error()),
        None => return Ok(None),
    };
    Ok(Some(ConstraintDef { name, kind, column: None }))
}

fn key(cursor: &mut Cursor<'_>, primary: bool, column: Option<&str>) -> Parsed<ConstraintKind> {
    let clustered = cursor.take_any(&["CLUSTERED", "NONCLUSTERED"]).map(|word| word == "CLUSTERED");
    let columns = match column {
        Some(column) if !cursor.at_token(&Token::LParen) => vec![(column.to_owned(), false)],
        _ => parenthesised(cursor, ordered_column)?,
    };
    let IndexOptions { ignore_dup_key, pages, .. } = index_options(cursor)?;
    Ok(ConstraintKind::Key {
        primary,
        clustered,
        columns,
        ignore_dup_key,
        pages,
        placement: placement(cursor)?,
    })
}

fn check(cursor: &mut Cursor<'_>) -> Parsed<ConstraintKind> {
    cursor.take_words(&["NOT", "FOR", "REPLICATION"]);
    let (from, to) = cursor.expect_parenthesised()?;
    Ok(ConstraintKind::Check { definition: definition(cursor, from, to) })
}

fn references(cursor: &mut Cursor<'_>, columns: Vec<String>) -> Parsed<ConstraintKind> {
    let table = cursor.expect_object_name()?;
    let referenced = if cursor.at_token(&Token::LParen) {
        parenthesised(cursor, Cursor::expect_name)?
    } else {
        Vec::new()
    };
    let mut foreign = ForeignDef { columns, table, referenced, on_delete: 0, on_update: 0 };
    while cursor.take_word("ON") {
        let event = cursor.take_any(&["DELETE", "UPDATE"]).ok_or_else(|| cursor.syntax_error())?;
        let action = if cursor.take_words(&["NO", "ACTION"]) {
            0
        } else if cursor.take_word("CASCADE") {
            1
        } else if cursor.take_words(&["SET", "NULL"]) {
            2
        } else if cursor.take_words(&["SET", "DEFAULT"]) {
            3
        } else {
            return Err(cursor.syntax_error());
        };
        if event == "DELETE" {
            foreign.on_delete = action;
        } else {
            foreign.on_update = action;
        }
    }
    cursor.take_words(&["NOT", "FOR", "REPLICATION"]);
    Ok(ConstraintKind::Foreign(foreign))
}

/// A DEFAULT's expression ends by itself: terms joined by operators.
fn default_expression(cursor: &mut Cursor<'_>) -> Parsed<String> {
    let from = cursor.position();
    loop {
        while cursor.take_token(&Token::Minus) || cursor.take_token(&Token::Plus) {}
        term(cursor)?;
        let operators = [Token::Plus, Token::Minus, Token::Mul, Token::Div, Token::Mod];
        if !operators.iter().any(|operator| cursor.take_token(operator)) {
            break;
        }
    }
    Ok(definition(cursor, from, cursor.position()))
}

/// A literal, something in parentheses, or a function's call.
fn term(cursor: &mut Cursor<'_>) -> Parsed<()> {
    match cursor.peek() {
        Some(Token::LParen) => {
            cursor.expect_parenthesised()?;
        }
        Some(
            Token::Number(..)
            | Token::SingleQuotedString(_)
            | Token::NationalStringLiteral(_)
            | Token::HexStringLiteral(_),
        ) => {
            cursor.advance();
        }
        Some(Token::Word(_)) => {
            let bare = ["NULL", "CURRENT_TIMESTAMP", "CURRENT_USER", "SESSION_USER", "SYSTEM_USER", "USER"];
            if cursor.take_any(&bare).is_some() {
                return Ok(());
            }
            if cursor.take_any(&["CONVERT", "TRY_CONVERT", "COALESCE", "NULLIF", "LEFT", "RIGHT"]).is_none() {
                cursor.expect_object_name()?;
            }
            cursor.expect_parenthesised()?;
        }
        _ => return Err(cursor.syntax_error()),
    }
    Ok(())
}

/// A computed column's expression goes on to a comma, the closing parenthesis, or a word that cannot be in it.
fn skip_computed(cursor: &mut Cursor<'_>) -> Parsed<()> {
    let from = cursor.position();
    let mut cases = 0_usize;
    loop {
        if cases == 0 {
            let ends = ["PERSISTED", "CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "REFERENCES"];
            if matches!(cursor.peek(), None | Some(Token::Comma | Token::RParen | Token::SemiColon))
                || ends.iter().any(|word| cursor.at_word(word))
            {
                break;
            }
        }
        match cursor.peek() {
            Some(Token::LParen) => {
                cursor.expect_parenthesised()?;
                continue;
            }
            Some(_) if cursor.at_word("CASE") => cases += 1,
            Some(_) if cursor.at_word("END") => cases = cases.saturating_sub(1),
            Some(_) => {}
            None => return Err(cursor.syntax_error()),
        }
        cursor.advance();
    }
    if cursor.position() == from { Err(cursor.syntax_error()) } else { Ok(()) }
}
