//! By which method a table's changes are found, and what a better one would need.
use super::source::{SourceNow, TableNow};
use crate::catalog::{Table, quote};
use crate::error::{Error, Refusal, Result};
use crate::ledger::Method;
use crate::plan::row_version;
use crate::session::Session;

/// The method that is asked for, or the one on record, or the best that there is.
///
/// # Errors
/// The source does not have what it needs: says which statements would give it. They are for somebody else to run.
pub(super) fn choose(
    asked: Option<Method>,
    recorded: Option<Method>,
    source: &Table,
    now: &SourceNow,
    table: &TableNow,
) -> Result<Method> {
    let is_tracked = now.version.is_some() && table.tracked;
    let method = asked.or(recorded).unwrap_or_else(|| match row_version(source) {
        Some(_) if !is_tracked => Method::RowVersion,
        _ => Method::ChangeTracking,
    });
    let refused = |why: &str| Error::refused(Refusal::NoVersions, why).table(&source.object.name);
    match method {
        Method::RowVersion if row_version(source).is_none() => {
            Err(refused("the source's table has no rowversion column, or it is left out")
                .remedy(ways(source)))
        }
        Method::ChangeTracking if source.object.is_view => {
            Err(refused("the source is a view, whose changes no server tracks")
                .remedy("Name the table beneath it, or copy it by replicate-reference-tables"))
        }
        Method::ChangeTracking if !is_tracked => {
            Err(refused("the source does not track its changes").remedy(ways(source)))
        }
        // Without the permission the function answers NULL (Microsoft docs, "CHANGE_TRACKING_MIN_VALID_VERSION").
        Method::ChangeTracking if table.min_valid.is_none() => {
            Err(refused("the source tracks its changes, and this login may not ask for them")
                .remedy(format!("{} to the source's login", permission(source))))
        }
        _ => Ok(method),
    }
}

/// The method that a first round would find the table's changes by.
///
/// # Errors
/// Those of [`choose`]; the server's; a lost connection.
pub(crate) async fn of_table(session: &mut Session, source: &Table) -> Result<Method> {
    let now = SourceNow::ask(session, &[source.object.id], false).await?;
    let table = now.tables.get(&source.object.id).cloned().unwrap_or_default();
    choose(None, None, source, &now, &table)
}

fn ways(source: &Table) -> String {
    let track = to_track(source).join("; ");
    format!(
        "Have an administrator of the source track its changes ({track}), or copy the table by replicate-reference-tables"
    )
}

fn permission(source: &Table) -> String {
    format!("GRANT VIEW CHANGE TRACKING ON {}", source.object.name.quoted())
}

/// The statements that make the source track a table's changes. Nobody here runs them.
pub(super) fn to_track(source: &Table) -> Vec<String> {
    let database = source.server.as_ref().map(|server| quote(&server.database)).unwrap_or_default();
    vec![
        format!(
            "ALTER DATABASE {database} SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 7 DAYS, AUTO_CLEANUP = ON)"
        ),
        format!("ALTER TABLE {} ENABLE CHANGE_TRACKING", source.object.name.quoted()),
        format!("{} TO ...", permission(source)),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Instant;

    use super::*;
    use crate::catalog::table::sample;
    use crate::catalog::{Column, SqlType};
    use crate::types::guide::column;

    fn chosen(
        asked: Option<Method>,
        recorded: Option<Method>,
        stamped: bool,
        table: TableNow,
    ) -> Result<Method> {
        let now = SourceNow {
            version: Some(1),
            active: None,
            is_active_latest: false,
            at: String::new(),
            asked: Instant::now(),
            tables: HashMap::new(),
        };
        let mut source = sample("s.t");
        source.columns = vec![Column { id: 1, ..column("id", &SqlType::Int) }];
        if stamped {
            source.columns.push(Column { id: 2, ..column("stamp", &SqlType::RowVersion) });
        }
        choose(asked, recorded, &source, &now, &table)
    }

    #[test]
    fn what_is_asked_for_comes_before_what_is_on_record_and_that_before_the_best() {
        let tracked = || TableNow { tracked: true, min_valid: Some(0), ..TableNow::default() };
        assert_eq!(chosen(None, None, true, tracked()).unwrap(), Method::ChangeTracking);
        assert_eq!(chosen(None, Some(Method::RowVersion), true, tracked()).unwrap(), Method::RowVersion);
        assert_eq!(chosen(Some(Method::RowVersion), None, true, tracked()).unwrap(), Method::RowVersion);
        assert_eq!(chosen(None, None, true, TableNow::default()).unwrap(), Method::RowVersion);
    }

    #[test]
    fn what_is_missing_is_said_with_the_statements() {
        let untracked = chosen(None, None, false, TableNow::default()).unwrap_err().to_string();
        assert!(untracked.contains("ALTER TABLE [s].[t] ENABLE CHANGE_TRACKING"), "{untracked}");
        let blind = TableNow { tracked: true, ..TableNow::default() };
        let blind = chosen(None, None, true, blind).unwrap_err().to_string();
        assert!(blind.contains("GRANT VIEW CHANGE TRACKING ON [s].[t]"), "{blind}");
        let lost = chosen(None, Some(Method::ChangeTracking), true, TableNow::default()).unwrap_err();
        assert!(lost.to_string().contains("does not track"), "{lost}");
    }
}
