//! Storing a value in a column: implicit conversion, then what does not fit is an error, not a cut
//! (docs/SERVER.md, "Text in bulk loads").
use super::text::{self, TextShape};
use super::{ConvertMode, cast};
use crate::collation::Charset;
use crate::error::SqlError;
use crate::types::{Len, SqlType, Value};

/// Why a value cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// Longer than the column; what of it would fit.
    Truncated { shown: String },
    /// Bytes that no UTF-8 text has.
    BadUtf8,
    /// The last character's bytes are missing.
    CutUtf8 { large: bool },
    /// The conversion failed.
    Failed(SqlError),
}

/// Where a value was to go, for messages.
#[derive(Clone, Copy, Debug)]
pub struct ColumnPlace<'a> {
    pub database: &'a str,
    /// `schema.table`.
    pub table: &'a str,
    pub column: &'a str,
    /// The column's id.
    pub colid: i32,
}

impl Misfit {
    /// The error that SQL Server reports: 2628, or 8152 where `verbose_truncation` is off; 9833, 7339 or 4896 for
    /// UTF-8.
    pub fn into_error(self, place: ColumnPlace<'_>, verbose_truncation: bool) -> SqlError {
        let ColumnPlace { database, table, column, colid } = place;
        match self {
            Misfit::Truncated { shown } if verbose_truncation => SqlError::new(
                2628,
                16,
                1,
                format!(
                    "String or binary data would be truncated in table '{database}.{table}', column '{column}'. Truncated value: '{shown}'."
                ),
            ),
            Misfit::Truncated { .. } => {
                SqlError::new(8152, 16, 30, "String or binary data would be truncated.")
            }
            Misfit::BadUtf8 => SqlError::new(9833, 16, 2, "Invalid data for UTF8-encoded characters"),
            Misfit::CutUtf8 { large: false } => SqlError::new(
                7339,
                16,
                1,
                format!(
                    "OLE DB provider 'STREAM' for linked server '(null)' returned invalid data for column '[!BulkInsert].{column}'."
                ),
            ),
            Misfit::CutUtf8 { large: true } => {
                SqlError::new(4896, 16, 1, format!("Invalid column value from bcp client for colid {colid}."))
            }
            Misfit::Failed(error) => error,
        }
    }
}

/// The value as a column of type `to` keeps it. `from` is the type it has: the expression's, or the one a bulk
/// load declared.
///
/// # Errors
/// [`Misfit`].
pub fn fit(value: &Value, from: &SqlType, to: &SqlType) -> Result<Value, Misfit> {
    let bytes = match value {
        Value::Null => return Ok(Value::Null),
        Value::Bytes(bytes) => bytes,
        _ => return cast(value, from, to, None, ConvertMode::Implicit).map_err(Misfit::Failed),
    };
    match TextShape::of(to) {
        Some(shape) if from.is_character() => fit_text(bytes, from, to, &shape),
        None if from.is_binary() && to.is_binary() => fit_binary(bytes, to),
        _ => {
            if let Some(shape) = TextShape::of(from) {
                check_utf8(bytes, &shape, to.is_large())?;
            }
            cast(value, from, to, None, ConvertMode::Implicit).map_err(Misfit::Failed)
        }
    }
}

fn fit_text(bytes: &[u8], from: &SqlType, to: &SqlType, shape: &TextShape) -> Result<Value, Misfit> {
    let Some(source) = TextShape::of(from) else { return Err(Misfit::Truncated { shown: String::new() }) };
    check_utf8(bytes, &source, to.is_large())?;
    let same = source.charset == shape.charset
        && (source.charset == Charset::Utf16
            || source.collation.get().code_page == shape.collation.get().code_page);
    // Between code pages the source's bytes are held against the width as well.
    if let Some(width) = shape.width
        && source.charset == Charset::CodePage
        && shape.charset == Charset::CodePage
        && without_trailing_blanks(bytes, source.charset).len() > width
    {
        return Err(truncated(bytes, from, shape));
    }
    let mut stored = if same { bytes.to_vec() } else { shape.encode(&text::units(bytes, from)) };
    if let Some(width) = shape.width
        && without_trailing_blanks(&stored, shape.charset).len() > width
    {
        // One code page to UTF-8, too long only after conversion: whole characters at the end are lost in silence.
        let vanishes = source.charset == Charset::CodePage && shape.collation.get().utf8 && !same;
        if !vanishes {
            return Err(truncated(bytes, from, shape));
        }
    }
    shape.cut(&mut stored);
    shape.pad(&mut stored);
    Ok(Value::Bytes(stored))
}

fn truncated(bytes: &[u8], from: &SqlType, shape: &TextShape) -> Misfit {
    let mut stored = shape.encode(&text::units(bytes, from));
    shape.cut(&mut stored);
    let units = match shape.charset {
        Charset::CodePage => shape.collation.get().decode(&stored),
        Charset::Utf16 => crate::collation::units_from_utf16le(&stored),
    };
    Misfit::Truncated { shown: String::from_utf16_lossy(&units) }
}

fn without_trailing_blanks(bytes: &[u8], charset: Charset) -> &[u8] {
    let mut rest = bytes;
    match charset {
        Charset::CodePage => {
            while let Some(shorter) = rest.strip_suffix(b" ") {
                rest = shorter;
            }
        }
        Charset::Utf16 => {
            while let Some(shorter) = rest.strip_suffix(&[b' ', 0]) {
                rest = shorter;
            }
        }
    }
    rest
}

/// A lead byte decides how many bytes follow; that these are continuation bytes is not checked: c3 28 and
/// ed a0 80 were accepted as sent (docs/SERVER.md, "Errors of a bulk load").
fn check_utf8(bytes: &[u8], shape: &TextShape, large: bool) -> Result<(), Misfit> {
    let collation = shape.collation.get();
    if shape.charset != Charset::CodePage || !collation.utf8 || bytes.is_ascii() {
        return Ok(());
    }
    let mut rest = bytes;
    while let Some(&lead) = rest.first() {
        let len = match lead {
            0x00..=0x7F => 1,
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ => return Err(Misfit::BadUtf8),
        };
        rest = rest.get(len..).ok_or(Misfit::CutUtf8 { large })?;
    }
    Ok(())
}

fn fit_binary(bytes: &[u8], to: &SqlType) -> Result<Value, Misfit> {
    let (width, fixed) = match *to {
        SqlType::Binary(n) => (usize::from(n), true),
        SqlType::VarBinary(Len::N(n)) => (usize::from(n), false),
        SqlType::RowVersion => (8, true),
        _ => (usize::MAX, false),
    };
    if bytes.len() > width {
        // What a truncated binary shows is unconfirmed; loads were seen to show garbage.
        return Err(Misfit::Truncated { shown: String::new() });
    }
    let mut stored = bytes.to_vec();
    if fixed {
        stored.resize(width, 0);
    }
    Ok(Value::Bytes(stored))
}
