//! Only the rows that differ: the statements that bring a table in step from what was staged beside it. Pure.
//!
//! Two tables of the session hold what differs: rows that are new or have changed, as they are, and the keys of rows that
//! are gone. They lie in tempdb, whose collation is not that of the target: every column says its own (Microsoft docs,
//! "tempdb database", and "CREATE TABLE", temporary tables).
use super::{CopyOptions, Limits, Plan};
use crate::catalog::index::Index;
use crate::catalog::{Column, SqlType, Table, TableName, quote};
use crate::compare::key::{MergeKey, WITHOUT_KEY};
use crate::config::Apply;
use crate::error::{Error, Result};
use crate::refusal::Refusal;
use crate::report::ExplainLine;
use crate::shape::{self, ROWS_WITHOUT_ESCALATION, Reason, Strategy};
use crate::tds::rpc::{Param, Query};
use crate::types::mapping::Mapping;
use crate::window::DateColumn;

/// Where the rows of a difference are staged: tables of the session alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DifferenceTables {
    /// Of rows that are new or have changed.
    pub rows: String,
    /// Of the keys of rows that are gone.
    pub gone: String,
}

impl DifferenceTables {
    /// Those of one of the tables whose differences a session holds; the first is 0.
    fn numbered(place: usize) -> Self {
        let number = if place == 0 { String::new() } else { format!("_{place}") };
        Self { rows: format!("[#replica_rows{number}]"), gone: format!("[#replica_gone{number}]") }
    }
}

/// How the rows that differ are written.
#[derive(Clone, Debug)]
pub struct DifferencePlan {
    /// What rows are named by.
    pub(crate) key: MergeKey,
    target: TableName,
    /// The target's columns that get values, in the order of the mapping.
    columns: Vec<Column>,
    /// Which of them are the key.
    named_by: Vec<Column>,
    pub(crate) staging: DifferenceTables,
    /// Numbers the staged rows; the target has no column of this name.
    number: String,
    /// Rows that one statement changes; `None`: all, since some need each other.
    pub(crate) batch: Option<u64>,
    /// A foreign key of the table points at itself: rows come before those that point at them, and go after.
    pub(crate) points_at_itself: bool,
}

/// Why a table's rows cannot be told apart.
fn without_key(target: &Table) -> Error {
    Error::refused(Refusal::NoKey, WITHOUT_KEY)
        .remedy("Give the target a primary key, or say --apply replace")
        .table(&target.object.name)
}

/// How the target is brought in step: as the user says, or as its foreign keys suggest. `replacing`: what a
/// replacement would be.
pub(super) fn decided(
    target: &Table,
    mapping: &Mapping,
    options: CopyOptions,
    replacing: Strategy,
) -> (Strategy, Option<DifferencePlan>) {
    let strategy = || shape::difference(target, options.load, options.allowance.cascade);
    match options.apply {
        Apply::Replace => (replacing, None),
        Apply::Difference => match DifferencePlan::of(target, mapping) {
            Ok(difference) => (strategy(), Some(difference)),
            Err(refusal) => (strategy().refused(refusal), None),
        },
        Apply::Auto if !may_differ(target, options) => {
            (replacing.because(Reason::ReplaceAsBefore { why: options.last.to_string() }), None)
        }
        Apply::Auto => {
            let possible = DifferencePlan::of(target, mapping).and_then(|difference| {
                let strategy = strategy();
                strategy.refusals.first().cloned().map_or(Ok((strategy, difference)), Err)
            });
            match possible {
                Ok((strategy, difference)) => {
                    let by_record = || Reason::DifferenceByRecord { why: options.last.to_string() };
                    let reason = if has_children(target) { Reason::DifferenceForKeys } else { by_record() };
                    (strategy.because(reason), Some(difference))
                }
                Err(why) => (replacing.because(Reason::NoDifference { why: why.to_string() }), None),
            }
        }
    }
}

/// Do other tables point at this one?
fn has_children(target: &Table) -> bool {
    target.incoming_keys().any(|key| !key.own)
}

/// Does anything speak for a difference, where the user leaves the choice?
fn may_differ(target: &Table, options: CopyOptions) -> bool {
    has_children(target) || options.last.changes_little()
}

/// What is refused of a target whatever its source has: of its windows, or as a whole.
pub fn refusals(target: &Table, windows: bool, options: CopyOptions) -> Vec<Error> {
    let differing = || shape::difference(target, options.load, options.allowance.cascade).refusals;
    match options.apply {
        Apply::Difference => differing(),
        Apply::Auto if may_differ(target, options) && differing().is_empty() => Vec::new(),
        // Which column cuts them decides how they are replaced, not whether.
        _ if windows => shape::windowed(target, 0, options.load).refusals,
        _ => shape::strategy(target, None, options.load).refusals,
    }
}

impl DifferencePlan {
    /// # Errors
    /// The target has no key that names its rows.
    fn of(target: &Table, mapping: &Mapping) -> Result<Self> {
        Self::by(MergeKey::identifying(target, mapping).ok_or_else(|| without_key(target))?, target, mapping)
    }

    /// Rows are told apart by this key of the target.
    ///
    /// # Errors
    /// Rows of it cannot be staged.
    pub(super) fn by(key: MergeKey, target: &Table, mapping: &Mapping) -> Result<Self> {
        if let Some(error) = unknown_to_tempdb(target, mapping) {
            return Err(error);
        }
        let columns: Vec<Column> = mapping.columns.iter().map(|column| column.target.clone()).collect();
        let named_by: Vec<Column> = key.columns.iter().map(|at| columns[*at].clone()).collect();
        let mut number = "replica_n".to_owned();
        while target.columns.iter().any(|column| column.name.eq_ignore_ascii_case(&number)) {
            number.push('_');
        }
        let points_at_itself =
            target.foreign_keys.iter().flatten().any(|key| key.own && key.incoming && !key.disabled);
        let is_named_by = |index: &Index| {
            index.keys.len() == named_by.len()
                && index.keys.iter().zip(&named_by).all(|(key, column)| key.column_id == column.id)
        };
        // Two rows that swap values of it must change in one statement.
        let others = target.indexes.iter().flatten();
        let also_unique = others.clone().any(|index| index.unique && !index.disabled && !is_named_by(index));
        let batch = (!points_at_itself && !also_unique).then_some(ROWS_WITHOUT_ESCALATION);
        Ok(Self {
            key,
            target: target.object.name.clone(),
            columns,
            named_by,
            staging: DifferenceTables::numbered(0),
            number,
            batch,
            points_at_itself,
        })
    }

    /// Staged beside the differences of other tables.
    pub(crate) fn staged_at(&mut self, place: usize) {
        self.staging = DifferenceTables::numbered(place);
    }

    /// The staging tables, in batches of their own: what sp_executesql creates goes when it ends.
    pub(crate) fn create(&self) -> [String; 2] {
        [(&self.staging.rows, &self.columns), (&self.staging.gone, &self.named_by)].map(|(table, columns)| {
            let columns = columns.iter().map(|column| {
                let collation = column.collation.as_ref().map(|collation| format!(" COLLATE {}", collation.name));
                let null = if column.nullable { "NULL" } else { "NOT NULL" };
                let (name, collation) = (quote(&column.name), collation.unwrap_or_default());
                format!("{name} {}{collation} {null}", column.sql_type)
            });
            let columns = columns.collect::<Vec<_>>().join(", ");
            let number = quote(&self.number);
            format!("CREATE TABLE {table} ({number} bigint IDENTITY(1,1) NOT NULL PRIMARY KEY CLUSTERED, {columns})")
        })
    }

    /// Takes the staging tables away, for a session that lives on.
    pub(crate) fn drop_staging(&self) -> String {
        let DifferenceTables { rows, gone } = &self.staging;
        format!("DROP TABLE {rows}, {gone}")
    }

    /// The columns that name rows, as the target has them.
    pub(crate) fn named_by(&self) -> &[Column] {
        &self.named_by
    }

    /// `s` and `t` are one row, as the server compares keys.
    fn same(&self, s: &str, t: &str) -> String {
        let equal = self.named_by.iter().map(|column| {
            let name = quote(&column.name);
            format!("{s}.{name} = {t}.{name}")
        });
        equal.collect::<Vec<_>>().join(" AND ")
    }

    fn some(&self) -> String {
        format!("s.{} BETWEEN @P1 AND @P2", quote(&self.number))
    }

    /// Text that differs in case or in trailing blanks may be one key to the server.
    pub(crate) fn may_be_one_key(&self) -> bool {
        let is_text = |column: &Column| column.collation.is_some();
        self.named_by.iter().any(is_text)
    }

    /// Takes those keys from the gone ones that are one to the server with that of a staged row: their row stays, and gets
    /// other bytes.
    pub(crate) fn keep_equal_keys(&self) -> Query {
        let (DifferenceTables { rows, gone }, same) = (&self.staging, self.same("s", "g"));
        format!("DELETE g FROM {gone} AS g WHERE EXISTS (SELECT 1 FROM {rows} AS s WHERE {same})").into()
    }

    /// Counts what is in one of the staging tables and, by its key, in the target. UPDLOCK: it stays there.
    pub(crate) fn count_there(&self, staged: &str) -> Query {
        let (target, same) = (self.target.quoted(), self.same("s", "t"));
        format!(
            "SELECT COUNT_BIG(*) FROM {staged} AS s WHERE EXISTS \
             (SELECT 1 FROM {target} AS t WITH (UPDLOCK, ROWLOCK) WHERE {same})"
        )
        .into()
    }

    /// Counts the staged rows whose key has other bytes at the target, though it is one to the server. `None`: no type of
    /// the key has such values.
    pub(crate) fn count_renamed(&self) -> Option<Query> {
        // Numbers that compare equal may differ in a zero's sign, moments in their offset.
        let may_differ = |column: &&Column| {
            column.collation.is_some()
                || matches!(column.sql_type, SqlType::DateTimeOffset(_) | SqlType::Float | SqlType::Real)
        };
        let differs = self.named_by.iter().filter(may_differ).map(|column| {
            let name = quote(&column.name);
            // Trailing zeros count for nothing where bytes are compared: so does the length.
            format!(
                "CAST(t.{name} AS varbinary(8000)) <> CAST(s.{name} AS varbinary(8000)) \
                 OR DATALENGTH(t.{name}) <> DATALENGTH(s.{name})"
            )
        });
        let differs = differs.collect::<Vec<_>>().join(" OR ");
        let (target, same, rows) = (self.target.quoted(), self.same("s", "t"), &self.staging.rows);
        (!differs.is_empty()).then(|| {
            format!("SELECT COUNT_BIG(*) FROM {target} AS t INNER JOIN {rows} AS s ON {same} WHERE {differs}")
                .into()
        })
    }

    /// The days of all rows that are staged, as the target has them and as they will be, each once: as yyyymmdd, NULL for
    /// rows without one.
    pub(crate) fn days(&self, date: &DateColumn) -> Query {
        let (target, same, day) = (self.target.quoted(), self.same("s", "t"), date.day_number());
        let DifferenceTables { rows, gone } = &self.staging;
        let there = |staged: &str| {
            format!(
                "SELECT {day} AS replica_day FROM {target} AS t WHERE EXISTS (SELECT 1 FROM {staged} AS s WHERE {same})"
            )
        };
        format!("{} UNION {} UNION SELECT {day} FROM {rows}", there(rows), there(gone)).into()
    }

    /// Staged rows that the target has outside the window.
    pub(crate) fn count_moved(&self, limits: &Limits) -> Query {
        let mut params = Vec::new();
        let within = limits.at_target.within(&limits.window, &mut params);
        let (target, same, rows) = (self.target.quoted(), self.same("s", "t"), &self.staging.rows);
        let sql = format!(
            "SELECT COUNT_BIG(*) FROM {target} AS t WHERE EXISTS (SELECT 1 FROM {rows} AS s WHERE {same}) \
             AND CASE WHEN {within} THEN 0 ELSE 1 END = 1"
        );
        Query { sql, params }
    }

    /// Deletes the rows whose keys are gone, of some numbers; of those only that are still in the window.
    pub(crate) fn delete(&self, limits: Option<&Limits>, some: [u64; 2]) -> Query {
        let mut params = numbers(some);
        let (target, same, some) = (self.target.quoted(), self.same("s", "t"), self.some());
        let within = limits.map(|limits| limits.at_target.within(&limits.window, &mut params));
        let within = within.map(|within| format!(" AND ({within})")).unwrap_or_default();
        let gone = &self.staging.gone;
        let sql = format!(
            "DELETE t FROM {target} AS t WITH (ROWLOCK) WHERE EXISTS (SELECT 1 FROM {gone} AS s WHERE {same} AND {some}){within}"
        );
        Query { sql, params }
    }

    /// Gives the rows that are there all their staged values but the key's. `None`: the key is all.
    pub(crate) fn update(&self) -> Option<SomeRows> {
        let is_set =
            |column: &&Column| !column.identity && self.named_by.iter().all(|key| key.id != column.id);
        self.set(self.columns.iter().filter(is_set))
    }

    /// Gives them the key's bytes, too: values that are one to the server may have others.
    pub(crate) fn update_keys(&self) -> Option<SomeRows> {
        self.set(self.named_by.iter().filter(|column| !column.identity))
    }

    fn set<'a>(&self, columns: impl Iterator<Item = &'a Column>) -> Option<SomeRows> {
        let set = columns.map(|column| {
            let name = quote(&column.name);
            format!("{name} = s.{name}")
        });
        let set = set.collect::<Vec<_>>().join(", ");
        let (target, same, rows) = (self.target.quoted(), self.same("s", "t"), &self.staging.rows);
        let sql = format!(
            "UPDATE t SET {set} FROM {target} AS t WITH (ROWLOCK) INNER JOIN {rows} AS s ON {same} WHERE {}",
            self.some()
        );
        (!set.is_empty()).then_some(SomeRows(sql))
    }

    /// The server does not update identity columns (error 8102): counts the rows that would need it.
    pub(crate) fn count_renumbered(&self) -> Option<(&Column, Query)> {
        let is_key = |column: &Column| self.named_by.iter().any(|key| key.id == column.id);
        let column = self.columns.iter().find(|column| column.identity && !is_key(column))?;
        let (target, same, name) = (self.target.quoted(), self.same("s", "t"), quote(&column.name));
        let rows = &self.staging.rows;
        let sql = format!(
            "SELECT COUNT_BIG(*) FROM {target} AS t INNER JOIN {rows} AS s ON {same} WHERE t.{name} <> s.{name}"
        );
        Some((column, sql.into()))
    }

    /// What has to be said before rows with numbers of their own come, and after: a session has it ON for one table.
    pub(crate) fn keep_numbers(&self, keep: bool) -> Option<String> {
        let numbered = self.columns.iter().any(|column| column.identity);
        let keep = if keep { "ON" } else { "OFF" };
        numbered.then(|| format!("SET IDENTITY_INSERT {} {keep}", self.target.quoted()))
    }

    /// Inserts the staged rows, of some numbers, that are not there.
    pub(crate) fn insert(&self, some: [u64; 2]) -> Query {
        let names: Vec<_> = self.columns.iter().map(|column| quote(&column.name)).collect();
        let values = names.iter().map(|name| format!("s.{name}")).collect::<Vec<_>>().join(", ");
        let (target, names, same) = (self.target.quoted(), names.join(", "), self.same("s", "t"));
        let rows = &self.staging.rows;
        let sql = format!(
            "INSERT INTO {target} WITH (ROWLOCK) ({names}) SELECT {values} FROM {rows} AS s WHERE {} \
             AND NOT EXISTS (SELECT 1 FROM {target} AS t WHERE {same})",
            self.some()
        );
        Query { sql, params: numbers(some) }
    }

    /// The keys that point at the target by now and act on rows of other tables, a row for each pair of columns.
    pub(crate) fn acting_keys() -> &'static str {
        "SELECT fk.name AS name, OBJECT_SCHEMA_NAME(fk.parent_object_id) AS schema_name, \
         OBJECT_NAME(fk.parent_object_id) AS table_name, CAST(fk.delete_referential_action AS int) AS on_delete, \
         CAST(fk.update_referential_action AS int) AS on_update, \
         COL_NAME(pair.parent_object_id, pair.parent_column_id) AS from_column, \
         COL_NAME(pair.referenced_object_id, pair.referenced_column_id) AS to_column \
         FROM sys.foreign_keys AS fk INNER JOIN sys.foreign_key_columns AS pair ON pair.constraint_object_id = fk.object_id \
         WHERE fk.referenced_object_id = OBJECT_ID(@P1) AND fk.is_disabled = 0 \
         AND (fk.delete_referential_action <> 0 OR fk.update_referential_action <> 0) \
         ORDER BY fk.object_id, pair.constraint_column_id"
    }

    /// Counts the rows of another table that point, by these pairs of its columns and the target's, at rows whose keys are
    /// in a staging table. HOLDLOCK: none comes to it before the commit.
    pub(crate) fn count_children(
        &self,
        child: &TableName,
        pairs: &[(String, String)],
        staged: &str,
    ) -> Query {
        let pairs = pairs.iter().map(|(from, to)| format!("t.{} = c.{}", quote(to), quote(from)));
        let (pairs, same) = (pairs.collect::<Vec<_>>().join(" AND "), self.same("s", "t"));
        let (child, target) = (child.quoted(), self.target.quoted());
        format!(
            "SELECT COUNT_BIG(*) FROM {child} AS c WITH (HOLDLOCK) WHERE EXISTS \
             (SELECT 1 FROM {target} AS t INNER JOIN {staged} AS s ON {same} WHERE {pairs})"
        )
        .into()
    }

    /// What happens after the reading, as (topic, text) lines.
    pub(crate) fn explain(&self, plan: &Plan) -> Vec<ExplainLine> {
        let names = self.named_by.iter().map(|column| column.name.as_str()).collect::<Vec<_>>().join(", ");
        let mut lines = vec![
            ExplainLine::new(
                "compare",
                format!("both sides by sums, then the days that differ in the order of the key: {names}"),
            ),
            ExplainLine::new(
                "locks",
                "intent exclusive (IX) on the target, exclusive (X) on the rows that differ, to the commit: locking readers of these rows wait; with row versioning (RCSI, SNAPSHOT) readers see the old rows until then",
            ),
        ];
        let mut add = |text: String| lines.push(ExplainLine::new("statement", text));
        self.create().into_iter().for_each(|sql| add(format!("{sql} -- if there is a difference")));
        self.written(plan).into_iter().for_each(&mut add);
        add("COMMIT TRANSACTION -- with the ledger's row, if there is one".into());
        lines
    }

    /// The statements of the transaction, as people read them.
    pub(crate) fn written(&self, plan: &Plan) -> Vec<String> {
        let mut statements = vec!["BEGIN TRANSACTION".to_owned()];
        let mut add = |text: String| statements.push(text);
        let some = [1, self.batch.unwrap_or(i64::MAX as u64)];
        let again = match self.batch {
            Some(rows) => format!("{rows} rows a statement, so that no lock grows to one on the table"),
            None => "in one statement, since rows may need each other: from about 5,000 rows on the server may lock the table".to_owned(),
        };
        let delete =
            format!("{} -- rows that are gone; {again}", self.delete(plan.limits.as_ref(), some).sql);
        let update = self.update().map(|update| format!("{} -- rows that have changed; {again}", update.0));
        let mut insert: Vec<String> = self.keep_numbers(true).into_iter().collect();
        insert.push(format!("{} -- rows that are new; {again}", self.insert(some).sql));
        if self.points_at_itself {
            insert.into_iter().chain(update).chain([delete]).for_each(&mut add);
        } else {
            [delete].into_iter().chain(update).chain(insert).for_each(&mut add);
        }
        statements
    }
}

/// A statement on some of the staged rows.
pub(crate) struct SomeRows(String);

impl SomeRows {
    /// Those of these numbers, the last one among them.
    pub(crate) fn of(&self, some: [u64; 2]) -> Query {
        Query { sql: self.0.clone(), params: numbers(some) }
    }
}

fn numbers([first, last]: [u64; 2]) -> Vec<Param> {
    [first, last].map(|number| Param::BigInt(i64::try_from(number).unwrap_or(i64::MAX))).to_vec()
}

/// Types that the staging tables cannot have: assemblies of the user are in the target's database alone.
fn unknown_to_tempdb(target: &Table, mapping: &Mapping) -> Option<Error> {
    let known = ["hierarchyid", "geometry", "geography"];
    let column =
        mapping.columns.iter().map(|mapped| &mapped.target).find(|column| match &column.sql_type {
            SqlType::Clr(name) => !known.contains(&name.as_str()),
            _ => false,
        })?;
    Some(
        Error::refused(
            Refusal::UnknownToTempdb,
            format!("tempdb, where the rows that differ are staged, has no type {}", column.sql_type),
        )
        .remedy("Say --apply replace, or copy the table by replicate-reference-tables")
        .table(&target.object.name)
        .column(&column.name),
    )
}
