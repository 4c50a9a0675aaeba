//! The columns that ranges are cut by.
use std::collections::HashSet;

use super::value::makes_key;
use crate::catalog::index::{Index, IndexKind};
use crate::catalog::server::ServerFacts;
use crate::catalog::{Column, Table};
use crate::error::{Error, Result};

/// The columns named, or those of the table's own key: the clustered index before the primary key before one that is
/// unique. Of a key of several columns all that suit, from the first on.
///
/// # Errors
/// Of kind `Usage`: a column that is not there, is left out, or is of a type without an order; nothing suits.
pub fn choose_key<'a>(table: &'a Table, named: &[String]) -> Result<Vec<&'a Column>> {
    let name = &table.object.name;
    if named.is_empty() {
        let mut indexes: Vec<_> = table.indexes.iter().flatten().filter(|index| is_ordered(index)).collect();
        indexes.sort_by_key(|index| (index.kind != IndexKind::Clustered, !index.primary_key, !index.unique));
        let keys = indexes.into_iter().filter(|index| index.id == 1 || index.unique);
        let found = keys.map(|index| suited(table, index)).find(|columns| !columns.is_empty());
        return found.ok_or_else(|| {
            Error::usage("no clustered index and no key of it begins with a column that ranges can be cut by")
                .remedy("Name a column that an index begins with by --key, or copy the whole table with replicate-reference-tables")
                .table(name)
        });
    }
    let column = |named: &String| {
        let excluded = |left_out: &String| ServerFacts::same_name(table.name_collation(), left_out, named);
        if table.excluded.iter().any(excluded) {
            return Err(Error::usage("it is left out, and ranges are to be cut by it")
                .remedy("Take it out of exclude_columns, or name another one with --key")
                .table(name)
                .column(named));
        }
        let column = table.column_named(named).ok_or_else(|| {
            Error::usage(format!("there is no column {named}"))
                .remedy("Name a column that an index begins with by --key")
                .table(name)
        })?;
        if is_expression(table, column) {
            return Err(Error::usage("the copy computes it, so that no index of the source has it")
                .remedy("Name a column that an index begins with by --key")
                .table(name)
                .column(&column.name));
        }
        if !makes_key(&column.sql_type) {
            return Err(Error::usage(format!("ranges cannot be cut by {}", column.sql_type))
                .remedy("Take a number, a date, a uniqueidentifier, or text or bytes of a bounded length")
                .table(name)
                .column(&column.name));
        }
        Ok(column)
    };
    let columns: Vec<_> = named.iter().map(column).collect::<Result<_>>()?;
    let mut seen = HashSet::new();
    if let Some(twice) = columns.iter().find(|column| !seen.insert(column.id)) {
        return Err(Error::usage("a key has each of its columns once")
            .remedy("Name it once by --key")
            .table(name)
            .column(&twice.name));
    }
    let rest = columns.iter().skip(1).find(|column| column.nullable);
    match rest {
        Some(column) => Err(Error::usage("only the first column of a key may be NULL here")
            .remedy("Name the columns before it alone")
            .table(name)
            .column(&column.name)),
        None => Ok(columns),
    }
}

fn is_expression(table: &Table, column: &Column) -> bool {
    let same = |name: &String| ServerFacts::same_name(table.name_collation(), name, &column.name);
    table.article.expressions().keys().any(same)
}

fn is_ordered(index: &Index) -> bool {
    let rowstore = matches!(index.kind, IndexKind::Clustered | IndexKind::Nonclustered);
    rowstore && !index.disabled && !index.filtered
}

/// The columns of an index from the first on, up to one that does not suit.
fn suited<'a>(table: &'a Table, index: &Index) -> Vec<&'a Column> {
    let columns = index.keys.iter().map_while(|key| table.column(key.column_id));
    let suits = |(place, column): &(usize, &Column)| {
        makes_key(&column.sql_type) && !is_expression(table, column) && (*place == 0 || !column.nullable)
    };
    columns.enumerate().take_while(suits).map(|(_, column)| column).collect()
}

/// The index that finds the rows of a range: one that begins with the key's first column.
pub fn key_index<'a>(table: &'a Table, first: &Column) -> Option<&'a Index> {
    let begins = |index: &&Index| index.keys.first().is_some_and(|key| key.column_id == first.id);
    table.indexes.iter().flatten().filter(|index| is_ordered(index)).find(begins)
}
