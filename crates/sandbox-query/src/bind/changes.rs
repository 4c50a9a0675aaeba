//! CHANGETABLE (Microsoft docs, "CHANGETABLE"): the changes of a tracked table as a source of columns.
use super::from::renamed;
use super::names::{Object, invalid_object};
use super::scope::{Scope, Source, SourceColumn};
use super::sources::column_origin;
use super::typed::{Label, Origin, Typed};
use super::work::FromClause;
use super::{Binder, TableUse, object_name};
use sandbox_catalog::keys::key_expression;
use sandbox_catalog::schema::{Column, Table, TableTracking};
use sandbox_catalog::store::{column_name, table_name};
use sandbox_session::sandbox::{FaultKind, TableName};
use sandbox_sql::hints::Hints;
use sandbox_sql::parse::bridge::ChangeTable;
use sandbox_sql::tokens::ObjectName;
use sandbox_transactions::versions::stamped_by;
use sandbox_values::error::SqlError;
use sandbox_values::{CollationId, Len, SqlType};
use sqlparser::ast::{
    self, Expr, FunctionArg, FunctionArgExpr, TableAlias, TableFunctionArgs, UnaryOperator,
};
use std::sync::Arc;

/// The table that is asked about.
struct Tracked {
    database: i16,
    table: Arc<Table>,
    name: ObjectName,
    tracking: TableTracking,
}

impl Tracked {
    /// The columns of its key, in the key's order.
    fn key(&self) -> Vec<&Column> {
        let keys = self.table.primary_key().into_iter().flat_map(|key| &key.keys);
        keys.filter_map(|(id, _)| self.table.column(*id)).collect()
    }
}

impl Binder<'_> {
    /// `FROM CHANGETABLE(…) AS alias`.
    ///
    /// # Errors
    /// 22102 to 22117; 229 without VIEW CHANGE TRACKING on the table or SELECT; 102 for a version that is an expression.
    pub fn change_table(
        &self,
        kind: ChangeTable,
        arguments: &TableFunctionArgs,
        alias: Option<&TableAlias>,
        outer: Option<&Scope<'_>>,
    ) -> Result<FromClause, SqlError> {
        let Some(alias) = alias else {
            let text = "A table returned by the CHANGETABLE function must be aliased.";
            return Err(SqlError::new(22104, 16, 1, text));
        };
        let mut given = Vec::with_capacity(arguments.args.len());
        for argument in &arguments.args {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => given.push(expr),
                other => return Err(near(&other.to_string())),
            }
        }
        let Some((name, given)) = given.split_first() else { return Err(near(")")) };
        let tracked = self.tracked(name)?;
        let from = match kind {
            ChangeTable::Changes => self.changes(&tracked, given)?,
            ChangeTable::Version => self.version(&tracked, given, outer)?,
        };
        // Locked and watched as a table that is read.
        let Tracked { database, table, .. } = tracked;
        let watched = self.alias();
        self.work.borrow_mut().tables.push(TableUse {
            database,
            table,
            hints: Hints::default(),
            alias: watched,
        });
        renamed(from, alias)
    }

    fn tracked(&self, name: &Expr) -> Result<Tracked, SqlError> {
        let name = table_named(name)?;
        let (database, table) = match self.object(&name)? {
            Object::Table { database, table } => (database, table),
            _ => {
                let text = format!(
                    "Object '{name}' is of a data type that is not supported by the CHANGETABLE function. The object must be a \
                     user-defined table."
                );
                return Err(SqlError::new(22107, 16, 1, text));
            }
        };
        let schema = {
            let instance = self.session.engine.instance();
            let found = instance.databases.get(&database);
            found.map_or_else(String::new, |d| d.schema_name(table.schema_id).to_owned())
        };
        let known = TableName::new(&schema, &table.name);
        if self.session.engine.sandbox.take(FaultKind::SecondaryReplica, Some(&known)).is_some() {
            let text = "For databases that are members of a secondary availability replica, change tracking is not supported. \
                        Run change tracking queries on the databases in the primary availability replica.";
            return Err(SqlError::new(22117, 16, 1, text));
        }
        let Some(tracking) = table.change_tracking else {
            return Err(SqlError::new(
                22105,
                16,
                1,
                format!("Change tracking is not enabled on table '{name}'."),
            ));
        };
        for permission in ["VIEW CHANGE TRACKING", "SELECT"] {
            self.may(database, (&*table).into(), &table.name, permission)?;
        }
        Ok(Tracked { database, table, name, tracking })
    }

    /// One row for each key with a change above the version, net. What it was is told by the first and the last change
    /// above it, and by the last insert.
    fn changes(&self, tracked: &Tracked, given: &[&Expr]) -> Result<FromClause, SqlError> {
        let since = match given {
            [since] => since,
            [since, hint] if hint.to_string().eq_ignore_ascii_case("FORCESEEK") => since,
            [] => return Err(near(")")),
            [_, other, ..] => return Err(near(&other.to_string())),
        };
        if !is_scalar(since) {
            return Err(near(&since.to_string()));
        }
        let since = self.implicit(self.scalar(since, &Scope::default())?, &SqlType::BigInt)?.sql;
        let (commit, change) = (self.alias(), self.alias());
        let key = tracked.key();
        let by: Vec<String> = key
            .iter()
            .map(|c| key_expression(&format!("{change}.{}", column_name(c.column_id)), &c.sql_type))
            .collect();
        let first_spelling: Vec<String> = key
            .iter()
            .map(|c| {
                let column = column_name(c.column_id);
                format!("first_value({change}.{column}) OVER w AS {column}")
            })
            .collect();
        let names: Vec<String> = key.iter().map(|c| column_name(c.column_id)).collect();
        let net = format!(
            "SELECT {commit}.version AS v, {change}.op AS op, {change}.context AS context, \
             first_value({change}.op) OVER w AS before, \
             max(CASE WHEN {change}.op = x'4900' THEN {commit}.version END) OVER w AS creation, \
             CASE WHEN count({change}.columns) OVER w = count(*) OVER w \
             THEN changed_columns(group_concat(hex({change}.columns), '') OVER w) END AS columns, \
             row_number() OVER (PARTITION BY {by} ORDER BY {commit}.version DESC, {change}.rowid DESC) AS n, {first} \
             FROM commits AS {commit} CROSS JOIN {changes} AS {change} ON {stamped} \
             WHERE {commit}.database = {database} AND {commit}.version > coalesce({since}, -1) \
             AND coalesce({since}, 0) >= 0 AND vis({change}._ins, {change}._del, 1) \
             WINDOW w AS (PARTITION BY {by} ORDER BY {commit}.version, {change}.rowid \
             ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
            by = by.join(", "),
            first = first_spelling.join(", "),
            changes = table_name(tracked.tracking.changes),
            stamped = stamped_by(&format!("{change}._ins"), &format!("{commit}.txn")),
            database = tracked.database,
        );
        let sql = format!(
            "SELECT v AS c1, creation AS c2, CASE WHEN op = x'4400' THEN op WHEN creation IS NULL OR before = x'4400' \
             THEN x'5500' ELSE x'4900' END AS c3, columns AS c4, context AS c5, {} FROM ({net}) WHERE n = 1",
            numbered(&names, 6),
        );
        Ok(self.source(&sql, &CHANGES, &key))
    }

    /// One row for a row of the table: its last change that is known.
    fn version(
        &self,
        tracked: &Tracked,
        given: &[&Expr],
        outer: Option<&Scope<'_>>,
    ) -> Result<FromClause, SqlError> {
        let [columns, values] = given else { return Err(invalid_version()) };
        let (columns, values) = (listed(columns), listed(values));
        if columns.len() != values.len() {
            return Err(invalid_version());
        }
        let key = tracked.key();
        if columns.len() != key.len() {
            let text = format!(
                "The number of columns specified in the CHANGETABLE(VERSION ...) function does not match the number of primary \
                 key columns for table '{}'.",
                tracked.name
            );
            return Err(SqlError::new(22110, 16, 1, text));
        }
        let nothing = Scope::default();
        let mut wanted: Vec<Option<Typed>> = vec![None; key.len()];
        for (column, value) in columns.iter().zip(values) {
            let name = match column {
                Expr::Identifier(ident) => &ident.value,
                other => return Err(near(&other.to_string())),
            };
            let Some(at) = key.iter().position(|c| self.same(&c.name, name)) else {
                let text = format!(
                    "The column '{name}' specified in the CHANGETABLE(VERSION ...) function is not part of the primary key for \
                     table '{}'.",
                    tracked.name
                );
                return Err(SqlError::new(22111, 16, 1, text));
            };
            let value = self.scalar(value, outer.unwrap_or(&nothing))?;
            if wanted[at].replace(self.implicit(value, &key[at].sql_type)?).is_some() {
                let text = format!(
                    "Each primary key column must be specified once in the CHANGETABLE(VERSION ...) function. The column \
                     '{name}' is specified more than once."
                );
                return Err(SqlError::new(22112, 16, 1, text));
            }
        }
        let from = self.table(tracked.database, Arc::clone(&tracked.table), None, Hints::default(), true)?;
        let Some(row) = from.sources.first().map(|source| source.alias.clone()) else {
            return Err(invalid_object(&tracked.name));
        };
        let (commit, change) = (self.alias(), self.alias());
        let equal = |alias: &str| -> Vec<String> {
            let both = key.iter().zip(&wanted).filter_map(|(c, value)| Some((c, value.as_ref()?)));
            both.map(|(c, value)| {
                let stored = key_expression(&format!("{alias}.{}", column_name(c.column_id)), &c.sql_type);
                format!("{stored} = {}", key_expression(&value.sql, &c.sql_type))
            })
            .collect()
        };
        let last = |what: &str| {
            format!(
                "(SELECT {what} FROM {changes} AS {change} JOIN commits AS {commit} ON {commit}.database = {database} \
                 AND {stamped} WHERE {equal} AND vis({change}._ins, {change}._del, 1) \
                 ORDER BY {commit}.version DESC, {change}.rowid DESC LIMIT 1)",
                changes = table_name(tracked.tracking.changes),
                database = tracked.database,
                stamped = stamped_by(&format!("{change}._ins"), &format!("{commit}.txn")),
                equal = equal(&change).join(" AND "),
            )
        };
        let names: Vec<String> = key.iter().map(|c| format!("{row}.{}", column_name(c.column_id))).collect();
        let sql = format!(
            "SELECT {} AS c1, {} AS c2, {} FROM {} WHERE {}",
            last(&format!("{commit}.version")),
            last(&format!("{change}.context")),
            numbered(&names, 3),
            from.sql,
            equal(&row).join(" AND ")
        );
        Ok(self.source(&sql, &VERSION, &key))
    }

    /// A query's columns: those of change tracking, and the key's after them.
    fn source(&self, sql: &str, own: &[OwnColumn], key: &[&Column]) -> FromClause {
        let alias = self.alias();
        let column = |n: usize, name: &str, sql_type: SqlType, nullable: bool, origin: Origin| SourceColumn {
            name: name.to_owned(),
            typed: Typed {
                sql: format!("{alias}.c{}", n + 1),
                sql_type,
                nullable,
                origin,
                label: Label::Implicit,
            },
        };
        let own = own.iter().map(|(name, sql_type)| (*name, sql_type.clone(), true, Origin::Expression));
        let key = key.iter().map(|c| (c.name.as_str(), c.sql_type.clone(), false, column_origin(c)));
        let columns = own.chain(key).enumerate();
        let columns = columns
            .map(|(n, (name, sql_type, nullable, origin))| column(n, name, sql_type, nullable, origin));
        let source = Source {
            name: String::new(),
            schema: None,
            database: None,
            columns: columns.collect(),
            exact: self.exact(),
            row: None,
            alias: alias.clone(),
        };
        FromClause { sql: format!("({sql}) AS {alias}"), sources: vec![source], visible: Vec::new() }
    }
}

type OwnColumn = (&'static str, SqlType);

const CHANGES: [OwnColumn; 5] = [
    ("SYS_CHANGE_VERSION", SqlType::BigInt),
    ("SYS_CHANGE_CREATION_VERSION", SqlType::BigInt),
    ("SYS_CHANGE_OPERATION", SqlType::NChar(1, CollationId::SERVER_DEFAULT)),
    ("SYS_CHANGE_COLUMNS", SqlType::VarBinary(Len::N(4100))),
    ("SYS_CHANGE_CONTEXT", SqlType::VarBinary(Len::N(128))),
];
const VERSION: [OwnColumn; 2] =
    [("SYS_CHANGE_VERSION", SqlType::BigInt), ("SYS_CHANGE_CONTEXT", SqlType::VarBinary(Len::N(128)))];

/// `a AS c6, b AS c7`.
fn numbered(names: &[String], first: usize) -> String {
    let named = names.iter().enumerate().map(|(n, name)| format!("{name} AS c{}", first + n));
    named.collect::<Vec<_>>().join(", ")
}

/// The table's name, where the parser was shown an operation on it.
fn table_named(expr: &Expr) -> Result<ObjectName, SqlError> {
    let Expr::UnaryOp { op: UnaryOperator::Plus, expr } = expr else { return Err(near(&expr.to_string())) };
    let parts = match &**expr {
        Expr::Identifier(ident) => vec![ident.clone()],
        Expr::CompoundIdentifier(parts) if parts.len() <= 3 => parts.clone(),
        Expr::CompoundIdentifier(parts) if parts.len() == 4 => {
            let text = "The CHANGETABLE function does not support remote data sources.";
            return Err(SqlError::new(22106, 16, 1, text));
        }
        other => return Err(near(&other.to_string())),
    };
    object_name(&ast::ObjectName::from(parts))
}

/// A variable, a literal or NULL: "An expression will cause a syntax error" (Microsoft docs, CHANGETABLE).
fn is_scalar(expr: &Expr) -> bool {
    match expr {
        Expr::Identifier(ident) => ident.quote_style.is_none() && ident.value.starts_with('@'),
        Expr::Value(value) => match &value.value {
            ast::Value::Number(digits, _) => digits.bytes().all(|b| b.is_ascii_digit()),
            other => matches!(other, ast::Value::Null),
        },
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            matches!(**expr, Expr::Value(_)) && is_scalar(expr)
        }
        _ => false,
    }
}

/// What stands between parentheses.
fn listed(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Nested(one) => vec![&**one],
        Expr::Tuple(all) => all.iter().collect(),
        _ => Vec::new(),
    }
}

fn invalid_version() -> SqlError {
    let text = "The arguments supplied are not valid for the VERSION option of the CHANGETABLE function.";
    SqlError::new(22103, 16, 1, text)
}

fn near(what: &str) -> SqlError {
    SqlError::new(102, 15, 1, format!("Incorrect syntax near '{what}'."))
}
