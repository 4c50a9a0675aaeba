//! Rows of a bulk load ([MS-TDS] 2.2.6.1), as strict as docs/SERVER.md, "Errors of a bulk load", says.
use super::read::{ReadError, read_value};
use super::sql_type;
use crate::error::SqlError;
use crate::types::{CollationId, Len, SqlType, Value};
use replica_core::tds::types::{MAX_WIDTH, TypeInfo, token};
use std::io::{self, Read};

const ROW: u8 = 0xD1;
const DONE: u8 = 0xFD;

/// Why a load ends.
#[derive(Debug, thiserror::Error)]
pub enum BulkError {
    /// SQL Server's answer to such a load; the rest of the message is to be drained.
    #[error(transparent)]
    Refused(#[from] SqlError),
    /// The source failed for a reason of its own.
    #[error(transparent)]
    Io(io::Error),
}

/// Reads the rows of one load, each value in its column's declared type.
#[derive(Clone, Debug)]
pub struct BulkRowReader {
    columns: Vec<BulkColumnInfo>,
}

/// A column of INSERT BULK: its name, what the COLMETADATA of the load says, what the statement declared.
#[derive(Clone, Debug)]
pub struct BulkColumnInfo {
    pub name: String,
    pub info: TypeInfo,
    pub declared: SqlType,
}

impl BulkRowReader {
    /// # Errors
    /// 4816 where a column's wire type and its declaration are not of one kind (state 1), or their widths differ
    /// (state 2). Captures disagree on widths (docs/SERVER.md, "Text in bulk loads"), so the stricter is followed; a
    /// bounded declaration with a (max) wire type is accepted.
    pub fn new(columns: impl IntoIterator<Item = BulkColumnInfo>) -> Result<Self, SqlError> {
        let columns: Vec<_> = columns.into_iter().collect();
        for (index, column) in columns.iter().enumerate() {
            if !same_kind(&column.info, &column.declared) {
                return Err(invalid_column_type(index, 1));
            }
            if wire_width(&column.info).is_some_and(|width| Some(width) != declared_width(&column.declared)) {
                return Err(invalid_column_type(index, 2));
            }
        }
        Ok(Self { columns })
    }

    /// Reads a token: true and the row's values, or false at the DONE token, of which nothing more is read.
    ///
    /// # Errors
    /// 4804 state 1 for bytes that are no row (NBCROW among them), 4815 for a value wider than declared, 7339 for
    /// a value that its type cannot hold.
    pub fn next(&self, input: &mut impl Read, row: &mut Vec<Value>) -> Result<bool, BulkError> {
        row.clear();
        let mut token = [0];
        input.read_exact(&mut token).map_err(io_error)?;
        match token {
            [ROW] => {}
            [DONE] => return Ok(false),
            _ => return Err(premature_end().into()),
        }
        for (index, column) in self.columns.iter().enumerate() {
            let value = read_value(input, &column.info).map_err(|error| match error {
                ReadError::Io(error) => io_error(error),
                ReadError::Malformed => premature_end().into(),
                ReadError::Invalid => invalid_data(&column.name).into(),
            })?;
            row.push(fit_declaration(value, &column.declared, index)?);
        }
        Ok(true)
    }
}

fn io_error(error: io::Error) -> BulkError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => premature_end().into(),
        _ => BulkError::Io(error),
    }
}

/// Capacity is checked against the declaration; char and nchar are padded to
/// it, binary must fill it (docs/SERVER.md, "Text in bulk loads").
fn fit_declaration(value: Value, declared: &SqlType, index: usize) -> Result<Value, SqlError> {
    let Value::Bytes(mut bytes) = value else { return Ok(value) };
    let width = declared_width(declared).unwrap_or(usize::MAX);
    if bytes.len() > width {
        return Err(SqlError::new(
            4815,
            17,
            1,
            format!("Received an invalid column length from the bcp client for colid {}.", index + 1),
        ));
    }
    match declared {
        SqlType::Binary(_) | SqlType::RowVersion if bytes.len() < width => return Err(premature_end()),
        SqlType::Char(..) => bytes.resize(width, b' '),
        SqlType::NChar(..) => {
            while bytes.len() < width {
                bytes.extend_from_slice(&[b' ', 0]);
            }
        }
        _ => {}
    }
    Ok(Value::Bytes(bytes))
}

/// Whether a declaration may come as this wire type: the same kind, width, precision and scale. That the
/// latter two must agree is unconfirmed; drivers keep them equal.
fn same_kind(info: &TypeInfo, declared: &SqlType) -> bool {
    let chars = |tokens: [u8; 2]| matches!(info, TypeInfo::Chars { token, .. } if tokens.contains(token));
    let binary = matches!(info, TypeInfo::Binary { .. });
    let long = |wanted: u8| matches!(info, TypeInfo::LongLen { token, .. } if *token == wanted);
    let narrow = chars([token::BIGCHAR, token::BIGVARCHAR]);
    let wide = chars([token::NCHAR, token::NVARCHAR]);
    match declared {
        SqlType::Char(..) | SqlType::VarChar(..) => narrow,
        SqlType::NChar(..) | SqlType::NVarChar(..) => wide,
        SqlType::Text(_) => narrow || long(token::TEXT),
        SqlType::NText(_) => wide || long(token::NTEXT),
        SqlType::Image => binary || long(token::IMAGE),
        SqlType::Binary(_) | SqlType::VarBinary(_) | SqlType::RowVersion => binary,
        // XMLTYPE is an error in a bulk load; drivers send nvarchar(max) under the declaration xml.
        SqlType::Xml => wide,
        SqlType::HierarchyId | SqlType::Geography | SqlType::Geometry => binary,
        SqlType::Decimal { precision, scale, .. } => {
            matches!(info, TypeInfo::Decimal { precision: p, scale: s, .. } if p == precision && s == scale)
        }
        _ => sql_type(info, CollationId::SERVER_DEFAULT).as_ref() == Some(declared),
    }
}

/// Bytes that a bounded wire type says; `None` for (max) and other shapes.
fn wire_width(info: &TypeInfo) -> Option<usize> {
    match *info {
        TypeInfo::Binary { size, .. } | TypeInfo::Chars { size, .. } if size != MAX_WIDTH => {
            Some(size.into())
        }
        _ => None,
    }
}

/// Bytes that a bounded declaration takes; `None` for (max) and the types that have no width.
fn declared_width(declared: &SqlType) -> Option<usize> {
    match *declared {
        SqlType::Char(n, _) | SqlType::VarChar(Len::N(n), _) => Some(n.into()),
        SqlType::NChar(n, _) | SqlType::NVarChar(Len::N(n), _) => Some(2 * usize::from(n)),
        SqlType::Binary(n) | SqlType::VarBinary(Len::N(n)) => Some(n.into()),
        SqlType::RowVersion => Some(8),
        _ => None,
    }
}

fn invalid_column_type(index: usize, state: u8) -> SqlError {
    SqlError::new(4816, 16, state, format!("Invalid column type from bcp client for colid {}.", index + 1))
}

/// 4804 as captured (docs/WIRE.md, "Captured packets"), with the class and state of wrong row bytes.
fn premature_end() -> SqlError {
    SqlError::new(
        4804,
        17,
        1,
        "While reading current row from host, a premature end-of-message was encountered--an incoming data stream \
         was interrupted when the server expected to see more data. The host program may have terminated. Ensure \
         that you are using a supported client application programming interface (API).",
    )
}

/// Captured for truncated UTF-8 (7339 16/1); that a decimal, date or float out of range gets the same number is
/// unconfirmed.
fn invalid_data(column: &str) -> SqlError {
    SqlError::new(
        7339,
        16,
        1,
        format!(
            "OLE DB provider 'STREAM' for linked server '(null)' returned invalid data for column '[!BulkInsert].{column}'."
        ),
    )
}
