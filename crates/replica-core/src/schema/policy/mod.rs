//! What a replica's table is to be: what its source's is, but for what a copy has no use for.
use std::collections::{BTreeSet, HashMap};

use crate::catalog::server::ServerFacts;
use crate::catalog::{Article, SqlType, TableName};
use crate::config::{Feature, SchemaSettings};
use crate::error::{Error, Result};
use crate::schema::definition::{
    Backs, ColumnDefinition, Compression, DataSpace, Definition, IndexDefinition, IndexForm, same_name,
};
use crate::schema::expression::reaches_outside;

/// Of a table without a column set; one with it may have 30,000 (Microsoft docs, "Maximum capacity specifications for SQL
/// Server").
const MOST_COLUMNS: usize = 1_024;

/// What a replica has of its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    features: BTreeSet<Feature>,
    /// Of the tables that have another name, other columns or fewer rows at the target, by the source's names.
    articles: HashMap<TableName, Article>,
}

impl Default for Policy {
    fn default() -> Self {
        Self { features: Feature::by_default().collect(), articles: HashMap::new() }
    }
}

impl Policy {
    /// # Errors
    /// Of kind `Usage`: a feature is to be kept and left out.
    pub fn of(settings: &SchemaSettings) -> Result<Self> {
        if let Some(feature) = settings.keep.intersection(&settings.without).next() {
            return Err(Error::usage(format!("{feature} is to be kept and to be left out")));
        }
        let mut policy = Self::default();
        policy.features.extend(&settings.keep);
        policy.features.retain(|feature| !settings.without.contains(feature));
        Ok(policy)
    }

    /// The same of these tables. Those that a foreign key may point at are wanted, too, whether they are compared or not.
    #[must_use]
    pub fn with_articles(self, articles: HashMap<TableName, Article>) -> Self {
        Self { articles, ..self }
    }

    /// Whether a replica has it.
    pub fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    /// What of a source's table makes its copy.
    pub fn article(&self, source: &TableName) -> Article {
        self.articles.get(source).cloned().unwrap_or_default()
    }
}

/// What the target's server and database can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetServer {
    /// 11 is SQL Server 2012; with the build.
    pub version: (u16, u32),
    /// SERVERPROPERTY('EngineEdition'): 2 Standard, 3 Enterprise, 4 Express, 5 Azure SQL Database, 8 Managed Instance.
    pub edition: i64,
    /// The database's collation.
    pub collation: String,
    /// The user that this login is in the database.
    pub user: String,
    /// Where a name without a schema is made.
    pub default_schema: String,
    /// The database's schemas.
    pub schemas: Vec<String>,
    /// Partition schemes, with the type that each is for.
    pub schemes: Vec<(String, String)>,
}

impl TargetServer {
    const SQL_SERVER_2016: u16 = 13;

    fn is_azure(&self) -> bool {
        matches!(self.edition, 5 | 6 | 8 | 9 | 11)
    }

    /// All editions have compression, columnstores and partitions since 2016 SP1 (build 4001); before that Enterprise
    /// alone (Microsoft docs, "Editions and supported features of SQL Server 2016").
    fn compresses(&self) -> bool {
        self.is_azure() || self.edition == 3 || self.version >= (Self::SQL_SERVER_2016, 4001)
    }

    /// The most bytes in the key of a nonclustered index (Microsoft docs, "Maximum capacity specifications for SQL
    /// Server"): 1,700 since 2016.
    pub fn most_key_bytes(&self, index: IndexForm) -> u32 {
        let long =
            index == IndexForm::Nonclustered && (self.is_azure() || self.version.0 >= Self::SQL_SERVER_2016);
        if long { 1_700 } else { 900 }
    }

    /// The name with its schema.
    pub fn full_name(&self, name: &TableName) -> TableName {
        TableName::new(name.schema.as_deref().unwrap_or(&self.default_schema), &name.name)
    }

    /// Whether the database has it, by its collation.
    pub fn has_schema(&self, schema: &str) -> bool {
        self.schemas.iter().any(|name| ServerFacts::same_name(&self.collation, name, schema))
    }

    fn has_scheme(&self, scheme: &str, column: &ColumnDefinition) -> bool {
        let type_name = column.type_name();
        let base = type_name.split('(').next().unwrap_or_default();
        self.schemes.iter().any(|(name, of)| same_name(name, scheme) && same_name(of, base))
    }
}

/// What the policy makes of a source's table.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// The table as the replica is to have it.
    pub definition: Definition,
    /// What the replica lacks or has otherwise, for people.
    pub notes: Vec<String>,
}

impl Policy {
    /// The table that a replica of `source` is to have on `target`.
    ///
    /// # Errors
    /// No table can be made for it: a type that the target lacks, encrypted columns.
    pub fn wanted(&self, source: &Definition, target: &TargetServer) -> Result<Wanted> {
        let mut maker = Maker { policy: self, target, notes: Vec::new() };
        let definition = maker.table(source)?;
        Ok(Wanted { definition, notes: maker.notes })
    }
}

struct Maker<'a> {
    policy: &'a Policy,
    target: &'a TargetServer,
    notes: Vec<String>,
}

impl Maker<'_> {
    fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    fn table(&mut self, source: &Definition) -> Result<Definition> {
        if !source.traits.is_empty() {
            self.note(format!("a plain table, without {}", source.traits.join(", ")));
        }
        let mut wanted = Definition { is_view: false, traits: Vec::new(), ..source.clone() };
        (wanted.statistics, wanted.referenced_by) = (Vec::new(), Vec::new());
        wanted.columns.clear();
        for column in &source.columns {
            wanted.columns.extend(self.column(column)?);
        }
        if wanted.columns.len() > MOST_COLUMNS {
            let text = format!("it has {} columns, and a plain table may have 1,024", wanted.columns.len());
            let way = "Leave out some of its sparse columns with exclude_columns in [tables] of replica.toml";
            return Err(Error::mapping(text).remedy(way));
        }
        wanted.place = self.place(&source.place, source);
        wanted.compression = self.compression(source.compression);
        wanted.indexes = source.indexes.iter().filter_map(|index| self.index(index, source)).collect();
        wanted.checks.clear();
        if self.policy.has(Feature::Checks) {
            let (outside, own): (Vec<_>, Vec<_>) =
                source.checks.iter().cloned().partition(|check| reaches_outside(&check.expression));
            for check in outside {
                self.note(format!("without the check {}, which calls a function", check.name.name));
            }
            wanted.checks = own;
        } else if !source.checks.is_empty() {
            self.note("without checks");
        }
        for key in &mut wanted.foreign_keys {
            // Cascades would change rows behind the copy.
            (key.on_delete, key.on_update) = (0, 0);
        }
        if !self.policy.has(Feature::ForeignKeys) && !wanted.foreign_keys.is_empty() {
            wanted.foreign_keys.clear();
            self.note("without foreign keys");
        }
        Ok(wanted)
    }

    /// `None`: the replica has no such column.
    fn column(&mut self, source: &ColumnDefinition) -> Result<Option<ColumnDefinition>> {
        let (name, mut column) = (&source.name, source.clone());
        let has = |what: &str| source.traits.iter().any(|has| has == what);
        if has("Always Encrypted") {
            let error = Error::mapping("it is encrypted by the client, and no copy can read it").column(name);
            return Err(error.remedy("Leave it out with exclude_columns in [tables] of replica.toml"));
        }
        if has("a column set") {
            self.note(format!("without column {name}, a view on the sparse columns"));
            return Ok(None);
        }
        self.can_have(source)?;
        if !source.traits.is_empty() {
            self.note(format!("column {name} without {}", source.traits.join(", ")));
        }
        column.traits.clear();
        if column.identity.is_some() && !self.policy.has(Feature::Identity) {
            column.identity = None;
            self.note(format!("column {name}: no identity"));
        }
        let by_function =
            column.computed.as_ref().is_some_and(|computed| reaches_outside(&computed.expression));
        if column.computed.is_some() && (by_function || !self.policy.has(Feature::Computed)) {
            column.computed = None;
            let why = if by_function { ", since it calls a function" } else { "" };
            self.note(format!("column {name}: stored, not computed{why}"));
        }
        if column.sql_type == SqlType::RowVersion && !self.policy.has(Feature::Rowversion) {
            column.sql_type = SqlType::Binary(8);
            self.note(format!("column {name}: binary(8), with the source's rowversion"));
        }
        if column.collation.is_some() && !self.policy.has(Feature::Collations) {
            column.collation = Some(self.target.collation.clone());
        }
        if let Some(default) = column.default.take() {
            if !self.policy.has(Feature::Defaults) {
                self.note(format!("column {name} without its default"));
            } else if reaches_outside(&default.expression) {
                self.note(format!("column {name} without its default, which calls a function or a sequence"));
            } else {
                column.default = Some(default);
            }
        }
        Ok(Some(column))
    }

    /// Has the target the column's type?
    fn can_have(&self, column: &ColumnDefinition) -> Result<()> {
        let unknown = match &column.sql_type {
            SqlType::Other(name) => Some(name.clone()),
            SqlType::Clr(name) if !matches!(name.as_str(), "geography" | "geometry" | "hierarchyid") => {
                Some(format!("{name}, of an assembly"))
            }
            // Of SQL Server 2025 (Microsoft docs, "JSON data type", "Vector data type").
            SqlType::Json | SqlType::Vector(_) if !self.target.is_azure() && self.target.version.0 < 17 => {
                Some(column.type_name())
            }
            _ => None,
        };
        match unknown {
            None => Ok(()),
            Some(name) => Err(Error::mapping(format!("the target has no type {name}"))
                .column(&column.name)
                .remedy("Make the table by hand with a type that it has")),
        }
    }

    fn compression(&mut self, source: Compression) -> Compression {
        let kept = self.policy.has(Feature::Compression) && self.target.compresses();
        match source {
            Compression::Row | Compression::Page if !kept => {
                if self.policy.has(Feature::Compression) {
                    self.note("without compression, which this edition lacks");
                }
                Compression::None
            }
            other => other,
        }
    }

    fn place(&mut self, place: &DataSpace, table: &Definition) -> DataSpace {
        match place {
            DataSpace::Default => DataSpace::Default,
            DataSpace::Filegroup(name) => {
                self.note(format!("in the default filegroup, not in {name}"));
                DataSpace::Default
            }
            DataSpace::Scheme { scheme, column } => {
                let is_there =
                    table.column(column).is_some_and(|column| self.target.has_scheme(scheme, column));
                if is_there && self.policy.has(Feature::Partitions) {
                    return place.clone();
                }
                if self.policy.has(Feature::Partitions) {
                    self.note(format!("not partitioned: the target has no scheme {scheme} for {column}"));
                }
                DataSpace::Default
            }
        }
    }

    /// `None`: the replica has no such index.
    fn index(&mut self, source: &IndexDefinition, table: &Definition) -> Option<IndexDefinition> {
        let (name, mut index) = (&source.name.name, source.clone());
        let (old, azure) = (self.target.version.0 < TargetServer::SQL_SERVER_2016, self.target.is_azure());
        let lacking = match source.kind {
            // SQL Server 2012 has no clustered one, and 2014's nonclustered one makes its table read-only (Microsoft docs,
            // "CREATE COLUMNSTORE INDEX").
            IndexForm::ClusteredColumnstore if self.target.version.0 < 12 && !azure => {
                Some("the target has none")
            }
            IndexForm::NonclusteredColumnstore if old && !azure => Some("it would make the table read-only"),
            // Nothing has kept its rows apart.
            _ if source.disabled && source.backs != Backs::PrimaryKey && !source.is_clustered() => {
                Some("it is disabled")
            }
            _ => None,
        };
        if let Some(why) = lacking {
            self.note(format!("without the index {name}: {why}"));
            return None;
        }
        if !self.policy.has(Feature::Indexes) && source.backs == Backs::Nothing && !source.is_clustered() {
            self.note(format!("without the index {name}"));
            return None;
        }
        index.disabled = false;
        if !self.policy.has(Feature::FillFactor) {
            (index.fill_factor, index.padded) = (0, false);
        }
        index.compression = self.compression(source.compression);
        // Said of the table already, where it is the same.
        let notes = self.notes.len();
        index.place = self.place(&source.place, table);
        if source.place == table.place {
            self.notes.truncate(notes);
        }
        if let Some((bytes, most)) = over_long(&index, table, self.target) {
            self.note(format!("the key of index {name} may have {bytes} bytes, and {most} is the most: long values fail (1946)"));
        }
        Some(index)
    }
}

/// The bytes that a key may have and the most that it must, where these are fewer.
pub fn over_long(index: &IndexDefinition, table: &Definition, target: &TargetServer) -> Option<(u32, u32)> {
    if index.is_columnstore() {
        return None;
    }
    let bytes = index
        .keys
        .iter()
        .filter_map(|key| table.column(&key.column))
        .map(|column| column.sql_type.row_bytes())
        .sum();
    let most = target.most_key_bytes(index.kind);
    (bytes > most).then_some((bytes, most))
}

#[cfg(test)]
mod tests;
