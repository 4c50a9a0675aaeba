//! What a FROM clause reads: tables, views and system views as sources of columns.
use super::asked::Asked;
use super::scope::{Scope, Source, SourceColumn};
use super::typed::{ColumnOrigin, Label, Origin, Typed};
use super::visibility::{row_lock, seen};
use super::work::FromClause;
use super::{Binder, TableUse, masking};
use sandbox_catalog::schema::{self, Table};
use sandbox_catalog::store::{column_name, table_name};
use sandbox_session::api::OutColumn;
use sandbox_session::failure::Failure;
use sandbox_sql::hints::Hints;
use sandbox_sql::parse;
use sandbox_values::convert::ConvertMode;
use sandbox_values::error::SqlError;
use sandbox_values::storage::to_stored;
use sandbox_values::{SqlType, Value};
use sandbox_views::SystemView;
use sandbox_views::scope::Objects;
use sqlparser::ast::TableAlias;
use std::sync::Arc;

impl Binder<'_> {
    /// A table under its alias, with its rows' visibility still open unless `closed`.
    pub fn table(
        &self,
        database: i16,
        table: Arc<Table>,
        name: Option<&str>,
        hints: Hints,
        closed: bool,
    ) -> Result<FromClause, SqlError> {
        readable(&table)?;
        table.takes(&hints)?;
        self.may(database, (&*table).into(), &table.name, "SELECT")?;
        let alias = self.alias();
        let mut source = self.table_source(database, &table, name, &alias)?;
        let mark = |alias: &str, storage: i64| {
            let visible = if hints.reads_uncommitted() {
                format!("{alias}._del IS NULL")
            } else {
                seen(alias, hints.skips_locked())
            };
            if !hints.locks_rows() {
                return visible;
            }
            let lock = row_lock(&storage.to_string(), &format!("{alias}.rowid"), &hints, true);
            format!("{visible} AND {lock}")
        };
        let from = match table.storage.as_slice() {
            [storage] if !closed => {
                source.row = Some((storage.to_string(), format!("{alias}.rowid")));
                let sql = format!("{} AS {alias}", table_name(*storage));
                let mut visible = self.filters(database, &table, &alias)?;
                visible.push(mark(&alias, *storage));
                FromClause { sql, sources: vec![source], visible }
            }
            storages => {
                source.row = Some((format!("{alias}._s"), format!("{alias}._r")));
                let inner = self.alias();
                let filters = self.filters(database, &table, &inner)?;
                let parts: Vec<String> = storages
                    .iter()
                    .map(|s| {
                        let mut conditions = filters.clone();
                        conditions.push(mark(&inner, *s));
                        format!(
                            "SELECT {s} AS _s, {inner}.rowid AS _r, {inner}.* FROM {} AS {inner} WHERE {}",
                            table_name(*s),
                            conditions.join(" AND ")
                        )
                    })
                    .collect();
                let sql = format!("({}) AS {alias}", parts.join(" UNION ALL "));
                FromClause { sql, sources: vec![source], visible: Vec::new() }
            }
        };
        self.work.borrow_mut().tables.push(TableUse { database, table, hints, alias });
        Ok(from)
    }

    /// The columns of a table under a name, at `alias` in SQLite's SQL.
    pub fn table_source(
        &self,
        database: i16,
        table: &Table,
        name: Option<&str>,
        alias: &str,
    ) -> Result<Source, SqlError> {
        self.table_columns(database, table, name, alias, &|_, id| format!("{alias}.{}", column_name(id)))
    }

    /// A table's columns wherever `place` says that they are, by position and column_id. Computed ones are their
    /// definition.
    pub fn table_columns(
        &self,
        database: i16,
        table: &Table,
        name: Option<&str>,
        alias: &str,
        place: &dyn Fn(usize, i32) -> String,
    ) -> Result<Source, SqlError> {
        let (schema, in_database) = {
            let instance = self.session.engine.instance();
            let found = instance.databases.get(&database);
            let schema = found.map_or("", |d| d.schema_name(table.schema_id)).to_owned();
            (schema, found.map_or_else(String::new, |d| d.name.clone()))
        };
        let masks = self.masks(database, table)?;
        let columns = table
            .columns
            .iter()
            .zip(masks)
            .enumerate()
            .map(|(n, (c, mask))| {
                let sql = place(n, c.column_id);
                let typed = Typed {
                    sql: if mask.is_some() { masking::marked(sql) } else { sql },
                    sql_type: c.sql_type.clone(),
                    nullable: c.nullable,
                    origin: Origin::Column(ColumnOrigin { mask, ..column_facts(c, (&schema, &table.name)) }),
                    label: Label::Implicit,
                };
                SourceColumn { name: c.name.clone(), typed }
            })
            .collect();
        let mut source = Source {
            name: name.unwrap_or(&table.name).to_owned(),
            schema: name.is_none().then_some(schema),
            database: name.is_none().then_some(in_database),
            alias: alias.to_owned(),
            columns,
            exact: self.exact(),
            row: None,
        };
        if table.columns.iter().any(|c| c.computed.is_some()) {
            let mut scope = Scope::default();
            scope.sources.push(source.clone());
            for (column, known) in source.columns.iter_mut().zip(&table.columns) {
                if let Some(computed) = &known.computed {
                    let bound = self.scalar(&parse::expression(&computed.definition)?, &scope)?;
                    column.typed.sql = self.convert(bound, &known.sql_type, None, ConvertMode::Explicit)?.sql;
                }
            }
        }
        Ok(source)
    }

    /// Puts the view's rows where SQLite can read them.
    pub fn system_view(
        &self,
        database: i16,
        view: &SystemView,
        name: &str,
        alias: Option<&TableAlias>,
        asked: &Asked<'_>,
    ) -> Result<FromClause, SqlError> {
        let exposed = alias.map_or(name, |a| a.name.value.as_str());
        let table = self.view_table(database, view, self.asked_of(view, exposed, asked))?;
        let alias_sql = self.alias();
        self.work.borrow_mut().made.insert(alias_sql.clone(), table.clone());
        let columns =
            view.columns.iter().enumerate().map(|(n, c)| system_column(c, &alias_sql, n + 1)).collect();
        let source = Source {
            name: exposed.to_owned(),
            schema: alias.is_none().then(|| view.schema().to_owned()),
            database: None,
            alias: alias_sql.clone(),
            columns,
            exact: self.exact(),
            row: None,
        };
        Ok(FromClause { sql: format!("{table} AS {alias_sql}"), sources: vec![source], visible: Vec::new() })
    }

    /// The SQLite table with the view's rows: one, however often the statement asks the view about the same.
    fn view_table(
        &self,
        database: i16,
        view: &SystemView,
        objects: Option<Objects>,
    ) -> Result<String, SqlError> {
        let key = (database, view.object_id, objects);
        if let Some(table) = self.work.borrow().views.get(&key) {
            return Ok(table.clone());
        }
        let shown = view.rows(self.session, database, key.2.as_ref()).map_err(|failure| match failure {
            Failure::Error(error) => error,
            Failure::Cancelled => SqlError::new(3617, 16, 1, "The query has been cancelled."),
        })?;
        let (rows, conflict) = shown;
        if conflict.is_some() {
            self.work.borrow_mut().conflict = conflict;
        }
        let table = self.materialise(view.columns.len(), rows)?;
        self.work.borrow_mut().views.insert(key, table.clone());
        Ok(table)
    }

    /// The same of a system function: the rows whose first columns are its arguments.
    pub fn system_function(
        &self,
        database: i16,
        view: &SystemView,
        name: &str,
        arguments: Vec<Typed>,
        alias: Option<&TableAlias>,
    ) -> Result<FromClause, SqlError> {
        let from = self.system_view(database, view, name, alias, &Asked::default())?;
        let mut wanted = Vec::new();
        for (n, (argument, column)) in arguments.into_iter().zip(view.columns.iter()).enumerate() {
            let argument = self.implicit(argument, &column.sql_type)?;
            wanted.push(format!("c{} = {}", n + 1, argument.sql));
        }
        let Some((table, alias)) = from.sql.split_once(" AS ") else { return Ok(from) };
        let sql = format!("(SELECT * FROM {table} WHERE {}) AS {alias}", wanted.join(" AND "));
        Ok(FromClause { sql, ..from })
    }

    /// A SQLite table with these rows, for this statement.
    pub fn materialise(&self, columns: usize, rows: Vec<Vec<Value>>) -> Result<String, SqlError> {
        let rows = rows.into_iter().map(|row| rusqlite::params_from_iter(row.into_iter().map(to_stored)));
        let table = self.session.made.take(&self.session.connection, columns, rows);
        let table = table.map_err(|error| sandbox_catalog::store::storage_error(&error))?;
        self.work.borrow_mut().made_tables.push(table);
        Ok(table.name())
    }
}

/// What an origin says of a column that stands for a table's.
pub fn column_origin(column: &schema::Column) -> Origin {
    Origin::Column(ColumnOrigin { identity: false, ..column_facts(column, ("", "")) })
}

fn column_facts(column: &schema::Column, (schema, table): (&str, &str)) -> ColumnOrigin {
    let large = matches!(column.sql_type, SqlType::Text(_) | SqlType::NText(_) | SqlType::Image);
    ColumnOrigin {
        identity: column.identity,
        computed: column.computed.is_some() || column.sql_type == SqlType::RowVersion,
        user_type: match (&column.sql_type, column.type_name.as_deref()) {
            (SqlType::RowVersion, _) => 0x50,
            (_, Some("sysname")) => 0x100,
            _ => 0,
        },
        table: large.then(|| (schema.to_owned(), table.to_owned())),
        mask: None,
    }
}

fn system_column(column: &OutColumn, alias: &str, n: usize) -> SourceColumn {
    let typed = Typed {
        sql: format!("{alias}.c{n}"),
        sql_type: column.sql_type.clone(),
        nullable: column.nullable,
        origin: Origin::Column(ColumnOrigin { user_type: column.user_type, ..ColumnOrigin::default() }),
        label: Label::Implicit,
    };
    SourceColumn { name: column.name.clone(), typed }
}

/// 8655 for a table whose clustered index is disabled (docs/SERVER.md, "Indexes").
pub fn readable(table: &Table) -> Result<(), SqlError> {
    match table.base_index() {
        Some(index) if index.disabled => Err(SqlError::new(
            8655,
            16,
            1,
            format!(
                "The query processor is unable to produce a plan because the index '{}' on table or view '{}' is \
                 disabled.",
                index.name.as_deref().unwrap_or_default(),
                table.name
            ),
        )),
        _ => Ok(()),
    }
}
