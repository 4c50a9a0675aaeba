//! Windows of a table, as statements.
use super::{CopyOptions, Limits, Plan, Publishing, mapping};
use crate::catalog::Table;
use crate::error::{Error, Result};
use crate::ledger::Subject;
use crate::shape::{DeleteMethod, LoadLock, Reason, no_date_column, windowed};
use crate::staging::{BrokenRule, Layout, Staging, StagingTables, Twins, window_part};
use crate::tds::rpc::Query;
use crate::types::mapping::MappedColumn;
use crate::window::{
    Cut, CutBy, DateColumn, DayRange, Filter, Key, KeyRange, Window, all_days, choose, choose_key,
};

/// Each has two parameters, of which a statement takes 2,100 (Microsoft docs, "Maximum capacity specifications").
const MOST_STRETCHES: usize = 1_000;

/// How windows of a table are replaced.
#[derive(Clone, Debug)]
pub struct WindowedPlan {
    /// The plan of the table, not limited to any of its windows.
    pub base: Plan,
    /// The source's name of the column that windows are cut by; of a key, all of them.
    pub cut_by: String,
    /// Windows that are partitions of the target change places with them.
    pub staging: Option<Staging>,
    /// The target's column that a window's rows are found by.
    target_cut_id: i32,
    pub(super) at_source: Cut,
    at_target: Cut,
}

impl WindowedPlan {
    /// # Errors
    /// Those of [`Plan::new`]; nothing to cut by, or a choice among several.
    pub fn new(source: &Table, target: &Table, options: CopyOptions, cut_by: &CutBy) -> Result<Self> {
        // Whoever cuts by a column that is left out hears of that first, not of what the rows would lack then.
        let date = match cut_by {
            CutBy::Date(named) => Ok(choose(source, named.as_deref())?),
            CutBy::Key(named) => Err(named),
        };
        let mapping = mapping(source, target, options)?;
        let (first, at_source, at_target, cut_by) = match date {
            Ok(date) => {
                let Some(mapped) = mapping.columns.iter().find(|mapped| mapped.source.id == date.id) else {
                    return Err(no_date_column(target, &date.name));
                };
                let (at_source, at_target) = (DateColumn::at_source(mapped), DateColumn::at_target(mapped));
                (mapped, at_source.into(), at_target.into(), date.name.clone())
            }
            Err(named) => {
                let columns = key_columns(source, &mapping.columns, named)?;
                let at_target = Key::at_target(&columns).map_err(|error| error.table(&source.object.name))?;
                let names: Vec<_> = columns.iter().map(|mapped| mapped.source.name.as_str()).collect();
                let Some(first) = columns.first().copied() else {
                    return Err(Error::usage("a key without columns").table(&source.object.name));
                };
                (first, Cut::Key(Key::at_source(&columns)), Cut::Key(at_target), names.join(", "))
            }
        };
        let target_cut_id = first.target.id;
        let strategy = windowed(target, target_cut_id, options.loading());
        let base = Plan::of(source, target, options, (mapping, strategy));
        Ok(Self { base, cut_by, staging: None, target_cut_id, at_source, at_target })
    }

    /// The windows of this plan, as the ledger knows them.
    pub fn subject(&self, source: &Table, target: &Table) -> Subject {
        match &self.at_source {
            Cut::Date(_) => Subject::new(source, target, &self.base.mapping, &self.cut_by, None),
            Cut::Key(key) => self.subject_by(source, target, (key, &self.cut_by)),
        }
    }

    /// The same if its ranges were cut by these columns of the source.
    pub(crate) fn subject_of(&self, source: &Table, target: &Table, columns: &[&MappedColumn]) -> Subject {
        let names: Vec<_> = columns.iter().map(|mapped| mapped.source.name.as_str()).collect();
        self.subject_by(source, target, (&Key::at_source(columns), &names.join(", ")))
    }

    fn subject_by(&self, source: &Table, target: &Table, (key, names): (&Key, &str)) -> Subject {
        Subject::new(source, target, &self.base.mapping, names, Some(&key.fingerprint()))
    }

    /// The same plan, by which windows that are partitions of their own change places with them, if the target is built
    /// for that.
    pub(crate) fn with_staging(
        self,
        target: &Table,
        (layout, twins): (Layout, Option<Twins>),
        windows: &[Window],
    ) -> Self {
        let Some(date) = self.at_target.date().cloned() else { return self };
        match Staging::new(target, (self.target_cut_id, date), layout, twins) {
            Ok(staging) if windows.iter().any(|window| staging.stage(window).is_some()) => {
                let strategy = self.base.strategy.clone().switching();
                Self { base: Plan { strategy, ..self.base }, staging: Some(staging), ..self }
            }
            Ok(_) => self.because(Reason::NoWindowIsAPartition),
            Err(why) => self.because(Reason::NoSwitch { why }),
        }
    }

    /// The same plan, by which every window is loaded beside the target and copied over in one transaction.
    pub(crate) fn staged(self, target: &Table) -> Self {
        let base = self.base.staged(target);
        let strategy = base.strategy.clone().keeping_indexes();
        Self { base: Plan { strategy, ..base }, ..self }
    }

    /// Are windows loaded beside the target?
    pub(crate) fn stages(&self) -> bool {
        self.staging.is_some() || matches!(self.base.publishing, Publishing::Staged)
    }

    /// The tables beside the target for a window, where that is how it goes.
    pub(crate) fn tables(&self, window: &Window) -> Option<StagingTables> {
        match self.base.publishing {
            Publishing::Staged => Some(self.base.heap(&window_part(window))),
            _ => self.staging.as_ref()?.stage(window),
        }
    }

    /// The same plan, which must not be carried out unless all windows change places.
    pub(crate) fn switching_all(self, windows: &[Window], mut broken: Vec<BrokenRule>) -> Self {
        let stays =
            |window: &&Window| self.staging.as_ref().is_none_or(|staging| staging.stage(window).is_none());
        if let Some(window) = windows.iter().find(stays).filter(|_| broken.is_empty()) {
            let why = self.stays_since();
            broken.push(BrokenRule::unnumbered(format!("{window} is no partition of its own: {why}")));
        }
        if broken.is_empty() { self } else { Self { base: self.base.clone().not_switched(&broken), ..self } }
    }

    /// Why a window cannot change places.
    fn stays_since(&self) -> String {
        const WHOLE: &str = "a partition changes places as a whole";
        if self.at_target.date().is_none() {
            return format!(
                "ranges of a key are cut where the rows are, and {WHOLE}. All partitions do at once with \
                 replicate-reference-tables --streams N --publish switch"
            );
        }
        let mut reasons = self.base.strategy.reasons.iter();
        match reasons.find(|reason| matches!(reason, Reason::NoSwitch { .. } | Reason::NoWindowIsAPartition))
        {
            Some(Reason::NoSwitch { why }) => why.clone(),
            None if self.staging.is_none() => "the target is not partitioned".to_owned(),
            _ => format!("it begins or ends within one, and {WHOLE}"),
        }
    }

    /// The same plan, with one more reason.
    pub(crate) fn because(self, reason: Reason) -> Self {
        let strategy = self.base.strategy.clone().because(reason);
        Self { base: Plan { strategy, ..self.base }, ..self }
    }

    /// The plan for one window alone.
    pub fn limited(&self, window: Window) -> Plan {
        let limits = Limits {
            window,
            cut_by: self.cut_by.clone(),
            at_source: self.at_source.clone(),
            at_target: self.at_target.clone(),
        };
        Plan { limits: Some(limits), ..self.base.clone() }
    }

    /// Rows of the source for each day that has any: the day as yyyymmdd, then their number. `None`: windows are of a key.
    pub fn days(&self, days: DayRange) -> Option<Query> {
        let date = self.at_source.date()?;
        Some(by_day(date, |list| self.limited(days.into()).at_source(list)))
    }

    /// The same of the target.
    pub fn target_days(&self, days: DayRange) -> Option<Query> {
        let (date, target) = (self.at_target.date()?, self.base.target.quoted());
        Some(by_day(date, |list| self.limited(days.into()).at_target(&format!("{list} FROM {target}"))))
    }

    /// How many rows the source has in each window, in their order: a few statements of one seek a window, where an index
    /// begins with the key.
    pub fn counts(&self, windows: &[Window]) -> Vec<Query> {
        let from = self.base.rows_from.to_string();
        counts(&self.at_source, &from, windows)
    }

    /// The same of the target.
    pub fn target_counts(&self, windows: &[Window]) -> Vec<Query> {
        counts(&self.at_target, &self.base.target.quoted(), windows)
    }

    /// Which of the target's rows are in any of the windows, which are in order; where these lie too far apart for one
    /// statement, in what lies between them, too.
    pub fn held_by(&self, windows: &[Window]) -> Filter {
        let mut params = Vec::new();
        let Some(date) = self.at_target.date() else {
            let keys: Vec<_> = windows.iter().filter_map(Window::keys).collect();
            if KeyRange::are_whole(&keys) || windows.len() > MOST_STRETCHES / 2 {
                return Filter { predicate: "1 = 1".to_owned(), params };
            }
            let within =
                windows.iter().map(|window| format!("({})", self.at_target.within(window, &mut params)));
            return Filter { predicate: within.collect::<Vec<_>>().join(" OR "), params };
        };
        let mut stretches: Vec<DayRange> = Vec::new();
        for days in windows.iter().filter_map(Window::days) {
            match stretches.last_mut().filter(|last| last.next == days.first) {
                Some(last) => last.next = days.next,
                None => stretches.push(days),
            }
        }
        if let Some(all) = all_days(windows)
            && stretches.len() > MOST_STRETCHES
        {
            stretches = vec![all];
        }
        let within = stretches.iter().map(|days| format!("({})", date.within(days, &mut params)));
        Filter { predicate: within.collect::<Vec<_>>().join(" OR "), params }
    }

    /// The first and the last day that the source's rows have: see [`DateColumn::extent`].
    pub fn extent(&self) -> Option<Query> {
        Some(self.at_source.date()?.extent(&self.base.rows_from.to_string()))
    }

    /// Counts the rows of the source that ordinary windows pass by: see [`Outside`](crate::window::Outside).
    pub fn outside(&self) -> Option<Query> {
        Some(self.at_source.date()?.outside(&self.base.rows_from.to_string()))
    }
}

/// The columns of a source's key, as they get over.
///
/// # Errors
/// Those of [`choose_key`]; a column that the target lacks.
pub(crate) fn key_columns<'a>(
    source: &Table,
    mapped: &'a [MappedColumn],
    named: &[String],
) -> Result<Vec<&'a MappedColumn>> {
    let column = |column: &crate::catalog::Column| {
        mapped.iter().find(|mapped| mapped.source.id == column.id).ok_or_else(|| {
            Error::mapping("the target gets no values for the column that ranges are cut by")
                .remedy("Choose another with --key, or add the column to the target")
                .table(&source.object.name)
                .column(&column.name)
        })
    };
    choose_key(source, named)?.into_iter().map(column).collect()
}

/// Windows that a statement counts the rows of: each has two parameters for every column of a key.
const COUNTED_AT_ONCE: usize = 100;

fn counts(cut: &Cut, from: &str, windows: &[Window]) -> Vec<Query> {
    let counted = |windows: &[Window]| {
        let mut params = Vec::new();
        let counts = (0..).zip(windows).map(|(n, window)| {
            let within = cut.within(window, &mut params);
            format!("SELECT {n} AS [place], COUNT_BIG(*) AS [rows] FROM {from} WHERE {within}")
        });
        let sql = counts.collect::<Vec<_>>().join(" UNION ALL ");
        Query { sql: format!("{sql} ORDER BY [place]"), params }
    };
    windows.chunks(COUNTED_AT_ONCE).map(counted).collect()
}

fn by_day(date: &DateColumn, select: impl FnOnce(&str) -> Query) -> Query {
    let mut query = select(&format!("SELECT {} AS [day], COUNT_BIG(*) AS [rows]", date.day_number()));
    query.sql.push_str(&format!(" GROUP BY {}", date.day()));
    query
}

impl Plan {
    /// Deletes the old rows, or some of them: as long as it deletes as many as the number that comes with it, there
    /// may be more.
    pub fn delete(&self) -> (Query, Option<u64>) {
        match self.strategy.delete_method {
            DeleteMethod::DeleteWindowInBatches(rows) => {
                let delete = format!("DELETE TOP ({rows}) FROM {}", self.target.quoted());
                (self.at_target(&delete), Some(rows))
            }
            _ => (self.empty(), None),
        }
    }

    /// One row if there are any old rows, with the parameters of [`delete`](Self::delete). It waits for nobody's load: only the window's own writer puts rows into it,
    /// and that is who asks.
    ///
    /// In a clustered index NOLOCK could miss a row that a page split moves meanwhile (Microsoft docs, "Table hints",
    /// READUNCOMMITTED). READPAST walks it in order, and passes over rows that others are loading; where readers see
    /// versions it wants READCOMMITTEDLOCK (ibid.). It would wait for the bulk update lock on a heap, whose rows stay
    /// where they are. A refusal counts as a row.
    pub fn any_old_row(&self) -> Query {
        let shared = self.strategy.lock == LoadLock::Table;
        let hints = if shared { "NOLOCK" } else { "READPAST, READCOMMITTEDLOCK" };
        self.at_target(&format!("SELECT TOP (1) 1 AS old_row FROM {} WITH ({hints})", self.target.quoted()))
    }
}
