//! Tables: CREATE, ALTER, DROP, TRUNCATE.
mod add;
pub mod alter;
mod alter_column;
mod build;
mod cascade;
mod columns;
mod constraints;
pub mod create;
pub mod drop_item;
pub mod keys;
pub mod locks;
mod placed;
mod range;
pub mod remove;
mod switch;
pub mod target;
pub mod validate;

pub use placed::placed;
pub use target::may_alter;

use sandbox_values::error::SqlError;

/// Errors after which SQL Server adds 1750: of constraints that could not be made.
pub fn adds_1750(error: &SqlError) -> bool {
    matches!(
        (error.number, error.state),
        (1505 | 1767 | 1769 | 1770 | 1773 | 1776 | 1778 | 1779 | 1781 | 1911 | 8110 | 8111 | 8112, _)
            | (2714, 5)
    )
}

pub fn could_not_create() -> SqlError {
    SqlError::new(1750, 16, 0, "Could not create constraint or index. See previous errors.")
}
