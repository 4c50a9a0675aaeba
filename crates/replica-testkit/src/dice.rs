//! Draws that a seed repeats.
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub struct Dice(ChaCha8Rng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// From 0 on.
    pub fn below(&mut self, end: u32) -> u32 {
        self.0.next_u32() % end
    }

    pub fn millis(&mut self, from: u32, to: u32) -> Duration {
        Duration::from_millis(u64::from(from + self.below(to - from)))
    }

    /// So often of a hundred times.
    pub fn happens(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    pub fn any<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u32) as usize]
    }

    /// Another one, whose draws do not depend on how many this one goes on to make.
    pub fn another(&mut self) -> Self {
        Self::new(u64::from(self.0.next_u32()))
    }
}
