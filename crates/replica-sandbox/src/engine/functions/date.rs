//! Functions on dates and times. Inside, a moment is a count of 100 ns ticks since 0001-01-01.
use super::Call;
use crate::engine::bind::{Typed, value_literal};
use crate::error::SqlError;
use crate::values::convert::{Mode, cast, date_of_days, days_of_date};
use crate::values::{Len, SqlType, Value};
use sqlparser::ast::Expr;
use std::time::{SystemTime, UNIX_EPOCH};

const SECOND: i64 = 10_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Days from 0001-01-01 to 1970-01-01.
const UNIX_DAY: i64 = 719_162;
/// Days since 0001-01-01 of the last day there is.
const LAST_DAY: i64 = 3_652_058;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
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

pub fn bind(call: &Call<'_>) -> Result<Option<Typed>, SqlError> {
    Ok(Some(match call.name {
        "getdate" | "current_timestamp" => now(call, SqlType::DateTime)?,
        "getutcdate" => now(call, SqlType::DateTime)?,
        "sysdatetime" | "sysutcdatetime" => now(call, SqlType::DateTime2(7))?,
        "sysdatetimeoffset" => now(call, SqlType::DateTimeOffset(7))?,
        "year" => simple_part(call, Part::Year)?,
        "month" => simple_part(call, Part::Month)?,
        "day" => simple_part(call, Part::Day)?,
        "datepart" => datepart(call)?,
        "datename" => datename(call)?,
        "dateadd" => dateadd(call)?,
        "datediff" => datediff(call, SqlType::Int)?,
        "datediff_big" => datediff(call, SqlType::BigInt)?,
        "eomonth" => eomonth(call)?,
        "datefromparts" => datefromparts(call)?,
        "switchoffset" => with_offset(call, true)?,
        "todatetimeoffset" => with_offset(call, false)?,
        "isdate" => {
            let text = call.binder.text(call.bound(1, 1)?.remove(0))?;
            let from = text.sql_type.clone();
            call.binder.op("isdate", "", vec![text], SqlType::Int, move |v| {
                let converted = cast(&v[0], &from, &SqlType::DateTime, None, Mode::Try)?;
                Ok(Value::Int((converted != Value::Null).into()))
            })
        }
        _ => return Ok(None),
    }))
}

/// One moment for the whole statement. The sandbox's clock is UTC.
fn now(call: &Call<'_>, to: SqlType) -> Result<Typed, SqlError> {
    call.count(0, 0)?;
    let value =
        cast(&Value::DateTimeOffset(utc_ticks(), 0), &SqlType::DateTimeOffset(7), &to, None, Mode::Explicit)?;
    Ok(Typed::expression(value_literal(value), to, false))
}

/// 100 ns since 0001-01-01, UTC.
pub fn utc_ticks() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (UNIX_DAY * DAY) as u64 + (since.as_nanos() / 100) as u64
}

fn part(call: &Call<'_>) -> Result<Part, SqlError> {
    let text = call.arguments.first().map(|e| match e {
        Expr::Identifier(name) => name.value.to_ascii_lowercase(),
        other => other.to_string().to_ascii_lowercase(),
    });
    let name = text.unwrap_or_default();
    Ok(match name.as_str() {
        "year" | "yy" | "yyyy" => Part::Year,
        "quarter" | "qq" | "q" => Part::Quarter,
        "month" | "mm" | "m" => Part::Month,
        "dayofyear" | "dy" | "y" => Part::DayOfYear,
        "day" | "dd" | "d" => Part::Day,
        "week" | "ww" | "wk" => Part::Week,
        "iso_week" | "isowk" | "isoww" => Part::IsoWeek,
        "weekday" | "dw" | "w" => Part::Weekday,
        "hour" | "hh" => Part::Hour,
        "minute" | "mi" | "n" => Part::Minute,
        "second" | "ss" | "s" => Part::Second,
        "millisecond" | "ms" => Part::Millisecond,
        "microsecond" | "mcs" => Part::Microsecond,
        "nanosecond" | "ns" => Part::Nanosecond,
        "tzoffset" | "tz" => Part::Offset,
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

/// A date or time: as it is, or what text becomes.
fn moment(call: &Call<'_>, value: Typed) -> Result<Typed, SqlError> {
    if value.sql_type.is_date_or_time() && !value.is_untyped_null() {
        return Ok(value);
    }
    let to = if value.sql_type.is_character() { SqlType::DateTimeOffset(7) } else { SqlType::DateTime };
    call.binder.implicit(value, &to)
}

/// Local ticks since 0001-01-01; a time counts from that day.
fn ticks(value: &Value) -> i64 {
    match value {
        Value::Date(days) => i64::from(*days) * DAY,
        Value::Time(ticks) | Value::DateTime2(ticks) => *ticks as i64,
        Value::DateTimeOffset(ticks, offset) => *ticks as i64 + i64::from(*offset) * MINUTE,
        Value::DateTime(days, thirds) => {
            // To the millisecond, as a datetime shows itself.
            let milliseconds = (i64::from(*thirds) * 10 + 1) / 3;
            (i64::from(*days) + 693_595) * DAY + milliseconds * (SECOND / 1000)
        }
        Value::SmallDateTime(days, minutes) => {
            (i64::from(*days) + 693_595) * DAY + i64::from(*minutes) * MINUTE
        }
        _ => 0,
    }
}

/// Ticks as the type has them.
fn from_ticks(ticks: i64, like: &Value, sql_type: &SqlType) -> Result<Value, SqlError> {
    let out_of_range = || {
        SqlError::new(
            517,
            16,
            1,
            format!("Adding a value to a '{}' column caused an overflow.", sql_type.name()),
        )
    };
    if let SqlType::Time(_) = sql_type {
        return Ok(Value::Time(ticks.rem_euclid(DAY) as u64));
    }
    if !(0..(LAST_DAY + 1) * DAY).contains(&ticks) {
        return Err(out_of_range());
    }
    match (sql_type, like) {
        (SqlType::Date, _) => Ok(Value::Date((ticks / DAY) as u32)),
        (SqlType::DateTimeOffset(_), Value::DateTimeOffset(_, offset)) => {
            let utc = ticks - i64::from(*offset) * MINUTE;
            u64::try_from(utc).map(|utc| Value::DateTimeOffset(utc, *offset)).map_err(|_| out_of_range())
        }
        _ => cast(&Value::DateTime2(ticks as u64), &SqlType::DateTime2(7), sql_type, None, Mode::Explicit)
            .map_err(|_| out_of_range()),
    }
}

/// Year, month, day of ticks.
fn civil(ticks: i64) -> (i32, u32, u32) {
    date_of_days((ticks / DAY).clamp(0, LAST_DAY) as u32)
}

fn days_of(year: i32, month: u32, day: u32) -> i64 {
    days_of_date(year, month, day).map_or(0, i64::from)
}

fn part_of(part: Part, value: &Value, first_weekday: i64) -> i64 {
    let at = ticks(value);
    let (year, month, day) = civil(at);
    let days = at / DAY;
    let day_of_year = days - days_of(year, 1, 1) + 1;
    // 0001-01-01 was a Monday: 1 is Monday here, 7 Sunday.
    let weekday = days.rem_euclid(7) + 1;
    let in_week = |weekday: i64| (weekday - first_weekday).rem_euclid(7);
    match part {
        Part::Year => year.into(),
        Part::Quarter => i64::from((month - 1) / 3 + 1),
        Part::Month => month.into(),
        Part::DayOfYear => day_of_year,
        Part::Day => day.into(),
        Part::Week => {
            let january = days_of(year, 1, 1).rem_euclid(7) + 1;
            (day_of_year - 1 + in_week(january)) / 7 + 1
        }
        Part::IsoWeek => {
            // The week of its Thursday.
            let thursday = days - (weekday - 1) + 3;
            let (year, ..) = civil(thursday * DAY);
            (thursday - days_of(year, 1, 1)) / 7 + 1
        }
        Part::Weekday => in_week(weekday) + 1,
        Part::Hour => at.rem_euclid(DAY) / HOUR,
        Part::Minute => at.rem_euclid(HOUR) / MINUTE,
        Part::Second => at.rem_euclid(MINUTE) / SECOND,
        Part::Millisecond => at.rem_euclid(SECOND) / 10_000,
        Part::Microsecond => at.rem_euclid(SECOND) / 10,
        Part::Nanosecond => at.rem_euclid(SECOND) * 100,
        Part::Offset => match value {
            Value::DateTimeOffset(_, offset) => (*offset).into(),
            _ => 0,
        },
    }
}

fn simple_part(call: &Call<'_>, part: Part) -> Result<Typed, SqlError> {
    let value = moment(call, call.bound(1, 1)?.remove(0))?;
    Ok(call
        .binder
        .op(call.name, "", vec![value], SqlType::Int, move |v| Ok(Value::Int(part_of(part, &v[0], 7)))))
}

/// The part's name, then one argument.
fn part_and_moment(call: &Call<'_>) -> Result<(Part, Typed), SqlError> {
    call.count(2, 2)?;
    let value = call.binder.scalar(call.arguments[1], call.scope)?;
    Ok((part(call)?, moment(call, value)?))
}

fn datepart(call: &Call<'_>) -> Result<Typed, SqlError> {
    let (part, value) = part_and_moment(call)?;
    let first = i64::from(call.binder.session.options.datefirst);
    let detail = format!("{part:?} {first}");
    Ok(call.binder.op("datepart", &detail, vec![value], SqlType::Int, move |v| {
        Ok(Value::Int(part_of(part, &v[0], first)))
    }))
}

fn datename(call: &Call<'_>) -> Result<Typed, SqlError> {
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
            Part::Month => MONTHS[(n - 1).rem_euclid(12) as usize].to_owned(),
            Part::Weekday => WEEKDAYS[(n - 1).rem_euclid(7) as usize].to_owned(),
            _ => n.to_string(),
        };
        let units: Vec<u16> = text.encode_utf16().collect();
        Ok(Value::Bytes(crate::values::collation::utf16le(&units)))
    }))
}

/// How many ticks one of the fixed parts has.
fn unit(part: Part) -> Option<i64> {
    Some(match part {
        Part::DayOfYear | Part::Day | Part::Weekday => DAY,
        Part::Week | Part::IsoWeek => 7 * DAY,
        Part::Hour => HOUR,
        Part::Minute => MINUTE,
        Part::Second => SECOND,
        Part::Millisecond => 10_000,
        Part::Microsecond => 10,
        _ => return None,
    })
}

/// DATEADD(part, number, moment): of the moment's type; text becomes datetime (Microsoft docs).
fn dateadd(call: &Call<'_>) -> Result<Typed, SqlError> {
    call.count(3, 3)?;
    let part = part(call)?;
    let number = call.binder.scalar(call.arguments[1], call.scope)?;
    let number = call.binder.implicit(number, &SqlType::BigInt)?;
    let value = call.binder.scalar(call.arguments[2], call.scope)?;
    let value = if value.sql_type.is_date_or_time() && !value.is_untyped_null() {
        value
    } else {
        call.binder.implicit(value, &SqlType::DateTime)?
    };
    let sql_type = value.sql_type.clone();
    let calendar = matches!(part, Part::Year | Part::Quarter | Part::Month);
    let within_day = unit(part).is_some_and(|u| u < DAY) || part == Part::Nanosecond;
    if matches!(sql_type, SqlType::Date) && within_day || matches!(sql_type, SqlType::Time(_)) && !within_day
    {
        return Err(SqlError::new(
            9810,
            16,
            1,
            format!(
                "The datepart {part:?} is not supported by date function dateadd for data type {}.",
                sql_type.name()
            )
            .to_lowercase()
            .replacen("the", "The", 1),
        ));
    }
    let result = sql_type.clone();
    Ok(call.binder.op("dateadd", &format!("{part:?}"), vec![number, value], sql_type, move |v| {
        let Value::Int(n) = v[0] else { return Ok(Value::Null) };
        let overflow = || {
            SqlError::new(
                517,
                16,
                1,
                format!("Adding a value to a '{}' column caused an overflow.", result.name()),
            )
        };
        let at = ticks(&v[1]);
        let moved = if calendar {
            let months = n.checked_mul(match part {
                Part::Year => 12,
                Part::Quarter => 3,
                _ => 1,
            });
            add_months(at, months.ok_or_else(overflow)?)
        } else if part == Part::Nanosecond {
            at.checked_add(n / 100)
        } else {
            unit(part).and_then(|u| n.checked_mul(u)).and_then(|n| at.checked_add(n))
        };
        from_ticks(moved.ok_or_else(overflow)?, &v[1], &result)
    }))
}

/// The same day of another month, or its last.
fn add_months(ticks: i64, months: i64) -> Option<i64> {
    let (year, month, day) = civil(ticks);
    let count = (i64::from(year) * 12 + i64::from(month) - 1).checked_add(months)?;
    let year = i32::try_from(count.div_euclid(12)).ok()?;
    let month = count.rem_euclid(12) as u32 + 1;
    let days = (28..=day).rev().chain([day]).find_map(|day| days_of_date(year, month, day))?;
    Some(i64::from(days) * DAY + ticks % DAY)
}

/// How many boundaries of the part lie between two moments; datetimeoffset counts in UTC.
fn datediff(call: &Call<'_>, to: SqlType) -> Result<Typed, SqlError> {
    call.count(3, 3)?;
    let part = part(call)?;
    let from = moment(call, call.binder.scalar(call.arguments[1], call.scope)?)?;
    let until = moment(call, call.binder.scalar(call.arguments[2], call.scope)?)?;
    let result = to.clone();
    Ok(call.binder.op("datediff", &format!("{part:?}"), vec![from, until], to, move |v| {
        let utc = |v: &Value| match v {
            Value::DateTimeOffset(ticks, _) => *ticks as i64,
            other => ticks(other),
        };
        let (a, b) = (utc(&v[0]), utc(&v[1]));
        let months = |t: i64| {
            let (year, month, _) = civil(t);
            i64::from(year) * 12 + i64::from(month) - 1
        };
        let n = match part {
            Part::Year => months(b) / 12 - months(a) / 12,
            Part::Quarter => months(b) / 3 - months(a) / 3,
            Part::Month => months(b) - months(a),
            // Weeks begin on Sunday for DATEDIFF, whatever DATEFIRST is.
            Part::Week | Part::IsoWeek => (b / DAY + 1).div_euclid(7) - (a / DAY + 1).div_euclid(7),
            Part::Nanosecond => (b - a).checked_mul(100).ok_or_else(too_far)?,
            part => {
                let unit = unit(part).unwrap_or(DAY);
                b.div_euclid(unit) - a.div_euclid(unit)
            }
        };
        if result == SqlType::Int && i32::try_from(n).is_err() {
            return Err(too_far());
        }
        Ok(Value::Int(n))
    }))
}

fn too_far() -> SqlError {
    SqlError::new(
        535,
        16,
        0,
        "The datediff function resulted in an overflow. The number of dateparts separating two date/time instances is \
         too large. Try to use datediff with a less precise datepart.",
    )
}

fn eomonth(call: &Call<'_>) -> Result<Typed, SqlError> {
    let mut arguments = call.bound(1, 2)?.into_iter();
    let Some(first) = arguments.next() else {
        return Err(SqlError::new(189, 15, 1, "The eomonth function requires 1 to 2 arguments."));
    };
    let mut all = vec![moment(call, first)?];
    if let Some(months) = arguments.next() {
        all.push(call.binder.implicit(months, &SqlType::BigInt)?);
    }
    Ok(call.binder.op("eomonth", "", all, SqlType::Date, |v| {
        let months = if let Some(Value::Int(n)) = v.get(1) { *n } else { 0 };
        let overflow = || SqlError::new(517, 16, 1, "Adding a value to a 'date' column caused an overflow.");
        let moved = add_months(ticks(&v[0]), months).ok_or_else(overflow)?;
        let (year, month, _) = civil(moved);
        let last = (28..=31).rev().find_map(|day| days_of_date(year, month, day)).ok_or_else(overflow)?;
        Ok(Value::Date(last))
    }))
}

fn datefromparts(call: &Call<'_>) -> Result<Typed, SqlError> {
    let parts = call
        .bound(3, 3)?
        .into_iter()
        .map(|p| call.binder.implicit(p, &SqlType::Int))
        .collect::<Result<_, _>>()?;
    Ok(call.binder.op("datefromparts", "", parts, SqlType::Date, |v| {
        let part = |n: usize| if let Value::Int(n) = v[n] { n } else { 0 };
        let month_and_day = (u32::try_from(part(1)), u32::try_from(part(2)));
        let days = match (i32::try_from(part(0)), month_and_day) {
            (Ok(year), (Ok(month), Ok(day))) => days_of_date(year, month, day),
            _ => None,
        };
        days.map(Value::Date).ok_or_else(|| {
            SqlError::new(
                289,
                16,
                1,
                "Cannot construct data type date, some of the arguments have values which are not valid.",
            )
        })
    }))
}

/// SWITCHOFFSET keeps the instant, TODATETIMEOFFSET the local time.
fn with_offset(call: &Call<'_>, keep_instant: bool) -> Result<Typed, SqlError> {
    let mut arguments = call.bound(2, 2)?.into_iter();
    let (Some(value), Some(offset)) = (arguments.next(), arguments.next()) else {
        return Err(SqlError::new(174, 15, 1, format!("The {} function requires 2 argument(s).", call.name)));
    };
    let from = if keep_instant { SqlType::DateTimeOffset(7) } else { SqlType::DateTime2(7) };
    let scale = match value.sql_type {
        SqlType::DateTimeOffset(s) | SqlType::DateTime2(s) => s,
        _ => 7,
    };
    let value = call.binder.implicit(value, &from)?;
    let offset = if offset.sql_type.is_integer() {
        call.binder.implicit(offset, &SqlType::BigInt)?
    } else {
        let text = call.binder.text(offset)?;
        let kind = text.sql_type.clone();
        call.binder.op("offset", "", vec![text], SqlType::BigInt, move |v| {
            let units = crate::engine::bind::units(&v[0], &kind);
            offset_minutes(&String::from_utf16_lossy(&units)).map(Value::Int).ok_or_else(bad_offset)
        })
    };
    Ok(call.binder.op(call.name, "", vec![value, offset], SqlType::DateTimeOffset(scale), move |v| {
        let Value::Int(minutes) = v[1] else { return Ok(Value::Null) };
        let offset =
            i16::try_from(minutes).ok().filter(|m| (-840..=840).contains(m)).ok_or_else(bad_offset)?;
        let utc = match &v[0] {
            Value::DateTimeOffset(utc, _) => *utc as i64,
            other => ticks(other) - i64::from(offset) * MINUTE,
        };
        u64::try_from(utc).map(|utc| Value::DateTimeOffset(utc, offset)).map_err(|_| bad_offset())
    }))
}

fn bad_offset() -> SqlError {
    SqlError::new(9812, 16, 0, "The timezone provided to builtin function todatetimeoffset is invalid.")
}

/// `+hh:mm`
fn offset_minutes(text: &str) -> Option<i64> {
    let (sign, rest) = match text.trim().split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    Some(sign * (hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(year: i32, month: u32, day: u32) -> i64 {
        days_of(year, month, day) * DAY
    }

    #[test]
    fn months_end_where_the_month_does() {
        assert_eq!(add_months(at(2024, 1, 31), 1), Some(at(2024, 2, 29)));
        assert_eq!(add_months(at(2023, 3, 31), -1), Some(at(2023, 2, 28)));
        assert_eq!(add_months(at(2023, 12, 15), 1), Some(at(2024, 1, 15)));
        assert_eq!(add_months(at(9999, 12, 1), 1), None);
    }

    #[test]
    fn parts_of_a_date() {
        let of = |part, y, m, d| part_of(part, &Value::Date(days_of(y, m, d) as u32), 7);
        assert_eq!(of(Part::Weekday, 2026, 11, 22), 1);
        assert_eq!(of(Part::IsoWeek, 2021, 1, 3), 53);
        assert_eq!(of(Part::IsoWeek, 2026, 11, 22), 47);
        assert_eq!(of(Part::DayOfYear, 2024, 12, 31), 366);
        assert_eq!(of(Part::Week, 2024, 1, 7), 2);
    }
}
