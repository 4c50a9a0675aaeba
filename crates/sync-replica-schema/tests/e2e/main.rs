//! The real binary against a real server: the one that REPLICA_TEST_SERVER names, or the sandbox.
mod util;

mod article;
mod create;
mod drift;
mod held;
mod init;
mod logins;
mod rights;
