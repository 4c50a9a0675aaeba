//! Kerberos by GSSAPI (RFC 2743; its C bindings are RFC 2744): tickets for who logs in, and the server's part for tests.
//!
//! The library is MIT's `libgssapi_krb5.so.2`. It is loaded when the first login asks for it, so that building needs no
//! headers of C and the programs start where it is not installed. That takes `unsafe`, which no other crate of the
//! workspace has; nothing else is in here. The calls block, for as long as a KDC takes to answer: callers that must not
//! wait give them a thread.
//!
//! Whatever the library is given is a pointer to something that outlives the call, and whatever it gives out is owned by a
//! type that releases it. `tests/library.rs` goes through the calls without a KDC; it can be run under valgrind. Miri cannot
//! call C.
mod context;
mod ffi;
mod handle;
mod load;

pub use context::{Acceptor, HandshakeStep, Initiator, TicketSource};
pub use handle::Failure;
