//! One measurement, in a process of its own.
mod changes;
mod lane;
mod relay;
mod typed;
pub mod verify;
mod windows;

use std::error::Error;

use replica_core::catalog::{self, TableName};
use replica_core::config::Endpoint;
use replica_core::copy::{CopyOptions, Plan};
use replica_core::session::{Role, Session};

use crate::args::{Measure, Mode};
use crate::cores;
use crate::figures::Figures;
use crate::sandbox::{PASSWORD, USER};
pub use windows::{MONTHS, RANGES};

/// The database that rows come from, and the one that they go to.
pub const SOURCE: &str = "bench_source";
pub const TARGET: &str = "bench_target";
/// A copy that has the source's rows.
pub const EQUAL: &str = "bench_equal";

/// Runs it on one thread, as the tools run one stream; several workers on several, as they do.
pub fn run(measure: &Measure) -> Result<Figures, Box<dyn Error>> {
    if let Some(core) = measure.core {
        cores::keep_to(core)?;
    }
    let mut builder = match measure.workers {
        1 => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    let runtime = builder.enable_all().build()?;
    runtime.block_on(async {
        match measure.mode {
            Mode::Relay => relay::run(measure).await,
            Mode::EncryptedRelay => relay::encrypted(measure).await,
            Mode::Lane => lane::run(measure, "").await,
            Mode::Encrypted => lane::run(measure, ENCRYPTED).await,
            Mode::Months => windows::months(measure).await,
            Mode::Narrow => verify::narrow(measure).await,
            Mode::Ranges => windows::ranges(measure).await,
            Mode::Verify => verify::run(measure).await,
            Mode::Difference => verify::difference(measure).await,
            Mode::Reload => changes::reload(measure).await,
            Mode::Changes => changes::changes(measure).await,
            Mode::Quiet => changes::quiet(measure).await,
            Mode::Typed => typed::run(measure).await,
        }
    })
}

/// What encrypts everything, at the end of a connection string.
pub const ENCRYPTED: &str = ";Encrypt=true;TrustServerCertificate=true";

/// An ADO.NET connection string.
pub fn connection_string(server: &str, database: &str) -> String {
    let server = server.replacen(':', ",", 1);
    format!("Server={server};Database={database};User Id={USER};Password={PASSWORD};Encrypt=false")
}

/// Both ends of a copy, and the plan that the tools would make for it.
pub struct PlannedCase {
    pub source: Session,
    pub target: Session,
    pub plan: Plan,
}

/// Connects and plans, as the tools do before they move a row. `more`: what connection strings say beside that.
pub async fn plan(server: &str, table: &str, more: &str) -> Result<PlannedCase, Box<dyn Error>> {
    let endpoint = |database| {
        let connection = connection_string(server, database) + more;
        Endpoint::from_connection_string(&connection)
    };
    let mut source = Session::connect(&endpoint(SOURCE)?, Role::Source).await?;
    let mut target = Session::connect(&endpoint(TARGET)?, Role::Target).await?;
    let name: TableName = table.parse()?;
    let from = catalog::read(&mut source, Role::Source, &name).await?;
    let to = catalog::read(&mut target, Role::Target, &name).await?;
    let plan = Plan::new(&from, &to, CopyOptions::default())?;
    Ok(PlannedCase { source, target, plan })
}
