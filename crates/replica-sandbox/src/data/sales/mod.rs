//! APP_4_SALES: 184 columns, every type, nulls, boundary values, text beyond the BMP; the same rows for the same seed.
mod value;
mod vocabulary;

use super::{DataError, TableSpec, load};
use crate::engine::Session;
use crate::engine::api::{BulkRows, Cancelled};
use crate::error::SqlError;
use crate::values::convert::days_of_date;
use crate::values::{CollationId, Value};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use value::{Dice, Filler};

/// The CREATE TABLE statement.
pub const SCHEMA: &str = include_str!("../../../data/sales.sql");

/// 2023 and 2024.
const DAYS: u64 = 731;

/// The table, in a database of this collation.
///
/// # Errors
/// None that the shipped schema can cause; those of [`TableSpec::parse_all`].
pub fn table(collation: CollationId) -> Result<TableSpec, SqlError> {
    let tables = TableSpec::parse_all(SCHEMA, collation)?;
    tables.into_iter().next().ok_or_else(|| SqlError::new(208, 16, 1, "Invalid object name 'APP_4_SALES'."))
}

/// Makes the table in the session's database, whose collation is `collation`, and fills it with `rows` rows.
///
/// # Errors
/// [`DataError`].
pub fn generate(
    session: &mut Session,
    collation: CollationId,
    rows: u64,
    seed: u64,
) -> Result<u64, DataError> {
    let table =
        table(collation).map_err(|error| DataError::Refused { table: "APP_4_SALES".to_owned(), error })?;
    load(session, &table, &mut SalesRows::new(&table, rows, seed))
}

/// The rows of the columns that can be loaded, ordered by the clustered key.
pub struct SalesRows {
    columns: Vec<SalesColumn>,
    rng: ChaCha8Rng,
    row: u64,
    rows: u64,
}

struct SalesColumn {
    filler: Filler,
    /// Of 256 values so many are NULL.
    nulls: u8,
}

impl SalesRows {
    pub fn new(table: &TableSpec, rows: u64, seed: u64) -> SalesRows {
        const NULLS: [u8; 5] = [2, 13, 51, 128, 230];
        let columns = table.columns.iter().enumerate().filter(|(_, column)| column.is_loaded());
        let columns = columns.map(|(index, column)| SalesColumn {
            filler: match column.name.as_str() {
                "SALE_DATE" => Filler::SaleDate,
                "SALE_ID" => Filler::SaleId,
                _ => Filler::of(&column.sql_type),
            },
            nulls: if column.nullable { NULLS[index % NULLS.len()] } else { 0 },
        });
        SalesRows { columns: columns.collect(), rng: ChaCha8Rng::seed_from_u64(seed), row: 0, rows }
    }

    /// Fills in the next row; false after the last.
    pub fn fill(&mut self, row: &mut Vec<Value>) -> bool {
        row.clear();
        if self.row >= self.rows {
            return false;
        }
        let first_day = days_of_date(2023, 1, 1).unwrap_or_default();
        // Through 128 bits, since rows may be many.
        let day = u128::from(self.row) * u128::from(DAYS) / u128::from(self.rows);
        let today = first_day + day as u32;
        let mut dice = Dice::new(&mut self.rng, today);
        for column in &self.columns {
            row.push(match column.filler {
                Filler::SaleDate => Value::Date(today),
                Filler::SaleId => Value::Int(self.row as i64 + 1),
                _ if dice.below(256) < u64::from(column.nulls) => Value::Null,
                ref filler => filler.value(&mut dice),
            });
        }
        self.row += 1;
        true
    }
}

impl BulkRows for SalesRows {
    fn next(&mut self, row: &mut Vec<Value>) -> Result<bool, Result<SqlError, Cancelled>> {
        Ok(self.fill(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::SqlType;
    use crate::values::convert::fit;
    use crate::values::wire::{Client, Plp, RowWriter};
    use std::collections::BTreeSet;

    fn sample(rows: u64, seed: u64) -> (TableSpec, Vec<Vec<Value>>) {
        let table = table(CollationId::SERVER_DEFAULT).unwrap();
        let mut source = SalesRows::new(&table, rows, seed);
        let (mut all, mut row) = (Vec::new(), Vec::new());
        while source.fill(&mut row) {
            all.push(row.clone());
        }
        (table, all)
    }

    #[test]
    fn there_are_184_columns_of_every_type() {
        let (table, _) = sample(0, 1);
        assert_eq!(table.columns.len(), 184);
        let names: BTreeSet<&str> = table.columns.iter().map(|column| column.sql_type.name()).collect();
        let every = "bigint binary bit char date datetime datetime2 datetimeoffset decimal float geography geometry \
                     hierarchyid image int money nchar ntext numeric nvarchar real smalldatetime smallint smallmoney \
                     sql_variant text time timestamp tinyint uniqueidentifier varbinary varchar xml";
        assert_eq!(names.into_iter().collect::<Vec<_>>(), every.split_whitespace().collect::<Vec<_>>());
    }

    #[test]
    fn the_same_seed_gives_the_same_rows() {
        assert_eq!(sample(50, 7).1, sample(50, 7).1);
        assert_ne!(sample(50, 7).1, sample(50, 8).1);
    }

    #[test]
    fn every_value_fits_its_column_unchanged() {
        let (table, rows) = sample(300, 3);
        let loaded: Vec<_> = table.columns.iter().filter(|column| column.is_loaded()).collect();
        for row in &rows {
            assert_eq!(row.len(), loaded.len());
            for (column, value) in loaded.iter().zip(row) {
                assert!(column.nullable || *value != Value::Null, "{}", column.name);
                let stored = fit(value, &column.bulk_type(), &column.sql_type);
                assert_eq!(stored.as_ref(), Ok(value), "{}", column.name);
            }
        }
    }

    #[test]
    fn the_oddities_are_there() {
        let (table, rows) = sample(2000, 1);
        let loaded: Vec<_> = table.columns.iter().filter(|column| column.is_loaded()).collect();
        let dates: BTreeSet<u32> = rows
            .iter()
            .filter_map(|row| match row[0] {
                Value::Date(days) => Some(days),
                _ => None,
            })
            .collect();
        assert_eq!(dates.len(), 731, "two years of dates");
        let has = |wanted: &dyn Fn(&SqlType, &Value) -> bool| {
            rows.iter()
                .any(|row| loaded.iter().zip(row).any(|(column, value)| wanted(&column.sql_type, value)))
        };
        let nvarchar = |sql_type: &SqlType| matches!(sql_type, SqlType::NVarChar(..));
        let varchar = |sql_type: &SqlType| matches!(sql_type, SqlType::VarChar(..));
        assert!(has(&|sql_type, value| varchar(sql_type) && *value == Value::Bytes(vec![])), "empty");
        assert!(
            has(&|sql_type, value| varchar(sql_type)
                && matches!(value, Value::Bytes(bytes) if bytes.ends_with(b" "))),
            "trailing blanks"
        );
        let beyond_bmp = |bytes: &[u8]| bytes.chunks(2).any(|unit| (0xD8..0xDC).contains(&unit[1]));
        assert!(
            has(&|sql_type, value| nvarchar(sql_type)
                && matches!(value, Value::Bytes(bytes) if beyond_bmp(bytes))),
            "beyond the BMP"
        );
        assert!(has(&|_, value| *value == Value::Int(i64::MIN)), "the least bigint");
        assert!(has(&|_, value| *value == Value::Date(3_652_058)), "the last day");
        assert!(has(&|_, value| *value == Value::Money(i64::MAX)), "the most money");
        for (index, column) in loaded.iter().enumerate().filter(|(_, column)| column.nullable) {
            assert!(rows.iter().any(|row| row[index] == Value::Null), "{} is never NULL", column.name);
            assert!(rows.iter().any(|row| row[index] != Value::Null), "{} is always NULL", column.name);
        }
    }

    /// A wide fact table's row: around 1.4 KB on the wire.
    #[test]
    fn rows_are_as_large_as_a_wide_fact_table_s() {
        let (table, rows) = sample(500, 1);
        let loaded = table.columns.iter().filter(|column| column.is_loaded());
        let writer = RowWriter::new(
            loaded.map(|column| (&column.sql_type, column.nullable)),
            Client::default(),
            Plp::Known,
        );
        let mut out = Vec::new();
        for row in &rows {
            writer.write(row, &mut out).unwrap();
        }
        let mean = out.len() / rows.len();
        assert!((1000..2200).contains(&mean), "{mean} bytes a row");
    }
}
