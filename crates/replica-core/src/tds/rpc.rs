//! A query with its parameters, as a call of sp_executesql ([MS-TDS] 2.2.6.6): values travel beside the text of a
//! query, never in it.
use std::sync::Arc;

use super::types::token;
use super::wire::{put_b_varchar, put_utf16le, utf16_units};

/// What to run: T-SQL that names its parameters `@P1`, `@P2`, ..., and their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// The statement, with @P1 and so on where values belong.
    pub sql: String,
    /// The values, in order.
    pub params: Vec<Param>,
}

/// A parameter's value, in the type that it is declared with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Param {
    /// `date`
    Date(time::Date),
    /// `int`
    Int(i32),
    /// `bigint`
    BigInt(i64),
    /// `float`, as its bits
    Float(u64),
    /// `nvarchar(4000)`, or `nvarchar(max)` for what is longer
    Text(String),
    /// The same, of a text that many queries have, in UTF-16 by [`put_utf16le`]
    Utf16(Arc<[u8]>),
    /// `varbinary(8000)`, or `varbinary(max)` for what is longer
    Binary(Vec<u8>),
}

impl From<&str> for Query {
    fn from(sql: &str) -> Self {
        sql.to_owned().into()
    }
}

impl From<String> for Query {
    fn from(sql: String) -> Self {
        Self { sql, params: Vec::new() }
    }
}

impl From<&String> for Query {
    fn from(sql: &String) -> Self {
        sql.clone().into()
    }
}

impl Query {
    /// Bytes that the call has, give or take some: room for it is made once.
    pub(crate) fn call_size(&self) -> usize {
        let values = self.params.iter().map(|param| match param {
            Param::Text(text) => 2 * text.len(),
            Param::Utf16(bytes) => bytes.len(),
            Param::Binary(bytes) => bytes.len(),
            Param::Date(_) | Param::Int(_) | Param::BigInt(_) | Param::Float(_) => 8,
        });
        // Of each parameter, its name twice, its declaration and its type.
        128 + 2 * self.sql.len() + values.map(|bytes| bytes + 80).sum::<usize>()
    }

    /// The call's bytes, without the ALL_HEADERS that go before them.
    pub fn encode_call(&self, out: &mut Vec<u8>) {
        // The procedure by its number, in the place of a name's length; no option flags.
        out.extend_from_slice(&BY_NUMBER.to_le_bytes());
        out.extend_from_slice(&SP_EXECUTESQL.to_le_bytes());
        out.extend_from_slice(&[0, 0]);
        put_name("", out);
        put_text(&self.sql, out);
        if self.params.is_empty() {
            return;
        }
        put_name("", out);
        put_text(&self.declared(), out);
        for (param, n) in self.params.iter().zip(1..) {
            put_name(&format!("@P{n}"), out);
            put_value(param, out);
        }
    }

    /// The same call as a statement of a batch, for what a call of its own cannot be: one that ends with another number of
    /// transactions than it began with is error 266. `None`: a value is no number, and nothing else becomes part of a batch.
    pub fn statement(&self) -> Option<String> {
        let sql = self.sql.replace('\'', "''");
        if self.params.is_empty() {
            return Some(format!("EXEC sp_executesql N'{sql}'"));
        }
        let values = self.params.iter().zip(1..).map(|(param, n)| match param {
            Param::Int(number) => Some(format!("@P{n} = {number}")),
            Param::BigInt(number) => Some(format!("@P{n} = {number}")),
            Param::Date(_) | Param::Float(_) | Param::Text(_) | Param::Utf16(_) | Param::Binary(_) => None,
        });
        let values = values.collect::<Option<Vec<_>>>()?.join(", ");
        Some(format!("EXEC sp_executesql N'{sql}', N'{}', {values}", self.declared()))
    }

    fn declared(&self) -> String {
        let declared = self.params.iter().zip(1..).map(|(param, n)| format!("@P{n} {}", param.declared()));
        declared.collect::<Vec<_>>().join(", ")
    }
}

const BY_NUMBER: u16 = 0xFFFF;
const SP_EXECUTESQL: u16 = 10;
/// The most bytes of a value that is not a (max) one.
const MOST_BYTES: usize = 8000;
/// A collation of zeros stands for the database's own; nvarchar has no use for it anyway (as tiberius sends it).
const NO_COLLATION: [u8; 5] = [0; 5];
/// 0001-01-01, where the wire's dates begin.
const FIRST_JULIAN_DAY: i32 = 1_721_426;

impl Param {
    fn declared(&self) -> &'static str {
        match self {
            Self::Date(_) => "date",
            Self::Int(_) => "int",
            Self::BigInt(_) => "bigint",
            Self::Float(_) => "float",
            Self::Text(text) if fits(2 * utf16_units(text)) => "nvarchar(4000)",
            Self::Utf16(bytes) if fits(bytes.len()) => "nvarchar(4000)",
            Self::Text(_) | Self::Utf16(_) => "nvarchar(max)",
            Self::Binary(bytes) if fits(bytes.len()) => "varbinary(8000)",
            Self::Binary(_) => "varbinary(max)",
        }
    }
}

fn fits(bytes: usize) -> bool {
    bytes <= MOST_BYTES
}

/// And that the parameter is passed by value.
fn put_name(name: &str, out: &mut Vec<u8>) {
    put_b_varchar(name, out);
    out.push(0);
}

fn put_value(param: &Param, out: &mut Vec<u8>) {
    match param {
        Param::Date(date) => {
            let days = date.to_julian_day() - FIRST_JULIAN_DAY;
            out.extend_from_slice(&[token::DATEN, 3]);
            out.extend_from_slice(&days.to_le_bytes()[..3]);
        }
        Param::Int(number) => {
            out.extend_from_slice(&[token::INTN, 4, 4]);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Param::BigInt(number) => {
            out.extend_from_slice(&[token::INTN, 8, 8]);
            out.extend_from_slice(&number.to_le_bytes());
        }
        Param::Float(bits) => {
            out.extend_from_slice(&[token::FLTN, 8, 8]);
            out.extend_from_slice(&bits.to_le_bytes());
        }
        Param::Text(text) => put_text(text, out),
        Param::Utf16(bytes) => put_letters(bytes.len(), out, |out| out.extend_from_slice(bytes)),
        Param::Binary(bytes) => {
            put_long(token::BIGVARBINARY, &[], bytes.len(), out, |out| out.extend_from_slice(bytes));
        }
    }
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    put_letters(2 * utf16_units(text), out, |out| put_utf16le(text, out));
}

fn put_letters(bytes: usize, out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    put_long(token::NVARCHAR, &NO_COLLATION, bytes, out, put);
}

/// Type and value of a character or binary parameter of so many bytes; a long one as PLP, in one chunk.
fn put_long(token: u8, collation: &[u8], bytes: usize, out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
    out.push(token);
    let width = if fits(bytes) { MOST_BYTES as u16 } else { super::types::MAX_WIDTH };
    out.extend_from_slice(&width.to_le_bytes());
    out.extend_from_slice(collation);
    if fits(bytes) {
        out.extend_from_slice(&(bytes as u16).to_le_bytes());
        put(out);
    } else {
        out.extend_from_slice(&(bytes as u64).to_le_bytes());
        out.extend_from_slice(&u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes());
        put(out);
        out.extend_from_slice(&[0; 4]);
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    fn encoded(query: &Query) -> Vec<u8> {
        let mut out = Vec::new();
        query.encode_call(&mut out);
        out
    }

    /// [MS-TDS] 2.2.6.6 and 2.2.5.5.1.8: a procedure by its number, then each parameter's name, flags, type and value.
    #[test]
    fn a_call_with_a_date_and_a_number() {
        let query =
            Query { sql: "S".into(), params: vec![Param::Date(date!(2024 - 02 - 29)), Param::Int(-2)] };
        let declared = "@P1 date, @P2 int";
        let mut expected = vec![0xFF, 0xFF, 10, 0, 0, 0];
        expected.extend([0, 0, 0xE7, 0x40, 0x1F, 0, 0, 0, 0, 0, 2, 0, b'S', 0]);
        expected.extend([0, 0, 0xE7, 0x40, 0x1F, 0, 0, 0, 0, 0, 2 * declared.len() as u8, 0]);
        expected.extend(declared.bytes().flat_map(|byte| [byte, 0]));
        // 738,944 days since 0001-01-01.
        expected.extend([3, b'@', 0, b'P', 0, b'1', 0, 0, 0x28, 3, 0x80, 0x46, 0x0B]);
        expected.extend([3, b'@', 0, b'P', 0, b'2', 0, 0, 0x26, 4, 4, 0xFE, 0xFF, 0xFF, 0xFF]);
        assert_eq!(encoded(&query), expected);
    }

    #[test]
    fn a_call_is_a_statement_where_its_values_are_numbers() {
        let call = |params| Query { sql: "SELECT 'a', @P1".into(), params }.statement();
        let expected = "EXEC sp_executesql N'SELECT ''a'', @P1', N'@P1 bigint, @P2 int', @P1 = -7, @P2 = 8";
        assert_eq!(call(vec![Param::BigInt(-7), Param::Int(8)]).as_deref(), Some(expected));
        assert_eq!(call(vec![Param::Text("1".into())]), None);
        assert_eq!(call(Vec::new()).as_deref(), Some("EXEC sp_executesql N'SELECT ''a'', @P1'"));
    }

    #[test]
    fn a_text_in_utf16_is_the_same_parameter() {
        for text in ["", "señor 😀", &"x".repeat(4000), &"x".repeat(4001)] {
            let mut letters = Vec::new();
            put_utf16le(text, &mut letters);
            let call = |param| encoded(&Query { sql: "S".into(), params: vec![param] });
            assert_eq!(call(Param::Utf16(letters.into())), call(Param::Text(text.to_owned())));
        }
    }

    #[test]
    fn what_is_long_goes_as_max() {
        let query = Query { sql: "x".repeat(4001), params: vec![Param::Binary(vec![7; 8001])] };
        let bytes = encoded(&query);
        assert_eq!(bytes[8..11], [0xE7, 0xFF, 0xFF]);
        assert_eq!(bytes[16..28], [0x42, 0x1F, 0, 0, 0, 0, 0, 0, 0x42, 0x1F, 0, 0]);
        assert!(bytes.ends_with(&[7, 7, 0, 0, 0, 0]));
        assert_eq!(query.params[0].declared(), "varbinary(max)");
    }

    #[test]
    fn the_calendar_begins_in_the_year_1() {
        let query = Query { sql: "S".into(), params: vec![Param::Date(date!(0001 - 01 - 01))] };
        assert!(encoded(&query).ends_with(&[0x28, 3, 0, 0, 0]));
    }
}
