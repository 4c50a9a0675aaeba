//! The wire format without I/O: bytes in, bytes out.
pub mod types;
