//! Which row versions a statement sees.
use super::registry::{Fate, Registry};
use super::stamp::transaction_of;
use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, Error};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How a statement reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadMode {
    /// READ COMMITTED with locks, and above: meeting another's uncommitted row is a conflict to wait out.
    Locking,
    /// Row versions: SNAPSHOT and READ_COMMITTED_SNAPSHOT see what was committed at their moment.
    Versions,
    /// NOLOCK: all that is there now.
    Uncommitted,
}

/// A row of this transaction stood in the way: wait for its end, then begin again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conflict(pub u64);

/// The eyes of one statement.
pub struct Visibility {
    registry: Arc<Registry>,
    view: ReadMode,
    me: Option<u64>,
    moment: u64,
    /// Fates do not change for a statement once it knows them.
    known: HashMap<u64, Fate>,
}

impl Visibility {
    pub fn new(registry: Arc<Registry>, view: ReadMode, me: Option<u64>, moment: u64) -> Self {
        Self { registry, view, me, moment, known: HashMap::new() }
    }

    /// # Errors
    /// The transaction in whose way a locking reader is.
    pub fn sees(&mut self, inserted: i64, deleted: Option<i64>) -> Result<bool, Conflict> {
        Ok(self.happened(inserted)? && !deleted.map_or(Ok(false), |stamp| self.happened(stamp))?)
    }

    /// Is the row free for this transaction to change? `take` locks it.
    ///
    /// # Errors
    /// The transaction that has locked it.
    fn locks(&self, row: (i64, i64), take: bool) -> Result<(), Conflict> {
        match self.me.filter(|_| take) {
            Some(me) => self.registry.lock_row(row, me).map_err(Conflict),
            None => self.registry.row_holder(row, self.me).map_or(Ok(()), |holder| Err(Conflict(holder))),
        }
    }

    fn happened(&mut self, stamp: i64) -> Result<bool, Conflict> {
        let transaction = transaction_of(stamp);
        if self.me == Some(transaction) {
            return Ok(true);
        }
        let fate =
            *self.known.entry(transaction).or_insert_with(|| self.registry.fate(transaction, self.moment));
        match (fate, self.view) {
            (Fate::Committed, _) | (_, ReadMode::Uncommitted) => Ok(fate != Fate::RolledBack),
            (Fate::RolledBack, _) | (_, ReadMode::Versions) => Ok(false),
            (Fate::Active | Fate::CommittedLater, ReadMode::Locking) => Err(Conflict(transaction)),
        }
    }
}

/// What SQLite's `vis(inserted, deleted, past)` and `rowlock(storage, rowid, past, take)` look with: those of the session's statement at hand.
#[derive(Clone, Default)]
pub struct Eyes(Arc<Mutex<EyesState>>);

#[derive(Default)]
struct EyesState {
    visibility: Option<Visibility>,
    conflict: Option<Conflict>,
}

impl EyesState {
    /// A row in another's hands is passed over, or ends the statement.
    fn pass_or_stop(&mut self, seen: Result<bool, Conflict>, past: bool) -> rusqlite::Result<bool> {
        match seen {
            Ok(seen) => Ok(seen),
            Err(_) if past => Ok(false),
            Err(conflict) => {
                self.conflict = Some(conflict);
                Err(Error::UserFunctionError("a row of another transaction is in the way".into()))
            }
        }
    }
}

impl Eyes {
    /// For the next statement.
    pub fn open(&self, visibility: Visibility) {
        *self.state() = EyesState { visibility: Some(visibility), conflict: None };
    }

    /// Why SQLite stopped, if it was over a row in the way.
    pub fn conflict(&self) -> Option<Conflict> {
        self.state().conflict.take()
    }

    pub fn register(&self, connection: &Connection) -> rusqlite::Result<()> {
        let eyes = self.clone();
        connection.create_scalar_function("vis", 3, FunctionFlags::SQLITE_UTF8, move |context| {
            let (inserted, deleted) = (context.get::<i64>(0)?, context.get::<Option<i64>>(1)?);
            let past = context.get::<bool>(2)?;
            let mut state = eyes.state();
            let Some(visibility) = &mut state.visibility else { return Ok(deleted.is_none()) };
            let seen = visibility.sees(inserted, deleted);
            state.pass_or_stop(seen, past)
        })?;
        let eyes = self.clone();
        connection.create_scalar_function("rowlock", 4, FunctionFlags::SQLITE_UTF8, move |context| {
            let row = (context.get::<i64>(0)?, context.get::<i64>(1)?);
            let (past, take) = (context.get::<bool>(2)?, context.get::<bool>(3)?);
            let mut state = eyes.state();
            let Some(visibility) = &state.visibility else { return Ok(true) };
            let free = visibility.locks(row, take).map(|()| true);
            state.pass_or_stop(free, past)
        })
    }

    fn state(&self) -> MutexGuard<'_, EyesState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::stamp;

    fn eyes(registry: &Arc<Registry>, view: ReadMode, me: Option<u64>) -> Visibility {
        let moment = registry.open_snapshot(false).moment;
        Visibility::new(Arc::clone(registry), view, me, moment)
    }

    #[test]
    fn each_view_treats_an_uncommitted_row_its_own_way() {
        let registry = Arc::new(Registry::new(0));
        let old = stamp(registry.begin(), 1).unwrap();
        registry.committed(transaction_of(old), []);
        let writer = registry.begin();
        registry.writes(writer, 1);
        let new = stamp(writer, 1).unwrap();
        assert_eq!(eyes(&registry, ReadMode::Locking, None).sees(new, None), Err(Conflict(writer)));
        assert_eq!(eyes(&registry, ReadMode::Locking, None).sees(old, Some(new)), Err(Conflict(writer)));
        assert_eq!(eyes(&registry, ReadMode::Locking, Some(writer)).sees(new, None), Ok(true));
        assert_eq!(eyes(&registry, ReadMode::Locking, Some(writer)).sees(old, Some(new)), Ok(false));
        assert_eq!(eyes(&registry, ReadMode::Versions, None).sees(new, None), Ok(false));
        assert_eq!(eyes(&registry, ReadMode::Versions, None).sees(old, Some(new)), Ok(true));
        assert_eq!(eyes(&registry, ReadMode::Uncommitted, None).sees(new, None), Ok(true));
        assert_eq!(eyes(&registry, ReadMode::Uncommitted, None).sees(old, Some(new)), Ok(false));
    }

    #[test]
    fn a_locking_reader_starts_again_over_rows_committed_since_it_began() {
        let registry = Arc::new(Registry::new(0));
        let writer = registry.begin();
        registry.writes(writer, 1);
        let mut reader = eyes(&registry, ReadMode::Locking, None);
        registry.committed(writer, []);
        assert_eq!(reader.sees(stamp(writer, 1).unwrap(), None), Err(Conflict(writer)));
    }
}
