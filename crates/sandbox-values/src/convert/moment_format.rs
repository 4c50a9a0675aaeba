//! Dates and times to text, in CONVERT's styles (Microsoft, "CAST and CONVERT", "Date and time styles").
use super::calendar::date_of_days;
use super::errors;
use super::moment::Moment;
use crate::error::SqlError;
use crate::types::SqlType;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The text of a moment of type `from`. Without a style, or with 0, the old types read `Mar  5 2024  3:04PM` and
/// the newer ones are in ISO form.
///
/// # Errors
/// 281 for a style that does not exist; the Hijri ones (130, 131) are not supported by the sandbox and get it too.
pub(super) fn format(moment: Moment, from: &SqlType, style: Option<i32>) -> Result<String, SqlError> {
    let text = Text::new(moment, from);
    let style = match style {
        None | Some(0) if !matches!(from, SqlType::DateTime | SqlType::SmallDateTime) => {
            return Ok(text.plain());
        }
        None => 0,
        Some(style) => style,
    };
    text.styled(style).ok_or_else(|| errors::bad_style(style, from))
}

struct Text<'a> {
    year: i32,
    month: u32,
    day: u32,
    hour: u64,
    minute: u64,
    second: u64,
    /// 100 ns.
    fraction: u64,
    offset: i16,
    from: &'a SqlType,
}

impl Text<'_> {
    fn new(moment: Moment, from: &SqlType) -> Text<'_> {
        let (year, month, day) = date_of_days(moment.days);
        let seconds = moment.ticks / 10_000_000;
        Text {
            year,
            month,
            day,
            hour: seconds / 3600,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            fraction: moment.ticks % 10_000_000,
            offset: moment.offset,
            from,
        }
    }

    fn styled(&self, style: i32) -> Option<String> {
        let (month, day) = (self.month, self.day);
        let name = MONTHS[month as usize - 1];
        // Below 100 the year has two digits, except where a style has no short form.
        let year = if style < 100 { format!("{:02}", self.year % 100) } else { format!("{:04}", self.year) };
        let full = format!("{:04}", self.year);
        Some(match style {
            0 | 100 => format!("{name} {day:>2} {full} {}", self.clock_12()),
            1 | 101 => format!("{month:02}/{day:02}/{year}"),
            2 | 102 => format!("{year}.{month:02}.{day:02}"),
            3 | 103 => format!("{day:02}/{month:02}/{year}"),
            4 | 104 => format!("{day:02}.{month:02}.{year}"),
            5 | 105 => format!("{day:02}-{month:02}-{year}"),
            6 | 106 => format!("{day:02} {name} {year}"),
            7 | 107 => format!("{name} {day:02}, {year}"),
            8 | 24 | 108 => self.clock(),
            9 | 109 => format!("{name} {day:>2} {full} {}", self.clock_12_with_fraction()),
            10 | 110 => format!("{month:02}-{day:02}-{year}"),
            11 | 111 => format!("{year}/{month:02}/{day:02}"),
            12 | 112 => format!("{year}{month:02}{day:02}"),
            13 | 113 => format!("{day:02} {name} {full} {}{}", self.clock(), self.fraction(':')),
            14 | 114 => format!("{}{}", self.clock(), self.fraction(':')),
            20 | 120 => self.iso(" ", ""),
            21 | 25 | 121 => self.iso(" ", &self.fraction('.')),
            22 => format!("{month:02}/{day:02}/{:02} {}", self.year % 100, self.clock_12_with_seconds()),
            23 => format!("{full}-{month:02}-{day:02}"),
            126 => self.iso("T", &self.fraction_unless_zero()),
            127 => self.zulu(),
            _ => return None,
        })
    }

    /// What a newer type reads without a style: style 121, or the parts that the type has.
    fn plain(&self) -> String {
        match self.from {
            SqlType::Date => format!("{:04}-{:02}-{:02}", self.year, self.month, self.day),
            SqlType::Time(_) => format!("{}{}", self.clock(), self.fraction('.')),
            _ => self.iso(" ", &self.fraction('.')),
        }
    }

    fn iso(&self, separator: &str, fraction: &str) -> String {
        let date = format!("{:04}-{:02}-{:02}", self.year, self.month, self.day);
        match self.from {
            SqlType::Date => date,
            SqlType::Time(_) => format!("{}{fraction}", self.clock()),
            SqlType::DateTimeOffset(_) => {
                let blank = if separator == " " { " " } else { "" };
                format!("{date}{separator}{}{fraction}{blank}{}", self.clock(), self.offset_text())
            }
            _ => format!("{date}{separator}{}{fraction}", self.clock()),
        }
    }

    /// Style 127: UTC with a Z, for datetimeoffset.
    fn zulu(&self) -> String {
        match self.from {
            SqlType::DateTimeOffset(_) => {
                let moment = self.utc();
                let text = Text { offset: 0, ..Text::new(moment, self.from) };
                let date = format!("{:04}-{:02}-{:02}", text.year, text.month, text.day);
                format!("{date}T{}{}Z", text.clock(), text.fraction_unless_zero())
            }
            _ => self.iso("T", &self.fraction_unless_zero()),
        }
    }

    fn utc(&self) -> Moment {
        const TICKS_A_DAY: i64 = crate::wire::TICKS_A_DAY as i64;
        let days = super::days_of_date(self.year, self.month, self.day).unwrap_or_default();
        let seconds = (self.hour * 3600 + self.minute * 60 + self.second) as i64;
        let ticks = i64::from(days) * TICKS_A_DAY + seconds * 10_000_000 + self.fraction as i64
            - i64::from(self.offset) * super::moment::TICKS_A_MINUTE;
        let ticks = ticks.max(0);
        Moment { days: (ticks / TICKS_A_DAY) as u32, ticks: (ticks % TICKS_A_DAY) as u64, offset: 0 }
    }

    fn clock(&self) -> String {
        format!("{:02}:{:02}:{:02}", self.hour, self.minute, self.second)
    }

    fn offset_text(&self) -> String {
        let sign = if self.offset < 0 { '-' } else { '+' };
        let minutes = self.offset.unsigned_abs();
        format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }

    fn hour_12(&self) -> (u64, &'static str) {
        ((self.hour + 11) % 12 + 1, if self.hour < 12 { "AM" } else { "PM" })
    }

    fn clock_12(&self) -> String {
        let (hour, half) = self.hour_12();
        format!("{hour:>2}:{:02}{half}", self.minute)
    }

    fn clock_12_with_seconds(&self) -> String {
        let (hour, half) = self.hour_12();
        format!("{hour:>2}:{:02}:{:02} {half}", self.minute, self.second)
    }

    fn clock_12_with_fraction(&self) -> String {
        let (hour, half) = self.hour_12();
        format!("{hour:>2}:{:02}:{:02}{}{half}", self.minute, self.second, self.fraction(':'))
    }

    /// The digits that the type has: three for datetime, none for smalldatetime, else its scale. Newer types put a
    /// point before them in every style.
    fn fraction(&self, separator: char) -> String {
        match *self.from {
            SqlType::DateTime => format!("{separator}{:03}", (self.fraction + 5_000) / 10_000),
            SqlType::SmallDateTime => format!("{separator}000"),
            SqlType::Time(0) | SqlType::DateTime2(0) | SqlType::DateTimeOffset(0) | SqlType::Date => {
                String::new()
            }
            _ => {
                let digits = format!("{:07}", self.fraction);
                format!(".{}", &digits[..usize::from(self.from.scale().min(7))])
            }
        }
    }

    /// Style 126 leaves out milliseconds of zero.
    fn fraction_unless_zero(&self) -> String {
        match self.from {
            SqlType::DateTime | SqlType::SmallDateTime if self.fraction == 0 => String::new(),
            _ => self.fraction('.'),
        }
    }
}
