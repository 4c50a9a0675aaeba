//! How a row of the source is named: by the values of its key, or by its place and its first values where the table
//! has none.
use std::fmt;

use super::RowKey;
use crate::catalog::{Column, SqlType, Table, TableName, quote};
use crate::decode::Row;
use crate::error::Result;

/// A row, for people and for `debug-single-row-insert`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowName {
    /// The key's values.
    Key(Vec<String>),
    /// Its place as the server reads the table, and its first values.
    Place {
        /// From 1, as the server reads the table.
        number: String,
        /// Names of columns, and what the row has in them.
        values: Vec<(String, String)>,
    },
}

/// `17 2024-01-31`, or `row 4 (label = 'x', day = '2024-01-31')`.
impl fmt::Display for RowName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key(values) => {
                f.write_str(&values.iter().map(|value| word(value)).collect::<Vec<_>>().join(" "))
            }
            Self::Place { number, values } => {
                let values: Vec<_> = values.iter().map(|(name, value)| format!("{name} = {value}")).collect();
                write!(f, "row {number} ({})", values.join(", "))
            }
        }
    }
}

impl RowName {
    /// The options that name the row to `debug-single-row-insert`.
    pub fn options(&self) -> String {
        match self {
            Self::Key(values) => {
                let options = values.iter().enumerate().map(|(n, value)| {
                    // What looks like an option is taken for one, unless it is the value of one.
                    let option = if n == 0 || value.starts_with('-') { "--key " } else { "" };
                    format!("{option}{}", word(value))
                });
                options.collect::<Vec<_>>().join(" ")
            }
            Self::Place { values, .. } => {
                let terms = values.iter().map(|(name, value)| match value.as_str() {
                    "NULL" => format!("{} IS NULL", quote(name)),
                    value => format!("{} = {value}", quote(name)),
                });
                format!("--where {}", word(&terms.collect::<Vec<_>>().join(" AND ")))
            }
        }
    }

    /// How to see what becomes of it.
    pub fn command(&self, table: &TableName) -> String {
        format!("debug-single-row-insert {} {}", word(&table.to_string()), self.options())
    }
}

/// A word as a shell reads it.
pub(super) fn word(text: &str) -> String {
    let plain =
        |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':' | '/' | '+' | ',' | '@' | '%');
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// How the rows of an answer are named.
#[derive(Clone, Debug)]
pub(super) enum Naming {
    Key(RowKey),
    /// No key: the place in the order in which the server reads the table, and the first columns.
    Place {
        alias: String,
        columns: Vec<Column>,
    },
}

/// So many columns are shown of a row that has no key.
const MOST_COLUMNS: usize = 6;

impl Naming {
    pub(super) fn of(table: &Table) -> Self {
        if let Some(key) = RowKey::of(table) {
            return Self::Key(key);
        }
        // A name that no column has.
        let mut alias = "row".to_owned();
        while table.column_named(&alias).is_some() {
            alias.push('_');
        }
        let short = |column: &&Column| {
            !matches!(column.sql_type, SqlType::Xml | SqlType::Variant | SqlType::Clr(_) | SqlType::Other(_))
                && column.sql_type.row_bytes() < 8000
        };
        Self::Place {
            alias,
            columns: table.columns.iter().filter(short).take(MOST_COLUMNS).cloned().collect(),
        }
    }

    /// What to SELECT, and in which order, for [`Self::name`].
    pub(super) fn items(&self) -> Vec<String> {
        match self {
            Self::Key(key) => key.columns.iter().map(|column| quote(&column.name)).collect(),
            Self::Place { alias, columns } => std::iter::once(alias)
                .chain(columns.iter().map(|c| &c.name))
                .map(|name| quote(name))
                .collect(),
        }
    }

    /// The table, with the places if they are needed.
    pub(super) fn table(&self, source: &Table) -> String {
        let table = source.rows_from();
        match self {
            Self::Key(_) => table.to_string(),
            Self::Place { alias, .. } => {
                // Named one by one: * leaves hidden columns out, and sparse ones behind a column set.
                let columns = source.columns.iter().filter(|column| !column.column_set);
                let columns = columns.map(|column| quote(&column.name)).collect::<Vec<_>>().join(", ");
                let number = format!("ROW_NUMBER() OVER (ORDER BY (SELECT NULL)) AS {}", quote(alias));
                format!("(SELECT {columns}, {number} FROM {table}) AS numbered")
            }
        }
    }

    pub(super) fn order_by(&self) -> String {
        match self {
            Self::Key(key) => format!(" ORDER BY {}", key.list()),
            Self::Place { alias, .. } => format!(" ORDER BY {}", quote(alias)),
        }
    }

    /// Reads the name off the first columns of a row.
    pub(super) fn name(&self, row: Row<'_>) -> Result<RowName> {
        let text = |at: usize| row.value(at).map(|value| value.to_string());
        Ok(match self {
            Self::Key(key) => RowName::Key((0..key.columns.len()).map(text).collect::<Result<Vec<_>, _>>()?),
            Self::Place { columns, .. } => RowName::Place {
                number: text(0)?,
                values: columns
                    .iter()
                    .zip(1..)
                    .map(|(column, at)| Ok((column.name.clone(), format!("{:#}", row.value(at)?))))
                    .collect::<Result<_>>()?,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_can_be_pasted_into_a_shell() {
        let key = |values: &[&str]| RowName::Key(values.iter().map(|value| (*value).to_owned()).collect());
        assert_eq!(key(&["17", "2024-01-31"]).to_string(), "17 2024-01-31");
        assert_eq!(key(&["", "a b", "it's"]).to_string(), r"'' 'a b' 'it'\''s'");
        assert_eq!(key(&["-1", "-2", "3"]).options(), "--key -1 --key -2 3");
    }

    #[test]
    fn a_row_without_a_key_is_found_by_its_values() {
        let values = vec![("a".to_owned(), "1".to_owned()), ("b]".to_owned(), "NULL".to_owned())];
        let row = RowName::Place { number: "3".into(), values };
        assert_eq!(row.to_string(), "row 3 (a = 1, b] = NULL)");
        assert_eq!(
            row.command(&TableName::new("dbo", "t x")),
            "debug-single-row-insert 'dbo.[t x]' --where '[a] = 1 AND [b]]] IS NULL'"
        );
    }
}
