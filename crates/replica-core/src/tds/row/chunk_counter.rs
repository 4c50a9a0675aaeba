//! Blocks that end where a load's chunks do.
use super::{Block, BlockLimits};

/// Counts the rows of blocks, and makes a block end after each multiple of `rows`.
#[derive(Clone, Copy, Debug)]
pub struct ChunkCounter {
    rows: u64,
    left: u64,
}

impl ChunkCounter {
    /// Counted from here on; 0 rows count as 1.
    pub fn new(rows: u64) -> Self {
        Self { rows: rows.max(1), left: rows.max(1) }
    }

    /// The limits of the next block, which has about `bytes` bytes.
    pub fn limits(&self, bytes: usize) -> BlockLimits {
        BlockLimits { bytes, rows: self.left }
    }

    /// Counts a block.
    pub fn count(&mut self, block: &Block) {
        self.left -= block.rows.min(self.left);
        if self.left == 0 {
            self.left = self.rows;
        }
    }
}

/// Without chunks.
impl Default for ChunkCounter {
    fn default() -> Self {
        Self::new(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_block_lacks_is_left_to_the_next() {
        let mut chunks = ChunkCounter::new(10);
        let mut after = |rows| {
            chunks.count(&Block { rows, ..Block::default() });
            chunks.limits(1).rows
        };
        assert_eq!([after(4), after(0), after(6), after(10), after(9)], [6, 6, 10, 10, 1]);
        assert_eq!(ChunkCounter::new(0).limits(1).rows, 1);
    }
}
