//! Numbers of the server's errors that more than one place knows (sys.messages).

/// There is no such object.
pub const NO_SUCH_OBJECT: u32 = 208;
/// A statement violated a constraint (docs/SERVER.md, "Errors of a bulk load").
pub const CONSTRAINT_CONFLICT: u32 = 547;
/// A lock was not granted in time (Microsoft docs, "SET LOCK_TIMEOUT").
pub const LOCK_TIMEOUT: u32 = 1222;
/// The database cannot be opened: there is none of that name, it is not up, or the login has no user there (Microsoft docs,
/// "MSSQLSERVER_4060").
pub const NO_SUCH_DATABASE: u32 = 4060;
