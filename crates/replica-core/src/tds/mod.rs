//! The wire format without I/O: bytes in, bytes out.
//!
//! "Need more bytes" is a value, not an error: public parsers answer `Ok(None)`, their parts [`wire::ParseError::Incomplete`].
pub mod bulk;
pub mod columns;
pub mod fed_auth;
pub mod fingerprint;
pub mod login7;
pub mod packet;
pub mod prelogin;
pub mod row;
pub mod rpc;
pub mod token;
pub mod types;
pub mod value;
pub mod wire;

#[cfg(test)]
pub(crate) mod captured;
