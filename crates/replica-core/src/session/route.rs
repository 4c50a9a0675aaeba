//! Where a server sends its clients on to, which the user never wrote.
use std::fmt;
use std::ops::RangeInclusive;

use crate::error::Error;

/// The connection policy Redirect (Microsoft docs, "Azure SQL Database connectivity architecture", "Connection policy").
const AZURE_REDIRECTS: RangeInclusive<u16> = 11000..=11999;

/// Another host, by the server's own word (ENVCHANGE 20, [MS-TDS] 2.2.7.9).
pub(super) struct Route {
    pub host: String,
    pub port: u16,
}

impl Route {
    /// Says of an error on the way where that way led.
    pub(super) fn led_to(error: Error, route: Option<&Self>) -> Error {
        match route {
            Some(route) => error.within(route),
            None => error,
        }
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sent on to {},{}", self.host, self.port)?;
        if AZURE_REDIRECTS.contains(&self.port) {
            let (first, last) = (AZURE_REDIRECTS.start(), AZURE_REDIRECTS.end());
            write!(
                f,
                " (Azure SQL redirects to ports {first} to {last}, which a firewall must let through)"
            )?;
        }
        Ok(())
    }
}
