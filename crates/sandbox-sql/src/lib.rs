//! T-SQL as text: tokens that know where they stand, and the statements that they make. Names are not resolved and
//! expressions of DDL are kept as written; queries and expressions are `sqlparser`'s. It knows nothing of what is there.
pub mod ddl;
pub mod hints;
pub mod parse;
pub mod terms;
pub mod tokens;
pub mod type_name;
