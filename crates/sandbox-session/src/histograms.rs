//! What UPDATE STATISTICS has found. As long as nobody has run it, a column's values are unknown: strict, since a server
//! may be so, too (statistics of an index on a table that was empty then, AUTO_UPDATE_STATISTICS off).
use sandbox_values::{SqlType, Value};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How the values of a column lie, as they were when it was looked at (Microsoft docs, "sys.dm_db_stats_histogram").
#[derive(Clone, Debug)]
pub struct Histogram {
    pub sql_type: SqlType,
    pub steps: Vec<HistogramStep>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct HistogramStep {
    pub high: Value,
    /// Rows between the step before and this one.
    pub between: u64,
    pub equal: u64,
    pub distinct: u64,
}

/// "At most 200 contiguous histogram steps" (ibid.).
const MOST_STEPS: usize = 200;

impl Histogram {
    /// Of values in order, each with its rows. "The lowest sorted column value is the upper-bound value for the first
    /// histogram step" (ibid.); how the server joins others is its own affair: here, steps of about as many rows, and of
    /// numbers without gaps that are unique the first and the last.
    pub fn of(sql_type: SqlType, values: Vec<(Value, u64)>) -> Self {
        let rows: u64 = values.iter().map(|(_, rows)| rows).sum();
        let dense = match (values.first(), values.last()) {
            (Some((Value::Int(first), 1)), Some((Value::Int(last), 1))) => {
                last.checked_sub(*first).is_some_and(|width| width as usize + 1 == values.len())
            }
            _ => false,
        };
        let most = if dense { 1 } else { MOST_STEPS as u64 - 1 };
        let share = (rows / most).max(1);
        let (mut steps, mut step) = (Vec::new(), (0, 0));
        let count = values.len();
        for (at, (high, equal)) in values.into_iter().enumerate() {
            let (between, distinct) = step;
            let is_last = at + 1 == count;
            if at == 0 || is_last || between + equal >= share && steps.len() + 1 < MOST_STEPS {
                steps.push(HistogramStep { high, between, equal, distinct });
                step = (0, 0);
            } else {
                step = (between + equal, distinct + 1);
            }
        }
        Self { sql_type, steps }
    }
}

/// By database, table and statistics.
#[derive(Default)]
pub struct Histograms(Mutex<HashMap<(i16, i32, i32), Arc<Histogram>>>);

impl Histograms {
    pub fn put(&self, key: (i16, i32, i32), histogram: Histogram) {
        self.all().insert(key, Arc::new(histogram));
    }

    pub fn get(&self, key: (i16, i32, i32)) -> Option<Arc<Histogram>> {
        self.all().get(&key).cloned()
    }

    fn all(&self) -> MutexGuard<'_, HashMap<(i16, i32, i32), Arc<Histogram>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(values: Vec<(i64, u64)>) -> Vec<(Value, u64, u64, u64)> {
        let values = values.into_iter().map(|(value, rows)| (Value::Int(value), rows)).collect();
        let histogram = Histogram::of(SqlType::Int, values);
        histogram.steps.into_iter().map(|s| (s.high, s.between, s.equal, s.distinct)).collect()
    }

    #[test]
    fn all_rows_are_in_at_most_two_hundred_steps() {
        assert_eq!(
            steps((1..=1_000).map(|n| (n, 1)).collect()),
            [(Value::Int(1), 0, 1, 0), (Value::Int(1_000), 998, 1, 998),]
        );
        let skewed = steps((0..5_000).map(|n| (n * n, n as u64 % 7 + 1)).collect());
        assert!(skewed.len() <= MOST_STEPS && skewed.len() > 100, "{}", skewed.len());
        let rows: u64 = skewed.iter().map(|(_, between, equal, _)| between + equal).sum();
        assert_eq!(rows, (0..5_000u64).map(|n| n % 7 + 1).sum::<u64>());
        assert_eq!(steps(vec![(3, 9)]), [(Value::Int(3), 0, 9, 0)]);
        assert_eq!(steps(vec![]), []);
    }
}
