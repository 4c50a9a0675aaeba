//! What a session, a statement and a server are: `@@` variables and functions without a table.
use super::FunctionCall;
use crate::bind::{Binder, Origin, Typed, value_literal};
use sandbox_session::options::SWITCH_BITS;
use sandbox_session::product;
use sandbox_transactions::locks::SessionId;
use sandbox_values::error::SqlError;
use sandbox_values::{Len, SqlType, Value};

const NAME: SqlType = SqlType::NVarChar(Len::N(128), sandbox_values::CollationId::SERVER_DEFAULT);
/// Microsoft docs, SESSIONPROPERTY.
const SESSION_PROPERTIES: &[&str] = &[
    "ansi_nulls",
    "ansi_padding",
    "ansi_warnings",
    "arithabort",
    "concat_null_yields_null",
    "numeric_roundabort",
    "quoted_identifier",
];

/// `@@NAME`
///
/// # Errors
/// 137 for one that is not known here.
pub fn global(binder: &Binder<'_>, name: &str) -> Result<Typed, SqlError> {
    let session = binder.session;
    let (options, last) = (&session.options, &session.last);
    let integer = |n: i64| Typed::literal(value_literal(Value::Int(n)), SqlType::Int);
    Ok(match name.to_ascii_lowercase().as_str() {
        "@@rowcount" => integer(i64::try_from(last.rowcount).unwrap_or(i64::MAX)),
        "@@error" => integer(last.error.into()),
        "@@trancount" => integer(session.transaction.as_ref().map_or(0, |t| t.depth).into()),
        "@@spid" => small(session.id),
        "@@identity" => identity(last.identity),
        "@@lock_timeout" => integer(options.lock_timeout.map_or(-1, |t| t.as_millis() as i64)),
        "@@max_connections" => integer(32_767),
        "@@max_precision" => tiny(38),
        "@@textsize" => integer(options.textsize.into()),
        "@@options" => integer(options.bits().into()),
        "@@datefirst" => tiny(options.datefirst),
        "@@nestlevel" => integer(binder.frame.nesting.into()),
        "@@langid" => Typed::literal("0".to_owned(), SqlType::SmallInt),
        "@@language" => text(binder, "us_english"),
        "@@version" => text(binder, &product::text()),
        "@@servername" => text(binder, &session.engine.options.server_name),
        "@@servicename" => text(binder, "MSSQLSERVER"),
        "@@microsoftversion" => integer(product::number()),
        "@@fetch_status" => integer(-1),
        "@@dbts" => Typed::literal(
            value_literal(Value::Bytes(session.engine.row_versions.last(binder.database.get()).to_vec())),
            SqlType::VarBinary(Len::N(8)),
        ),
        _ => return Err(SqlError::new(137, 15, 2, format!("Must declare the scalar variable \"{name}\"."))),
    })
}

fn small(id: SessionId) -> Typed {
    Typed::literal(id.to_string(), SqlType::SmallInt)
}

fn tiny(n: u8) -> Typed {
    Typed::literal(n.to_string(), SqlType::TinyInt)
}

fn text(binder: &Binder<'_>, text: &str) -> Typed {
    binder.nvarchar(text)
}

/// numeric(38, 0).
fn identity(last: Option<i128>) -> Typed {
    let sql_type = SqlType::Decimal { precision: 38, scale: 0, numeric: true };
    let value = last.map_or(Value::Null, Value::Decimal);
    Typed { nullable: true, origin: Origin::Expression, ..Typed::literal(value_literal(value), sql_type) }
}

/// Functions that are called without parentheses; `None` where the name is none of them.
pub fn niladic(binder: &Binder<'_>, name: &str) -> Option<Result<Typed, SqlError>> {
    let name = name.to_ascii_lowercase();
    let plain = match name.as_str() {
        "current_timestamp" => "getdate",
        "current_user" | "session_user" | "user" => "user_name",
        "system_user" => "suser_sname",
        _ => return None,
    };
    Some(super::named(binder, plain, &[], &crate::bind::Scope::default()))
}

pub fn bind(call: &FunctionCall<'_>) -> Result<Option<Typed>, SqlError> {
    let binder = call.binder;
    let session = binder.session;
    let caught = binder.frame.caught.as_ref();
    let of_caught = |value: Option<Value>, sql_type: SqlType| Typed {
        nullable: true,
        ..Typed::expression(value_literal(value.unwrap_or(Value::Null)), sql_type, true)
    };
    let words = |text: &str| {
        let units: Vec<u16> = text.encode_utf16().collect();
        Value::Bytes(sandbox_values::collation::utf16le(&units))
    };
    let typed = match call.name {
        "scope_identity" => identity(session.last.identity),
        "xact_state" => {
            let state = match &session.transaction {
                Some(t) if t.doomed => -1,
                Some(t) if t.depth > 0 => 1,
                _ => 0,
            };
            Typed::literal(state.to_string(), SqlType::SmallInt)
        }
        "rowcount_big" => {
            let count = i64::try_from(session.last.rowcount).unwrap_or(i64::MAX);
            Typed::literal(count.to_string(), SqlType::BigInt)
        }
        "error_number" => of_caught(caught.map(|e| Value::Int(e.number.into())), SqlType::Int),
        "error_severity" => of_caught(caught.map(|e| Value::Int(e.class.into())), SqlType::Int),
        "error_state" => of_caught(caught.map(|e| Value::Int(e.state.into())), SqlType::Int),
        "error_line" => of_caught(caught.map(|e| Value::Int(e.line.into())), SqlType::Int),
        "error_message" => {
            of_caught(caught.map(|e| words(&e.text)), SqlType::NVarChar(Len::N(4000), binder.collation()))
        }
        "error_procedure" => {
            let procedure = caught.filter(|e| !e.procedure.is_empty()).map(|e| words(&e.procedure));
            of_caught(procedure, SqlType::NVarChar(Len::N(128), binder.collation()))
        }
        // A new one for each row, so that SQLite must not take it for a constant.
        "newid" | "newsequentialid" => {
            let typed = binder.op("newid", "", Vec::new(), SqlType::UniqueIdentifier, |_| {
                let mut bytes: [u8; 16] = rand::random();
                // Version 4, variant 1 (RFC 9562), where the wire order puts them.
                bytes[7] = bytes[7] & 0x0F | 0x40;
                bytes[8] = bytes[8] & 0x3F | 0x80;
                Ok(Value::Guid(bytes))
            });
            Typed { sql: format!("fv{}", typed.sql.strip_prefix('f').unwrap_or(&typed.sql)), ..typed }
        }
        "sessionproperty" => {
            let asked = call.bound(1, 1)?.pop().map(|a| binder.implicit(a, &NAME)).transpose()?;
            let options = session.options.bits();
            let arguments = asked.into_iter().collect();
            let answer =
                binder.op("sessionproperty", &options.to_string(), arguments, SqlType::Variant, move |v| {
                    let name =
                        String::from_utf16_lossy(&sandbox_values::text::units(&v[0], &NAME)).to_lowercase();
                    let bit = SESSION_PROPERTIES.contains(&name.trim_end()).then(|| {
                        SWITCH_BITS
                            .iter()
                            .find(|(known, _)| *known == name.trim_end())
                            .map_or(0, |(_, bit)| *bit)
                    });
                    let shown = |bit: u32| {
                        let on = Value::Int(i64::from(options & bit != 0));
                        Value::Variant(Box::new((SqlType::Int, on)))
                    };
                    Ok(bit.map_or(Value::Null, shown))
                });
            Typed { nullable: true, ..answer }
        }
        "connectionproperty" => {
            let asked = call.arguments.first();
            let asked = asked.map(|a| a.to_string().trim_matches(['N', '\'']).to_lowercase());
            let planted = asked
                .as_deref()
                .and_then(|name| session.engine.sandbox.planted_answer("connectionproperty", name));
            if let Some(planted) = planted {
                let sql_type = SqlType::NVarChar(Len::N(40), binder.collation());
                return Ok(Some(of_caught(planted.as_deref().map(words), sql_type)));
            }
            let answer = match asked {
                Some(name) if name == "net_transport" => Some("TCP"),
                Some(name) if name == "protocol_type" => Some("TSQL"),
                Some(name) if name == "auth_scheme" => Some("SQL"),
                _ => None,
            };
            let sql_type = SqlType::NVarChar(Len::N(40), binder.collation());
            of_caught(answer.map(words), sql_type)
        }
        _ => return Ok(None),
    };
    Ok(Some(typed))
}
