//! A function's call, as its family binds it.
use crate::bind::{Binder, Scope, Typed};
use sandbox_values::error::SqlError;
use sqlparser::ast::Expr;

/// One call, on its way to the family that knows it.
pub struct FunctionCall<'a> {
    pub binder: &'a Binder<'a>,
    /// In lower case.
    pub name: &'a str,
    pub arguments: &'a [&'a Expr],
    pub scope: &'a Scope<'a>,
}

impl FunctionCall<'_> {
    /// All arguments, bound.
    ///
    /// # Errors
    /// 174 or 189 where there are too few or too many.
    pub fn bound(&self, least: usize, most: usize) -> Result<Vec<Typed>, SqlError> {
        self.count(least, most)?;
        self.arguments.iter().map(|a| self.binder.scalar(a, self.scope)).collect()
    }

    pub fn count(&self, least: usize, most: usize) -> Result<(), SqlError> {
        if (least..=most).contains(&self.arguments.len()) {
            return Ok(());
        }
        Err(if least == most {
            SqlError::new(174, 15, 1, format!("The {} function requires {least} argument(s).", self.name))
        } else {
            SqlError::new(
                189,
                15,
                1,
                format!("The {} function requires {least} to {most} arguments.", self.name),
            )
        })
    }
}
