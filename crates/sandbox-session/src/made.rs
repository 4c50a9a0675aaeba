//! SQLite tables of a session's own, for what a statement reads and no table holds: the rows of system views and of VALUES.
//!
//! They stay when a statement ends, for the next one that needs as many columns: a statement that comes again finds them by the
//! same names, and SQLite has it compiled already.
use rusqlite::Connection;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// A table of more rows goes with its statement.
const MOST_ROWS: usize = 1000;

/// One that a statement has taken.
#[derive(Clone, Copy, Debug)]
pub struct MadeTable {
    columns: usize,
    number: usize,
    rows: usize,
}

impl MadeTable {
    /// As SQLite's SQL has it. The columns are `c1`, `c2` and so on.
    pub fn name(&self) -> String {
        format!("temp.m{}_{}", self.columns, self.number)
    }
}

/// Which of them are taken, by columns and number.
#[derive(Default)]
pub struct MadeTables {
    taken: RefCell<BTreeSet<(usize, usize)>>,
}

impl MadeTables {
    /// One with these rows.
    ///
    /// # Errors
    /// SQLite's.
    pub fn take<P: rusqlite::Params>(
        &self,
        connection: &Connection,
        columns: usize,
        rows: impl IntoIterator<Item = P>,
    ) -> rusqlite::Result<MadeTable> {
        let mut taken = self.taken.borrow_mut();
        let number = (0..).find(|number| !taken.contains(&(columns, *number))).unwrap_or_default();
        let mut table = MadeTable { columns, number, rows: 0 };
        let name = table.name();
        let names: Vec<String> = (1..=columns).map(|n| format!("c{n}")).collect();
        // It is not there if the transaction that made it was rolled back, and a DELETE may have been rolled back, too.
        let create = format!("CREATE TABLE IF NOT EXISTS {name} ({})", names.join(", "));
        connection.prepare_cached(&create)?.execute([])?;
        connection.prepare_cached(&format!("DELETE FROM {name}"))?.execute([])?;
        let places = vec!["?"; columns].join(", ");
        let mut insert = connection.prepare_cached(&format!("INSERT INTO {name} VALUES ({places})"))?;
        for row in rows {
            insert.execute(row)?;
            table.rows += 1;
        }
        taken.insert((columns, number));
        Ok(table)
    }

    /// Once the statement has ended.
    ///
    /// # Errors
    /// SQLite's.
    pub fn give_back(&self, connection: &Connection, table: MadeTable) -> rusqlite::Result<()> {
        self.taken.borrow_mut().remove(&(table.columns, table.number));
        if table.rows > MOST_ROWS {
            connection.execute_batch(&format!("DROP TABLE IF EXISTS {}", table.name()))?;
        }
        Ok(())
    }
}
