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
        let Some(route) = route else { return error };
        let (first, last) = (AZURE_REDIRECTS.start(), AZURE_REDIRECTS.end());
        // Whoever was spoken to is behind no firewall.
        if error.is_transient() && AZURE_REDIRECTS.contains(&route.port) {
            return error.within(format!(
                "{route} (Azure SQL redirects to ports {first} to {last}, which a firewall must let through)"
            ));
        }
        error.within(route)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sent on to {},{}", self.host, self.port)
    }
}
