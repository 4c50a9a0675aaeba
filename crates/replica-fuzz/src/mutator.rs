//! Bytes like those of a corpus, and not quite: for where libFuzzer is not. It knows nothing of what the code does with them.
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Numbers that lengths and counts fail at.
const NUMBERS: [u64; 9] = [0, 1, 0x7F, 0x80, 0xFF, 0xFFFF, 0x7FFF_FFFF, u64::MAX - 1, u64::MAX];
/// Longer than this nothing grows.
const MOST: usize = 8 << 10;

/// Makes the same bytes from the same seed and corpus.
pub struct Mutator {
    corpus: Vec<Vec<u8>>,
    random: ChaCha8Rng,
}

impl Mutator {
    pub fn new(corpus: Vec<Vec<u8>>, seed: u64) -> Self {
        Self { corpus, random: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// An entry of the corpus after some changes.
    pub fn next_bytes(&mut self) -> Vec<u8> {
        let mut bytes = self.entry();
        for _ in 0..self.random.random_range(1..6) {
            self.change(&mut bytes);
        }
        bytes.truncate(MOST);
        bytes
    }

    fn entry(&mut self) -> Vec<u8> {
        match self.corpus.len() {
            0 => Vec::new(),
            entries => self.corpus[self.random.random_range(0..entries)].clone(),
        }
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        let at = self.random.random_range(0..=bytes.len());
        let end = self.random.random_range(at..=bytes.len().min(at + 16));
        match self.random.random_range(0..7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << self.random.random_range(0..8),
            1 if at < bytes.len() => bytes[at] = self.random.random(),
            2 => {
                let number = NUMBERS[self.random.random_range(0..NUMBERS.len())].to_le_bytes();
                let width = [1, 2, 4, 8][self.random.random_range(0..4)];
                for (byte, new) in bytes[at..].iter_mut().zip(&number[..width]) {
                    *byte = *new;
                }
            }
            3 => drop(bytes.drain(at..end)),
            4 => {
                let again = bytes[at..end].to_vec();
                bytes.splice(at..at, again);
            }
            5 => {
                let mut new = vec![0; self.random.random_range(1..9)];
                self.random.fill_bytes(&mut new);
                bytes.splice(at..at, new);
            }
            _ => {
                let other = self.entry();
                let from = self.random.random_range(0..=other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
        }
    }
}
