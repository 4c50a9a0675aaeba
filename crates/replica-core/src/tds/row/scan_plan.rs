//! What the scanner does with each column, decided once.
use super::nulls::Nulls;
use super::steady::{SteadyColumn, SteadyRun};
use crate::tds::columns::WireColumn;
use crate::tds::token::kind::ROW;
use crate::tds::types::{MAX_WIDTH, TypeInfo, ValueLayout, fixed_size};
use crate::tds::wire::Malformed;
use std::ops::Range;

/// What the scanner does with the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ColumnRule {
    /// It copies them. A value of a fixed-length type gets a length byte.
    Copy(ValueLayout),
    /// It writes decimals at their full length.
    PadDecimal,
}

/// The longest decimal: a sign and 16 bytes ([MS-TDS] 2.2.5.5.1.6).
pub(super) const WIDEST_DECIMAL: u8 = 17;

/// How a BYTELEN or fixed-length value is copied, in numbers: columns differ in them, and so do values and NULLs. With the
/// numbers in a table the same instructions copy all of them.
#[derive(Clone, Copy, Debug, Default)]
#[repr(align(8))]
pub(super) struct ByteLenCopy {
    /// What of the first byte is the value's length: nothing in a fixed type and of a NULL.
    pub mask: u8,
    /// The usual length.
    pub length: u8,
    /// Bytes in the input of a value of that length, with its length.
    pub used: u8,
    /// Bytes that a bulk load has before these: the length of a fixed-length value, or the 0 of a NULL.
    pub prefix: u8,
    /// The first of these bytes.
    pub head: u8,
}

/// What copying a column's values needs to know of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct ScanColumn {
    /// A bulk load has a length before the value, and the result has none: a fixed-length type.
    pub adds_length: bool,
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
pub(super) struct ScanPlan {
    pub columns: Box<[ScanColumn]>,
    /// For each column with the layout ByteLen: how a value is copied, and how a NULL.
    pub byte_len_copies: Box<[[ByteLenCopy; 2]]>,
    rules: Box<[ColumnRule]>,
    /// For each column, the end of the neighbouring columns that have the same rule.
    ends: Box<[usize]>,
    /// The first `unhashed` columns are not hashed, and are in no group with those that are.
    unhashed: usize,
    steady_columns: Box<[Option<SteadyColumn>]>,
    /// For each column the run that it begins, once [`find_runs`](Self::find_runs) has been called.
    runs: Box<[Option<SteadyRun>]>,
    /// Rows with their token, where all of their columns are one run.
    pub rows: Option<SteadyRun>,
}

/// Fewer columns gain little by being a run, and each run is tried in vain where values are NULL.
const LEAST_RUN: usize = 6;

impl ScanPlan {
    pub(super) fn new(columns: &[WireColumn]) -> Result<Self, Malformed> {
        let rules: Box<[ColumnRule]> =
            columns.iter().map(|column| ColumnRule::Copy(column.type_info.layout())).collect();
        let scan_columns =
            columns.iter().map(|column| scan_column(&column.type_info)).collect::<Result<_, _>>()?;
        let byte_len_copies: Box<[_]> =
            columns.iter().map(|column| byte_len_copies(&column.type_info)).collect();
        let steady = columns.iter().zip(&byte_len_copies);
        let steady = steady.map(|(column, [value, _])| SteadyColumn::of(&column.type_info, value.length));
        Ok(Self {
            columns: scan_columns,
            ends: ends(&rules, |_| false),
            unhashed: 0,
            steady_columns: steady.collect(),
            byte_len_copies,
            rules,
            runs: Box::default(),
            rows: None,
        })
    }

    pub(super) fn set_unhashed_columns(&mut self, columns: usize) {
        self.unhashed = columns;
        self.ends = ends(&self.rules, |column| column == columns);
    }

    /// Writes the decimals among `columns` at their full length from now on.
    pub(super) fn pad_decimals(&mut self, columns: &[WireColumn]) {
        for (rule, column) in self.rules.iter_mut().zip(columns) {
            if matches!(column.type_info, TypeInfo::Decimal { .. }) {
                *rule = ColumnRule::PadDecimal;
            }
        }
        self.ends = ends(&self.rules, |column| column == self.unhashed);
    }

    /// Looks for columns that can be copied together. That is worth its time where there are many rows.
    pub(super) fn find_runs(&mut self) {
        let count = self.rules.len();
        if self.runs.len() == count {
            return;
        }
        let mut runs: Box<[Option<SteadyRun>]> = self.rules.iter().map(|_| None).collect();
        let mut is_start = vec![false; count + 1];
        let mut column = 0;
        while column < count {
            let run = self.run_from(column);
            let after = column + run.len().max(1);
            if run.len() == count && self.unhashed == 0 {
                self.rows = Some(SteadyRun::new(Some(ROW), &run));
            }
            if run.len() >= LEAST_RUN {
                runs[column] = Some(SteadyRun::new(None, &run));
                is_start[column] = true;
                is_start[after] = true;
            }
            column = after;
        }
        self.runs = runs;
        self.ends = ends(&self.rules, |column| column == self.unhashed || is_start[column]);
    }

    fn run_from(&self, column: usize) -> Vec<SteadyColumn> {
        let limit = if column < self.unhashed { self.unhashed } else { self.rules.len() };
        let limit = limit.min(column + Nulls::AT_ONCE);
        let columns = self.steady_columns[column..limit].iter().zip(&self.rules[column..limit]);
        let is_copied = |rule: &ColumnRule| matches!(rule, ColumnRule::Copy(_));
        columns.map_while(|(steady, rule)| steady.filter(|_| is_copied(rule))).collect()
    }

    /// The run that begins with this column.
    #[inline]
    pub(super) fn run(&self, column: usize) -> Option<&SteadyRun> {
        self.runs.get(column)?.as_ref()
    }

    /// The columns from this one on that have the same rule; `None` after the last.
    #[inline]
    pub(super) fn group(&self, column: usize) -> Option<(ColumnRule, Range<usize>)> {
        Some((*self.rules.get(column)?, column..*self.ends.get(column)?))
    }
}

/// `is_start`: a group begins with the column, whatever comes before it.
fn ends(rules: &[ColumnRule], is_start: impl Fn(usize) -> bool) -> Box<[usize]> {
    let mut ends: Box<[usize]> = (1..=rules.len()).collect();
    for column in (1..rules.len()).rev() {
        if rules[column - 1] == rules[column] && !is_start(column) {
            ends[column - 1] = ends[column];
        }
    }
    ends
}

fn scan_column(type_info: &TypeInfo) -> Result<ScanColumn, Malformed> {
    let nullable = |byte, null_length, most: u16| ScanColumn {
        adds_length: false,
        size: 0,
        most,
        null: [byte; 8],
        null_length,
    };
    Ok(match type_info {
        TypeInfo::Fixed { token } => {
            let size = fixed_size(*token);
            let size = size.ok_or_else(|| Malformed::new(format!("type 0x{token:02X} has no fixed size")))?;
            ScanColumn { adds_length: true, size, ..nullable(0, 1, size.into()) }
        }
        TypeInfo::ByteLen { size, .. } => nullable(0, 1, (*size).into()),
        TypeInfo::Decimal { .. } => nullable(0, 1, WIDEST_DECIMAL.into()),
        TypeInfo::Date => nullable(0, 1, 3),
        TypeInfo::Scaled { .. } => nullable(0, 1, 10),
        TypeInfo::Binary { size: MAX_WIDTH, .. } | TypeInfo::Chars { size: MAX_WIDTH, .. } => {
            nullable(0xFF, 8, 0)
        }
        TypeInfo::Binary { size, .. } | TypeInfo::Chars { size, .. } => nullable(0xFF, 2, *size),
        TypeInfo::Xml { .. } | TypeInfo::Udt { .. } => nullable(0xFF, 8, 0),
        TypeInfo::LongLen { .. } => nullable(0, 1, 0),
        TypeInfo::Variant { .. } => nullable(0, 4, 0),
    })
}

/// For a value and for a NULL. Other layouts than ByteLen need none.
fn byte_len_copies(type_info: &TypeInfo) -> [ByteLenCopy; 2] {
    let null = ByteLenCopy { prefix: 1, ..ByteLenCopy::default() };
    let byte_len = |length: u8| {
        let length = length.min(WIDEST_DECIMAL);
        ByteLenCopy { mask: 0xFF, length, used: 1 + length, ..ByteLenCopy::default() }
    };
    let value = match type_info {
        TypeInfo::Fixed { token } => {
            let size = fixed_size(*token).unwrap_or_default();
            ByteLenCopy { used: size, prefix: 1, head: size, ..ByteLenCopy::default() }
        }
        TypeInfo::ByteLen { size, .. } => byte_len(*size),
        TypeInfo::Decimal { precision, .. } => byte_len(decimal(*precision)),
        TypeInfo::Date => byte_len(3),
        TypeInfo::Scaled { token, scale } => byte_len(scaled(*token, *scale)),
        _ => ByteLenCopy::default(),
    };
    [value, null]
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
