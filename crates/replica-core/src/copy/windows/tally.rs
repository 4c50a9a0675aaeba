//! Rows by the day → rows by the window. Pure.
use crate::window::{DayRange, yyyymmdd};

/// The rows of each window, of answers that have a day as yyyymmdd and its rows. An integer that is no day is in the
/// window that its predicate puts it in. `windows`: in order, without overlap.
pub(crate) fn tally(windows: &[DayRange], days: &[Vec<Option<i64>>]) -> Vec<u64> {
    let mut counts = vec![0; windows.len()];
    for day in days {
        let [Some(day), Some(rows)] = day[..] else { continue };
        let after = windows.partition_point(|window| i64::from(yyyymmdd(window.first)) <= day);
        let Some(at) = after.checked_sub(1) else { continue };
        if windows[at].holds_number(day) {
            counts[at] += u64::try_from(rows).unwrap_or_default();
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use time::Date;
    use time::macros::date;

    use super::*;
    use crate::window::LAST_DAY;

    fn window(first: Date, next: Date) -> DayRange {
        DayRange { first, next }
    }

    #[test]
    fn each_day_is_counted_where_its_predicate_finds_it() {
        let windows = [
            window(date!(2024 - 02 - 01), date!(2024 - 02 - 29)),
            window(date!(2024 - 02 - 29), date!(2024 - 03 - 01)),
            window(date!(2024 - 04 - 01), date!(2024 - 05 - 01)),
        ];
        let days = [
            (20_240_131, 1),
            (20_240_201, 2),
            (20_240_228, 4),
            (20_240_229, 8),
            // No day, and yet after the 29th.
            (20_240_230, 16),
            // Between windows.
            (20_240_301, 32),
            (20_240_401, 64),
            (20_240_501, 128),
            (-1, 256),
        ];
        let days: Vec<_> = days.map(|(day, rows)| vec![Some(day), Some(rows)]).into();
        assert_eq!(tally(&windows, &days), [6, 24, 64]);
        assert_eq!(tally(&windows, &[vec![None, Some(7)]]), [0, 0, 0]);
        assert_eq!(tally(&[], &days), [0; 0]);
        let endless = window(date!(9999 - 12 - 01), LAST_DAY);
        assert_eq!(
            tally(&[endless], &[vec![Some(99_991_231), Some(2)], vec![Some(99_999_999), Some(3)]]),
            [5]
        );
    }
}
