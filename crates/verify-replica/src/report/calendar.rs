//! A table's windows as a calendar: a row a year with its months, or a row a month with its days.
use replica_core::window::DayRange;
use time::{Date, Month};

use super::{Label, class, title};
use crate::finished::FinishedComparison;

pub struct Calendar {
    pub width: usize,
    pub height: usize,
    pub labels: Vec<Label>,
    pub cells: Vec<CalendarCell>,
}

pub struct CalendarCell {
    pub title: String,
    pub class: &'static str,
    /// A sign beside the colour.
    pub mark: &'static str,
    pub x: usize,
    pub y: usize,
    pub width: usize,
}

/// Height of a row, gap included.
const ROW: usize = 24;
/// Where the cells begin.
const LEFT: usize = 58;
const TOP: usize = 20;
const GAP: usize = 2;
/// Width of a month and of a day, gap included: so that all of them can be read on a page of 500 pixels. The page scales the
/// picture up where there is more room.
const MONTH: usize = 31;
const DAY: usize = 12;
/// More rows than this make no picture.
const MOST_ROWS: usize = 400;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The days of a comparison; `None`: it is of the whole table, or of a range of keys.
fn days(done: &FinishedComparison) -> Option<DayRange> {
    done.window.as_ref()?.days()
}

impl Calendar {
    /// `None`: there are no windows, or too many. They are in order.
    pub fn of(windows: &[&FinishedComparison]) -> Option<Self> {
        let days: Vec<_> =
            windows.iter().filter_map(|done| days(done)).map(|days| (days.first, days.last())).collect();
        let first = days.first()?.0;
        let last = days.last()?.1;
        // A month's cell is one window, or the calendar is one of days.
        let mut months: Vec<_> = days.iter().map(|(first, _)| (first.year(), first.month())).collect();
        months.dedup();
        let by_month =
            months.len() == days.len() && days.iter().all(|(first, last)| first.month() == last.month());
        let calendar =
            if by_month { Self::months(windows, first, last) } else { Self::days(windows, first, last) };
        (calendar.height <= TOP + MOST_ROWS * ROW).then_some(calendar)
    }

    fn months(windows: &[&FinishedComparison], first: Date, last: Date) -> Self {
        let mut labels: Vec<_> = MONTHS
            .iter()
            .enumerate()
            .map(|(at, name)| Label { x: LEFT + at * MONTH + 2, y: TOP - 6, text: (*name).into() })
            .collect();
        let mut cells = Vec::new();
        let years = first.year()..=last.year();
        for (row, year) in years.clone().enumerate() {
            let y = TOP + row * ROW;
            labels.push(Label { x: 0, y: y + 14, text: year.to_string() });
            for (at, name) in MONTHS.iter().enumerate() {
                let done = windows.iter().find(|done| {
                    days(done).is_some_and(|days| {
                        (days.first.year(), u8::from(days.first.month()) as usize) == (year, at + 1)
                    })
                });
                let empty = || format!("{name} {year}: not checked");
                cells.push(cell(done, empty, (LEFT + at * MONTH, y, MONTH - GAP)));
            }
        }
        Self { width: LEFT + 12 * MONTH, height: TOP + years.count() * ROW, labels, cells }
    }

    fn days(windows: &[&FinishedComparison], first: Date, last: Date) -> Self {
        let mut labels: Vec<_> = (0..31)
            .step_by(2)
            .map(|at| Label { x: LEFT + at * DAY, y: TOP - 6, text: (at + 1).to_string() })
            .collect();
        let mut cells = Vec::new();
        let months = months_between(first, last);
        for (row, (year, month)) in months.iter().enumerate() {
            let y = TOP + row * ROW;
            labels.push(Label { x: 0, y: y + 14, text: format!("{year}-{:02}", u8::from(*month)) });
            for day in 1..=month.length(*year) {
                let Ok(date) = Date::from_calendar_date(*year, *month, day) else { continue };
                // In order, so that the last one that begins by then is the one.
                let at = windows.partition_point(|done| days(done).is_none_or(|days| days.first <= date));
                let done = at.checked_sub(1).map(|at| &windows[at]);
                let done = done.filter(|done| days(done).is_some_and(|days| days.holds(date)));
                let x = LEFT + usize::from(day - 1) * DAY;
                cells.push(cell(done, || format!("{date}: not checked"), (x, y, DAY - GAP)));
            }
        }
        Self { width: LEFT + 31 * DAY, height: TOP + months.len() * ROW, labels, cells }
    }
}

fn months_between(first: Date, last: Date) -> Vec<(i32, Month)> {
    let mut months = vec![(first.year(), first.month())];
    while let Some((year, month)) = months.last().copied()
        && (year, u8::from(month)) < (last.year(), u8::from(last.month()))
        && months.len() <= MOST_ROWS
    {
        months.push((year + i32::from(month == Month::December), month.next()));
    }
    months
}

fn cell(
    done: Option<&&FinishedComparison>,
    empty: impl Fn() -> String,
    (x, y, width): (usize, usize, usize),
) -> CalendarCell {
    let class = done.map_or("none", |done| class(done));
    let mark = match class {
        "different" => "≠",
        "failed" => "!",
        "behind" => "…",
        "repaired" => "✓",
        _ => "",
    };
    CalendarCell { title: done.map_or_else(empty, |done| title(done)), class, mark, x, y, width }
}
