//! Functions, security policies and synonyms.
use super::table::Column;
use sandbox_sql::terms::BlockedOperation;
use sandbox_values::SqlType;
use serde::{Deserialize, Serialize};
use std::time::SystemTime;

/// An inline table-valued function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TableFunction {
    pub object_id: i32,
    pub schema_id: i32,
    pub name: String,
    /// Name, with its @, and type.
    pub parameters: Vec<(String, SqlType)>,
    /// What the SELECT gave when the function was made.
    pub columns: Vec<Column>,
    /// The whole CREATE FUNCTION statement as written, and its SELECT.
    pub definition: String,
    pub select: String,
    /// The tables that SCHEMABINDING ties it to; `None` without it.
    pub bound_to: Option<Vec<i32>>,
    pub created: SystemTime,
    pub modified: SystemTime,
}

/// Row-level security (Microsoft docs, "Row-level security"; SQL Server 2016 and later).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecurityPolicy {
    pub object_id: i32,
    pub schema_id: i32,
    pub name: String,
    pub enabled: bool,
    pub not_for_replication: bool,
    pub schema_bound: bool,
    pub predicates: Vec<SecurityPredicate>,
    pub created: SystemTime,
    pub modified: SystemTime,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SecurityPredicate {
    pub id: i32,
    /// object_ids.
    pub table: i32,
    pub function: i32,
    /// Expressions over the table's columns, as written.
    pub arguments: Vec<String>,
    /// As sys.security_predicates shows it.
    pub definition: String,
    /// It refuses writes; otherwise it filters what is read.
    pub blocks: bool,
    /// Of one that blocks; `None`: all operations.
    pub operation: Option<BlockedOperation>,
}

impl SecurityPredicate {
    /// Does it stand in the way of this operation?
    pub fn guards(&self, operation: BlockedOperation) -> bool {
        self.blocks && self.operation.is_none_or(|own| own == operation)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Synonym {
    pub object_id: i32,
    pub schema_id: i32,
    pub name: String,
    /// Database, schema and name of what it stands for, as far as they were given.
    pub base: (Option<String>, Option<String>, String),
    pub created: SystemTime,
}
