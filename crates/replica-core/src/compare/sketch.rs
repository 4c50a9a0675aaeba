//! Which rows make two multisets differ, found in one pass and in bounded memory: an invertible Bloom lookup table
//! (Goodrich and Mitzenmacher, 2011) of row hashes.
//!
//! Every row adds its hash to three cells, the other side's rows subtract theirs. Rows on both sides cancel out. A cell
//! to which one hash alone is left shows it; taking it from its other cells uncovers more.
use std::collections::HashMap;

/// Cells in each of the three thirds. Two sets are told apart while fewer than about 0.8 hashes a cell differ
/// (the threshold of a random 3-hypergraph's 2-core).
const CELLS: usize = 1 << 14;
const THIRDS: usize = 3;

/// Up to so many hashes are told apart, nearly always.
#[cfg(test)]
const CAPACITY: usize = CELLS * THIRDS * 3 / 4;

/// Sums are exact: 64 bits of hash, times as many rows as there can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct SketchCell {
    count: i64,
    hashes: i128,
    checks: i128,
}

/// The rows of one side, or what is left of both.
#[derive(Clone, Debug)]
pub(crate) struct Sketch(Vec<SketchCell>);

/// How often a row occurs more on the one side than on the other, by [`id`] of its hash.
pub(crate) type Surplus = HashMap<u64, i64>;

/// What tells rows apart here.
pub(crate) fn id(hash: u128) -> u64 {
    hash as u64
}

impl Default for Sketch {
    fn default() -> Self {
        Self(vec![SketchCell::default(); CELLS * THIRDS])
    }
}

impl Sketch {
    /// Adds a row.
    pub(crate) fn add(&mut self, hash: u128) {
        self.put(id(hash), 1);
    }

    fn put(&mut self, id: u64, count: i64) {
        for place in places(id) {
            let cell = &mut self.0[place];
            cell.count += count;
            cell.hashes += i128::from(id) * i128::from(count);
            cell.checks += i128::from(check(id)) * i128::from(count);
        }
    }

    /// What this side has more of than the other (positive), and less (negative). `None`: too many rows differ.
    pub(crate) fn less(mut self, other: &Self) -> Option<Surplus> {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            mine.count -= theirs.count;
            mine.hashes -= theirs.hashes;
            mine.checks -= theirs.checks;
        }
        let mut surplus = Surplus::new();
        let mut queue: Vec<usize> = (0..self.0.len()).collect();
        while let Some(place) = queue.pop() {
            let Some((id, count)) = self.0[place].alone() else { continue };
            *surplus.entry(id).or_default() += count;
            self.put(id, -count);
            queue.extend(places(id));
        }
        surplus.retain(|_, count| *count != 0);
        self.0.iter().all(|cell| *cell == SketchCell::default()).then_some(surplus)
    }
}

impl SketchCell {
    /// The one hash left in it, and how often.
    fn alone(&self) -> Option<(u64, i64)> {
        let count = i128::from(self.count);
        if count == 0 || self.hashes % count != 0 {
            return None;
        }
        let id = u64::try_from(self.hashes / count).ok()?;
        (self.checks == i128::from(check(id)) * count).then_some((id, self.count))
    }
}

/// A cell of each third.
fn places(id: u64) -> [usize; THIRDS] {
    let bits = CELLS.trailing_zeros();
    let mask = CELLS as u64 - 1;
    let mixed = mix(id);
    [0, 1, 2].map(|third| third * CELLS + (mixed >> (third as u32 * bits) & mask) as usize)
}

/// Tells a sum of several hashes from one.
fn check(id: u64) -> u64 {
    mix(id ^ 0x9E37_79B9_7F4A_7C15)
}

/// The finaliser of splitmix64.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ bits >> 31
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use xxhash_rust::xxh3::xxh3_128;

    fn sketch(rows: &[u64]) -> Sketch {
        let mut sketch = Sketch::default();
        rows.iter().for_each(|row| sketch.add(xxh3_128(&row.to_le_bytes())));
        sketch
    }

    fn expected(left: &[u64], right: &[u64]) -> Surplus {
        let mut surplus = Surplus::new();
        for (rows, sign) in [(left, 1), (right, -1)] {
            for row in rows {
                *surplus.entry(id(xxh3_128(&row.to_le_bytes()))).or_default() += sign;
            }
        }
        surplus.retain(|_, count| *count != 0);
        surplus
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        /// Few different rows, so that many come several times.
        #[test]
        fn the_difference_of_multisets_is_found(left in vec(0..300u64, 0..800), right in vec(0..300u64, 0..800)) {
            prop_assert_eq!(sketch(&left).less(&sketch(&right)), Some(expected(&left, &right)));
        }
    }

    #[test]
    fn what_is_common_costs_nothing_and_too_much_is_said() {
        let common: Vec<u64> = (0..100_000).collect();
        let more: Vec<u64> = (5..100_000 + CAPACITY as u64).collect();
        assert_eq!(sketch(&common).less(&sketch(&more)), Some(expected(&common, &more)));
        let far_more: Vec<u64> = (0..100_000 + 2 * CAPACITY as u64).collect();
        assert_eq!(sketch(&common).less(&sketch(&far_more)), None);
    }
}
