//! What is known of a key's values → where to cut. Pure.
use crate::window::{Boundary, KeyValue};

/// A boundary, and about how many rows lie below it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CutPoint {
    pub boundary: Boundary,
    pub below: f64,
}

/// A step of a histogram: a value, the rows that have it, and those between it and the step before.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct HistogramStep {
    /// `None`: NULL.
    pub high: Option<KeyValue>,
    pub between: f64,
    pub equal: f64,
}

/// Cuts at every total/`wanted`, as near as the steps tell. Between two steps only an integer can be named.
pub(super) fn at_steps(steps: &[HistogramStep], integers: bool, wanted: u32) -> Vec<CutPoint> {
    let total = total(steps);
    let mut points: Vec<CutPoint> = Vec::new();
    for part in 1..wanted {
        let target = total * f64::from(part) / f64::from(wanted);
        let Some((value, below)) = nearest(steps, integers, target) else { continue };
        let is_new = points.last().is_none_or(|last| last.below < below);
        if is_new && below > 0.0 && below < total {
            points.push(CutPoint { boundary: [value].into(), below });
        }
    }
    points
}

pub(super) fn total(steps: &[HistogramStep]) -> f64 {
    steps.iter().map(|step| step.between + step.equal).sum()
}

/// The value that has about so many rows below it, and how many.
fn nearest(steps: &[HistogramStep], integers: bool, target: f64) -> Option<(KeyValue, f64)> {
    let mut before = 0.0;
    let mut previous: Option<i64> = None;
    let mut best: Option<(KeyValue, f64)> = None;
    let mut offer = |value: KeyValue, below: f64| {
        let is_nearer = |(_, best): &(KeyValue, f64)| (below - target).abs() < (best - target).abs();
        if best.as_ref().is_none_or(is_nearer) {
            best = Some((value, below));
        }
    };
    for step in steps {
        let at = before + step.between;
        let number = step.high.as_ref().filter(|_| integers).and_then(|high| high.to_string().parse().ok());
        if let (Some(low), Some(high)) = (previous, number)
            && before < target
            && target < at
            && let Some(value) = inside(low, high, (target - before) / step.between)
        {
            offer(integer(value), target);
        }
        if let Some(high) = &step.high {
            offer(high.clone(), at);
        }
        if let Some(next) = number.and_then(|number| number.checked_add(1)) {
            offer(integer(next), at + step.equal);
        }
        previous = number;
        before = at + step.equal;
    }
    best
}

fn integer(number: i64) -> KeyValue {
    KeyValue::new(number.to_string())
}

/// An integer between two others, both left out.
fn inside(low: i64, high: i64, share: f64) -> Option<i64> {
    let (low, high) = (i128::from(low), i128::from(high));
    let width = high - low;
    let value = low + (width as f64 * share).round() as i128;
    (width > 1).then(|| value.clamp(low + 1, high - 1)).and_then(|value| i64::try_from(value).ok())
}

/// Divides the integers from the first to the last evenly; they may be as far apart as there are any. `rows`: that there
/// are, taken to lie evenly.
pub(super) fn evenly(first: i64, last: i64, rows: f64, wanted: u32) -> Vec<CutPoint> {
    let (first, last) = (i128::from(first), i128::from(last));
    let values = last - first + 1;
    let mut points: Vec<CutPoint> = Vec::new();
    let mut previous = first;
    for part in 1..i128::from(wanted) {
        let value = first + values * part / i128::from(wanted);
        let Some(boundary) = i64::try_from(value).ok().filter(|_| value > previous) else { continue };
        previous = value;
        let below = rows * ((value - first) as f64 / values as f64);
        points.push(CutPoint { boundary: [integer(boundary)].into(), below });
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(high: i64, between: f64, equal: f64) -> HistogramStep {
        HistogramStep { high: Some(integer(high)), between, equal }
    }

    fn text(high: &str, between: f64, equal: f64) -> HistogramStep {
        HistogramStep { high: Some(KeyValue::new(high)), between, equal }
    }

    fn shown(points: &[CutPoint]) -> Vec<(String, f64)> {
        points.iter().map(|point| (point.boundary[0].to_string(), point.below)).collect()
    }

    fn of(points: &[(&str, f64)]) -> Vec<(String, f64)> {
        points.iter().map(|(value, below)| ((*value).to_owned(), *below)).collect()
    }

    #[test]
    fn integers_are_cut_between_steps() {
        // As of an identity column: two steps and all that lies between them.
        let steps = [step(1, 0.0, 1.0), step(1_001, 998.0, 1.0)];
        assert_eq!(shown(&at_steps(&steps, true, 4)), of(&[("250", 250.0), ("501", 500.0), ("752", 750.0)]));
        let extreme = [step(i64::MIN, 0.0, 1.0), step(i64::MAX, 98.0, 1.0)];
        assert_eq!(shown(&at_steps(&extreme, true, 2)), of(&[("0", 50.0)]));
    }

    #[test]
    fn a_value_with_many_rows_is_cut_off_before_and_after_where_that_can_be_said() {
        let steps = [step(1, 0.0, 10.0), step(5, 0.0, 80.0), step(9, 5.0, 5.0)];
        assert_eq!(shown(&at_steps(&steps, true, 10)), of(&[("2", 10.0), ("6", 90.0)]));
        let steps = [text("a", 0.0, 10.0), text("m", 0.0, 80.0), text("z", 5.0, 5.0)];
        assert_eq!(shown(&at_steps(&steps, false, 10)), of(&[("m", 10.0), ("z", 95.0)]));
    }

    #[test]
    fn rows_without_a_key_count_and_are_never_a_boundary() {
        let null = HistogramStep { high: None, between: 0.0, equal: 50.0 };
        let steps = [null, text("a", 0.0, 25.0), text("b", 0.0, 25.0)];
        assert_eq!(shown(&at_steps(&steps, false, 4)), of(&[("a", 50.0), ("b", 75.0)]));
        assert_eq!(at_steps(&[], false, 4), []);
        assert_eq!(at_steps(&[text("a", 0.0, 9.0)], false, 4), []);
    }

    #[test]
    fn two_hundred_steps_are_cut_evenly() {
        let steps: Vec<_> = (0..200).map(|n| text(&format!("{n:03}"), 4.0, 1.0)).collect();
        let points = at_steps(&steps, false, 16);
        assert_eq!(points.len(), 15);
        let mut below: Vec<_> = points.iter().map(|point| point.below).collect();
        below.push(1_000.0);
        let widths = below.windows(2).map(|pair| pair[1] - pair[0]);
        assert!(widths.into_iter().all(|rows| rows <= 1_000.0 / 16.0 * 1.2));
    }

    #[test]
    fn the_largest_numbers_are_far_apart() {
        assert_eq!(
            shown(&evenly(i64::MIN, i64::MAX, 400.0, 4)),
            of(&[("-4611686018427387904", 100.0), ("0", 200.0), ("4611686018427387904", 300.0)])
        );
        assert_eq!(shown(&evenly(-1, 1, 3.0, 8)), of(&[("0", 1.0), ("1", 2.0)]));
        assert_eq!(evenly(7, 7, 1.0, 8), []);
    }
}
