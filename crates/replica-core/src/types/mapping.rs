//! The columns of one table matched with those of another, by name.
use super::{Conversion, ValueCheck, convert, number, temporal};
use crate::catalog::name::sync_command;
use crate::catalog::server::ServerFacts;
use crate::catalog::{Column, Special, Table, quote};
use crate::error::Error;

/// Which source column fills which target column, and how.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// In the target's column order.
    pub columns: Vec<MappedColumn>,
    /// Target columns that the load does not name.
    pub left_out: Vec<LeftOut>,
    /// Source columns that go nowhere.
    pub ignored: Vec<Column>,
}

/// A target column that the load does not name.
#[derive(Clone, Debug)]
pub struct LeftOut {
    /// The one that is left out.
    pub column: Column,
    /// What fills it.
    pub filler: &'static str,
    /// The source has a column of its name.
    pub at_source: bool,
}

impl Mapping {
    /// Target columns that the source knows nothing of: what their rows hold goes with the rows, and does not come
    /// back. The server makes those of other kinds anew (computed columns, rowversions).
    pub fn unfilled(&self) -> impl Iterator<Item = &LeftOut> {
        self.left_out.iter().filter(|left| !left.at_source && left.column.filled_by_server().is_none())
    }

    /// The columns that one side alone has.
    pub fn one_sided(&self) -> impl Iterator<Item = String> {
        let of_target = self.left_out.iter().filter(|left| !left.at_source);
        let of_target = of_target.map(|left| format!("{} (in the target only)", left.column.name));
        of_target.chain(self.ignored.iter().map(|column| format!("{} (in the source only)", column.name)))
    }
}

/// A column of the source and the target's that takes its values.
#[derive(Clone, Debug)]
pub struct MappedColumn {
    /// As the source has it.
    pub source: Column,
    /// As the target has it.
    pub target: Column,
    /// What is done to its values on their way, and what may be lost.
    pub conversion: Conversion,
}

/// Kinds of values, as far as they go wrong in different ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Text and bytes.
    Strings,
    /// Of any kind, money and bits among them.
    Numbers,
    /// With or without a time of day, and times of day alone.
    Dates,
}

impl MappedColumn {
    /// Which of the three finders looks at the column.
    pub fn family(&self) -> Family {
        match &self.source.sql_type {
            from if number::is_number(from) => Family::Numbers,
            from if temporal::is_temporal(from) => Family::Dates,
            _ => Family::Strings,
        }
    }

    /// Everything that can befall this column's values.
    pub fn checks(&self) -> Vec<ValueCheck> {
        let null = (self.source.nullable && !self.target.nullable)
            .then(|| ValueCheck::null(&quote(&self.source.name)));
        null.into_iter().chain(self.conversion.checks.iter().cloned()).collect()
    }
}

/// Matches the columns; an error lists every column that cannot be copied.
pub fn map(source: &Table, target: &Table, ignore_extra_columns: bool) -> Result<Mapping, Error> {
    let (mapping, problem) = map_what_can_be(source, target, ignore_extra_columns);
    match problem {
        Some(error) => Err(error),
        None => Ok(mapping),
    }
}

/// Matches the columns that can be copied, and says what is wrong with the others.
pub fn map_what_can_be(
    source: &Table,
    target: &Table,
    ignore_extra_columns: bool,
) -> (Mapping, Option<Error>) {
    if let Some(error) = source.object.special.and_then(Special::refused_as_source) {
        let nothing = Mapping { columns: Vec::new(), left_out: Vec::new(), ignored: Vec::new() };
        return (nothing, Some(error.table(&source.object.name)));
    }
    let mut problems = Problems::default();
    let mut columns = Vec::new();
    let mut left_out = Vec::new();
    let mut used = Vec::new();
    let mut filled_by_server = Vec::new();
    for to in &target.columns {
        let from = source_of(source, target, to);
        used.extend(from.map(|column| column.id));
        let is_excluded = excludes(source, target, to);
        let leave_out =
            |filler| LeftOut { column: to.clone(), filler, at_source: from.is_some() || is_excluded };
        if let Some(filler) = to.filled_by_server() {
            left_out.push(leave_out(filler));
            filled_by_server.extend(from.map(|_| format!("{} ({filler})", to.name)));
            continue;
        }
        let Some(from) = from else {
            match without_source(to) {
                Some(filler) => left_out.push(leave_out(filler)),
                None if is_excluded => {
                    problems.excluded.push(format!("{} ({} NOT NULL)", to.name, to.sql_type));
                }
                None => problems.missing.push(format!("{} ({} NOT NULL)", to.name, to.sql_type)),
            }
            continue;
        };
        if let Some(problem) = protection(source, from, "source").or_else(|| protection(target, to, "target"))
        {
            problems.unmappable.push(problem);
            continue;
        }
        match convert(from, to) {
            Ok(conversion) => {
                columns.push(MappedColumn { source: from.clone(), target: to.clone(), conversion });
            }
            Err(refusal) => problems.unmappable.push(format!(
                "{} ({} to {}): {}. {}",
                to.name, from.sql_type, to.sql_type, refusal.reason, refusal.way_out
            )),
        }
    }
    let made = |column: &Column| column.column_set || column.of_ledger;
    let extra = source.columns.iter().filter(|column| !used.contains(&column.id) && !made(column));
    let mut ignored = Vec::new();
    if ignore_extra_columns {
        ignored.extend(extra.cloned());
    } else {
        problems.extra.extend(extra.map(|column| column.name.clone()));
    }
    let problem = if columns.is_empty() && problems.is_empty() {
        let problem = match filled_by_server[..] {
            [] => Error::mapping("source and target have no column in common"),
            _ => Error::mapping(format!(
                "the target's server fills all columns that both sides have: {}",
                filled_by_server.join(", ")
            ))
            .remedy("Give the target a column that takes values of the source"),
        };
        Some(problem.table(&target.object.name))
    } else {
        problems.into_error(source, target)
    };
    (Mapping { columns, left_out, ignored }, problem)
}

/// An exact match first: a case-sensitive source may have two names that are one to the target.
fn source_of<'a>(source: &'a Table, target: &Table, to: &Column) -> Option<&'a Column> {
    let same = |column: &&Column| ServerFacts::same_name(target.name_collation(), &column.name, &to.name);
    source.columns.iter().find(|column| column.name == to.name).or_else(|| source.columns.iter().find(same))
}

/// Does the source's article leave out what would fill this column?
fn excludes(source: &Table, target: &Table, to: &Column) -> bool {
    source.excluded.iter().any(|name| ServerFacts::same_name(target.name_collation(), name, &to.name))
}

/// What fills a target column that the source does not have.
fn without_source(to: &Column) -> Option<&'static str> {
    match to {
        Column { identity: true, .. } => Some("numbered by the server"),
        Column { has_default: true, .. } => Some("its default"),
        Column { nullable: true, .. } => Some("NULL"),
        _ => None,
    }
}

fn protection(table: &Table, column: &Column, side: &str) -> Option<String> {
    let protected = table.protected.iter().find(|protected| protected.name == column.name)?;
    if protected.encrypted {
        let name = &column.name;
        Some(format!(
            "{name}: Always Encrypted at the {side}; these tools hold no keys. Leave it out with a view"
        ))
    } else if side == "source" {
        let name = &column.name;
        Some(format!("{name}: masked at the source. Grant UNMASK to the source's login"))
    } else {
        None
    }
}

#[derive(Default)]
struct Problems {
    unmappable: Vec<String>,
    missing: Vec<String>,
    /// The source's article leaves them out, and the target needs them.
    excluded: Vec<String>,
    extra: Vec<String>,
}

impl Problems {
    fn is_empty(&self) -> bool {
        [&self.unmappable, &self.missing, &self.excluded, &self.extra].into_iter().all(Vec::is_empty)
    }

    fn into_error(self, source: &Table, target: &Table) -> Option<Error> {
        if self.is_empty() {
            return None;
        }
        let mut parts = Vec::new();
        if !self.unmappable.is_empty() {
            parts.push(format!("cannot be mapped: {}", self.unmappable.join("; ")));
        }
        if !self.missing.is_empty() {
            parts.push(format!(
                "in the target only, and needing a value: {}. Add them to the source, or give them a default",
                self.missing.join(", ")
            ));
        }
        if !self.excluded.is_empty() {
            parts.push(format!(
                "left out (exclude_columns), and needing a value at the target: {}. Let them be NULL there, or give them a default",
                self.excluded.join(", ")
            ));
        }
        if !self.extra.is_empty() {
            parts.push(format!(
                "in the source only: {}. Add them to the target ({} --apply-safe), or leave them out with --ignore-extra-columns (ignore_extra_columns in [tables] of replica.toml)",
                self.extra.join(", "),
                sync_command(&source.object.name, &target.object.name)
            ));
        }
        Some(Error::mapping(format!("columns {}", parts.join("; columns "))).table(&target.object.name))
    }
}

#[cfg(test)]
mod tests {
    use super::super::guide::column;
    use super::*;
    use crate::catalog::SqlType;
    use crate::catalog::column::ProtectedColumn;
    use crate::catalog::table::sample;

    fn table(names: &[&str]) -> Table {
        let mut table = sample("dbo.t");
        table.columns =
            names.iter().zip(1..).map(|(name, id)| Column { id, ..column(name, &SqlType::Int) }).collect();
        table
    }

    #[test]
    fn columns_meet_by_name_as_the_target_compares_names() {
        let mapping = map(&table(&["B", "a"]), &table(&["A", "b"]), false).unwrap();
        let names = |m: &Mapping| {
            m.columns.iter().map(|c| format!("{}>{}", c.source.name, c.target.name)).collect::<Vec<_>>()
        };
        assert_eq!(names(&mapping), ["a>A", "B>b"]);

        let mut sensitive = table(&["A", "b"]);
        sensitive.server =
            Some(ServerFacts { collation: "Latin1_General_BIN2".into(), ..ServerFacts::default() });
        let error = map(&table(&["B", "A"]), &sensitive, false).unwrap_err().to_string();
        assert!(error.contains("in the source only: B"), "{error}");
    }

    #[test]
    fn every_problem_is_listed_at_once() {
        let mut source = table(&["a", "b", "secret", "x", "y"]);
        source.protected = vec![ProtectedColumn { name: "secret".into(), masked: true, encrypted: false }];
        let mut target = table(&["a", "b", "secret", "n"]);
        target.columns[0].sql_type = SqlType::Bit;
        target.columns[1].sql_type = SqlType::Date;
        target.columns[3].nullable = false;
        let error = map(&source, &target, false).unwrap_err().to_string();
        for part in
            ["dbo.t: ", "a (int to bit)", "b (int to date)", "UNMASK", "n (int NOT NULL)", "only: x, y"]
        {
            assert!(error.contains(part), "{part}: {error}");
        }
    }

    #[test]
    fn extra_columns_may_be_left_out_and_what_fills_the_rest_is_said() {
        let mut target = table(&["a", "stamp", "made", "note"]);
        target.columns[1].sql_type = SqlType::RowVersion;
        target.columns[2].has_default = true;
        let mapping = map(&table(&["a", "stamp", "old"]), &target, true).unwrap();
        let left_out = mapping.left_out.iter().map(|left| format!("{}: {}", left.column.name, left.filler));
        assert_eq!(left_out.collect::<Vec<_>>(), ["stamp: rowversion", "made: its default", "note: NULL"]);
        let unfilled = mapping.unfilled().map(|left| left.column.name.as_str()).collect::<Vec<_>>();
        assert_eq!(unfilled, ["made", "note"], "the server makes rowversions");
        let one_sided =
            ["made (in the target only)", "note (in the target only)", "old (in the source only)"];
        assert_eq!(mapping.one_sided().collect::<Vec<_>>(), one_sided);
    }

    #[test]
    fn graph_tables_have_ids_that_cannot_be_read() {
        let mut source = table(&["a"]);
        for (special, ids) in [(Special::Node, "$node_id"), (Special::Edge, "$from_id")] {
            source.object.special = Some(special);
            let error = map(&source, &table(&["a"]), false).unwrap_err().to_string();
            assert!(error.contains(ids) && error.contains("Copy from a view"), "{error}");
        }
        source.object.special = Some(Special::AppendOnlyLedger);
        source.columns[0].of_ledger = true;
        source.columns.push(Column { id: 2, ..column("b", &SqlType::Int) });
        let mapping = map(&source, &table(&["b"]), false).unwrap();
        assert_eq!(mapping.columns.len(), 1, "a ledger's own columns are not missed");
    }

    #[test]
    fn columns_that_the_server_fills_are_no_copy() {
        let mut target = table(&["a", "b"]);
        target.columns[0].sql_type = SqlType::RowVersion;
        target.columns[1].computed = true;
        let error = map(&target, &target, true).unwrap_err().to_string();
        assert!(error.contains("both sides have: a (rowversion), b (computed)"), "{error}");
    }

    #[test]
    fn nothing_in_common_is_an_error() {
        assert!(
            map(&table(&["a"]), &table(&["b"]), true)
                .unwrap_err()
                .to_string()
                .contains("no column in common")
        );
    }
}
