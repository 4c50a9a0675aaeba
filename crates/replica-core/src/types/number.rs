//! Numbers to numbers.
use super::{Conversion, MappingRefusal, MappingResult, Problem, ValueCheck, cast, try_cast};
use crate::catalog::{Column, SqlType, quote};

/// What an exact number can hold.
pub(crate) struct Exact {
    /// Digits before the point.
    pub whole: u8,
    /// Digits after it.
    pub scale: u8,
}

/// `None`: the type is no exact number.
pub(crate) fn exact(sql_type: &SqlType) -> Option<Exact> {
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

pub(super) fn convert(source: &Column, target: &Column) -> MappingResult {
    let (from, to) = (&source.sql_type, &target.sql_type);
    let value = quote(&source.name);
    let not_finite =
        || ValueCheck::value(Problem::NotFinite, &value, format!("NOT {}", finite(&value)), "finite numbers");
    let floating = float_digits(from).is_some();
    if from == to {
        return Some(Ok(Conversion::pass(source, target).check(floating, not_finite)));
    }
    if *to == SqlType::Bit {
        return Some(Err(MappingRefusal::new(
            format!("every {from} but 0 would become 1"),
            format!("Make the target column {from}, or copy from a view that says what 1 means"),
        )));
    }
    let cast = Conversion::cast(source, target).check(floating, not_finite);
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
    let limited = !conversion.limits.is_empty();
    let rounds = !conversion.losses.is_empty();
    Some(Ok(conversion
        .check(limited, || {
            ValueCheck::value(Problem::OutOfRange, &value, overflows(&value, from, to), range(to))
        })
        .check(rounds, || {
            ValueCheck::value(Problem::Rounded, &value, rounded(&value, from, to), precision(to))
        })))
}

/// Between the least and the greatest double. NaN is not, whether a server takes it for greater than all numbers
/// (PostgreSQL, and so Babelfish) or for unequal to each.
fn finite(value: &str) -> String {
    format!("({value} BETWEEN -1.7976931348623157E308 AND 1.7976931348623157E308)")
}

fn overflows(value: &str, from: &SqlType, to: &SqlType) -> String {
    let refused = format!("{} IS NULL", try_cast(value, to));
    match float_digits(from) {
        Some(_) => format!("{} AND {refused}", finite(value)),
        None => format!("{value} IS NOT NULL AND {refused}"),
    }
}

/// Fits, and is another number afterwards. Decimals of unlike scales are not compared: the server brings both to one
/// type, which may overflow.
fn rounded(value: &str, from: &SqlType, to: &SqlType) -> String {
    let there = try_cast(value, to);
    match (exact(from), exact(to)) {
        (Some(_), Some(t)) => format!("{there} IS NOT NULL AND ROUND({value}, {}, 1) <> {value}", t.scale),
        // A float is equal to what it is printed as, not to the number with all its binary digits.
        (None, _) => format!("{} <> {value}", cast(&there, from)),
        (Some(f), None) => {
            let back = try_cast(&there, from);
            let differs = format!("{value} IS NOT NULL AND ({back} IS NULL OR {back} <> {value})");
            if f.scale == 0 { differs } else { format!("{} AND {differs}", too_many_digits(value, from, to)) }
        }
    }
}

/// A decimal of no more digits than a float keeps is the same afterwards, whatever the way back makes of its last ones.
fn too_many_digits(value: &str, from: &SqlType, to: &SqlType) -> String {
    let text = SqlType::VarChar(crate::catalog::Length::N(50));
    let printed = printed(value, from, &text).map_or_else(|| cast(value, &text), |(_, printed)| printed);
    let digits = ["-", "."].iter().fold(printed, |text, sign| format!("REPLACE({text}, '{sign}', '')"));
    let significant = format!("LEN(LTRIM(REPLACE({digits}, '0', ' ')))");
    format!("{significant} > {}", float_digits(to).unwrap_or_default())
}

/// What the type can hold, for people.
fn range(sql_type: &SqlType) -> String {
    match sql_type {
        SqlType::TinyInt => "0 to 255".into(),
        SqlType::SmallInt => "-32768 to 32767".into(),
        SqlType::Int => "-2147483648 to 2147483647".into(),
        SqlType::BigInt => "-9223372036854775808 to 9223372036854775807".into(),
        SqlType::SmallMoney => "-214748.3648 to 214748.3647".into(),
        SqlType::Money => "-922337203685477.5808 to 922337203685477.5807".into(),
        SqlType::Real => "-3.40E+38 to 3.40E+38".into(),
        SqlType::Decimal { precision, scale } => {
            let digits = |n: u8| "9".repeat(usize::from(n));
            let whole = digits(precision.saturating_sub(*scale));
            let whole = if whole.is_empty() { "0".to_owned() } else { whole };
            let most = if *scale == 0 { whole } else { format!("{whole}.{}", digits(*scale)) };
            format!("-{most} to {most}")
        }
        other => other.to_string(),
    }
}

fn precision(sql_type: &SqlType) -> String {
    match (exact(sql_type), float_digits(sql_type)) {
        (Some(Exact { scale: 1, .. }), _) => "1 decimal".into(),
        (Some(exact), _) => format!("{} decimals", exact.scale),
        (None, digits) => format!("{} digits", digits.unwrap_or_default()),
    }
}

fn out_of_range(from: &SqlType, to: &SqlType, f: &Exact, t: &Exact) -> bool {
    // tinyint has no sign; the other types of fewer digits cannot hold more.
    let sign = *to == SqlType::TinyInt && *from != SqlType::Bit;
    // An integer type or money does not reach all values of its last digit.
    let ragged = (is_integer(to) || matches!(to, SqlType::Money | SqlType::SmallMoney))
        && !(is_integer(from) && is_integer(to));
    sign || t.whole < f.whole || (ragged && t.whole == f.whole)
}

fn fraction(from: &SqlType, to: &SqlType) -> MappingRefusal {
    MappingRefusal::new(
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

    fn decide(from: &SqlType, to: &SqlType) -> Result<Conversion, MappingRefusal> {
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

    /// SQL Server holds no NaN, its relatives do; wherever it goes, no load takes it.
    #[test]
    fn floats_are_looked_at_for_what_is_no_number() {
        for to in [SqlType::Float, SqlType::Real, decimal(9, 2), SqlType::Money] {
            let c = decide(&SqlType::Float, &to).unwrap();
            let check = c.checks.iter().find(|check| check.problem == Problem::NotFinite).unwrap();
            let between = "[c] BETWEEN -1.7976931348623157E308 AND 1.7976931348623157E308";
            assert_eq!(check.predicate, format!("NOT ({between})"));
            // What is out of range is a number.
            let others = c.checks.iter().filter(|check| check.problem == Problem::OutOfRange);
            others.for_each(|check| assert!(check.predicate.starts_with(&format!("({between}) AND "))));
        }
        assert_eq!(decide(&SqlType::Int, &SqlType::TinyInt).unwrap().checks.len(), 1);
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
