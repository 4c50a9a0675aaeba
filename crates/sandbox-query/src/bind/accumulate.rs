//! `SELECT @v = @v + column`: a variable that is assigned from itself takes up row after row.
//!
//! SQLite asks for the variable and gives back its new value by two functions, row by row as it scans. An ORDER BY
//! comes too late for that; SQL Server does not promise the order either (Microsoft docs, "SELECT @local_variable").
use super::Binder;
use super::typed::Typed;
use super::work::Accumulator;
use sandbox_catalog::ops::Op;
use sandbox_values::Value;
use sandbox_values::error::SqlError;
use sqlparser::ast::SelectItem;
use std::sync::{Arc, Mutex, PoisonError};

impl Binder<'_> {
    /// Makes accumulators of the assigned variables if any of them is mentioned in what is assigned.
    pub(super) fn accumulate(&self, items: &[SelectItem], assigned: &[String]) -> Result<(), SqlError> {
        let mentions = |item: &SelectItem| match item {
            SelectItem::ExprWithAlias { expr, .. } => {
                let text = expr.to_string().to_lowercase();
                assigned.iter().any(|name| text.contains(&name.to_lowercase()))
            }
            _ => false,
        };
        if !items.iter().any(mentions) {
            return Ok(());
        }
        for name in assigned {
            let variable = self.frame.get(name)?;
            let value = Arc::new(Mutex::new(variable.value.clone()));
            let accumulator = Accumulator { sql_type: variable.sql_type.clone(), value };
            self.accumulators.borrow_mut().insert(name.to_lowercase(), accumulator);
        }
        Ok(())
    }

    /// The SQL that reads the variable as the rows so far have left it, if it accumulates.
    pub(super) fn accumulated(&self, name: &str) -> Option<String> {
        let Accumulator { value, .. } = self.accumulators.borrow().get(&name.to_lowercase())?.clone();
        let read = move |_: &[Value]| Ok(value.lock().unwrap_or_else(PoisonError::into_inner).clone());
        let key = format!("read {}", name.to_lowercase());
        let op = || Op { arguments: Vec::new(), strict: false, run: Box::new(read) };
        Some(format!("fv({})", self.ops.intern(key, op)))
    }

    /// The column that is assigned to the variable, wrapped so that the rows to come see its value.
    pub(super) fn accumulating(&self, name: &str, typed: Typed) -> Result<Typed, SqlError> {
        let Some(Accumulator { sql_type, value }) =
            self.accumulators.borrow().get(&name.to_lowercase()).cloned()
        else {
            return Ok(typed);
        };
        let typed = self.implicit(typed, &sql_type)?;
        let write = move |given: &[Value]| {
            let new = given.first().cloned().unwrap_or(Value::Null);
            *value.lock().unwrap_or_else(PoisonError::into_inner) = new.clone();
            Ok(new)
        };
        let key = format!("assign {}", name.to_lowercase());
        let op = || Op { arguments: vec![sql_type], strict: false, run: Box::new(write) };
        Ok(Typed { sql: format!("fv({}, {})", self.ops.intern(key, op), typed.sql), ..typed })
    }
}
