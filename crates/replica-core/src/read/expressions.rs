//! Expressions on a table's columns, as the source's server types them: nobody else can.
use super::Rows;
use crate::catalog::{Article, SqlType, TableName, quote};
use crate::error::{Error, Result};
use crate::predicate::bracketed_expression;
use crate::session::Session;
use crate::types;

/// What an expression of an article makes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TypedExpression {
    /// Of the column that takes it.
    pub name: String,
    pub sql_type: SqlType,
    pub nullable: bool,
}

/// The types of an article's expressions, in the order of their names.
///
/// # Errors
/// The server's, to an expression; a type that cannot be copied.
pub(crate) async fn typed(
    session: &mut Session,
    table: &TableName,
    article: &Article,
) -> Result<Vec<TypedExpression>> {
    if article.expressions().is_empty() {
        return Ok(Vec::new());
    }
    let items: Vec<_> = article
        .expressions()
        .iter()
        .map(|(name, expression)| Ok(format!("{} AS {}", bracketed_expression(expression)?, quote(name))))
        .collect::<Result<_>>()?;
    let sql = format!("SELECT TOP (0) {} FROM {}", items.join(", "), table.quoted());
    let wrong = |error: Error| {
        error.within("asking the source for the types of the expressions in `columns`").table(table)
    };
    let mut rows = Rows::open(session.lane()?, sql).await.map_err(wrong)?;
    let arrived = rows.columns().to_vec();
    while rows.next(Vec::new()).await.map_err(wrong)?.is_some() {}
    let typed = article.expressions().keys().zip(arrived).map(|(name, arrived)| {
        let sql_type = types::received(&arrived.type_info).ok_or_else(|| {
            Error::mapping("the type of its expression cannot be copied")
                .remedy("CAST the expression to the type of the target's column")
                .table(table)
                .column(name)
        })?;
        Ok(TypedExpression { name: name.clone(), sql_type, nullable: arrived.is_nullable() })
    });
    typed.collect()
}
