//! The errors of conversions. Classes and states where Microsoft's documentation or captures show them.
use crate::error::SqlError;
use crate::types::SqlType;

/// The name that messages give decimal: numeric, whatever was declared.
pub fn shown(sql_type: &SqlType) -> &'static str {
    match sql_type {
        SqlType::Decimal { .. } => "numeric",
        other => other.name(),
    }
}

pub fn clash(from: &SqlType, to: &SqlType) -> SqlError {
    SqlError::new(
        206,
        16,
        2,
        format!("Operand type clash: {} is incompatible with {}", from.name(), to.name()),
    )
}

pub fn not_implicit(from: &SqlType, to: &SqlType) -> SqlError {
    SqlError::new(
        257,
        16,
        3,
        format!(
            "Implicit conversion from data type {} to {} is not allowed. Use the CONVERT function to run this query.",
            from.name(),
            to.name()
        ),
    )
}

pub fn not_explicit(from: &SqlType, to: &SqlType) -> SqlError {
    SqlError::new(
        529,
        16,
        1,
        format!("Explicit conversion from data type {} to {} is not allowed.", from.name(), to.name()),
    )
}

/// 8115 for an expression whose source type is not named.
pub fn overflow(to: &SqlType) -> SqlError {
    SqlError::new(
        8115,
        16,
        2,
        format!("Arithmetic overflow error converting expression to data type {}.", shown(to)),
    )
}

/// 8115 that names both types.
pub fn overflow_from(from: &SqlType, to: &SqlType) -> SqlError {
    let state = match to {
        SqlType::Decimal { .. } if matches!(from, SqlType::Float | SqlType::Real) => 6,
        SqlType::Decimal { .. } => 8,
        _ if to.is_character() => 5,
        _ => 1,
    };
    SqlError::new(
        8115,
        16,
        state,
        format!("Arithmetic overflow error converting {} to data type {}.", shown(from), shown(to)),
    )
}

/// 220: an integer too large for tinyint or smallint.
pub fn small_overflow(to: &SqlType, value: i64) -> SqlError {
    let state = if *to == SqlType::SmallInt { 1 } else { 2 };
    SqlError::new(
        220,
        16,
        state,
        format!("Arithmetic overflow error for data type {}, value = {value}.", to.name()),
    )
}

/// 232: a float too large for an integer type or for real.
pub fn float_overflow(to: &SqlType, value: f64) -> SqlError {
    // 1 was seen for tinyint; the others follow from it and are unconfirmed.
    let state = match to {
        SqlType::TinyInt => 1,
        SqlType::SmallInt => 2,
        _ => 3,
    };
    SqlError::new(
        232,
        16,
        state,
        format!("Arithmetic overflow error for type {}, value = {value:.6}.", to.name()),
    )
}

pub fn not_a_number(from: &SqlType, text: &str, to: &SqlType) -> SqlError {
    SqlError::new(
        245,
        16,
        1,
        format!(
            "Conversion failed when converting the {} value '{text}' to data type {}.",
            from.name(),
            to.name()
        ),
    )
}

pub fn cannot_convert(from: &SqlType, to: &SqlType) -> SqlError {
    SqlError::new(8114, 16, 5, format!("Error converting data type {} to {}.", shown(from), shown(to)))
}

/// 244 for tinyint and smallint, 248 for int.
pub fn text_overflow(from: &SqlType, text: &str, to: &SqlType) -> SqlError {
    let from = from.name();
    match to {
        SqlType::TinyInt | SqlType::SmallInt => {
            let column = if *to == SqlType::TinyInt { "INT1" } else { "INT2" };
            SqlError::new(
                244,
                16,
                1,
                format!(
                    "The conversion of the {from} value '{text}' overflowed an {column} column. Use a larger integer column."
                ),
            )
        }
        _ => SqlError::new(
            248,
            16,
            1,
            format!("The conversion of the {from} value '{text}' overflowed an int column."),
        ),
    }
}

pub fn not_money(to: &SqlType) -> SqlError {
    let number = if *to == SqlType::SmallMoney { 293 } else { 235 };
    SqlError::new(
        number,
        16,
        0,
        format!("Cannot convert a char value to {}. The char value has incorrect syntax.", to.name()),
    )
}

pub fn no_room_for_money(from: &SqlType, to: &SqlType) -> SqlError {
    SqlError::new(
        234,
        16,
        2,
        format!("There is insufficient result space to convert a {} value to {}.", from.name(), to.name()),
    )
}

pub fn not_a_date(to: &SqlType) -> SqlError {
    match to {
        SqlType::SmallDateTime => SqlError::new(
            295,
            16,
            3,
            "Conversion failed when converting character string to smalldatetime data type.",
        ),
        _ => SqlError::new(
            241,
            16,
            1,
            "Conversion failed when converting date and/or time from character string.",
        ),
    }
}

pub fn date_out_of_range(from: &SqlType, to: &SqlType) -> SqlError {
    SqlError::new(
        242,
        16,
        3,
        format!(
            "The conversion of a {} data type to a {} data type resulted in an out-of-range value.",
            from.name(),
            to.name()
        ),
    )
}

pub fn bad_style(style: i32, from: &SqlType) -> SqlError {
    SqlError::new(
        281,
        16,
        1,
        format!(
            "{style} is not a valid style number when converting from {} to a character string.",
            from.name()
        ),
    )
}

pub fn not_a_guid() -> SqlError {
    SqlError::new(
        8169,
        16,
        2,
        "Conversion failed when converting from a character string to uniqueidentifier.",
    )
}

pub fn no_room_for_guid() -> SqlError {
    SqlError::new(8170, 16, 2, "Insufficient result space to convert uniqueidentifier value to char.")
}

pub fn divide_by_zero() -> SqlError {
    SqlError::new(8134, 16, 1, "Divide by zero error encountered.")
}
