//! The ledger and the care of indexes, through the library, on a server.
mod applock;
mod claims;
mod document;
mod indexes;
mod model;
mod replaced;
mod runs;
mod schema;
mod staging;
mod util;
