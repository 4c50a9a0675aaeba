//! A first `replica.toml`, from the source's catalog.
use std::fmt::Write;

use crate::catalog::record::CatalogRow;
use crate::catalog::{Special, TableName};
use crate::error::Result;
use crate::report::{human_bytes, human_count};
use crate::schedule::{self, TableReference};
use crate::session::Session;

/// A table with dates and more rows than this is worth replacing by days.
const MANY_ROWS: u64 = 1_000_000;
/// Bytes of a page.
const PAGE: u64 = 8192;

/// A table of the source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceTable {
    /// object_id.
    pub id: i64,
    /// Its name.
    pub name: TableName,
    /// The server's estimate.
    pub rows: u64,
    /// What its rows take, without its other indexes.
    pub bytes: u64,
    /// The column that windows are best cut by, first.
    pub dates: Vec<DateChoice>,
}

/// What a source's database has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceTables {
    /// Parents before children.
    pub tables: Vec<SourceTable>,
    /// Those that no tool copies, with the reason.
    pub left_out: Vec<(TableName, String)>,
}

/// A column with dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateChoice {
    /// Its name.
    pub column: String,
    /// Whether a row may lack a date.
    pub nullable: bool,
    /// The number of an index that begins with it: 1 is the clustered one.
    pub leads: Option<i64>,
}

impl SourceTable {
    fn is_cut_by_dates(&self) -> bool {
        self.rows > MANY_ROWS && !self.dates.is_empty()
    }

    fn size(&self) -> String {
        format!("{} rows, {}", human_count(self.rows), human_bytes(self.bytes))
    }
}

/// The tables of the source's database.
///
/// # Errors
/// The server's; a lost connection.
pub async fn tables(session: &mut Session) -> Result<SourceTables> {
    let batch = [
        include_str!("sql/user_tables.sql"),
        include_str!("sql/date_columns.sql"),
        include_str!("sql/references.sql"),
    ];
    let sets = session.query_all(&batch.join(";\n"), &[]).await?;
    let rows = |at: usize| sets.get(at).into_iter().flatten().map(CatalogRow::from).collect::<Vec<_>>();
    let (mut tables, mut left_out) = (Vec::new(), Vec::new());
    for row in rows(0) {
        let name = TableName::new(&row.name("schema_name")?, &row.name("table_name")?);
        let special = Special::from_record(&row);
        // A history is written by its server alone.
        if row.int("temporal_type") == Some(1) || special == Some(Special::LedgerHistory) {
            continue;
        }
        if let Some(why) = special.and_then(Special::refused_as_source) {
            left_out.push((name, why.to_string()));
            continue;
        }
        let number = |column| row.int(column).and_then(|n| u64::try_from(n).ok()).unwrap_or_default();
        tables.push(SourceTable {
            id: row.number("table_id")?,
            name,
            rows: number("row_count"),
            bytes: number("pages") * PAGE,
            dates: Vec::new(),
        });
    }
    for row in rows(1) {
        let id: i64 = row.number("table_id")?;
        if let Some(table) = tables.iter_mut().find(|table| table.id == id) {
            table.dates.push(DateChoice {
                column: row.name("column_name")?,
                nullable: row.flag("is_nullable"),
                leads: row.int("leads"),
            });
        }
    }
    let mut keys = Vec::new();
    for row in rows(2) {
        let place = |id: Option<i64>| tables.iter().position(|table| Some(table.id) == id);
        if let (Some(child), Some(parent)) = (place(row.int("child_id")), place(row.int("parent_id"))) {
            keys.push(TableReference { child, parent });
        }
    }
    tables.iter_mut().for_each(|table| best_first(&mut table.dates));
    Ok(SourceTables { tables: parents_first(&tables, &keys), left_out })
}

/// One that an index begins with, and that has a value in every row.
fn best_first(dates: &mut [DateChoice]) {
    dates.sort_by_key(|date| (date.leads.unwrap_or(i64::MAX), date.nullable));
}

fn parents_first(tables: &[SourceTable], keys: &[TableReference]) -> Vec<SourceTable> {
    let sorted = schedule::order(&vec![0; tables.len()], keys).in_sequence();
    sorted.into_iter().filter_map(|at| tables.get(at).cloned()).collect()
}

/// The file's text: reference tables, date tables with their columns, sizes as comments.
pub fn configuration(found: &SourceTables, source: &str) -> String {
    let (by_dates, whole): (Vec<&SourceTable>, Vec<&SourceTable>) =
        found.tables.iter().partition(|table| table.is_cut_by_dates());
    let mut text = format!(
        "# Made from the catalog of {}. Look through it: which tables are wanted, and by which column their days are cut.\n\
         # Connections are in REPLICA_SOURCE and REPLICA_TARGET, or in [source] and [target] here.\n\n",
        source.replace(char::is_control, " ")
    );
    text.push_str("# Replaced as a whole, parents before children.\n");
    list(&mut text, "reference_tables", &whole);
    let _ =
        writeln!(text, "\n# Of more than {} rows, and with dates: replaced by days.", human_count(MANY_ROWS));
    list(&mut text, "date_tables", &by_dates);
    for (table, why) in &found.left_out {
        let _ = writeln!(text, "# Left out: {}", comment(&format!("{table}: {why}")));
    }
    text.push_str("\n[date_filter_columns]\n");
    for table in by_dates {
        let Some((chosen, others)) = table.dates.split_first() else { continue };
        let mut remarks: Vec<String> = Vec::new();
        if chosen.nullable {
            remarks.push("may be NULL, and such rows are in no window".into());
        }
        if chosen.leads.is_none() {
            remarks.push("no index begins with it".into());
        }
        if !others.is_empty() {
            let others: Vec<&str> = others.iter().map(|date| date.column.as_str()).collect();
            remarks.push(format!("or: {}", others.join(", ")));
        }
        let comment =
            if remarks.is_empty() { String::new() } else { format!("  # {}", comment(&remarks.join("; "))) };
        let _ = writeln!(text, "{} = {}{comment}", string(&table.name.to_string()), string(&chosen.column));
    }
    text
}

fn list(text: &mut String, key: &str, tables: &[&SourceTable]) {
    let _ = writeln!(text, "{key} = [");
    for table in tables {
        let _ = writeln!(text, "    {},  # {}", string(&table.name.to_string()), table.size());
    }
    text.push_str("]\n");
}

fn comment(text: &str) -> String {
    text.replace(char::is_control, " ")
}

/// A basic string of TOML: one of JSON, but that DEL is escaped, too.
fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, rows: u64, dates: &[(&str, bool, Option<i64>)]) -> SourceTable {
        let date = |(column, nullable, leads): &(&str, bool, Option<i64>)| DateChoice {
            column: (*column).into(),
            nullable: *nullable,
            leads: *leads,
        };
        let dates = dates.iter().map(date).collect();
        SourceTable { id: 0, name: name.parse().unwrap(), rows, bytes: rows * 100, dates }
    }

    #[test]
    fn an_index_and_a_value_in_every_row_make_a_date_column() {
        let mut dates = table(
            "t",
            1,
            &[("a", false, None), ("b", true, Some(2)), ("c", false, Some(1)), ("d", false, Some(2))],
        )
        .dates;
        best_first(&mut dates);
        let columns: Vec<&str> = dates.iter().map(|date| date.column.as_str()).collect();
        assert_eq!(columns, ["c", "d", "b", "a"]);
    }

    #[test]
    fn parents_come_before_children_and_cycles_are_cut() {
        let tables: Vec<SourceTable> = ["a", "b", "c"].iter().map(|name| table(name, 1, &[])).collect();
        let keys = [TableReference { child: 0, parent: 2 }, TableReference { child: 2, parent: 1 }];
        let names = |keys: &[TableReference]| {
            parents_first(&tables, keys).iter().map(|t| t.name.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(&keys), ["b", "c", "a"]);
        assert_eq!(
            names(&[TableReference { child: 0, parent: 1 }, TableReference { child: 1, parent: 0 }]).len(),
            3
        );
    }

    #[test]
    fn the_file_is_read_as_it_is_meant() {
        let tables = [
            table("dbo.small", 12, &[("made", false, None)]),
            table("[a\"b].[c\\.d]", 5_000_000, &[]),
            table("dbo.sales", 5_000_000, &[("SALE DATE", true, Some(3)), ("changed", false, None)]),
        ];
        let left_out = vec![("dbo.[n\n]".parse().unwrap(), "a node".to_owned())];
        let text = configuration(&SourceTables { tables: tables.to_vec(), left_out }, "a\nb");
        let read: toml::Table = text.parse().unwrap();
        let names = |key: &str| {
            read[key].as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names("reference_tables"), ["dbo.small", "[a\"b].[c\\.d]"]);
        assert_eq!(names("date_tables"), ["dbo.sales"]);
        assert_eq!(read["date_filter_columns"]["dbo.sales"].as_str(), Some("SALE DATE"));
        for said in
            ["12 rows", "may be NULL", "or: changed", "catalog of a b", "\n# Left out: dbo.[n ]: a node\n"]
        {
            assert!(text.contains(said), "{said}: {text}");
        }
    }
}
