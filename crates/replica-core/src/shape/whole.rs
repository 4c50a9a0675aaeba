//! How a table is replaced as a whole, by one session in one transaction.
use super::indexes::disposable;
use super::{DeleteMethod, LoadOptions, Strategy, disabled_base, refuse_kinds};
use crate::catalog::Table;
use crate::catalog::index::IndexKind;
use crate::error::Result;

/// Fewer rows than this are put into the indexes as they come: rebuilding them costs more than it saves.
const WORTH_DISABLING_INDEXES: u64 = 100_000;

/// Decides how to replace `target` by about `rows` rows.
pub fn strategy(target: &Table, rows: Option<u64>, options: LoadOptions) -> Strategy {
    let mut s = Strategy::new(DeleteMethod::Truncate, options);
    s.check_what_babelfish_does_not(target);
    let decided = [
        refuse_kinds(target),
        s.base_index(target),
        s.delete_method(target, options),
        s.triggers(target),
        s.incoming_keys(target, options),
        s.constraints(target),
    ];
    s.indexes(target, rows, options);
    s.chunks(target, options);
    s.refuse(target, decided)
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

    fn delete_method(&mut self, target: &Table, options: LoadOptions) -> Result<()> {
        let keys = target.foreign_keys.as_deref();
        let points_here = keys.unwrap_or_default().iter().find(|key| key.incoming && !key.own);
        let unseen = target.object.referenced == Some(true)
            && !keys.unwrap_or_default().iter().any(|key| key.incoming);
        let (delete_method, why) = if let Some(key) = points_here {
            let key = format!("foreign key {} of {}", key.name, key.table);
            (DeleteMethod::Delete, format!("{key} makes TRUNCATE impossible (error 4712)"))
        } else if unseen {
            let why = "a foreign key that this login cannot see makes TRUNCATE impossible (error 4712)";
            (DeleteMethod::Delete, why.into())
        } else if target.object.can_alter == Some(false) {
            (DeleteMethod::Delete, "no ALTER permission, which TRUNCATE needs".into())
        } else if options.delete_only {
            (DeleteMethod::Delete, "the server refused TRUNCATE".into())
        } else if keys.is_none() && target.object.referenced.is_none() {
            let why =
                "foreign keys that point at it are not to be learnt, and would refuse this (error 4712)";
            (DeleteMethod::Truncate, why.into())
        } else {
            (DeleteMethod::Truncate, "no other table points at it".to_owned())
        };
        let statement = if delete_method == DeleteMethod::Truncate { "TRUNCATE" } else { "DELETE" };
        self.reasons.push(format!("{statement}: {why}"));
        self.delete_method = delete_method;
        if delete_method == DeleteMethod::Delete { self.need_delete(target) } else { Ok(()) }
    }

    fn indexes(&mut self, target: &Table, rows: Option<u64>, options: LoadOptions) {
        self.warn_of_dropped_duplicates(target);
        let names: Vec<String> = disposable(target).filter_map(|i| i.name.clone()).collect();
        if names.is_empty() {
            return;
        }
        let list = names.join(", ");
        if target.object.can_alter == Some(false) {
            self.reasons.push(format!("indexes kept up row by row, for want of ALTER permission: {list}"));
        } else if options.keep_indexes {
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
