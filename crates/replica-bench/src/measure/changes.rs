//! What changed, carried over as replicate-changes does it: bytes that the target gets, and what quiet tables cost.
use std::error::Error;

use replica_core::catalog::Article;
use replica_core::config::Endpoint;
use replica_core::copy::changes::{
    ChangesJob, Deletes, Keeper, KeeperRecord, KeptTable, OnReset, TableRound,
};
use replica_core::copy::{self, CopyOptions};
use replica_core::session::{Role, Session};
use replica_testkit::Gate;

use super::verify::to_equal;
use super::{EQUAL, SOURCE, connection_string};
use crate::args::Measure;
use crate::figures::{Figures, Stopwatch};

/// A way to the server on which what is sent is counted.
fn gate(measure: &Measure) -> Result<Gate, Box<dyn Error>> {
    let port = measure.server.rsplit(':').next().unwrap_or_default().parse()?;
    Ok(Gate::before(port)?)
}

/// The table is replaced.
pub async fn reload(measure: &Measure) -> Result<Figures, Box<dyn Error>> {
    let gate = gate(measure)?;
    let mut job = to_equal(&measure.server, &measure.table, CopyOptions::default())?;
    job.target = Endpoint::from_connection_string(&gate.through(&connection_string(&measure.server, EQUAL)))?;
    let stopwatch = Stopwatch::start();
    let outcome = copy::table(&job, &mut |_| ()).await?;
    Ok(stopwatch.stop(outcome.fingerprint.rows, gate.sent().bytes)?)
}

/// A hundredth of the rows is changed at the source, and carried over.
pub async fn changes(measure: &Measure) -> Result<Figures, Box<dyn Error>> {
    let gate = gate(measure)?;
    let target = gate.through(&connection_string(&measure.server, EQUAL));
    let job =
        job(measure, &connection_string(&measure.server, SOURCE), &target, vec![measure.table.clone()])?;
    let mut source = Session::connect(&job.source, Role::Source).await?;
    let mut keeper = Keeper::new(&job);
    // The first is a comparison, and the one after the first change, too.
    let first = format!("UPDATE {} SET label = 'first' WHERE id = 1", measure.table);
    let hundredth = format!("UPDATE {} SET label = label + '.' WHERE id % 100 = 0", measure.table);
    round(&mut keeper).await?;
    source.execute(&first).await?;
    round(&mut keeper).await?;
    source.execute(&hundredth).await?;
    let (before, stopwatch) = (gate.sent().bytes, Stopwatch::start());
    let rows = round(&mut keeper).await?;
    Ok(stopwatch.stop(rows, gate.sent().bytes - before)?)
}

/// A round over tables that have not changed, in a database in which another one has.
pub async fn quiet(measure: &Measure) -> Result<Figures, Box<dyn Error>> {
    let gate = gate(measure)?;
    let source = gate.through(&connection_string(&measure.server, SOURCE));
    let names = (0..measure.tables).map(|n| format!("dbo.quiet_{n}")).collect();
    let job = job(measure, &source, &connection_string(&measure.server, EQUAL), names)?;
    let mut keeper = Keeper::new(&job);
    round(&mut keeper).await?;
    let mut source = Session::connect(&job.source, Role::Source).await?;
    source.execute(&format!("UPDATE {} SET label = 'elsewhere' WHERE id = 1", measure.table)).await?;
    let (before, stopwatch) = (gate.sent().requests, Stopwatch::start());
    let rows = round(&mut keeper).await?;
    if rows > 0 {
        return Err("tables that have not changed were written to".into());
    }
    let figures = stopwatch.stop(measure.tables as u64, 0)?;
    Ok(Figures { requests: gate.sent().requests - before, ..figures })
}

fn job(
    measure: &Measure,
    source: &str,
    target: &str,
    tables: Vec<String>,
) -> Result<ChangesJob, Box<dyn Error>> {
    let kept = |table: String| -> Result<KeptTable, Box<dyn Error>> {
        Ok(KeptTable { table: table.parse()?, article: Article::default(), options: CopyOptions::default() })
    };
    Ok(ChangesJob {
        tool: "replica-bench",
        source: Endpoint::from_connection_string(source)?,
        target: Endpoint::from_connection_string(target)?,
        tables: tables.into_iter().map(kept).collect::<Result<_, _>>()?,
        method: None,
        deletes: Deletes::EveryRun,
        on_reset: OnReset::Compare,
        workers: measure.workers,
        on_record: KeeperRecord::Never,
    })
}

/// Says how many rows were written.
async fn round(keeper: &mut Keeper<'_>) -> Result<u64, Box<dyn Error>> {
    let mut written = Ok(0);
    let mut tell = |ended: TableRound| {
        written = match (std::mem::replace(&mut written, Ok(0)), ended.result) {
            (Ok(rows), Ok(applied)) => Ok(rows + applied.written.all()),
            (Err(error), _) | (Ok(_), Err(error)) => Err(error),
        };
    };
    keeper.round(&mut tell).await?;
    Ok(written?)
}
