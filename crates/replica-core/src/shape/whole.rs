//! How a table is replaced as a whole, by one session in one transaction.
use super::indexes::disposable;
use super::{Emptying, Strategy, SuspendedKey, Wishes, disabled_base, refuse_kinds};
use crate::catalog::Table;
use crate::catalog::constraint::ForeignKey;
use crate::catalog::index::IndexKind;
use crate::error::{Error, Result};

/// Fewer rows than this are put into the indexes as they come: rebuilding them costs more than it saves.
const WORTH_DISABLING_INDEXES: u64 = 100_000;

/// Decides how to replace `target` by about `rows` rows. Refuses what would lose data or could not work.
pub fn strategy(target: &Table, rows: Option<u64>, wishes: Wishes) -> Result<Strategy> {
    decide(target, rows, wishes).map_err(|error| error.table(&target.object.name))
}

fn decide(target: &Table, rows: Option<u64>, wishes: Wishes) -> Result<Strategy> {
    refuse_kinds(target)?;
    let mut s = Strategy::new(Emptying::Truncate, wishes);
    s.distrust(target);
    s.base_index(target)?;
    s.emptying(target, wishes)?;
    s.triggers(target)?;
    s.constraints(target)?;
    s.indexes(target, rows, wishes);
    s.chunks(target, wishes);
    Ok(s)
}

impl Strategy {
    fn base_index(&mut self, target: &Table) -> Result<()> {
        let Some(base) = target.base_index() else {
            self.reasons.push("its indexes are unknown: no TABLOCK, no order".into());
            return Ok(());
        };
        let name = base.name.as_deref().unwrap_or_default();
        if base.disabled {
            return Err(disabled_base(target, base));
        }
        match base.kind {
            IndexKind::Heap => {
                self.tablock = true;
                self.reasons.push("heap: TABLOCK, one bulk-update lock and minimal logging".into());
            }
            IndexKind::ClusteredColumnstore => {
                self.reasons.push(format!(
                    "clustered columnstore {name}: no TABLOCK, messages of a whole rowgroup go straight to compressed rowgroups"
                ));
            }
            _ => {
                self.tablock = true;
                // A partitioned table's order begins with the partition.
                self.order = if base.partitioned { Vec::new() } else { base.keys.clone() };
                self.reasons.push(format!(
                    "clustered index {name}: one writer that holds the table anyway, so TABLOCK costs nothing and saves log"
                ));
            }
        }
        if base.partitioned {
            self.reasons.push("partitioned: replaced as a whole, all partitions in one load".into());
        }
        Ok(())
    }

    fn emptying(&mut self, target: &Table, wishes: Wishes) -> Result<()> {
        let Some(keys) = &target.foreign_keys else {
            self.emptying = Emptying::Delete;
            self.reasons.push("foreign keys unknown: DELETE, which they can refuse".into());
            return self.need_delete(target);
        };
        let incoming: Vec<&ForeignKey> = keys.iter().filter(|key| key.incoming && !key.own).collect();
        let unseen = target.object.referenced == Some(true) && !keys.iter().any(|key| key.incoming);
        if let Some(key) = incoming.first() {
            self.emptying = Emptying::Delete;
            self.reasons.push(format!(
                "DELETE: foreign key {} of {} makes TRUNCATE impossible (error 4712)",
                key.name, key.table
            ));
        } else if unseen {
            self.emptying = Emptying::Delete;
            self.reasons
                .push("DELETE: a foreign key that this login cannot see makes TRUNCATE impossible".into());
        } else if target.object.can_alter == Some(false) {
            self.emptying = Emptying::Delete;
            self.reasons.push("DELETE: no ALTER permission, which TRUNCATE needs".into());
        } else if wishes.delete_only {
            self.emptying = Emptying::Delete;
            self.reasons.push("DELETE: the server refused TRUNCATE".into());
        } else {
            self.reasons.push("TRUNCATE: no other table points at it".into());
        }
        for key in incoming.into_iter().filter(|key| !key.disabled) {
            if wishes.keep_keys {
                let ForeignKey { name, table, .. } = key;
                self.reasons.push(format!("{name} of {table} stays: it can refuse the DELETE"));
            } else {
                self.suspend(key)?;
            }
        }
        if self.emptying == Emptying::Delete { self.need_delete(target) } else { Ok(()) }
    }

    fn suspend(&mut self, key: &ForeignKey) -> Result<()> {
        let ForeignKey { name, table, trusted, .. } = key;
        if key.can_alter == Some(false) {
            return Err(Error::data(format!(
                "foreign key {name} of {table} points at this table, and this login may not suspend it"
            ))
            .remedy(format!("GRANT ALTER on {table}, or disable the key for the load")));
        }
        self.reasons.push(if *trusted {
            format!("{name} of {table} is suspended, then checked against the new rows before the commit")
        } else {
            format!("{name} of {table} is suspended, then enabled as it was: not trusted, not checked")
        });
        self.suspend.push(SuspendedKey { name: name.clone(), table: table.clone(), trusted: *trusted });
        Ok(())
    }

    fn indexes(&mut self, target: &Table, rows: Option<u64>, wishes: Wishes) {
        self.warn_of_dropped_duplicates(target);
        let names: Vec<String> = disposable(target).filter_map(|i| i.name.clone()).collect();
        if names.is_empty() {
            return;
        }
        let list = names.join(", ");
        if target.object.can_alter == Some(false) {
            self.reasons.push(format!("indexes kept up row by row, for want of ALTER permission: {list}"));
        } else if wishes.keep_indexes {
            self.reasons.push(format!(
                "indexes kept up row by row, since the server refused to switch them off: {list}"
            ));
        } else if rows.is_none_or(|rows| rows < WORTH_DISABLING_INDEXES) {
            self.reasons.push(format!("indexes kept up row by row, too few rows to rebuild for: {list}"));
        } else {
            self.reasons
                .push(format!("nonclustered indexes disabled, then rebuilt before the commit: {list}"));
            self.disable = names;
        }
    }
}
