//! Which type holds all values of another.
use crate::catalog::{Length, SqlType};
use crate::types::guide::column;
use crate::types::{convert, exact};

/// Does a copy bring every value of `from` into a column of `to` without loss? The type mapping decides, as it does for the
/// copy; that text may have another collation is a difference of its own.
pub(crate) fn fits(to: &SqlType, from: &SqlType) -> bool {
    let converted = convert(&column("", from), &column("", to));
    to == from || converted.is_ok_and(|one| one.losses.is_empty() && one.limits.is_empty())
}

/// Does `big` hold every value of `small` as it is, so that ALTER COLUMN may make the one of the other? A type holds itself.
/// What holds, [`fits`]; the number that a varchar has the digits of fits, and is no number there.
pub(crate) fn holds(big: &SqlType, small: &SqlType) -> bool {
    use SqlType as T;
    let at_least = |big: &Length, small: &Length| match (big, small) {
        (Length::Max, _) => true,
        (Length::N(_), Length::Max) => false,
        (Length::N(big), Length::N(small)) => big >= small,
    };
    if big == small {
        return true;
    }
    match (big, small) {
        (T::VarChar(b), T::VarChar(s)) | (T::NVarChar(b), T::NVarChar(s) | T::VarChar(s)) => at_least(b, s),
        (T::VarBinary(b), T::VarBinary(s)) => at_least(b, s),
        (T::VarChar(b) | T::NVarChar(b), T::Char(s))
        | (T::NVarChar(b), T::NChar(s))
        | (T::VarBinary(b), T::Binary(s)) => at_least(b, &Length::N(*s)),
        (T::VarChar(b), T::Text) | (T::NVarChar(b), T::Text | T::NText) | (T::VarBinary(b), T::Image) => {
            *b == Length::Max
        }
        // Shorter values are filled up with blanks or zeros: they are no longer what they were.
        (T::Char(_), T::Char(_)) | (T::NChar(_), T::NChar(_)) => length(big) >= length(small),
        (T::Decimal { precision, scale }, other) => {
            exact(other).is_some_and(|held| *scale >= held.scale && precision - scale >= held.whole)
        }
        (T::Money, T::SmallMoney)
        | (T::Float, T::Real | T::TinyInt | T::SmallInt | T::Int)
        | (T::Real, T::TinyInt | T::SmallInt) => true,
        (T::Time(b), T::Time(s))
        | (T::DateTime2(b), T::DateTime2(s))
        | (T::DateTimeOffset(b), T::DateTimeOffset(s)) => b >= s,
        (T::DateTime2(_), T::Date | T::SmallDateTime) | (T::DateTime, T::SmallDateTime) => true,
        // 1/300 s (Microsoft docs, "datetime"): seven digits keep them apart, three bring them back as they were.
        (T::DateTime2(scale), T::DateTime) => *scale >= 3,
        _ => match (rank(big), rank(small)) {
            (Some(big), Some(small)) => big >= small,
            _ => false,
        },
    }
}

/// Of one kind, so that the larger one is only larger.
pub(crate) fn same_kind(one: &SqlType, other: &SqlType) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
        || rank(one).is_some() && rank(other).is_some()
}

/// varchar, nvarchar or varbinary of a length that grows, and stays in the row: the catalog alone changes (Microsoft
/// docs, "ALTER TABLE", ALTER COLUMN).
pub(crate) fn only_grows(from: &SqlType, to: &SqlType) -> bool {
    use SqlType as T;
    match (from, to) {
        (T::VarChar(Length::N(from)), T::VarChar(Length::N(to)))
        | (T::NVarChar(Length::N(from)), T::NVarChar(Length::N(to)))
        | (T::VarBinary(Length::N(from)), T::VarBinary(Length::N(to))) => from <= to,
        _ => from == to,
    }
}

fn length(of: &SqlType) -> u16 {
    match of {
        SqlType::Char(n) | SqlType::NChar(n) | SqlType::Binary(n) => *n,
        _ => 0,
    }
}

/// The whole numbers, each holding those before it.
fn rank(of: &SqlType) -> Option<u8> {
    let ranks = [SqlType::Bit, SqlType::TinyInt, SqlType::SmallInt, SqlType::Int, SqlType::BigInt];
    ranks.iter().position(|sql_type| sql_type == of).map(|rank| rank as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use SqlType as T;

    #[test]
    fn a_larger_type_holds_a_smaller_one() {
        let varchar = |n| T::VarChar(Length::N(n));
        let decimal = |precision, scale| T::Decimal { precision, scale };
        for (big, small) in [
            (varchar(20), varchar(10)),
            (T::VarChar(Length::Max), varchar(8000)),
            (T::NVarChar(Length::N(20)), varchar(20)),
            (varchar(5), T::Char(5)),
            (T::VarChar(Length::Max), T::Text),
            (T::BigInt, T::Int),
            (T::TinyInt, T::Bit),
            (decimal(12, 2), decimal(9, 2)),
            (decimal(10, 0), T::Int),
            (decimal(19, 4), T::Money),
            (T::Float, T::Int),
            (T::DateTime2(7), T::DateTime2(3)),
            (T::DateTime2(3), T::DateTime),
            (T::DateTime2(0), T::Date),
        ] {
            assert!(holds(&big, &small), "{big} {small}");
            assert!(!holds(&small, &big), "{small} {big}");
        }
        for (one, other) in
            [(decimal(9, 4), decimal(9, 2)), (T::Int, varchar(10)), (T::Date, T::Time(0)), (T::Real, T::Int)]
        {
            assert!(!holds(&one, &other) && !holds(&other, &one), "{one} {other}");
        }
        assert!(!holds(&T::Binary(8), &T::Binary(4)), "it would be filled up");
    }

    #[test]
    fn what_holds_all_fits_and_digits_fit_a_text() {
        let all = crate::types::guide::representatives();
        for (big, small) in all.iter().flat_map(|big| all.iter().map(move |small| (big, small))) {
            assert!(!holds(big, small) || fits(big, small), "{small} in {big}");
        }
        assert!(fits(&T::NVarChar(Length::N(40)), &T::Int) && !holds(&T::NVarChar(Length::N(40)), &T::Int));
        assert!(!fits(&T::Int, &T::BigInt) && !fits(&T::Date, &T::DateTime));
    }
}
