//! What several statements have: lists, names, places and index options.
use crate::ddl::ast::Placement;
use crate::terms::PageOptions;
use crate::tokens::{Cursor, ObjectName};
use sandbox_values::error::SqlError;
use sqlparser::tokenizer::Token;

pub type Parsed<T> = Result<T, SqlError>;

/// One or more, with commas between.
pub fn list<'a, T>(cursor: &mut Cursor<'a>, one: impl Fn(&mut Cursor<'a>) -> Parsed<T>) -> Parsed<Vec<T>> {
    let mut all = vec![one(cursor)?];
    while cursor.take_token(&Token::Comma) {
        all.push(one(cursor)?);
    }
    Ok(all)
}

/// As [`list`], in parentheses.
pub fn parenthesised<'a, T>(
    cursor: &mut Cursor<'a>,
    one: impl Fn(&mut Cursor<'a>) -> Parsed<T>,
) -> Parsed<Vec<T>> {
    cursor.expect_token(&Token::LParen)?;
    let all = list(cursor, one)?;
    cursor.expect_token(&Token::RParen)?;
    Ok(all)
}

/// `name [ASC|DESC]`: is it descending?
pub fn ordered_column(cursor: &mut Cursor<'_>) -> Parsed<(String, bool)> {
    let name = cursor.expect_name()?;
    Ok((name, cursor.take_any(&["ASC", "DESC"]) == Some("DESC")))
}

/// `ON space`, `ON scheme(column)`, if it is there.
pub fn placement(cursor: &mut Cursor<'_>) -> Parsed<Option<Placement>> {
    if !cursor.take_word("ON") {
        return Ok(None);
    }
    // ON "default" and ON [PRIMARY] are quoted; ON DEFAULT and ON PRIMARY are accepted of old scripts too.
    let space = match cursor.take_any(&["PRIMARY", "DEFAULT"]) {
        Some(word) => word.to_owned(),
        None => cursor.expect_name()?,
    };
    let column = if cursor.at_token(&Token::LParen) {
        let mut columns = parenthesised(cursor, Cursor::expect_name)?;
        if columns.len() > 1 {
            return Err(cursor.syntax_error());
        }
        columns.pop()
    } else {
        None
    };
    Ok(Some(Placement { space, column }))
}

/// The options of what makes no index: those that would change results are refused.
pub fn plain_options(cursor: &mut Cursor<'_>) -> Parsed<IndexOptions> {
    match index_options(cursor)? {
        IndexOptions { ignore_dup_key: true, .. } => Err(unsupported("IGNORE_DUP_KEY = ON here")),
        options => Ok(options),
    }
}

/// `WITH (option = value, …)`, `WITH FILLFACTOR = n`: what most of them tune does not exist here.
pub fn index_options(cursor: &mut Cursor<'_>) -> Parsed<IndexOptions> {
    let mut found = IndexOptions::default();
    if !cursor.take_word("WITH") {
        return Ok(found);
    }
    if cursor.take_word("FILLFACTOR") {
        cursor.expect_token(&Token::Eq)?;
        found.pages.fill_factor = fill_factor(cursor)?;
        return Ok(found);
    }
    cursor.expect_token(&Token::LParen)?;
    loop {
        let Some(option) = cursor.take_any(INDEX_OPTIONS) else { return Err(cursor.syntax_error()) };
        cursor.expect_token(&Token::Eq)?;
        let on = cursor.at_word("ON");
        found.ignore_dup_key |= option == "IGNORE_DUP_KEY" && on;
        found.drop_existing |= option == "DROP_EXISTING" && on;
        found.pages.padded |= option == "PAD_INDEX" && on;
        match option {
            "FILLFACTOR" => found.pages.fill_factor = fill_factor(cursor)?,
            "DATA_COMPRESSION" => {
                let compression = compression(cursor)?;
                (found.pages.compression, found.compression) = (compression, Some(compression));
            }
            _ => {
                cursor.advance();
            }
        }
        if cursor.at_token(&Token::LParen) {
            cursor.expect_parenthesised()?;
        }
        if cursor.take_word("MINUTES") || cursor.take_words(&["ON", "PARTITIONS"]) {
            // MAX_DURATION = n MINUTES; DATA_COMPRESSION = PAGE ON PARTITIONS (n TO m).
            if cursor.at_token(&Token::LParen) {
                cursor.expect_parenthesised()?;
            }
        }
        if !cursor.take_token(&Token::Comma) {
            break;
        }
    }
    cursor.expect_token(&Token::RParen)?;
    Ok(found)
}

#[derive(Clone, Copy, Debug, Default)]
pub struct IndexOptions {
    pub drop_existing: bool,
    pub ignore_dup_key: bool,
    pub pages: PageOptions,
    /// Where it is said.
    pub compression: Option<u8>,
}

/// # Errors
/// 129: it is no percentage.
fn fill_factor(cursor: &mut Cursor<'_>) -> Parsed<u8> {
    let number = cursor.expect_integer()?;
    u8::try_from(number).ok().filter(|n| (1..=100).contains(n)).ok_or_else(|| {
        let text =
            format!("Fillfactor {number} is not a valid percentage; fillfactor must be between 1 and 100.");
        SqlError::new(129, 15, 1, text)
    })
}

fn compression(cursor: &mut Cursor<'_>) -> Parsed<u8> {
    const NAMES: [&str; 5] = ["NONE", "ROW", "PAGE", "COLUMNSTORE", "COLUMNSTORE_ARCHIVE"];
    let name = cursor.take_any(&NAMES).ok_or_else(|| cursor.syntax_error())?;
    Ok(NAMES.iter().position(|one| *one == name).unwrap_or_default() as u8)
}

const INDEX_OPTIONS: &[&str] = &[
    "ALLOW_PAGE_LOCKS",
    "ALLOW_ROW_LOCKS",
    "BUCKET_COUNT",
    "COMPRESSION_DELAY",
    "COMPRESS_ALL_ROW_GROUPS",
    "DATA_COMPRESSION",
    "DROP_EXISTING",
    "FILLFACTOR",
    "IGNORE_DUP_KEY",
    "LOB_COMPACTION",
    "MAXDOP",
    "MAX_DURATION",
    "ONLINE",
    "OPTIMIZE_FOR_SEQUENTIAL_KEY",
    "PAD_INDEX",
    "RESUMABLE",
    "SORT_IN_TEMPDB",
    "STATISTICS_INCREMENTAL",
    "STATISTICS_NORECOMPUTE",
    "WAIT_AT_LOW_PRIORITY",
    "XML_COMPRESSION",
];

/// What SQL Server has and the sandbox has not.
pub fn unsupported(what: &str) -> SqlError {
    SqlError::new(50000, 16, 1, format!("replica-sandbox does not support {what}."))
}

/// A name without a database part, for objects that live where their statement runs.
pub fn local_name(cursor: &mut Cursor<'_>) -> Parsed<ObjectName> {
    let name = cursor.expect_object_name()?;
    if name.database.is_some() { Err(cursor.syntax_error()) } else { Ok(name) }
}
