//! rowversion: a counter of each database, whose values are given before the commit.
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Debug)]
pub struct RowVersions {
    /// Above all that were given before this start.
    floor: u64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// By database: the last one given.
    last: BTreeMap<i16, u64>,
    /// By database and open transaction: the first one given to it.
    active: BTreeMap<(i16, u64), u64>,
}

impl RowVersions {
    pub fn new(floor: u64) -> Self {
        Self { floor, state: Mutex::default() }
    }

    /// The next one of a database, for a row that a transaction writes.
    pub fn next(&self, database: i16, transaction: Option<u64>) -> [u8; 8] {
        let mut state = self.state();
        let last = state.last.entry(database).or_insert(self.floor);
        *last += 1;
        let given = *last;
        if let Some(transaction) = transaction {
            state.active.entry((database, transaction)).or_insert(given);
        }
        given.to_be_bytes()
    }

    /// `@@DBTS`: the last one given.
    pub fn last(&self, database: i16) -> [u8; 8] {
        self.state().last.get(&database).unwrap_or(&self.floor).to_be_bytes()
    }

    /// MIN_ACTIVE_ROWVERSION(): the lowest one that an open transaction has been given, else the next one.
    pub fn lowest_active(&self, database: i16) -> [u8; 8] {
        let state = self.state();
        let of_database = state.active.range((database, 0)..=(database, u64::MAX));
        let lowest = of_database.map(|(_, first)| *first).min();
        lowest.unwrap_or_else(|| state.last.get(&database).unwrap_or(&self.floor) + 1).to_be_bytes()
    }

    /// To be called once the transaction's rows are committed, or gone.
    pub fn ended(&self, transaction: u64) {
        let mut state = self.state();
        if !state.active.is_empty() {
            state.active.retain(|(_, other), _| *other != transaction);
        }
    }

    /// Puts a database's counter back, or ahead, as a restore does.
    pub fn put_back(&self, database: i16, last: u64) {
        self.state().last.insert(database, last);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
