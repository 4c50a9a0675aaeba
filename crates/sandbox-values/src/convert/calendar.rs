//! The proleptic Gregorian calendar that SQL Server counts days by.

/// Days since 0001-01-01 of a date, if it exists between years 1 and 9999.
pub fn days_of_date(year: i32, month: u32, day: u32) -> Option<u32> {
    if !(1..=9999).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=days_in_month(year, month)).contains(&day)
    {
        return None;
    }
    let before = (year - 1) as u32;
    let leap_days = before / 4 - before / 100 + before / 400;
    let month_days: u32 = (1..month).map(|month| days_in_month(year, month)).sum();
    Some(before * 365 + leap_days + month_days + day - 1)
}

/// Year, month and day of a day since 0001-01-01.
pub fn date_of_days(days: u32) -> (i32, u32, u32) {
    const DAYS_400_YEARS: u32 = 146_097;
    let mut rest = days % DAYS_400_YEARS;
    let mut year = (days / DAYS_400_YEARS) as i32 * 400 + 1;
    // The last day of 400, or of 4, years belongs to the year before.
    let centuries = (rest / 36_524).min(3);
    rest -= centuries * 36_524;
    let fours = rest / 1461;
    rest -= fours * 1461;
    let years = (rest / 365).min(3);
    rest -= years * 365;
    year += (centuries * 100 + fours * 4 + years) as i32;
    let mut month = 1;
    while rest >= days_in_month(year, month) {
        rest -= days_in_month(year, month);
        month += 1;
    }
    (year, month, rest + 1)
}

fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        assert_eq!(days_of_date(1, 1, 1), Some(0));
        assert_eq!(days_of_date(1900, 1, 1), Some(693_595));
        assert_eq!(days_of_date(9999, 12, 31), Some(3_652_058));
        assert_eq!(days_of_date(1900, 2, 29), None);
        assert_eq!(days_of_date(2000, 2, 29), Some(730_178));
        assert_eq!(days_of_date(0, 1, 1), None);
    }

    #[test]
    fn every_day_leads_to_its_date_and_back() {
        for days in 0..=3_652_058 {
            let (year, month, day) = date_of_days(days);
            assert_eq!(days_of_date(year, month, day), Some(days));
        }
    }
}
