//! What is known of one table, and what could not be learnt.
use super::name::TableName;
use super::record::Record;
use super::sql_type::{Described, SqlType};
use crate::error::{Error, Result};

/// One table or view as its server describes it. `None` in a field: the server could not say, and `unknown`
/// says why.
#[derive(Clone, Debug)]
pub struct Table {
    pub server: Option<Server>,
    pub object: Object,
    pub columns: Vec<Column>,
    pub indexes: Option<Vec<Index>>,
    pub foreign_keys: Option<Vec<ForeignKey>>,
    pub checks: Option<Vec<Check>>,
    pub triggers: Option<Vec<Trigger>>,
    pub partitions: Option<Vec<Partition>>,
    /// Columns whose values readers see masked or encrypted.
    pub protected: Vec<ProtectedColumn>,
    /// Enabled security policies that hide rows from readers.
    pub row_filters: Vec<String>,
    /// "topic: reason", for the log.
    pub unknown: Vec<String>,
}

/// The server and its current database.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    pub name: String,
    pub version: String,
    pub database: String,
    /// When the database was made: tells apart databases of one name on servers of one name.
    pub database_created: String,
    /// The collation of the database's catalog decides which column names are equal.
    pub collation: String,
    pub user: String,
    /// ALLOW_SNAPSHOT_ISOLATION is ON.
    pub allows_snapshot: bool,
    /// READ_COMMITTED_SNAPSHOT is ON: readers of the target see the old rows and do not wait.
    pub read_committed_snapshot: bool,
    pub read_only: bool,
}

impl Server {
    pub fn from_record(record: &Record) -> Result<Self> {
        let text = |column| record.text(column).unwrap_or_default().to_owned();
        Ok(Self {
            name: text("server_name"),
            version: text("product_version"),
            database: record.name("database_name")?,
            database_created: text("database_created"),
            collation: text("database_collation"),
            user: text("user_name"),
            // 1 is ON; 2 and 3 are on the way (Microsoft docs, sys.databases).
            allows_snapshot: record.int("snapshot_isolation_state") == Some(1),
            read_committed_snapshot: record.flag("is_read_committed_snapshot_on"),
            read_only: record.flag("is_read_only"),
        })
    }

    /// Are two identifiers one name in this database?
    pub fn same_name(collation: &str, left: &str, right: &str) -> bool {
        let sensitive = collation.split('_').any(|part| matches!(part, "CS" | "BIN" | "BIN2"));
        left == right || (!sensitive && left.to_lowercase() == right.to_lowercase())
    }
}

/// A permission as `HAS_PERMS_BY_NAME` answers: `None` where the server does not say.
pub type Permission = Option<bool>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    pub id: i64,
    /// Always with its schema.
    pub name: TableName,
    pub is_view: bool,
    pub created: String,
    pub temporal: Temporal,
    pub memory_optimized: bool,
    /// Some foreign key points at it, even one that this user may not see.
    pub referenced: Option<bool>,
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
    pub fn from_record(record: &Record) -> Result<Self> {
        let permission = |column| record.int(column).map(|value| value != 0);
        let kind = record.name("object_type")?;
        let name = TableName::new(&record.name("schema_name")?, &record.name("table_name")?);
        if !matches!(kind.trim(), "U" | "V") {
            return Err(Error::data("this is neither a table nor a view").table(name));
        }
        Ok(Self {
            id: record.number("object_id")?,
            is_view: kind.trim() == "V",
            created: record.text("created").unwrap_or_default().to_owned(),
            temporal: match record.int("temporal_type") {
                Some(1) => Temporal::History,
                Some(2) => Temporal::SystemVersioned,
                _ => Temporal::No,
            },
            memory_optimized: record.flag("is_memory_optimized"),
            referenced: record.int("is_referenced").map(|value| value != 0),
            can_select: permission("can_select"),
            can_insert: permission("can_insert"),
            can_delete: permission("can_delete"),
            can_alter: permission("can_alter"),
            name,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub id: i32,
    pub name: String,
    pub sql_type: SqlType,
    pub collation: Option<Collation>,
    pub nullable: bool,
    pub identity: bool,
    pub computed: bool,
    pub has_default: bool,
    /// GENERATED ALWAYS: the server writes it.
    pub generated: bool,
    /// The XML view on a table's sparse columns.
    pub column_set: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collation {
    pub name: String,
    /// Windows code page; 65001 is UTF-8, 0 none (Unicode only). `None`: the server does not say.
    pub code_page: Option<u32>,
}

impl Column {
    pub fn from_record(record: &Record) -> Result<Self> {
        let name = record.name("column_name")?;
        let number = |column: &str| record.int(column).unwrap_or_default();
        let sql_type = SqlType::of(Described {
            type_name: record.text("type_name").unwrap_or("a type without a name"),
            base_name: record.text("base_name"),
            user_defined: record.flag("is_user_defined"),
            assembly: record.flag("is_assembly_type"),
            max_length: record.number("max_length").map_err(|error| error.column(&name))?,
            precision: number("precision").clamp(0, 255) as u8,
            scale: number("scale").clamp(0, 255) as u8,
        });
        let collation = record.text("collation_name").map(|name| Collation {
            name: name.to_owned(),
            code_page: record.int("code_page").and_then(|page| u32::try_from(page).ok()),
        });
        Ok(Self {
            id: record.number("column_id")?,
            sql_type,
            collation,
            nullable: record.flag("is_nullable"),
            identity: record.flag("is_identity"),
            computed: record.flag("is_computed"),
            has_default: record.flag("has_default"),
            generated: record.flag("generated_always"),
            column_set: record.flag("is_column_set"),
            name,
        })
    }

    /// Does the server fill it, so that no load may name it?
    /// (271 computed, 273 rowversion, 13536 generated always: wire-facts.md.)
    pub fn filled_by_server(&self) -> Option<&'static str> {
        match self {
            Self { computed: true, .. } => Some("computed"),
            Self { generated: true, .. } => Some("generated always"),
            Self { column_set: true, .. } => Some("a column set"),
            Self { sql_type: SqlType::RowVersion, .. } => Some("rowversion"),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IndexKind {
    Heap,
    Clustered,
    Nonclustered,
    ClusteredColumnstore,
    NonclusteredColumnstore,
    /// XML, spatial, hash and what comes after them.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    pub id: i32,
    /// A heap has none.
    pub name: Option<String>,
    pub kind: IndexKind,
    pub unique: bool,
    /// It backs a primary key or a unique constraint.
    pub backs_constraint: bool,
    /// IGNORE_DUP_KEY: the server drops duplicates instead of refusing them.
    pub ignores_duplicates: bool,
    pub disabled: bool,
    pub partitioned: bool,
    /// Key columns in order.
    pub keys: Vec<Key>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    pub column_id: i32,
    pub descending: bool,
}

impl Index {
    pub fn from_record(record: &Record) -> Result<Self> {
        Ok(Self {
            id: record.number("index_id")?,
            name: record.text("index_name").map(str::to_owned),
            kind: match record.number::<u8>("index_type")? {
                0 => IndexKind::Heap,
                1 => IndexKind::Clustered,
                2 => IndexKind::Nonclustered,
                5 => IndexKind::ClusteredColumnstore,
                6 => IndexKind::NonclusteredColumnstore,
                _ => IndexKind::Other,
            },
            unique: record.flag("is_unique"),
            backs_constraint: record.flag("is_primary_key") || record.flag("is_unique_constraint"),
            ignores_duplicates: record.flag("ignore_dup_key"),
            disabled: record.flag("is_disabled"),
            partitioned: record.text("data_space_type").is_some_and(|kind| kind.trim() == "PS"),
            keys: Vec::new(),
        })
    }

    /// Takes those of the index-column rows that are keys of this index.
    pub fn take_keys(&mut self, records: &[Record]) -> Result<()> {
        let mine = records.iter().filter(|r| r.int("index_id") == Some(self.id.into()));
        let mut keys = Vec::new();
        for record in mine {
            // 0 for included columns, and for a partitioning column that is no key.
            let ordinal = record.int("key_ordinal").unwrap_or_default();
            if ordinal > 0 {
                let key = Key {
                    column_id: record.number("column_id")?,
                    descending: record.flag("is_descending_key"),
                };
                keys.push((ordinal, key));
            }
        }
        keys.sort_by_key(|(ordinal, _)| *ordinal);
        self.keys = keys.into_iter().map(|(_, key)| key).collect();
        Ok(())
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignKey {
    pub name: String,
    /// The table that has the key.
    pub table: TableName,
    /// The key is this table's own.
    pub own: bool,
    /// The key points at this table. A table may point at itself.
    pub incoming: bool,
    pub disabled: bool,
    pub trusted: bool,
    pub can_alter: Permission,
}

impl ForeignKey {
    pub fn from_record(record: &Record) -> Result<Self> {
        Ok(Self {
            name: record.name("constraint_name")?,
            table: TableName::new(&record.name("schema_name")?, &record.name("table_name")?),
            own: record.flag("is_own"),
            incoming: record.flag("is_incoming"),
            disabled: record.flag("is_disabled"),
            trusted: !record.flag("is_not_trusted"),
            can_alter: record.int("can_alter").map(|value| value != 0),
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    pub name: String,
    pub disabled: bool,
    pub trusted: bool,
}

impl Check {
    pub fn from_record(record: &Record) -> Result<Self> {
        Ok(Self {
            name: record.name("constraint_name")?,
            disabled: record.flag("is_disabled"),
            trusted: !record.flag("is_not_trusted"),
        })
    }
}

/// One event that a trigger stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trigger {
    pub name: String,
    pub disabled: bool,
    pub instead_of: bool,
    pub event: String,
}

impl Trigger {
    pub fn from_record(record: &Record) -> Result<Self> {
        Ok(Self {
            name: record.name("trigger_name")?,
            disabled: record.flag("is_disabled"),
            instead_of: record.flag("is_instead_of"),
            event: record.text("event").unwrap_or_default().to_owned(),
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    pub number: i32,
    /// The server's estimate.
    pub rows: u64,
}

impl Partition {
    pub fn from_record(record: &Record) -> Result<Self> {
        Ok(Self { number: record.number("partition_number")?, rows: record.number("row_count")? })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtectedColumn {
    pub name: String,
    /// Masked, and this user may not see through the mask.
    pub masked: bool,
    /// Always Encrypted.
    pub encrypted: bool,
}

impl ProtectedColumn {
    pub fn from_record(record: &Record) -> Result<Self> {
        Ok(Self {
            name: record.name("column_name")?,
            masked: record.flag("is_masked") && !record.flag("can_unmask"),
            encrypted: record.int("encryption_type").is_some(),
        })
    }
}

impl Table {
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

    /// What decides which identifiers are equal; empty where unknown, which compares without regard to case.
    pub fn name_collation(&self) -> &str {
        self.server.as_ref().map_or("", |server| &server.collation)
    }

    pub fn column_named(&self, name: &str) -> Option<&Column> {
        let exact = self.columns.iter().find(|column| column.name == name);
        exact.or_else(|| {
            self.columns.iter().find(|column| Server::same_name(self.name_collation(), &column.name, name))
        })
    }

    /// The same table under two connections? Names of servers and databases may be aliases; what the server
    /// says of itself, of its database and of the object's birth is not.
    pub fn is_same_as(&self, other: &Self) -> bool {
        let (Some(mine), Some(theirs)) = (&self.server, &other.server) else { return false };
        mine.name.eq_ignore_ascii_case(&theirs.name)
            && mine.database == theirs.database
            && mine.database_created == theirs.database_created
            && self.object.id == other.object.id
            && self.object.created == other.object.created
    }
}

/// A plain heap that this user may do everything with, for tests to change.
#[cfg(test)]
pub(crate) fn sample(name: &str) -> Table {
    use super::record::Cell;
    let cell = |text: &str| Cell::Text(text.into());
    let mut cells = vec![("object_id".into(), Cell::Int(1)), ("object_type".into(), cell("U"))];
    let (schema, table) = name.split_once('.').unwrap_or(("dbo", name));
    cells.extend([("schema_name".into(), cell(schema)), ("table_name".into(), cell(table))]);
    let permissions = ["can_select", "can_insert", "can_delete", "can_alter"];
    cells.extend(permissions.map(|permission| (permission.to_owned(), Cell::Int(1))));
    Table {
        server: Some(Server { database: "d".into(), ..Server::default() }),
        object: Object::from_record(&Record::new(cells)).expect("the cells are complete"),
        columns: Vec::new(),
        indexes: Some(Vec::new()),
        foreign_keys: Some(Vec::new()),
        checks: Some(Vec::new()),
        triggers: Some(Vec::new()),
        partitions: Some(vec![Partition { number: 1, rows: 0 }]),
        protected: Vec::new(),
        row_filters: Vec::new(),
        unknown: Vec::new(),
    }
}
