//! What months and ranges cost, and what a second worker brings.
use std::error::Error;

use super::{Bench, in_turn, meets};
use crate::args::Mode;
use crate::case::Case;
use crate::figures::Figures;
use crate::measure::{SOURCE, TARGET};

/// CPU time for each row, window by window with a ledger, over that of one stream.
const MOST_WINDOWS_OVER_LANE: f64 = 1.15;
/// Rows a second of two workers over those of one, where each connection of the source has its limit.
const LEAST_TWO_OVER_ONE: f64 = 1.7;
/// Bytes a second of a source's connection that is slow, and rows of a window to be read from it.
const SLOW: u64 = 20_000_000;
const SLOW_ROWS: u64 = 2_000;

impl Bench {
    /// What twelve months, or eight ranges, cost beside one stream of as many rows, and what a second worker brings when the
    /// source is what limits the first.
    pub(super) fn windows(&self, case: &Case, mode: Mode, windows: u64) -> Result<bool, Box<dyn Error>> {
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
}
