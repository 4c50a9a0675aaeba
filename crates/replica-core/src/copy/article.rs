//! A source's table as its article has it: what is computed, only the server can type.
use crate::catalog::column::Collation;
use crate::catalog::{Article, Column, Table};
use crate::error::Result;
use crate::read::expressions::{self, TypedExpression};
use crate::session::Session;

/// # Errors
/// The server's, to an expression; those of [`Article::of`].
pub(super) async fn shape(session: &mut Session, table: Table, article: &Article) -> Result<Table> {
    let typed = expressions::typed(session, &table.object.name, article).await?;
    let computed = typed.into_iter().map(|expression| column(&table, expression)).collect();
    article.of(table, computed)
}

fn column(table: &Table, TypedExpression { name, sql_type, nullable }: TypedExpression) -> Column {
    let collation = sql_type.is_text().then(|| collation(table, &name));
    Column { nullable, ..Column::plain(name, sql_type, collation) }
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
