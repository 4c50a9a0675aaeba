//! sp_describe_undeclared_parameters (Microsoft docs of that name): the types that a statement's parameters ought to
//! have. ODBC drivers ask before they bind NULL, and pyodbc for `fast_executemany`.
//!
//! A type is deduced where a parameter goes into a column or is compared with one; other places get 11502, though SQL
//! Server knows more of them.
use super::answer;
use super::arguments::Arguments;
use super::first_result::on_the_wire;
use sandbox_catalog::schema::{Column, Table};
use sandbox_session::Session;
use sandbox_session::api::{Param, Sink};
use sandbox_session::failure::Outcome;
use sandbox_session::names;
use sandbox_sql::parse::{self, Action, Assigned, Insert, InsertRows};
use sandbox_sql::tokens::{ObjectName, SourceText};
use sandbox_values::error::SqlError;
use sandbox_values::{CollationId, SqlType};
use sandbox_views::definition::{Columns, Row, row};
use sqlparser::ast::{Expr, SetExpr, TableFactor, TableWithJoins};
use sqlparser::tokenizer::Token;
use std::sync::Arc;

const COLUMNS: Columns = Columns(&[
    "parameter_ordinal int, name sysname, suggested_system_type_id int",
    "suggested_system_type_name nvarchar(256) null, suggested_max_length smallint, suggested_precision tinyint",
    "suggested_scale tinyint, suggested_user_type_id int null = null",
    "suggested_user_type_database sysname null = null, suggested_user_type_schema sysname null = null",
    "suggested_user_type_name sysname null = null",
    "suggested_assembly_qualified_type_name nvarchar(4000) null = null",
    "suggested_xml_collection_id int null = null, suggested_xml_collection_database sysname null = null",
    "suggested_xml_collection_schema sysname null = null, suggested_xml_collection_name sysname null = null",
    "suggested_is_xml_document bit = 0, suggested_is_case_sensitive bit",
    "suggested_is_fixed_length_clr_type bit = 0, suggested_is_input bit = 1, suggested_is_output bit = 0",
    "formal_parameter_name sysname null = null, suggested_tds_type_id int, suggested_tds_length int",
]);

pub fn describe_undeclared(params: &[Param], session: &mut Session, sink: &mut dyn Sink) -> Outcome<i32> {
    let given = Arguments::bind("sp_describe_undeclared_parameters", &["@tsql", "@params"], params)?;
    let sql = given.required_text("@tsql")?;
    let declared = variables(&given.text("@params").unwrap_or_default())?;
    let mut deduced = Deduced { session, tables: Vec::new(), found: Vec::new() };
    for statement in parse::batch(&sql)? {
        deduced.tables.clear();
        deduced.statement(&statement.action);
    }
    let mut rows: Vec<Row> = Vec::new();
    let mut seen: Vec<String> = Vec::new();
    for name in variables(&sql)?.iter().filter(|name| !contains(&declared, name)) {
        if contains(&seen, name) {
            let text = format!(
                "The undeclared parameter '{name}' is used more than once in the batch being analyzed."
            );
            return Err(SqlError::new(11508, 16, 1, text).into());
        }
        let found = deduced.found.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        let Some((_, sql_type)) = found else {
            let text = format!("The type for parameter '{name}' cannot be deduced in this context.");
            return Err(SqlError::new(11502, 16, 1, text).into());
        };
        rows.push(line(rows.len() + 1, name, sql_type));
        seen.push(name.clone());
    }
    answer::rows(COLUMNS, rows, CollationId::SERVER_DEFAULT, sink)?;
    Ok(0)
}

fn line(ordinal: usize, name: &str, t: &SqlType) -> Row {
    let (tds_type, tds_length) = on_the_wire(t, true);
    let sensitive = t.collation().is_some_and(|c| c.get().is_case_sensitive());
    row![
        ordinal,
        name,
        t.system_type_id(),
        t.to_string(),
        t.max_length(),
        t.precision(),
        t.scale(),
        sensitive,
        tds_type,
        tds_length,
    ]
}

fn contains(names: &[String], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// The variables that a text names, in its order.
fn variables(text: &str) -> Result<Vec<String>, SqlError> {
    let source = SourceText::new(text)?;
    let name = |token: &Token| match token {
        Token::Word(word) if word.quote_style.is_none() && word.value.starts_with('@') => {
            Some(word.value.clone()).filter(|name| !name.starts_with("@@"))
        }
        _ => None,
    };
    Ok(source.lexemes.iter().filter_map(|lexeme| name(&lexeme.token)).collect())
}

struct Deduced<'a> {
    session: &'a Session,
    /// Those of the statement at hand, under the names that its expressions use.
    tables: Vec<(String, Arc<Table>)>,
    found: Vec<(String, SqlType)>,
}

impl Deduced<'_> {
    fn statement(&mut self, action: &Action) {
        match action {
            Action::Insert(insert) => self.insert(insert),
            Action::Update(update) => {
                self.add_table(&update.target.name, None);
                self.add_tables(&update.from);
                for (assigned, value) in &update.set {
                    if let (Assigned::Column(name), Some(value)) = (assigned, value) {
                        self.goes_into(value, self.column(None, name));
                    }
                }
                update.filter.iter().for_each(|filter| self.expression(filter));
            }
            Action::Delete(delete) => {
                self.add_table(&delete.target.name, None);
                self.add_tables(&delete.from);
                delete.filter.iter().for_each(|filter| self.expression(filter));
            }
            Action::Query(query) => {
                if let SetExpr::Select(select) = &*query.body {
                    self.add_tables(&select.from);
                    select.selection.iter().for_each(|filter| self.expression(filter));
                }
            }
            _ => {}
        }
    }

    fn insert(&mut self, insert: &Insert) {
        self.add_table(&insert.target.name, None);
        let (InsertRows::Values(rows), Some((_, table))) = (&insert.rows, self.tables.first()) else {
            return;
        };
        let table = Arc::clone(table);
        let writable = |c: &&Column| c.computed.is_none() && !c.identity && c.sql_type != SqlType::RowVersion;
        let listed: Vec<Option<SqlType>> = match &insert.columns {
            Some(names) => names.iter().map(|name| self.column(None, name)).collect(),
            None => table.columns.iter().filter(writable).map(|c| Some(c.sql_type.clone())).collect(),
        };
        for row in rows {
            for (value, sql_type) in row.iter().zip(&listed) {
                value.iter().for_each(|value| self.goes_into(value, sql_type.clone()));
            }
        }
    }

    fn add_table(&mut self, name: &ObjectName, alias: Option<&str>) {
        let found = names::table(self.session, &self.session.engine.instance(), name);
        let exposed = alias.unwrap_or(&name.name).to_lowercase();
        self.tables.extend(found.map(|(_, table)| (exposed, table)));
    }

    fn add_tables(&mut self, from: &[TableWithJoins]) {
        let factors =
            from.iter().flat_map(|t| std::iter::once(&t.relation).chain(t.joins.iter().map(|j| &j.relation)));
        for factor in factors {
            if let TableFactor::Table { name, alias, .. } = factor
                && let Ok(name) = sandbox_query::bind::object_name(name)
            {
                self.add_table(&name, alias.as_ref().map(|a| a.name.value.as_str()));
            }
        }
    }

    fn column(&self, table: Option<&str>, name: &str) -> Option<SqlType> {
        let mut tables =
            self.tables.iter().filter(|(exposed, _)| table.is_none_or(|t| *exposed == t.to_lowercase()));
        let named = |c: &&Column| c.name.to_lowercase() == name.to_lowercase();
        tables.find_map(|(_, t)| t.columns.iter().find(named)).map(|c| c.sql_type.clone())
    }

    /// The type of an expression that is a column.
    fn type_of(&self, expr: &Expr) -> Option<SqlType> {
        match expr {
            Expr::Identifier(name) => self.column(None, &name.value),
            Expr::CompoundIdentifier(parts) => match parts.as_slice() {
                [.., table, name] => self.column(Some(&table.value), &name.value),
                _ => None,
            },
            Expr::Nested(inner) => self.type_of(inner),
            _ => None,
        }
    }

    fn goes_into(&mut self, value: &Expr, sql_type: Option<SqlType>) {
        match (value, sql_type) {
            (Expr::Identifier(name), Some(sql_type))
                if name.quote_style.is_none() && name.value.starts_with('@') =>
            {
                self.found.push((name.value.clone(), sql_type));
            }
            (Expr::Nested(inner), sql_type) => self.goes_into(inner, sql_type),
            _ => self.expression(value),
        }
    }

    fn expression(&mut self, expr: &Expr) {
        match expr {
            Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } => self.expression(inner),
            Expr::BinaryOp { left, right, .. } => {
                self.goes_into(left, self.type_of(right));
                self.goes_into(right, self.type_of(left));
            }
            Expr::InList { expr, list, .. } => {
                let sql_type = self.type_of(expr);
                list.iter().for_each(|item| self.goes_into(item, sql_type.clone()));
            }
            Expr::Between { expr, low, high, .. } => {
                let sql_type = self.type_of(expr);
                [low, high].into_iter().for_each(|end| self.goes_into(end, sql_type.clone()));
            }
            Expr::Like { expr, pattern, .. } => self.goes_into(pattern, self.type_of(expr)),
            _ => {}
        }
    }
}
