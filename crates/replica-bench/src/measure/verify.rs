//! Both sides compared, as verify-replica does it: the source with itself, which has the rows on both connections.
use std::error::Error;
use std::sync::Arc;

use replica_core::catalog::Article;
use replica_core::catalog::record::CatalogRow;
use replica_core::config::{Apply, Endpoint};
use replica_core::copy::{self, CopyOptions, TableJob, Verify};
use replica_core::session::{Role, Session};
use replica_core::verify::{
    Comparison, ComparisonJob, ComparisonOptions, ComparisonOutcome, Connections, Throttle,
};

use super::{EQUAL, SOURCE, TARGET, connection_string};
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

/// The source compared with a copy of which one row differs. The rows are those that both sides send beyond the tables' own: what
/// is read a second time.
pub async fn narrow(measure: &Measure) -> Result<Figures, Box<dyn Error>> {
    let endpoint = |database| Endpoint::from_connection_string(&connection_string(&measure.server, database));
    let (source, equal) = (endpoint(SOURCE)?, endpoint(EQUAL)?);
    let mut counting = Session::connect(&source, Role::Source).await?;
    let stopwatch = Stopwatch::start();
    let connections = Connections::new(source, equal);
    let mut sides = connections.take().await?;
    let (source_table, target_table) = sides.tables(&measure.table.parse()?, &Article::default()).await?;
    let comparison = Comparison::new(&source_table, &target_table, ComparisonOptions::default())?;
    let comparison = Arc::new(comparison.stretched(&mut sides.source, &source_table).await?);
    connections.give_back(sides);
    // Both databases have a table of this name, and the sandbox counts by the name.
    let before = rows_sent(&mut counting, &measure.table).await?;
    let job = ComparisonJob {
        comparison,
        window: None,
        recorded: None,
        throttle: Throttle::new(None),
        show_rows: 1,
    };
    let verdict = job.run(&connections, &mut |_| ()).await?;
    if verdict.differences.changed != 1 || verdict.findings.len() != 1 {
        return Err("one row differs, and it is not found".into());
    }
    let sent = rows_sent(&mut counting, &measure.table).await? - before;
    let once = verdict.source.rows + verdict.target.rows;
    Ok(stopwatch.stop(sent.saturating_sub(once), 0)?)
}

/// Rows of the table that the sandbox has sent.
async fn rows_sent(session: &mut Session, table: &str) -> Result<u64, Box<dyn Error>> {
    let rows = session.query("EXEC sp_sandbox_counters @P1", &[&table]).await?;
    let sent = rows.first().and_then(|row| CatalogRow::from(row).int("rows_sent"));
    Ok(u64::try_from(sent.ok_or("the sandbox counts no rows")?)?)
}

/// The source brought in step with a copy of the same rows, as `--apply difference` does it: catalogs and plan included.
pub async fn difference(measure: &Measure) -> Result<Figures, Box<dyn Error>> {
    let options = CopyOptions { apply: Apply::Difference, ..CopyOptions::default() };
    let job = to_equal(&measure.server, &measure.table, options)?;
    let stopwatch = Stopwatch::start();
    let outcome = copy::table(&job, &mut |_| ()).await?;
    if outcome.bytes > 0 {
        return Err("equal sides differ".into());
    }
    Ok(stopwatch.stop(outcome.fingerprint.rows, 0)?)
}

/// A table from the source to its copy.
pub fn to_equal(
    server: &str,
    table: &str,
    options: CopyOptions,
) -> Result<TableJob<Endpoint>, Box<dyn Error>> {
    let endpoint = |database| Endpoint::from_connection_string(&connection_string(server, database));
    Ok(TableJob {
        tool: "replica-bench",
        source: endpoint(SOURCE)?,
        target: endpoint(EQUAL)?,
        table: table.parse()?,
        article: Article::default(),
        days: None,
        options,
        verify: Verify::Nothing,
        planned: None,
    })
}
