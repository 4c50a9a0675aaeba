//! A date with a time of day, whatever type it has.
use crate::types::Value;
use crate::wire::TICKS_A_DAY;
use crate::wire::payload::LAST_DAY;

/// 1900-01-01 in days since 0001-01-01: day 0 of datetime, and the date of a bare time.
pub(super) const DAY_1900: u32 = 693_595;
/// 100 ns in a minute.
pub(super) const TICKS_A_MINUTE: i64 = 600_000_000;
/// datetime's units in a day.
pub(super) const UNITS_A_DAY: u64 = 86_400 * 300;

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
    pub(super) fn rounded(self, scale: u8) -> Moment {
        let unit = 10u64.pow(7u32.saturating_sub(scale.into()));
        let ticks = (self.ticks + unit / 2) / unit * unit;
        match ticks {
            0..TICKS_A_DAY => Moment { ticks, ..self },
            _ if self.days == LAST_DAY => Moment { ticks: self.ticks / unit * unit, ..self },
            _ => Moment { days: self.days + 1, ticks: 0, ..self },
        }
    }

    /// 100 ns since 0001-01-01 at the clock's own offset.
    pub(super) fn local_ticks(self) -> u64 {
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
