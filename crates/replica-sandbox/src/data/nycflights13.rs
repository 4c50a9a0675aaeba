//! The flights that left New York in 2013, and their reference tables.
use super::{DataError, TableSpec, load};
use crate::engine::Session;
use crate::engine::api::{BulkRows, Cancelled};
use crate::error::SqlError;
use crate::values::convert::{ConvertMode, cast, days_of_date};
use crate::values::{CollationId, Len, SqlType, Value};
use std::io::Read;

/// CREATE TABLE statements of all five tables.
pub const SCHEMA: &str = include_str!("../../data/nycflights13/schema.sql");

const AIRLINES: &[u8] = include_bytes!("../../data/nycflights13/airlines.csv.zst");
const AIRPORTS: &[u8] = include_bytes!("../../data/nycflights13/airports.csv.zst");
const PLANES: &[u8] = include_bytes!("../../data/nycflights13/planes.csv.zst");
const WEATHER: &[u8] = include_bytes!("../../data/nycflights13/weather.csv.zst");
const FLIGHTS: &[u8] = include_bytes!("../../data/nycflights13/flights.csv.zst");

const TEXT: SqlType = SqlType::VarChar(Len::Max, CollationId::SERVER_DEFAULT);

/// Makes and fills the five tables in the session's database, whose collation is `collation`. Returns each table's
/// name and rows.
///
/// # Errors
/// [`DataError`].
pub fn load_all(session: &mut Session, collation: CollationId) -> Result<Vec<(String, u64)>, DataError> {
    let tables = TableSpec::parse_all(SCHEMA, collation)
        .map_err(|error| DataError::Refused { table: "nycflights13".to_owned(), error })?;
    tables
        .into_iter()
        .map(|table| {
            let mut rows = CsvRows::open(&table)?;
            let count = load(session, &table, &mut rows)?;
            Ok((table.name, count))
        })
        .collect()
}

/// Where a column's value comes from.
enum CsvOrigin {
    /// A field of the file.
    Field(usize),
    /// `flight_id`: the line's number, from 1.
    LineNumber,
    /// `flight_date`: of the fields year, month and day.
    Date([usize; 3]),
}

/// The rows of one file, typed as its table.
pub struct CsvRows {
    reader: csv::Reader<Box<dyn Read>>,
    record: csv::StringRecord,
    columns: Vec<(CsvOrigin, SqlType)>,
    line: i64,
}

impl CsvRows {
    /// # Errors
    /// [`DataError::Damaged`] where the file has not the table's columns; [`DataError::Unknown`] for another table.
    pub fn open(table: &TableSpec) -> Result<CsvRows, DataError> {
        let file = match table.name.as_str() {
            "airlines" => AIRLINES,
            "airports" => AIRPORTS,
            "planes" => PLANES,
            "weather" => WEATHER,
            "flights" => FLIGHTS,
            other => return Err(DataError::Unknown(other.to_owned())),
        };
        let damaged = |reason: String| DataError::Damaged { table: table.name.clone(), reason };
        let decoder = zstd::Decoder::new(file).map_err(|error| damaged(error.to_string()))?;
        let mut reader = csv::Reader::from_reader(Box::new(decoder) as Box<dyn Read>);
        let headers = reader.headers().map_err(|error| damaged(error.to_string()))?.clone();
        let field = |name: &str| {
            headers
                .iter()
                .position(|header| header == name)
                .ok_or_else(|| damaged(format!("no field {name}")))
        };
        let columns = table.columns.iter().map(|column| {
            let origin = match column.name.as_str() {
                "flight_id" => CsvOrigin::LineNumber,
                "flight_date" => CsvOrigin::Date([field("year")?, field("month")?, field("day")?]),
                name => CsvOrigin::Field(field(name)?),
            };
            Ok((origin, column.sql_type.clone()))
        });
        Ok(CsvRows {
            columns: columns.collect::<Result<_, _>>()?,
            reader,
            record: csv::StringRecord::new(),
            line: 0,
        })
    }

    fn value(&self, origin: &CsvOrigin, sql_type: &SqlType) -> Result<Value, SqlError> {
        match origin {
            CsvOrigin::Field(index) => typed(self.record.get(*index).unwrap_or_default(), sql_type),
            CsvOrigin::LineNumber => Ok(Value::Int(self.line)),
            CsvOrigin::Date(fields) => {
                let [year, month, day] =
                    fields.map(|index| self.record.get(index).and_then(|text| text.parse().ok()));
                let days = year
                    .zip(month)
                    .zip(day)
                    .and_then(|((year, month), day)| days_of_date(i32::try_from(year).ok()?, month, day));
                Ok(days.map_or(Value::Null, Value::Date))
            }
        }
    }
}

impl BulkRows for CsvRows {
    fn next(&mut self, row: &mut Vec<Value>) -> Result<bool, Result<SqlError, Cancelled>> {
        let more = self
            .reader
            .read_record(&mut self.record)
            .map_err(|error| Ok(SqlError::new(4832, 16, 1, format!("Bulk load: {error}"))))?;
        row.clear();
        if !more {
            return Ok(false);
        }
        self.line += 1;
        for (origin, sql_type) in &self.columns {
            row.push(self.value(origin, sql_type).map_err(Ok)?);
        }
        Ok(true)
    }
}

fn typed(text: &str, sql_type: &SqlType) -> Result<Value, SqlError> {
    match sql_type {
        _ if text == "NA" => Ok(Value::Null),
        SqlType::TinyInt | SqlType::SmallInt | SqlType::Int if let Ok(n) = text.parse() => Ok(Value::Int(n)),
        // 1000 is written 1e3, which is a float's text, not a decimal's.
        SqlType::Decimal { .. } if let Ok(x) = text.parse() => {
            cast(&Value::Float(x), &SqlType::Float, sql_type, None, ConvertMode::Explicit)
        }
        _ => cast(&Value::Bytes(text.into()), &TEXT, sql_type, None, ConvertMode::Explicit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(name: &str) -> Vec<Vec<Value>> {
        let tables = TableSpec::parse_all(SCHEMA, CollationId::SERVER_DEFAULT).unwrap();
        let table = tables.iter().find(|table| table.name == name).unwrap();
        let mut source = CsvRows::open(table).unwrap();
        let (mut all, mut row) = (Vec::new(), Vec::new());
        while source.next(&mut row).unwrap() {
            for (column, value) in table.columns.iter().zip(&row) {
                assert!(
                    column.nullable || *value != Value::Null,
                    "{name}.{} row {}",
                    column.name,
                    all.len() + 1
                );
            }
            all.push(row.clone());
        }
        all
    }

    /// The counts that the package's documentation gives.
    #[test]
    fn every_row_of_the_reference_tables_is_there() {
        for (name, count) in [("airlines", 16), ("airports", 1458), ("planes", 3322), ("weather", 26_115)] {
            assert_eq!(rows(name).len(), count, "{name}");
        }
    }

    #[test]
    fn values_are_typed_as_the_table() {
        let airlines = rows("airlines");
        let utf16 = |text: &str| Value::Bytes(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
        assert_eq!(airlines[0], [Value::Bytes(b"9E".to_vec()), utf16("Endeavor Air Inc.")]);
        let weather = rows("weather");
        assert_eq!(weather[0][5], Value::Decimal(3902));
        assert_eq!(weather[0][10], Value::Null, "NA");
        // 2013-01-01 06:00
        let day = u64::from(days_of_date(2013, 1, 1).unwrap());
        assert_eq!(weather[0][14], Value::DateTime2((day * 24 + 6) * 36_000_000_000));
    }

    #[test]
    fn flights_have_a_number_and_a_date_of_their_own() {
        let tables = TableSpec::parse_all(SCHEMA, CollationId::SERVER_DEFAULT).unwrap();
        let flights = tables.iter().find(|table| table.name == "flights").unwrap();
        assert_eq!(flights.columns.len(), 21);
        let mut source = CsvRows::open(flights).unwrap();
        let mut row = Vec::new();
        assert!(source.next(&mut row).unwrap());
        assert_eq!(
            row[..3],
            [Value::Int(1), Value::Date(days_of_date(2013, 1, 1).unwrap()), Value::Int(2013)]
        );
        assert!(
            flights
                .insert_bulk()
                .starts_with("INSERT BULK [dbo].[flights] ([flight_id] int, [flight_date] date,")
        );
    }
}
