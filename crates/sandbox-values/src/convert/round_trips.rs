//! What goes to text, or to bytes, and comes back is what it was.
use super::{ConvertMode, Misfit, cast, fit};
use crate::arbitrary;
use crate::types::{CollationId, Len, SqlType, Value};
use proptest::prelude::*;

const COLLATION: CollationId = CollationId::SERVER_DEFAULT;

fn back_and_forth(value: &Value, sql_type: &SqlType, through: &SqlType, style: Option<i32>) -> Value {
    let there = cast(value, sql_type, through, style, ConvertMode::Explicit).unwrap();
    cast(&there, through, sql_type, style, ConvertMode::Explicit).unwrap()
}

/// The style in which a type's text says all of it: 3 for float, 2 for money, 121 for moments, 1 for binary.
fn full_style(sql_type: &SqlType) -> Option<i32> {
    match sql_type {
        SqlType::Real | SqlType::Float => Some(3),
        SqlType::Money | SqlType::SmallMoney => Some(2),
        SqlType::DateTime | SqlType::SmallDateTime => Some(121),
        SqlType::VarBinary(_) | SqlType::Image => Some(1),
        _ => None,
    }
}

fn has_text(sql_type: &SqlType) -> bool {
    sql_type.is_number()
        || sql_type.is_date_or_time()
        || matches!(sql_type, SqlType::UniqueIdentifier | SqlType::VarBinary(_))
}

/// Exact numbers, moments and GUIDs; a float's bytes do not convert back (529).
fn has_bytes(sql_type: &SqlType) -> bool {
    let float = matches!(sql_type, SqlType::Real | SqlType::Float);
    !float && (sql_type.is_number() || sql_type.is_date_or_time() || *sql_type == SqlType::UniqueIdentifier)
}

/// A datetimeoffset whose local time is before 0001 or after 9999 has no text.
fn is_readable(value: &Value) -> bool {
    const TICKS_A_DAY: u64 = 864_000_000_000;
    match value {
        Value::DateTimeOffset(utc, _) => (TICKS_A_DAY..3_652_058 * TICKS_A_DAY).contains(utc),
        _ => true,
    }
}

proptest! {
    #[test]
    fn text_says_all((sql_type, value) in arbitrary::value_where(has_text), wide: bool) {
        prop_assume!(is_readable(&value));
        let text = if wide { SqlType::NVarChar(Len::Max, COLLATION) } else { SqlType::VarChar(Len::Max, COLLATION) };
        prop_assert_eq!(back_and_forth(&value, &sql_type, &text, full_style(&sql_type)), value);
    }

    #[test]
    fn bytes_say_all((sql_type, value) in arbitrary::value_where(has_bytes)) {
        prop_assert_eq!(back_and_forth(&value, &sql_type, &SqlType::VarBinary(Len::N(100)), None), value);
    }

    /// Whatever a text holds, every type answers with a value, a NULL or one of its own errors.
    #[test]
    fn any_text_is_answered(text in "\\PC{0,30}|[-+.0-9:/ TZAPMeE]{0,30}", (to, _) in arbitrary::typed_value()) {
        let (value, from) = (Value::Bytes(text.as_str().into()), SqlType::VarChar(Len::N(100), COLLATION));
        if let Err(error) = cast(&value, &from, &to, None, ConvertMode::Explicit) {
            let known = [220, 232, 235, 241, 242, 244, 245, 248, 293, 295, 529, 8114, 8115, 8169];
            let xml = (9400..=9480).contains(&error.number);
            prop_assert!(xml || known.contains(&error.number), "{}", error);
            if error.number != 529 {
                prop_assert_eq!(cast(&value, &from, &to, None, ConvertMode::Try), Ok(Value::Null));
            }
        }
    }

    /// A value fits a column of its own type unchanged, unless UTF-8 is broken.
    #[test]
    fn a_value_fits_its_own_type((sql_type, value) in arbitrary::typed_value()) {
        match fit(&value, &sql_type, &sql_type) {
            Ok(stored) => prop_assert_eq!(stored, value),
            Err(misfit) => prop_assert!(matches!(misfit, Misfit::BadUtf8 | Misfit::CutUtf8 { .. }), "{:?}", misfit),
        }
    }
}
