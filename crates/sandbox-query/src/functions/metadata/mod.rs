//! Functions that ask the catalog, the permissions and the session's names.
mod asker;
mod property;

use super::FunctionCall;
use crate::bind::Typed;
use asker::{Asker, database};
use property::{
    collation_property, column_property, database_property, index_property, login_property, object_property,
};
use sandbox_catalog::login::default_schema;
use sandbox_catalog::permissions::{self, ObjectKey};
use sandbox_catalog::schema::{Database, Index, Instance, Table};
use sandbox_transactions::applock;
use sandbox_values::collation::utf16le;
use sandbox_values::error::SqlError;
use sandbox_values::text::units;
use sandbox_values::{CollationId, Len, SqlType, Value};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

pub fn bind(call: &FunctionCall<'_>) -> Result<Option<Typed>, SqlError> {
    let binder = call.binder;
    let session = binder.session;
    let sysname = SqlType::NVarChar(Len::N(128), binder.collation());
    let decimal = SqlType::Decimal { precision: 38, scale: 0, numeric: true };
    Ok(Some(match call.name {
        "db_name" => ask(call, 0, 1, sysname, |a, i, v| match v.first() {
            None => a.here(i).map(|d| text(&d.name)),
            Some(id) => i.databases.get(&i16::try_from(int(id)?).ok()?).map(|d| text(&d.name)),
        })?,
        "db_id" => ask(call, 0, 1, SqlType::SmallInt, |a, i, v| match v.first() {
            None => Some(Value::Int(a.database.into())),
            Some(name) => database(i, &string(name)).map(|d| Value::Int(d.id.into())),
        })?,
        "has_dbaccess" => ask(call, 1, 1, SqlType::Int, |a, i, v| {
            let found = database(i, &string(&v[0]))?;
            Some(flag(permissions::rights(i, found, &a.login).user().is_some()))
        })?,
        "object_id" => {
            // A name means one object for the whole of a statement: system views are made of those that it asks about.
            let known: Mutex<HashMap<String, Option<(i32, &str)>>> = Mutex::default();
            ask(call, 1, 2, SqlType::Int, move |a, i, v| {
                let kind = v.get(1).map(|k| string(k).trim().to_uppercase());
                let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
                let found = known.entry(string(&v[0])).or_insert_with_key(|name| {
                    let own = a.object(i, name).map(|found| (found.target.object_id, found.kind));
                    own.or_else(|| a.system_view(i, name).map(|target| (target.object_id, "V")))
                });
                let (id, found) = (*found)?;
                kind.is_none_or(|k| k == found).then_some(Value::Int(id.into()))
            })?
        }
        "object_name" => ask(call, 1, 2, sysname, |a, i, v| {
            let named = a.by_id(i, int(&v[0])?, v.get(1).and_then(int))?;
            Some(text(&named.1))
        })?,
        "object_schema_name" => ask(call, 1, 2, sysname, |a, i, v| {
            let named = a.by_id(i, int(&v[0])?, v.get(1).and_then(int))?;
            Some(text(&named.0))
        })?,
        "schema_name" => ask(call, 0, 1, sysname, |a, i, v| {
            let here = a.here(i)?;
            let id = match v.first() {
                Some(id) => int(id)?,
                None => default_schema(&permissions::rights(i, here, &a.login), here).into(),
            };
            here.schemas.get(&i32::try_from(id).ok()?).map(|name| text(name))
        })?,
        "schema_id" => ask(call, 0, 1, SqlType::Int, |a, i, v| match v.first() {
            None => {
                let here = a.here(i)?;
                Some(Value::Int(default_schema(&permissions::rights(i, here, &a.login), here).into()))
            }
            Some(name) => a.here(i)?.schema_id(&string(name)).map(|id| Value::Int(id.into())),
        })?,
        "col_name" => ask(call, 2, 2, sysname, |a, i, v| {
            let table = a.table_by_id(i, int(&v[0])?)?;
            table.column(i32::try_from(int(&v[1])?).ok()?).map(|c| text(&c.name))
        })?,
        "col_length" => ask(call, 2, 2, SqlType::SmallInt, |a, i, v| {
            let table = a.object(i, &string(&v[0]))?.table?;
            column(&table, &string(&v[1])).map(|c| Value::Int(c.sql_type.max_length().into()))
        })?,
        "columnproperty" => ask(call, 3, 3, SqlType::Int, |a, i, v| {
            let table = a.table_by_id(i, int(&v[0])?)?;
            column_property(&table, &string(&v[1]), &string(&v[2]))
        })?,
        "objectproperty" | "objectpropertyex" => ask(call, 2, 2, SqlType::Int, |a, i, v| {
            let id = int(&v[0])?;
            object_property(a.here(i)?, i32::try_from(id).ok()?, &string(&v[1]))
        })?,
        // NULL also without permission (Microsoft docs, CHANGE_TRACKING_MIN_VALID_VERSION, "Return types").
        "change_tracking_min_valid_version" => ask(call, 1, 1, SqlType::BigInt, |a, i, v| {
            let table = a.table_by_id(i, int(&v[0])?)?;
            let rights = permissions::rights(i, a.here(i)?, &a.login);
            let tracked = table.change_tracking?;
            let may = rights.has("VIEW CHANGE TRACKING", Some((&*table).into()));
            may.then_some(Value::Int(tracked.min_valid_version))
        })?,
        "indexproperty" => ask(call, 3, 3, SqlType::Int, |a, i, v| {
            let id = i32::try_from(int(&v[0])?).ok()?;
            let here = a.here(i)?;
            let name = string(&v[1]);
            let named = |indexes: &[Index]| {
                let is = |i: &&Index| i.name.as_deref().is_some_and(|own| here.same_name(own, &name));
                indexes.iter().find(is).cloned()
            };
            let of_table = here.tables.get(&id).and_then(|t| named(&t.indexes));
            let index = of_table.or_else(|| here.views.get(&id).and_then(|v| named(&v.indexes)))?;
            index_property(&index, &string(&v[2]))
        })?,
        "type_name" => ask(call, 1, 1, sysname, |_, _, v| {
            let id = int(&v[0])?;
            all_types().find(|t| i64::from(t.user_type_id()) == id).map(|t| text(t.name()))
        })?,
        "type_id" => ask(call, 1, 1, SqlType::Int, |_, _, v| {
            let name = string(&v[0]).to_lowercase();
            let name = name.trim_start_matches("sys.").trim_matches(['[', ']']).to_owned();
            if name == "sysname" {
                return Some(Value::Int(256));
            }
            all_types().find(|t| t.name() == name).map(|t| Value::Int(t.user_type_id().into()))
        })?,
        "typeproperty" => ask(call, 2, 2, SqlType::Int, |_, _, v| {
            let name = string(&v[0]).to_lowercase();
            let name = name.trim_start_matches("sys.").trim_matches(['[', ']']).to_owned();
            let sysname = SqlType::NVarChar(Len::N(128), CollationId::SERVER_DEFAULT);
            let known = all_types().find(|t| t.name() == name);
            let t = known.or_else(|| (name == "sysname").then_some(sysname))?;
            Some(match string(&v[1]).to_lowercase().as_str() {
                "allowsnull" => flag(name != "sysname" && t != SqlType::RowVersion),
                "precision" => Value::Int(t.precision().into()),
                "scale" if t.is_number() => Value::Int(t.scale().into()),
                _ => return None,
            })
        })?,
        "databasepropertyex" => ask(call, 2, 2, SqlType::Variant, |_, i, v| {
            database_property(database(i, &string(&v[0]))?, &string(&v[1]))
        })?,
        "serverproperty" => ask(call, 1, 1, SqlType::Variant, |a, _, v| a.server_property(&string(&v[0])))?,
        "collationproperty" => {
            ask(call, 2, 2, SqlType::Variant, |_, _, v| collation_property(&string(&v[0]), &string(&v[1])))?
        }
        "has_perms_by_name" => has_perms_by_name(call)?,
        "applock_test" => ask(call, 4, 4, SqlType::SmallInt, |a, _, v| {
            let [principal, resource, mode, owner] = [0, 1, 2, 3].map(|at| string(&v[at]));
            let asked = [&principal, &resource, &mode, &owner].map(String::as_str);
            applock::test(&a.engine.locks, (a.session, a.database), asked).map(|free| Value::Int(free.into()))
        })?,
        "is_member" | "is_rolemember" => ask(call, 1, 2, SqlType::Int, |a, i, v| {
            let here = a.here(i)?;
            let role = string(&v[0]);
            let id = here.principals.values().find(|p| here.same_name(&p.name, &role))?.principal_id;
            Some(flag(permissions::rights(i, here, &a.login).is_member(id)))
        })?,
        "is_srvrolemember" => ask(call, 1, 2, SqlType::Int, |a, i, v| {
            let admin = i.logins.values().any(|l| l.name.eq_ignore_ascii_case(&a.login) && l.sysadmin);
            match string(&v[0]).to_lowercase().as_str() {
                "sysadmin" => Some(flag(admin)),
                "public" => Some(flag(true)),
                "serveradmin" | "securityadmin" | "processadmin" | "setupadmin" | "bulkadmin"
                | "diskadmin" | "dbcreator" => Some(flag(false)),
                _ => None,
            }
        })?,
        "ident_current" => ask(call, 1, 1, decimal, |a, i, v| {
            let identity = a.object(i, &string(&v[0]))?.table?.identity.clone()?;
            Some(Value::Decimal(identity.last.unwrap_or(identity.seed).into()))
        })?,
        "ident_seed" => ask(call, 1, 1, decimal, |a, i, v| {
            Some(Value::Decimal(a.object(i, &string(&v[0]))?.table?.identity.as_ref()?.seed.into()))
        })?,
        "ident_incr" => ask(call, 1, 1, decimal, |a, i, v| {
            Some(Value::Decimal(a.object(i, &string(&v[0]))?.table?.identity.as_ref()?.increment.into()))
        })?,
        "suser_sname" | "suser_name" | "original_login" => {
            ask(call, 0, 1, sysname, |a, i, v| match v.first() {
                None => Some(text(&a.login)),
                // SUSER_SNAME takes a security id; its bytes are an nvarchar's here.
                Some(Value::Bytes(sid)) => {
                    let mut ids = i.logins.values();
                    let of = |id: i32| sandbox_views::login_sid(id).into_iter().chain([0]);
                    let same = |id: i32| of(id).take(sid.len()).eq(sid.iter().copied());
                    ids.find(|l| !sid.is_empty() && same(l.principal_id)).map(|l| text(&l.name))
                }
                Some(id) => i.logins.get(&i32::try_from(int(id)?).ok()?).map(|l| text(&l.name)),
            })?
        }
        // NULL for what is not there: there are no full-text catalogs, and no XML schema but the server's own.
        "fulltextcatalogproperty" => ask(call, 2, 2, SqlType::Int, |_, _, _| None)?,
        "fulltextserviceproperty" => ask(call, 1, 1, SqlType::Int, |_, _, v| {
            (string(&v[0]).to_lowercase() == "isfulltextinstalled").then_some(flag(false))
        })?,
        "xml_schema_namespace" => ask(call, 2, 3, SqlType::Xml, |_, _, _| None)?,
        "loginproperty" => ask(call, 2, 2, SqlType::Variant, |_, i, v| {
            let name = string(&v[0]);
            let login = i.logins.values().find(|l| l.name.eq_ignore_ascii_case(&name))?;
            login_property(login, &string(&v[1]))
        })?,
        "fileproperty" => ask(call, 2, 2, SqlType::Int, |a, i, v| {
            let name = string(&v[0]);
            let here = a.here(i)?;
            let known =
                here.same_name(&name, &here.name) || here.same_name(&name, &format!("{}_log", here.name));
            match string(&v[1]).to_lowercase().as_str() {
                "spaceused" if known => Some(Value::Int(128)),
                "isreadonly" if known => Some(flag(here.read_only)),
                _ => None,
            }
        })?,
        "stats_date" => ask(call, 2, 2, SqlType::DateTime, |a, i, v| {
            let table = a.table_by_id(i, int(&v[0])?)?;
            let id = int(&v[1])?;
            let known = table.indexes.iter().any(|index| i64::from(index.index_id) == id && id > 0);
            known.then(|| sandbox_views::definition::date_time(table.modified))
        })?,
        "suser_id" => ask(call, 0, 1, SqlType::Int, |a, i, v| {
            let name = v.first().map_or_else(|| a.login.clone(), string);
            let login = i.logins.values().find(|l| l.name.eq_ignore_ascii_case(&name))?;
            Some(Value::Int(login.principal_id.into()))
        })?,
        "user_name" => ask(call, 0, 1, sysname, |a, i, v| {
            let here = a.here(i)?;
            let id = match v.first() {
                Some(id) => i32::try_from(int(id)?).ok()?,
                None => permissions::rights(i, here, &a.login).user()?,
            };
            match here.principals.get(&id) {
                Some(principal) => Some(text(&principal.name)),
                None => (id == 1).then(|| text("dbo")),
            }
        })?,
        "user_id" | "database_principal_id" => ask(call, 0, 1, SqlType::Int, |a, i, v| {
            let here = a.here(i)?;
            match v.first() {
                None => permissions::rights(i, here, &a.login).user().map(|id| Value::Int(id.into())),
                Some(name) => {
                    let name = string(name);
                    here.principals
                        .values()
                        .find(|p| here.same_name(&p.name, &name))
                        .map(|p| Value::Int(p.principal_id.into()))
                }
            }
        })?,
        "app_name" => {
            call.count(0, 0)?;
            Typed { nullable: true, ..binder.nvarchar(&session.login.program) }
        }
        "host_name" => {
            call.count(0, 0)?;
            Typed { nullable: true, ..binder.nvarchar(&session.login.host) }
        }
        _ => return Ok(None),
    }))
}

/// Binds a function whose arguments are text or whole numbers.
fn ask(
    call: &FunctionCall<'_>,
    least: usize,
    most: usize,
    result: SqlType,
    answer: impl Fn(&Asker, &Instance, &[Value]) -> Option<Value> + Send + Sync + 'static,
) -> Result<Typed, SqlError> {
    let binder = call.binder;
    let mut arguments = Vec::new();
    for argument in call.bound(least, most)? {
        let to = if argument.sql_type.is_number() {
            SqlType::BigInt
        } else {
            SqlType::NVarChar(Len::N(4000), binder.collation())
        };
        arguments.push(binder.implicit(argument, &to)?);
    }
    let asker = Asker {
        engine: Arc::clone(&binder.session.engine),
        session: binder.session.id,
        database: binder.database.get(),
        login: binder.session.login.user.clone(),
    };
    let detail = binder.database.get().to_string();
    let (name, as_result) = (call.name.to_owned(), result.clone());
    let typed = binder.op(call.name, &detail, arguments, result, move |v| {
        if let Some(planted) = asker.planted(&name, v) {
            return planted.map_or(Ok(Value::Null), |text| sandbox_views::planted::value(&text, &as_result));
        }
        let instance = asker.engine.instance();
        Ok(answer(&asker, &instance, v).unwrap_or(Value::Null))
    });
    Ok(Typed { nullable: true, ..typed })
}

/// HAS_PERMS_BY_NAME(securable, class, permission[, sub-securable, class]).
fn has_perms_by_name(call: &FunctionCall<'_>) -> Result<Typed, SqlError> {
    let binder = call.binder;
    let nvarchar = SqlType::NVarChar(Len::N(4000), binder.collation());
    let mut arguments = Vec::new();
    for argument in call.bound(3, 5)? {
        let nullable = argument.nullable;
        let argument = binder.implicit(argument, &nvarchar)?;
        // NULL is a value here: the server or the current database. An empty string stands for it.
        arguments.push(Typed { sql: format!("coalesce({}, x'')", argument.sql), nullable, ..argument });
    }
    let asker = Asker {
        engine: Arc::clone(&binder.session.engine),
        session: binder.session.id,
        database: binder.database.get(),
        login: binder.session.login.user.clone(),
    };
    let typed =
        binder.op("has_perms_by_name", &asker.database.to_string(), arguments, SqlType::Int, move |v| {
            let instance = asker.engine.instance();
            let (securable, class, permission) =
                (string(&v[0]), string(&v[1]).to_uppercase(), string(&v[2]).to_uppercase());
            let rights =
                |d: &Database, on| permissions::rights(&instance, d, &asker.login).has(&permission, on);
            let answer = match class.as_str() {
                "OBJECT" => match asker.object(&instance, &securable) {
                    Some(found) => instance.databases.get(&found.database).and_then(|database| {
                        // Of all permissions on columns only this one is told apart from that on the table.
                        match v.get(3).map(string).filter(|name| permission == "UNMASK" && !name.is_empty()) {
                            Some(name) => {
                                let id =
                                    column(database.tables.get(&found.target.object_id)?, &name)?.column_id;
                                Some(
                                    permissions::rights(&instance, database, &asker.login)
                                        .unmasks(found.target, id),
                                )
                            }
                            None => Some(rights(database, Some(found.target))),
                        }
                    }),
                    None => asker.system_view(&instance, &securable).map(|target| {
                        let denied = asker.here(&instance).is_some_and(|d| {
                            permissions::rights(&instance, d, &asker.login).is_denied("SELECT", target)
                        });
                        permission == "SELECT" && !denied
                    }),
                },
                "DATABASE" => {
                    let name = securable.trim_start_matches('[').trim_end_matches(']').replace("]]", "]");
                    let home =
                        if securable.is_empty() { asker.here(&instance) } else { database(&instance, &name) };
                    home.map(|d| rights(d, None))
                }
                "SCHEMA" => asker.here(&instance).and_then(|d| {
                    let schema_id = d.schema_id(securable.trim_start_matches('[').trim_end_matches(']'))?;
                    Some(rights(d, Some(ObjectKey { object_id: 0, schema_id })))
                }),
                "SERVER" | "" => permissions::has_on_server(&instance, &asker.login, &permission)
                    .or_else(|| asker.here(&instance).map(|d| rights(d, None))),
                _ => None,
            };
            Ok(answer.map_or(Value::Null, flag))
        });
    Ok(Typed { nullable: true, ..typed })
}

fn column<'t>(table: &'t Table, name: &str) -> Option<&'t sandbox_catalog::schema::Column> {
    table.columns.iter().find(|c| c.name.to_lowercase() == name.to_lowercase())
}

/// One of each type, for their names.
fn all_types() -> impl Iterator<Item = SqlType> {
    let c = CollationId::SERVER_DEFAULT;
    [
        SqlType::Bit,
        SqlType::TinyInt,
        SqlType::SmallInt,
        SqlType::Int,
        SqlType::BigInt,
        SqlType::Decimal { precision: 18, scale: 0, numeric: false },
        SqlType::Decimal { precision: 18, scale: 0, numeric: true },
        SqlType::Money,
        SqlType::SmallMoney,
        SqlType::Real,
        SqlType::Float,
        SqlType::Date,
        SqlType::Time(7),
        SqlType::DateTime2(7),
        SqlType::DateTimeOffset(7),
        SqlType::DateTime,
        SqlType::SmallDateTime,
        SqlType::Char(1, c),
        SqlType::VarChar(Len::Max, c),
        SqlType::NChar(1, c),
        SqlType::NVarChar(Len::Max, c),
        SqlType::Text(c),
        SqlType::NText(c),
        SqlType::Image,
        SqlType::Binary(1),
        SqlType::VarBinary(Len::Max),
        SqlType::UniqueIdentifier,
        SqlType::Xml,
        SqlType::Variant,
        SqlType::RowVersion,
        SqlType::HierarchyId,
        SqlType::Geography,
        SqlType::Geometry,
    ]
    .into_iter()
}

fn int(value: &Value) -> Option<i64> {
    match value {
        Value::Int(n) => Some(*n),
        _ => None,
    }
}

fn string(value: &Value) -> String {
    String::from_utf16_lossy(&units(value, &SqlType::NVarChar(Len::Max, CollationId::SERVER_DEFAULT)))
}

fn text(text: &str) -> Value {
    Value::Bytes(utf16le(&text.encode_utf16().collect::<Vec<_>>()))
}

fn flag(on: bool) -> Value {
    Value::Int(on.into())
}

fn variant(words: &str) -> Value {
    Value::Variant(Box::new((SqlType::NVarChar(Len::N(128), CollationId::SERVER_DEFAULT), text(words))))
}

fn variant_int(n: i64) -> Value {
    Value::Variant(Box::new((SqlType::Int, Value::Int(n))))
}
