//! From parsed statements to SQLite's SQL: names found, types known before anything runs.
//!
//! Rows of tables are filtered by what the statement may see. How is known only once it holds its locks and its
//! SQLite snapshot, so the SQL carries a mark for each table ([`visibility::seen`]) that [`resolve_visibility`] replaces.
mod accumulate;
mod aggregate;
mod arithmetic;
mod asked;
mod binder;
mod chain;
mod changes;
mod emitted;
mod expr;
mod from;
mod literal;
mod masking;
mod module;
mod names;
mod order;
mod predicate;
mod query;
mod recursion;
mod refused;
mod sample;
mod scope;
mod sets;
mod sources;
mod typed;
mod types;
mod visibility;
mod window;
mod work;

pub use aggregate::is_aggregate;
pub use arithmetic::{fits, joined_type, overflow};
pub use binder::{Binder, Needs, TableUse};
pub use emitted::Bound;
pub use literal::{blob, constant_int, value_literal};
pub use names::{Object, invalid_object, object_name};
pub use query::makes_table;
pub use refused::unsupported;
pub use scope::{Scope, Source, SourceColumn, unknown_column};
pub use sources::readable;
pub use typed::{ColumnOrigin, Label, Origin, Typed};
pub use types::{common_collation, common_type, string_type};
pub use visibility::{resolve_visibility, row_lock};
pub use work::FromClause;
