//! The ledger's tables: made when they are missing, brought up to the version that has ranges of keys, and left alone when
//! they are someone else's or a later version's.
use super::{LOADS_DDL, STAGING_DDL, VERSIONS_DDL};
use crate::catalog::record::CatalogRow;
use crate::error::{Error, Result};
use crate::retry::Backoff;
use crate::session::Session;

/// What [`DDL`] makes, and all that this program understands.
pub(super) const VERSION: i64 = 2;

/// The first one. It has no ranges of keys, and all that has to do with days is the same in it: whoever wants no more than
/// that works with it as it is, since a login that fills the tables need not be one that may alter them.
const OLDEST: i64 = 1;

/// What [`FROM_1_TO_2`] adds to replica.windows.
const ADDED: [&str; 3] = ["range_number", "first_key", "next_key"];

/// Keeps every record: windows of days have the number 0.
const FROM_1_TO_2: &str = include_str!("from_1_to_2.sql");

/// The one place that knows the tables. They have a schema of their own: who may make it and tables in it needs no
/// right on any other, and one GRANT lets a login use them. docs/LEDGER.md explains them column by column.
pub const DDL: &str = include_str!("ledger.sql");
const SCHEMA: &str = "IF SCHEMA_ID(N'replica') IS NULL EXEC(N'CREATE SCHEMA replica')";

/// There is already such an object; CREATE SCHEMA failed (sys.messages).
const THERE_ALREADY: [u32; 2] = [2714, 2759];

/// What the schema `replica` has, as far as this login may see it.
#[derive(Debug)]
pub(super) enum FoundSchema {
    /// None of the ledger's tables; whether the schema itself is there.
    Nothing { schema: bool },
    /// The ledger, in its version.
    Ledger(i64),
    /// A table with one of the ledger's names that is not the ledger's.
    Foreign(Error),
}

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

/// The columns of what bears the names of our tables. A row without a column stands for the schema, or for an object
/// that has none.
const COLUMNS: &str = "SELECT o.name AS table_name, c.name AS column_name FROM sys.schemas AS s \
     LEFT JOIN sys.objects AS o ON o.schema_id = s.schema_id \
     AND o.name IN (N'ledger', N'runs', N'windows', N'disabled_indexes') \
     LEFT JOIN sys.columns AS c ON c.object_id = o.object_id WHERE s.name = N'replica'";

/// Looks at the schema, and creates nothing.
///
/// # Errors
/// The server's, with the GRANT that is missing.
pub(super) async fn look(session: &mut Session) -> Result<FoundSchema> {
    let mut seen = SeenSchema::ask(session).await?;
    if seen.has("ledger") && !seen.is_whole() {
        // The answer may be of the moment when the tables are made, all at once: by now they are.
        seen = SeenSchema::ask(session).await?;
    }
    if !seen.is_whole() || seen.lacks("ledger", "version") {
        return Ok(seen
            .foreign(VERSION)
            .map_or(FoundSchema::Nothing { schema: seen.schema }, FoundSchema::Foreign));
    }
    let version = version(session).await?;
    // Those of a later version may have other columns.
    let is_known = version <= VERSION;
    if is_known && seen.foreign(version).is_some() {
        // The columns may be of the moment before another run has brought the ledger up to that version.
        seen = SeenSchema::ask(session).await?;
    }
    let foreign = seen.foreign(version).filter(|_| is_known);
    Ok(foreign.map_or(FoundSchema::Ledger(version), FoundSchema::Foreign))
}

async fn version(session: &mut Session) -> Result<i64> {
    let rows = session.query("SELECT MAX(version) AS version FROM replica.ledger", &[]).await;
    let rows = rows.map_err(|error| match error.server() {
        Some(_) if !error.is_transient() => error
            .within("the ledger cannot be read")
            .remedy("GRANT SELECT, INSERT, UPDATE, DELETE ON SCHEMA::replica to the login's user"),
        _ => error,
    })?;
    Ok(rows.first().and_then(|row| CatalogRow::from(row).int("version")).unwrap_or_default())
}

/// What is there under our names. A server that tells names apart by case may have other ones beside ours; those it
/// has not been asked for.
struct SeenSchema {
    schema: bool,
    /// Table and column.
    columns: Vec<(String, String)>,
}

impl SeenSchema {
    async fn ask(session: &mut Session) -> Result<Self> {
        let rows = session.query(COLUMNS, &[]).await?;
        Ok(Self::new(&rows.iter().map(CatalogRow::from).collect::<Vec<_>>()))
    }

    fn new(rows: &[CatalogRow]) -> Self {
        let lower = |text: &str| text.to_lowercase();
        let columns = rows.iter().filter_map(|row| {
            Some((lower(row.text("table_name")?), lower(row.text("column_name").unwrap_or_default())))
        });
        Self { schema: !rows.is_empty(), columns: columns.collect() }
    }

    fn has(&self, table: &str) -> bool {
        self.columns.iter().any(|(name, _)| name == table)
    }

    fn lacks(&self, table: &str, column: &str) -> bool {
        !self.columns.iter().any(|(name, its)| name == table && its == column)
    }

    /// Tables of all four names are there.
    fn is_whole(&self) -> bool {
        tables(DDL).iter().all(|(table, _)| self.has(table))
    }

    /// What is wrong with the first table that is not ours, of that version. Ours come together or not at all.
    fn foreign(&self, version: i64) -> Option<Error> {
        let is_later = |column: &&str| version <= OLDEST && ADDED.contains(column);
        let columns =
            tables(DDL).into_iter().filter(|(table, _)| self.has(table)).find_map(|(table, columns)| {
                let missing: Vec<_> = columns
                    .into_iter()
                    .filter(|column| self.lacks(table, column) && !is_later(column))
                    .collect();
                (!missing.is_empty()).then(|| (table, format!("it has no column {}", missing.join(", "))))
            });
        let alone = || {
            let (there, missing): (Vec<_>, Vec<_>) =
                tables(DDL).into_iter().map(|(table, _)| table).partition(|table| self.has(table));
            let missing = missing.iter().map(|table| format!("replica.{table}")).collect::<Vec<_>>();
            let there = there.into_iter().next().filter(|_| !missing.is_empty())?;
            Some((there, format!("there is no {} beside it", missing.join(", "))))
        };
        let (table, why) = columns.or_else(alone)?;
        let error = Error::data(format!("replica.{table} in the target database is not the ledger's: {why}"));
        Some(error.remedy(format!(
            "The ledger needs the names ledger, runs, windows and disabled_indexes in the schema replica, and makes \
             these tables itself: give this one another name, or another schema (ALTER SCHEMA ... TRANSFER \
             replica.{table})"
        )))
    }
}

/// The tables that a script of ours makes, and their columns.
fn tables(ddl: &'static str) -> Vec<(&'static str, Vec<&'static str>)> {
    let mut tables: Vec<(_, Vec<_>)> = Vec::new();
    for line in ddl.lines() {
        if let Some(table) = line.strip_prefix("CREATE TABLE replica.") {
            tables.push((table.trim_end_matches(" ("), Vec::new()));
        }
        let column = line.strip_prefix("    ").and_then(|line| line.split(' ').next());
        let column = column.filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()));
        if let (Some((_, columns)), Some(column)) = (tables.last_mut(), column) {
            columns.push(column);
        }
    }
    tables
}

pub(crate) fn check(version: i64) -> Result<()> {
    if (OLDEST..=VERSION).contains(&version) {
        return Ok(());
    }
    Err(Error::data(format!(
        "the ledger in the target database (schema replica) has version {version}, this program knows versions {OLDEST} to {VERSION}"
    ))
    .remedy(if version > VERSION {
        "Use the newer release that made it"
    } else {
        "No release ever made such a one: see what is in the table replica.ledger"
    }))
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
    use crate::catalog::record::CatalogValue;

    #[test]
    fn a_later_version_is_refused() {
        assert!(check(OLDEST).is_ok() && check(VERSION).is_ok() && check(OLDEST - 1).is_err());
        let error = check(VERSION + 1).unwrap_err().to_string();
        assert!(error.contains("version 3") && error.contains("newer release"), "{error}");
    }

    #[test]
    fn the_script_survives_being_printed_as_one_line() {
        assert!(!DDL.contains("--") && !FROM_1_TO_2.contains("--"), "a comment would swallow what follows");
    }

    /// Table and column of each.
    fn seen(columns: &[(&str, Option<&str>)]) -> SeenSchema {
        let text = |text: &str| CatalogValue::Text(text.to_owned());
        let row = |(table, column): &(&str, Option<&str>)| {
            let column = column.map_or(CatalogValue::Null, text);
            CatalogRow::new([("table_name".to_owned(), text(table)), ("column_name".to_owned(), column)])
        };
        SeenSchema::new(&columns.iter().map(row).collect::<Vec<_>>())
    }

    #[test]
    fn the_ledgers_own_tables_are_known_by_their_columns() {
        let tables = tables(DDL);
        let names: Vec<_> = tables.iter().map(|(table, columns)| (*table, columns.len())).collect();
        assert_eq!(names, [("ledger", 1), ("runs", 26), ("windows", 26), ("disabled_indexes", 7)]);
        let all = tables.iter().flat_map(|(table, columns)| columns.iter().map(|c| (*table, Some(*c))));
        let all: Vec<_> = all.collect();
        assert!(seen(&all).foreign(VERSION).is_none());
        assert!(seen(&[]).foreign(VERSION).is_none(), "none is there");
        let first: Vec<_> =
            all.into_iter().filter(|(_, column)| column.is_none_or(|c| !ADDED.contains(&c))).collect();
        assert!(seen(&first).foreign(OLDEST).is_none());
        assert!(seen(&first).foreign(VERSION).is_some());
    }

    #[test]
    fn a_table_of_another_is_named_with_what_it_lacks() {
        let columns = [("disabled_indexes", Some("index_name")), ("disabled_indexes", Some("object_id"))];
        let error = seen(&columns).foreign(VERSION).unwrap().to_string();
        assert!(error.contains("replica.disabled_indexes"), "{error}");
        assert!(
            error.contains("no column schema_name, table_name, run_id, recorded, rebuilding_run"),
            "{error}"
        );
        let error = seen(&[("Ledger", Some("VERSION"))]).foreign(VERSION).unwrap().to_string();
        assert!(error.contains("there is no replica.runs, replica.windows, replica.disabled"), "{error}");
        // Such as a procedure.
        let error = seen(&[("ledger", None)]).foreign(VERSION).unwrap().to_string();
        assert!(error.contains("no column version") && error.contains("ALTER SCHEMA"), "{error}");
    }
}
