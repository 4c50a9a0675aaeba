//! The statements that make a table as it is wanted. Everything is said, NULL and COLLATE too: what is not said, the
//! session or the database decides (Microsoft docs, "ALTER TABLE" and "CREATE TABLE").
use super::definition::{
    Backs, CheckDefinition, ColumnDefinition, Compression, ConstraintName, DataSpace, DefaultDefinition,
    Definition, ForeignKeyDefinition, IndexColumn, IndexDefinition, IndexForm, Statistics,
};
use super::expression::in_parentheses;
use super::statement::{Cost, DdlStatement, DdlStep};
use crate::catalog::{SqlType, TableName, quote};

/// What makes a table, in the order in which it is to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Creation {
    /// The table with its defaults, and its clustered index or key: what rows are to be sorted by as they come.
    pub table: DdlStep,
    /// Nonclustered keys and indexes, and checks: cheaper to make once the rows are there.
    pub after_load: Vec<DdlStep>,
    /// Once all tables are there and have their rows.
    pub foreign_keys: Vec<DdlStep>,
}

impl Creation {
    /// The statements that make this table.
    pub fn of(table: &Definition) -> Self {
        let (clustered, others): (Vec<_>, Vec<_>) =
            table.indexes.iter().partition(|index| index.is_clustered());
        let mut statements = vec![create_table(table)];
        // A clustered key is part of CREATE TABLE.
        statements.extend(clustered.iter().filter(|i| i.backs == Backs::Nothing).map(|i| index(table, i)));
        let (columnstores, rowstores): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|index| index.is_columnstore());
        let indexes = rowstores.into_iter().chain(columnstores);
        let mut after_load: Vec<DdlStep> =
            indexes.map(|i| DdlStep::new(format!("index {}", i.name.name), vec![index(table, i)])).collect();
        let checks = table.checks.iter();
        after_load.extend(
            checks.map(|one| DdlStep::new(format!("check {}", one.name.name), check(&table.name, one))),
        );
        let foreign_keys = table.foreign_keys.iter();
        let foreign_keys = foreign_keys
            .map(|key| DdlStep::new(format!("foreign key {}", key.name.name), foreign_key(&table.name, key)));
        Self { table: DdlStep::new("table", statements), after_load, foreign_keys: foreign_keys.collect() }
    }

    /// All of it.
    pub fn steps(&self) -> impl Iterator<Item = &DdlStep> {
        std::iter::once(&self.table).chain(&self.after_load).chain(&self.foreign_keys)
    }
}

/// Makes a schema.
pub fn create_schema(schema: &str) -> DdlStatement {
    DdlStatement::new(Cost::Metadata, format!("CREATE SCHEMA {}", quote(schema)))
}

fn create_table(table: &Definition) -> DdlStatement {
    let mut lines: Vec<String> = table.columns.iter().map(column).collect();
    let key = table.indexes.iter().find(|index| index.is_clustered() && index.backs != Backs::Nothing);
    lines.extend(key.map(|key| constraint(table, key)));
    let mut sql = format!("CREATE TABLE {} (\n    {}\n)", table.name.quoted(), lines.join(",\n    "));
    // Where a clustered key lies, there lies the table.
    if key.is_none() {
        sql.push_str(&on(&table.place, &DataSpace::Default));
        if table.clustered().is_none() {
            sql.push_str(&with(compression(table.compression).as_slice()));
        }
    }
    DdlStatement::new(Cost::Metadata, sql)
}

/// As CREATE TABLE has it.
pub fn column(column: &ColumnDefinition) -> String {
    let name = quote(&column.name);
    if let Some(computed) = &column.computed {
        let persisted = if computed.persisted { " PERSISTED" } else { "" };
        return format!("{name} AS {}{persisted}", in_parentheses(&computed.expression));
    }
    let identity = column.identity.as_ref();
    let identity = identity.map_or_else(String::new, |i| format!(" IDENTITY({},{})", i.seed, i.increment));
    let default = column.default.as_ref().map_or_else(String::new, |default| {
        format!(" {}DEFAULT {}", named(&default.name), in_parentheses(&default.expression))
    });
    format!("{name} {}{identity}{default}", typed(column))
}

/// Type, collation and nullability: what ALTER COLUMN must repeat, or it forgets them.
pub fn typed(column: &ColumnDefinition) -> String {
    let collation = column.collation.as_ref().map_or_else(String::new, |name| format!(" COLLATE {name}"));
    let null = if column.nullable { "NULL" } else { "NOT NULL" };
    format!("{}{collation} {null}", column.type_name())
}

impl ColumnDefinition {
    /// The type as T-SQL declares it.
    pub fn type_name(&self) -> String {
        match &self.sql_type {
            SqlType::Decimal { precision, scale } if self.numeric => format!("numeric({precision},{scale})"),
            other => other.to_string(),
        }
    }
}

/// Gives a column of a table that is there its default.
pub fn add_default(table: &TableName, column: &str, default: &DefaultDefinition) -> String {
    let (name, expression) = (named(&default.name), in_parentheses(&default.expression));
    format!("ALTER TABLE {} ADD {name}DEFAULT {expression} FOR {}", table.quoted(), quote(column))
}

fn named(name: &ConstraintName) -> String {
    if name.by_system { String::new() } else { format!("CONSTRAINT {} ", quote(&name.name)) }
}

/// `PRIMARY KEY` and `UNIQUE`, as CREATE TABLE and ALTER TABLE ADD have them.
fn constraint(table: &Definition, index: &IndexDefinition) -> String {
    let kind = if index.backs == Backs::PrimaryKey { "PRIMARY KEY" } else { "UNIQUE" };
    let clustered = if index.is_clustered() { "CLUSTERED" } else { "NONCLUSTERED" };
    let keys = key_list(&index.keys);
    let place = if index.is_clustered() {
        on(&index.place, &DataSpace::Default)
    } else {
        on(&index.place, &table.place)
    };
    format!("{}{kind} {clustered} {keys}{}{place}", named(&index.name), with(&options(index)))
}

/// An index, or the constraint that it backs, for a table that is there.
pub fn index(table: &Definition, index: &IndexDefinition) -> DdlStatement {
    DdlStatement::new(Cost::Build, index_sql(table, index, false))
}

/// The same in the place of the index of that name.
pub fn index_again(table: &Definition, index: &IndexDefinition) -> DdlStatement {
    DdlStatement::new(Cost::Build, index_sql(table, index, true))
}

fn index_sql(table: &Definition, index: &IndexDefinition, drop_existing: bool) -> String {
    let on_table = table.name.quoted();
    if index.backs != Backs::Nothing {
        return format!("ALTER TABLE {on_table} ADD {}", constraint(table, index));
    }
    let unique = if index.unique { "UNIQUE " } else { "" };
    let (kind, columns) = match index.kind {
        IndexForm::Clustered => ("CLUSTERED", format!(" {}", key_list(&index.keys))),
        IndexForm::Nonclustered => ("NONCLUSTERED", format!(" {}", key_list(&index.keys))),
        IndexForm::ClusteredColumnstore => ("CLUSTERED COLUMNSTORE", String::new()),
        IndexForm::NonclusteredColumnstore => {
            let columns: Vec<&String> = index.keys.iter().map(|key| &key.column).collect();
            ("NONCLUSTERED COLUMNSTORE", format!(" {}", name_list(columns)))
        }
    };
    let included = if index.included.is_empty() {
        String::new()
    } else {
        format!(" INCLUDE {}", name_list(&index.included))
    };
    let filter = index.filter.as_ref().map_or_else(String::new, |filter| format!(" WHERE {filter}"));
    let mut options = options(index);
    if drop_existing {
        options.push("DROP_EXISTING = ON".into());
    }
    format!(
        "CREATE {unique}{kind} INDEX {} ON {on_table}{columns}{included}{filter}{}{}",
        quote(&index.name.name),
        with(&options),
        on(&index.place, &table.place)
    )
}

fn options(index: &IndexDefinition) -> Vec<String> {
    let mut options = Vec::new();
    if index.padded {
        options.push("PAD_INDEX = ON".to_owned());
    }
    // 100 fills pages as the default, 0, does (Microsoft docs, "Specify fill factor for an index").
    if !matches!(index.fill_factor, 0 | 100) {
        options.push(format!("FILLFACTOR = {}", index.fill_factor));
    }
    if index.ignores_duplicates {
        options.push("IGNORE_DUP_KEY = ON".into());
    }
    options.extend(compression(index.compression));
    options
}

fn compression(compression: Compression) -> Option<String> {
    let name = match compression {
        Compression::None | Compression::Columnstore => return None,
        Compression::Row => "ROW",
        Compression::Page => "PAGE",
        Compression::ColumnstoreArchive => "COLUMNSTORE_ARCHIVE",
    };
    Some(format!("DATA_COMPRESSION = {name}"))
}

fn with(options: &[String]) -> String {
    if options.is_empty() { String::new() } else { format!(" WITH ({})", options.join(", ")) }
}

/// An index lies where its table does unless it is said to lie elsewhere.
fn on(place: &DataSpace, unless: &DataSpace) -> String {
    match place {
        place if place == unless => String::new(),
        // In brackets it is a filegroup's name, without a keyword's meaning (Microsoft docs, "CREATE INDEX").
        DataSpace::Default => " ON [default]".into(),
        DataSpace::Filegroup(name) => format!(" ON {}", quote(name)),
        DataSpace::Scheme { scheme, column } => format!(" ON {}({})", quote(scheme), quote(column)),
    }
}

fn key_list(keys: &[IndexColumn]) -> String {
    let keys =
        keys.iter().map(|key| format!("{}{}", quote(&key.column), if key.descending { " DESC" } else { "" }));
    format!("({})", keys.collect::<Vec<_>>().join(", "))
}

fn name_list<'a>(names: impl IntoIterator<Item = &'a String>) -> String {
    format!("({})", names.into_iter().map(|name| quote(name)).collect::<Vec<_>>().join(", "))
}

/// Statistics of a user's.
pub fn statistics(table: &TableName, statistics: &Statistics) -> DdlStatement {
    let filter = statistics.filter.as_ref().map_or_else(String::new, |filter| format!(" WHERE {filter}"));
    let fixed = if statistics.fixed { " WITH NORECOMPUTE" } else { "" };
    let (name, columns) = (quote(&statistics.name), name_list(&statistics.columns));
    let sql = format!("CREATE STATISTICS {name} ON {} {columns}{filter}{fixed}", table.quoted());
    DdlStatement::new(Cost::Scan, sql)
}

/// A check as it is at the source: one that rows were never held against is not held against them here.
pub fn check(table: &TableName, check: &CheckDefinition) -> Vec<DdlStatement> {
    // One that is to be disabled is called by its name.
    let name =
        if check.disabled { format!("CONSTRAINT {} ", quote(&check.name.name)) } else { named(&check.name) };
    let expression = in_parentheses(&check.expression);
    let add =
        format!("ALTER TABLE {} WITH {} ADD {name}CHECK {expression}", table.quoted(), trust(check.trusted));
    with_state(table, &check.name, (check.trusted, check.disabled), add)
}

/// Makes a foreign key, with its state: trusted, or disabled.
pub fn foreign_key(table: &TableName, key: &ForeignKeyDefinition) -> Vec<DdlStatement> {
    let name = if key.disabled { format!("CONSTRAINT {} ", quote(&key.name.name)) } else { named(&key.name) };
    let add = format!(
        "ALTER TABLE {} WITH {} ADD {name}FOREIGN KEY {} REFERENCES {} {}",
        table.quoted(),
        trust(key.trusted),
        name_list(&key.columns),
        key.references.quoted(),
        name_list(&key.referenced)
    );
    with_state(table, &key.name, (key.trusted, key.disabled), add)
}

fn with_state(
    table: &TableName,
    name: &ConstraintName,
    (trusted, disabled): (bool, bool),
    add: String,
) -> Vec<DdlStatement> {
    let cost = if trusted { Cost::Scan } else { Cost::Metadata };
    let mut statements = vec![DdlStatement::new(cost, add)];
    if disabled {
        let sql = format!("ALTER TABLE {} NOCHECK CONSTRAINT {}", table.quoted(), quote(&name.name));
        statements.push(DdlStatement::new(Cost::Metadata, sql));
    }
    statements
}

fn trust(trusted: bool) -> &'static str {
    if trusted { "CHECK" } else { "NOCHECK" }
}
