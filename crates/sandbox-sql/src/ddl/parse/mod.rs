//! From tokens to [`Ddl`]. Each function is given the cursor after the words that chose it.
mod column;
mod database;
mod index;
mod module;
mod partition;
mod parts;
mod policy;
mod security;
mod table;

pub use table::table_variable;

use super::ast::Ddl;
use crate::tokens::Cursor;
use parts::{Parsed, list, local_name};
use sqlparser::tokenizer::Token;

/// Parses the data definition statement that starts at the cursor. `None`: it is another kind of statement, and
/// the cursor has not moved. CREATE VIEW, CREATE FUNCTION and CREATE TRIGGER take all that is left of
/// the batch.
///
/// # Errors
/// 102/156 for what T-SQL does not allow or the sandbox does not know.
pub fn parse(cursor: &mut Cursor<'_>) -> Parsed<Option<Ddl>> {
    let start = cursor.position();
    let parsed = match cursor
        .take_any(&["CREATE", "ALTER", "DROP", "TRUNCATE", "GRANT", "DENY", "REVOKE", "ENABLE", "DISABLE"])
    {
        Some("CREATE") => create(cursor, start)?,
        Some("ALTER") => alter(cursor, start)?,
        Some("DROP") => drop(cursor)?,
        Some("TRUNCATE") => table::truncate(cursor)?,
        Some(switch @ ("ENABLE" | "DISABLE")) => {
            if !cursor.at_word("TRIGGER") {
                cursor.set_position(start);
                return Ok(None);
            }
            module::switch_trigger(cursor, switch == "ENABLE")?
        }
        Some(verb) => security::permission(cursor, verb)?,
        None => return Ok(None),
    };
    cursor.take_token(&Token::SemiColon);
    Ok(Some(parsed))
}

fn create(cursor: &mut Cursor<'_>, start: usize) -> Parsed<Ddl> {
    if cursor.take_words(&["OR", "ALTER"]) {
        return match cursor.take_any(&["VIEW", "FUNCTION"]) {
            Some("VIEW") => module::view(cursor, start, true, true),
            Some(_) => policy::function(cursor, start, true, true),
            None => Err(cursor.syntax_error()),
        };
    }
    match cursor.take_any(&[
        "TABLE",
        "DATABASE",
        "SCHEMA",
        "VIEW",
        "TRIGGER",
        "LOGIN",
        "USER",
        "ROLE",
        "FUNCTION",
        "SECURITY",
        "SYNONYM",
        "STATISTICS",
        "PARTITION",
    ]) {
        Some("TABLE") => table::create(cursor),
        Some("FUNCTION") => policy::function(cursor, start, true, false),
        Some("SECURITY") => policy::create(cursor),
        Some("SYNONYM") => policy::synonym(cursor),
        Some("STATISTICS") => index::create_statistics(cursor),
        Some("DATABASE") => database::create(cursor),
        Some("SCHEMA") => database::create_schema(cursor),
        Some("VIEW") => module::view(cursor, start, true, false),
        Some("TRIGGER") => module::trigger(cursor, start),
        Some("LOGIN") => security::create_login(cursor),
        Some("USER") => security::create_user(cursor),
        Some("ROLE") => {
            let name = cursor.expect_name()?;
            if cursor.take_word("AUTHORIZATION") {
                cursor.expect_name()?;
            }
            Ok(Ddl::CreateRole { name })
        }
        Some(_) => match cursor.take_any(&["FUNCTION", "SCHEME"]) {
            Some("FUNCTION") => partition::create_function(cursor),
            Some(_) => partition::create_scheme(cursor),
            None => Err(cursor.syntax_error()),
        },
        None => index::create(cursor),
    }
}

fn alter(cursor: &mut Cursor<'_>, start: usize) -> Parsed<Ddl> {
    match cursor.take_any(&[
        "TABLE",
        "DATABASE",
        "INDEX",
        "VIEW",
        "FUNCTION",
        "SECURITY",
        "LOGIN",
        "ROLE",
        "SERVER",
        "PARTITION",
    ]) {
        Some("TABLE") => table::alter(cursor),
        Some("FUNCTION") => policy::function(cursor, start, false, true),
        Some("SECURITY") => policy::alter(cursor),
        Some("DATABASE") => database::alter(cursor),
        Some("INDEX") => index::alter(cursor),
        Some("VIEW") => module::view(cursor, start, false, true),
        Some("LOGIN") => security::alter_login(cursor),
        Some("ROLE") => {
            let (name, add, member) = security::membership(cursor)?;
            Ok(Ddl::AlterRole { name, member, add })
        }
        Some("SERVER") => {
            cursor.expect_word("ROLE")?;
            let (name, add, member) = security::membership(cursor)?;
            Ok(Ddl::AlterServerRole { name, member, add })
        }
        Some(_) => match cursor.take_any(&["FUNCTION", "SCHEME"]) {
            Some("FUNCTION") => partition::alter_function(cursor),
            Some(_) => partition::alter_scheme(cursor),
            None => Err(cursor.syntax_error()),
        },
        None => Err(cursor.syntax_error()),
    }
}

fn drop(cursor: &mut Cursor<'_>) -> Parsed<Ddl> {
    let Some(what) = cursor.take_any(&[
        "TABLE",
        "VIEW",
        "TRIGGER",
        "DATABASE",
        "SCHEMA",
        "INDEX",
        "LOGIN",
        "USER",
        "ROLE",
        "FUNCTION",
        "SECURITY",
        "SYNONYM",
        "STATISTICS",
        "PARTITION",
    ]) else {
        return Err(cursor.syntax_error());
    };
    if what == "PARTITION" {
        return match cursor.take_any(&["FUNCTION", "SCHEME"]) {
            Some("FUNCTION") => Ok(Ddl::DropPartitionFunction { name: cursor.expect_name()? }),
            Some(_) => Ok(Ddl::DropPartitionScheme { name: cursor.expect_name()? }),
            None => Err(cursor.syntax_error()),
        };
    }
    if what == "STATISTICS" {
        return index::drop_statistics(cursor);
    }
    if what == "SECURITY" {
        cursor.expect_word("POLICY")?;
    }
    let if_exists = cursor.take_words(&["IF", "EXISTS"]);
    Ok(match what {
        "FUNCTION" => Ddl::DropFunction { names: list(cursor, Cursor::expect_object_name)?, if_exists },
        "SECURITY" => Ddl::DropSecurityPolicy { name: local_name(cursor)?, if_exists },
        "SYNONYM" => Ddl::DropSynonym { name: local_name(cursor)?, if_exists },
        "TABLE" => Ddl::DropTable { names: list(cursor, Cursor::expect_object_name)?, if_exists },
        "VIEW" => Ddl::DropView { names: list(cursor, Cursor::expect_object_name)?, if_exists },
        "TRIGGER" => Ddl::DropTrigger { names: list(cursor, Cursor::expect_object_name)?, if_exists },
        "DATABASE" => Ddl::DropDatabase { names: list(cursor, Cursor::expect_name)?, if_exists },
        "SCHEMA" => Ddl::DropSchema { name: cursor.expect_name()?, if_exists },
        "INDEX" => Ddl::DropIndex { indexes: list(cursor, index::dropped)?, if_exists },
        "LOGIN" if !if_exists => Ddl::DropLogin { name: cursor.expect_name()? },
        "USER" => Ddl::DropUser { name: cursor.expect_name()?, if_exists },
        "ROLE" => Ddl::DropRole { name: cursor.expect_name()?, if_exists },
        _ => return Err(cursor.syntax_error()),
    })
}

#[cfg(test)]
mod tests;
