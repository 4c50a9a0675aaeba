//! Views, functions, security policies and triggers.
use crate::terms::BlockedOperation;
use crate::tokens::ObjectName;
use crate::type_name::TypeName;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateView {
    pub name: ObjectName,
    pub alter: bool,
    pub create: bool,
    /// Names given after the view's; empty means the SELECT's own.
    pub columns: Vec<String>,
    pub schema_bound: bool,
    pub select: String,
    /// The whole statement as written.
    pub definition: String,
}

/// An inline table-valued function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateFunction {
    pub name: ObjectName,
    pub alter: bool,
    pub create: bool,
    pub parameters: Vec<(String, TypeName)>,
    pub schema_bound: bool,
    pub select: String,
    /// The whole statement as written.
    pub definition: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityPolicyDef {
    pub name: ObjectName,
    pub predicates: Vec<PredicateChange>,
    pub enabled: bool,
    pub schema_bound: bool,
    pub not_for_replication: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PredicateChange {
    pub verb: PredicateVerb,
    pub blocks: bool,
    pub table: ObjectName,
    pub operation: Option<BlockedOperation>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PredicateVerb {
    /// The function, and its arguments as written.
    Add(ObjectName, Vec<String>),
    Alter(ObjectName, Vec<String>),
    Drop,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateTrigger {
    pub name: ObjectName,
    pub table: ObjectName,
    /// INSTEAD OF, not AFTER.
    pub instead: bool,
    pub events: Vec<String>,
    pub body: String,
    /// The whole statement as written.
    pub definition: String,
}
