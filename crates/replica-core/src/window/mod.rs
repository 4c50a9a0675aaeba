//! Dates → windows, and which rows of a table a window holds. Pure.
mod column;
mod filter;
mod range;

use std::fmt;

use time::Date;

pub(crate) use column::yyyymmdd;
pub use column::{DateColumn, choose};
pub use filter::{Filter, and_where};
pub use range::{Range, Unit, date};

/// Days of a table's date column that are replaced together: `first` and all that come before `next`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    pub first: Date,
    /// The first day that is no longer in it. Half-open, so that 23:59:59.9999999 is in and midnight is out.
    pub next: Date,
}

impl Window {
    /// The last day in it.
    pub fn last(&self) -> Date {
        self.next.previous_day().unwrap_or(self.first)
    }

    fn is_month(&self) -> bool {
        self.first.day() == 1 && range::after(Unit::Month, self.first) == Some(self.next)
    }
}

/// `2024-01` for a month, `2024-01-15` for a day, `2024-01-15..2024-01-20` for anything else, both ends in it.
impl fmt::Display for Window {
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
