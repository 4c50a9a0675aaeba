//! One row of a catalog view, read leniently: relatives of SQL Server answer with other integer types.
use std::sync::Arc;

use time::PrimitiveDateTime;
use time::format_description::well_known::Iso8601;

use crate::error::{Error, Result};

/// A catalog value. The catalog questions ask for nothing but integers, flags and names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CatalogValue {
    /// NULL, of any type.
    Null,
    /// Integers of any width, and bits.
    Int(i64),
    /// Any type of text.
    Text(String),
}

/// A row: values by column name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatalogRow {
    /// Those of all rows of an answer.
    names: Arc<[Arc<str>]>,
    values: Box<[CatalogValue]>,
}

impl CatalogRow {
    /// Of cells with their columns' names, in the order of the SELECT.
    pub fn new(cells: impl IntoIterator<Item = (String, CatalogValue)>) -> Self {
        let cells = cells.into_iter().map(|(name, value)| (Arc::from(name), value));
        let (names, values): (Vec<Arc<str>>, Vec<_>) = cells.unzip();
        Self { names: names.into(), values: values.into() }
    }

    /// Of values in the order of the names.
    pub(crate) fn of(names: &Arc<[Arc<str>]>, values: Box<[CatalogValue]>) -> Self {
        Self { names: names.clone(), values }
    }

    fn cell(&self, column: &str) -> Option<&CatalogValue> {
        let place = self.names.iter().position(|name| name.eq_ignore_ascii_case(column))?;
        self.values.get(place)
    }

    /// `None` for NULL and for a column that the answer lacks.
    pub fn int(&self, column: &str) -> Option<i64> {
        match self.cell(column)? {
            CatalogValue::Int(value) => Some(*value),
            CatalogValue::Text(text) => text.trim().parse().ok(),
            CatalogValue::Null => None,
        }
    }

    /// `None` for NULL and for a column that the answer lacks.
    pub fn text(&self, column: &str) -> Option<&str> {
        match self.cell(column)? {
            CatalogValue::Text(text) => Some(text),
            CatalogValue::Int(_) | CatalogValue::Null => None,
        }
    }

    /// NULL is no.
    pub fn flag(&self, column: &str) -> bool {
        self.int(column).is_some_and(|value| value != 0)
    }

    /// A name without which the row means nothing.
    pub fn name(&self, column: &str) -> Result<String> {
        let text = self.text(column).map(str::to_owned);
        text.ok_or_else(|| Error::protocol(format!("the catalog's answer has no {column}")))
    }

    /// A number without which the row means nothing.
    pub fn number<T: TryFrom<i64>>(&self, column: &str) -> Result<T> {
        let value = self.int(column).and_then(|value| T::try_from(value).ok());
        value.ok_or_else(|| Error::protocol(format!("the catalog's answer has no usable {column}")))
    }
}

/// A time as style 126 of CONVERT writes it.
pub(crate) fn moment(row: &CatalogRow, column: &str) -> Option<PrimitiveDateTime> {
    PrimitiveDateTime::parse(row.text(column)?, &Iso8601::DEFAULT).ok()
}

impl From<&tiberius::Row> for CatalogRow {
    fn from(row: &tiberius::Row) -> Self {
        use tiberius::ColumnData as D;
        let int = |value: Option<i64>| value.map_or(CatalogValue::Null, CatalogValue::Int);
        Self::new(row.cells().map(|(column, data)| {
            let cell = match data {
                D::U8(v) => int(v.map(i64::from)),
                D::I16(v) => int(v.map(i64::from)),
                D::I32(v) => int(v.map(i64::from)),
                D::I64(v) => int(*v),
                D::Bit(v) => int(v.map(i64::from)),
                D::String(Some(text)) => CatalogValue::Text(text.to_string()),
                _ => CatalogValue::Null,
            };
            (column.name().to_owned(), cell)
        }))
    }
}
