//! What a server has: the catalog's records (databases, tables, principals, and who may do what), saved as one document,
//! and the SQLite tables that the rows lie in, with the functions of ours that SQLite calls to compare and compute. It
//! knows nothing of sessions, locks or transactions.
pub mod keys;
pub mod login;
pub mod ops;
pub mod permissions;
pub mod persist;
pub mod schema;
pub mod special;
pub mod store;
