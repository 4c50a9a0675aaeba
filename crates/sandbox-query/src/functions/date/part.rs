//! DATEPART, DATENAME and the words for parts of a date.
use super::{DAY, HOUR, MINUTE, SECOND, civil, days_of, moment, ticks};
use crate::bind::Typed;
use crate::functions::FunctionCall;
use sandbox_values::error::SqlError;
use sandbox_values::{Len, SqlType, Value};
use sqlparser::ast::Expr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatePart {
    Year,
    Quarter,
    Month,
    DayOfYear,
    Day,
    Week,
    IsoWeek,
    Weekday,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Nanosecond,
    Offset,
}

pub fn part(call: &FunctionCall<'_>) -> Result<DatePart, SqlError> {
    let text = call.arguments.first().map(|e| match e {
        Expr::Identifier(name) => name.value.to_ascii_lowercase(),
        other => other.to_string().to_ascii_lowercase(),
    });
    let name = text.unwrap_or_default();
    Ok(match name.as_str() {
        "year" | "yy" | "yyyy" => DatePart::Year,
        "quarter" | "qq" | "q" => DatePart::Quarter,
        "month" | "mm" | "m" => DatePart::Month,
        "dayofyear" | "dy" | "y" => DatePart::DayOfYear,
        "day" | "dd" | "d" => DatePart::Day,
        "week" | "ww" | "wk" => DatePart::Week,
        "iso_week" | "isowk" | "isoww" => DatePart::IsoWeek,
        "weekday" | "dw" | "w" => DatePart::Weekday,
        "hour" | "hh" => DatePart::Hour,
        "minute" | "mi" | "n" => DatePart::Minute,
        "second" | "ss" | "s" => DatePart::Second,
        "millisecond" | "ms" => DatePart::Millisecond,
        "microsecond" | "mcs" => DatePart::Microsecond,
        "nanosecond" | "ns" => DatePart::Nanosecond,
        "tzoffset" | "tz" => DatePart::Offset,
        _ => {
            return Err(SqlError::new(
                155,
                15,
                1,
                format!("'{name}' is not a recognized {} option.", call.name),
            ));
        }
    })
}

pub fn part_of(part: DatePart, value: &Value, first_weekday: i64) -> i64 {
    let at = ticks(value);
    let (year, month, day) = civil(at);
    let days = at / DAY;
    let day_of_year = days - days_of(year, 1, 1) + 1;
    // 0001-01-01 was a Monday: 1 is Monday here, 7 Sunday.
    let weekday = days.rem_euclid(7) + 1;
    let in_week = |weekday: i64| (weekday - first_weekday).rem_euclid(7);
    match part {
        DatePart::Year => year.into(),
        DatePart::Quarter => i64::from((month - 1) / 3 + 1),
        DatePart::Month => month.into(),
        DatePart::DayOfYear => day_of_year,
        DatePart::Day => day.into(),
        DatePart::Week => {
            let january = days_of(year, 1, 1).rem_euclid(7) + 1;
            (day_of_year - 1 + in_week(january)) / 7 + 1
        }
        DatePart::IsoWeek => {
            // The week of its Thursday.
            let thursday = days - (weekday - 1) + 3;
            let (year, ..) = civil(thursday * DAY);
            (thursday - days_of(year, 1, 1)) / 7 + 1
        }
        DatePart::Weekday => in_week(weekday) + 1,
        DatePart::Hour => at.rem_euclid(DAY) / HOUR,
        DatePart::Minute => at.rem_euclid(HOUR) / MINUTE,
        DatePart::Second => at.rem_euclid(MINUTE) / SECOND,
        DatePart::Millisecond => at.rem_euclid(SECOND) / 10_000,
        DatePart::Microsecond => at.rem_euclid(SECOND) / 10,
        DatePart::Nanosecond => at.rem_euclid(SECOND) * 100,
        DatePart::Offset => match value {
            Value::DateTimeOffset(_, offset) => (*offset).into(),
            _ => 0,
        },
    }
}

pub fn simple_part(call: &FunctionCall<'_>, part: DatePart) -> Result<Typed, SqlError> {
    let value = moment(call, call.bound(1, 1)?.remove(0))?;
    Ok(call
        .binder
        .op(call.name, "", vec![value], SqlType::Int, move |v| Ok(Value::Int(part_of(part, &v[0], 7)))))
}

/// The part's name, then one argument.
pub fn part_and_moment(call: &FunctionCall<'_>) -> Result<(DatePart, Typed), SqlError> {
    call.count(2, 2)?;
    let value = call.binder.scalar(call.arguments[1], call.scope)?;
    Ok((part(call)?, moment(call, value)?))
}

pub fn datepart(call: &FunctionCall<'_>) -> Result<Typed, SqlError> {
    let (part, value) = part_and_moment(call)?;
    let first = i64::from(call.binder.session.options.datefirst);
    let detail = format!("{part:?} {first}");
    Ok(call.binder.op("datepart", &detail, vec![value], SqlType::Int, move |v| {
        Ok(Value::Int(part_of(part, &v[0], first)))
    }))
}

pub fn datename(call: &FunctionCall<'_>) -> Result<Typed, SqlError> {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    const WEEKDAYS: [&str; 7] =
        ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let (part, value) = part_and_moment(call)?;
    let to = SqlType::NVarChar(Len::N(30), call.binder.collation());
    Ok(call.binder.op("datename", &format!("{part:?}"), vec![value], to, move |v| {
        let n = part_of(part, &v[0], 1);
        let text = match part {
            DatePart::Month => MONTHS[(n - 1).rem_euclid(12) as usize].to_owned(),
            DatePart::Weekday => WEEKDAYS[(n - 1).rem_euclid(7) as usize].to_owned(),
            _ => n.to_string(),
        };
        let units: Vec<u16> = text.encode_utf16().collect();
        Ok(Value::Bytes(sandbox_values::collation::utf16le(&units)))
    }))
}

/// How many ticks one of the fixed parts has.
pub fn unit(part: DatePart) -> Option<i64> {
    Some(match part {
        DatePart::DayOfYear | DatePart::Day | DatePart::Weekday => DAY,
        DatePart::Week | DatePart::IsoWeek => 7 * DAY,
        DatePart::Hour => HOUR,
        DatePart::Minute => MINUTE,
        DatePart::Second => SECOND,
        DatePart::Millisecond => 10_000,
        DatePart::Microsecond => 10,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_date() {
        let of = |part, y, m, d| part_of(part, &Value::Date(days_of(y, m, d) as u32), 7);
        assert_eq!(of(DatePart::Weekday, 2026, 11, 22), 1);
        assert_eq!(of(DatePart::IsoWeek, 2021, 1, 3), 53);
        assert_eq!(of(DatePart::IsoWeek, 2026, 11, 22), 47);
        assert_eq!(of(DatePart::DayOfYear, 2024, 12, 31), 366);
        assert_eq!(of(DatePart::Week, 2024, 1, 7), 2);
    }
}
