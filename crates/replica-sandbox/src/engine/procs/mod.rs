//! System procedures that describe things.
use super::api::{Param, Sink};
use super::failure::Outcome;
use super::session::Session;

/// The return status; `None` where there is no such procedure here (2812).
pub fn call(
    _name: &str,
    _arguments: &mut [Param],
    _session: &mut Session,
    _sink: &mut dyn Sink,
) -> Option<Outcome<i32>> {
    None
}
