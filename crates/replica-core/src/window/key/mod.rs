//! Ranges of a key: from one value up to, and without, another. The first has no beginning and the last no end, so that a
//! key that comes while the table is loaded has a range.
//!
//! What comes before what, the server alone knows: text by its collation, uniqueidentifier in an order of its own
//! (docs/SERVER.md, "What a key's order is").
mod choose;
mod value;

use std::fmt;
use std::sync::Arc;

use crate::catalog::{Column, SqlType, quote};
use crate::error::{Error, Result};
use crate::tds::rpc::Param;
use crate::types::mapping::MappedColumn;

pub use choose::{choose_key, key_index};
pub use value::KeyValue;

/// Where a range begins, which is where the one before it ends: a value of each column of the key.
pub type Boundary = Arc<[KeyValue]>;

/// Rows of a table whose keys lie between two boundaries. Of the ranges of one cut each row is in exactly one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyRange {
    /// Its place among the ranges of its cut, from 1.
    pub number: u32,
    /// Included. `None`: it holds all rows before `next`, those without a key among them.
    pub first: Option<Boundary>,
    /// Not included. `None`: it holds all rows from `first` on.
    pub next: Option<Boundary>,
}

impl KeyRange {
    /// The ranges between these boundaries, which are in the server's order.
    pub fn between(boundaries: Vec<Boundary>) -> Vec<Self> {
        let firsts = std::iter::once(None).chain(boundaries.iter().cloned().map(Some));
        let nexts = boundaries.iter().cloned().map(Some).chain(std::iter::once(None));
        let ranges = (1..).zip(firsts.zip(nexts));
        ranges.map(|(number, (first, next))| Self { number, first, next }).collect()
    }

    /// A boundary as the ledger keeps it: one value as it is written, several as a JSON list.
    pub fn written(boundary: &Boundary) -> String {
        match &boundary[..] {
            [only] if !only.to_string().starts_with('[') => only.to_string(),
            several => serde_json::Value::from_iter(several.iter().map(ToString::to_string)).to_string(),
        }
    }

    /// The same back.
    ///
    /// # Errors
    /// It was not written so.
    pub fn read(text: &str) -> Result<Boundary> {
        if !text.starts_with('[') {
            return Ok([KeyValue::new(text)].into());
        }
        let values: Option<Vec<String>> = serde_json::from_str(text).ok();
        let values = values.ok_or_else(|| Error::protocol(format!("the ledger has {text} as a boundary")))?;
        Ok(values.into_iter().map(KeyValue::new).collect())
    }

    /// Whether these are all ranges of one cut, in order.
    pub fn are_whole(ranges: &[&Self]) -> bool {
        let ends = ranges.first().is_some_and(|first| first.first.is_none())
            && ranges.last().is_some_and(|last| last.next.is_none());
        let numbered = (1..).zip(ranges).all(|(number, range)| range.number == number);
        let follow = |pair: &[&Self]| pair[0].next.is_some() && pair[0].next == pair[1].first;
        ends && numbered && ranges.windows(2).all(follow)
    }
}

/// Characters of a boundary that are shown.
const MOST_SHOWN: usize = 60;

/// `[.., 1000)`, `[1000, 2000)`, `[2000, ..)`; of several columns `[(1, a), (1, k))`.
impl fmt::Display for KeyRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |boundary: &Option<Boundary>| {
            let Some(boundary) = boundary else { return "..".to_owned() };
            let values: Vec<_> = boundary.iter().map(ToString::to_string).collect();
            let text = if values.len() == 1 { values.concat() } else { format!("({})", values.join(", ")) };
            match text.char_indices().nth(MOST_SHOWN) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        };
        write!(f, "[{}, {})", shown(&self.first), shown(&self.next))
    }
}

/// The columns of a key, as one side has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    parts: Vec<Part>,
}

/// A column of a key on one side.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    /// What is compared.
    expression: String,
    /// What it is compared as: type and collation.
    compared: Column,
    nullable: bool,
}

impl Key {
    /// Of columns as they are.
    pub fn of(columns: &[&Column]) -> Self {
        let part = |column: &&Column| Part {
            expression: quote(&column.name),
            compared: (*column).clone(),
            nullable: column.nullable,
        };
        Self { parts: columns.iter().map(part).collect() }
    }

    /// As the source has it, which is where it is cut.
    pub fn at_source(columns: &[&MappedColumn]) -> Self {
        Self::of(&columns.iter().map(|mapped| &mapped.source).collect::<Vec<_>>())
    }

    /// As the target has it: its rows are in the ranges that they are in at the source. So text is compared as the
    /// source's, where the target's collation would order it in another way.
    ///
    /// # Errors
    /// Of kind `Usage`: values become others on their way, so that nobody could say which range a row is in.
    pub fn at_target(columns: &[&MappedColumn]) -> Result<Self> {
        let part = |mapped: &&MappedColumn| {
            let (source, target) = (&mapped.source, &mapped.target);
            if !mapped.conversion.losses.is_empty() || !keeps_order(&source.sql_type, &target.sql_type) {
                return Err(Error::usage(format!(
                    "ranges cannot be cut by a column that goes from {} to {}: its values, or their order, do not stay as they are",
                    source.sql_type, target.sql_type
                ))
                .remedy("Choose another one with --key, or give the target's column the source's type")
                .column(&source.name));
            }
            let name = quote(&target.name);
            let nullable = target.nullable;
            if !source.sql_type.is_text() || sorts_alike(source, target) {
                return Ok(Part { expression: name, compared: target.clone(), nullable });
            }
            let collation = source.collation.as_ref().map_or("DATABASE_DEFAULT", |c| &c.name);
            let expression = format!("CAST({name} COLLATE {collation} AS {})", source.sql_type);
            Ok(Part { expression, compared: source.clone(), nullable })
        };
        Ok(Self { parts: columns.iter().map(part).collect::<Result<_>>()? })
    }

    /// The types that its boundaries are of.
    pub(crate) fn types(&self) -> Vec<&SqlType> {
        self.parts.iter().map(|part| &part.compared.sql_type).collect()
    }

    /// What is compared, in order, as T-SQL.
    pub(crate) fn expressions(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().map(|part| part.expression.as_str())
    }

    /// The same in a SELECT's list, in a form that loses nothing: text as nvarchar, whatever its code page.
    pub(crate) fn readable(&self) -> Vec<String> {
        self.parts.iter().map(|part| readable(&part.expression, &part.compared.sql_type)).collect()
    }

    /// That the first column has a value, or all where boundaries have several.
    pub(crate) fn present(&self) -> String {
        let terms = self.parts.iter().map(|part| format!("{} IS NOT NULL", part.expression));
        terms.collect::<Vec<_>>().join(" AND ")
    }

    /// Which rows are in a range. Values go to `params`.
    pub fn within(&self, range: &KeyRange, params: &mut Vec<Param>) -> String {
        let mut terms = Vec::new();
        if let Some(first) = &range.first {
            terms.push(self.compared(BoundarySide::From, first, params));
        }
        if let Some(next) = &range.next {
            let before = self.compared(BoundarySide::Before, next, params);
            terms.push(match self.parts.first().filter(|part| range.first.is_none() && part.nullable) {
                // NULL comes before all values, and no comparison finds it.
                Some(part) => format!("({before} OR {} IS NULL)", part.expression),
                None => before,
            });
        }
        if terms.is_empty() { "1 = 1".to_owned() } else { terms.join(" AND ") }
    }

    /// Which rows are not before a boundary. Of a key that is NULL that is unknown.
    pub(crate) fn at_or_after(&self, boundary: &Boundary, params: &mut Vec<Param>) -> String {
        self.compared(BoundarySide::From, boundary, params)
    }

    /// That the key, as a row of values, is on that side of the boundary. The first column's comparison stands before the
    /// others, so that an index is sought by it.
    fn compared(&self, side: BoundarySide, boundary: &Boundary, params: &mut Vec<Param>) -> String {
        let mut terms: Vec<_> = self
            .parts
            .iter()
            .zip(boundary.iter())
            .map(|(part, value)| (&part.expression, value.expression(&part.compared, params)))
            .collect();
        let (beyond, last) = side.operators();
        let Some((column, value)) = terms.pop() else { return "1 = 1".to_owned() };
        let mut predicate = format!("{column} {last} {value}");
        for (column, value) in terms.iter().rev() {
            predicate = format!(
                "{column} {beyond}= {value} AND ({column} {beyond} {value} OR ({column} = {value} AND {predicate}))"
            );
        }
        predicate
    }

    /// Something that changes whenever ranges that were cut mean other rows: types and collations.
    pub fn fingerprint(&self) -> String {
        let part = |part: &Part| {
            let collation = part.compared.collation.as_ref().map_or("", |collation| &collation.name);
            format!("{} {} {collation}", part.expression, part.compared.sql_type)
        };
        self.parts.iter().map(part).collect::<Vec<_>>().join(", ")
    }
}

/// An expression of a key in a form that arrives whole. varchar in the column's own code page may have characters that
/// another collation lacks.
pub(crate) fn readable(expression: &str, sql_type: &SqlType) -> String {
    match sql_type {
        SqlType::Char(_) | SqlType::VarChar(_) => format!("CAST({expression} AS nvarchar(4000))"),
        _ => expression.to_owned(),
    }
}

/// Of a boundary.
#[derive(Clone, Copy)]
enum BoundarySide {
    From,
    Before,
}

impl BoundarySide {
    /// How a column is compared that decides, and the last one.
    fn operators(self) -> (&'static str, &'static str) {
        match self {
            Self::From => (">", ">="),
            Self::Before => ("<", "<"),
        }
    }
}

/// Whether all values of a type are values of the other, in the same order. datetime is not datetime2, since how a third
/// of a millisecond is converted depends on the database's compatibility level (Microsoft docs, "ALTER DATABASE
/// compatibility level").
fn keeps_order(source: &SqlType, target: &SqlType) -> bool {
    use SqlType as T;
    let is_exact = |t: &T| {
        matches!(
            t,
            T::TinyInt | T::SmallInt | T::Int | T::BigInt | T::Decimal { .. } | T::Money | T::SmallMoney
        )
    };
    let is_bytes = |t: &T| matches!(t, T::Binary(_) | T::VarBinary(_));
    match (source, target) {
        (source, target) if source == target => true,
        (source, target) if is_exact(source) && is_exact(target) => true,
        (source, target) if source.is_text() && target.is_text() => true,
        (source, target) if is_bytes(source) && is_bytes(target) => true,
        (T::Real, T::Float) => true,
        (T::DateTime2(_) | T::Date, T::DateTime2(_)) => true,
        (T::DateTimeOffset(_), T::DateTimeOffset(_)) | (T::Time(_), T::Time(_)) => true,
        _ => false,
    }
}

/// Same kind of text and same collation: under SQL collations varchar and nvarchar have different orders (docs/SERVER.md,
/// "What a key's order is").
fn sorts_alike(source: &Column, target: &Column) -> bool {
    let is_unicode = |t: &SqlType| matches!(t, SqlType::NChar(_) | SqlType::NVarChar(_));
    let name = |column: &Column| column.collation.as_ref().map(|c| c.name.to_lowercase());
    is_unicode(&source.sql_type) == is_unicode(&target.sql_type) && name(source) == name(target)
}

#[cfg(test)]
mod tests;
