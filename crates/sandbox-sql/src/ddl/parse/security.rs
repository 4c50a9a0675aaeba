//! Logins, users, roles and permissions.
use super::parts::{Parsed, list, parenthesised, unsupported};
use crate::ddl::ast::{Ddl, LoginChange, PermissionChange, SecurableName, Verb};
use crate::terms::Password;
use crate::tokens::Cursor;
use sqlparser::tokenizer::Token;

/// After CREATE LOGIN: `name WITH PASSWORD = 'secret' [, DEFAULT_DATABASE = d, CHECK_POLICY = OFF, …]`, or
/// `[domain\user] FROM WINDOWS [WITH DEFAULT_DATABASE = d, …]`.
pub fn create_login(cursor: &mut Cursor<'_>) -> Parsed<Ddl> {
    let name = cursor.expect_name()?;
    let windows = cursor.take_words(&["FROM", "WINDOWS"]);
    let mut more = false;
    let password = if windows {
        more = cursor.take_word("WITH");
        None
    } else {
        cursor.expect_word("WITH")?;
        cursor.expect_word("PASSWORD")?;
        Some(password(cursor)?)
    };
    let options: &[&str] = if windows {
        &["DEFAULT_DATABASE", "DEFAULT_LANGUAGE"]
    } else {
        &["DEFAULT_DATABASE", "DEFAULT_LANGUAGE", "CHECK_POLICY", "CHECK_EXPIRATION"]
    };
    let mut default_database = None;
    while std::mem::take(&mut more) || cursor.take_token(&Token::Comma) {
        let option = cursor.take_any(options);
        cursor.expect_token(&Token::Eq)?;
        match option {
            Some("DEFAULT_DATABASE") => default_database = Some(cursor.expect_name()?),
            Some(_) => {
                cursor.advance();
            }
            None => return Err(cursor.syntax_error()),
        }
    }
    Ok(Ddl::CreateLogin { name, password, default_database })
}

fn password(cursor: &mut Cursor<'_>) -> Parsed<Password> {
    cursor.expect_token(&Token::Eq)?;
    let password = cursor.take_string().ok_or_else(|| cursor.syntax_error())?.to_owned();
    cursor.take_word("MUST_CHANGE");
    Ok(Password(password))
}

pub fn alter_login(cursor: &mut Cursor<'_>) -> Parsed<Ddl> {
    let name = cursor.expect_name()?;
    let change = match cursor.take_any(&["ENABLE", "DISABLE", "WITH"]) {
        Some("WITH") => match cursor.take_any(&["PASSWORD", "DEFAULT_DATABASE"]) {
            Some("PASSWORD") => LoginChange::Password(password(cursor)?),
            Some(_) => {
                cursor.expect_token(&Token::Eq)?;
                LoginChange::DefaultDatabase(cursor.expect_name()?)
            }
            None => return Err(cursor.syntax_error()),
        },
        Some(word) => LoginChange::Disable(word == "DISABLE"),
        None => return Err(cursor.syntax_error()),
    };
    Ok(Ddl::AlterLogin { name, change })
}

/// After CREATE USER: `name [FOR|FROM LOGIN login | WITHOUT LOGIN] [WITH DEFAULT_SCHEMA = s]`.
pub fn create_user(cursor: &mut Cursor<'_>) -> Parsed<Ddl> {
    let name = cursor.expect_name()?;
    let mut login = Some(name.clone());
    if cursor.take_words(&["WITHOUT", "LOGIN"]) {
        login = None;
    } else if cursor.take_any(&["FOR", "FROM"]).is_some() {
        cursor.expect_word("LOGIN")?;
        login = Some(cursor.expect_name()?);
    }
    let mut default_schema = None;
    if cursor.take_word("WITH") {
        cursor.expect_word("DEFAULT_SCHEMA")?;
        cursor.expect_token(&Token::Eq)?;
        default_schema = Some(cursor.expect_name()?);
    }
    Ok(Ddl::CreateUser { name, login, default_schema })
}

/// `role ADD|DROP MEMBER principal`: role, add, principal.
pub fn membership(cursor: &mut Cursor<'_>) -> Parsed<(String, bool, String)> {
    let role = cursor.expect_name()?;
    let add = match cursor.take_any(&["ADD", "DROP"]) {
        Some(word) => word == "ADD",
        None => return Err(cursor.syntax_error()),
    };
    cursor.expect_word("MEMBER")?;
    Ok((role, add, cursor.expect_name()?))
}

/// Permissions that SQL Server has and that are checked or shown here, the longest first (Microsoft docs,
/// "Permissions (Database Engine)").
const PERMISSIONS: &[&[&str]] = &[
    &["ALTER", "ANY", "SCHEMA"],
    &["ALTER", "ANY", "CONNECTION"],
    &["ALTER", "ANY", "SECURITY", "POLICY"],
    &["ALTER", "ANY", "MASK"],
    &["ALTER", "ANY", "DATASPACE"],
    &["ADMINISTER", "DATABASE", "BULK", "OPERATIONS"],
    &["VIEW", "DATABASE", "PERFORMANCE", "STATE"],
    &["VIEW", "DATABASE", "STATE"],
    &["VIEW", "SERVER", "PERFORMANCE", "STATE"],
    &["VIEW", "SERVER", "STATE"],
    &["VIEW", "DEFINITION"],
    &["VIEW", "CHANGE", "TRACKING"],
    &["CREATE", "DATABASE"],
    &["CREATE", "FUNCTION"],
    &["CREATE", "SCHEMA"],
    &["CREATE", "SYNONYM"],
    &["CREATE", "TABLE"],
    &["CREATE", "VIEW"],
    &["TAKE", "OWNERSHIP"],
    &["ALL", "PRIVILEGES"],
    &["ALL"],
    &["ALTER"],
    &["CONNECT"],
    &["CONTROL"],
    &["DELETE"],
    &["EXECUTE"],
    &["INSERT"],
    &["REFERENCES"],
    &["SELECT"],
    &["SHOWPLAN"],
    &["UNMASK"],
    &["UPDATE"],
];

/// After GRANT, DENY or REVOKE.
pub fn permission(cursor: &mut Cursor<'_>, verb: &str) -> Parsed<Ddl> {
    if verb == "REVOKE" {
        cursor.take_words(&["GRANT", "OPTION", "FOR"]);
    }
    let permissions = list(cursor, |cursor| {
        let found = PERMISSIONS.iter().find(|words| cursor.take_words(words));
        let found = found.ok_or_else(|| cursor.syntax_error())?;
        if cursor.at_token(&Token::LParen) {
            return Err(unsupported("permissions on columns"));
        }
        Ok(found.join(" "))
    })?;
    let mut on = if cursor.take_word("ON") { Some(securable(cursor)?) } else { None };
    if cursor.at_token(&Token::LParen) {
        on = Some(column(cursor, on, &permissions)?);
    }
    let named = cursor.take_word("TO") || verb == "REVOKE" && cursor.take_word("FROM");
    if !named {
        return Err(cursor.syntax_error());
    }
    let principals = list(cursor, |cursor| match cursor.take_any(&["PUBLIC"]) {
        Some(_) => Ok("public".to_owned()),
        None => cursor.expect_name(),
    })?;
    let with_option = cursor.take_words(&["WITH", "GRANT", "OPTION"]);
    cursor.take_word("CASCADE");
    let verb = match verb {
        "GRANT" => Verb::Grant { with_option },
        "DENY" => Verb::Deny,
        _ => Verb::Revoke,
    };
    Ok(Ddl::Permission(PermissionChange { verb, permissions, on, principals }))
}

/// `(column)` after a table: UNMASK is given by the column (SQL Server 2022).
fn column(
    cursor: &mut Cursor<'_>,
    on: Option<SecurableName>,
    permissions: &[String],
) -> Parsed<SecurableName> {
    let (Some(SecurableName::Object(table)), ["UNMASK"]) =
        (on, permissions.iter().map(String::as_str).collect::<Vec<_>>().as_slice())
    else {
        return Err(unsupported("permissions on columns"));
    };
    let mut columns = parenthesised(cursor, Cursor::expect_name)?;
    match (columns.pop(), columns.is_empty()) {
        (Some(column), true) => Ok(SecurableName::Column(table, column)),
        _ => Err(unsupported("permissions on several columns in one statement")),
    }
}

fn securable(cursor: &mut Cursor<'_>) -> Parsed<SecurableName> {
    let class = cursor.take_any(&["SCHEMA", "DATABASE", "OBJECT"]);
    if class.is_some() {
        cursor.expect_token(&Token::DoubleColon)?;
    }
    Ok(match class {
        Some("SCHEMA") => SecurableName::Schema(cursor.expect_name()?),
        Some("DATABASE") => SecurableName::Database(cursor.expect_name()?),
        _ => SecurableName::Object(cursor.expect_object_name()?),
    })
}
