//! The tool end to end, on the sandbox or on the server that REPLICA_TEST_SERVER names.
mod bad;
mod copy;
mod crash;
mod deadlock;
mod faults;
mod indexes;
mod losses;
mod overtaken;
mod partitions;
mod pinpoint;
mod referencing;
mod resume;
mod shared;
mod signals;
mod util;
mod verify;
mod windows;
