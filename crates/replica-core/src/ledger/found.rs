//! What is in the database under the names of the ledger's tables: the ledger, in which version, or what somebody else made.
use crate::catalog::record::CatalogRow;
use crate::error::{Error, Result};
use crate::session::Session;

/// What [`DDL`] makes, and all that this program understands.
pub(super) const VERSION: i64 = 2;

/// The first one. It has no ranges of keys, and all that has to do with days is the same in it: whoever wants no more than
/// that works with it as it is, since a login that fills the tables need not be one that may alter them.
pub(super) const OLDEST: i64 = 1;

/// What version 2 has more than version 1 in replica.windows.
const ADDED: [&str; 3] = ["range_number", "first_key", "next_key"];

/// The one place that knows the tables. They have a schema of their own: who may make it and tables in it needs no
/// right on any other, and one GRANT lets a login use them. docs/LEDGER.md explains them column by column.
pub const DDL: &str = include_str!("ledger.sql");

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
    if version > VERSION {
        // Its tables may have other columns.
        return Ok(FoundSchema::Ledger(version));
    }
    let foreign = match seen.foreign(version) {
        // The columns may be of the moment before another run has brought the ledger up to that version.
        Some(_) => SeenSchema::ask(session).await?.foreign(version),
        None => None,
    };
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
pub(super) fn tables(ddl: &'static str) -> Vec<(&'static str, Vec<&'static str>)> {
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
