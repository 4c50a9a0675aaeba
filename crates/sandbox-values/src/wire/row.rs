//! Rows of a result set.
use super::{Client, payload, type_info, variant};
use crate::collation::utf16le;
use crate::types::{CollationId, SqlType, Value};
use replica_core::tds::types::{MAX_WIDTH, TypeInfo, token};

const ROW: u8 = 0xD1;
const NBCROW: u8 = 0xD2;
const PLP_NULL: u64 = u64::MAX;
const PLP_UNKNOWN: u64 = u64::MAX - 1;

/// How (max) values go out. A server may do either ([MS-TDS] 2.2.5.2.3); captured ones tell the length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plp {
    /// The length first, then one chunk.
    Known,
    /// Length unknown, chunks of at most so many bytes.
    Unknown { chunk: usize },
}

/// Writes ROW and NBCROW tokens of one result set.
#[derive(Clone, Debug)]
pub struct RowWriter {
    columns: Vec<RowColumn>,
    plp: Plp,
    nbcrow: bool,
}

#[derive(Clone, Debug)]
struct RowColumn {
    sql_type: SqlType,
    info: TypeInfo,
    /// A UTF-8 column for a client that wants UTF-16.
    transcode: Option<CollationId>,
    shape: ValueForm,
    nullable: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ValueForm {
    Fixed,
    ByteLen,
    ShortLen,
    Plp,
    Pointer,
    LongLen,
}

impl ValueForm {
    fn of(info: &TypeInfo) -> ValueForm {
        match info {
            TypeInfo::Fixed { .. } => ValueForm::Fixed,
            TypeInfo::ByteLen { .. }
            | TypeInfo::Decimal { .. }
            | TypeInfo::Date
            | TypeInfo::Scaled { .. } => ValueForm::ByteLen,
            TypeInfo::Binary { size: MAX_WIDTH, .. } | TypeInfo::Chars { size: MAX_WIDTH, .. } => {
                ValueForm::Plp
            }
            TypeInfo::Binary { .. } | TypeInfo::Chars { .. } => ValueForm::ShortLen,
            TypeInfo::Xml { .. } | TypeInfo::Udt { .. } => ValueForm::Plp,
            TypeInfo::LongLen { .. } => ValueForm::Pointer,
            TypeInfo::Variant { .. } => ValueForm::LongLen,
        }
    }

    /// What a NULL costs in a ROW.
    fn null(self) -> &'static [u8] {
        match self {
            ValueForm::Fixed => &[],
            ValueForm::ByteLen | ValueForm::Pointer => &[0],
            ValueForm::ShortLen => &[0xFF; 2],
            ValueForm::Plp => &[0xFF; 8],
            ValueForm::LongLen => &[0; 4],
        }
    }
}

/// A NULL in a column whose TYPE_INFO has no way to say it; the ordinal counts from 1. A fault of the engine,
/// not of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("column {ordinal} of the result is NULL but was described as NOT NULL")]
pub struct UnexpectedNull {
    pub ordinal: usize,
}

impl RowWriter {
    /// `columns`: type and nullability of each.
    pub fn new<'a>(
        columns: impl IntoIterator<Item = (&'a SqlType, bool)>,
        client: Client,
        plp: Plp,
    ) -> RowWriter {
        let columns = columns
            .into_iter()
            .map(|(sql_type, nullable)| {
                let info = type_info(sql_type, nullable, client);
                let wide = matches!(info, TypeInfo::Chars { token: token::NCHAR | token::NVARCHAR, .. });
                let transcode = match sql_type {
                    SqlType::Char(_, id) | SqlType::VarChar(_, id) if wide => Some(*id),
                    _ => None,
                };
                RowColumn {
                    sql_type: sql_type.clone(),
                    transcode,
                    shape: ValueForm::of(&info),
                    info,
                    nullable,
                }
            })
            .collect();
        RowWriter { columns, plp, nbcrow: client.nbcrow }
    }

    /// The TYPE_INFO of each column, for COLMETADATA.
    pub fn type_infos(&self) -> impl Iterator<Item = &TypeInfo> {
        self.columns.iter().map(|column| &column.info)
    }

    /// Appends one row: an NBCROW where its bitmap is shorter than the NULLs it replaces, else a ROW.
    ///
    /// # Errors
    /// [`UnexpectedNull`]; `out` is then as it was.
    pub fn write(&self, values: &[Value], out: &mut Vec<u8>) -> Result<(), UnexpectedNull> {
        let start = out.len();
        let bitmap_len = self.columns.len().div_ceil(8);
        let nulls =
            || self.columns.iter().zip(values).enumerate().filter(|(_, (_, value))| **value == Value::Null);
        let saved: usize = nulls().map(|(_, (column, _))| column.shape.null().len()).sum();
        let compact = self.nbcrow && saved > bitmap_len;
        if compact {
            out.push(NBCROW);
            let bitmap = out.len();
            out.resize(bitmap + bitmap_len, 0);
            for (index, _) in nulls() {
                out[bitmap + index / 8] |= 1 << (index % 8);
            }
        } else {
            out.push(ROW);
        }
        for (index, (column, value)) in self.columns.iter().zip(values).enumerate() {
            if *value != Value::Null {
                self.put_value(column, value, out);
            } else if !column.nullable && column.shape == ValueForm::Fixed {
                out.truncate(start);
                return Err(UnexpectedNull { ordinal: index + 1 });
            } else if !compact {
                out.extend_from_slice(column.shape.null());
            }
        }
        Ok(())
    }

    fn put_value(&self, column: &RowColumn, value: &Value, out: &mut Vec<u8>) {
        let transcoded = match (column.transcode, value) {
            (Some(id), Value::Bytes(bytes)) => Some(Value::Bytes(utf16le(&id.get().decode(bytes)))),
            _ => None,
        };
        put_value(column, transcoded.as_ref().unwrap_or(value), self.plp, out);
    }
}

fn put_value(column: &RowColumn, value: &Value, plp: Plp, out: &mut Vec<u8>) {
    match (column.shape, value) {
        (ValueForm::Fixed, _) => payload::put(out, &column.sql_type, value),
        (ValueForm::ByteLen, _) => {
            let start = out.len();
            out.push(0);
            payload::put(out, &column.sql_type, value);
            out[start] = (out.len() - start - 1) as u8;
        }
        (ValueForm::ShortLen, _) => {
            let start = out.len();
            out.extend_from_slice(&[0; 2]);
            payload::put(out, &column.sql_type, value);
            let len = (out.len() - start - 2) as u16;
            out[start..start + 2].copy_from_slice(&len.to_le_bytes());
        }
        (ValueForm::LongLen, Value::Variant(inner)) => {
            let start = out.len();
            out.extend_from_slice(&[0; 4]);
            variant::put_body(out, &inner.0, &inner.1);
            let len = (out.len() - start - 4) as u32;
            out[start..start + 4].copy_from_slice(&len.to_le_bytes());
        }
        (ValueForm::Plp, Value::Bytes(bytes)) => put_plp(bytes, plp, out),
        (ValueForm::Pointer, Value::Bytes(bytes)) => put_pointed(bytes, out),
        // Values come typed from the engine: any other pair cannot be.
        (ValueForm::LongLen | ValueForm::Plp | ValueForm::Pointer, _) => {
            out.extend_from_slice(column.shape.null())
        }
    }
}

fn put_plp(bytes: &[u8], plp: Plp, out: &mut Vec<u8>) {
    let (length, chunk) = match plp {
        Plp::Known => (bytes.len() as u64, u32::MAX as usize),
        Plp::Unknown { chunk } => (PLP_UNKNOWN, chunk.max(1)),
    };
    debug_assert_ne!(length, PLP_NULL);
    out.extend_from_slice(&length.to_le_bytes());
    for chunk in bytes.chunks(chunk) {
        out.extend_from_slice(&(chunk.len() as u32).to_le_bytes());
        out.extend_from_slice(chunk);
    }
    out.extend_from_slice(&[0; 4]);
}

/// text, ntext, image: a 16-byte pointer, an 8-byte timestamp, a LONG length. What pointer and timestamp hold
/// is the server's affair; clients skip them.
fn put_pointed(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(16);
    out.extend_from_slice(b"dummy textptr\0\0\0");
    out.extend_from_slice(b"dummyTS\0");
    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
    out.extend_from_slice(bytes);
}
