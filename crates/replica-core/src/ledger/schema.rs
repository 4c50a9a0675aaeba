//! The ledger's tables: made when they are missing, and refused when a later version made them.
use crate::catalog::record::Record;
use crate::error::{Error, Result};
use crate::retry::Backoff;
use crate::session::Session;

/// What [`DDL`] makes, and all that this program understands.
const VERSION: i64 = 1;

/// The one place that knows the tables. They have a schema of their own: who may make it and tables in it needs no
/// right on any other, and one GRANT lets a login use them. docs/LEDGER.md explains them column by column.
pub const DDL: &str = include_str!("ledger.sql");
const SCHEMA: &str = "IF SCHEMA_ID(N'replica') IS NULL EXEC(N'CREATE SCHEMA replica')";

/// There is already such an object; CREATE SCHEMA failed (sys.messages).
const THERE_ALREADY: [u32; 2] = [2714, 2759];

/// Makes sure that the ledger is there. Costs one question where it is.
///
/// # Errors
/// The login may neither see nor create the tables: says which permissions it lacks, and logs the statements for
/// someone who has them. Tables of a later version.
pub async fn open(session: &mut Session) -> Result<()> {
    if let Some(version) = version(session).await? {
        return check(version);
    }
    let mut retries = Backoff::default().retries();
    while let Err(error) = create(session).await {
        // Hosts that create it at the same time can meet in a deadlock.
        let refused = error.server().is_some() && error.is_transient();
        if !refused || !retries.another_after(&error).await {
            return Err(error);
        }
    }
    match version(session).await? {
        Some(version) => check(version),
        None => Err(Error::data("the ledger (schema replica) is there, but this login may not see it")
            .remedy("GRANT SELECT, INSERT, UPDATE, DELETE ON SCHEMA::replica to its user")),
    }
}

/// Is there a ledger? For those who only look: nothing is created.
///
/// # Errors
/// As [`open`], but for a ledger that is missing.
pub async fn exists(session: &mut Session) -> Result<bool> {
    match version(session).await? {
        Some(version) => check(version).map(|()| true),
        None => Ok(false),
    }
}

/// `None`: there is no ledger that this login can see.
async fn version(session: &mut Session) -> Result<Option<i64>> {
    let there = session.query("SELECT OBJECT_ID(N'replica.ledger') AS id", &[]).await?;
    if there.first().and_then(|row| Record::from(row).int("id")).is_none() {
        return Ok(None);
    }
    let rows = session.query("SELECT MAX(version) AS version FROM replica.ledger", &[]).await;
    let rows = rows.map_err(|error| match error.server() {
        Some(_) if !error.is_transient() => error
            .within("the ledger cannot be read")
            .remedy("GRANT SELECT, INSERT, UPDATE, DELETE ON SCHEMA::replica to the login's user"),
        _ => error,
    })?;
    Ok(Some(rows.first().and_then(|row| Record::from(row).int("version")).unwrap_or_default()))
}

fn check(version: i64) -> Result<()> {
    if version == VERSION {
        return Ok(());
    }
    Err(Error::data(format!(
        "the ledger in the target database (schema replica) has version {version}, this program knows version {VERSION}"
    ))
    .remedy(if version > VERSION {
        "Use the newer release that made it"
    } else {
        "No release ever made such a one: see what is in the table replica.ledger"
    }))
}

/// All tables or none. Who comes second finds them there.
async fn create(session: &mut Session) -> Result<()> {
    let script = format!("BEGIN TRANSACTION;\n{DDL}COMMIT TRANSACTION");
    for sql in [SCHEMA, &script] {
        let made = session.execute(sql).await;
        if made.as_ref().is_err_and(|error| error.server().is_some()) {
            session.lane()?.rollback().await?;
        }
        match made {
            Ok(_) => {}
            // Someone else is at it: whatever of it is missing still is for either to make.
            Err(error) if THERE_ALREADY.iter().any(|number| error.has_number(*number)) => {}
            Err(error) if error.server().is_some() && !error.is_transient() => {
                log::info!("the ledger's tables, for a database administrator:\n{SCHEMA};\n{DDL}");
                return Err(error.within("the ledger's tables are missing and cannot be created").remedy(
                    "GRANT CREATE SCHEMA, CREATE TABLE to the login's user, or have an administrator run the \
                     statements logged above and GRANT SELECT, INSERT, UPDATE, DELETE ON SCHEMA::replica",
                ));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_version_is_refused() {
        assert!(check(VERSION).is_ok());
        let error = check(VERSION + 1).unwrap_err().to_string();
        assert!(error.contains("version 2") && error.contains("newer release"), "{error}");
    }

    #[test]
    fn the_script_survives_being_printed_as_one_line() {
        assert!(!DDL.contains("--"), "a comment would swallow what follows");
    }
}
