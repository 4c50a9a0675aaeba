//! Masked columns: how a value that must not be shown is known as such to where it would be shown.
//!
//! Predicates, joins and ORDER BY work on the values as they are. What a statement shows or stores is masked if a
//! masked column went into it, so the SQL of such a column carries a mark for SQLite to pass over.
use super::Binder;
use super::emitted::Emitted;
use super::typed::{ColumnOrigin, Origin, Typed};
use crate::mask::Mask;
use sandbox_catalog::schema::{self, Table};
use sandbox_values::error::SqlError;

const MARK: &str = "/*masked*/";

pub fn is_masked(sql: &str) -> bool {
    sql.contains(MARK)
}

/// The SQL of what is not shown itself: a predicate.
pub fn unmarked(sql: String) -> String {
    if is_masked(&sql) { sql.replace(MARK, "") } else { sql }
}

/// The SQL of a masked column.
pub fn marked(sql: String) -> String {
    format!("{MARK}{sql}")
}

/// SQL that stands for the other, and is masked where that is.
pub fn marked_as(other: &str, sql: String) -> String {
    if is_masked(other) { marked(sql) } else { sql }
}

impl Binder<'_> {
    /// Which of a table's columns are masked for the session's user, by position.
    pub fn masks(&self, database: i16, table: &Table) -> Result<Vec<Option<Mask>>, SqlError> {
        // Whoever made a temporary table sees it as it is.
        if table.owner_session.is_some() || table.columns.iter().all(|c| c.mask.is_none()) {
            return Ok(vec![None; table.columns.len()]);
        }
        let instance = self.session.engine.instance();
        let rights = instance.databases.get(&database).map(|d| self.session.rights(&instance, d));
        let mask = |column: &schema::Column| match &column.mask {
            Some(_) if rights.as_ref().is_some_and(|r| r.unmasks(table.into(), column.column_id)) => Ok(None),
            Some(text) => Mask::parse(text, &column.name, &column.sql_type).map(Some),
            None => Ok(None),
        };
        table.columns.iter().map(mask).collect()
    }

    /// A value as the session's user may see it.
    pub fn shown(&self, typed: Typed) -> Typed {
        if !is_masked(&typed.sql) {
            return typed;
        }
        let mask = match &typed.origin {
            Origin::Column(ColumnOrigin { mask: Some(mask), .. }) => mask.clone(),
            _ => Mask::Default,
        };
        let (origin, label, sql_type) = (typed.origin.clone(), typed.label, typed.sql_type.clone());
        let (detail, random) = (mask.to_string(), matches!(mask, Mask::Random(..)));
        let plain = Typed { sql: unmarked(typed.sql), ..typed };
        let hidden =
            self.op("mask", &detail, vec![plain], sql_type.clone(), move |v| mask.hide(&v[0], &sql_type));
        // Another number each time: SQLite must not take it for a constant.
        let sql = if random { format!("fv{}", &hidden.sql[1..]) } else { hidden.sql };
        Typed { sql, origin, label, ..hidden }
    }

    /// A result as the session's user may see it.
    pub fn shown_rows(&self, emitted: Emitted) -> Emitted {
        if !emitted.columns.iter().any(|c| is_masked(&c.typed.sql)) {
            return emitted;
        }
        let mut columns = emitted.columns;
        let mut items = Vec::with_capacity(columns.len());
        for (n, column) in (1..).zip(&mut columns) {
            let typed = Typed { sql: marked_as(&column.typed.sql, format!("c{n}")), ..column.typed.clone() };
            column.typed = self.shown(typed);
            items.push(format!("{} AS c{n}", column.typed.sql));
        }
        let sql = format!("SELECT {} FROM ({})", items.join(", "), unmarked(emitted.sql));
        Emitted { sql, columns, ordered_by: emitted.ordered_by }
    }
}
