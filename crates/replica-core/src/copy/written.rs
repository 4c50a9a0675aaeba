//! How many rows a copy has written that writes only what differs.

/// Rows of a target that were written since they differed from the source's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WrittenRows {
    /// New at the source.
    pub inserted: u64,
    /// Changed there.
    pub updated: u64,
    /// Gone there.
    pub deleted: u64,
}

impl WrittenRows {
    /// All of them.
    pub fn all(&self) -> u64 {
        self.inserted + self.updated + self.deleted
    }
}
