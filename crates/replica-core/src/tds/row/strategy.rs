//! What to do with each column, decided once.
use crate::tds::columns::Column;
use crate::tds::types::{MAX_WIDTH, TypeInfo, fixed_size};
use crate::tds::wire::Malformed;
use std::ops::Range;

/// How a column's values lie in a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// So many bytes and nothing else, or a length byte and the value. A bulk load always has the length byte.
    Narrow,
    /// A USHORT length, 0xFFFF for NULL, and the value.
    Wide,
    Plp,
    /// text, ntext, image: pointer, timestamp, then like `Counted`.
    Pointed,
    /// sql_variant: a LONG length, 0 for NULL, then the data.
    Counted,
    /// A narrow decimal that is to be written at its full length.
    Padded,
}

/// The longest decimal: a sign and 16 bytes ([MS-TDS] 2.2.5.5.1.6).
pub const WIDEST_DECIMAL: u8 = 17;

/// The numbers that make narrow columns, or wide ones, differ among themselves: with them in a table, all are copied
/// by the same instructions.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// What of a value's first byte is its length: all of it or, in a fixed type, nothing.
    pub mask: u8,
    /// The length that values other than NULL have, as a rule; 0 in a fixed type.
    pub length: u8,
    /// Bytes of such a value, with its length.
    pub usual: u8,
    /// A length is to be put before the value, of a fixed type.
    pub has_lead: bool,
    /// That length; 0 in other types.
    pub size: u8,
    /// The longest length allowed.
    pub most: u16,
    /// What a bulk load has for a NULL: the first `null_length` of these.
    pub null: [u8; 8],
    pub null_length: u8,
}

/// All columns of a result set.
#[derive(Debug)]
pub struct Strategy {
    pub cells: Box<[Cell]>,
    forms: Box<[Form]>,
    /// For each column, the end of the columns of the same form that it is among.
    ends: Box<[usize]>,
}

impl Strategy {
    pub fn new(columns: &[Column]) -> Result<Self, Malformed> {
        let forms: Box<[Form]> = columns.iter().map(|column| form(&column.type_info)).collect();
        let cells = columns.iter().map(|column| cell(&column.type_info)).collect::<Result<_, _>>()?;
        let ends = ends(&forms);
        Ok(Self { cells, forms, ends })
    }

    /// Writes the decimals among `columns` at their full length from now on.
    pub fn pad_decimals(&mut self, columns: &[Column]) {
        for (form, column) in self.forms.iter_mut().zip(columns) {
            if matches!(column.type_info, TypeInfo::Decimal { .. }) {
                *form = Form::Padded;
            }
        }
        self.ends = ends(&self.forms);
    }

    /// The columns from this one on that have the same form; `None` after the last.
    #[inline]
    pub fn group(&self, column: usize) -> Option<(Form, Range<usize>)> {
        Some((*self.forms.get(column)?, column..*self.ends.get(column)?))
    }
}

fn ends(forms: &[Form]) -> Box<[usize]> {
    let mut ends: Box<[usize]> = (1..=forms.len()).collect();
    for column in (1..forms.len()).rev() {
        if forms[column - 1] == forms[column] {
            ends[column - 1] = ends[column];
        }
    }
    ends
}

fn form(type_info: &TypeInfo) -> Form {
    match type_info {
        TypeInfo::LongLen { .. } => Form::Pointed,
        TypeInfo::Variant { .. } => Form::Counted,
        type_info if type_info.is_plp() => Form::Plp,
        TypeInfo::Binary { .. } | TypeInfo::Chars { .. } => Form::Wide,
        _ => Form::Narrow,
    }
}

fn cell(type_info: &TypeInfo) -> Result<Cell, Malformed> {
    let null = |byte, null_length| Cell {
        mask: 0xFF,
        length: 0,
        usual: 0,
        has_lead: false,
        size: 0,
        most: 0,
        null: [byte; 8],
        null_length,
    };
    let narrow = |length: u8, most: u8| Cell { length, usual: 1 + length, most: most.into(), ..null(0, 1) };
    Ok(match type_info {
        TypeInfo::Fixed { token } => {
            let size = fixed_size(*token);
            let size = size.ok_or_else(|| Malformed::new(format!("type 0x{token:02X} has no fixed size")))?;
            Cell { mask: 0, usual: size, has_lead: true, size, most: size.into(), ..null(0, 1) }
        }
        TypeInfo::ByteLen { size, .. } => narrow(*size, *size),
        TypeInfo::Decimal { precision, .. } => narrow(decimal(*precision), WIDEST_DECIMAL),
        TypeInfo::Date => narrow(3, 3),
        TypeInfo::Scaled { token, scale } => narrow(scaled(*token, *scale), 10),
        TypeInfo::Binary { size: MAX_WIDTH, .. } | TypeInfo::Chars { size: MAX_WIDTH, .. } => null(0xFF, 8),
        TypeInfo::Binary { size, .. } | TypeInfo::Chars { size, .. } => Cell { most: *size, ..null(0xFF, 2) },
        TypeInfo::Xml { .. } | TypeInfo::Udt { .. } => null(0xFF, 8),
        TypeInfo::LongLen { .. } => null(0, 1),
        TypeInfo::Variant { .. } => null(0, 4),
    })
}

/// Bytes of a decimal, sign included ([MS-TDS] 2.2.5.5.1.6).
fn decimal(precision: u8) -> u8 {
    match precision {
        0..=9 => 5,
        10..=19 => 9,
        20..=28 => 13,
        _ => WIDEST_DECIMAL,
    }
}

/// Bytes of a time, with date and offset where the type has them ([MS-TDS] 2.2.5.5.1.8).
fn scaled(token: u8, scale: u8) -> u8 {
    use crate::tds::types::token::{DATETIME2N, DATETIMEOFFSETN};
    let time = match scale {
        0..=2 => 3,
        3..=4 => 4,
        _ => 5,
    };
    match token {
        DATETIME2N => time + 3,
        DATETIMEOFFSETN => time + 5,
        _ => time,
    }
}
