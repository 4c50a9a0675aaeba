//! Which days of a window, or stretches of its key, differ, and how to ask for them again. Pure.
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;

use time::{Date, Month};

use super::stretch::Stretches;
use crate::session::Role;
use crate::tds::fingerprint::{Fingerprint, GroupKey};
use crate::tds::rpc::Param;
use crate::window::{Cut, DayRange, LAST_DAY, Window, yyyymmdd};

/// The rows that are read a second time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RereadRows {
    /// All of a window, or of the table.
    All(Option<Window>),
    /// Some days, in order, and the rows without a date.
    Days { days: Vec<DayRange>, undated: bool },
    /// Those of a window, or of the table, that lie in some stretches of the key.
    Stretches { window: Option<Window>, of: Arc<Stretches>, numbers: Vec<Range<usize>> },
}

/// What a first pass tells rows apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grouping<'a> {
    Days,
    Stretches(&'a Arc<Stretches>),
}

/// The rows of a side by the group that they belong to.
pub(crate) type FingerprintsByGroup = HashMap<GroupKey, Fingerprint>;

/// More ranges than this are joined over the narrowest gaps: a query is not to grow without bound.
const MOST_RANGES: usize = 32;

/// 0001-01-01, where the wire's dates begin.
const FIRST_JULIAN_DAY: i32 = 1_721_426;

/// What a label says of its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Day {
    Undated,
    Of(Date),
    /// An integer that is no date, for example.
    Other(i64),
}

impl RereadRows {
    /// The groups of `window`, of the source and of the target, whose sums differ; all of it where there are none that
    /// tell.
    pub(crate) fn differing(
        window: Option<Window>,
        groups: Option<(Grouping<'_>, (&FingerprintsByGroup, &FingerprintsByGroup))>,
    ) -> Self {
        match groups {
            None => Self::All(window),
            Some((Grouping::Days, (source, target))) => Self::differing_days(window, source, target),
            Some((Grouping::Stretches(of), (source, target))) => {
                let all = source.keys().chain(target.keys());
                let differing = all.filter(|group| source.get(group) != target.get(group));
                let numbers = stretches(differing.map(number).collect());
                Self::Stretches { window, of: of.clone(), numbers }
            }
        }
    }

    fn differing_days(
        window: Option<Window>,
        source: &FingerprintsByGroup,
        target: &FingerprintsByGroup,
    ) -> Self {
        let (source, target) = (by_day(source), by_day(target));
        let days: BTreeSet<Day> = source.keys().chain(target.keys()).copied().collect();
        let differing: Vec<Day> = days.into_iter().filter(|day| source.get(day) != target.get(day)).collect();
        if differing.iter().any(|day| matches!(day, Day::Other(_))) {
            return Self::All(window);
        }
        let dates = differing.iter().filter_map(|day| match day {
            Day::Of(date) => Some(*date),
            _ => None,
        });
        Self::Days { days: ranges(dates), undated: differing.contains(&Day::Undated) }
    }

    /// The sum of this part's rows among those of the whole.
    pub(crate) fn sum(&self, total: Fingerprint, groups: Option<&FingerprintsByGroup>) -> Fingerprint {
        let Some(groups) = groups else { return total };
        let mut sum = Fingerprint::default();
        for (group, fingerprint) in groups {
            let is_in = match self {
                Self::All(_) => true,
                Self::Days { days, undated } => match day(group) {
                    Day::Undated => *undated,
                    Day::Of(date) => days.iter().any(|range| range.holds(date)),
                    Day::Other(number) => days.iter().any(|range| range.holds_number(number)),
                },
                Self::Stretches { numbers, .. } => numbers.iter().any(|range| range.contains(&number(group))),
            };
            if is_in {
                sum += *fingerprint;
            }
        }
        sum
    }

    /// `None`: all rows.
    pub(crate) fn predicate(&self, role: Role, cut: Option<&Cut>, params: &mut Vec<Param>) -> Option<String> {
        match self {
            Self::All(window) => Some(cut?.within(window.as_ref()?, params)),
            Self::Days { days, undated } => {
                let date = cut?.date()?;
                let days = days.iter().map(|days| format!("({})", date.within(days, params)));
                let mut terms: Vec<_> = days.collect();
                terms.extend(undated.then(|| date.missing()));
                Some(terms.join(" OR "))
            }
            Self::Stretches { window, of, numbers } => {
                let window = window.as_ref().and_then(|window| Some(cut?.within(window, params)));
                let stretches = numbers.iter().map(|range| format!("({})", of.within(role, range, params)));
                let stretches = stretches.collect::<Vec<_>>().join(" OR ");
                Some(match window {
                    Some(window) => format!("({window}) AND ({stretches})"),
                    None => stretches,
                })
            }
        }
    }
}

/// A stretch's.
fn number(group: &GroupKey) -> usize {
    group.bytes().first().copied().unwrap_or_default().into()
}

/// Stretches that follow each other, together.
fn stretches(differing: BTreeSet<usize>) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for number in differing {
        match ranges.last_mut() {
            Some(last) if last.end == number => last.end = number + 1,
            _ => ranges.push(number..number + 1),
        }
    }
    join_narrowest(&mut ranges, |one, next| next.start - one.end, |one, next| one.end = next.end);
    ranges
}

/// Joins ranges over the narrowest gaps, as long as there are too many.
fn join_narrowest<T, G: Ord>(ranges: &mut Vec<T>, gap: impl Fn(&T, &T) -> G, join: impl Fn(&mut T, T)) {
    while ranges.len() > MOST_RANGES {
        let narrowest = (1..ranges.len()).min_by_key(|at| gap(&ranges[at - 1], &ranges[*at]));
        let Some(at) = narrowest else { break };
        let joined = ranges.remove(at);
        join(&mut ranges[at - 1], joined);
    }
}

fn by_day(days: &FingerprintsByGroup) -> HashMap<Day, Fingerprint> {
    days.iter().map(|(label, fingerprint)| (day(label), *fingerprint)).collect()
}

/// A date has three bytes; integers of either side may differ in size.
fn day(label: &GroupKey) -> Day {
    let bytes = label.bytes();
    let number = bytes.iter().rev().fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let (number, date) = match bytes.len() {
        0 => return Day::Undated,
        3 => {
            let number = number as i32;
            (i64::from(number), Date::from_julian_day(FIRST_JULIAN_DAY + number).ok())
        }
        4 => (i64::from(number as i32), date(i64::from(number as i32))),
        _ => (number as i64, date(number as i64)),
    };
    date.map_or(Day::Other(number), Day::Of)
}

/// From yyyymmdd.
fn date(number: i64) -> Option<Date> {
    let year = i32::try_from(number / 10_000).ok().filter(|year| (1..=9999).contains(year))?;
    let month = u8::try_from(number / 100 % 100).ok()?;
    let day = u8::try_from(number % 100).ok()?;
    Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()
}

/// The days that some numbers, as yyyymmdd, mean: those that follow each other together, and joined where there are many.
/// Numbers that are no days are in no window; those beyond the last day are in its window.
pub(crate) fn windows_of(numbers: impl Iterator<Item = i64>) -> Vec<DayRange> {
    let day = |number: i64| date(number).or((number > yyyymmdd(LAST_DAY).into()).then_some(LAST_DAY));
    let days: BTreeSet<Date> = numbers.filter_map(day).collect();
    ranges(days.into_iter())
}

/// Days that follow each other, together.
fn ranges(dates: impl Iterator<Item = Date>) -> Vec<DayRange> {
    let mut ranges: Vec<DayRange> = Vec::new();
    for first in dates {
        let next = first.next_day().unwrap_or(LAST_DAY);
        match ranges.last_mut() {
            Some(last) if last.next == first => last.next = next,
            _ => ranges.push(DayRange { first, next }),
        }
    }
    join_narrowest(&mut ranges, |one, next| next.first - one.next, |one, next| one.next = next.next);
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tds::fingerprint::GroupedFingerprints;
    use time::macros::date;

    /// As the row scanner would add them up.
    fn days(rows: &[(&[u8], u128)]) -> FingerprintsByGroup {
        let mut sums = GroupedFingerprints::default();
        for (bytes, hash) in rows {
            let cell = [&[bytes.len() as u8], *bytes].concat();
            sums.add(GroupKey::of(&cell), Fingerprint { rows: 1, hash: *hash });
        }
        sums.finish().unwrap()
    }

    fn differing(source: &[(&[u8], u128)], target: &[(&[u8], u128)]) -> RereadRows {
        RereadRows::differing(None, Some((Grouping::Days, (&days(source), &days(target)))))
    }

    fn window(first: Date, next: Date) -> DayRange {
        DayRange { first, next }
    }

    #[test]
    fn the_days_that_differ_are_found_and_joined() {
        // 738,944 days since 0001-01-01: 2024-02-29.
        let feb28 = [0x7F, 0x46, 0x0B];
        let feb29 = [0x80, 0x46, 0x0B];
        let mar1 = [0x81, 0x46, 0x0B];
        let mar3 = [0x83, 0x46, 0x0B];
        let source: &[(&[u8], u128)] =
            &[(&feb28, 1), (&feb29, 2), (&mar1, 3), (&mar3, 4), (&feb28, 5), (&[], 6)];
        let target: &[(&[u8], u128)] = &[(&feb28, 1), (&feb28, 5), (&feb29, 9), (&mar3, 7), (&[], 6)];
        let expected = vec![
            window(date!(2024 - 02 - 29), date!(2024 - 03 - 02)),
            window(date!(2024 - 03 - 03), date!(2024 - 03 - 04)),
        ];
        let part = differing(source, target);
        assert_eq!(part, RereadRows::Days { days: expected, undated: false });
        let sum = part.sum(Fingerprint::default(), Some(&days(source)));
        assert_eq!(sum, Fingerprint { rows: 3, hash: 9 });
        assert_eq!(differing(&[(&[], 1)], &[(&[], 2)]), RereadRows::Days { days: vec![], undated: true });
        // A day that one side alone has.
        let alone = RereadRows::Days {
            days: vec![window(date!(2024 - 02 - 29), date!(2024 - 03 - 01))],
            undated: false,
        };
        assert_eq!(differing(&[], &[(&feb29, 1)]), alone);
        assert_eq!(differing(&[(&feb29, 1)], &[]), alone);
    }

    #[test]
    fn integers_of_either_size_are_days_or_make_it_a_whole() {
        let (small, large) = (20_240_229i32.to_le_bytes(), 20_240_229i64.to_le_bytes());
        let same = differing(&[(&small, 1)], &[(&large, 1)]);
        assert_eq!(same, RereadRows::Days { days: vec![], undated: false });
        let expected = vec![window(date!(2024 - 02 - 29), date!(2024 - 03 - 01))];
        assert_eq!(
            differing(&[(&small, 1)], &[(&large, 2)]),
            RereadRows::Days { days: expected, undated: false }
        );
        for number in [20_240_230i64, 0, -20_240_229, i64::MAX, i64::MIN] {
            assert_eq!(differing(&[(&number.to_le_bytes(), 1)], &[]), RereadRows::All(None), "{number}");
        }
    }

    #[test]
    fn the_stretches_that_differ_are_found_and_joined() {
        let of = Arc::new(super::super::stretch::sample(&[10, 20, 30, 40]));
        let grouping = Grouping::Stretches(&of);
        let source = days(&[(&[0], 1), (&[1], 2), (&[2], 3), (&[4], 5)]);
        let target = days(&[(&[0], 1), (&[1], 9), (&[3], 4), (&[4], 5)]);
        let part = RereadRows::differing(None, Some((grouping, (&source, &target))));
        let numbers = std::iter::once(1..4).collect();
        assert_eq!(part, RereadRows::Stretches { window: None, of: of.clone(), numbers });
        assert_eq!(part.sum(Fingerprint::default(), Some(&source)), Fingerprint { rows: 2, hash: 5 });
        let predicate = part.predicate(Role::Source, None, &mut Vec::new());
        assert_eq!(predicate.unwrap(), "([id] >= CAST(@P1 AS int) AND [id] < CAST(@P2 AS int))");
        let every_other = stretches((0..256).step_by(2).collect());
        assert_eq!((every_other.len(), every_other.last()), (MOST_RANGES, Some(&(254..255))));
    }

    #[test]
    fn numbers_are_days_where_they_can_be() {
        let numbers = [20_240_229, 20_240_228, 20_240_229, 0, 20_240_230, 99_999_999];
        let days = [window(date!(2024 - 02 - 28), date!(2024 - 03 - 01)), window(LAST_DAY, LAST_DAY)];
        assert_eq!(windows_of(numbers.into_iter()), days);
        assert_eq!(windows_of([].into_iter()), []);
    }

    #[test]
    fn the_last_day_that_there_is_can_differ() {
        let [before, last, beyond] = [99_991_230i32, 99_991_231, 99_999_999].map(i32::to_le_bytes);
        let source: &[(&[u8], u128)] = &[(&before, 1), (&last, 2), (&beyond, 3)];
        let target: &[(&[u8], u128)] = &[(&before, 1), (&last, 9), (&beyond, 3)];
        let part = differing(source, target);
        assert_eq!(part, RereadRows::Days { days: vec![window(LAST_DAY, LAST_DAY)], undated: false });
        // The predicate takes what is beyond along, and so does the sum.
        let sum = part.sum(Fingerprint::default(), Some(&days(source)));
        assert_eq!(sum, Fingerprint { rows: 2, hash: 5 });
    }

    #[test]
    fn a_query_stays_short_however_many_days_differ() {
        let every_other: Vec<Date> =
            (0..200).filter_map(|n| Date::from_julian_day(2_460_000 + 2 * n + 10 * (n / 50)).ok()).collect();
        let ranges = ranges(every_other.iter().copied());
        assert_eq!(ranges.len(), MOST_RANGES);
        assert!(every_other.iter().all(|date| ranges.iter().any(|r| r.first <= *date && *date < r.next)));
        assert_eq!(ranges.iter().map(|range| range.first).min(), every_other.first().copied());
    }
}
