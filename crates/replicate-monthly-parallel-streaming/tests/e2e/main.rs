//! The tool end to end, on the sandbox or on the server that REPLICA_TEST_SERVER names.
mod copy;
mod partitions;
mod pinpoint;
mod util;
