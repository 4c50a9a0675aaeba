//! Strings made of others: CONCAT, QUOTENAME, REPLICATE, SPACE, STR, STUFF.
use super::{is_wide, one, texts};
use crate::bind::{Typed, joined_type, string_type};
use crate::functions::FunctionCall;
use sandbox_values::collation::utf16le;
use sandbox_values::error::SqlError;
use sandbox_values::text::{from_units, units, width};
use sandbox_values::{Len, SqlType, Value};

pub fn stuff(call: &FunctionCall<'_>) -> Result<Typed, SqlError> {
    let mut arguments = call.bound(4, 4)?;
    let (Some(new), Some(count), Some(start), Some(text)) =
        (arguments.pop(), arguments.pop(), arguments.pop(), arguments.pop())
    else {
        return Err(SqlError::new(174, 15, 1, "The stuff function requires 4 argument(s)."));
    };
    let (mut pair, collation, label) = texts(call, vec![text, new])?;
    let to = joined_type(&pair.iter().collect::<Vec<_>>(), collation);
    let types: Vec<SqlType> = pair.iter().map(|a| a.sql_type.clone()).collect();
    pair.push(call.binder.implicit(start, &SqlType::BigInt)?);
    pair.push(call.binder.implicit(count, &SqlType::BigInt)?);
    let target = to.clone();
    let typed = call.binder.op("stuff", "", pair, to, move |v| {
        let (text, new) = (units(&v[0], &types[0]), units(&v[1], &types[1]));
        let (Value::Int(start), Value::Int(count)) = (&v[2], &v[3]) else { return Ok(Value::Null) };
        let Some(from) = usize::try_from(*start).ok().filter(|s| (1..=text.len()).contains(s)) else {
            return Ok(Value::Null);
        };
        let Ok(count) = usize::try_from(*count) else { return Ok(Value::Null) };
        let end = (from - 1).saturating_add(count).min(text.len());
        Ok(from_units(&[&text[..from - 1], &new, &text[end..]].concat(), &target))
    });
    Ok(Typed { label, nullable: true, ..typed })
}

/// The most bytes that a function may make of a short argument.
const MOST_BYTES: usize = 8000;

pub fn replicate(call: &FunctionCall<'_>) -> Result<Typed, SqlError> {
    let mut arguments = call.bound(2, 2)?;
    let (Some(count), Some(text)) = (arguments.pop(), arguments.pop()) else {
        return Err(SqlError::new(174, 15, 1, "The replicate function requires 2 argument(s)."));
    };
    let text = call.binder.text(text)?;
    let (from, label) = (text.sql_type.clone(), text.label);
    let wide = is_wide(&from);
    let large = width(&from).is_none();
    let collation = from.collation().unwrap_or_else(|| call.binder.collation());
    let to = string_type(wide, false, (!large).then_some(if wide { 4000 } else { 8000 }), collation);
    let target = to.clone();
    let count = call.binder.implicit(count, &SqlType::BigInt)?;
    let typed = call.binder.op("replicate", "", vec![text, count], to, move |v| {
        let (Value::Bytes(bytes), Value::Int(count)) = (&v[0], &v[1]) else { return Ok(Value::Null) };
        let Ok(count) = usize::try_from(*count) else { return Ok(Value::Null) };
        // (max) goes to 2 GB; the sandbox stops before a test's typing error fills the machine.
        let most = if large { 64 << 20 } else { MOST_BYTES };
        let fits = most.checked_div(bytes.len()).unwrap_or(0);
        let mut out = bytes.repeat(count.min(fits));
        if count > fits && !large {
            out.extend_from_slice(&bytes[..most - out.len()]);
        }
        Ok(from_units(&units(&Value::Bytes(out), &from), &target))
    });
    Ok(Typed { label, nullable: true, ..typed })
}

pub fn space(call: &FunctionCall<'_>) -> Result<Typed, SqlError> {
    let [count] = one(call)?;
    let count = call.binder.implicit(count, &SqlType::BigInt)?;
    let to = SqlType::VarChar(Len::N(8000), call.binder.collation());
    Ok(call.binder.op("space", "", vec![count], to, |v| match v[0] {
        Value::Int(n) => {
            Ok(usize::try_from(n).map_or(Value::Null, |n| Value::Bytes(vec![b' '; n.min(MOST_BYTES)])))
        }
        _ => Ok(Value::Null),
    }))
}

/// NULL counts as an empty string.
pub fn concat(call: &FunctionCall<'_>) -> Result<Typed, SqlError> {
    let (arguments, collation, label) = texts(call, call.bound(2, 254)?)?;
    let to = joined_type(&arguments.iter().collect::<Vec<_>>(), collation);
    let types: Vec<SqlType> = arguments.iter().map(|a| a.sql_type.clone()).collect();
    let arguments = arguments
        .into_iter()
        .map(|a| Typed { sql: format!("coalesce({}, x'')", a.sql), nullable: false, ..a })
        .collect();
    let target = to.clone();
    let typed = call.binder.op("concat", "", arguments, to, move |v| {
        let all: Vec<u16> = v.iter().zip(&types).flat_map(|(v, t)| units(v, t)).collect();
        Ok(from_units(&all, &target))
    });
    Ok(Typed { label, ..typed })
}

/// nvarchar(258); NULL where the name is longer than 128 or the quote is none (Microsoft docs, QUOTENAME).
pub fn quotename(call: &FunctionCall<'_>) -> Result<Typed, SqlError> {
    let (arguments, collation, _) = texts(call, call.bound(1, 2)?)?;
    let types: Vec<SqlType> = arguments.iter().map(|a| a.sql_type.clone()).collect();
    let to = SqlType::NVarChar(Len::N(258), collation);
    let typed = call.binder.op("quotename", "", arguments, to, move |v| {
        let name = units(&v[0], &types[0]);
        let quote = v.get(1).map_or(Some(u16::from(b'[')), |q| units(q, &types[1]).first().copied());
        let (open, close) = match quote.and_then(|q| u8::try_from(q).ok()) {
            Some(b'[' | b']') => (b'[', b']'),
            Some(b'(' | b')') => (b'(', b')'),
            Some(b'<' | b'>') => (b'<', b'>'),
            Some(b'{' | b'}') => (b'{', b'}'),
            Some(quote @ (b'\'' | b'"' | b'`')) => (quote, quote),
            _ => return Ok(Value::Null),
        };
        if name.len() > 128 {
            return Ok(Value::Null);
        }
        let mut out = vec![u16::from(open)];
        for unit in name {
            out.push(unit);
            if unit == u16::from(close) {
                out.push(unit);
            }
        }
        out.push(close.into());
        Ok(Value::Bytes(utf16le(&out)))
    });
    Ok(Typed { nullable: true, ..typed })
}

/// STR(number, length, decimals): right-aligned, stars where it does not fit.
pub fn str_of_number(call: &FunctionCall<'_>) -> Result<Typed, SqlError> {
    let mut arguments = call.bound(1, 3)?.into_iter();
    let Some(number) = arguments.next() else {
        return Err(SqlError::new(189, 15, 1, "The str function requires 1 to 3 arguments."));
    };
    let mut all = vec![call.binder.implicit(number, &SqlType::Float)?];
    for argument in arguments {
        all.push(call.binder.implicit(argument, &SqlType::BigInt)?);
    }
    let to = SqlType::VarChar(Len::N(8000), call.binder.collation());
    Ok(call.binder.op("str", "", all, to, |v| {
        let whole = |n: usize, otherwise: usize| match v.get(n) {
            Some(Value::Int(n)) => usize::try_from(*n).unwrap_or(0).min(MOST_BYTES),
            _ => otherwise,
        };
        let Value::Float(number) = v[0] else { return Ok(Value::Null) };
        let (length, decimals) = (whole(1, 10), whole(2, 0).min(16));
        let text = format!("{number:.decimals$}");
        Ok(Value::Bytes(if text.len() > length {
            vec![b'*'; length]
        } else {
            format!("{text:>length$}").into_bytes()
        }))
    }))
}
