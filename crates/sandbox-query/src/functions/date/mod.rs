//! Functions on dates and times. Inside, a moment is a count of 100 ns ticks since 0001-01-01.
mod arithmetic;
mod offset;
mod part;

use super::FunctionCall;
use crate::bind::{Typed, value_literal};
use arithmetic::{dateadd, datediff, eomonth};
use offset::with_offset;
use part::{DatePart, datename, datepart, simple_part};
use sandbox_values::convert::{ConvertMode, cast, date_of_days, days_of_date};
use sandbox_values::error::SqlError;
use sandbox_values::{SqlType, Value};
use std::time::{SystemTime, UNIX_EPOCH};

const SECOND: i64 = 10_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Days from 0001-01-01 to 1970-01-01.
const UNIX_DAY: i64 = 719_162;

/// Days since 0001-01-01 of the last day there is.
const LAST_DAY: i64 = 3_652_058;

pub fn bind(call: &FunctionCall<'_>) -> Result<Option<Typed>, SqlError> {
    Ok(Some(match call.name {
        "getdate" | "current_timestamp" => now(call, SqlType::DateTime)?,
        "getutcdate" => now(call, SqlType::DateTime)?,
        "sysdatetime" | "sysutcdatetime" => now(call, SqlType::DateTime2(7))?,
        "sysdatetimeoffset" => now(call, SqlType::DateTimeOffset(7))?,
        "year" => simple_part(call, DatePart::Year)?,
        "month" => simple_part(call, DatePart::Month)?,
        "day" => simple_part(call, DatePart::Day)?,
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
                let converted = cast(&v[0], &from, &SqlType::DateTime, None, ConvertMode::Try)?;
                Ok(Value::Int((converted != Value::Null).into()))
            })
        }
        _ => return Ok(None),
    }))
}

/// One moment for the whole statement. The sandbox's clock is UTC.
fn now(call: &FunctionCall<'_>, to: SqlType) -> Result<Typed, SqlError> {
    call.count(0, 0)?;
    let ahead = call.binder.session.engine.sandbox.planted_clock().saturating_mul(SECOND);
    let value = cast(
        &Value::DateTimeOffset(utc_ticks().saturating_add_signed(ahead), 0),
        &SqlType::DateTimeOffset(7),
        &to,
        None,
        ConvertMode::Explicit,
    )?;
    Ok(Typed::expression(value_literal(value), to, false))
}

/// 100 ns since 0001-01-01, UTC.
pub fn utc_ticks() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (UNIX_DAY * DAY) as u64 + (since.as_nanos() / 100) as u64
}

/// A date or time: as it is, or what text becomes.
fn moment(call: &FunctionCall<'_>, value: Typed) -> Result<Typed, SqlError> {
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
        _ => cast(
            &Value::DateTime2(ticks as u64),
            &SqlType::DateTime2(7),
            sql_type,
            None,
            ConvertMode::Explicit,
        )
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

fn datefromparts(call: &FunctionCall<'_>) -> Result<Typed, SqlError> {
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
