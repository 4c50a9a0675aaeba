//! `--clean-up`: what dead runs have left beside the target's tables.
use super::{Code, block_on};
use crate::config::Config;
use crate::copy;
use crate::error::Result;
use crate::report::{Record, RecordValue, Reporter};

/// Drops the tables that the ledger has on record as made by runs that are dead, each told as a line.
///
/// # Errors
/// The target's server's; no target is configured.
pub fn clean_up(config: &Config, reporter: &Reporter) -> Result<Code> {
    let target = config.target()?;
    block_on(1, |stop| async move {
        let (dropped, kept) = stop.or(copy::clean_up(target)).await?;
        for table in &dropped {
            let line = Record::new()
                .with("table", RecordValue::Text(table.target.to_string()))
                .with("staging", RecordValue::Text(table.name.to_string()))
                .with("outcome", RecordValue::Text("dropped".into()));
            reporter.result(&line)?;
        }
        for table in &kept {
            log::info!("{}: {} stays: run {} is alive, or may be", table.target, table.name, table.run);
        }
        if dropped.is_empty() {
            log::info!("no run that is dead has left a table beside the target's");
        }
        Ok(Code::Ok)
    })
}
