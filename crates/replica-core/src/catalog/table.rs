//! What is known of one table, and what could not be learnt.
use super::article::Article;
use super::column::{Column, ProtectedColumn};
use super::constraint::{ActingKey, CheckConstraint, ForeignKey, Trigger};
use super::fingerprint::CatalogFingerprint;
use super::hidden::RowFilters;
use super::index::{Index, Partition};
use super::kind::{Special, other_kind};
use super::name::TableName;
use super::record::CatalogRow;
use super::server::{ServerFacts, ServerTraits};
use crate::error::{Error, Result};

/// One table or view as its server describes it. `None` in a field: the server could not say, and `unknown`
/// says why.
#[derive(Clone, Debug)]
pub struct Table {
    /// What answered; none where the table comes out of a file.
    pub server: Option<ServerFacts>,
    /// The table itself: its name, its kind, and what the login may do with it.
    pub object: Object,
    /// In the order of `column_id`.
    pub columns: Vec<Column>,
    /// With the heap, where there is one. `None`: the server did not tell.
    pub indexes: Option<Vec<Index>>,
    /// Those of this table, and those that point at it. `None`: the server did not tell.
    pub foreign_keys: Option<Vec<ForeignKey>>,
    /// Those of the whole database, where one of them points at this table; otherwise none.
    pub acting_keys: Vec<ActingKey>,
    /// `None`: the server did not tell.
    pub checks: Option<Vec<CheckConstraint>>,
    /// `None`: the server did not tell.
    pub triggers: Option<Vec<Trigger>>,
    /// Of every index, with their rows. `None`: the server did not tell.
    pub partitions: Option<Vec<Partition>>,
    /// Columns whose values readers see masked or encrypted.
    pub protected: Vec<ProtectedColumn>,
    /// Security policies that hide rows from readers.
    pub row_filters: RowFilters,
    /// "topic: reason", for the log.
    pub unknown: Vec<String>,
    /// Its server has answered all questions in one request, and so it will again.
    pub told_at_once: bool,
    /// Of what its server has told, where that is all that it is made of.
    pub fingerprint: Option<CatalogFingerprint>,
    /// What of it is copied, where it is a source.
    pub article: Article,
    /// The columns that its article leaves out.
    pub excluded: Vec<String>,
}

/// A permission as `HAS_PERMS_BY_NAME` answers: `None` where the server does not say.
pub(crate) type Permission = Option<bool>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub id: i64,
    /// Always with its schema.
    pub name: TableName,
    pub is_view: bool,
    pub created: String,
    pub temporal: Temporal,
    pub memory_optimized: bool,
    pub special: Option<Special>,
    /// Some foreign key points at it, even one that this user may not see.
    pub referenced: Option<bool>,
    /// It has DELETE triggers, even disabled ones and such that this user may not see.
    pub delete_triggers: Option<bool>,
    pub insert_triggers: Option<bool>,
    pub can_select: Permission,
    pub can_insert: Permission,
    pub can_delete: Permission,
    pub can_alter: Permission,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporal {
    No,
    History,
    SystemVersioned,
}

impl Object {
    pub fn from_record(record: &CatalogRow) -> Result<Self> {
        let flag = |column| record.int(column).map(|value| value != 0);
        let object_type = record.name("object_type")?;
        let object_type = object_type.trim();
        let name = TableName::new(&record.name("schema_name")?, &record.name("table_name")?);
        let special = match object_type {
            "U" | "V" => None,
            "ET" => Some(Special::External),
            other => {
                let error = Error::data(format!("this is {}, neither a table nor a view", other_kind(other)));
                return Err(error.table(name));
            }
        };
        Ok(Self {
            id: record.number("object_id")?,
            is_view: object_type == "V",
            created: record.text("created").unwrap_or_default().to_owned(),
            temporal: match record.int("temporal_type") {
                Some(1) => Temporal::History,
                Some(2) => Temporal::SystemVersioned,
                _ => Temporal::No,
            },
            memory_optimized: record.flag("is_memory_optimized"),
            special,
            referenced: flag("is_referenced"),
            delete_triggers: flag("has_delete_trigger"),
            insert_triggers: flag("has_insert_trigger"),
            can_select: flag("can_select"),
            can_insert: flag("can_insert"),
            can_delete: flag("can_delete"),
            can_alter: flag("can_alter"),
            name,
        })
    }
}

impl Table {
    /// A table that no server describes, such as one in a file: its columns and its size are all that is known of it.
    pub fn unserved(name: TableName, columns: Vec<Column>, rows: u64) -> Self {
        let object = Object {
            id: 0,
            name,
            is_view: false,
            created: String::new(),
            temporal: Temporal::No,
            memory_optimized: false,
            special: None,
            referenced: None,
            delete_triggers: None,
            insert_triggers: None,
            can_select: None,
            can_insert: None,
            can_delete: None,
            can_alter: None,
        };
        Self {
            server: None,
            object,
            columns,
            indexes: None,
            foreign_keys: None,
            acting_keys: Vec::new(),
            checks: None,
            triggers: None,
            partitions: Some(vec![Partition { number: 1, rows }]),
            protected: Vec::new(),
            row_filters: RowFilters::default(),
            unknown: Vec::new(),
            told_at_once: false,
            fingerprint: None,
            article: Article::default(),
            excluded: Vec::new(),
        }
    }

    /// The enabled foreign keys that point at it, those of its own among them.
    pub fn incoming_keys(&self) -> impl Iterator<Item = &ForeignKey> {
        self.foreign_keys.iter().flatten().filter(|key| key.incoming && !key.disabled)
    }

    /// The column with this `column_id`.
    pub fn column(&self, id: i32) -> Option<&Column> {
        self.columns.iter().find(|column| column.id == id)
    }

    /// The server's estimate; `None` for views, and where it does not say.
    pub fn rows(&self) -> Option<u64> {
        let partitions = self.partitions.as_ref().filter(|partitions| !partitions.is_empty())?;
        Some(partitions.iter().map(|partition| partition.rows).sum())
    }

    /// The heap or the clustered index.
    pub fn base_index(&self) -> Option<&Index> {
        self.indexes.as_ref()?.iter().find(|index| index.id <= 1)
    }

    /// What its server does otherwise than others.
    pub fn traits(&self) -> ServerTraits {
        self.server.as_ref().map(ServerFacts::traits).unwrap_or_default()
    }

    /// What decides which identifiers are equal; empty where unknown, which compares without regard to case.
    pub fn name_collation(&self) -> &str {
        self.server.as_ref().map_or("", |server| &server.collation)
    }

    /// The column that the server takes this name for.
    pub fn column_named(&self, name: &str) -> Option<&Column> {
        let exact = self.columns.iter().find(|column| column.name == name);
        exact.or_else(|| {
            self.columns
                .iter()
                .find(|column| ServerFacts::same_name(self.name_collation(), &column.name, name))
        })
    }

    /// Refuses one table under two connections. Names in connection strings may be aliases; what the server says of
    /// itself, of its database and of the object's birth is not: SERVERPROPERTY('ServerName') names the instance, however
    /// it was reached (Microsoft docs).
    ///
    /// What nothing tells apart counts as one. The object alone does not tell: a table that was restored from a backup
    /// has the id and the birth of the one that was backed up.
    ///
    /// # Errors
    /// They are one table, or may be.
    pub fn tell_from(&self, other: &Self) -> Result<()> {
        if self.object.id != other.object.id || self.object.created != other.object.created {
            return Ok(());
        }
        let is_same_database = match (&self.server, &other.server) {
            (Some(mine), Some(theirs)) => mine.is_same_database(theirs),
            // On no server at all.
            _ if self.object.created.is_empty() => Some(false),
            _ => None,
        };
        let error = match is_same_database {
            Some(false) => return Ok(()),
            Some(true) => Error::usage("source and target are the same table"),
            None => Error::usage(
                "source and target may be the same table: the servers do not say enough to tell",
            )
            .remedy(
                "If they are two, let both logins see their database in sys.databases (VIEW ANY DATABASE)",
            ),
        };
        Err(error.table(&other.object.name))
    }
}

/// A plain heap that this user may do everything with, for tests to change.
#[cfg(test)]
pub(crate) fn sample(name: &str) -> Table {
    use super::record::CatalogValue;
    let cell = |text: &str| CatalogValue::Text(text.into());
    let mut cells = vec![("object_id".into(), CatalogValue::Int(1)), ("object_type".into(), cell("U"))];
    let (schema, table) = name.split_once('.').unwrap_or(("dbo", name));
    cells.extend([("schema_name".into(), cell(schema)), ("table_name".into(), cell(table))]);
    let permissions = ["can_select", "can_insert", "can_delete", "can_alter"];
    cells.extend(permissions.map(|permission| (permission.to_owned(), CatalogValue::Int(1))));
    Table {
        server: Some(ServerFacts { database: "d".into(), ..ServerFacts::default() }),
        object: Object::from_record(&CatalogRow::new(cells)).expect("the cells are complete"),
        columns: Vec::new(),
        indexes: Some(Vec::new()),
        foreign_keys: Some(Vec::new()),
        acting_keys: Vec::new(),
        checks: Some(Vec::new()),
        triggers: Some(Vec::new()),
        partitions: Some(vec![Partition { number: 1, rows: 0 }]),
        protected: Vec::new(),
        row_filters: RowFilters::default(),
        unknown: Vec::new(),
        told_at_once: false,
        fingerprint: None,
        article: Article::default(),
        excluded: Vec::new(),
    }
}
