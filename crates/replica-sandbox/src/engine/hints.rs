//! Table hints: `WITH (UPDLOCK, HOLDLOCK)` (Microsoft docs, "Table hints").
use super::options::Isolation;
use crate::error::SqlError;

/// The hints of one table in one statement, in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints(Vec<String>);

/// Those that change which locks are taken, or none.
const LOCKING: &[&str] = &[
    "holdlock",
    "nolock",
    "nowait",
    "paglock",
    "readcommitted",
    "readcommittedlock",
    "readpast",
    "readuncommitted",
    "repeatableread",
    "rowlock",
    "serializable",
    "snapshot",
    "tablock",
    "tablockx",
    "updlock",
    "xlock",
];
/// Those that speak to the optimizer, which does not exist here.
const OTHERS: &[&str] = &[
    "fastfirstrow",
    "forceplan",
    "forcescan",
    "forceseek",
    "ignore_constraints",
    "ignore_triggers",
    "index",
    "keepdefaults",
    "keepidentity",
    "noexpand",
    "spatial_window_max_cells",
];

impl Hints {
    /// # Errors
    /// 321 for what is no hint.
    pub fn new(words: impl IntoIterator<Item = String>) -> Result<Self, SqlError> {
        let words: Vec<String> = words.into_iter().map(|word| word.to_ascii_lowercase()).collect();
        let known = |word: &str| LOCKING.contains(&word) || OTHERS.contains(&word);
        match words.iter().find(|word| !known(word)) {
            None => Ok(Self(words)),
            Some(unknown) => Err(SqlError::new(
                321,
                15,
                1,
                format!(
                    "\"{unknown}\" is not a recognized table hints option. If it is intended as a parameter to a \
                     table-valued function or to the CHANGETABLE function, ensure that your database compatibility mode \
                     is set to 90."
                ),
            )),
        }
    }

    /// With those that stood elsewhere in the statement.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    fn any(&self, words: &[&str]) -> bool {
        self.0.iter().any(|hint| words.contains(&hint.as_str()))
    }

    pub fn reads_uncommitted(&self) -> bool {
        self.any(&["nolock", "readuncommitted"])
    }

    /// Locks are held to the transaction's end.
    pub fn holds(&self) -> bool {
        self.any(&["holdlock", "serializable", "repeatableread"])
    }

    /// Rows that are not there yet are kept out to the transaction's end.
    pub fn holds_ranges(&self, isolation: Isolation) -> bool {
        isolation == Isolation::Serializable || self.any(&["holdlock", "serializable"])
    }

    /// Rows that are read are locked against changes by others.
    pub fn locks_rows(&self) -> bool {
        self.any(&["updlock", "xlock"])
    }

    /// Rows in others' hands are passed over.
    pub fn skips_locked(&self) -> bool {
        self.any(&["readpast"])
    }

    pub fn locks_table(&self) -> bool {
        self.any(&["tablock", "tablockx"])
    }

    pub fn locks_table_exclusively(&self) -> bool {
        self.any(&["tablockx"])
    }

    /// Locks are asked for even where READ COMMITTED reads versions.
    pub fn asks_for_locks(&self) -> bool {
        self.holds() || self.locks_rows() || self.locks_table() || self.any(&["readcommittedlock"])
    }
}
