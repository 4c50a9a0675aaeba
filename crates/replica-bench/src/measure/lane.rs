//! The data lane, as the tools use it.
use std::error::Error;

use super::{PlannedCase, plan};
use crate::args::Measure;
use crate::figures::{Figures, Stopwatch};
use replica_core::lane::{self, Rows};

pub async fn run(measure: &Measure, more: &str) -> Result<Figures, Box<dyn Error>> {
    let PlannedCase { mut source, mut target, plan } = plan(&measure.server, &measure.table, more).await?;
    let stopwatch = Stopwatch::start();
    let rows = Rows::open(source.lane()?, plan.select()).await?;
    let load = plan.load(rows.columns())?;
    let outcome = lane::stream(rows, target.lane()?, &load, &mut |_| ()).await?;
    Ok(stopwatch.stop(outcome.fingerprint.rows, outcome.bytes)?)
}
