//! How large a row may become: what is beyond a page is error 511 (docs/SERVER.md).
use super::finding::{Check, CheckFinding, CheckSeverity, Side};
use crate::catalog::index::IndexKind;
use crate::catalog::{Length, SqlType, Table};

/// Bytes of a row on a page (Microsoft docs, "Maximum capacity specifications", Bytes per row).
const MOST: u32 = 8060;
/// What stays in the row of a value that is moved off it (Microsoft docs, "Large row support").
const POINTER: u32 = 24;
/// Of a row's frame: status, two lengths, the number of columns.
const FRAME: u32 = 9;

/// A warning, where the columns that cannot be moved off the row may not fit together.
pub(super) fn row_size(table: &Table) -> Option<CheckFinding> {
    let base = table.base_index()?;
    if base.kind == IndexKind::ClusteredColumnstore {
        return None;
    }
    let stored = || table.columns.iter().filter(|column| !column.computed);
    let columns: u32 = stored().map(|column| in_row(&column.sql_type)).sum();
    let nulls = u32::try_from(stored().count()).unwrap_or(u32::MAX).div_ceil(8);
    let bytes = columns.saturating_add(nulls + FRAME);
    (bytes > MOST).then(|| {
        let what =
            format!("a full row needs {bytes} bytes on its page, which has {MOST}: such rows are refused");
        CheckFinding::new(Check::RowSize, Side::Target, CheckSeverity::Warning, what)
            .remedy("Make char and binary columns varchar and varbinary, or divide the table")
    })
}

/// The bytes of the largest value on the row's own page.
fn in_row(sql_type: &SqlType) -> u32 {
    let variable = |bytes: u32| bytes.min(POINTER) + 2;
    match sql_type {
        SqlType::Bit | SqlType::TinyInt => 1,
        SqlType::SmallInt => 2,
        SqlType::Date => 3,
        SqlType::Int | SqlType::SmallMoney | SqlType::Real | SqlType::SmallDateTime => 4,
        SqlType::BigInt | SqlType::Money | SqlType::Float | SqlType::DateTime | SqlType::RowVersion => 8,
        SqlType::Decimal { precision: ..=9, .. } => 5,
        SqlType::Decimal { precision: ..=19, .. } => 9,
        SqlType::Decimal { precision: ..=28, .. } => 13,
        SqlType::Decimal { .. } => 17,
        SqlType::Time(scale) => time(*scale),
        SqlType::DateTime2(scale) => time(*scale) + 3,
        SqlType::DateTimeOffset(scale) => time(*scale) + 5,
        SqlType::UniqueIdentifier => 16,
        SqlType::Char(bytes) | SqlType::Binary(bytes) => u32::from(*bytes),
        SqlType::NChar(units) => 2 * u32::from(*units),
        SqlType::VarChar(Length::N(bytes)) | SqlType::VarBinary(Length::N(bytes)) => {
            variable(u32::from(*bytes))
        }
        SqlType::NVarChar(Length::N(units)) => variable(2 * u32::from(*units)),
        SqlType::Text | SqlType::NText | SqlType::Image => 16,
        _ => variable(POINTER),
    }
}

fn time(scale: u8) -> u32 {
    match scale {
        ..=2 => 3,
        3..=4 => 4,
        _ => 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::index;
    use crate::catalog::table::sample;
    use crate::types::guide::column;

    fn table(columns: &[SqlType]) -> Table {
        let mut table = sample("dbo.t");
        table.indexes = Some(vec![index::sample(0, IndexKind::Heap, &[])]);
        table.columns = columns.iter().map(|sql_type| column("c", sql_type)).collect();
        table
    }

    #[test]
    fn long_values_go_off_the_row_and_fixed_ones_do_not() {
        assert!(row_size(&table(&vec![SqlType::NVarChar(Length::N(4000)); 184])).is_none());
        assert!(row_size(&table(&[SqlType::Char(8000)])).is_none());
        assert!(row_size(&table(&[SqlType::Char(8000), SqlType::NChar(30)])).is_some());
        assert!(row_size(&table(&vec![SqlType::VarChar(Length::Max); 400])).is_some());
    }
}
