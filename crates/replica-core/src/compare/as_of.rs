//! `--as-of`: telling rows that the source got after the copy from those that the copy lacks.
use crate::catalog::{SqlType, Table, quote};
use crate::error::{Error, Result};
use crate::tds::rpc::Param;
use crate::window::{choose, date};

/// `--as-of`: which rows of the source are newer than the copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsOf {
    /// `None`: the only rowversion, or the column that windows are cut by.
    pub column: Option<String>,
    /// When the copy was made.
    pub value: AsOfMoment,
}

/// As `AsOf` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AsOfMoment {
    RowVersion([u8; 8]),
    /// A date and time as ISO 8601 writes them.
    Time(String),
}

/// A column of the source, and the value that it must not exceed.
#[derive(Clone, Debug)]
pub(super) struct Newer {
    column: String,
    sql_type: SqlType,
    value: AsOfMoment,
}

impl Newer {
    pub(super) fn new(as_of: &AsOf, source: &Table, date_column: Option<&str>) -> Result<Self> {
        let refused = |what: String| Error::usage(format!("--as-of: {what}")).table(&source.object.name);
        let column = match (&as_of.column, &as_of.value) {
            (Some(name), _) => source
                .column_named(name)
                .ok_or_else(|| refused(format!("the source has no column {name}")))?,
            (None, AsOfMoment::RowVersion(_)) => {
                let mut versions = source.columns.iter().filter(|c| c.sql_type == SqlType::RowVersion);
                versions.next().ok_or_else(|| refused("the source has no rowversion column".into()))?
            }
            (None, AsOfMoment::Time(_)) => choose(source, date_column)?,
        };
        let fits = match as_of.value {
            AsOfMoment::RowVersion(_) => matches!(column.sql_type, SqlType::RowVersion | SqlType::Binary(8)),
            AsOfMoment::Time(_) => matches!(
                column.sql_type,
                SqlType::Date
                    | SqlType::DateTime
                    | SqlType::SmallDateTime
                    | SqlType::DateTime2(_)
                    | SqlType::DateTimeOffset(_)
            ),
        };
        if !fits {
            let what =
                format!("column {} is {}, which is not what the value is", column.name, column.sql_type);
            return Err(refused(what).remedy("Give a time for a column of dates, 0x… for a rowversion"));
        }
        let (name, sql_type) = (column.name.clone(), column.sql_type.clone());
        Ok(Self { column: name, sql_type, value: as_of.value.clone() })
    }

    /// Rows whose rowversion is not below one.
    pub(super) fn stamped(column: &str, version: i64) -> Self {
        let before = version.saturating_sub(1).to_be_bytes();
        Self {
            column: column.to_owned(),
            sql_type: SqlType::RowVersion,
            value: AsOfMoment::RowVersion(before),
        }
    }

    /// True for the rows that are newer.
    pub(super) fn predicate(&self, params: &mut Vec<Param>) -> String {
        let at = params.len() + 1;
        let value = match &self.value {
            AsOfMoment::RowVersion(bytes) => {
                params.push(Param::Binary(bytes.to_vec()));
                format!("CAST(@P{at} AS binary(8))")
            }
            AsOfMoment::Time(text) => {
                params.push(Param::Text(text.clone()));
                // These read year-month-day whatever the session's language, datetime does not
                // (Microsoft docs, "SET DATEFORMAT").
                match self.sql_type {
                    SqlType::DateTimeOffset(_) => format!("CAST(@P{at} AS datetimeoffset(7))"),
                    _ => format!("CAST(CAST(@P{at} AS datetime2(7)) AS {})", self.sql_type),
                }
            }
        };
        format!("{} > {value}", quote(&self.column))
    }
}

impl std::str::FromStr for AsOf {
    type Err = Error;

    /// `[COLUMN=]VALUE`
    fn from_str(text: &str) -> Result<Self> {
        let (column, value) = match text.rsplit_once('=') {
            Some((column, value)) => (Some(column.trim().to_owned()), value.trim()),
            None => (None, text.trim()),
        };
        let value = match value.strip_prefix("0x").or_else(|| value.strip_prefix("0X")) {
            Some(digits) => {
                u64::from_str_radix(digits, 16).ok().map(|n| AsOfMoment::RowVersion(n.to_be_bytes()))
            }
            // Whether there is such a day must not depend on whether a row differs; the time is the server's to read.
            None => value
                .get(..10)
                .is_some_and(|day| date("--as-of", day).is_ok())
                .then(|| AsOfMoment::Time(value.to_owned())),
        };
        let value = value.ok_or_else(|| {
            Error::usage(format!("--as-of {text} is neither a time nor a rowversion"))
                .remedy("Write [COLUMN=]2024-01-31T06:00:00, or [COLUMN=]0x00000000000007D1")
        })?;
        Ok(Self { column: column.filter(|column| !column.is_empty()), value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_of_is_a_time_or_a_rowversion() {
        let as_of = |text: &str| text.parse::<AsOf>();
        assert_eq!(
            as_of("made=2024-01-31T06:00").unwrap(),
            AsOf { column: Some("made".into()), value: AsOfMoment::Time("2024-01-31T06:00".into()) }
        );
        assert_eq!(as_of("0x01").unwrap().value, AsOfMoment::RowVersion([0, 0, 0, 0, 0, 0, 0, 1]));
        for text in
            ["", "yesterday", "2024-02-30", "made=2024-13-01T06:00", "0xZZ", "made=", "0x112233445566778899"]
        {
            assert!(as_of(text).is_err(), "{text}");
        }
    }
}
