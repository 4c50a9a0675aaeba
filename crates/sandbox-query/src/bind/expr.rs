//! Scalar expressions.
use super::literal::constant_int;
use super::masking::{marked_as, unmarked};
use super::names::object_name;
use super::refused::near;
use super::scope::Scope;
use super::typed::{Label, Origin, Typed};
use super::types::common_type;
use super::{Binder, common_collation};
use crate::functions;
use sandbox_sql::type_name::{TypeName, TypePlace};
use sandbox_values::convert::ConvertMode;
use sandbox_values::error::SqlError;
use sandbox_values::{CollationId, SqlType, Value};
use sqlparser::ast::{self, CaseWhen, CastKind, DataType, Expr, Ident, Query, UnaryOperator};

impl Binder<'_> {
    pub fn scalar(&self, expr: &Expr, scope: &Scope<'_>) -> Result<Typed, SqlError> {
        if let Some(key) = self.group_key(expr, scope)? {
            return Ok(key);
        }
        match expr {
            Expr::Value(value) => self.literal(&value.value),
            Expr::Identifier(name) => self.name(name, scope),
            Expr::CompoundIdentifier(parts) => scope.resolve(parts),
            Expr::Nested(inner) => self.deeper(|| self.scalar(inner, scope)),
            Expr::UnaryOp { op, expr } => self.unary(*op, expr, scope),
            Expr::BinaryOp { .. } => self.deeper(|| self.operations(expr, scope)),
            Expr::Cast { kind, expr, data_type, .. } => {
                let mode = match kind {
                    CastKind::Cast => ConvertMode::Explicit,
                    CastKind::TryCast => ConvertMode::Try,
                    _ => return Err(near(&data_type.to_string())),
                };
                self.cast(expr, data_type, None, mode, scope)
            }
            Expr::Convert { is_try, expr, data_type: Some(data_type), styles, .. } => {
                let mode = if *is_try { ConvertMode::Try } else { ConvertMode::Explicit };
                self.cast(expr, data_type, styles.first(), mode, scope)
            }
            Expr::Collate { expr, collation } => self.collated(self.scalar(expr, scope)?, collation),
            Expr::Case { operand, conditions, else_result, .. } => {
                self.deeper(|| self.case(operand.as_deref(), conditions, else_result.as_deref(), scope))
            }
            Expr::Subquery(query) => self.deeper(|| self.scalar_subquery(query, scope)),
            Expr::Function(function) => self.deeper(|| functions::call(self, function, scope)),
            Expr::Substring { expr, substring_from, substring_for, .. } => {
                let arguments: Vec<&Expr> = [Some(expr), substring_from.as_ref(), substring_for.as_ref()]
                    .into_iter()
                    .flatten()
                    .map(|e| &**e)
                    .collect();
                functions::named(self, "substring", &arguments, scope)
            }
            Expr::Trim { trim_where: None, trim_what: None, expr, trim_characters: None } => {
                functions::named(self, "trim", &[&**expr], scope)
            }
            Expr::Trim { trim_what: Some(what), expr, .. } => {
                functions::named(self, "trim", &[&**expr, &**what], scope)
            }
            Expr::Ceil { expr, .. } => functions::named(self, "ceiling", &[&**expr], scope),
            Expr::Floor { expr, .. } => functions::named(self, "floor", &[&**expr], scope),
            other => Err(near(&other.to_string())),
        }
    }

    /// The expression as a whole, where the query is grouped by just that.
    fn group_key(&self, expr: &Expr, scope: &Scope<'_>) -> Result<Option<Typed>, SqlError> {
        let Some(keys) = &scope.grouping else { return Ok(None) };
        let composed = keys.iter().any(|key| key.contains('('));
        let simple = matches!(expr, Expr::Value(_) | Expr::Identifier(_) | Expr::CompoundIdentifier(_));
        if !composed || simple || scope.inside_aggregate.get() {
            return Ok(None);
        }
        scope.inside_aggregate.set(true);
        let bound = self.scalar(expr, scope);
        scope.inside_aggregate.set(false);
        Ok(bound.ok().filter(|typed| keys.contains(&typed.sql)))
    }

    fn name(&self, name: &Ident, scope: &Scope<'_>) -> Result<Typed, SqlError> {
        if name.quote_style.is_none() && name.value.starts_with("@@") {
            return functions::system::global(self, &name.value);
        }
        if name.quote_style.is_none() && name.value.starts_with('@') {
            return self.variable(&name.value);
        }
        match scope.resolve(std::slice::from_ref(name)) {
            Err(error) if error.number == 207 && name.quote_style.is_none() => {
                functions::system::niladic(self, &name.value).unwrap_or(Err(error))
            }
            found => found,
        }
    }

    fn variable(&self, name: &str) -> Result<Typed, SqlError> {
        let wanted = name.to_lowercase();
        if let Some((_, typed)) = self.module.borrow().parameters.iter().find(|(known, _)| *known == wanted) {
            return Ok(typed.clone());
        }
        let variable = self.frame.get(name)?;
        Ok(Typed {
            sql: self.accumulated(name).unwrap_or_else(|| self.param(variable.value.clone())),
            sql_type: variable.sql_type.clone(),
            nullable: true,
            origin: Origin::Variable,
            label: Label::CoercibleDefault,
        })
    }

    fn unary(&self, op: UnaryOperator, expr: &Expr, scope: &Scope<'_>) -> Result<Typed, SqlError> {
        let value = self.scalar(expr, scope)?;
        match op {
            UnaryOperator::Plus => Ok(value),
            UnaryOperator::Minus => self.negative(value),
            UnaryOperator::BitwiseNot => self.bitwise_not(value),
            other => Err(near(&other.to_string())),
        }
    }

    fn cast(
        &self,
        expr: &Expr,
        data_type: &DataType,
        style: Option<&Expr>,
        mode: ConvertMode,
        scope: &Scope<'_>,
    ) -> Result<Typed, SqlError> {
        let value = self.scalar(expr, scope)?;
        let mut to = self.data_type(data_type)?;
        // Text keeps its collation through a cast.
        if let (Some(collation), true) = (value.sql_type.collation(), to.collation().is_some()) {
            to = to.with_collation(collation);
        }
        let label = if value.sql_type.collation().is_some() { value.label } else { Label::CoercibleDefault };
        let style = style.map(|s| constant_int(s).ok_or_else(|| near(&s.to_string()))).transpose()?;
        let converted = self.convert(value, &to, style, mode)?;
        // Clients see every CAST as nullable (docs/WIRE.md, "Column flags").
        Ok(Typed { origin: Origin::Expression, nullable: true, label, ..converted })
    }

    /// A type as an expression names it: `char` alone is of 30.
    pub fn data_type(&self, data_type: &DataType) -> Result<SqlType, SqlError> {
        let place = TypePlace { ordinal: 1, name: "", length: 30, collation: self.collation() };
        Ok(TypeName::parse_text(&data_type.to_string())?.resolve(&place)?.sql_type)
    }

    /// `expr COLLATE name`: char and varchar are read again in the collation's code page.
    pub fn collated(&self, value: Typed, name: &ast::ObjectName) -> Result<Typed, SqlError> {
        let name = object_name(name)?.name;
        let collation = if name.eq_ignore_ascii_case("database_default") {
            self.collation()
        } else if name.eq_ignore_ascii_case("catalog_default") {
            CollationId::catalog()
        } else {
            CollationId::by_name(&name)?
        };
        let Some(from) = value.sql_type.collation() else {
            return Err(SqlError::new(
                447,
                16,
                0,
                format!("Expression type {} is invalid for COLLATE clause.", value.sql_type.name()),
            ));
        };
        let sql_type = value.sql_type.with_collation(collation);
        let narrow = matches!(sql_type, SqlType::Char(..) | SqlType::VarChar(..) | SqlType::Text(_));
        let nullable = value.nullable;
        let recoded = if narrow && from.get().code_page != collation.get().code_page {
            self.op("recode", "", vec![value], sql_type, move |v| match &v[0] {
                Value::Bytes(bytes) => Ok(Value::Bytes(collation.get().encode(&from.get().decode(bytes)))),
                other => Ok(other.clone()),
            })
        } else {
            Typed::expression(value.sql, sql_type, nullable)
        };
        Ok(Typed { label: Label::Explicit, ..recoded })
    }

    fn case(
        &self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
        scope: &Scope<'_>,
    ) -> Result<Typed, SqlError> {
        let mut tests = Vec::with_capacity(conditions.len());
        let mut results = Vec::with_capacity(conditions.len() + 1);
        for when in conditions {
            tests.push(match operand {
                Some(operand) => {
                    let (left, right) = (self.scalar(operand, scope)?, self.scalar(&when.condition, scope)?);
                    self.compare("=", left, right)?
                }
                None => self.predicate(&when.condition, scope)?,
            });
            results.push(self.scalar(&when.result, scope)?);
        }
        if let Some(otherwise) = otherwise {
            results.push(self.scalar(otherwise, scope)?);
        }
        if results.iter().all(Typed::is_untyped_null) {
            return Err(SqlError::new(
                8133,
                16,
                1,
                "At least one of the result expressions in a CASE specification must be an expression other than the \
                 NULL constant.",
            ));
        }
        let (results, sql_type, label) = self.alike(results, "CASE")?;
        let nullable = otherwise.is_none() || results.iter().any(|r| r.nullable);
        let mut sql = String::from("CASE");
        let mut results = results.into_iter();
        for (test, result) in tests.iter().zip(&mut results) {
            sql.push_str(&format!(" WHEN {test} THEN {}", result.sql));
        }
        if let Some(otherwise) = results.next() {
            sql.push_str(&format!(" ELSE {}", otherwise.sql));
        }
        sql.push_str(" END");
        Ok(Typed { label, ..Typed::expression(sql, sql_type, nullable) })
    }

    /// Expressions brought to the type that they have in common.
    pub fn alike(
        &self,
        parts: Vec<Typed>,
        operation: &str,
    ) -> Result<(Vec<Typed>, SqlType, Label), SqlError> {
        let mut parts_iter = parts.iter();
        let Some(mut common) = parts_iter.next().cloned() else { return Err(near(operation)) };
        for part in parts_iter {
            let sql_type = common_type(&common, part)?;
            let origin = if common.is_untyped_null() { part.origin.clone() } else { common.origin };
            let label = common.label.max(part.label);
            common = Typed { sql_type, origin, label, ..common };
        }
        let collation = common_collation(&parts.iter().collect::<Vec<_>>(), operation)?;
        let label = collation.map_or(Label::CoercibleDefault, |(_, label)| label);
        let sql_type = match collation {
            Some((collation, _)) if common.sql_type.collation().is_some() => {
                common.sql_type.with_collation(collation)
            }
            _ => common.sql_type,
        };
        let parts = parts.into_iter().map(|p| self.implicit(p, &sql_type)).collect::<Result<Vec<_>, _>>()?;
        Ok((parts, sql_type, label))
    }

    fn scalar_subquery(&self, query: &Query, scope: &Scope<'_>) -> Result<Typed, SqlError> {
        let emitted = self.query(query, Some(scope))?;
        let [column] = emitted.columns.as_slice() else {
            return Err(SqlError::new(
                116,
                16,
                1,
                "Only one expression can be specified in the select list when the subquery is not introduced with EXISTS.",
            ));
        };
        let label = column.typed.label;
        let sql = unmarked(format!("(SELECT only(c1) FROM ({}))", emitted.sql));
        let sql = marked_as(&column.typed.sql, sql);
        Ok(Typed { label, ..Typed::expression(sql, column.typed.sql_type.clone(), true) })
    }
}
