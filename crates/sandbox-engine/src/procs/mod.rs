//! System procedures.
mod answer;
mod applock;
mod arguments;
mod catalog;
mod change;
mod collations;
mod datatype_info;
mod first_result;
mod help;
mod keys;
mod odbc;
mod options;
mod pattern;
mod routines;
mod sandbox;
pub mod scripts;
mod statistics;
mod tracking;
mod undeclared;

pub use arguments::Arguments;

use sandbox_session::Session;
use sandbox_session::api::{Param, Sink};
use sandbox_session::failure::Outcome;

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
        "dbcc_checkident" => change::reseed(arguments, session, sink, false),
        "dbcc_checkident_noreseed" => change::current_identity(arguments, session, sink),
        "dbcc_checkident_silent" => change::reseed(arguments, session, sink, true),
        "dbcc_show_statistics" => statistics::show(arguments, session, sink, false),
        "dbcc_show_statistics_silent" => statistics::show(arguments, session, sink, true),
        "dbcc_useroptions" => options::user_options(session, sink),
        "sp_addrolemember" => change::role_member(arguments, session, true),
        "sp_columns" => catalog::columns(arguments, session, sink, false),
        "sp_columns_100" => catalog::columns(arguments, session, sink, true),
        "sp_databases" => catalog::databases(session, sink),
        "sp_datatype_info" | "sp_datatype_info_90" => {
            datatype_info::datatype_info(arguments, session, sink, false)
        }
        "sp_datatype_info_100" => datatype_info::datatype_info(arguments, session, sink, true),
        "sp_describe_first_result_set" => first_result::describe_first(arguments, session, sink),
        "sp_describe_undeclared_parameters" => undeclared::describe_undeclared(arguments, session, sink),
        "sp_droprolemember" => change::role_member(arguments, session, false),
        "sp_fkeys" => keys::foreign_keys(arguments, session, sink),
        "sp_flush_ct_internal_table_on_demand" => tracking::flush(arguments, session),
        "sp_getapplock" => applock::get(arguments, session, sink),
        "sp_helpindex" => catalog::help_index(arguments, session, sink),
        "sp_helptext" => help::help_text(arguments, session, sink),
        "sp_pkeys" => catalog::primary_keys(arguments, session, sink),
        "sp_procedure_params_100_managed" => routines::managed_parameters(arguments, session, sink),
        "sp_releaseapplock" => applock::release(arguments, session, sink),
        "sp_rename" => change::rename(arguments, session, sink),
        "sp_sandbox_cleanup" => tracking::cleanup(arguments, session),
        "sp_sandbox_counters" => sandbox::counters(arguments, session, sink),
        "sp_sandbox_index_counters" => sandbox::index_counters(arguments, session, sink),
        "sp_sandbox_discard" => sandbox::discard(arguments, session),
        "sp_sandbox_fault" => sandbox::fault(arguments, session),
        "sp_sandbox_answer" => sandbox::answer(arguments, session),
        "sp_sandbox_clock" => sandbox::clock(arguments, session),
        "sp_sandbox_minute" => sandbox::minute(arguments, session),
        "sp_sandbox_plant" => sandbox::plant(arguments, session),
        "sp_sandbox_plp" => sandbox::plp(arguments, session),
        "sp_sandbox_replay" => sandbox::replay(arguments, session),
        "sp_sandbox_requests" => sandbox::requests(arguments, session, sink),
        "sp_sandbox_restore" => tracking::restore(arguments, session),
        "sp_spaceused" => help::space_used(arguments, session, sink),
        "sp_special_columns" | "sp_special_columns_90" => {
            keys::special_columns(arguments, session, sink, false)
        }
        "sp_special_columns_100" => keys::special_columns(arguments, session, sink, true),
        "sp_sproc_columns" | "sp_sproc_columns_90" | "sp_sproc_columns_100" => {
            routines::procedure_columns(arguments, session, sink)
        }
        "sp_statistics" | "sp_statistics_100" => catalog::statistics(arguments, session, sink),
        "sp_stored_procedures" => routines::procedures(arguments, session, sink),
        "sp_tablecollations_100" => collations::table_collations(arguments, session, sink),
        "sp_tables" => catalog::tables(arguments, session, sink),
        "update_statistics" => statistics::update(arguments, session),
        // SMO asks the registry for folders: NULL is what a server without one answers. Undocumented.
        "xp_instance_regread" | "xp_regread" => Ok(0),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
