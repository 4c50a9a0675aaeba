//! Dates and times from text: the literal formats of Microsoft's "datetime", "date", "time" and
//! "datetimeoffset", in the order that CONVERT's style asks for (us_english: month, day, year).
use super::calendar::days_of_date;
use super::errors;
use super::moment::{DAY_1900, Moment};
use crate::error::SqlError;
use crate::types::SqlType;

/// Why a text is no moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MomentFault {
    /// Not the form of a date or time.
    Form,
    /// The form, but a month 13, a 30th of February, an hour 25.
    Range,
}

impl MomentFault {
    /// 242 where an old type gets a field out of range; else 241 or 295.
    pub(super) fn error(self, from: &SqlType, to: &SqlType) -> SqlError {
        match (self, to) {
            (MomentFault::Range, SqlType::DateTime | SqlType::SmallDateTime) => {
                errors::date_out_of_range(from, to)
            }
            _ => errors::not_a_date(to),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FieldOrder {
    MonthDayYear,
    DayMonthYear,
    YearMonthDay,
}

fn field_order(style: Option<i32>) -> FieldOrder {
    match style.unwrap_or(0) {
        3 | 4 | 5 | 6 | 13 | 103 | 104 | 105 | 106 | 113 => FieldOrder::DayMonthYear,
        2 | 11 | 12 | 20 | 21 | 23 | 25 | 102 | 111 | 112 | 120 | 121 | 126 | 127 => FieldOrder::YearMonthDay,
        _ => FieldOrder::MonthDayYear,
    }
}

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

/// Two-digit years up to 49 are of this century (the server's default "two digit year cutoff", 2049).
fn full_year(year: i32, digits: usize) -> i32 {
    match (digits, year) {
        (3.., year) => year,
        (_, 0..=49) => 2000 + year,
        (_, year) => 1900 + year,
    }
}

/// What a text names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ParsedMoment {
    pub moment: Moment,
    /// Digits after the second's point.
    pub fraction_digits: usize,
    pub has_offset: bool,
}

/// The moment a text names; a date without a time is midnight, a time without a date is of 1900-01-01, a text of
/// blanks is both.
pub(super) fn parse(text: &str, style: Option<i32>) -> Result<ParsedMoment, MomentFault> {
    let mut scanner = Scanner { rest: text, fraction_digits: 0 };
    let mut date = None;
    let mut time = None;
    let mut offset = None;
    loop {
        scanner.skip_blanks();
        if scanner.rest.is_empty() {
            break;
        }
        if time.is_some() && offset.is_none() && scanner.rest.starts_with(['+', '-', 'Z', 'z']) {
            offset = Some(scanner.offset()?);
        } else if time.is_none() && scanner.at_time() {
            time = Some(scanner.time()?);
        } else if date.is_none() {
            date = Some(scanner.date(field_order(style))?);
            // ISO 8601's T.
            if let Some(rest) = scanner.rest.strip_prefix(['T', 't']) {
                scanner.rest = rest;
            }
        } else {
            return Err(MomentFault::Form);
        }
    }
    let days = match date {
        Some((year, month, day)) => days_of_date(year, month, day).ok_or(MomentFault::Range)?,
        None => DAY_1900,
    };
    Ok(ParsedMoment {
        moment: Moment { days, ticks: time.unwrap_or(0), offset: offset.unwrap_or(0) },
        fraction_digits: scanner.fraction_digits,
        has_offset: offset.is_some(),
    })
}

struct Scanner<'a> {
    rest: &'a str,
    fraction_digits: usize,
}

impl Scanner<'_> {
    fn skip_blanks(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    /// A run of digits, with their number.
    fn digits(&mut self) -> Option<(u32, usize)> {
        let len = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.rest.split_at_checked(len)?;
        let number = digits.parse().ok()?;
        self.rest = rest;
        Some((number, len))
    }

    fn take(&mut self, wanted: &[char]) -> bool {
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// Digits followed by a colon, or by AM or PM.
    fn at_time(&self) -> bool {
        let after = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
        if after.len() == self.rest.len() {
            return false;
        }
        after.starts_with(':') || half_day(after.trim_start_matches(' ')).is_some()
    }

    fn date(&mut self, order: FieldOrder) -> Result<(i32, u32, u32), MomentFault> {
        if self.rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            return self.date_from_month();
        }
        let (first, len) = self.digits().ok_or(MomentFault::Form)?;
        if matches!(len, 6 | 8) && !self.rest.starts_with(['-', '/', '.']) {
            let year_digits = len - 4;
            return Ok((full_year((first / 10_000) as i32, year_digits), first / 100 % 100, first % 100));
        }
        if len == 4 && (self.rest.is_empty() || self.rest.starts_with(' ')) {
            // A year alone, or a year before a month's name.
            self.skip_blanks();
            if self.rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
                let month = self.month()?;
                self.skip_blanks();
                let day = self.digits().map_or(1, |(day, _)| day);
                return Ok((first as i32, month, day));
            }
            return Ok((first as i32, 1, 1));
        }
        if self.rest.trim_start_matches([' ', '-']).starts_with(|c: char| c.is_ascii_alphabetic()) {
            self.rest = self.rest.trim_start_matches([' ', '-']);
            let month = self.month()?;
            self.rest = self.rest.trim_start_matches([' ', '-', ',']);
            let (year, digits) = self.digits().ok_or(MomentFault::Form)?;
            return Ok((full_year(year as i32, digits), month, first));
        }
        self.date_from_numbers((first, len), order)
    }

    /// `Mar 5, 2024`, `March 5 2024`.
    fn date_from_month(&mut self) -> Result<(i32, u32, u32), MomentFault> {
        let month = self.month()?;
        self.skip_blanks();
        let (day, len) = self.digits().ok_or(MomentFault::Form)?;
        if len == 4 {
            return Ok((day as i32, month, 1));
        }
        self.rest = self.rest.trim_start_matches([' ', ',']);
        let (year, digits) = self.digits().ok_or(MomentFault::Form)?;
        Ok((full_year(year as i32, digits), month, day))
    }

    fn date_from_numbers(
        &mut self,
        first: (u32, usize),
        order: FieldOrder,
    ) -> Result<(i32, u32, u32), MomentFault> {
        const SEPARATORS: &[char] = &['-', '/', '.'];
        let mut fields = [first, (0, 0), (0, 0)];
        for field in &mut fields[1..] {
            self.skip_blanks();
            if !self.take(SEPARATORS) {
                return Err(MomentFault::Form);
            }
            self.skip_blanks();
            *field = self.digits().ok_or(MomentFault::Form)?;
        }
        let [a, b, c] = fields;
        // Four digits are the year wherever they stand.
        let order = match order {
            _ if a.1 == 4 => FieldOrder::YearMonthDay,
            FieldOrder::YearMonthDay if c.1 == 4 => FieldOrder::MonthDayYear,
            order => order,
        };
        let (year, month, day) = match order {
            FieldOrder::MonthDayYear => (c, a, b),
            FieldOrder::DayMonthYear => (c, b, a),
            FieldOrder::YearMonthDay => (a, b, c),
        };
        if !matches!(year.1, 1 | 2 | 4) || month.1 > 2 || day.1 > 2 {
            return Err(MomentFault::Form);
        }
        Ok((full_year(year.0 as i32, year.1), month.0, day.0))
    }

    fn month(&mut self) -> Result<u32, MomentFault> {
        let len = self.rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (word, rest) = self.rest.split_at_checked(len).ok_or(MomentFault::Form)?;
        let word = word.to_ascii_lowercase();
        let found = MONTHS.iter().position(|month| *month == word || (len == 3 && month.starts_with(&word)));
        self.rest = rest;
        found.map(|index| index as u32 + 1).ok_or(MomentFault::Form)
    }

    /// 100 ns since midnight.
    fn time(&mut self) -> Result<u64, MomentFault> {
        let (mut hour, _) = self.digits().ok_or(MomentFault::Form)?;
        let (mut minute, mut second, mut fraction) = (0, 0, 0);
        if self.take(&[':']) {
            minute = self.digits().ok_or(MomentFault::Form)?.0;
            if self.take(&[':']) {
                second = self.digits().ok_or(MomentFault::Form)?.0;
                fraction = self.fraction()?;
            }
        }
        self.skip_blanks();
        if let Some(afternoon) = half_day(self.rest) {
            self.rest = &self.rest[2..];
            if !(1..=12).contains(&hour) {
                return Err(MomentFault::Range);
            }
            hour = hour % 12 + if afternoon { 12 } else { 0 };
        }
        if hour > 23 || minute > 59 || second > 59 {
            return Err(MomentFault::Range);
        }
        Ok(u64::from(hour * 3600 + minute * 60 + second) * 10_000_000 + fraction)
    }

    /// After a point the digits are a decimal fraction; after a colon they are milliseconds.
    fn fraction(&mut self) -> Result<u64, MomentFault> {
        if self.take(&['.']) {
            let rest = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
            let digits = &self.rest[..self.rest.len() - rest.len()];
            if digits.is_empty() || digits.len() > 9 {
                return Err(MomentFault::Form);
            }
            self.rest = rest;
            self.fraction_digits = digits.len();
            let kept = digits.get(..7).unwrap_or(digits);
            return format!("{kept:0<7}").parse().map_err(|_| MomentFault::Form);
        }
        if self.take(&[':']) {
            let (thousandths, len) = self.digits().ok_or(MomentFault::Form)?;
            return if len <= 3 { Ok(u64::from(thousandths) * 10_000) } else { Err(MomentFault::Form) };
        }
        Ok(0)
    }

    /// Minutes from UTC.
    fn offset(&mut self) -> Result<i16, MomentFault> {
        if self.take(&['Z', 'z']) {
            return Ok(0);
        }
        let negative = self.take(&['-']);
        self.take(&['+']);
        let (hours, _) = self.digits().ok_or(MomentFault::Form)?;
        let minutes = if self.take(&[':']) { self.digits().ok_or(MomentFault::Form)?.0 } else { 0 };
        if hours > 14 || minutes > 59 || (hours == 14 && minutes > 0) {
            return Err(MomentFault::Range);
        }
        let offset = (hours * 60 + minutes) as i16;
        Ok(if negative { -offset } else { offset })
    }
}

/// Whether AM (false) or PM (true) stands at the beginning.
fn half_day(text: &str) -> Option<bool> {
    match text.get(..2)?.to_ascii_lowercase().as_str() {
        "am" => Some(false),
        "pm" => Some(true),
        _ => None,
    }
}
