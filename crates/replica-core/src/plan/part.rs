//! Some of a plan's rows, for those who look for what is wrong with one of them.
use std::ops::Range;

use super::{Plan, select_list};
use crate::catalog::quote;
use crate::tds::rpc::Query;
use crate::window::{Filter, and_where};

/// Which of the source's rows.
#[derive(Clone, Debug, Default)]
pub struct RowSelection {
    /// The rows that are copied; `None`: all.
    pub filter: Option<Filter>,
    /// Names of source columns.
    pub order_by: Vec<String>,
    /// Places in that order, from 0.
    pub rows: Option<Range<u64>>,
}

impl RowSelection {
    /// ` AS part WHERE ... ORDER BY ...`, to follow the source's name.
    pub fn clauses(&self) -> String {
        let mut clauses = format!(" AS part{}", and_where(self.filter.as_ref(), None));
        // Qualified, since a bare name would mean what the SELECT computes under that name.
        let columns = self.order_by.iter().map(|column| format!("part.{}", quote(column)));
        let columns = columns.collect::<Vec<_>>().join(", ");
        match &self.rows {
            Some(Range { start, end }) => {
                let columns = if columns.is_empty() { "(SELECT NULL)" } else { &columns };
                let rows = end.saturating_sub(*start).max(1);
                clauses.push_str(&format!(
                    " ORDER BY {columns} OFFSET {start} ROWS FETCH NEXT {rows} ROWS ONLY"
                ));
            }
            None if columns.is_empty() => {}
            None => clauses.push_str(&format!(" ORDER BY {columns}")),
        }
        clauses
    }

    /// A query of which the clauses are the end.
    pub fn query(&self, select: &str) -> Query {
        let params = self.filter.as_ref().map(|filter| filter.params.clone()).unwrap_or_default();
        Query { sql: format!("{select}{}", self.clauses()), params }
    }
}

impl Plan {
    /// Which of the source's rows are to be copied; all without one.
    pub fn filter(&self) -> Option<Filter> {
        self.limits.as_ref().map(|limits| Filter::window(&limits.at_source, &limits.window))
    }

    /// Which of the target's rows are to be replaced; all without one.
    pub fn filter_at_target(&self) -> Option<Filter> {
        self.limits.as_ref().map(|limits| Filter::window(&limits.at_target, &limits.window))
    }

    /// What has to go before the rows can be loaded. The indexes of a table of which only a window is replaced are
    /// others' business.
    pub fn make_room(&self) -> Vec<Query> {
        match self.limits {
            Some(_) => vec![self.empty()],
            None => self.before().into_iter().map(|statement| statement.query).collect(),
        }
    }

    /// The SELECT of some of the rows.
    pub fn select_part(&self, part: &RowSelection) -> Query {
        let list = select_list(&self.mapping.columns, |column| &column.conversion.expression);
        part.query(&format!("SELECT {list} FROM {}", self.rows_from.unnamed()))
    }
}
