//! COLMETADATA: the columns of a result set, or of a bulk load ([MS-TDS] 2.2.7.4).
use std::sync::Arc;

use super::types::TypeInfo;
use super::wire::{self, Malformed, ParseError, Reader, resumable};

/// The token byte.
pub const COLMETADATA: u8 = 0x81;

/// Bits of a column's flags as servers send them (docs/WIRE.md, "Column flags").
pub mod flags {
    /// fNullable.
    pub const NULLABLE: u16 = 0x01;
    /// fCaseSen.
    pub const CASE_SENSITIVE: u16 = 0x02;
    /// usUpdateable, its lower bit: the column can be written.
    pub const UPDATABLE: u16 = 0x08;
    /// fIdentity.
    pub const IDENTITY: u16 = 0x10;
    /// fComputed.
    pub const COMPUTED: u16 = 0x20;
}

/// No more columns than a SELECT list may have (Microsoft docs, "Maximum capacity specifications": 4,096).
const MOST_COLUMNS: u16 = 4096;
/// A column count that says "no metadata" ([MS-TDS] 2.2.7.4, NoMetaData).
const NO_METADATA: u16 = 0xFFFF;
/// TABNAME parts: server, database, schema, table ([MS-TDS] 2.2.7.4).
const MOST_PARTS: u8 = 4;

/// Which way COLMETADATA travels: the table name of text, ntext and image columns differs
/// (docs/WIRE.md, "Bulk load message").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// From a server: a part count, then so many US_VARCHARs.
    Result,
    /// In a bulk load: one US_VARCHAR without a count.
    Bulk,
}

/// One column of COLMETADATA.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireColumn {
    /// Empty for an expression without an alias. Whoever reads rows keeps it for errors.
    pub name: Arc<str>,
    /// 0, or 0x100 sysname, 0x50 timestamp.
    pub user_type: u32,
    /// See [`flags`].
    pub flags: u16,
    /// TYPE_INFO.
    pub type_info: TypeInfo,
    /// The parts of the table name, for text, ntext and image only; a single one in a bulk load.
    pub table: Vec<String>,
}

impl WireColumn {
    /// Whether a value may be NULL.
    pub fn is_nullable(&self) -> bool {
        self.flags & flags::NULLABLE != 0
    }
}

/// Reads COLMETADATA from its token byte on. `Ok(None)`: more bytes are needed.
pub fn parse(bytes: &[u8], form: Form) -> Result<Option<(Vec<WireColumn>, usize)>, Malformed> {
    let mut reader = Reader::new(bytes);
    let columns = reader.u8().and_then(|token| match token {
        COLMETADATA => parse_body(&mut reader, form),
        other => Err(ParseError::malformed(format!("token 0x{other:02X} where column metadata belongs"))),
    });
    Ok(resumable(columns)?.map(|columns| (columns, reader.position())))
}

pub(super) fn parse_body(reader: &mut Reader<'_>, form: Form) -> Result<Vec<WireColumn>, ParseError> {
    match reader.u16()? {
        NO_METADATA => Ok(Vec::new()),
        count if count > MOST_COLUMNS => Err(ParseError::malformed(format!("{count} columns"))),
        count => (0..count).map(|_| column(reader, form)).collect(),
    }
}

fn column(reader: &mut Reader<'_>, form: Form) -> Result<WireColumn, ParseError> {
    let user_type = reader.u32()?;
    let flags = reader.u16()?;
    let type_info = TypeInfo::parse(reader)?;
    let table = match (&type_info, form) {
        (TypeInfo::LongLen { .. }, Form::Result) => match reader.u8()? {
            parts if parts > MOST_PARTS => {
                return Err(ParseError::malformed(format!("a table name of {parts} parts")));
            }
            parts => (0..parts).map(|_| reader.us_varchar()).collect::<Result<_, _>>()?,
        },
        (TypeInfo::LongLen { .. }, Form::Bulk) => vec![reader.us_varchar()?],
        _ => Vec::new(),
    };
    Ok(WireColumn { name: reader.b_varchar()?.into(), user_type, flags, type_info, table })
}

/// Writes COLMETADATA with its token byte. No columns at all are written as "no metadata".
pub fn encode(columns: &[WireColumn], form: Form, out: &mut Vec<u8>) {
    out.push(COLMETADATA);
    let count = if columns.is_empty() { NO_METADATA } else { columns.len() as u16 };
    out.extend_from_slice(&count.to_le_bytes());
    for column in columns {
        out.extend_from_slice(&column.user_type.to_le_bytes());
        out.extend_from_slice(&column.flags.to_le_bytes());
        column.type_info.encode(out);
        if matches!(column.type_info, TypeInfo::LongLen { .. }) {
            match form {
                Form::Result => {
                    out.push(column.table.len() as u8);
                    column.table.iter().for_each(|part| wire::put_us_varchar(part, u16::MAX, out));
                }
                Form::Bulk => wire::put_us_varchar(&column.table.join("."), u16::MAX, out),
            }
        }
        wire::put_b_varchar(&column.name, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tds::captured;
    use crate::tds::types::{CollationBytes, MAX_WIDTH, token};

    fn plain(name: &str, flags: u16, type_info: TypeInfo) -> WireColumn {
        WireColumn { name: name.into(), user_type: 0, flags, type_info, table: Vec::new() }
    }

    #[test]
    fn bulk_columns_as_captured() {
        let payload = captured::payload(captured::LOAD_UNICODE_BINARY);
        let (columns, used) = parse(&payload, Form::Bulk).unwrap().unwrap();
        let sql_latin1 = CollationBytes([0x09, 0x04, 0xD0, 0x00, 0x34]);
        let expected = [
            plain("id", 4, TypeInfo::ByteLen { token: token::INTN, size: 4 }),
            plain("label", 5, TypeInfo::Chars { token: token::NVARCHAR, size: 32, collation: sql_latin1 }),
            plain("payload", 5, TypeInfo::Binary { token: token::BIGVARBINARY, size: 16 }),
        ];
        assert_eq!(columns, expected);
        assert_eq!(payload[used], 0xD1);
        let mut out = Vec::new();
        encode(&columns, Form::Bulk, &mut out);
        assert_eq!(out, payload[..used]);
    }

    #[test]
    fn result_columns_as_captured() {
        let payload = captured::bytes(captured::SELECT_NBCROW_ORDER);
        let (columns, used) = parse(&payload, Form::Result).unwrap().unwrap();
        let bin2 = CollationBytes([0x19, 0x04, 0x00, 0x22, 0x00]);
        let expected = [
            plain("id", 8, TypeInfo::Fixed { token: token::INT4 }),
            plain(
                "value",
                0x0B,
                TypeInfo::Chars { token: token::BIGVARCHAR, size: MAX_WIDTH, collation: bin2 },
            ),
            plain("native_bytes", 0x21, TypeInfo::Binary { token: token::BIGVARBINARY, size: MAX_WIDTH }),
            plain(
                "unicode_value",
                0x23,
                TypeInfo::Chars { token: token::NVARCHAR, size: MAX_WIDTH, collation: bin2 },
            ),
            plain("unicode_units", 0x21, TypeInfo::Binary { token: token::BIGVARBINARY, size: MAX_WIDTH }),
        ];
        assert_eq!(columns, expected);
        assert_eq!(payload[used], 0xA9);
        let mut out = Vec::new();
        encode(&columns, Form::Result, &mut out);
        assert_eq!(out, payload[..used]);
    }

    #[test]
    fn a_table_name_has_parts_in_a_result_and_none_in_a_load() {
        let text = TypeInfo::LongLen { token: token::IMAGE, size: 16, collation: None };
        let mut column = plain("i", 9, text);
        column.table = vec!["dbo".into(), "t".into()];
        let mut out = Vec::new();
        encode(std::slice::from_ref(&column), Form::Result, &mut out);
        assert_eq!(out[14..], *b"\x02\x03\0d\0b\0o\0\x01\0t\0\x01i\0");
        assert_eq!(parse(&out, Form::Result).unwrap().unwrap().0, [column.clone()]);

        column.table = vec!["dbo.t".into()];
        out.clear();
        encode(std::slice::from_ref(&column), Form::Bulk, &mut out);
        assert_eq!(out[14..], *b"\x05\0d\0b\0o\0.\0t\0\x01i\0");
        assert_eq!(parse(&out, Form::Bulk).unwrap().unwrap().0, [column]);
    }

    #[test]
    fn hostile_counts_are_refused_at_once() {
        assert!(parse(&[0x81, 0x01, 0x10], Form::Result).is_err());
        assert!(parse(&[0xD1], Form::Bulk).is_err());
        assert_eq!(parse(&[0x81, 0xFF, 0xFF], Form::Result), Ok(Some((Vec::new(), 3))));
    }
}
