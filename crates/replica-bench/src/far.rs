//! The tools themselves on many small tables and windows, where the servers are far away: seconds and round trips.
use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use replica_testkit::{Client, FarWay, RoundTrips};

use crate::args::Args;
use crate::measure::{ENCRYPTED, SOURCE, TARGET, connection_string};
use crate::run::meets;
use crate::sandbox::{SandboxProcess, beside, program};

const TABLES: usize = 100;
/// One row in each.
const MONTHS: usize = 120;
const FIRST_YEAR: usize = 2015;

/// Round trips to begin and to end a run, whatever it copies.
const OF_A_RUN: i64 = 60;

/// What is run, and what it may take where a round trip takes 20 ms.
struct FarJob {
    name: &'static str,
    program: &'static str,
    arguments: Vec<String>,
    limit: FarLimit,
}

enum FarLimit {
    None,
    Seconds(f64),
    /// Of both sides together.
    RoundTrips(i64),
}

/// How rows travel: a name, and what connection strings say.
const WAYS: [(&str, &str); 2] = [("plain", ""), ("encrypted", ENCRYPTED)];

/// Runs all jobs and prints their lines. `false`: a target was missed.
pub fn run(args: &Args, round_trip: Duration) -> Result<bool, Box<dyn Error>> {
    let sandbox = SandboxProcess::start(&program(args)?, &[])?;
    make(&sandbox)?;
    let folder = std::env::temp_dir().join(format!("replica-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let mut met = Ok(true);
    for job in &jobs(&folder)? {
        for way in &WAYS {
            met = met.and_then(|met| Ok(met & far(job, way, &sandbox, round_trip)?));
        }
    }
    std::fs::remove_dir_all(&folder)?;
    met
}

fn make(sandbox: &SandboxProcess) -> Result<(), Box<dyn Error>> {
    let (small, days): (Vec<_>, _) = (
        (0..TABLES).map(|n| format!("CREATE TABLE {} (id int NOT NULL PRIMARY KEY)", table(n))).collect(),
        "CREATE TABLE dbo.far_days (id int NOT NULL PRIMARY KEY, day date NOT NULL)".to_owned(),
    );
    for database in [SOURCE, TARGET] {
        sandbox.execute(database, &[&small[..], std::slice::from_ref(&days)].concat())?;
    }
    let rows = |n| format!("INSERT INTO {} VALUES (1), (2), (3)", table(n));
    sandbox.execute(SOURCE, &(0..TABLES).map(rows).collect::<Vec<_>>())?;
    let day = |n| format!("({n}, '{}-{:02}-15')", FIRST_YEAR + n / 12, n % 12 + 1);
    let days: Vec<_> = (0..MONTHS).map(day).collect();
    sandbox.execute(SOURCE, &[format!("INSERT INTO dbo.far_days VALUES {}", days.join(", "))])
}

fn table(n: usize) -> String {
    format!("dbo.far_{n}")
}

fn jobs(folder: &Path) -> Result<Vec<FarJob>, Box<dyn Error>> {
    let tables = |n| (0..n).map(table).collect::<Vec<_>>();
    let config = folder.join("replica.toml");
    std::fs::write(&config, format!("reference_tables = {:?}\n", tables(TABLES)))?;
    let config = config.to_str().ok_or("the folder for temporary files has a name that is no UTF-8")?;
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let months = |n: usize| {
        let last = FIRST_YEAR + n / 12 - 1;
        let range = format!("--start-date {FIRST_YEAR}-01-01 --end-date {last}-12-31");
        words(&format!("dbo.far_days --date-column day {range} --max-workers 4"))
    };
    let copy = "replicate-reference-tables";
    let job = |name, program, arguments, limit| FarJob { name, program, arguments, limit };
    Ok(vec![
        job("1_table", copy, tables(1), FarLimit::None),
        job("10_tables", copy, [tables(10), words("--max-workers 1")].concat(), FarLimit::Seconds(1.3)),
        job("100_tables", copy, [tables(TABLES), words("--max-workers 4")].concat(), FarLimit::None),
        job(
            "etl_100_tables",
            "run-replica-etl",
            words(&format!("--t1 --config {config} --max-workers 4")),
            FarLimit::Seconds(6.0),
        ),
        job("12_months", "replicate-monthly-parallel-streaming", months(12), FarLimit::None),
        job(
            "120_months",
            "replicate-monthly-parallel-streaming",
            months(MONTHS),
            FarLimit::RoundTrips(7 * MONTHS as i64 + OF_A_RUN),
        ),
        job(
            "verify_100_tables",
            "verify-replica",
            tables(TABLES),
            FarLimit::RoundTrips(3 * TABLES as i64 + OF_A_RUN),
        ),
        job(
            "explain_100_tables",
            copy,
            [tables(TABLES), words("--explain")].concat(),
            FarLimit::RoundTrips(10),
        ),
    ])
}

fn far(
    job: &FarJob,
    (way_name, encryption): &(&str, &str),
    sandbox: &SandboxProcess,
    round_trip: Duration,
) -> Result<bool, Box<dyn Error>> {
    let way = FarWay::to(sandbox.address.clone(), round_trip)?;
    // Its requests are counted by this name.
    let named = |side: &str| format!("{} {way_name} {side}", job.name);
    let connection = |database, side| {
        let connection = connection_string(&sandbox.address, database);
        format!("{}{encryption};Application Name={}", way.through(&connection), named(side))
    };
    let begun = Instant::now();
    let output = Command::new(beside(job.program)?)
        .args(&job.arguments)
        .env("REPLICA_SOURCE", connection(SOURCE, "source"))
        .env("REPLICA_TARGET", connection(TARGET, "target"))
        .env("RUST_LOG", "warn")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()?;
    let seconds = begun.elapsed().as_secs_f64();
    if !output.status.success() {
        return Err(format!("{} failed: {}", job.name, String::from_utf8_lossy(&output.stderr)).into());
    }
    let mut client = Client::connect(&connection_string(&sandbox.address, TARGET));
    let [source, target] = ["source", "target"].map(|side| RoundTrips::by(&mut client, &named(side)));
    let round_trips = source.round_trips + target.round_trips;
    println!(
        "far {} {way_name} seconds {seconds:.2} logins {} round_trips_source {} round_trips_target {}",
        job.name,
        source.logins + target.logins,
        source.round_trips,
        target.round_trips,
    );
    Ok(match job.limit {
        FarLimit::None => true,
        FarLimit::Seconds(most) => meets(job.name, "seconds", seconds < most, seconds),
        FarLimit::RoundTrips(most) => meets(job.name, "round_trips", round_trips < most, round_trips as f64),
    })
}
