//! The real binary against the sandbox: no other server lets obstacles be planted.
mod util;

mod everything;
mod harmless;
mod obstacles;
mod reach;
