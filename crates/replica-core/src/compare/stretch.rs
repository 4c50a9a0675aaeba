//! Stretches of a table's key: a first pass adds the rows up by them, so that a second one reads only those that differ.
//!
//! The server says which stretch a row is in, by comparisons with the boundaries, so a pass needs no order, and no client
//! has to know what comes before what. An index finds the rows of a stretch again.
use std::ops::Range;
use std::sync::Arc;

use super::comparison::Comparison;
use crate::boundaries;
use crate::catalog::Table;
use crate::error::Result;
use crate::plan::key_columns;
use crate::session::{Role, Session};
use crate::tds::rpc::Param;
use crate::window::{Key, KeyRange};

/// Smaller tables are read again as quickly as they are cut.
const FEWEST_ROWS: u64 = 10_000;
/// Rows of a stretch, where that makes no more of them than a tinyint can number.
const ROWS_A_STRETCH: u64 = 1_000;
const MOST_STRETCHES: u64 = 256;

/// A table's key, cut into stretches, as either side compares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stretches {
    keys: [Key; 2],
    /// In the order of the key.
    ranges: Vec<KeyRange>,
}

impl Stretches {
    /// A row's stretch, from 0, as T-SQL. Of 256 stretches eight comparisons find it, one in the other; SQL Server lets
    /// CASE be nested ten times (Microsoft docs, "CASE", Remarks).
    pub(super) fn number(&self, role: Role, params: &mut Vec<Param>) -> String {
        format!("CAST({} AS tinyint)", self.among(role, 0..self.ranges.len(), params))
    }

    fn among(&self, role: Role, numbers: Range<usize>, params: &mut Vec<Param>) -> String {
        let middle = numbers.start + numbers.len() / 2;
        let boundary = self.ranges.get(middle).and_then(|range| range.first.as_ref());
        match boundary.filter(|_| numbers.len() > 1) {
            // A key that is NULL is not at or after any boundary: it is in the first stretch, as `within` has it.
            Some(boundary) => {
                let is_after = self.key(role).at_or_after(boundary, params);
                let after = self.among(role, middle..numbers.end, params);
                let before = self.among(role, numbers.start..middle, params);
                format!("CASE WHEN {is_after} THEN {after} ELSE {before} END")
            }
            None => numbers.start.to_string(),
        }
    }

    /// Which rows are in some stretches that follow each other.
    pub(super) fn within(&self, role: Role, numbers: &Range<usize>, params: &mut Vec<Param>) -> String {
        let Some([first, .., last] | [first @ last]) = self.ranges.get(numbers.clone()) else {
            return "1 = 0".to_owned();
        };
        let range = KeyRange { number: first.number, first: first.first.clone(), next: last.next.clone() };
        self.key(role).within(&range, params)
    }

    fn key(&self, role: Role) -> &Key {
        &self.keys[usize::from(role == Role::Target)]
    }
}

impl Comparison {
    /// Cuts the source's key into stretches, if it is large enough and its statistics or its numbers tell where.
    ///
    /// # Errors
    /// The source's, where another attempt may help; a lost connection.
    pub async fn stretched(self, source: &mut Session, table: &Table) -> Result<Self> {
        let stretches = self.stretches(source, table).await?.map(Arc::new);
        Ok(self.by(stretches))
    }

    /// With stretches that were cut for another comparison of the same table.
    pub(crate) fn by(mut self, stretches: Option<Arc<Stretches>>) -> Self {
        self.stretches = stretches;
        self
    }

    /// See [`Self::stretched`].
    pub(crate) async fn stretches(&self, source: &mut Session, table: &Table) -> Result<Option<Stretches>> {
        let Some(rows) = table.rows().filter(|rows| *rows >= FEWEST_ROWS) else { return Ok(None) };
        let wanted = (rows / ROWS_A_STRETCH).min(MOST_STRETCHES) as u32;
        let Ok(columns) = key_columns(table, &self.mapping.columns, &[]) else { return Ok(None) };
        let Some((many, found)) = boundaries::find_cheaply(source, table, &columns, wanted).await? else {
            return Ok(None);
        };
        let columns = &columns[..many];
        let Ok(at_target) = Key::at_target(columns) else { return Ok(None) };
        log::debug!("{}: stretches of the key: {}", self.source, found.told(wanted).join("; "));
        let keys = [Key::at_source(columns), at_target];
        Ok((found.ranges.len() > 1).then_some(Stretches { keys, ranges: found.ranges }))
    }
}

#[cfg(test)]
pub(super) fn sample(boundaries: &[i64]) -> Stretches {
    use crate::catalog::SqlType;
    use crate::types::guide::column;
    use crate::window::KeyValue;
    let id = crate::catalog::Column { nullable: true, ..column("id", &SqlType::Int) };
    let key = Key::of(&[&id]);
    let boundary = |number: &i64| [KeyValue::new(number.to_string())].into();
    Stretches {
        keys: [key.clone(), key],
        ranges: KeyRange::between(boundaries.iter().map(boundary).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_numbers_rows_by_halves() {
        let mut params = Vec::new();
        let number = sample(&[10, 20, 30]).number(Role::Source, &mut params);
        assert_eq!(
            number,
            "CAST(CASE WHEN [id] >= CAST(@P1 AS int) \
             THEN CASE WHEN [id] >= CAST(@P2 AS int) THEN 3 ELSE 2 END \
             ELSE CASE WHEN [id] >= CAST(@P3 AS int) THEN 1 ELSE 0 END END AS tinyint)"
        );
        assert_eq!(params, [Param::BigInt(20), Param::BigInt(30), Param::BigInt(10)]);
        let most: Vec<i64> = (1..256).collect();
        let number = sample(&most).number(Role::Source, &mut Vec::new());
        let mut depth = 0_i32;
        let deepest = number.split(' ').map(|word| {
            depth += i32::from(word.ends_with("CASE") || word.ends_with("(CASE")) - i32::from(word == "END");
            depth
        });
        assert_eq!(deepest.max(), Some(8));
    }

    #[test]
    fn stretches_that_follow_each_other_are_one_range() {
        let stretches = sample(&[10, 20, 30]);
        let within = |numbers| stretches.within(Role::Target, &numbers, &mut Vec::new());
        assert_eq!(within(0..2), "([id] < CAST(@P1 AS int) OR [id] IS NULL)");
        assert_eq!(within(1..3), "[id] >= CAST(@P1 AS int) AND [id] < CAST(@P2 AS int)");
        assert_eq!(within(3..4), "[id] >= CAST(@P1 AS int)");
        assert_eq!(within(0..4), "1 = 1");
        assert_eq!(within(4..5), "1 = 0");
    }
}
