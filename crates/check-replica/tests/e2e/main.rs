//! The real binary against a real server: the one that REPLICA_TEST_SERVER names, or the sandbox.
mod util;

mod harmless;
mod obstacles;
mod reach;
