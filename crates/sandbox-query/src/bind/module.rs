//! The bodies of views and inline table-valued functions, and what row-level security makes of the latter.
use super::Binder;
use super::emitted::Emitted;
use super::names::invalid_object;
use super::refused::unsupported;
use super::scope::Scope;
use super::typed::{Label, Origin, Typed};
use super::work::{FromClause, Module};
use sandbox_catalog::permissions::ObjectKey;
use sandbox_catalog::schema::{SecurityPredicate, Table, TableFunction, View};
use sandbox_sql::parse;
use sandbox_sql::tokens::ObjectName;
use sandbox_values::error::SqlError;
use sqlparser::ast::{FunctionArg, FunctionArgExpr, Query, TableAlias, TableFunctionArgs};
use std::sync::Arc;

impl Binder<'_> {
    pub fn view(
        &self,
        database: i16,
        view: &View,
        alias: Option<&TableAlias>,
    ) -> Result<FromClause, SqlError> {
        let target = ObjectKey { object_id: view.object_id, schema_id: view.schema_id };
        self.may(database, target, &view.name, "SELECT")?;
        let module = Module { chained: Some(database), schema: Some(view.schema_id), parameters: Vec::new() };
        let emitted = self.body(database, &view.name, &view.select, module)?;
        let names = view.columns.iter().map(|c| c.name.clone()).collect();
        self.derived(emitted, alias.map_or(view.name.as_str(), |a| a.name.value.as_str()), names)
    }

    /// `FROM function(arguments)`.
    pub fn table_function(
        &self,
        name: &ObjectName,
        arguments: &TableFunctionArgs,
        alias: Option<&TableAlias>,
        outer: Option<&Scope<'_>>,
    ) -> Result<FromClause, SqlError> {
        let (database, function) = self.function(name)?;
        let target = ObjectKey { object_id: function.object_id, schema_id: function.schema_id };
        self.may(database, target, &function.name, "SELECT")?;
        let values = self.arguments(arguments, outer)?;
        let emitted = self.applied(database, &function, values)?;
        let names = function.columns.iter().map(|c| c.name.clone()).collect();
        self.derived(emitted, alias.map_or(function.name.as_str(), |a| a.name.value.as_str()), names)
    }

    /// The arguments of a function in FROM.
    ///
    /// # Errors
    /// 102 for what is no expression.
    pub fn arguments(
        &self,
        arguments: &TableFunctionArgs,
        outer: Option<&Scope<'_>>,
    ) -> Result<Vec<Typed>, SqlError> {
        let nothing = Scope::default();
        let mut values = Vec::with_capacity(arguments.args.len());
        for argument in &arguments.args {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = argument else {
                return Err(SqlError::new(102, 15, 1, format!("Incorrect syntax near '{argument}'.")));
            };
            values.push(self.scalar(expr, outer.unwrap_or(&nothing))?);
        }
        Ok(values)
    }

    /// # Errors
    /// 208; 215 for what is no function.
    fn function(&self, name: &ObjectName) -> Result<(i16, TableFunction), SqlError> {
        let database = self.database_id(name)?;
        let found = {
            let instance = self.session.engine.instance();
            let in_database = instance.databases.get(&database);
            in_database.and_then(|d| {
                let mut schemas = self.schemas(&instance, d, name).into_iter();
                schemas.find_map(|schema| d.function(schema, &name.name)).cloned()
            })
        };
        match found {
            Some(function) => Ok((database, function)),
            None if self.object(name).is_ok() => {
                let text = format!(
                    "Parameters supplied for object '{name}' which is not a function. If the parameters are intended as a \
                     table hint, a WITH keyword is required."
                );
                Err(SqlError::new(215, 16, 1, text))
            }
            None => Err(invalid_object(name)),
        }
    }

    /// A function's rows for these arguments.
    fn applied(
        &self,
        database: i16,
        function: &TableFunction,
        values: Vec<Typed>,
    ) -> Result<Emitted, SqlError> {
        let (wanted, given) = (function.parameters.len(), values.len());
        if given < wanted {
            let text = format!(
                "An insufficient number of arguments were supplied for the procedure or function {}.",
                function.name
            );
            return Err(SqlError::new(313, 16, 3, text));
        }
        if given > wanted {
            let text = format!("Procedure or function {} has too many arguments specified.", function.name);
            return Err(SqlError::new(8144, 16, 3, text));
        }
        let mut parameters = Vec::with_capacity(wanted);
        for ((name, sql_type), value) in function.parameters.iter().zip(values) {
            let value = self.implicit(value, sql_type)?;
            let typed =
                Typed { nullable: true, origin: Origin::Variable, label: Label::CoercibleDefault, ..value };
            parameters.push((name.to_lowercase(), typed));
        }
        let module = Module { chained: Some(database), schema: Some(function.schema_id), parameters };
        self.body(database, &function.name, &function.select, module)
    }

    /// Binds a module's SELECT, which knows nothing of the query around it.
    fn body(&self, database: i16, name: &str, select: &str, module: Module) -> Result<Emitted, SqlError> {
        let statements = parse::batch(select)?;
        let [parse::Statement { action: parse::Action::Query(query), .. }] = statements.as_slice() else {
            let text = format!("Could not use view or function '{name}' because of binding errors.");
            return Err(SqlError::new(4413, 16, 1, text));
        };
        self.inside(database, module, query)
    }

    fn inside(&self, database: i16, module: Module, query: &Query) -> Result<Emitted, SqlError> {
        let outside = (self.database.replace(database), self.module.replace(module));
        let hidden = std::mem::take(&mut self.work.borrow_mut().common_tables);
        let emitted = self.deeper(|| self.query(query, None));
        self.work.borrow_mut().common_tables = hidden;
        self.database.set(outside.0);
        self.module.replace(outside.1);
        emitted
    }

    /// # Errors
    /// 229 where the session's user may not do this to the object, in a module or by itself.
    pub fn may(
        &self,
        database: i16,
        target: ObjectKey,
        name: &str,
        permission: &str,
    ) -> Result<(), SqlError> {
        if self.module.borrow().chained == Some(database) {
            return Ok(());
        }
        self.session.may(database, target, name, permission)
    }

    /// The condition of a security predicate over a table's columns, wherever they are.
    pub fn security_condition(
        &self,
        database: i16,
        predicate: &SecurityPredicate,
        scope: &Scope<'_>,
    ) -> Result<String, SqlError> {
        let function = {
            let instance = self.session.engine.instance();
            let found = instance.databases.get(&database).and_then(|d| d.functions.get(&predicate.function));
            found.cloned().ok_or_else(|| unsupported("a security predicate without its function"))?
        };
        let mut values = Vec::with_capacity(predicate.arguments.len());
        for argument in &predicate.arguments {
            values.push(self.scalar(&parse::expression(argument)?, scope)?);
        }
        let emitted = self.applied(database, &function, values)?;
        Ok(super::masking::unmarked(format!("EXISTS ({})", emitted.sql)))
    }

    /// The predicates of enabled policies on a table that are wanted.
    pub fn security_predicates(
        &self,
        database: i16,
        table: &Table,
        wanted: impl Fn(&SecurityPredicate) -> bool,
    ) -> Vec<SecurityPredicate> {
        let instance = self.session.engine.instance();
        let policies = instance.databases.get(&database).into_iter().flat_map(|d| d.policies.values());
        let enabled = policies.filter(|policy| policy.enabled).flat_map(|policy| &policy.predicates);
        enabled.filter(|p| p.table == table.object_id && wanted(p)).cloned().collect()
    }

    /// What hides a table's rows from the session's user, for rows at this alias.
    pub fn filters(&self, database: i16, table: &Arc<Table>, alias: &str) -> Result<Vec<String>, SqlError> {
        let predicates = self.security_predicates(database, table, |predicate| !predicate.blocks);
        if predicates.is_empty() {
            return Ok(Vec::new());
        }
        let mut scope = Scope::default();
        scope.sources.push(self.table_source(database, table, None, alias)?);
        predicates.iter().map(|predicate| self.security_condition(database, predicate, &scope)).collect()
    }
}
