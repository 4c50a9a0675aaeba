//! The order of a key, without decoding it: rows of both sides come in the order of a unique key, and are merged.
//!
//! The client compares bytes as the server compares values. Text is compared as UTF-16 bytes, which the server is asked
//! to order by: collations order differently on two servers, and no client knows them all.
use std::cmp::Ordering;

use crate::catalog::{Column, Length, SqlType, Table};
use crate::types::mapping::{MappedColumn, Mapping};

/// A unique key of the target that both sides can be read in the order of.
#[derive(Clone, Debug)]
pub struct MergeKey {
    /// Which of the mapping's columns, in order.
    pub columns: Vec<usize>,
    orders: Vec<CellOrder>,
}

/// How the bytes of a key's column compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CellOrder {
    Unsigned,
    Signed,
    /// The upper half comes first ([MS-TDS] 2.2.5.5.1.2).
    Money,
    Decimal,
    Real,
    Float,
    /// A time of so many bytes before the day, if there is a day, and an offset that counts for nothing: the moment
    /// is UTC ([MS-TDS] 2.2.5.5.1.8).
    Moment {
        time: usize,
    },
    /// Signed days, then 1/300 seconds.
    DateTime,
    /// Days, then minutes.
    SmallDateTime,
    Guid,
    /// Bytes with a USHORT length. Trailing zeros count for nothing, as for SQL Server.
    Bytes,
}

/// The bytes of a uniqueidentifier from the most to the least significant (.NET, `SqlGuid.CompareTo`).
const GUID_ORDER: [usize; 16] = [10, 11, 12, 13, 14, 15, 8, 9, 6, 7, 4, 5, 0, 1, 2, 3];

/// What is said of a table without such a key.
pub(crate) const WITHOUT_KEY: &str = "its rows cannot be told apart: there is no unique key whose columns are NOT NULL, are copied \
    without loss and are of a type whose order is known (hierarchyid and sql_variant are not)";

impl MergeKey {
    /// The target's key, the primary one first, that arrives without loss and whose order is known here.
    pub fn of(target: &Table, mapping: &Mapping) -> Option<Self> {
        Self::of_columns(target, mapping, |_| true)
    }

    /// As [`Self::of`], of columns that are NOT NULL: what the server takes for equal is one row.
    pub fn identifying(target: &Table, mapping: &Mapping) -> Option<Self> {
        Self::of_columns(target, mapping, |column| !column.nullable)
    }

    /// As [`Self::identifying`], of columns that are filled by these of the source, no more and no less.
    pub fn filled_by(target: &Table, mapping: &Mapping, source: &[i32]) -> Option<Self> {
        Self::of_those(target, mapping, |columns| {
            let filled_by = |id: &i32| columns.iter().any(|at| mapping.columns[*at].source.id == *id);
            columns.len() == source.len()
                && source.iter().all(filled_by)
                && columns.iter().all(|at| !mapping.columns[*at].target.nullable)
        })
    }

    fn of_columns(target: &Table, mapping: &Mapping, may: impl Fn(&Column) -> bool) -> Option<Self> {
        Self::of_those(target, mapping, |columns| columns.iter().all(|at| may(&mapping.columns[*at].target)))
    }

    fn of_those(target: &Table, mapping: &Mapping, may: impl Fn(&[usize]) -> bool) -> Option<Self> {
        let indexes = target.indexes.iter().flatten();
        // A filtered one says nothing of the rows outside.
        let usable = indexes.filter(|index| index.unique && !index.filtered && !index.disabled);
        let keys = usable.filter_map(|index| {
            let column = |id| mapping.columns.iter().position(|mapped| mapped.target.id == id);
            let columns = index.keys.iter().map(|key| column(key.column_id)).collect::<Option<Vec<_>>>()?;
            let may = may(&columns);
            let orders = columns.iter().map(|at| order(&mapping.columns[*at])).collect::<Option<Vec<_>>>()?;
            (may && !columns.is_empty()).then_some(((!index.primary_key, index.id), Self { columns, orders }))
        });
        keys.min_by_key(|(rank, _)| *rank).map(|(_, key)| key)
    }

    /// The key's cells at the front of `cells`, and those after them.
    pub fn split<'r>(&self, cells: &'r [u8]) -> (&'r [u8], &'r [u8]) {
        let mut rest = KeyCells(cells);
        for order in &self.orders {
            rest.next(*order);
        }
        cells.split_at(cells.len() - rest.0.len())
    }

    /// Compares two rows in bulk form that begin with the key's columns.
    pub fn compare(&self, left: &[u8], right: &[u8]) -> Ordering {
        let (mut left, mut right) = (KeyCells::new(left), KeyCells::new(right));
        for order in &self.orders {
            let ordering = match (left.next(*order), right.next(*order)) {
                (Some(left), Some(right)) => order.compare(left, right),
                (left, right) => left.is_some().cmp(&right.is_some()),
            };
            if ordering != Ordering::Equal {
                return ordering;
            }
        }
        Ordering::Equal
    }

    /// The same key, of rows that are nothing but its columns.
    pub fn alone(&self) -> Self {
        Self { columns: (0..self.columns.len()).collect(), orders: self.orders.clone() }
    }

    /// One that is compared byte by byte, the first byte first.
    #[cfg(test)]
    pub fn misread(&self) -> Self {
        Self { orders: vec![CellOrder::Guid; self.orders.len()], ..self.clone() }
    }

    /// The integer that comes after the key's columns: 1 for a row newer than the copy.
    pub fn is_newer(&self, row: &[u8]) -> bool {
        let mut cells = KeyCells::new(row);
        for order in &self.orders {
            cells.next(*order);
        }
        cells.next(CellOrder::Signed).is_some_and(|flag| flag.first() == Some(&1))
    }
}

/// What a side is ordered by: the column's `expression`, or what stands for it.
pub(crate) fn sort_expression(column: &MappedColumn, expression: &str) -> String {
    let units = match &column.target.sql_type {
        SqlType::NChar(units) | SqlType::NVarChar(Length::N(units)) => *units,
        SqlType::Char(bytes) | SqlType::VarChar(Length::N(bytes)) => (*bytes).min(MOST_UNITS),
        _ => return expression.to_owned(),
    };
    // The source may send what is wider, for the target to refuse.
    let units = units.max(1).saturating_mul(2).min(MOST_UNITS);
    format!("CAST(CAST({expression} AS nvarchar({units})) AS varbinary({}))", 2 * units)
}

/// In nvarchar(n).
const MOST_UNITS: u16 = 4000;

fn order(column: &MappedColumn) -> Option<CellOrder> {
    if !column.conversion.losses.is_empty() {
        return None;
    }
    let time = |scale: u8| match scale {
        0..=2 => 3,
        3..=4 => 4,
        _ => 5,
    };
    Some(match &column.target.sql_type {
        SqlType::Bit | SqlType::TinyInt | SqlType::Date => CellOrder::Unsigned,
        SqlType::SmallInt | SqlType::Int | SqlType::BigInt | SqlType::SmallMoney => CellOrder::Signed,
        SqlType::Money => CellOrder::Money,
        SqlType::Decimal { .. } => CellOrder::Decimal,
        SqlType::Real => CellOrder::Real,
        SqlType::Float => CellOrder::Float,
        SqlType::Time(scale) | SqlType::DateTime2(scale) | SqlType::DateTimeOffset(scale) => {
            CellOrder::Moment { time: time(*scale) }
        }
        SqlType::DateTime => CellOrder::DateTime,
        SqlType::SmallDateTime => CellOrder::SmallDateTime,
        SqlType::UniqueIdentifier => CellOrder::Guid,
        SqlType::Binary(_) | SqlType::VarBinary(Length::N(_)) => CellOrder::Bytes,
        SqlType::Char(_) | SqlType::NChar(_) => CellOrder::Bytes,
        SqlType::VarChar(Length::N(_)) | SqlType::NVarChar(Length::N(_)) => CellOrder::Bytes,
        _ => return None,
    })
}

/// The first cells of a row in bulk form.
struct KeyCells<'a>(&'a [u8]);

impl<'a> KeyCells<'a> {
    fn new(row: &'a [u8]) -> Self {
        Self(row.get(1..).unwrap_or_default())
    }

    /// `None`: NULL, or a row that ends here.
    fn next(&mut self, order: CellOrder) -> Option<&'a [u8]> {
        let (length, rest) = match order {
            CellOrder::Bytes => {
                let (length, rest) = self.0.split_first_chunk()?;
                let length = u16::from_le_bytes(*length);
                ((length != u16::MAX).then_some(usize::from(length)), rest)
            }
            _ => {
                let (length, rest) = self.0.split_first()?;
                ((*length != 0).then_some(usize::from(*length)), rest)
            }
        };
        self.0 = rest;
        let (cell, rest) = rest.split_at_checked(length?)?;
        self.0 = rest;
        Some(cell)
    }
}

impl CellOrder {
    fn compare(self, left: &[u8], right: &[u8]) -> Ordering {
        let by = |value: fn(&[u8]) -> i128| value(left).cmp(&value(right));
        match self {
            Self::Unsigned => by(unsigned),
            Self::Signed => by(signed),
            Self::Money => by(|bytes| {
                let (upper, lower) = bytes.split_at(bytes.len().min(4));
                signed(upper) << 32 | unsigned(lower)
            }),
            Self::Decimal => decimal(left).cmp(&decimal(right)),
            Self::Real => compare_floats(left, right, |bits: [u8; 4]| f32::from_le_bytes(bits).into()),
            Self::Float => compare_floats(left, right, f64::from_le_bytes),
            Self::Moment { time } => moment(left, time).cmp(&moment(right, time)),
            Self::DateTime => halves(left, signed).cmp(&halves(right, signed)),
            Self::SmallDateTime => halves(left, unsigned).cmp(&halves(right, unsigned)),
            Self::Guid => {
                let bytes = |guid: &[u8]| GUID_ORDER.map(|at| guid.get(at).copied().unwrap_or_default());
                bytes(left).cmp(&bytes(right))
            }
            Self::Bytes => without_zeros(left).cmp(without_zeros(right)),
        }
    }
}

fn unsigned(bytes: &[u8]) -> i128 {
    bytes.iter().take(15).rev().fold(0, |number, byte| number << 8 | i128::from(*byte))
}

fn signed(bytes: &[u8]) -> i128 {
    let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
    unsigned(bytes) - if negative { 1 << (8 * bytes.len().min(15)) } else { 0 }
}

/// Sign, 1 for plus, and magnitude: the scales are the same.
fn decimal(bytes: &[u8]) -> (bool, i128) {
    let (sign, digits) = bytes.split_first().unwrap_or((&1, &[]));
    // 38 digits take 127 bits.
    let magnitude = digits.iter().take(16).rev().fold(0u128, |n, byte| n << 8 | u128::from(*byte));
    let magnitude = i128::try_from(magnitude).unwrap_or(i128::MAX);
    let negative = *sign == 0 && magnitude != 0;
    (!negative, if negative { -magnitude } else { magnitude })
}

fn compare_floats<const N: usize>(left: &[u8], right: &[u8], value: impl Fn([u8; N]) -> f64) -> Ordering {
    let value = |bytes: &[u8]| bytes.first_chunk().map(|bytes| value(*bytes));
    value(left).partial_cmp(&value(right)).unwrap_or(Ordering::Equal)
}

/// Day and time.
fn moment(bytes: &[u8], time: usize) -> (i128, i128) {
    let (time, rest) = bytes.split_at(time.min(bytes.len()));
    (unsigned(&rest[..rest.len().min(3)]), unsigned(time))
}

fn halves(bytes: &[u8], first: fn(&[u8]) -> i128) -> (i128, i128) {
    let (days, rest) = bytes.split_at(bytes.len() / 2);
    (first(days), unsigned(rest))
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let length = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &bytes[..length]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rising(order: CellOrder, cells: &[&[u8]]) {
        let key = MergeKey { columns: vec![0], orders: vec![order] };
        let row = |cell: &[u8]| match order {
            CellOrder::Bytes => [&[0xD1, cell.len() as u8, 0], cell].concat(),
            _ => [&[0xD1, cell.len() as u8], cell].concat(),
        };
        let rows: Vec<_> = cells.iter().map(|cell| row(cell)).collect();
        for (i, left) in rows.iter().enumerate() {
            for (j, right) in rows.iter().enumerate() {
                assert_eq!(key.compare(left, right), i.cmp(&j), "{order:?}: {left:02X?} {right:02X?}");
            }
        }
    }

    #[test]
    fn bytes_compare_as_the_values_do() {
        // NULL first: a length of zero.
        rising(CellOrder::Unsigned, &[&[], &[0], &[0x80], &[0xFF]]);
        rising(CellOrder::Unsigned, &[&[0xFF, 0, 0], &[0, 1, 0], &[0, 0, 0xFF]]);
        rising(
            CellOrder::Signed,
            &[&[0, 0, 0, 0x80], &(-1i32).to_le_bytes(), &[0; 4], &1i32.to_le_bytes(), &300i32.to_le_bytes()],
        );
        rising(CellOrder::Signed, &[&i64::MIN.to_le_bytes(), &[0xFF; 8], &[0; 8], &i64::MAX.to_le_bytes()]);
        let money = |n: i64| {
            let bytes = n.to_le_bytes();
            [&bytes[4..], &bytes[..4]].concat()
        };
        rising(
            CellOrder::Money,
            &[&money(i64::MIN), &money(-1), &money(0), &money(1 << 31), &money(1 << 32)],
        );
        rising(CellOrder::Decimal, &[&[0, 0, 0, 0, 1], &[0, 1, 0, 0, 0], &[1, 0, 0, 0, 0], &[1, 1, 0, 0, 0]]);
        rising(
            CellOrder::Float,
            &[
                &(-1e300f64).to_le_bytes(),
                &(-0.5f64).to_le_bytes(),
                &0f64.to_le_bytes(),
                &1e-9f64.to_le_bytes(),
            ],
        );
        rising(CellOrder::Real, &[&(-2f32).to_le_bytes(), &0f32.to_le_bytes(), &3f32.to_le_bytes()]);
        rising(
            CellOrder::Moment { time: 3 },
            &[&[1, 0, 0, 1, 0, 0], &[0, 1, 0, 1, 0, 0], &[0, 0, 0, 2, 0, 0], &[0, 0, 0, 0, 1, 0]],
        );
        rising(
            CellOrder::DateTime,
            &[&[0xFF, 0xFF, 0xFF, 0xFF, 9, 0, 0, 0], &[0; 8], &[0, 0, 0, 0, 1, 0, 0, 0]],
        );
        rising(CellOrder::SmallDateTime, &[&[0, 0, 9, 0], &[1, 0, 0, 0], &[0, 1, 0, 0], &[0, 0x80, 0, 0]]);
        let mut guids = [[0u8; 16]; 4];
        guids[0][3] = 9;
        guids[1][0] = 1;
        guids[2][8] = 1;
        guids[3][10] = 1;
        guids[0][0] = 0;
        rising(CellOrder::Guid, &[&guids[0], &guids[1], &guids[2], &guids[3]].map(|guid| &guid[..]));
        rising(CellOrder::Bytes, &[&[], &[1], &[1, 0, 1], &[1, 1], &[2]]);
    }

    #[test]
    fn what_a_server_takes_for_equal_is_equal() {
        let equal = |order: CellOrder, left: &[u8], right: &[u8]| {
            assert_eq!(order.compare(left, right), Ordering::Equal, "{order:?}");
        };
        equal(CellOrder::Float, &0f64.to_le_bytes(), &(-0f64).to_le_bytes());
        equal(CellOrder::Decimal, &[0, 0, 0, 0, 0], &[1, 0, 0, 0, 0]);
        equal(CellOrder::Decimal, &[1, 7, 0, 0, 0], &[1, 7, 0, 0, 0, 0, 0, 0, 0]);
        equal(CellOrder::Bytes, &[1, 0], &[1]);
        // Ten o'clock here and there, at the same instant.
        equal(CellOrder::Moment { time: 3 }, &[1, 2, 3, 4, 5, 6, 60, 0], &[1, 2, 3, 4, 5, 6, 0, 0]);
    }

    #[test]
    fn null_comes_first_and_the_next_column_decides_between_equals() {
        let key = MergeKey { columns: vec![0, 1], orders: vec![CellOrder::Bytes, CellOrder::Signed] };
        let null = [0xD1, 0xFF, 0xFF, 4, 1, 0, 0, 0];
        let empty = [0xD1, 0, 0, 4, 0, 0, 0, 0];
        let later = [0xD1, 0, 0, 4, 7, 0, 0, 0];
        assert_eq!(key.compare(&null, &empty), Ordering::Less);
        assert_eq!(key.compare(&empty, &later), Ordering::Less);
        assert_eq!(key.compare(&null, &null), Ordering::Equal);
        assert_eq!(key.compare(&[0xD1], &empty), Ordering::Less, "cut short, but no panic");
    }
}
