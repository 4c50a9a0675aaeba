//! Dates, or values of a key → windows, and which rows of a table a window holds. Pure.
mod column;
mod cut;
mod filter;
mod key;
mod range;

use std::fmt;

use time::Date;
use time::macros::date;

pub use column::{DateColumn, Outside, choose};
pub(crate) use column::{date_left_out, yyyymmdd};
pub(crate) use cut::all_days;
pub use cut::{Cut, CutBy};
pub use filter::{Filter, and_where};
pub(crate) use key::readable;
pub use key::{Boundary, Key, KeyRange, KeyValue, choose_key, key_index};
pub use range::{Range, Unit, date};

/// The calendar's last day, and "for ever" in many a table. No day comes after it, neither here nor on the server.
pub const LAST_DAY: Date = date!(9999 - 12 - 31);

/// Rows of a table that are replaced together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Window {
    /// Those of some days.
    Days(DayRange),
    /// Those whose keys lie between two values.
    Keys(KeyRange),
}

impl Window {
    /// Its days; `None`: it is of a key.
    pub fn days(&self) -> Option<DayRange> {
        match self {
            Self::Days(days) => Some(*days),
            Self::Keys(_) => None,
        }
    }

    /// Its keys; `None`: it is of days.
    pub fn keys(&self) -> Option<&KeyRange> {
        match self {
            Self::Days(_) => None,
            Self::Keys(keys) => Some(keys),
        }
    }

    /// All days from its first on.
    pub fn is_endless(&self) -> bool {
        self.days().is_some_and(|days| days.is_endless())
    }
}

impl From<DayRange> for Window {
    fn from(days: DayRange) -> Self {
        Self::Days(days)
    }
}

impl From<KeyRange> for Window {
    fn from(keys: KeyRange) -> Self {
        Self::Keys(keys)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days(days) => days.fmt(f),
            Self::Keys(keys) => keys.fmt(f),
        }
    }
}

/// Days of a table's date column: `first` and all that come before `next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DayRange {
    /// Included.
    pub first: Date,
    /// The first day that is no longer in it. Half-open, so that 23:59:59.9999999 is in and midnight is out.
    /// [`LAST_DAY`] stands for none: such a window has no end, and holds that day and whatever an integer says that is
    /// beyond it. No window ends on the day before, see [`Range::new`].
    pub next: Date,
}

impl DayRange {
    /// Everything from `first` on.
    pub fn is_endless(&self) -> bool {
        self.next == LAST_DAY
    }

    /// The last day in it.
    pub fn last(&self) -> Date {
        if self.is_endless() { LAST_DAY } else { self.next.previous_day().unwrap_or(self.first) }
    }

    /// Is this day in it?
    pub fn holds(&self, day: Date) -> bool {
        self.first <= day && (self.is_endless() || day < self.next)
    }

    /// The same for an integer of the form yyyymmdd, be it a day or lie between two.
    pub fn holds_number(&self, number: i64) -> bool {
        let of = |day| i64::from(column::yyyymmdd(day));
        of(self.first) <= number && (self.is_endless() || number < of(self.next))
    }

    fn is_month(&self) -> bool {
        self.first.day() == 1 && range::after(Unit::Month, self.first) == self.next
    }
}

/// `2024-01` for a month, `2024-01-15` for a day, `2024-01-15..2024-01-20` for anything else, both ends in it.
impl fmt::Display for DayRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_month() {
            write!(f, "{:04}-{:02}", self.first.year(), u8::from(self.first.month()))
        } else if self.last() == self.first {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}..{}", self.first, self.last())
        }
    }
}
