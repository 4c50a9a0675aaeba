//! The sandbox's real binary, seen from outside: the wire as it should be, and clients that no one here wrote.
mod clients;
mod limits;
mod replay;
mod rpc;
mod support;
mod tiberius;
mod wire;
