//! A server's databases, and what is found in them by name.
use super::modules::{SecurityPolicy, SecurityPredicate, Synonym, TableFunction};
use super::partition::{PartitionFunction, PartitionScheme};
use super::principals::{LoginRecord, Permission, Principal};
use super::saved;
use super::table::{Column, Index, Table};
use super::tracking::DatabaseTracking;
use sandbox_sql::tokens::ObjectName;
use sandbox_values::CollationId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

/// What one server knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Instance {
    /// database_id → database: 1 master, 2 tempdb, 3 model, 4 msdb, then the users'.
    pub databases: BTreeMap<i16, Database>,
    /// principal_id → login; 1 is sa.
    pub logins: BTreeMap<i32, LoginRecord>,
    pub started: SystemTime,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Database {
    pub id: i16,
    pub name: String,
    pub collation: CollationId,
    pub created: SystemTime,
    /// schema_id → name; dbo is 1.
    pub schemas: BTreeMap<i32, String>,
    /// object_id → table. In tempdb also the sessions' temporary tables.
    #[serde(with = "saved::tables")]
    pub tables: BTreeMap<i32, Arc<Table>>,
    /// object_id → view.
    pub views: BTreeMap<i32, View>,
    #[serde(default)]
    pub functions: BTreeMap<i32, TableFunction>,
    #[serde(default)]
    pub policies: BTreeMap<i32, SecurityPolicy>,
    #[serde(default)]
    pub synonyms: BTreeMap<i32, Synonym>,
    /// principal_id → user or role; 0 public, 1 dbo.
    pub principals: BTreeMap<i32, Principal>,
    pub permissions: Vec<Permission>,
    /// The object_id given last: tables, views, constraints and triggers share one sequence.
    pub last_object_id: i32,
    pub partition_functions: BTreeMap<i32, PartitionFunction>,
    pub partition_schemes: BTreeMap<i32, PartitionScheme>,
    pub read_only: bool,
    pub allow_snapshot: bool,
    pub read_committed_snapshot: bool,
    /// 1 FULL, 2 BULK_LOGGED, 3 SIMPLE.
    pub recovery_model: u8,
    pub compatibility_level: u8,
    #[serde(default)]
    pub change_tracking: Option<DatabaseTracking>,
    /// How often it was put back to an earlier state.
    #[serde(default)]
    pub restores: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct View {
    pub object_id: i32,
    pub schema_id: i32,
    pub name: String,
    /// What the SELECT gave when the view was made.
    pub columns: Vec<Column>,
    /// The whole CREATE VIEW statement as written, and its SELECT.
    pub definition: String,
    pub select: String,
    /// The tables that SCHEMABINDING ties it to; `None` without it.
    #[serde(default)]
    pub bound_to: Option<Vec<i32>>,
    /// The tables that the SELECT reads, in the view's own database.
    #[serde(default)]
    pub reads: Vec<i32>,
    /// A unique clustered one first. Its rows are what the SELECT gives: nothing is stored.
    #[serde(default)]
    pub indexes: Vec<Index>,
    pub created: SystemTime,
    pub modified: SystemTime,
}

/// Do two identifiers mean the same? Case counts where the collation says so; accents always do.
pub fn same_name(collation: CollationId, a: &str, b: &str) -> bool {
    if collation.get().is_case_sensitive() { a == b } else { same_but_for_case(a, b) }
}

/// Do they differ in case at most? A name is looked for among all of a database: only what is not ASCII costs a copy.
pub fn same_but_for_case(a: &str, b: &str) -> bool {
    // Most differ in their first letter or in their last. One of ASCII has no other form than its own.
    let differ = |a: Option<&u8>, b: Option<&u8>| {
        a.zip(b).is_some_and(|(a, b)| a.is_ascii() && b.is_ascii() && !a.eq_ignore_ascii_case(b))
    };
    let (one, other) = (a.as_bytes(), b.as_bytes());
    if differ(one.first(), other.first()) || differ(one.last(), other.last()) {
        return false;
    }
    a.eq_ignore_ascii_case(b) || !(a.is_ascii() && b.is_ascii()) && a.to_lowercase() == b.to_lowercase()
}

impl Instance {
    /// By name: databases' own names compare by the server's collation.
    pub fn database(&self, name: &str) -> Option<&Database> {
        self.databases.values().find(|d| same_name(CollationId::SERVER_DEFAULT, &d.name, name))
    }
}

impl Database {
    pub fn schema_id(&self, name: &str) -> Option<i32> {
        self.schemas.iter().find(|(_, n)| self.same_name(n, name)).map(|(id, _)| *id)
    }

    pub fn schema_name(&self, id: i32) -> &str {
        self.schemas.get(&id).map_or("", String::as_str)
    }

    /// A table that is not temporary.
    pub fn table(&self, schema_id: i32, name: &str) -> Option<&Arc<Table>> {
        self.tables
            .values()
            .find(|t| t.owner_session.is_none() && t.schema_id == schema_id && self.same_name(&t.name, name))
    }

    /// A temporary table of this session.
    pub fn temporary_table(&self, session: u16, name: &str) -> Option<&Arc<Table>> {
        self.tables.values().find(|t| t.owner_session == Some(session) && self.same_name(&t.name, name))
    }

    pub fn view(&self, schema_id: i32, name: &str) -> Option<&View> {
        self.views.values().find(|v| v.schema_id == schema_id && self.same_name(&v.name, name))
    }

    pub fn function(&self, schema_id: i32, name: &str) -> Option<&TableFunction> {
        self.functions.values().find(|f| f.schema_id == schema_id && self.same_name(&f.name, name))
    }

    pub fn policy(&self, schema_id: i32, name: &str) -> Option<&SecurityPolicy> {
        self.policies.values().find(|p| p.schema_id == schema_id && self.same_name(&p.name, name))
    }

    pub fn synonym(&self, schema_id: i32, name: &str) -> Option<&Synonym> {
        self.synonyms.values().find(|s| s.schema_id == schema_id && self.same_name(&s.name, name))
    }

    /// The name of a schema-bound module or policy that needs this table or function.
    pub fn bound_to(&self, object_id: i32) -> Option<&str> {
        let needs = |ids: &Option<Vec<i32>>| ids.as_ref().is_some_and(|ids| ids.contains(&object_id));
        let view = self.views.values().find(|v| needs(&v.bound_to)).map(|v| v.name.as_str());
        let function = || self.functions.values().find(|f| needs(&f.bound_to)).map(|f| f.name.as_str());
        let uses = |p: &SecurityPredicate| p.table == object_id || p.function == object_id;
        let policy = || self.policies.values().find(|p| p.schema_bound && p.predicates.iter().any(uses));
        view.or_else(function).or_else(|| policy().map(|p| p.name.as_str()))
    }

    /// An indexed view that reads this table.
    pub fn indexed_view_of(&self, table: i32) -> Option<&View> {
        let reads = |v: &&View| v.bound_to.as_ref().is_some_and(|ids| ids.contains(&table));
        self.views.values().filter(reads).find(|v| !v.indexes.is_empty())
    }

    /// Every object that has a schema and is no part of a table: object_id, schema_id, name and sys.objects.type.
    pub fn objects(&self) -> impl Iterator<Item = (i32, i32, &str, &'static str)> {
        let tables = self.tables.values().filter(|t| t.owner_session.is_none());
        let tables = tables.map(|t| (t.object_id, t.schema_id, t.name.as_str(), "U"));
        let views = self.views.values().map(|v| (v.object_id, v.schema_id, v.name.as_str(), "V"));
        let functions = self.functions.values().map(|f| (f.object_id, f.schema_id, f.name.as_str(), "IF"));
        let policies = self.policies.values().map(|p| (p.object_id, p.schema_id, p.name.as_str(), "SP"));
        let synonyms = self.synonyms.values().map(|s| (s.object_id, s.schema_id, s.name.as_str(), "SN"));
        tables.chain(views).chain(functions).chain(policies).chain(synonyms)
    }

    /// Identifiers compare by the database's collation.
    pub fn same_name(&self, a: &str, b: &str) -> bool {
        same_name(self.collation, a, b)
    }

    /// The next object_id: SQL Server's go up in steps of 16,000,057, modulo 2^31.
    pub fn next_object_id(&mut self) -> i32 {
        let used = |id: i32| {
            self.tables.contains_key(&id)
                || self.views.contains_key(&id)
                || self.functions.contains_key(&id)
                || self.policies.contains_key(&id)
                || self.synonyms.contains_key(&id)
        };
        let mut id = self.last_object_id;
        loop {
            id = (id.wrapping_add(16_000_057)) & i32::MAX;
            if id > 100 && !used(id) {
                self.last_object_id = id;
                return id;
            }
        }
    }
}

impl Synonym {
    /// Its base's name, as seen from anywhere.
    pub fn base_in(&self, database: &Database) -> ObjectName {
        let (in_database, schema, name) = self.base.clone();
        ObjectName { database: in_database.or_else(|| Some(database.name.clone())), schema, name }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_in_case_at_most_where_their_small_letters_are_the_same() {
        let names = [
            "", "a", "A", "ab", "aB", "b", "ä", "Ä", "äb", "ÄB", "\u{212A}", "k", "K", "ΟΔΟΣ", "οδος", "İ",
            "i",
        ];
        for a in names {
            for b in names {
                assert_eq!(same_but_for_case(a, b), a.to_lowercase() == b.to_lowercase(), "{a} {b}");
            }
        }
    }
}
