//! What the catalog knows: databases, tables, columns, indexes, constraints. Plain data, no I/O.
mod database;
mod modules;
mod new;
mod partition;
mod principals;
mod saved;
mod table;
mod tracking;

pub use database::{Database, Instance, View, same_but_for_case, same_name};
pub use modules::{SecurityPolicy, SecurityPredicate, Synonym, TableFunction};
pub use new::new_database;
pub use partition::{PartitionFunction, PartitionScheme};
pub use principals::{Grant, LoginRecord, Permission, Principal, PrincipalKind, Securable};
pub use sandbox_sql::terms::{BlockedOperation, Durability, LockEscalation, Password, Special};
pub use table::{
    Backs, Check, Column, Computed, DefaultConstraint, ForeignKey, IdentityColumn, Index, IndexKind,
    Statistics, Table, Trigger,
};
pub use tracking::{DatabaseTracking, TableTracking};
