//! sp_helptext and sp_spaceused (Microsoft docs of the same names).
use super::answer;
use super::arguments::Arguments;
use super::catalog::{own_database, read};
use sandbox_session::Session;
use sandbox_session::api::{Param, Sink};
use sandbox_session::failure::Outcome;
use sandbox_session::names;
use sandbox_sql::tokens::{ObjectName, SourceText};
use sandbox_values::error::SqlError;
use sandbox_views::definition::{Columns, row};
use sandbox_views::indexes::{Space, space};
use sandbox_views::scope::ViewScope;

/// KiB in a page.
const PAGE: i64 = 8;
/// Characters of a text that go into one row.
const LINE: usize = 255;

fn object_name(text: &str) -> Result<ObjectName, SqlError> {
    SourceText::new(text)?.cursor().expect_object_name()
}

fn no_object(text: &str, scope: &ViewScope<'_>) -> SqlError {
    let text = format!(
        "The object '{text}' does not exist in database '{}' or is invalid for this operation.",
        scope.database.name
    );
    SqlError::new(15009, 16, 1, text)
}

/// sp_helptext: a row for each line. 15197 for what has no text.
pub fn help_text(params: &[Param], session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    let given = Arguments::bind("sp_helptext", &["@objname", "@columnname"], params)?;
    let text = given.required_text("@objname")?;
    let name = object_name(&text)?;
    let (rows, collation) = read(session, |scope| {
        own_database(scope.database, name.database.as_deref())?;
        let is = |schema: i32, own: &str| {
            let in_schema = name.schema.as_deref();
            scope.database.same_name(own, &name.name)
                && in_schema.is_none_or(|s| scope.database.same_name(scope.database.schema_name(schema), s))
        };
        let views = scope.views().filter(|v| is(v.schema_id, &v.name)).map(|v| v.definition.as_str());
        let triggers = scope.tables().flat_map(|t| {
            t.triggers.iter().filter(move |g| is(t.schema_id, &g.name)).map(|g| g.definition.as_str())
        });
        let Some(definition) = views.chain(triggers).next() else {
            return Err(match names::table(session, scope.instance, &name) {
                Some(_) => SqlError::new(15197, 16, 1, format!("There is no text for object '{text}'.")),
                None => no_object(&text, scope),
            }
            .into());
        };
        Ok(definition.split_inclusive('\n').flat_map(cut).map(|line| row![line]).collect())
    })?;
    answer::rows(Columns(&["Text nvarchar(255) null"]), rows, collation, sink)?;
    Ok(0)
}

/// A line in pieces that fit a row.
fn cut(line: &str) -> Vec<String> {
    let units: Vec<u16> = line.encode_utf16().collect();
    units.chunks(LINE).map(String::from_utf16_lossy).collect()
}

/// sp_spaceused: estimates, as in sys.dm_db_partition_stats. There is no log and nothing set aside.
pub fn space_used(params: &[Param], session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    let names = ["@objname", "@updateusage", "@mode", "@oneresultset", "@include_total_xtp_storage"];
    let given = Arguments::bind("sp_spaceused", &names, params)?;
    let Some(text) = given.text("@objname") else {
        return space_of_database(given.int("@oneresultset")? == Some(1), session, sink);
    };
    let name = object_name(&text)?;
    let (rows, collation) = read(session, |scope| {
        own_database(scope.database, name.database.as_deref())?;
        let (_, table) =
            names::table(session, scope.instance, &name).ok_or_else(|| no_object(&text, scope))?;
        let space = space(scope, Some(table.object_id))?;
        let mut row = row![&table.name, space.rows.to_string()];
        row.extend(sizes(&space).map(Into::into));
        Ok(vec![row])
    })?;
    let columns = Columns(&["name sysname null, rows char(20) null", SIZES]);
    answer::rows(columns, rows, collation, sink)?;
    Ok(0)
}

const SIZES: &str =
    "reserved varchar(18) null, data varchar(18) null, index_size varchar(18) null, unused varchar(18) null";

fn sizes(space: &Space) -> [String; 4] {
    [space.used, space.data, space.used - space.data, 0].map(|pages| format!("{} KB", pages * PAGE))
}

fn space_of_database(one_result: bool, session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    const DATABASE: &str =
        "database_name sysname null, database_size varchar(18) null, unallocated space varchar(18) null";
    let (rows, collation) = read(session, |scope| {
        let space = space(scope, None)?;
        let megabytes = |pages: i64| format!("{:.2} MB", (pages * PAGE) as f64 / 1024.0);
        let database = row![&scope.database.name, megabytes(space.used), megabytes(0)];
        Ok(vec![database, sizes(&space).map(Into::into).to_vec()])
    })?;
    if one_result {
        answer::rows(Columns(&[DATABASE, SIZES]), vec![rows.concat()], collation, sink)?;
        return Ok(0);
    }
    for (columns, row) in [Columns(&[DATABASE]), Columns(&[SIZES])].into_iter().zip(rows) {
        answer::rows(columns, vec![row], collation, sink)?;
    }
    Ok(0)
}
