//! Functions on text.
mod build;
mod length;
mod search;

use super::FunctionCall;
use crate::bind::{Label, Typed, common_collation};
use build::{concat, quotename, replicate, space, str_of_number, stuff};
use length::{datalength, len};
use sandbox_values::collation::{Charset, utf16le};
use sandbox_values::error::SqlError;
use sandbox_values::text::{from_units, units, width};
use sandbox_values::{CollationId, Len, SqlType, Value};
use search::{charindex, patindex, replace};

const BLANK: u16 = b' ' as u16;

pub fn bind(call: &FunctionCall<'_>) -> Result<Option<Typed>, SqlError> {
    Ok(Some(match call.name {
        "len" => len(call)?,
        "datalength" => datalength(call)?,
        "ltrim" => mapped(call, varying, |u| u[first_not_blank(u)..].to_vec())?,
        "rtrim" => mapped(call, varying, |u| u[..after_last_not_blank(u)].to_vec())?,
        "trim" if call.arguments.len() == 1 => mapped(call, varying, |u| {
            u[first_not_blank(u)..after_last_not_blank(u).max(first_not_blank(u))].to_vec()
        })?,
        "upper" => mapped(call, Clone::clone, |u| recased(u, char::to_uppercase))?,
        "lower" => mapped(call, Clone::clone, |u| recased(u, char::to_lowercase))?,
        "reverse" => mapped(call, varying, |u| u.iter().rev().copied().collect())?,
        "left" => part(call, 2, |u, n| {
            let n = length(n[0], "left")?;
            Ok(u[..n.min(u.len())].to_vec())
        })?,
        "right" => part(call, 2, |u, n| {
            let n = length(n[0], "right")?;
            Ok(u[u.len().saturating_sub(n)..].to_vec())
        })?,
        "substring" => substring(call)?,
        "replace" => replace(call)?,
        "stuff" => stuff(call)?,
        "replicate" => replicate(call)?,
        "space" => space(call)?,
        "charindex" => charindex(call)?,
        "patindex" => patindex(call)?,
        "concat" => concat(call)?,
        "quotename" => quotename(call)?,
        "char" => {
            let [code] = one(call)?;
            let collation = call.binder.collation();
            let code = call.binder.implicit(code, &SqlType::Int)?;
            let typed = call.binder.op("char", "", vec![code], SqlType::Char(1, collation), |v| match v[0] {
                Value::Int(n) => Ok(u8::try_from(n).map_or(Value::Null, |byte| Value::Bytes(vec![byte]))),
                _ => Ok(Value::Null),
            });
            Typed { nullable: true, ..typed }
        }
        "nchar" => {
            let [code] = one(call)?;
            let collation = call.binder.collation();
            let code = call.binder.implicit(code, &SqlType::Int)?;
            let typed =
                call.binder.op("nchar", "", vec![code], SqlType::NChar(1, collation), |v| match v[0] {
                    Value::Int(n) => {
                        Ok(u16::try_from(n).map_or(Value::Null, |unit| Value::Bytes(utf16le(&[unit]))))
                    }
                    _ => Ok(Value::Null),
                });
            Typed { nullable: true, ..typed }
        }
        "ascii" => {
            let [text] = one(call)?;
            let text = call.binder.text(text)?;
            let (from, collation) = (text.sql_type.clone(), call.binder.collation());
            first(call, text, move |v| {
                let narrow = collation.get().encode(&units(v, &from));
                narrow.first().copied().map(i64::from)
            })
        }
        "unicode" => {
            let [text] = one(call)?;
            let text = call.binder.text(text)?;
            let from = text.sql_type.clone();
            first(call, text, move |v| units(v, &from).first().copied().map(i64::from))
        }
        "str" => str_of_number(call)?,
        _ => return Ok(None),
    }))
}

/// The type without a fixed width.
fn varying(sql_type: &SqlType) -> SqlType {
    match sql_type {
        SqlType::Char(n, c) => SqlType::VarChar(Len::N(*n), *c),
        SqlType::NChar(n, c) => SqlType::NVarChar(Len::N(*n), *c),
        SqlType::Text(c) => SqlType::VarChar(Len::Max, *c),
        SqlType::NText(c) => SqlType::NVarChar(Len::Max, *c),
        other => other.clone(),
    }
}

fn is_wide(sql_type: &SqlType) -> bool {
    sql_type.charset() == Some(Charset::Utf16)
}

fn one(call: &FunctionCall<'_>) -> Result<[Typed; 1], SqlError> {
    let bound = call.bound(1, 1)?;
    bound
        .try_into()
        .map_err(|_| SqlError::new(174, 15, 1, format!("The {} function requires 1 argument(s).", call.name)))
}

fn first_not_blank(units: &[u16]) -> usize {
    units.iter().position(|&u| u != BLANK).unwrap_or(units.len())
}

fn after_last_not_blank(units: &[u16]) -> usize {
    units.iter().rposition(|&u| u != BLANK).map_or(0, |last| last + 1)
}

/// Units beyond the BMP stay: their pairs have no single character to turn.
fn recased<I: Iterator<Item = char>>(units: &[u16], turn: fn(char) -> I) -> Vec<u16> {
    let mut out = Vec::with_capacity(units.len());
    for &unit in units {
        let turned = char::from_u32(unit.into()).and_then(|c| {
            let mut turned = turn(c);
            // A letter that becomes several stays as it is, as SQL Server has it.
            turned.next().filter(|_| turned.next().is_none())
        });
        match turned.and_then(|c| u16::try_from(u32::from(c)).ok()) {
            Some(turned) => out.push(turned),
            None => out.push(unit),
        }
    }
    out
}

/// A function from text to text.
fn mapped(
    call: &FunctionCall<'_>,
    result: fn(&SqlType) -> SqlType,
    map: impl Fn(&[u16]) -> Vec<u16> + Send + Sync + 'static,
) -> Result<Typed, SqlError> {
    let [text] = one(call)?;
    let text = call.binder.text(text)?;
    let (from, to, label) = (text.sql_type.clone(), result(&text.sql_type), text.label);
    let target = to.clone();
    let typed = call
        .binder
        .op(call.name, "", vec![text], to, move |v| Ok(from_units(&map(&units(&v[0], &from)), &target)));
    Ok(Typed { label, ..typed })
}

/// A function from text and whole numbers to a part of the text.
fn part(
    call: &FunctionCall<'_>,
    count: usize,
    map: impl Fn(&[u16], &[i64]) -> Result<Vec<u16>, SqlError> + Send + Sync + 'static,
) -> Result<Typed, SqlError> {
    let mut arguments = call.bound(count, count)?.into_iter();
    let Some(text) = arguments.next() else { return Err(SqlError::new(174, 15, 1, "too few arguments")) };
    let text = call.binder.text(text)?;
    let (from, to, label) = (text.sql_type.clone(), varying(&text.sql_type), text.label);
    let mut all = vec![text];
    for number in arguments {
        all.push(call.binder.implicit(number, &SqlType::BigInt)?);
    }
    let target = to.clone();
    let typed = call.binder.op(call.name, "", all, to, move |v| {
        let numbers: Vec<i64> = v[1..].iter().map(|n| if let Value::Int(n) = n { *n } else { 0 }).collect();
        Ok(from_units(&map(&units(&v[0], &from), &numbers)?, &target))
    });
    Ok(Typed { label, ..typed })
}

fn length(n: i64, function: &str) -> Result<usize, SqlError> {
    usize::try_from(n).map_err(|_| {
        SqlError::new(537, 16, 3, format!("Invalid length parameter passed to the {function} function."))
    })
}

fn substring(call: &FunctionCall<'_>) -> Result<Typed, SqlError> {
    let cut = |length_of: usize, start: i64, length: i64| -> Result<(usize, usize), SqlError> {
        if length < 0 {
            return Err(SqlError::new(
                537,
                16,
                2,
                "Invalid length parameter passed to the LEFT or SUBSTRING function.",
            ));
        }
        let end = start.saturating_add(length).saturating_sub(1).clamp(0, length_of as i64) as usize;
        let from = (start - 1).clamp(0, length_of as i64) as usize;
        Ok((from.min(end), end))
    };
    let arguments = call.bound(3, 3)?;
    if arguments[0].sql_type.is_binary() {
        let mut arguments = arguments.into_iter();
        let Some(bytes) = arguments.next() else {
            return Err(SqlError::new(174, 15, 1, "too few arguments"));
        };
        let to = match width(&bytes.sql_type) {
            Some(n) => SqlType::VarBinary(Len::N(n)),
            None => SqlType::VarBinary(Len::Max),
        };
        let mut all = vec![bytes];
        for number in arguments {
            all.push(call.binder.implicit(number, &SqlType::BigInt)?);
        }
        return Ok(call.binder.op("substring of bytes", "", all, to, move |v| match (&v[0], &v[1], &v[2]) {
            (Value::Bytes(bytes), Value::Int(start), Value::Int(length)) => {
                let (from, end) = cut(bytes.len(), *start, *length)?;
                Ok(Value::Bytes(bytes[from..end].to_vec()))
            }
            _ => Ok(Value::Null),
        }));
    }
    part(call, 3, move |u, n| {
        let (from, end) = cut(u.len(), n[0], n[1])?;
        Ok(u[from..end].to_vec())
    })
}

/// The first character's number; NULL for an empty string.
fn first(
    call: &FunctionCall<'_>,
    text: Typed,
    code: impl Fn(&Value) -> Option<i64> + Send + Sync + 'static,
) -> Typed {
    let typed = call.binder.op(call.name, "", vec![text], SqlType::Int, move |v| {
        Ok(code(&v[0]).map_or(Value::Null, Value::Int))
    });
    Typed { nullable: true, ..typed }
}

/// Several arguments as text in one type.
fn texts(
    call: &FunctionCall<'_>,
    arguments: Vec<Typed>,
) -> Result<(Vec<Typed>, CollationId, Label), SqlError> {
    let texts: Vec<Typed> = arguments.into_iter().map(|a| call.binder.text(a)).collect::<Result<_, _>>()?;
    let found = common_collation(&texts.iter().collect::<Vec<_>>(), call.name)?;
    let (collation, label) = found.unwrap_or((call.binder.collation(), Label::CoercibleDefault));
    Ok((texts, collation, label))
}
