//! What tells whether a catalog says the same as before.

/// All that a server has told of a table. Whoever has made something of it need not make it again where it is told the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatalogFingerprint(pub(super) u128);
