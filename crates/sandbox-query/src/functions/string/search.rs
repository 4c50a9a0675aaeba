//! CHARINDEX, PATINDEX and REPLACE.
use super::{is_wide, texts};
use crate::bind::{Typed, string_type};
use crate::functions::FunctionCall;
use crate::functions::like::Pattern;
use sandbox_values::collation::{Charset, utf16le};
use sandbox_values::error::SqlError;
use sandbox_values::text::{from_units, units, width};
use sandbox_values::{CollationId, SqlType, Value};

/// The units of a text that compare equal to those of a needle, by the collation.
fn find(text: &[u16], needle: &[u16], from: usize, collation: CollationId) -> Option<usize> {
    if needle.is_empty() || needle.len() > text.len() {
        return None;
    }
    let key = |unit: u16| {
        let mut key = Vec::new();
        collation.get().sort_key(&utf16le(&[unit]), Charset::Utf16, &mut key);
        key
    };
    let needle: Vec<(u16, Vec<u8>)> = needle.iter().map(|&u| (u, key(u))).collect();
    (from..=text.len() - needle.len()).find(|&at| {
        needle.iter().zip(&text[at..]).all(|((unit, wanted), &have)| *unit == have || *wanted == key(have))
    })
}

pub fn replace(call: &FunctionCall<'_>) -> Result<Typed, SqlError> {
    let (arguments, collation, label) = texts(call, call.bound(3, 3)?)?;
    let wide = arguments.iter().any(|a| is_wide(&a.sql_type));
    let widest =
        if width(&arguments[0].sql_type).is_none() { None } else { Some(if wide { 4000 } else { 8000 }) };
    let to = string_type(wide, false, widest, collation);
    let types: Vec<SqlType> = arguments.iter().map(|a| a.sql_type.clone()).collect();
    let target = to.clone();
    let typed = call.binder.op("replace", "", arguments, to, move |v| {
        let [text, old, new] = [0, 1, 2].map(|n| units(&v[n], &types[n]));
        let (mut out, mut at) = (Vec::with_capacity(text.len()), 0);
        while let Some(found) = find(&text, &old, at, collation) {
            out.extend_from_slice(&text[at..found]);
            out.extend_from_slice(&new);
            at = found + old.len();
        }
        out.extend_from_slice(&text[at..]);
        Ok(from_units(&out, &target))
    });
    Ok(Typed { label, ..typed })
}

pub fn charindex(call: &FunctionCall<'_>) -> Result<Typed, SqlError> {
    let mut arguments = call.bound(2, 3)?;
    let start = if arguments.len() == 3 { arguments.pop() } else { None };
    let (mut pair, collation, _) = texts(call, arguments)?;
    let types: Vec<SqlType> = pair.iter().map(|a| a.sql_type.clone()).collect();
    let to = if width(&types[1]).is_none() { SqlType::BigInt } else { SqlType::Int };
    if let Some(start) = start {
        pair.push(call.binder.implicit(start, &SqlType::BigInt)?);
    }
    Ok(call.binder.op("charindex", &format!("{collation:?}"), pair, to, move |v| {
        let (needle, text) = (units(&v[0], &types[0]), units(&v[1], &types[1]));
        let from = match v.get(2) {
            Some(Value::Int(start)) => usize::try_from(start - 1).unwrap_or(0),
            _ => 0,
        };
        Ok(Value::Int(find(&text, &needle, from, collation).map_or(0, |at| at as i64 + 1)))
    }))
}

pub fn patindex(call: &FunctionCall<'_>) -> Result<Typed, SqlError> {
    let (pair, collation, _) = texts(call, call.bound(2, 2)?)?;
    let types: Vec<SqlType> = pair.iter().map(|a| a.sql_type.clone()).collect();
    let to = if width(&types[1]).is_none() { SqlType::BigInt } else { SqlType::Int };
    Ok(call.binder.op("patindex", &format!("{collation:?}"), pair, to, move |v| {
        let (pattern, text) = (units(&v[0], &types[0]), units(&v[1], &types[1]));
        let anchored = pattern.first() != Some(&b'%'.into());
        let inner = if anchored { &pattern[..] } else { &pattern[1..] };
        let pattern = Pattern::new(inner, None, collation);
        let starts = if anchored { 0..1 } else { 0..text.len().max(1) };
        let found = starts.into_iter().find(|&at| pattern.matches(&text[at.min(text.len())..]));
        Ok(Value::Int(found.map_or(0, |at| at as i64 + 1)))
    }))
}
