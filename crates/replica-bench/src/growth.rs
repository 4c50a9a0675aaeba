//! What the tools and the sandbox cost for each table or window where there are few and where there are many.
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::args::Args;
use crate::measure::{SOURCE, TARGET, connection_string};
use crate::run::meets;
use crate::sandbox::{SandboxProcess, beside, program};

/// Tables of three rows, in each of both databases.
const FEW_TABLES: usize = 15;
const MANY_TABLES: usize = 505;
/// Of them a tool copies so many more than one.
const COPIED: usize = 100;
/// CPU of a tool for each of them, in ms: TLS, and a certificate that is checked by the system's roots.
const MOST_SMALL: f64 = 1.5;
/// The system's clock counts a process' CPU in hundredths of a second: the mean of so many runs is finer.
const ROUNDS: usize = 5;
/// CPU that a table may cost the sandbox more where there are many, in ms. No ratio: whatever makes a table cheaper where
/// there are few would seem to make it dearer where there are many.
const MOST_TABLES_GROWTH: f64 = 40.0;

/// Windows of one day: ten years, and 178.
const FEW_WINDOWS: (&str, usize) = ("2015-01-01", 3_652);
const MANY_WINDOWS: (&str, usize) = ("1847-01-14", 65_000);
const LAST_DAY: &str = "2024-12-30";
/// What a window may cost more CPU where there are many, and the bytes of memory that each may add.
const MOST_WINDOWS_GROWTH: f64 = 1.5;
const MOST_WINDOW_BYTES: f64 = 1_200.0;

/// Prints all lines. `false`: a target was missed. `quick`: fewer windows.
pub fn run(args: &Args) -> Result<bool, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let mut met = tables(args, folder.path())?;
    for tool in ["verify-replica", "replicate-monthly-parallel-streaming"] {
        met &= windows(args, tool)?;
    }
    Ok(met)
}

fn tables(args: &Args, folder: &Path) -> Result<bool, Box<dyn Error>> {
    let mut met = true;
    let mut of_few = 0.0;
    for tables in [FEW_TABLES, MANY_TABLES] {
        let authority = folder.join(format!("authority-{tables}"));
        let authority =
            authority.to_str().ok_or("the folder for temporary files has a name that is no UTF-8")?;
        let sandbox = SandboxProcess::start(&program(args)?, &["--write-ca", authority])?;
        for database in [SOURCE, TARGET] {
            let make = |n| {
                format!("CREATE TABLE {} (id int NOT NULL PRIMARY KEY, name nvarchar(50) NULL)", table(n))
            };
            sandbox.execute(database, &(0..tables).map(make).collect::<Vec<_>>())?;
        }
        let rows = |n| format!("INSERT INTO {} VALUES (1, N'a'), (2, NULL), (3, N'c')", table(n));
        sandbox.execute(SOURCE, &(0..tables).map(rows).collect::<Vec<_>>())?;
        let servers = Servers { sandbox: &sandbox, roots: Some(roots(Path::new(authority), folder)?) };
        for workers in [1, 4] {
            let mut copied = names(FEW_TABLES);
            copied.extend(["--max-workers".to_owned(), workers.to_string()]);
            let before = sandbox_cpu(&sandbox)?;
            servers.run("replicate-reference-tables", &copied)?;
            let each = (sandbox_cpu(&sandbox)? - before) / FEW_TABLES as f64;
            println!("sandbox tables {tables} workers {workers} cpu_ms_per_table {each:.1}");
            if tables == FEW_TABLES && workers == 1 {
                of_few = each;
            } else {
                let growth = each - of_few;
                met &=
                    meets("sandbox", "cpu_ms_per_table_more_than_few", growth <= MOST_TABLES_GROWTH, growth);
            }
        }
        if tables == MANY_TABLES {
            met &= small(&servers, folder)?;
        }
    }
    Ok(met)
}

/// What the tools themselves take for a small table more.
fn small(servers: &Servers<'_>, folder: &Path) -> Result<bool, Box<dyn Error>> {
    let mut met = true;
    let etl = |tables: usize| -> Result<Vec<String>, Box<dyn Error>> {
        let config = folder.join(format!("{tables}.toml"));
        fs::write(&config, format!("reference_tables = {:?}\n", names(tables)))?;
        let config = config.to_str().ok_or("the folder for temporary files has a name that is no UTF-8")?;
        Ok(["--t1", "--config", config].map(str::to_owned).into())
    };
    for (tool, many, one) in [
        ("replicate-reference-tables", names(COPIED + 1), names(1)),
        ("run-replica-etl", etl(COPIED + 1)?, etl(1)?),
    ] {
        let mean = |arguments: &[String]| -> Result<f64, Box<dyn Error>> {
            let all: Result<Vec<f64>, _> =
                (0..ROUNDS).map(|_| Ok(servers.run(tool, arguments)?.cpu)).collect();
            all.map(|all| all.iter().sum::<f64>() / ROUNDS as f64)
        };
        let each = (mean(&many)? - mean(&one)?) / COPIED as f64;
        println!("small {tool} tables {COPIED} cpu_ms_per_table {each:.2}");
        met &= meets(tool, "cpu_ms_per_table", each < MOST_SMALL, each);
    }
    Ok(met)
}

/// Few and many windows over a table of a few rows.
fn windows(args: &Args, tool: &str) -> Result<bool, Box<dyn Error>> {
    let sandbox = SandboxProcess::start(&program(args)?, &[])?;
    for database in [SOURCE, TARGET] {
        let make = "CREATE TABLE dbo.bench_days (day date NOT NULL, id int NOT NULL, PRIMARY KEY (day, id)); \
                    INSERT INTO dbo.bench_days VALUES ('1850-01-01', 1), ('2015-01-01', 2), ('2024-02-29', 3)";
        sandbox.execute(database, &[make.to_owned()])?;
    }
    let servers = Servers { sandbox: &sandbox, roots: None };
    let many = if args.quick { ("2014-12-31", FEW_WINDOWS.1 + 1) } else { MANY_WINDOWS };
    let mut few = None;
    let mut met = true;
    for (first, count) in [FEW_WINDOWS, many] {
        let range = format!("dbo.bench_days --date-column day --start-date {first} --end-date {LAST_DAY}");
        let arguments = format!("{range} --window day --max-workers 4 --quiet");
        let words: Vec<_> = arguments.split(' ').map(str::to_owned).collect();
        let before = sandbox_cpu(&sandbox)?;
        let cost = servers.run(tool, &words)?;
        let server = (sandbox_cpu(&sandbox)? - before) / count as f64;
        let (each, peak) = (cost.cpu / count as f64, cost.peak_kib as f64);
        println!(
            "windows {tool} {count} cpu_ms_per_window {each:.3} sandbox_cpu_ms_per_window {server:.2} peak_rss_mb {:.1}",
            peak / 1024.0
        );
        match few {
            None => few = Some((each, peak)),
            Some((of_few, peak_of_few)) => {
                met &= meets(
                    tool,
                    "cpu_per_window_over_few",
                    each / of_few <= MOST_WINDOWS_GROWTH,
                    each / of_few,
                );
                let bytes = (peak - peak_of_few) * 1024.0 / (count - FEW_WINDOWS.1) as f64;
                met &= args.quick || meets(tool, "bytes_per_window", bytes <= MOST_WINDOW_BYTES, bytes);
            }
        }
    }
    Ok(met)
}

fn table(n: usize) -> String {
    format!("dbo.small_{n}")
}

fn names(tables: usize) -> Vec<String> {
    (0..tables).map(table).collect()
}

/// The system's authorities, and the sandbox's, in one file.
fn roots(authority: &Path, folder: &Path) -> Result<PathBuf, Box<dyn Error>> {
    const SYSTEM: [&str; 2] = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"];
    let mut all = SYSTEM.iter().find_map(|path| fs::read(path).ok()).unwrap_or_default();
    all.extend(fs::read(authority)?);
    let path = folder.join("roots");
    fs::write(&path, all)?;
    Ok(path)
}

struct Servers<'a> {
    sandbox: &'a SandboxProcess,
    /// With TLS, and the certificate checked by these; without, neither.
    roots: Option<PathBuf>,
}

struct ToolCost {
    /// User and system time, in ms.
    cpu: f64,
    peak_kib: u64,
}

impl Servers<'_> {
    /// Runs a tool to its end.
    fn run(&self, tool: &str, arguments: &[String]) -> Result<ToolCost, Box<dyn Error>> {
        let connection = |database| {
            let connection = connection_string(&self.sandbox.address, database);
            match self.roots {
                Some(_) => format!("{};Encrypt=true", connection.replace("127.0.0.1", "localhost")),
                None => connection,
            }
        };
        let before = cpu_of_children()?;
        let mut command = Command::new(beside(tool)?);
        if let Some(roots) = &self.roots {
            command.env("SSL_CERT_FILE", roots);
        }
        let mut running = command
            .args(arguments)
            .env("REPLICA_SOURCE", connection(SOURCE))
            .env("REPLICA_TARGET", connection(TARGET))
            .env("RUST_LOG", "error")
            .stdout(Stdio::null())
            .spawn()?;
        let mut peak_kib = 0;
        let status = loop {
            peak_kib = peak_of(running.id()).unwrap_or(peak_kib);
            match running.try_wait()? {
                Some(status) => break status,
                None => thread::sleep(Duration::from_millis(2)),
            }
        };
        if !status.success() {
            return Err(format!("{tool} failed: {status}").into());
        }
        Ok(ToolCost { cpu: cpu_of_children()? - before, peak_kib })
    }
}

/// `None`: it has ended.
fn peak_of(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Of all children that have ended, in ms (proc(5), /proc/pid/stat: cutime and cstime).
fn cpu_of_children() -> Result<f64, Box<dyn Error>> {
    cpu("self", 15)
}

/// Of the sandbox so far, in ms (utime and stime).
fn sandbox_cpu(sandbox: &SandboxProcess) -> Result<f64, Box<dyn Error>> {
    cpu(&sandbox.process().to_string(), 13)
}

/// Two of a process' times, from that field on. Linux has them in hundredths of a second.
fn cpu(process: &str, field: usize) -> Result<f64, Box<dyn Error>> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in parentheses may have blanks.
    let (_, rest) = stat.rsplit_once(") ").ok_or("/proc/pid/stat has no name")?;
    let times: Result<Vec<u64>, _> = rest.split(' ').skip(field - 2).take(2).map(str::parse).collect();
    Ok(times?.iter().sum::<u64>() as f64 * 10.0)
}
