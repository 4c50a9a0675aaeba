//! What only a stand-in has: faults on request, counters for tests, and replayed and discarded rows for
//! benchmarks (docs/SANDBOX.md).
mod faults;
mod planted;
mod replay;

pub use faults::{Fault, FaultKind};
pub use planted::{PlantedChange, PlantedRow, PlantedValues, planted_values};
pub use replay::{Recording, Replayed};

use sandbox_sql::tokens::{ObjectName, SourceText};
use sandbox_values::error::SqlError;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A table by schema and name, without regard to case or database: tests arm faults for tables that a tool has
/// yet to create.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TableName {
    schema: String,
    name: String,
}

impl TableName {
    pub fn new(schema: &str, name: &str) -> Self {
        Self { schema: schema.to_lowercase(), name: name.to_lowercase() }
    }

    /// Reads `[[database.]schema.]table`.
    ///
    /// # Errors
    /// 102 where the text is no name.
    pub fn parse(text: &str) -> Result<Self, SqlError> {
        let source = SourceText::new(text)?;
        let mut cursor = source.cursor();
        let name = cursor.expect_object_name()?;
        if !cursor.is_done() {
            return Err(cursor.syntax_error());
        }
        Ok(Self::from(&name))
    }
}

/// A name without a schema is taken for one of dbo's.
impl From<&ObjectName> for TableName {
    fn from(name: &ObjectName) -> Self {
        Self::new(name.schema.as_deref().unwrap_or("dbo"), &name.name)
    }
}

/// What happened to a table since the server started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Results sent to clients that were read from it.
    pub scans: u64,
    /// In these results.
    pub rows_sent: u64,
    /// By name.
    pub indexes: BTreeMap<String, IndexCounters>,
    /// Bulk loads that ended well.
    pub bulk_loads: u64,
    pub bulk_rows: u64,
}

/// What happened to an index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct IndexCounters {
    pub disables: u64,
    pub rebuilds: u64,
}

/// What the sessions of one program have asked of the server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestCounters {
    pub logins: u64,
    /// Messages that were answered.
    pub requests: u64,
    /// Those of them before which the session's state was forgotten.
    pub resets: u64,
}

/// How (max) values go out: their length told first, or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlpLengths {
    #[default]
    Known,
    Unknown {
        chunk: usize,
    },
}

#[derive(Default)]
pub struct Sandbox {
    state: Mutex<SwitchState>,
    changed: Condvar,
}

#[derive(Default)]
struct SwitchState {
    faults: Vec<Fault>,
    /// How often all faults were disarmed.
    disarmed: u64,
    counters: HashMap<TableName, Counters>,
    /// By the program's name.
    requests: BTreeMap<String, RequestCounters>,
    plp: PlpLengths,
    /// Rows that a SELECT of the table's columns sends.
    replayed: HashMap<TableName, u64>,
    recordings: HashMap<Vec<u8>, Arc<Recording>>,
    discarded: HashSet<TableName>,
    planted: planted::Planted,
    /// How long a minute of WAIT_AT_LOW_PRIORITY lasts; `None`: a minute.
    minute: Option<Duration>,
}

impl Sandbox {
    pub fn arm(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// Forgets all faults, and lets go whoever is stalled.
    pub fn disarm(&self) {
        let mut state = self.state();
        state.faults.clear();
        state.disarmed += 1;
        self.changed.notify_all();
    }

    /// Is such a fault to come? Whoever has to look closely whether it is concerned need not, as a rule.
    pub fn is_armed(&self, kind: FaultKind) -> bool {
        self.state().faults.iter().any(|fault| fault.kind == kind)
    }

    /// Is the fault due now? Its value, if so; this occurrence is then used up.
    pub fn take(&self, kind: FaultKind, table: Option<&TableName>) -> Option<i64> {
        let mut state = self.state();
        let due = state.faults.iter_mut().find_map(|fault| fault.due(kind, table));
        state.faults.retain(|fault| fault.remaining > 0);
        due
    }

    /// How often faults were forgotten: for [`Self::stall`], read before the fault is taken.
    pub fn disarmed(&self) -> u64 {
        self.state().disarmed
    }

    /// Blocks until the next [`Sandbox::disarm`] after `disarmed` of them, or until `cancelled`. One that came between the
    /// fault and its effect counts: nobody would wake the stalled a second time.
    pub fn stall(&self, disarmed: u64, cancelled: impl Fn() -> bool) {
        let mut state = self.state();
        while state.disarmed == disarmed && !cancelled() {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Blocks for so long, or until `cancelled`.
    pub fn pause(&self, duration: Duration, cancelled: impl Fn() -> bool) {
        let end = Instant::now() + duration;
        let mut state = self.state();
        while !cancelled() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Makes the stalled look at their `cancelled` again.
    pub fn interrupt(&self) {
        let _state = self.state();
        self.changed.notify_all();
    }

    pub fn count(&self, table: &TableName, what: impl FnOnce(&mut Counters)) {
        what(self.state().counters.entry(table.clone()).or_default());
    }

    pub fn counters(&self, table: &TableName) -> Counters {
        self.state().counters.get(table).cloned().unwrap_or_default()
    }

    pub fn count_requests(&self, program: &str, what: impl FnOnce(&mut RequestCounters)) {
        let mut state = self.state();
        if let Some(counters) = state.requests.get_mut(program) {
            return what(counters);
        }
        what(state.requests.entry(program.to_owned()).or_default());
    }

    /// What every program has asked, by its name.
    pub fn requests(&self) -> BTreeMap<String, RequestCounters> {
        self.state().requests.clone()
    }

    pub fn plp(&self) -> PlpLengths {
        self.state().plp
    }

    pub fn set_plp(&self, plp: PlpLengths) {
        self.state().plp = plp;
    }

    /// SELECTs of the table's columns send so many rows, whatever it holds; `None` ends that.
    pub fn replay(&self, table: TableName, rows: Option<u64>) {
        let mut state = self.state();
        state.recordings.clear();
        match rows {
            Some(rows) => state.replayed.insert(table, rows),
            None => state.replayed.remove(&table),
        };
    }

    pub fn replayed_rows(&self, table: &TableName) -> Option<u64> {
        self.state().replayed.get(table).copied()
    }

    /// Room for the rows of a result that was not recorded yet.
    pub fn new_recording(&self) -> Recording {
        let taken = self.state().recordings.values().map(|recording| recording.size()).sum();
        Recording::beside(taken)
    }

    /// The rows that this result had the last time.
    pub fn recording(&self, key: &[u8]) -> Option<Arc<Recording>> {
        self.state().recordings.get(key).cloned()
    }

    pub fn keep_recording(&self, key: Vec<u8>, recording: Arc<Recording>) {
        self.state().recordings.insert(key, recording);
    }

    /// Bulk loads into the table are counted and dropped.
    pub fn discard(&self, table: TableName, on: bool) {
        let mut state = self.state();
        if on {
            state.discarded.insert(table);
        } else {
            state.discarded.remove(&table);
        }
    }

    pub fn discards(&self, table: &TableName) -> bool {
        self.state().discarded.contains(table)
    }

    /// Changes what a system view shows from now on.
    pub fn plant_row(&self, row: PlantedRow) {
        self.state().planted.rows.push(row);
    }

    /// Changes what a function answers from now on, where its last argument is this one.
    pub fn plant_answer(&self, function: &str, argument: &str, value: Option<String>) {
        let key = (function.to_lowercase(), argument.to_lowercase());
        self.state().planted.answers.insert(key, value);
    }

    /// Puts the clock forward, or back.
    pub fn plant_clock(&self, seconds: i64) {
        self.state().planted.clock = seconds;
    }

    /// Views, functions and the clock are as they are again.
    pub fn forget_planted(&self) {
        self.state().planted = planted::Planted::default();
    }

    /// What was planted for a view of a database.
    pub fn planted_rows(&self, schema: &str, view: &str, database: &str) -> Vec<PlantedChange> {
        let name = format!("{schema}.{view}").to_lowercase();
        let state = self.state();
        let here = |row: &&PlantedRow| {
            row.view == name && row.database.as_ref().is_none_or(|named| named.eq_ignore_ascii_case(database))
        };
        state.planted.rows.iter().filter(here).map(|row| row.change.clone()).collect()
    }

    /// What was planted for a function: NULL, or a text.
    pub fn planted_answer(&self, function: &str, argument: &str) -> Option<Option<String>> {
        let key = (function.to_lowercase(), argument.to_lowercase());
        self.state().planted.answers.get(&key).cloned()
    }

    /// Seconds that the clock was put forward.
    pub fn planted_clock(&self) -> i64 {
        self.state().planted.clock
    }

    /// Makes the minutes of WAIT_AT_LOW_PRIORITY shorter, or as long as they are.
    pub fn set_minute(&self, minute: Option<Duration>) {
        self.state().minute = minute;
    }

    /// How long a minute of WAIT_AT_LOW_PRIORITY lasts.
    pub fn minute(&self) -> Duration {
        self.state().minute.unwrap_or(Duration::from_secs(60))
    }

    fn state(&self) -> MutexGuard<'_, SwitchState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(kind: FaultKind, table: Option<&str>, at: u32, count: u32) -> Fault {
        let table = table.map(|table| TableName::parse(table).expect("a name"));
        Fault { kind, table, skip: at - 1, remaining: count, value: 7 }
    }

    #[test]
    fn names_are_compared_without_case_quotes_or_database() {
        let name = TableName::new("dbo", "Sales");
        for text in ["sales", "dbo.SALES", "[db].[dbo].[Sales]", "db..sales"] {
            assert_eq!(TableName::parse(text).as_ref(), Ok(&name), "{text}");
        }
        assert_ne!(TableName::parse("other.sales").as_ref(), Ok(&name));
        assert!(TableName::parse("a b").is_err());
    }

    #[test]
    fn a_fault_comes_at_its_occurrence_and_so_often() {
        let sandbox = Sandbox::default();
        let table = TableName::new("dbo", "t");
        sandbox.arm(fault(FaultKind::Deadlock, Some("dbo.t"), 2, 2));
        assert_eq!(sandbox.take(FaultKind::LogFull, Some(&table)), None);
        assert_eq!(sandbox.take(FaultKind::Deadlock, Some(&TableName::new("dbo", "u"))), None);
        let occurrences: Vec<_> = (0..4).map(|_| sandbox.take(FaultKind::Deadlock, Some(&table))).collect();
        assert_eq!(occurrences, [None, Some(7), Some(7), None]);
    }

    #[test]
    fn a_fault_without_a_table_is_for_all() {
        let sandbox = Sandbox::default();
        sandbox.arm(fault(FaultKind::CutBeforeCommit, None, 1, 1));
        assert_eq!(sandbox.take(FaultKind::CutBeforeCommit, None), Some(7));
        assert_eq!(sandbox.take(FaultKind::CutBeforeCommit, None), None);
    }

    #[test]
    fn the_stalled_are_let_go() {
        let sandbox = Sandbox::default();
        sandbox.arm(fault(FaultKind::Stall, None, 1, 9));
        std::thread::scope(|scope| {
            let stalled = scope.spawn(|| sandbox.stall(sandbox.disarmed(), || false));
            while !stalled.is_finished() {
                sandbox.disarm();
                std::thread::yield_now();
            }
        });
        sandbox.stall(sandbox.disarmed(), || true);
        // Let go before it began to wait.
        let taken = sandbox.disarmed();
        sandbox.disarm();
        sandbox.stall(taken, || false);
    }
}
