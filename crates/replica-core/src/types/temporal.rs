//! Dates and times to dates and times.
use super::{Conversion, MappingRefusal, MappingResult, Problem, ValueCheck, cast, try_cast};
use crate::catalog::{Column, SqlType, quote};

/// What a type keeps of a moment.
struct TemporalParts {
    date: bool,
    time: bool,
    offset: bool,
    /// Steps of the clock, finest first: 7 is 100 ns, -2 whole minutes; `None` without a clock.
    scale: Option<i8>,
    /// The earliest year it reaches.
    first_year: u16,
}

/// datetime counts 1/300 seconds: finer than two decimals, not as fine as three.
const DATETIME_SCALE: i8 = 2;
const MINUTES: i8 = -2;

fn parts(sql_type: &SqlType) -> Option<TemporalParts> {
    let (date, time, offset, scale, first_year) = match sql_type {
        SqlType::Date => (true, false, false, None, 1),
        SqlType::Time(scale) => (false, true, false, Some(*scale as i8), 1),
        SqlType::DateTime2(scale) => (true, true, false, Some(*scale as i8), 1),
        SqlType::DateTimeOffset(scale) => (true, true, true, Some(*scale as i8), 1),
        SqlType::DateTime => (true, true, false, Some(DATETIME_SCALE), 1753),
        SqlType::SmallDateTime => (true, true, false, Some(MINUTES), 1900),
        _ => return None,
    };
    Some(TemporalParts { date, time, offset, scale, first_year })
}

pub(super) fn is_temporal(sql_type: &SqlType) -> bool {
    parts(sql_type).is_some()
}

pub(super) fn convert(source: &Column, target: &Column) -> MappingResult {
    let (from, to) = (&source.sql_type, &target.sql_type);
    if from == to {
        return Some(Ok(Conversion::pass(source, target)));
    }
    let (f, t) = (parts(from)?, parts(to)?);
    for (part, has, wants) in
        [("date", f.date, t.date), ("time of day", f.time, t.time), ("offset", f.offset, t.offset)]
    {
        if has && !wants {
            return Some(Err(refusal(from, format!("{to} has no room for the {part} of {from}"))));
        }
        // Midnight is what a date alone means; a date or an offset out of nowhere is not.
        if wants && !has && part != "time of day" {
            return Some(Err(refusal(from, format!("{from} has no {part}, which {to} needs"))));
        }
    }
    // Three decimals hold every datetime apart from the others, two do not.
    let needed = if *from == SqlType::DateTime { Some(3) } else { f.scale };
    let coarser = f.time && t.scale < needed;
    let limited = t.first_year > f.first_year || *to == SqlType::SmallDateTime;
    let value = quote(&source.name);
    let there = try_cast(&value, to);
    let conversion = Conversion::cast(source, target)
        .loss(coarser, format!("rounded to {}", step(to)))
        .limit(t.first_year > f.first_year, format!("dates before the year {}", t.first_year))
        .limit(*to == SqlType::SmallDateTime, "dates after 2079-06-06")
        .check(limited || coarser && t.date, || {
            let predicate = format!("{value} IS NOT NULL AND {there} IS NULL");
            ValueCheck::value(Problem::OutOfRange, &value, predicate, range(to))
        });
    Some(Ok(if coarser { conversion.rounds(source, &there, to, t.date) } else { conversion }))
}

impl Conversion {
    /// The checks of a clock that gets coarser: one for each boundary that rounding may cross.
    fn rounds(self, source: &Column, there: &str, to: &SqlType, has_date: bool) -> Self {
        let value = quote(&source.name);
        // A step of datetime is no whole number of 100 ns, nor of milliseconds; shown with three decimals it is told
        // apart from its neighbours (.000, .003, .007).
        let shown = match to {
            SqlType::DateTime => cast(there, &SqlType::DateTime2(3)),
            SqlType::SmallDateTime => cast(there, &SqlType::DateTime2(0)),
            _ => there.to_owned(),
        };
        let was = match source.sql_type {
            SqlType::DateTime => cast(&value, &SqlType::DateTime2(3)),
            _ => value.clone(),
        };
        let differs = format!("{shown} <> {was}");
        let (same_day, other_day) = if has_date {
            let day = |of: &str| cast(of, &SqlType::Date);
            (format!("{} = {}", day(there), day(&value)), format!("{} <> {}", day(there), day(&value)))
        } else {
            // Up from the last hour to the first.
            let passes = format!("DATEPART(hour, {value}) = 23 AND DATEPART(hour, {there}) = 0");
            (format!("NOT ({passes})"), passes)
        };
        let same_month = format!("MONTH({there}) = MONTH({value})");
        let other_month = format!("MONTH({there}) <> MONTH({value})");
        let check = |problem, predicate| ValueCheck::value(problem, &value, predicate, step(to));
        let crossing = if has_date { format!("{other_day} AND {same_month}") } else { other_day };
        self.check(true, || check(Problem::Rounded, format!("{differs} AND {same_day}")))
            .check(true, || check(Problem::OtherDay, crossing))
            .check(has_date, || check(Problem::OtherMonth, other_month))
    }
}

fn range(sql_type: &SqlType) -> &'static str {
    match sql_type {
        SqlType::SmallDateTime => "1900-01-01 to 2079-06-06",
        SqlType::DateTime => "1753-01-01 to 9999-12-31",
        _ => "0001-01-01 to 9999-12-31",
    }
}

fn step(to: &SqlType) -> String {
    match to {
        SqlType::SmallDateTime => "whole minutes".into(),
        SqlType::DateTime => "1/300 seconds".into(),
        SqlType::Time(0) | SqlType::DateTime2(0) | SqlType::DateTimeOffset(0) => "whole seconds".into(),
        SqlType::Time(scale) | SqlType::DateTime2(scale) | SqlType::DateTimeOffset(scale) => {
            format!("{scale} decimals of a second")
        }
        other => other.to_string(),
    }
}

fn refusal(from: &SqlType, reason: String) -> MappingRefusal {
    MappingRefusal::new(
        reason,
        format!("Make the target column {from}, or copy from a view that converts as you mean it"),
    )
}

#[cfg(test)]
mod tests {
    use super::super::guide::column;
    use super::*;

    fn decide(from: &SqlType, to: &SqlType) -> Result<Conversion, MappingRefusal> {
        convert(&column("c", from), &column("c", to)).unwrap()
    }

    #[test]
    fn finer_clocks_lose_nothing_and_coarser_ones_say_so() {
        use SqlType::{Date, DateTime, DateTime2, DateTimeOffset, SmallDateTime, Time};
        for (from, to, loses) in [
            (Time(3), Time(7), false),
            (Time(7), Time(3), true),
            (DateTime2(3), DateTime2(7), false),
            (DateTime, DateTime2(3), false),
            (DateTime, DateTime2(2), true),
            (DateTime2(2), DateTime, false),
            (DateTime2(3), DateTime, true),
            (SmallDateTime, DateTime, false),
            (SmallDateTime, DateTime2(0), false),
            (DateTime, SmallDateTime, true),
            (Date, DateTime2(0), false),
            (Date, DateTime, false),
            (DateTimeOffset(7), DateTimeOffset(0), true),
        ] {
            assert_eq!(!decide(&from, &to).unwrap().losses.is_empty(), loses, "{from} to {to}");
        }
    }

    #[test]
    fn no_part_is_dropped_or_made_up() {
        use SqlType::{Date, DateTime, DateTime2, DateTimeOffset, Time};
        for (from, to) in [
            (DateTime, Date),
            (DateTime2(7), Time(7)),
            (DateTimeOffset(7), DateTime2(7)),
            (DateTime2(7), DateTimeOffset(7)),
            (Time(0), DateTime),
            (Date, Time(0)),
        ] {
            assert!(decide(&from, &to).is_err(), "{from} to {to}");
        }
        assert_eq!(
            decide(&DateTime2(7), &DateTimeOffset(7)).unwrap_err().reason,
            "datetime2(7) has no offset, which datetimeoffset(7) needs"
        );
    }

    #[test]
    fn years_out_of_reach_are_a_limit() {
        assert_eq!(
            decide(&SqlType::Date, &SqlType::DateTime).unwrap().limits,
            ["dates before the year 1753"]
        );
        assert_eq!(decide(&SqlType::DateTime, &SqlType::SmallDateTime).unwrap().limits.len(), 2);
    }
}
