//! The ledger's tables: made when they are missing, brought up to the version that has ranges of keys, and left alone when
//! they are someone else's or a later version's.
use super::found::{DDL, FoundSchema, OLDEST, check, look, tables};
use super::{LOADS_DDL, STAGING_DDL, VERSIONS_DDL};
use crate::catalog::record::CatalogRow;
use crate::error::{Error, Result};
use crate::retry::Backoff;
use crate::session::Session;

/// Keeps every record: windows of days have the number 0.
const FROM_1_TO_2: &str = include_str!("from_1_to_2.sql");

const SCHEMA: &str = "IF SCHEMA_ID(N'replica') IS NULL EXEC(N'CREATE SCHEMA replica')";

/// There is already such an object; CREATE SCHEMA failed (sys.messages).
const THERE_ALREADY: [u32; 2] = [2714, 2759];

/// Makes sure that the ledger is there. Costs two questions where it is.
///
/// # Errors
/// The login may neither see nor create the tables: says which permissions it lacks, and logs the statements for
/// someone who has them. Tables of a later version, or of someone else.
pub async fn open(session: &mut Session) -> Result<()> {
    opened(session, RefusedStatements::Logged).await
}

/// The same, with the columns that ranges of keys need: a ledger of version 1 is brought up to 2, with all of its records.
///
/// # Errors
/// Those of [`open`]; the login may not alter the tables: the statements are logged for someone who may.
pub async fn open_for_keys(session: &mut Session) -> Result<()> {
    open(session).await?;
    if matches!(look(session).await?, FoundSchema::Ledger(OLDEST)) {
        bring_up(session).await?;
    }
    match look(session).await? {
        FoundSchema::Ledger(OLDEST) => {
            Err(Error::busy("the ledger still has version 1, which has no ranges of keys"))
        }
        FoundSchema::Ledger(version) => check(version),
        FoundSchema::Foreign(error) => Err(error),
        FoundSchema::Nothing { .. } => Err(Error::busy("the ledger's tables were dropped just now")),
    }
}

/// Column names in each table must be unique: somebody else has added them first (sys.messages).
const ADDED_ALREADY: u32 = 2705;

async fn bring_up(session: &mut Session) -> Result<()> {
    log::info!("bringing the ledger in the target database (schema replica) from version 1 to version 2");
    let script = format!("BEGIN TRANSACTION;\n{FROM_1_TO_2}COMMIT TRANSACTION");
    let Err(error) = session.execute(&script).await else { return Ok(()) };
    if error.server().is_none() {
        return Err(error);
    }
    session.lane()?.rollback().await?;
    if error.has_number(ADDED_ALREADY) {
        return Ok(());
    }
    if !error.is_transient() {
        log::info!("from version 1 of the ledger to version 2, for a database administrator:\n{FROM_1_TO_2}");
        return Err(error
            .within("the ledger has version 1, which has no ranges of keys, and cannot be brought to version 2")
            .remedy("GRANT ALTER ON SCHEMA::replica to the login's user, or have an administrator run the statements logged above"));
    }
    Err(error)
}

/// The same for those who can do without: no statements are logged.
pub(super) async fn open_quietly(session: &mut Session) -> Result<()> {
    opened(session, RefusedStatements::Quiet).await
}

/// Whether the statements that a login may not run are logged for somebody who may.
#[derive(Clone, Copy, PartialEq, Eq)]
enum RefusedStatements {
    Logged,
    Quiet,
}

async fn opened(session: &mut Session, refused: RefusedStatements) -> Result<()> {
    let schema = match look(session).await? {
        FoundSchema::Ledger(version) => return check(version),
        FoundSchema::Foreign(error) => return Err(error),
        FoundSchema::Nothing { schema } => schema,
    };
    create(session, schema, DDL, refused).await?;
    match look(session).await? {
        FoundSchema::Ledger(version) => check(version),
        FoundSchema::Foreign(error) => Err(error),
        FoundSchema::Nothing { .. } => {
            Err(Error::data("the ledger (schema replica) is there, but this login may not see it")
                .remedy("GRANT SELECT, INSERT, UPDATE, DELETE ON SCHEMA::replica to its user"))
        }
    }
}

/// Makes sure that the ledger has its table of versions, too.
///
/// # Errors
/// As [`open`].
pub(super) async fn open_versions(session: &mut Session) -> Result<()> {
    open_later(session, "replica.versions", VERSIONS_DDL).await
}

/// Makes sure that the ledger has its table of tables beside the targets, too.
///
/// # Errors
/// As [`open`].
pub(super) async fn open_staging(session: &mut Session) -> Result<()> {
    open_later(session, "replica.staging", STAGING_DDL).await
}

/// Makes sure that the ledger has its table of last loads, too. No statements are logged: it does without.
///
/// # Errors
/// As [`open`].
pub(super) async fn open_loads(session: &mut Session) -> Result<()> {
    open_quietly(session).await?;
    const TABLE: &str = "replica.loads";
    if !has_later(session, TABLE, LOADS_DDL).await? {
        create(session, true, LOADS_DDL, RefusedStatements::Quiet).await?;
    }
    Ok(())
}

/// A table that came later than the others.
async fn open_later(session: &mut Session, table: &str, ddl: &'static str) -> Result<()> {
    if !has_later(session, table, ddl).await? {
        create(session, true, ddl, RefusedStatements::Logged).await?;
        if !has_later(session, table, ddl).await? {
            return Err(Error::data(format!("{table} is there, but this login may not see it"))
                .remedy("GRANT SELECT, INSERT, UPDATE, DELETE ON SCHEMA::replica to its user"));
        }
    }
    Ok(())
}

/// # Errors
/// There is a table of that name which is not the ledger's.
pub(super) async fn has_versions(session: &mut Session) -> Result<bool> {
    has_later(session, "replica.versions", VERSIONS_DDL).await
}

/// # Errors
/// There is a table of that name which is not the ledger's.
pub(super) async fn has_staging(session: &mut Session) -> Result<bool> {
    has_later(session, "replica.staging", STAGING_DDL).await
}

async fn has_later(session: &mut Session, table: &str, ddl: &'static str) -> Result<bool> {
    let sql = "SELECT c.name AS name FROM sys.columns AS c WHERE c.object_id = OBJECT_ID(@P1)";
    let rows = session.query(sql, &[&table]).await?;
    let seen: Vec<String> =
        rows.iter().filter_map(|row| Some(CatalogRow::from(row).text("name")?.to_lowercase())).collect();
    let wanted = tables(ddl).into_iter().flat_map(|(_, columns)| columns);
    let missing: Vec<&str> = wanted.filter(|column| !seen.iter().any(|name| name == column)).collect();
    if seen.is_empty() || missing.is_empty() {
        return Ok(!seen.is_empty());
    }
    Err(Error::data(format!(
        "{table} in the target database is not the ledger's: it has no column {}",
        missing.join(", ")
    ))
    .remedy("Give it another name: the ledger makes this table itself"))
}

/// Is there a ledger? For those who only look: nothing is created.
///
/// # Errors
/// As [`open`], but for a ledger that is missing.
pub async fn exists(session: &mut Session) -> Result<bool> {
    match look(session).await? {
        FoundSchema::Ledger(version) => check(version).map(|()| true),
        FoundSchema::Foreign(error) => Err(error),
        FoundSchema::Nothing { .. } => Ok(false),
    }
}

/// Hosts that create tables at the same time can meet in a deadlock.
async fn create(session: &mut Session, schema: bool, ddl: &str, refused: RefusedStatements) -> Result<()> {
    let mut retries = Backoff::default().retries();
    while let Err(error) = create_once(session, schema, ddl, refused).await {
        let again = error.server().is_some() && error.is_transient();
        if !again || !retries.another_after(&error).await {
            return Err(error);
        }
    }
    Ok(())
}

/// All tables of a script or none. Who comes second finds them there. `schema`: that was there before, and may be
/// anybody's.
async fn create_once(
    session: &mut Session,
    schema: bool,
    ddl: &str,
    refused: RefusedStatements,
) -> Result<()> {
    let script = format!("BEGIN TRANSACTION;\n{ddl}COMMIT TRANSACTION");
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
                if refused == RefusedStatements::Logged {
                    log::info!("the ledger's tables, for a database administrator:\n{SCHEMA};\n{ddl}");
                }
                // A schema of one's own is enough to create tables in; another's is not (Microsoft docs, "CREATE
                // TABLE", Permissions).
                let (place, rights) = if schema {
                    (
                        "the ledger's tables are missing, and cannot be created in the schema replica that is there",
                        "GRANT CREATE TABLE, and ALTER ON SCHEMA::replica,",
                    )
                } else {
                    (
                        "the ledger's tables are missing and cannot be created",
                        "GRANT CREATE SCHEMA, CREATE TABLE",
                    )
                };
                let statements = match refused {
                    RefusedStatements::Logged => "the statements logged above",
                    RefusedStatements::Quiet => {
                        "the statements that replicate-monthly-parallel-streaming logs"
                    }
                };
                return Err(error.within(place).remedy(format!(
                    "{rights} to the login's user, or have an administrator run {statements} and GRANT SELECT, INSERT, \
                     UPDATE, DELETE ON SCHEMA::replica",
                )));
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
    fn the_script_survives_being_printed_as_one_line() {
        assert!(!DDL.contains("--") && !FROM_1_TO_2.contains("--"), "a comment would swallow what follows");
    }
}
