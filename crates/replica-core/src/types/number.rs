//! Numbers to numbers.
use super::{Conversion, Outcome, Refusal};
use crate::catalog::{Column, SqlType};

/// What an exact number can hold.
struct Exact {
    /// Digits before the point.
    whole: u8,
    /// Digits after it.
    scale: u8,
}

fn exact(sql_type: &SqlType) -> Option<Exact> {
    let (whole, scale) = match sql_type {
        SqlType::Bit => (1, 0),
        SqlType::TinyInt => (3, 0),
        SqlType::SmallInt => (5, 0),
        SqlType::Int => (10, 0),
        SqlType::BigInt => (19, 0),
        SqlType::SmallMoney => (6, 4),
        SqlType::Money => (15, 4),
        SqlType::Decimal { precision, scale } => (precision.saturating_sub(*scale), *scale),
        _ => return None,
    };
    Some(Exact { whole, scale })
}

/// Decimal digits that survive a way through a binary float: DBL_DIG and FLT_DIG of IEEE 754.
fn float_digits(sql_type: &SqlType) -> Option<u8> {
    match sql_type {
        SqlType::Float => Some(15),
        SqlType::Real => Some(6),
        _ => None,
    }
}

pub(super) fn is_number(sql_type: &SqlType) -> bool {
    exact(sql_type).is_some() || float_digits(sql_type).is_some()
}

fn is_integer(sql_type: &SqlType) -> bool {
    matches!(sql_type, SqlType::TinyInt | SqlType::SmallInt | SqlType::Int | SqlType::BigInt)
}

pub(super) fn convert(source: &Column, target: &Column) -> Outcome {
    let (from, to) = (&source.sql_type, &target.sql_type);
    if from == to {
        return Some(Ok(Conversion::pass(source, target)));
    }
    if *to == SqlType::Bit {
        return Some(Err(Refusal::new(
            format!("every {from} but 0 would become 1"),
            format!("Make the target column {from}, or copy from a view that says what 1 means"),
        )));
    }
    let cast = Conversion::cast(source, target);
    let conversion = match (exact(from), exact(to), float_digits(from), float_digits(to)) {
        (Some(f), _, _, _) if is_integer(to) && f.scale > 0 => {
            return Some(Err(fraction(from, to)));
        }
        (_, _, Some(_), _) if is_integer(to) => return Some(Err(fraction(from, to))),
        (Some(f), Some(t), _, _) => cast
            .loss(t.scale < f.scale, format!("rounded to {} decimal places", t.scale))
            .limit(out_of_range(from, to, &f, &t), format!("values out of the range of {to}")),
        (Some(f), _, _, Some(digits)) => {
            cast.loss(f.whole + f.scale > digits, format!("rounded to about {digits} significant digits"))
        }
        (_, Some(t), Some(_), _) => cast
            .loss(true, format!("rounded to {} decimal places", t.scale))
            .limit(true, format!("values out of the range of {to}")),
        (_, _, Some(f), Some(t)) => cast
            .loss(t < f, format!("rounded to about {t} significant digits"))
            .limit(t < f, format!("values out of the range of {to}")),
        _ => return None,
    };
    Some(Ok(conversion))
}

fn out_of_range(from: &SqlType, to: &SqlType, f: &Exact, t: &Exact) -> bool {
    // tinyint has no sign; the other types of fewer digits cannot hold more.
    let sign = *to == SqlType::TinyInt && *from != SqlType::Bit;
    // An integer type or money does not reach all values of its last digit.
    let ragged = (is_integer(to) || matches!(to, SqlType::Money | SqlType::SmallMoney))
        && !(is_integer(from) && is_integer(to));
    sign || t.whole < f.whole || (ragged && t.whole == f.whole)
}

fn fraction(from: &SqlType, to: &SqlType) -> Refusal {
    Refusal::new(
        format!("{to} would cut off the fraction of {from}"),
        format!("Make the target column {from}, or copy from a view that rounds as you mean it"),
    )
}

/// How wide the longest value is as text, and how the source writes it without loss.
pub(super) fn printed(expression: &str, sql_type: &SqlType, text: &SqlType) -> Option<(u16, String)> {
    let cast = || super::cast(expression, text);
    // Style 2 of money writes all four decimals, without commas; CAST writes two.
    let four_decimals = || format!("CONVERT({text}, {expression}, 2)");
    Some(match sql_type {
        SqlType::Bit => (1, cast()),
        SqlType::TinyInt => (3, cast()),
        SqlType::SmallInt => (6, cast()),
        SqlType::Int => (11, cast()),
        SqlType::BigInt => (20, cast()),
        SqlType::SmallMoney => (12, four_decimals()),
        SqlType::Money => (21, four_decimals()),
        // A sign, the point, and a zero before it where there is no whole digit.
        SqlType::Decimal { precision, scale: 0 } => (u16::from(*precision) + 1, cast()),
        SqlType::Decimal { precision, scale } => {
            (u16::from(*precision) + 2 + u16::from(precision == scale), cast())
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::guide::column;
    use super::*;

    fn decide(from: &SqlType, to: &SqlType) -> Result<Conversion, Refusal> {
        convert(&column("c", from), &column("c", to)).unwrap()
    }

    const fn decimal(precision: u8, scale: u8) -> SqlType {
        SqlType::Decimal { precision, scale }
    }

    #[test]
    fn widening_is_exact_and_silent() {
        for (from, to) in [
            (SqlType::Bit, SqlType::TinyInt),
            (SqlType::TinyInt, SqlType::SmallInt),
            (SqlType::Int, SqlType::BigInt),
            (SqlType::Int, decimal(10, 0)),
            (SqlType::SmallMoney, SqlType::Money),
            (SqlType::Money, decimal(19, 4)),
            (decimal(9, 2), decimal(11, 3)),
            (SqlType::Int, SqlType::Float),
            (SqlType::Real, SqlType::Float),
            (decimal(10, 4), SqlType::Money),
        ] {
            let c = decide(&from, &to).unwrap();
            assert!(c.losses.is_empty() && c.limits.is_empty(), "{from} to {to}: {c:?}");
            assert_eq!(c.expression, format!("CAST([c] AS {to})"));
        }
    }

    #[test]
    fn what_may_not_fit_is_a_limit_and_what_rounds_a_loss() {
        for (from, to, loses, limited) in [
            (SqlType::BigInt, SqlType::Int, false, true),
            (SqlType::SmallInt, SqlType::TinyInt, false, true),
            (SqlType::Int, decimal(9, 0), false, true),
            (decimal(10, 0), SqlType::Int, false, true),
            (decimal(9, 0), SqlType::Int, false, false),
            (decimal(19, 4), SqlType::Money, false, true),
            (decimal(10, 5), SqlType::Money, true, false),
            (decimal(10, 5), decimal(10, 2), true, false),
            (decimal(10, 2), decimal(10, 5), false, true),
            (SqlType::BigInt, SqlType::Float, true, false),
            (SqlType::Int, SqlType::Real, true, false),
            (SqlType::Float, SqlType::Real, true, true),
            (SqlType::Float, decimal(38, 10), true, true),
        ] {
            let c = decide(&from, &to).unwrap();
            assert_eq!((!c.losses.is_empty(), !c.limits.is_empty()), (loses, limited), "{from} to {to}");
        }
    }

    #[test]
    fn silent_changes_of_meaning_are_refused() {
        for (from, to) in [
            (decimal(9, 2), SqlType::Int),
            (SqlType::Money, SqlType::BigInt),
            (SqlType::Float, SqlType::Int),
            (SqlType::Int, SqlType::Bit),
            (SqlType::Float, SqlType::Bit),
        ] {
            assert!(decide(&from, &to).is_err(), "{from} to {to}");
        }
    }
}
