//! One table as both sides have it, and what to ask either of them. Pure.
use std::sync::Arc;

use super::as_of::{AsOf, Newer};
use super::key::{MergeKey, sort_expression};
use super::part::{Grouping, RereadRows};
use super::promise::{ChangedKeys, Promise};
use super::stretch::Stretches;
use crate::catalog::{Article, Table, TableName, quote};
use crate::error::{Error, Result};
use crate::ledger::Subject;
use crate::plan::{key_columns, select_list};
use crate::session::Role;
use crate::tds::rpc::{Param, Query};
use crate::types::mapping::{MappedColumn, Mapping, map};
use crate::window::{Cut, CutBy, DateColumn, Key, Window, choose};

/// One table on both sides, read alike: in the target's types, as the copy reads them.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// As its catalog has it.
    pub source: TableName,
    /// As its catalog has it.
    pub target: TableName,
    /// What of the source's table is compared.
    pub article: Article,
    rows_from: [String; 2],
    /// Which columns are compared, and in which form.
    pub mapping: Mapping,
    /// What the rows are named by. Without one they are a multiset.
    pub key: Option<MergeKey>,
    /// The source's own estimate.
    pub rows: Option<u64>,
    /// See [`RowScanner::pad_decimals`](crate::tds::row::RowScanner::pad_decimals).
    pub pad_decimals: bool,
    /// As the ledger knows windows of it, where they are cut by a column.
    pub subject: Option<Subject>,
    /// What windows are cut by, as the source names it.
    pub cut_by: Option<CutBy>,
    snapshot: [bool; 2],
    /// What windows are cut by; also without windows, the days that tell rows apart.
    cuts: Option<[Cut; 2]>,
    pub(super) newer: Option<Newer>,
    /// What a first pass tells rows apart by, where that is known.
    pub(super) stretches: Option<Arc<Stretches>>,
    /// Rows are compared with what a version on record promises, once that is known.
    pub(crate) promise: Option<Promise>,
    /// The keys of rows that count as newer, whatever they are compared with.
    pub(crate) changed: Option<Arc<ChangedKeys>>,
}

/// What the user asked of one table.
#[derive(Clone, Copy, Debug, Default)]
pub struct ComparisonOptions<'a> {
    /// Whether source columns that the target lacks are left out.
    pub ignore_extra_columns: bool,
    /// The source's column that cuts windows; `None`: the only one with dates.
    pub date_column: Option<&'a str>,
    /// There are windows to compare.
    pub windowed: bool,
    /// The source's columns that windows are ranges of; none: windows are of days.
    pub key: &'a [String],
    /// Since when rows of the source count as newer.
    pub as_of: Option<&'a AsOf>,
    /// Rows of the source that changed after the version on record count as newer.
    pub as_of_ledger: bool,
}

/// A SELECT with columns before the row proper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ComparisonQuery {
    pub query: Query,
    pub lead: usize,
}

impl Comparison {
    /// # Errors
    /// Everything that can be known before anything is read: one table on both sides, columns that cannot be
    /// compared, no permission, no column to cut windows by.
    pub fn new(source: &Table, target: &Table, options: ComparisonOptions<'_>) -> Result<Self> {
        let name = &target.object.name;
        source.tell_from(target)?;
        for (table, role) in [(source, Role::Source), (target, Role::Target)] {
            if table.object.can_select == Some(false) {
                return Err(Error::data(format!("no permission to read it at the {role}"))
                    .remedy(format!("GRANT SELECT on it to the {role}'s login"))
                    .table(&table.object.name));
            }
        }
        let mapping = map(source, target, options.ignore_extra_columns)?;
        let server = |table: &Table| table.server.clone().unwrap_or_default();
        let tracked = source.indexes.iter().flatten().find(|index| index.primary_key).and_then(|primary| {
            let ids: Vec<i32> = primary.keys.iter().map(|key| key.column_id).collect();
            MergeKey::filled_by(target, &mapping, &ids).filter(|_| options.as_of_ledger)
        });
        let promise = options.as_of_ledger.then(|| Promise::new(source, target, &mapping, tracked.is_some()));
        let key = tracked.or_else(|| MergeKey::of(target, &mapping));
        let newer = options.as_of.map(|as_of| Newer::new(as_of, source, options.date_column)).transpose()?;
        if (newer.is_some() || promise.is_some()) && key.is_none() {
            let option = if promise.is_some() { "--as-of-ledger" } else { "--as-of" };
            return Err(Error::usage(format!("{option} needs a key to tell changed rows from new ones"))
                .remedy("Give the target a primary key or a unique constraint")
                .table(name));
        }
        let (cut_by, subject, cuts) = match cuts(source, target, &mapping, options)? {
            Some(FoundCut { cut_by, subject, cuts }) => (Some(cut_by), Some(subject), Some(cuts)),
            None => (None, None, None),
        };
        Ok(Self {
            source: source.object.name.clone(),
            target: name.clone(),
            article: source.article.clone(),
            rows_from: [source, target].map(|table| table.rows_from().to_string()),
            key,
            subject,
            cut_by,
            cuts,
            rows: source.rows(),
            pad_decimals: target.traits().pads_decimals,
            snapshot: [source, target].map(|table| server(table).allows_snapshot),
            newer,
            stretches: None,
            promise,
            changed: None,
            mapping,
        })
    }

    /// A comparison of the columns of `key`, which is of the same mapping, and of nothing else.
    pub(crate) fn of_keys(self, key: &MergeKey) -> Self {
        let columns = key.columns.iter().map(|at| self.mapping.columns[*at].clone()).collect();
        let mapping = Mapping { columns, ..self.mapping };
        Self {
            mapping,
            key: Some(key.alone()),
            cuts: None,
            cut_by: None,
            subject: None,
            newer: None,
            stretches: None,
            promise: None,
            ..self
        }
    }

    /// Does the side allow SNAPSHOT isolation?
    pub fn allows_snapshot(&self, role: Role) -> bool {
        self.snapshot[side(role)]
    }

    /// The rows of a window, or all of them. What they are grouped by comes first.
    pub(crate) fn all(
        &self,
        role: Role,
        window: Option<&Window>,
        grouping: Option<Grouping<'_>>,
    ) -> ComparisonQuery {
        let mut params = Vec::new();
        let predicate = window.and_then(|window| Some(self.cut(role)?.within(window, &mut params)));
        let group = grouping.and_then(|grouping| match grouping {
            Grouping::Days => self.date(role).map(DateColumn::day),
            Grouping::Stretches(stretches) => Some(stretches.number(role, &mut params)),
        });
        self.ask(role, group.into_iter().collect(), predicate, params)
    }

    /// What tells the rows of a window, or all rows, apart: the days of one that has several; else stretches of the key,
    /// which an index finds again. A window of keys is among the stretches, but not among the days of other windows.
    pub(crate) fn grouping(&self, window: Option<&Window>) -> Option<Grouping<'_>> {
        let has_days = self.date(Role::Source).is_some();
        let several = window.map(|window| window.days().is_some_and(|days| days.first != days.last()));
        let stretches = self.stretches.as_ref().map(Grouping::Stretches);
        match several {
            Some(true) => has_days.then_some(Grouping::Days),
            Some(false) => stretches,
            None => stretches.or(has_days.then_some(Grouping::Days)),
        }
    }

    /// Counts the rows of a side that ordinary windows pass by.
    pub fn outside(&self, role: Role) -> Option<Query> {
        Some(self.date(role)?.outside(&self.rows_from[side(role)]))
    }

    /// The rows of a part. In the order of the key, its columns come first and then, at the source, whether the row is
    /// newer than the copy, where that was asked.
    pub(crate) fn part(&self, role: Role, part: &RereadRows, key: Option<&MergeKey>) -> ComparisonQuery {
        self.part_led_by(role, part, key, &[])
    }

    /// The rows of a part in the order of the key. At the target the key's columns come as they are, too, so that rows of
    /// it can be named: after what it is ordered by.
    pub(crate) fn keyed(&self, role: Role, part: &RereadRows, key: &MergeKey) -> ComparisonQuery {
        let named = key.columns.iter().map(|at| quote(&self.mapping.columns[*at].target.name));
        let named: Vec<_> = if role == Role::Target { named.collect() } else { Vec::new() };
        self.part_led_by(role, part, Some(key), &named)
    }

    fn part_led_by(
        &self,
        role: Role,
        part: &RereadRows,
        key: Option<&MergeKey>,
        named: &[String],
    ) -> ComparisonQuery {
        let mut params = Vec::new();
        let predicate = part.predicate(role, self.cut(role), &mut params);
        let mut lead = Vec::new();
        for at in key.into_iter().flat_map(|key| &key.columns) {
            let column = &self.mapping.columns[*at];
            lead.push(sort_expression(column, expression(role, column)));
        }
        let order: Vec<_> = (1..=lead.len()).map(|n| n.to_string()).collect();
        if let (Some(_), Some(newer)) = (key, self.newer(role)) {
            lead.push(format!("CASE WHEN {} THEN 1 ELSE 0 END", newer.predicate(&mut params)));
        }
        lead.extend_from_slice(named);
        let mut question = self.ask(role, lead, predicate, params);
        if !order.is_empty() {
            question.query.sql.push_str(&format!(" ORDER BY {}", order.join(", ")));
        }
        question
    }

    /// Whether rows of this side are told to be newer than the copy.
    pub(crate) fn tells_newer(&self, role: Role) -> bool {
        self.newer(role).is_some()
    }

    fn newer(&self, role: Role) -> Option<&Newer> {
        self.newer.as_ref().filter(|_| role == Role::Source)
    }

    fn cut(&self, role: Role) -> Option<&Cut> {
        self.cuts.as_ref().map(|cuts| &cuts[side(role)])
    }

    fn date(&self, role: Role) -> Option<&DateColumn> {
        self.cut(role)?.date()
    }

    fn ask(
        &self,
        role: Role,
        lead: Vec<String>,
        predicate: Option<String>,
        params: Vec<Param>,
    ) -> ComparisonQuery {
        let list = match role {
            Role::Source => select_list(&self.mapping.columns, |column| &column.conversion.expression),
            Role::Target => select_list(&self.mapping.columns, |column| &column.conversion.verify),
        };
        let leads = lead.len();
        let lead = lead.into_iter().map(|column| column + ", ").collect::<String>();
        let mut sql = format!("SELECT {lead}{list} FROM {}", self.rows_from[side(role)]);
        if let Some(predicate) = predicate {
            sql.push_str(&format!(" WHERE {predicate}"));
        }
        ComparisonQuery { query: Query { sql, params }, lead: leads }
    }
}

fn side(role: Role) -> usize {
    usize::from(role == Role::Target)
}

fn expression(role: Role, column: &MappedColumn) -> &str {
    match role {
        Role::Source => &column.conversion.expression,
        Role::Target => &column.conversion.verify,
    }
}

/// What windows of a table are cut by.
struct FoundCut {
    cut_by: CutBy,
    subject: Subject,
    cuts: [Cut; 2],
}

/// What windows are cut by, on either side. Without windows a date column is of use if there is one, and no loss if there is
/// none.
fn cuts(
    source: &Table,
    target: &Table,
    mapping: &Mapping,
    options: ComparisonOptions<'_>,
) -> Result<Option<FoundCut>> {
    if !options.key.is_empty() {
        let columns = key_columns(source, &mapping.columns, options.key)?;
        let at_source = Key::at_source(&columns);
        let at_target = Key::at_target(&columns).map_err(|error| error.table(&source.object.name))?;
        let names: Vec<_> = columns.iter().map(|mapped| mapped.source.name.clone()).collect();
        let key = at_source.fingerprint();
        let subject = Subject::new(source, target, mapping, &names.join(", "), Some(&key));
        let cuts = [Cut::Key(at_source), Cut::Key(at_target)];
        return Ok(Some(FoundCut { cut_by: CutBy::Key(names), subject, cuts }));
    }
    let required = options.windowed || options.date_column.is_some();
    let column = match choose(source, options.date_column) {
        Ok(column) => column,
        Err(error) if required => return Err(error),
        Err(_) => return Ok(None),
    };
    match mapping.columns.iter().find(|mapped| mapped.source.id == column.id) {
        Some(mapped) => {
            let cuts = [DateColumn::at_source(mapped).into(), DateColumn::at_target(mapped).into()];
            let subject = Subject::new(source, target, mapping, &column.name, None);
            Ok(Some(FoundCut { cut_by: CutBy::Date(Some(column.name.clone())), subject, cuts }))
        }
        None if required => Err(Error::usage("windows cannot be cut by a column that the target lacks")
            .table(&source.object.name)
            .column(&column.name)),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::index::{Index, IndexKind, sample as index};
    use crate::catalog::table::sample;
    use crate::catalog::{Column, Length, SqlType};
    use crate::types::guide::column;
    use crate::window::DayRange;
    use time::macros::date;

    fn table(name: &str) -> Table {
        let mut table = sample(name);
        table.columns = vec![
            Column { id: 1, ..column("id", &SqlType::Int) },
            Column { id: 2, ..column("co]de", &SqlType::VarChar(Length::N(10))) },
            Column { id: 3, ..column("day", &SqlType::DateTime2(3)) },
            Column { id: 4, ..column("stamp", &SqlType::RowVersion) },
        ];
        let primary = Index { unique: true, primary_key: true, ..index(1, IndexKind::Clustered, &[2, 1]) };
        table.indexes = Some(vec![primary]);
        table
    }

    fn comparison(
        change: impl FnOnce(&mut Table, &mut Table),
        options: ComparisonOptions<'_>,
    ) -> Result<Comparison> {
        let (mut source, mut target) = (table("s.t"), table("dbo.t"));
        target.object.id = 2;
        change(&mut source, &mut target);
        Comparison::new(&source, &target, options)
    }

    #[test]
    fn both_sides_are_asked_for_the_same_values() {
        let to_bigint = |_: &mut Table, target: &mut Table| target.columns[0].sql_type = SqlType::BigInt;
        let comparison =
            comparison(to_bigint, ComparisonOptions { windowed: true, ..ComparisonOptions::default() })
                .unwrap();
        let window = DayRange { first: date!(2024 - 01 - 01), next: date!(2024 - 02 - 01) }.into();
        let source = comparison.all(Role::Source, Some(&window), Some(Grouping::Days));
        assert_eq!(
            source.query.sql,
            "SELECT CAST([day] AS date), CAST([id] AS bigint) AS [id], [co]]de], [day] FROM [s].[t] \
             WHERE [day] >= CAST(@P1 AS datetime2(3)) AND [day] < CAST(@P2 AS datetime2(3))"
        );
        assert_eq!((source.lead, source.query.params.len()), (1, 2));
        let target = comparison.all(Role::Target, None, None);
        assert_eq!(target.query.sql, "SELECT [id], [co]]de], [day] FROM [dbo].[t]");
        let left_out =
            comparison.mapping.left_out.iter().map(|left| (left.column.name.as_str(), left.filler));
        assert_eq!(left_out.collect::<Vec<_>>(), [("stamp", "rowversion")]);
    }

    #[test]
    fn parts_come_in_an_order_that_the_client_knows() {
        let as_of: AsOf = "0x7D1".parse().unwrap();
        let options = ComparisonOptions { as_of: Some(&as_of), ..ComparisonOptions::default() };
        let comparison = comparison(|_, _| {}, options).unwrap();
        let source = comparison.part(Role::Source, &RereadRows::All(None), comparison.key.as_ref());
        assert_eq!(
            source.query.sql,
            "SELECT CAST(CAST([co]]de] AS nvarchar(20)) AS varbinary(40)), [id], \
             CASE WHEN [stamp] > CAST(@P1 AS binary(8)) THEN 1 ELSE 0 END, [id], [co]]de], [day] \
             FROM [s].[t] ORDER BY 1, 2"
        );
        assert_eq!(source.query.params, [Param::Binary(vec![0, 0, 0, 0, 0, 0, 7, 0xD1])]);
        let target = comparison.part(Role::Target, &RereadRows::All(None), comparison.key.as_ref());
        assert_eq!((source.lead, target.lead), (3, 2));
    }

    #[test]
    fn a_key_that_does_not_arrive_whole_names_nothing() {
        let nothing = ComparisonOptions::default();
        assert!(
            comparison(|_, t| t.columns[1].sql_type = SqlType::VarChar(Length::Max), nothing)
                .unwrap()
                .key
                .is_none()
        );
        let rounded = |source: &mut Table, target: &mut Table| {
            source.columns[0].sql_type = SqlType::DateTime2(7);
            target.columns[0].sql_type = SqlType::DateTime2(0);
        };
        assert!(comparison(rounded, nothing).unwrap().key.is_none());
        assert!(comparison(|_, t| t.indexes = None, nothing).unwrap().key.is_none());
        let as_of: AsOf = "2024-01-31".parse().unwrap();
        let error = comparison(|_, t| t.indexes = None, ComparisonOptions { as_of: Some(&as_of), ..nothing })
            .unwrap_err();
        assert!(error.to_string().contains("needs a key"), "{error}");
    }

    #[test]
    fn windows_need_a_date_and_whole_tables_do_not() {
        let undated = |source: &mut Table, target: &mut Table| {
            source.columns.remove(2);
            target.columns.remove(2);
        };
        assert_eq!(comparison(undated, ComparisonOptions::default()).unwrap().grouping(None), None);
        assert!(
            comparison(undated, ComparisonOptions { windowed: true, ..ComparisonOptions::default() })
                .is_err()
        );
        let dated = comparison(|_, _| {}, ComparisonOptions::default()).unwrap();
        assert_eq!(dated.grouping(None), Some(Grouping::Days));
    }

    #[test]
    fn as_of_wants_a_column_of_its_kind() {
        let wrong: AsOf = "id=0x01".parse().unwrap();
        let error =
            comparison(|_, _| {}, ComparisonOptions { as_of: Some(&wrong), ..ComparisonOptions::default() })
                .unwrap_err();
        assert!(error.to_string().contains("column id is int"), "{error}");
    }
}
