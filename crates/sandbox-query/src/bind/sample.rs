//! TABLESAMPLE: the rows of some pages.
use super::Binder;
use super::names::{Object, object_name};
use super::refused::unsupported;
use super::work::FromClause;
use sandbox_catalog::store::table_name;
use sandbox_sql::hints::Hints;
use sandbox_values::error::SqlError;
use sqlparser::ast::{
    Expr, ObjectName, TableAlias, TableSampleKind, TableSampleMethod, TableSampleUnit, Value,
};

/// Rows of a page, for all tables.
const PAGE: i64 = 32;

impl Binder<'_> {
    /// "Whole pages" are taken, so that the number of rows is "approximate" (Microsoft docs, "FROM", TABLESAMPLE); here every
    /// so many one from the first on.
    ///
    /// # Errors
    /// 494 where it is no table; 102 for what T-SQL does not write so.
    pub fn sampled(
        &self,
        sample: &TableSampleKind,
        (name, alias, hints): (&ObjectName, Option<&TableAlias>, &[Expr]),
        closed: bool,
    ) -> Result<FromClause, SqlError> {
        let sample = match sample {
            TableSampleKind::BeforeTableAlias(sample) if alias.is_none() => sample,
            TableSampleKind::AfterTableAlias(sample) => sample,
            TableSampleKind::BeforeTableAlias(_) => return Err(syntax_error()),
        };
        let system = matches!(sample.name, None | Some(TableSampleMethod::System));
        if !system || sample.bucket.is_some() || sample.offset.is_some() {
            return Err(syntax_error());
        }
        let quantity = sample.quantity.as_ref().filter(|q| q.parenthesized).ok_or_else(syntax_error)?;
        let Expr::Value(value) = &quantity.value else {
            return Err(unsupported("TABLESAMPLE of this number"));
        };
        let Value::Number(number, _) = &value.value else { return Err(syntax_error()) };
        let number: f64 = number.to_string().parse().map_err(|_| syntax_error())?;
        let name = object_name(name)?;
        let Object::Table { database, table } = self.object(&name)? else {
            let text = "The TABLESAMPLE clause can only be used with local tables.";
            return Err(SqlError::new(494, 16, 1, text));
        };
        if closed {
            return Err(unsupported("TABLESAMPLE in an outer join"));
        }
        let counts = table.storage.iter().map(|s| format!("(SELECT COUNT(*) FROM {})", table_name(*s)));
        let counts = counts.collect::<Vec<_>>().join(" + ");
        let every = match quantity.unit {
            Some(TableSampleUnit::Rows) => format!("({counts}) / {}", (number as i64).max(1)),
            _ => format!("{}", (100.0 / number.max(0.001)) as i64),
        };
        let hints = Hints::new(hints.iter().map(super::from::hint_word))?;
        let exposed = alias.map(|alias| alias.name.value.as_str());
        let mut from = self.table(database, table, exposed, hints, closed)?;
        let row = from.sources.first().and_then(|source| source.row.clone());
        let (_, row) = row.ok_or_else(|| unsupported("TABLESAMPLE here"))?;
        from.visible.push(format!("(({row} / {PAGE}) % MAX(1, {every})) = 0"));
        Ok(from)
    }
}

fn syntax_error() -> SqlError {
    SqlError::new(102, 15, 1, "Incorrect syntax near 'TABLESAMPLE'.")
}
