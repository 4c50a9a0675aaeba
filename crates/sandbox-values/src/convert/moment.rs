//! To date, time, datetime2, datetimeoffset, datetime and smalldatetime.
use super::number::{self, Number};
use super::{binary, errors, moment_parse, text};
use crate::error::SqlError;
use crate::types::{SqlType, Value};
use crate::wire::TICKS_A_DAY;
use crate::wire::payload::LAST_DAY;

/// 1900-01-01 in days since 0001-01-01: day 0 of datetime, and the date of a bare time.
pub(super) const DAY_1900: u32 = 693_595;
/// 1753-01-01: the first day of datetime.
const DAY_1753: u32 = 639_905;
/// 100 ns in a minute.
pub(super) const TICKS_A_MINUTE: i64 = 600_000_000;
/// datetime's units in a day.
const UNITS_A_DAY: u64 = 86_400 * 300;

/// A date with a time of day, as a clock at `offset` minutes from UTC shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Since 0001-01-01.
    pub days: u32,
    /// 100 ns since midnight.
    pub ticks: u64,
    pub offset: i16,
}

impl Moment {
    pub(super) fn of_value(value: &Value) -> Option<Moment> {
        let at = |days: u32, ticks: u64| Some(Moment { days, ticks, offset: 0 });
        match *value {
            Value::Date(days) => at(days, 0),
            Value::Time(ticks) => at(DAY_1900, ticks),
            Value::DateTime2(ticks) => at((ticks / TICKS_A_DAY) as u32, ticks % TICKS_A_DAY),
            Value::DateTimeOffset(utc, offset) => {
                let local = i64::try_from(utc).ok()? + i64::from(offset) * TICKS_A_MINUTE;
                let local = u64::try_from(local).ok()?;
                Some(Moment { days: (local / TICKS_A_DAY) as u32, ticks: local % TICKS_A_DAY, offset })
            }
            Value::DateTime(days, units) => {
                // Rounded to 100 ns: .003 is .0033333 in datetime2.
                at(
                    u32::try_from(i64::from(DAY_1900) + i64::from(days)).ok()?,
                    (u64::from(units) * 100_000 + 1) / 3,
                )
            }
            Value::SmallDateTime(days, minutes) => {
                at(DAY_1900 + u32::from(days), u64::from(minutes) * TICKS_A_MINUTE as u64)
            }
            _ => None,
        }
    }

    /// Rounded to a scale, half up. At the very end of year 9999 it is cut instead (unconfirmed).
    fn rounded(self, scale: u8) -> Moment {
        let unit = 10u64.pow(7u32.saturating_sub(scale.into()));
        let ticks = (self.ticks + unit / 2) / unit * unit;
        match ticks {
            0..TICKS_A_DAY => Moment { ticks, ..self },
            _ if self.days == LAST_DAY => Moment { ticks: self.ticks / unit * unit, ..self },
            _ => Moment { days: self.days + 1, ticks: 0, ..self },
        }
    }

    /// 100 ns since 0001-01-01 at the clock's own offset.
    fn local_ticks(self) -> u64 {
        u64::from(self.days) * TICKS_A_DAY + self.ticks
    }
}

/// Days since 1900-01-01 with their fraction: datetime as a number.
pub(super) fn days_since_1900(value: &Value) -> f64 {
    match *value {
        Value::DateTime(days, units) => f64::from(days) + f64::from(units) / UNITS_A_DAY as f64,
        Value::SmallDateTime(days, minutes) => f64::from(days) + f64::from(minutes) / 1440.0,
        _ => 0.0,
    }
}

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
