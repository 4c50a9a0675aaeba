//! What will be done, as statements. Pure: a plan is made from two catalogs and the user's options, and says all
//! of itself in [`Plan::explain`].
use crate::catalog::index::KeyColumn;
use crate::catalog::{Article, CatalogFingerprint, RowsFrom, SqlType, Table, TableName, quote};
use crate::config::{Allowance, Apply, Publish};
use crate::error::{Error, Result};
use crate::ledger::{LastLoad, source_name};
use crate::load::{FIRE_TRIGGERS, Load, LoadColumn};
use crate::shape::{DeleteMethod, LoadOptions, Strategy, strategy};
use crate::tds::columns::WireColumn;
use crate::tds::rpc::{Param, Query};
use crate::types::mapping::{MappedColumn, Mapping, map};
use crate::window::{Cut, Window, and_where};

mod changes;
mod defaults;
mod difference;
mod explain;
mod part;
mod publish;
mod statements;
mod windowed;

pub(crate) use changes::{ChangesPlan, any_change, row_version};
pub(crate) use difference::DifferencePlan;
pub use difference::refusals;
pub use part::RowSelection;
pub(crate) use publish::{Publishing, StreamsPlan};
pub(crate) use statements::{Phase, Statement};
pub(crate) use windowed::{WindowedPlan, key_columns};

/// One table's replacement.
#[derive(Clone, Debug)]
pub struct Plan {
    /// As its catalog has it.
    pub source: TableName,
    /// The same with its server and database, as the ledger shows where rows come from.
    pub from: String,
    /// Both servers answer all questions of the catalog in one request.
    pub told_at_once: bool,
    /// Of what the source's and the target's catalog have told, where nothing else but the options goes into the plan.
    pub catalogs: Option<(CatalogFingerprint, CatalogFingerprint)>,
    /// As its catalog has it.
    pub target: TableName,
    /// The target's object_id.
    pub target_id: i64,
    /// What of the source's table is copied.
    pub article: Article,
    /// Every statement over the source's rows has it after FROM.
    pub rows_from: RowsFrom,
    /// Which columns are copied, and how each gets over.
    pub mapping: Mapping,
    /// What the target's shape decides: locks, batches, order, indexes.
    pub strategy: Strategy,
    /// The source's own estimate.
    pub source_rows: Option<u64>,
    /// The target's own estimate of the rows that it has.
    pub target_rows: Option<u64>,
    /// Security policies that hide rows of either side.
    pub row_filters: Vec<String>,
    /// What else than its rows the replacement may lose.
    pub allowance: Allowance,
    /// The servers' estimates are not to be relied on.
    pub count_rows: bool,
    /// The source is read under SNAPSHOT isolation.
    pub snapshot: bool,
    /// The source is read a second time, and has to send the same rows: both times of one point in time, where it is read
    /// under SNAPSHOT isolation.
    pub reread: bool,
    /// The rows are read and loaded in the order of the target's clustered key.
    pub sorted: Vec<Sorted>,
    /// Only these rows, on either side; `None`: all.
    pub limits: Option<Limits>,
    /// Only the rows that differ are written; `None`: all are replaced.
    pub difference: Option<DifferencePlan>,
    /// How new rows become visible.
    pub publishing: Publishing,
    /// Several streams read it, each some ranges of its key; `None`: one.
    pub streams: Option<StreamsPlan>,
    /// Rows that are gone at the source stay for now.
    pub keep_gone: bool,
    /// What the user should know and nobody has to act on.
    pub warnings: Vec<String>,
}

/// The rows of one window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub window: Window,
    /// The source's name of what windows are cut by.
    pub cut_by: String,
    pub at_source: Cut,
    pub at_target: Cut,
}

/// A column to order by: its name at the target, which is its alias in the SELECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sorted {
    pub column: String,
    pub descending: bool,
}

/// What the user asked of one table.
#[derive(Clone, Copy, Debug, Default)]
pub struct CopyOptions {
    /// Whether source columns that the target lacks are left out.
    pub ignore_extra_columns: bool,
    /// What the copy may do to rows and values that the source does not have.
    pub allowance: Allowance,
    /// The servers' estimates turned out wrong.
    pub count_rows: bool,
    /// The source refused SNAPSHOT isolation.
    pub no_snapshot: bool,
    /// How it is brought in step.
    pub apply: Apply,
    /// What the last run came to, where that decides how ([`informed`](crate::copy::informed)).
    pub last: LastLoad,
    /// What this run comes to says nothing of the next one: it is a repair, or a first comparison.
    pub unrecorded: bool,
    /// How its new rows become visible.
    pub publish: Publish,
    /// Streams at once that load it beside the target; one, unless it is more.
    pub streams: u32,
    /// With differences: rows that are gone at the source stay for now, since rows of other tables may still point at
    /// them.
    pub keep_gone: bool,
    /// How rows are loaded.
    pub load: LoadOptions,
}

impl CopyOptions {
    /// Rows that are loaded beside the target are held against its constraints on their way in.
    fn loading(&self) -> LoadOptions {
        let check_constraints = self.load.check_constraints || self.publish.is_beside();
        LoadOptions { check_constraints, ..self.load }
    }
}

impl Plan {
    /// # Errors
    /// One table on both sides, columns that cannot be mapped, a source that may not be read. What else is refused is in
    /// the plan: see [`Plan::allowed`].
    pub fn new(source: &Table, target: &Table, options: CopyOptions) -> Result<Self> {
        let mapping = mapping(source, target, options)?;
        let rows = source.rows();
        let strategy = strategy(target, rows, options.loading());
        Ok(Self::of(source, target, options, (mapping, strategy)))
    }

    fn of(source: &Table, target: &Table, options: CopyOptions, decided: (Mapping, Strategy)) -> Self {
        let (mapping, replacing) = decided;
        let (strategy, difference) = difference::decided(target, &mapping, options, replacing);
        let sorted = sorted(source, &mapping, &strategy.order);
        let mut warnings = strategy.warnings.clone();
        for column in &mapping.columns {
            let losses = column.conversion.losses.iter();
            warnings.extend(losses.map(|loss| format!("column {}: {loss}", column.target.name)));
        }
        warnings.extend(target.masked_when_read_back());
        if source.article.changes_with_time() {
            warnings.push(
                "the condition on the rows, or an expression, changes with time: what is copied now may not be what is compared later".into(),
            );
        }
        let mut row_filters = Vec::new();
        for (side, table) in [("source", source), ("target", target)] {
            row_filters.extend(table.hides_rows(side));
            warnings.extend(table.may_hide_rows(side).filter(|_| !options.allowance.row_filters));
            warnings
                .extend(table.unknown.iter().map(|what| format!("could not learn from the {side}: {what}")));
        }
        Self {
            source: source.object.name.clone(),
            from: source_name(source),
            told_at_once: source.told_at_once && target.told_at_once,
            catalogs: source.fingerprint.zip(target.fingerprint),
            target: target.object.name.clone(),
            target_id: target.object.id,
            article: source.article.clone(),
            rows_from: source.rows_from(),
            mapping,
            strategy,
            source_rows: source.rows(),
            target_rows: target.rows(),
            allowance: options.allowance,
            row_filters,
            count_rows: options.count_rows,
            snapshot: !options.no_snapshot
                && source.server.as_ref().is_some_and(|server| server.allows_snapshot),
            reread: false,
            sorted,
            limits: None,
            difference,
            publishing: Publishing::Direct,
            streams: None,
            keep_gone: options.keep_gone,
            warnings,
        }
    }

    /// Whoever carries the plan out asks this first; whoever explains it need not.
    ///
    /// # Errors
    /// Why it must not happen: the first reason, if there are several.
    pub fn allowed(&self) -> Result<()> {
        self.strategy.refusals.first().map_or(Ok(()), |refusal| Err(refusal.clone()))
    }

    /// ` FROM ... WHERE ...` of the keys that point at the target by now and whose actions would not rest while its rows
    /// are deleted; `None`: rows are not deleted, or keys are nothing that this server can be asked for.
    pub fn acting_keys(&self, params: &mut Vec<Param>) -> Option<String> {
        let others = match self.strategy.delete_method {
            _ if !self.strategy.keys.known => return None,
            DeleteMethod::Truncate => return None,
            DeleteMethod::Delete => " AND fk.parent_object_id <> fk.referenced_object_id",
            DeleteMethod::DeleteWindow | DeleteMethod::DeleteWindowInBatches(_) => "",
        };
        params.push(Param::Text(self.target.quoted()));
        let target = params.len();
        Some(format!(
            " FROM sys.foreign_keys AS fk WHERE fk.referenced_object_id = OBJECT_ID(@P{target}) \
             AND fk.is_disabled = 0 AND fk.delete_referential_action <> 0{others}"
        ))
    }

    /// The SELECT on the source.
    pub fn select(&self) -> Query {
        let list = select_list(&self.mapping.columns, |column| &column.conversion.expression);
        let mut query = self.at_source(&format!("SELECT {list}"));
        query.sql.push_str(&self.order_by());
        query
    }

    /// The SELECT on the target that reads the same bytes back.
    pub fn verify_select(&self) -> Query {
        let list = select_list(&self.mapping.columns, |column| &column.conversion.verify);
        self.at_target(&format!("SELECT {list} FROM {}", self.target.quoted()))
    }

    /// How many rows the target has.
    pub fn count(&self) -> Query {
        self.at_target(&format!("SELECT COUNT_BIG(*) FROM {}", self.target.quoted()))
    }

    /// How many rows the source has, counted no further than `most`.
    pub fn count_at_source(&self, most: u64) -> Query {
        let mut params = vec![Param::BigInt(i64::try_from(most).unwrap_or(i64::MAX))];
        let limits = self.limits.as_ref();
        let within = limits.map(|limits| limits.at_source.within(&limits.window, &mut params));
        let rows = format!("SELECT TOP (@P1) 1 AS [one] FROM {}{}", self.rows_from, and_where(None, within));
        Query { sql: format!("SELECT COUNT_BIG(*) FROM ({rows}) AS [some]"), params }
    }

    /// A SELECT list, from the source and within the limits.
    fn at_source(&self, select: &str) -> Query {
        let from = format!("{select} FROM {}", self.rows_from);
        within(from, self.limits.as_ref().map(|limits| (&limits.at_source, &limits.window)))
    }

    /// A statement, within the limits.
    fn at_target(&self, statement: &str) -> Query {
        within(statement.to_owned(), self.limits.as_ref().map(|limits| (&limits.at_target, &limits.window)))
    }

    fn order_by(&self) -> String {
        if self.sorted.is_empty() {
            return String::new();
        }
        let columns = self.sorted.iter().map(|sorted| {
            let direction = if sorted.descending { " DESC" } else { "" };
            format!("{}{direction}", quote(&sorted.column))
        });
        format!(" ORDER BY {}", columns.collect::<Vec<_>>().join(", "))
    }

    /// The load of a SELECT whose columns have arrived: each is declared as it lies on the wire.
    ///
    /// # Errors
    /// Not as many have arrived as were asked for.
    pub fn load(&self, arrived: &[WireColumn]) -> Result<Load> {
        let asked = self.mapping.columns.len();
        let sent = arrived.len();
        if asked != sent {
            return Err(Error::protocol(format!(
                "the source answers a SELECT of {asked} columns with {sent}"
            )));
        }
        let columns = self.mapping.columns.iter().zip(arrived).map(|(column, arrived)| {
            LoadColumn::new(&column.target, arrived, column.conversion.collation.as_deref())
        });
        Ok(self.load_of(columns.collect()))
    }

    fn load_of(&self, columns: Vec<LoadColumn>) -> Load {
        let batches = self.strategy.batches;
        Load {
            table: self.target.quoted(),
            columns,
            hints: self.hints(),
            chunk_rows: batches.chunk_rows,
            chunk_bytes: batches.chunk_bytes,
            commit_rows: batches.commit_rows,
            fence: None,
        }
    }

    fn hints(&self) -> Vec<String> {
        // Without KEEP_NULLS a NULL would become the column's default.
        let mut hints = vec!["KEEP_NULLS".to_owned()];
        let flags = [
            (self.strategy.lock.tablock(), "TABLOCK"),
            (self.strategy.check_constraints, "CHECK_CONSTRAINTS"),
            (self.strategy.fire_triggers, FIRE_TRIGGERS),
        ];
        hints.extend(flags.iter().filter(|(on, _)| *on).map(|(_, hint)| (*hint).to_owned()));
        if !self.sorted.is_empty() {
            let order = self.sorted.iter().map(|sorted| {
                format!("{} {}", quote(&sorted.column), if sorted.descending { "DESC" } else { "ASC" })
            });
            hints.push(format!("ORDER ({})", order.collect::<Vec<_>>().join(", ")));
        }
        hints
    }
}

/// What can be known of the columns before anything is written.
fn mapping(source: &Table, target: &Table, options: CopyOptions) -> Result<Mapping> {
    source.tell_from(target)?;
    if source.object.can_select == Some(false) {
        return Err(Error::data("no permission to read it at the source")
            .remedy("GRANT SELECT on it to the source's login")
            .table(&source.object.name));
    }
    map(source, target, options.ignore_extra_columns)
}

fn within(statement: String, limits: Option<(&Cut, &Window)>) -> Query {
    let mut query = Query::from(statement);
    if let Some((cut, window)) = limits {
        let within = cut.within(window, &mut query.params);
        query.sql = format!("{} WHERE {within}", query.sql);
    }
    query
}

pub(crate) fn select_list<'a>(
    columns: &'a [MappedColumn],
    expression: impl Fn(&'a MappedColumn) -> &'a String,
) -> String {
    let items = columns.iter().map(|column| {
        let expression = expression(column);
        let alias = quote(&column.target.name);
        if *expression == alias { alias } else { format!("{expression} AS {alias}") }
    });
    items.collect::<Vec<_>>().join(", ")
}

/// Rows come in the order of the target's clustered key when the source has them in that order anyway, and when
/// both servers agree on what the order is. ORDER promised and not kept is an error (4819).
fn sorted(source: &Table, mapping: &Mapping, order: &[KeyColumn]) -> Vec<Sorted> {
    let Some(base) = source.base_index().filter(|index| !index.keys.is_empty()) else { return Vec::new() };
    if order.len() > base.keys.len() {
        return Vec::new();
    }
    let mut sorted = Vec::new();
    for (key, source_key) in order.iter().zip(&base.keys) {
        let column = mapping.columns.iter().find(|column| column.target.id == key.column_id);
        let Some(column) = column.filter(|column| {
            column.source.id == source_key.column_id
                && !source.is_computed(&column.source)
                && key.descending == source_key.descending
                && orders_alike(column)
        }) else {
            return Vec::new();
        };
        sorted.push(Sorted { column: column.target.name.clone(), descending: key.descending });
    }
    sorted
}

/// Same type and, for text, same collation: SQL collations order char and nchar differently, and versions of a
/// collation differ.
fn orders_alike(column: &MappedColumn) -> bool {
    let (source, target) = (&column.source, &column.target);
    let comparable = !matches!(source.sql_type, SqlType::Variant | SqlType::Clr(_) | SqlType::Other(_));
    let same_collation =
        source.collation.as_ref().map(|c| &c.name) == target.collation.as_ref().map(|c| &c.name);
    comparable && source.sql_type == target.sql_type && same_collation
}

#[cfg(test)]
mod tests;
