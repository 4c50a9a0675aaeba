//! Result types: of arithmetic, and where several expressions must agree.
use super::typed::{Label, Typed};
use sandbox_values::convert::{ConvertMode, check, decimal_shape};
use sandbox_values::error::SqlError;
use sandbox_values::text::width;
use sandbox_values::{CollationId, Len, SqlType};

/// The collation that an operation on these has.
///
/// # Errors
/// 468 where two columns' collations differ, or two COLLATE clauses.
pub fn common_collation(parts: &[&Typed], operation: &str) -> Result<Option<(CollationId, Label)>, SqlError> {
    let mut winner: Option<(CollationId, Label)> = None;
    for part in parts {
        let Some(collation) = part.sql_type.collation() else { continue };
        winner = match winner {
            None => Some((collation, part.label)),
            Some((_, label)) if part.label > label => Some((collation, part.label)),
            Some((other, label))
                if part.label == label && other != collation && label != Label::CoercibleDefault =>
            {
                return Err(SqlError::new(
                    468,
                    16,
                    9,
                    format!(
                        "Cannot resolve the collation conflict between \"{}\" and \"{}\" in the {operation} operation.",
                        collation.get().name,
                        other.get().name
                    ),
                ));
            }
            kept => kept,
        };
    }
    Ok(winner)
}

/// The type that CASE, UNION, COALESCE, a comparison and their like bring both sides to: the one of higher
/// precedence, wide enough for both (Microsoft docs, "Data type precedence" and "Precision, scale, and length").
///
/// # Errors
/// 206 where the types do not go together.
pub fn common_type(left: &Typed, right: &Typed) -> Result<SqlType, SqlError> {
    if left.is_untyped_null() {
        return Ok(right.sql_type.clone());
    }
    if right.is_untyped_null() {
        return Ok(left.sql_type.clone());
    }
    let (a, b) = (&left.sql_type, &right.sql_type);
    if a == b {
        return Ok(a.clone());
    }
    let collation =
        common_collation(&[left, right], "equal to")?.map_or(CollationId::SERVER_DEFAULT, |(c, _)| c);
    let (high, low) = if a.precedence() >= b.precedence() { (a, b) } else { (b, a) };
    check(low, high, ConvertMode::Implicit)?;
    Ok(match (high, low) {
        (SqlType::Decimal { precision: p1, scale: s1, numeric }, _) => match decimal_shape(low) {
            Some((p2, s2)) => {
                let scale = *s1.max(&s2);
                let precision = ((p1 - s1).max(p2 - s2) + scale).min(38);
                SqlType::Decimal { precision, scale: scale.min(precision), numeric: *numeric }
            }
            None => high.clone(),
        },
        (SqlType::NVarChar(..) | SqlType::NChar(..) | SqlType::VarChar(..) | SqlType::Char(..), _)
            if low.is_character() =>
        {
            characters(high, low, collation)
        }
        (SqlType::VarBinary(_) | SqlType::Binary(_), SqlType::Binary(_)) => match (width(high), width(low)) {
            (Some(a), Some(b)) if matches!(high, SqlType::Binary(_)) => SqlType::Binary(a.max(b)),
            (Some(a), Some(b)) => SqlType::VarBinary(Len::N(a.max(b))),
            _ => SqlType::VarBinary(Len::Max),
        },
        (SqlType::VarBinary(_), SqlType::VarBinary(_)) => match (width(high), width(low)) {
            (Some(a), Some(b)) => SqlType::VarBinary(Len::N(a.max(b))),
            _ => SqlType::VarBinary(Len::Max),
        },
        (SqlType::Time(a), SqlType::Time(b)) => SqlType::Time(*a.max(b)),
        (SqlType::DateTime2(a), SqlType::DateTime2(b)) => SqlType::DateTime2(*a.max(b)),
        (SqlType::DateTimeOffset(a), SqlType::DateTimeOffset(b)) => SqlType::DateTimeOffset(*a.max(b)),
        _ => high.clone(),
    })
}

/// The wider of two character types; the kind is the higher one's, and of fixed length if both are.
fn characters(high: &SqlType, low: &SqlType, collation: CollationId) -> SqlType {
    let wide = matches!(high, SqlType::NVarChar(..) | SqlType::NChar(..));
    let fixed = matches!(high, SqlType::NChar(..) | SqlType::Char(..))
        && matches!(low, SqlType::NChar(..) | SqlType::Char(..));
    let limit = if wide { 4000 } else { 8000 };
    let units = match (width(high), width(low)) {
        (Some(a), Some(b)) => Some(a.max(b).min(limit)),
        _ => None,
    };
    string_type(wide, fixed, units, collation)
}

/// A character type of so many units; `None` for (max).
pub fn string_type(wide: bool, fixed: bool, units: Option<u16>, collation: CollationId) -> SqlType {
    match (wide, units) {
        (true, Some(n)) if fixed => SqlType::NChar(n, collation),
        (false, Some(n)) if fixed => SqlType::Char(n, collation),
        (true, Some(n)) => SqlType::NVarChar(Len::N(n.max(1)), collation),
        (false, Some(n)) => SqlType::VarChar(Len::N(n.max(1)), collation),
        (true, None) => SqlType::NVarChar(Len::Max, collation),
        (false, None) => SqlType::VarChar(Len::Max, collation),
    }
}
