//! What of a table is copied, and under which name.
use std::collections::HashMap;

use argh::{ArgsInfo, FromArgs};

use crate::catalog::{Article, TableName};
use crate::cli::{Configured, values};
use crate::config::TableSettings;
use crate::error::{Error, Result};
use crate::schema::definition::same_name;
use crate::window::date_left_out;

/// Under which name, and with which columns, a table is copied.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct ReshapingArgs {
    /// of one table: its name at the target (default: the same)
    #[argh(option, arg_name = "table")]
    target: Option<String>,
    /// of one table: leave this column out; again for another
    #[argh(option, arg_name = "column")]
    exclude_columns: Vec<String>,
    /// of one table: take an expression of the source for a column, as email=LOWER(email); again for another
    #[argh(option, arg_name = "column=sql", from_str_fn(values::assignment))]
    column: Vec<(String, String)>,
}

/// Which rows of a table are copied.
#[derive(FromArgs, ArgsInfo, Clone, Debug, PartialEq)]
pub struct FilterArgs {
    /// of one table: the condition in T-SQL that its rows meet at the source, as it follows WHERE
    #[argh(option, long = "where", arg_name = "sql")]
    filter: Option<String>,
}

crate::options! {
    /// What of a table is copied, and under which name.
    #[derive(Clone, Debug, PartialEq)]
    pub struct ArticleArgs {
        reshaping: ReshapingArgs,
        filter: FilterArgs,
    }
}

impl ReshapingArgs {
    /// What the configuration says of the table, and what was typed instead. Of columns, typed is what becomes of these: a
    /// column that the configuration hides does not come to light since another one is typed.
    #[must_use]
    pub fn over(&self, mut settings: TableSettings) -> TableSettings {
        settings.target = self.target.clone().or(settings.target);
        let is_typed = |name: &str| {
            let mut typed = self.exclude_columns.iter().chain(self.column.iter().map(|(column, _)| column));
            typed.any(|column| same_name(column, name))
        };
        settings.exclude_columns.retain(|column| !is_typed(column));
        settings.columns.retain(|column, _| !is_typed(column));
        settings.exclude_columns.extend(self.exclude_columns.iter().cloned());
        settings.columns.extend(self.column.iter().cloned());
        settings
    }

    fn is_given(&self) -> bool {
        self.target.is_some() || !self.exclude_columns.is_empty() || !self.column.is_empty()
    }
}

impl ArticleArgs {
    /// What the configuration says of the table, and what was typed instead.
    #[must_use]
    pub fn over(&self, settings: TableSettings) -> TableSettings {
        let settings = self.reshaping.over(settings);
        TableSettings { filter: self.filter.filter.clone().or(settings.filter), ..settings }
    }

    /// What of each table makes its copy: as configured, and of the tables of the run as typed.
    ///
    /// # Errors
    /// Those of [`TableSettings::article`]; a column that the configuration cuts windows by, and leaves out.
    pub fn articles(
        &self,
        configured: &Configured,
        tables: &[TableName],
    ) -> Result<HashMap<TableName, Article>> {
        let mut articles = configured.articles()?;
        for table in tables {
            let settings = self.over(configured.settings(table));
            let article = settings.article().map_err(|error| error.table(table))?;
            if let Some(date) = configured.date_column(table)
                && article.excluded().iter().any(|column| column.eq_ignore_ascii_case(date))
            {
                return Err(date_left_out(table, date));
            }
            articles.insert(table.clone(), article);
        }
        Ok(articles)
    }

    /// Something is typed of the table.
    pub fn is_given(&self) -> bool {
        self.reshaping.is_given() || self.filter.filter.is_some()
    }

    /// # Errors
    /// Of kind `Usage`: something is typed of one table, and there are others.
    pub fn of_one(&self, tables: &[TableName]) -> Result<()> {
        if tables.len() > 1 && self.is_given() {
            return Err(Error::usage(
                "--target, --where, --exclude-columns and --column go with a single table",
            )
            .remedy(
                "For several, write target, where, exclude_columns and columns in [tables] of replica.toml",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::groups::tests::group;

    #[test]
    fn a_column_that_is_typed_leaves_the_others_as_they_are_configured() {
        let columns = |all: &[(&str, &str)]| {
            all.iter().map(|(name, sql)| ((*name).to_owned(), (*sql).to_owned())).collect()
        };
        let settings = TableSettings {
            exclude_columns: vec!["hash".into(), "salt".into()],
            columns: columns(&[("email", "'e'"), ("phone", "'p'"), ("name", "'n'")]),
            ..TableSettings::default()
        };
        let typed = "--exclude-columns Phone --column EMAIL=x --column salt=s";
        let settings = group::<ReshapingArgs>(typed).unwrap().over(settings);
        assert_eq!(settings.exclude_columns, ["hash", "Phone"]);
        assert_eq!(settings.columns, columns(&[("EMAIL", "x"), ("name", "'n'"), ("salt", "s")]));
    }
}
