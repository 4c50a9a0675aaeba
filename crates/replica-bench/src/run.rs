//! The benchmark: every case in every mode, each in a process of its own, side by side.
use std::error::Error;
use std::process::{Command, Stdio};
use std::time::Duration;

use replica_core::copy::{self, CopyOptions};

use crate::args::{Args, Mode};
use crate::case::{self, Case};
use crate::cores;
use crate::figures::Figures;
use crate::measure::verify::to_equal;
use crate::measure::{EQUAL, RANGES, SOURCE, TARGET, plan};
use crate::sandbox::{self, SandboxProcess};

/// Peak memory of one stream, in KiB.
const MOST_RSS_KIB: u64 = 32 << 10;
/// CPU time of the lane over that of the relay, for sales.
const MOST_LANE_OVER_RELAY: f64 = 2.0;
/// CPU time of the lane with TLS on both sides over that of the lane without, for sales.
const MOST_ENCRYPTED_OVER_LANE: f64 = 1.5;
/// CPU time of the typed copy over that of the lane, for sales.
const LEAST_TYPED_OVER_LANE: f64 = 15.0;
/// CPU time of a comparison of both sides over that of the lane, for sales.
const MOST_VERIFY_OVER_LANE: f64 = 1.3;
/// CPU time for each row where two equal sides are brought in step, over that of a comparison.
const MOST_DIFFERENCE_OVER_VERIFY: f64 = 1.3;
/// Bytes that the target gets where a hundredth of a table has changed, over those of a reload.
const MOST_CHANGES_OVER_RELOAD: f64 = 0.05;
/// Tables of a round in which nothing has changed; what it may cost the source, and the client.
const QUIET: usize = 500;
const MOST_QUIET_REQUESTS: u64 = 20;
const MOST_QUIET_CPU: Duration = Duration::from_millis(50);
/// Of a table of 2^NARROWED rows, to find the one that differs: one of 256 stretches, and more where they are uneven.
const NARROWED: u32 = 19;
const MOST_READ_AGAIN: f64 = 0.02;
/// The table whose changes are carried over, and its rows: 2^DOUBLINGS.
const KEPT: &str = "dbo.bench_kept";
const DOUBLINGS: u32 = 15;
/// What a long stream may cost more, for each row, than a short one.
const MOST_LONG_OVER_SHORT: f64 = 1.1;
/// CPU time for each row, window by window with a ledger, over that of one stream.
const MOST_WINDOWS_OVER_LANE: f64 = 1.15;
/// Rows a second of two workers over those of one, where each connection of the source has its limit.
const LEAST_TWO_OVER_ONE: f64 = 1.7;
const MONTHS: u64 = 12;
/// Bytes a second of a source's connection that is slow, and rows of a window to be read from it.
const SLOW: u64 = 20_000_000;
const SLOW_ROWS: u64 = 2_000;
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
    let bench =
        Bench { sandbox: SandboxProcess::start(&program, &case::SANDBOX)?, sink: sandbox::sink()?, core };
    bench.sandbox.execute(TARGET, &["CREATE SCHEMA typed".to_owned()])?;
    let mut met = true;
    for case in case::all(args.quick, |data| SandboxProcess::ddl(&program, data))? {
        if args.case.as_deref().is_none_or(|name| name == case.name) {
            met &= bench.case(&case)?;
            if case.name == "sales" {
                met &= bench.over_lane(&case, Mode::Encrypted, MOST_ENCRYPTED_OVER_LANE)?;
                met &= bench.windows(&case, Mode::Months, MONTHS)?;
                met &= bench.windows(&case, Mode::Ranges, RANGES.into())?;
                met &= bench.over_lane(&case, Mode::Verify, MOST_VERIFY_OVER_LANE)?;
                met &= bench.difference(&case)?;
                met &= args.quick || bench.length(&case)?;
            }
        }
    }
    if args.case.as_deref().is_none_or(|name| name == "narrow") {
        met &= bench.narrow(if args.quick { NARROWED - 3 } else { NARROWED })?;
    }
    if args.case.as_deref().is_none_or(|name| name == "changes") {
        met &= bench.changes(if args.quick { QUIET / 5 } else { QUIET })?;
    }
    Ok(met)
}

struct Bench {
    sandbox: SandboxProcess,
    sink: String,
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
        self.replay(case, case.rows.typed)?;
        let typed = self.measure(Mode::Typed, case, &select)?;
        print_line(case, Mode::Typed, typed, bytes_per_row);
        let lane_over_relay = lane.cpu_per_row() / relay.cpu_per_row();
        let typed_over_lane = typed.cpu_per_row() / lane.cpu_per_row();
        println!(
            "ratio {} cpu_lane_over_relay {lane_over_relay:.2} cpu_typed_over_lane {typed_over_lane:.1}",
            case.name
        );
        let mut met =
            meets(case.name, "peak_rss_kib", lane.peak_rss_kib <= MOST_RSS_KIB, lane.peak_rss_kib as f64);
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

    /// Whether a look at two equal sides costs little more than their comparison.
    fn difference(&self, case: &Case) -> Result<bool, Box<dyn Error>> {
        let select = self.select(case)?;
        let replay = |database: &str, rows: &str| {
            let sql = format!("EXEC sp_sandbox_replay N'{}'{rows}", case.table);
            self.sandbox.execute(database, &[sql])
        };
        let discard = |on: u8| {
            self.sandbox.execute(EQUAL, &[format!("EXEC sp_sandbox_discard N'{}', {on}", case.table)])
        };
        replay(SOURCE, "")?;
        self.sandbox.execute(EQUAL, &case.target)?;
        // The sandbox knows such tables by their names alone: the other target's rows are to be dropped again after this.
        discard(0)?;
        let job = to_equal(&self.sandbox.address, case.table, CopyOptions::default())?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(copy::table(&job, &mut |_| ()))?;
        discard(1)?;
        for database in [SOURCE, EQUAL] {
            replay(database, &format!(", {}", case.rows.fast))?;
        }
        let (verification, difference) = in_turn(
            || self.measure(Mode::Verify, case, &select),
            || self.measure(Mode::Difference, case, &select),
        )?;
        let over_verify = difference.cpu_per_row() / verification.cpu_per_row();
        println!("ratio {} cpu_difference_over_verify {over_verify:.2}", case.name);
        let met = over_verify <= MOST_DIFFERENCE_OVER_VERIFY;
        Ok(meets(case.name, "cpu_difference_over_verify", met, over_verify))
    }

    /// What a set of changes costs beside a reload, and what tables cost that have none.
    fn changes(&self, tables: usize) -> Result<bool, Box<dyn Error>> {
        let create = format!("CREATE TABLE {KEPT} (id int NOT NULL PRIMARY KEY, label varchar(400) NULL)");
        let quiet = |n: usize| format!("CREATE TABLE dbo.quiet_{n} (id int NOT NULL PRIMARY KEY)");
        let made: Vec<String> = [create].into_iter().chain((0..tables).map(quiet)).collect();
        self.sandbox.execute(EQUAL, &made)?;
        self.sandbox.execute(SOURCE, &made)?;
        let on =
            "ALTER DATABASE CURRENT SET CHANGE_TRACKING = ON (CHANGE_RETENTION = 2 DAYS, AUTO_CLEANUP = ON)";
        let mut source = vec![on.to_owned(), "ALTER DATABASE CURRENT SET ALLOW_SNAPSHOT_ISOLATION ON".into()];
        let tracked = |table: &str| format!("ALTER TABLE {table} ENABLE CHANGE_TRACKING");
        source.push(tracked(KEPT));
        source.extend((0..tables).map(|n| tracked(&format!("dbo.quiet_{n}"))));
        source.push(format!("INSERT INTO {KEPT} VALUES (1, REPLICATE('x', 300))"));
        let double = |n| format!("INSERT INTO {KEPT} SELECT id + {}, label FROM {KEPT}", 1u64 << n);
        source.extend((0..DOUBLINGS).map(double));
        self.sandbox.execute(SOURCE, &source)?;
        let case = Case::of_table("changes", KEPT);
        let reload = self.measure(Mode::Reload, &case, "")?;
        let changes = self.measure(Mode::Changes, &case, "")?;
        let over_reload = changes.bytes as f64 / reload.bytes as f64;
        println!("ratio changes bytes_over_reload {over_reload:.3} rows {} of {}", changes.rows, reload.rows);
        let mut met =
            meets(case.name, "bytes_over_reload", over_reload <= MOST_CHANGES_OVER_RELOAD, over_reload);
        let more = ["--tables", &tables.to_string()];
        let quiet: Result<Vec<_>, _> =
            (0..ROUNDS).map(|_| self.measure_with(Mode::Quiet, &case, "", &more)).collect();
        let quiet = best(quiet?);
        let (requests, cpu) = (quiet.requests, quiet.cpu);
        println!("quiet changes tables {tables} requests {requests} cpu_ms {:.1}", cpu.as_secs_f64() * 1e3);
        met &= meets(case.name, "quiet_requests", requests < MOST_QUIET_REQUESTS, requests as f64);
        Ok(met & meets(case.name, "quiet_cpu_ms", cpu < MOST_QUIET_CPU, cpu.as_secs_f64() * 1e3))
    }

    /// How much of a table of 2^doublings rows is read a second time to find the one row that differs.
    fn narrow(&self, doublings: u32) -> Result<bool, Box<dyn Error>> {
        const TABLE: &str = "dbo.bench_narrow";
        let mut made =
            vec![format!("CREATE TABLE {TABLE} (id int NOT NULL PRIMARY KEY, label varchar(40) NULL)")];
        made.push(format!("INSERT INTO {TABLE} VALUES (0, 'a row as it was copied')"));
        made.extend(
            (0..doublings)
                .map(|n| format!("INSERT INTO {TABLE} SELECT id + {}, label FROM {TABLE}", 1u64 << n)),
        );
        let rows = 1u64 << doublings;
        self.sandbox.execute(SOURCE, &made)?;
        made.push(format!("UPDATE {TABLE} SET label = 'another' WHERE id = {}", rows / 3));
        self.sandbox.execute(EQUAL, &made)?;
        let case = Case::of_table("narrow", TABLE);
        let narrow = self.measure(Mode::Narrow, &case, "")?;
        let share = narrow.rows as f64 / (2 * rows) as f64;
        println!(
            "narrow rows {rows} read_again_by_both {} seconds {:.2} cpu_s {:.2}",
            narrow.rows,
            narrow.wall.as_secs_f64(),
            narrow.cpu.as_secs_f64()
        );
        Ok(meets(case.name, "share_read_again", share <= MOST_READ_AGAIN, share))
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

    /// What twelve months, or eight ranges, cost beside one stream of as many rows, and what a second worker brings when the
    /// source is what limits the first.
    fn windows(&self, case: &Case, mode: Mode, windows: u64) -> Result<bool, Box<dyn Error>> {
        let (select, name) = (self.select(case)?, mode.name());
        let of_lane = || {
            self.replay(case, case.rows.fast)?;
            self.measure(Mode::Lane, case, &select)
        };
        let of_windows = || {
            self.replay(case, case.rows.fast / windows)?;
            self.measure_windows(case, mode, 1)
        };
        let (lane, measured) = in_turn(of_lane, of_windows)?;
        let over_lane = measured.cpu_per_row() / lane.cpu_per_row();
        println!("ratio {} cpu_{name}_over_lane {over_lane:.2}", case.name);
        let met = over_lane <= MOST_WINDOWS_OVER_LANE;
        let mut met = meets(case.name, &format!("cpu_{name}_over_lane"), met, over_lane);
        self.replay(case, SLOW_ROWS)?;
        let slow = "EXEC sp_sandbox_fault @fault = 'slow_select'";
        let slow = format!("{slow}, @table = '{}', @value = {SLOW}, @count = 1000000", case.table);
        self.sandbox.execute(SOURCE, &[slow])?;
        let mut rates = Vec::new();
        for workers in [1, 2] {
            let figures = self.measure_windows(case, mode, workers)?;
            let rate = figures.rows as f64 / figures.wall.as_secs_f64();
            let peak_mib = figures.peak_rss_kib as f64 / 1024.0;
            println!(
                "{name} {} slow_source workers {workers} rows_per_s {rate:.0} peak_rss_mb {peak_mib:.1}",
                case.name
            );
            let most = (24 + 16 * workers) as f64;
            met &= meets(case.name, &format!("{name}_peak_rss_mb"), peak_mib <= most, peak_mib);
            rates.push(rate);
        }
        self.sandbox.execute(SOURCE, &["EXEC sp_sandbox_fault @fault = 'none'".to_owned()])?;
        let gain = rates[1] / rates[0];
        println!("ratio {} rows_per_s_of_{name}_two_workers_over_one {gain:.2}", case.name);
        Ok(met & meets(case.name, &format!("{name}_two_workers_over_one"), gain >= LEAST_TWO_OVER_ONE, gain))
    }

    fn measure_windows(&self, case: &Case, mode: Mode, workers: usize) -> Result<Figures, Box<dyn Error>> {
        // What the run before has put on record is not what is measured.
        let forget = "IF SCHEMA_ID(N'replica') IS NOT NULL DELETE FROM replica.windows";
        self.sandbox.execute(TARGET, &[forget.to_owned()])?;
        self.measure_with(mode, case, "", &["--workers", &workers.to_string()])
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
        let child = Command::new(std::env::current_exe()?)
            .args([
                "measure",
                mode.name(),
                case.table,
                "--server",
                &self.sandbox.address,
                "--sink",
                &self.sink,
            ])
            .args(["--select", select])
            .args(self.core.iter().flat_map(|core| ["--core".to_owned(), core.to_string()]))
            .args(more)
            .args(case.untyped.iter().flat_map(|column| ["--without", column]))
            .stderr(Stdio::inherit())
            .output()?;
        if !child.status.success() {
            return Err(format!("{} of {} failed", mode.name(), case.name).into());
        }
        Ok(String::from_utf8(child.stdout)?.parse()?)
    }
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
        figures.cpu.as_secs_f64() / (bytes / 1e9),
        figures.peak_rss_kib as f64 / 1024.0,
    );
}

pub fn meets(case: &str, what: &str, met: bool, figure: f64) -> bool {
    if !met {
        println!("missed {case} {what} {figure:.2}");
    }
    met
}
