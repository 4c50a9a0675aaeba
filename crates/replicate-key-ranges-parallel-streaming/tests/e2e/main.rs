//! The tool end to end, on the sandbox or on the server that REPLICA_TEST_SERVER names.
mod boundaries;
mod keys;
mod meanwhile;
mod record;
mod util;
mod verify;
