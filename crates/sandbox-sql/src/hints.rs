//! Table hints: `WITH (UPDLOCK, HOLDLOCK)` (Microsoft docs, "Table hints").
use crate::terms::Isolation;
use sandbox_values::error::SqlError;

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
            None => Self(words).consistent(),
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

    /// Nothing is locked.
    pub fn unlocked() -> Self {
        Self(vec!["nolock".into()])
    }

    /// With those that stood elsewhere in the statement.
    ///
    /// # Errors
    /// 650, 1047.
    pub fn and(mut self, others: Self) -> Result<Self, SqlError> {
        self.0.extend(others.0);
        self.consistent()
    }

    /// One granularity and one isolation level (Microsoft docs, "Table hints", "Remarks"). READCOMMITTEDLOCK is listed among
    /// the granularities there; it is taken for an isolation level here, as queues use it beside ROWLOCK.
    fn consistent(self) -> Result<Self, SqlError> {
        const GRANULARITIES: &[&[&str]] =
            &[&["nolock", "readuncommitted"], &["paglock"], &["rowlock"], &["tablock"], &["tablockx"]];
        const LEVELS: &[&[&str]] = &[
            &["nolock", "readuncommitted"],
            &["holdlock", "serializable"],
            &["readcommitted", "readcommittedlock"],
            &["repeatableread"],
            &["snapshot"],
        ];
        if self.skips_locked() && self.any(&["nolock", "readuncommitted", "holdlock", "serializable"]) {
            return Err(readpast_refused());
        }
        let several = |groups: &[&[&str]]| groups.iter().filter(|group| self.any(group)).count() > 1;
        // What is read without locks can't be locked.
        let unlocked = self.reads_uncommitted() && self.locks_rows();
        if several(GRANULARITIES) || several(LEVELS) || unlocked {
            return Err(SqlError::new(1047, 15, 1, "Conflicting locking hints specified."));
        }
        Ok(self)
    }

    /// A hint of rows or pages, which columnstores have no locks for.
    pub fn rows_or_pages(&self) -> Option<&str> {
        self.0.iter().map(String::as_str).find(|hint| ["rowlock", "paglock"].contains(hint))
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

    /// An isolation level of the table's own.
    pub fn names_isolation(&self) -> bool {
        self.any(&["snapshot", "repeatableread", "serializable"])
    }

    /// A hint that memory-optimized tables do not take.
    pub fn disk_only(&self) -> Option<&str> {
        let locks = ["holdlock", "paglock", "readpast", "rowlock", "tablock", "tablockx", "updlock", "xlock"];
        self.0.iter().map(String::as_str).find(|hint| locks.contains(hint))
    }

    /// Locks are asked for even where READ COMMITTED reads versions.
    pub fn asks_for_locks(&self) -> bool {
        self.holds() || self.locks_rows() || self.locks_table() || self.any(&["readcommittedlock"])
    }
}

/// 650.
pub fn readpast_refused() -> SqlError {
    let text =
        "You can only specify the READPAST lock in the READ COMMITTED or REPEATABLE READ isolation levels.";
    SqlError::new(650, 16, 1, text)
}
