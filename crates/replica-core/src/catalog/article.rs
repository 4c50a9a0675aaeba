//! What of a table makes its copy: under which name, which rows, which columns. Replication calls it an article
//! (Microsoft docs, "sp_addarticle").
use std::collections::BTreeMap;

use twox_hash::XxHash3_128;

use super::column::Column;
use super::name::{TableName, quote};
use super::server::ServerFacts;
use super::table::Table;
use crate::error::{Error, Result};
use crate::predicate::{bracketed, bracketed_expression, calls};

/// What of a table makes its copy. The default is all of it, under its own name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Article {
    /// The target's name of it; `None`: the source's.
    target: Option<TableName>,
    /// A condition on the source's columns.
    filter: Option<String>,
    /// Columns of the source that are as if they were not there.
    excluded: Vec<String>,
    /// T-SQL on the source's columns that is taken for a column, by its name.
    expressions: BTreeMap<String, String>,
}

impl Article {
    /// # Errors
    /// Of kind `Usage`: a condition or an expression that is not one, a column that is excluded and computed.
    pub fn new(
        target: Option<TableName>,
        filter: Option<String>,
        excluded: Vec<String>,
        expressions: BTreeMap<String, String>,
    ) -> Result<Self> {
        if let Some(filter) = &filter {
            bracketed(filter)?;
        }
        for (column, expression) in &expressions {
            bracketed_expression(expression).map_err(|error| error.column(column))?;
        }
        if let Some(both) = excluded.iter().find(|column| expressions.contains_key(*column)) {
            return Err(Error::usage("it is left out, and has an expression").column(both));
        }
        Ok(Self { target, filter, excluded, expressions })
    }

    /// The target's table.
    pub fn target_of<'a>(&'a self, source: &'a TableName) -> &'a TableName {
        self.target.as_ref().unwrap_or(source)
    }

    /// For people: the table, and what it is called at the target where that is something else.
    pub fn label(&self, source: &TableName) -> String {
        match &self.target {
            Some(target) if target != source => format!("{source} -> {target}"),
            _ => source.to_string(),
        }
    }

    /// The error of this table, which says both names where they differ.
    pub fn named(&self, source: &TableName, error: Error) -> Error {
        let target = self.target_of(source);
        if target == source {
            return error.table(source);
        }
        // What the server calls it has a schema.
        let is_target = |name: &TableName| {
            name.name == target.name && (target.schema.is_none() || name.schema == target.schema)
        };
        error.renamed(
            |text| text.parse().is_ok_and(|name| name == *source || is_target(&name)),
            self.label(source),
        )
    }

    /// The condition that rows meet.
    pub fn filter(&self) -> Option<&str> {
        self.filter.as_deref()
    }

    /// Columns of the source that are as if they were not there.
    pub fn excluded(&self) -> &[String] {
        &self.excluded
    }

    /// Rows or values are others than the table's own.
    fn changes_rows(&self) -> bool {
        self.filter.is_some() || !self.expressions.is_empty()
    }

    /// Of everything that decides which rows there are and what they hold, 32 hexadecimal digits; empty: all rows as they
    /// are. Which columns there are, a mapping says.
    pub fn fingerprint(&self) -> String {
        if !self.changes_rows() {
            return String::new();
        }
        let text = format!("{:?} {:?}", self.filter, self.expressions);
        format!("{:032x}", XxHash3_128::oneshot(text.as_bytes()))
    }

    /// The condition or an expression calls a function whose value is another at every moment (Microsoft docs,
    /// "Deterministic and nondeterministic functions").
    pub fn changes_with_time(&self) -> bool {
        const CLOCKS: [&str; 8] = [
            "GETDATE",
            "GETUTCDATE",
            "SYSDATETIME",
            "SYSDATETIMEOFFSET",
            "SYSUTCDATETIME",
            "NEWID",
            "RAND",
            "CRYPT_GEN_RANDOM",
        ];
        let mut texts = self.filter.iter().chain(self.expressions.values());
        texts.any(|text| calls(text, &CLOCKS, &["CURRENT_TIMESTAMP", "CURRENT_DATE"]))
    }

    /// The expressions, by the names of their columns.
    pub fn expressions(&self) -> &BTreeMap<String, String> {
        &self.expressions
    }

    /// The source's table as the article has it. `computed`: what its expressions make, as the source types it.
    ///
    /// # Errors
    /// Of kind `Usage`: a column that is not there, or may not be left out.
    pub fn of(&self, mut table: Table, computed: Vec<Column>) -> Result<Table> {
        for column in computed {
            let collation = table.name_collation().to_owned();
            let is_it = |old: &&mut Column| ServerFacts::same_name(&collation, &old.name, &column.name);
            match table.columns.iter_mut().find(is_it) {
                Some(old) => *old = Column { id: old.id, name: old.name.clone(), ..column },
                None => {
                    let last = table.columns.iter().map(|column| column.id).max().unwrap_or_default();
                    table.columns.push(Column { id: last + 1, ..column });
                }
            }
        }
        let (mut ids, mut excluded) = (Vec::new(), Vec::new());
        for name in &self.excluded {
            // A file lacks it already.
            if table.server.is_none() && table.column_named(name).is_none() {
                excluded.push(name.clone());
                continue;
            }
            let Some(column) = table.column_named(name) else {
                return Err(nothing_to_leave_out(&table.object.name, name));
            };
            if table.is_key(column) {
                return Err(key_left_out(&table.object.name, name));
            }
            ids.push(column.id);
            excluded.push(column.name.clone());
        }
        table.columns.retain(|column| !ids.contains(&column.id));
        table.excluded = excluded;
        if self.filter.is_some() && table.server.is_some() {
            // The server's estimate is of all rows.
            table.partitions = None;
        }
        table.article = self.clone();
        Ok(table)
    }
}

pub(crate) fn nothing_to_leave_out(table: &TableName, column: &str) -> Error {
    Error::usage("it is to be left out, and the source has no such column").table(table).column(column)
}

pub(crate) fn key_left_out(table: &TableName, column: &str) -> Error {
    Error::usage("it is of the source's key, and cannot be left out: rows are told apart by it")
        .table(table)
        .column(column)
}

/// What follows FROM to read a table's rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowsFrom {
    text: String,
    /// The name of a subquery, which has to have one.
    alias: Option<String>,
}

impl RowsFrom {
    /// For a statement that gives it a name.
    pub fn unnamed(&self) -> &str {
        &self.text
    }
}

/// With a name where it needs one.
impl std::fmt::Display for RowsFrom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)?;
        self.alias.iter().try_for_each(|alias| write!(f, " AS {alias}"))
    }
}

impl Table {
    /// The one place that says where a source's rows come from: the table, or those of its rows and columns that its
    /// article takes, under the columns' own names.
    pub fn rows_from(&self) -> RowsFrom {
        let name = self.object.name.quoted();
        let Article { filter, expressions, .. } = &self.article;
        if !self.article.changes_rows() || self.server.is_none() {
            return RowsFrom { text: name, alias: None };
        }
        let collation = self.name_collation();
        let columns = self.columns.iter().map(|column| {
            let own = |(name, _): &(&String, &String)| ServerFacts::same_name(collation, name, &column.name);
            match expressions.iter().find(own) {
                None => quote(&column.name),
                Some((_, expression)) => {
                    let collate =
                        column.collation.as_ref().map(|collation| format!(" COLLATE {}", collation.name));
                    // On lines of its own: see `predicate`.
                    format!("(\n{expression}\n){} AS {}", collate.unwrap_or_default(), quote(&column.name))
                }
            }
        });
        let columns = columns.collect::<Vec<_>>().join(", ");
        let filter = filter.as_ref().map(|filter| format!(" WHERE (\n{filter}\n)")).unwrap_or_default();
        RowsFrom {
            text: format!("(SELECT {columns} FROM {name}{filter})"),
            alias: Some(quote(&self.object.name.name)),
        }
    }

    /// Does an expression make the column's values?
    pub fn is_computed(&self, column: &Column) -> bool {
        let collation = self.name_collation();
        self.article.expressions.keys().any(|name| ServerFacts::same_name(collation, name, &column.name))
    }

    /// Is the column of the table's primary key?
    fn is_key(&self, column: &Column) -> bool {
        let mut keys = self.indexes.iter().flatten().filter(|index| index.primary_key);
        keys.any(|index| index.keys.iter().any(|key| key.column_id == column.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::index::{Index, IndexKind, sample as index};
    use crate::catalog::table::sample;
    use crate::catalog::{Length, SqlType};
    use crate::types::guide::column;

    fn table() -> Table {
        let mut table = sample("dbo.t");
        table.columns = vec![
            Column { id: 1, ..column("id", &SqlType::Int) },
            Column { id: 2, ..column("e]mail", &SqlType::VarChar(Length::N(50))) },
            Column { id: 3, ..column("secret", &SqlType::Int) },
        ];
        table.indexes =
            Some(vec![Index { primary_key: true, unique: true, ..index(1, IndexKind::Clustered, &[1]) }]);
        table
    }

    fn article(filter: Option<&str>, excluded: &[&str], expressions: &[(&str, &str)]) -> Result<Article> {
        let owned = |text: &&str| (*text).to_owned();
        let expressions = expressions.iter().map(|(name, text)| (owned(name), owned(text))).collect();
        Article::new(None, filter.map(str::to_owned), excluded.iter().map(owned).collect(), expressions)
    }

    #[test]
    fn rows_come_from_one_place() {
        let whole = Article::default().of(table(), Vec::new()).unwrap().rows_from();
        assert_eq!((whole.to_string().as_str(), whole.unnamed()), ("[dbo].[t]", "[dbo].[t]"));
        // What is left out only is not asked for, which needs no subquery.
        let less = article(None, &["SECRET"], &[]).unwrap().of(table(), Vec::new()).unwrap();
        assert_eq!((less.rows_from().to_string().as_str(), less.columns.len()), ("[dbo].[t]", 2));
        assert_eq!(less.excluded, ["secret"]);
        let masked = Column { nullable: true, ..column("E]MAIL", &SqlType::VarChar(Length::N(8))) };
        let shaped =
            article(Some("id = 1 OR id = 2 -- two"), &["secret"], &[("E]mail", "LEFT([e]]mail], 8)")]);
        let shaped = shaped.unwrap().of(table(), vec![masked]).unwrap();
        let collate =
            shaped.columns[1].collation.as_ref().map(|c| format!(" COLLATE {}", c.name)).unwrap_or_default();
        assert_eq!(
            shaped.rows_from().to_string(),
            format!(
                "(SELECT [id], (\nLEFT([e]]mail], 8)\n){collate} AS [e]]mail] FROM [dbo].[t] WHERE (\nid = 1 OR id = 2 -- two\n)) AS [t]"
            )
        );
        assert!(shaped.is_computed(&shaped.columns[1]) && !shaped.is_computed(&shaped.columns[0]));
        assert_eq!((shaped.columns[1].id, shaped.rows()), (2, None));
    }

    #[test]
    fn what_would_be_wrong_is_refused() {
        for wrong in [article(Some("a = 1)"), &[], &[]), article(Some("1=1; DROP TABLE t"), &[], &[])] {
            assert_eq!(wrong.unwrap_err().exit_code().number(), 2);
        }
        assert!(article(None, &[], &[("a", "LEFT(b, 'x)")]).is_err());
        assert!(article(None, &["a"], &[("a", "1")]).is_err());
        for (excluded, says) in [("id", "key"), ("nothing", "no such column")] {
            let error = article(None, &[excluded], &[]).unwrap().of(table(), Vec::new()).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
    }

    #[test]
    fn the_fingerprint_is_of_what_decides_the_rows() {
        let print =
            |filter, excluded, expressions| article(filter, excluded, expressions).unwrap().fingerprint();
        assert_eq!(print(None, &["secret"], &[]), "");
        let one = print(Some("a = 1"), &[], &[]);
        assert_eq!(one, print(Some("a = 1"), &["x"], &[]));
        assert_ne!(one, print(Some("a = 2"), &[], &[]));
        assert_ne!(one, print(None, &[], &[("a", "1")]));
        assert!(article(Some("day > GetDate()"), &[], &[]).unwrap().changes_with_time());
        assert!(
            article(None, &[], &[("a", "CAST(SYSDATETIMEOFFSET() AS date)")]).unwrap().changes_with_time()
        );
        assert!(!article(Some("rand = 1"), &[], &[("a", "'newid()'")]).unwrap().changes_with_time());
    }
}
