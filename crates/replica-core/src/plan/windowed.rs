//! Windows of a table, as statements.
use super::{CopyOptions, Limits, Plan, Publishing, mapping};
use crate::catalog::Table;
use crate::error::Result;
use crate::shape::{DeleteMethod, LoadLock, Reason, no_date_column, windowed};
use crate::staging::{BrokenRule, Layout, Staging, StagingTables, window_part};
use crate::tds::rpc::Query;
use crate::window::{DateColumn, Filter, Window, choose};

/// Each has two parameters, of which a statement takes 2,100 (Microsoft docs, "Maximum capacity specifications").
const MOST_STRETCHES: usize = 1_000;

/// How windows of a table are replaced.
#[derive(Clone, Debug)]
pub struct WindowedPlan {
    /// The plan of the table, not limited to any of its windows.
    pub base: Plan,
    /// The source's name of the column that windows are cut by.
    pub date_column: String,
    /// Windows that are partitions of the target change places with them.
    pub staging: Option<Staging>,
    target_date_id: i32,
    at_source: DateColumn,
    at_target: DateColumn,
}

impl WindowedPlan {
    /// `date_column`: as the user named it, or the only one that holds dates.
    ///
    /// # Errors
    /// Those of [`Plan::new`]; no column to cut by, or a choice among several.
    pub fn new(
        source: &Table,
        target: &Table,
        options: CopyOptions,
        date_column: Option<&str>,
    ) -> Result<Self> {
        let date = choose(source, date_column)?;
        let mapping = mapping(source, target, options)?;
        let Some(mapped) = mapping.columns.iter().find(|mapped| mapped.source.id == date.id) else {
            return Err(no_date_column(target, &date.name));
        };
        let at_source = DateColumn::at_source(mapped);
        let at_target = DateColumn::at_target(mapped);
        let target_date_id = mapped.target.id;
        let strategy = windowed(target, target_date_id, options.loading());
        let base = Plan::of(source, target, options, (mapping, strategy));
        let date_column = date.name.clone();
        Ok(Self { base, date_column, staging: None, target_date_id, at_source, at_target })
    }

    /// The same plan, by which windows that are partitions of their own change places with them, if the target is built
    /// for that.
    pub fn with_staging(self, target: &Table, layout: Layout, windows: &[Window]) -> Self {
        match Staging::new(target, self.target_date_id, self.at_target.clone(), layout) {
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
        let is_partition =
            |window: &&Window| self.staging.as_ref().is_some_and(|staging| staging.stage(window).is_some());
        if let Some(window) =
            windows.iter().find(|window| !is_partition(window)).filter(|_| broken.is_empty())
        {
            broken.push(BrokenRule::unnumbered(format!("{window} is no partition of its own")));
        }
        if broken.is_empty() { self } else { Self { base: self.base.clone().not_switched(&broken), ..self } }
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
            date_column: self.date_column.clone(),
            at_source: self.at_source.clone(),
            at_target: self.at_target.clone(),
        };
        Plan { limits: Some(limits), ..self.base.clone() }
    }

    /// Rows of the source for each day of a window that has any: the day as yyyymmdd, then their number.
    pub fn days(&self, window: Window) -> Query {
        by_day(&self.at_source, |list| self.limited(window).at_source(list))
    }

    /// The same of the target.
    pub fn target_days(&self, window: Window) -> Query {
        let target = self.base.target.quoted();
        by_day(&self.at_target, |list| self.limited(window).at_target(&format!("{list} FROM {target}")))
    }

    /// Which of the target's rows are in any of the windows, which are in order; where these lie too far apart for one
    /// statement, in what lies between them, too.
    pub fn held_by(&self, windows: &[Window]) -> Filter {
        let mut stretches: Vec<Window> = Vec::new();
        for window in windows {
            match stretches.last_mut().filter(|last| last.next == window.first) {
                Some(last) => last.next = window.next,
                None => stretches.push(*window),
            }
        }
        if let [first, .., last] = stretches[..]
            && stretches.len() > MOST_STRETCHES
        {
            stretches = vec![Window { first: first.first, next: last.next }];
        }
        let mut params = Vec::new();
        let within =
            stretches.iter().map(|window| format!("({})", self.at_target.within(window, &mut params)));
        Filter { predicate: within.collect::<Vec<_>>().join(" OR "), params }
    }

    /// The first and the last day that the source's rows have: see [`DateColumn::extent`].
    pub fn extent(&self) -> Query {
        self.at_source.extent(&self.base.rows_from.to_string())
    }

    /// Counts the rows of the source that ordinary windows pass by: see [`Outside`](crate::window::Outside).
    pub fn outside(&self) -> Query {
        self.at_source.outside(&self.base.rows_from.to_string())
    }
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

    /// One row if there are any old rows. It waits for nobody's load: only the window's own writer puts rows into it,
    /// and that is who asks.
    ///
    /// In a clustered index NOLOCK could miss a row that a page split moves meanwhile (Microsoft docs, "Table hints",
    /// READUNCOMMITTED). READPAST walks it in order, and passes over rows that others are loading; where readers see
    /// versions it wants READCOMMITTEDLOCK (ibid.). It would wait for the bulk update lock on a heap, whose rows stay
    /// where they are. A refusal counts as a row.
    pub fn any_old_row(&self) -> Query {
        let shared = self.strategy.lock == LoadLock::Table;
        let hints = if shared { "NOLOCK" } else { "READPAST, READCOMMITTEDLOCK" };
        self.at_target(&format!("SELECT TOP (1) 1 FROM {} WITH ({hints})", self.target.quoted()))
    }
}
