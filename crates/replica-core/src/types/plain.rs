//! Values that can hardly be refused.
use super::mapping::MappedColumn;
use crate::catalog::SqlType;

/// An expression of the same type as the column's own, for a value that can hardly be refused: NULL, or else the
/// plainest there is. `None`: there is none.
pub fn plain_value(column: &MappedColumn) -> Option<String> {
    let nothing = format!("CASE WHEN 1 = 0 THEN {} END", column.conversion.expression);
    if column.target.nullable {
        return Some(nothing);
    }
    let plain = match &column.target.sql_type {
        SqlType::Date
        | SqlType::DateTime
        | SqlType::SmallDateTime
        | SqlType::DateTime2(_)
        | SqlType::DateTimeOffset(_) => "'20000101'",
        SqlType::Time(_) => "'00:00:00'",
        SqlType::UniqueIdentifier => "'00000000-0000-0000-0000-000000000000'",
        SqlType::Binary(_) | SqlType::VarBinary(_) | SqlType::Image => "0x00",
        sql_type if sql_type.is_text() => "''",
        SqlType::Xml | SqlType::Json | SqlType::Vector(_) | SqlType::Clr(_) | SqlType::Other(_) => {
            return None;
        }
        _ => "0",
    };
    // ISNULL has the type of its first argument.
    Some(format!("ISNULL({nothing}, {plain})"))
}
