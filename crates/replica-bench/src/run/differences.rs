//! What it costs to find differences, and to carry changes over.
use std::error::Error;
use std::time::Duration;

use replica_core::copy::{self, CopyOptions};

use super::{Bench, ROUNDS, best, in_turn, meets};
use crate::args::Mode;
use crate::case::Case;
use crate::measure::verify::to_equal;
use crate::measure::{EQUAL, SOURCE};

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

impl Bench {
    /// Whether a look at two equal sides costs little more than their comparison.
    pub(super) fn difference(&self, case: &Case) -> Result<bool, Box<dyn Error>> {
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
    pub(super) fn changes(&self, quick: bool) -> Result<bool, Box<dyn Error>> {
        let tables = if quick { QUIET / 5 } else { QUIET };
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

    /// How much of a table is read a second time to find the one row that differs.
    pub(super) fn narrow(&self, quick: bool) -> Result<bool, Box<dyn Error>> {
        const TABLE: &str = "dbo.bench_narrow";
        let doublings = if quick { NARROWED - 3 } else { NARROWED };
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
}
