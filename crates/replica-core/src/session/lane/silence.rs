//! How long a server has been silent.
use std::time::Duration;

use crate::error::{Error, Result};

/// What a server may send between two rows: warnings, counts, packets without content. Nobody sends so much.
const MOST_ASIDE: usize = if cfg!(test) { 8 << 20 } else { 64 << 20 };

/// Measures the waits for a server that brought nothing.
///
/// A server is silent until it takes or sends what moves the request on: bytes of a request, rows, a result's columns.
/// Messages, counts and empty packets are no progress, since a broken server may send them for ever while it holds
/// locks. Only waits count: time that the client spends on other work is not the server's.
#[derive(Debug)]
pub(super) struct Silence {
    pub(super) limit: Duration,
    waited: Duration,
    aside: usize,
}

impl Silence {
    pub(super) fn new(limit: Duration) -> Self {
        Self { limit, waited: Duration::ZERO, aside: 0 }
    }

    /// How much longer it may be silent.
    pub(super) fn left(&self) -> Duration {
        self.limit.saturating_sub(self.waited)
    }

    /// So long it has been waited for.
    pub(super) fn add(&mut self, waited: Duration) {
        self.waited = self.waited.saturating_add(waited);
    }

    /// So many bytes have come, of whatever it is.
    pub(super) fn heard(&mut self, bytes: usize) -> Result<()> {
        self.aside += bytes;
        if self.aside > MOST_ASIDE {
            return Err(Error::protocol("the server sends messages without end, and no rows"));
        }
        Ok(())
    }

    pub(super) fn end(&mut self) {
        (self.waited, self.aside) = (Duration::ZERO, 0);
    }
}
