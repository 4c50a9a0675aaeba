//! Procedures that change the catalog: sp_rename, sp_addrolemember, sp_droprolemember; and DBCC CHECKIDENT.
use super::arguments::Arguments;
use sandbox_ddl::{rename, reseed};
use sandbox_session::Session;
use sandbox_session::api::{Param, Sink};
use sandbox_session::failure::Outcome;
use sandbox_session::transaction::within;
use sandbox_sql::ddl::ast::Ddl;
use sandbox_sql::tokens::SourceText;
use sandbox_values::error::SqlError;

pub fn role_member(params: &[Param], session: &mut Session, add: bool) -> Outcome<i32> {
    let procedure = if add { "sp_addrolemember" } else { "sp_droprolemember" };
    let given = Arguments::bind(procedure, &["@rolename", "@membername"], params)?;
    let (name, member) = (given.required_text("@rolename")?, given.required_text("@membername")?);
    let change = Ddl::AlterRole { name, member, add };
    within(session, |session| sandbox_ddl::quietly(&change, session))?;
    Ok(0)
}

pub fn rename(params: &[Param], session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    let given = Arguments::bind("sp_rename", &["@objname", "@newname", "@objtype"], params)?;
    let (text, new) = (given.required_text("@objname")?, given.required_text("@newname")?);
    let kind = given.text("@objtype").map(|k| k.to_uppercase());
    let source = SourceText::new(&text)?;
    let name = source.cursor().expect_object_name()?;
    let what = match kind.as_deref() {
        None | Some("OBJECT") => rename::What::Object,
        Some("COLUMN") => rename::What::Column,
        Some("INDEX") => rename::What::Index,
        Some(other) => {
            let text = format!("Error: Type '{other}' is not a known object type for sp_rename here.");
            return Err(SqlError::new(15249, 11, 1, text).into());
        }
    };
    within(session, |session| rename::rename(session, &name, &new, what, sink))?;
    let caution = "Caution: Changing any part of an object name could break scripts and stored procedures.";
    sink.message(&SqlError::new(15477, 10, 1, caution))?;
    Ok(0)
}

/// `DBCC CHECKIDENT (table, RESEED, number)`.
pub fn reseed(params: &[Param], session: &mut Session, sink: &mut dyn Sink, silent: bool) -> Outcome<i32> {
    let given = Arguments::bind("DBCC CHECKIDENT", &["@table", "@number"], params)?;
    let (text, number) = (given.required_text("@table")?, given.bigint("@number")?.unwrap_or_default());
    let name = SourceText::new(&text)?.cursor().expect_object_name()?;
    within(session, |session| reseed::reseed(session, &name, number, sink))?;
    if !silent {
        let now = format!("Checking identity information: current identity value '{number}'.");
        sink.message(&SqlError::new(7998, 10, 1, now))?;
        sink.message(&dbcc_done())?;
    }
    Ok(0)
}

pub fn dbcc_done() -> SqlError {
    let text = "DBCC execution completed. If DBCC printed error messages, contact your system administrator.";
    SqlError::new(2528, 10, 1, text)
}

/// `DBCC CHECKIDENT (table, NORESEED)`: what the identity is at, and the furthest value that is there.
pub fn current_identity(params: &[Param], session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    let given = Arguments::bind("DBCC CHECKIDENT", &["@table"], params)?;
    let text = given.required_text("@table")?;
    let name = SourceText::new(&text)?.cursor().expect_object_name()?;
    let (last, furthest) = reseed::current(session, &name)?;
    let shown = |value: Option<String>| value.unwrap_or_else(|| "NULL".to_owned());
    let text = format!(
        "Checking identity information: current identity value '{}', current column value '{}'.",
        shown(last),
        shown(furthest)
    );
    sink.message(&SqlError::new(7998, 10, 1, text))?;
    sink.message(&dbcc_done())?;
    Ok(0)
}
