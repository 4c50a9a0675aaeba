//! Which transactions are at work on what, and how the others ended, as far as anyone still asks.
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Where a transaction stands, seen from a moment (a commit sequence number).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Active,
    /// Committed by then.
    Committed,
    /// Committed since.
    CommittedLater,
    RolledBack,
}

/// A reader's moment: what was committed by then is what it sees. While it is open with `versions`, deleted rows
/// that it may see are kept.
#[derive(Debug)]
pub struct Snapshot {
    pub moment: u64,
    key: u64,
}

/// Rows that a committed transaction deleted and that are still there for someone's snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leftover {
    pub storage: i64,
    pub transaction: u64,
}

#[derive(Debug, Default)]
pub struct Registry {
    state: Mutex<RegistryState>,
}

#[derive(Debug, Default)]
struct RegistryState {
    last_transaction: u64,
    last_reader: u64,
    /// Commits so far: the moment.
    moment: u64,
    /// Active transactions and the storages they wrote to.
    active: HashMap<u64, BTreeSet<i64>>,
    /// Committed while a reader was open: when, and where it wrote.
    recent: HashMap<u64, (u64, BTreeSet<i64>)>,
    rolled_back: HashSet<u64>,
    /// Open readers: moment, and whether they read versions.
    readers: BTreeMap<u64, (u64, bool)>,
    /// With the moment of the commit.
    leftovers: Vec<(u64, Leftover)>,
    /// Database and object_id of tables that DDL has changed while a reader was open, and the moment of the last time.
    altered: HashMap<(i16, i32), u64>,
    /// Database and object_id of tables that active transactions have made.
    created: HashMap<(i16, i32), u64>,
    /// Storage and rowid of rows that were read for a change to come (UPDLOCK), and the transaction that did so.
    locked_rows: HashMap<(i64, i64), u64>,
}

impl Registry {
    /// Transaction ids begin after `floor`, which must exceed all ids ever used on this storage.
    pub fn new(floor: u64) -> Self {
        Self { state: Mutex::new(RegistryState { last_transaction: floor, ..RegistryState::default() }) }
    }

    pub fn begin(&self) -> u64 {
        let mut state = self.state();
        state.last_transaction += 1;
        let id = state.last_transaction;
        state.active.insert(id, BTreeSet::new());
        id
    }

    /// To be called before the first row is written there, so that readers know in time.
    pub fn writes(&self, transaction: u64, storage: i64) {
        if let Some(written) = self.state().active.get_mut(&transaction) {
            written.insert(storage);
        }
    }

    /// The commit takes effect for all at this moment.
    pub fn committed(&self, transaction: u64, leftovers: impl IntoIterator<Item = i64>) {
        let mut state = self.state();
        state.moment += 1;
        let moment = state.moment;
        let written = state.active.remove(&transaction).unwrap_or_default();
        state.let_go(transaction);
        if !state.readers.is_empty() && !written.is_empty() {
            state.recent.insert(transaction, (moment, written));
        }
        let kept = leftovers.into_iter().map(|storage| (moment, Leftover { storage, transaction }));
        state.leftovers.extend(kept);
    }

    /// Tables whose definition the transaction that commits now has changed: to be called before it is `committed`.
    pub fn altered(&self, tables: impl IntoIterator<Item = (i16, i32)>) {
        let mut state = self.state();
        if !state.readers.is_empty() {
            let moment = state.moment + 1;
            state.altered.extend(tables.into_iter().map(|table| (table, moment)));
        }
    }

    /// The transaction makes this table: to be called before anyone else may see it in the catalog.
    pub fn creates(&self, transaction: u64, table: (i16, i32)) {
        self.state().created.insert(table, transaction);
    }

    /// An active transaction other than `me` that has made one of a database's tables `among` those that somebody asks about.
    pub fn creator(&self, database: i16, me: Option<u64>, among: impl Fn(i32) -> bool) -> Option<u64> {
        let state = self.state();
        let mut created = state.created.iter().filter(|((at, id), _)| *at == database && among(*id));
        created.find_map(|(_, by)| (Some(*by) != me).then_some(*by))
    }

    /// Was a table's definition changed after that moment?
    pub fn altered_since(&self, table: (i16, i32), moment: u64) -> bool {
        self.state().altered.get(&table).is_some_and(|at| *at > moment)
    }

    /// To be called once the transaction's rows are gone.
    pub fn rolled_back(&self, transaction: u64) {
        let mut state = self.state();
        state.let_go(transaction);
        if state.active.remove(&transaction).is_some_and(|written| !written.is_empty()) {
            state.rolled_back.insert(transaction);
        }
    }

    pub fn open_snapshot(&self, versions: bool) -> Snapshot {
        let mut state = self.state();
        state.last_reader += 1;
        let (key, moment) = (state.last_reader, state.moment);
        state.readers.insert(key, (moment, versions));
        Snapshot { moment, key }
    }

    /// Closes it and says what need not be kept any longer.
    pub fn close_snapshot(&self, snapshot: Snapshot) -> Vec<Leftover> {
        let mut state = self.state();
        state.readers.remove(&snapshot.key);
        let oldest = state.readers.values().map(|(moment, _)| *moment).min().unwrap_or(u64::MAX);
        state.recent.retain(|_, (moment, _)| *moment > oldest);
        state.altered.retain(|_, moment| *moment > oldest);
        let oldest = state.oldest_version();
        let (keep, gone): (Vec<_>, Vec<_>) =
            state.leftovers.drain(..).partition(|(moment, _)| *moment > oldest);
        state.leftovers = keep;
        gone.into_iter().map(|(_, leftover)| leftover).collect()
    }

    /// Must deleted rows be kept when they are committed?
    pub fn keeps_versions(&self) -> bool {
        self.state().readers.values().any(|(_, versions)| *versions)
    }

    /// Locks a row for a change to come.
    ///
    /// # Errors
    /// The transaction that has locked it before.
    pub fn lock_row(&self, row: (i64, i64), transaction: u64) -> Result<(), u64> {
        match *self.state().locked_rows.entry(row).or_insert(transaction) {
            holder if holder == transaction => Ok(()),
            other => Err(other),
        }
    }

    /// Who has locked the row, if any other has.
    pub fn row_holder(&self, row: (i64, i64), me: Option<u64>) -> Option<u64> {
        self.state().locked_rows.get(&row).copied().filter(|holder| Some(*holder) != me)
    }

    pub fn fate(&self, transaction: u64, moment: u64) -> Fate {
        let state = self.state();
        if state.active.contains_key(&transaction) {
            Fate::Active
        } else if state.rolled_back.contains(&transaction) {
            Fate::RolledBack
        } else if state.recent.get(&transaction).is_some_and(|(at, _)| *at > moment) {
            Fate::CommittedLater
        } else {
            Fate::Committed
        }
    }

    /// Has any other transaction written to one of these, uncommitted or since that moment?
    pub fn others_wrote(&self, storages: &[i64], me: Option<u64>, moment: u64) -> bool {
        let state = self.state();
        let touches = |written: &BTreeSet<i64>| storages.iter().any(|s| written.contains(s));
        state.active.iter().any(|(id, written)| Some(*id) != me && touches(written))
            || state
                .recent
                .iter()
                .any(|(id, (at, written))| Some(*id) != me && *at > moment && touches(written))
    }

    fn state(&self) -> MutexGuard<'_, RegistryState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RegistryState {
    /// What a transaction that has ended kept others from.
    fn let_go(&mut self, transaction: u64) {
        if !self.locked_rows.is_empty() {
            self.locked_rows.retain(|_, holder| *holder != transaction);
        }
        if !self.created.is_empty() {
            self.created.retain(|_, by| *by != transaction);
        }
    }

    fn oldest_version(&self) -> u64 {
        self.readers
            .values()
            .filter(|(_, versions)| *versions)
            .map(|(moment, _)| *moment)
            .min()
            .unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fate_is_seen_from_the_readers_moment() {
        let registry = Registry::new(10);
        let (a, b) = (registry.begin(), registry.begin());
        registry.writes(a, 7);
        registry.writes(b, 8);
        let early = registry.open_snapshot(false);
        assert_eq!(registry.fate(a, early.moment), Fate::Active);
        registry.committed(a, []);
        registry.rolled_back(b);
        let late = registry.open_snapshot(false);
        assert_eq!(registry.fate(a, early.moment), Fate::CommittedLater);
        assert_eq!(registry.fate(a, late.moment), Fate::Committed);
        assert_eq!(registry.fate(b, late.moment), Fate::RolledBack);
        assert!(registry.others_wrote(&[7], None, early.moment));
        assert!(!registry.others_wrote(&[7], None, late.moment));
        assert!(!registry.others_wrote(&[7], Some(a), early.moment));
    }

    #[test]
    fn deleted_rows_are_kept_while_an_older_version_reader_is_open() {
        let registry = Registry::new(0);
        let reader = registry.open_snapshot(true);
        let writer = registry.begin();
        registry.writes(writer, 7);
        assert!(registry.keeps_versions());
        registry.committed(writer, [7]);
        let younger = registry.open_snapshot(true);
        assert_eq!(registry.close_snapshot(reader), [Leftover { storage: 7, transaction: writer }]);
        assert_eq!(registry.close_snapshot(younger), []);
        assert!(!registry.keeps_versions());
    }
}
