//! Both sides compared, as verify-replica does it: the source with itself, which has the rows on both connections.
use std::error::Error;
use std::sync::Arc;

use replica_core::catalog::Article;
use replica_core::config::Endpoint;
use replica_core::verify::{
    Comparison, ComparisonJob, ComparisonOptions, ComparisonOutcome, Connections, Throttle,
};

use super::{SOURCE, TARGET, connection_string};
use crate::args::Measure;
use crate::figures::{Figures, Stopwatch};

pub async fn run(measure: &Measure) -> Result<Figures, Box<dyn Error>> {
    let endpoint = |database| Endpoint::from_connection_string(&connection_string(&measure.server, database));
    let (source, target) = (endpoint(SOURCE)?, endpoint(TARGET)?);
    let mut sides = Connections::new(source.clone(), target).take().await?;
    let (source_table, target_table) = sides.tables(&measure.table.parse()?, &Article::default()).await?;
    let comparison = Arc::new(Comparison::new(&source_table, &target_table, ComparisonOptions::default())?);
    let connections = Connections::new(source.clone(), source);
    let sides = connections.take().await?;
    connections.give_back(sides);
    let stopwatch = Stopwatch::start();
    let window = None;
    let recorded = None;
    let show_rows = 0;
    let job = ComparisonJob { comparison, window, recorded, throttle: Throttle::new(None), show_rows };
    let verdict = job.run(&connections, &mut |_| ()).await?;
    if verdict.outcome != ComparisonOutcome::Equal {
        return Err("a table is not equal to itself".into());
    }
    Ok(stopwatch.stop(verdict.source.rows, 0)?)
}
