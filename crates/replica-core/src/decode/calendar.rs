//! Days as dates.

/// 1970-01-01, counted from 0001-01-01.
pub const DAYS_TO_1970: u32 = 719_162;
/// 1900-01-01, likewise: datetime and smalldatetime count from there.
pub(super) const DAYS_TO_1900: u32 = 693_595;
/// 9999-12-31, likewise.
pub(super) const LAST_DAY: u32 = 3_652_058;

/// Year, month and day, counted from 0001-01-01 in the Gregorian calendar, which SQL Server extends to before 1582.
///
/// Reckons in years that begin in March, so that the leap day is the last, within eras of 400 years.
pub fn civil(days: i64) -> (i64, u8, u8) {
    // 0000-03-01 is 306 days before 0001-01-01.
    let days = days + 306;
    let era = days.div_euclid(146_097);
    let day = days.rem_euclid(146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let of_month = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month as u8, of_month as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        for (days, date) in [
            (0, (1, 1, 1)),
            (i64::from(DAYS_TO_1970), (1970, 1, 1)),
            (i64::from(DAYS_TO_1900), (1900, 1, 1)),
            (i64::from(LAST_DAY), (9999, 12, 31)),
            (-1, (0, 12, 31)),
        ] {
            assert_eq!(civil(days), date);
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let first = time::Date::from_calendar_date(1, time::Month::January, 1).unwrap();
        let mut date = Some(first);
        for days in 0..=i64::from(LAST_DAY) {
            let expected = date.unwrap();
            assert_eq!(civil(days), (expected.year().into(), expected.month().into(), expected.day()));
            date = expected.next_day();
        }
    }
}
