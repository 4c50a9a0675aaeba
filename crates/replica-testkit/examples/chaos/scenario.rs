//! What the tools are asked to do, and what has to come of it.
use std::path::Path;

use replica_testkit::Dice;

use crate::stage::{BYSTANDER, CHILD, ChaosStage, HEAP, KEPT, PARENT, PARTED, RANGED, SALES};

const HALF_A_YEAR: [&str; 6] =
    ["--start-date", "2024-01-01", "--end-date", "2024-06-30", "--date-column", "day"];
const WITHIN: &str = " WHERE day >= '2024-01-01' AND day < '2024-07-01'";
const BEYOND: &str = " WHERE day < '2024-01-01' OR day >= '2024-07-01'";
const ETL_DAYS: &str = " WHERE day >= '2024-03-03' AND day <= '2024-03-05'";
const BEYOND_ETL: &str = " WHERE day < '2024-03-03' OR day > '2024-03-05'";
/// The windows of half a year, which are published one by one.
const MONTHS: [&str; 6] = [
    " WHERE day >= '2024-01-01' AND day < '2024-02-01'",
    " WHERE day >= '2024-02-01' AND day < '2024-03-01'",
    " WHERE day >= '2024-03-01' AND day < '2024-04-01'",
    " WHERE day >= '2024-04-01' AND day < '2024-05-01'",
    " WHERE day >= '2024-05-01' AND day < '2024-06-01'",
    " WHERE day >= '2024-06-01' AND day < '2024-07-01'",
];
pub const PARQUET: &str = "parquet";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scenario {
    Months,
    Shared,
    /// Loaded beside the table, or switched in as partitions.
    PublishedMonths,
    PublishedShared,
    Ranges,
    SharedRanges,
    Reference,
    /// Loaded beside the tables, by several streams too.
    Published,
    Difference,
    Parquet,
    Etl,
    Repair,
    Changes,
}

pub const ALL: [Scenario; 13] = [
    Scenario::Shared,
    Scenario::Months,
    Scenario::Ranges,
    Scenario::PublishedMonths,
    Scenario::Published,
    Scenario::SharedRanges,
    Scenario::PublishedShared,
    Scenario::Reference,
    Scenario::Difference,
    Scenario::Parquet,
    Scenario::Etl,
    Scenario::Repair,
    Scenario::Changes,
];

/// A tool and its arguments.
pub struct ToolCall {
    pub tool: &'static str,
    pub args: Vec<String>,
    pub config: Option<String>,
    /// Equal on both sides at the end.
    pub equal: Vec<String>,
    /// At the target as before.
    pub untouched: Vec<String>,
    /// A table is replaced in one transaction: at the target as before, or as at the source.
    pub whole: Vec<String>,
}

impl Scenario {
    /// Hosts share the windows of a table.
    pub fn is_shared(self) -> bool {
        matches!(self, Self::Shared | Self::PublishedShared | Self::SharedRanges)
    }

    /// Sets the stage, in a folder for what files the tool writes.
    pub fn prepare(self, stage: &ChaosStage, folder: &Path, dice: &mut Dice) -> ToolCall {
        let within = |table: &str| format!("{table}{WITHIN}");
        let beyond = |table: &str| format!("{table}{BEYOND}");
        let all = [SALES, HEAP, RANGED, PARTED, PARENT, CHILD, KEPT, BYSTANDER];
        let but = |these: &[&str]| -> Vec<String> {
            all.iter().filter(|table| !these.contains(table)).map(|table| (*table).to_owned()).collect()
        };
        let mut args = Vec::new();
        let (mut config, mut whole) = (None, Vec::new());
        let (tool, equal, untouched) = match self {
            Self::Months | Self::Shared => {
                stage.forget_windows();
                let (name, table) = dice.any(&[("dbo.sales", SALES), ("dbo.heap", HEAP)]);
                args.extend([name, "--resume"].iter().chain(&HALF_A_YEAR).map(ToString::to_string));
                if self == Self::Shared {
                    args.push("--shared".into());
                } else if table == SALES && dice.happens(25) {
                    args.extend(["--apply", "difference"].map(Into::into));
                } else if dice.happens(25) {
                    args.extend(["--index-scope", "month", "--max-workers", "1"].map(Into::into));
                }
                let untouched = [but(&[table]), vec![beyond(table)]].concat();
                ("replicate-monthly-parallel-streaming", vec![within(table)], untouched)
            }
            Self::PublishedMonths | Self::PublishedShared => {
                stage.forget_windows();
                let (name, table, way) = dice.any(&[
                    ("dbo.sales", SALES, "staged"),
                    ("dbo.heap", HEAP, "staged"),
                    ("dbo.parted", PARTED, "staged"),
                    ("dbo.parted", PARTED, "switch"),
                    ("dbo.parted", PARTED, "auto"),
                ]);
                args.extend(
                    [name, "--resume", "--publish", way].iter().chain(&HALF_A_YEAR).map(ToString::to_string),
                );
                if self.is_shared() {
                    args.push("--shared".into());
                }
                whole = MONTHS.map(|month| format!("{table}{month}")).to_vec();
                let untouched = [but(&[table]), vec![beyond(table)]].concat();
                ("replicate-monthly-parallel-streaming", vec![within(table)], untouched)
            }
            Self::Ranges | Self::SharedRanges => {
                stage.forget_windows();
                let (name, table, key) = dice.any(&[
                    ("dbo.ranged", RANGED, "region,id"),
                    ("dbo.ranged", RANGED, "id"),
                    ("dbo.heap", HEAP, "id"),
                ]);
                args.extend([name, "--resume", "--key", key, "--ranges", "7"].map(Into::into));
                if self.is_shared() {
                    args.push("--shared".into());
                }
                match dice.below(4) {
                    0 => args.extend(["--publish", "staged"].map(Into::into)),
                    1 if table == RANGED && !self.is_shared() => {
                        args.extend(["--apply", "difference"].map(Into::into));
                    }
                    _ => {}
                }
                ("replicate-key-ranges-parallel-streaming", vec![table.into()], but(&[table]))
            }
            Self::Published => {
                let (names, tables, way): (&[&str], &[&str], &str) = dice.any(&[
                    (&["dbo.parent", "dbo.child", "dbo.kept"], &[PARENT, CHILD, KEPT], "staged"),
                    (&["dbo.ranged", "dbo.kept"], &[RANGED, KEPT], "staged"),
                    (&["dbo.ranged", "dbo.kept"], &[RANGED, KEPT], "switch"),
                ]);
                args.extend(names.iter().chain(&["--publish", way]).map(ToString::to_string));
                if dice.happens(50) {
                    args.extend(["--streams", "2"].map(Into::into));
                }
                whole = tables.iter().map(ToString::to_string).collect();
                ("replicate-reference-tables", whole.clone(), but(tables))
            }
            Self::Reference | Self::Difference | Self::Parquet => {
                args.extend(["dbo.parent", "dbo.child", "dbo.kept"].map(Into::into));
                match self {
                    Self::Difference => args.extend(["--apply", "difference"].map(Into::into)),
                    Self::Parquet => {
                        let path = folder.join(PARQUET);
                        std::fs::create_dir_all(&path).expect("a folder");
                        args.extend(["--full-table-mode", "parquet", "--parquet-dir"].map(Into::into));
                        args.push(path.display().to_string());
                    }
                    _ => {}
                }
                let tables = [PARENT, CHILD, KEPT];
                // By difference a parent keeps what is gone at the source until its children's rows are gone.
                let in_one = if self == Self::Difference { &tables[2..] } else { &tables };
                whole = in_one.iter().map(ToString::to_string).collect();
                ("replicate-reference-tables", tables.map(Into::into).to_vec(), but(&tables))
            }
            Self::Etl => {
                let place = folder.display();
                config = Some(format!(
                    "reference_tables = ['dbo.parent', 'dbo.child']\ndate_tables = ['dbo.sales']\n\
                     [date_filter_columns]\n'dbo.sales' = 'day'\n\
                     [etl]\nlook_back_days = 2\nrecord_dir = '{place}/runs'\nprometheus_file = '{place}/replica.prom'\n"
                ));
                args.extend(["--as-of", "2024-03-05"].map(Into::into));
                let equal = vec![PARENT.into(), CHILD.into(), format!("{SALES}{ETL_DAYS}")];
                let untouched = [but(&[PARENT, CHILD, SALES]), vec![format!("{SALES}{BEYOND_ETL}")]].concat();
                whole = vec![PARENT.into(), CHILD.into()];
                ("run-replica-etl", equal, untouched)
            }
            Self::Repair => {
                let part = dice.below(13);
                let meddle = format!(
                    "UPDATE dbo.sales SET amount = 12345 WHERE id % 13 = {part} AND day >= '2024-02-01' AND day < '2024-06-01'"
                );
                stage.target.client().run(&meddle);
                args.extend(["dbo.sales", "--repair"].iter().chain(&HALF_A_YEAR).map(ToString::to_string));
                ("verify-replica", vec![within(SALES)], [but(&[SALES]), vec![beyond(SALES)]].concat())
            }
            Self::Changes => {
                args.push("dbo.kept".into());
                ("replicate-changes", vec![KEPT.into()], but(&[KEPT]))
            }
        };
        if !matches!(self, Self::Etl | Self::Repair | Self::Changes) {
            // Streams divide a table, and `source` reads it in one piece.
            let ways = ["none", "count", "hash", "source"];
            let divided = args.iter().any(|arg| arg == "--streams");
            let verify = dice.any(if divided { &ways[..3] } else { &ways });
            args.extend(["--verify", verify].map(Into::into));
        }
        ToolCall { tool, args, config, equal, untouched, whole }
    }
}
