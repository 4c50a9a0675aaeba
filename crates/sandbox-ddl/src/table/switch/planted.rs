//! What SWITCH refuses of features that the sandbox does not have, where a test has planted them in a system view
//! (docs/SANDBOX.md, "Asking for trouble"; Microsoft docs, "Database engine errors: 4000 to 4999", "13000 to 13999").
use super::{refuse, session_name};
use crate::table::target::Altered;
use sandbox_catalog::schema::Table;
use sandbox_session::Session;
use sandbox_session::sandbox::{PlantedChange, PlantedValues};
use sandbox_values::error::SqlError;

const START: &str = "ALTER TABLE SWITCH statement failed";

/// # Errors
/// 4918 for a full-text index, 13546 for a system-versioned table whose rows would go out, 4951 for FILESTREAM columns,
/// 4938 to 4940 for two filegroups.
pub(super) fn refused(session: &Session, source: &Altered, target: &Altered) -> Result<(), SqlError> {
    let database = session_name(session, target.database);
    let views = Views { session, database: &database };
    let (s, t) = (&source.table, &target.table);
    for table in [s, t] {
        if views.any("fulltext_indexes", table, |_| true) {
            let name = &table.name;
            return Err(refuse(
                4918,
                format!("{START} because the table '{name}' has fulltext index on it."),
            ));
        }
    }
    if views.any("tables", s, |values| is(values, "temporal_type", "2")) {
        return Err(refuse(
            13546,
            format!(
                "Switching out partition failed on table '{}' because it is not a supported operation on system-versioned tables. Consider setting SYSTEM_VERSIONING to OFF.",
                s.name
            ),
        ));
    }
    let streams = |table: &Table| views.any("columns", table, |values| is(values, "is_filestream", "1"));
    if streams(s) != streams(t) {
        return Err(refuse(
            4951,
            format!(
                "{START} because column '' does not have the same FILESTREAM storage attribute in tables '{}' and '{}'.",
                s.name, t.name
            ),
        ));
    }
    let elsewhere =
        |table: &Table| views.any("indexes", table, |values| values.contains_key("data_space_id"));
    if elsewhere(s) != elsewhere(t) {
        let number = 4940 - i32::from(s.partitioned_on.is_some()) - i32::from(t.partitioned_on.is_some());
        let place = |table: &Table| {
            let filegroup = if elsewhere(table) { "another" } else { "PRIMARY" };
            format!("table '{}' is in filegroup '{filegroup}'", table.name)
        };
        return Err(refuse(number, format!("{START}. {} and {}.", place(s), place(t))));
    }
    Ok(())
}

fn is(values: &PlantedValues, column: &str, wanted: &str) -> bool {
    values.get(column).is_some_and(|value| value.as_deref() == Some(wanted))
}

/// The system views of the database that both tables are in.
struct Views<'a> {
    session: &'a Session,
    database: &'a str,
}

impl Views<'_> {
    /// Was something planted in the rows of a table, by its object_id?
    fn any(&self, view: &str, table: &Table, wanted: impl Fn(&PlantedValues) -> bool) -> bool {
        let id = table.object_id.to_string();
        let planted = self.session.engine.sandbox.planted_rows("sys", view, self.database);
        planted.iter().any(|change| match change {
            PlantedChange::Add(values) => is(values, "object_id", &id) && wanted(values),
            PlantedChange::Set { values, of } => is(of, "object_id", &id) && wanted(values),
        })
    }
}
