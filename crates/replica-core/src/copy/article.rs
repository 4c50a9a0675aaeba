//! A source's table as its article has it: what is computed, only the server can type.
use crate::catalog::column::Collation;
use crate::catalog::{Article, Column, Table, quote};
use crate::error::{Error, Result};
use crate::predicate::bracketed;
use crate::read::Rows;
use crate::session::Session;
use crate::types;

/// # Errors
/// The server's, to an expression; those of [`Article::of`].
pub(super) async fn shape(session: &mut Session, table: Table, article: &Article) -> Result<Table> {
    let computed = if article.expressions().is_empty() {
        Vec::new()
    } else {
        computed(session, &table, article).await?
    };
    article.of(table, computed)
}

/// The columns that expressions make, as the server types them.
async fn computed(session: &mut Session, table: &Table, article: &Article) -> Result<Vec<Column>> {
    let items: Vec<_> = article
        .expressions()
        .iter()
        .map(|(name, expression)| Ok(format!("{} AS {}", bracketed(expression)?, quote(name))))
        .collect::<Result<_>>()?;
    let sql = format!("SELECT TOP (0) {} FROM {}", items.join(", "), table.object.name.quoted());
    let wrong = |error: Error| {
        error
            .within("asking the source for the types of the expressions in `columns`")
            .table(&table.object.name)
    };
    let mut rows = Rows::open(session.lane()?, sql).await.map_err(wrong)?;
    let arrived = rows.columns().to_vec();
    while rows.next(Vec::new()).await.map_err(wrong)?.is_some() {}
    let computed = article.expressions().keys().zip(arrived).map(|(name, arrived)| {
        let sql_type = types::received(&arrived.type_info).ok_or_else(|| {
            Error::mapping("the type of its expression cannot be copied")
                .remedy("CAST the expression to the type of the target's column")
                .table(&table.object.name)
                .column(name)
        })?;
        Ok(Column {
            id: 0,
            name: name.clone(),
            collation: sql_type.is_text().then(|| collation(table, name)),
            sql_type,
            nullable: arrived.is_nullable(),
            identity: false,
            computed: false,
            has_default: false,
            generated: false,
            of_ledger: false,
            column_set: false,
        })
    });
    computed.collect()
}

/// The collation that a column's expression is given: the column's own, or else the database's.
fn collation(table: &Table, name: &str) -> Collation {
    let own = table.column_named(name).and_then(|column| column.collation.clone());
    own.unwrap_or_else(|| {
        let name = table.name_collation();
        let mut others = table.columns.iter().filter_map(|column| column.collation.as_ref());
        let code_page = others.find(|other| other.name == name).and_then(|other| other.code_page);
        Collation { name: name.to_owned(), code_page }
    })
}
