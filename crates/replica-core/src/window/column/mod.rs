//! The column that windows are cut by: which one it is, and the predicate of a window on either side.
use time::Date;
use time::macros::date;

use super::{DayRange, LAST_DAY};
use crate::catalog::server::ServerFacts;
use crate::catalog::{Column, SqlType, Table, TableName, quote};
use crate::error::{Error, Result};
use crate::report::human_count;
use crate::tds::rpc::{Param, Query};
use crate::types::How;
use crate::types::mapping::MappedColumn;

/// A date as one side has it: a column of date, datetime, datetime2, smalldatetime or datetimeoffset, or an integer
/// that reads as yyyymmdd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateColumn {
    expression: String,
    sql_type: SqlType,
}

/// A table's windows cannot be cut by a column that its copy lacks.
pub(crate) fn date_left_out(table: &TableName, column: &str) -> Error {
    Error::usage("it is left out, and windows are to be cut by it")
        .remedy("Take it out of exclude_columns, or name another date column")
        .table(table)
        .column(column)
}

/// The column that a table's windows are cut by: the one named, or the only one that holds dates.
///
/// # Errors
/// None, or a choice among several: then all of them are listed. A column of another type.
pub fn choose<'a>(table: &'a Table, named: Option<&str>) -> Result<&'a Column> {
    let name = &table.object.name;
    if let Some(named) = named {
        if table.excluded.iter().any(|column| ServerFacts::same_name(table.name_collation(), column, named)) {
            return Err(date_left_out(name, named));
        }
        let Some(column) = table.column_named(named) else {
            return Err(Error::usage(format!("there is no column {named}"))
                .remedy(format!("Dates are in: {}", listed(table)))
                .table(name));
        };
        if days(&column.sql_type).is_none() {
            return Err(Error::usage(format!("windows cannot be cut by {}", column.sql_type))
                .remedy("Take a column of type date, datetime, datetime2, smalldatetime or datetimeoffset, or an int or bigint of the form yyyymmdd")
                .table(name)
                .column(&column.name));
        }
        return Ok(column);
    }
    let mut dates = table.columns.iter().filter(|column| holds_dates(column));
    match (dates.next(), dates.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(Error::usage("no column holds dates")
            .remedy("Name an int column of the form yyyymmdd with --date-column or in [date_filter_columns] of replica.toml, or copy the whole table with replicate-reference-tables")
            .table(name)),
        (Some(_), Some(_)) => Err(Error::usage(format!("several columns hold dates: {}", listed(table)))
            .remedy("Choose one with --date-column, or in [date_filter_columns] of replica.toml")
            .table(name)),
    }
}

const FIRST_DAY: Date = date!(0001 - 01 - 01);

fn holds_dates(column: &Column) -> bool {
    days(&column.sql_type).is_some() && !matches!(column.sql_type, SqlType::Int | SqlType::BigInt)
}

fn listed(table: &Table) -> String {
    let names: Vec<_> = table.columns.iter().filter(|c| holds_dates(c)).map(|c| c.name.as_str()).collect();
    if names.is_empty() { "no column".into() } else { names.join(", ") }
}

/// The first and the last day that a type can hold; `None` for a type that holds no dates
/// (Microsoft docs, "Date and time data types and functions").
fn days(sql_type: &SqlType) -> Option<(Date, Date)> {
    match sql_type {
        SqlType::Date
        | SqlType::DateTime2(_)
        | SqlType::DateTimeOffset(_)
        | SqlType::Int
        | SqlType::BigInt => Some((FIRST_DAY, LAST_DAY)),
        SqlType::DateTime => Some((date!(1753 - 01 - 01), LAST_DAY)),
        SqlType::SmallDateTime => Some((date!(1900 - 01 - 01), date!(2079 - 06 - 06))),
        _ => None,
    }
}

impl DateColumn {
    /// As the source has it. Where the copy rounds, a window means what the target will hold: a row that is rounded
    /// into the next month belongs to that month on both sides. TRY_CAST, since a value that no window can hold must
    /// not fail a query for those that it can.
    pub fn at_source(mapped: &MappedColumn) -> Self {
        let column = quote(&mapped.source.name);
        let target = &mapped.target.sql_type;
        if mapped.conversion.how == How::Cast && !mapped.conversion.losses.is_empty() {
            Self { expression: format!("TRY_CAST({column} AS {target})"), sql_type: target.clone() }
        } else {
            Self { expression: column, sql_type: mapped.source.sql_type.clone() }
        }
    }

    /// A column as it is.
    pub fn plain(column: &Column) -> Self {
        Self { expression: quote(&column.name), sql_type: column.sql_type.clone() }
    }

    /// As the target has it.
    pub fn at_target(mapped: &MappedColumn) -> Self {
        Self::plain(&mapped.target)
    }

    /// That all rows are in the window, as a CHECK constraint says it: the server's DDL takes no parameters, and these
    /// bounds are days, which are digits.
    pub fn promise(&self, window: &DayRange) -> String {
        let bound = |date: Date| match self.sql_type {
            SqlType::Int | SqlType::BigInt => yyyymmdd(date).to_string(),
            _ => format!("'{:08}'", yyyymmdd(date)),
        };
        let Self { expression, .. } = self;
        let first = bound(window.first);
        let end = if window.is_endless() {
            String::new()
        } else {
            format!(" AND {expression} < {}", bound(window.next))
        };
        format!("{expression} IS NOT NULL AND {expression} >= {first}{end}")
    }

    /// Which rows are in a window, on the column's own type, so that an index on it is of use. Values go to `params`.
    ///
    /// A moment with an offset belongs to the day that it is in UTC, which is how SQL Server compares it.
    pub fn within(&self, window: &DayRange, params: &mut Vec<Param>) -> String {
        let Some((earliest, latest)) = days(&self.sql_type) else { return NOTHING.into() };
        if (window.next <= earliest && !window.is_endless()) || window.first > latest {
            return NOTHING.into();
        }
        let mut terms = Vec::new();
        // A bound that the type cannot express bounds nothing.
        if window.first >= earliest {
            terms.push(format!("{} >= {}", self.expression, self.value(window.first, params)));
        }
        if window.next <= latest && !window.is_endless() {
            terms.push(format!("{} < {}", self.expression, self.value(window.next, params)));
        }
        if terms.is_empty() {
            terms.push(format!("{} IS NOT NULL", self.expression));
        }
        terms.join(" AND ")
    }

    /// The day that a row belongs to, as an expression of type date, or of an integer type as yyyymmdd.
    pub fn day(&self) -> String {
        match self.sql_type {
            SqlType::Int | SqlType::BigInt | SqlType::Date => self.expression.clone(),
            // CAST alone would take the day where the clock stood.
            SqlType::DateTimeOffset(_) => {
                format!("CAST(SWITCHOFFSET({}, '+00:00') AS date)", self.expression)
            }
            _ => format!("CAST({} AS date)", self.expression),
        }
    }

    /// The same as an integer, yyyymmdd, whatever the type.
    pub fn day_number(&self) -> String {
        match self.sql_type {
            SqlType::Int | SqlType::BigInt => self.expression.clone(),
            // Style 112 is yyyymmdd (Microsoft docs, "CAST and CONVERT").
            _ => format!("CAST(CONVERT(char(8), {}, 112) AS int)", self.day()),
        }
    }

    /// The rows that belong to no window, since they have no date.
    pub fn missing(&self) -> String {
        format!("{} IS NULL", self.expression)
    }

    /// Counts the rows that ordinary windows pass by, see [`Outside`]: one row of numbers. `rows`: as it follows FROM.
    pub fn outside(&self, rows: &str) -> Query {
        let Self { expression, sql_type } = self;
        let mut terms = vec![self.missing()];
        let mut numbers = Vec::new();
        let mut count = |term: String| {
            numbers.push(format!("SUM(CASE WHEN {term} THEN CAST(1 AS bigint) ELSE 0 END)"));
            terms.push(term);
        };
        let is_number = matches!(sql_type, SqlType::Int | SqlType::BigInt);
        if days(sql_type).is_some_and(|(_, latest)| latest == LAST_DAY) {
            let last = yyyymmdd(LAST_DAY);
            let quote = if is_number { "" } else { "'" };
            count(format!("{expression} >= {quote}{last}{quote}"));
        }
        if is_number {
            let none = format!("{expression} < {}", yyyymmdd(FIRST_DAY));
            count(none.clone());
            for extreme in ["MIN", "MAX"] {
                numbers.push(format!("{extreme}(CASE WHEN {none} THEN {expression} END)"));
            }
        }
        let more = numbers.iter().map(|number| format!(", {number}")).collect::<String>();
        let missing = format!("SUM(CASE WHEN {} THEN CAST(1 AS bigint) ELSE 0 END)", self.missing());
        format!("SELECT {missing}{more} FROM {rows} WHERE {}", terms.join(" OR ")).into()
    }

    /// The first and the last day that rows have, as yyyymmdd: what ordinary windows can hold (see [`Outside`]).
    /// Two subqueries, since each is one look at an index, where both at once would be a scan.
    pub fn extent(&self, rows: &str) -> Query {
        let Self { expression, sql_type } = self;
        let is_number = matches!(sql_type, SqlType::Int | SqlType::BigInt);
        let last = yyyymmdd(LAST_DAY);
        let (from, before) = match days(sql_type) {
            _ if is_number => (
                format!(" WHERE {expression} >= {}", yyyymmdd(FIRST_DAY)),
                format!(" WHERE {expression} < {last}"),
            ),
            Some((_, LAST_DAY)) => (String::new(), format!(" WHERE {expression} < '{last}'")),
            _ => (String::new(), String::new()),
        };
        let one = |function: &str, which: &str| {
            let day = Self { expression: format!("{function}({expression})"), sql_type: sql_type.clone() };
            format!("(SELECT {} FROM {rows}{which})", day.day_number())
        };
        format!("SELECT {} AS [first], {} AS [last]", one("MIN", &from), one("MAX", &before)).into()
    }

    fn value(&self, date: Date, params: &mut Vec<Param>) -> String {
        let number = yyyymmdd(date);
        params.push(match self.sql_type {
            SqlType::Int => Param::Int(number),
            SqlType::BigInt => Param::BigInt(number.into()),
            _ => Param::Date(date),
        });
        let parameter = format!("@P{}", params.len());
        match self.sql_type {
            SqlType::Int | SqlType::BigInt | SqlType::Date => parameter,
            // A parameter of another type would have every row converted, past any index.
            _ => format!("CAST({parameter} AS {})", self.sql_type),
        }
    }
}

/// Rows that ordinary windows pass by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outside {
    /// NULL: no window can hold them.
    missing: u64,
    /// The last day that there is, and in an integer column all beyond it: only a window without end holds them.
    ever: u64,
    /// Integers before the first day that there is, 0 above all: no window can hold them. Their number, and the
    /// least and the greatest of them.
    none: Option<(u64, i64, i64)>,
}

impl Outside {
    /// From the answer to [`DateColumn::outside`].
    pub fn counted(answer: &[Vec<Option<i64>>]) -> Self {
        let number = |at: usize| answer.first().and_then(|row| row.get(at).copied().flatten());
        let count = |at| number(at).and_then(|rows| u64::try_from(rows).ok()).unwrap_or_default();
        let none = number(3).zip(number(4)).map(|(least, greatest)| (count(2), least, greatest));
        Self { missing: count(0), ever: count(1), none }
    }

    /// What the user ought to know: sentences that begin with a number of rows. `endless`: there is a window without
    /// end. `fate`: what becomes of rows in no window.
    pub fn told(&self, column: &str, endless: bool, fate: &str) -> Vec<String> {
        let mut told = Vec::new();
        if self.missing > 0 {
            told.push(format!("{} without {column}: in no window, and {fate}", rows(self.missing)));
        }
        if let Some((count, least, greatest)) = self.none {
            let values = if least == greatest { least.to_string() } else { format!("{least} to {greatest}") };
            told.push(format!(
                "{} with a {column} that is no day ({values}): in no window that there can be, and {fate}",
                rows(count)
            ));
        }
        if self.ever > 0 && !endless {
            told.push(format!(
                "{} with a {column} of {LAST_DAY} or later: only windows up to --end-date {LAST_DAY} hold them",
                rows(self.ever)
            ));
        }
        told
    }
}

fn rows(count: u64) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{} rows", human_count(count)) }
}

/// A day as the integer that reads so.
pub(crate) fn yyyymmdd(date: Date) -> i32 {
    date.year() * 10_000 + i32::from(u8::from(date.month())) * 100 + i32::from(date.day())
}

/// What no row is.
const NOTHING: &str = "1 = 0";

#[cfg(test)]
mod tests;
