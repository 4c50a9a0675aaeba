//! Which rows of a table, as SQL.
use super::{Cut, DateColumn, DayRange, Window};
use crate::tds::rpc::Param;

/// A predicate on a table's columns, and the values of its parameters, which are `@P1` and so on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// T-SQL behind WHERE, with `@P1` and so on for the values.
    pub predicate: String,
    /// The values, in their order.
    pub params: Vec<Param>,
}

impl Filter {
    /// The rows of some days.
    pub fn days(column: &DateColumn, days: &DayRange) -> Self {
        let mut params = Vec::new();
        Self { predicate: column.within(days, &mut params), params }
    }

    /// The rows of a window.
    pub fn window(cut: &Cut, window: &Window) -> Self {
        let mut params = Vec::new();
        Self { predicate: cut.within(window, &mut params), params }
    }
}

/// ` WHERE ...` of the terms that there are.
pub fn and_where(filter: Option<&Filter>, more: Option<String>) -> String {
    let filter = filter.map(|filter| filter.predicate.clone());
    let terms: Vec<_> = filter.into_iter().chain(more).map(|term| format!("({term})")).collect();
    if terms.is_empty() { String::new() } else { format!(" WHERE {}", terms.join(" AND ")) }
}
