//! System procedures.
mod applock;
mod arguments;
mod collations;
mod sandbox;

pub use arguments::Arguments;

use super::api::{Param, Sink};
use super::failure::Outcome;
use super::session::Session;

/// The return status; `None` where there is no such procedure here (2812).
pub fn call(
    name: &str,
    arguments: &mut [Param],
    session: &mut Session,
    sink: &mut dyn Sink,
) -> Option<Outcome<i32>> {
    // Whatever database and schema they are called in, names that begin with sp_ are found in master.
    let name = name.rsplit('.').next().unwrap_or(name).trim_matches(['[', ']']).to_ascii_lowercase();
    Some(match name.as_str() {
        "sp_getapplock" => applock::get(arguments, session, sink),
        "sp_releaseapplock" => applock::release(arguments, session, sink),
        "sp_sandbox_counters" => sandbox::counters(arguments, session, sink),
        "sp_sandbox_discard" => sandbox::discard(arguments, session),
        "sp_sandbox_fault" => sandbox::fault(arguments, session),
        "sp_sandbox_plp" => sandbox::plp(arguments, session),
        "sp_sandbox_replay" => sandbox::replay(arguments, session),
        "sp_tablecollations_100" => collations::table_collations(arguments, session, sink),
        _ => return None,
    })
}
