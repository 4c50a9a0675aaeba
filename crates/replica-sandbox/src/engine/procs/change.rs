//! Procedures that change the catalog: sp_rename, sp_addrolemember, sp_droprolemember.
use super::arguments::Arguments;
use crate::engine::api::{Param, Sink};
use crate::engine::ddl::ast::Ddl;
use crate::engine::ddl::{self, rename};
use crate::engine::exec::transaction::within;
use crate::engine::failure::Outcome;
use crate::engine::session::Session;
use crate::engine::tokens::Source;
use crate::error::SqlError;

pub fn role_member(params: &[Param], session: &mut Session, add: bool) -> Outcome<i32> {
    let procedure = if add { "sp_addrolemember" } else { "sp_droprolemember" };
    let given = Arguments::bind(procedure, &["@rolename", "@membername"], params)?;
    let (name, member) = (given.required_text("@rolename")?, given.required_text("@membername")?);
    let change = Ddl::AlterRole { name, member, add };
    within(session, |session| ddl::quietly(&change, session))?;
    Ok(0)
}

pub fn rename(params: &[Param], session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    let given = Arguments::bind("sp_rename", &["@objname", "@newname", "@objtype"], params)?;
    let (text, new) = (given.required_text("@objname")?, given.required_text("@newname")?);
    let kind = given.text("@objtype").map(|k| k.to_uppercase());
    let source = Source::new(&text)?;
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
