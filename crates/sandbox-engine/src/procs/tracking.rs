//! Change tracking cleaned up on demand, and put back as a restore does. The server itself cleans up every half hour; the
//! sandbox only when it is asked, so that tests know when.
use super::arguments::Arguments;
use sandbox_catalog::schema::{DatabaseTracking, Table};
use sandbox_catalog::store::{note_unfinished, table_name};
use sandbox_session::api::Param;
use sandbox_session::change::change;
use sandbox_session::failure::Outcome;
use sandbox_session::transaction::within;
use sandbox_session::{Session, names};
use sandbox_sql::tokens::SourceText;
use sandbox_transactions::versions;
use sandbox_values::error::SqlError;
use sandbox_values::{SqlType, Value};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// `sp_flush_CT_internal_table_on_demand [@TableToClean] [, @DeletedRowCount OUTPUT]` (Microsoft's page of that name).
///
/// # Errors
/// 15247 but for db_owner; 208 and 22105 for a table that is not there or not tracked.
pub fn flush(params: &mut [Param], session: &mut Session) -> Outcome<i32> {
    let names = ["@TableToClean", "@DeletedRowCount"];
    let given = Arguments::bind("sp_flush_CT_internal_table_on_demand", &names, params)?;
    let table = given.text("@TableToClean");
    {
        let instance = session.engine.instance();
        let database = names::database(&instance, session.database)?;
        // CONTROL of the database is what db_owner has.
        if !session.rights(&instance, database).has("CONTROL", None) {
            return Err(
                SqlError::new(15247, 16, 1, "User does not have permission to perform this action.").into()
            );
        }
    }
    let table = table.map(|name| tracked_table(session, &name)).transpose()?;
    let deleted = clean_up(session, table, SystemTime::now())?;
    let place = params.iter_mut().enumerate().find(|(n, p)| {
        p.output && (p.name.eq_ignore_ascii_case("@DeletedRowCount") || p.name.is_empty() && *n == 1)
    });
    if let Some((_, param)) = place {
        (param.sql_type, param.value) = (SqlType::BigInt, Value::Int(deleted));
    }
    Ok(0)
}

/// `sp_sandbox_cleanup [@minutes]`: cleans up the current database's changes as it would be in so many minutes.
pub fn cleanup(params: &[Param], session: &mut Session) -> Outcome<i32> {
    let given = Arguments::bind("sp_sandbox_cleanup", &["@minutes"], params)?;
    let ahead = given.bigint("@minutes")?.and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
    let now = SystemTime::now() + Duration::from_secs(ahead.saturating_mul(60).min(u64::from(u32::MAX)));
    clean_up(session, None, now)?;
    Ok(0)
}

/// `sp_sandbox_restore @version [, @rowversion] [, @same_fork]`: what a restore, or a fail-over that loses commits, does
/// to the current database's counters. Its rows are the test's to put back.
pub fn restore(params: &[Param], session: &mut Session) -> Outcome<i32> {
    let given = Arguments::bind("sp_sandbox_restore", &["@version", "@rowversion", "@same_fork"], params)?;
    let (version, row_version) = (given.bigint("@version")?, given.bigint("@rowversion")?);
    let same_fork = given.int("@same_fork")?.unwrap_or(0) != 0;
    let id = session.database;
    within(session, |session| {
        change(session, |change| {
            if let Some(version) = version {
                versions::put_back(change.connection, id, version)?;
            }
            let database = change.database(id)?;
            database.restores += u32::from(!same_fork);
            for table in database.tables.values_mut() {
                let Some(mut tracked) = table.change_tracking else { continue };
                if let Some(version) = version {
                    tracked.begin_version = tracked.begin_version.min(version);
                    tracked.min_valid_version = tracked.min_valid_version.min(version);
                }
                *table = Arc::new(Table { change_tracking: Some(tracked), ..Table::clone(table) });
            }
            Ok(())
        })
    })?;
    if let Some(last) = row_version.and_then(|n| u64::try_from(n).ok()) {
        session.engine.row_versions.put_back(id, last);
    }
    Ok(0)
}

fn tracked_table(session: &Session, name: &str) -> Outcome<i32> {
    let source = SourceText::new(name)?;
    let parsed = source.cursor().expect_object_name()?;
    let instance = session.engine.instance();
    let Some((_, table)) = names::table(session, &instance, &parsed) else {
        return Err(SqlError::new(208, 16, 1, format!("Invalid object name '{name}'.")).into());
    };
    if table.change_tracking.is_none() {
        let text = format!("Change tracking is not enabled on table '{name}'.");
        return Err(SqlError::new(22105, 16, 1, text).into());
    }
    Ok(table.object_id)
}

/// Deletes what is older than the retention period: how many changes. Snapshots that are open keep them in sight.
fn clean_up(session: &mut Session, only: Option<i32>, now: SystemTime) -> Outcome<i64> {
    let id = session.database;
    let tracking = names::database(&session.engine.instance(), id)?.change_tracking;
    let Some(DatabaseTracking { retention, unit, .. }) = tracking else { return Ok(0) };
    let kept = Duration::from_secs(u64::try_from(retention * unit.minutes() * 60).unwrap_or(u64::MAX));
    within(session, |session| {
        if let Some(transaction) = session.transaction.as_mut() {
            transaction.next_stamp()?;
        }
        change(session, |change| {
            let moment = now.checked_sub(kept).unwrap_or(SystemTime::UNIX_EPOCH);
            let Some(version) = versions::last_before(change.connection, id, moment)? else { return Ok(0) };
            let stamp = change.transaction.last_stamp();
            let tables: Vec<Arc<Table>> = change.database(id)?.tables.values().cloned().collect();
            let mut deleted = 0;
            for table in tables {
                let Some(mut tracked) = table.change_tracking else { continue };
                if only.is_some_and(|only| only != table.object_id) {
                    continue;
                }
                change.transaction.deletes(change.registry, tracked.changes);
                note_unfinished(change.connection, change.transaction.id, tracked.changes)?;
                deleted += change.connection.execute(
                    &format!(
                        "UPDATE {} SET _del = ?1 WHERE _del IS NULL AND {}",
                        table_name(tracked.changes),
                        versions::made_until("_ins", id, version)
                    ),
                    [stamp],
                )? as i64;
                tracked.cleanup_version = tracked.cleanup_version.max(version);
                tracked.min_valid_version = tracked.min_valid_version.max(version);
                // The table is the same to statements that are bound.
                let record = Table { change_tracking: Some(tracked), ..Table::clone(&table) };
                change.put_record(id, table.object_id, Some(record));
            }
            if only.is_none() && !change.registry.keeps_versions() {
                versions::forget_until(change.connection, id, version)?;
            }
            Ok(deleted)
        })
    })
}
