//! The benchmark: every case in every mode, each in a process of its own, side by side.
mod differences;
mod system_calls;
mod windows;

use std::error::Error;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::args::{Args, Mode};
use crate::case::{self, Case};
use crate::cores;
use crate::figures::Figures;
use crate::measure::{MONTHS, RANGES, SOURCE, TARGET, plan};
use crate::sandbox::{self, SandboxProcess};
use crate::sink::Sink;

/// Peak memory of one stream, in KiB.
const MOST_RSS_KIB: u64 = 32 << 10;
/// CPU time of the lane over that of the relay, for sales.
const MOST_LANE_OVER_RELAY: f64 = 2.0;
/// CPU time of the lane with TLS on both sides over that of the lane without, and over that of the relay with TLS, for sales.
const MOST_ENCRYPTED_OVER_LANE: f64 = 1.5;
const MOST_ENCRYPTED_OVER_RELAY: f64 = 1.4;
/// CPU seconds of the lane with TLS on both sides for each GB of sales: wanted, but out of reach (docs/BENCH.md, "What encryption costs").
const WANTED_ENCRYPTED_SECONDS: f64 = 0.9;
/// CPU time of the typed copy over that of the lane, for sales.
const LEAST_TYPED_OVER_LANE: f64 = 15.0;
/// CPU time of a comparison of both sides over that of the lane, for sales.
const MOST_VERIFY_OVER_LANE: f64 = 1.3;
/// What a long stream may cost more, for each row, than a short one.
const MOST_LONG_OVER_SHORT: f64 = 1.1;
/// Rows of the short and the long stream.
const SHORT: u64 = 100_000;
const LONG: u64 = 5_000_000;
/// What the peak memory of a long stream may exceed that of a short one by: noise, not growth.
const MOST_GROWTH_KIB: u64 = 1 << 10;
/// Other processes disturb: the best of so many measurements counts, for relay and lane alike.
const ROUNDS: usize = 5;

/// Runs all cases and prints their lines. `false`: a target was missed.
pub fn run(args: &Args) -> Result<bool, Box<dyn Error>> {
    let program = sandbox::program(args)?;
    let core = cores::leave_one()?;
    let folder = tempfile::tempdir()?;
    let authorities = folder.path().join("authorities.pem");
    let file = authorities.to_str().ok_or("the folder for temporary files has a name that is no text")?;
    let sandbox = SandboxProcess::start(&program, &[&case::SANDBOX[..], &["--write-ca", file]].concat())?;
    let sink = Sink::start()?;
    OpenOptions::new().append(true).open(&authorities)?.write_all(sink.authority.as_bytes())?;
    let bench = Bench { sandbox, sink, authorities, core };
    bench.sandbox.execute(TARGET, &["CREATE SCHEMA typed".to_owned()])?;
    let mut met = true;
    for case in case::all(args.quick, |data| SandboxProcess::ddl(&program, data))? {
        if args.case.as_deref().is_none_or(|name| name == case.name) {
            met &= bench.case(&case)?;
            if case.name == "sales" {
                met &= bench.system_calls(&case, folder.path())?;
                met &= bench.windows(&case, Mode::Months, MONTHS.into())?;
                met &= bench.windows(&case, Mode::Ranges, RANGES.into())?;
                met &= bench.over_lane(&case, Mode::Verify, MOST_VERIFY_OVER_LANE)?;
                met &= bench.difference(&case)?;
                met &= args.quick || bench.length(&case)?;
            }
        }
    }
    if args.case.as_deref().is_none_or(|name| name == "narrow") {
        met &= bench.narrow(args.quick)?;
    }
    if args.case.as_deref().is_none_or(|name| name == "changes") {
        met &= bench.changes(args.quick)?;
    }
    Ok(met)
}

struct Bench {
    sandbox: SandboxProcess,
    sink: Sink,
    /// Who vouches for the certificates of both, a PEM file.
    authorities: PathBuf,
    /// The core that is left to the measuring processes.
    core: Option<usize>,
}

impl Bench {
    fn case(&self, case: &Case) -> Result<bool, Box<dyn Error>> {
        self.sandbox.execute(SOURCE, &case.source)?;
        self.sandbox.execute(TARGET, &case.target)?;
        let typed =
            case.target.iter().map(|ddl| ddl.replacen("TABLE dbo.", "TABLE typed.", 1)).collect::<Vec<_>>();
        self.sandbox.execute(TARGET, &typed)?;
        for schema in ["dbo", "typed"] {
            let table = case.table.replacen("dbo", schema, 1);
            self.sandbox.execute(TARGET, &[format!("EXEC sp_sandbox_discard N'{table}'")])?;
        }
        self.replay(case, case.rows.fast)?;
        let select = self.select(case)?;
        let (relay, lane) =
            in_turn(|| self.measure(Mode::Relay, case, &select), || self.measure(Mode::Lane, case, &select))?;
        let bytes_per_row = relay.bytes as f64 / relay.rows as f64;
        print_line(case, Mode::Lane, lane, bytes_per_row);
        print_line(case, Mode::Relay, relay, bytes_per_row);
        let (encrypted_relay, encrypted) = in_turn(
            || self.measure(Mode::EncryptedRelay, case, &select),
            || self.measure(Mode::Encrypted, case, &select),
        )?;
        print_line(case, Mode::Encrypted, encrypted, bytes_per_row);
        print_line(case, Mode::EncryptedRelay, encrypted_relay, bytes_per_row);
        self.replay(case, case.rows.typed)?;
        let typed = self.measure(Mode::Typed, case, &select)?;
        print_line(case, Mode::Typed, typed, bytes_per_row);
        let lane_over_relay = lane.cpu_per_row() / relay.cpu_per_row();
        let typed_over_lane = typed.cpu_per_row() / lane.cpu_per_row();
        println!(
            "ratio {} cpu_lane_over_relay {lane_over_relay:.2} cpu_typed_over_lane {typed_over_lane:.1}",
            case.name
        );
        let encrypted_over_lane = encrypted.cpu_per_row() / lane.cpu_per_row();
        let encrypted_over_relay = encrypted.cpu_per_row() / encrypted_relay.cpu_per_row();
        println!(
            "ratio {} cpu_encrypted_over_lane {encrypted_over_lane:.2} cpu_encrypted_over_relay {encrypted_over_relay:.2}",
            case.name
        );
        let peak = lane.peak_rss_kib.max(encrypted.peak_rss_kib);
        let mut met = meets(case.name, "peak_rss_kib", peak <= MOST_RSS_KIB, peak as f64);
        if case.name == "sales" {
            met &= meets(
                case.name,
                "cpu_lane_over_relay",
                lane_over_relay <= MOST_LANE_OVER_RELAY,
                lane_over_relay,
            );
            met &= meets(
                case.name,
                "cpu_typed_over_lane",
                typed_over_lane >= LEAST_TYPED_OVER_LANE,
                typed_over_lane,
            );
            let most = MOST_ENCRYPTED_OVER_LANE;
            met &=
                meets(case.name, "cpu_encrypted_over_lane", encrypted_over_lane <= most, encrypted_over_lane);
            let most = MOST_ENCRYPTED_OVER_RELAY;
            met &= meets(
                case.name,
                "cpu_encrypted_over_relay",
                encrypted_over_relay <= most,
                encrypted_over_relay,
            );
            let seconds = encrypted.cpu_per_gb(bytes_per_row);
            // Told, and no failure: the exit code is for what can be reached.
            meets(case.name, "encrypted_cpu_s_per_gb", seconds <= WANTED_ENCRYPTED_SECONDS, seconds);
        }
        Ok(met)
    }

    /// What another mode costs beside the lane, for each row.
    fn over_lane(&self, case: &Case, mode: Mode, most: f64) -> Result<bool, Box<dyn Error>> {
        let select = self.select(case)?;
        self.replay(case, case.rows.fast)?;
        let (lane, other) =
            in_turn(|| self.measure(Mode::Lane, case, &select), || self.measure(mode, case, &select))?;
        print_line(case, mode, other, lane.bytes as f64 / lane.rows as f64);
        let over_lane = other.cpu_per_row() / lane.cpu_per_row();
        let what = format!("cpu_{}_over_lane", mode.name());
        println!("ratio {} {what} {over_lane:.2}", case.name);
        Ok(meets(case.name, &what, over_lane <= most, over_lane))
    }

    /// Whether a long stream costs more, for each row or in memory, than a short one.
    fn length(&self, case: &Case) -> Result<bool, Box<dyn Error>> {
        let select = self.select(case)?;
        let mut measured = [Figures::default(); 2];
        for (rows, figures) in [SHORT, LONG].into_iter().zip(&mut measured) {
            self.replay(case, rows)?;
            let lanes: Result<Vec<_>, _> =
                (0..ROUNDS).map(|_| self.measure(Mode::Lane, case, &select)).collect();
            *figures = best(lanes?);
            println!(
                "length {} lane rows {rows} cpu_us_per_row {:.3} peak_rss_mb {:.1}",
                case.name,
                figures.cpu_per_row() * 1e6,
                figures.peak_rss_kib as f64 / 1024.0
            );
        }
        let [short, long] = measured;
        let cpu = long.cpu_per_row() / short.cpu_per_row();
        let growth = long.peak_rss_kib.saturating_sub(short.peak_rss_kib);
        let mut met = meets(case.name, "cpu_long_over_short", cpu <= MOST_LONG_OVER_SHORT, cpu);
        met &= meets(case.name, "peak_rss_growth_kib", growth <= MOST_GROWTH_KIB, growth as f64);
        Ok(met)
    }

    /// What the tools would read: the relay reads the same.
    fn select(&self, case: &Case) -> Result<String, Box<dyn Error>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(runtime.block_on(plan(&self.sandbox.address, case.table, ""))?.plan.select().sql)
    }

    fn replay(&self, case: &Case, rows: u64) -> Result<(), Box<dyn Error>> {
        self.sandbox.execute(SOURCE, &[format!("EXEC sp_sandbox_replay N'{}', {rows}", case.table)])
    }

    /// One measurement, in a process of its own.
    fn measure(&self, mode: Mode, case: &Case, select: &str) -> Result<Figures, Box<dyn Error>> {
        self.measure_with(mode, case, select, &[])
    }

    fn measure_with(
        &self,
        mode: Mode,
        case: &Case,
        select: &str,
        more: &[&str],
    ) -> Result<Figures, Box<dyn Error>> {
        let mut process = Command::new(std::env::current_exe()?);
        measured(process.args(self.arguments(mode, case, select)).args(more))
    }

    /// What makes this program one measurement.
    fn arguments(&self, mode: Mode, case: &Case, select: &str) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = vec!["measure".into(), mode.name().into(), case.table.into()];
        let mut option = |name: &str, value: OsString| arguments.extend([name.into(), value]);
        option("--server", (&self.sandbox.address).into());
        option("--sink", (&self.sink.address).into());
        option("--authorities", (&self.authorities).into());
        option("--select", select.into());
        self.core.into_iter().for_each(|core| option("--core", core.to_string().into()));
        case.untyped.iter().for_each(|column| option("--without", column.into()));
        arguments
    }
}

/// Runs one measurement to its end.
fn measured(process: &mut Command) -> Measured {
    let child = process.stderr(Stdio::inherit()).output()?;
    if !child.status.success() {
        return Err(format!("{process:?} failed").into());
    }
    Ok(String::from_utf8(child.stdout)?.parse()?)
}

type Measured = Result<Figures, Box<dyn Error>>;

/// The best of each of two measurements, made by turns: what disturbs for a while disturbs both.
fn in_turn(
    first: impl Fn() -> Measured,
    second: impl Fn() -> Measured,
) -> Result<(Figures, Figures), Box<dyn Error>> {
    let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        firsts.push(first()?);
        seconds.push(second()?);
    }
    Ok((best(firsts), best(seconds)))
}

/// The one that was disturbed least.
fn best(figures: Vec<Figures>) -> Figures {
    figures.into_iter().min_by(|a, b| a.cpu_per_row().total_cmp(&b.cpu_per_row())).unwrap_or_default()
}

fn print_line(case: &Case, mode: Mode, figures: Figures, bytes_per_row: f64) {
    let bytes = bytes_per_row * figures.rows as f64;
    let seconds = figures.wall.as_secs_f64();
    println!(
        "bench {} {} rows_per_s {:.0} mb_per_s {:.1} cpu_s_per_gb {:.3} peak_rss_mb {:.1}",
        case.name,
        mode.name(),
        figures.rows as f64 / seconds,
        bytes / 1e6 / seconds,
        figures.cpu_per_gb(bytes_per_row),
        figures.peak_rss_kib as f64 / 1024.0,
    );
}

pub fn meets(case: &str, what: &str, met: bool, figure: f64) -> bool {
    if !met {
        println!("missed {case} {what} {figure:.2}");
    }
    met
}
