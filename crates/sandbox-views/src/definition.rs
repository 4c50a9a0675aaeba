//! How a view is written down: a line for its columns, and a function for its rows.
use sandbox_session::api::OutColumn;
use sandbox_session::failure::Outcome;
use sandbox_sql::type_name::{TypeName, TypePlace};
use sandbox_values::{CollationId, SqlType, Value, collation::utf16le};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::scope::ViewScope;

pub struct Definition {
    pub schema: &'static str,
    pub name: &'static str,
    /// `name type [null] [= constant]`, with commas between, in the order of Microsoft's documentation. Columns
    /// with a constant are the same in every row, and rows leave them out.
    pub columns: Columns,
    pub rows: fn(&ViewScope<'_>) -> Outcome<Vec<Row>>,
}

/// A row's values for the columns that have no constant.
pub type Row = Vec<Cell>;

#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Null,
    Int(i64),
    Text(String),
    Time(SystemTime),
    Value(Value),
}

macro_rules! cell_from {
    ($($type:ty => $make:expr),* $(,)?) => {
        $(impl From<$type> for Cell {
            fn from(value: $type) -> Self {
                let make: fn($type) -> Cell = $make;
                make(value)
            }
        })*
    };
}

cell_from! {
    bool => |b| Cell::Int(i64::from(b)),
    u8 => |n| Cell::Int(i64::from(n)),
    u16 => |n| Cell::Int(i64::from(n)),
    i16 => |n| Cell::Int(i64::from(n)),
    i32 => |n| Cell::Int(i64::from(n)),
    i64 => Cell::Int,
    usize => |n| Cell::Int(n as i64),
    &str => |s| Cell::Text(s.to_owned()),
    &String => |s| Cell::Text(s.clone()),
    String => Cell::Text,
    SystemTime => Cell::Time,
    Value => Cell::Value,
}

impl<T: Into<Cell>> From<Option<T>> for Cell {
    fn from(value: Option<T>) -> Self {
        value.map_or(Cell::Null, Into::into)
    }
}

/// A [`Row`] of things that become [`Cell`]s.
#[macro_export]
macro_rules! row {
    ($($cell:expr),* $(,)?) => { vec![$($crate::definition::Cell::from($cell)),*] };
}
pub use crate::row;

/// Result columns as [`Definition::columns`] writes them; procedures use them too.
#[derive(Clone, Copy)]
pub struct Columns(pub &'static [&'static str]);

/// One of them, taken apart.
struct ColumnPart {
    name: &'static str,
    type_name: &'static str,
    nullable: bool,
    constant: Option<&'static str>,
}

impl ColumnPart {
    /// The constant, in its column's type.
    fn value(&self, sql_type: &SqlType) -> Option<Value> {
        let cell = match self.constant? {
            "null" => Cell::Null,
            text => text.parse().map_or_else(|_| Cell::Text(text.to_owned()), Cell::Int),
        };
        Some(value(cell, sql_type))
    }
}

impl Columns {
    fn parts(self) -> impl Iterator<Item = ColumnPart> {
        self.0.iter().flat_map(|line| line.split(", ")).map(|text| {
            let (text, constant) = match text.split_once(" = ") {
                Some((text, constant)) => (text, Some(constant)),
                None => (text, None),
            };
            let (text, nullable) = match text.strip_suffix(" null") {
                Some(text) => (text, true),
                None => (text, false),
            };
            let (name, type_name) = text.rsplit_once(' ').unwrap_or((text, "int"));
            ColumnPart { name, type_name, nullable, constant }
        })
    }

    /// Descriptions and object types have the catalog's own collation, names the database's.
    pub fn describe(self, database: CollationId) -> Vec<OutColumn> {
        self.parts()
            .enumerate()
            .map(|(at, part)| {
                let described = part.name.ends_with("_desc") || part.name == "type";
                let collation = if described { CollationId::catalog() } else { database };
                let place = TypePlace { ordinal: at + 1, name: part.name, length: 1, collation };
                let resolved = TypeName::parse_text(part.type_name).and_then(|t| t.resolve(&place));
                // The tests resolve every view: what is written above is known to be a type.
                let sql_type = resolved.map_or(SqlType::Int, |r| r.sql_type);
                OutColumn {
                    name: part.name.to_owned(),
                    sql_type,
                    nullable: part.nullable,
                    flags: if part.nullable { 0x09 } else { 0x08 },
                    user_type: if part.type_name == "sysname" { 0x100 } else { 0 },
                    table: None,
                }
            })
            .collect()
    }

    /// Whole rows: the constants put where they belong, every value in its column's type.
    pub fn rows(self, rows: Vec<Row>, columns: &[OutColumn]) -> impl Iterator<Item = Vec<Value>> {
        // Once for all rows: most of a view's time would go into taking the line apart.
        let places: Vec<(Option<Value>, &SqlType)> =
            self.parts().zip(columns).map(|(part, c)| (part.value(&c.sql_type), &c.sql_type)).collect();
        rows.into_iter().map(move |cells| {
            let mut cells = cells.into_iter();
            let whole = places.iter().map(|(constant, sql_type)| match constant {
                Some(constant) => constant.clone(),
                None => value(cells.next().unwrap_or(Cell::Null), sql_type),
            });
            whole.collect()
        })
    }

    /// How many values a row has to give.
    pub fn width(self) -> usize {
        self.parts().filter(|part| part.constant.is_none()).count()
    }

    /// The declared types that are none.
    pub fn unknown_types(self) -> Vec<&'static str> {
        self.parts().map(|part| part.type_name).filter(|t| TypeName::parse_text(t).is_err()).collect()
    }
}

fn value(cell: Cell, sql_type: &SqlType) -> Value {
    match cell {
        Cell::Null => Value::Null,
        Cell::Int(n) => match sql_type {
            SqlType::Real | SqlType::Float => Value::Float(n as f64),
            SqlType::Variant => Value::Variant(Box::new((SqlType::Int, Value::Int(n)))),
            _ => Value::Int(n),
        },
        Cell::Text(text) => Value::Bytes(text_bytes(&text, sql_type)),
        Cell::Time(at) => date_time(at),
        Cell::Value(value) => value,
    }
}

/// The bytes of a text in a character type; what is shorter than a char is padded.
pub fn text_bytes(text: &str, sql_type: &SqlType) -> Vec<u8> {
    let units: Vec<u16> = text.encode_utf16().collect();
    match sql_type {
        SqlType::Char(width, collation) => {
            let mut bytes = collation.get().encode(&units);
            bytes.resize(usize::from(*width), b' ');
            bytes
        }
        SqlType::VarChar(_, collation) | SqlType::Text(collation) => collation.get().encode(&units),
        _ => utf16le(&units),
    }
}

/// A moment as datetime, UTC, rounded to 1/300 s.
pub fn date_time(at: SystemTime) -> Value {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let days = since.as_secs() / 86_400;
    let millis = since.as_millis() % 86_400_000;
    // Days from 1900-01-01 to 1970-01-01.
    Value::DateTime(days as i32 + 25_567, ((millis * 3 + 5) / 10).min(25_919_999) as u32)
}
