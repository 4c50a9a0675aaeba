//! Batches that were parsed before: tools send the same ones for each of many tables.
use sandbox_sql::parse::{self, Statement};
use sandbox_values::error::SqlError;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Bytes of text whose statements are kept; then all are forgotten.
const MOST: usize = 1 << 20;

#[derive(Default)]
pub struct ParsedBatches {
    kept: Mutex<KeptBatches>,
}

#[derive(Default)]
struct KeptBatches {
    by_text: HashMap<Box<str>, Arc<[Statement]>>,
    bytes: usize,
}

impl ParsedBatches {
    /// # Errors
    /// Those of [`parse::batch`].
    pub fn of(&self, sql: &str) -> Result<Arc<[Statement]>, SqlError> {
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(statements) = kept().by_text.get(sql) {
            return Ok(Arc::clone(statements));
        }
        let statements: Arc<[Statement]> = parse::batch(sql)?.into();
        if sql.len() > MOST {
            return Ok(statements);
        }
        let mut kept = kept();
        if kept.bytes + sql.len() > MOST {
            *kept = KeptBatches::default();
        }
        if kept.by_text.insert(sql.into(), Arc::clone(&statements)).is_none() {
            kept.bytes += sql.len();
        }
        Ok(statements)
    }
}
