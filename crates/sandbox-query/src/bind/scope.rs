//! Which columns a name can mean.
use super::typed::Typed;
use sandbox_catalog::schema::same_but_for_case;
use sandbox_values::error::SqlError;
use sqlparser::ast::Ident;
use std::cell::Cell;

/// The tables and subqueries of a FROM clause, inside those of the queries around it.
#[derive(Default)]
pub struct Scope<'p> {
    pub sources: Vec<Source>,
    pub parent: Option<&'p Scope<'p>>,
    /// In a grouped query: the SQL of what it is grouped by.
    pub grouping: Option<Vec<String>>,
    /// Inside an aggregate's argument, where a grouped query's columns may stand alone.
    pub inside_aggregate: Cell<bool>,
}

/// A table or subquery under its exposed name.
#[derive(Clone, Debug)]
pub struct Source {
    pub name: String,
    /// Where it is a table: for names that say so, and for `table.rowid`.
    pub schema: Option<String>,
    pub database: Option<String>,
    /// Its name in SQLite's SQL.
    pub alias: String,
    pub columns: Vec<SourceColumn>,
    /// Case counts in its own name and those of its columns.
    pub exact: bool,
    /// Of a table: SQLite's SQL for the number of a row's storage, and for its rowid there.
    pub row: Option<(String, String)>,
}

#[derive(Clone, Debug)]
pub struct SourceColumn {
    pub name: String,
    pub typed: Typed,
}

impl<'p> Scope<'p> {
    pub fn inside(parent: Option<&'p Scope<'p>>) -> Self {
        Self { parent, ..Self::default() }
    }

    /// The column that a name of one to four parts means.
    ///
    /// # Errors
    /// 207, 209, 4104; 8120 where a grouped query may not use it.
    pub fn resolve(&self, parts: &[Ident]) -> Result<Typed, SqlError> {
        let Some((column, qualifier)) = parts.split_last() else { return Err(unknown_column("")) };
        let mut scope = Some(self);
        while let Some(here) = scope {
            if let Some(found) = here.find(&column.value, qualifier)? {
                return Ok(found);
            }
            scope = here.parent;
        }
        Err(if qualifier.is_empty() {
            unknown_column(&column.value)
        } else {
            let name = parts.iter().map(|p| p.value.as_str()).collect::<Vec<_>>().join(".");
            if self.knows(qualifier) {
                unknown_column(&column.value)
            } else {
                SqlError::new(
                    4104,
                    16,
                    1,
                    format!("The multi-part identifier \"{name}\" could not be bound."),
                )
            }
        })
    }

    fn find(&self, column: &str, qualifier: &[Ident]) -> Result<Option<Typed>, SqlError> {
        let mut found: Option<(&Source, &SourceColumn)> = None;
        for source in self.sources.iter().filter(|s| s.answers_to(qualifier)) {
            for candidate in source.columns.iter().filter(|c| source.same(&c.name, column)) {
                if found.is_some() {
                    return Err(SqlError::new(209, 16, 1, format!("Ambiguous column name '{column}'.")));
                }
                found = Some((source, candidate));
            }
        }
        let Some((source, found)) = found else { return Ok(None) };
        let grouped_away = self.grouping.as_ref().is_some_and(|keys| !keys.contains(&found.typed.sql));
        if grouped_away && !self.inside_aggregate.get() {
            return Err(SqlError::new(
                8120,
                16,
                1,
                format!(
                    "Column '{}.{}' is invalid in the select list because it is not contained in either an aggregate \
                     function or the GROUP BY clause.",
                    source.full_name(),
                    found.name
                ),
            ));
        }
        Ok(Some(found.typed.clone()))
    }

    fn knows(&self, qualifier: &[Ident]) -> bool {
        self.sources.iter().any(|s| s.answers_to(qualifier))
            || self.parent.is_some_and(|p| p.knows(qualifier))
    }

    /// The sources that `*` or `name.*` means.
    ///
    /// # Errors
    /// 107 for a name that is not there.
    pub fn starred(&self, qualifier: &[Ident]) -> Result<Vec<&Source>, SqlError> {
        let found: Vec<&Source> = self.sources.iter().filter(|s| s.answers_to(qualifier)).collect();
        match (found.is_empty(), qualifier.last()) {
            (true, Some(name)) => Err(SqlError::new(
                107,
                15,
                1,
                format!(
                    "The column prefix '{}' does not match with a table name or alias name used in the query.",
                    name.value
                ),
            )),
            _ => Ok(found),
        }
    }
}

impl Source {
    pub fn same(&self, a: &str, b: &str) -> bool {
        if self.exact { a == b } else { same_but_for_case(a, b) }
    }

    pub fn answers_to(&self, qualifier: &[Ident]) -> bool {
        let mine = [Some(self.name.as_str()), self.schema.as_deref(), self.database.as_deref()];
        qualifier.len() <= mine.len()
            && qualifier.iter().rev().zip(mine).all(|(asked, mine)| {
                asked.value.is_empty() || mine.is_some_and(|mine| self.same(mine, &asked.value))
            })
    }

    fn full_name(&self) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}", self.name),
            None => self.name.clone(),
        }
    }
}

pub fn unknown_column(name: &str) -> SqlError {
    SqlError::new(207, 16, 1, format!("Invalid column name '{name}'."))
}
