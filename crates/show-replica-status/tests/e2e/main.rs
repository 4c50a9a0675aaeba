//! The real binary beside the tools that it watches.
mod alive;
mod ended;
mod locks;
mod records;
mod util;
mod watch;
