//! To date, time, datetime2, datetimeoffset, datetime and smalldatetime.
use super::moment::{DAY_1900, Moment, TICKS_A_MINUTE, UNITS_A_DAY};
use super::number::{self, Number};
use super::{binary, errors, moment_parse, text};
use crate::error::SqlError;
use crate::types::{SqlType, Value};
use crate::wire::TICKS_A_DAY;
use crate::wire::payload::LAST_DAY;

/// 1753-01-01: the first day of datetime.
const DAY_1753: u32 = 639_905;

pub(super) fn to_moment(
    value: &Value,
    from: &SqlType,
    to: &SqlType,
    style: Option<i32>,
) -> Result<Value, SqlError> {
    match value {
        Value::Bytes(bytes) if from.is_character() => {
            let text = text::to_string(bytes, from);
            let parsed =
                moment_parse::parse(text.trim_matches(' '), style).map_err(|fault| fault.error(from, to))?;
            // The old types take neither more than milliseconds nor an offset.
            let old = matches!(to, SqlType::DateTime | SqlType::SmallDateTime);
            if old && (parsed.has_offset || parsed.fraction_digits > 3) {
                return Err(errors::not_a_date(to));
            }
            of_moment(parsed.moment, from, to)
        }
        Value::Bytes(bytes) => binary::to_moment(bytes, from, to),
        _ => match (Moment::of_value(value), number::of_value(value, from)) {
            (Some(moment), _) => of_moment(moment, from, to),
            (None, Some(number)) => of_number(number, to),
            (None, None) => Err(errors::date_out_of_range(from, to)),
        },
    }
}

fn of_moment(moment: Moment, from: &SqlType, to: &SqlType) -> Result<Value, SqlError> {
    match *to {
        SqlType::Date => Ok(Value::Date(moment.days)),
        SqlType::Time(scale) => Ok(Value::Time(moment.rounded(scale).ticks)),
        SqlType::DateTime2(scale) => Ok(Value::DateTime2(moment.rounded(scale).local_ticks())),
        SqlType::DateTimeOffset(scale) => {
            let rounded = moment.rounded(scale);
            let utc = rounded.local_ticks() as i64 - i64::from(moment.offset) * TICKS_A_MINUTE;
            match u64::try_from(utc) {
                Ok(utc) if utc / TICKS_A_DAY <= LAST_DAY.into() => {
                    Ok(Value::DateTimeOffset(utc, moment.offset))
                }
                _ => Err(errors::date_out_of_range(from, to)),
            }
        }
        SqlType::SmallDateTime => small(moment).ok_or_else(|| errors::date_out_of_range(from, to)),
        _ => {
            let (days, units) = units_of(moment);
            if moment.days < DAY_1753 || days > LAST_DAY {
                return Err(errors::date_out_of_range(from, to));
            }
            Ok(Value::DateTime(days as i32 - DAY_1900 as i32, units))
        }
    }
}

/// Rounded to 1/300 s: .999 goes to the next second, .995 to .997 (Microsoft, "datetime").
fn units_of(moment: Moment) -> (u32, u32) {
    let units = (moment.ticks * 3 + 50_000) / 100_000;
    match units {
        0..UNITS_A_DAY => (moment.days, units as u32),
        _ => (moment.days + 1, 0),
    }
}

/// Rounded to the minute from datetime's own steps, so that 29.998 s goes down and 29.999 s up (Microsoft,
/// "smalldatetime").
fn small(moment: Moment) -> Option<Value> {
    let (days, units) = units_of(moment);
    let minutes = (units + 9000) / 18_000;
    let (days, minutes) = if minutes == 1440 { (days + 1, 0) } else { (days, minutes) };
    let days = u16::try_from(days.checked_sub(DAY_1900)?).ok()?;
    Some(Value::SmallDateTime(days, minutes as u16))
}

/// A number is days since 1900-01-01; only datetime and smalldatetime take one.
fn of_number(number: Number, to: &SqlType) -> Result<Value, SqlError> {
    let days = match number {
        Number::Int(n) => n as f64,
        Number::Decimal(n, scale) => n as f64 / 10f64.powi(scale.into()),
        Number::Money(n) => n as f64 / 10_000.0,
        Number::Float(x) => x,
    };
    let units = (days * UNITS_A_DAY as f64).round();
    if !units.is_finite() || units.abs() > 1e15 {
        return Err(errors::overflow(to));
    }
    let units = units as i64;
    let (days, rest) = (units.div_euclid(UNITS_A_DAY as i64), units.rem_euclid(UNITS_A_DAY as i64));
    let day =
        u32::try_from(days + i64::from(DAY_1900)).ok().filter(|day| (DAY_1753..=LAST_DAY).contains(day));
    let Some(day) = day else { return Err(errors::overflow(to)) };
    let moment = Moment { days: day, ticks: rest as u64 * 100_000 / 3, offset: 0 };
    match to {
        SqlType::SmallDateTime => small(moment).ok_or_else(|| errors::overflow(to)),
        _ => Ok(Value::DateTime(days as i32, rest as u32)),
    }
}
