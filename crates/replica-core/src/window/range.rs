//! A range of days as the user gave it, cut into windows.
use std::str::FromStr;

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{Date, Duration, Month};

use super::{DayRange, LAST_DAY, Window};
use crate::error::{Error, Result};

/// `--start-date` to `--end-date`: all days from the first to the last, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    first: Date,
    next: Date,
}

/// How long a window is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    #[default]
    /// From the first to the last of a calendar month.
    Month,
    /// From Monday.
    Week,
    /// From midnight to midnight.
    Day,
}

/// A range that makes more windows than this is a slip of the finger: 179 years of days, 191 of weeks, 833 of months.
const fn most_windows(unit: Unit) -> usize {
    match unit {
        Unit::Day => 65_536,
        Unit::Week | Unit::Month => 10_000,
    }
}

const ISO: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");
const COMPACT: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day]");

/// A day as `YYYY-MM-DD` or `YYYYMMDD`, from the option `name`.
///
/// # Errors
/// Of kind `Usage`: no such day, or not written so.
pub fn date(name: &str, text: &str) -> Result<Date> {
    let text = text.trim();
    let parsed = Date::parse(text, ISO).or_else(|_| Date::parse(text, COMPACT));
    parsed
        .ok()
        .filter(|date| date.year() >= 1)
        .ok_or_else(|| Error::usage(format!("{name} {text} is no date")).remedy("Write it as 2024-01-31"))
}

impl Range {
    /// Both days are included.
    ///
    /// # Errors
    /// Of kind `Usage`: the last day is before the first, or the last but one that there is: a window that ends with
    /// the day after it has no end.
    pub fn new(first: Date, last: Date) -> Result<Self> {
        if last < first {
            return Err(Error::usage(format!("--end-date {last} is before --start-date {first}")));
        }
        let next = last.next_day().unwrap_or(LAST_DAY);
        if next == LAST_DAY && last < LAST_DAY {
            return Err(Error::usage(format!("no window ends on {last}"))
                .remedy(format!("End it a day earlier, or on {LAST_DAY}, the last day that there is")));
        }
        Ok(Self { first, next })
    }

    /// From the options as typed; `None` if neither is there.
    ///
    /// # Errors
    /// Of kind `Usage`: one without the other; those of [`date`] and [`Self::new`].
    pub fn typed(start: Option<&str>, end: Option<&str>) -> Result<Option<Self>> {
        match (start, end) {
            (None, None) => Ok(None),
            (Some(start), Some(end)) => {
                Self::new(date("--start-date", start)?, date("--end-date", end)?).map(Some)
            }
            _ => Err(Error::usage("--start-date and --end-date go together")),
        }
    }

    /// From the first to the last of two numbers of the form yyyymmdd; a number that is no day is of the day before
    /// it.
    ///
    /// # Errors
    /// Those of [`Self::new`]; a number that no day comes before.
    pub fn of_numbers(first: i64, last: i64) -> Result<Self> {
        let day = |number: i64| {
            day_of(number)
                .ok_or_else(|| Error::data(format!("the value {number} is no day of the form yyyymmdd")))
        };
        Self::new(day(first)?, day(last)?)
    }

    /// All of it as one window.
    pub fn whole(&self) -> DayRange {
        DayRange { first: self.first, next: self.next }
    }

    /// Cut where months, weeks or days begin: the first and the last window may be shorter.
    ///
    /// # Errors
    /// Of kind `Usage`: thousands of windows.
    pub fn windows(&self, unit: Unit) -> Result<Vec<Window>> {
        let mut windows = Vec::new();
        let mut first = self.first;
        loop {
            let next = after(unit, first).min(self.next);
            windows.push(Window::Days(DayRange { first, next }));
            if next == self.next {
                return Ok(windows);
            }
            if windows.len() == most_windows(unit) {
                let all = self.whole();
                let mut way_out = "Check --start-date and --end-date, or take a larger --window".to_owned();
                if all.is_endless() {
                    way_out.push_str(&format!(
                        ". Rows that are dated {LAST_DAY}, for ever, are a range of their own: --start-date {LAST_DAY} --end-date {LAST_DAY}"
                    ));
                }
                return Err(
                    Error::usage(format!("{all} has more than {} windows", windows.len())).remedy(way_out)
                );
            }
            first = next;
        }
    }
}

/// When the unit after the one that `date` lies in begins; [`LAST_DAY`] where none does.
pub(super) fn after(unit: Unit, date: Date) -> Date {
    let next = match unit {
        Unit::Day => date.next_day(),
        Unit::Week => {
            let days = 7 - i64::from(date.weekday().number_days_from_monday());
            date.checked_add(Duration::days(days))
        }
        Unit::Month => {
            let month = date.month().next();
            let year = date.year() + i32::from(month == Month::January);
            Date::from_calendar_date(year, month, 1).ok()
        }
    };
    next.unwrap_or(LAST_DAY)
}

/// The day that a number of the form yyyymmdd says, or the last one before it.
fn day_of(number: i64) -> Option<Date> {
    let year = i32::try_from(number / 10_000).ok().filter(|year| *year >= 1)?;
    let (month, day) = (number / 100 % 100, number % 100);
    let first = match u8::try_from(month).ok()? {
        0 if year == 1 => return None,
        0 => return Date::from_calendar_date(year - 1, Month::December, 31).ok(),
        month @ 1..=12 => Date::from_calendar_date(year, Month::try_from(month).ok()?, 1).ok()?,
        _ => return Date::from_calendar_date(year, Month::December, 31).ok(),
    };
    let last = i64::from(first.month().length(year));
    first.checked_add(Duration::days(day.min(last) - 1))
}

impl FromStr for Unit {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "month" => Ok(Self::Month),
            "week" => Ok(Self::Week),
            "day" => Ok(Self::Day),
            _ => Err(Error::usage("it is month, week or day")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::date as day;

    use super::*;

    fn labels(start: &str, end: &str, unit: Unit) -> Vec<String> {
        let range = Range::typed(Some(start), Some(end)).unwrap().unwrap();
        range.windows(unit).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn months_of_a_leap_year() {
        let found = labels("2024-01-01", "2024-03-31", Unit::Month);
        assert_eq!(found, ["2024-01", "2024-02", "2024-03"]);
        let range = Range::new(day!(2024 - 02 - 29), day!(2024 - 02 - 29)).unwrap();
        assert_eq!(range.whole(), DayRange { first: day!(2024 - 02 - 29), next: day!(2024 - 03 - 01) });
        assert!(date("--end-date", "2023-02-29").is_err());
    }

    #[test]
    fn the_ends_may_be_parts() {
        let found = labels("2023-12-15", "20240201", Unit::Month);
        assert_eq!(found, ["2023-12-15..2023-12-31", "2024-01", "2024-02-01"]);
        // 2024-01-01 was a Monday.
        let found = labels("2023-12-30", "2024-01-09", Unit::Week);
        assert_eq!(found, ["2023-12-30..2023-12-31", "2024-01-01..2024-01-07", "2024-01-08..2024-01-09"]);
        assert_eq!(labels("2024-02-28", "2024-03-01", Unit::Day), ["2024-02-28", "2024-02-29", "2024-03-01"]);
    }

    #[test]
    fn the_last_window_has_no_end() {
        for unit in [Unit::Month, Unit::Week, Unit::Day] {
            assert_eq!(labels("9999-12-31", "9999-12-31", unit), ["9999-12-31"]);
        }
        assert_eq!(labels("9999-11-30", "9999-12-31", Unit::Month), ["9999-11-30", "9999-12"]);
        assert_eq!(labels("9999-12-26", "9999-12-31", Unit::Week), ["9999-12-26", "9999-12-27..9999-12-31"]);
        assert_eq!(labels("9999-12-29", "9999-12-31", Unit::Day), ["9999-12-29", "9999-12-30..9999-12-31"]);
        let last = Range::new(day!(9999 - 12 - 01), LAST_DAY).unwrap().whole();
        assert!(last.is_endless() && last.holds(LAST_DAY) && last.holds_number(99_999_999));
        let before = Range::new(day!(9999 - 11 - 01), day!(9999 - 11 - 30)).unwrap().whole();
        assert!(!before.holds(LAST_DAY) && !before.holds(last.first) && before.holds(before.last()));
        // 20240230 and 20240300 are of the day before them.
        let february = Range::new(day!(2024 - 02 - 01), day!(2024 - 02 - 29)).unwrap().whole();
        for (number, holds) in
            [(20_240_200, false), (20_240_201, true), (20_240_300, true), (20_240_301, false)]
        {
            assert_eq!(february.holds_number(number), holds, "{number}");
        }
    }

    #[test]
    fn numbers_are_days_or_come_after_one() {
        for (number, is) in [
            (20_240_229, day!(2024 - 02 - 29)),
            (20_230_231, day!(2023 - 02 - 28)),
            (20_240_300, day!(2024 - 02 - 29)),
            (20_240_015, day!(2023 - 12 - 31)),
            (20_241_399, day!(2024 - 12 - 31)),
            (10_101, day!(0001 - 01 - 01)),
        ] {
            assert_eq!(day_of(number), Some(is), "{number}");
            assert!(Range::new(is, is).unwrap().whole().holds_number(number), "{number}");
        }
        assert_eq!(day_of(-1), None);
        let range = Range::of_numbers(20_240_115, 20_240_231).unwrap();
        assert_eq!(range, Range::new(day!(2024 - 01 - 15), day!(2024 - 02 - 29)).unwrap());
    }

    #[test]
    fn too_many_windows_say_how_many_days_and_what_for_ever_is() {
        let range = Range::typed(Some("2013-01-01"), Some("9999-12-31")).unwrap().unwrap();
        let error = range.windows(Unit::Month).unwrap_err();
        assert_eq!(error.exit_code().number(), 2);
        for said in ["2013-01-01..9999-12-31 has more than", "--start-date 9999-12-31 --end-date 9999-12-31"]
        {
            assert!(error.to_string().contains(said), "{said}: {error}");
        }
        let days = Range::typed(Some("1753-01-01"), Some("2024-12-31")).unwrap().unwrap();
        let error = days.windows(Unit::Day).unwrap_err().to_string();
        assert!(
            error.contains("1753-01-01..2024-12-31 has more than 65536 windows") && !error.contains("9999"),
            "{error}"
        );
        assert!(days.windows(Unit::Month).is_ok());
        let days = Range::typed(Some("1845-07-28"), Some("2024-12-31")).unwrap().unwrap();
        assert_eq!(days.windows(Unit::Day).unwrap().len(), 65_536);
    }

    #[test]
    fn what_makes_no_range_is_a_usage_error() {
        for (start, end) in [
            (Some("2024-01-02"), Some("2024-01-01")),
            (Some("2024-01-02"), None),
            (None, Some("2024-01-02")),
            (Some("2024-13-01"), Some("2024-12-31")),
            (Some("01/02/2024"), Some("2024-12-31")),
            (Some("2024-01-01"), Some("9999-12-30")),
            (Some("0000-01-01"), Some("2024-12-31")),
        ] {
            let error = Range::typed(start, end).unwrap_err();
            assert_eq!(error.exit_code().number(), 2, "{error}");
        }
        let ever = Range::new(day!(9999 - 12 - 31), LAST_DAY).unwrap();
        assert_eq!(ever.whole(), DayRange { first: LAST_DAY, next: LAST_DAY });
        let all = Range::new(day!(0001 - 01 - 01), day!(2024 - 01 - 01)).unwrap();
        assert!(all.windows(Unit::Day).is_err());
        assert_eq!(Range::typed(None, None).unwrap(), None);
    }

    proptest! {
        #[test]
        fn windows_cover_the_range_without_a_gap(first in 0..100_000i64, days in 0..2_000i64, unit in 0..3) {
            let first = day!(1900 - 01 - 01) + Duration::days(first);
            let range = Range::new(first, first + Duration::days(days)).unwrap();
            let unit = [Unit::Month, Unit::Week, Unit::Day][unit as usize];
            let windows = range.windows(unit).unwrap();
            let windows: Vec<_> = windows.iter().filter_map(Window::days).collect();
            prop_assert_eq!(windows.first().unwrap().first, range.first);
            prop_assert_eq!(windows.last().unwrap().next, range.next);
            prop_assert!(windows.iter().all(|window| window.first < window.next));
            prop_assert!(windows.windows(2).all(|pair| pair[0].next == pair[1].first));
        }
    }
}
